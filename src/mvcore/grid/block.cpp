#include "mvcore/grid/block.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/holders.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSparseAlignment = 16;  // sparse blocks are many and small
using tuning::kDenseShare;

std::size_t header_bytes(bool dense) { return dense ? kAlignment : kSparseAlignment; }

std::size_t storage_bytes(bool dense, Width width, int columns, std::uint32_t capacity) {
    const std::size_t cell =
        kernels::width_bytes(width) * std::size_t(columns) + (dense ? 0 : sizeof(std::uint16_t));
    const std::size_t unit = header_bytes(dense);
    return header_bytes(dense) + (cell * capacity + unit - 1) / unit * unit;
}

Holders& holders(std::byte* storage) noexcept {
    return *std::launder(reinterpret_cast<Holders*>(storage - kSparseAlignment));
}

std::byte* allocate_storage(bool dense, Width width, int columns, std::uint32_t capacity) {
    MVCORE_ASSERT(columns == 1 || columns == kMeasures);
    MVCORE_ASSERT(capacity <= Block::kRows);
    const std::size_t bytes = storage_bytes(dense, width, columns, capacity);
    void* p = dense ? huge_pages::allocate(bytes) : std::malloc(bytes);
    if (p == nullptr) throw std::bad_alloc();
    if (dense) std::memset(p, 0, bytes);
    std::byte* storage = static_cast<std::byte*>(p) + header_bytes(dense);
    new (storage - kSparseAlignment) Holders;
    return storage;
}

std::uint32_t round_rows(std::uint32_t rows) {
    return std::min((rows + 63) / 64 * 64, Block::kRows);
}

}  // namespace

Width width_of(i128 value) noexcept {
    if (value == static_cast<std::int8_t>(value)) return kernels::w8;
    if (value == static_cast<std::int16_t>(value)) return kernels::w16;
    if (value == static_cast<std::int32_t>(value)) return kernels::w32;
    if (value == static_cast<std::int64_t>(value)) return kernels::w64;
    return kernels::w128;
}

Width width_of(const Net& q) noexcept {
    return std::max({width_of(q[0]), width_of(q[1]), width_of(q[2])});
}

Block::Block(const Block& other) noexcept
    : storage_(other.storage_),
      count_(other.count_),
      capacity_(other.capacity_),
      reserved_(other.reserved_),
      positions_(other.positions_),
      width_(other.width_),
      columns_(other.columns_),
      dense_(other.dense_) {
    if (storage_ != nullptr) holders(storage_).add();
}

void Block::swap(Block& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(count_, other.count_);
    std::swap(capacity_, other.capacity_);
    std::swap(reserved_, other.reserved_);
    std::swap(positions_, other.positions_);
    std::swap(width_, other.width_);
    std::swap(columns_, other.columns_);
    std::swap(dense_, other.dense_);
}

void Block::release() noexcept {
    if (storage_ == nullptr || !holders(storage_).drop()) return;
    std::byte* const begin = storage_ - header_bytes(dense_);
    if (dense_) huge_pages::release(begin, storage_bytes(dense_, width_, columns_, capacity_));
    else std::free(begin);
}

bool Block::shared() const noexcept { return storage_ != nullptr && holders(storage_).shared(); }

// Prefetches the cells that set(row) will write, if they can be found without a search, and the
// reference count.
void Block::prefetch(std::uint32_t row) const noexcept {
    if (storage_ == nullptr) return;
    mvcore::prefetch(storage_ - kSparseAlignment);
    if (!dense_) return;
    const std::byte* cell = storage_ + kernels::width_bytes(width_) * row;
    for (int c = 0; c < columns_; ++c) mvcore::prefetch(cell + column_bytes() * std::size_t(c));
}

void Block::prefetch(std::uint32_t row, int measure) const noexcept {
    if (storage_ == nullptr) return;
    mvcore::prefetch(storage_ - kSparseAlignment);
    if (!dense_) return;
    const int column = columns_ == 1 ? 0 : measure;
    mvcore::prefetch(static_cast<const std::byte*>(quantity(column)) +
                     kernels::width_bytes(width_) * row);
}

