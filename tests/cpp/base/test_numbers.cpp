// Checks wide integers and decimals against arithmetic that is obviously right.
#include <random>

#include "check.hpp"
#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/wide_int.hpp"

using namespace mvcore;

namespace {

i128 parse(const char* text) {
    const auto d = parse_decimal(text);
    return d ? d.value.mantissa * kPow10[18 - d.value.scale] : kPow10[38];
}

// Values at which arithmetic is most likely to fail.
std::vector<i256> edges() {
    std::vector<i256> out{i256(0)};
    for (int bit : {0, 31, 32, 62, 63, 64, 126, 127}) {
        i256 power(1);
        for (int k = 0; k < bit; ++k) power += power;
        for (int near : {-1, 0, 1})
            for (int sign : {-1, 1}) {
                const i256 v = power + i256(near);
                out.push_back(sign < 0 ? -v : v);
            }
    }
    return out;
}

}  // namespace

TEST(wide_arithmetic_is_a_ring) {
    for (const auto& a : edges())
        for (const auto& b : edges()) {
            CHECK((a + b) - b == a);
            CHECK(a * b == b * a);
            CHECK(-(a * b) == (-a) * b);
            for (const auto& c : {i256(3), i256(-7)}) CHECK((a + b) * c == a * c + b * c);
            CHECK((a < b) == (b - a > i256(0)));
        }
}

TEST(wide_quotient_and_remainder_give_back_the_dividend) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 20000; ++round) {
        i1024 a;
        i1024 b;
        const auto words_a = 1 + random() % 15;
        const auto words_b = 1 + random() % 8;
        for (std::size_t k = 0; k < words_a; ++k) a.w[k] = random() % 4 ? random() : ~0ULL;
        for (std::size_t k = 0; k < words_b; ++k) b.w[k] = random() % 4 ? random() : random() % 2;
        if (b.zero()) continue;
        const auto [q, r] = divide_unsigned(a, b);
        CHECK(q * b + r == a);
        CHECK(r < b && !r.negative());
    }
}

TEST(halves_round_to_even) {
    const std::pair<int, int> table[] = {{5, 0},  {15, 2},   {25, 2},   {35, 4},
                                         {-5, 0}, {-15, -2}, {-25, -2}, {14, 1},
                                         {16, 2}, {-14, -1}, {-16, -2}};
    for (const auto& [dividend, expected] : table)
        CHECK(divide_half_even(i1024(dividend), i1024(10)) == i1024(expected));
}

TEST(decimals_are_read_exactly) {
    CHECK(parse("1") == kPow10[18]);
    CHECK(parse("-0.5") == -5 * kPow10[17]);
    CHECK(parse("1e3") == kPow10[21]);
    CHECK(parse("1.50e-2") == 15 * kPow10[15]);
    CHECK(parse("100.000") == kPow10[20]);
    CHECK(parse("000123.4500") == 12345 * kPow10[16]);
    CHECK(parse("99999999999999999999.999999999999999999") == kPow10[38] - 1);
    CHECK(parse("0.000000000000000001") == 1);
    CHECK(parse("-0") == 0);
    CHECK(parse("0e999999999") == 0);
    CHECK(parse("10000000000000000000000e-20") == kPow10[20]);
}

TEST(text_that_is_not_a_decimal_is_refused) {
    for (const char* text : {"", "-", ".", "+.", "1e", "1e+", "e5", "1 ", " 1", "1_000", "0x1",
                             "1.2.3", "--1", "1,5", "\xc2\xb2"})
        CHECK(parse_decimal(text).fault == DecimalFault::syntax);
    for (const char* text : {"nan", "-NaN", "inf", "Infinity", "sNaN"})
        CHECK(parse_decimal(text).fault == DecimalFault::not_finite);
    CHECK(parse_decimal("0.0000000000000000001").fault == DecimalFault::too_many_decimals);
    CHECK(parse_decimal("100000000000000000000").fault == DecimalFault::too_many_digits);
    CHECK(parse_decimal("1e20").fault == DecimalFault::too_many_digits);
    CHECK(parse_decimal("1e-19").fault == DecimalFault::too_many_decimals);
    CHECK(parse_decimal("1e99999999999999999999").fault == DecimalFault::too_many_digits);
}

TEST(a_decimal_written_as_text_reads_back_equal) {
    std::mt19937_64 random(2);
    for (int round = 0; round < 20000; ++round) {
        const auto scale = static_cast<int>(random() % 19);
        i128 m = static_cast<i128>(random()) * static_cast<std::int64_t>(random() % 1000);
        if (random() % 2 != 0) m = -m;
        const auto d = make_decimal(m, scale);
        if (!d) continue;
        CHECK(parse_decimal(format_decimal(m, scale)).value == d.value);
    }
}

TEST(trailing_zeros_are_removed_one_by_one_or_in_runs) {
    std::mt19937_64 random(5);
    for (int run = 0; run < 20000; ++run) {
        const int scale = static_cast<int>(random() % 39);
        const auto zeros = std::size_t(random() % 39);
        i128 mantissa = static_cast<std::int64_t>(random()) >> random() % 64;
        if (magnitude(mantissa) <= static_cast<u128>(kPow10[38]) / kPow10[zeros])
            mantissa *= kPow10[zeros];
        auto found = mantissa;
        int found_scale = scale;
        strip_zeros(found, found_scale);
        int wanted_scale = scale;
        while (wanted_scale > 0 && mantissa % 10 == 0) mantissa /= 10, --wanted_scale;
        CHECK(found == mantissa && found_scale == wanted_scale);
    }
}

TEST(a_float_is_its_shortest_text) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 50000; ++round) {
        const auto k = static_cast<std::int64_t>(random() % 2000000000000ULL) - 1000000000000;
        const auto scale = static_cast<int>(random() % 9);
        const double x = std::stod(format_decimal(k, scale));
        const auto d = decimal_of(x);
        CHECK(d && d.value == make_decimal(k, scale).value);
    }
    CHECK(decimal_of(0.1).value == (Decimal{1, 1}));
    CHECK(decimal_of(0.1F).value == (Decimal{1, 1}));
    CHECK(decimal_of(-0.0).value == (Decimal{0, 0}));
    CHECK(decimal_of(1e300).fault == DecimalFault::too_many_digits);
    CHECK(decimal_of(5e-324).fault == DecimalFault::too_many_decimals);
    CHECK(decimal_of(1.0 / 0.0).fault == DecimalFault::not_finite);
}
