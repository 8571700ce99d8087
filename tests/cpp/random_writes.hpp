// Applies seeded random writes of all kinds except orders to a book and its model. Both always have
// the same epoch.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "check.hpp"
#include "model_writes.hpp"
#include "mvcore/base/errors.hpp"

namespace model {

// Largest random numbers: bits before the point, and decimals.
struct Size {
    int quantity_bits;
    int quantity_scale;
    int price_bits;
    int price_scale;
    int factor_bits;
    int factor_scale;
};
inline constexpr Size kSmall{9, 0, 20, 4, 0, 0};    // totals of 64 bits
inline constexpr Size kMedium{30, 4, 30, 6, 8, 2};  // totals of 128 bits
inline constexpr Size kWide{30, 18, 30, 18, 4, 4};  // totals of 256 bits, prices beyond 64

class Writes {
public:
    Writes(int accounts, int instruments, int held_percent, Size size, int value_scale,
           unsigned seed)
        : shared(std::make_shared<mvcore::Book>("USD", value_scale)),
          book(*shared),
          model(value_scale),
          size(size),
          random_(seed),
          held_percent_(held_percent) {
        tables::Change change = everything(accounts, instruments);
        change.with_method = true;
        change.fx = {{{1, {11, 1, false}}, {2, {15725, 2, true}}}};
        if (seed % 2 == 0) change.fx->push_back({3, {127, 2, false}});
        write(change);
    }

    std::shared_ptr<mvcore::Book> shared;
    mvcore::Book& book;
    Model model;
    Size size;  // of future numbers

    void write(const tables::Change& change) {
        model.apply(change);
        CHECK(tables::apply(book, change) == model.epoch);
        CHECK(book.state().epoch == model.epoch);
    }
    void tick() { tick(live_instrument()); }
    void tick(int i) {
        const Decimal price = next_price(i);
        const auto time = some_time();
        model.put_price(i, price, time);
        ++model.epoch;
        mvcore::Written epoch;
        const auto name = tables::instrument(i);
        if (chance(50)) {
            if (!book.try_tick(mvcore::InstrumentCode(i), price, time, epoch))
                epoch = book.tick(mvcore::InstrumentCode(i), price, time);
        } else if (!book.try_tick(name, price, time, epoch)) {
            epoch = book.tick(name, price, time);
        }
        CHECK(epoch == model.epoch);
    }
    // No two rows of one table name the same cell.
    void write_holdings(int rows) {
        tables::Change change;
        change.as_text = chance(50);
        change.holdings = some_holdings(rows, chance(30));
        write(change);
    }

    int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    bool chance(int percent) { return pick(100) < percent; }
    int live_instrument() {
        for (;;)
            if (const int i = pick(instruments()); model.assets[std::size_t(i)].alive) return i;
    }
    int live_account() {
        for (;;)
            if (const int a = pick(accounts()); model.accounts[std::size_t(a)] != 0) return a;
    }
    [[nodiscard]] int accounts() const { return static_cast<int>(model.accounts.size()); }
    [[nodiscard]] int instruments() const { return static_cast<int>(model.assets.size()); }

protected:
    // A number of up to `bits` bits before the point and `most_decimals` decimals after it.
    Decimal number(int bits, int most_decimals) {
        const int scale = pick(most_decimals + 1);
        const int most = bits + scale * 332 / 100;
        const auto wide = static_cast<mvcore::u128>(random_()) << 64 | random_();
        const auto size = static_cast<i128>(wide >> (128 - std::max(1, 1 + pick(most))));
        return mvcore::make_decimal(chance(50) ? size : -size, scale).value;
    }
    Decimal quantity() {
        return chance(12) ? Decimal{} : number(size.quantity_bits, size.quantity_scale);
    }
    // Most prices are near the previous one and take the fast path.
    Decimal next_price(int instrument) {
        const auto& held = model.assets[std::size_t(instrument)].price;
        if (!held || chance(20)) return number(size.price_bits, size.price_scale);
        return mvcore::make_decimal(held->mantissa + pick(201) - 100, held->scale).value;
    }
    std::optional<Decimal> factor() {
        if (size.factor_bits == 0 || chance(40)) return std::nullopt;
        return chance(4) ? Decimal{} : number(size.factor_bits, size.factor_scale);
    }
    // Withdraws a price, a rate or both, whether or not they exist.
    void withdraw() {
        std::vector<int> instruments;
        std::vector<int> currencies;
        if (chance(70)) instruments = {live_instrument()};
        if (instruments.empty() || chance(30)) currencies = {1 + pick(3)};
        std::erase_if(currencies, [&](int c) { return !model.currency_known(c); });
        for (const int i : instruments) {
            model.assets[std::size_t(i)].price.reset();
            model.assets[std::size_t(i)].time = kNoTime;
        }
        for (const int c : currencies) model.rates[std::size_t(c)].reset();
        CHECK(tables::withdraw(book, instruments, currencies) == ++model.epoch);
    }
    std::int64_t some_time() { return chance(70) ? kNoTime : 1000 + pick(50); }

