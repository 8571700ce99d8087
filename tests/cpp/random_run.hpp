// A seeded run of random writes, including orders.
#pragma once

#include "random_writes.hpp"

namespace model {

using mvcore::ErrorKind;
using mvcore::IdKind;
using mvcore::Status;

class Run : public Writes {
public:
    Run(int accounts, int instruments, int held_percent, Size size, int value_scale, unsigned seed,
        IdKind ids = IdKind::none)
        : Writes(accounts, instruments, held_percent, size, value_scale, seed), kind(ids) {}

    IdKind kind;             // of order ids; none: no orders
    int most_orders = 150;   // number of distinct ids
    int order_percent = 35;  // share of steps that write orders

    // One random write.
    void step() {
        if (kind != IdKind::none && chance(order_percent)) return step_orders();
        const int what = pick(100);
        if (what < 45) tick();
        else if (what < 60) tick_many();
        else if (what < 78) write_holdings(1 + pick(20));
        else if (what < 83) write_prices(1 + pick(4));
        else if (what < 87) write_rates(chance(30));
        else if (what < 91) write_terms();
        else if (what < 94) write_masters();
        else if (what < 96) remove();
        else if (what < 97) withdraw();
        else if (what < 99) refused();
        else refresh();
        CHECK(book.counters().dropped.late_orders == model.late_orders);
        CHECK(book.counters().dropped.unchanged_orders == model.unchanged_orders);
    }
    void step_orders() {
        const int what = pick(100);
        if (what < 40) write_order();
        else if (what < 75) write_orders(1 + pick(20));
        else if (what < 85) remove_orders();
        else if (what < 95) refused_order();
        else if (what < 97 || model.orders.empty()) roll_day();
        else refresh();
    }
    void write_order() {
        const auto row = order_row(some_id(), {});
        const auto epoch = tables::order(book, row);
        model.put_order(row, {});
        CHECK(epoch == ++model.epoch);
    }
    void write_orders(int rows) {
        tables::Change change;
        add_orders(change, rows);
        if (chance(20)) change.holdings = some_holdings(1 + pick(5), false);
        if (chance(10))
            change.prices = {
                {{mvcore::InstrumentCode(live_instrument()), {pick(1000), 0}, kNoTime}}};
        write(change);
    }
    void roll_day() {
        if (chance(20)) return roll_from_custodian();
        const auto before = model.positions();
        CHECK(book.roll_day() == model.epoch + 1);
        model.roll_day();
        for (const auto& [key, net] : model.positions())  // only start-of-day quantities change
            CHECK(net[1] == before.at(key)[1] && net[2] == before.at(key)[2] && net[0] == net[1]);
    }
    void roll_from_custodian() {
        tables::Change change;
        change.as_text = chance(50);
        change.holdings = some_holdings(pick(60), false);
        CHECK(tables::roll_day(book, change) == model.epoch + 1);
        model.roll_day(&*change.holdings);
    }
    // Hypothetical prices and rates for a question. A rate keeps its method.
    tables::Change what_if(const Model& then) {
        tables::Change change;
        change.as_text = chance(50);
        change.prices.emplace();
        for (std::size_t i = 0; i < then.assets.size(); ++i)
            if (then.assets[i].alive && chance(15))
                change.prices->push_back({mvcore::InstrumentCode(i),
                                          number(size.price_bits, size.price_scale), kNoTime});
        change.fx.emplace();
        for (int c = 1; c < 4; ++c) {
            const auto d = mvcore::make_decimal(1 + pick(300000), pick(6)).value;
            if (chance(30))
                change.fx->push_back({c, {d.mantissa, static_cast<std::uint8_t>(d.scale), false}});
        }
        return change;
    }
    mvcore::Measures some_measures() {
        using mvcore::current, mvcore::expected, mvcore::sod;
        const mvcore::Measures all[] = {{sod}, {current}, {expected}, {expected, sod}};
        return chance(40) ? mvcore::Measures{sod, current, expected} : all[pick(4)];
    }

private:
    Id id_at(int k) const {
        const auto number = static_cast<std::int64_t>(k) - most_orders / 2;
        if (kind == IdKind::text)
            return std::string(std::size_t(1 + k % 23), 'x') + std::to_string(k);
        // Some beyond 32 bits, some negative.
        return k % 3 == 0 ? number * 0x123456789ABCDLL : number;
    }
    Id some_id() { return id_at(pick(most_orders)); }
    const Ordered* held(const Id& id) const {
        const auto found = model.orders.find(id);
        return found == model.orders.end() ? nullptr : &found->second;
    }

    // `filled` gets the sign of `quantity`, or that of the stored quantity if there is no such
    // column.
    tables::OrderRow order_row(const Id& id, const tables::OrderColumns& with) {
        tables::OrderRow row;
        row.id = id;
        row.account = live_account();
        row.instrument = live_instrument();
        row.quantity = quantity();
        const Ordered* before = held(id);
        if (before != nullptr && chance(70)) {
            row.account = before->account;
            row.instrument = before->instrument;
        }
        const bool negative = row.quantity.mantissa < 0;
        if (!with.filled && before != nullptr && before->filled != 0 &&
            negative != (before->filled < 0))
            row.quantity.mantissa = -row.quantity.mantissa;
        row.filled = chance(10) ? std::optional<Decimal>() : filled_of(row.quantity);
        if (!with.quantity && before != nullptr) {
            row.filled = chance(30) ? Decimal{} : filled_of(quantity());
            if (before->quantity != 0 && (before->quantity < 0) != (row.filled->mantissa < 0))
                row.filled->mantissa = -row.filled->mantissa;
        }
        if (with.rolled && chance(80)) row.rolled = chance(60) ? row.filled : filled_of(quantity());
        if (chance(90)) row.status = static_cast<Status>(chance(60) ? pick(2) : pick(15));
        row.time = some_time();
        return row;
    }
    Decimal filled_of(const Decimal& quantity) {
        const int tenths = chance(40) ? 0 : chance(25) ? 10 : pick(13);
        return mvcore::make_decimal(quantity.mantissa / 10 * tenths, quantity.scale).value;
    }

