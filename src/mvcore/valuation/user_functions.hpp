// User-defined valuation functions: C callbacks over columns, called with up to a few thousand
// positions of one instrument. Results are floats in the instrument's currency. They are converted
// with the rate as a float, and summed by row in order of instrument and account, so that equal
// states give equal bits.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/valuation/result_rows.hpp"

namespace mvcore {

// Fills out[0, n) from quantities[0, n) and the constants of the instrument.
using Callback = void (*)(std::int64_t n, const double* quantities, const double* constants,
                          double* out);

struct UserFunction {
    // The source of a constant. Values from first_attribute on are indices into `attributes`.
    enum ConstantSource : std::int32_t { price = 0, multiplier, quote_factor, first_attribute };

    Callback callback = nullptr;
    Measure quantity = current;
    std::vector<std::int32_t> constants;          // sources, in the order the callback expects
    std::vector<std::vector<double>> attributes;  // by instrument; NaN or too short: none
};
using UserFunctions = std::vector<UserFunction>;

// Returns one vector per function, parallel to `rows`, which must be of the same state.
// Levels as in View::Shape. Throws only std::bad_alloc. O(positions selected) per function.
std::vector<std::vector<double>> run_user_functions(
    const State& state, const Grouping& grouping,
    const std::vector<std::vector<std::int32_t>>& levels, const Target& target,
    const UserFunctions& functions, const ResultRows& rows);

}  // namespace mvcore
