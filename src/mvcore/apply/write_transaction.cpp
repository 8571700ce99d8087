#include "mvcore/apply/write_transaction.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/prefetch.hpp"

namespace mvcore {

namespace {

[[noreturn]] void refuse_removal(const char* table, const char* column, std::string_view name) {
    throw InputError(ErrorKind::invalid_input, table, column, std::nullopt,
                     quoted(name) + " cannot be removed: holdings or orders refer to it",
                     std::string(name));
}

}  // namespace

void WriteTransaction::stage() {
    MVCORE_ASSERT(staged_.empty() && cells_.empty() && order_writes_.empty() && !refreshed_);
    dropped_.skipped_prices = batch_.skipped_prices;
    const bool all = batch_.instruments_given == Given::load ||
                     batch_.prices_given == Given::load || batch_.holdings_given == Given::load ||
                     batch_.orders_given == Given::load;
    if (all) stage_all();
    stage_accounts();
    stage_instruments();
    stage_cash_targets();
    QuoteStage::stage();
    if (batch_.roll_day && batch_.holdings_given == Given::absent) {
        stage_roll();
    } else if (batch_.holdings_given == Given::load || batch_.orders_given == Given::load) {
        stage_refresh();
    } else {
        find_orders();
        grow_scales();
        stage_holdings();
        stage_orders();
        stage_changed_legs();
        stage_writes();
    }
    check_dropped();
}

void WriteTransaction::stage_accounts() {
    if (batch_.accounts_given == Given::absent && batch_.removed_accounts.empty()) return;
    if (batch_.accounts_given != Given::load) accounts_alive_ = state_.accounts_alive;
    MVCORE_ASSERT(state_.accounts_alive.size() <= std::size_t(batch_.accounts.size()));
    accounts_alive_.resize(static_cast<std::size_t>(batch_.accounts.size()), 0);
    for (auto a : batch_.account_rows) accounts_alive_[std::size_t(a)] = 1;
    for (auto a : batch_.removed_accounts) accounts_alive_[std::size_t(a)] = 0;
    if (batch_.accounts.size() > kMostAccounts)
        throw InputError(ErrorKind::value_overflow, "accounts", "account", std::nullopt,
                         "a book has at most 134,217,728 account names");
}

void WriteTransaction::stage_instruments() {
    if (batch_.instruments_given == Given::load)
        for (auto& s : staged_) s.quote.alive = false;
    for (auto i : batch_.removed_instruments) staged(InstrumentCode(i)).quote.alive = false;
    for (std::size_t row = 0; row < batch_.instrument_rows.size(); ++row) {
        const auto& given = batch_.instrument_rows[row];
        const bool known = state_.instrument_alive(given.instrument);
        Staged& s = staged(given.instrument);
        if (!known) {
            const auto index_row = s.quote.index_row;
            const auto change = s.quote.last_change;
            s.instrument = Instrument();
            s.quote = Quote();
            s.quote.index_row = index_row;
            s.quote.last_change = change;
            s.least_scale = s.quote.price_scale;
            s.reset = true;
        }
        s.quote.alive = true;
        auto& terms = s.instrument.terms;
        if (given.currency >= 0) terms.currency = given.currency;
        else if (!known)
            throw InputError(ErrorKind::invalid_input, "instruments", "currency", row,
                             "the new instrument " +
                                 quoted(batch_.instruments.text(raw(given.instrument))) +
                                 " needs a currency");
        if (given.multiplier) terms.multiplier = *given.multiplier;
        if (given.quote_factor) terms.quote_factor = *given.quote_factor;
        if (given.cash) terms.cash = *given.cash;
        if (terms.cash && terms.has_factor())
            throw InputError(ErrorKind::invalid_input, "instruments", "cash", row,
                             quoted(batch_.instruments.text(raw(given.instrument))) +
                                 " is cash; expected a multiplier and a quote_factor of 1");
        set_factor(s.instrument);
    }
}

CashTarget WriteTransaction::cash_target_before(std::int32_t currency) const {
    const auto at = static_cast<std::size_t>(currency);
    return at < state_.cash_targets.size() ? state_.cash_targets[at] : CashTarget();
}

CashTarget WriteTransaction::cash_target(std::int32_t currency) const {
    const auto at = static_cast<std::size_t>(currency);
    if (cash_targets_.empty()) return cash_target_before(currency);
    return at < cash_targets_.size() ? cash_targets_[at] : CashTarget();
}

// One cash instrument per currency. Only the rows of the batch can break this.
void WriteTransaction::stage_cash_targets() {
    if (!state_.cash.from_fills ||
        (batch_.instruments_given == Given::absent && batch_.removed_instruments.empty()))
        return;
    cash_targets_ = state_.cash_targets;
    cash_targets_.resize(static_cast<std::size_t>(batch_.currencies.size()));
    const auto is_cash_of = [&](InstrumentCode instrument, std::size_t currency) {
        const Staged& s = staged(instrument);
        return s.quote.alive && s.instrument.terms.cash &&
               std::size_t(s.instrument.terms.currency) == currency;
    };
    for (std::size_t c = 0; c < cash_targets_.size(); ++c)
        if (is_code(cash_targets_[c].instrument) && !is_cash_of(cash_targets_[c].instrument, c))
            cash_targets_[c] = CashTarget();
    for (std::size_t row = 0; row < batch_.instrument_rows.size(); ++row) {
        const Staged& s = staged(batch_.instrument_rows[row].instrument);
        const auto currency = s.instrument.terms.currency;
        if (!is_cash_of(s.code, std::size_t(currency))) continue;
        const auto name = [&](InstrumentCode code) {
            return quoted(batch_.instruments.text(raw(code)));
        };
        const auto text = batch_.currencies.text(currency);
        const std::string in = quoted(text);
        CashTarget& target = cash_targets_[std::size_t(currency)];
        if (is_code(target.instrument) && target.instrument != s.code)
            throw InputError(ErrorKind::invalid_input, "instruments", "cash", row,
                             name(s.code) + " and " + name(target.instrument) +
                                 " are both cash of " + in +
                                 "; expected one, since the book has cash='from_fills'");
        const auto scale = state_.cash.scale_of(text);
        if (!scale)
            throw InputError(ErrorKind::invalid_input, "instruments", "currency", row,
                             in + " of the cash instrument " + name(s.code) +
                                 " is not a currency of ISO 4217; expected one, or a book with a "
                                 "cash_scale",
                             std::string(text));
        target = {s.code, *scale};
    }
}

bool WriteTransaction::account_held(AccountCode account) const {
    const auto a = code_index(account);
    if (refreshed_)
        return (a < positions_.size() && positions_[a] != 0) ||
               (a < account_orders_.size() && account_orders_[a] != 0);
    auto after = [&](const auto& counts, const auto& changes) {
        const auto change = changes.find(account);
        return (a < counts.size() ? counts[a] : 0) +
               static_cast<std::uint32_t>(change == changes.end() ? 0 : change->second);
    };
    return after(state_.positions, position_changes_) != 0 ||
           after(state_.account_orders, order_changes_) != 0;
}

bool WriteTransaction::instrument_held(const Staged& s) const {
    if (!s.instrument.abs_quantity.zero()) return true;
    if (batch_.loaded_orders) return batch_.loaded_orders->store.count(s.code) != 0;
    const auto change = instrument_order_changes_.find(s.code);
    MVCORE_ASSERT(change == instrument_order_changes_.end() ||
                  std::int64_t{state_.orders.count(s.code)} + change->second >= 0);
    return state_.orders.count(s.code) +
               static_cast<std::uint32_t>(
                   change == instrument_order_changes_.end() ? 0 : change->second) !=
           0;
}

// Refuses to remove accounts and instruments that still have holdings or orders after the batch.
void WriteTransaction::check_dropped() const {
    for (const auto& s : staged_)
        if (!s.quote.alive && instrument_held(s))
            refuse_removal("instruments", "instrument", batch_.instruments.text(raw(s.code)));
    for (std::size_t a = 0; a < accounts_alive_.size(); ++a)
        if (accounts_alive_[a] == 0 && account_held(AccountCode(a)))
            refuse_removal("accounts", "account", batch_.accounts.text(std::int32_t(a)));
}

// Multiplies every cell of the instrument if its quantity scale becomes finer.
void WriteTransaction::rescale(const Staged& s) {
    MVCORE_ASSERT(s.instrument.quantity_scale % 2 == 0);
    MVCORE_ASSERT(s.instrument.quantity_scale <= kMaxScale);
    const int by = s.instrument.quantity_scale - state_.board.instrument(s.code).quantity_scale;
    if (by <= 0 || refreshed_) return;
    state_.grid.for_each(code_index(s.code), [&](std::uint32_t row, const Net& quantity) {
        Net scaled = quantity;
        for (auto& q : scaled) q *= kPow10[std::size_t(by)];
        rescaled_.push_back({AccountCode(row), s.code, scaled, quantity});
    });
}

// Calls f(write) for every cell that changes and prefetches its quantities.
template <class F>
void WriteTransaction::each_write(F&& f) {
    const Grid* by_account = state_.index.built() ? &state_.index.grid() : nullptr;
    for (const auto* list : {&rescaled_, &writes_})
        overlap_misses(
            list->size(),
            [&](std::size_t k) {
                const Write& w = (*list)[k];
                state_.grid.prefetch(code_index(w.instrument), std::uint32_t(w.account));
                if (by_account != nullptr)
                    by_account->prefetch_block(code_index(w.account),
                                               state_.board.quote(w.instrument).index_row);
            },
            [&](std::size_t k) {
                const Write& w = (*list)[k];
                if (by_account != nullptr)
                    by_account->prefetch(code_index(w.account),
                                         state_.board.quote(w.instrument).index_row);
            },
            [&](std::size_t k) { f((*list)[k]); });
}

void WriteTransaction::cancel() {
    if (!cells_reserved_) return;
    AccountIndex& account_index = state_.index;
    each_write([&](const Write& w) {
        state_.grid.cancel(code_index(w.instrument), std::uint32_t(w.account), w.quantity);
        if (account_index.built())
            account_index.grid().cancel(code_index(w.account),
                                        state_.board.quote(w.instrument).index_row, w.quantity);
    });
    cells_reserved_ = false;
}

void WriteTransaction::reserve_cells() {
    AccountIndex& account_index = state_.index;
    cancel();
    MVCORE_ASSERT(!cells_reserved_);
    cells_reserved_ = true;
    if (account_index.built() && !refreshed_)
        account_index.extend(state_.board, state_.grid.rows());
    each_write([&](const Write& w) {
        state_.grid.reserve(code_index(w.instrument), std::uint32_t(w.account), w.quantity);
        if (account_index.built())
            account_index.grid().reserve(code_index(w.account),
                                         state_.board.quote(w.instrument).index_row, w.quantity);
        static_cast<void>(state_.positions.own(code_index(w.account)));
    });
    for (const auto& [account, change] : order_changes_)
        static_cast<void>(state_.account_orders.own(code_index(account)));
    if (account_index.built()) account_index.reserve_loose(staged_.size());
    if (!refreshed_) return;
    for (std::size_t a = 0; a < state_.positions.size(); ++a) {
        static_cast<void>(state_.positions.own(a));
        static_cast<void>(state_.account_orders.own(a));
    }
}

void WriteTransaction::reserve() {
    const auto currencies = static_cast<std::size_t>(batch_.currencies.size());
    const auto instruments = static_cast<std::size_t>(batch_.instruments.size());
    const auto rows = static_cast<std::uint32_t>(batch_.accounts.size());
    // Extend the board last. Readers use its size, even if memory runs out in between.
    state_.grid.extend(instruments, rows);
    state_.positions.grow(rows);
    state_.account_orders.grow(rows);
    state_.dirty_instruments.extend(instruments);
    state_.board.extend(instruments, currencies);
    for (auto& s : staged_) {
        find_unit(s);
        rescale(s);
    }
    prove_bounds();
    // From here on only std::bad_alloc is possible. Names come first, so that no row ever lacks its
    // name.
    auto adopt = [](Names& names, const Names& added) {
        for (std::int32_t k = 0; k < added.size(); ++k) names.intern(added.text(k));
    };
    adopt(book_state_.names.accounts, batch_.accounts.added());
    adopt(book_state_.names.instruments, batch_.instruments.added());
    adopt(book_state_.names.currencies, batch_.currencies.added());
    book_state_.change_log.extend(rows);
    const Vocabulary& names = book_state_.names;
    MVCORE_ASSERT(std::size_t(names.accounts.size()) == rows);
    MVCORE_ASSERT(std::size_t(names.instruments.size()) == instruments);
    MVCORE_ASSERT(std::size_t(names.currencies.size()) == currencies);
    state_.currency_users.resize(currencies, 0);
    state_.accounts_alive.resize(rows, 0);
    if (!batch_.feeds.empty()) {
        feeds_ = book_state_.feeds;
        for (const auto& [name, position] : batch_.feeds) feeds_[name] = position;
    }
    MVCORE_ASSERT(state_.grid.lines() >= state_.board.size());
    MVCORE_ASSERT(state_.positions.size() == state_.account_orders.size());
    reserve_pages();
}

void WriteTransaction::reserve_pages() {
    try {
        reserve_all();
    } catch (...) {
        cancel();
        throw;
    }
}

void WriteTransaction::reserve_all() {
    reserve_quotes();
    reserve_cells();
    if (batch_.roll_day) state_.orders.prepare_roll(batch_.roll_drops_ended);
    else reserve_orders();
    reserve_rescaled_orders();
}

bool WriteTransaction::keeps_quotes() const {
    return !refreshed_ && !tight_ && rescaled_.empty() && batch_.prices_given == Given::absent &&
           batch_.instruments_given == Given::absent && batch_.removed_instruments.empty() &&
           batch_.removed_prices.empty() &&
           std::all_of(staged_.begin(), staged_.end(),
                       [&](const Staged& s) { return s.quote == state_.board.quote(s.code); }) &&
           !moves_bounds();
}

void WriteTransaction::renew_quotes() {
    for (auto& s : staged_) s.quote = state_.board.quote(s.code);
}

void WriteTransaction::commit_cells() noexcept {
    if (refreshed_) {
        state_.index.drop();
        grid_.count_copies(state_.grid.copies());
        state_.grid = std::move(grid_);
        for (std::size_t a = 0; a < state_.positions.size(); ++a) {
            state_.positions.own(a) = positions_[a];
            state_.account_orders.own(a) = account_orders_[a];
        }
        MVCORE_ASSERT(positions_.size() >= state_.positions.size());
        book_state_.change_log.forget_facts();
        state_.dirty_instruments.all();
        return;
    }
    bool follow = rescaled_.empty();
    each_write([&](const Write& w) {
        const auto account = code_index(w.account);
        const int positions =
            state_.grid.set(code_index(w.instrument), std::uint32_t(w.account), w.quantity);
        if (state_.index.built())
            state_.index.grid().set(account, state_.board.quote(w.instrument).index_row,
                                    w.quantity);
        MVCORE_ASSERT(positions >= 0 || state_.positions[account] > 0);
        MVCORE_ASSERT(account < state_.positions.size() && w.quantity != w.before);
        state_.positions.own(account) += static_cast<std::uint32_t>(positions);
        if (w.quantity[sod] != w.before[sod]) state_.dirty_instruments.holdings(w.instrument);
        Fact fact{{}, 0, w.account, w.instrument, positions};
        for (std::size_t m = 0; m < kMeasures; ++m) {
            i128 change = 0;
            follow = follow && !__builtin_sub_overflow(w.quantity[m], w.before[m], &change) &&
                     change == static_cast<std::int64_t>(change);
            fact.change[m] = static_cast<std::int64_t>(change);
        }
        if (follow) book_state_.change_log.push(fact);
    });
    for (const auto* list : {&rescaled_, &writes_})
        for (const Write& w : *list)
            MVCORE_ASSERT(
                state_.grid.reserved(code_index(w.instrument), std::uint32_t(w.account)) == 0);
    if (!follow) book_state_.change_log.forget_facts();
}

Dropped WriteTransaction::dropped() const noexcept {
    Dropped all = dropped_;
    all += dropped_orders_.all();
    return all;
}

void WriteTransaction::commit() noexcept {
    MVCORE_ASSERT(cells_reserved_);
    for (const auto& s : staged_) commit_quote(s);
    commit_cells();
    commit_rescaled_orders();
    if (batch_.roll_day) commit_roll();
    else commit_orders();
    if (batch_.loaded_orders) {
        batch_.loaded_orders->store.count_copies(state_.orders.copies());
        state_.orders = std::move(batch_.loaded_orders->store);
        book_state_.order_index = std::move(batch_.loaded_orders->index);
    }
    for ([[maybe_unused]] const auto& s : staged_)
        MVCORE_ASSERT(state_.orders.count(s.code) == 0 ||
                      state_.orders.scale(s.code) == s.instrument.quantity_scale);
    MVCORE_ASSERT(accounts_alive_.empty() ||
                  accounts_alive_.size() == state_.accounts_alive.size());
    MVCORE_ASSERT(cash_targets_.empty() || cash_targets_.size() >= state_.cash_targets.size());
    commit_bounds_and_rates();
    if (!accounts_alive_.empty()) state_.accounts_alive = std::move(accounts_alive_);
    if (!cash_targets_.empty()) state_.cash_targets = std::move(cash_targets_);
    const bool masters = batch_.accounts_given != Given::absent ||
                         batch_.instruments_given != Given::absent ||
                         !batch_.removed_accounts.empty() || !batch_.removed_instruments.empty();
    if (masters) ++state_.masters;
    book_state_.counters.dropped += dropped();
    book_state_.counters.ticks += price_rows_;
    book_state_.counters.facts += facts_;
    if (!batch_.feeds.empty()) book_state_.feeds.swap(feeds_);
    state_.epoch += batch_.calls;
}

}  // namespace mvcore
