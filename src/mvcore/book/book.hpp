// The book: one writer at a time, any number of readers, every write all or nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "mvcore/book/reader.hpp"
#include "mvcore/checkpoint/restore.hpp"
#include "mvcore/durable/group_commit.hpp"
#include "mvcore/durable/recovery.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"
#include "mvcore/views/view.hpp"

namespace mvcore {

// A price counted in 10^-scale, for many at a time.
struct TickRow {
    std::int64_t mantissa;
    std::int64_t time;
    std::int32_t instrument;
    std::int32_t scale;
};

// An order as one call brings it.
struct OrderFact {
    OrderId id;
    IdKind kind;
    std::string_view account;
    std::string_view instrument;
    Decimal quantity;
    Decimal filled;
    FillPrice average_price;
    Status status;
    std::int64_t time;
};

class Book : public Reader {
public:
    Book(std::string_view base_currency, int value_scale, const CashRule& cash = {});
    ~Book() override;

    // ---- writes; each adds 1 to the epoch ----
    // One batch, which make() makes of this book's names and state: they stand still meanwhile.
    // Throws with the book unchanged. A durable book may call make() from another thread, and
    // twice.
    Written write(const journal::Make& make);
    // The same in a book in memory, by who has the lock.
    Written apply(Batch& batch, Writing& writing);
    // One price. False: it takes more than a few microseconds (another thread holds the lock,
    // incremental views have many rows to follow, the price needs a new unit) or is wrong; nothing
    // was done, call tick().
    bool try_tick(std::int32_t instrument, const Decimal& price, std::int64_t time, Written& out);
    bool try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                  Written& out);
    Written tick(std::int32_t instrument, const Decimal& price, std::int64_t time);
    Written tick(std::string_view instrument, const Decimal& price, std::int64_t time);
    // Many prices in one batch. Of two prices of one instrument the later row wins. Throws if a
    // code is unknown, or skips and counts its row.
    Written ticks(std::span<const TickRow> rows, bool skip_unknown = false);
    Written ticks(const std::vector<PriceRow>& rows, bool skip_unknown = false);
    // One order with every column.
    Written order(const OrderFact& fact);
    // The same if it takes a moment and nobody is in the way; else false, nothing was done.
    bool try_order(const OrderFact& fact, Written& out);
    // A new day: current quantities become start-of-day holdings. O(positions and orders of the
    // book).
    Written roll_day();

    // ---- reads beside those of a Reader ----
    // False where it takes more than a moment: another thread publishes, or the index is not built.
    bool try_value(std::string_view account, std::string_view currency, AccountValue& out);
    // The present state, to be read while writes go on, and the names there are. O(pages):
    // microseconds.
    State copy(NamesKnown& names);

    // ---- checkpoints ----
    // What was restored becomes the book's, which nothing was written to yet.
    void adopt(Restore& restored);

    // ---- views ----
    // functions: how many of the user's each shape of it will bring.
    std::shared_ptr<View> add_view(std::int32_t currency, Measures measures, bool incremental,
                                   std::size_t functions = 0);
    void remove_view(const View* view);
    // False: the master tables changed since the view's shape was made; reshape it and ask again.
    bool read_view(View& view, bool everything, ResultRows& out);
    // Of one epoch. False where any view is stale: nothing was handed out.
    bool read_views(std::span<View* const> views, std::vector<ResultRows>& out);
    // The same where it takes a few microseconds and nobody is in the way; else false.
    bool try_read_view(View& view, bool everything, ResultRows& out, bool& fresh);
    bool try_read_views(std::span<View* const> views, std::vector<ResultRows>& out, bool& fresh);
    void reshape_view(View& view, View::Shape shape);
    // Brings stale incremental views up to date after they were reshaped.
    void sync_view(View& view);

