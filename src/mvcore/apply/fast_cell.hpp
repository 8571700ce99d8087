// What reports on orders change of one position, in few bits: the way of one order and of many.
#pragma once

#include <array>
#include <cstdint>

#include "mvcore/state/book_state.hpp"

namespace mvcore {

// Below it, sums of a few are far from the limits of 64 bits and of a net quantity.
inline constexpr std::int64_t kSmall = std::int64_t{1} << 60;

inline bool small(i128 v) { return v > -kSmall && v < kSmall; }

// The quantity at the scale, where that is exact and small.
inline bool scaled(const Decimal& d, int scale, i128& out) {
    if (d.scale > scale || !small(d.mantissa)) return false;
    const auto power = kPow10[std::size_t(scale - d.scale)];
    return !__builtin_mul_overflow(d.mantissa, power, &out) && small(out);
}

class FastCell {
public:
    FastCell(std::int32_t account, std::int32_t instrument)
        : account_(account), instrument_(instrument) {}

    // What an order was and what it is. False: too large.
    [[nodiscard]] bool add(const Order& before, const Order& now) noexcept;
    [[nodiscard]] std::int32_t account() const noexcept { return account_; }
    [[nodiscard]] std::int32_t instrument() const noexcept { return instrument_; }
    // Of the instrument's absolute quantity.
    [[nodiscard]] std::int64_t more() const noexcept { return more_; }

    // First the blocks, then, when those are there, the quantities; of the index a step later.
    void prefetch_blocks(const State& state) const noexcept;
    void prefetch_quantities(const State& state) const noexcept;
    void prefetch_index(const State& state) const noexcept;

    // Alone. Makes room for what commit() writes. False: the change is not one for this class. May
    // throw std::bad_alloc; then nothing stays reserved. No value has changed.
    [[nodiscard]] bool reserve(State& state);
    // Gives up what reserve() made room for. May throw std::bad_alloc.
    void cancel(State& state) const;
    void commit(BookState& live) const noexcept;

private:
    // f(grid, line, row) in the book's grid and in the index, if there is one.
    template <class S, class F>
    void each_place(S& state, F&& f) const;
    [[nodiscard]] bool reserve_all(State& state);

    std::int64_t fill_ = 0;    // change of the current quantity
    std::int64_t expect_ = 0;  // of the expected one
    std::int64_t more_ = 0;
    std::array<std::int64_t, kMeasures> after_{};
    std::int32_t account_;
    std::int32_t instrument_;
    // The measures that change are written and nothing else: the position stays one.
    bool plain_ = false;
};

}  // namespace mvcore
