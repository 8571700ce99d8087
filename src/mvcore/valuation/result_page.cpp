#include "mvcore/valuation/result_page.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

constexpr u128 kLast = ~u128{0};  // sorts after every value, in both directions

// An integer with the order of the floats. -0.0 equals 0.0.
std::uint64_t ordered_bits(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);
    const std::uint64_t sign = std::uint64_t{1} << 63;
    return (bits & sign) != 0 ? ~bits : bits | sign;
}

int order_of(u128 a, u128 b) { return a < b ? -1 : a > b ? 1 : 0; }

bool holds(Condition::Op op, int order) {
    switch (op) {
        case Condition::less: return order < 0;
        case Condition::less_equal: return order <= 0;
        case Condition::equal: return order == 0;
        case Condition::not_equal: return order != 0;
        case Condition::greater_equal: return order >= 0;
        case Condition::greater: return order > 0;
    }
    MVCORE_ASSERT(false);
    return false;
}

// Reads the columns of one result.
class RowColumns {
public:
    explicit RowColumns(const ResultRows& rows) : rows_(rows) {}

    [[nodiscard]] bool meets(const Condition& condition, std::size_t k) const {
        const ResultColumn& column = condition.column;
        if (column.is_float()) {
            const double value = number(column, k);
            if (std::isnan(value)) return condition.op == Condition::not_equal;
            return holds(condition.op, value < condition.number   ? -1
                                       : value > condition.number ? 1
                                                                  : 0);
        }
        if (is_null(column, k)) return condition.op == Condition::not_equal;
        if (column.is_absolute())
            return holds(condition.op, condition.bound < 0 ? 1
                                                           : order_of(magnitude(exact(column, k)),
                                                                      u128(condition.bound)));
        const i128 value = is_exact(column)    ? exact(column, k)
                           : column.has_keys() ? i128{label(column, k)}
                                               : i128{rows_.unpriced[k]};
        return holds(condition.op, value < condition.bound ? -1 : value > condition.bound ? 1 : 0);
    }
    // An integer that sorts as the column does.
    [[nodiscard]] u128 key(const SortKey& sort, std::size_t k) const {
        const ResultColumn& column = sort.column;
        if (is_null(column, k)) return kLast;
        if (is_exact(column)) {
            const i128 value = exact(column, k);
            const u128 key = column.is_absolute() ? magnitude(value)
                                                  : static_cast<u128>(value) ^ (u128{1} << 127);
            if (!sort.descending) return key;
            // Prices have at most 38 digits, so both keys of a price are less than kLast. Amounts
            // have no nulls and may use every key.
            return column.is_price() ? ~key - 1 : ~key;
        }
        std::uint64_t key = 0;
        if (column.is_float()) {
            const double value = number(column, k);
            if (std::isnan(value)) return kLast;
            key = ordered_bits(value);
        } else if (column.has_keys()) {
            const auto label = this->label(column, k);
            if (label == ResultColumn::kNoLabel) return kLast;
            key = static_cast<std::uint32_t>(label);
        } else {
            key = rows_.unpriced[k];
        }
        return sort.descending ? ~key : key;  // 64 bits, so less than kLast
    }
    [[nodiscard]] std::int32_t label(const ResultColumn& column, std::size_t k) const {
        const auto at =
            column.field == ResultColumn::currency ? static_cast<std::uint32_t>(rows_.currency[k])
            : column.field == ResultColumn::account_group ? rows_.pair(k).account_group
                                                          : rows_.pair(k).instrument_group;
        MVCORE_ASSERT(at < column.keys.size());
        return at < column.keys.size() ? column.keys[at] : ResultColumn::kNoLabel;
    }

private:
    // Whether the values are 128-bit integers: amounts, quantities or prices.
    [[nodiscard]] static bool is_exact(const ResultColumn& column) {
        return column.is_amount() || column.is_quantity() || column.is_price();
    }
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

    const ResultRows& rows_;
};

