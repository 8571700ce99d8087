// Numbers the rows of a grouping. A row is a pair of groups: one of accounts, one of instruments.
//
//   dense    every pair has a row, one after the other, so that loops run along the accounts of an
//            instrument group
//   listed   only pairs that were added have a row, in the order of adding; so a grouping whose
//            pairs are mostly empty costs only the pairs that exist
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"

namespace mvcore {

struct GroupPair {
    std::uint32_t instrument_group;
    std::uint32_t account_group;

    friend constexpr bool operator==(const GroupPair&, const GroupPair&) = default;
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
        return std::uint64_t{instrument_group} << 32 | account_group;
    }
};

class RowTable {
public:
    static constexpr std::uint32_t kNone = ~0U;

    RowTable() = default;  // listed and empty
    // Rows past the last pair have no positions.
    static RowTable dense(std::uint32_t account_groups, std::size_t rows) {
        RowTable out;
        out.dense_ = true;
        out.account_groups_ = account_groups;
        out.rows_ = rows;
        return out;
    }

    [[nodiscard]] bool is_dense() const noexcept { return dense_; }
    [[nodiscard]] std::size_t size() const noexcept { return dense_ ? rows_ : pairs_.size(); }
    // Whether both number every pair alike, now and later.
    [[nodiscard]] bool numbers_like(const RowTable& other) const noexcept {
        return dense_ && other.dense_ && account_groups_ == other.account_groups_;
    }
    [[nodiscard]] GroupPair pair(std::uint32_t row) const noexcept {
        MVCORE_ASSERT(row < size());
        if (!dense_) return pairs_[row];
        const auto groups = account_groups_ == 0 ? 1 : account_groups_;
        return {row / groups, row % groups};
    }
    // The row of a pair, kNone if a listed table does not have it.
    [[nodiscard]] std::uint32_t find(GroupPair pair) const noexcept {
        if (dense_) return dense_row(pair);
        if (slots_.empty()) return kNone;
        return slots_[slot_of(pair)];
    }
    // Adds the pair if it is new. If an exception is thrown, nothing has changed.
    std::uint32_t add(GroupPair pair) {
        if (dense_) return dense_row(pair);
        if (3 * (pairs_.size() + 1) > 2 * slots_.size()) grow();
        const auto slot = slot_of(pair);
        if (slots_[slot] != kNone) return slots_[slot];
        MVCORE_ASSERT(pairs_.size() < std::size_t{1} << 31);  // result rows have 32-bit numbers
        pairs_.push_back(pair);
        return slots_[slot] = static_cast<std::uint32_t>(pairs_.size() - 1);
    }
    // Adds a pair that is known to be new, to a table in which nobody will look for a pair.
    std::uint32_t append(GroupPair pair) {
        MVCORE_ASSERT(!dense_ && slots_.empty() && pairs_.size() < std::size_t{1} << 31);
        pairs_.push_back(pair);
        return static_cast<std::uint32_t>(pairs_.size() - 1);
    }
    void reserve_appended(std::size_t pairs) { pairs_.reserve(pairs); }
    // add() in less time if the pair has the row after `before`, as along a line in the order in
    // which its pairs were added.
    std::uint32_t add_after(std::uint32_t before, GroupPair pair) {
        const std::size_t next = std::size_t{before} + 1;
        return !dense_ && next < pairs_.size() && pairs_[next] == pair
                   ? static_cast<std::uint32_t>(next)
                   : add(pair);
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return pairs_.capacity() * sizeof(GroupPair) + slots_.capacity() * sizeof(std::uint32_t);
    }

private:
    [[nodiscard]] std::uint32_t dense_row(GroupPair pair) const noexcept {
        const auto row = std::size_t{pair.instrument_group} * account_groups_ + pair.account_group;
        MVCORE_ASSERT(row < rows_);
        return static_cast<std::uint32_t>(row);
    }
    // The slot of the pair, or the free slot for it.
    [[nodiscard]] std::size_t slot_of(GroupPair pair) const noexcept {
        MVCORE_ASSERT(3 * pairs_.size() <= 2 * slots_.size());  // a free slot ends every search
        const auto mask = slots_.size() - 1;
        const auto bits = pair.bits();
        auto at = static_cast<std::size_t>((bits ^ bits >> 29) * 0x9E3779B97F4A7C15ULL >> 20);
        for (at &= mask; slots_[at] != kNone && pairs_[slots_[at]] != pair;) at = (at + 1) & mask;
        return at;
    }
    void grow() {
        std::vector<std::uint32_t> slots(slots_.empty() ? 16 : 2 * slots_.size(), kNone);
        slots_.swap(slots);
        for (std::size_t row = 0; row < pairs_.size(); ++row)
            slots_[slot_of(pairs_[row])] = static_cast<std::uint32_t>(row);
    }

    bool dense_ = false;
    std::uint32_t account_groups_ = 0;
    std::size_t rows_ = 0;              // dense: number of rows
    std::vector<GroupPair> pairs_;      // listed: by row
    std::vector<std::uint32_t> slots_;  // open addressing; the size is a power of two
};

}  // namespace mvcore
