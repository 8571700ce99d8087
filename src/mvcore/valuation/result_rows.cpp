#include "mvcore/valuation/result_rows.hpp"

#include <algorithm>
#include <numeric>

#include "mvcore/base/assert.hpp"

namespace mvcore {

bool needs_counts(const Board& board, const Target& target) {
    if (target.local()) return true;
    auto known = [&](std::int32_t currency) {
        return currency == target.base || board.rate(currency).known();
    };
    const auto lacks = [&](std::int32_t into) {
        const bool convertible = known(into);
        for (UnitId u = 0; u < board.units(); ++u) {
            const auto currency = board.unit(u).currency;
            if (currency != into && !(known(currency) && convertible)) return true;
        }
        return false;
    };
    if (target.own == nullptr) return lacks(target.currency);
    const auto& own = target.own->currencies();
    return std::any_of(own.begin(), own.end(), lacks);
}

ResultRows rows_at(const ResultRows& rows, std::span<const std::uint32_t> indices) {
    const auto gather = [&](const auto& from, auto& to) {
        if (from.empty()) return;
        MVCORE_ASSERT(from.size() == rows.size());
        to.resize(indices.size());
        for (std::size_t k = 0; k < indices.size(); ++k) to[k] = from[indices[k]];
    };
    const auto gather_each = [&](const auto& from, auto& to) {
        to.resize(from.size());
        for (std::size_t c = 0; c < from.size(); ++c) gather(from[c], to[c]);
    };
    ResultRows out;
    out.epoch = rows.epoch;
    out.account_groups = rows.account_groups;
    gather(rows.row, out.row);
    gather(rows.pairs, out.pairs);
    gather(rows.currency, out.currency);
    gather_each(rows.amounts, out.amounts);
    gather(rows.unpriced, out.unpriced);
    gather_each(rows.floats, out.floats);
    gather_each(rows.quantities, out.quantities);
    gather(rows.prices, out.prices);
    gather(rows.priced, out.priced);
    gather(rows.of_one_instrument, out.of_one_instrument);
    gather(rows.removed, out.removed);
    return out;
}

namespace {

// Adds a currency's totals of one measure to the amounts of the rows. Returns false if the values
// are too wide for this arithmetic.
bool add_currency(const Totals& totals, const AmountConverter& converter,
                  const AmountConverter::CurrencyUnits& units, int column,
                  std::span<const std::int32_t> rows, huge_pages::Vector<i128>& amounts) {
    i128 multiplier = 0;
    std::int64_t divisor = 0;
    MVCORE_ASSERT(amounts.size() == rows.size() && column < totals.columns());
    if (!units.conversion.fast_terms(units.scale, multiplier, divisor)) return false;
    struct Member {
        const std::int64_t* total;
        std::int64_t power;
    };
    std::vector<Member> members;
    for (auto place : units.members) {
        const int shift = units.scale - converter.unit(place).scale;
        MVCORE_ASSERT(shift >= 0);  // the scale of the currency is the largest
        const auto* total = totals.totals64(place, column);
        if (total == nullptr || shift > 18) return false;
        members.push_back({total, static_cast<std::int64_t>(kPow10[std::size_t(shift)])});
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

// Computes amounts column by column, if every total fits 64 bits. If this does not apply, returns
// false.
bool by_column(const Totals& totals, const AmountConverter& converter, ResultRows& out) {
    const auto factor = converter.factor();
    MVCORE_ASSERT(factor == 0 || totals.units().size() == 1);
    for (int c = 0; c < totals.columns(); ++c) {
        auto& amounts = out.amounts[std::size_t(c)];
        const auto* total = factor == 0 ? nullptr : totals.totals64(0, c);
        if (total != nullptr) {  // products have at most 126 bits, so they fit 38 digits
            amounts.resize(out.size());
            for (std::size_t k = 0; k < out.size(); ++k)
                amounts[k] = i128{total[out.row[k]]} * factor;
            continue;
        }
        amounts.assign(out.size(), 0);
        for (const auto& units : converter.currency_units())
            if (units.conversion.possible() &&
                !add_currency(totals, converter, units, c, out.row, amounts))
                return false;
        for (const i128 amount : amounts)
            if (magnitude(amount) >= static_cast<u128>(kPow10[38])) return false;
    }
    for (std::uint32_t place = 0; place < totals.units().size(); ++place)
        if (converter.unpriced(place))
            for (std::size_t k = 0; k < out.size(); ++k)
                out.unpriced[k] += totals.count(place, std::size_t(out.row[k]));
    return true;
}

template <class Amount>
void fill(const Totals& totals, std::size_t row, ResultRows& out, Amount&& amount) {
    for (int c = 0; c < totals.columns(); ++c) try {
            out.amounts[std::size_t(c)].push_back(
                amount([&](std::uint32_t place) { return totals.total(place, c, row); }));
        } catch (const Error&) {
            const GroupPair pair = totals.table().pair(static_cast<std::uint32_t>(row));
            throw RowOverflow(row, pair.instrument_group, pair.account_group, c);
        }
}

// Computes amounts row by row, at any width.
void by_row(const Totals& totals, const AmountConverter& converter, ResultRows& out) {
    for (auto& amounts : out.amounts) {
        amounts.clear();
        amounts.reserve(out.size());
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
        const auto row = static_cast<std::size_t>(out.row[k]);
        fill(totals, row, out, [&](auto&& total) { return converter.amount(total); });
        out.unpriced[k] = 0;
        for (std::uint32_t place = 0; place < totals.units().size(); ++place)
            if (converter.unpriced(place)) out.unpriced[k] += totals.count(place, row);
    }
}

// One result row for each currency of a row.
void by_currency(const Totals& totals, const AmountConverter& converter, const Board& board,
                 ResultRows& out) {
    huge_pages::Vector<std::int32_t> rows;
    rows.swap(out.row);
    out.unpriced.clear();
    for (const auto number : rows) {
        const auto row = static_cast<std::size_t>(number);
        for (auto currency : converter.currencies()) {
            std::uint32_t held = 0;
            std::uint32_t unpriced = 0;
            for (std::uint32_t place = 0; place < totals.units().size(); ++place) {
                const Unit& unit = board.unit(totals.units()[place]);
                if (unit.currency != currency) continue;
                held += totals.count(place, row);
                if (!unit.priced()) unpriced += totals.count(place, row);
            }
            if (held == 0) continue;
            const auto* units = converter.units_of(currency);
            fill(totals, row, out,
                 [&](auto&& total) { return units ? converter.amount(*units, total) : i128{0}; });
            out.row.push_back(number);
            out.currency.push_back(currency);
            out.unpriced.push_back(unpriced);
        }
    }
}

// Converts the rows of each currency, which is that of their accounts.
void by_own_currency(const Totals& totals, const Board& board, const Target& target,
                     ResultRows& out) {
    const GroupCurrencies& own = *target.own;
    std::vector<std::vector<std::uint32_t>> places(own.currencies().size());  // of rows in `out`
    for (std::size_t k = 0; k < out.size(); ++k) {
        const auto row = static_cast<std::uint32_t>(out.row[k]);
        const auto place = own.of_rollup()
                               ? own.place_of_row(row)
                               : own.place_of_group(totals.table().pair(row).account_group);
        places[place].push_back(static_cast<std::uint32_t>(k));
    }
    out.currency.resize(out.size());
    for (auto& amounts : out.amounts) amounts.resize(out.size());
    for (std::size_t c = 0; c < places.size(); ++c) {
        if (places[c].empty()) continue;
        const auto currency = own.currencies()[c];
        const AmountConverter converter(board, totals.units(), target.base, currency,
                                        target.value_scale);
        ResultRows part;
        part.amounts.resize(out.amounts.size());
        for (const auto k : places[c]) part.row.push_back(out.row[k]);
        part.unpriced.assign(part.size(), 0);
        if (!by_column(totals, converter, part)) by_row(totals, converter, part);
        for (std::size_t k = 0; k < part.size(); ++k) {
            const auto at = places[c][k];
            out.currency[at] = currency;
            out.unpriced[at] = part.unpriced[k];
            for (std::size_t m = 0; m < out.amounts.size(); ++m)
                out.amounts[m][at] = part.amounts[m][k];
        }
    }
}

}  // namespace

ResultRows result_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                       const Target& target, std::span<const std::uint32_t> rows) {
    ResultRows out;
    out.account_groups = std::max(totals.grouping().account_groups, std::uint32_t{1});
    out.amounts.resize(std::size_t(totals.columns()));
    out.row.resize(rows.size());
    std::size_t size = 0;
    for (const auto row : rows) {  // without a branch
        out.row[size] = static_cast<std::int32_t>(row);
        size += totals.positions(row) != 0 ? 1 : 0;
    }
    out.row.resize(size);
    out.unpriced.assign(out.size(), 0);
    if (target.local()) by_currency(totals, converter, board, out);
    else if (target.own != nullptr) by_own_currency(totals, board, target, out);
    else if (!by_column(totals, converter, out)) by_row(totals, converter, out);
    if (!totals.table().is_dense()) {
        out.pairs.reserve(out.size());
        for (const auto row : out.row)
            out.pairs.push_back(totals.table().pair(static_cast<std::uint32_t>(row)));
    }
    MVCORE_ASSERT(out.unpriced.size() == out.size());
    for (const auto& amounts : out.amounts) MVCORE_ASSERT(amounts.size() == out.size());
    MVCORE_ASSERT(out.currency.size() == (target.separate() ? out.size() : 0));
    for (std::size_t k = 0; k < out.size(); ++k)
        MVCORE_ASSERT(out.unpriced[k] <= totals.positions(std::size_t(out.row[k])));
    return out;
}

ResultRows all_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                    const Target& target) {
    std::vector<std::uint32_t> rows(totals.rows());
    std::iota(rows.begin(), rows.end(), 0U);
    return result_rows(totals, converter, board, target, rows);
}

}  // namespace mvcore