    // `neighbours`: neighbouring accounts of one instrument.
    std::vector<tables::Holding> some_holdings(int rows, bool neighbours) {
        std::set<std::pair<int, int>> keys;
        std::vector<tables::Holding> out;
        const int first = live_account();
        const int only = live_instrument();
        for (int k = 0; k < rows; ++k) {
            const int a = neighbours ? std::min(first + k, accounts() - 1) : live_account();
            const int i = neighbours ? only : live_instrument();
            if (model.accounts[std::size_t(a)] != 0 && keys.insert({a, i}).second)
                out.push_back({a, i, quantity()});
        }
        return out;
    }

    // A load of all tables except fx.
    tables::Change everything(int accounts, int instruments) {
        tables::Change change;
        change.load = true;
        change.with_terms = true;
        change.accounts.emplace();
        change.instruments.emplace();
        change.prices.emplace();
        change.holdings.emplace();
        for (int a = 0; a < accounts; ++a) change.accounts->push_back(a);
        for (int i = 0; i < instruments; ++i) {
            change.instruments->push_back({mvcore::InstrumentCode(i), i % 4, factor(), factor()});
            if (chance(90))
                change.prices->push_back({mvcore::InstrumentCode(i),
                                          number(size.price_bits, size.price_scale), kNoTime});
        }
        for (int a = 0; a < accounts; ++a)
            for (int i = 0; i < instruments; ++i)
                if (chance(i % 10 == 0 ? std::max(held_percent_, 40) : held_percent_))
                    change.holdings->push_back({a, i, quantity()});
        std::shuffle(change.holdings->begin(), change.holdings->end(), random_);
        return change;
    }

    void tick_many() {
        const int rows = 1 + pick(8);
        const int scale = pick(5);
        const bool narrow = chance(50);
        std::vector<mvcore::TickRow> ticks;
        std::vector<mvcore::PriceRow> prices;
        for (int k = 0; k < rows; ++k) {
            const int i = live_instrument();  // if it repeats, the later row wins
            const auto time = some_time();
            const Decimal price = next_price(i);
            const auto mantissa = static_cast<std::int64_t>(random_() >> (64 - size.price_bits)) -
                                  (1LL << (size.price_bits - 1));
            ticks.push_back({mantissa, time, mvcore::InstrumentCode(i), scale});
            prices.push_back({mvcore::InstrumentCode(i), price, time});
            model.put_price(i, narrow ? mvcore::make_decimal(mantissa, scale).value : price, time);
        }
        ++model.epoch;
        CHECK((narrow ? book.ticks(ticks) : book.ticks(prices)) == model.epoch);
    }
    void write_prices(int rows) {
        tables::Change change;
        change.as_text = chance(50);
        change.prices.emplace();
        std::set<int> named;
        for (int k = 0; k < rows; ++k)
            if (const int i = live_instrument(); named.insert(i).second)
                change.prices->push_back({mvcore::InstrumentCode(i), next_price(i), some_time()});
        if (chance(30)) change.holdings = some_holdings(1 + pick(5), false);
        write(change);
    }
    void write_rates(bool load) {
        tables::Change change;
        change.load = load;
        change.with_method = chance(50);
        change.fx.emplace();
        for (int c = 0; c < 4; ++c) {
            if (c == 0 && chance(80)) continue;
            if (!chance(load ? 85 : 30)) continue;
            const i128 rate = c == 0 ? 1 : 1 + pick(300000);
            const auto scale = static_cast<std::uint8_t>(c == 0 ? 0 : pick(6));
            const auto d = mvcore::make_decimal(rate, scale).value;
            change.fx->push_back({c,
                                  {d.mantissa, static_cast<std::uint8_t>(d.scale),
                                   c != 0 && chance(50), some_time()}});
        }
        write(change);
        CHECK(book.counters().dropped.late_fx == model.late_fx);
    }
    void write_terms() {
        tables::Change change;
        change.with_terms = chance(70);
        const int i = live_instrument();
        const int held = model.assets[std::size_t(i)].currency;
        change.instruments = {
            {{mvcore::InstrumentCode(i), chance(50) ? held : pick(4), factor(), factor()}}};
        if (chance(30)) change.prices = {{{mvcore::InstrumentCode(i), next_price(i), kNoTime}}};
        write(change);
    }
    // Adds new names, or removed names again, with holdings in the same call.
    void write_masters() {
        const int a = chance(60) ? accounts() : pick(accounts());
        const int i = chance(60) ? instruments() : pick(instruments());
        tables::Change change;
        change.accounts = {{a}};
        change.instruments = {{{mvcore::InstrumentCode(i), pick(4), {}, {}}}};
        change.holdings = {{{a, i, quantity()}}};
        if (chance(60))
            change.prices = {
                {{mvcore::InstrumentCode(i), number(size.price_bits, size.price_scale), kNoTime}}};
        write(change);
    }
    std::mt19937_64 random_;
    int held_percent_;
};

}  // namespace model
