#include "mvcore/valuation/result_rows.hpp"

#include <span>

#include "mvcore/base/assert.hpp"

namespace mvcore {

bool needs_counts(const Board& board, const Target& target) {
    if (target.local()) return true;
    auto known = [&](std::int32_t currency) {
        return currency == target.base || board.rate(currency).known();
    };
    for (UnitId u = 0; u < board.units(); ++u) {
        const auto currency = board.unit(u).currency;
        if (currency != target.currency && !(known(currency) && known(target.currency)))
            return true;
    }
    return false;
}

namespace {

// Fast path for one unit, whose amounts are its totals times `factor`. Products have at most 126
// bits, so they fit 38 digits.
void multiplied(const Totals& totals, const std::int64_t* total, std::int64_t factor,
                ResultRows& out) {
    const auto rows = totals.rows();
    MVCORE_ASSERT(factor > 0 && totals.units().size() == 1);
    for (std::size_t row = 0; row < rows; ++row) {
        if (totals.positions(row) == 0) continue;
        out.row.push_back(static_cast<std::int32_t>(row));
        for (std::size_t c = 0; c < std::size_t(out.columns); ++c)
            out.amount.push_back(i128{total[c * rows + row]} * factor);
    }
    out.unpriced.assign(out.row.size(), 0);
}

// Adds a currency's totals of one measure to the amounts of the rows. Returns false if the values
// are too wide for this arithmetic.
bool add_currency(const Totals& totals, const AmountConverter& converter,
                  const AmountConverter::CurrencyUnits& units, std::size_t column,
                  std::span<const std::int32_t> rows, std::vector<i128>& amounts) {
    i128 multiplier = 0;
    std::int64_t divisor = 0;
    MVCORE_ASSERT(amounts.size() == rows.size() && column < std::size_t(totals.columns()));
    if (!units.conversion.fast_terms(units.scale, multiplier, divisor)) return false;
    struct Member {
        const std::int64_t* total;
        std::int64_t power;
    };
    std::vector<Member> members;
    for (auto place : units.members) {
        const int shift = units.scale - converter.unit(place).scale;
        MVCORE_ASSERT(shift >= 0);  // the scale of the currency is the largest
        const auto* total = totals.totals64(place);
        if (total == nullptr || shift > 18) return false;
        members.push_back({total + column * totals.rows(),
                           static_cast<std::int64_t>(kPow10[std::size_t(shift)])});
    }
    constexpr std::size_t kMostMembers = 8;  // of at most 123 bits each
    if (members.size() > kMostMembers) return false;
    const Divisor by(divisor);
    bool over = false;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        i128 sum = 0;
        for (const Member& m : members) sum += i128{m.total[rows[k]]} * m.power;
        over |= __builtin_mul_overflow(sum, multiplier, &sum);
        over |=
            __builtin_add_overflow(amounts[k], divisor == 1 ? sum : by.quotient(sum), &amounts[k]);
    }
    return !over;
}

// Fast path if every total fits 64 bits: computes column by column. If it does not apply, returns
// false and leaves `out` unchanged.
bool by_column(const Totals& totals, const AmountConverter& converter, ResultRows& out) {
    const auto count = totals.rows();
    MVCORE_ASSERT(out.row.empty() && out.amount.empty());
    huge_pages::Vector<std::int32_t> rows;
    rows.reserve(count);
    for (std::size_t row = 0; row < count; ++row)
        if (totals.positions(row) != 0) rows.push_back(static_cast<std::int32_t>(row));
    const auto columns = std::size_t(out.columns);
    huge_pages::Vector<i128> amount(rows.size() * columns);
    std::vector<i128> amounts;
    for (std::size_t c = 0; c < columns; ++c) {
        amounts.assign(rows.size(), 0);
        for (const auto& units : converter.currency_units())
            if (units.conversion.possible() &&
                !add_currency(totals, converter, units, c, rows, amounts))
                return false;
        for (std::size_t k = 0; k < rows.size(); ++k) {
            if (magnitude(amounts[k]) >= static_cast<u128>(kPow10[38])) return false;
            amount[k * columns + c] = amounts[k];
        }
    }
    out.unpriced.assign(rows.size(), 0);
    for (std::uint32_t place = 0; place < totals.units().size(); ++place)
        if (converter.unpriced(place))
            for (std::size_t k = 0; k < rows.size(); ++k)
                out.unpriced[k] += totals.count(place, std::size_t(rows[k]));
    for (std::size_t k = 0; k < rows.size(); ++k)
        MVCORE_ASSERT(out.unpriced[k] <= totals.positions(std::size_t(rows[k])));
    out.row = std::move(rows);
    out.amount = std::move(amount);
    return true;
}

}  // namespace

ResultRows all_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                    const Target& target) {
    ResultRows out;
    out.columns = totals.columns();
    out.row.reserve(totals.rows());
    out.amount.reserve(totals.rows() * std::size_t(out.columns));
    const auto factor = target.local() ? 0 : converter.factor();
    if (const auto* total = factor == 0 ? nullptr : totals.totals64(0)) {
        multiplied(totals, total, factor, out);
        return out;
    }
    if (!target.local() && by_column(totals, converter, out)) return out;
    out.unpriced.reserve(totals.rows());
    emit_rows(
        totals, converter, board, target,
        [&](std::size_t row, std::int32_t currency, const Net& amounts, std::uint32_t unpriced) {
            out.row.push_back(static_cast<std::int32_t>(row));
            if (target.local()) out.currency.push_back(currency);
            out.amount.insert(out.amount.end(), amounts.begin(), amounts.begin() + out.columns);
            out.unpriced.push_back(unpriced);
        });
    MVCORE_ASSERT(out.unpriced.size() == out.size());
    MVCORE_ASSERT(out.amount.size() == out.size() * std::size_t(out.columns));
    MVCORE_ASSERT(out.currency.size() == (target.local() ? out.size() : 0));
    for (std::size_t k = 0; k < out.size(); ++k)
        MVCORE_ASSERT(out.unpriced[k] <= totals.positions(std::size_t(out.row[k])));
    return out;
}

}  // namespace mvcore
