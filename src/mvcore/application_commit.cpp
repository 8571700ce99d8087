#include <algorithm>

#include "application.hpp"
#include "assert.hpp"
#include "errors.hpp"
#include "prefetch.hpp"

namespace mvcore {

void Application::find_unit(Staged& s) {
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
    if (!set_price(q, c, s.mantissa))
        throw InputError(ErrorKind::value_overflow, "prices", "price", std::nullopt,
                         "price times multiplier times quote_factor of " +
                             quoted(batch_.instruments.text(s.code)) + " does not fit 254 bits");
    const i256 price = q.wide ? c.wide_price : i256(q.price);
    q.unit = board.unit_of(c.terms.currency, value_scale_of(q, c));
    // A ceiling that still covers the price stays, else prices that swing would come here for ever;
    // a refresh takes the slack out.
    const Quote& before = board.quote(s.code);
    const i256& held = board.instrument(s.code).ceiling;
    const bool keep = before.priced && (q.wide || held.bits() <= kNarrowBits) &&
                      before.unit == q.unit && price.magnitude() <= held &&
                      batch_.prices_given != Given::load && !refreshed_;
    set_ceiling(q, c, tight_ ? price.magnitude() : keep ? held : ceiling_of(price));
}

// The unit whose sum of absolute values does not fit, or none.
std::optional<UnitId> Application::find_bounds() {
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

// The table of the batch that is most likely to have made a sum too large.
const char* Application::changed_table() const noexcept {
    if (batch_.holdings_given != Given::absent) return "holdings";
    if (batch_.orders_given != Given::absent) return "orders";
    return batch_.prices_given != Given::absent ? "prices" : "instruments";
}

// The bounds count prices with some slack; what does not fit with it may fit without.
void Application::prove_bounds() {
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

// A finer quantity scale: every cell of the instrument is multiplied.
void Application::rescale(const Staged& s) {
    const int by = s.instrument.quantity_scale - state_.board.instrument(s.code).quantity_scale;
    if (by <= 0 || refreshed_) return;
    state_.grid.for_each(std::size_t(s.code), [&](std::uint32_t row, const Net& quantity) {
        Net scaled = quantity;
        for (auto& q : scaled) q *= kPow10[std::size_t(by)];
        rescaled_.push_back({static_cast<std::int32_t>(row), s.code, scaled, quantity});
    });
}

// f(write) for every cell that changes, its quantities fetched before.
template <class F>
void Application::each_write(F&& f) {
    const Grid* by_account = state_.index.built() ? &state_.index.grid() : nullptr;
    for (const auto* list : {&rescaled_, &writes_})
        together(
            list->size(),
            [&](std::size_t k) {
                const Write& w = (*list)[k];
                state_.grid.prefetch(std::size_t(w.instrument), std::uint32_t(w.account));
                if (by_account != nullptr)
                    by_account->prefetch_block(std::size_t(w.account),
                                               state_.board.quote(w.instrument).slot);
            },
            [&](std::size_t k) {
                const Write& w = (*list)[k];
                if (by_account != nullptr)
                    by_account->prefetch(std::size_t(w.account),
                                         state_.board.quote(w.instrument).slot);
            },
            [&](std::size_t k) { f((*list)[k]); });
}

void Application::cancel() {
    if (!cells_reserved_) return;
    AccountIndex& index = state_.index;
    each_write([&](const Write& w) {
        state_.grid.cancel(std::size_t(w.instrument), std::uint32_t(w.account), w.quantity);
        if (index.built())
            index.grid().cancel(std::size_t(w.account), state_.board.quote(w.instrument).slot,
                                w.quantity);
    });
    cells_reserved_ = false;
}

void Application::reserve_cells() {
    AccountIndex& index = state_.index;
    cancel();
    cells_reserved_ = true;
    if (index.built() && !refreshed_) index.extend(state_.board, state_.grid.rows());
    each_write([&](const Write& w) {
        state_.grid.reserve(std::size_t(w.instrument), std::uint32_t(w.account), w.quantity);
        if (index.built())
            index.grid().reserve(std::size_t(w.account), state_.board.quote(w.instrument).slot,
                                 w.quantity);
        static_cast<void>(state_.positions.own(std::size_t(w.account)));
    });
    for (const auto& [account, change] : order_changes_)
        static_cast<void>(state_.account_orders.own(std::size_t(account)));
    if (index.built()) index.reserve_loose(staged_.size());
    if (!refreshed_) return;
    for (std::size_t a = 0; a < state_.positions.size(); ++a) {
        static_cast<void>(state_.positions.own(a));
        static_cast<void>(state_.account_orders.own(a));
    }
}

void Application::reserve() {
    const auto currencies = static_cast<std::size_t>(batch_.currencies.size());
    const auto instruments = static_cast<std::size_t>(batch_.instruments.size());
    const auto rows = static_cast<std::uint32_t>(batch_.accounts.size());
    // The board last: whoever reads goes by it, also after memory ran short in between.
    state_.grid.extend(instruments, rows);
    state_.positions.grow(rows);
    state_.account_orders.grow(rows);
    state_.touched.extend(instruments);
    state_.board.extend(instruments, currencies);
    for (auto& s : staged_) {
        find_unit(s);
        rescale(s);
    }
    prove_bounds();
    // From here on only memory can be short. Names come first: rows never lack one.
    auto adopt = [](Names& names, const Names& added) {
        for (std::int32_t k = 0; k < added.size(); ++k) names.intern(added.text(k));
    };
    if (live_ != nullptr) {
        adopt(live_->names.accounts, batch_.accounts.added());
        adopt(live_->names.instruments, batch_.instruments.added());
        adopt(live_->names.currencies, batch_.currencies.added());
        live_->history.extend(rows);
    }
    state_.currency_users.resize(currencies, 0);
    state_.accounts_alive.resize(rows, 0);
    if (!batch_.feeds.empty()) {
        feeds_ = live_->feeds;
        for (const auto& [name, position] : batch_.feeds) feeds_[name] = position;
    }
    reserve_pages();
}

void Application::reserve_pages() {
    try {
        reserve_all();
    } catch (...) {
        cancel();
        throw;
    }
}

void Application::reserve_all() {
    for (const auto& s : staged_) {
        static_cast<void>(state_.board.own_quote(s.code));
        static_cast<void>(state_.board.own_instrument(s.code));
    }
    reserve_cells();
    if (batch_.roll_day) state_.orders.prepare_roll(batch_.roll_drops_ended);
    else reserve_orders();
    reserve_rescaled_orders();
}

bool Application::moves_bounds() const {
    return std::any_of(staged_.begin(), staged_.end(), [&](const Staged& s) {
        return s.reset || s.quote.unit != state_.board.quote(s.code).unit ||
               !(s.instrument.ceiling == state_.board.instrument(s.code).ceiling);
    });
}

bool Application::keeps_quotes() const {
    return !refreshed_ && !tight_ && rescaled_.empty() && batch_.prices_given == Given::absent &&
           batch_.instruments_given == Given::absent && batch_.removed_instruments.empty() &&
           batch_.removed_prices.empty() &&
           std::all_of(staged_.begin(), staged_.end(),
                       [&](const Staged& s) { return s.quote == state_.board.quote(s.code); }) &&
           !moves_bounds();
}

void Application::renew_quotes() {
    for (auto& s : staged_) s.quote = state_.board.quote(s.code);
}

void Application::commit_quote(const Staged& s) noexcept {
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
    q = s.quote;
    q.slot = before.slot;
    q.loose = before.loose;
    const i256 price = q.priced ? board.price_of(s.code) : i256();
    if (before.unit == q.unit && old_price == price && before.wide == q.wide &&
        before.priced == q.priced)
        return;
    if (live_ != nullptr) {
        auto& changes = live_->history.changes();
        changes.push(
            {before.price, before.last_change, s.code, before.unit, before.wide || q.wide});
        q.last_change = changes.end();
    }
    state_.index.set_price(q, s.code, before.unit == q.unit);
}

void Application::commit_cells() noexcept {
    if (refreshed_) {
        state_.index.drop();
        grid_.count_copies(state_.grid.copies());
        state_.grid = std::move(grid_);
        for (std::size_t a = 0; a < state_.positions.size(); ++a) {
            state_.positions.own(a) = positions_[a];
            state_.account_orders.own(a) = account_orders_[a];
        }
        live_->history.forget_facts();
        state_.touched.all();
        return;
    }
    bool follow = rescaled_.empty();
    each_write([&](const Write& w) {
        const auto account = static_cast<std::size_t>(w.account);
        const int positions =
            state_.grid.set(std::size_t(w.instrument), std::uint32_t(w.account), w.quantity);
        if (state_.index.built())
            state_.index.grid().set(account, state_.board.quote(w.instrument).slot, w.quantity);
        MVCORE_ASSERT(positions >= 0 || state_.positions[account] > 0);
        state_.positions.own(account) += static_cast<std::uint32_t>(positions);
        if (w.quantity[sod] != w.before[sod]) state_.touched.holdings(w.instrument);
        Fact fact{{}, 0, w.account, w.instrument, positions};
        for (std::size_t m = 0; m < kMeasures; ++m) {
            i128 change = 0;
            follow = follow && !__builtin_sub_overflow(w.quantity[m], w.before[m], &change) &&
                     change == static_cast<std::int64_t>(change);
            fact.change[m] = static_cast<std::int64_t>(change);
        }
        if (follow) live_->history.push(fact);
    });
    for (const auto* list : {&rescaled_, &writes_})
        for (const Write& w : *list)
            MVCORE_ASSERT(
                state_.grid.reserved(std::size_t(w.instrument), std::uint32_t(w.account)) == 0);
    if (!follow && live_ != nullptr) live_->history.forget_facts();
}

Dropped Application::dropped() const noexcept {
    Dropped all = dropped_;
    all += dropped_orders_.all();
    return all;
}

void Application::commit() noexcept {
    MVCORE_ASSERT(cells_reserved_);
    for (const auto& s : staged_) commit_quote(s);
    commit_cells();
    commit_rescaled_orders();
    if (batch_.roll_day) commit_roll();
    else commit_orders();
    if (batch_.loaded_orders) {
        batch_.loaded_orders->store.count_copies(state_.orders.copies());
        state_.orders = std::move(batch_.loaded_orders->store);
        live_->order_index = std::move(batch_.loaded_orders->index);
    }
    for (const auto& [unit, bound] : bounds_) {
        auto& u = state_.board.unit(unit);
        MVCORE_ASSERT(bound.bits() <= kAccumulatorBits);
        u.bound = bound;
        // A refresh makes every view rebuild, so lanes may narrow again.
        u.lane = refreshed_ ? lane_of(bound) : std::max(u.lane, lane_of(bound));
    }
    if (!rates_.empty() || batch_.fx_given == Given::load)
        state_.board.set_rates(std::move(rates_));
    if (!accounts_alive_.empty()) state_.accounts_alive = std::move(accounts_alive_);
    if (!cash_targets_.empty()) state_.cash_targets = std::move(cash_targets_);
    state_.index.drop_if_loose();
    if (live_ == nullptr) return;
    const bool masters = batch_.accounts_given != Given::absent ||
                         batch_.instruments_given != Given::absent ||
                         !batch_.removed_accounts.empty() || !batch_.removed_instruments.empty();
    if (masters) ++state_.masters;
    live_->counters.dropped += dropped();
    live_->counters.ticks += price_rows_;
    live_->counters.facts += facts_;
    if (!batch_.feeds.empty()) live_->feeds.swap(feeds_);
    state_.epoch += batch_.calls;
}

}  // namespace mvcore
