#include "mvcore/checkpoint/chunks.hpp"

#include <algorithm>
#include <limits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

// ORs magnitudes: the result needs the width of the widest integer.
i128 widest(i128 so_far, i128 value) { return so_far | (value < 0 ? ~value : value); }

IntColumn column_of(i128 most, std::size_t rows) {
    IntColumn column;
    column.width = width_of(most);
    column.bytes.resize(kernels::width_bytes(column.width) * rows);
    return column;
}

void put(IntColumn& column, std::size_t k, i128 value) {
    MVCORE_ASSERT((k + 1) * kernels::width_bytes(column.width) <= column.bytes.size());
    with_quantity(column.width, static_cast<void*>(column.bytes.data()), [&](auto* q) {
        using Q = std::remove_cvref_t<decltype(*q)>;
        q[k] = static_cast<Q>(value);
        MVCORE_ASSERT(q[k] == value);
    });
}

// The pages of the instrument, oldest first. A store restored from the chunk then keeps its orders
// in the same order, and writes the same chunk.
std::vector<const OrderPage*> pages_of(const OrderStore& orders, InstrumentCode instrument) {
    std::vector<const OrderPage*> pages;
    orders.for_pages(instrument, [&](const PageRef& page) { pages.push_back(&*page); });
    std::reverse(pages.begin(), pages.end());
    return pages;
}

template <class F>
void for_orders(const OrderStore& orders, InstrumentCode begin, InstrumentCode end, F&& f) {
    for (const auto i : instruments_between(begin, end))
        for (const OrderPage* page : pages_of(orders, i))
            for (std::uint32_t k = 0; k < page->used; ++k)
                if (!page->records[k].free()) f(i, *page, k);
}

i128 at_18(const Decimal& d) { return d.mantissa * kPow10[std::size_t(kMaxScale - d.scale)]; }

}  // namespace

void TextColumn::push(std::string_view text) {
    if (bytes.size() + text.size() > std::size_t(std::numeric_limits<std::int32_t>::max()))
        throw Error(ErrorKind::storage,
                    "texts of more than 2 GB in one chunk, as order ids of one instrument");
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<std::int32_t>(bytes.size()));
}

HoldingsChunk holdings_chunk(const State& state, InstrumentCode begin, InstrumentCode end) {
    HoldingsChunk out;
    MVCORE_ASSERT(is_code(begin) && begin <= end && code_index(end) <= state.grid.lines());
    i128 most = 0;
    i128 accounts = 0;
    const auto for_held = [&](auto&& f) {
        for (const auto i : instruments_between(begin, end))
            state.grid.for_each(std::size_t(i), [&](std::uint32_t account, const Net& net) {
                if (net[sod] != 0) f(i, account, net[sod]);
            });
    };
    for_held([&](InstrumentCode, std::uint32_t account, i128 quantity) {
        most = widest(most, quantity);
        accounts |= account;
        ++out.rows;
    });
    out.instrument = column_of(raw(end) == 0 ? 0 : raw(end) - 1, out.rows);
    out.account = column_of(accounts, out.rows);
    out.quantity = column_of(most, out.rows);
    std::size_t k = 0;
    for_held([&](InstrumentCode i, std::uint32_t account, i128 quantity) {
        put(out.instrument, k, raw(i));
        put(out.account, k, account);
        put(out.quantity, k++, quantity);
    });
    MVCORE_ASSERT(k == out.rows);
    return out;
}

