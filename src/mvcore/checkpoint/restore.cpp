#include "mvcore/checkpoint/restore.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

// Interns names with codes 0, 1, 2, ...
void intern_all(Names& into, const StoredTexts& names, std::size_t count, const char* what) {
    for (std::size_t k = 0; k < count; ++k) {
        const auto name = text_of(names, k);
        if (name.empty() || !valid_utf8(name))
            corrupt(std::string(what) + " " + std::to_string(k) + " has no name");
        if (into.intern(name) != static_cast<std::int32_t>(k))
            corrupt("duplicate " + std::string(what) + " '" + std::string(name) + "'");
    }
}

// A decimal from a mantissa with 18 decimals.
Decimal decimal_at_18(i128 mantissa, const std::string& what) {
    const auto result = make_decimal(mantissa, kMaxScale);
    if (!result) corrupt(what + " " + describe(result.fault));
    return result.value;
}

bool flag(std::uint8_t v) {
    if (v > 1) corrupt("a mark is neither true nor false");
    return v != 0;
}

}  // namespace

std::string_view text_of(const StoredTexts& texts, std::size_t k) {
    std::int32_t at[2];
    std::memcpy(at, texts.offsets + k * sizeof(std::int32_t), sizeof at);
    if (at[0] < 0 || at[1] < at[0] || std::size_t(at[1]) > texts.size)
        corrupt("text " + std::to_string(k) + " lies outside of its column");
    return {texts.bytes + at[0], std::size_t(at[1] - at[0])};
}

Restore::Restore(std::string_view base, IdKind kind, const StoredCounts& counts,
                 const CashRule& cash)
    : base_(base), counts_(counts), ids_(OrderIndex::tables()) {
    if (counts.orders >= static_cast<std::uint32_t>(kNoSlot))
        corrupt("more orders than a book may have");
    State& state = book_state_.state;
    state.epoch = counts.epoch;
    state.masters = counts.masters;
    state.cash = cash;
    book_state_.counters.ticks = counts.ticks;
    book_state_.counters.facts = counts.facts;
    book_state_.counters.dropped = counts.dropped;
    if (kind != IdKind::none) state.orders.set_kind(kind);
}

void Restore::currencies(const StoredTexts& names, std::size_t count, const StoredRates& rates) {
    State& state = book_state_.state;
    intern_all(book_state_.names.currencies, names, count, "currency");
    if (count == 0 || book_state_.names.currencies.text(0) != base_)
        corrupt("the first currency is not the base currency '" + base_ + "'");
    std::vector<Rate> out(count);
    for (std::size_t k = 0; k < count; ++k) {
        const auto name = std::string(book_state_.names.currencies.text(std::int32_t(k)));
        const auto d = decimal_at_18(rates.rate[k], "the rate of '" + name + "'");
        if (d.mantissa < 0) corrupt("the rate of '" + name + "' is below zero");
        if (k == 0 && d.mantissa != 0) corrupt("the base currency has a rate");
        if (flag(rates.divide[k]) && d.mantissa == 0) corrupt("'" + name + "' has no rate");
        if (d.mantissa == 0 && rates.time[k] != kNoTime)
            corrupt("'" + name + "' has a time and no rate");
        out[k] = {d.mantissa, static_cast<std::uint8_t>(d.scale), flag(rates.divide[k]),
                  rates.time[k]};
    }
    state.board.extend(0, count);
    state.board.set_rates(std::move(out));
    state.currency_users.resize(count, 0);
    MVCORE_ASSERT(state.board.rates().size() == state.currency_users.size());
}

void Restore::accounts(const StoredTexts& names, std::vector<std::uint8_t> alive) {
    State& state = book_state_.state;
    if (alive.size() > std::size_t(kMostAccounts)) corrupt("more than 134,217,728 accounts");
    intern_all(book_state_.names.accounts, names, alive.size(), "account");
    for (const auto a : alive) static_cast<void>(flag(a));
    state.positions.grow(alive.size());
    state.account_orders.grow(alive.size());
    state.accounts_alive = std::move(alive);
}

void Restore::instruments(const StoredTexts& names, const InstrumentsTable& table) {
    State& state = book_state_.state;
    const std::size_t count = table.alive.size();
    MVCORE_ASSERT(state.positions.size() == state.accounts_alive.size());
    intern_all(book_state_.names.instruments, names, count, "instrument");
    state.board.extend(count, 0);
    state.grid.extend(count, static_cast<std::uint32_t>(state.accounts_alive.size()));
    state.orders.extend(count);
    state.orders.reserve_pages(std::size_t(counts_.orders) / OrderPage::kRecords + count);
    state.dirty_instruments.none(count);
    added_.assign(count, 0);
    if (state.cash.from_fills) state.cash_targets.resize(state.currency_users.size());
    for (std::size_t k = 0; k < count; ++k) {
        instrument(InstrumentCode(k), table, k);
        if (state.instrument_alive(InstrumentCode(k))) add_cash(InstrumentCode(k));
    }
}

