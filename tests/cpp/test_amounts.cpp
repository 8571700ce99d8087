// Numbers at which arithmetic goes wrong first, wherever amounts are computed: the result is exact,
// or it is an error and everything stays as it was.
#include "reads.hpp"

using namespace model;
using mvcore::Conversion;
using mvcore::Error;
using mvcore::ErrorKind;
using mvcore::i256;

namespace {

constexpr i128 kMost = ~(i128{1} << 127);            // 2^127 - 1
constexpr i128 kInputMost = mvcore::kPow10[38] - 1;  // 20 digits before the point, 18 after it

std::vector<i128> edges() {
    std::vector<i128> out{0, (i128{1} << 63) - 1, -(i128{1} << 63), i128{1} << 64};
    for (i128 v : {i128{1}, i128{1} << 31, i128{1} << 32, i128{1} << 62, kMost}) {
        out.push_back(v);
        out.push_back(-v);
    }
    return out;
}

// Those that an input can be, counted in ones and in the last decimal.
std::vector<Decimal> inputs() {
    std::vector<Decimal> out;
    auto numbers = edges();
    numbers.insert(numbers.end(), {kInputMost, -kInputMost});
    for (int scale : {0, 18})
        for (auto v : numbers)
            if (const auto d = mvcore::make_decimal(v, scale)) out.push_back(d.value);
    return out;
}

// Every third, so that a cross product of three stays short. Zero and the extremes are among them.
std::vector<Decimal> few_inputs() {
    const auto all = inputs();
    std::vector<Decimal> out{{kInputMost, 18}, {-kInputMost, 18}};
    for (std::size_t k = 0; k < all.size(); k += 3) out.push_back(all[k]);
    return out;
}

std::vector<mvcore::Rate> rates() {
    std::vector<mvcore::Rate> out;
    for (auto v : edges())
        for (const std::uint8_t scale : {std::uint8_t{0}, std::uint8_t{18}})
            for (bool divide : {false, true})
                if (v > 0) out.push_back({v, scale, divide});
    return out;
}

// amount is numerator / denominator to the nearest integer, of two as near to the even one.
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
    };
    apply(source, true);
    apply(target, false);
    CHECK(conversion.possible());
    for (int scale : {0, 4, 36, 72})
        for (auto total : edges()) {
            const i1024 amount = conversion.amount(i1024(total), scale);
            check_nearest(amount, i1024(total) * up, down * power_of_ten(scale));
            i128 quick = 0;
            if (conversion.quick_amount(total, scale, quick)) CHECK(i1024(quick) == amount);
        }
}

// A book of two accounts that hold one instrument, with a view of each kind.
struct Small {
    Small() : run(2, 4, 100, kSmall, 8, 11) {
        tables::Change change;
        change.load = true;
        change.holdings.emplace();
        run.write(change);
        check();
    }
    Run run;
    Watch lazy{run, By::account, 0, false};
    Watch incremental{run, By::all, kLocal, true};

    void check() {
        check_account(run, 0, 0);
        check_account(run, 1, 1);
        check_revaluation(run, 0);
        check_holdings(run, grouping_of(By::all, run.accounts(), run.instruments()));
        lazy.check(true);
        incremental.check(false);
    }
    // Writes; refused, it must be for its size, and everything is as it was.
    template <class WriteModel, class WriteBook>
    bool attempt(WriteModel&& write_model, WriteBook&& write_book) {
        bool taken = true;
        try {
            CHECK(write_book() == run.model.epoch + 1);
        } catch (const Error& e) {
            CHECK(e.kind() == ErrorKind::value_overflow);
            taken = false;
        }
        if (taken) write_model();
        CHECK(run.book.state().epoch == run.model.epoch);
        check();
        return taken;
    }
    bool attempt(const tables::Change& change) {
        return attempt([&] { run.model.apply(change); },
                       [&] { return tables::apply(run.book, change); });
    }
};

tables::Change hold(const Decimal& first, const Decimal& second) {
    tables::Change change;
    change.holdings = {{{0, 0, first}, {1, 0, second}}};
    return change;
}
tables::Change terms(const Decimal& multiplier, const Decimal& quote_factor) {
    tables::Change change;
    change.with_terms = true;
    change.instruments = {{{0, 0, multiplier, quote_factor}}};
    return change;
}
tables::Change price(const Decimal& price) {
    tables::Change change;
    change.prices = {{{0, price, kNoTime}}};
    return change;
}

}  // namespace

TEST(a_conversion_is_exact_and_the_quick_one_agrees) {
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

TEST(units_of_one_currency_add_up_before_they_are_rounded) {
    mvcore::Board board;
    board.extend(0, 2);
    const std::vector<mvcore::UnitId> units{board.unit_of(0, 4), board.unit_of(0, 40),
                                            board.unit_of(1, 8)};
    board.set_rates({{}, {(i128{1} << 62) + 1, 18, false}});
    const auto& rate = board.rate(1);
    const mvcore::Handout handout(board, units, 0, 0, 8);
    std::vector<i256> totals;
    for (auto v : edges()) {
        totals.emplace_back(v);
        totals.push_back(i256(v) * i256(kMost));
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
                if (const auto fits = checked(expected)) CHECK(handout.amount(total) == *fits);
                else CHECK_THROWS(ErrorKind::value_overflow, handout.amount(total));
            }
}

TEST(an_amount_has_38_digits_at_most) {
    for (i128 sign : {1, -1}) {
        CHECK(mvcore::checked_amount(sign * kInputMost) == sign * kInputMost);
        CHECK(mvcore::checked_amount(i1024(sign * kInputMost)) == sign * kInputMost);
        for (i128 over : {kInputMost + 1, kMost}) {
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(sign * over));
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(i1024(sign * over)));
            CHECK_THROWS(ErrorKind::value_overflow, mvcore::value_amount(i256(over), 8, 8));
        }
        const i1024 huge = i1024(sign) * power_of_ten(90);
        CHECK_THROWS(ErrorKind::value_overflow, mvcore::checked_amount(huge));
        CHECK(mvcore::value_amount(i256(sign * kMost), 38, 0) == sign * 2);  // 1.7...
    }
}

