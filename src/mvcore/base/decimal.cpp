#include "mvcore/base/decimal.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "mvcore/base/assert.hpp"

namespace mvcore {
namespace {

template <class F>
DecimalResult shortest(F value) {
    if (!std::isfinite(value)) return {{}, DecimalFault::not_finite};
    char text[48];
    const auto end =
        std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
    return parse_decimal({text, static_cast<std::size_t>(end - text)});
}

template <class F>
std::string text_of(F value) {
    char text[48];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

bool not_a_number_word(std::string_view s) {
    std::string low;
    for (char c : s) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return low == "nan" || low == "inf" || low == "infinity" || low == "snan";
}

// Parses [e[+-]digits] at p. Once the exponent reaches 9999, further digits are ignored: the value
// is out of range anyway.
bool parse_exponent(const char*& p, const char* end, int& exponent) {
    if (p == end || (*p != 'e' && *p != 'E')) return true;
    ++p;
    bool negative = false;
    if (p != end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    if (p == end) return false;
    for (; p != end && *p >= '0' && *p <= '9'; ++p)
        if (exponent < 9999) exponent = exponent * 10 + (*p - '0');
    if (negative) exponent = -exponent;
    return true;
}

}  // namespace

const char* describe(DecimalFault fault) {
    switch (fault) {
        case DecimalFault::none: return "is a decimal number";
        case DecimalFault::syntax: return "is not a decimal number";
        case DecimalFault::not_finite: return "is not a finite number";
        case DecimalFault::too_many_decimals: return "has more than 18 decimals";
        case DecimalFault::too_many_digits: return "has more than 20 digits before the point";
    }
    return "";
}

void strip_zeros(i128& mantissa, int& scale) {
    MVCORE_ASSERT(scale >= 0);
    // Divides by 10^16, 10^8 and so on, which takes few divisions.
    const auto strip = [&](auto& m, int zeros) {
        const auto power = static_cast<std::remove_reference_t<decltype(m)>>(kPow10[zeros]);
        for (; scale >= zeros && m % power == 0; scale -= zeros) m /= power;
    };
    auto low = static_cast<std::int64_t>(mantissa);
    if (mantissa != low) {
        strip(mantissa, 16);
        low = static_cast<std::int64_t>(mantissa);
    }
    if (mantissa == low) {  // 64-bit division is several times faster; most mantissas fit
        for (const int zeros : {16, 8, 4, 2, 1}) strip(low, zeros);
        mantissa = low;
        return;
    }
    for (const int zeros : {8, 4, 2, 1}) strip(mantissa, zeros);
}

DecimalResult make_decimal(i128 mantissa, int scale) {
    if (mantissa == 0) return {};
    strip_zeros(mantissa, scale);
    if (scale > kMaxScale) return {{}, DecimalFault::too_many_decimals};
    MVCORE_ASSERT(scale >= 0 && mantissa != 0);
    if (!within_integer_digits(mantissa, scale)) return {{}, DecimalFault::too_many_digits};
    return {{mantissa, scale}, DecimalFault::none};
}

DecimalResult parse_decimal(std::string_view text) {
    const char* p = text.data();
    const char* const end = p + text.size();
    bool negative = false;
    if (p != end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    const char* const start = p;
    u128 mantissa = 0;
    std::uint64_t low = 0;  // the first 18 digits, in 64-bit arithmetic
    int digits = 0;         // significant digits read, leading zeros not counted
    int decimals = 0;       // digits kept after the point
    int pending_zeros = 0;  // zeros that only count if another digit follows
    int pending_decimals = 0;
    bool seen_digit = false;
    bool seen_point = false;
    for (; p != end; ++p) {
        if (*p == '.' && !seen_point) {
            seen_point = true;
            continue;
        }
        const unsigned d = static_cast<unsigned char>(*p) - '0';
        if (d > 9) break;
        seen_digit = true;
        if (d == 0) {
            if (digits > 0 || pending_zeros > 0) ++pending_zeros;
            if (seen_point) ++pending_decimals;
            continue;
        }
        digits += pending_zeros + 1;
        if (digits > kMaxAmountDigits)  // cannot fit whatever the exponent
            return {{},
                    seen_point ? DecimalFault::too_many_decimals : DecimalFault::too_many_digits};
        if (digits <= 18) {
            for (; pending_zeros > 0; --pending_zeros) low *= 10;
            low = low * 10 + d;
            mantissa = low;
        } else {
            for (; pending_zeros > 0; --pending_zeros) mantissa *= 10;
            mantissa = mantissa * 10 + d;
        }
        pending_zeros = 0;
        if (seen_point) {
            decimals += pending_decimals + 1;
            pending_decimals = 0;
        }
    }
    int exponent = 0;
    if (!seen_digit)
        return {{},
                not_a_number_word({start, static_cast<std::size_t>(end - start)})
                    ? DecimalFault::not_finite
                    : DecimalFault::syntax};
    if (!parse_exponent(p, end, exponent) || p != end) return {{}, DecimalFault::syntax};
    if (mantissa == 0) return {};
    // Trailing zeros before the point scale the value; trailing zeros after it do not.
    const int scale = decimals - exponent - (pending_zeros - pending_decimals);
    if (scale > kMaxScale) return {{}, DecimalFault::too_many_decimals};
    if (digits - scale > kMaxIntegerDigits) return {{}, DecimalFault::too_many_digits};
    auto m = static_cast<i128>(mantissa);
    if (negative) m = -m;
    if (scale < 0) return {{m * kPow10[-scale], 0}, DecimalFault::none};
    return {{m, scale}, DecimalFault::none};
}

DecimalResult decimal_of(double value) {
    // If k / 10^s == value and |k| < 1e15, k holds the digits of the shortest text. No printing
    // needed.
    static constexpr double kPower[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    for (int s : {0, 2, 4, 6}) {
        const double scaled = value * kPower[s];
        if (!(std::fabs(scaled) < 1e15)) break;
        const double k = std::nearbyint(scaled);
        if (k / kPower[s] == value) return make_decimal(static_cast<std::int64_t>(k), s);
    }
    return shortest(value);
}

DecimalResult decimal_of(float value) { return shortest(value); }

std::string shortest_text(double value) { return text_of(value); }
std::string shortest_text(float value) { return text_of(value); }

int format_decimal(i128 mantissa, int scale, char* buffer) {
    char reversed[64];
    MVCORE_ASSERT(scale >= 0 && std::size_t(scale) + 3 <= sizeof reversed);  // sign and point
    int n = 0;
    u128 m = magnitude(mantissa);
    while (m > ~0ULL) {
        reversed[n++] = static_cast<char>('0' + static_cast<int>(m % 10));
        m /= 10;
    }
    for (auto low = static_cast<std::uint64_t>(m); low != 0; low /= 10)
        reversed[n++] = static_cast<char>('0' + low % 10);
    while (n <= scale) reversed[n++] = '0';
    char* out = buffer;
    if (mantissa < 0) *out++ = '-';
    for (int k = n - 1; k >= 0; --k) {
        *out++ = reversed[k];
        if (k == scale && scale > 0) *out++ = '.';
    }
    return static_cast<int>(out - buffer);
}

std::string format_decimal(i128 mantissa, int scale) {
    char buffer[64];
    return {buffer, static_cast<std::size_t>(format_decimal(mantissa, scale, buffer))};
}

double to_double(i128 mantissa, int scale) {
    static constexpr double kPower[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    // Both operands are exact, so the one division rounds correctly.
    if (magnitude(mantissa) <= (1ULL << 53) && scale <= 22)
        return static_cast<double>(static_cast<std::int64_t>(mantissa)) / kPower[scale];
    char text[64];
    const int n = format_decimal(mantissa, scale, text);
    double value = 0;
    std::from_chars(text, text + n, value);
    return value;
}

}  // namespace mvcore
