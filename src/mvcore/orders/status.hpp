// The status of an order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mvcore/base/wide_int.hpp"

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

// Whether the number, read from storage, is that of a status.
constexpr bool is_status(i128 number) noexcept {
    return number >= 0 && number < i128{kStatusNames.size()};
}

// The status of a FIX 39 code ("0" to "9", "A" to "E") or of a name. Names may be in any case, with
// or without separators between words: "PartiallyFilled", "PARTIALLY_FILLED" and "partially filled"
// are the same. Other common spellings, such as "cancelled", are accepted too.
std::optional<Status> status_of(std::string_view text) noexcept;
// The reason why status_of() does not know the text, for messages.
std::string unknown_status(std::string_view text);

}  // namespace mvcore
