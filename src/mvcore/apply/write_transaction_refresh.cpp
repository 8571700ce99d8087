#include <algorithm>
#include <type_traits>

#include "mvcore/apply/write_transaction.hpp"
#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

namespace {

// An account's quantities in one instrument: start of day, filled since, and still to be filled.
template <class Q>
struct Parts {
    std::uint32_t account;
    Q sod;
    Q fill;
    Q leaves;

    Parts& operator+=(const Parts& o) {
        sod += o.sod, fill += o.fill, leaves += o.leaves;
        return *this;
    }
};

// Merges entries so that each account has one, in ascending order of account.
template <class Q>
void gather(std::vector<Parts<Q>>& parts, std::uint32_t rows, std::vector<Parts<Q>>& by_account) {
    const auto before = [](const auto& a, const auto& b) { return a.account < b.account; };
    const auto later = [](const auto& a, const auto& b) { return a.account >= b.account; };
    if (std::adjacent_find(parts.begin(), parts.end(), later) == parts.end()) return;
    if (parts.size() * tuning::kCellsOfLookup < rows) {
        std::sort(parts.begin(), parts.end(), before);
        std::size_t n = 0;
        for (std::size_t k = 1; k < parts.size(); ++k) {
            if (parts[k].account == parts[n].account) parts[n] += parts[k];
            else parts[++n] = parts[k];
        }
        parts.resize(n + 1);
        return;
    }
    // A pass over all rows costs less than sorting.
    by_account.assign(rows, Parts<Q>{});
    std::vector<std::uint8_t> there(rows, 0);
    for (const auto& p : parts) {
        by_account[p.account] += p;
        there[p.account] = 1;
    }
    parts.clear();
    for (std::uint32_t a = 0; a < rows; ++a) {
        if (there[a] == 0) continue;
        by_account[a].account = a;
        parts.push_back(by_account[a]);
    }
    MVCORE_ASSERT(std::adjacent_find(parts.begin(), parts.end(), later) == parts.end());
}

// Groups the rows by instrument; start[instrument] is the first row of each group. Reads in one
// sequential pass and writes to as many places as there are instruments.
HoldingRows by_instrument(const HoldingRows& rows, std::vector<std::size_t> next) {
    HoldingRows out;
    out.account.resize(rows.size());
    out.mantissa.resize(rows.size());
    out.scale.resize(rows.scale.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto at = next[std::size_t(rows.instrument[row])]++;
        out.account[at] = rows.account[row];
        out.mantissa[at] = rows.mantissa[row];
        if (!out.scale.empty()) out.scale[at] = rows.scale[row];
        if (rows.mantissa[row] == HoldingRows::kWide) out.wide.emplace(at, rows.wide.at(row));
    }
    MVCORE_ASSERT(out.wide.size() == rows.wide.size());
    return out;
}

// Converts to a quantity. Empty if it has more than 20 digits before the point.
std::optional<i128> fitting(std::int64_t v, int) { return v; }
std::optional<i128> fitting(const i256& v, int scale) {
    if (!within_integer_digits(v, scale)) return std::nullopt;
    return v.low128();
}
// A sum of absolute values.
struct Absolute {
    u128 narrow = 0;
    i256 wide;

    void add(std::int64_t v) { narrow += magnitude(v); }
    void add(const i256& v) { wide += v.magnitude(); }
    [[nodiscard]] i256 sum() const { return wide + i256(static_cast<i128>(narrow)); }
};

}  // namespace

