// Cash from fills: orders with an average price move the cash of their account.
#include <algorithm>
#include <unordered_set>

#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

ErrorKind kind_of(CashFault fault) noexcept {
    return fault == CashFault::no_target ? ErrorKind::invalid_input : ErrorKind::value_overflow;
}

std::string text_of(const FillPrice& price) { return format_decimal(price.mantissa, price.scale); }

}  // namespace

// Cash has at least as many decimals as costs are rounded to. A currency's cash instrument and its
// decimals change only if the batch changes instruments.
void WriteTransaction::grow_cash_scales() {
    for (const CashTarget& target : cash_targets_) {
        if (!is_code(target.instrument)) continue;
        if (staged(target.instrument).instrument.quantity_scale < target.scale)
            grow_scale(target.instrument, target.scale);
    }
}

CashLeg WriteTransaction::leg_before(const Order& order) const {
    const Instrument& instrument = state_.board.instrument(order.instrument);
    return cash_leg(order, state_.orders.scale(order.instrument), instrument,
                    cash_target_before(instrument.terms.currency));
}

CashLeg WriteTransaction::leg_after(const Order& order, int quantity_scale) {
    const Instrument& instrument = staged(order.instrument).instrument;
    return cash_leg(order, quantity_scale, instrument, cash_target(instrument.terms.currency));
}

// Adds (sign 1) or removes (sign -1) the leg from the cash of the account.
void WriteTransaction::add_leg(AccountCode account, const CashLeg& leg, int sign) {
    if (leg.amount.zero()) return;
    MVCORE_ASSERT(is_code(leg.target.instrument) && leg.fault == CashFault::none);
    Instrument& cash = staged(leg.target.instrument).instrument;
    MVCORE_ASSERT(cash.quantity_scale >= leg.target.scale);
    const i256 amount = leg.amount * pow10<4>(cash.quantity_scale - leg.target.scale);
    Cell& c = cell({leg.target.instrument, account});
    if (sign > 0) {
        c.after[current] += amount;
        c.after[expected] += amount;
        cash.abs_quantity += amount.magnitude();
    } else {
        c.after[current] -= amount;
        c.after[expected] -= amount;
        cash.abs_quantity -= amount.magnitude();
    }
    MVCORE_ASSERT(!cash.abs_quantity.negative());
}

void WriteTransaction::stage_legs(const OrderWrite& w, const CashLeg& before) {
    if (!state_.cash.from_fills) return;
    if (w.slot != kNoSlot) add_leg(w.before.account, before, -1);
    if (w.removed || !w.after.average_price.known()) return;
    const int scale = staged(w.after.instrument).instrument.quantity_scale;
    const CashLeg leg = leg_after(w.after, scale);
    if (leg.fault != CashFault::none)
        refuse_leg(leg.fault, "orders", "average_price", w.row,
                   text_of(w.after.average_price) + " of order " + to_text(w.id),
                   w.after.instrument);
    add_leg(w.after.account, leg, 1);
}

// Whether the batch changes the cost of the instrument's fills, or the cash instrument that pays
// it.
bool WriteTransaction::changes_legs(InstrumentCode instrument) const {
    const Instrument& before = state_.board.instrument(instrument);
    const auto at = staged_at_.find(instrument);
    // A removed instrument has no orders.
    if (at != staged_at_.kNone && !staged_[at].quote.alive) return false;
    const Instrument& after = at == staged_at_.kNone ? before : staged_[at].instrument;
    return before.factor != after.factor || before.factor_scale != after.factor_scale ||
           cash_target_before(before.terms.currency) != cash_target(after.terms.currency);
}

// Moves the cash of orders that the batch does not contain.
void WriteTransaction::stage_changed_legs() {
    if (cash_targets_.empty()) return;  // instruments do not change
    std::optional<std::unordered_set<Slot>> named;
    for (std::size_t i = 0; i < state_.board.size(); ++i) {
        const auto code = InstrumentCode(i);
        if (state_.orders.count(code) == 0 || !changes_legs(code)) continue;
        if (!named) {
            named.emplace();
            for (const OrderWrite& w : order_writes_) named->insert(w.slot);
        }
        const int scale = state_.orders.scale(code);
        state_.orders.for_each(code, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (page.prices == nullptr || named->contains(slot)) return;
            const Order order = OrderStore::order(page, k);
            const CashLeg leg = leg_after(order, scale);
            if (leg.fault != CashFault::none) refuse_changed_leg(leg.fault, code);
            add_leg(order.account, leg_before(order), -1);
            add_leg(order.account, leg, 1);
        });
    }
}

