// Helpers of the durability tests: random calls, and a book's contents as text.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/book/book.hpp"

namespace durable {

using namespace mvcore;

// ---- Contents of a book as text ----

inline std::string text_of(const Decimal& d) { return format_decimal(d.mantissa, d.scale); }
inline std::string text_at(i128 mantissa, int scale) {
    return text_of(make_decimal(mantissa, scale).value);
}

inline std::string price_of(const Book& book, std::int32_t i) {
    const Quote& q = book.state().board.quote(InstrumentCode(i));
    if (!q.alive || !q.priced) return "none";
    return text_at(book.state().board.price_mantissa(InstrumentCode(i)), q.price_scale) + "@" +
           std::to_string(q.time);
}

// Everything except prices.
inline std::string facts_of(Book& book) {
    std::ostringstream out;
    const State& s = book.state();
    const auto& names = book.names();
    for (std::int32_t a = 0; a < names.accounts.size(); ++a)
        if (s.account_alive(AccountCode(a))) out << names.accounts.text(a) << '#' << a << ' ';
    for (std::int32_t c = 0; c < names.currencies.size(); ++c) {
        const Rate& r = s.board.rate(c);
        if (s.currency_known(c))
            out << names.currencies.text(c) << '#' << c << '=' << text_at(r.mantissa, r.scale)
                << r.divide << '@' << r.time << ' ';
    }
    for (std::int32_t i = 0; i < names.instruments.size(); ++i) {
        const Instrument& c = s.board.instrument(InstrumentCode(i));
        if (!s.instrument_alive(InstrumentCode(i))) continue;
        out << '\n'
            << names.instruments.text(i) << '#' << i << ' ' << c.terms.currency << '*'
            << text_of(c.terms.multiplier) << '*' << text_of(c.terms.quote_factor) << ':';
        s.grid.for_each(std::size_t(i), [&](std::uint32_t a, const Net& net) {
            out << ' ' << a;
            for (const i128 q : net) out << '/' << text_at(q, c.quantity_scale);
        });
        std::vector<std::string> orders;
        s.orders.for_each(
            InstrumentCode(i), [&](Slot slot, const OrderPage& page, std::uint32_t k) {
                const Order o = OrderStore::order(page, k);
                const int scale = s.orders.scale(InstrumentCode(i));
                orders.push_back(std::string(s.orders.text(slot)) + "," +
                                 std::to_string(raw(o.account)) + "," + text_at(o.quantity, scale) +
                                 "," + text_at(o.filled, scale) + "," + text_at(o.rolled, scale) +
                                 "," + std::to_string(int(o.status)) + "," +
                                 std::to_string(o.time) + (o.retained ? ",retained" : ""));
            });
        std::sort(orders.begin(), orders.end());
        for (const auto& o : orders) out << " (" << o << ')';
    }
    for (const auto& [name, position] : book.feeds()) out << '\n' << name << '>' << position;
    return out.str();
}

// ---- Calls ----

using Call = std::function<void(Book&)>;

struct Calls {
    std::mt19937_64 random;
    int accounts = 0;
    int instruments = 0;
    std::int64_t offset = 0;

    explicit Calls(std::uint64_t seed) : random(seed) {}
    int pick(int n) { return static_cast<int>(random() % static_cast<std::uint64_t>(n)); }
    Decimal number(int decimals) {
        return make_decimal(pick(2'000'000) - 1'000'000, pick(decimals + 1)).value;
    }
    static std::string name(const char* kind, int k) { return kind + std::to_string(k); }