// Counting sort of the holdings by instrument, then builds the new grid line by line.
void WriteTransaction::stage_refresh() {
    const auto& rows = batch_.holding_rows;
    const auto instruments = static_cast<std::size_t>(batch_.instruments.size());
    refreshed_ = true;
    // A refused batch may have extended the board and the grid beyond the number of names.
    grid_ = Grid(std::max(instruments, state_.board.size()),
                 std::max(static_cast<std::uint32_t>(batch_.accounts.size()), state_.grid.rows()));
    positions_.assign(grid_.rows(), 0);
    account_orders_.assign(grid_.rows(), 0);
    std::vector<std::size_t> start(instruments + 1, 0);
    bool sorted = true;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        ++start[std::size_t(rows.instrument[row]) + 1];
        sorted = sorted && (row == 0 || rows.instrument[row - 1] <= rows.instrument[row]);
    }
    for (std::size_t i = 0; i < instruments; ++i) start[i + 1] += start[i];
    MVCORE_ASSERT(rows.columns_agree() && start[instruments] == rows.size());
    const HoldingRows copied = sorted ? HoldingRows() : by_instrument(rows, start);
    const HoldingRows& lines = sorted ? rows : copied;
    check_lines(lines, start);
    sum_legs();
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    for (std::size_t i = 0; i < instruments; ++i) {
        const auto code = InstrumentCode(i);
        const bool kept = batch_.holdings_given != Given::load && i < state_.grid.lines() &&
                          state_.grid.positions(i) != 0;
        const bool cash = cash_sums_.contains(code);
        if (start[i] == start[i + 1] && orders.count(code) == 0 && !kept && !cash) {
            if (const auto known = staged_at_.find(code); known != staged_at_.kNone)
                staged_[known].instrument.abs_quantity = i256();
            continue;
        }
        Instrument& instrument = staged(code).instrument;
        instrument.abs_quantity = i256();
        if (auto* loaded = batch_.loaded_orders.get(); loaded && orders.count(code) != 0) {
            if (const int by = instrument.quantity_scale - orders.scale(code); by != 0)
                loaded->store.put(code, instrument.quantity_scale,
                                  loaded->store.rescaled(code, kPow10[std::size_t(by)]));
        }
        MVCORE_ASSERT(orders.count(code) == 0 || orders.scale(code) <= instrument.quantity_scale);
        if (cash || wide_line(i, lines, start[i], start[i + 1], kept))
            fill_line<i256>(i, lines, start[i], start[i + 1]);
        else fill_line<std::int64_t>(i, lines, start[i], start[i + 1]);
    }
}

// Whether the sum of an account's quantities may exceed 64 bits, judged by the number of terms
// times the largest term at the instrument's scale. `kept`: the existing holdings of the line stay.
bool WriteTransaction::wide_line(std::size_t i, const HoldingRows& lines, std::size_t begin,
                                 std::size_t end, bool kept) const {
    const auto code = InstrumentCode(i);
    const int scale = staged_[staged_at_.find(code)].instrument.quantity_scale;
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    u128 terms = end - begin;
    u128 largest = 0;
    bool wide = false;
    const auto meet = [&](u128 most, int by) {
        wide = wide || most >> 63 != 0 || by > kMaxScale;
        if (!wide) largest = std::max(largest, most * static_cast<u128>(kPow10[std::size_t(by)]));
    };
    for (std::size_t row = begin; row < end && !wide; ++row)
        meet(lines.mantissa[row] == HoldingRows::kWide ? ~u128{0}
                                                       : magnitude(i128{lines.mantissa[row]}),
             scale - lines.scale_at(row));
    if (kept)
        for (std::size_t b = 0; b < state_.grid.blocks(); ++b) {
            const Block& block = state_.grid.block(i, b);
            terms += block.positions();
            meet(u128{1} << (8 * kernels::width_bytes(block.width()) - 1),
                 scale - state_.board.instrument(code).quantity_scale);
        }
    // Terms of an order: filled, rolled and remaining quantity.
    const int by = orders.count(code) == 0 ? 0 : scale - orders.scale(code);
    orders.for_each(code, [&](Slot, const OrderPage& page, std::uint32_t k) {
        if (wide) return;
        terms += 4;
        const Order order = OrderStore::order(page, k);
        meet(
            std::max({magnitude(order.quantity), magnitude(order.filled), magnitude(order.rolled)}),
            by);
    });
    const auto bits = [](u128 v) { return i256(static_cast<i128>(v)).bits(); };
    return wide || largest >> 63 != 0 || bits(terms) + bits(largest) > 62;
}

