// Cash from fills: what the fills of an order cost, rounded to the decimals of their currency.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mvcore/base/wide_int.hpp"
#include "mvcore/board/board.hpp"
#include "mvcore/orders/order.hpp"

namespace mvcore {

inline constexpr int kMostCashDecimals = kMaxScale;

// Decimals of the currency by ISO 4217 (list one, "minor unit"); none if the code is not in it.
std::optional<int> minor_units(std::string_view currency) noexcept;

// How a book moves cash, for its whole life.
struct CashRule {
    static constexpr int kMinorUnits = -1;

    bool from_fills = false;  // a fill with an average price moves the cash of its currency
    int scale = kMinorUnits;  // decimals that a fill's cost is rounded to, or those of ISO 4217

    // Decimals of the currency's cash; none if ISO 4217 does not know them.
    [[nodiscard]] std::optional<int> scale_of(std::string_view currency) const noexcept {
        return scale == kMinorUnits ? minor_units(currency) : scale;
    }

    friend bool operator==(const CashRule&, const CashRule&) = default;
};

// Where the cash of a currency is.
struct CashTarget {
    std::int32_t instrument = -1;  // -1: the currency has no cash instrument
    int scale = 0;                 // decimals that a fill's cost is rounded to

    friend bool operator==(const CashTarget&, const CashTarget&) = default;
};

enum class CashFault : std::uint8_t {
    none,
    no_target,  // it is not zero, and its currency has no cash instrument
    too_large,  // a cost has more than 20 digits before the point
};

// What the fills of an order add to the cash of its account: the rounded cost of those that earlier
// rolls moved into holdings, less that of all; 0 without an average price.
struct CashLeg {
    CashTarget target;
    i256 amount;  // counted in 10^-target.scale; the difference of two costs may pass 128 bits
    CashFault fault = CashFault::none;
};
CashLeg cash_leg(const Order& order, int quantity_scale, const Instrument& instrument,
                 const CashTarget& target);

}  // namespace mvcore
