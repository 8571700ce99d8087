// Books in a folder: how one comes back, and who may write it.
#include <algorithm>
#include <chrono>
#include <thread>

#include "book.hpp"
#include "errors.hpp"

namespace mvcore {

journal::Report Book::recover(std::unique_ptr<journal::Files> files, bool read_only,
                              const journal::Options& options, std::uint64_t loaded,
                              std::uint64_t checkpoint,
                              const std::function<void(const Batch&)>& each) {
    journal::Recovery recovery(*files, read_only);
    const auto known = recovery.look();
    if (known && checkpoint != 0 && known->book != checkpoint)
        corrupt(files->path() + ": the checkpoint is of another book than the journal");
    const auto end =
        recovery.run(loaded, [&](const auto& header, auto& in) { replay(header, in, each); });
    // Calls that changed nothing, as late prices, are in no group.
    const auto& report = recovery.report();
    if (report.sealed) live_.state.epoch = std::max(live_.state.epoch, report.epoch);
    if (read_only) {
        refusal_ = Refusal::read_only;
        return recovery.report();
    }
    const journal::Opening opening{std::string(live_.names.currencies.text(live_.state.base)),
                                   value_scale(), live_.state.cash};
    auto journal = std::make_unique<journal::Journal>(*files, opening,
                                                      known             ? known->book
                                                      : checkpoint != 0 ? checkpoint
                                                                        : files->random(),
                                                      end, options.file_bytes);
    durable_ = std::make_unique<journal::GroupCommit>(
        live_, lock_, [this](const Batch& batch) { after_batch(batch); },
        [this] { refusal_ = Refusal::failed; }, std::move(files), std::move(journal), options);
    return recovery.report();
}

// Prices first, as they were before the batch. The epoch comes out as it was after it.
void Book::replay(const journal::Header& header, journal::Decoder& in,
                  const std::function<void(const Batch&)>& each) {
    Writing writing(lock_);
    Batch prices(live_.names);
    prices.prices_given = Given::update;
    prices.restored = true;
    journal::decode_prices(in, live_.state, prices.price_rows);
    journal::decode_feeds(in, prices.feeds);
    for (const auto& row : prices.price_rows)
        if (row.epoch == 0 || row.epoch > header.epoch) corrupt("a price is too new");
    std::uint64_t& epoch = live_.state.epoch;
    const auto come_to = [&](std::uint64_t calls) {
        if (header.epoch < calls) corrupt("an epoch is too small");
        epoch = std::max(epoch, header.epoch - calls);
    };
    if (header.kind == journal::FrameKind::prices) {
        if (in.left() != 0) corrupt("bytes are left over");
        come_to(1);
        // Facts of that epoch, or of the next, which were on their way to the disk, stand before
        // it.
        if (epoch >= header.epoch) --epoch;
        apply(prices, writing);
        return;
    }
    journal::Decoded decoded(live_.names);
    journal::decode(in, live_, header.format, decoded);
    if (in.left() != 0) corrupt("bytes are left over");
    come_to(decoded.batch.calls);
    prices.calls = 0;
    if (!prices.price_rows.empty() || !prices.feeds.empty()) apply(prices, writing);
    apply(decoded.batch, writing);
    each(decoded.batch);
}

void Book::flush() {
    check_open();
    if (refusal_ != Refusal::none && refusal_ != Refusal::read_only) refuse();
    if (durable_ != nullptr) durable_->flush();
}

// Ticks check under the lock whether the book is open, so that none is acknowledged behind the
// journal's seal.
void Book::close() {
    {
        Writing writing(lock_);
        writing.publish();
        Reader::close();
    }
    if (durable_ != nullptr) durable_->close();
}

void Book::trim_journal(std::uint64_t sequence) {
    check_writable();
    if (durable_ != nullptr) durable_->trim(sequence);
}

std::uint64_t Book::at_rest(State& state, Feeds& feeds, StoredCounts& counts, NamesKnown& names) {
    check_writable();
    std::uint64_t sequence = 0;
    const auto copy = [&](std::uint64_t at, const NamesKnown* journaled) {
        sequence = at;
        Writing writing(lock_);
        writing.publish();
        names = journaled != nullptr ? *journaled : NamesKnown::of(live_.names);
        const Counters& c = live_.counters;
        counts = {
            live_.state.epoch, live_.state.masters, live_.state.orders.size(), c.ticks, c.facts,
            c.dropped};
        state = live_.state;
        feeds = live_.feeds;
        live_.state.touched.begin_next();
    };
    if (durable_ == nullptr) copy(0, nullptr);
    else durable_->at_rest([&](std::uint64_t at, const NamesKnown& known) { copy(at, &known); });
    return sequence;
}

Feeds Book::feeds() {
    const Reading reading(lock_);
    return live_.feeds;
}

void Book::set_feeds(Feeds feeds) {
    Writing writing(lock_);
    writing.publish();
    live_.feeds = std::move(feeds);
}

void Book::refuse() const {
    switch (refusal_.load()) {
        case Refusal::read_only: throw Error(ErrorKind::storage, "the book was opened to be read");
        case Refusal::child:
            throw Error(ErrorKind::storage,
                        "a forked child cannot write its parent's book; it may open it to be read");
        default:
            durable_->told();
            throw Error(ErrorKind::storage, "an earlier write to the journal failed (" +
                                                durable_->failure() +
                                                "); close the book and open it again");
    }
}

// A view is read with its own mutex inside the lock. add_view() needs only the mutex of the list.
void Book::before_fork(ForkDeadline deadline) noexcept {
    Reader::before_fork(deadline);
    views_held_for_fork_ = succeeds(deadline, [&] { return views_mutex_.try_lock(); });
    bool all = at_rest_for_fork_ && views_held_for_fork_;
    if (all) try {
            for (const auto& v : views_) {
                auto view = v.lock();
                if (!view) continue;
                held_for_fork_.reserve(held_for_fork_.size() + 1);
                all = all && succeeds(deadline, [&] { return view->mutex.try_lock(); });
                if (all) held_for_fork_.push_back(std::move(view));
            }
        } catch (const std::bad_alloc&) {
            all = false;
        }
    if (all || !at_rest_for_fork_) return;
    at_rest_for_fork_ = false;
    lock_.end_read();
}

void Book::after_fork() noexcept {
    for (const auto& view : held_for_fork_) view->mutex.unlock();
    held_for_fork_.clear();
    if (std::exchange(views_held_for_fork_, false)) views_mutex_.unlock();
    Reader::after_fork();
}

void Book::become_child() noexcept {
    Reader::become_child();
    after_fork();
    if (durable_ == nullptr) return;
    refusal_ = Refusal::child;
    durable_->abandon();
    static_cast<void>(durable_.release());
}

}  // namespace mvcore
