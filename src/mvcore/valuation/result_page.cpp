#include "mvcore/valuation/result_page.hpp"

#include <algorithm>
#include <cmath>

#include "mvcore/base/assert.hpp"
#include "mvcore/valuation/row_selector.hpp"

namespace mvcore {
namespace {

// Reads the columns of one result.
class RowColumns {
public:
    RowColumns(const ResultRows& rows, std::uint32_t account_groups)
        : rows_(rows), account_groups_(std::max(account_groups, std::uint32_t{1})) {}

    // Whether the values are 128-bit integers: amounts, quantities or prices.
    [[nodiscard]] static bool is_exact(const ResultColumn& column) {
        return column.is_amount() || column.is_quantity() || column.is_price();
    }
    [[nodiscard]] static bool may_be_null(const ResultColumn& column) { return column.is_price(); }
    [[nodiscard]] bool is_null(const ResultColumn& column, std::size_t k) const {
        return column.is_price() && rows_.priced[k] == 0;
    }
    [[nodiscard]] i128 exact(const ResultColumn& column, std::size_t k) const {
        if (column.is_quantity()) return rows_.quantities[column.place][k];
        if (column.is_price()) return rows_.prices[k];
        return rows_.columns == 1 ? rows_.amount[k]
                                  : rows_.amount[k * std::size_t(rows_.columns) + column.place];
    }
    [[nodiscard]] double number(const ResultColumn& column, std::size_t k) const {
        const double value = rows_.floats[column.place][k];
        return column.is_absolute() ? std::abs(value) : value;
    }
    [[nodiscard]] std::uint32_t unpriced(std::size_t k) const { return rows_.unpriced[k]; }
    [[nodiscard]] static bool precedes(std::size_t a, std::size_t b) { return a < b; }
    [[nodiscard]] std::int32_t label(const ResultColumn& column, std::size_t k) const {
        const auto row = static_cast<std::uint32_t>(rows_.row[k]);
        const auto at = column.field == ResultColumn::account_group ? row % account_groups_
                        : column.field == ResultColumn::instrument_group
                            ? row / account_groups_
                            : static_cast<std::uint32_t>(rows_.currency[k]);
        MVCORE_ASSERT(at < column.keys.size());
        return at < column.keys.size() ? column.keys[at] : ResultColumn::kNoLabel;
    }

private:
    const ResultRows& rows_;
    std::uint32_t account_groups_;
};

void append_row(const ResultRows& all, std::size_t k, ResultRows& out) {
    const auto columns = static_cast<std::size_t>(all.columns);
    out.row.push_back(all.row[k]);
    if (!all.currency.empty()) out.currency.push_back(all.currency[k]);
    const auto first = all.amount.begin() + std::ptrdiff_t(k * columns);
    out.amount.insert(out.amount.end(), first, first + std::ptrdiff_t(columns));
    out.unpriced.push_back(all.unpriced[k]);
    for (std::size_t f = 0; f < all.floats.size(); ++f) out.floats[f].push_back(all.floats[f][k]);
    for (std::size_t q = 0; q < all.quantities.size(); ++q)
        out.quantities[q].push_back(all.quantities[q][k]);
    if (all.of_one_instrument.empty()) return;  // neither quantities nor prices
    out.prices.push_back(all.prices[k]);
    out.priced.push_back(all.priced[k]);
    out.of_one_instrument.push_back(all.of_one_instrument[k]);
}

}  // namespace

bool ResultPage::fits(const Grouping& grouping, std::size_t measures, std::size_t functions,
                      std::optional<std::size_t> quantities) const {
    auto known = [&](const ResultColumn& column) {
        if (column.is_amount()) return column.place < measures;
        if (column.is_float()) return column.place < functions;
        if (column.is_quantity()) return quantities && column.place < *quantities;
        if (column.is_price()) return quantities.has_value();
        if (column.field == ResultColumn::account_group)
            return column.keys.size() >= grouping.account_groups;
        return column.field != ResultColumn::instrument_group ||
               column.keys.size() >= grouping.instrument_groups;
    };
    return std::all_of(conditions.begin(), conditions.end(),
                       [&](const auto& c) { return known(c.column); }) &&
           std::all_of(sort.begin(), sort.end(), [&](const auto& s) { return known(s.column); }) &&
           std::all_of(row_order.begin(), row_order.end(), known);
}

std::size_t ResultPage::memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this);
    auto add = [&](const ResultColumn& column) {
        bytes += column.keys.capacity() * sizeof(std::int32_t);
    };
    for (const auto& condition : conditions) add(condition.column);
    for (const auto& key : sort) add(key.column);
    for (const auto& column : row_order) add(column);
    return bytes;
}

ResultRows page_of(const ResultRows& all, const ResultPage& page, std::uint32_t account_groups) {
    MVCORE_ASSERT(all.amount.size() == all.size() * std::size_t(all.columns));
    MVCORE_ASSERT(all.removed.empty());
    ResultRows out;
    out.epoch = all.epoch;
    out.columns = all.columns;
    out.floats.resize(all.floats.size());
    out.quantities.resize(all.quantities.size());
    const auto rest = page.offset < all.size() ? all.size() - std::size_t(page.offset) : 0;
    const auto length = std::size_t(std::min<std::uint64_t>(page.limit, rest));
    if (length == 0) return out;
    const RowColumns columns(all, account_groups);
    const auto first = std::size_t(page.offset);
    if (page.sort.empty() && page.row_order.empty()) {
        std::size_t met = 0;
        for (std::size_t k = 0; k < all.size() && out.size() < length; ++k)
            if (meets_all(columns, page, k) && met++ >= first) append_row(all, k, out);
        return out;
    }
    RowSelector selector(columns, page, first + length);
    for (std::size_t k = 0; k < all.size(); ++k)
        if (meets_all(columns, page, k)) selector.add(k);
    const auto& sorted = selector.sorted();
    for (std::size_t n = first; n < sorted.size(); ++n) append_row(all, sorted[n].k, out);
    MVCORE_ASSERT(out.size() <= length);
    return out;
}

}  // namespace mvcore
