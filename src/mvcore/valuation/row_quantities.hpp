// Quantities and prices of result rows whose grouping includes the instrument.
#pragma once

#include "mvcore/state/state.hpp"
#include "mvcore/valuation/result_rows.hpp"

namespace mvcore {

struct RowQuantities {
    Measures measures;            // the quantities to return
    std::size_t first_level = 0;  // of a roll-up, that includes the instrument
};

// Adds the columns `quantities`, `prices`, `priced` and `of_one_instrument` to rows that were
// computed from this state and grouping. `levels`: of a roll-up; see View::Shape. O(positions
// selected). Throws RowOverflow if a quantity does not fit 38 digits. `column`: of the first
// quantity in that error. Adds the number of cells visited to `cells`.
void add_quantities(const State& state, const Grouping& grouping,
                    const std::vector<std::vector<std::int32_t>>& levels,
                    const RowQuantities& asked, int column, ResultRows& rows, std::uint64_t& cells);

}  // namespace mvcore
