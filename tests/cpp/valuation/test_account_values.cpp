// Values of accounts whose positions are in several units and currencies. The fast path of the read
// adds them up in 128 bits, the slow path in as many as they need. Both are exact.
#include <random>

#include "check.hpp"
#include "model.hpp"
#include "mvcore/book/book.hpp"

using namespace model;
using mvcore::AccountCode;
using mvcore::Batch;
using mvcore::Book;
using mvcore::Given;
using mvcore::InstrumentCode;

namespace {

constexpr int kAccounts = 30;
constexpr int kDecimals = 6;  // of a quantity and of a price, at most
const std::vector<std::string> kNames = {"USD", "EUR", "JPY", "GBP"};

struct World {
    std::mt19937_64 random;
    int value_scale;
    std::vector<int> currency;               // by instrument
    std::vector<Decimal> price;              // by instrument
    std::vector<std::vector<Decimal>> held;  // by account and instrument
    std::vector<mvcore::Rate> rates;         // by currency; of the base too

    std::uint64_t pick(std::uint64_t n) { return random() % n; }
    Decimal number(int digits) {
        const int scale = static_cast<int>(pick(kDecimals + 1));
        i128 mantissa = static_cast<i128>(random()) * static_cast<i128>(random() >> 1);
        mantissa %= mvcore::kPow10[std::size_t(digits + scale)];
        return {pick(3) == 0 ? -mantissa : mantissa, scale};
    }
    World(std::uint64_t seed, int value_scale, int instruments, int digits)
        : random(seed), value_scale(value_scale) {
        for (int i = 0; i < instruments; ++i) {
            currency.push_back(static_cast<int>(pick(kNames.size())));
            price.push_back(number(digits));
        }
        for (int a = 0; a < kAccounts; ++a) {
            held.emplace_back();
            for (int i = 0; i < instruments; ++i)
                held.back().push_back(pick(3) == 0 ? Decimal{0, 0} : number(digits));
        }
        rates = {{1, 0, false},
                 {i128{108'370}, 5, false},
                 {i128{15'025}, 2, true},
                 {i128{125}, 2, false}};
    }
    [[nodiscard]] Batch tables(const Book& book) const {
        Batch b(book.names());
        b.accounts_given = b.instruments_given = b.prices_given = b.holdings_given = Given::load;
        b.fx_given = Given::load;
        for (std::size_t c = 1; c < kNames.size(); ++c)
            b.rate_rows.push_back({b.currencies.intern(kNames[c]), rates[c]});
        for (std::size_t i = 0; i < price.size(); ++i) {
            const auto code = InstrumentCode(b.instruments.intern("I" + std::to_string(i)));
            const auto of = b.currencies.intern(kNames[std::size_t(currency[i])]);
            b.instrument_rows.push_back({code, of, std::nullopt, std::nullopt});
            b.price_rows.push_back({code, price[i], kNoTime});
        }
        for (std::size_t a = 0; a < held.size(); ++a) {
            b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
            for (std::size_t i = 0; i < price.size(); ++i) {
                b.holding_rows.account.push_back(static_cast<std::int32_t>(a));
                b.holding_rows.instrument.push_back(static_cast<std::int32_t>(i));
                b.holding_rows.push_quantity(held[a][i]);
            }
        }
        return b;
    }
    // The sum of each currency is exact, in units of 10^-36. It is rounded once.
    [[nodiscard]] i1024 value(std::size_t account, std::size_t target) const {
        i1024 out;
        for (std::size_t c = 0; c < kNames.size(); ++c) {
            i1024 up;
            for (std::size_t i = 0; i < price.size(); ++i)
                if (std::size_t(currency[i]) == c)
                    up += i1024(fine(held[account][i])) * i1024(fine(price[i]));
            i1024 down = power_of_ten(2 * kFine - value_scale);
            const auto apply = [&](const mvcore::Rate& rate, bool divide) {
                (divide ? down : up) = (divide ? down : up) * i1024(rate.mantissa);
                (divide ? up : down) = (divide ? up : down) * power_of_ten(rate.scale);
            };
            if (c != target) {
                apply(rates[c], rates[c].divide);
                apply(rates[target], !rates[target].divide);
            }
            out += rounded(up, down);
        }
        return out;
    }
    void check(Book& book) const {
        for (std::size_t a = 0; a < held.size(); ++a)
            for (std::size_t c = 0; c < kNames.size(); ++c) {
                const auto got = book.value("A" + std::to_string(a), kNames[c]);
                CHECK(i1024(got.amount[0]) == value(a, c));
                CHECK(got.amount == mvcore::all_of(got.amount[0]) && got.unpriced == 0);
            }
    }
};

}  // namespace

// Sums of 6 digits before the point fit 128 bits, most of those of 12 need more. Ticks with more
// decimals move instruments out of the runs of their units, until an account has many sums.
TEST(a_value_adds_up_the_units_of_each_currency_and_rounds_once) {
    for (const int digits : {2, 6, 9, 12})
        for (const int instruments : {1, 3, 40})
            for (const int value_scale : {0, 2, 8}) {
                World world(std::uint64_t(digits), value_scale, instruments, digits);
                Book book("USD", value_scale);
                book.write([&] { return world.tables(book); });
                world.check(book);
                for (std::size_t i = 0; i < world.price.size(); i += 2) {
                    world.price[i] = {world.price[i].mantissa * 1000 + 1, world.price[i].scale + 3};
                    book.tick(InstrumentCode(i), world.price[i], kNoTime);
                }
                world.check(book);
            }
}

TEST(a_value_fits_although_a_currency_of_it_does_not) {
    // More than 38 digits and the negative of it, in the base currency and in one at a rate of 1.
    World world(1, 0, 4, 1);
    const Decimal most{mvcore::kPow10[19] * 9, 0};
    world.currency = {0, 0, 1, 1};
    world.price = {most, {1, 4}, {-most.mantissa, 0}, {1, 4}};
    world.rates[1] = {1, 0, false};
    for (auto& held : world.held) held = {most, {3, 2}, most, {1, 2}};
    Book book("USD", 0);
    book.write([&] { return world.tables(book); });
    world.check(book);
}
