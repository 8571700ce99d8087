#include "grid.hpp"

namespace mvcore {

template <class Q>
void Grid::fill(std::size_t l, const std::uint32_t* rows, const Q* quantity, std::size_t n) {
    Line line;
    for (std::size_t start = 0; start < n;) {
        const std::size_t b = rows[start] / Block::kRows;
        std::size_t end = start;
        Q most = 0;  // its sign bit and leading zeros are those of the widest quantity
        for (; end < n && rows[end] / Block::kRows == b; ++end)
            most |= quantity[end] < 0 ? ~quantity[end] : quantity[end];
        if (line.blocks.size() <= b) line.blocks.resize(b + 1);
        const auto first = static_cast<std::uint32_t>(b * Block::kRows);
        line.blocks[b].fill(rows + start, quantity + start, static_cast<std::uint32_t>(end - start),
                            first, rows_in_block(b), width_of(most));
        start = end;
    }
    line.positions = static_cast<std::uint32_t>(n);
    lines_[l] = std::move(line);
}

template void Grid::fill(std::size_t, const std::uint32_t*, const std::int64_t*, std::size_t);
template void Grid::fill(std::size_t, const std::uint32_t*, const i128*, std::size_t);

std::size_t Grid::memory_bytes() const noexcept {
    std::size_t bytes = lines_.capacity() * sizeof(Line);
    for (const auto& line : lines_) {
        bytes += line.blocks.capacity() * sizeof(Block);
        for (const auto& block : line.blocks) bytes += block.memory_bytes();
    }
    return bytes;
}

}  // namespace mvcore
