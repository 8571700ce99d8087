// The positions of a batch: holdings, scales of quantities, net quantities.
#include <algorithm>

#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/prefetch.hpp"

namespace mvcore {

// ---- Single cells of the grid: holdings and orders of an update ----

std::string WriteTransaction::key_of(std::size_t row) const {
    return "(" + quoted(batch_.accounts.text(batch_.holding_rows.account[row])) + ", " +
           quoted(batch_.instruments.text(batch_.holding_rows.instrument[row])) + ")";
}

// `row` repeats the account and instrument of an earlier row.
void WriteTransaction::refuse_duplicate(std::size_t row) const {
    const auto& rows = batch_.holding_rows;
    std::size_t first = 0;
    while (rows.cell_at(first) != rows.cell_at(row)) ++first;
    throw InputError(ErrorKind::invalid_input, "holdings", "account", row,
                     duplicate_key(key_of(row), first),
                     std::string(batch_.accounts.text(rows.account[row])));
}

void WriteTransaction::check_twice() const {
    const auto& rows = batch_.holding_rows;
    if (rows.size() < 2) return;
    FlatMap<CellKey> seen;
    seen.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (!seen.add(rows.cell_at(row)).second) refuse_duplicate(row);
    }
}

// Runs before any cell is read, because all cells of a line share one scale.
void WriteTransaction::grow_scales() {
    grow_cash_scales();
    const auto& rows = batch_.holding_rows;
    for (std::size_t row = 0; row < rows.size(); ++row)
        grow_scale(rows.cell_at(row).instrument, rows.scale_at(row));
    for (const OrderWrite& w : order_writes_) {
        if (w.slot != kNoSlot) grow_scale(w.before.instrument, 0);
        if (!w.removed)
            grow_scale(w.after.instrument,
                       std::max({w.quantity.scale, w.filled.scale, w.rolled.scale}));
    }
}

// Raises the instrument's quantity scale if the input has more decimals.
void WriteTransaction::grow_scale(InstrumentCode instrument, int scale) {
    Instrument& c = staged(instrument).instrument;
    const int even = even_scale(scale);
    if (even <= c.quantity_scale) return;
    c.abs_quantity = c.abs_quantity * pow10<4>(even - c.quantity_scale);
    c.quantity_scale = even;
    MVCORE_ASSERT(c.quantity_scale % 2 == 0 && c.quantity_scale <= kMaxScale);
}

WriteTransaction::Cell& WriteTransaction::cell(const CellKey& key) {
    const auto [instrument, account] = key;
    const auto [at, fresh] = cell_at_.add(key);
    MVCORE_ASSERT(fresh ? at == cells_.size()
                        : cells_[at].account == account && cells_[at].instrument == instrument);
    if (!fresh) return cells_[at];
    Cell c{account, instrument, {}, {}};
    const auto line = code_index(instrument);
    const Staged& s = staged(instrument);
    const auto row = static_cast<std::uint32_t>(account);
    if (line < state_.grid.lines() && row < state_.grid.rows() && !s.reset) {
        const int by =
            s.instrument.quantity_scale - state_.board.instrument(instrument).quantity_scale;
        MVCORE_ASSERT(by >= 0 && by <= kMaxScale);  // a scale only becomes finer
        c.before = state_.grid.get(line, row);
        for (auto& q : c.before) q *= kPow10[std::size_t(by)];
        for (std::size_t m = 0; m < kMeasures; ++m) c.after[m] = i256(c.before[m]);
    }
    cells_.push_back(c);
    return cells_.back();
}

void WriteTransaction::stage_holdings() {
    if (batch_.holdings_given == Given::absent) return;
    check_twice();
    const auto& rows = batch_.holding_rows;
    cells_.reserve(cells_.size() + rows.size());
    cell_at_.reserve(cells_.size() + rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const CellKey key = rows.cell_at(row);
        Cell& c = cell(key);
        Instrument& instrument = staged(key.instrument).instrument;
        const int by = instrument.quantity_scale - rows.scale_at(row);
        MVCORE_ASSERT(by >= 0);
        const i256 quantity(rows.mantissa_at(row) * kPow10[std::size_t(by)]);
        const i256 change = quantity - c.after[sod];
        facts_ += change.zero() ? 0U : 1U;
        instrument.abs_quantity += quantity.magnitude() - c.after[sod].magnitude();
        MVCORE_ASSERT(!instrument.abs_quantity.negative());
        for (auto& q : c.after) q += change;
    }
}

