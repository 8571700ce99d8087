// Quantities of up to 4,096 consecutive rows of one line. A line is an instrument, or an account in
// the by-account index. A block is dense (one integer per row) or sparse (integers with 16-bit row
// offsets), in the narrowest width that holds all values. One column serves all measures until an
// order makes them differ; from then on each measure has a column. A block becomes dense, wider or
// three-column as its contents require. Copies share storage until one of them is written (copy on
// write).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/wide_int.hpp"
#include "mvcore/kernels/kernels.hpp"

namespace mvcore {

using kernels::Width;

// Net quantities of one position.
enum Measure : std::uint8_t { sod = 0, current, expected };
inline constexpr int kMeasures = 3;
inline constexpr std::array<std::string_view, kMeasures> kMeasureNames = {"sod", "current",
                                                                          "expected"};
using Net = std::array<i128, kMeasures>;

inline bool held(const Net& q) noexcept { return (q[0] | q[1] | q[2]) != 0; }
inline bool differ(const Net& q) noexcept { return q[0] != q[1] || q[0] != q[2]; }
inline Net all_of(i128 q) noexcept { return {q, q, q}; }

Width width_of(i128 value) noexcept;
Width width_of(const Net& q) noexcept;

// Columns of a bulk load: one for all measures, or one per measure.
template <class Q>
struct QuantityColumns {
    std::array<const Q*, kMeasures> quantity;
    int columns;
};

class Block {
public:
    static constexpr std::uint32_t kRows = tuning::kBlockRows;
    static_assert(kRows <= 1U << 16);  // sparse offsets have 16 bits

    Block() = default;
    ~Block() { release(); }
    Block(const Block& other) noexcept;
    Block(Block&& other) noexcept { swap(other); }
    Block& operator=(Block other) noexcept {
        swap(other);
        return *this;
    }
    void swap(Block& other) noexcept;

    // Reserves capacity so that set(row, value) cannot fail. Changes no quantity. Several rows may
    // be reserved before the first is set, but each row only once unless cancel() comes in between.
    // `rows`: number of grid rows in this block. If it throws std::bad_alloc, nothing has changed.
    // Returns true if a copy of the block shared the storage.
    bool reserve(std::uint32_t row, const Net& value, std::uint32_t rows);
    // Releases the capacity that reserve(row, value) may have reserved in this block.
    void cancel(std::uint32_t row, const Net& value) noexcept {
        if (counts(row, value) && reserved_ > 0) --reserved_;
    }
    // Returns the previous value. Call reserve() first.
    Net set(std::uint32_t row, const Net& value) noexcept;
    [[nodiscard]] Net get(std::uint32_t row) const noexcept;
    [[nodiscard]] i128 get(std::uint32_t row, int measure) const noexcept;

    // Whether put(row, measure, value) may be called: the block is dense and has the row, the
    // measure has its own column, the value fits the width, and no copy shares the storage.
    [[nodiscard]] bool takes(std::uint32_t row, i128 value) const noexcept {
        return dense_ && columns_ == kMeasures && row < count_ && width_of(value) <= width_ &&
               !shared();
    }
    // Writes one measure of a row that has a position before and after.
    void put(std::uint32_t row, int measure, i128 value) noexcept;

    // Bulk load into an empty block. Rows ascend; `first` is the grid row of the block's first row.
    // Every quantity fits `width`, and every row has a position.
    template <class Q>
    void fill(const std::uint32_t* row, const QuantityColumns<Q>& source, std::uint32_t n,
              std::uint32_t first, std::uint32_t rows, Width width);

