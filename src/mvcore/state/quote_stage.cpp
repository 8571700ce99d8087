#include "mvcore/state/quote_stage.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {

QuoteStage::Staged& QuoteStage::staged(InstrumentCode instrument) {
    MVCORE_ASSERT(is_code(instrument) && raw(instrument) < batch_.instruments.size());
    const auto [at, fresh] = staged_at_.add(instrument);
    MVCORE_ASSERT(fresh ? at == staged_.size() : staged_[at].code == instrument);
    if (fresh) {
        Staged s;
        s.code = instrument;
        const Board& board = state_.board;
        if (code_index(instrument) < board.size()) {
            s.quote = board.quote(instrument);
            s.instrument = board.instrument(instrument);
            if (s.quote.priced) s.mantissa = board.price_mantissa(instrument);
            s.least_scale = s.quote.price_scale;
        }
        staged_.push_back(s);
    }
    return staged_[at];
}

void QuoteStage::stage_all() {
    staged_.reserve(static_cast<std::size_t>(batch_.instruments.size()));
    for (std::size_t i = 0; i < state_.board.size(); ++i)
        if (state_.board.quote(InstrumentCode(i)).alive) staged(InstrumentCode(i));
}

void QuoteStage::stage_rates() {
    if (batch_.fx_given == Given::absent && batch_.removed_rates.empty()) return;
    if (batch_.fx_given != Given::load) rates_ = state_.board.rates();
    rates_.resize(
        std::max(state_.board.rates().size(), static_cast<std::size_t>(batch_.currencies.size())));
    for (const auto& row : batch_.rate_rows) {
        if (row.currency == state_.base) continue;
        MVCORE_ASSERT(row.currency >= 0 && std::size_t(row.currency) < rates_.size());
        Rate& held = rates_[std::size_t(row.currency)];
        if (held.known() && older(row.rate.time, held.time)) ++dropped_.late_fx;
        else held = row.rate;
    }
    for (const auto currency : batch_.removed_rates) rates_[std::size_t(currency)] = Rate();
}

void QuoteStage::withdraw_price(Staged& s) noexcept {
    s.quote.priced = false;
    s.quote.time = kNoTime;
    s.least_scale = Quote().price_scale;
    s.quote.price_scale = static_cast<std::uint8_t>(s.least_scale);
    s.mantissa = 0;
}

void QuoteStage::stage_prices() {
    if (batch_.prices_given == Given::load)
        for (auto& s : staged_) withdraw_price(s);
    for (const auto instrument : batch_.removed_prices)
        withdraw_price(staged(InstrumentCode(instrument)));
    for (const auto& row : batch_.price_rows) {
        Staged& s = staged(row.instrument);
        if (!batch_.restored && s.quote.priced && older(row.time, s.quote.time)) {
            ++dropped_.late_prices;
            continue;
        }
        ++price_rows_;
        // If a batch has two prices of an instrument, the later one wins. The decimals of the
        // earlier one are discarded.
        const int scale = std::max(s.least_scale, even_scale(row.price.scale));
        MVCORE_ASSERT(scale % 2 == 0 && scale >= row.price.scale && scale <= kMaxScale);
        s.quote.price_scale = static_cast<std::uint8_t>(scale);
        s.mantissa = row.price.mantissa * kPow10[std::size_t(scale - row.price.scale)];
        s.quote.priced = true;
        s.quote.time = row.time;
        s.quote.epoch = row.epoch != Epoch{} ? row.epoch : state_.epoch + 1;
    }
}

// Cash without a price is worth 1. If an instrument stops being cash, it loses that default price,
// because nobody sent it.
void QuoteStage::stage_cash_prices() {
    for (Staged& s : staged_) {
        const bool was_cash = code_index(s.code) < state_.board.size() &&
                              state_.board.quote(s.code).alive &&
                              state_.board.instrument(s.code).terms.cash;
        const bool as_it_was = s.quote.priced && s.quote.epoch <= state_.epoch;
        if (was_cash && !s.instrument.terms.cash && as_it_was && s.quote.time == kNoTime &&
            s.mantissa == kPow10[s.quote.price_scale])
            withdraw_price(s);
        if (!s.quote.alive || s.quote.priced || !s.instrument.terms.cash) continue;
        s.quote.price_scale = static_cast<std::uint8_t>(s.least_scale);
        s.mantissa = kPow10[std::size_t(s.least_scale)];
        s.quote.priced = true;
        s.quote.time = kNoTime;
        s.quote.epoch = state_.epoch + 1;
    }
}

