#include "book.hpp"

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {
namespace {

// So many incremental views are brought up to date in a few microseconds.
constexpr std::size_t kQuickViews = 2;

}  // namespace

Book::Book(std::string_view base_currency, int value_scale) : value_scale_(value_scale) {
    base_ = currencies_.intern(base_currency);
    currency_users_.resize(1, 0);
    state_.board.extend(0, 1);
}

void Book::check_open() const {
    if (closed_) throw Error(ErrorKind::closed, "the book is closed");
}

std::uint64_t Book::apply(const Batch& batch, Writing& writing) {
    check_open();
    Application application(*this, batch);
    application.stage();
    writing.publish();
    application.reserve();
    application.commit();
    const auto epoch = state_.epoch;
    after_write();
    return epoch;
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

void Book::put_price(Quote& quote, std::int32_t instrument, std::int64_t price,
                     std::int64_t time) noexcept {
    if (time != kNoTime && quote.time != kNoTime && time < quote.time) {
        ++counters_.late_prices;
        return;
    }
    ++counters_.ticks;
    quote.time = time;
    quote.epoch = state_.epoch;
    if (price == quote.price) return;
    auto& changes = state_.board.changes();
    changes.push({quote.price, quote.last_change, instrument, quote.unit, false});
    quote.last_change = changes.end();
    quote.price = price;
    if (!quote.loose) state_.index.set_price(quote, instrument, true);
}

bool Book::quick_tick(std::int32_t instrument, const Decimal& price, std::int64_t time) noexcept {
    Quote& quote = state_.board.quote(instrument);
    std::int64_t value = 0;
    if (price.mantissa != static_cast<std::int64_t>(price.mantissa) ||
        !quick_price(quote, static_cast<std::int64_t>(price.mantissa), price.scale, value))
        return false;
    ++state_.epoch;
    put_price(quote, instrument, value, time);
    return true;
}

bool Book::try_tick(std::int32_t instrument, const Decimal& price, std::int64_t time,
                    std::uint64_t& epoch) {
    if (incremental_views_ > kQuickViews || !lock_.try_exclusive()) return false;
    const bool quick = instrument_alive(instrument) && quick_tick(instrument, price, time);
    if (quick) after_write();
    epoch = state_.epoch;
    lock_.end_write();
    return quick;
}

bool Book::try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                    std::uint64_t& epoch) {
    if (incremental_views_ > kQuickViews || !lock_.try_exclusive()) return false;
    const auto code = instruments_.find(instrument);
    const bool quick = code >= 0 && quick_tick(code, price, time);
    if (quick) after_write();
    epoch = state_.epoch;
    lock_.end_write();
    return quick;
}

std::uint64_t Book::tick(std::int32_t instrument, const Decimal& price, std::int64_t time) {
    Writing writing(lock_);
    if (!instrument_alive(instrument))
        throw Error(ErrorKind::unknown_id,
                    "tick: unknown instrument code " + std::to_string(instrument));
    return tick_slowly(instrument, price, time, writing);
}

std::uint64_t Book::tick(std::string_view instrument, const Decimal& price, std::int64_t time) {
    Writing writing(lock_);
    const auto code = instruments_.find(instrument);
    if (!instrument_alive(code))
        throw Error(ErrorKind::unknown_id,
                    "tick: unknown instrument '" + std::string(instrument) + "'");
    return tick_slowly(code, price, time, writing);
}

std::uint64_t Book::tick_slowly(std::int32_t instrument, const Decimal& price, std::int64_t time,
                                Writing& writing) {
    writing.publish();
    if (!quick_tick(instrument, price, time))
        return tick_by_batch({{instrument, price, time}}, writing);
    const auto epoch = state_.epoch;
    after_write();
    return epoch;
}

std::uint64_t Book::tick_by_batch(const std::vector<PriceRow>& rows, Writing& writing) {
    Batch batch(accounts_, instruments_, currencies_);
    batch.prices_given = Given::update;
    batch.price_rows = rows;
    return apply(batch, writing);
}

bool Book::quick_ticks(std::span<const TickRow> rows) {
    tick_prices_.resize(rows.size());
    bool quick = true;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const TickRow& row = rows[k];
        constexpr std::size_t kAhead = 8;  // quotes come from all over the board
        if (k + kAhead < rows.size()) state_.board.prefetch(rows[k + kAhead].instrument);
        check_instrument(row.instrument, k);
        quick = quick && quick_price(state_.board.quote(row.instrument), row.mantissa, row.scale,
                                     tick_prices_[k]);
    }
    return quick;
}

