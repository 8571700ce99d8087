#include "mvcore/valuation/reads.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"

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

// Finds the orders of a selection.
class OrderSearch {
public:
    OrderSearch(const State& state, const CodeSelection& selection, std::uint64_t limit)
        : state_(state), selection_(selection), limit_(limit) {
        if (!selection.accounts) return;
        wanted_ = 0;
        for (const auto a : *selection.accounts) {
            if (!has_orders(a)) continue;
            wanted_ += state.account_orders[code_index(a)];
            positions_ += state.positions[code_index(a)];
        }
    }
    // Whether to search first the instruments in which the accounts have positions: nearly every
    // order is of one. An order of another instrument has ended, or others offset it.
    [[nodiscard]] bool uses_index() const {
        return selection_.accounts && wanted_ != 0 && positions_ < orders_selected();
    }
    // Returns false if the search visits more than `limit`.
    bool run() {
        std::vector<InstrumentCode> first;
        if (state_.index.built() && uses_index()) {
            visited_ = positions_;
            if (visited_ > limit_) return false;
            first = instruments_held();
        }
        const auto& named = selection_.instruments;
        const auto rest = [&](InstrumentCode i) {
            return std::binary_search(first.begin(), first.end(), i) || visit(i);
        };
        if (!std::all_of(first.begin(), first.end(), [&](auto i) { return visit(i); }))
            return false;
        if (named) return std::all_of(named->begin(), named->end(), rest);
        for (const auto i : instruments_below(state_.orders.instruments())) {
            if (slots_.size() == wanted_) break;
            if (!rest(i)) return false;
        }
        return true;
    }
    [[nodiscard]] std::uint64_t visited() const noexcept { return visited_; }
    [[nodiscard]] std::vector<Slot> take() noexcept { return std::move(slots_); }

private:
    [[nodiscard]] bool has_orders(AccountCode a) const {
        return state_.account_alive(a) && state_.account_orders[code_index(a)] != 0;
    }
    // The instruments of the selection in which its accounts have positions.
    [[nodiscard]] std::vector<InstrumentCode> instruments_held() const {
        std::vector<InstrumentCode> out;
        for (const auto a : *selection_.accounts) {
            if (!has_orders(a)) continue;
            state_.index.grid().for_each(code_index(a), [&](std::uint32_t index_row, const Net&) {
                const auto i = state_.index.instrument_at(index_row);
                if (selects(selection_.instruments, i)) out.push_back(i);
            });
        }
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }
    [[nodiscard]] std::uint64_t orders_selected() const {
        if (!selection_.instruments) return state_.orders.size();
        std::uint64_t orders = 0;
        for (const auto i : *selection_.instruments) orders += state_.orders.count(i);
        return orders;
    }
    bool visit(InstrumentCode i) {
        if (slots_.size() == wanted_ || state_.orders.count(i) == 0) return true;
        visited_ += state_.orders.count(i);
        if (visited_ > limit_) return false;
        state_.orders.for_each(i, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            if (selects(selection_.accounts, page.records[k].account())) slots_.push_back(slot);
        });
        MVCORE_ASSERT(slots_.size() <= wanted_);
        return true;
    }

    const State& state_;
    const CodeSelection& selection_;
    std::uint64_t limit_;
    std::uint64_t wanted_ = std::numeric_limits<std::uint64_t>::max();  // orders of the accounts
    std::uint64_t positions_ = 0;                                       // of the accounts
    std::uint64_t visited_ = 0;
    std::vector<Slot> slots_;
};

}  // namespace

AccountValue Reads::value(AccountCode account, std::int32_t currency) const {
    MVCORE_ASSERT(state_.index.built() && state_.account_alive(account));
    const Board& board = state_.board;
    thread_local std::vector<UnitTotal> sums;
    AccountValue out;
    out.epoch = state_.epoch;
    // Fast path for nearly every account: all rates known, all sums within 128 bits.
    const int columns = state_.index.grid().split() ? kMeasures : 1;
    for (int m = 0; m < columns; ++m) {
        sums.clear();
        state_.index.totals(board, account, m, sums);
        i128& amount = out.amount[std::size_t(m)];
        if (sums.size() == 1 && board.unit(sums[0].unit).currency == currency)
            amount = value_amount(sums[0].total, board.unit(sums[0].unit).scale, value_scale_);
        else if (fast_amount(sums, currency, amount)) amount = checked_amount(amount);
        else return value_in_units(account, currency);
    }
    if (columns == 1) out.amount = all_of(out.amount[0]);
    if (board.unpriced() != 0)
        for (UnitId u = 0; u < board.units(); ++u)
            if (!board.unit(u).priced()) out.unpriced += state_.index.positions(board, account, u);
    MVCORE_ASSERT(out.unpriced <= state_.positions[code_index(account)]);
    return out;
}

