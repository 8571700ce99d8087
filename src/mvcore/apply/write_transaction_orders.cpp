// Updates and removals of orders.
#include <algorithm>
#include <unordered_set>

#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore {
namespace {

i128 at_scale(const Decimal& d, int scale) {
    MVCORE_ASSERT(d.scale >= 0 && d.scale <= scale);
    return d.mantissa * kPow10[std::size_t(scale - d.scale)];
}

}  // namespace

// Looks up the stored orders and merges each row into its order. Drops late rows.
void WriteTransaction::find_orders() {
    const auto& rows = batch_.order_rows;
    MVCORE_ASSERT(rows.columns_agree());
    const OrderStore& store = state_.orders;
    order_writes_.reserve(rows.id.size() + batch_.removed_orders.size());
    const OrderIndex& index = book_state_.order_index;
    std::vector<std::uint64_t> hashes(rows.id.size());
    std::vector<Slot> slots(rows.id.size());
    auto if_known = [&](std::size_t row, auto&& f) {
        if (slots[row] != kNoSlot) f(slots[row]);
    };
    overlap_misses(
        rows.id.size(),
        [&](std::size_t row) {
            hashes[row] = hash_of(rows.id[row], rows.kind);
            index.prefetch(hashes[row]);
        },
        [&](std::size_t row) {
            slots[row] = index.guess(hashes[row]);
            if_known(row, [&](Slot s) { store.prefetch_page(s); });
        },
        [&](std::size_t row) { if_known(row, [&](Slot s) { store.prefetch(s); }); },
        [&](std::size_t row) {
            slots[row] =
                index.find(hashes[row], [&](Slot s) { return store.has(s, rows.id[row]); });
        });
    for (std::size_t row = 0; row < rows.id.size(); ++row) {
        OrderWrite w{rows.id[row], hashes[row], slots[row], {}, {}, {}, {}, {}};
        if (w.slot != kNoSlot) w.before = store.order(w.slot);
        if (w.slot != kNoSlot && !rows.time.empty() && older(rows.time[row], w.before.time)) {
            dropped_orders_.late.push_back(row);
            continue;
        }
        merge(row, w);
        w.row = row;
        order_writes_.push_back(w);
    }
    MVCORE_ASSERT(order_writes_.size() + dropped_orders_.late.size() == rows.id.size());
    stage_removed_orders();
    facts_ += order_writes_.size();
}

void WriteTransaction::merge(std::size_t row, OrderWrite& w) {
    const auto& rows = batch_.order_rows;
    const bool fresh = w.slot == kNoSlot;
    if (fresh) {
        const char* missing = rows.account.empty()      ? "account"
                              : rows.instrument.empty() ? "instrument"
                              : rows.quantity.empty()   ? "order_quantity"
                                                        : nullptr;
        if (missing != nullptr)
            throw InputError(ErrorKind::invalid_input, "orders", missing, row,
                             "the new order " + to_text(w.id) + " needs one");
    } else {
        const int scale = state_.orders.scale(w.before.instrument);
        w.quantity = make_decimal(w.before.quantity, scale).value;
        w.filled = make_decimal(w.before.filled, scale).value;
        w.rolled = make_decimal(w.before.rolled, scale).value;
    }
    w.after = w.before;
    if (!rows.account.empty()) w.after.account = AccountCode(rows.account[row]);
    if (!rows.instrument.empty()) w.after.instrument = InstrumentCode(rows.instrument[row]);
    if (!rows.quantity.empty()) w.quantity = rows.quantity[row];
    if (!rows.filled.empty()) w.filled = rows.filled[row];
    if (!rows.rolled.empty()) {
        if (w.rolled != rows.rolled[row]) w.after.rolled_price = {};
        w.rolled = rows.rolled[row];
    }
    if (!rows.average_price.empty()) w.after.average_price = rows.average_price[row];
    if (!rows.status.empty()) w.after.status = rows.status[row];
    if (!rows.time.empty()) w.after.time = rows.time[row];
    // The error names a column that the batch has.
    const bool fills = !rows.filled.empty();
    check_signs(row, w.id, w.quantity, w.filled, fills);
    check_day_fill(row, w.id, w.filled, w.rolled, fills || rows.rolled.empty());
}

