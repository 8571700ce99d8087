// Types of the codes that stand for accounts and instruments inside a book, and of epochs. Each is
// a type of its own, so that code which swaps them does not compile. Columns that callers bring or
// that go to files hold plain integers; code converts a single value when it takes one out.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace mvcore {

enum class AccountCode : std::int32_t {};
enum class InstrumentCode : std::int32_t {};
inline constexpr AccountCode kNoAccount{-1};
inline constexpr InstrumentCode kNoInstrument{-1};

template <class T>
concept Code = std::same_as<T, AccountCode> || std::same_as<T, InstrumentCode>;

// Whether the code is not negative. It may still be out of range.
constexpr bool is_code(Code auto code) noexcept { return static_cast<std::int32_t>(code) >= 0; }
// The code as an array index.
constexpr std::size_t code_index(Code auto code) noexcept { return static_cast<std::size_t>(code); }
// The code as columns and name tables hold it.
constexpr std::int32_t raw(Code auto code) noexcept { return static_cast<std::int32_t>(code); }

// The number of write calls that made a state of a book. It is no position in a log, and no
// sequence number of a frame.
enum class Epoch : std::uint64_t {};
inline constexpr Epoch kNoEpoch{~std::uint64_t{0}};  // e.g. of a view that was never read

constexpr std::uint64_t raw(Epoch epoch) noexcept { return static_cast<std::uint64_t>(epoch); }
// The epoch after, or before, so many write calls.
constexpr Epoch operator+(Epoch epoch, std::uint64_t calls) noexcept {
    return Epoch{raw(epoch) + calls};
}
constexpr Epoch operator-(Epoch epoch, std::uint64_t calls) noexcept {
    return Epoch{raw(epoch) - calls};
}
constexpr Epoch& operator+=(Epoch& epoch, std::uint64_t calls) noexcept {
    return epoch = epoch + calls;
}
constexpr Epoch& operator++(Epoch& epoch) noexcept { return epoch += 1; }
constexpr Epoch& operator--(Epoch& epoch) noexcept { return epoch = epoch - 1; }

// One cell of the grid: the position of an account in an instrument. Ordered by instrument.
struct CellKey {
    InstrumentCode instrument;
    AccountCode account;

    friend constexpr auto operator<=>(const CellKey&, const CellKey&) = default;
    // Both codes as one integer, in the same order.
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
        return std::uint64_t{static_cast<std::uint32_t>(instrument)} << 32 |
               static_cast<std::uint32_t>(account);
    }
};
static_assert(sizeof(CellKey) == 8);

// Consecutive codes, for range-based loops.
template <Code T>
class CodeRange {
public:
    struct Iterator {
        std::int32_t at;
        constexpr T operator*() const noexcept { return T(at); }
        constexpr Iterator& operator++() noexcept {
            ++at;
            return *this;
        }
        friend constexpr bool operator==(const Iterator&, const Iterator&) = default;
    };
    constexpr CodeRange(T begin, T end) noexcept : begin_(raw(begin)), end_(raw(end)) {}
    [[nodiscard]] constexpr Iterator begin() const noexcept { return {begin_}; }
    [[nodiscard]] constexpr Iterator end() const noexcept { return {end_}; }

private:
    std::int32_t begin_;
    std::int32_t end_;
};
constexpr CodeRange<InstrumentCode> instruments_below(std::size_t count) noexcept {
    return {InstrumentCode{0}, InstrumentCode(count)};
}
constexpr CodeRange<InstrumentCode> instruments_between(InstrumentCode begin,
                                                        InstrumentCode end) noexcept {
    return {begin, end};
}
constexpr CodeRange<AccountCode> accounts_below(std::size_t count) noexcept {
    return {AccountCode{0}, AccountCode(count)};
}

// Input of a hash function.
constexpr std::uint64_t bits_of(const CellKey& key) noexcept { return key.bits(); }
constexpr std::uint64_t bits_of(Code auto code) noexcept {
    return static_cast<std::uint32_t>(code);
}

}  // namespace mvcore

template <>
struct std::hash<mvcore::CellKey> {
    std::size_t operator()(const mvcore::CellKey& key) const noexcept {
        return static_cast<std::size_t>(key.bits() * 0x9E3779B97F4A7C15ULL);
    }
};