// As AmountConverter::amount(): adds the totals of a currency exactly at the largest of their
// scales, then rounds once per currency. Returns false if a value may not fit 128 bits, or if a
// rate is missing.
bool Reads::fast_amount(std::span<const UnitTotal> sums, std::int32_t currency,
                        i128& out) const noexcept {
    const Board& board = state_.board;
    const auto rate_of = [&](std::int32_t of) {
        return of == state_.base ? nullptr : &board.rate(of);
    };
    if (sums.size() > tuning::kFastUnits) return false;  // compares each sum with all others
    out = 0;
    for (std::size_t k = 0; k < sums.size(); ++k) {
        const auto source = board.unit(sums[k].unit).currency;
        const auto of_source = [&](const UnitTotal& sum) {
            return board.unit(sum.unit).currency == source;
        };
        if (std::any_of(sums.begin(), sums.begin() + std::ptrdiff_t(k), of_source)) continue;
        int scale = 0;
        for (const auto& sum : sums.subspan(k))
            if (of_source(sum)) scale = std::max<int>(scale, board.unit(sum.unit).scale);
        i128 total = 0;
        for (const auto& sum : sums.subspan(k)) {
            if (!of_source(sum)) continue;
            const int shift = scale - board.unit(sum.unit).scale;
            i128 part = 0;
            if (!sum.total.fits128() || shift > 38 ||
                __builtin_mul_overflow(sum.total.low128(), kPow10[std::size_t(shift)], &part) ||
                __builtin_add_overflow(total, part, &total))
                return false;
        }
        const bool same = source == currency;
        const FastConversion conversion(same ? nullptr : rate_of(source),
                                        same ? nullptr : rate_of(currency), value_scale_);
        i128 amount = 0;
        if (!conversion.amount(total, scale, amount) || __builtin_add_overflow(out, amount, &out))
            return false;
    }
    return true;
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
    const Target target{state_.base, question.currency, value_scale_, question.own.get()};
    Totals totals;
    Numbering numbering;
    numbering.dense_only = !question.levels.empty();
    totals.build(state_, question.grouping, question.measures, needs_counts(state_.board, target),
                 numbering, question.quantities ? &question.quantities->measures : nullptr);
    cells += totals.cells_swept();
    const auto of_instrument = question.quantities ? question.quantities->first_level : 0;
    if (!question.levels.empty())
        totals = totals.rolled_up(question.levels, question.rows, of_instrument);
    MVCORE_ASSERT(question.levels.empty() || totals.rows() == question.rows);
    const AmountConverter converter(state_.board, totals.units(), target.base,
                                    target.separate() ? kLocal : target.currency,
                                    target.value_scale);
    ResultRows out = all_rows(totals, converter, state_.board, target);
    out.epoch = state_.epoch;
    if (question.quantities)
        add_quantities(totals, state_.board, *question.quantities,
                       static_cast<int>(question.measures.size()), out);
    return out;
}

void Reads::run_functions(const Question& question, ResultRows& rows) const {
    MVCORE_ASSERT(rows.epoch == state_.epoch);
    if (question.functions)
        rows.floats =
            run_user_functions(state_, question.grouping, question.levels,
                               {state_.base, question.currency, value_scale_, question.own.get()},
                               *question.functions, rows);
    MVCORE_ASSERT(!question.functions || rows.floats.size() == question.functions->size());
}

void Reads::turn_to_page(const Question& question, ResultRows& rows) {
    if (!question.page) return;
    MVCORE_ASSERT(question.levels.empty());
    rows = page_of(rows, *question.page);
}

std::optional<OrderList> Reads::orders(const CodeSelection& selection, std::uint64_t limit,
                                       std::uint64_t& cells) const {
    MVCORE_ASSERT(selection.masters == state_.masters);
    OrderSearch search(state_, selection, limit);
    const bool within = search.run();
    cells += search.visited();
    if (!within) return std::nullopt;
    return listed(search.take());
}

bool Reads::orders_use_index(const CodeSelection& selection) const {
    return OrderSearch(state_, selection, 0).uses_index();
}

OrderList Reads::listed(std::vector<Slot>&& slots) const {
    const OrderStore& store = state_.orders;
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

PriceList Reads::prices(const std::optional<std::vector<InstrumentCode>>& selected) const {
    PriceList out;
    out.epoch = state_.epoch;
    const auto append = [&](InstrumentCode i) {
        const Quote& quote = state_.board.quote(i);
        if (!quote.alive || !quote.priced) return;
        MVCORE_ASSERT(quote.epoch <= state_.epoch && quote.price_scale <= kMaxScale);
        out.instrument.push_back(raw(i));
        out.price.push_back(state_.board.price_mantissa(i) *
                            kPow10[std::size_t(18 - quote.price_scale)]);
        out.time.push_back(quote.time);
        out.changed.push_back(raw(quote.epoch));
    };
    if (!selected) {
        for (const auto i : instruments_below(state_.board.size())) append(i);
        return out;
    }
    for (const auto i : *selected)
        if (code_index(i) < state_.board.size()) append(i);
    return out;
}

}  // namespace mvcore