OrdersChunk orders_chunk(const State& state, InstrumentCode begin, InstrumentCode end) {
    const OrderStore& store = state.orders;
    OrdersChunk out;
    i128 quantity = 0;
    i128 filled = 0;
    i128 rolled = 0;
    i128 accounts = 0;
    bool timed = false;
    bool retained = false;
    bool priced = false;
    bool priced_before = false;
    for_orders(store, begin, end, [&](InstrumentCode, const OrderPage& page, std::uint32_t k) {
        const Order o = OrderStore::order(page, k);
        quantity = widest(quantity, o.quantity);
        filled = widest(filled, o.filled);
        rolled = widest(rolled, o.rolled);
        accounts |= raw(o.account);
        timed = timed || o.time != kNoTime;
        retained = retained || o.retained;
        priced = priced || o.average_price.known();
        priced_before = priced_before || o.rolled_price.known();
        ++out.rows;
    });
    out.instrument = column_of(raw(end) == 0 ? 0 : raw(end) - 1, out.rows);
    out.account = column_of(accounts, out.rows);
    out.quantity = column_of(quantity, out.rows);
    out.filled = column_of(filled, out.rows);
    out.rolled = column_of(rolled, out.rows);
    out.status.resize(out.rows);
    const auto resize = [&](PriceColumn& column) {
        column.price.resize(out.rows);
        column.known.resize(out.rows);
    };
    if (priced) resize(out.average_price);
    if (priced_before) resize(out.rolled_price);
    if (timed) out.time.resize(out.rows);
    if (retained) out.retained.resize(out.rows);
    if (store.kind() == IdKind::integer) out.number.resize(out.rows);
    [[maybe_unused]] std::size_t held = 0;
    for (const auto i : instruments_between(begin, end)) held += store.count(i);
    MVCORE_ASSERT(out.rows == held);
    std::size_t row = 0;
    const auto arena = store.arena();
    for_orders(store, begin, end, [&](InstrumentCode i, const OrderPage& page, std::uint32_t k) {
        const Order o = OrderStore::order(page, k);
        put(out.instrument, row, raw(i));
        put(out.account, row, raw(o.account));
        put(out.quantity, row, o.quantity);
        put(out.filled, row, o.filled);
        put(out.rolled, row, o.rolled);
        out.status[row] = static_cast<std::uint8_t>(o.status);
        if (priced) out.average_price.put(row, o.average_price);
        if (priced_before) out.rolled_price.put(row, o.rolled_price);
        if (timed) out.time[row] = o.time;
        if (retained) out.retained[row] = o.retained ? 1 : 0;
        if (arena != nullptr) out.text.push(arena->text(page.records[k].id));
        else out.number[row] = OrderStore::number(page, k);
        ++row;
    });
    MVCORE_ASSERT(row == out.rows);
    MVCORE_ASSERT(arena == nullptr ? out.number.size() == row || row == 0
                                   : out.text.offsets.size() == row + 1);
    return out;
}

InstrumentsTable instruments_table(const State& state, std::size_t instruments) {
    InstrumentsTable out;
    MVCORE_ASSERT(instruments <= state.board.size());
    for (std::size_t k = 0; k < instruments; ++k) {
        const auto i = InstrumentCode(k);
        const Quote& q = state.board.quote(i);
        const Instrument& c = state.board.instrument(i);
        MVCORE_ASSERT(q.alive || (!q.priced && state.orders.count(i) == 0));
        MVCORE_ASSERT(q.alive || (c.abs_quantity.zero() && state.grid.positions(k) == 0));
        MVCORE_ASSERT(q.epoch <= state.epoch);
        MVCORE_ASSERT(c.quantity_scale % 2 == 0 && q.price_scale % 2 == 0);
        out.alive.push_back(q.alive ? 1 : 0);
        out.currency.push_back(c.terms.currency);
        out.multiplier.push_back(at_18(c.terms.multiplier));
        out.quote_factor.push_back(at_18(c.terms.quote_factor));
        out.cash.push_back(c.terms.cash ? 1 : 0);
        out.quantity_scale.push_back(static_cast<std::uint8_t>(c.quantity_scale));
        out.priced.push_back(q.priced ? 1 : 0);
        out.price.push_back(q.priced ? at_18({state.board.price_mantissa(i), q.price_scale}) : 0);
        out.price_scale.push_back(q.price_scale);
        out.price_time.push_back(q.time);
        out.price_epoch.push_back(raw(q.epoch));
        out.holdings.push_back(state.grid.positions(k));
        out.orders.push_back(state.orders.count(i));
    }
    return out;
}

}  // namespace mvcore
