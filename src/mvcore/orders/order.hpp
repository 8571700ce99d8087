// One order, and its contribution to a position.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mvcore/board/board.hpp"
#include "mvcore/grid/block.hpp"

namespace mvcore {

// FIX 39 (OrdStatus), in the order of its codes 0..9, A..E.
enum class Status : std::uint8_t {
    created,  // "new"
    partially_filled,
    filled,
    done_for_day,
    canceled,
    replaced,
    pending_cancel,
    stopped,
    rejected,
    suspended,
    pending_new,
    calculated,
    expired,
    accepted_for_bidding,
    pending_replace,
};
inline constexpr std::array<std::string_view, 15> kStatusNames = {"new",
                                                                  "partially_filled",
                                                                  "filled",
                                                                  "done_for_day",
                                                                  "canceled",
                                                                  "replaced",
                                                                  "pending_cancel",
                                                                  "stopped",
                                                                  "rejected",
                                                                  "suspended",
                                                                  "pending_new",
                                                                  "calculated",
                                                                  "expired",
                                                                  "accepted_for_bidding",
                                                                  "pending_replace"};

// The status of a FIX 39 code ("0" to "9", "A" to "E") or of a name. Names may be in any case, with
// or without separators between words: "PartiallyFilled", "PARTIALLY_FILLED" and "partially filled"
// are the same. Other common spellings, such as "cancelled", are accepted too.
std::optional<Status> status_of(std::string_view text) noexcept;
// The names and codes that status_of() accepts, for messages.
std::string status_choices();

// Statuses that leave nothing to fill, whatever the quantities say. FIX: calculated is "completed
// for the day".
inline bool leaves_nothing(Status s) noexcept {
    return s == Status::filled || s == Status::done_for_day || s == Status::canceled ||
           s == Status::replaced || s == Status::rejected || s == Status::expired ||
           s == Status::calculated;
}

// Statuses that end an order for the day only. A later report may reactivate it.
inline bool may_resume(Status s) noexcept {
    return s == Status::done_for_day || s == Status::calculated;
}

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

    [[nodiscard]] bool all_filled() const noexcept {
        return quantity == 0 || (quantity < 0 ? filled <= quantity : filled >= quantity);
    }
    // FIX 151: 0 if the order is filled, overfilled or has a status that leaves nothing.
    [[nodiscard]] i128 leaves() const noexcept {
        return leaves_nothing(status) || all_filled() ? 0 : quantity - filled;
    }
    [[nodiscard]] i128 day_fill() const noexcept { return filled - rolled; }
    // Nothing more can be filled, today or later.
    [[nodiscard]] bool ended() const noexcept {
        return all_filled() || (leaves_nothing(status) && !may_resume(status));
    }
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
