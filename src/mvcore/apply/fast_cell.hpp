// Accumulates the change that one or more order reports make to a single position, in 64-bit
// arithmetic. Falls back if a value does not fit.
#pragma once

#include <array>
#include <cstdint>

#include "mvcore/state/book_state.hpp"

namespace mvcore {

// Sums of a few values below this limit stay far from the limits of 64 bits and of a net quantity.
inline constexpr std::int64_t kSmall = std::int64_t{1} << 60;

inline bool small(i128 v) { return v > -kSmall && v < kSmall; }

// Converts the quantity to the scale. Returns false if the result is not exact or not small.
inline bool scaled(const Decimal& d, int scale, i128& out) {
    if (d.scale > scale || !small(d.mantissa)) return false;
    const auto power = kPow10[std::size_t(scale - d.scale)];
    return !__builtin_mul_overflow(d.mantissa, power, &out) && small(out);
}

class FastCell {
public:
    explicit FastCell(const CellKey& key) : account_(key.account), instrument_(key.instrument) {}

    // Adds the difference between an order's old and new state. Returns false if it is too large.
    [[nodiscard]] bool add(const Order& before, const Order& now) noexcept;
    [[nodiscard]] AccountCode account() const noexcept { return account_; }
    [[nodiscard]] InstrumentCode instrument() const noexcept { return instrument_; }
    // Change of the instrument's absolute quantity.
    [[nodiscard]] std::int64_t more() const noexcept { return more_; }

    // Call in this order, each one step later: first blocks, then the quantities in them, then the
    // quantities in the by-account index.
    void prefetch_blocks(const State& state) const noexcept;
    void prefetch_quantities(const State& state) const noexcept;
    void prefetch_index(const State& state) const noexcept;

    // Requires the exclusive lock. Reserves capacity for commit(). Returns false if this class
    // cannot apply the change. May throw std::bad_alloc; then nothing stays reserved. No value has
    // changed.
    [[nodiscard]] bool reserve(State& state);
    // Releases what reserve() reserved. May throw std::bad_alloc.
    void cancel(State& state) const;
    void commit(BookState& book_state) const noexcept;

private:
    // Calls f(grid, line, row) for the cell in the book's grid and in the by-account index, if
    // built.
    template <class S, class F>
    void each_place(S& state, F&& f) const;
    [[nodiscard]] bool reserve_all(State& state);

    std::int64_t fill_ = 0;    // change of the current quantity
    std::int64_t expect_ = 0;  // change of the expected quantity
    std::int64_t more_ = 0;
    std::array<std::int64_t, kMeasures> after_{};
    AccountCode account_;
    InstrumentCode instrument_;
    // Fast path: commit() writes only the measures that change. The cell remains a position.
    bool plain_ = false;
};

}  // namespace mvcore
