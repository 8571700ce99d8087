#include "mvcore/orders/rules.hpp"

#include "mvcore/base/wide_int.hpp"
#include "mvcore/orders/order_index.hpp"

namespace mvcore {
namespace {

std::string text_of(const Decimal& d) { return format_decimal(d.mantissa, d.scale); }

i128 at_18(const Decimal& d) { return d.mantissa * kPow10[std::size_t(kMaxScale - d.scale)]; }

}  // namespace

void check_signs(InputError::Row row, const OrderId& id, const Decimal& quantity,
                 const Decimal& filled, bool filled_given) {
    if (signs_agree(quantity.mantissa, filled.mantissa)) return;
    throw InputError(ErrorKind::invalid_input, "orders",
                     filled_given ? "filled_quantity" : "order_quantity", row,
                     "filled_quantity " + text_of(filled) + " and order_quantity " +
                         text_of(quantity) + " of order " + to_text(id) + " have opposite signs",
                     text_of(filled_given ? filled : quantity));
}

void check_day_fill(InputError::Row row, const OrderId& id, const Decimal& filled,
                    const Decimal& rolled, bool filled_given) {
    if (rolled.mantissa == 0 || day_fill_fits(at_18(filled), at_18(rolled), kMaxScale)) return;
    throw InputError(ErrorKind::value_overflow, "orders",
                     filled_given ? "filled_quantity" : "rolled_quantity", row,
                     "filled_quantity " + text_of(filled) + " less rolled_quantity " +
                         text_of(rolled) + " of order " + to_text(id) +
                         " has more than 20 digits before the point",
                     text_of(filled_given ? filled : rolled));
}

}  // namespace mvcore
