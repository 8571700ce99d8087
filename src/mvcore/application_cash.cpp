// Cash from fills: orders with an average price move the cash of their account.
#include <algorithm>
#include <unordered_set>

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {
namespace {

ErrorKind kind_of(CashFault fault) noexcept {
    return fault == CashFault::no_line ? ErrorKind::invalid_input : ErrorKind::value_overflow;
}

std::string described(CashFault fault, std::string_view currency) {
    if (fault == CashFault::no_line)
        return "its fills move cash, and " + std::string(currency) +
               " has no instrument with cash = true";
    return "the cost of its fills has more than 20 digits before the point";
}

}  // namespace

// Cash is kept with the decimals that costs are rounded to.
void Application::grow_cash_scales() {
    if (!state_.cash.from_fills) return;
    for (std::int32_t c = 0; c < batch_.currencies.size(); ++c) {
        const CashLine line = cash_line(c, true);
        if (line.instrument < 0) continue;
        const auto at = staged_at_.find(static_cast<std::uint32_t>(line.instrument));
        const Instrument& cash = at == FlatMap::kNone ? state_.board.instrument(line.instrument)
                                                      : staged_[at].instrument;
        if (cash.quantity_scale < line.scale) grow_scale(line.instrument, line.scale);
    }
}

CashLeg Application::leg_before(const Order& order) const {
    const Instrument& instrument = state_.board.instrument(order.instrument);
    return cash_leg(order, state_.orders.scale(order.instrument), instrument,
                    cash_line(instrument.terms.currency, false));
}

CashLeg Application::leg_after(const Order& order, int quantity_scale) {
    const Instrument& instrument = staged(order.instrument).instrument;
    return cash_leg(order, quantity_scale, instrument, cash_line(instrument.terms.currency, true));
}

// Adds (1) or takes away (-1) what a leg adds to the cash of the account.
void Application::add_leg(std::int32_t account, const CashLeg& leg, int sign) {
    if (leg.amount == 0) return;
    Instrument& cash = staged(leg.line.instrument).instrument;
    const i256 amount = i256(leg.amount) * pow10<4>(cash.quantity_scale - leg.line.scale);
    Cell& c = cell(account, leg.line.instrument);
    if (sign > 0) {
        c.after[current] += amount;
        c.after[expected] += amount;
        cash.abs_quantity += amount.magnitude();
    } else {
        c.after[current] -= amount;
        c.after[expected] -= amount;
        cash.abs_quantity -= amount.magnitude();
    }
}

void Application::stage_legs(const OrderWrite& w, const CashLeg& before) {
    if (!state_.cash.from_fills) return;
    if (w.slot != kNoSlot) add_leg(w.before.account, before, -1);
    if (w.removed || !w.after.average.known()) return;
    const int scale = staged(w.after.instrument).instrument.quantity_scale;
    const CashLeg leg = leg_after(w.after, scale);
    if (leg.fault != CashFault::none) refuse_leg(w, leg.fault);
    add_leg(w.after.account, leg, 1);
}

void Application::refuse_leg(const OrderWrite& w, CashFault fault) {
    const auto currency = staged(w.after.instrument).instrument.terms.currency;
    throw InputError(kind_of(fault), "orders", "average_price", w.row,
                     format_decimal(w.after.average.mantissa, w.after.average.scale) +
                         " of order " + to_text(w.id) + ": " +
                         described(fault, batch_.currencies.text(currency)));
}

// Orders that the batch does not name, where it changes what their fills cost or where that goes.
void Application::stage_changed_legs() {
    if (cash_lines_.empty()) return;  // they are made anew where instruments change
    std::unordered_set<Slot> named;
    for (const OrderWrite& w : order_writes_) named.insert(w.slot);
    for (std::size_t i = 0; i < state_.board.size(); ++i) {
        const auto code = static_cast<std::int32_t>(i);
        const auto at = staged_at_.find(static_cast<std::uint32_t>(code));
        if (state_.orders.count(code) == 0) continue;
        const Instrument& before = state_.board.instrument(code);
        const Instrument after = at == FlatMap::kNone ? before : staged_[at].instrument;
        if (before.factor == after.factor && before.factor_scale == after.factor_scale &&
            cash_line(before.terms.currency, false) == cash_line(after.terms.currency, true))
            continue;
        const int scale = state_.orders.scale(code);
        state_.orders.for_each(code, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (page.prices == nullptr || named.contains(slot)) return;
            const Order order = OrderStore::order(page, k);
            const CashLeg leg = leg_after(order, scale);
            if (leg.fault != CashFault::none) refuse_leg(code, leg.fault);
            add_leg(order.account, leg_before(order), -1);
            add_leg(order.account, leg, 1);
        });
    }
}

// The row of the instrument whose change is wrong, or else of what was the cash of its currency.
void Application::refuse_leg(std::int32_t instrument, CashFault fault) {
    const auto currency = staged(instrument).instrument.terms.currency;
    const auto& rows = batch_.instrument_rows;
    const auto row_of = [&](std::int32_t code) -> InputError::Row {
        const auto found = std::find_if(rows.begin(), rows.end(), [&](const InstrumentRow& row) {
            return row.instrument == code;
        });
        if (found == rows.end()) return std::nullopt;
        return static_cast<std::size_t>(found - rows.begin());
    };
    auto row = row_of(instrument);
    if (!row) row = row_of(cash_line(currency, false).instrument);
    throw InputError(kind_of(fault), "instruments", "cash", row,
                     "an order of '" + std::string(batch_.instruments.text(instrument)) +
                         "': " + described(fault, batch_.currencies.text(currency)));
}

// Of a full refresh: what all orders add to each line of cash. A roll leaves no leg.
void Application::sum_legs() {
    if (!state_.cash.from_fills || batch_.roll_day) return;
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    for (std::size_t i = 0; i < orders.instruments(); ++i) {
        const auto code = static_cast<std::int32_t>(i);
        const int scale = orders.scale(code);
        orders.for_each(code, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (page.prices == nullptr) return;
            const Order order = OrderStore::order(page, k);
            const CashLeg leg = leg_after(order, scale);
            if (leg.fault != CashFault::none && batch_.loaded_orders)
                refuse_leg(orders, slot, order, leg.fault);
            if (leg.fault != CashFault::none) refuse_leg(code, leg.fault);
            if (leg.amount == 0) return;
            CashSums& sums = cash_sums_[leg.line.instrument];
            if (sums.by_account.empty()) sums.by_account.resize(grid_.rows());
            sums.scale = leg.line.scale;
            sums.by_account[std::size_t(order.account)] += i256(leg.amount);
            sums.absolute += i256(leg.amount).magnitude();
        });
    }
}

void Application::refuse_leg(const OrderStore& orders, Slot slot, const Order& order,
                             CashFault fault) {
    const OrderId id = orders.kind() == IdKind::text ? OrderId{0, orders.text(slot)}
                                                     : OrderId{orders.number(slot), {}};
    const auto currency = staged(order.instrument).instrument.terms.currency;
    const InputError::Row row =
        batch_.loaded_orders->row_of ? batch_.loaded_orders->row_of(id) : std::nullopt;
    throw InputError(kind_of(fault), "orders", "average_price", row,
                     format_decimal(order.average.mantissa, order.average.scale) + " of order " +
                         to_text(id) + ": " + described(fault, batch_.currencies.text(currency)));
}

}  // namespace mvcore
