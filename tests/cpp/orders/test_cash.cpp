// Checks the amount that the fills of an order add to the cash of its account.
#include <random>

#include "check.hpp"
#include "mvcore/orders/cash.hpp"

using namespace mvcore;

namespace {

constexpr CashTarget kCents{InstrumentCode{0}, 2};

Instrument with_factor(const Decimal& multiplier, const Decimal& quote_factor = {1, 0}) {
    Instrument out;
    out.terms.multiplier = multiplier;
    out.terms.quote_factor = quote_factor;
    set_factor(out);
    return out;
}

Order filled(i128 quantity, const FillPrice& average_price) {
    Order out;
    out.quantity = out.filled = quantity;
    out.average_price = average_price;
    return out;
}

i128 cash_of(const Order& order, int quantity_scale, const Instrument& instrument,
             const CashTarget& target = kCents) {
    const CashLeg leg = cash_leg(order, quantity_scale, instrument, target);
    CHECK(leg.fault == CashFault::none && leg.amount.fits128());
    return leg.amount.low128();
}

}  // namespace

TEST(a_purchase_reduces_cash_and_a_sale_increases_it) {
    const Instrument share = with_factor({1, 0});
    CHECK(cash_of(filled(100, {150, 0}), 0, share) == -15000'00);
    CHECK(cash_of(filled(-100, {15025, 2}), 0, share) == 15025'00);
    CHECK(cash_of(filled(100, {}), 0, share) == 0);
    // 1,000 of a bond at 99.5 percent; two contracts of 50 at -37.63
    CHECK(cash_of(filled(1000, {995, 1}), 0, with_factor({1, 0}, {1, 2})) == -995'00);
    CHECK(cash_of(filled(2, {-3763, 2}), 0, with_factor({50, 0})) == 3763'00);
}

TEST(a_cost_is_rounded_once_half_to_even) {
    const Instrument share = with_factor({1, 0});
    CHECK(cash_of(filled(1, {5, 3}), 0, share) == 0);                            // 0.005
    CHECK(cash_of(filled(3, {5, 3}), 0, share) == -2);                           // 0.015
    CHECK(cash_of(filled(5, {5, 3}), 0, share) == -2);                           // 0.025
    CHECK(cash_of(filled(-5, {51, 4}), 0, share) == 3);                          // 0.0255
    CHECK(cash_of(filled(15, {1, 0}), 1, share, {InstrumentCode{0}, 0}) == -2);  // 1.5
    CHECK(cash_of(filled(25, {1, 0}), 1, share, {InstrumentCode{0}, 0}) == -2);  // 2.5
}

TEST(rolled_fills_keep_the_cost_that_they_had_at_the_roll) {
    const Instrument share = with_factor({1, 0});
    Order order = filled(60, {152, 0});
    order.rolled = 50;
    CHECK(cash_of(order, 0, share) == -10 * 152'00);  // loaded like this: all at one price
    order.rolled_price = {150, 0};
    CHECK(cash_of(order, 0, share) == -(60 * 152'00 - 50 * 150'00));
    order = *order.after_roll(false);
    CHECK(order.rolled == 60 && order.rolled_price == order.average_price);
    CHECK(cash_of(order, 0, share) == 0);
    order.average_price = {153, 0};
    CHECK(cash_of(order, 0, share) == -60'00);
}

TEST(without_a_cash_instrument_only_a_leg_of_zero_is_accepted) {
    const CashTarget none;
    const Instrument share = with_factor({1, 0});
    CHECK(cash_leg(filled(1, {1, 3}), 0, share, none).fault == CashFault::no_target);
    CHECK(cash_leg(filled(0, {1, 3}), 0, share, none).fault == CashFault::none);
    CHECK(cash_leg(filled(1, {0, 0}), 0, share, none).fault == CashFault::none);
    CHECK(cash_leg(filled(1, {1, 0}), 0, with_factor({0, 0}), none).fault == CashFault::none);
    Order order = filled(20, {15, 1});
    order.rolled = 10;
    order.rolled_price = {3, 0};
    CHECK(cash_leg(order, 0, share, none).fault == CashFault::none);  // 30 and 30
    order.rolled_price = {301, 2};
    CHECK(cash_leg(order, 0, share, none).fault == CashFault::no_target);
}

TEST(a_cost_of_more_than_20_digits_is_refused) {
    const Instrument share = with_factor({1, 0});
    const i128 most = kPow10[20] - 1;
    CHECK(cash_of(filled(1, {most, 0}), 0, share) == -most * 100);
    CHECK(cash_leg(filled(2, {most, 0}), 0, share, kCents).fault == CashFault::too_large);
    CHECK(cash_leg(filled(most, {most, 0}), 0, with_factor({most, 0}, {most, 0}), kCents).fault ==
          CashFault::too_large);
}

TEST(the_difference_of_two_costs_may_exceed_128_bits) {
    const Instrument share = with_factor({1, 0});
    const CashTarget finest{InstrumentCode{0}, kMostCashDecimals};
    Order order = filled(9'500'000'000, {10'000'000'000, 0});
    order.rolled = -9'500'000'000;
    const CashLeg leg = cash_leg(order, 0, share, finest);
    CHECK(leg.fault == CashFault::none && !leg.amount.fits128());
    CHECK(leg.amount == i256(-190) * pow10<4>(18) * pow10<4>(finest.scale));
}

// Compares with 1,024-bit arithmetic and the definition of half even.
TEST(narrow_and_wide_arithmetic_agree) {
    std::mt19937_64 random(7);
    for (int k = 0; k < 20000; ++k) {
        const auto number = [&](int bits) {
            return static_cast<i128>(static_cast<u128>(random()) << 64 | random()) >> (128 - bits);
        };
        const int scale = static_cast<int>(random() % 10);
        const Decimal price = make_decimal(number(10 + int(random() % 70)), scale).value;
        const Instrument instrument =
            with_factor({1 + i128(random() % 1000), 0}, make_decimal(1, int(random() % 4)).value);
        const int quantity_scale = 2 * static_cast<int>(random() % 6);
        const Order order = filled(number(8 + int(random() % 50)), {price.mantissa, price.scale});
        const CashTarget target{InstrumentCode{0}, static_cast<int>(random() % 5)};
        const CashLeg leg = cash_leg(order, quantity_scale, instrument, target);
        const i1024 exact = i1024(order.filled) * i1024(price.mantissa) * i1024(instrument.factor);
        const int decimals = quantity_scale + price.scale + instrument.factor_scale;
        // | exact / 10^decimals + amount / 10^target.scale | is at most half of 10^-target.scale
        const i1024 rest =
            (exact * pow10<16>(target.scale) + i1024(leg.amount) * pow10<16>(decimals));
        if (leg.fault != CashFault::none) {
            CHECK((exact * pow10<16>(target.scale)).magnitude() >=
                  (pow10<16>(20 + target.scale) - i1024(1)) * pow10<16>(decimals));
            continue;
        }
        const i1024 twice = rest.magnitude() * i1024(2);
        CHECK(twice <= pow10<16>(decimals));
        if (twice == pow10<16>(decimals)) CHECK(leg.amount.low128() % 2 == 0);
    }
}

TEST(minor_units_are_those_of_iso_4217) {
    CHECK(minor_units("USD") == 2 && minor_units("EUR") == 2 && minor_units("ZWG") == 2);
    CHECK(minor_units("JPY") == 0 && minor_units("KRW") == 0 && minor_units("XPF") == 0);
    CHECK(minor_units("KWD") == 3 && minor_units("TND") == 3 && minor_units("CLF") == 4);
    for (const auto* code : {"usd", "XAU", "BTC", "USDT", "US", "", "USD ", "SD "})
        CHECK(!minor_units(code));
}
