#include "mvcore/book/book.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "mvcore/apply/fast_cell.hpp"
#include "mvcore/apply/fast_orders.hpp"
#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore {

Book::Book(std::string_view base_currency, int value_scale, const CashRule& cash,
           std::size_t threads)
    : Reader(book_state_.state, book_state_.names, lock_, lock_, value_scale), workers_(threads) {
    book_state_.state.workers = &workers_;
    book_state_.state.base = book_state_.names.currencies.intern(base_currency);
    MVCORE_ASSERT(book_state_.state.base == 0);  // currency_users and the rates have one entry
    MVCORE_ASSERT(value_scale >= 0 && value_scale <= kMaxValueScale);
    book_state_.state.cash = cash;
    book_state_.state.currency_users.resize(1, 0);
    book_state_.state.board.extend(0, 1);
    rest_at_fork(this);
}

Book::~Book() { forget_at_fork(this); }

Written Book::write(const journal::Make& make) {
    check_writable();
    if (durable_ != nullptr) return durable_->write(make);
    Writing writing(lock_);
    check_writable();
    Batch batch = make();
    return apply(batch, writing);
}

Written Book::apply(Batch& batch, const Writing& writing) {
    MVCORE_ASSERT(writing.owns_lock() && writing.mutex() == &lock_);
    check_open();
    [[maybe_unused]] const auto before = book_state_.state.epoch;
    Written out;
    FastOrders fast(book_state_, batch);
    const bool staged = fast.stage();
    if (staged) lock_.publish();
    if (staged && fast.reserve()) {
        fast.commit();
        out.dropped = fast.dropped_orders().all();
    } else {
        if (staged) lock_.unpublish();  // the slow path may stage for long
        WriteTransaction transaction(book_state_, batch);
        transaction.stage();
        lock_.publish();
        transaction.reserve();
        transaction.commit();
        out.dropped = transaction.dropped();
    }
    out.epoch = book_state_.state.epoch;
    MVCORE_ASSERT(out.epoch == before + batch.calls);
    after_batch(batch);
    return out;
}

void Book::after_batch(const Batch& batch) noexcept {
    OrderStore& orders = book_state_.state.orders;
    if (batch.roll_day && orders.dead_text_bytes() > orders.memory_bytes() / tuning::kDeadTextShare)
        try {
            orders.compact_texts();
        } catch (const std::bad_alloc&) {  // the next roll retries
        }
    after_write();
}

// ---- Prices ----

// Fast path: price * factor fits 64 bits in the quote's unit, and does not exceed the ceiling that
// the unit's bound assumes for it.
bool Book::fast_price(const Quote& quote, std::int64_t mantissa, int scale,
                      std::int64_t& out) noexcept {
    const int shift = quote.price_scale - scale;
    if (!quote.priced || shift < 0) return false;
    MVCORE_ASSERT(shift <= kMaxScale);
    std::int64_t price = mantissa;
    if (shift != 0 && __builtin_mul_overflow(
                          mantissa, static_cast<std::int64_t>(kPow10[std::size_t(shift)]), &price))
        return false;
    if (__builtin_mul_overflow(price, quote.factor, &price)) return false;
    out = price;
    return price <= quote.ceiling && price >= -quote.ceiling;
}

bool Book::put_price(Quote& quote, InstrumentCode instrument, std::int64_t price,
                     std::int64_t time) noexcept {
    MVCORE_ASSERT(quote.alive && quote.priced && !quote.wide);
    MVCORE_ASSERT(quote.epoch <= book_state_.state.epoch);
    if (older(time, quote.time)) {
        ++book_state_.counters.dropped.late_prices;
        return false;
    }
    ++book_state_.counters.ticks;
    quote.time = time;
    quote.epoch = book_state_.state.epoch;
    if (price == quote.price) return true;
    auto& changes = book_state_.change_log.changes();
    MVCORE_ASSERT(quote.last_change <= changes.end());
    changes.push({quote.price, quote.last_change, instrument, quote.unit, false});
    quote.last_change = changes.end();
    MVCORE_ASSERT(price <= quote.ceiling && price >= -quote.ceiling);
    quote.price = price;
    book_state_.state.index.set_price(quote, instrument, true);
    return true;
}

