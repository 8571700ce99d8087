// Writes numbers at the limits of arithmetic. Afterwards the book is exact, or the write was
// refused and changed nothing.
#include "edges.hpp"
#include "reads.hpp"

using namespace model;
using mvcore::Error;
using mvcore::ErrorKind;

namespace {

// A book of two accounts that hold one instrument, with a lazy and an incremental view.
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
        const ReaderUnderTest tested(run);
        check_account(tested, 0, 0);
        check_account(tested, 1, 1);
        check_revaluation(tested, 0);
        check_holdings(tested, grouping_of(By::all, run.accounts(), run.instruments()));
        lazy.check(true);
        incremental.check(false);
    }
    // Writes. A refused write must be a value overflow and must change nothing.
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
    change.instruments = {{{mvcore::InstrumentCode{0}, 0, multiplier, quote_factor}}};
    return change;
}
tables::Change price(const Decimal& price) {
    tables::Change change;
    change.prices = {{{mvcore::InstrumentCode{0}, price, kNoTime}}};
    return change;
}

}  // namespace

TEST(quantity_times_price_times_factor_is_exact_or_refused) {
    Small small;
    int taken = 0;
    int refused = 0;
    for (const auto& factor : edges::few_inputs()) {
        if (!small.attempt(terms(factor, {1, 0}))) continue;
        for (const auto& p : edges::few_inputs()) {
            (small.attempt(price(p)) ? taken : refused)++;
            for (const auto& q : edges::few_inputs())
                (small.attempt(hold(q, {-q.mantissa, q.scale})) ? taken : refused)++;
        }
        small.attempt(price({1, 0}));
    }
    CHECK(taken > 1000 && refused > 50);
}

TEST(quantities_add_up_exactly_or_are_refused) {
    for (const auto& p :
         {Decimal{1, 0}, Decimal{-edges::kInputMost, 18}, Decimal{(i128{1} << 62) - 1, 0}}) {
        Small small;
        CHECK(small.attempt(price(p)));
        for (const auto& first : edges::inputs())
            for (const auto& second : edges::few_inputs()) {
                const bool taken = small.attempt(hold(first, second));
                CHECK(taken ||
                      (p.scale == 18 && mvcore::magnitude(first.mantissa) > edges::kMost / 4));
            }
    }
}