std::size_t Block::memory_bytes() const noexcept {
    return storage_ != nullptr ? storage_bytes(dense_, width_, columns_, capacity_) : 0;
}

i128 Block::at(std::uint32_t k, int column) const noexcept {
    MVCORE_ASSERT(k < capacity_ && column >= 0 && column < columns_);
    return with_quantity(width_, quantity(column),
                         [&](const auto* q) { return static_cast<i128>(q[k]); });
}

Net Block::at(std::uint32_t k) const noexcept {
    return columns_ == 1 ? all_of(at(k, 0)) : Net{at(k, 0), at(k, 1), at(k, 2)};
}

void Block::put(std::uint32_t k, const Net& value) noexcept {
    MVCORE_ASSERT(k < capacity_ && width_of(value) <= width_);
    MVCORE_ASSERT(columns_ == kMeasures || !differ(value));
    for (int c = 0; c < columns_; ++c)
        with_quantity(width_, static_cast<void*>(column(c)), [&](auto* q) {
            using Q = std::remove_cvref_t<decltype(*q)>;
            q[k] = static_cast<Q>(value[std::size_t(c)]);
        });
}

void Block::put(std::uint32_t row, int measure, i128 value) noexcept {
    MVCORE_ASSERT(takes(row, value));
    with_quantity(width_, static_cast<void*>(column(measure)), [&](auto* q) {
        using Q = std::remove_cvref_t<decltype(*q)>;
        q[row] = static_cast<Q>(value);
    });
}

std::uint32_t Block::lower_bound(std::uint32_t row) const noexcept {
    MVCORE_ASSERT(!dense_ && count_ <= capacity_);
    const std::uint16_t* rows = offset();
    return static_cast<std::uint32_t>(std::lower_bound(rows, rows + count_, row) - rows);
}

Net Block::get(std::uint32_t row) const noexcept {
    MVCORE_ASSERT(row < kRows);
    if (dense_) return row < count_ ? at(row) : Net{};
    if (count_ == 0) return {};
    const auto k = lower_bound(row);
    return k < count_ && offset()[k] == row ? at(k) : Net{};
}

i128 Block::get(std::uint32_t row, int measure) const noexcept {
    MVCORE_ASSERT(row < kRows && measure >= 0 && measure < kMeasures);
    const int column = columns_ == 1 ? 0 : measure;
    if (dense_) return row < count_ ? at(row, column) : 0;
    if (count_ == 0) return 0;
    const auto k = lower_bound(row);
    return k < count_ && offset()[k] == row ? at(k, column) : 0;
}

void Block::rebuild(bool dense, Width width, int columns, std::uint32_t capacity,
                    std::uint32_t rows) {
    Block next;
    next.storage_ = allocate_storage(dense, width, columns, capacity);
    next.capacity_ = static_cast<std::uint16_t>(capacity);
    next.width_ = width;
    next.columns_ = static_cast<std::uint8_t>(columns);
    next.dense_ = dense;
    next.reserved_ = dense ? std::uint16_t{0} : reserved_;
    if (dense) next.count_ = static_cast<std::uint16_t>(rows);
    for_each([&](std::uint32_t row, const Net& value) {
        if (dense) next.put(row, value);
        else next.append(row, value);
    });
    next.positions_ = positions_;
    MVCORE_ASSERT(next.count_ <= next.capacity_ && next.positions_ <= next.count_);
    MVCORE_ASSERT(dense || next.count_ == next.positions_);  // zeros are not copied
    MVCORE_ASSERT(dense || next.count_ + next.reserved_ <= next.capacity_);
    swap(next);
}

