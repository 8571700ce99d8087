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
    explicit RowColumns(const ResultRows& rows) : rows_(rows) {}

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
        return rows_.amounts[rows_.amounts.size() == 1 ? 0 : column.place][k];
    }
    [[nodiscard]] double number(const ResultColumn& column, std::size_t k) const {
        const double value = rows_.floats[column.place][k];
        return column.is_absolute() ? std::abs(value) : value;
    }
    [[nodiscard]] std::uint32_t unpriced(std::size_t k) const { return rows_.unpriced[k]; }
    [[nodiscard]] static bool precedes(std::size_t a, std::size_t b) { return a < b; }
    [[nodiscard]] std::int32_t label(const ResultColumn& column, std::size_t k) const {
        const auto at =
            column.field == ResultColumn::currency ? static_cast<std::uint32_t>(rows_.currency[k])
            : column.field == ResultColumn::account_group ? rows_.pair(k).account_group
                                                          : rows_.pair(k).instrument_group;
        MVCORE_ASSERT(at < column.keys.size());
        return at < column.keys.size() ? column.keys[at] : ResultColumn::kNoLabel;
    }

private:
    const ResultRows& rows_;
};

}  // namespace

bool ResultPage::fits(const Grouping& grouping, std::size_t measures, std::size_t functions,
                      const std::optional<RowQuantities>& quantities) const {
    auto known = [&](const ResultColumn& column) {
        if (column.is_amount()) return column.place < measures;
        if (column.is_float()) return column.place < functions;
        if (column.is_quantity()) return quantities && column.place < quantities->measures.size();
        if (column.is_price()) return quantities && quantities->price;
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

ResultRows page_of(const ResultRows& all, const ResultPage& page) {
    for (const auto& amounts : all.amounts) MVCORE_ASSERT(amounts.size() == all.size());
    MVCORE_ASSERT(all.removed.empty());
    const auto rest = page.offset < all.size() ? all.size() - std::size_t(page.offset) : 0;
    const auto length = std::size_t(std::min<std::uint64_t>(page.limit, rest));
    std::vector<std::uint32_t> found;
    if (length == 0) return rows_at(all, found);
    const RowColumns columns(all);
    const auto first = std::size_t(page.offset);
    if (page.sort.empty() && page.row_order.empty()) {
        std::size_t met = 0;
        for (std::size_t k = 0; k < all.size() && found.size() < length; ++k)
            if (meets_all(columns, page, k) && met++ >= first)
                found.push_back(static_cast<std::uint32_t>(k));
        return rows_at(all, found);
    }
    RowSelector selector(columns, page, first + length);
    for (std::size_t k = 0; k < all.size(); ++k)
        if (meets_all(columns, page, k)) selector.add(k);
    const auto& sorted = selector.sorted();
    for (std::size_t n = first; n < sorted.size(); ++n)
        found.push_back(static_cast<std::uint32_t>(sorted[n].k));
    MVCORE_ASSERT(found.size() <= length);
    return rows_at(all, found);
}

}  // namespace mvcore
