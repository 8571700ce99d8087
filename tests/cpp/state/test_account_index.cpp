// Checks that the by-account index is exact if it is built while readers and writers run, and that
// it applies their changes.
#include <atomic>
#include <random>
#include <thread>

#include "check.hpp"
#include "mvcore/book/book.hpp"
#include "mvcore/state/account_index.hpp"

using namespace mvcore;

namespace {

std::mt19937_64 g_random(3);
std::uint32_t pick(std::uint64_t n) { return static_cast<std::uint32_t>(g_random() % n); }

// Every account holds `quantity` of every instrument.
void load(Book& book, int accounts, int instruments, std::int64_t quantity) {
    book.write([&] {
        Batch b(book.names());
        b.accounts_given = b.instruments_given = b.prices_given = b.holdings_given = Given::load;
        for (int a = 0; a < accounts; ++a)
            b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
        for (int i = 0; i < instruments; ++i) {
            const auto code = b.instruments.intern("I" + std::to_string(i));
            b.instrument_rows.push_back({InstrumentCode(code), 0, std::nullopt, std::nullopt});
            b.price_rows.push_back({InstrumentCode(code), Decimal{1 + i % 7, i % 3}, kNoTime});
            for (int a = 0; a < accounts; ++a) {
                b.holding_rows.account.push_back(a);
                b.holding_rows.instrument.push_back(i);
                b.holding_rows.push_quantity(Decimal{quantity, 0});
            }
        }
        return b;
    });
}

void hold(Book& book, std::int32_t account, std::int32_t instrument, const Decimal& quantity) {
    book.write([&] {
        Batch b(book.names());
        b.holdings_given = Given::update;
        b.holding_rows.account = {account};
        b.holding_rows.instrument = {instrument};
        b.holding_rows.push_quantity(quantity);
        return b;
    });
}

// Computes the value by sweeping the instruments, without an index.
Net swept(Book& book, std::int32_t account) {
    const State& state = book.state();
    Net units{};
    for (std::size_t i = 0; i < state.board.size(); ++i) {
        const Quote& quote = state.board.quote(InstrumentCode(i));
        const auto net = state.grid.get(i, std::uint32_t(account));
        const int places =
            12 - quote.price_scale - state.board.instrument(InstrumentCode(i)).quantity_scale;
        for (std::size_t m = 0; m < kMeasures; ++m)
            units[m] += net[m] * quote.price * kPow10[std::size_t(places)];
    }
    return units;
}

}  // namespace

TEST(an_index_is_built_while_ticks_continue) {
    constexpr int kAccounts = 2000;
    constexpr int kInstruments = 400;
    Book book("USD", 12);
    load(book, kAccounts, kInstruments, 3);
    for (int i = 0; i < kInstruments; ++i) book.tick(InstrumentCode(i), Decimal{9, 0}, kNoTime);
    std::atomic<bool> done = false;
    std::thread builder([&] {
        static_cast<void>(book.value_by_code(AccountCode(0), -1));
        done = true;
    });
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
    while (!done) {
        Written out;
        const auto i = static_cast<std::int32_t>(pick(kInstruments));
        if (book.try_tick(InstrumentCode(i), Decimal{1 + pick(9), 0}, kNoTime, out)) ++taken;
        else ++refused;
        if (taken % 64 == 0) hold(book, std::int32_t(pick(kAccounts)), i, Decimal{pick(9), 0});
    }
    builder.join();
    CHECK(taken > refused);
    CHECK(book.counters().index_builds == 1);
    for (int a = 0; a < kAccounts; ++a)
        CHECK(book.value_by_code(AccountCode(a), -1).amount == swept(book, a));
}

