// Writes to a durable book by group commit: one thread leads and the others wait for it. Waiting
// calls that touch different keys form one group, which costs one write and one sync of the
// journal.
//
//   stage, reserve        as in memory; every input error is reported here
//   journal, sync         readers continue, and so do ticks that do not affect the batch
//   commit                the new epoch becomes visible, and the calls return
//
// Calls that bring only prices do not wait: a background thread writes the changed prices at
// intervals, conflated to the latest. If older prices could change the outcome of a group, the
// group carries the current prices.
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
#include "mvcore/base/ids.hpp"
#include "mvcore/base/rw_lock.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/durable/journal_writer.hpp"
#include "mvcore/journal/batch_codec.hpp"

namespace mvcore::journal {

enum class SyncMode : std::uint8_t {
    always,    // a call returns when its facts are on the disk
    interval,  // facts are synced every sync_interval
    os,        // when the operating system writes back, or flush() is called
};

struct Options {
    SyncMode sync = SyncMode::always;
    std::chrono::nanoseconds price_interval = std::chrono::milliseconds(tuning::kPriceIntervalMs);
    std::chrono::nanoseconds sync_interval = std::chrono::milliseconds(tuning::kSyncIntervalMs);
    std::uint64_t file_bytes = tuning::kJournalFileBytes;
    bool background = true;  // false: only flush() writes prices and syncs files
};

// Makes a batch from the names and the state, which do not change during the call.
using Make = std::function<Batch()>;

class GroupCommit {
public:
    // `after_write` brings views up to date. `on_failure` reports that the journal refuses further
    // writes.
    GroupCommit(BookState& book_state, Lock& lock, std::function<void(const Batch&)> after_write,
                std::function<void()> on_failure, std::unique_ptr<Files> files,
                std::unique_ptr<JournalWriter> journal, const Options& options);
    ~GroupCommit();  // like close(), but swallows errors
    GroupCommit(const GroupCommit&) = delete;
    GroupCommit& operator=(const GroupCommit&) = delete;

    // One write call. Another thread may call make(), and may call it twice.
    Written write(const Make& make);
    // When it returns, every earlier write is on the disk, prices included.
    void flush();
    void close();
    // Calls f(sequence, names in the journal) between two writes. Everything up to that sequence is
    // on the disk. Later frames go to a new file, so that recovery need not read what a checkpoint
    // covers.
    template <class F>
    void at_rest(F&& f);
    void trim(std::uint64_t sequence);

    [[nodiscard]] bool failed() const noexcept { return journal_->failed(); }
    [[nodiscard]] const std::string& failure() const noexcept { return journal_->failure(); }
    // A caller was told about the failure, so close() need not report it.
    void told() noexcept { untold_ = false; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return journal_->bytes(); }
    [[nodiscard]] std::uint64_t groups() const noexcept { return groups_; }
    [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }
    // For a forked child, which must neither use nor destroy this object: releases the folder lock,
    // which belongs to the parent.
    void abandon() noexcept { files_->unlock(); }

private:
    struct Request {
        const Make* make;
        Written written;
        std::size_t end_row = 0;  // end of its rows in the group's order rows
        std::exception_ptr error;
        bool done = false;
    };
    using Requests = std::deque<Request*>;
    struct CommitGroup;

    // Runs f as the leader: one write, checkpoint or close() at a time.
    template <class F>
    void in_turn(F&& f);
    void lead(Requests& waiting);
    void finish(Request* request);
    void commit_some(Requests& waiting, bool merge);
    void gather(Requests& waiting, bool merge, CommitGroup& group);
    void write_group(CommitGroup& group);
    template <class Again, class Staged>
    void journal_group(CommitGroup& group, bool keeps_quotes, Again&& again, Staged& staged);
    static void tell_members(CommitGroup& group, const Dropped& all, const DroppedOrders& orders);
    void append_group(const CommitGroup& group, bool with_prices, Epoch epoch);
    [[nodiscard]] bool brings_prices(const CommitGroup& group) const;

    void sync_now();
    void check_open() const;

    // price_lane.cpp
    void take_prices(std::vector<PriceRow>& rows) const;
    void write_prices();
    void begin_file_if_full();
    void work();
    void stop();

    BookState& book_state_;
    Lock& lock_;
    std::function<void(const Batch&)> after_write_;
    std::unique_ptr<Files> files_;
    std::unique_ptr<JournalWriter> journal_;
    Options options_;
    NamesKnown known_;

    std::mutex turn_mutex_;
    std::condition_variable turn_;
    Requests waiting_;
    bool leading_ = false;
    bool closed_ = false;

    std::mutex file_mutex_;  // for appends; acquired before lock_, or beside readers
    std::mutex sync_mutex_;  // for syncs; acquired before file_mutex_
    // Prices up to this epoch are in the journal. A thread that changes it holds lock_; a thread
    // that holds lock_ only for reading must hold file_mutex_ too.
    std::atomic<Epoch> priced_epoch_;
    // The next group must carry the prices; the feeds of the price lane moved. Guarded by lock_.
    std::atomic<bool> prices_due_ = false;
    std::atomic<bool> feeds_due_ = false;

    std::mutex work_mutex_;
    std::condition_variable work_;
    bool stopping_ = false;
    std::atomic<std::uint64_t> groups_ = 0;
    std::atomic<std::uint64_t> syncs_ = 0;
    std::atomic<bool> untold_ = false;        // the journal failed, and no caller knows
    static thread_local bool in_background_;  // whether this is the worker thread
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
        sync_now();  // runs beside ticks, so that little is left to sync under the locks
        const std::scoped_lock syncing(sync_mutex_);
        const std::scoped_lock file(file_mutex_);
        journal_->begin_file();
        f(journal_->sequence(), known_);
    });
}

// batch_merge.cpp: add() appends the rows of `more` to `batch` if they can be merged.
bool mergeable(const Batch& batch);
class Merged {
public:
    explicit Merged(const Batch& batch) { add_keys(batch); }
    bool add(Batch& batch, const Batch& more);

private:
    void add_keys(const Batch& batch);
    [[nodiscard]] bool meets(const Batch& more) const;
    std::vector<std::uint64_t> keys_;  // sorted hashes; equal hashes count as the same key
};
// Whether the batch brings only prices and feeds.
bool prices_alone(const Batch& batch);

}  // namespace mvcore::journal
