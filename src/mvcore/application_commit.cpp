#include <algorithm>

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {
namespace {

constexpr int kAccumulatorBits = 254;
constexpr int kNarrowBits = 62;  // a price below 2^62: two of them differ by less than 2^63

Lane lane_of(const Int<8>& bound) {
    const int bits = bound.bits();
    return bits < 62 ? Lane::bits64 : bits < 126 ? Lane::bits128 : Lane::bits256;
}

Int<8> share(const Instrument& instrument, const i256& ceiling) {
    return Int<8>(instrument.abs_quantity) * Int<8>(ceiling);
}

// The bound counts a price as the next power of two, so that a tick seldom changes the bound.
i256 ceiling_of(const i256& price) {
    i256 power(1);
    for (int k = price.magnitude().bits(); k > 0; --k) power += power;
    return power - i256(1);
}

}  // namespace

void Application::find_unit(Staged& s) {
    Board& board = book_.state_.board;
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
    const auto exact = Int<8>(s.mantissa) * Int<8>(c.factor);
    if (exact.magnitude().bits() > kAccumulatorBits)
        throw Error(ErrorKind::value_overflow,
                    "prices.price: price times multiplier times quote_factor of '" +
                        std::string(batch_.instruments.text(s.code)) + "' does not fit 254 bits");
    i256 price;
    std::copy_n(exact.w.begin(), 4, price.w.begin());
    const int scale = c.quantity_scale + q.price_scale + c.factor_scale;
    q.unit = board.unit_of(c.terms.currency, scale);
    q.wide = price.magnitude().bits() > kNarrowBits || c.factor.zero() || !c.factor.fits64();
    q.factor = q.wide ? 1 : c.factor.low64();
    q.price = q.wide ? 0 : price.low64();
    c.wide_price = q.wide ? price : i256();
    c.wide_mantissa = q.wide ? s.mantissa : 0;
    // A ceiling that still covers the price stays, else prices that swing would come here for ever;
    // a refresh takes the slack out.
    const Quote& before = board.quote(s.code);
    const i256& held = board.instrument(s.code).ceiling;
    const bool keep = before.priced && (q.wide || held.bits() <= kNarrowBits) &&
                      before.unit == q.unit && price.magnitude() <= held &&
                      batch_.prices_given != Given::load && !refreshed_;
    c.ceiling = tight_ ? price.magnitude() : keep ? held : ceiling_of(price);
    q.ceiling = q.wide ? -1 : c.ceiling.low64();
}

// The unit whose sum of absolute values does not fit, or none.
std::optional<UnitId> Application::find_bounds() {
    Board& board = book_.state_.board;
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
        if (before.priced) change(before.unit, -share(held, held.ceiling));
        if (s.quote.priced) change(s.quote.unit, share(s.instrument, s.instrument.ceiling));
    }
    for (const auto& [unit, bound] : bounds_)
        if (bound.bits() > kAccumulatorBits) return unit;
    return std::nullopt;
}

// The bounds count prices with some slack; what does not fit with it may fit without.
void Application::prove_bounds() {
    if (!find_bounds()) return;
    tight_ = true;
    stage_all();
    for (auto& s : staged_) find_unit(s);
    if (const auto unit = find_bounds())
        throw Error(
            ErrorKind::value_overflow,
            "the sum of absolute values in '" +
                std::string(batch_.currencies.text(book_.state_.board.unit(*unit).currency)) +
                "' does not fit 254 bits");
}

// A finer quantity scale: every cell of the instrument is multiplied.
void Application::rescale(const Staged& s) {
    const State& state = book_.state_;
    const int by = s.instrument.quantity_scale - state.board.instrument(s.code).quantity_scale;
    if (by <= 0 || refreshed_) return;
    state.grid.for_each(std::size_t(s.code), [&](std::uint32_t row, i128 quantity) {
        const i128 scaled = quantity * kPow10[std::size_t(by)];
        rescaled_.push_back({static_cast<std::int32_t>(row), s.code, scaled, quantity});
    });
}

void Application::reserve_cells() {
    State& state = book_.state_;
    if (state.index.built()) state.index.extend(state.board, state.grid.rows());
    for (const auto* list : {&rescaled_, &writes_})
        for (const Write& w : *list) {
            state.grid.reserve(std::size_t(w.instrument), std::uint32_t(w.account), w.quantity);
            if (state.index.built())
                state.index.grid().reserve(std::size_t(w.account),
                                           state.board.quote(w.instrument).slot, w.quantity);
        }
    if (state.index.built()) state.index.reserve_loose(staged_.size());
}