    // Every batch of master tables brings new names.
    Call masters() {
        const int a = ++accounts;
        const int i = ++instruments;
        const bool euro = pick(2) == 0;
        const bool cash = pick(3) == 0;  // without a price of its own
        const Decimal price = number(3);
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.accounts_given = b.instruments_given = b.prices_given = Given::update;
                b.account_rows = {b.accounts.intern(name("A", a))};
                b.instrument_rows = {{InstrumentCode(b.instruments.intern(name("I", i))),
                                      b.currencies.intern(euro ? "EUR" : "USD"),
                                      Decimal{cash ? 1 : 2, 0}, std::nullopt,
                                      cash ? std::optional(true) : std::nullopt}};
                if (!cash) b.price_rows = {{b.instrument_rows[0].instrument, price, kNoTime}};
                b.attributes = "{\"accounts\":{\"desk\":[\"d\"]}}";
                return b;
            });
        };
    }
    Call order() {
        const OrderText o{name("order-", pick(30)),         name("A", 1 + pick(accounts)),
                          name("I", 1 + pick(instruments)), number(2),
                          static_cast<Status>(pick(6)),     pick(3) == 0 ? kNoTime : pick(50)};
        const Decimal filled = pick(2) == 0 ? Decimal() : o.quantity;
        const Decimal price = number(4);
        const FillPrice average_price =
            pick(2) == 0 ? FillPrice() : FillPrice{price.mantissa, price.scale};
        return [=](Book& book) {
            book.order({{0, o.id},
                        IdKind::text,
                        o.account,
                        o.instrument,
                        o.quantity,
                        filled,
                        average_price,
                        o.status,
                        o.time});
        };
    }
    Call holdings(bool load) {
        std::map<std::pair<int, int>, Decimal> cells;
        for (int k = 0; k < 1 + pick(load ? 150 : 20); ++k)
            cells[{pick(accounts), pick(instruments)}] = number(4);
        const auto at = ++offset;
        const bool priced = pick(4) == 0;
        const auto price = number(3);
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.holdings_given = load ? Given::load : Given::update;
                for (const auto& [cell, quantity] : cells) {
                    b.holding_rows.account.push_back(cell.first);
                    b.holding_rows.instrument.push_back(cell.second);
                    b.holding_rows.push_quantity(quantity);
                }
                if (priced) {
                    b.prices_given = Given::update;
                    b.price_rows = {{InstrumentCode(0), price, kNoTime}};
                }
                b.feeds = {{"holdings/0", at}};
                return b;
            });
        };
    }
    Call rate() {
        const Rate r{1 + pick(100'000), 4, pick(2) == 0, pick(2) == 0 ? kNoTime : pick(100)};
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.fx_given = Given::update;
                b.rate_rows = {{b.currencies.intern("EUR"), r}};
                return b;
            });
        };
    }
    // Rolls from the current quantities, or from a custodian's holdings.
    Call roll() {
        if (pick(3) != 0) return [](Book& book) { book.roll_day(); };
        const int account = pick(accounts);
        const int instrument = pick(instruments);
        const auto quantity = number(4);
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.roll_day = true;
                b.holdings_given = Given::load;
                b.holding_rows.account = {account};
                b.holding_rows.instrument = {instrument};
                b.holding_rows.push_quantity(quantity);
                return b;
            });
        };
    }
    Call withdraw() {
        const int instrument = pick(instruments);
        const bool rate = pick(2) == 0;
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.removed_prices = {instrument};
                const auto euro = b.currencies.find("EUR");
                if (rate && book.state().currency_known(euro)) b.removed_rates = {euro};
                return b;
            });
        };
    }
    Call tick() {
        const int i = pick(instruments);
        const Decimal price = number(pick(8) == 0 ? 7 : 4);
        const std::int64_t time = pick(2) == 0 ? kNoTime : pick(100);
        return [=](Book& book) { book.tick(InstrumentCode(i), price, time); };
    }
    Call prices() {
        const int i = pick(instruments);
        const Decimal price = number(4);
        const auto at = ++offset;
        return [=](Book& book) {
            book.write([&] {
                Batch b(book.names());
                b.prices_given = Given::update;
                b.price_rows = {{InstrumentCode(i), price, kNoTime}};
                b.feeds = {{"prices/0", at}};
                return b;
            });
        };
    }

private:
    struct OrderText {
        std::string id;
        std::string account;
        std::string instrument;
        Decimal quantity;
        Status status;
        std::int64_t time;
    };
};

}  // namespace durable
