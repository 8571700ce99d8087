// Quantities of up to 4,096 neighbouring rows of one line (an instrument, or an account in the
// by-account index): dense (one integer per row) or sparse (16-bit offsets beside them), in the
// narrowest width that holds them. It turns dense and wider as its content needs.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "kernels/kernels.hpp"
#include "wide.hpp"

namespace mvcore {

using kernels::Width;

Width width_of(i128 value) noexcept;

class Block {
public:
    static constexpr std::uint32_t kRows = 4096;

    Block() = default;

    // Makes room so that set(row, value) cannot fail; changes no quantity. Room for several rows
    // may be reserved before the first is set. `rows`: rows of the grid in this block. Throws
    // std::bad_alloc, then nothing has changed.
    void reserve(std::uint32_t row, i128 value, std::uint32_t rows);
    // The quantity that stood there before. Call reserve first.
    i128 set(std::uint32_t row, i128 value) noexcept;
    [[nodiscard]] i128 get(std::uint32_t row) const noexcept;

    // Bulk load into an empty block: rows ascend from `first`, which is the block's first row;
    // every quantity fits `width`.
    template <class Q>
    void fill(const std::uint32_t* row, const Q* quantity, std::uint32_t n, std::uint32_t first,
              std::uint32_t rows, Width width);

    [[nodiscard]] bool dense() const noexcept { return dense_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    // Dense: rows held (absent ones are zero). Sparse: cells held (some may be zero).
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] Width width() const noexcept { return width_; }
    [[nodiscard]] const void* quantity() const noexcept { return storage_.get(); }
    [[nodiscard]] const std::uint16_t* offset() const noexcept;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

    // f(row, quantity) for each quantity that is not zero, rows ascending.
    template <class F>
    void for_each(F&& f) const {
        for_each_between(0, kRows, f);
    }
    // The same for rows in [begin, end).
    template <class F>
    void for_each_between(std::uint32_t begin, std::uint32_t end, F&& f) const;

private:
    struct Free {
        void operator()(void* p) const noexcept;
    };
    [[nodiscard]] i128 at(std::uint32_t k) const noexcept;
    void put(std::uint32_t k, i128 value) noexcept;
    [[nodiscard]] std::uint32_t lower_bound(std::uint32_t row) const noexcept;
    void append(std::uint32_t row, i128 value) noexcept;
    [[nodiscard]] std::uint16_t* offset() noexcept;
    void allocate(std::uint32_t cells, std::uint32_t rows, Width width);
    void rebuild(bool dense, Width width, std::uint32_t capacity, std::uint32_t rows);

    std::unique_ptr<void, Free> storage_;  // capacity_ integers, then (sparse) capacity_ offsets
    std::uint16_t count_ = 0;
    std::uint16_t capacity_ = 0;
    std::uint16_t reserved_ = 0;  // rows that were absent when room was reserved, not yet set
    Width width_ = kernels::w8;
    bool dense_ = false;
};

// f(const Q* quantities) with the block's integer type.
template <class F>
decltype(auto) with_quantity(Width width, const void* quantity, F&& f) {
    switch (width) {
        case kernels::w8: return f(static_cast<const std::int8_t*>(quantity));
        case kernels::w16: return f(static_cast<const std::int16_t*>(quantity));
        case kernels::w32: return f(static_cast<const std::int32_t*>(quantity));
        case kernels::w64: return f(static_cast<const std::int64_t*>(quantity));
        default: return f(static_cast<const i128*>(quantity));
    }
}

template <class Q>
void Block::fill(const std::uint32_t* row, const Q* quantity, std::uint32_t n, std::uint32_t first,
                 std::uint32_t rows, Width width) {
    allocate(n, rows, width);
    with_quantity(width, storage_.get(), [&](const auto* typed) {
        using T = std::remove_cvref_t<decltype(*typed)>;
        auto* q = const_cast<T*>(typed);
        if (dense_) {
            for (std::uint32_t k = 0; k < n; ++k) q[row[k] - first] = static_cast<T>(quantity[k]);
        } else {
            std::uint16_t* rows_out = offset();
            for (std::uint32_t k = 0; k < n; ++k) {
                q[k] = static_cast<T>(quantity[k]);
                rows_out[k] = static_cast<std::uint16_t>(row[k] - first);
            }
            count_ = static_cast<std::uint16_t>(n);
        }
    });
}

template <class F>
void Block::for_each_between(std::uint32_t begin, std::uint32_t end, F&& f) const {
    if (empty()) return;
    with_quantity(width_, quantity(), [&](const auto* q) {
        if (dense_) {
            for (std::uint32_t row = begin; row < count_ && row < end; ++row)
                if (q[row] != 0) f(row, static_cast<i128>(q[row]));
        } else {
            const std::uint16_t* rows = offset();
            for (std::uint32_t k = begin == 0 ? 0 : lower_bound(begin); k < count_ && rows[k] < end;
                 ++k)
                if (q[k] != 0) f(rows[k], static_cast<i128>(q[k]));
        }
    });
}

}  // namespace mvcore