bool Block::reserve(std::uint32_t row, const Net& value, std::uint32_t rows) {
    MVCORE_ASSERT(row < rows && rows <= kRows);
    const bool others = shared();
    const Width width = std::max(width_, width_of(value));
    const int columns = differ(value) ? kMeasures : columns_;
    const bool fits = width == width_ && columns == columns_ && !others;
    if (dense_) {
        if (row < count_ && fits) return false;
        const auto all = std::max<std::uint32_t>(count_, rows);
        rebuild(true, width, columns, round_rows(all), all);
        return others;
    }
    const bool present = mvcore::held(get(row));
    if (!mvcore::held(value) && !present)
        return false;  // set() of an absent row to zero stores nothing
    const std::uint32_t wanted = reserved_ + (present ? 0U : 1U);
    if (count_ + wanted > capacity_ || !fits) {
        const std::uint32_t used = positions_ + wanted;
        if (used * kDenseShare >= rows) {
            rebuild(true, width, columns, round_rows(rows), rows);
            return others;
        }
        const auto room = std::max((used + used / 2 + 1) / 2 * 2, std::uint32_t{4});
        rebuild(false, width, columns, room, rows);  // an even capacity keeps the offsets aligned
    }
    reserved_ = static_cast<std::uint16_t>(wanted);
    MVCORE_ASSERT(count_ + reserved_ <= capacity_ && !shared());
    return others;
}

Net Block::set(std::uint32_t row, const Net& value) noexcept {
    MVCORE_ASSERT(row < kRows);
    const bool now = mvcore::held(value);
    if (dense_) {
        MVCORE_ASSERT(row < count_ && !shared());
        MVCORE_ASSERT(width_of(value) <= width_ && (columns_ == kMeasures || !differ(value)));
        const Net old = at(row);
        put(row, value);
        positions_ = static_cast<std::uint16_t>(positions_ + now - mvcore::held(old));
        return old;
    }
    const auto k = count_ == 0 ? 0 : lower_bound(row);
    const bool there = k < count_ && offset()[k] == row;
    const Net old = there ? at(k) : Net{};
    if (now && !mvcore::held(old)) {
        MVCORE_ASSERT(reserved_ > 0);  // reserve() was called first
        --reserved_;
    }
    positions_ = static_cast<std::uint16_t>(positions_ + now - mvcore::held(old));
    if (there) {
        // Zero stays zero without a write: in that case reserve() has not unshared the block.
        if (now || mvcore::held(old)) put(k, value);
        return old;
    }
    if (!now) return old;
    MVCORE_ASSERT(count_ < capacity_);
    MVCORE_ASSERT(!shared());
    const auto width = kernels::width_bytes(width_);
    for (int c = 0; c < columns_; ++c) {
        auto* q = storage_ + column_bytes() * std::size_t(c);
        std::memmove(q + (k + 1) * width, q + k * width, (count_ - k) * width);
    }
    std::memmove(offset() + k + 1, offset() + k, (count_ - k) * sizeof(std::uint16_t));
    ++count_;
    offset()[k] = static_cast<std::uint16_t>(row);
    put(k, value);
    MVCORE_ASSERT(k == 0 || offset()[k - 1] < row);
    MVCORE_ASSERT(k + 1U == count_ || offset()[k + 1] > row);
    MVCORE_ASSERT(positions_ <= count_);
    return old;
}

void Block::allocate(std::uint32_t cells, std::uint32_t rows, Width width, int columns) {
    MVCORE_ASSERT(cells <= rows && rows <= kRows);
    const bool dense = cells * kDenseShare >= rows;
    const auto capacity =
        dense ? round_rows(rows) : (cells + 1) / 2 * 2;  // keeps the offsets aligned
    release();
    storage_ = nullptr;
    storage_ = allocate_storage(dense, width, columns, capacity);
    capacity_ = static_cast<std::uint16_t>(capacity);
    count_ = static_cast<std::uint16_t>(dense ? rows : 0);
    width_ = width;
    columns_ = static_cast<std::uint8_t>(columns);
    dense_ = dense;
}

void Block::append(std::uint32_t row, const Net& value) noexcept {
    MVCORE_ASSERT(count_ < capacity_ && (count_ == 0 || offset()[count_ - 1] < row));
    offset()[count_] = static_cast<std::uint16_t>(row);
    put(count_++, value);
}

}  // namespace mvcore
