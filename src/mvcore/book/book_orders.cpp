// Single orders: a feed sends thousands per second.
#include "mvcore/apply/fast_cell.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/book/book.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore {

Written Book::order(const OrderFact& fact) {
    try {
        return write([&] { return order_batch(fact); });
    } catch (const InputError& e) {  // restates the error for this call
        if (e.table != "orders") throw;
        throw InputError(e.kind(), "order", e.column, std::nullopt, e.reason, e.value);
    }
}

Batch Book::order_batch(const OrderFact& fact) const {
    const State& state = book_state_.state;
    const auto known = [&](const char* column, std::string_view name, std::int32_t code,
                           bool alive) {
        if (!alive)
            throw InputError(ErrorKind::unknown_id, "order", column, std::nullopt,
                             "unknown " + std::string(column) + " " + quoted(name),
                             std::string(name));
        return code;
    };
    if (state.orders.kind() != IdKind::none && state.orders.kind() != fact.kind)
        throw InputError(ErrorKind::invalid_input, "order", "order", std::nullopt,
                         to_text(fact.id) + " " + not_of_kind(state.orders.kind()),
                         plain_text(fact.id));
    const auto account = book_state_.names.accounts.find(fact.account);
    const auto instrument = book_state_.names.instruments.find(fact.instrument);
    Batch batch(book_state_.names);
    batch.orders_given = Given::update;
    OrderRows& rows = batch.order_rows;
    rows.kind = fact.kind;
    rows.id = {fact.id};
    rows.account = {
        known("account", fact.account, account, state.account_alive(AccountCode(account)))};
    rows.instrument = {known("instrument", fact.instrument, instrument,
                             state.instrument_alive(InstrumentCode(instrument)))};
    rows.quantity = {fact.quantity};
    rows.filled = {fact.filled};
    rows.average_price = {fact.average_price};
    rows.status = {fact.status};
    rows.time = {fact.time};
    return batch;
}

bool Book::try_order(const OrderFact& fact, Written& out) {
    if (durable_ != nullptr || !lock_.try_exclusive()) return false;
    const Exclusive end(lock_, std::adopt_lock);
    const bool fast = writable() && fast_order(fact, out);
    if (fast) after_write();
    return fast;
}

// Fast path: the instrument is known and priced, the order keeps its account and instrument, its
// numbers are small and no finer than the scale, and no cash moves. Everything that may throw comes
// before the first change.
bool Book::fast_order(const OrderFact& fact, Written& out) {
    State& state = book_state_.state;
    OrderStore& store = state.orders;
    Order now;
    now.account = AccountCode(book_state_.names.accounts.find(fact.account));
    now.instrument = InstrumentCode(book_state_.names.instruments.find(fact.instrument));
    if (store.kind() != fact.kind || !state.account_alive(now.account) ||
        !state.instrument_alive(now.instrument))
        return false;
    const Quote& quote = state.board.quote(now.instrument);
    const int scale = state.board.instrument(now.instrument).quantity_scale;
    if (!quote.priced || quote.wide || store.scale(now.instrument) != scale ||
        !scaled(fact.quantity, scale, now.quantity) || !scaled(fact.filled, scale, now.filled) ||
        !signs_agree(now.quantity, now.filled))
        return false;
    // The first order of a book splits the measures, which makes views rebuild.
    if (incremental_views_ != 0 && (!state.grid.split() || !views_are_fast(now.instrument, false)))
        return false;
    now.average_price = fact.average_price;
    now.status = fact.status;
    now.time = fact.time;
    const auto hash = hash_of(fact.id, fact.kind);
    const Slot slot =
        book_state_.order_index.find(hash, [&](Slot s) { return store.has(s, fact.id); });
    Order before;
    before.account = now.account;
    if (slot != kNoSlot) {
        before = store.order(slot);
        if (before.instrument != now.instrument || before.account != now.account ||
            !small(before.quantity) || !small(before.filled))
            return false;
        now.rolled = before.rolled;
        now.rolled_price = before.rolled_price;
    }
    if (state.cash.from_fills && (before.average_price.known() || now.average_price.known()))
        return false;
    if (slot != kNoSlot && older(now.time, before.time)) {
        out.dropped.late_orders = 1;
        ++state.epoch;
    } else {
        const bool unchanged = slot != kNoSlot && before.unchanged(now);
        now.retained = unchanged && before.retained;
        if (!put_order(fact.id, hash, slot, before, now)) return false;
        out.dropped.unchanged_orders = unchanged ? 1 : 0;
    }
    book_state_.counters.dropped += out.dropped;
    out.epoch = state.epoch;
    return true;
}

bool Book::put_order(const OrderId& id, std::uint64_t hash, Slot slot, const Order& before,
                     const Order& now) {
    State& state = book_state_.state;
    OrderStore& store = state.orders;
    MVCORE_ASSERT(code_index(now.account) < state.account_orders.size());
    FastCell cell({now.instrument, now.account});
    if (!cell.add(before, now)) return false;
    const Quote& quote = state.board.quote(now.instrument);
    Unit& unit = state.board.unit(quote.unit);
    MVCORE_ASSERT(quote.ceiling >= 0 && unit.scale == state.board.value_scale(now.instrument));
    const Int<8> bound = unit.bound + Int<8>(static_cast<i128>(cell.more()) * quote.ceiling);
    // In the widest lane the bound may exceed its limit. The slow path then reports the error.
    if (quote.ceiling >= kSmall || unit.lane == Lane::bits256 || lane_of(bound) > unit.lane)
        return false;
    // Reserves capacity. The cell comes last, so that nothing needs to be cancelled.
    const bool text = store.kind() == IdKind::text;
    const auto extras = OrderStore::extras_of(now, text ? 0 : id.number);
    if (slot != kNoSlot) {
        store.prepare(slot, extras);
    } else {
        store.prepare(now.instrument, 1, extras);
        book_state_.order_index.reserve(hash, 1, [&](Slot s) { return store.hash_at(s); });
    }
    auto& account_orders = state.account_orders.own(code_index(now.account));
    const auto stored = slot != kNoSlot ? 0
                        : text          ? store.store(id.text)
                                        : std::uint64_t(id.number);
    if (!cell.reserve(state)) return false;
    // From here on nothing can fail.
    MVCORE_ASSERT(lane_of(bound) <= unit.lane);
    MVCORE_ASSERT(bound >= state.board.instrument(now.instrument).share() +
                               Int<8>(static_cast<i128>(cell.more()) * quote.ceiling));
    unit.bound = bound;
    cell.commit(book_state_);
    MVCORE_ASSERT(!state.board.instrument(now.instrument).abs_quantity.negative());
    MVCORE_ASSERT(state.grid.reserved(code_index(now.instrument), std::uint32_t(now.account)) == 0);
    state.dirty_instruments.orders(now.instrument);
    if (slot != kNoSlot) {
        store.put(slot, now);
    } else {
        book_state_.order_index.insert(hash, store.insert(now, stored));
        ++account_orders;
    }
    MVCORE_ASSERT(account_orders <= store.size());
    ++book_state_.counters.facts;
    ++state.epoch;
    return true;
}

}  // namespace mvcore
