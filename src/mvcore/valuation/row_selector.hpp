// Selects the rows of a page from rows of any kind: those that meet the page's conditions, sorted,
// at most a given number. `Columns` reads the rows, by index:
//   is_null(column, k)      for which only not_equal holds, and which sort last
//   may_be_null(column)
//   is_exact(column)        whether the values are 128-bit integers
//   exact(column, k)        such a value; if the column may be null, of at most 38 digits
//   number(column, k)       a float, or its absolute value
//   label(column, k)        a key of a column with keys
//   unpriced(k)
//   precedes(a, b)          whether a comes before b without a sort key
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/wide_int.hpp"
#include "mvcore/valuation/result_page.hpp"

namespace mvcore {

inline constexpr u128 kSortsLast = ~u128{0};  // after every value, in both directions

[[nodiscard]] inline bool holds(Condition::Op op, int order) noexcept {
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

// An integer with the order of the floats. -0.0 equals 0.0.
[[nodiscard]] inline std::uint64_t ordered_bits(double value) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);
    const std::uint64_t sign = std::uint64_t{1} << 63;
    return (bits & sign) != 0 ? ~bits : bits | sign;
}

template <class Columns>
[[nodiscard]] bool meets(const Columns& columns, const Condition& condition, std::size_t k) {
    const auto order_of = [](const auto& a, const auto& b) { return a < b ? -1 : a > b ? 1 : 0; };
    const ResultColumn& column = condition.column;
    if (column.is_float()) {
        const double value = columns.number(column, k);
        if (std::isnan(value)) return condition.op == Condition::not_equal;
        return holds(condition.op, order_of(value, condition.number));
    }
    if (columns.is_null(column, k)) return condition.op == Condition::not_equal;
    if (column.is_absolute())
        return holds(condition.op,
                     condition.bound < 0
                         ? 1
                         : order_of(magnitude(columns.exact(column, k)), u128(condition.bound)));
    const i128 value = Columns::is_exact(column) ? columns.exact(column, k)
                       : column.has_keys()       ? i128{columns.label(column, k)}
                                                 : i128{columns.unpriced(k)};
    return holds(condition.op, order_of(value, condition.bound));
}

template <class Columns>
[[nodiscard]] bool meets_all(const Columns& columns, const ResultPage& page, std::size_t k) {
    return std::all_of(page.conditions.begin(), page.conditions.end(),
                       [&](const Condition& c) { return meets(columns, c, k); });
}

// An integer that sorts as the column does.
template <class Columns>
[[nodiscard]] u128 sort_key(const Columns& columns, const SortKey& sort, std::size_t k) {
    const ResultColumn& column = sort.column;
    if (columns.is_null(column, k)) return kSortsLast;
    if (Columns::is_exact(column)) {
        const i128 value = columns.exact(column, k);
        const u128 key =
            column.is_absolute() ? magnitude(value) : static_cast<u128>(value) ^ (u128{1} << 127);
        if (!sort.descending) return key;
        // Values of at most 38 digits have keys less than kSortsLast in both directions. Columns
        // without nulls may use every key.
        return Columns::may_be_null(column) ? ~key - 1 : ~key;
    }
    std::uint64_t key = 0;
    if (column.is_float()) {
        const double value = columns.number(column, k);
        if (std::isnan(value)) return kSortsLast;
        key = ordered_bits(value);
    } else if (column.has_keys()) {
        const auto label = columns.label(column, k);
        if (label == ResultColumn::kNoLabel) return kSortsLast;
        key = static_cast<std::uint32_t>(label);
    } else {
        key = columns.unpriced(k);
    }
    return sort.descending ? ~key : key;  // 64 bits, so less than kSortsLast
}

// Finds the first rows of a page without sorting the others: keeps at most twice the rows that are
// needed, and drops the second half when that is full.
template <class Columns>
class RowSelector {
public:
    struct Candidate {
        u128 key;  // by the first sort key
        std::size_t k;
    };

    RowSelector(const Columns& columns, const ResultPage& page, std::size_t needed)
        : columns_(columns),
          page_(page),
          needed_(needed),
          capacity_(std::max(2 * needed, tuning::kLeastPageCandidates)) {}

    void add(std::size_t k) {
        const Candidate candidate{
            page_.sort.empty() ? u128{0} : sort_key(columns_, page_.sort[0], k), k};
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
            const u128 x = sort_key(columns_, page_.sort[s], a.k);
            const u128 y = sort_key(columns_, page_.sort[s], b.k);
            if (x != y) return x < y;
        }
        for (const ResultColumn& column : page_.row_order) {
            const auto x = columns_.label(column, a.k);
            const auto y = columns_.label(column, b.k);
            if (x != y) return x < y;
        }
        return columns_.precedes(a.k, b.k);
    }

    const Columns& columns_;
    const ResultPage& page_;
    std::size_t needed_;
    std::size_t capacity_;
    std::vector<Candidate> kept_;
    Candidate worst_{};  // of the rows kept by the last drop(); valid if full_
    bool full_ = false;
};

}  // namespace mvcore
