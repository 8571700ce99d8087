// One order, and its contribution to a position.
#pragma once

#include <cstdint>
#include <optional>

#include "mvcore/board/board.hpp"
#include "mvcore/grid/block.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore {

// A price without trailing zeros, or an unknown one.
struct FillPrice {
    static constexpr int kUnknown = -1;

    i128 mantissa = 0;
    int scale = kUnknown;

    [[nodiscard]] bool known() const noexcept { return scale != kUnknown; }
    friend bool operator==(const FillPrice&, const FillPrice&) = default;
};

struct Order {
    AccountCode account = kNoAccount;
    InstrumentCode instrument = kNoInstrument;
    // All quantities of an order are at the quantity scale of the instrument.
    i128 quantity = 0;        // FIX 38, negative to sell
    i128 filled = 0;          // FIX 14, same sign as quantity
    i128 rolled = 0;          // how much of `filled` earlier day rolls moved into the holdings
    FillPrice average_price;  // FIX 6, over all fills
    FillPrice rolled_price;   // average price of `rolled`, as of the last day roll
    std::int64_t time = kNoTime;
    Status status = Status::created;
    // The order had ended at the last day roll, and no report has changed it since. Replays and
    // late corrections still find it. The next roll drops it.
    bool retained = false;

    [[nodiscard]] i128 leaves() const noexcept { return leaves_of(status, quantity, filled); }
    [[nodiscard]] i128 day_fill() const noexcept { return filled - rolled; }
    [[nodiscard]] bool ended() const noexcept { return has_ended(status, quantity, filled); }
    // Whether a report that turns this order into `now` changes nothing. The time is ignored.
    [[nodiscard]] bool unchanged(const Order& now) const noexcept {
        return account == now.account && instrument == now.instrument && status == now.status &&
               quantity == now.quantity && filled == now.filled && rolled == now.rolled &&
               average_price == now.average_price;
    }
    // The price of the fills that earlier rolls moved: the price that a roll recorded, or else the
    // average price.
    [[nodiscard]] const FillPrice& price_of_rolled() const noexcept {
        return rolled_price.known() ? rolled_price : average_price;
    }
    [[nodiscard]] bool costed() const noexcept {
        return average_price.known() || rolled_price.known();
    }
    // The order after a day roll, or nothing if the roll drops it. `drop_ended`: the rule of
    // journal format 1, which kept only orders with a quantity left to fill.
    [[nodiscard]] std::optional<Order> after_roll(bool drop_ended) const noexcept {
        if (drop_ended ? leaves() == 0 : ended() && retained) return std::nullopt;
        Order next = *this;
        next.rolled = filled;
        next.rolled_price = average_price;
        next.retained = ended();
        return next;
    }
};

}  // namespace mvcore
