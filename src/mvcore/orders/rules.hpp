// The rules that the numbers of an order obey. Every write path calls these.
#pragma once

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/orders/order_index.hpp"

namespace mvcore {

// order_quantity (FIX 38) and filled_quantity (FIX 14) must have the same sign; either may be 0.
constexpr bool signs_agree(i128 quantity, i128 filled) noexcept {
    return quantity == 0 || filled == 0 || (quantity < 0) == (filled < 0);
}

// Throws InputError if the signs of quantity and filled differ. It names filled_quantity or, if the
// caller gave none, order_quantity.
void check_signs(InputError::Row row, const OrderId& id, const Decimal& quantity,
                 const Decimal& filled, bool filled_given);
// Throws InputError if filled less rolled has more than 20 digits before the point. Each of the two
// may be as large as a net quantity, and their signs may differ. It names filled_quantity or, if
// the caller gave none, rolled_quantity.
void check_day_fill(InputError::Row row, const OrderId& id, const Decimal& filled,
                    const Decimal& rolled, bool filled_given);

}  // namespace mvcore
