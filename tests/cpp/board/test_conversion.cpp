// Conversion of totals to amounts at numbers that are most likely to break arithmetic: the result
// is exact, or it is an error.
#include <random>

#include "edges.hpp"
#include "reads.hpp"

using namespace model;
using mvcore::Conversion;
using mvcore::ErrorKind;
using mvcore::i256;

namespace {

std::vector<mvcore::Rate> rates() {
    std::vector<mvcore::Rate> out;
    for (auto v : edges::numbers())
        for (const std::uint8_t scale : {std::uint8_t{0}, std::uint8_t{18}})
            for (bool divide : {false, true})
                if (v > 0) out.push_back({v, scale, divide});
    // A what-if changes a rate to divide by with a factor.
    for (auto factor : edges::numbers())
        for (const int scale : {0, 18})
            if (factor > 0 && factor < edges::kInputMost)
                out.push_back({(i128{1} << 62) + 1, 18, true, mvcore::kNoTime, {factor, scale}});
    out.push_back({edges::kInputMost, 18, true, mvcore::kNoTime, {edges::kInputMost, 18}});
    return out;
}

// Checks that amount is numerator / denominator rounded to the nearest integer, ties to even.
void check_nearest(const i1024& amount, const i1024& numerator, const i1024& denominator) {
    const i1024 off = (numerator - amount * denominator).magnitude();
    CHECK(off + off <= denominator);
    CHECK(off + off != denominator || amount.w[0] % 2 == 0);
}

void check_conversion(const mvcore::Rate* source, const mvcore::Rate* target, int value_scale) {
    const Conversion conversion(source, target, value_scale);
    i1024 up = power_of_ten(value_scale);
    i1024 down(1);
    auto apply = [&](const mvcore::Rate* rate, bool towards_base) {
        if (rate == nullptr) return;
        const bool multiply = rate->divide != towards_base;
        (multiply ? up : down) = (multiply ? up : down) * i1024(rate->mantissa);
        (multiply ? down : up) = (multiply ? down : up) * power_of_ten(rate->scale);
        (towards_base ? up : down) = (towards_base ? up : down) * i1024(rate->factor.mantissa);
        (towards_base ? down : up) = (towards_base ? down : up) * power_of_ten(rate->factor.scale);
    };
    apply(source, true);
    apply(target, false);
    CHECK(conversion.possible());
    for (int scale : {0, 4, 36, 72})
        for (auto total : edges::numbers()) {
            const i1024 amount = conversion.amount(i1024(total), scale);
            check_nearest(amount, i1024(total) * up, down * power_of_ten(scale));
            i128 fast = 0;
            if (conversion.fast_amount(total, scale, fast)) CHECK(i1024(fast) == amount);
            std::int64_t divisor = 0;
            if (conversion.fast_terms(scale, fast, divisor) &&
                !__builtin_mul_overflow(total, fast, &fast))
                CHECK(i1024(mvcore::Divisor(divisor).quotient(fast)) == amount);
        }
}

}  // namespace

TEST(a_conversion_is_exact_and_equals_its_fast_path) {
    const auto all = rates();
    const std::size_t some[] = {0, 3, 9, 18, all.size() - 1};
    for (int value_scale : {0, 8, 30}) {
        check_conversion(nullptr, nullptr, value_scale);
        for (const auto& source : all) {
            check_conversion(&source, nullptr, value_scale);
            check_conversion(nullptr, &source, value_scale);
            for (auto k : some) check_conversion(&source, &all[k], value_scale);
        }
    }
}

TEST(a_divisor_rounds_half_even_at_and_beside_every_tie) {
    std::mt19937_64 random(4);
    for (int k = 0; k < 200'000; ++k) {
        const auto divisor = static_cast<std::int64_t>((random() >> (1 + random() % 63)) + 1);
        const auto whole = static_cast<std::int64_t>(random()) >> (random() % 64);
        const i128 dividend =
            i128{whole} * divisor + divisor / 2 + static_cast<int>(random() % 5) - 2;
        const i1024 amount(mvcore::Divisor(divisor).quotient(dividend));
        check_nearest(amount, i1024(dividend), i1024(divisor));
    }
}

TEST(units_of_one_currency_add_up_before_they_are_rounded) {
    mvcore::Board board;
    board.extend(0, 2);
    const std::vector<mvcore::UnitId> units{board.unit_of(0, 4), board.unit_of(0, 40),
                                            board.unit_of(1, 8)};
    board.set_rates({{}, {(i128{1} << 62) + 1, 18, false}});
    const auto& rate = board.rate(1);
    const mvcore::AmountConverter converter(board, units, 0, 0, 8);
    std::vector<i256> totals;
    for (auto v : edges::numbers()) {
        totals.emplace_back(v);
        totals.push_back(i256(v) * i256(edges::kMost));
    }
    for (const auto& a : totals)
        for (const auto& b : totals)
            for (const auto& c : totals) {
                const i1024 dollars = i1024(a) * power_of_ten(36) + i1024(b);
                const i1024 euros = i1024(c) * i1024(rate.mantissa);
                const i1024 expected =
                    rounded(dollars, power_of_ten(32)) + rounded(euros, power_of_ten(18));
                auto total = [&](std::uint32_t place) {
                    return place == 0 ? a : place == 1 ? b : c;
                };
                if (const auto fits = checked(expected)) CHECK(converter.amount(total) == *fits);
                else CHECK_THROWS(ErrorKind::value_overflow, converter.amount(total));
            }
}

TEST(an_amount_has_38_digits_at_most) {
    for (i128 sign : {1, -1}) {
        CHECK(mvcore::checked_amount(sign * edges::kInputMost) == sign * edges::kInputMost);
        CHECK(mvcore::checked_amount(i1024(sign * edges::kInputMost)) == sign * edges::kInputMost);
        for (i128 over : {edges::kInputMost + 1, edges::kMost}) {
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(sign * over));
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(i1024(sign * over)));
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::value_amount(i256(over), 8, 8));
        }
        const i1024 huge = i1024(sign) * power_of_ten(90);
        CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(huge));
        CHECK(mvcore::value_amount(i256(sign * edges::kMost), 38, 0) == sign * 2);  // 1.7...
    }
}

TEST(an_input_has_20_digits_and_18_decimals_at_most) {
    for (auto v : edges::numbers())
        for (int scale = 0; scale <= 38; ++scale) {
            i128 digits = v;
            int decimals = v == 0 ? 0 : scale;
            while (decimals > 0 && digits % 10 == 0) digits /= 10, --decimals;
            const bool fits =
                decimals <= 18 && i1024(digits).magnitude() < power_of_ten(20 + decimals);
            const auto d = mvcore::make_decimal(v, scale);
            CHECK(static_cast<bool>(d) == fits);
            CHECK(!fits || d.value == (Decimal{digits, decimals}));
        }
}