// Checks the rules of a live cash instrument, and registers it as the target of its currency.
void Restore::add_cash(InstrumentCode i) {
    State& state = book_state_.state;
    const Terms& terms = state.board.instrument(i).terms;
    if (!terms.cash) return;
    const auto name = "'" + std::string(book_state_.names.instruments.text(raw(i))) + "'";
    if (terms.has_factor())
        corrupt("the cash instrument " + name + " has a multiplier or quote_factor other than 1");
    if (!state.board.quote(i).priced) corrupt("the cash instrument " + name + " has no price");
    if (!state.cash.from_fills) return;
    MVCORE_ASSERT(std::size_t(terms.currency) < state.cash_targets.size());
    const auto currency = book_state_.names.currencies.text(terms.currency);
    CashTarget& target = state.cash_targets[std::size_t(terms.currency)];
    if (is_code(target.instrument))
        corrupt("'" + std::string(currency) + "' has two cash instruments, the second is " + name);
    const auto scale = state.cash.scale_of(currency);
    if (!scale)
        corrupt("'" + std::string(currency) + "' of the cash instrument " + name +
                " is not a currency of ISO 4217");
    target = {i, *scale};
}

void Restore::instrument(InstrumentCode i, const InstrumentsTable& table, std::size_t k) {
    State& state = book_state_.state;
    const auto name = "'" + std::string(book_state_.names.instruments.text(raw(i))) + "'";
    Quote& q = state.board.own_quote(i);
    Instrument& c = state.board.own_instrument(i);
    q.alive = flag(table.alive[k]);
    c.terms.currency = table.currency[k];
    if (c.terms.currency < -1 || c.terms.currency >= book_state_.names.currencies.size() ||
        (q.alive && c.terms.currency < 0))
        corrupt("currency code " + std::to_string(c.terms.currency) + " of " + name +
                " is out of range, or missing although the instrument is not removed");
    c.terms.multiplier = decimal_at_18(table.multiplier[k], "the multiplier of " + name);
    c.terms.quote_factor = decimal_at_18(table.quote_factor[k], "the quote_factor of " + name);
    c.terms.cash = flag(table.cash[k]);
    set_factor(c);
    c.quantity_scale = table.quantity_scale[k];
    q.price_scale = table.price_scale[k];
    const auto check_scale = [&](const char* what, int scale, int least) {
        if (scale < least || scale > kMaxScale || scale % 2 != 0)
            corrupt("the " + std::string(what) + " " + std::to_string(scale) + " of " + name +
                    " is not an even number from " + std::to_string(least) + " to " +
                    std::to_string(kMaxScale));
    };
    check_scale("quantity scale", c.quantity_scale, 0);
    check_scale("price scale", q.price_scale, Quote().price_scale);
    q.time = table.price_time[k];
    q.epoch = Epoch{table.price_epoch[k]};
    q.priced = flag(table.priced[k]);
    if (q.epoch > counts_.epoch) corrupt("the price of " + name + " is of an epoch to come");
    if (q.alive) ++state.currency_users[std::size_t(c.terms.currency)];
    const i128 power = kPow10[std::size_t(kMaxScale - q.price_scale)];
    const i128 price = table.price[k];
    if (!q.priced) {
        if (price != 0)
            corrupt(name + " has the price " + format_decimal(price, kMaxScale) +
                    " and is marked as unpriced");
        return;
    }
    if (!q.alive || price % power != 0 || !make_decimal(price, kMaxScale) ||
        !set_price(q, c, price / power))
        corrupt("the price " + format_decimal(price, kMaxScale) + " of " + name +
                " is out of range or finer than its scale, or the instrument is removed");
    set_ceiling(q, c, ceiling_of(q.wide ? c.wide_price : i256(q.price)));
}

UnitId Restore::unit_of(InstrumentCode i) {
    Board& board = book_state_.state.board;
    const Quote& q = board.quote(i);
    const auto currency = board.instrument(i).terms.currency;
    return board.unit_of(currency, q.priced ? board.value_scale(i) : Unit::kUnpriced);
}