// Adds (sign 1) or removes (sign -1) the order's share of its position, at the instrument's final
// scale.
void WriteTransaction::add_order(const Order& order, int sign) {
    // `filled` and `rolled` may have opposite signs.
    const i256 fill = i256(order.filled) - i256(order.rolled);
    const i256 leaves(order.leaves());
    Instrument& instrument = staged(order.instrument).instrument;
    const i256 most = fill.magnitude() + leaves.magnitude();
    Cell& c = cell({order.instrument, order.account});
    if (sign > 0) {
        c.after[current] += fill;
        c.after[expected] += fill + leaves;
        instrument.abs_quantity += most;
    } else {
        c.after[current] -= fill;
        c.after[expected] -= fill + leaves;
        instrument.abs_quantity -= most;
    }
    MVCORE_ASSERT(!instrument.abs_quantity.negative());
}

// Names the row that is most likely wrong: the holding, else the last order of this cell. Cash may
// change through orders in other instruments.
void WriteTransaction::refuse_net(const CellKey& key) const {
    struct Place {
        const char* table;
        const char* column;
        InputError::Row row;
    };
    const auto find = [&]() -> Place {
        const HoldingRows& holdings = batch_.holding_rows;
        for (std::size_t k = holdings.size(); k-- > 0;)
            if (holdings.cell_at(k) == key) return {"holdings", "quantity", k};
        const auto of_cell = [&](const Order& o) {
            return CellKey{o.instrument, o.account} == key;
        };
        for (std::size_t k = order_writes_.size(); k-- > 0;) {
            const OrderWrite& w = order_writes_[k];
            if (w.removed && of_cell(w.before)) return {"remove", "orders", w.row};
            if (!w.removed && of_cell(w.after)) return {"orders", "order_quantity", w.row};
        }
        if (batch_.loaded_orders) {
            InputError::Row row;
            const OrderStore& store = batch_.loaded_orders->store;
            store.for_each(key.instrument, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
                if (row || !of_cell(OrderStore::order(page, k))) return;
                row = row_of_loaded(slot);
            });
            return {"orders", row ? "order_quantity" : "average_price", row};
        }
        if (batch_.holdings_given != Given::absent) return {"holdings", "quantity", std::nullopt};
        if (!order_writes_.empty()) return {"orders", "average_price", std::nullopt};
        return {"instruments", "multiplier", std::nullopt};
    };
    const Place place = find();
    throw InputError(ErrorKind::value_overflow, place.table, place.column, place.row,
                     "the net quantity of (" + quoted(batch_.accounts.text(raw(key.account))) +
                         ", " + quoted(batch_.instruments.text(raw(key.instrument))) +
                         ") has more than 20 digits before the point");
}

Net WriteTransaction::checked_net(const Cell& c) const {
    MVCORE_ASSERT(staged_at_.find(c.instrument) != FlatMap<InstrumentCode>::kNone);
    const int scale = staged_[staged_at_.find(c.instrument)].instrument.quantity_scale;
    Net out{};
    for (std::size_t m = 0; m < kMeasures; ++m) {
        if (!within_integer_digits(c.after[m], scale)) refuse_net({c.instrument, c.account});
        out[m] = c.after[m].low128();
    }
    return out;
}

// Collects the cells that changed.
void WriteTransaction::stage_writes() {
    writes_.reserve(cells_.size());
    for (const Cell& c : cells_) {
        const Net quantity = checked_net(c);
        if (quantity == c.before) continue;
        writes_.push_back({c.account, c.instrument, quantity, c.before});
        const int change = (held(quantity) ? 1 : 0) - (held(c.before) ? 1 : 0);
        if (change != 0) position_changes_[c.account] += change;
    }
}

}  // namespace mvcore