    // Each id occurs once. Columns may be absent if every order is already known.
    void add_orders(tables::Change& change, int rows) {
        std::set<Id> ids;
        const bool changes_only = chance(50) && !model.orders.empty();
        for (int k = 0; k < rows; ++k) {
            const auto id = some_id();
            if (!changes_only || held(id) != nullptr) ids.insert(id);
        }
        auto& with = change.order_columns;
        with.filled = chance(80);
        with.rolled = chance(15);
        with.status = chance(80);
        with.time = chance(60);
        if (changes_only) {
            with.account = chance(30);
            with.instrument = chance(30);
            with.quantity = chance(30);
        }
        change.as_text = chance(50);
        change.orders.emplace();
        for (const auto& id : ids) change.orders->push_back(order_row(id, with));
        std::shuffle(change.orders->begin(), change.orders->end(), random_);
    }
    void load_orders(tables::Change& change) {
        if (kind == IdKind::none) return;
        change.orders.emplace();
        change.order_columns.rolled = chance(30);
        for (int k = 0; k < most_orders; ++k) {
            if (!chance(50)) continue;
            auto row = order_row(id_at(k), change.order_columns);
            change.orders->push_back(row);
        }
        std::shuffle(change.orders->begin(), change.orders->end(), random_);
    }
    void remove_orders() {
        std::vector<Id> ids;
        for (const auto& [id, order] : model.orders)
            if (chance(100 * (1 + pick(8)) / static_cast<int>(model.orders.size()) + 1))
                ids.push_back(id);
        if (ids.empty()) return;
        ids.push_back(ids.front());  // an id that occurs twice counts once
        CHECK(tables::remove(book, {}, {}, ids) == ++model.epoch);
        for (const auto& id : ids) model.orders.erase(id);
    }

    void remove() {
        const bool account = chance(50);
        const int code = account ? live_account() : live_instrument();
        const std::vector<int> accounts = account ? std::vector{code} : std::vector<int>{};
        const std::vector<int> instruments = account ? std::vector<int>{} : std::vector{code};
        if (account ? model.account_held(code) : model.instrument_held(code)) {
            CHECK_THROWS(ErrorKind::invalid_input, tables::remove(book, accounts, instruments));
            return;
        }
        if (account) model.accounts[std::size_t(code)] = 0;
        else model.assets[std::size_t(code)] = {};
        ++model.epoch;
        CHECK(tables::remove(book, accounts, instruments) == model.epoch);
    }
    // Good rows and one bad row at the end: nothing may change.
    void refused() {
        tables::Change change;
        change.holdings = some_holdings(6, chance(30));
        const bool twice = chance(50);
        if (twice) change.holdings->push_back(change.holdings->front());
        else change.holdings->push_back({live_account(), instruments() + 7, {1, 0}});
        change.accounts = {{accounts()}};
        CHECK_THROWS(twice ? ErrorKind::invalid_input : ErrorKind::unknown_id,
                     tables::apply(book, change));
        CHECK(book.state().epoch == model.epoch);
        CHECK(book.names().accounts.find(tables::account(accounts())) < 0);
    }
    // The last row is bad, the others are good.
    void refused_order() {
        tables::Change change;
        add_orders(change, 5);
        change.order_columns = {};
        change.orders->push_back(order_row(some_id(), {}));
        auto& bad = change.orders->back();
        auto why = ErrorKind::invalid_input;
        switch (pick(5)) {
            case 0: change.orders->push_back(bad); break;
            case 1: bad.instrument = instruments() + 3, why = ErrorKind::unknown_id; break;
            case 2: bad.account = accounts() + 3, why = ErrorKind::unknown_id; break;
            case 3:
                bad.quantity = {5, 0}, bad.filled = {-1, 1}, bad.time = kNoTime;
                change.orders = std::vector{tables::OrderRow(bad)};
                break;
            default:
                CHECK_THROWS(ErrorKind::unknown_id,
                             tables::remove(book, {}, {}, {id_at(most_orders + 7)}));
                return;
        }
        CHECK_THROWS(why, tables::apply(book, change));
        CHECK(book.state().epoch == model.epoch &&
              book.state().orders.size() == model.orders.size());
    }
    void refresh() {
        if (chance(30)) {
            auto change = everything(accounts(), instruments());
            if (chance(50)) load_orders(change);
            return write(change);
        }
        tables::Change change;
        change.load = true;
        if (kind != IdKind::none && chance(40)) {
            load_orders(change);
        } else if (chance(50)) {
            change.holdings = some_holdings(static_cast<int>(model.holdings.size()), false);
        } else {
            change.prices.emplace();
            for (int i = 0; i < instruments(); ++i)
                if (model.assets[std::size_t(i)].alive && chance(90))
                    change.prices->push_back(
                        {mvcore::InstrumentCode(i), next_price(i), some_time()});
        }
        write(change);
    }
};

}  // namespace model
