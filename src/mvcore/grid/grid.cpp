#include "mvcore/grid/grid.hpp"

#include "mvcore/base/tuning.hpp"

namespace mvcore {

void Grid::extend(std::size_t lines, std::uint32_t rows) {
    lines = std::max(lines, lines_);
    rows = std::max(rows, rows_);
    const std::size_t wanted = (rows + Block::kRows - 1) / Block::kRows;
    if (wanted > stride_) {
        const std::size_t stride = stride_ == 0 ? wanted : std::max(wanted, 2 * stride_);
        CowVector<Block, tuning::kBlocksPerPage> next;
        next.grow(lines * stride);
        for (std::size_t l = 0; l < lines_; ++l)
            for (std::size_t b = 0; b < blocks(); ++b) next.own(l * stride + b) = block(l, b);
        copies_ += blocks_.copies();
        blocks_ = std::move(next);
        stride_ = stride;
    }
    blocks_.grow(lines * stride_);
    lines_ = lines;
    rows_ = rows;
    MVCORE_ASSERT(blocks() <= stride_ && lines_ * stride_ <= blocks_.size());
}

template <class Q>
void Grid::fill(std::size_t l, const std::uint32_t* rows, const QuantityColumns<Q>& source,
                std::size_t n) {
    for (std::size_t start = 0; start < n;) {
        MVCORE_ASSERT(start == 0 || rows[start] > rows[start - 1]);
        const std::size_t b = rows[start] / Block::kRows;
        std::size_t end = start;
        Q most = 0;  // OR of the magnitudes: has the width of the widest quantity
        Q apart = 0;
        for (; end < n && rows[end] / Block::kRows == b; ++end)
            for (int c = 0; c < source.columns; ++c) {
                const Q q = source.quantity[std::size_t(c)][end];
                most |= q < 0 ? ~q : q;
                apart |= q ^ source.quantity[0][end];
            }
        MVCORE_ASSERT(rows[end - 1] < rows_ && block(l, b).empty());
        QuantityColumns<Q> here = {source.quantity, apart == 0 ? 1 : source.columns};
        for (auto& q : here.quantity) q = q == nullptr ? q : q + start;
        own(l, b).fill(rows + start, here, static_cast<std::uint32_t>(end - start),
                       static_cast<std::uint32_t>(b * Block::kRows), rows_in_block(b),
                       width_of(static_cast<i128>(most)));
        split_ = split_ || here.columns > 1;
        start = end;
    }
}

template void Grid::fill(std::size_t, const std::uint32_t*, const QuantityColumns<std::int64_t>&,
                         std::size_t);
template void Grid::fill(std::size_t, const std::uint32_t*, const QuantityColumns<i128>&,
                         std::size_t);

std::size_t Grid::memory_bytes() const noexcept {
    std::size_t bytes = blocks_.memory_bytes();
    for (std::size_t k = 0; k < blocks_.size(); ++k) bytes += blocks_[k].memory_bytes();
    return bytes;
}

}  // namespace mvcore
