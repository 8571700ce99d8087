#include "mvcore/apply/fast_orders.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore {

bool FastOrders::possible() const noexcept {
    return batch_.orders_given == Given::update && batch_.keeps_masters() &&
           batch_.prices_given == Given::absent && batch_.holdings_given == Given::absent &&
           batch_.order_rows.rolled.empty() && !moves_cash() &&
           book_state_.state.orders.kind() == batch_.order_rows.kind &&
           batch_.order_rows.kind != IdKind::none;
}

bool FastOrders::moves_cash() const noexcept {
    const auto& prices = batch_.order_rows.average_price;
    return book_state_.state.cash.from_fills &&
           std::any_of(prices.begin(), prices.end(), [](const FillPrice& p) { return p.known(); });
}

// Ids, pages and records are at random addresses, so each lookup step is prefetched.
bool FastOrders::stage() {
    if (!possible()) return false;
    const OrderRows& rows = batch_.order_rows;
    const OrderStore& store = book_state_.state.orders;
    const OrderIndex& index = book_state_.order_index;
    const std::size_t count = rows.id.size();
    reports_.reserve(count);
    cells_.reserve(count);
    cell_at_.reserve(count);
    std::array<std::uint64_t, tuning::kPrefetchGroup> hashes{};
    std::array<Slot, tuning::kPrefetchGroup> slots{};
    bool fast = true;  // if false, the remaining rows are not looked up
    const auto if_known = [&](std::size_t row, auto&& f) {
        const Slot slot = slots[row % tuning::kPrefetchGroup];
        if (fast && slot != kNoSlot) f(slot);
    };
    overlap_misses(
        count,
        [&](std::size_t row) {
            if (!fast) return;
            hashes[row % tuning::kPrefetchGroup] = hash_of(rows.id[row], rows.kind);
            index.prefetch(hashes[row % tuning::kPrefetchGroup]);
        },
        [&](std::size_t row) {
            if (!fast) return;
            slots[row % tuning::kPrefetchGroup] = index.guess(hashes[row % tuning::kPrefetchGroup]);
            if_known(row, [&](Slot s) { store.prefetch_page(s); });
        },
        [&](std::size_t row) { if_known(row, [&](Slot s) { store.prefetch(s); }); },
        [&](std::size_t row) {
            if (!fast) return;
            const Slot slot = index.find(hashes[row % tuning::kPrefetchGroup],
                                         [&](Slot s) { return store.has(s, rows.id[row]); });
            fast = slot != kNoSlot && stage_report(row, slot);
        });
    MVCORE_ASSERT(!fast || reports_.size() + dropped_.late.size() == count);
    return fast && prove_bounds();
}

bool FastOrders::stage_report(std::size_t row, Slot slot) {
    const Order before = book_state_.state.orders.order(slot);
    Order now = before;
    if (!merge(row, before, now)) return false;
    if (older(now.time, before.time)) {
        dropped_.late.push_back(row);
        return true;
    }
    const bool changed = !before.unchanged(now);
    if (!changed) dropped_.unchanged.push_back(row);
    reports_.push_back({static_cast<std::int64_t>(now.quantity),
                        static_cast<std::int64_t>(now.filled), now.time, row, slot,
                        OrderStore::extras_of(now, 0), now.status, changed});
    return add(before, now);
}

bool FastOrders::merge(std::size_t row, const Order& before, Order& now) const {
    const OrderRows& rows = batch_.order_rows;
    const State& state = book_state_.state;
    const int scale = state.board.instrument(before.instrument).quantity_scale;
    if ((!rows.account.empty() && AccountCode(rows.account[row]) != before.account) ||
        (!rows.instrument.empty() && InstrumentCode(rows.instrument[row]) != before.instrument) ||
        state.orders.scale(before.instrument) != scale || !small(before.quantity) ||
        !small(before.filled))
        return false;
    if (!rows.average_price.empty()) now.average_price = rows.average_price[row];
    if (state.cash.from_fills && before.average_price.known()) return false;
    if (!rows.quantity.empty() && !scaled(rows.quantity[row], scale, now.quantity)) return false;
    if (!rows.filled.empty() && !scaled(rows.filled[row], scale, now.filled)) return false;
    if (!rows.status.empty()) now.status = rows.status[row];
    if (!rows.time.empty()) now.time = rows.time[row];
    return signs_agree(now.quantity, now.filled);
}