// Adds the cash from the fills of orders to their accounts. No chunk stores it.
void Restore::add_legs() {
    State& state = book_state_.state;
    if (!state.cash.from_fills) return;
    const auto name = [&](InstrumentCode i) {
        return "'" + std::string(book_state_.names.instruments.text(raw(i))) + "'";
    };
    std::map<CellKey, i256> sums;  // of cash
    for (std::size_t k = 0; k < state.board.size(); ++k) {
        const auto i = InstrumentCode(k);
        const Instrument& instrument = state.board.instrument(i);
        state.orders.for_each(i, [&](Slot, const OrderPage& page, std::uint32_t at) {
            if (page.prices == nullptr) return;
            const Order order = OrderStore::order(page, at);
            const CashTarget& target = state.cash_targets[std::size_t(instrument.terms.currency)];
            const CashLeg leg = cash_leg(order, instrument.quantity_scale, instrument, target);
            if (leg.fault == CashFault::no_target)
                corrupt("the fills of an order of " + name(i) + " have no cash to move");
            if (leg.fault == CashFault::too_large)
                corrupt("the fills of an order of " + name(i) + " cost too much");
            if (leg.amount.zero()) return;
            Instrument& cash = state.board.own_instrument(target.instrument);
            if (cash.quantity_scale < target.scale)
                corrupt("the cash instrument " + name(target.instrument) +
                        " has fewer decimals than the costs of fills");
            const i256 amount = leg.amount * pow10<4>(cash.quantity_scale - target.scale);
            sums[{target.instrument, order.account}] += amount;
            cash.abs_quantity += amount.magnitude();
        });
    }
    for (const auto& [key, sum] : sums) {
        const auto [instrument, account] = key;
        const auto line = code_index(instrument);
        const auto row = static_cast<std::uint32_t>(account);
        Net net = state.grid.get(line, row);
        const int scale = state.board.instrument(instrument).quantity_scale;
        for (const int m : {current, expected}) {
            const i256 quantity = i256(net[std::size_t(m)]) + sum;
            if (!within_integer_digits(quantity, scale))
                corrupt("a net quantity of " + name(instrument) + " has more than 20 digits");
            net[std::size_t(m)] = quantity.low128();
        }
        state.grid.reserve(line, row, net);
        state.positions.own(code_index(account)) +=
            static_cast<std::uint32_t>(state.grid.set(line, row, net));
        MVCORE_ASSERT(state.grid.reserved(line, row) == 0 && state.grid.get(line, row) == net);
    }
}

void Restore::finish() {
    State& state = book_state_.state;
    Board& board = state.board;
    if (indexed_ != state.orders.size()) corrupt("not all ids are in the index");
    if (state.orders.size() != counts_.orders)
        corrupt("there are " + std::to_string(state.orders.size()) + " orders, " +
                std::to_string(counts_.orders) + " were stored");
    MVCORE_ASSERT(listed_ == 0);
    add_legs();
    // If the bounds do not fit with rounded-up ceilings, they may fit with exact ones, as in a
    // write.
    for (const bool tight : {false, true}) {
        std::vector<Int<8>> bounds(board.units());
        for (const auto i : instruments_below(board.size())) {
            Quote& q = board.own_quote(i);
            Instrument& c = board.own_instrument(i);
            if (c.terms.currency < 0) continue;
            q.unit = unit_of(i);
            bounds.resize(board.units());
            if (!q.priced) continue;
            if (tight) set_ceiling(q, c, board.price_of(i).magnitude());
            bounds[q.unit] += c.share();
        }
        const bool fits = std::all_of(bounds.begin(), bounds.end(), [](const auto& bound) {
            return bound.bits() <= kAccumulatorBits;
        });
        if (!fits && tight) corrupt("a sum of absolute values does not fit 254 bits");
        if (!fits) continue;
        for (std::size_t u = 0; u < bounds.size(); ++u) {
            board.unit(UnitId(u)).bound = bounds[u];
            board.unit(UnitId(u)).lane = lane_of(bounds[u]);
        }
        break;
    }
    for (const auto i : instruments_below(board.size())) {
        const Quote& q = board.quote(i);
        if (q.alive && !q.priced && !board.instrument(i).abs_quantity.zero())
            board.count_unpriced(1);
    }
    for (const auto i : instruments_below(board.size())) {
        const Quote& q = board.quote(i);
        MVCORE_ASSERT(!q.priced || board.price_of(i).magnitude() <= board.instrument(i).ceiling);
        MVCORE_ASSERT(q.alive || (state.orders.count(i) == 0 && !q.priced));
        MVCORE_ASSERT(state.orders.count(i) == 0 ||
                      state.orders.scale(i) == board.instrument(i).quantity_scale);
    }
    finished_ = true;
}

}  // namespace mvcore
