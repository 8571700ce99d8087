#include "mvcore/valuation/result_page.hpp"

#include <algorithm>
#include <cmath>
#include <span>

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

namespace {

// The numbers of the totals of rows at the given indices.
std::vector<std::uint32_t> numbers_of(const ResultRows& rows,
                                      std::span<const std::uint32_t> indices) {
    std::vector<std::uint32_t> out;
    out.reserve(indices.size());
    for (const auto k : indices) out.push_back(static_cast<std::uint32_t>(rows.row[k]));
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());  // rows of several currencies
    return out;
}

// Adds to `found` the rows of a page that is sorted and ends early.
void find_sorted(const ResultRows& all, const ResultPage& page, std::size_t first,
                 std::size_t length, std::optional<PageCandidates>* kept,
                 std::vector<std::uint32_t>& found) {
    const RowColumns columns(all);
    const bool keeps = kept != nullptr && !page.sort.empty() && page.end() <= all.size() / 8;
    auto needed = first + length;
    if (keeps) needed = std::max(4 * needed, tuning::kLeastPageCandidates);
    RowSelector selector(columns, page, needed);
    for (std::size_t k = 0; k < all.size(); ++k)
        if (meets_all(columns, page, k)) selector.add(k);
    const auto& sorted = selector.sorted();
    for (std::size_t n = first; n < std::min(first + length, sorted.size()); ++n)
        found.push_back(static_cast<std::uint32_t>(sorted[n].k));
    if (!keeps) return;
    PageCandidates candidates;
    if (sorted.size() == needed) candidates.below = sorted.back().key;
    std::vector<std::uint32_t> indices;
    for (const auto& candidate : sorted)
        if (!candidates.below || candidate.key < *candidates.below)
            indices.push_back(static_cast<std::uint32_t>(candidate.k));
    if (candidates.below && indices.size() < page.end()) return;  // too many equal rows
    candidates.rows = numbers_of(all, indices);
    candidates.most = 4 * needed;
    *kept = std::move(candidates);
}

}  // namespace

ResultRows page_of(const ResultRows& all, const ResultPage& page,
                   std::optional<PageCandidates>* kept) {
    for (const auto& amounts : all.amounts) MVCORE_ASSERT(amounts.size() == all.size());
    MVCORE_ASSERT(all.removed.empty());
    if (kept != nullptr) kept->reset();
    const auto rest = page.offset < all.size() ? all.size() - std::size_t(page.offset) : 0;
    const auto length = std::size_t(std::min<std::uint64_t>(page.limit, rest));
    std::vector<std::uint32_t> found;
    if (length == 0) return rows_at(all, found);
    const auto first = std::size_t(page.offset);
    if (page.sort.empty() && page.row_order.empty()) {
        const RowColumns columns(all);
        std::size_t met = 0;
        for (std::size_t k = 0; k < all.size() && found.size() < length; ++k)
            if (meets_all(columns, page, k) && met++ >= first)
                found.push_back(static_cast<std::uint32_t>(k));
        return rows_at(all, found);
    }
    find_sorted(all, page, first, length, kept, found);
    MVCORE_ASSERT(found.size() <= length);
    return rows_at(all, found);
}

std::optional<ResultRows> page_of_candidates(const ResultRows& rows, const ResultPage& page,
                                             PageCandidates& kept) {
    const RowColumns columns(rows);
    std::vector<std::uint32_t> found;
    for (std::size_t k = 0; k < rows.size(); ++k)
        if (meets_all(columns, page, k) &&
            (!kept.below || sort_key(columns, page.sort[0], k) < *kept.below))
            found.push_back(static_cast<std::uint32_t>(k));
    if (kept.below && found.size() < page.end()) return std::nullopt;
    kept.rows = numbers_of(rows, found);
    return page_of(rows_at(rows, found), page);
}

}  // namespace mvcore