bool Book::fast_tick(InstrumentCode instrument, const Decimal& price, std::int64_t time,
                     Written& out) {
    Quote& quote = book_state_.state.board.own_quote(instrument);
    std::int64_t value = 0;
    if (price.mantissa != static_cast<std::int64_t>(price.mantissa) ||
        !fast_price(quote, static_cast<std::int64_t>(price.mantissa), price.scale, value))
        return false;
    out.epoch = ++book_state_.state.epoch;
    out.dropped.late_prices = put_price(quote, instrument, value, time) ? 0 : 1;
    return true;
}

bool Book::try_tick(InstrumentCode instrument, const Decimal& price, std::int64_t time,
                    Written& out) {
    if (!lock_.try_exclusive()) return false;
    const Exclusive end(lock_, std::adopt_lock);
    const bool fast = writable() && book_state_.state.instrument_alive(instrument) &&
                      views_are_fast(instrument, true) && fast_tick(instrument, price, time, out);
    if (fast) after_write();
    return fast;
}

bool Book::try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                    Written& out) {
    if (!lock_.try_exclusive()) return false;
    const Exclusive end(lock_, std::adopt_lock);
    const auto code = InstrumentCode(book_state_.names.instruments.find(instrument));
    const bool fast = writable() && is_code(code) && views_are_fast(code, true) &&
                      fast_tick(code, price, time, out);
    if (fast) after_write();
    return fast;
}

Written Book::tick(InstrumentCode instrument, const Decimal& price, std::int64_t time) {
    check_writable();
    {
        Writing writing(lock_);
        check_writable();
        if (!book_state_.state.instrument_alive(instrument))
            throw InputError(ErrorKind::unknown_id, "tick", "instrument", std::nullopt,
                             "unknown instrument code " + std::to_string(raw(instrument)),
                             std::to_string(raw(instrument)));
        lock_.publish();
        Written out;
        if (fast_tick(instrument, price, time, out)) {
            after_write();
            return out;
        }
    }
    try {
        return tick_by_batch({{instrument, price, time}});
    } catch (const InputError& e) {  // restates the error for this call
        throw InputError(e.kind(), "tick", e.column, std::nullopt, e.reason, e.value);
    }
}

Written Book::tick(std::string_view instrument, const Decimal& price, std::int64_t time) {
    InstrumentCode code = kNoInstrument;
    {
        const Reading reading(lock_);
        code = InstrumentCode(book_state_.names.instruments.find(instrument));
        if (!book_state_.state.instrument_alive(code))
            throw InputError(ErrorKind::unknown_id, "tick", "instrument", std::nullopt,
                             "unknown instrument " + quoted(instrument), std::string(instrument));
    }
    return tick(code, price, time);
}

Written Book::tick_by_batch(const std::vector<PriceRow>& rows, bool skip_unknown,
                            const FeedPositions& feeds) {
    const auto make = [&] {
        Batch batch(book_state_.names);
        batch.prices_given = Given::update;
        batch.price_rows.reserve(rows.size());
        batch.feeds = feeds;
        for (std::size_t k = 0; k < rows.size(); ++k) {
            const bool skipped =
                skip_unknown && !book_state_.state.instrument_alive(rows[k].instrument);
            if (!skipped) check_instrument(rows[k].instrument, k);
            if (skipped) ++batch.skipped_prices;
            else batch.price_rows.push_back(rows[k]);
        }
        MVCORE_ASSERT(batch.price_rows.size() + batch.skipped_prices == rows.size());
        return batch;
    };
    try {
        return write(make);
    } catch (const InputError& e) {  // restates the error for this call
        if (e.table != "prices") throw;
        throw InputError(e.kind(), "ticks", e.column, e.row, e.reason, e.value);
    }
}

// Quotes are at random addresses of the board.
void Book::prefetch_ahead(std::span<const TickRow> rows, std::size_t k) const noexcept {
    const auto next = k + tuning::kQuotesAhead;
    if (next < rows.size()) book_state_.state.board.prefetch(rows[next].instrument);
}

bool Book::fast_ticks(std::span<const TickRow> rows) {
    // A larger buffer is freed before the next batch.
    if (tick_prices_.capacity() > tuning::kKeptTicks) tick_prices_ = std::vector<std::int64_t>();
    tick_prices_.resize(rows.size());
    bool fast = true;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const TickRow& row = rows[k];
        prefetch_ahead(rows, k);
        check_instrument(row.instrument, k);
        fast = fast && fast_price(book_state_.state.board.quote(row.instrument), row.mantissa,
                                  row.scale, tick_prices_[k]);
    }
    return fast;
}

