#include "grid.hpp"

namespace mvcore {

void Grid::fill(std::size_t l, const Cell* cells, std::size_t n) {
    Line line;
    for (std::size_t start = 0; start < n;) {
        const std::size_t b = cells[start].row / Block::kRows;
        std::size_t end = start;
        std::uint32_t held = 0;
        Width width = kernels::w8;
        for (; end < n && cells[end].row / Block::kRows == b; ++end) {
            if (cells[end].quantity == 0) continue;
            ++held;
            width = std::max(width, width_of(cells[end].quantity));
        }
        if (held != 0) {
            if (line.blocks.size() <= b) line.blocks.resize(b + 1);
            Block& block = line.blocks[b];
            block.allocate(held, rows_in_block(b), width);
            for (std::size_t k = start; k < end; ++k) {
                if (cells[k].quantity == 0) continue;
                const auto row = cells[k].row % Block::kRows;
                if (block.dense()) block.set(row, cells[k].quantity);
                else block.append(row, cells[k].quantity);
            }
            line.positions += held;
        }
        start = end;
    }
    lines_[l] = std::move(line);
}

std::size_t Grid::memory_bytes() const noexcept {
    std::size_t bytes = lines_.capacity() * sizeof(Line);
    for (const auto& line : lines_) {
        bytes += line.blocks.capacity() * sizeof(Block);
        for (const auto& block : line.blocks) bytes += block.memory_bytes();
    }
    return bytes;
}

}  // namespace mvcore
