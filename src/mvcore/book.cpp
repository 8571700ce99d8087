#include "book.hpp"

#include "application.hpp"
#include "assert.hpp"
#include "errors.hpp"
#include "quick_orders.hpp"

namespace mvcore {

Book::Book(std::string_view base_currency, int value_scale, const CashRule& cash)
    : Reader(live_.state, live_.names, lock_, lock_, value_scale) {
    live_.state.base = live_.names.currencies.intern(base_currency);
    live_.state.cash = cash;
    live_.state.currency_users.resize(1, 0);
    live_.state.board.extend(0, 1);
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

Written Book::apply(Batch& batch, Writing& writing) {
    check_open();
    Written out;
    QuickOrders quick(live_, batch);
    const bool staged = quick.stage();
    if (staged) writing.publish();
    if (staged && quick.reserve()) {
        quick.commit();
        out.dropped = quick.dropped_orders().all();
    } else {
        if (staged) writing.unpublish();  // staging may be long
        Application application(live_, batch);
        application.stage();
        writing.publish();
        application.reserve();
        application.commit();
        out.dropped = application.dropped();
    }
    out.epoch = live_.state.epoch;
    after_batch(batch);
    return out;
}

void Book::after_batch(const Batch& batch) noexcept {
    OrderStore& orders = live_.state.orders;
    if (batch.roll_day && orders.dead_text_bytes() > orders.memory_bytes() / 4) try {
            orders.compact_texts();
        } catch (const std::bad_alloc&) {  // the next roll will
        }
    after_write();
}

// ---- prices ----

// price * factor fits beside the old one, in the same unit and under the ceiling that the unit's
// bound counts it as.
bool Book::quick_price(const Quote& quote, std::int64_t mantissa, int scale,
                       std::int64_t& out) noexcept {
    const int shift = quote.price_scale - scale;
    if (!quote.priced || shift < 0) return false;
    std::int64_t price = mantissa;
    if (shift != 0 && __builtin_mul_overflow(
                          mantissa, static_cast<std::int64_t>(kPow10[std::size_t(shift)]), &price))
        return false;
    if (__builtin_mul_overflow(price, quote.factor, &price)) return false;
    out = price;
    return price <= quote.ceiling && price >= -quote.ceiling;
}

bool Book::put_price(Quote& quote, std::int32_t instrument, std::int64_t price,
                     std::int64_t time) noexcept {
    if (older(time, quote.time)) {
        ++live_.counters.dropped.late_prices;
        return false;
    }
    ++live_.counters.ticks;
    quote.time = time;
    quote.epoch = live_.state.epoch;
    if (price == quote.price) return true;
    auto& changes = live_.history.changes();
    changes.push({quote.price, quote.last_change, instrument, quote.unit, false});
    quote.last_change = changes.end();
    MVCORE_ASSERT(price <= quote.ceiling && price >= -quote.ceiling);
    quote.price = price;
    live_.state.index.set_price(quote, instrument, true);
    return true;
}

bool Book::quick_tick(std::int32_t instrument, const Decimal& price, std::int64_t time,
                      Written& out) {
    Quote& quote = live_.state.board.own_quote(instrument);
    std::int64_t value = 0;
    if (price.mantissa != static_cast<std::int64_t>(price.mantissa) ||
        !quick_price(quote, static_cast<std::int64_t>(price.mantissa), price.scale, value))
        return false;
    out.epoch = ++live_.state.epoch;
    out.dropped.late_prices = put_price(quote, instrument, value, time) ? 0 : 1;
    return true;
}

bool Book::try_tick(std::int32_t instrument, const Decimal& price, std::int64_t time,
                    Written& out) {
    if (!lock_.try_exclusive()) return false;
    const Exclusive end(lock_);
    const bool quick = writable() && live_.state.instrument_alive(instrument) &&
                       views_quick(instrument, true) && quick_tick(instrument, price, time, out);
    if (quick) after_write();
    return quick;
}

bool Book::try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                    Written& out) {
    if (!lock_.try_exclusive()) return false;
    const Exclusive end(lock_);
    const auto code = live_.names.instruments.find(instrument);
    const bool quick =
        writable() && code >= 0 && views_quick(code, true) && quick_tick(code, price, time, out);
    if (quick) after_write();
    return quick;
}

Written Book::tick(std::int32_t instrument, const Decimal& price, std::int64_t time) {
    check_writable();
    {
        Writing writing(lock_);
        check_writable();
        if (!live_.state.instrument_alive(instrument))
            throw InputError(ErrorKind::unknown_id, "tick", "instrument", std::nullopt,
                             "unknown instrument code " + std::to_string(instrument),
                             std::to_string(instrument));
        writing.publish();
        Written out;
        if (quick_tick(instrument, price, time, out)) {
            after_write();
            return out;
        }
    }
    try {
        return tick_by_batch({{instrument, price, time}});
    } catch (const InputError& e) {  // of a batch of one row
        throw InputError(e.kind(), "tick", e.column, std::nullopt, e.reason, e.value);
    }
}

Written Book::tick(std::string_view instrument, const Decimal& price, std::int64_t time) {
    std::int32_t code = -1;
    {
        const Reading reading(lock_);
        code = live_.names.instruments.find(instrument);
        if (!live_.state.instrument_alive(code))
            throw InputError(ErrorKind::unknown_id, "tick", "instrument", std::nullopt,
                             "unknown instrument " + quoted(instrument), std::string(instrument));
    }
    return tick(code, price, time);
}

Written Book::tick_by_batch(const std::vector<PriceRow>& rows, bool skip_unknown) {
    return write([&] {
        Batch batch(live_.names);
        batch.prices_given = Given::update;
        batch.price_rows.reserve(rows.size());
        for (std::size_t k = 0; k < rows.size(); ++k) {
            const bool skipped = skip_unknown && !live_.state.instrument_alive(rows[k].instrument);
            if (!skipped) check_instrument(rows[k].instrument, k);
            if (skipped) ++batch.skipped_prices;
            else batch.price_rows.push_back(rows[k]);
        }
        return batch;
    });
}

bool Book::quick_ticks(std::span<const TickRow> rows) {
    constexpr std::size_t kKept = 65'536;  // after a larger batch the room is given back
    if (tick_prices_.capacity() > kKept) tick_prices_ = std::vector<std::int64_t>();
    tick_prices_.resize(rows.size());
    bool quick = true;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const TickRow& row = rows[k];
        constexpr std::size_t kAhead = 8;  // quotes come from all over the board
        if (k + kAhead < rows.size()) live_.state.board.prefetch(rows[k + kAhead].instrument);
        check_instrument(row.instrument, k);
        quick = quick && quick_price(live_.state.board.quote(row.instrument), row.mantissa,
                                     row.scale, tick_prices_[k]);
    }
    return quick;
}