// Names the row of the price, else the row of the instrument whose factor is too large.
void QuoteStage::refuse_price(InstrumentCode instrument) const {
    const auto row_of = [&](const auto& rows) -> InputError::Row {
        for (std::size_t k = rows.size(); k-- > 0;)
            if (rows[k].instrument == instrument) return k;
        return std::nullopt;
    };
    const auto price = row_of(batch_.price_rows);
    const auto master = row_of(batch_.instrument_rows);
    const bool of_price = price || !master;
    auto row = of_price ? price : master;
    // rows before it were left out, or no table has the row
    if (of_price && (batch_.skipped_prices != 0 || batch_.prices_computed)) row = std::nullopt;
    throw InputError(ErrorKind::value_overflow, of_price ? "prices" : "instruments",
                     of_price ? "price" : "multiplier", row,
                     "price times multiplier times quote_factor of " +
                         quoted(batch_.instruments.text(raw(instrument))) +
                         " does not fit 254 bits");
}

void QuoteStage::find_unit(Staged& s) {
    Board& board = state_.board;
    Quote& q = s.quote;
    Instrument& c = s.instrument;
    if (!q.alive || !q.priced) {
        q.priced = false;
        q.price = 0;
        q.wide = false;
        q.ceiling = -1;
        c.ceiling = i256();
        if (c.terms.currency >= 0) q.unit = board.unit_of(c.terms.currency, Unit::kUnpriced);
        return;
    }
    if (!set_price(q, c, s.mantissa)) refuse_price(s.code);
    const i256 price = q.wide ? c.wide_price : i256(q.price);
    MVCORE_ASSERT(c.terms.currency >= 0);
    q.unit = board.unit_of(c.terms.currency, value_scale_of(q, c));
    // A ceiling that still covers the price stays, so that an oscillating price takes the fast
    // path. A refresh removes the slack.
    const Quote& before = board.quote(s.code);
    const i256& held = board.instrument(s.code).ceiling;
    const bool keep = before.priced && (q.wide || held.bits() <= kNarrowBits) &&
                      before.unit == q.unit && price.magnitude() <= held &&
                      batch_.prices_given != Given::load && !refreshed_;
    set_ceiling(q, c, tight_ ? price.magnitude() : keep ? held : ceiling_of(price));
    MVCORE_ASSERT(price.magnitude() <= c.ceiling && !c.abs_quantity.negative());
}

// Returns the unit whose sum of absolute values does not fit, if any.
std::optional<UnitId> QuoteStage::find_bounds() {
    Board& board = state_.board;
    bounds_.clear();
    auto change = [&](UnitId unit, const Int<8>& by) {
        auto known = std::find_if(bounds_.begin(), bounds_.end(),
                                  [&](const auto& b) { return b.first == unit; });
        if (known == bounds_.end()) known = bounds_.insert(known, {unit, board.unit(unit).bound});
        known->second += by;
    };
    for (const auto& s : staged_) {
        const Quote& before = board.quote(s.code);
        const Instrument& held = board.instrument(s.code);
        if (before.priced) change(before.unit, -held.share());
        if (s.quote.priced) change(s.quote.unit, s.instrument.share());
    }
    for (const auto& [unit, bound] : bounds_)
        if (bound.bits() > kAccumulatorBits) return unit;
    return std::nullopt;
}

// The table of the batch that most likely made a sum too large.
const char* QuoteStage::changed_table() const noexcept {
    if (batch_.holdings_given != Given::absent) return "holdings";
    if (batch_.orders_given != Given::absent) return "orders";
    return batch_.prices_given != Given::absent ? "prices" : "instruments";
}

