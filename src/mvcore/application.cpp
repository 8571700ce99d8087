#include "application.hpp"

#include "errors.hpp"

namespace mvcore {
namespace {

[[noreturn]] void refuse(std::string message) { throw Error(ErrorKind::invalid_input, message); }

}  // namespace

void Application::stage() {
    const bool all = batch_.instruments_given == Given::load ||
                     batch_.prices_given == Given::load || batch_.holdings_given == Given::load;
    if (all) stage_all();
    stage_accounts();
    stage_instruments();
    stage_rates();
    stage_prices();
    stage_holdings();
    check_dropped();
}

Application::Staged& Application::staged(std::int32_t instrument) {
    const auto [at, fresh] = staged_at_.try_emplace(instrument, staged_.size());
    if (fresh) {
        Staged s;
        s.code = instrument;
        const Board& board = book_.state_.board;
        if (std::size_t(instrument) < board.size()) {
            s.quote = board.quote(instrument);
            s.instrument = board.instrument(instrument);
            if (s.quote.priced) s.mantissa = board.price_mantissa(instrument);
            s.least_scale = s.quote.price_scale;
        }
        staged_.push_back(s);
    }
    return staged_[at->second];
}

void Application::stage_all() {
    staged_.reserve(static_cast<std::size_t>(batch_.instruments.size()));
    for (std::size_t i = 0; i < book_.state_.board.size(); ++i)
        if (book_.state_.board.quote(std::int32_t(i)).alive) staged(std::int32_t(i));
}

void Application::stage_accounts() {
    if (batch_.accounts_given == Given::absent && batch_.removed_accounts.empty()) return;
    if (batch_.accounts_given != Given::load) account_alive_ = book_.account_alive_;
    account_alive_.resize(static_cast<std::size_t>(batch_.accounts.size()), 0);
    for (auto a : batch_.account_rows) account_alive_[std::size_t(a)] = 1;
    for (auto a : batch_.removed_accounts) account_alive_[std::size_t(a)] = 0;
}

void Application::stage_instruments() {
    if (batch_.instruments_given == Given::load)
        for (auto& s : staged_) s.quote.alive = false;
    for (auto i : batch_.removed_instruments) staged(i).quote.alive = false;
    for (std::size_t row = 0; row < batch_.instrument_rows.size(); ++row) {
        const auto& given = batch_.instrument_rows[row];
        const bool known = book_.instrument_alive(given.instrument);
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
            refuse("instruments.currency, row " + std::to_string(row) + ": a new instrument '" +
                   std::string(batch_.instruments.text(given.instrument)) + "' needs a currency");
        if (given.multiplier) terms.multiplier = *given.multiplier;
        if (given.quote_factor) terms.quote_factor = *given.quote_factor;
        set_factor(s.instrument);
    }
}

void Application::stage_rates() {
    if (batch_.fx_given == Given::absent) return;
    if (batch_.fx_given == Given::update) rates_ = book_.state_.board.rates();
    rates_.resize(std::max(book_.state_.board.rates().size(),
                           static_cast<std::size_t>(batch_.currencies.size())));
    for (const auto& row : batch_.rate_rows)
        if (row.currency != book_.base_) rates_[std::size_t(row.currency)] = row.rate;
}

void Application::stage_prices() {
    const bool load = batch_.prices_given == Given::load;
    if (load)
        for (auto& s : staged_) {
            s.quote.priced = false;
            s.quote.time = kNoTime;
            s.least_scale = Quote().price_scale;
            s.quote.price_scale = static_cast<std::uint8_t>(s.least_scale);
            s.mantissa = 0;
        }
    for (const auto& row : batch_.price_rows) {
        Staged& s = staged(row.instrument);
        const bool late = s.quote.priced && row.time != kNoTime && s.quote.time != kNoTime &&
                          row.time < s.quote.time;
        if (late) {
            ++late_;
            continue;
        }
        ++price_rows_;
        // Of two prices in a batch the later wins: the former's decimals leave no trace.
        const int scale = std::max(s.least_scale, even_scale(row.price.scale));
        s.quote.price_scale = static_cast<std::uint8_t>(scale);
        s.mantissa = row.price.mantissa * kPow10[std::size_t(scale - row.price.scale)];
        s.quote.priced = true;
        s.quote.time = row.time;
        s.quote.epoch = book_.state_.epoch + 1;
    }
}

std::uint32_t Application::positions_after(std::int32_t account) const {
    const auto a = static_cast<std::size_t>(account);
    if (refreshed_) return a < positions_.size() ? positions_[a] : 0;
    const auto& positions = book_.state_.positions;
    const auto change = position_changes_.find(account);
    return (a < positions.size() ? positions[a] : 0) +
           static_cast<std::uint32_t>(change == position_changes_.end() ? 0 : change->second);
}

// What goes must be held by nobody once the batch is in.
void Application::check_dropped() const {
    for (const auto& s : staged_)
        if (!s.quote.alive && !s.instrument.abs_quantity.zero())
            refuse("instruments.instrument: '" + std::string(batch_.instruments.text(s.code)) +
                   "' cannot go, holdings refer to it");
    for (std::size_t a = 0; a < account_alive_.size(); ++a)
        if (account_alive_[a] == 0 && positions_after(std::int32_t(a)) != 0)
            refuse("accounts.account: '" + std::string(batch_.accounts.text(std::int32_t(a))) +
                   "' cannot go, holdings refer to it");
}

}  // namespace mvcore
