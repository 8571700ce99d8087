// The rules that the numbers of an order obey. Every write path and every decoder calls these. The
// rule for late reports is that of all facts: older() in board.hpp.
#pragma once

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/orders/status.hpp"

namespace mvcore {

struct OrderId;

// Statuses that leave nothing to fill, whatever the quantities say. FIX: calculated is "completed
// for the day".
constexpr bool leaves_nothing(Status s) noexcept {
    return s == Status::filled || s == Status::done_for_day || s == Status::canceled ||
           s == Status::replaced || s == Status::rejected || s == Status::expired ||
           s == Status::calculated;
}

// Statuses that end an order for the day only. A later report may reactivate it.
constexpr bool may_resume(Status s) noexcept {
    return s == Status::done_for_day || s == Status::calculated;
}

// The quantities of an order are integers of type Q, at one scale.
template <class Q>
constexpr bool all_filled(Q quantity, Q filled) noexcept {
    return quantity == 0 || (quantity < 0 ? filled <= quantity : filled >= quantity);
}
// FIX 151: 0 if the order is filled, overfilled or has a status that leaves nothing.
template <class Q>
constexpr Q leaves_of(Status status, Q quantity, Q filled) noexcept {
    return leaves_nothing(status) || all_filled(quantity, filled) ? 0 : quantity - filled;
}
// Whether nothing more can be filled, today or later.
template <class Q>
constexpr bool has_ended(Status status, Q quantity, Q filled) noexcept {
    return all_filled(quantity, filled) || (leaves_nothing(status) && !may_resume(status));
}

// order_quantity (FIX 38) and filled_quantity (FIX 14) must have the same sign; either may be 0.
template <class Q>
constexpr bool signs_agree(Q quantity, Q filled) noexcept {
    return quantity == 0 || filled == 0 || (quantity < 0) == (filled < 0);
}
// What was filled today must fit like any quantity. Filled and rolled quantities may have opposite
// signs, so that the difference of two quantities that fit may not fit.
inline bool day_fill_fits(i128 filled, i128 rolled, int scale) noexcept {
    return within_integer_digits(i256(filled) - i256(rolled), scale);
}

// Throws InputError if the signs of quantity and filled differ. It names filled_quantity or, if the
// caller gave none, order_quantity.
void check_signs(InputError::Row row, const OrderId& id, const Decimal& quantity,
                 const Decimal& filled, bool filled_given);
// Throws InputError if filled less rolled has more than 20 digits before the point. It names
// filled_quantity or, if the caller gave none, rolled_quantity.
void check_day_fill(InputError::Row row, const OrderId& id, const Decimal& filled,
                    const Decimal& rolled, bool filled_given);

}  // namespace mvcore
