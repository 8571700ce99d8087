// Sums and counts whole lines, by account: the loop behind every read of the whole book.
//
// A sweep works in tiles: one block of rows times some instruments. The totals of a block stay in
// the L1 cache. If the sweep has enough cells, the threads of the book share the tiles. If it has
// fewer blocks than the threads need, the instruments are divided too, with private totals that are
// added up at the end. Totals are integers modulo 2^64 or 2^128, so the result does not depend on
// the division.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/base/wide_int.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// totals[account] += quantity * price over the lines of instruments of one unit. No two sums of a
// sweep have the same totals.
template <class T>
struct LineSum {
    std::span<const InstrumentCode> instruments;
    int measure;
    T* totals;
};

// Returns the number of cells swept. Prices are taken modulo 2^64.
std::uint64_t sum_lines(const State& state, std::span<const LineSum<std::int64_t>> sums);
// The same in 128 bits. Every price fits 64.
std::uint64_t sum_lines(const State& state, std::span<const LineSum<i128>> sums);

// The sum of the quantities of each line, modulo 2^64: for each instrument, one for each measure.
// Adds the number of cells swept to `cells`.
std::vector<std::int64_t> sum_quantities(const State& state,
                                         std::span<const InstrumentCode> instruments,
                                         std::span<const Measure> measures, std::uint64_t& cells);

// counts[account] += number of the lines in which the account has a position.
struct LineCount {
    std::span<const InstrumentCode> instruments;
    std::uint32_t* counts;
};
void count_lines(const State& state, std::span<const LineCount> counts);

}  // namespace mvcore