struct Candidate {
    u128 key;  // by the first sort key
    std::size_t k;
};

// Finds the first rows of a page without sorting the others: keeps at most twice the rows that are
// needed, and drops the second half when that is full.
class Selector {
public:
    Selector(const RowColumns& columns, const ResultPage& page, std::size_t needed)
        : columns_(columns),
          page_(page),
          needed_(needed),
          capacity_(std::max(2 * needed, tuning::kLeastPageCandidates)) {}

    void add(std::size_t k) {
        const Candidate candidate{page_.sort.empty() ? u128{0} : columns_.key(page_.sort[0], k), k};
        if (full_ && !before(candidate, worst_)) return;
        kept_.push_back(candidate);
        if (kept_.size() >= capacity_) drop();
    }
    // In the order of the page.
    [[nodiscard]] const std::vector<Candidate>& sorted() {
        if (kept_.size() > needed_) drop();
        std::sort(kept_.begin(), kept_.end(),
                  [&](const Candidate& a, const Candidate& b) { return before(a, b); });
        return kept_;
    }

private:
    void drop() {
        MVCORE_ASSERT(needed_ > 0 && kept_.size() > needed_);
        const auto last = kept_.begin() + std::ptrdiff_t(needed_ - 1);
        std::nth_element(kept_.begin(), last, kept_.end(),
                         [&](const Candidate& a, const Candidate& b) { return before(a, b); });
        worst_ = *last;
        full_ = true;
        kept_.resize(needed_);
    }
    [[nodiscard]] bool before(const Candidate& a, const Candidate& b) const {
        if (a.key != b.key) return a.key < b.key;
        for (std::size_t s = 1; s < page_.sort.size(); ++s) {
            const u128 x = columns_.key(page_.sort[s], a.k);
            const u128 y = columns_.key(page_.sort[s], b.k);
            if (x != y) return x < y;
        }
        for (const ResultColumn& column : page_.row_order) {
            const auto x = columns_.label(column, a.k);
            const auto y = columns_.label(column, b.k);
            if (x != y) return x < y;
        }
        return a.k < b.k;
    }

    const RowColumns& columns_;
    const ResultPage& page_;
    std::size_t needed_;
    std::size_t capacity_;
    std::vector<Candidate> kept_;
    Candidate worst_{};  // of the rows kept by the last drop(); valid if full_
    bool full_ = false;
};

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

ResultRows page_of(const ResultRows& all, const ResultPage& page) {
    for (const auto& amounts : all.amounts) MVCORE_ASSERT(amounts.size() == all.size());
    MVCORE_ASSERT(all.removed.empty());
    const auto rest = page.offset < all.size() ? all.size() - std::size_t(page.offset) : 0;
    const auto length = std::size_t(std::min<std::uint64_t>(page.limit, rest));
    std::vector<std::uint32_t> found;
    if (length == 0) return rows_at(all, found);
    const RowColumns columns(all);
    auto meets = [&](std::size_t k) {
        return std::all_of(page.conditions.begin(), page.conditions.end(),
                           [&](const Condition& c) { return columns.meets(c, k); });
    };
    const auto first = std::size_t(page.offset);
    if (page.sort.empty() && page.row_order.empty()) {
        std::size_t met = 0;
        for (std::size_t k = 0; k < all.size() && found.size() < length; ++k)
            if (meets(k) && met++ >= first) found.push_back(static_cast<std::uint32_t>(k));
        return rows_at(all, found);
    }
    Selector selector(columns, page, first + length);
    for (std::size_t k = 0; k < all.size(); ++k)
        if (meets(k)) selector.add(k);
    const auto& sorted = selector.sorted();
    for (std::size_t n = first; n < sorted.size(); ++n)
        found.push_back(static_cast<std::uint32_t>(sorted[n].k));
    MVCORE_ASSERT(found.size() <= length);
    return rows_at(all, found);
}

}  // namespace mvcore
