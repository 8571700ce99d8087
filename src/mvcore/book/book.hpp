// The book: one writer at a time, any number of readers, every write all or nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mvcore/base/worker_pool.hpp"
#include "mvcore/book/reader.hpp"
#include "mvcore/checkpoint/restore.hpp"
#include "mvcore/durable/group_commit.hpp"
#include "mvcore/durable/recovery.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"
#include "mvcore/views/combined_rows.hpp"
#include "mvcore/views/view.hpp"

namespace mvcore {

// A price in units of 10^-scale, for calls that bring many.
struct TickRow {
    std::int64_t mantissa;
    std::int64_t time;
    InstrumentCode instrument;
    std::int32_t scale;
};

// One order with all its columns.
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
    // `threads`: how many may work on one sweep, the caller of the read included.
    Book(std::string_view base_currency, int value_scale, const CashRule& cash = {},
         std::size_t threads = WorkerPool::cores());
    ~Book() override;

    // ---- Writes; each adds 1 to the epoch ----
    // Applies one batch, made by make() from this book's names and state, which do not change
    // during the call. If it throws, the book is unchanged. A durable book may call make() from
    // another thread, and may call it twice.
    Written write(const journal::Make& make);
    // Like write(), for a book in memory and a caller that holds the lock.
    Written apply(Batch& batch, const Writing& writing);
    // Fast path for one price. Returns false, with nothing done, if it would take more than a few
    // microseconds (another thread holds the lock, incremental views have many rows to follow, or
    // the price needs a new unit) or if the input is wrong. Then call tick().
    bool try_tick(InstrumentCode instrument, const Decimal& price, std::int64_t time, Written& out);
    bool try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                  Written& out);
    Written tick(InstrumentCode instrument, const Decimal& price, std::int64_t time);
    Written tick(std::string_view instrument, const Decimal& price, std::int64_t time);
    // Many prices in one batch. If an instrument has two prices, the later row wins. An unknown
    // code throws, or is skipped and counted with skip_unknown.
    Written ticks(std::span<const TickRow> rows, bool skip_unknown = false);
    Written ticks(const std::vector<PriceRow>& rows, bool skip_unknown = false,
                  const FeedPositions& feeds = {});
    // Writes one order with every column.
    Written order(const OrderFact& fact);
    // Fast path of order(). Returns false, with nothing done, if the order would take longer or
    // another thread holds the lock.
    bool try_order(const OrderFact& fact, Written& out);
    // Starts a new day: current quantities become start-of-day holdings. O(positions and orders of
    // the book).
    Written roll_day();

    // ---- Reads in addition to those of Reader ----
    // Fast path of value(). Returns false if another thread publishes, the index is not built or
    // the account has many positions.
    bool try_value(std::string_view account, std::string_view currency, AccountValue& out);
    // Copies the current state, to be read while writes continue, and the number of known names.
    // O(pages): microseconds.
    State copy(NamesKnown& names);

    // ---- Checkpoints ----
    // Takes over the restored state. The book must not have been written to.
    void adopt(Restore& restored);

    // ---- Views ----
    // `functions`: how many user functions each shape of the view has. `quantities`,
    // `columns`: see View.
    std::shared_ptr<View> add_view(std::int32_t currency, Measures measures, bool incremental,
                                   std::size_t functions = 0,
                                   std::optional<RowQuantities> quantities = std::nullopt,
                                   std::vector<View::Column> columns = {});
    void remove_view(const View* view);
    // Returns false if the master tables changed since the view's shape was made. Reshape it and
    // retry.
    bool read_view(View& view, bool everything, ResultRows& out);
    // Reads all views at one epoch. Returns false if any view is stale; then no view returned
    // anything.
    bool read_views(std::span<View* const> views, std::vector<ResultRows>& out);
    // Reads the changes of all views at one epoch into one table. If a view is stale, has other
    // columns than the first or is listed twice, the answer tells which, and no view returned
    // anything.
    struct Combined {
        bool listed_twice = false;
        std::vector<std::size_t> stale;
        std::optional<std::size_t> of_other_columns;
        std::optional<CombinedRows> rows;
    };
    Combined read_combined(std::span<View* const> views);
    // Fast paths of read_view() and read_views(). Return false if the read would take more than a
    // few microseconds or another thread holds a lock. `fresh` false: a view is stale.
    bool try_read_view(View& view, bool everything, ResultRows& out, bool& fresh);
    bool try_read_views(std::span<View* const> views, std::vector<ResultRows>& out, bool& fresh);
    void reshape_view(View& view, View::Shape shape);
    // Brings an incremental view up to date after it was reshaped.
    void sync_view(View& view);

    // ---- Durable books ----
    // Replays the journal of the folder into this book, which is new or has the checkpoint's state
    // up to the sequence `loaded`. Later writes go to that journal. `checkpoint`: the book number
    // of the loaded checkpoint, 0: none. Calls each(batch) for every replayed batch.
    journal::RecoveryReport recover(std::unique_ptr<journal::Files> files, bool read_only,
                                    const journal::Options& options, std::uint64_t loaded,
                                    std::uint64_t checkpoint,
                                    const std::function<void(const Batch&)>& each);
    // For a book in memory these do nothing, except that close() makes later calls fail.
    void flush();
    void close();
    void trim_journal(std::uint64_t sequence);
    // Copies the state between two writes, with its feeds, counts and names. Returns the sequence
    // that it covers. Later writes mark dirty instruments for the next checkpoint.
    std::uint64_t at_rest(State& state, Feeds& feeds, StoredCounts& counts, NamesKnown& names);
    [[nodiscard]] Feeds feeds();
    void set_feeds(Feeds feeds);
    [[nodiscard]] const journal::GroupCommit* durable() const noexcept { return durable_.get(); }
    // Throws ClosedError if the book is closed, StorageError if it must not be written. Every write
    // checks again under the lock.
    void check_writable() const {
        check_open();
        if (refusal_.load(std::memory_order_relaxed) != Refusal::none) refuse();
    }
    [[nodiscard]] bool writable() const noexcept {
        return !closed() && refusal_.load(std::memory_order_relaxed) == Refusal::none;
    }
    // A forked child may read a durable book but never write it. A book in memory is the child's
    // own copy.
    void before_fork(ForkDeadline deadline) noexcept override;
    void after_fork() noexcept override;
    void become_child() noexcept override;

    // ---- State and statistics ----
    [[nodiscard]] const ChangeLog& change_log() const noexcept { return book_state_.change_log; }
    [[nodiscard]] const OrderIndex& order_index() const noexcept { return book_state_.order_index; }
    [[nodiscard]] const Counters& counters() const noexcept { return book_state_.counters; }
    [[nodiscard]] const Workers& workers() const noexcept { return workers_; }
    [[nodiscard]] std::vector<std::shared_ptr<View>> views() const;
    [[nodiscard]] std::uint64_t memory_names() const noexcept;
    // Pages and blocks that were copied because a snapshot shared them.
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
    const ChangeLog* change_log_or_null() const noexcept override {
        return &book_state_.change_log;
    }
    void count_index_build() override { ++book_state_.counters.index_builds; }
    // Returns false if the price needs more than writing a number. Then see apply().
    [[nodiscard]] static bool fast_price(const Quote& quote, std::int64_t mantissa, int scale,
                                         std::int64_t& out) noexcept;
    // Returns false if the price is late.
    bool put_price(Quote& quote, InstrumentCode instrument, std::int64_t price,
                   std::int64_t time) noexcept;
    bool fast_tick(InstrumentCode instrument, const Decimal& price, std::int64_t time,
                   Written& out);
    Written tick_by_batch(const std::vector<PriceRow>& rows, bool skip_unknown = false,
                          const FeedPositions& feeds = {});
    void check_instrument(InstrumentCode instrument, std::size_t row) const;
    bool fast_ticks(std::span<const TickRow> rows);
    [[nodiscard]] Batch order_batch(const OrderFact& fact) const;
    // Fast path. Returns false if the order needs more work or is wrong. Then see apply().
    bool fast_order(const OrderFact& fact, Written& out);
    bool put_order(const OrderId& id, std::uint64_t hash, Slot slot, const Order& before,
                   const Order& now);
    void after_write() noexcept;
    void after_batch(const Batch& batch) noexcept;
    // Receives the rows of the k-th view. The view is locked, and was not reshaped since.
    using TakeRows = std::function<void(std::size_t k, ResultRows&& rows)>;
    // Brings all views up to date, then passes on the changes of those that have any. Requires
    // the lock for reading and the views' mutexes.
    void take_changes(std::span<View* const> views, const TakeRows& take);
    // read_view() and read_views() for views with user functions.
    bool read_drafts(std::span<View* const> views, bool everything, const TakeRows& take);
    void prefetch_ahead(std::span<const TickRow> rows, std::size_t k) const noexcept;
    // Whether incremental views can follow a write to the instrument within a few microseconds.
    // Requires the exclusive lock.
    [[nodiscard]] bool views_are_fast(InstrumentCode instrument, bool price) const;

    Lock lock_;
    Workers workers_;
    BookState book_state_;
    std::vector<std::int64_t> tick_prices_;  // of the current batch
    mutable std::mutex views_mutex_;         // guards the list; each view has its own mutex
    using ViewList = std::map<const View*, std::weak_ptr<View>>;
    ViewList views_;
    ViewList followers_;  // the incremental views
    std::atomic<std::size_t> incremental_views_ = 0;
    std::atomic<Refusal> refusal_ = Refusal::none;
    // Views whose mutex the forking thread holds.
    std::vector<std::shared_ptr<View>> held_for_fork_;
    bool views_held_for_fork_ = false;
    // Last, because its thread reads the other members.
    std::unique_ptr<journal::GroupCommit> durable_;
};

}  // namespace mvcore
