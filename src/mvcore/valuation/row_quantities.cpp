#include "mvcore/valuation/row_quantities.hpp"

#include "mvcore/base/assert.hpp"

namespace mvcore {

void add_quantities(const Totals& totals, const Board& board, const RowQuantities& asked,
                    int column, ResultRows& rows) {
    const auto size = rows.size();
    rows.of_one_instrument.assign(size, 0);
    if (asked.price) {
        rows.prices.assign(size, 0);
        rows.priced.assign(size, 0);
    }
    rows.quantities.assign(asked.measures.size(), std::vector<i128>(size, 0));
    for (std::size_t k = 0; k < size; ++k) {
        const auto row = static_cast<std::size_t>(rows.row[k]);
        const auto instrument = totals.instrument_of(row);
        if (!instrument) continue;
        rows.of_one_instrument[k] = 1;
        if (const Quote& quote = board.quote(*instrument); asked.price && quote.priced) {
            rows.priced[k] = 1;
            rows.prices[k] = board.price_mantissa(*instrument) *
                             kPow10[std::size_t(kMaxScale - quote.price_scale)];
        }
        const auto power =
            kPow10[std::size_t(kMaxScale - board.instrument(*instrument).quantity_scale)];
        for (std::size_t c = 0; c < asked.measures.size(); ++c) {
            const i256 quantity = totals.quantity(c, row) * i256(power);
            if (quantity.magnitude() >= i256(kPow10[38])) {
                const GroupPair pair = totals.table().pair(static_cast<std::uint32_t>(row));
                throw RowOverflow(row, pair.instrument_group, pair.account_group,
                                  column + static_cast<int>(c));
            }
            rows.quantities[c][k] = quantity.low128();
        }
    }
}

}  // namespace mvcore