    // ---- durable books: book_durable.cpp ----
    // What its journal says of a book in this folder is replayed into this one, which is new or has
    // what a checkpoint had up to the sequence `loaded`; from then on it is written there.
    // `checkpoint`: the number of the book that it is of, 0: none was loaded. each(batch): for
    // every batch replayed.
    journal::Report recover(std::unique_ptr<journal::Files> files, bool read_only,
                            const journal::Options& options, std::uint64_t loaded,
                            std::uint64_t checkpoint,
                            const std::function<void(const Batch&)>& each);
    // These do nothing if the book is in memory; but close() refuses all later calls.
    void flush();
    void close();
    void trim_journal(std::uint64_t sequence);
    // The state between two writes, with its counts and names, and the sequence that it goes up to;
    // what is written from here on is dirty_instruments for the next checkpoint.
    std::uint64_t at_rest(State& state, Feeds& feeds, StoredCounts& counts, NamesKnown& names);
    [[nodiscard]] Feeds feeds();
    void set_feeds(Feeds feeds);
    [[nodiscard]] const journal::GroupCommit* durable() const noexcept { return durable_.get(); }
    // Throws ClosedError, or StorageError if the book may not be written. Every write checks it
    // again under the lock.
    void check_writable() const {
        check_open();
        if (refusal_.load(std::memory_order_relaxed) != Refusal::none) refuse();
    }
    [[nodiscard]] bool writable() const noexcept {
        return !closed() && refusal_.load(std::memory_order_relaxed) == Refusal::none;
    }
    // A child may read a durable book and never write it; a book in memory is its own.
    void before_fork(ForkDeadline deadline) noexcept override;
    void after_fork() noexcept override;
    void become_child() noexcept override;

    // ---- what it holds ----
    [[nodiscard]] const ChangeLog& change_log() const noexcept { return book_state_.change_log; }
    [[nodiscard]] const OrderIndex& order_index() const noexcept { return book_state_.order_index; }
    [[nodiscard]] const Counters& counters() const noexcept { return book_state_.counters; }
    [[nodiscard]] std::vector<std::shared_ptr<View>> views() const;
    [[nodiscard]] std::uint64_t memory_names() const noexcept;
    // Pages and blocks copied because a snapshot held them.
    [[nodiscard]] std::uint64_t copies() const noexcept {
        const State& s = book_state_.state;
        return s.board.copies() + s.grid.copies() + s.orders.copies() + s.positions.copies() +
               s.account_orders.copies();
    }

private:
    enum class Refusal : std::uint8_t { none, failed, read_only, child };
    [[noreturn]] void refuse() const;
    void replay(const journal::Header& header, journal::Decoder& in,
                const std::function<void(const Batch&)>& each);
    void count_cells(std::uint64_t cells) override { book_state_.counters.cells_swept += cells; }
    const ChangeLog* history_of_writes() const noexcept override { return &book_state_.change_log; }
    void count_index_build() override { ++book_state_.counters.index_builds; }
    // False where the price needs more than writing a number: see apply().
    [[nodiscard]] static bool quick_price(const Quote& quote, std::int64_t mantissa, int scale,
                                          std::int64_t& out) noexcept;
    // False if the price came too late.
    bool put_price(Quote& quote, std::int32_t instrument, std::int64_t price,
                   std::int64_t time) noexcept;
    bool quick_tick(std::int32_t instrument, const Decimal& price, std::int64_t time, Written& out);
    Written tick_by_batch(const std::vector<PriceRow>& rows, bool skip_unknown = false);
    void check_instrument(std::int32_t instrument, std::size_t row) const;
    bool quick_ticks(std::span<const TickRow> rows);
    [[nodiscard]] Batch order_batch(const OrderFact& fact) const;
    // False where the order needs more than a moment, or is wrong: see apply().
    bool quick_order(const OrderFact& fact, Written& out);
    bool put_order(const OrderId& id, std::uint64_t hash, Slot slot, const Order& before,
                   const Order& now);
    void after_write() noexcept;
    void after_batch(const Batch& batch) noexcept;
    // read_view and read_views where functions of the user's are among the measures.
    bool read_drafts(std::span<View* const> views, bool everything, std::vector<ResultRows>& out);
    // Whether bringing the incremental views up to date after a write to the instrument takes no
    // more than a few microseconds. Alone.
    [[nodiscard]] bool views_quick(std::int32_t instrument, bool price) const;
    // So many rows are read in a few microseconds; a view costs as much as some of them.
    static constexpr std::uint64_t kQuickRows = 4096;
    static constexpr std::uint64_t kRowsOfView = 64;
    // So many small views are read in a few microseconds.
    static constexpr std::size_t kQuickReads = 4;

    Lock lock_;
    BookState book_state_;
    std::vector<std::int64_t> tick_prices_;  // of a batch under way
    mutable std::mutex views_mutex_;         // the list; a view has its own for what it holds
    std::vector<std::weak_ptr<View>> views_;
    std::atomic<std::size_t> incremental_views_ = 0;
    std::atomic<Refusal> refusal_ = Refusal::none;
    std::vector<std::shared_ptr<View>> held_for_fork_;  // views whose mutex the forking thread has
    bool views_held_for_fork_ = false;
    std::unique_ptr<journal::GroupCommit> durable_;  // the last: its thread reads the rest
};

}  // namespace mvcore