void Application::reserve() {
    State& state = book_.state_;
    const auto currencies = static_cast<std::size_t>(batch_.currencies.size());
    const auto rows = static_cast<std::uint32_t>(batch_.accounts.size());
    state.board.extend(std::size_t(batch_.instruments.size()), currencies);
    state.grid.extend(std::size_t(batch_.instruments.size()), rows);
    if (state.positions.size() < rows) state.positions.resize(rows, 0);
    for (auto& s : staged_) {
        find_unit(s);
        rescale(s);
    }
    prove_bounds();
    // From here on only memory can be short. Names come first: rows never lack one.
    auto adopt = [](Names& names, const Names& added) {
        for (std::int32_t k = 0; k < added.size(); ++k) names.intern(added.text(k));
    };
    adopt(book_.accounts_, batch_.accounts.added());
    adopt(book_.instruments_, batch_.instruments.added());
    adopt(book_.currencies_, batch_.currencies.added());
    book_.currency_users_.resize(currencies, 0);
    book_.account_alive_.resize(std::size_t(book_.accounts_.size()), 0);
    reserve_cells();
}

void Application::commit_quote(const Staged& s) noexcept {
    State& state = book_.state_;
    Board& board = state.board;
    Quote& q = board.quote(s.code);
    const Quote before = q;
    const i256 old_price = before.priced ? board.price_of(s.code) : i256();
    const auto waits = [](const Quote& quote, const Instrument& c) {
        return quote.alive && !quote.priced && !c.abs_quantity.zero() ? 1 : 0;
    };
    board.count_unpriced(waits(s.quote, s.instrument) - waits(before, board.instrument(s.code)));
    if (before.alive) --book_.currency_users_[std::size_t(board.instrument(s.code).terms.currency)];
    if (s.quote.alive) ++book_.currency_users_[std::size_t(s.instrument.terms.currency)];
    board.instrument(s.code) = s.instrument;
    q = s.quote;
    q.slot = before.slot;
    q.loose = before.loose;
    const i256 price = q.priced ? board.price_of(s.code) : i256();
    if (before.unit == q.unit && old_price == price && before.wide == q.wide &&
        before.priced == q.priced)
        return;
    board.changes().push(
        {before.price, before.last_change, s.code, before.unit, before.wide || q.wide});
    q.last_change = board.changes().end();
    if (state.index.built()) state.index.set_price(q, s.code, before.unit == q.unit);
}

void Application::commit_cells() noexcept {
    State& state = book_.state_;
    if (refreshed_) {
        state.index.drop(state.board);
        state.grid = std::move(grid_);
        state.positions = std::move(positions_);
        state.facts.reset();
        return;
    }
    bool follow = rescaled_.empty();
    for (const auto* list : {&rescaled_, &writes_})
        for (const Write& w : *list) {
            const auto account = static_cast<std::size_t>(w.account);
            const int positions =
                state.grid.set(std::size_t(w.instrument), std::uint32_t(w.account), w.quantity);
            if (state.index.built())
                state.index.grid().set(account, state.board.quote(w.instrument).slot, w.quantity);
            state.positions[account] += static_cast<std::uint32_t>(positions);
            i128 change = 0;
            follow = follow && !__builtin_sub_overflow(w.quantity, w.before, &change) &&
                     change == static_cast<std::int64_t>(change);
            if (follow)
                state.facts.push(
                    {static_cast<std::int64_t>(change), w.account, w.instrument, positions});
        }
    if (!follow) state.facts.reset();
    book_.counters_.facts += writes_.size();
}

void Application::commit() noexcept {
    State& state = book_.state_;
    for (const auto& s : staged_) commit_quote(s);
    commit_cells();
    for (const auto& [unit, bound] : bounds_) {
        auto& u = state.board.unit(unit);
        u.bound = bound;
        // A refresh makes every view rebuild, so lanes may narrow again.
        u.lane = refreshed_ ? lane_of(bound) : std::max(u.lane, lane_of(bound));
    }
    if (!rates_.empty() || batch_.fx_given == Given::load) state.board.set_rates(std::move(rates_));
    if (!account_alive_.empty()) book_.account_alive_ = std::move(account_alive_);
    state.index.drop_if_loose(state.board);
    const bool masters = batch_.accounts_given != Given::absent ||
                         batch_.instruments_given != Given::absent ||
                         !batch_.removed_accounts.empty() || !batch_.removed_instruments.empty();
    if (masters) ++state.masters;
    book_.counters_.late_prices += late_;
    book_.counters_.ticks += price_rows_;
    ++state.epoch;
}

}  // namespace mvcore
