// Valuation functions of the user's: C callbacks over columns, one call for the positions of an
// instrument. Results are floats in the instrument's currency; they are converted by the float of
// the rate and added up by row in order of instrument and account, so that equal states give equal
// bits.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/valuation/result_rows.hpp"

namespace mvcore {

// Fills out[0, n) from quantities[0, n) and the constants of their instrument.
using Callback = void (*)(std::int64_t n, const double* quantities, const double* constants,
                          double* out);

struct MeasureCall {
    // Where a constant comes from; from first_attribute on it is a place in `attributes`.
    enum Source : std::int32_t { price = 0, multiplier, quote_factor, first_attribute };

    Callback callback = nullptr;
    Measure quantity = current;
    std::vector<std::int32_t> constants;          // sources, in the order of the callback
    std::vector<std::vector<double>> attributes;  // by instrument; nan, or too short: none
};
using MeasureCalls = std::vector<MeasureCall>;

// The results, a vector for each call beside the rows of `figures`, which are of the same state.
// Levels as View::Shape. Throws nothing but std::bad_alloc. O(positions selected) for each call.
std::vector<std::vector<double>> run_measures(const State& state, const Grouping& grouping,
                                              const std::vector<std::vector<std::int32_t>>& levels,
                                              const Target& target, const MeasureCalls& calls,
                                              const ResultRows& figures);

}  // namespace mvcore
