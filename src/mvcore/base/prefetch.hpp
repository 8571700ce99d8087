// Rows that lie all over the memory: many are fetched at once, one step of the way after the other.
#pragma once

#include <algorithm>
#include <cstddef>

namespace mvcore {

// The cache line is on its way. GCC takes a function that does nothing but prefetch for one without
// effect and leaves its calls out; the empty statement is an effect.
inline void prefetch(const void* p) noexcept {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

inline constexpr std::size_t kTogether = 32;

// Every step, each for all rows of a group, group after group: what a step prefetches is there when
// the next one comes to the row. Rows of the last step are in order.
template <class... Steps>
void together(std::size_t rows, Steps&&... steps) {
    for (std::size_t begin = 0; begin < rows; begin += kTogether) {
        const auto end = std::min(begin + kTogether, rows);
        auto all = [&](auto&& step) {
            for (std::size_t row = begin; row < end; ++row) step(row);
        };
        (all(steps), ...);
    }
}

}  // namespace mvcore
