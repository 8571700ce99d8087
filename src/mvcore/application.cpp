#include "application.hpp"

#include "errors.hpp"

namespace mvcore {
namespace {

[[noreturn]] void refuse_removal(const char* table, const char* column, std::string_view name) {
    throw InputError(ErrorKind::invalid_input, table, column, std::nullopt,
                     quoted(name) + " cannot be removed: holdings or orders refer to it",
                     std::string(name));
}

}  // namespace

void Application::stage() {
    dropped_.skipped_prices = batch_.skipped_prices;
    const bool all = batch_.instruments_given == Given::load ||
                     batch_.prices_given == Given::load || batch_.holdings_given == Given::load ||
                     batch_.orders_given == Given::load;
    if (all) stage_all();
    stage_accounts();
    stage_instruments();
    stage_cash_targets();
    stage_rates();
    stage_prices();
    stage_cash_prices();
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

Application::Staged& Application::staged(std::int32_t instrument) {
    const auto [at, fresh] = staged_at_.add(static_cast<std::uint32_t>(instrument));
    if (fresh) {
        Staged s;
        s.code = instrument;
        const Board& board = state_.board;
        if (std::size_t(instrument) < board.size()) {
            s.quote = board.quote(instrument);
            s.instrument = board.instrument(instrument);
            if (s.quote.priced) s.mantissa = board.price_mantissa(instrument);
            s.least_scale = s.quote.price_scale;
        }
        staged_.push_back(s);
    }
    return staged_[at];
}

void Application::stage_all() {
    staged_.reserve(static_cast<std::size_t>(batch_.instruments.size()));
    for (std::size_t i = 0; i < state_.board.size(); ++i)
        if (state_.board.quote(std::int32_t(i)).alive) staged(std::int32_t(i));
}

void Application::stage_accounts() {
    if (batch_.accounts_given == Given::absent && batch_.removed_accounts.empty()) return;
    if (batch_.accounts_given != Given::load) accounts_alive_ = state_.accounts_alive;
    accounts_alive_.resize(static_cast<std::size_t>(batch_.accounts.size()), 0);
    for (auto a : batch_.account_rows) accounts_alive_[std::size_t(a)] = 1;
    for (auto a : batch_.removed_accounts) accounts_alive_[std::size_t(a)] = 0;
    if (batch_.accounts.size() > kMostAccounts)
        throw InputError(ErrorKind::value_overflow, "accounts", "account", std::nullopt,
                         "a book has at most 134,217,728 account names");
}

void Application::stage_instruments() {
    if (batch_.instruments_given == Given::load)
        for (auto& s : staged_) s.quote.alive = false;
    for (auto i : batch_.removed_instruments) staged(i).quote.alive = false;
    for (std::size_t row = 0; row < batch_.instrument_rows.size(); ++row) {
        const auto& given = batch_.instrument_rows[row];
        const bool known = state_.instrument_alive(given.instrument);
        Staged& s = staged(given.instrument);
        if (!known) {
            const auto slot = s.quote.slot;
            const auto change = s.quote.last_change;
            s.instrument = Instrument();
            s.quote = Quote();
            s.quote.slot = slot;
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
                                 quoted(batch_.instruments.text(given.instrument)) +
                                 " needs a currency");
        if (given.multiplier) terms.multiplier = *given.multiplier;
        if (given.quote_factor) terms.quote_factor = *given.quote_factor;
        if (given.cash) terms.cash = *given.cash;
        if (terms.cash && terms.has_factor())
            throw InputError(ErrorKind::invalid_input, "instruments", "cash", row,
                             quoted(batch_.instruments.text(given.instrument)) +
                                 " is cash; expected a multiplier and a quote_factor of 1");
        set_factor(s.instrument);
    }
}

CashTarget Application::cash_target_before(std::int32_t currency) const {
    const auto at = static_cast<std::size_t>(currency);
    return at < state_.cash_targets.size() ? state_.cash_targets[at] : CashTarget();
}

CashTarget Application::cash_target(std::int32_t currency) const {
    const auto at = static_cast<std::size_t>(currency);
    if (cash_targets_.empty()) return cash_target_before(currency);
    return at < cash_targets_.size() ? cash_targets_[at] : CashTarget();
}

// One cash instrument per currency. Only the rows of the batch can break this.
void Application::stage_cash_targets() {
    if (!state_.cash.from_fills ||
        (batch_.instruments_given == Given::absent && batch_.removed_instruments.empty()))
        return;
    cash_targets_ = state_.cash_targets;
    cash_targets_.resize(static_cast<std::size_t>(batch_.currencies.size()));
    const auto is_cash_of = [&](std::int32_t instrument, std::size_t currency) {
        const Staged& s = staged(instrument);
        return s.quote.alive && s.instrument.terms.cash &&
               std::size_t(s.instrument.terms.currency) == currency;
    };
    for (std::size_t c = 0; c < cash_targets_.size(); ++c)
        if (cash_targets_[c].instrument >= 0 && !is_cash_of(cash_targets_[c].instrument, c))
            cash_targets_[c] = CashTarget();
    for (std::size_t row = 0; row < batch_.instrument_rows.size(); ++row) {
        const Staged& s = staged(batch_.instrument_rows[row].instrument);
        const auto currency = s.instrument.terms.currency;
        if (!is_cash_of(s.code, std::size_t(currency))) continue;
        const auto name = [&](std::int32_t code) { return quoted(batch_.instruments.text(code)); };
        const auto text = batch_.currencies.text(currency);
        const std::string in = quoted(text);
        CashTarget& target = cash_targets_[std::size_t(currency)];
        if (target.instrument >= 0 && target.instrument != s.code)
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

void Application::stage_rates() {
    if (batch_.fx_given == Given::absent && batch_.removed_rates.empty()) return;
    if (batch_.fx_given != Given::load) rates_ = state_.board.rates();
    rates_.resize(
        std::max(state_.board.rates().size(), static_cast<std::size_t>(batch_.currencies.size())));
    for (const auto& row : batch_.rate_rows) {
        if (row.currency == state_.base) continue;
        Rate& held = rates_[std::size_t(row.currency)];
        if (held.known() && older(row.rate.time, held.time)) ++dropped_.late_fx;
        else held = row.rate;
    }
    for (const auto currency : batch_.removed_rates) rates_[std::size_t(currency)] = Rate();
}

void Application::withdraw_price(Staged& s) noexcept {
    s.quote.priced = false;
    s.quote.time = kNoTime;
    s.least_scale = Quote().price_scale;
    s.quote.price_scale = static_cast<std::uint8_t>(s.least_scale);
    s.mantissa = 0;
}

void Application::stage_prices() {
    if (batch_.prices_given == Given::load)
        for (auto& s : staged_) withdraw_price(s);
    for (const auto instrument : batch_.removed_prices) withdraw_price(staged(instrument));
    for (const auto& row : batch_.price_rows) {
        Staged& s = staged(row.instrument);
        if (!batch_.restored && s.quote.priced && older(row.time, s.quote.time)) {
            ++dropped_.late_prices;
            continue;
        }
        ++price_rows_;
        // Of two prices in a batch the later wins: the former's decimals leave no trace.
        const int scale = std::max(s.least_scale, even_scale(row.price.scale));
        s.quote.price_scale = static_cast<std::uint8_t>(scale);
        s.mantissa = row.price.mantissa * kPow10[std::size_t(scale - row.price.scale)];
        s.quote.priced = true;
        s.quote.time = row.time;
        s.quote.epoch = row.epoch != 0 ? row.epoch : state_.epoch + 1;
    }
}

// Cash without a price is worth 1. What is no longer cash loses that price: nobody sent it.
void Application::stage_cash_prices() {
    for (Staged& s : staged_) {
        const bool was_cash = std::size_t(s.code) < state_.board.size() &&
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

bool Application::account_held(std::int32_t account) const {
    const auto a = static_cast<std::size_t>(account);
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

bool Application::instrument_held(const Staged& s) const {
    if (!s.instrument.abs_quantity.zero()) return true;
    if (batch_.loaded_orders) return batch_.loaded_orders->store.count(s.code) != 0;
    const auto change = instrument_order_changes_.find(s.code);
    return state_.orders.count(s.code) +
               static_cast<std::uint32_t>(
                   change == instrument_order_changes_.end() ? 0 : change->second) !=
           0;
}

// What goes must be held by nobody once the batch is in.
void Application::check_dropped() const {
    for (const auto& s : staged_)
        if (!s.quote.alive && instrument_held(s))
            refuse_removal("instruments", "instrument", batch_.instruments.text(s.code));
    for (std::size_t a = 0; a < accounts_alive_.size(); ++a)
        if (accounts_alive_[a] == 0 && account_held(std::int32_t(a)))
            refuse_removal("accounts", "account", batch_.accounts.text(std::int32_t(a)));
}

}  // namespace mvcore
