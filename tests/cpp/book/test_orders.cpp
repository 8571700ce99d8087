// Seeded random runs of books with orders against the model, and cases that a run seldom meets.
#include "edges.hpp"
#include "play.hpp"

using namespace model;

namespace {

tables::OrderRow order(std::int64_t id, int account, int instrument, Decimal quantity,
                       Decimal filled = {}) {
    return {id, account, instrument, quantity, filled, Status::created, kNoTime, {}};
}

// Checks every read of a book with few accounts and instruments.
void check_all(Run& run) {
    check_sums(run);
    check_point_reads(run);
    check_holdings(ReaderUnderTest(run), grouping_of(By::all, run.accounts(), run.instruments()));
    for (int i = 0; i < run.instruments(); ++i) check_revaluation(ReaderUnderTest(run), i);
}

}  // namespace

TEST(a_dense_book_with_orders_is_exact) {
    for (auto [kind, seed] : {std::pair(IdKind::integer, 21U), std::pair(IdKind::text, 22U)}) {
        Run run(60, 16, 80, kSmall, 8, seed, kind);
        play(run, 2000, 150);
        CHECK(run.model.late_orders > 10 && run.book.copies() > 0);
    }
}

TEST(a_book_of_few_positions_and_many_orders_is_exact) {
    Run run(9, 3, 30, kSmall, 2, 23, IdKind::integer);  // several order pages per instrument
    run.most_orders = 3000;
    run.order_percent = 60;
    for (int k = 0; k < 60; ++k) run.write_orders(100);
    CHECK(run.book.state().orders.count(mvcore::InstrumentCode(0)) >
          2 * mvcore::OrderPage::kRecords);
    play(run, 1500, 60);
}

TEST(a_sparse_book_with_orders_over_several_blocks_is_exact) {
    Run run(9000, 12, 3, kMedium, 8, 24, IdKind::text);
    run.most_orders = 1200;
    run.order_percent = 60;
    for (int k = 0; k < 10; ++k) run.write_orders(100);
    play(run, 600, 15);
}

TEST(a_book_of_wide_numbers_with_orders_is_exact) {
    for (auto [kind, seed] : {std::pair(IdKind::text, 25U), std::pair(IdKind::integer, 26U)}) {
        Run run(40, 12, 50, kWide, 8, seed, kind);
        run.most_orders = 400;
        play(run, 1200, 100);
    }
}

TEST(amounts_beyond_38_digits_are_refused_with_orders) {
    Run run(40, 12, 20, kWide, 30, 27, IdKind::integer);
    play(run, 800, 100);
}

TEST(orders_that_outgrow_their_records_stay_exact) {
    for (unsigned seed : {28U, 29U}) {
        Run run(60, 8, 40, kSmall, 8, seed);
        play(run, 100, 10);  // one column serves all measures
        CHECK(!run.book.state().grid.split());
        auto view = Watch(run, By::account_and_kind, 0, true);
        view.check(false);
        run.kind = seed == 28U ? IdKind::integer : IdKind::text;
        run.most_orders = 900;
        run.order_percent = 60;
        for (const Size& size : {kSmall, kMedium, kWide, kSmall}) {
            run.size = size;
            for (int part = 0; part < 4; ++part) {
                play(run, 80, 10);
                view.check(false);
            }
        }
        CHECK(run.book.state().grid.split());
    }
}

// One batch with holdings, and with orders that make the quantity scale finer.
TEST(holdings_and_finer_orders_of_one_batch_are_exact) {
    Run run(3, 4, 100, kSmall, 8, 31);
    tables::Change change;
    change.holdings = {{{0, 1, {7, 0}}, {1, 2, {5, 1}}}};
    change.orders = {{order(1, 2, 1, {123456789, 8}), order(2, 1, 2, {3, 0}, {15, 1})}};
    run.write(change);
    check_all(run);
}

// A batch frees a slot, and another order of the same batch takes it. That order needs columns that
// the page lacks: a time, a high id, a quantity beyond 32 bits.
TEST(a_slot_freed_in_a_batch_fits_the_order_that_reuses_it) {
    for (int what = 0; what < 4; ++what) {
        Run run(3, 4, 100, kSmall, 8, 32);
        tables::Change first;
        first.orders.emplace();
        for (int k = 0; k < 300; ++k)  // two pages, the first one full
            first.orders->push_back(order(k, k % 3, 1, {k, 0}));
        run.write(first);
        tables::Change change;
        auto added = order(what == 1 ? std::int64_t{1} << 40 : 1000, 0, 1, {5, 0});
        if (what == 0) added.time = 77;
        if (what == 2) added.quantity = {i128{1} << 50, 0};
        if (what == 3) added.filled = Decimal{i128{1} << 40, 0};
        change.orders = {{order(3, 0, 2, {3, 0}), added}};
        run.write(change);
        check_all(run);
        added.time = 76;
        change.orders = {{added}};
        run.write(change);  // late only if the first time was stored
        CHECK(run.book.counters().dropped.late_orders == (what == 0 ? 1U : 0U));
        check_all(run);
    }
}

// A journal group may bring an unused name after a call that ran out of memory.
TEST(an_order_report_adds_the_unused_names_that_it_brings) {
    Run run(3, 4, 100, kSmall, 8, 33);
    tables::Change first;
    first.orders = {{order(1, 0, 1, {5, 0})}};
    run.write(first);
    run.book.write([&] {
        mvcore::Batch batch(run.book.names());
        batch.accounts.intern("left over");
        batch.orders_given = mvcore::Given::update;
        batch.order_rows.kind = mvcore::IdKind::integer;
        batch.order_rows.id = {{1, {}}};
        batch.order_rows.filled = {{2, 0}};
        return batch;
    });
    CHECK(run.book.names().accounts.find("left over") >= 0);
}
