// Quantities and prices of result rows that are of one instrument.
#pragma once

#include "mvcore/board/board.hpp"
#include "mvcore/valuation/result_rows.hpp"
#include "mvcore/valuation/totals.hpp"

namespace mvcore {

// What to return beside the amounts.
struct RowQuantities {
    Measures measures;            // the quantities
    bool price = false;           // the instrument's price
    std::size_t first_level = 0;  // of a roll-up, that includes the instrument
};

// Adds the columns `quantities`, `prices`, `priced` and `of_one_instrument` to rows that were
// computed from these totals, which have the quantities. O(rows). Throws RowOverflow if a quantity
// does not fit 38 digits. `column`: of the first quantity in that error.
void add_quantities(const Totals& totals, const Board& board, const RowQuantities& asked,
                    int column, ResultRows& rows);

}  // namespace mvcore
