// How a durable book is written: one thread leads, the others wait for it. What waits and does not
// touch the same keys goes in one group: one write and one sync of the journal for all of them.
//
//   stage, reserve        as in memory; every fault of the input comes out here
//   journal, sync         readers go on, and so do ticks where they do not meet the batch
//   commit                the new epoch is seen, and the calls return
//
// Prices sent alone do not wait: a thread writes those that changed every so often, as they are
// then. A group that could come out otherwise at older prices brings the present ones with it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/rw_lock.hpp"
#include "mvcore/durable/journal_writer.hpp"
#include "mvcore/journal/batch_codec.hpp"

namespace mvcore::journal {

enum class SyncMode : std::uint8_t {
    always,    // a call returns when its facts are on the disk
    interval,  // they are every sync_interval
    os,        // when the system likes, or flush() asks
};

struct Options {
    SyncMode sync = SyncMode::always;
    std::chrono::nanoseconds price_interval = std::chrono::milliseconds(50);
    std::chrono::nanoseconds sync_interval = std::chrono::seconds(1);
    std::uint64_t file_bytes = std::uint64_t{64} << 20;
    bool background = true;  // false: prices are written and files synced by flush() alone
};

using Make = std::function<Batch()>;  // of the names and the state, which stand still meanwhile

class GroupCommit {
public:
    // `after_write` brings views up to date; `on_failure` tells that the journal takes no more.
    GroupCommit(BookState& live, Lock& lock, std::function<void(const Batch&)> after_write,
                std::function<void()> on_failure, std::unique_ptr<Files> files,
                std::unique_ptr<Journal> journal, const Options& options);
    ~GroupCommit();  // as close(), and silent
    GroupCommit(const GroupCommit&) = delete;
    GroupCommit& operator=(const GroupCommit&) = delete;

    // One write call. make() may be called by another thread, and twice.
    Written write(const Make& make);
    // Everything that was written, prices too, is on the disk when it returns.
    void flush();
    void close();
    // The state between two writes: f(sequence that it has, names that the journal has by then).
    // All of it is in the journal, on the disk, and what comes after it in another file, so that
    // opening need not read what a checkpoint has.
    template <class F>
    void at_rest(F&& f);
    void trim(std::uint64_t sequence);

    [[nodiscard]] bool failed() const noexcept { return journal_->failed(); }
    [[nodiscard]] const std::string& failure() const noexcept { return journal_->failure(); }
    // Somebody was told that it failed: close() need not.
    void told() noexcept { untold_ = false; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return journal_->bytes(); }
    [[nodiscard]] std::uint64_t groups() const noexcept { return groups_; }
    [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }
    // In a forked child, where nothing of this may be used or destroyed: lets go of the folder's
    // lock, which is the parent's.
    void abandon() noexcept { files_->unlock(); }

private:
    struct Request {
        const Make* make;
        Written written;
        std::size_t end_row = 0;  // of its group's order rows: its own come before it
        std::exception_ptr error;
        bool done = false;
    };
    using Requests = std::deque<Request*>;
    struct Group;

    // With the turn: a write, a checkpoint or close() at a time.
    template <class F>
    void in_turn(F&& f);
    void lead(Requests& waiting);
    void finish(Request* request);
    void commit_some(Requests& waiting, bool merge);
    void gather(Requests& waiting, bool merge, Group& group);
    void write_group(Group& group);
    template <class Again, class Staged>
    void journal_group(Group& group, bool keeps_quotes, Again&& again, Staged& staged);
    static void tell_members(Group& group, const Dropped& all, const DroppedOrders& orders);
    void append_group(const Group& group, bool with_prices, std::uint64_t epoch);
    [[nodiscard]] bool brings_prices(const Group& group) const;

    // price_lane.cpp
    void take_prices(std::vector<PriceRow>& rows) const;
    void write_prices();
    void begin_file_if_full();
    void sync_now();
    void work();
    void check_open() const;
    void stop();

    BookState& book_state_;
    Lock& lock_;
    std::function<void(const Batch&)> after_write_;
    std::unique_ptr<Files> files_;
    std::unique_ptr<Journal> journal_;
    Options options_;
    NamesKnown known_;

    std::mutex turn_mutex_;
    std::condition_variable turn_;
    Requests waiting_;
    bool leading_ = false;
    bool closed_ = false;

    std::mutex file_mutex_;  // appends; taken before lock_, or beside readers
    std::mutex sync_mutex_;  // syncs, taken before file_mutex_
    // Epoch up to which prices are in the journal. Written by who holds lock_, for reading only
    // where it has file_mutex_ too.
    std::atomic<std::uint64_t> priced_epoch_;
    // The next group must bring the prices; the feeds of the price lane moved. With lock_.
    std::atomic<bool> prices_due_ = false;
    std::atomic<bool> feeds_due_ = false;

    std::mutex work_mutex_;
    std::condition_variable work_;
    bool stopping_ = false;
    std::atomic<std::uint64_t> groups_ = 0;
    std::atomic<std::uint64_t> syncs_ = 0;
    std::atomic<bool> untold_ = false;        // it failed, and no caller knows
    static thread_local bool in_background_;  // whether this thread is one that nobody waits for
    std::unique_ptr<std::thread> worker_;
};

template <class F>
void GroupCommit::in_turn(F&& f) {
    std::unique_lock hold(turn_mutex_);
    turn_.wait(hold, [&] { return !leading_; });
    leading_ = true;
    hold.unlock();
    const auto give_back = [&] {
        hold.lock();
        leading_ = false;
        turn_.notify_all();
    };
    try {
        f();
    } catch (...) {
        give_back();
        throw;
    }
    give_back();
}

template <class F>
void GroupCommit::at_rest(F&& f) {
    in_turn([&] {
        check_open();
        write_prices();
        sync_now();  // beside ticks; what is left is little
        const std::scoped_lock syncing(sync_mutex_);
        const std::scoped_lock file(file_mutex_);
        journal_->begin_file();
        f(journal_->sequence(), known_);
    });
}

// merge.cpp: whether the rows of `more` may stand in `batch`, and puts them there.
bool mergeable(const Batch& batch);
class Merged {
public:
    explicit Merged(const Batch& batch) { add_keys(batch); }
    bool add(Batch& batch, const Batch& more);

private:
    void add_keys(const Batch& batch);
    [[nodiscard]] bool meets(const Batch& more) const;
    std::vector<std::uint64_t> keys_;  // hashes, sorted: two that are equal count as the same key
};
// Prices, and feeds, and nothing else.
bool prices_alone(const Batch& batch);

}  // namespace mvcore::journal
