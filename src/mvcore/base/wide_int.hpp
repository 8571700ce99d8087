// Integers wider than 128 bits: two's complement, N words of 64 bits, least significant first.
// Sums and products are modulo 2^(64 N); callers prove beforehand that the result fits.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>

#include "mvcore/base/assert.hpp"

namespace mvcore {

using i128 = __int128;
using u128 = unsigned __int128;

template <int N>
struct Int {
    std::array<std::uint64_t, N> w{};

    constexpr Int() = default;
    constexpr Int(i128 v) {  // NOLINT(google-explicit-constructor): widening never loses a digit
        const std::uint64_t fill = v < 0 ? ~0ULL : 0ULL;
        w.fill(fill);
        w[0] = static_cast<std::uint64_t>(v);
        if constexpr (N > 1) w[1] = static_cast<std::uint64_t>(static_cast<u128>(v) >> 64);
    }
    template <int M>
        requires(M < N)
    constexpr Int(const Int<M>& v) {  // NOLINT(google-explicit-constructor)
        w.fill(v.negative() ? ~0ULL : 0ULL);
        for (int k = 0; k < M; ++k) w[k] = v.w[k];
    }

    [[nodiscard]] constexpr bool negative() const { return (w[N - 1] >> 63) != 0; }
    [[nodiscard]] constexpr bool zero() const {
        for (auto x : w)
            if (x != 0) return false;
        return true;
    }
    // Number of bits of a non-negative value.
    [[nodiscard]] constexpr int bits() const {
        for (int k = N - 1; k >= 0; --k)
            if (w[k] != 0) return 64 * k + 64 - std::countl_zero(w[k]);
        return 0;
    }

    constexpr Int& operator+=(const Int& o) {
        u128 carry = 0;
        for (int k = 0; k < N; ++k) {
            carry += static_cast<u128>(w[k]) + o.w[k];
            w[k] = static_cast<std::uint64_t>(carry);
            carry >>= 64;
        }
        return *this;
    }
    constexpr Int operator-() const {
        Int r;
        u128 carry = 1;
        for (int k = 0; k < N; ++k) {
            carry += static_cast<u128>(~w[k]);
            r.w[k] = static_cast<std::uint64_t>(carry);
            carry >>= 64;
        }
        return r;
    }
    constexpr Int& operator-=(const Int& o) { return *this += -o; }
    friend constexpr Int operator+(Int a, const Int& b) { return a += b; }
    friend constexpr Int operator-(Int a, const Int& b) { return a -= b; }
    friend constexpr Int operator*(const Int& a, const Int& b) {  // modulo 2^(64 N)
        Int r;
        for (int i = 0; i < N; ++i) {
            if (a.w[i] == 0) continue;
            u128 carry = 0;
            for (int j = 0; i + j < N; ++j) {
                carry += static_cast<u128>(a.w[i]) * b.w[j] + r.w[i + j];
                r.w[i + j] = static_cast<std::uint64_t>(carry);
                carry >>= 64;
            }
        }
        return r;
    }
    friend constexpr bool operator==(const Int&, const Int&) = default;
    friend constexpr std::strong_ordering operator<=>(const Int& a, const Int& b) {
        if (a.negative() != b.negative())
            return a.negative() ? std::strong_ordering::less : std::strong_ordering::greater;
        for (int k = N - 1; k >= 0; --k)
            if (a.w[k] != b.w[k]) return a.w[k] <=> b.w[k];
        return std::strong_ordering::equal;
    }