// Refuses duplicate cells and finds the final scale of every instrument.
void WriteTransaction::check_lines(const HoldingRows& lines,
                                   const std::vector<std::size_t>& start) {
    const bool loaded = batch_.holdings_given == Given::load;
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    std::vector<int> cash_scale(start.size(), 0);
    for (std::int32_t c = 0; c < batch_.currencies.size(); ++c)
        if (const CashTarget target = cash_target(c); is_code(target.instrument))
            cash_scale[code_index(target.instrument)] = even_scale(target.scale);
    // By account: the last instrument that named it.
    std::vector<InstrumentCode> last(grid_.rows(), kNoInstrument);
    for (std::size_t i = 0; i + 1 < start.size(); ++i) {
        const auto code = InstrumentCode(i);
        int scale = cash_scale[i];
        for (std::size_t k = start[i]; k < start[i + 1]; ++k) {
            auto& seen = last[std::size_t(lines.account[k])];
            if (seen == code) refuse_twice({code, AccountCode(lines.account[k])});
            seen = code;
            scale = std::max(scale, even_scale(lines.scale_at(k)));
        }
        if (orders.count(code) != 0) scale = std::max(scale, orders.scale(code));
        const auto known = staged_at_.find(code);
        if (known == staged_at_.kNone && scale == 0) continue;
        Instrument& instrument = staged(code).instrument;
        instrument.quantity_scale = loaded ? scale : std::max(instrument.quantity_scale, scale);
    }
}

void WriteTransaction::refuse_twice(const CellKey& key) const {
    const auto& rows = batch_.holding_rows;
    bool first = true;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (rows.cell_at(row) != key) continue;
        if (!first) refuse_duplicate(row);
        first = false;
    }
}

template <class Q>
void WriteTransaction::fill_line(std::size_t i, const HoldingRows& rows, std::size_t begin,
                                 std::size_t end) {
    const auto code = InstrumentCode(i);
    Instrument& instrument = staged(code).instrument;
    const int scale = instrument.quantity_scale;
    std::vector<Parts<Q>> parts;
    parts.reserve(end - begin);
    Absolute sum;
    auto scaled = [](i128 v, int by) { return Q(v) * Q(kPow10[std::size_t(by)]); };
    for (std::size_t row = begin; row < end; ++row) {
        const Q quantity = scaled(rows.mantissa_at(row), scale - rows.scale_at(row));
        if (quantity == Q(0)) continue;
        parts.push_back({static_cast<std::uint32_t>(rows.account[row]), quantity, Q(0), Q(0)});
        sum.add(quantity);
    }
    if (batch_.holdings_given != Given::load && i < state_.grid.lines()) {
        const int by = scale - state_.board.instrument(code).quantity_scale;
        state_.grid.for_each(i, [&](std::uint32_t account, const Net& net) {
            if (net[sod] == 0) return;
            parts.push_back({account, scaled(net[sod], by), Q(0), Q(0)});
            sum.add(parts.back().sod);
        });
    }
    const OrderStore& orders = batch_.loaded_orders ? batch_.loaded_orders->store : state_.orders;
    const int by = orders.count(code) == 0 ? 0 : scale - orders.scale(code);
    orders.for_each(code, [&](Slot, const OrderPage& page, std::uint32_t k) {
        const auto order = order_after(page, k);
        if (!order) return;
        const auto account = static_cast<std::uint32_t>(order->account);
        const Q fill = scaled(order->filled, by) - scaled(order->rolled, by);
        const Q leaves = scaled(order->leaves(), by);
        parts.push_back({account, Q(0), fill, leaves});
        sum.add(fill);
        sum.add(leaves);
        ++account_orders_[account];
    });
    instrument.abs_quantity = sum.sum();
    bool cash = false;
    if constexpr (sizeof(Q) != sizeof(std::int64_t))
        if (const auto found = cash_sums_.find(code); found != cash_sums_.end()) {
            cash = true;
            const CashSums& sums = found->second;
            const i256 power = pow10<4>(scale - sums.scale);
            for (std::uint32_t a = 0; a < sums.by_account.size(); ++a)
                if (!sums.by_account[a].zero())
                    parts.push_back({a, Q(0), sums.by_account[a] * power, Q(0)});
            instrument.abs_quantity += sums.absolute * power;
        }
    std::vector<Parts<Q>> by_account;
    gather(parts, grid_.rows(), by_account);
    using Stored = std::conditional_t<sizeof(Q) == 8, std::int64_t, i128>;
    std::vector<std::uint32_t> accounts;
    std::array<std::vector<Stored>, kMeasures> columns;
    const int wanted = orders.count(code) == 0 && !cash ? 1 : kMeasures;
    accounts.reserve(parts.size());
    for (int m = 0; m < wanted; ++m) columns[std::size_t(m)].reserve(parts.size());
    for (const auto& p : parts) {
        MVCORE_ASSERT(wanted == kMeasures || (p.fill == Q(0) && p.leaves == Q(0)));
        const auto start = fitting(p.sod, scale);
        const auto now = fitting(p.sod + p.fill, scale);
        const auto later = fitting(p.sod + p.fill + p.leaves, scale);
        if (!start || !now || !later) refuse_net({code, AccountCode(p.account)});
        const Net net = {*start, *now, *later};
        if (!held(net)) continue;
        accounts.push_back(p.account);
        for (std::size_t m = 0; m < std::size_t(wanted); ++m)
            columns[m].push_back(static_cast<Stored>(net[m]));
        ++positions_[p.account];
    }
    const QuantityColumns<Stored> source = {
        {columns[0].data(), columns[1].data(), columns[2].data()}, wanted};
    grid_.fill(i, accounts.data(), source, accounts.size());
}

