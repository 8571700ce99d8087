// Exact decimals: a 128-bit integer counted in 10^-scale, trailing zeros stripped.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "mvcore/base/wide_int.hpp"

namespace mvcore {

inline constexpr int kMaxScale = 18;          // decimals of an input
inline constexpr int kMaxIntegerDigits = 20;  // digits before the point of an input
inline constexpr int kMaxAmountDigits = 38;   // decimal128

inline constexpr std::array<i128, 39> kPow10 = [] {  // 10^0 .. 10^38
    std::array<i128, 39> v{1};
    for (int k = 1; k < 39; ++k) v[k] = v[k - 1] * 10;
    return v;
}();

struct Decimal {
    i128 mantissa = 0;
    int scale = 0;  // value = mantissa / 10^scale, 0 <= scale <= kMaxScale

    friend bool operator==(const Decimal&, const Decimal&) = default;
};

enum class DecimalFault { none, syntax, not_finite, too_many_decimals, too_many_digits };
// The reason in words, to stand after a value in a message.
const char* describe(DecimalFault fault);

struct DecimalResult {
    Decimal value;
    DecimalFault fault = DecimalFault::none;
    explicit operator bool() const { return fault == DecimalFault::none; }
};

// [+-]digits[.digits][e[+-]digits]: no white space, no underscore; NaN and infinities are faults.
DecimalResult parse_decimal(std::string_view text);
// mantissa counted in 10^-scale, 0 <= scale <= 38; trailing zeros do not count as decimals.
DecimalResult make_decimal(i128 mantissa, int scale);
// The shortest decimal text of the float, so that 0.1 is 0.1.
DecimalResult decimal_of(double value);
DecimalResult decimal_of(float value);
// As Python writes it: the shortest text that is the float again.
std::string shortest_text(double value);
std::string shortest_text(float value);

// mantissa / 10^scale with exactly `scale` decimals (to be read back by any decimal parser).
std::string format_decimal(i128 mantissa, int scale);
// The same into a buffer of at least 64 bytes; returns the length.
int format_decimal(i128 mantissa, int scale, char* buffer);
// The nearest float64.
double to_double(i128 mantissa, int scale);

inline u128 magnitude(i128 v) { return v < 0 ? -static_cast<u128>(v) : static_cast<u128>(v); }

}  // namespace mvcore