void WriteTransaction::stage_removed_orders() {
    std::unordered_set<Slot> gone;
    for (std::size_t row = 0; row < batch_.removed_orders.size(); ++row) {
        const OrderId& id = batch_.removed_orders[row];
        const auto hash = hash_of(id, state_.orders.kind());
        const auto slot =
            book_state_.order_index.find(hash, [&](Slot s) { return state_.orders.has(s, id); });
        if (slot == kNoSlot)
            throw InputError(ErrorKind::unknown_id, "remove", "orders", row,
                             "unknown order " + to_text(id), plain_text(id));
        if (!gone.insert(slot).second) continue;
        OrderWrite w{id, hash, slot, state_.orders.order(slot), {}, {}, {}, {}};
        w.removed = true;
        w.row = row;
        order_writes_.push_back(w);
    }
}

// Subtracts each order's old state from its cell and adds the new state. Every scale is final here.
void WriteTransaction::stage_orders() {
    cells_.reserve(cells_.size() + order_writes_.size());
    cell_at_.reserve(cells_.size() + order_writes_.size());
    overlap_misses(
        order_writes_.size(), [&](std::size_t k) { prefetch_cell(order_writes_[k], false); },
        [&](std::size_t k) { prefetch_cell(order_writes_[k], true); },
        [&](std::size_t k) { stage_order(order_writes_[k]); });
}

void WriteTransaction::prefetch_cell(const OrderWrite& w, bool whole) const {
    const Order& o = w.removed ? w.before : w.after;
    const auto line = code_index(o.instrument);
    const auto row = static_cast<std::uint32_t>(o.account);
    if (line >= state_.grid.lines() || row >= state_.grid.rows()) return;
    if (whole) state_.grid.prefetch(line, row);
    else state_.grid.prefetch_block(line, row);
}

void WriteTransaction::stage_order(OrderWrite& w) {
    const bool stays = w.slot != kNoSlot && !w.removed && w.before.account == w.after.account &&
                       w.before.instrument == w.after.instrument;
    const CashLeg before =
        w.slot != kNoSlot && w.before.average_price.known() && state_.cash.from_fills
            ? leg_before(w.before)
            : CashLeg();
    if (w.slot != kNoSlot) {
        const int by = staged(w.before.instrument).instrument.quantity_scale -
                       state_.orders.scale(w.before.instrument);
        MVCORE_ASSERT(by >= 0 && by <= kMaxScale);
        const i128 power = kPow10[std::size_t(by)];
        w.before.quantity *= power, w.before.filled *= power, w.before.rolled *= power;
        add_order(w.before, -1);
        if (!stays) --order_changes_[w.before.account];
        if (!stays) --instrument_order_changes_[w.before.instrument];
    }
    if (w.removed) return stage_legs(w, before);
    const int scale = staged(w.after.instrument).instrument.quantity_scale;
    w.after.quantity = at_scale(w.quantity, scale);
    w.after.filled = at_scale(w.filled, scale);
    w.after.rolled = at_scale(w.rolled, scale);
    if (stays && w.before.unchanged(w.after)) dropped_orders_.unchanged.push_back(w.row);
    else w.after.retained = false;
    add_order(w.after, 1);
    stage_legs(w, before);
    if (!stays) ++order_changes_[w.after.account];
    if (!stays) ++instrument_order_changes_[w.after.instrument];
}

