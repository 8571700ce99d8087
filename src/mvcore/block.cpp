#include "block.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace mvcore {
namespace {

constexpr std::size_t kAlignment = 64;
// A sparse cell costs two bytes more and several times the time of a dense one, so a block turns
// dense when a quarter of its rows hold something.
constexpr std::uint32_t kDenseShare = 4;

std::size_t storage_bytes(bool dense, Width width, std::uint32_t capacity) {
    const std::size_t cell = kernels::width_bytes(width) + (dense ? 0 : sizeof(std::uint16_t));
    const std::size_t unit = dense ? kAlignment : 16;  // sparse blocks are many and small
    return (cell * capacity + unit - 1) / unit * unit;
}

void* allocate_storage(bool dense, Width width, std::uint32_t capacity) {
    const std::size_t bytes = storage_bytes(dense, width, capacity);
    void* p = dense ? std::aligned_alloc(kAlignment, bytes) : std::malloc(bytes);
    if (p == nullptr) throw std::bad_alloc();
    if (dense) std::memset(p, 0, bytes);
    return p;
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

void Block::Free::operator()(void* p) const noexcept { std::free(p); }

const std::uint16_t* Block::offset() const noexcept {
    return reinterpret_cast<const std::uint16_t*>(static_cast<const std::byte*>(storage_.get()) +
                                                  kernels::width_bytes(width_) * capacity_);
}

std::uint16_t* Block::offset() noexcept {
    return const_cast<std::uint16_t*>(std::as_const(*this).offset());
}

std::size_t Block::memory_bytes() const noexcept {
    return storage_ ? storage_bytes(dense_, width_, capacity_) : 0;
}

i128 Block::at(std::uint32_t k) const noexcept {
    return with_quantity(width_, quantity(),
                         [&](const auto* q) { return static_cast<i128>(q[k]); });
}

void Block::put(std::uint32_t k, i128 value) noexcept {
    with_quantity(width_, quantity(), [&](const auto* q) {
        using Q = std::remove_cvref_t<decltype(*q)>;
        const_cast<Q*>(q)[k] = static_cast<Q>(value);
    });
}

std::uint32_t Block::lower_bound(std::uint32_t row) const noexcept {
    const std::uint16_t* rows = offset();
    return static_cast<std::uint32_t>(std::lower_bound(rows, rows + count_, row) - rows);
}

i128 Block::get(std::uint32_t row) const noexcept {
    if (dense_) return row < count_ ? at(row) : 0;
    if (count_ == 0) return 0;
    const auto k = lower_bound(row);
    return k < count_ && offset()[k] == row ? at(k) : 0;
}

void Block::rebuild(bool dense, Width width, std::uint32_t capacity, std::uint32_t rows) {
    Block next;
    next.storage_.reset(allocate_storage(dense, width, capacity));
    next.capacity_ = static_cast<std::uint16_t>(capacity);
    next.width_ = width;
    next.dense_ = dense;
    if (dense) next.count_ = static_cast<std::uint16_t>(rows);
    for_each([&](std::uint32_t row, i128 value) {
        if (dense) next.put(row, value);
        else next.append(row, value);
    });
    *this = std::move(next);
}

void Block::reserve(std::uint32_t row, i128 value, std::uint32_t rows) {
    const Width width = std::max(width_, width_of(value));
    if (dense_) {
        if (row < count_ && width == width_) return;
        const auto all = std::max<std::uint32_t>(count_, rows);
        return rebuild(true, width, round_rows(all), all);
    }
    const bool held = get(row) != 0;
    if (value == 0 && !held) return;  // set() of an absent row to zero does nothing
    const std::uint32_t wanted = reserved_ + (held ? 0U : 1U);
    if (count_ + wanted > capacity_ || width != width_) {
        std::uint32_t used = wanted;
        for_each([&](std::uint32_t, i128) { ++used; });
        if (used * kDenseShare >= rows) return rebuild(true, width, round_rows(rows), rows);
        const auto room = std::max((used + used / 2 + 1) / 2 * 2, std::uint32_t{4});
        rebuild(false, width, room, rows);  // an even number of cells: offsets stay aligned
    }
    reserved_ = static_cast<std::uint16_t>(wanted);
}

i128 Block::set(std::uint32_t row, i128 value) noexcept {
    if (dense_) {
        const i128 old = at(row);
        put(row, value);
        return old;
    }
    const auto k = count_ == 0 ? 0 : lower_bound(row);
    if (value != 0 && reserved_ > 0 && get(row) == 0) --reserved_;
    if (k < count_ && offset()[k] == row) {
        const i128 old = at(k);
        put(k, value);
        return old;
    }
    if (value == 0) return 0;
    const auto width = kernels::width_bytes(width_);
    auto* q = static_cast<std::byte*>(storage_.get());
    std::memmove(q + (k + 1) * width, q + k * width, (count_ - k) * width);
    std::memmove(offset() + k + 1, offset() + k, (count_ - k) * sizeof(std::uint16_t));
    ++count_;
    offset()[k] = static_cast<std::uint16_t>(row);
    put(k, value);
    return 0;
}

void Block::allocate(std::uint32_t cells, std::uint32_t rows, Width width) {
    const bool dense = cells * kDenseShare >= rows;
    const auto capacity = dense ? round_rows(rows) : (cells + 1) / 2 * 2;  // offsets stay aligned
    storage_.reset(allocate_storage(dense, width, capacity));
    capacity_ = static_cast<std::uint16_t>(capacity);
    count_ = static_cast<std::uint16_t>(dense ? rows : 0);
    width_ = width;
    dense_ = dense;
}

void Block::append(std::uint32_t row, i128 value) noexcept {
    offset()[count_] = static_cast<std::uint16_t>(row);
    put(count_++, value);
}

}  // namespace mvcore
