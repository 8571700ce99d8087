// Group commit: many concurrent callers, large groups, and what readers see while a group is being
// written.
#include <thread>

#include "durable_run.hpp"
#include "mvcore/apply/fast_cell.hpp"

using namespace durable;

namespace {

// A disk with slow syncs that calls `during` in each sync.
struct Sync {
    std::atomic<int> microseconds = 300;
    std::function<void()> during;  // set only if no other thread syncs
    std::atomic<int> under_way = 0;
    std::atomic<int> met = 0;  // syncs that began during another one
};

class SlowFile : public journal::File {
public:
    SlowFile(std::unique_ptr<journal::File> file, Sync& sync)
        : file_(std::move(file)), sync_(sync) {}
    long write(const void* data, std::size_t size, std::uint64_t offset) override {
        return file_->write(data, size, offset);
    }
    long read(void* data, std::size_t size, std::uint64_t offset) override {
        return file_->read(data, size, offset);
    }
    long size() override { return file_->size(); }
    int sync() override {
        if (++sync_.under_way > 1) ++sync_.met;
        std::this_thread::sleep_for(std::chrono::microseconds(sync_.microseconds));
        if (sync_.during) sync_.during();
        --sync_.under_way;
        return file_->sync();
    }
    int truncate(std::uint64_t size) override { return file_->truncate(size); }

private:
    std::unique_ptr<journal::File> file_;
    Sync& sync_;
};

class SlowFiles : public sim::DiskFiles {
public:
    SlowFiles(Disk& disk, Sync& sync) : DiskFiles(disk), sync_(sync) {}
    int open(const std::string& name, bool write, bool make,
             std::unique_ptr<journal::File>& out) override {
        std::unique_ptr<journal::File> file;
        const int error = DiskFiles::open(name, write, make, file);
        if (error == 0) out = std::make_unique<SlowFile>(std::move(file), sync_);
        return error;
    }

private:
    Sync& sync_;
};

struct Slow {
    Disk disk;
    Sync sync;
    Book book{"USD", 8};

    explicit Slow(bool background = false, std::uint64_t file_bytes = 1 << 16) {
        Options options;
        options.background = background;
        options.price_interval = std::chrono::milliseconds(1);
        options.file_bytes = file_bytes;
        book.recover(std::make_unique<SlowFiles>(disk, sync), false, options, 0, 0,
                     [](const Batch&) {});
        Calls calls(1);
        for (int k = 0; k < 4; ++k) calls.masters()(book);
    }
    // The facts of the recovered book.
    std::string facts_again() {
        Book again("USD", 8);
        again.recover(std::make_unique<sim::DiskFiles>(disk), true, Options(), 0, 0,
                      [](const Batch&) {});
        return facts_of(again);
    }
};

Epoch order(Book& book, const std::string& id, std::int64_t quantity, const char* account = "A1") {
    return book.order({{0, id},
                       IdKind::text,
                       account,
                       "I1",
                       Decimal{quantity, 0},
                       {},
                       {},
                       Status::created,
                       kNoTime});
}

}  // namespace

