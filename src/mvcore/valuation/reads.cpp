#include "mvcore/valuation/reads.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

// Totals of an account, one entry for each unit.
struct UnitSums {
    std::vector<UnitId> units;
    std::vector<std::array<i256, kMeasures>> totals;

    void add(UnitId unit, int measure, const i256& total) {
        MVCORE_ASSERT(units.size() == totals.size());
        const auto known = std::find(units.begin(), units.end(), unit);
        const auto place = static_cast<std::size_t>(known - units.begin());
        if (known == units.end()) {
            units.push_back(unit);
            totals.emplace_back();
        }
        totals[place][std::size_t(measure)] += total;
    }
};

}  // namespace

AccountValue Reads::value(AccountCode account, std::int32_t currency) const {
    MVCORE_ASSERT(state_.index.built() && state_.account_alive(account));
    const Board& board = state_.board;
    thread_local std::vector<UnitTotal> sums;
    AccountValue out;
    out.epoch = state_.epoch;
    const int columns = state_.index.grid().split() ? kMeasures : 1;
    for (int m = 0; m < columns; ++m) {
        sums.clear();
        state_.index.totals(board, account, m, sums);
        // Fast path for nearly every account: one unit, in the requested currency, and all
        // instruments priced.
        if (sums.size() != 1 || board.unit(sums[0].unit).currency != currency ||
            board.unpriced() != 0)
            return value_in_units(account, currency);
        out.amount[std::size_t(m)] =
            value_amount(sums[0].total, board.unit(sums[0].unit).scale, value_scale_);
    }
    if (columns == 1) out.amount = all_of(out.amount[0]);
    return out;
}

AccountValue Reads::value_in_units(AccountCode account, std::int32_t currency) const {
    const Board& board = state_.board;
    UnitSums sums;
    std::vector<UnitTotal> found;
    for (int m = 0; m < kMeasures; ++m) {
        found.clear();
        state_.index.totals(board, account, m, found);
        for (const auto& sum : found) sums.add(sum.unit, m, sum.total);
    }
    const auto priced = sums.units.size();
    if (board.unpriced() != 0)
        for (UnitId u = 0; u < board.units(); ++u)
            if (!board.unit(u).priced()) sums.units.push_back(u);
    AccountValue out;
    out.epoch = state_.epoch;
    const AmountConverter converter(board, sums.units, state_.base, currency, value_scale_);
    for (std::size_t m = 0; m < kMeasures; ++m)
        out.amount[m] =
            converter.amount([&](std::uint32_t place) { return sums.totals[place][m]; });
    for (std::uint32_t place = 0; place < sums.units.size(); ++place)
        if (place >= priced || converter.unpriced(place))
            out.unpriced += state_.index.positions(board, account, sums.units[place]);
    MVCORE_ASSERT(out.unpriced <= state_.positions[code_index(account)]);
    return out;
}

ResultRows Reads::values(const Question& question, std::uint64_t& cells) const {
    MVCORE_ASSERT(question.masters == state_.masters);
    const Target target{state_.base, question.currency, value_scale_};
    Totals totals;
    Numbering numbering;
    numbering.dense_only = !question.levels.empty();
    totals.build(state_, question.grouping, question.measures, needs_counts(state_.board, target),
                 numbering);
    cells += totals.cells_swept();
    if (!question.levels.empty()) totals = totals.rolled_up(question.levels, question.rows);
    MVCORE_ASSERT(question.levels.empty() || totals.rows() == question.rows);
    const AmountConverter converter(state_.board, totals.units(), target.base, target.currency,
                                    target.value_scale);
    ResultRows out = all_rows(totals, converter, state_.board, target);
    out.epoch = state_.epoch;
    if (question.quantities)
        add_quantities(state_, question.grouping, question.levels, *question.quantities,
                       static_cast<int>(question.measures.size()), out, cells);
    return out;
}

void Reads::run_functions(const Question& question, ResultRows& rows) const {
    MVCORE_ASSERT(rows.epoch == state_.epoch);
    if (question.functions)
        rows.floats = run_user_functions(state_, question.grouping, question.levels,
                                         {state_.base, question.currency, value_scale_},
                                         *question.functions, rows);
    MVCORE_ASSERT(!question.functions || rows.floats.size() == question.functions->size());
}