void WriteTransaction::reserve_orders() {
    OrderStore& store = state_.orders;
    store.extend(state_.board.size());
    if (!order_writes_.empty() && store.kind() == IdKind::none)
        store.set_kind(batch_.order_rows.kind);
    MVCORE_ASSERT(batch_.order_rows.id.empty() || order_writes_.empty() ||
                  store.kind() == batch_.order_rows.kind);
    struct Added {
        std::size_t orders = 0;
        Extras extras;
    };
    std::unordered_map<InstrumentCode, Added> added;
    // Number of new orders by table of the index.
    std::unordered_map<std::uint64_t, std::size_t> ids;
    for (OrderWrite& w : order_writes_) {
        const bool moves = w.slot == kNoSlot || w.before.instrument != w.after.instrument;
        const bool text = store.kind() == IdKind::text;
        if (w.slot != kNoSlot) w.stored = store.stored(w.slot);
        else if (!text) w.stored = static_cast<std::uint64_t>(w.id.number);
        else if (!texts_stored_) w.stored = store.store(w.id.text);
        const auto extras = OrderStore::extras_of(w.after, text ? 0 : std::int64_t(w.stored));
        if (!moves) store.prepare(w.slot, extras);
        if (w.slot == kNoSlot) {
            const auto wanted = ++ids[OrderIndex::table_of(w.hash)];
            book_state_.order_index.reserve(w.hash, wanted,
                                            [&](Slot s) { return store.hash_at(s); });
        }
        if (w.removed || !moves) continue;
        Added& a = added[w.after.instrument];
        ++a.orders;
        a.extras |= extras;
    }
    texts_stored_ = true;
    // An order added to the same instrument may reuse a freed slot, so the slot's page needs its
    // extras.
    for (const OrderWrite& w : order_writes_)
        if (w.slot != kNoSlot && (w.removed || w.before.instrument != w.after.instrument)) {
            const auto taken = added.find(w.before.instrument);
            store.prepare(w.slot, taken == added.end() ? Extras() : taken->second.extras);
        }
    for (const auto& [i, a] : added) store.prepare(i, a.orders, a.extras);
}

// Prepares order pages at finer scales. These are copies of pages that are already prepared for the
// batch.
void WriteTransaction::reserve_rescaled_orders() {
    rescaled_orders_.clear();
    if (batch_.loaded_orders) return;
    OrderStore& store = state_.orders;
    store.extend(state_.board.size());
    for (const Staged& s : staged_) {
        const int by = s.instrument.quantity_scale - store.scale(s.code);
        if (by == 0) continue;
        MVCORE_ASSERT(by >= 0 || store.count(s.code) == 0);
        rescaled_orders_.emplace_back(s.code,
                                      store.rescaled(s.code, kPow10[std::size_t(std::max(by, 0))]));
    }
}

void WriteTransaction::commit_rescaled_orders() noexcept {
    for (auto& [i, pages] : rescaled_orders_) {
        state_.orders.put(i, staged_[staged_at_.find(i)].instrument.quantity_scale,
                          std::move(pages));
        state_.dirty_instruments.orders(i);
    }
}

void WriteTransaction::commit_orders() noexcept {
    OrderStore& store = state_.orders;
    overlap_misses(
        order_writes_.size(),
        [&](std::size_t k) {
            if (order_writes_[k].slot != kNoSlot) store.prefetch(order_writes_[k].slot);
        },
        [&](std::size_t k) { commit_order(order_writes_[k]); });
    for (const auto& [account, change] : order_changes_)
        MVCORE_ASSERT(std::int64_t{state_.account_orders[code_index(account)]} + change >= 0);
    for (const auto& [account, change] : order_changes_)
        state_.account_orders.own(code_index(account)) += static_cast<std::uint32_t>(change);
}

void WriteTransaction::commit_order(const OrderWrite& w) noexcept {
    OrderStore& store = state_.orders;
    MVCORE_ASSERT(w.slot == kNoSlot || store.has(w.slot, w.id));
    MVCORE_ASSERT(w.slot == kNoSlot || store.order(w.slot).instrument == w.before.instrument);
    if (w.slot != kNoSlot) state_.dirty_instruments.orders(w.before.instrument);
    if (!w.removed) state_.dirty_instruments.orders(w.after.instrument);
    if (w.removed) {
        book_state_.order_index.erase(w.hash, w.slot);
        store.erase(w.slot);
    } else if (w.slot == kNoSlot) {
        book_state_.order_index.insert(w.hash, store.insert(w.after, w.stored));
    } else if (w.before.instrument == w.after.instrument) {
        store.put(w.slot, w.after);
    } else {
        store.erase(w.slot);
        book_state_.order_index.replace(w.hash, w.slot, store.insert(w.after, w.stored));
    }
}

}  // namespace mvcore