    // Whether both share storage: copies of one block, neither written since.
    [[nodiscard]] bool same(const Block& other) const noexcept {
        return storage_ == other.storage_;
    }
    [[nodiscard]] bool dense() const noexcept { return dense_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    // Dense: number of rows stored (absent ones are zero). Sparse: number of cells stored (some may
    // be zero).
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    // Number of rows with a position.
    [[nodiscard]] std::uint32_t positions() const noexcept { return positions_; }
    // Number of rows reserved but not set yet. 0 but between reserve() and commit() or cancel().
    // A durable book admits readers in that time, while it writes to the journal.
    [[nodiscard]] std::uint32_t reserved() const noexcept { return reserved_; }
    [[nodiscard]] Width width() const noexcept { return width_; }
    [[nodiscard]] int columns() const noexcept { return columns_; }
    [[nodiscard]] const void* quantity(int measure) const noexcept { return column(measure); }
    [[nodiscard]] std::array<const void*, kMeasures> quantities() const noexcept {
        return {quantity(0), quantity(1), quantity(2)};
    }
    [[nodiscard]] const std::uint16_t* offset() const noexcept {
        return reinterpret_cast<const std::uint16_t*>(offset_bytes());
    }
    void prefetch(std::uint32_t row) const noexcept;
    void prefetch(std::uint32_t row, int measure) const noexcept;  // one measure only
    // Prefetches the first two cache lines of a sparse block: all of a block with few cells.
    void prefetch_short() const noexcept {
        if (dense_ || storage_ == nullptr) return;
        mvcore::prefetch(storage_);
        mvcore::prefetch(storage_ + 64);
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

    // Calls f(row, Net) for each position, in ascending row order.
    template <class F>
    void for_each(F&& f) const {
        for_each_between(0, kRows, f);
    }
    // The same for rows in [begin, end).
    template <class F>
    void for_each_between(std::uint32_t begin, std::uint32_t end, F&& f) const;

private:
    [[nodiscard]] std::size_t column_bytes() const noexcept {
        return kernels::width_bytes(width_) * capacity_;
    }
    [[nodiscard]] i128 at(std::uint32_t k, int column) const noexcept;
    [[nodiscard]] Net at(std::uint32_t k) const noexcept;
    void put(std::uint32_t k, const Net& value) noexcept;
    [[nodiscard]] std::uint32_t lower_bound(std::uint32_t row) const noexcept;
    void append(std::uint32_t row, const Net& value) noexcept;
    [[nodiscard]] std::byte* column(int measure) const noexcept {
        return columns_ == 1 ? storage_ : storage_ + column_bytes() * std::size_t(measure);
    }
    [[nodiscard]] std::byte* offset_bytes() const noexcept {
        return storage_ + column_bytes() * std::size_t(columns_);
    }
    [[nodiscard]] std::uint16_t* offset() noexcept {
        return reinterpret_cast<std::uint16_t*>(offset_bytes());
    }
    // Whether set(row, value) consumes one reserved cell of a sparse block.
    [[nodiscard]] bool counts(std::uint32_t row, const Net& value) const noexcept {
        return !dense_ && mvcore::held(value) && !mvcore::held(get(row));
    }
    [[nodiscard]] bool shared() const noexcept;
    void allocate(std::uint32_t cells, std::uint32_t rows, Width width, int columns);
    void rebuild(bool dense, Width width, int columns, std::uint32_t capacity, std::uint32_t rows);
    void release() noexcept;

    // columns_ x capacity_ integers, then (if sparse) capacity_ offsets. A reference count precedes
    // them.
    std::byte* storage_ = nullptr;
    std::uint16_t count_ = 0;
    std::uint16_t capacity_ = 0;
    std::uint16_t reserved_ = 0;  // absent rows with reserved capacity, not set yet
    std::uint16_t positions_ = 0;
    Width width_ = kernels::w8;
    std::uint8_t columns_ = 1;
    bool dense_ = false;
};
static_assert(sizeof(Block) == 24);

// Calls f(Q* quantities); Q is the integer type of the width, const if `quantity` points to const.
template <class Void, class F>
decltype(auto) with_quantity(Width width, Void* quantity, F&& f) {
    static_assert(std::is_void_v<Void>);
    const auto as = [&]<class Q>(Q) {
        using Typed = std::conditional_t<std::is_const_v<Void>, const Q, Q>;
        return static_cast<Typed*>(quantity);
    };
    switch (width) {
        case kernels::w8: return f(as(std::int8_t{}));
        case kernels::w16: return f(as(std::int16_t{}));
        case kernels::w32: return f(as(std::int32_t{}));
        case kernels::w64: return f(as(std::int64_t{}));
        default: return f(as(i128{}));
    }
}

template <class Q>
void Block::fill(const std::uint32_t* row, const QuantityColumns<Q>& source, std::uint32_t n,
                 std::uint32_t first, std::uint32_t rows, Width width) {
    MVCORE_ASSERT(empty() && n > 0 && reserved_ == 0);
    MVCORE_ASSERT(row[0] >= first && row[n - 1] - first < rows);
    allocate(n, rows, width, source.columns);
    positions_ = static_cast<std::uint16_t>(n);
    for (int c = 0; c < source.columns; ++c)
        with_quantity(width, static_cast<void*>(column(c)), [&](auto* q) {
            using T = std::remove_cvref_t<decltype(*q)>;
            const Q* from = source.quantity[std::size_t(c)];
            if (dense_)
                for (std::uint32_t k = 0; k < n; ++k) q[row[k] - first] = static_cast<T>(from[k]);
            else
                for (std::uint32_t k = 0; k < n; ++k) q[k] = static_cast<T>(from[k]);
        });
    if (dense_) return;
    for (std::uint32_t k = 0; k < n; ++k) offset()[k] = static_cast<std::uint16_t>(row[k] - first);
    count_ = static_cast<std::uint16_t>(n);
}

template <class F>
void Block::for_each_between(std::uint32_t begin, std::uint32_t end, F&& f) const {
    if (empty()) return;
    with_quantity(width_, quantity(0), [&](const auto* q) {
        const std::size_t stride = columns_ == 1 ? 0 : capacity_;
        auto visit = [&](std::uint32_t k, std::uint32_t row) {
            const Net net = {q[k], q[k + stride], q[k + 2 * stride]};
            if (held(net)) f(row, net);
        };
        if (dense_) {
            for (std::uint32_t row = begin; row < count_ && row < end; ++row) visit(row, row);
        } else {
            const std::uint16_t* rows = offset();
            for (std::uint32_t k = begin == 0 ? 0 : lower_bound(begin); k < count_ && rows[k] < end;
                 ++k)
                visit(k, rows[k]);
        }
    });
}

}  // namespace mvcore
