// Seeded random runs of a book against its model: every amount is exact, and every incremental
// total equals the recomputed one, whatever the order of writes and reads.
#include "play.hpp"

using namespace model;

namespace {

struct Seen {
    bool lanes[3] = {};
    bool wide_price = false;
};
void see(const Run& run, Seen& seen) {
    const auto& board = run.book.state().board;
    for (mvcore::UnitId u = 0; u < board.units(); ++u)
        if (board.unit(u).priced()) seen.lanes[std::size_t(board.unit(u).lane)] = true;
    for (std::size_t i = 0; i < board.size(); ++i)
        seen.wide_price = seen.wide_price || board.quote(mvcore::InstrumentCode(i)).wide;
}
Seen seen_in(const Run& run) {
    Seen seen;
    see(run, seen);
    return seen;
}

}  // namespace

TEST(a_dense_book_of_small_numbers_is_exact) {
    Run run(100, 20, 90, kSmall, 8, 1);
    play(run, 2500, 250);
    CHECK(seen_in(run).lanes[0] && !seen_in(run).lanes[2]);
}

TEST(a_dense_book_is_exact_if_every_rate_is_known) {
    Run run(100, 20, 90, kSmall, 2, 2);
    play(run, 1500, 150);
}

TEST(a_sparse_book_over_several_blocks_is_exact) {
    Run run(9000, 30, 6, kSmall, 8, 3);
    bool sparse = false;
    bool dense = false;
    for (std::size_t i = 0; i < 30; ++i) {
        const auto& grid = run.book.state().grid;
        CHECK(grid.blocks() == 3);
        for (std::size_t b = 0; b < grid.blocks(); ++b)
            (grid.block(i, b).dense() ? dense : sparse) = true;
    }
    CHECK(sparse && dense);
    play(run, 1200, 25);
}

TEST(a_book_of_wide_numbers_is_exact) {
    Run run(60, 16, 70, kWide, 8, 4);
    play(run, 1500, 200);
    CHECK(seen_in(run).wide_price && seen_in(run).lanes[2]);
}

TEST(amounts_beyond_38_digits_are_refused_and_others_are_exact) {
    Run run(60, 16, 20, kWide, 30, 5);
    play(run, 1000, 200);
}

TEST(totals_that_outgrow_their_lanes_stay_exact) {
    for (unsigned seed : {6U, 7U}) {
        Run run(100, 12, 60, kSmall, 8, seed);
        auto view = Watch(run, By::account_and_kind, 0, false);
        Seen seen;
        for (const Size& size : {kSmall, kMedium, kWide, kSmall}) {
            run.size = size;
            for (int part = 0; part < 6; ++part) {
                play(run, 50, 10);
                view.check(false);
                see(run, seen);
            }
        }
        CHECK(seen.lanes[0] && seen.lanes[1] && seen.lanes[2] && seen.wide_price);
    }
}

// A view follows the ticks of few instruments unless the log has lost some. If all instruments
// tick, the view may rebuild.
TEST(a_view_that_missed_more_prices_than_the_change_log_keeps_is_exact) {
    constexpr int kKept = static_cast<int>(mvcore::Ring<mvcore::Change>::kCapacity);
    for (int ticks : {10, kKept - 1, kKept, kKept + 1, kKept + 5000})
        for (int instruments : {5, 40}) {
            Run run(40, 40, 60, kSmall, 8, 8);
            Watch lazy(run, By::account, 0, false);
            Watch few(run, By::few, kLocal, false);
            Watch incremental(run, By::account_and_kind, 0, true);
            lazy.check(false);
            few.check(false);
            const auto rebuilds = lazy.stats().rebuilds;
            const auto end = run.book.change_log().changes().end() + std::uint64_t(ticks);
            while (run.book.change_log().changes().end() < end) run.tick(run.pick(instruments));
            lazy.check(false);
            few.check(false);
            incremental.check(false);
            if (instruments == 5) CHECK((lazy.stats().rebuilds == rebuilds) == (ticks <= kKept));
            check_sums(run);
        }
}

TEST(a_view_that_missed_more_facts_than_the_change_log_keeps_is_exact) {
    constexpr auto kKept = mvcore::Ring<mvcore::Fact>::kCapacity;
    for (std::uint64_t more : {0U, 5000U}) {
        Run run(3000, 8, 50, kSmall, 8, 9);
        Watch whole(run, By::account, 0, false);
        Watch few(run, By::few_by_kind, 1, false);
        Watch incremental(run, By::group, 0, true);
        for (auto* view : {&whole, &few}) view->check(false);
        const auto rebuilds = whole.stats().rebuilds;
        const auto start = run.book.change_log().facts().end();
        while (run.book.change_log().facts().end() - start < kKept + more - 500)
            run.write_holdings(500);
        for (int k = 0; k < 8; ++k) run.tick();
        if (more == 0)  // exactly as many as the log keeps, so the view follows
            while (run.book.change_log().facts().end() - start < kKept) run.write_holdings(1);
        for (auto* view : {&whole, &few, &incremental}) view->check(false);
        CHECK((whole.stats().rebuilds == rebuilds) == (more == 0));
    }
}

TEST(a_batch_is_checked_against_the_book_that_it_leaves) {
    for (const int left : {0, 5}) {  // quantity left in the only holding of a removed account
        Run run(3, 4, 100, kSmall, 8, 12);
        tables::Change change;
        change.load = true;
        change.holdings = {{{1, 2, {7, 0}}, {0, 2, {1, 0}}}};
        run.write(change);
        mvcore::Writing writing(run.book.lock());
        mvcore::Batch batch(run.book.names());
        batch.holdings_given = mvcore::Given::update;
        batch.holding_rows.account = {1};
        batch.holding_rows.instrument = {2};
        batch.holding_rows.push_quantity({left, 0});
        batch.removed_accounts = {1};
        if (left == 0) CHECK(run.book.apply(batch, writing) == run.model.epoch + 1);
        else CHECK_THROWS(mvcore::ErrorKind::invalid_input, run.book.apply(batch, writing));
        CHECK(run.book.state().account_alive(mvcore::AccountCode(1)) == (left != 0));
    }
}