TEST(a_tick_is_exact_whatever_the_price_before) {
    for (const auto& factor :
         {Decimal{1, 0}, Decimal{-1, 0}, Decimal{1, 18}, Decimal{1 << 20, 0}}) {
        Small small;
        CHECK(small.attempt(terms(factor, {1, 0})));
        CHECK(small.attempt(hold({3, 0}, {-1, 2})));
        for (const auto& before : edges::few_inputs())
            for (const auto& now : edges::inputs()) {
                auto& run = small.run;
                const auto tick = [&](const Decimal& d) {
                    mvcore::Written epoch;
                    if (!run.book.try_tick(mvcore::InstrumentCode(0), d, kNoTime, epoch))
                        epoch = run.book.tick(mvcore::InstrumentCode(0), d, kNoTime);
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
            for (auto v : edges::numbers()) {
                if (v != static_cast<std::int64_t>(v)) continue;
                const auto mantissa = static_cast<std::int64_t>(v);
                const std::vector<mvcore::TickRow> rows{
                    {7, kNoTime, mvcore::InstrumentCode{1}, 0},
                    {mantissa, kNoTime, mvcore::InstrumentCode{0}, scale}};
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

// Totals have 254 bits, which a price of 127 bits times a factor of 127 bits can fill. One more bit
// overflows.
TEST(a_write_that_could_overflow_a_total_changes_nothing) {
    const Decimal most{edges::kInputMost, 18};
    Small small;
    auto& run = small.run;
    CHECK(small.attempt(hold({5, 0}, {-7, 0})));
    CHECK(small.attempt(terms(most, {(i128{1} << 10), 0})));
    CHECK(small.attempt(price({1, 0})));
    const auto none = [] {};
    CHECK(!small.attempt(price(most)));
    CHECK(!small.attempt(terms(most, most)));
    CHECK(!small.attempt(none,
                         [&] { return run.book.tick(mvcore::InstrumentCode(0), most, kNoTime); }));
    CHECK(!small.attempt(none, [&] { return run.book.tick("I0", most, kNoTime); }));
    CHECK(!small.attempt(none, [&] {
        return run.book.ticks(
            std::vector<mvcore::PriceRow>{{mvcore::InstrumentCode{1}, {3, 0}, kNoTime},
                                          {mvcore::InstrumentCode{0}, most, kNoTime}});
    }));
    CHECK(!small.attempt(hold(most, most)));
    auto load = hold(most, most);
    load.load = true;
    load.accounts = {{0, 1, 2}};
    CHECK(!small.attempt(load));
    CHECK(run.book.names().accounts.find("A2") < 0);
    CHECK(small.attempt(hold({6, 0}, {-7, 0})));
}

// Names, units and rates of a refused write do not reach the book.
TEST(a_refused_write_leaves_no_trace) {
    using namespace mvcore;
    const Decimal most{edges::kInputMost, 18};
    Book book("USD", 8);
    tables::Change first;
    first.load = true;
    first.accounts = {{0}};
    first.instruments = {{{InstrumentCode{0}, 0, {}, {}}}};
    first.holdings = {{{0, 0, {3, 0}}}};
    first.prices = {{{InstrumentCode{0}, {7, 0}, kNoTime}}};
    tables::apply(book, first);
    tables::Change refused;  // with a new currency, a new account and two new instruments
    refused.with_terms = true;
    refused.accounts = {{1}};
    refused.instruments = {{{InstrumentCode{1}, 1, {}, {}}, {InstrumentCode{2}, 1, most, most}}};
    refused.prices = {{{InstrumentCode{1}, {1, 0}, kNoTime}, {InstrumentCode{2}, most, kNoTime}}};
    CHECK_THROWS(ErrorKind::value_overflow, tables::apply(book, refused));
    const auto& names = book.names();
    CHECK(names.accounts.size() == 1 && names.instruments.size() == 1);
    CHECK(names.currencies.size() == 1 && !book.state().currency_known(1));
    tables::Change rates;
    rates.fx = {{{0, {1, 0, false}}}};
    CHECK(raw(tables::apply(book, rates)) == 2);
    const auto whole = [&](int target) {
        ResultRows rows;
        const auto by = grouping_of(By::all, names.accounts.size(), names.instruments.size());
        CHECK(book.values(question(book.state(), by, target), rows));
        return rows.amounts.at(0).at(0);
    };
    CHECK(whole(0) == 21 * kPow10[8] && whole(kLocal) == 21 * kPow10[8]);
    CHECK(book.value("A0", "").amount[sod] == 21 * kPow10[8]);
    refused.prices = {
        {{InstrumentCode{1}, {1, 0}, kNoTime}}};  // now it fits, and the codes are still free
    refused.holdings = {{{1, 1, {5, 0}}}};
    refused.fx = {{{1, {2, 0, false}}}};
    CHECK(raw(tables::apply(book, refused)) == 3);
    CHECK(whole(0) == 31 * kPow10[8] && book.value("A1", "EUR").amount[sod] == 5 * kPow10[8]);
}

// Each order fits 64 bits at the finer scale of the holding, but their sum does not.
TEST(a_load_beside_many_large_orders_is_exact) {
    for (const int count : {3, 20, 47, 100}) {
        for (const bool roll : {false, true}) {
            mvcore::Book book("USD", 8);
            book.write([&] {
                mvcore::Batch b(book.names());
                b.accounts_given = b.instruments_given = mvcore::Given::update;
                b.account_rows = {b.accounts.intern("A")};
                b.instrument_rows = {{mvcore::InstrumentCode(b.instruments.intern("I")), 0,
                                      std::nullopt, std::nullopt}};
                return b;
            });
            for (int k = 0; k < count; ++k)
                book.order({{k, {}},
                            mvcore::IdKind::integer,
                            "A",
                            "I",
                            {2'000'000'000, 0},
                            {1'500'000'000, 0},
                            {},
                            mvcore::Status::partially_filled,
                            mvcore::kNoTime});
            book.write([&] {
                mvcore::Batch b(book.names());
                b.holdings_given = mvcore::Given::load;
                b.roll_day = roll;
                b.holding_rows.account = {0};
                b.holding_rows.instrument = {0};
                b.holding_rows.push_quantity({1, 8});
                return b;
            });
            const i128 whole = i128{count} * 100'000'000;
            const i128 held = roll ? 1 : 1 + whole * 1'500'000'000;
            const mvcore::Net net = {1, held, held + whole * 500'000'000};
            CHECK(book.state().grid.get(0, 0) == net);
        }
    }
}