    [[nodiscard]] constexpr Int magnitude() const { return negative() ? -*this : *this; }
    [[nodiscard]] constexpr bool fits64() const { return *this == Int(static_cast<i128>(low64())); }
    [[nodiscard]] constexpr bool fits128() const { return *this == Int(low128()); }
    [[nodiscard]] constexpr std::int64_t low64() const { return static_cast<std::int64_t>(w[0]); }
    [[nodiscard]] constexpr i128 low128() const {
        if constexpr (N == 1) return static_cast<std::int64_t>(w[0]);
        else return static_cast<i128>((static_cast<u128>(w[1]) << 64) | w[0]);
    }
};

using i256 = Int<4>;
using i1024 =
    Int<16>;  // every product of a total, two rates and a power of ten fits (see conversion.cpp)

template <int N>
struct QuotientRemainder {
    Int<N> quotient;
    Int<N> remainder;
};

// Both operands non-negative, divisor not zero. Knuth's algorithm D in 32-bit digits.
template <int N>
QuotientRemainder<N> divide_unsigned(const Int<N>& dividend, const Int<N>& divisor) {
    MVCORE_ASSERT(!dividend.negative() && !divisor.negative() && !divisor.zero());
    constexpr int kDigits = 2 * N;
    std::array<std::uint32_t, kDigits + 1> u{};
    std::array<std::uint32_t, kDigits> v{};
    const int shift = (32 - divisor.bits() % 32) % 32;
    const int n = (divisor.bits() + 31) / 32;
    auto digit = [](const Int<N>& x, int k) {
        return static_cast<std::uint32_t>(x.w[static_cast<unsigned>(k) / 2] >> (32 * (k & 1)));
    };
    for (int k = kDigits - 1; k >= 0; --k) {
        const std::uint64_t below_u = k > 0 ? digit(dividend, k - 1) : 0;
        const std::uint64_t below_v = k > 0 ? digit(divisor, k - 1) : 0;
        u[k] = static_cast<std::uint32_t>(
            (((static_cast<std::uint64_t>(digit(dividend, k)) << 32) | below_u) << shift) >> 32);
        v[k] = static_cast<std::uint32_t>(
            (((static_cast<std::uint64_t>(digit(divisor, k)) << 32) | below_v) << shift) >> 32);
    }
    u[kDigits] = static_cast<std::uint32_t>(
        (static_cast<std::uint64_t>(digit(dividend, kDigits - 1)) << shift) >> 32);
    QuotientRemainder<N> out;
    for (int j = kDigits - n; j >= 0; --j) {
        const std::uint64_t top = (static_cast<std::uint64_t>(u[j + n]) << 32) | u[j + n - 1];
        std::uint64_t guess = top / v[n - 1];
        std::uint64_t rest = top % v[n - 1];
        while (guess >> 32 != 0 || (n > 1 && guess * v[n - 2] > ((rest << 32) | u[j + n - 2]))) {
            --guess;
            rest += v[n - 1];
            if (rest >> 32 != 0) break;
        }
        std::int64_t borrow = 0;
        std::uint64_t carry = 0;
        for (int k = 0; k < n; ++k) {
            carry += guess * v[k];
            const std::int64_t t = static_cast<std::int64_t>(u[j + k]) - borrow -
                                   static_cast<std::int64_t>(carry & 0xffffffffU);
            u[j + k] = static_cast<std::uint32_t>(t);
            borrow = t < 0 ? 1 : 0;
            carry >>= 32;
        }
        const std::int64_t t =
            static_cast<std::int64_t>(u[j + n]) - borrow - static_cast<std::int64_t>(carry);
        u[j + n] = static_cast<std::uint32_t>(t);
        if (t < 0) {  // the guess was one too high: add the divisor back
            --guess;
            std::uint64_t sum = 0;
            for (int k = 0; k < n; ++k) {
                sum += static_cast<std::uint64_t>(u[j + k]) + v[k];
                u[j + k] = static_cast<std::uint32_t>(sum);
                sum >>= 32;
            }
            u[j + n] += static_cast<std::uint32_t>(sum);
        }
        out.quotient.w[static_cast<unsigned>(j) / 2] |= (guess & 0xffffffffU) << (32 * (j & 1));
    }
    for (int k = 0; k < n; ++k) {
        const std::uint64_t above = k + 1 < n ? u[k + 1] : 0;
        const std::uint64_t value = (((above << 32) | u[k]) >> shift) & 0xffffffffU;
        out.remainder.w[static_cast<unsigned>(k) / 2] |= value << (32 * (k & 1));
    }
    return out;
}

template <int N>
constexpr Int<N> pow10(int exponent) {
    constexpr int kDigits = 18;  // 10^18 fits 64 bits
    Int<N> r(1);
    for (; exponent >= kDigits; exponent -= kDigits) r = r * Int<N>(1'000'000'000'000'000'000);
    std::int64_t rest = 1;
    for (; exponent > 0; --exponent) rest *= 10;
    return r * Int<N>(rest);
}

// The rule of half-even rounding: whether a quotient moves on to the next integer, away from zero.
// 0 <= rest < divisor. `odd`: whether the quotient without its rest is odd.
template <class T>
constexpr bool rounds_up(const T& rest, const T& divisor, bool odd) {
    const T other = divisor - rest;  // distance to the next multiple
    return rest > other || (rest == other && odd);
}

// dividend / divisor rounded half even; divisor > 0.
template <int N>
Int<N> divide_half_even(const Int<N>& dividend, const Int<N>& divisor) {
    auto [quotient, rest] = divide_unsigned(dividend.magnitude(), divisor);
    if (rounds_up(rest, divisor, (quotient.w[0] & 1) != 0)) quotient += Int<N>(1);
    return dividend.negative() ? -quotient : quotient;
}
template <class T>
    requires std::same_as<T, std::int64_t> || std::same_as<T, i128>
constexpr i128 divide_half_even(T dividend, T divisor) {
    const T quotient = dividend / divisor;
    const T rest = dividend % divisor;
    const bool up = rounds_up(rest < 0 ? -rest : rest, divisor, (quotient & 1) != 0);
    return static_cast<i128>(quotient) + (up ? (dividend < 0 ? -1 : 1) : 0);
}

}  // namespace mvcore
