// Cash from fills: the cost of an order's fills, rounded to the decimals of their currency.
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

// How a book moves cash. Fixed for the life of the book.
struct CashRule {
    static constexpr int kMinorUnits = -1;

    bool from_fills = false;  // a fill with an average price moves the cash of its currency
    int scale = kMinorUnits;  // decimals of a rounded cost, or those of ISO 4217

    // Decimals of the currency's cash. None if ISO 4217 decides and does not list the currency.
    [[nodiscard]] std::optional<int> scale_of(std::string_view currency) const noexcept {
        return scale == kMinorUnits ? minor_units(currency) : scale;
    }

    friend bool operator==(const CashRule&, const CashRule&) = default;
};

// The instrument that holds the cash of a currency.
struct CashTarget {
    InstrumentCode instrument = kNoInstrument;  // -1: the currency has no cash instrument
    int scale = 0;                              // decimals to which the cost of fills is rounded

    friend bool operator==(const CashTarget&, const CashTarget&) = default;
};

enum class CashFault : std::uint8_t {
    none,
    no_target,  // the amount is not zero, but its currency has no cash instrument
    too_large,  // a cost has more than 20 digits before the point
};

// The amount that an order's fills add to the cash of its account: the rounded cost of the fills
// that earlier day rolls moved into holdings, less the rounded cost of all fills. 0 without an
// average price.
struct CashLeg {
    CashTarget target;
    i256 amount;  // in units of 10^-target.scale; the difference of two costs may exceed 128 bits
    CashFault fault = CashFault::none;
};
CashLeg cash_leg(const Order& order, int quantity_scale, const Instrument& instrument,
                 const CashTarget& target);

}  // namespace mvcore