void Reads::turn_to_page(const Question& question, ResultRows& rows) {
    if (!question.page) return;
    MVCORE_ASSERT(question.levels.empty());
    rows = page_of(rows, *question.page);
}

HoldingList Reads::holdings(const Grouping& selection) const {
    MVCORE_ASSERT(state_.index.built());
    const Board& board = state_.board;
    const Grid& grid = state_.index.grid();
    HoldingList out;
    out.epoch = state_.epoch;
    std::vector<Conversion> conversions;
    for (std::size_t c = 0; c < state_.currency_users.size(); ++c)
        conversions.emplace_back(
            std::int32_t(c) == state_.base ? nullptr : &board.rate(std::int32_t(c)), nullptr,
            value_scale_);
    std::vector<std::pair<InstrumentCode, i128>> cells;
    for (const auto account : accounts_below(grid.lines())) {
        if (selection.of_account(account) < 0) continue;
        cells.clear();
        grid.for_each(code_index(account), [&](std::uint32_t index_row, const Net& net) {
            const auto i = state_.index.instrument_at(index_row);
            if (net[sod] != 0 && selection.of_instrument(i) >= 0) cells.emplace_back(i, net[sod]);
        });
        std::sort(cells.begin(), cells.end());
        for (const auto& [i, quantity] : cells) {
            const Quote& quote = board.quote(i);
            const Instrument& instrument = board.instrument(i);
            MVCORE_ASSERT(std::size_t(instrument.terms.currency) < conversions.size());
            MVCORE_ASSERT(quote.alive && instrument.quantity_scale <= kMaxScale);
            const auto& conversion = conversions[std::size_t(instrument.terms.currency)];
            out.account.push_back(raw(account));
            out.instrument.push_back(raw(i));
            out.currency.push_back(instrument.terms.currency);
            out.quantity.push_back(quantity * kPow10[std::size_t(18 - instrument.quantity_scale)]);
            out.priced.push_back(quote.priced ? 1 : 0);
            const bool converted = quote.priced && conversion.possible();
            out.converted.push_back(converted ? 1 : 0);
            const i256 value = quote.priced ? i256(quantity) * board.price_of(i) : i256();
            const int scale = quote.priced ? board.value_scale(i) : 0;
            out.price.push_back(quote.priced ? board.price_mantissa(i) *
                                                   kPow10[std::size_t(18 - quote.price_scale)]
                                             : i128{0});
            try {
                out.market_value.push_back(value_amount(value, scale, value_scale_));
                i128 fast = 0;
                if (!converted) out.base_value.push_back(0);
                else if (value.fits128() && conversion.fast_amount(value.low128(), scale, fast))
                    out.base_value.push_back(checked_amount(fast));
                else
                    out.base_value.push_back(
                        checked_amount(conversion.amount(i1024(value), scale)));
            } catch (const Error&) {
                throw PositionOverflow(account, i);
            }
        }
    }
    MVCORE_ASSERT(out.quantity.size() == out.account.size());
    MVCORE_ASSERT(out.market_value.size() == out.account.size());
    MVCORE_ASSERT(out.base_value.size() == out.account.size());
    return out;
}

QuantityList Reads::quantities(const Grouping& selection) const {
    MVCORE_ASSERT(state_.index.built());
    const Grid& grid = state_.index.grid();
    QuantityList out;
    out.epoch = state_.epoch;
    std::vector<std::pair<InstrumentCode, i128>> cells;
    for (const auto account : accounts_below(grid.lines())) {
        if (selection.of_account(account) < 0) continue;
        cells.clear();
        grid.for_each(code_index(account), [&](std::uint32_t index_row, const Net& net) {
            const auto i = state_.index.instrument_at(index_row);
            const bool any = net[sod] != 0 || net[current] != 0 || net[expected] != 0;
            if (any && selection.of_instrument(i) >= 0) cells.emplace_back(i, net[current]);
        });
        std::sort(cells.begin(), cells.end());
        for (const auto& [i, quantity] : cells) {
            const int scale = state_.board.instrument(i).quantity_scale;
            MVCORE_ASSERT(state_.board.quote(i).alive && scale <= kMaxScale);
            out.account.push_back(raw(account));
            out.instrument.push_back(raw(i));
            out.current.push_back(quantity * kPow10[std::size_t(18 - scale)]);
        }
    }
    MVCORE_ASSERT(out.current.size() == out.account.size());
    return out;
}