// Adds to the change of the order's cell, which several orders may share.
bool FastOrders::add(const Order& before, const Order& now) {
    const CellKey key{now.instrument, now.account};
    const auto [at, fresh] = cell_at_.add(key);
    MVCORE_ASSERT(fresh ? at == cells_.size()
                        : cells_[at].account() == now.account &&
                              cells_[at].instrument() == now.instrument);
    if (fresh) cells_.emplace_back(key);
    return cells_[at].add(before, now);
}

template <class F>
void FastOrders::each_cell(F&& f) {
    const State& state = book_state_.state;
    overlap_misses(
        cells_.size(), [&](std::size_t k) { cells_[k].prefetch_blocks(state); },
        [&](std::size_t k) { cells_[k].prefetch_quantities(state); },
        [&](std::size_t k) { cells_[k].prefetch_index(state); },
        [&](std::size_t k) { f(cells_[k]); });
}

bool FastOrders::prove_bounds() {
    const Board& board = book_state_.state.board;
    for (const FastCell& c : cells_) {
        const Quote& quote = board.quote(c.instrument());
        if (!quote.priced || quote.wide || quote.ceiling >= kSmall) return false;
        auto raise = std::find_if(raises_.begin(), raises_.end(),
                                  [&](const Raise& r) { return r.unit == quote.unit; });
        if (raise == raises_.end()) raise = raises_.insert(raise, {quote.unit, 0, {}});
        if (__builtin_add_overflow(raise->by, static_cast<i128>(c.more()) * quote.ceiling,
                                   &raise->by))
            return false;
    }
    for (Raise& r : raises_) {
        const Unit& unit = board.unit(r.unit);
        r.bound = unit.bound + Int<8>(r.by);
        MVCORE_ASSERT(!r.bound.negative());
        // In the widest lane the bound may exceed its limit. WriteTransaction then reports the
        // error.
        if (unit.lane == Lane::bits256 || lane_of(r.bound) > unit.lane) return false;
    }
    return true;
}

bool FastOrders::reserve() {
    cancel();
    reserved_ = true;
    bool fits = false;
    try {
        fits = reserve_all();
    } catch (...) {
        cancel();
        throw;
    }
    if (!fits) cancel();
    return fits;
}

void FastOrders::cancel() {
    if (!reserved_) return;
    each_cell([&](const FastCell& c) { c.cancel(book_state_.state); });
    reserved_ = false;
}

bool FastOrders::reserve_all() {
    OrderStore& store = book_state_.state.orders;
    if (!batch_.feeds.empty()) {
        feeds_ = book_state_.feeds;
        for (const auto& [name, position] : batch_.feeds) feeds_[name] = position;
    }
    bool fits = true;
    each_cell([&](FastCell& c) { fits = fits && c.reserve(book_state_.state); });
    if (!fits) return false;
    overlap_misses(
        reports_.size(), [&](std::size_t k) { store.prefetch_page(reports_[k].slot); },
        [&](std::size_t k) { store.prepare(reports_[k].slot, reports_[k].extras); });
    return true;
}

void FastOrders::commit() noexcept {
    State& state = book_state_.state;
    MVCORE_ASSERT(reserved_);
    each_cell([&](const FastCell& c) { c.commit(book_state_); });
    for (const FastCell& c : cells_)
        MVCORE_ASSERT(state.grid.reserved(code_index(c.instrument()), std::uint32_t(c.account())) ==
                      0);
    overlap_misses(
        reports_.size(), [&](std::size_t k) { state.orders.prefetch_page(reports_[k].slot); },
        [&](std::size_t k) { state.orders.prefetch(reports_[k].slot); },
        [&](std::size_t k) {
            const Report& r = reports_[k];
            Order order = state.orders.order(r.slot);
            order.quantity = r.quantity, order.filled = r.filled;
            order.status = r.status, order.time = r.time;
            if (!batch_.order_rows.average_price.empty())
                order.average_price = batch_.order_rows.average_price[r.row];
            order.retained = order.retained && !r.changed;
            state.orders.put(r.slot, order);
            state.dirty_instruments.orders(order.instrument);
        });
    for (const Raise& r : raises_) {
        MVCORE_ASSERT(lane_of(r.bound) <= state.board.unit(r.unit).lane);
        state.board.unit(r.unit).bound = r.bound;
    }
    book_state_.counters.facts += reports_.size();
    book_state_.counters.dropped += dropped_.all();
    if (!batch_.feeds.empty()) book_state_.feeds.swap(feeds_);
    state.epoch += batch_.calls;
}

}  // namespace mvcore