void Book::check_instrument(InstrumentCode instrument, std::size_t row) const {
    if (!book_state_.state.instrument_alive(instrument))
        throw InputError(ErrorKind::unknown_id, "ticks", "instrument", row,
                         "unknown instrument code " + std::to_string(raw(instrument)),
                         std::to_string(raw(instrument)));
}

Written Book::ticks(const std::vector<PriceRow>& rows, bool skip_unknown,
                    const FeedPositions& feeds) {
    return tick_by_batch(rows, skip_unknown, feeds);
}

Written Book::ticks(std::span<const TickRow> rows, bool skip_unknown) {
    check_writable();
    Writing writing(lock_);
    check_writable();
    if (skip_unknown || !fast_ticks(rows)) {
        writing.unlock();
        std::vector<PriceRow> prices;
        prices.reserve(rows.size());
        for (const auto& row : rows)
            prices.push_back(
                {row.instrument, make_decimal(row.mantissa, row.scale).value, row.time});
        return tick_by_batch(prices, skip_unknown);
    }
    lock_.publish();
    MVCORE_ASSERT(tick_prices_.size() == rows.size());
    // Requires the exclusive lock, because a reader may be using a page that a snapshot shares. May
    // throw.
    for (const auto& row : rows)
        static_cast<void>(book_state_.state.board.own_quote(row.instrument));
    Written out;
    out.epoch = ++book_state_.state.epoch;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        prefetch_ahead(rows, k);
        const auto i = rows[k].instrument;
        if (!put_price(book_state_.state.board.own_quote(i), i, tick_prices_[k], rows[k].time))
            ++out.dropped.late_prices;
    }
    after_write();
    return out;
}

// ---- Day roll and reads ----

Written Book::roll_day() {
    return write([&] {
        Batch batch(book_state_.names);
        batch.roll_day = true;
        return batch;
    });
}

bool Book::try_value(std::string_view account, std::string_view currency, AccountValue& out) {
    if (!lock_.try_lock_shared()) return false;
    const Reading end(lock_, std::adopt_lock);
    if (!book_state_.state.index.built()) return false;
    const auto code = AccountCode(find(book_state_.names.accounts, account));
    if (is_code(code) && code_index(code) < book_state_.state.positions.size() &&
        book_state_.state.positions[code_index(code)] > tuning::kFastPositions)
        return false;
    out = value_of(account, currency);
    return true;
}

State Book::copy(NamesKnown& names) {
    const Reading reading(lock_);
    names = NamesKnown::of(book_state_.names);
    return book_state_.state;
}

// ---- Checkpoints ----

void Book::adopt(Restore& restored) {
    Writing writing(lock_);
    lock_.publish();
    if (book_state_.state.epoch != Epoch{} || !restored.finished())
        throw Error(ErrorKind::invalid_input, "only a book that is new can be restored");
    BookState& from = restored.book_state();
    book_state_.change_log.forget_facts();
    book_state_.change_log.extend(from.state.accounts_alive.size());
    MVCORE_ASSERT(from.state.board.size() == from.state.grid.lines());
    MVCORE_ASSERT(from.state.grid.rows() == from.state.accounts_alive.size());
    MVCORE_ASSERT(from.state.positions.size() == from.state.account_orders.size());
    MVCORE_ASSERT(std::size_t(from.names.instruments.size()) == from.state.board.size());
    MVCORE_ASSERT(from.state.base == book_state_.state.base && !from.state.index.built());
    book_state_.state = std::move(from.state);
    book_state_.state.workers = &workers_;
    book_state_.names = std::move(from.names);
    book_state_.order_index = std::move(from.order_index);
    book_state_.counters.ticks = from.counters.ticks;
    book_state_.counters.facts = from.counters.facts;
    book_state_.counters.dropped = from.counters.dropped;
}

std::uint64_t Book::memory_names() const noexcept {
    const Vocabulary& names = book_state_.names;
    return names.accounts.memory_bytes() + names.instruments.memory_bytes() +
           names.currencies.memory_bytes();
}

// ---- Durable books: recovery, and who may write ----

