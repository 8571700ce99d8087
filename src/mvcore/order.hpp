// One order, and what it adds to a position.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "block.hpp"
#include "board.hpp"

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

// By name or by FIX code.
inline std::optional<Status> status_of(std::string_view text) noexcept {
    constexpr std::string_view kCodes = "0123456789ABCDE";
    if (text.size() == 1) {
        const auto code = kCodes.find(text[0]);
        if (code != std::string_view::npos) return static_cast<Status>(code);
    }
    for (std::size_t s = 0; s < kStatusNames.size(); ++s)
        if (kStatusNames[s] == text) return static_cast<Status>(s);
    return std::nullopt;
}

// No more of it will be filled today. FIX: calculated is "completed for the day".
inline bool dead(Status s) noexcept {
    return s == Status::filled || s == Status::done_for_day || s == Status::canceled ||
           s == Status::rejected || s == Status::expired || s == Status::calculated;
}

struct Order {
    std::int32_t account = -1;
    std::int32_t instrument = -1;
    i128 quantity = 0;  // FIX 38, negative to sell; at the instrument's quantity scale, as the rest
    i128 filled = 0;    // FIX 14, of the same sign
    i128 rolled = 0;    // how much of `filled` a roll of the day has moved into the holdings
    std::int64_t time = kNoTime;
    Status status = Status::created;

    // FIX 151: 0 once filled, overfilled or dead.
    [[nodiscard]] i128 leaves() const noexcept {
        const bool all = quantity == 0 || (quantity < 0 ? filled <= quantity : filled >= quantity);
        return dead(status) || all ? 0 : quantity - filled;
    }
    [[nodiscard]] i128 day_fill() const noexcept { return filled - rolled; }
};

}  // namespace mvcore