TEST(concurrent_callers_share_a_sync) {
    Slow slow(true);
    constexpr int kThreads = 8;
    constexpr int kCalls = 60;
    const auto groups = slow.book.durable()->groups();
    const auto first = slow.book.state().epoch;
    std::vector<Epoch> epochs[kThreads];
    std::atomic<int> refused = 0;
    std::atomic<bool> done = false;
    std::uint64_t ticks = 0;
    std::thread reader([&] {
        while (!done) {
            static_cast<void>(slow.book.value_by_code(AccountCode(0), -1));
            mvcore::Written epoch;
            ticks += slow.book.try_tick(InstrumentCode(0), Decimal{5, 0}, kNoTime, epoch) ? 1 : 0;
        }
    });
    std::vector<std::thread> writers;
    for (int t = 0; t < kThreads; ++t)
        writers.emplace_back([&, t] {
            for (int k = 0; k < kCalls; ++k) {
                if (k % 10 == 9) try {  // a wrong call harms no other call of its group
                        order(slow.book, "x", 1, "nobody");
                    } catch (const Error&) {
                        ++refused;
                    }
                // Threads sometimes write the same order. Such writes never share a group.
                const auto id = k % 7 == 0 ? "same" : std::to_string(t) + "-" + std::to_string(k);
                epochs[t].push_back(order(slow.book, id, t * 1000 + k));
            }
        });
    for (auto& writer : writers) writer.join();
    done = true;
    reader.join();
    std::vector<Epoch> all;
    for (const auto& of_one : epochs) {
        CHECK(std::is_sorted(of_one.begin(), of_one.end()));
        all.insert(all.end(), of_one.begin(), of_one.end());
    }
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
    CHECK(all.front() > first && refused == kThreads * (kCalls / 10));
    CHECK(slow.book.durable()->groups() - groups < kThreads * kCalls / 2);
    CHECK(slow.book.state().epoch == first + kThreads * kCalls + ticks);
    slow.book.flush();
    const auto facts = facts_of(slow.book);
    slow.book.close();
    CHECK(slow.facts_again() == facts);
}

// The system reports a lost write only once, so a second concurrent sync would miss it.
TEST(files_are_synced_one_at_a_time_even_if_a_new_one_begins) {
    Slow slow(true, 300);
    std::atomic<bool> over = false;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&slow, t] {
            for (int k = 0; k < 60; ++k)
                order(slow.book, "o" + std::to_string(t) + "-" + std::to_string(k), k);
        });
    std::thread ticks([&] {
        for (int k = 0; !over; ++k) {
            mvcore::Written epoch;
            static_cast<void>(
                slow.book.try_tick(InstrumentCode(0), Decimal{5 + k % 7, 0}, kNoTime, epoch));
            std::this_thread::yield();
        }
    });
    for (int k = 0; k < 5; ++k) {
        State state;
        Feeds feeds;
        StoredCounts counts;
        NamesKnown names;
        slow.book.at_rest(state, feeds, counts, names);
        slow.book.flush();
    }
    for (auto& thread : threads) thread.join();
    over = true;
    ticks.join();
    slow.book.flush();
    CHECK(slow.sync.met == 0);
    CHECK(slow.facts_again() == facts_of(slow.book));
}

TEST(facts_are_visible_only_once_on_disk_and_readers_and_ticks_continue) {
    Slow slow;
    auto& book = slow.book;
    order(book, "o", 1);
    const auto before = book.state().epoch;
    const auto facts = facts_of(book);
    int syncs = 0;
    slow.sync.during = [&] {
        ++syncs;
        std::string seen;
        mvcore::Written epoch;
        bool ticked = false;
        std::thread reader([&] {
            static_cast<void>(book.value_by_code(AccountCode(0), -1));
            seen = facts_of(book);
            ticked =
                book.try_tick(InstrumentCode(0),
                              make_decimal(book.state().board.price_mantissa(InstrumentCode(0)),
                                           book.state().board.quote(InstrumentCode(0)).price_scale)
                                  .value,
                              kNoTime, epoch);
            NamesKnown names;
            const State kept = book.copy(names);  // shares its pages while the batch continues
            CHECK(kept.epoch == before + 1);
        });
        reader.join();
        CHECK(seen == facts);
        CHECK(ticked && epoch == before + 1);
    };
    CHECK(order(book, "o", 2) == before + 2);
    slow.sync.during = nullptr;
    CHECK(syncs == 1);
    CHECK(facts_of(book) != facts);
}

