#include "mvcore/orders/status.hpp"

#include <utility>

#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

constexpr std::string_view kStatusCodes = "0123456789ABCDE";
constexpr std::size_t kLongestName = 32;

constexpr bool separator(char c) noexcept { return c == '_' || c == ' ' || c == '-'; }

// Names without separators, in lower case. Spellings that differ from kStatusNames come from FIX
// and its engines: both spellings of "canceled", "Done for the day", "Pending Cancel/Replace".
constexpr std::pair<std::string_view, Status> kSpellings[] = {
    {"new", Status::created},
    {"partiallyfilled", Status::partially_filled},
    {"partialfilled", Status::partially_filled},
    {"partialfill", Status::partially_filled},
    {"partfilled", Status::partially_filled},
    {"filled", Status::filled},
    {"fullyfilled", Status::filled},
    {"doneforday", Status::done_for_day},
    {"donefortheday", Status::done_for_day},
    {"canceled", Status::canceled},
    {"cancelled", Status::canceled},
    {"replaced", Status::replaced},
    {"pendingcancel", Status::pending_cancel},
    {"pendingcanceled", Status::pending_cancel},
    {"pendingcancelled", Status::pending_cancel},
    {"stopped", Status::stopped},
    {"rejected", Status::rejected},
    {"suspended", Status::suspended},
    {"pendingnew", Status::pending_new},
    {"calculated", Status::calculated},
    {"expired", Status::expired},
    {"acceptedforbidding", Status::accepted_for_bidding},
    {"acceptedforbid", Status::accepted_for_bidding},
    {"pendingreplace", Status::pending_replace},
    {"pendingreplaced", Status::pending_replace},
    {"pendingcancelreplace", Status::pending_replace},
};

}  // namespace

std::optional<Status> status_of(std::string_view text) noexcept {
    if (text.size() == 1) {
        const auto code = kStatusCodes.find(text[0]);
        if (code == std::string_view::npos) return std::nullopt;
        return static_cast<Status>(code);
    }
    for (std::size_t s = 0; s < kStatusNames.size(); ++s)  // fast path: the spelling of most feeds
        if (kStatusNames[s] == text) return static_cast<Status>(s);
    if (text.empty() || text.size() > kLongestName) return std::nullopt;
    if (separator(text.front()) || separator(text.back())) return std::nullopt;
    char folded[kLongestName];
    std::size_t size = 0;
    bool after_separator = false;
    for (const char c : text) {
        if (separator(c)) {
            if (std::exchange(after_separator, true)) return std::nullopt;
            continue;
        }
        after_separator = false;
        folded[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    for (const auto& [name, status] : kSpellings)
        if (name == std::string_view(folded, size)) return status;
    return std::nullopt;
}

std::string unknown_status(std::string_view text) {
    std::string out = "unknown status " + quoted(text) + "; expected one of ";
    for (const auto name : kStatusNames) out += std::string(name) + ", ";
    return out + "or a code 0 to 9 or A to E (FIX tag 39)";
}

}  // namespace mvcore