// For a full refresh: sums the cash that all orders add to each account. After a day roll no order
// has a cash leg.
void WriteTransaction::sum_legs() {
    if (!state_.cash.from_fills || batch_.roll_day) return;
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    for (std::size_t i = 0; i < orders.instruments(); ++i) {
        const auto code = InstrumentCode(i);
        // check_dropped() refuses a removed instrument that still has orders.
        if (orders.count(code) == 0 || !staged(code).quote.alive) continue;
        const int scale = orders.scale(code);
        orders.for_each(code, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (page.prices == nullptr) return;
            const Order order = OrderStore::order(page, k);
            const CashLeg leg = leg_after(order, scale);
            if (leg.fault != CashFault::none && batch_.loaded_orders)
                refuse_loaded_leg(leg.fault, slot, order);
            if (leg.fault != CashFault::none) refuse_changed_leg(leg.fault, code);
            if (leg.amount.zero()) return;
            CashSums& sums = cash_sums_[leg.target.instrument];
            MVCORE_ASSERT(sums.by_account.empty() || sums.scale == leg.target.scale);
            if (sums.by_account.empty()) sums.by_account.resize(grid_.rows());
            sums.scale = leg.target.scale;
            sums.by_account[code_index(order.account)] += leg.amount;
            sums.absolute += leg.amount.magnitude();
        });
    }
}

// `what` describes the order; the reason is appended to it.
void WriteTransaction::refuse_leg(CashFault fault, const char* table, const char* column,
                                  InputError::Row row, std::string what,
                                  InstrumentCode instrument) {
    const auto currency = staged(instrument).instrument.terms.currency;
    what += fault == CashFault::no_target
                ? ": its fills move cash, and " + quoted(batch_.currencies.text(currency)) +
                      " has no instrument with cash = true; expected one, or no average_price"
                : ": the cost of its fills has more than 20 digits before the point";
    throw InputError(kind_of(fault), table, column, row, what);
}

// Names the change that caused the error: the former cash instrument of the orders' currency, or
// else the orders' own instrument.
void WriteTransaction::refuse_changed_leg(CashFault fault, InstrumentCode instrument) {
    const auto size = state_.board.size();
    const Terms now = staged(instrument).instrument.terms;
    const Terms before =
        code_index(instrument) < size ? state_.board.instrument(instrument).terms : now;
    InstrumentCode changed = instrument;
    const CashTarget target = cash_target_before(before.currency);
    if (fault == CashFault::no_target && now.currency == before.currency &&
        is_code(target.instrument))
        changed = target.instrument;
    const auto& rows = batch_.instrument_rows;
    const auto& removed = batch_.removed_instruments;
    const auto row_of = [](const auto& begin, const auto& end, auto&& is) -> InputError::Row {
        const auto found = std::find_if(begin, end, is);
        if (found == end) return std::nullopt;
        return static_cast<std::size_t>(found - begin);
    };
    const char* table = "instruments";
    const char* column = "cash";
    auto row = row_of(rows.begin(), rows.end(),
                      [&](const InstrumentRow& given) { return given.instrument == changed; });
    const auto gone = row_of(removed.begin(), removed.end(),
                             [&](auto i) { return InstrumentCode(i) == changed; });
    if (gone) {
        table = "remove";
        column = "instruments";
        row = gone;
    } else if (code_index(changed) < size) {
        const Terms& old = state_.board.instrument(changed).terms;
        const Terms& given = staged(changed).instrument.terms;
        if (old.currency != given.currency) column = "currency";
        else if (old.multiplier != given.multiplier) column = "multiplier";
        else if (old.quote_factor != given.quote_factor) column = "quote_factor";
    }
    refuse_leg(fault, table, column, row,
               "an order of " + quoted(batch_.instruments.text(raw(instrument))), instrument);
}

InputError::Row WriteTransaction::row_of_loaded(Slot slot) const {
    const LoadedOrders& loaded = *batch_.loaded_orders;
    const OrderId id = loaded.store.kind() == IdKind::text ? OrderId{0, loaded.store.text(slot)}
                                                           : OrderId{loaded.store.number(slot), {}};
    return loaded.row_of ? loaded.row_of(id) : std::nullopt;
}

void WriteTransaction::refuse_loaded_leg(CashFault fault, Slot slot, const Order& order) {
    const LoadedOrders& loaded = *batch_.loaded_orders;
    const OrderId id = loaded.store.kind() == IdKind::text ? OrderId{0, loaded.store.text(slot)}
                                                           : OrderId{loaded.store.number(slot), {}};
    refuse_leg(fault, "orders", "average_price", row_of_loaded(slot),
               text_of(order.average_price) + " of order " + to_text(id), order.instrument);
}

}  // namespace mvcore