TEST(waiting_prices_never_follow_newer_ones) {
    Slow slow(true);
    auto& book = slow.book;
    // The price lane writes prices many times while a group with its own prices is synced.
    slow.sync.microseconds = 4000;
    for (int k = 0; k < 30; ++k) {
        book.tick(InstrumentCode(0), Decimal{1, 2}, kNoTime);
        book.write([&] {
            Batch b(book.names());
            b.prices_given = b.holdings_given = Given::update;
            b.price_rows = {{InstrumentCode(0), Decimal{2, 2}, kNoTime}};
            b.holding_rows.account = {0};
            b.holding_rows.instrument = {0};
            b.holding_rows.push_quantity(Decimal{k, 0});
            return b;
        });
        Book again("USD", 8);  // as if the process had died here
        again.recover(std::make_unique<sim::DiskFiles>(slow.disk), true, Options(), 0, 0,
                      [](const Batch&) {});
        CHECK(price_of(again, 0) == price_of(book, 0));
    }
}

TEST(a_group_of_many_frames_is_recovered_whole_or_not_at_all) {
    constexpr int kAccounts = 120'000;
    const auto load = [](Book& book, std::int64_t seed) {
        book.write([&] {
            Batch b(book.names());
            b.holdings_given = Given::load;
            b.orders_given = Given::load;
            for (int a = 0; a < kAccounts; ++a) {
                b.holding_rows.account.push_back(a);
                b.holding_rows.instrument.push_back(0);
                b.holding_rows.push_quantity(Decimal{seed * 100'000'007 + a, 0});
            }
            b.loaded_orders = std::make_unique<LoadedOrders>();
            auto& orders = *b.loaded_orders;
            orders.store.set_kind(IdKind::integer);
            orders.store.extend(1);
            orders.store.prepare(InstrumentCode(0), 20'000, {false, true, false, true});
            for (int k = 0; k < 20'000; ++k) {
                const Order o{AccountCode(k), InstrumentCode{0}, i128{seed} << 40, 0, 0, {}, {},
                              kNoTime,        Status::created};
                const std::int64_t id = (seed << 33) + k;
                const auto hash = hash_of(OrderId{id, {}}, IdKind::integer);
                const Slot slot = orders.store.insert(o, std::uint64_t(id));
                orders.index.reserve(hash, 1, [&](Slot s) { return orders.store.hash_at(s); });
                orders.index.insert(hash, slot);
            }
            return b;
        });
    };
    const auto first = [](Book& book) -> std::int64_t {
        const State& s = book.state();
        if (s.grid.lines() == 0 || s.orders.size() == 0) return 0;
        i128 sum = 0;
        s.grid.for_each(0, [&](std::uint32_t, const Net& net) { sum += net[sod]; });
        CHECK(s.orders.size() == 20'000);
        return static_cast<std::int64_t>(sum / kAccounts / 100'000'007);
    };
    std::mt19937_64 random(9);
    int seen[3] = {};
    for (int run = 0; run < 12; ++run) {
        Disk disk;
        auto book = std::make_unique<Book>("USD", 8);
        Pair::recover(disk, *book, Options());
        book->write([&] {
            Batch b(book->names());
            b.accounts_given = b.instruments_given = Given::update;
            for (int a = 0; a < kAccounts; ++a)
                b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
            b.instrument_rows = {
                {InstrumentCode(b.instruments.intern("I")), 0, std::nullopt, std::nullopt}};
            return b;
        });
        load(*book, 1);
        disk.fail(1 + run % 6, sim::Failure::stop, false);
        try {
            load(*book, 2);
        } catch (const sim::Stopped&) {}
        book.reset();
        disk.heal();
        disk.lose_power(random);
        Book again("USD", 8);
        Pair::recover(disk, again, Options());
        const auto which = first(again);
        CHECK(which == 1 || which == 2);
        ++seen[which];
    }
    CHECK(seen[1] > 3);
}

namespace {

constexpr int kManyAccounts = 4096;

// Few positions in one block of many rows, so that the block stays sparse.
void load_sparse(Book& book) {
    book.write([&] {
        Batch b(book.names());
        b.accounts_given = b.instruments_given = b.prices_given = b.holdings_given = Given::update;
        for (int a = 0; a < kManyAccounts; ++a)
            b.account_rows.push_back(b.accounts.intern("A" + std::to_string(a)));
        b.instrument_rows = {
            {InstrumentCode(b.instruments.intern("I1")), 0, std::nullopt, std::nullopt}};
        b.price_rows = {{InstrumentCode(0), Decimal{1, 0}, kNoTime}};
        b.holding_rows.account = {kManyAccounts - 1};
        b.holding_rows.instrument = {0};
        b.holding_rows.push_quantity(Decimal{kSmall - 1, 0});
        return b;
    });
}

// Writes several orders in one call, like a feed of reports.
Epoch report(Book& book, const std::vector<std::string>& ids, std::int64_t quantity,
             Status status) {
    return book.write([&] {
        Batch b(book.names());
        b.orders_given = Given::update;
        b.order_rows.kind = IdKind::text;
        for (const auto& id : ids) {
            b.order_rows.id.push_back({0, id});
            b.order_rows.quantity.push_back(Decimal{quantity, 0});
            b.order_rows.status.push_back(status);
        }
        return b;
    });
}

}  // namespace

TEST(a_durable_write_leaves_no_reserved_rows) {
    Disk disk;
    Book book("USD", 8);
    Pair::recover(disk, book, Options());
    load_sparse(book);
    const Block& block = book.state().grid.block(0, 0);
    for (int k = 0; k < 400; ++k) {
        const auto id = std::to_string(k);
        const auto account = "A" + id;
        order(book, id, 5, account.c_str());
        CHECK(block.reserved() == 0);
        report(book, {id}, 5, Status::suspended);
        report(book, {id}, 5, Status::canceled);  // the position disappears
        report(book, {id}, 7, Status::created);   // and comes back
        CHECK(block.reserved() == 0 && block.positions() == std::uint32_t(k) + 2);
    }
    CHECK(!block.dense());
}

TEST(a_fast_path_that_falls_back_leaves_no_reserved_rows) {
    Disk disk;
    Book book("USD", 8);
    Pair::recover(disk, book, Options());
    load_sparse(book);
    order(book, "far", 1, "A1");
    order(book, "large", 1, ("A" + std::to_string(kManyAccounts - 1)).c_str());
    report(book, {"far", "large"}, 1, Status::canceled);
    const Block& block = book.state().grid.block(0, 0);
    CHECK(block.positions() == 1 && !block.dense());
    // The first cell is already reserved when the second is too large for 64-bit arithmetic.
    report(book, {"far", "large"}, 1, Status::created);
    CHECK(block.reserved() == 0 && block.positions() == 2);
    CHECK(block.get(1)[expected] == 1 && block.get(kManyAccounts - 1)[expected] == kSmall);
}

// A tick that found the book open but waited for the lock during close() is refused.
TEST(an_acknowledged_tick_is_in_the_sealed_journal) {
    for (int round = 0; round < 300; ++round) {
        Disk disk;
        Book book("USD", 8);
        Pair::recover(disk, book, Options());
        Calls calls(1);
        calls.masters()(book);
        std::atomic<Epoch> last{};
        std::atomic<int> ready = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                try {
                    for (std::int64_t k = 1;; ++k) {
                        const auto epoch =
                            book.tick(InstrumentCode(0), Decimal{k % 9 + t * 10, 0}, kNoTime).epoch;
                        auto known = last.load();
                        while (known < epoch && !last.compare_exchange_weak(known, epoch)) {}
                        if (k == 1) ++ready;
                    }
                } catch (const Error& e) {
                    CHECK(e.kind() == ErrorKind::closed);
                }
            });
        while (ready != 3) std::this_thread::yield();
        book.close();
        const auto sealed = book.state().epoch;
        for (auto& thread : threads) thread.join();
        CHECK(last == sealed && book.state().epoch == sealed);
        Book again("USD", 8);
        Pair::recover(disk, again, Options());
        CHECK(again.state().epoch == sealed);
        CHECK(price_of(again, 0) == price_of(book, 0));
    }
}
