// Net quantities by line and row, stored in blocks. In the book's grid, lines are instruments and
// rows are accounts. In the by-account index, lines are accounts and rows are instruments in index
// order. Copies share blocks until one side writes them (copy on write).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/grid/block.hpp"

namespace mvcore {

class Grid {
public:
    Grid() = default;
    explicit Grid(std::size_t lines, std::uint32_t rows) { extend(lines, rows); }

    [[nodiscard]] std::size_t lines() const noexcept { return lines_; }
    [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
    // Rarely relocates every block, in O(blocks).
    void extend(std::size_t lines, std::uint32_t rows);
    // Whether the measures of any position may differ.
    [[nodiscard]] bool split() const noexcept { return split_; }

    // Rows of the grid that fall into block b.
    [[nodiscard]] std::uint32_t rows_in_block(std::size_t b) const noexcept {
        MVCORE_ASSERT(b * Block::kRows < rows_);
        return std::min<std::uint32_t>(Block::kRows,
                                       rows_ - static_cast<std::uint32_t>(b * Block::kRows));
    }
    [[nodiscard]] std::size_t blocks() const noexcept {
        return (rows_ + Block::kRows - 1) / Block::kRows;
    }
    [[nodiscard]] const Block& block(std::size_t l, std::size_t b) const noexcept {
        MVCORE_ASSERT(l < lines_ && b < blocks());
        return blocks_[l * stride_ + b];
    }
    // Number of rows of the line with a position.
    [[nodiscard]] std::uint32_t positions(std::size_t l) const noexcept {
        std::uint32_t n = 0;
        for (std::size_t b = 0; b < blocks(); ++b) n += block(l, b).positions();
        return n;
    }
    [[nodiscard]] Net get(std::size_t l, std::uint32_t row) const noexcept {
        return block(l, row / Block::kRows).get(row % Block::kRows);
    }
    [[nodiscard]] i128 get(std::size_t l, std::uint32_t row, int measure) const noexcept {
        return block(l, row / Block::kRows).get(row % Block::kRows, measure);
    }
    // Prefetch the block first. Once it has arrived, prefetch the cell in it.
    void prefetch_block(std::size_t l, std::uint32_t row) const noexcept {
        mvcore::prefetch(&block(l, row / Block::kRows));
    }
    void prefetch(std::size_t l, std::uint32_t row) const noexcept {
        block(l, row / Block::kRows).prefetch(row % Block::kRows);
    }
    void prefetch(std::size_t l, std::uint32_t row, int measure) const noexcept {
        block(l, row / Block::kRows).prefetch(row % Block::kRows, measure);
    }
    // See Block::takes(). For writers: makes the page of the block exclusive to this grid.
    [[nodiscard]] bool takes(std::size_t l, std::uint32_t row, i128 value) {
        return own(l, row / Block::kRows).takes(row % Block::kRows, value);
    }
    void put(std::size_t l, std::uint32_t row, int measure, i128 value) noexcept {
        own(l, row / Block::kRows).put(row % Block::kRows, measure, value);
    }
    // See Block::reserve().
    void reserve(std::size_t l, std::uint32_t row, const Net& value) {
        const auto b = row / Block::kRows;
        copies_ += own(l, b).reserve(row % Block::kRows, value, rows_in_block(b)) ? 1U : 0U;
        split_ = split_ || differ(value);
    }
    // See Block::cancel(). Throws std::bad_alloc if a copy shares the page of the block by now.
    void cancel(std::size_t l, std::uint32_t row, const Net& value) {
        const auto b = row / Block::kRows;
        if (block(l, b).reserved() != 0) own(l, b).cancel(row % Block::kRows, value);
    }
    // Number of rows of the block reserved but not set yet.
    [[nodiscard]] std::uint32_t reserved(std::size_t l, std::uint32_t row) const noexcept {
        return block(l, row / Block::kRows).reserved();
    }
    // See Block::set(). Returns the change in the number of positions: -1, 0 or 1.
    int set(std::size_t l, std::uint32_t row, const Net& value) noexcept {
        const Net old = own(l, row / Block::kRows).set(row % Block::kRows, value);
        return (held(value) ? 1 : 0) - (held(old) ? 1 : 0);
    }
    // Calls f(row, Net) for each position of the line, in ascending row order.
    template <class F>
    void for_each(std::size_t l, F&& f) const {
        for_each_between(l, 0, rows_, f);
    }
    // The same for rows in [begin, end).
    template <class F>
    void for_each_between(std::size_t l, std::uint32_t begin, std::uint32_t end, F&& f) const {
        for (std::size_t b = begin / Block::kRows; b < blocks(); ++b) {
            const auto start = static_cast<std::uint32_t>(b * Block::kRows);
            if (start >= end) return;
            block(l, b).for_each_between(
                begin > start ? begin - start : 0, end - start,
                [&](std::uint32_t row, const Net& value) { f(start + row, value); });
        }
    }

    // Bulk load of an empty line. Rows ascend strictly.
    template <class Q>
    void fill(std::size_t l, const std::uint32_t* rows, const QuantityColumns<Q>& source,
              std::size_t n);

    // Moves a line of another grid, with the same number of rows, into an empty line of this one.
    void take(std::size_t l, Grid& other, std::size_t other_line) {
        MVCORE_ASSERT(other.rows() == rows_ && positions(l) == 0);
        for (std::size_t b = 0; b < blocks(); ++b) own(l, b) = std::move(other.own(other_line, b));
        split_ = split_ || other.split_;
    }

    void count_copies(std::uint64_t more) noexcept { copies_ += more; }
    // Pages and blocks copied because a snapshot held them.
    [[nodiscard]] std::uint64_t copies() const noexcept { return copies_ + blocks_.copies(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    Block& own(std::size_t l, std::size_t b) {
        MVCORE_ASSERT(l < lines_ && b < blocks());
        return blocks_.own(l * stride_ + b);
    }

    CowVector<Block, tuning::kBlocksPerPage> blocks_;  // stride_ blocks per line, line after line
    std::size_t lines_ = 0;
    std::size_t stride_ = 0;  // blocks allocated per line
    std::uint32_t rows_ = 0;
    bool split_ = false;
    std::uint64_t copies_ = 0;
};

}  // namespace mvcore