// ---- Day roll: current quantities become start-of-day holdings, and all fills count as rolled
// ----

void WriteTransaction::stage_roll() {
    const OrderStore& store = state_.orders;
    refreshed_ = true;
    grid_ = Grid(state_.grid.lines(), state_.grid.rows());
    positions_.assign(grid_.rows(), 0);
    account_orders_.assign(grid_.rows(), 0);
    std::vector<std::uint32_t> accounts;
    std::array<std::vector<i128>, kMeasures> columns;
    for (std::size_t i = 0; i < grid_.lines(); ++i) {
        const auto code = InstrumentCode(i);
        const bool empty = state_.grid.positions(i) == 0 && store.count(code) == 0;
        // Cash legs that cancel out leave no position, but their absolute quantities must be reset.
        if (empty &&
            (i >= state_.board.size() || state_.board.instrument(code).abs_quantity.zero()))
            continue;
        i256 sum;
        accounts.clear();
        for (auto& column : columns) column.clear();
        state_.grid.for_each(i, [&](std::uint32_t account, const Net& net) {
            sum += i256(net[current]).magnitude();
            if (net[current] == 0 && net[expected] == 0) return;
            accounts.push_back(account);
            columns[sod].push_back(net[current]);
            columns[current].push_back(net[current]);
            columns[expected].push_back(net[expected]);
            ++positions_[account];
        });
        store.for_each(code, [&](Slot, const OrderPage& page, std::uint32_t k) {
            const auto order = order_after(page, k);
            if (!order) return;
            sum += i256(order->leaves()).magnitude();
            ++account_orders_[code_index(order->account)];
        });
        staged(code).instrument.abs_quantity = sum;
        const QuantityColumns<i128> source = {
            {columns[0].data(), columns[1].data(), columns[2].data()}, kMeasures};
        grid_.fill(i, accounts.data(), source, accounts.size());
    }
}

void WriteTransaction::commit_roll() noexcept {
    state_.orders.roll(batch_.roll_drops_ended, [&](Slot slot) {
        book_state_.order_index.erase(state_.orders.hash_at(slot), slot);
    });
}

}  // namespace mvcore