// Names, units, scales, prices and whole tables change while the index is built again and again.
TEST(an_index_built_beside_any_write_is_exact) {
    constexpr int kAccounts = 300;
    constexpr int kInstruments = 60;
    Book book("USD", 12);
    load(book, kAccounts, kInstruments, 3);
    std::atomic<bool> done = false;
    std::thread reader([&] {
        while (!done) static_cast<void>(book.value_by_code(AccountCode(0), -1));
    });
    for (int round = 0; round < 150; ++round) {
        const int kind = int(pick(6));
        const auto i = static_cast<std::int32_t>(pick(kInstruments));
        if (kind == 0) load(book, kAccounts, kInstruments + round % 5, 1 + pick(5));
        else if (kind == 1) book.roll_day();
        else if (kind == 2)
            book.tick(InstrumentCode(i), Decimal{1 + pick(99), int(pick(5))}, kNoTime);
        else if (kind == 3)
            hold(book, std::int32_t(pick(kAccounts)), i, Decimal{pick(99), int(pick(3))});
        else
            for (int k = 0; k < 300; ++k)
                hold(book, std::int32_t(pick(kAccounts)), i, Decimal{pick(99), 0});
        if (round % 3 == 0)
            for (int a = 0; a < kAccounts; a += 7)
                CHECK(book.value_by_code(AccountCode(a), -1).amount == swept(book, a));
    }
    done = true;
    reader.join();
    CHECK(book.counters().index_builds > 10);
}

TEST(an_index_follows_the_grid_from_one_copy_to_a_later_one) {
    for (int round = 0; round < 20; ++round) {
        Book book("USD", 12);
        load(book, 500, 9, 3);
        const Grid before = book.state().grid;
        const Board board = book.state().board;
        AccountIndex index = AccountIndex::of(before, board);
        if (round % 4 == 0) load(book, 5000, 12, 2);
        for (int k = 0; k < 200; ++k)
            hold(book, std::int32_t(pick(500)), std::int32_t(pick(9)),
                 Decimal{pick(4), int(pick(2))});
        const Grid now = book.state().grid;
        index.follow(before, now);
        Board quotes = book.state().board;
        index.install(quotes, now.rows());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < now.lines(); ++i)
            for (std::uint32_t a = 0; a < now.rows(); ++a)
                wrong +=
                    index.grid().get(a, quotes.quote(InstrumentCode(i)).index_row) != now.get(i, a);
        CHECK(wrong == 0);
    }
}

TEST(an_index_includes_positions_written_while_it_was_built) {
    constexpr int kAccounts = 200;
    constexpr int kInstruments = 20;
    Book book("USD", 12);
    for (int round = 0; round < 60; ++round) {
        load(book, kAccounts, kInstruments, 3);
        std::atomic<bool> done = false;
        std::thread builder([&] {
            static_cast<void>(book.value_by_code(AccountCode(0), -1));
            done = true;
        });
        while (!done)
            hold(book, std::int32_t(pick(kAccounts)), std::int32_t(pick(kInstruments)),
                 Decimal{10 + pick(90), 0});
        builder.join();
        for (int a = 0; a < kAccounts; ++a)
            CHECK(book.value_by_code(AccountCode(a), -1).amount == swept(book, a));
    }
}

// Each batch has more positions than the builder may apply while others wait.
TEST(an_index_is_built_no_matter_how_many_facts_arrive) {
    constexpr int kAccounts = 4000;
    constexpr int kLines = 5;  // instruments of each writer
    Book book("USD", 12);
    load(book, kAccounts, 3 * kLines, 3);
    std::atomic<bool> done = false;
    std::atomic<int> batches = 0;
    std::vector<std::thread> writers;
    for (int t = 0; t < 3; ++t)
        writers.emplace_back([&, t] {
            for (std::int64_t k = 1; !done; ++k) {
                book.write([&] {
                    Batch b(book.names());
                    b.holdings_given = Given::update;
                    for (int row = 0; row < kAccounts * kLines; ++row) {
                        b.holding_rows.account.push_back(row % kAccounts);
                        b.holding_rows.instrument.push_back(t * kLines + row / kAccounts);
                        b.holding_rows.push_quantity(Decimal{k, 0});
                    }
                    return b;
                });
                ++batches;
            }
        });
    while (batches < 6) std::this_thread::yield();
    static_cast<void>(book.value_by_code(AccountCode(0), -1));
    CHECK(book.counters().index_builds == 1);
    done = true;
    for (auto& writer : writers) writer.join();
    for (int a = 0; a < kAccounts; ++a)
        CHECK(book.value_by_code(AccountCode(a), -1).amount == swept(book, a));
}
