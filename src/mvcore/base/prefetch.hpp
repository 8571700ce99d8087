// Software prefetching for random row access: each step runs over a group of rows, so that their
// cache misses overlap.
#pragma once

#include <algorithm>
#include <cstddef>

#include "mvcore/base/tuning.hpp"

namespace mvcore {

// Starts loading a cache line. GCC assumes that a function which only prefetches has no effect and
// drops calls to it. The empty asm statement counts as an effect.
inline void prefetch(const void* p) noexcept {
    __builtin_prefetch(p);
    __asm__ volatile("");
}

// Runs each step over all rows of a group before the next step, group after group. The data that
// one step prefetches has arrived when the next step reaches the row. Each step sees the rows in
// ascending order.
template <class... Steps>
void overlap_misses(std::size_t rows, Steps&&... steps) {
    for (std::size_t begin = 0; begin < rows; begin += tuning::kPrefetchGroup) {
        const auto end = std::min(begin + tuning::kPrefetchGroup, rows);
        auto all = [&](auto&& step) {
            for (std::size_t row = begin; row < end; ++row) step(row);
        };
        (all(steps), ...);
    }
}

}  // namespace mvcore
