// Exact decimals: a 128-bit integer mantissa in units of 10^-scale, without trailing zeros.
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
// The reason in words. Messages append it to the value.
const char* describe(DecimalFault fault);

struct DecimalResult {
    Decimal value;
    DecimalFault fault = DecimalFault::none;
    explicit operator bool() const { return fault == DecimalFault::none; }
};

// Accepts [+-]digits[.digits][e[+-]digits] without white space or underscores. NaN and infinities
// are faults.
DecimalResult parse_decimal(std::string_view text);
// The value mantissa / 10^scale, 0 <= scale <= 38. Trailing zeros do not count as decimals.
DecimalResult make_decimal(i128 mantissa, int scale);
// The decimal of the float's shortest text: decimal_of(0.1) is exactly 0.1.
DecimalResult decimal_of(double value);
DecimalResult decimal_of(float value);
// The shortest text that parses back to the same float: the digits that Python prints.
std::string shortest_text(double value);
std::string shortest_text(float value);

// Removes trailing zeros of the decimals. Zero gets the scale 0.
void strip_zeros(i128& mantissa, int& scale);
// mantissa / 10^scale with exactly `scale` decimals. Any decimal parser can read it back.
std::string format_decimal(i128 mantissa, int scale);
// Writes the same text into a buffer of at least 64 bytes; returns the length.
int format_decimal(i128 mantissa, int scale, char* buffer);
// The nearest float64.
double to_double(i128 mantissa, int scale);

constexpr u128 magnitude(i128 v) { return v < 0 ? -static_cast<u128>(v) : static_cast<u128>(v); }

// The bound of inputs, quantities and costs: whether mantissa / 10^scale has at most
// kMaxIntegerDigits digits before the point. 0 <= scale <= kMaxScale.
constexpr bool within_integer_digits(i128 mantissa, int scale) noexcept {
    return magnitude(mantissa) < magnitude(kPow10[std::size_t(kMaxIntegerDigits + scale)]);
}
template <int N>
constexpr bool within_integer_digits(const Int<N>& mantissa, int scale) noexcept {
    return mantissa.fits64() ||
           mantissa.magnitude() < Int<N>(kPow10[std::size_t(kMaxIntegerDigits + scale)]);
}

}  // namespace mvcore