// Bounds use price ceilings, which have some slack. If a bound does not fit, tries again without
// slack.
void QuoteStage::prove_bounds() {
    if (!find_bounds()) return;
    tight_ = true;
    stage_all();
    for (auto& s : staged_) find_unit(s);
    if (const auto unit = find_bounds())
        throw InputError(ErrorKind::value_overflow, changed_table(), "", std::nullopt,
                         "the sum of absolute values in " +
                             quoted(batch_.currencies.text(state_.board.unit(*unit).currency)) +
                             " does not fit 254 bits");
}

bool QuoteStage::moves_bounds() const {
    return std::any_of(staged_.begin(), staged_.end(), [&](const Staged& s) {
        return s.reset || s.quote.unit != state_.board.quote(s.code).unit ||
               !(s.instrument.ceiling == state_.board.instrument(s.code).ceiling);
    });
}

void QuoteStage::commit_quote(const Staged& s) noexcept {
    Board& board = state_.board;
    Quote& q = board.own_quote(s.code);
    const Quote before = q;
    const i256 old_price = before.priced ? board.price_of(s.code) : i256();
    const auto waits = [](const Quote& quote, const Instrument& c) {
        return quote.alive && !quote.priced && !c.abs_quantity.zero() ? 1 : 0;
    };
    board.count_unpriced(waits(s.quote, s.instrument) - waits(before, board.instrument(s.code)));
    const auto users = [&](const Instrument& c) -> std::uint32_t& {
        return state_.currency_users[std::size_t(c.terms.currency)];
    };
    MVCORE_ASSERT(!before.alive || users(board.instrument(s.code)) > 0);
    if (before.alive) --users(board.instrument(s.code));
    if (s.quote.alive) ++users(s.instrument);
    board.own_instrument(s.code) = s.instrument;
    MVCORE_ASSERT(s.quote.price_scale <= kMaxScale);
    MVCORE_ASSERT(s.quote.alive || !s.quote.priced);
    MVCORE_ASSERT(s.quote.unit < board.units());
    q = s.quote;
    q.index_row = before.index_row;
    q.loose = before.loose;
    const i256 price = q.priced ? board.price_of(s.code) : i256();
    if (before.unit == q.unit && old_price == price && before.wide == q.wide &&
        before.priced == q.priced)
        return;
    if (change_log_ != nullptr) {
        auto& changes = change_log_->changes();
        changes.push(
            {before.price, before.last_change, s.code, before.unit, before.wide || q.wide});
        q.last_change = changes.end();
    }
    state_.index.set_price(q, s.code, before.unit == q.unit);
}

void QuoteStage::stage() {
    stage_rates();
    stage_prices();
    stage_cash_prices();
}

void QuoteStage::reserve() {
    for (auto& s : staged_) find_unit(s);
    prove_bounds();
    reserve_quotes();
    if (state_.index.built()) state_.index.reserve_loose(staged_.size());
}

void QuoteStage::reserve_quotes() {
    for (const auto& s : staged_) {
        static_cast<void>(state_.board.own_quote(s.code));
        static_cast<void>(state_.board.own_instrument(s.code));
    }
}

void QuoteStage::commit() noexcept {
    for (const auto& s : staged_) commit_quote(s);
    commit_bounds_and_rates();
}

void QuoteStage::commit_bounds_and_rates() noexcept {
    for (const auto& [unit, bound] : bounds_) {
        auto& u = state_.board.unit(unit);
        MVCORE_ASSERT(!bound.negative() && bound.bits() <= kAccumulatorBits);
        u.bound = bound;
        // Every view rebuilds after a refresh, so lanes may become narrower again.
        u.lane = refreshed_ ? lane_of(bound) : std::max(u.lane, lane_of(bound));
        MVCORE_ASSERT(u.lane >= lane_of(u.bound));
    }
    if (!rates_.empty() || batch_.fx_given == Given::load)
        state_.board.set_rates(std::move(rates_));
    state_.index.drop_if_loose();
}

}  // namespace mvcore