journal::RecoveryReport Book::recover(std::unique_ptr<journal::Files> files, bool read_only,
                                      const journal::Options& options, std::uint64_t loaded,
                                      std::uint64_t checkpoint,
                                      const std::function<void(const Batch&)>& each) {
    journal::Recovery recovery(*files, read_only);
    const auto known = recovery.look();
    if (known && checkpoint != 0 && known->book != checkpoint)
        corrupt(files->path() + ": the checkpoint is of another book than the journal");
    const auto end =
        recovery.run(loaded, [&](const auto& header, auto& in) { replay(header, in, each); });
    // Calls that changed nothing, such as late prices, are in no group. The seal has their epoch.
    const auto& report = recovery.report();
    if (report.sealed) book_state_.state.epoch = std::max(book_state_.state.epoch, report.epoch);
    if (read_only) {
        refusal_ = Refusal::read_only;
        return recovery.report();
    }
    const journal::Opening opening{
        std::string(book_state_.names.currencies.text(book_state_.state.base)), value_scale(),
        book_state_.state.cash};
    auto journal = std::make_unique<journal::JournalWriter>(*files, opening,
                                                            known             ? known->book
                                                            : checkpoint != 0 ? checkpoint
                                                                              : files->random(),
                                                            end, options.file_bytes);
    durable_ = std::make_unique<journal::GroupCommit>(
        book_state_, lock_, [this](const Batch& batch) { after_batch(batch); },
        [this] { refusal_ = Refusal::failed; }, std::move(files), std::move(journal), options);
    return recovery.report();
}

// Applies the prices as they were before the batch, then the batch. Ends with the batch's epoch.
void Book::replay(const journal::Header& header, journal::Decoder& in,
                  const std::function<void(const Batch&)>& each) {
    Writing writing(lock_);
    Batch prices(book_state_.names);
    prices.prices_given = Given::update;
    prices.restored = true;
    journal::decode_prices(in, book_state_.state, prices.price_rows);
    journal::decode_feeds(in, prices.feeds);
    for (const auto& row : prices.price_rows)
        if (row.epoch == Epoch{} || row.epoch > header.epoch) corrupt("a price is too new");
    Epoch& epoch = book_state_.state.epoch;
    const auto come_to = [&](std::uint64_t calls) {
        if (raw(header.epoch) < calls) corrupt("an epoch is too small");
        epoch = std::max(epoch, header.epoch - calls);
    };
    if (header.kind == journal::FrameKind::prices) {
        if (in.left() != 0) corrupt("bytes are left over");
        come_to(1);
        // Facts of the same or of the next epoch, which were on their way to the disk, may precede
        // this frame in the journal.
        if (epoch >= header.epoch) --epoch;
        apply(prices, writing);
        return;
    }
    journal::Decoded decoded(book_state_.names);
    journal::decode(in, book_state_, header.format, decoded);
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

// Ticks check under the lock whether the book is open, so no tick is acknowledged after the
// journal's seal.
void Book::close() {
    {
        Writing writing(lock_);
        lock_.publish();
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
        lock_.publish();
        names = journaled != nullptr ? *journaled : NamesKnown::of(book_state_.names);
        const Counters& c = book_state_.counters;
        counts = {book_state_.state.epoch,
                  book_state_.state.masters,
                  book_state_.state.orders.size(),
                  c.ticks,
                  c.facts,
                  c.dropped};
        state = book_state_.state;
        feeds = book_state_.feeds;
        book_state_.state.dirty_instruments.begin_next();
    };
    if (durable_ == nullptr) copy(0, nullptr);
    else durable_->at_rest([&](std::uint64_t at, const NamesKnown& known) { copy(at, &known); });
    return sequence;
}

Feeds Book::feeds() {
    const Reading reading(lock_);
    return book_state_.feeds;
}

void Book::set_feeds(Feeds feeds) {
    Writing writing(lock_);
    lock_.publish();
    book_state_.feeds = std::move(feeds);
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

// Acquires the book's lock for reading, then the mutex of the list and that of every view. Reads
// hold a view's mutex inside the lock; add_view() holds only the mutex of the list.
void Book::before_fork(ForkDeadline deadline) noexcept {
    MVCORE_ASSERT(held_for_fork_.empty() && !views_held_for_fork_);
    Reader::before_fork(deadline);
    views_held_for_fork_ = succeeds(deadline, [&] { return views_mutex_.try_lock(); });
    bool all = at_rest_for_fork_ && views_held_for_fork_;
    if (all) try {
            held_for_fork_.reserve(views_.size());
            for (const auto& [_, held] : views_) {  // in the order in which reads lock them
                auto view = held.lock();
                if (!view) continue;
                all = all && succeeds(deadline, [&] { return view->mutex.try_lock(); });
                if (all) held_for_fork_.push_back(std::move(view));
            }
        } catch (const std::bad_alloc&) {
            all = false;
        }
    if (all || !at_rest_for_fork_) return;
    at_rest_for_fork_ = false;
    lock_.unlock_shared();
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
