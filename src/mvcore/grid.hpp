// Quantities by line and row in blocks: lines are instruments and rows accounts in the book's
// grid; the other way round in the by-account index.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "block.hpp"

namespace mvcore {

class Grid {
public:
    Grid() = default;
    explicit Grid(std::size_t lines, std::uint32_t rows) : lines_(lines), rows_(rows) {}

    [[nodiscard]] std::size_t lines() const noexcept { return lines_.size(); }
    [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
    void extend(std::size_t lines, std::uint32_t rows) {
        if (lines > lines_.size()) lines_.resize(lines);
        if (rows > rows_) rows_ = rows;
    }

    // Rows of the grid that fall into block b.
    [[nodiscard]] std::uint32_t rows_in_block(std::size_t b) const noexcept {
        return std::min<std::uint32_t>(Block::kRows,
                                       rows_ - static_cast<std::uint32_t>(b * Block::kRows));
    }
    [[nodiscard]] std::size_t blocks() const noexcept {
        return (rows_ + Block::kRows - 1) / Block::kRows;
    }
    // May be shorter than blocks(): what is missing is empty.
    [[nodiscard]] const std::vector<Block>& line(std::size_t l) const { return lines_[l].blocks; }
    // Cells that are not zero.
    [[nodiscard]] std::uint32_t positions(std::size_t l) const { return lines_[l].positions; }

    [[nodiscard]] i128 get(std::size_t l, std::uint32_t row) const noexcept {
        const auto& blocks = lines_[l].blocks;
        const auto b = row / Block::kRows;
        return b < blocks.size() ? blocks[b].get(row % Block::kRows) : 0;
    }
    // See Block::reserve.
    void reserve(std::size_t l, std::uint32_t row, i128 value) {
        auto& blocks = lines_[l].blocks;
        const auto b = row / Block::kRows;
        if (b >= blocks.size()) blocks.resize(b + 1);
        blocks[b].reserve(row % Block::kRows, value, rows_in_block(b));
    }
    // See Block::set. Returns the change in the number of positions: -1, 0 or 1.
    int set(std::size_t l, std::uint32_t row, i128 value) noexcept {
        auto& blocks = lines_[l].blocks;
        const i128 old = blocks[row / Block::kRows].set(row % Block::kRows, value);
        const int change = (value != 0 ? 1 : 0) - (old != 0 ? 1 : 0);
        lines_[l].positions += static_cast<std::uint32_t>(change);
        return change;
    }
    // f(row, quantity) for each position of the line, rows ascending.
    template <class F>
    void for_each(std::size_t l, F&& f) const {
        const auto& blocks = lines_[l].blocks;
        for (std::size_t b = 0; b < blocks.size(); ++b) {
            const auto start = static_cast<std::uint32_t>(b * Block::kRows);
            blocks[b].for_each([&](std::uint32_t row, i128 value) { f(start + row, value); });
        }
    }

    // The same for rows in [begin, end).
    template <class F>
    void for_each_between(std::size_t l, std::uint32_t begin, std::uint32_t end, F&& f) const {
        const auto& blocks = lines_[l].blocks;
        for (std::size_t b = begin / Block::kRows; b < blocks.size(); ++b) {
            const auto start = static_cast<std::uint32_t>(b * Block::kRows);
            if (start >= end) return;
            blocks[b].for_each_between(
                begin > start ? begin - start : 0, end - start,
                [&](std::uint32_t row, i128 value) { f(start + row, value); });
        }
    }

    // Bulk load: quantities of one line that is empty; rows ascend, none twice, none is zero.
    template <class Q>
    void fill(std::size_t l, const std::uint32_t* rows, const Q* quantity, std::size_t n);

    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    struct Line {
        std::vector<Block> blocks;
        std::uint32_t positions = 0;
    };
    std::vector<Line> lines_;
    std::uint32_t rows_ = 0;
};

}  // namespace mvcore