OrderList Reads::orders(const Grouping& selection) const {
    const OrderStore& store = state_.orders;
    std::vector<Slot> slots;
    for (const auto i : instruments_below(store.instruments())) {
        if (selection.of_instrument(i) < 0) continue;
        store.for_each(i, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (selection.of_account(page.records[k].account()) >= 0) slots.push_back(slot);
        });
    }
    const bool text = store.kind() == IdKind::text;
    MVCORE_ASSERT(slots.size() <= store.size());
    std::sort(slots.begin(), slots.end(), [&](Slot a, Slot b) {
        const Order x = store.order(a);
        const Order y = store.order(b);
        if (x.account != y.account) return x.account < y.account;
        if (x.instrument != y.instrument) return x.instrument < y.instrument;
        return text ? store.text(a) < store.text(b) : store.number(a) < store.number(b);
    });
    OrderList out;
    out.epoch = state_.epoch;
    out.kind = store.kind();
    out.arena = store.arena();
    for (const Slot slot : slots) {
        const Order o = store.order(slot);
        if (text) out.text.push_back(store.text(slot));
        else out.number.push_back(store.number(slot));
        append(o, out);
    }
    MVCORE_ASSERT(out.number.size() + out.text.size() == out.account.size());
    MVCORE_ASSERT(out.filled_value.size() == out.account.size());
    return out;
}

void Reads::append(const Order& o, OrderList& out) const {
    const Board& board = state_.board;
    const Quote& quote = board.quote(o.instrument);
    const Instrument& instrument = board.instrument(o.instrument);
    MVCORE_ASSERT(quote.alive && state_.account_alive(o.account));
    MVCORE_ASSERT(state_.orders.scale(o.instrument) == instrument.quantity_scale);
    MVCORE_ASSERT(o.average_price.scale <= kMaxScale);
    const i128 unit = kPow10[std::size_t(18 - instrument.quantity_scale)];
    out.account.push_back(raw(o.account));
    out.instrument.push_back(raw(o.instrument));
    out.currency.push_back(instrument.terms.currency);
    out.status.push_back(static_cast<std::int32_t>(o.status));
    out.time.push_back(o.time);
    out.quantity.push_back(o.quantity * unit);
    out.filled.push_back(o.filled * unit);
    out.average_price_known.push_back(o.average_price.known() ? 1 : 0);
    out.average_price.push_back(o.average_price.known()
                                    ? o.average_price.mantissa *
                                          kPow10[std::size_t(18 - o.average_price.scale)]
                                    : i128{0});
    out.rolled.push_back(o.rolled * unit);
    out.leaves.push_back(o.leaves() * unit);
    out.priced.push_back(quote.priced ? 1 : 0);
    const i256 price = quote.priced ? board.price_of(o.instrument) : i256();
    const int scale = quote.priced ? board.value_scale(o.instrument) : 0;
    out.price.push_back(quote.priced ? board.price_mantissa(o.instrument) *
                                           kPow10[std::size_t(18 - quote.price_scale)]
                                     : i128{0});
    try {
        out.market_value.push_back(value_amount(o.quantity, price, scale, value_scale_));
        out.filled_value.push_back(value_amount(o.filled, price, scale, value_scale_));
    } catch (const Error&) {
        throw PositionOverflow(o.account, o.instrument);
    }
}

PriceList Reads::prices() const {
    PriceList out;
    out.epoch = state_.epoch;
    for (const auto i : instruments_below(state_.board.size())) {
        const Quote& quote = state_.board.quote(i);
        if (!quote.alive || !quote.priced) continue;
        MVCORE_ASSERT(quote.epoch <= state_.epoch && quote.price_scale <= kMaxScale);
        out.instrument.push_back(raw(i));
        out.price.push_back(state_.board.price_mantissa(i) *
                            kPow10[std::size_t(18 - quote.price_scale)]);
        out.time.push_back(quote.time);
        out.changed.push_back(raw(quote.epoch));
    }
    return out;
}

}  // namespace mvcore