TEST(an_input_has_20_digits_and_18_decimals_at_most) {
    for (auto v : edges())
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

TEST(quantity_times_price_times_factor_is_exact_or_refused) {
    Small small;
    int taken = 0;
    int refused = 0;
    for (const auto& factor : few_inputs()) {
        if (!small.attempt(terms(factor, {1, 0}))) continue;
        for (const auto& p : few_inputs()) {
            (small.attempt(price(p)) ? taken : refused)++;
            for (const auto& q : few_inputs())
                (small.attempt(hold(q, {-q.mantissa, q.scale})) ? taken : refused)++;
        }
        small.attempt(price({1, 0}));
    }
    CHECK(taken > 1000 && refused > 50);
}

TEST(quantities_add_up_exactly_or_are_refused) {
    for (const auto& p :
         {Decimal{1, 0}, Decimal{-kInputMost, 18}, Decimal{(i128{1} << 62) - 1, 0}}) {
        Small small;
        CHECK(small.attempt(price(p)));
        for (const auto& first : inputs())
            for (const auto& second : few_inputs()) {
                const bool taken = small.attempt(hold(first, second));
                CHECK(taken || (p.scale == 18 && mvcore::magnitude(first.mantissa) > kMost / 4));
            }
    }
}

TEST(a_tick_is_exact_whatever_the_price_before) {
    for (const auto& factor :
         {Decimal{1, 0}, Decimal{-1, 0}, Decimal{1, 18}, Decimal{1 << 20, 0}}) {
        Small small;
        CHECK(small.attempt(terms(factor, {1, 0})));
        CHECK(small.attempt(hold({3, 0}, {-1, 2})));
        for (const auto& before : few_inputs())
            for (const auto& now : inputs()) {
                auto& run = small.run;
                const auto tick = [&](const Decimal& d) {
                    std::uint64_t epoch = 0;
                    if (!run.book.try_tick(0, d, kNoTime, epoch))
                        epoch = run.book.tick(0, d, kNoTime);
                    return epoch;
                };
                for (const auto& d : {before, now})
                    CHECK(small.attempt(
                        [&] { run.model.put_price(0, d, kNoTime), ++run.model.epoch; },
                        [&] { return tick(d); }));
            }
    }
}

TEST(many_ticks_are_exact_at_every_scale) {
    for (const auto& factor : {Decimal{1, 0}, Decimal{-1, 0}, Decimal{1, 18}}) {
        Small small;
        auto& run = small.run;
        CHECK(small.attempt(terms(factor, {1, 0})));
        CHECK(small.attempt(hold({3, 0}, {-1, 2})));
        for (int scale : {0, 4, 18})
            for (auto v : edges()) {
                if (v != static_cast<std::int64_t>(v)) continue;
                const auto mantissa = static_cast<std::int64_t>(v);
                const std::vector<mvcore::TickRow> rows{{7, kNoTime, 1, 0},
                                                        {mantissa, kNoTime, 0, scale}};
                CHECK(small.attempt(
                    [&] {
                        run.model.put_price(1, {7, 0}, kNoTime);
                        run.model.put_price(0, mvcore::make_decimal(v, scale).value, kNoTime);
                        ++run.model.epoch;
                    },
                    [&] { return run.book.ticks(rows); }));
            }
    }
}

// 254 bits: a price of 127 times a factor of 127 and one.
TEST(a_write_that_could_overflow_a_total_changes_nothing) {
    const Decimal most{kInputMost, 18};
    Small small;
    auto& run = small.run;
    CHECK(small.attempt(hold({5, 0}, {-7, 0})));
    CHECK(small.attempt(terms(most, {(i128{1} << 10), 0})));
    CHECK(small.attempt(price({1, 0})));
    const auto none = [] {};
    CHECK(!small.attempt(price(most)));
    CHECK(!small.attempt(terms(most, most)));
    CHECK(!small.attempt(none, [&] { return run.book.tick(0, most, kNoTime); }));
    CHECK(!small.attempt(none, [&] { return run.book.tick("I0", most, kNoTime); }));
    CHECK(!small.attempt(none, [&] {
        return run.book.ticks(
            std::vector<mvcore::PriceRow>{{1, {3, 0}, kNoTime}, {0, most, kNoTime}});
    }));
    CHECK(!small.attempt(hold(most, most)));
    auto load = hold(most, most);
    load.load = true;
    load.accounts = {{0, 1, 2}};
    CHECK(!small.attempt(load));
    CHECK(run.book.accounts().find("A2") < 0);
    CHECK(small.attempt(hold({6, 0}, {-7, 0})));
}
