#include "mvcore/durable/group_commit.hpp"

#include <optional>

#include "mvcore/apply/fast_orders.hpp"
#include "mvcore/base/assert.hpp"

namespace mvcore::journal {

struct GroupCommit::CommitGroup {
    std::optional<Batch> batch;
    std::vector<Request*> members;
    Writing writing;
};

GroupCommit::GroupCommit(BookState& book_state, Lock& lock,
                         std::function<void(const Batch&)> after_write,
                         std::function<void()> on_failure, std::unique_ptr<Files> files,
                         std::unique_ptr<JournalWriter> journal, const Options& options)
    : book_state_(book_state),
      lock_(lock),
      after_write_(std::move(after_write)),
      files_(std::move(files)),
      journal_(std::move(journal)),
      options_(options),
      known_(NamesKnown::of(book_state.names)),
      priced_epoch_(book_state.state.epoch) {
    journal_->on_failure([this, tell = std::move(on_failure)] {
        untold_ = in_background_;
        tell();
    });
    if (options_.background) worker_ = std::make_unique<std::thread>([this] { work(); });
}

Written GroupCommit::write(const Make& make) {
    Request request{&make, {}, 0, {}, false};
    std::unique_lock hold(turn_mutex_);
    waiting_.push_back(&request);
    turn_.wait(hold, [&] { return request.done || !leading_; });
    if (!request.done) {
        MVCORE_ASSERT(!waiting_.empty());
        leading_ = true;
        Requests taken;
        taken.swap(waiting_);
        hold.unlock();
        lead(taken);
        hold.lock();
        MVCORE_ASSERT(leading_ && request.done);
        leading_ = false;
        turn_.notify_all();
    }
    MVCORE_ASSERT(request.done && (request.error || request.written.epoch != Epoch{}));
    if (request.error) std::rethrow_exception(request.error);
    return request.written;
}

// Gives every request its epoch or its error. Never throws.
void GroupCommit::lead(Requests& waiting) {
    while (!waiting.empty()) commit_some(waiting, true);
}

// Takes requests from the front of the queue, as many as can be merged into one batch.
void GroupCommit::gather(Requests& waiting, bool merge, CommitGroup& group) {
    MVCORE_ASSERT(!waiting.empty() && group.members.empty() && !group.writing);
    Request* const first = waiting.front();
    group.members.reserve(waiting.size());
    waiting.pop_front();
    group.members.push_back(first);
    check_open();
    group.writing = Writing(lock_);
    group.batch.emplace((*first->make)());
    first->end_row = group.batch->order_rows.id.size();
    if (!merge || !mergeable(*group.batch)) return;
    Merged merged(*group.batch);
    while (!waiting.empty()) try {
            const Batch more = (*waiting.front()->make)();
            if (!merged.add(*group.batch, more)) return;
            waiting.front()->end_row = group.batch->order_rows.id.size();
            MVCORE_ASSERT(waiting.front()->end_row >= group.members.back()->end_row);
            group.members.push_back(waiting.front());
            waiting.pop_front();
        } catch (...) {  // the request gets this error when it leads a group
            return;
        }
}

void GroupCommit::commit_some(Requests& waiting, bool merge) {
    CommitGroup group;
    std::exception_ptr error;
    try {
        gather(waiting, merge, group);
        write_group(group);
    } catch (...) {
        error = std::current_exception();
    }
    group.writing = Writing();
    // One of several requests may be wrong. Retry each alone, unless the disk failed.
    if (error && group.members.size() > 1 && !journal_->failed()) try {
            Requests apart(group.members.begin(), group.members.end());
            while (!apart.empty()) commit_some(apart, false);
            return;
        } catch (const std::bad_alloc&) {  // no memory for the list: nothing was retried
        }
    if (group.members.empty()) {  // no memory for a single member
        waiting.front()->error = std::move(error);
        finish(waiting.front());
        waiting.pop_front();
        return;
    }
    // The last member owns the error alone: the leader frees nothing that a caller may be reading.
    for (Request* member : group.members) {
        if (error) member->error = member == group.members.back() ? std::move(error) : error;
        finish(member);
    }
}

// Holds the mutex, so that no caller returns while its request is still in use.
void GroupCommit::finish(Request* request) {
    const std::scoped_lock hold(turn_mutex_);
    MVCORE_ASSERT(!request->done);
    request->done = true;
    turn_.notify_all();
}

// Whether the group's outcome may depend on prices that the journal does not have yet.
bool GroupCommit::brings_prices(const CommitGroup& group) const {
    return prices_due_ || (feeds_due_ && !group.batch->feeds.empty());
}

void GroupCommit::write_group(CommitGroup& group) {
    Batch& batch = *group.batch;
    FastOrders fast(book_state_, batch);
    const bool staged = fast.stage();
    if (staged) lock_.publish();
    if (staged && fast.reserve()) {
        const auto again = [&] { return fast.reserve(); };
        journal_group(group, true, again, fast);
        const DroppedOrders& dropped = fast.dropped_orders();
        return tell_members(group, dropped.all(), dropped);
    }
    if (staged) lock_.unpublish();  // the slow path may stage for long
    WriteTransaction transaction(book_state_, batch);
    transaction.stage();
    lock_.publish();
    transaction.reserve();
    if (prices_alone(batch)) {
        MVCORE_ASSERT(group.members.size() == 1);
        if (transaction.moves_bounds()) prices_due_ = true;
        if (!batch.feeds.empty()) feeds_due_ = true;
        transaction.commit();
        group.members[0]->written = {book_state_.state.epoch, transaction.dropped()};
        after_write_(batch);
        return;
    }
    const bool keeps_quotes = transaction.keeps_quotes();
    const auto again = [&] {
        if (keeps_quotes) transaction.renew_quotes();
        transaction.reserve_pages();
        return true;
    };
    journal_group(group, keeps_quotes, again, transaction);
    tell_members(group, transaction.dropped(), transaction.dropped_orders());
}

// Only calls that bring nothing but holdings and orders are merged, so several members share only
// dropped orders.
void GroupCommit::tell_members(CommitGroup& group, const Dropped& all,
                               const DroppedOrders& orders) {
    if (group.members.size() == 1) {
        group.members[0]->written.dropped = all;
        return;
    }
    std::size_t begin = 0;
    for (Request* member : group.members) {
        member->written.dropped = orders.between(begin, member->end_row);
        begin = member->end_row;
    }
    MVCORE_ASSERT(begin == group.batch->order_rows.id.size());
}

// Writes a staged and reserved group to the journal, reserves once more by calling `again`, then
// commits.
template <class Again, class Staged>
void GroupCommit::journal_group(CommitGroup& group, bool keeps_quotes, Again&& again,
                                Staged& staged) {
    const Batch& batch = *group.batch;
    MVCORE_ASSERT(group.writing && batch.calls == group.members.size());
    const bool ticks_go_on = keeps_quotes && !brings_prices(group);
    const auto epoch = book_state_.state.epoch + batch.calls;
    lock_.unpublish();
    if (ticks_go_on) group.writing.unlock();
    try {
        append_group(group, !ticks_go_on, epoch);
    } catch (...) {
        if (!group.writing.owns_lock()) group.writing.lock();
        lock_.publish();
        try {
            staged.cancel();
        } catch (const std::bad_alloc&) {  // report the first error; some cells stay reserved
        }
        throw;
    }
    try {
        if (options_.sync == SyncMode::always) sync_now();
        if (ticks_go_on) group.writing.lock();
        lock_.publish();
        if (!again()) throw std::bad_alloc();
    } catch (const std::exception& e) {
        // The group is in the journal but not in memory. Only reopening the book makes them agree
        // again.
        journal_->fail(e.what());
        throw;
    }
    staged.commit();
    MVCORE_ASSERT(book_state_.state.epoch >= epoch);  // ticks may have run meanwhile
    auto at = book_state_.state.epoch - batch.calls;
    for (Request* member : group.members) member->written.epoch = ++at;
    MVCORE_ASSERT(at == book_state_.state.epoch);
    if (!ticks_go_on) priced_epoch_ = book_state_.state.epoch;
    after_write_(batch);
}

void GroupCommit::append_group(const CommitGroup& group, bool with_prices, Epoch epoch) {
    std::vector<PriceRow> prices;
    begin_file_if_full();
    const std::scoped_lock file(file_mutex_);
    if (with_prices) take_prices(prices);
    journal_->append(FrameKind::facts, epoch, [&](Encoder& out) {
        encode_prices(out, prices);
        encode_feeds(out, with_prices && feeds_due_ ? book_state_.feeds : Feeds());
        encode(out, *group.batch, book_state_.names, known_);
    });
    known_ = NamesKnown::of(book_state_.names);
    ++groups_;
    // Set this before the sync: otherwise the price lane could write those prices again, after the
    // batch's own prices.
    if (with_prices) {
        MVCORE_ASSERT(priced_epoch_ <= book_state_.state.epoch);
        priced_epoch_ = book_state_.state.epoch;
        prices_due_ = feeds_due_ = false;
    }
}

// Other threads may append meanwhile. One sync at a time: the system reports a lost write only
// once.
void GroupCommit::sync_now() {
    const std::scoped_lock syncing(sync_mutex_);
    JournalWriter::Sync sync;
    {
        const std::scoped_lock file(file_mutex_);
        if (!journal_->failed() && !journal_->unsynced()) return;
        sync = journal_->begin_sync();
    }
    const int error = uninterrupted([&] { return sync.file->sync(); });
    ++syncs_;
    const std::scoped_lock file(file_mutex_);
    journal_->end_sync(sync, error);
}

void GroupCommit::check_open() const {
    if (closed_) throw Error(ErrorKind::closed, "the book is closed");
}

void GroupCommit::flush() {
    in_turn([&] {
        check_open();
        write_prices();
        sync_now();
    });
}

void GroupCommit::trim(std::uint64_t sequence) {
    in_turn([&] {
        check_open();
        const std::scoped_lock file(file_mutex_);
        journal_->trim(sequence);
    });
}

// The seal is the last frame of the journal. Pending prices are written before it.
void GroupCommit::close() {
    in_turn([&] {
        if (std::exchange(closed_, true)) return;
        stop();
        MVCORE_ASSERT(worker_ == nullptr || !worker_->joinable());
        try {
            if (!journal_->failed()) {
                write_prices();
                const std::scoped_lock file(file_mutex_);
                const Reading reading(lock_);
                journal_->seal(book_state_.state.epoch);
            }
        } catch (...) {
            files_->unlock();
            throw;
        }
        files_->unlock();
        if (untold_)
            throw Error(ErrorKind::storage,
                        "what was acknowledged is not all on the disk: " + journal_->failure());
    });
}

GroupCommit::~GroupCommit() {
    try {
        close();
    } catch (...) {  // acknowledged writes are in the journal, which only lacks its seal
    }
}

}  // namespace mvcore::journal