void Book::check_instrument(std::int32_t instrument, std::size_t row) const {
    if (!live_.state.instrument_alive(instrument))
        throw InputError(ErrorKind::unknown_id, "ticks", "instrument", row,
                         "unknown instrument code " + std::to_string(instrument),
                         std::to_string(instrument));
}

Written Book::ticks(const std::vector<PriceRow>& rows, bool skip_unknown) {
    return tick_by_batch(rows, skip_unknown);
}

Written Book::ticks(std::span<const TickRow> rows, bool skip_unknown) {
    check_writable();
    std::optional<Writing> writing(std::in_place, lock_);
    check_writable();
    if (skip_unknown || !quick_ticks(rows)) {
        writing.reset();
        std::vector<PriceRow> prices;
        prices.reserve(rows.size());
        for (const auto& row : rows)
            prices.push_back(
                {row.instrument, make_decimal(row.mantissa, row.scale).value, row.time});
        return tick_by_batch(prices, skip_unknown);
    }
    writing->publish();
    // Alone only: whoever reads may be in a page that a snapshot shares. May throw.
    for (const auto& row : rows) static_cast<void>(live_.state.board.own_quote(row.instrument));
    Written out;
    out.epoch = ++live_.state.epoch;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        constexpr std::size_t kAhead = 8;
        if (k + kAhead < rows.size()) live_.state.board.prefetch(rows[k + kAhead].instrument);
        const auto i = rows[k].instrument;
        if (!put_price(live_.state.board.own_quote(i), i, tick_prices_[k], rows[k].time))
            ++out.dropped.late_prices;
    }
    after_write();
    return out;
}

// ---- the day, and reads ----

Written Book::roll_day() {
    return write([&] {
        Batch batch(live_.names);
        batch.roll_day = true;
        return batch;
    });
}

bool Book::try_value(std::string_view account, std::string_view currency, AccountValue& out) {
    if (!lock_.try_read()) return false;
    const EndReading end(lock_);
    if (!live_.state.index.built()) return false;
    constexpr std::uint32_t kQuickPositions = 16'384;  // one dot product per unit
    const auto code = find(live_.names.accounts, account);
    if (code >= 0 && std::size_t(code) < live_.state.positions.size() &&
        live_.state.positions[std::size_t(code)] > kQuickPositions)
        return false;
    out = value_of(account, currency);
    return true;
}

State Book::copy(NamesKnown& names) {
    const Reading reading(lock_);
    names = NamesKnown::of(live_.names);
    return live_.state;
}

// ---- checkpoints ----

void Book::adopt(Restore& restored) {
    Writing writing(lock_);
    writing.publish();
    if (live_.state.epoch != 0 || !restored.finished())
        throw Error(ErrorKind::invalid_input, "only a book that is new can be restored");
    Live& from = restored.live();
    live_.history.forget_facts();
    live_.history.extend(from.state.accounts_alive.size());
    MVCORE_ASSERT(from.state.board.size() == from.state.grid.lines());
    live_.state = std::move(from.state);
    live_.names = std::move(from.names);
    live_.order_index = std::move(from.order_index);
    live_.counters.ticks = from.counters.ticks;
    live_.counters.facts = from.counters.facts;
    live_.counters.dropped = from.counters.dropped;
}

std::uint64_t Book::memory_names() const noexcept {
    const Vocabulary& names = live_.names;
    return names.accounts.memory_bytes() + names.instruments.memory_bytes() +
           names.currencies.memory_bytes();
}

}  // namespace mvcore