void Book::check_instrument(std::int32_t instrument, std::size_t row) const {
    if (!instrument_alive(instrument))
        throw Error(ErrorKind::unknown_id, "ticks.instrument, row " + std::to_string(row) +
                                               ": unknown instrument code " +
                                               std::to_string(instrument));
}

std::uint64_t Book::ticks(const std::vector<PriceRow>& rows) {
    Writing writing(lock_);
    for (std::size_t k = 0; k < rows.size(); ++k) check_instrument(rows[k].instrument, k);
    return tick_by_batch(rows, writing);
}

std::uint64_t Book::ticks(std::span<const TickRow> rows) {
    Writing writing(lock_);
    if (!quick_ticks(rows)) {
        std::vector<PriceRow> prices;
        prices.reserve(rows.size());
        for (const auto& row : rows)
            prices.push_back(
                {row.instrument, make_decimal(row.mantissa, row.scale).value, row.time});
        return tick_by_batch(prices, writing);
    }
    writing.publish();
    ++state_.epoch;
    for (std::size_t k = 0; k < rows.size(); ++k) {
        constexpr std::size_t kAhead = 8;
        if (k + kAhead < rows.size()) state_.board.prefetch(rows[k + kAhead].instrument);
        put_price(state_.board.quote(rows[k].instrument), rows[k].instrument, tick_prices_[k],
                  rows[k].time);
    }
    const auto epoch = state_.epoch;
    after_write();
    return epoch;
}

// ---- views ----

void Book::after_write() noexcept {
    if (incremental_views_ == 0) return;
    const std::scoped_lock lock(views_mutex_);
    for (const auto& v : views_)
        if (const auto view = v.lock(); view && view->incremental() && !view->stale(state_)) try {
                view->sync(state_);
            } catch (const std::bad_alloc&) {  // the write is in; the view rebuilds when read
            }
}

std::shared_ptr<View> Book::add_view(std::int32_t currency, bool incremental) {
    auto view = std::make_shared<View>(target(currency), incremental);
    const std::scoped_lock lock(views_mutex_);
    std::erase_if(views_, [](const auto& v) { return v.expired(); });
    views_.push_back(view);
    if (incremental) ++incremental_views_;
    return view;
}

void Book::remove_view(const View* view) {
    const std::scoped_lock lock(views_mutex_);
    const auto gone = std::erase_if(views_, [&](const auto& v) { return v.lock().get() == view; });
    if (gone != 0 && view->incremental()) --incremental_views_;
    counters_.cells_swept += view->stats().cells_swept;
}

std::vector<std::shared_ptr<View>> Book::views() const {
    const std::scoped_lock lock(views_mutex_);
    std::vector<std::shared_ptr<View>> out;
    for (const auto& v : views_)
        if (auto view = v.lock()) out.push_back(std::move(view));
    return out;
}

bool Book::read_view(View& view, bool everything, Figures& out) {
    if (view.goes_by_account()) build_index();
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    if (view.stale(state_)) return false;
    out = everything ? view.read(state_) : view.changes(state_);
    return true;
}

bool Book::try_read_view(View& view, bool everything, Figures& out, bool& fresh) {
    if (!lock_.try_read()) return false;
    const EndReading end(lock_);
    const std::unique_lock lock(view.mutex, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    fresh = !view.stale(state_);
    if (!fresh) return true;
    if (!view.quick(state_)) return false;
    out = everything ? view.read(state_) : view.changes(state_);
    return true;
}

void Book::reshape_view(View& view, View::Shape shape) {
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    view.reshape(std::move(shape));
}

void Book::sync_view(View& view) {
    if (view.goes_by_account()) build_index();
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    if (!view.stale(state_)) view.sync(state_);
}

}  // namespace mvcore
