// The price lane: batches of prices only, and the background thread that writes and syncs them.
#include "mvcore/base/assert.hpp"
#include "mvcore/durable/group_commit.hpp"

namespace mvcore::journal {

// Collects the prices that changed since the journal last had all of them. O(instruments): reads 64
// bytes of each.
void GroupCommit::take_prices(std::vector<PriceRow>& rows) const {
    const Board& board = book_state_.state.board;
    for (std::size_t i = 0; i < board.size(); ++i) {
        const auto code = InstrumentCode(i);
        const Quote& quote = board.quote(code);
        MVCORE_ASSERT(quote.epoch <= book_state_.state.epoch);
        if (quote.epoch <= priced_epoch_ || !quote.alive || !quote.priced) continue;
        rows.push_back({code, make_decimal(board.price_mantissa(code), quote.price_scale).value,
                        quote.time, quote.epoch});
    }
}

// Holds file_mutex_ from reading the prices to writing them, so that older prices never follow
// newer ones.
void GroupCommit::write_prices() {
    begin_file_if_full();
    const std::scoped_lock file(file_mutex_);
    std::vector<PriceRow> prices;
    Feeds feeds;
    Epoch epoch{};
    {
        const Reading reading(lock_);
        epoch = book_state_.state.epoch;
        MVCORE_ASSERT(priced_epoch_ <= epoch);
        if (epoch == priced_epoch_ && !feeds_due_) return;
        take_prices(prices);
        if (feeds_due_) feeds = book_state_.feeds;
        if (prices.empty() && !feeds_due_) {
            priced_epoch_ = epoch;
            return;
        }
        priced_epoch_ = epoch;
        prices_due_ = feeds_due_ = false;
    }
    journal_->append(FrameKind::prices, epoch, [&](Encoder& out) {
        encode_prices(out, prices);
        encode_feeds(out, feeds);
    });
}

void GroupCommit::begin_file_if_full() {
    {
        const std::scoped_lock file(file_mutex_);
        if (!journal_->full()) return;
    }
    const std::scoped_lock syncing(sync_mutex_);
    const std::scoped_lock file(file_mutex_);
    if (journal_->full()) journal_->begin_file();
}

void GroupCommit::work() {
    in_background_ = true;
    using Clock = std::chrono::steady_clock;
    const bool by_interval = options_.sync == SyncMode::interval;
    const auto pause = by_interval ? std::min(options_.price_interval, options_.sync_interval)
                                   : options_.price_interval;
    auto written = Clock::now();
    auto synced = written;
    std::unique_lock hold(work_mutex_);
    while (!work_.wait_for(hold, pause, [&] { return stopping_; })) try {
            const auto now = Clock::now();
            if (now - written >= options_.price_interval) {
                write_prices();
                written = now;
            }
            if (options_.sync == SyncMode::always ||
                (by_interval && now - synced >= options_.sync_interval)) {
                sync_now();
                synced = now;
            }
        } catch (const std::bad_alloc&) {  // retried at the next interval
        } catch (const Error&) {
            // The journal refuses further writes, and the next caller gets the error.
            return;
        }
}

thread_local bool GroupCommit::in_background_ = false;

void GroupCommit::stop() {
    {
        const std::scoped_lock hold(work_mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    if (worker_ != nullptr && worker_->joinable()) worker_->join();
}

}  // namespace mvcore::journal
