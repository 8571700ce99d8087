// Converts a state to columns and back: the result is equal to the last bit. Damaged columns are
// refused, or give another consistent state. Columns are copied to memory of exactly their size, so
// that a sanitizer detects reads beyond them.
#include <cstring>
#include <map>

#include "edges.hpp"
#include "mvcore/checkpoint/chunks.hpp"
#include "mvcore/checkpoint/restore.hpp"
#include "random_run.hpp"
#include "reliability.hpp"

using namespace model;
using namespace mvcore;

namespace {

struct StoredBook {
    struct Range {
        InstrumentCode begin;
        InstrumentCode end;
        HoldingsChunk held;
        OrdersChunk ordered;
    };
    int value_scale = 0;
    IdKind kind = IdKind::none;
    StoredCounts counts;
    TextColumn currencies;
    TextColumn accounts;
    TextColumn instruments;
    StoredRates rates;
    std::vector<std::uint8_t> alive;
    InstrumentsTable table;
    std::vector<Range> ranges;
};

TextColumn texts_of(const Names& names) {
    TextColumn out;
    for (std::int32_t k = 0; k < names.size(); ++k) out.push(names.text(k));
    return out;
}

StoredBook stored(const Book& book, std::int32_t chunk_instruments) {
    const State& state = book.state();
    const Counters& c = book.counters();
    StoredBook out;
    out.value_scale = book.value_scale();
    out.kind = state.orders.kind();
    out.counts = {state.epoch, state.masters, state.orders.size(), c.ticks, c.facts, c.dropped};
    out.currencies = texts_of(book.names().currencies);
    out.accounts = texts_of(book.names().accounts);
    out.instruments = texts_of(book.names().instruments);
    for (std::int32_t k = 0; k < book.names().currencies.size(); ++k) {
        const auto& r = state.board.rate(k);
        out.rates.rate.push_back(r.mantissa * kPow10[std::size_t(kMaxScale - r.scale)]);
        out.rates.divide.push_back(r.divide ? 1 : 0);
        out.rates.time.push_back(r.time);
    }
    out.alive = state.accounts_alive;
    out.alive.resize(std::size_t(book.names().accounts.size()));
    const auto count = book.names().instruments.size();
    out.table = instruments_table(state, std::size_t(count));
    for (std::int32_t i = 0; i < count; i += chunk_instruments) {
        const auto begin = InstrumentCode(i);
        const auto end = InstrumentCode(std::min(count, i + chunk_instruments));
        out.ranges.push_back(
            {begin, end, holdings_chunk(state, begin, end), orders_chunk(state, begin, end)});
    }
    return out;
}

StoredTexts view_of(const TextColumn& texts) {
    return {reinterpret_cast<const std::byte*>(texts.offsets.data()), texts.bytes.data(),
            texts.bytes.size()};
}
StoredInts view_of(const IntColumn& ints) { return {ints.bytes.data(), ints.width}; }
template <class T>
StoredInts view_of(const std::vector<T>& values, Width width) {
    return {reinterpret_cast<const std::byte*>(values.data()), width};
}

std::unique_ptr<Book> restored(const StoredBook& from) {
    Restore restore("USD", from.kind, from.counts);
    restore.currencies(view_of(from.currencies), from.currencies.offsets.size() - 1, from.rates);
    restore.accounts(view_of(from.accounts), from.alive);
    restore.instruments(view_of(from.instruments), from.table);
    for (const auto& range : from.ranges) {
        const HoldingsChunk& h = range.held;
        const OrdersChunk& o = range.ordered;
        StoredHoldings held{h.rows, view_of(h.instrument), view_of(h.account), view_of(h.quantity)};
        StoredOrders ordered;
        ordered.rows = o.rows;
        ordered.instrument = view_of(o.instrument);
        ordered.account = view_of(o.account);
        ordered.quantity = view_of(o.quantity);
        ordered.filled = view_of(o.filled);
        ordered.rolled = view_of(o.rolled);
        ordered.status = view_of(o.status, kernels::w8);
        if (!o.retained.empty()) ordered.retained = view_of(o.retained, kernels::w8);
        if (!o.time.empty()) ordered.time = view_of(o.time, kernels::w64);
        if (!o.number.empty()) ordered.number = view_of(o.number, kernels::w64);
        ordered.text = view_of(o.text);
        restore.chunk(range.begin, range.end, held, ordered);
    }
    restore.index(0, OrderIndex::tables());
    restore.finish();
    auto book = std::make_unique<Book>("USD", from.value_scale);
    book->adopt(restore);
    return book;
}

bool same(const IntColumn& a, const IntColumn& b) {
    return a.width == b.width && a.bytes == b.bytes;
}
bool same(const TextColumn& a, const TextColumn& b) {
    return a.offsets == b.offsets && a.bytes == b.bytes;
}

void check_same(const StoredBook& a, const StoredBook& b) {
    CHECK(same(a.accounts, b.accounts) && same(a.instruments, b.instruments));
    CHECK(same(a.currencies, b.currencies) && a.rates.rate == b.rates.rate);
    CHECK(a.alive == b.alive && a.rates.divide == b.rates.divide && a.rates.time == b.rates.time);
    CHECK(std::memcmp(&a.counts, &b.counts, sizeof a.counts) == 0);
    CHECK(a.table.alive == b.table.alive && a.table.currency == b.table.currency);
    CHECK(a.table.price == b.table.price && a.table.priced == b.table.priced);
    CHECK(a.table.price_scale == b.table.price_scale && a.table.price_time == b.table.price_time);
    CHECK(a.table.price_epoch == b.table.price_epoch && a.table.orders == b.table.orders);
    CHECK(a.table.quantity_scale == b.table.quantity_scale && a.table.holdings == b.table.holdings);
    CHECK(a.ranges.size() == b.ranges.size());
    for (std::size_t k = 0; k < a.ranges.size() && k < b.ranges.size(); ++k) {
        const auto& [begin, end, held, ordered] = a.ranges[k];
        const auto& other = b.ranges[k];
        CHECK(same(held.instrument, other.held.instrument));
        CHECK(same(held.account, other.held.account) && same(held.quantity, other.held.quantity));
        CHECK(same(ordered.instrument, other.ordered.instrument));
        CHECK(same(ordered.account, other.ordered.account));
        CHECK(same(ordered.quantity, other.ordered.quantity));
        CHECK(same(ordered.filled, other.ordered.filled));
        CHECK(same(ordered.rolled, other.ordered.rolled));
        CHECK(ordered.status == other.ordered.status && ordered.time == other.ordered.time);
        CHECK(ordered.retained == other.ordered.retained);
        CHECK(ordered.number == other.ordered.number && same(ordered.text, other.ordered.text));
    }
}

std::map<std::string, Order> orders_of(const State& state, std::int32_t instruments) {
    std::map<std::string, Order> out;
    const bool text = state.orders.kind() == IdKind::text;
    for (std::int32_t i = 0; i < instruments; ++i)
        state.orders.for_each(InstrumentCode(i), [&](Slot slot, const auto&, auto) {
            out.emplace(text ? std::string(state.orders.text(slot))
                             : std::to_string(state.orders.number(slot)),
                        state.orders.order(slot));
        });
    return out;
}

// Compares what is computed rather than stored, and the orders.
void check_computed(const State& a, const State& b, std::int32_t instruments,
                    std::int32_t accounts) {
    for (std::int32_t i = 0; i < instruments; ++i) {
        CHECK(a.board.instrument(InstrumentCode(i)).abs_quantity ==
              b.board.instrument(InstrumentCode(i)).abs_quantity);
        for (std::int32_t k = 0; k < accounts; ++k)
            CHECK(a.grid.get(std::size_t(i), std::uint32_t(k)) ==
                  b.grid.get(std::size_t(i), std::uint32_t(k)));
    }
    for (std::size_t k = 0; k < std::size_t(accounts); ++k) {
        CHECK(a.positions[k] == b.positions[k]);
        CHECK(a.account_orders[k] == b.account_orders[k]);
    }
    const auto before = orders_of(a, instruments);
    const auto after = orders_of(b, instruments);
    CHECK(before.size() == after.size());
    std::size_t differ = 0;
    for (const auto& [id, order] : before) {
        const auto found = after.find(id);
        differ += found == after.end() || !found->second.unchanged(order) ||
                  found->second.time != order.time || found->second.retained != order.retained;
    }
    CHECK(differ == 0);
    CHECK(a.board.unpriced() == b.board.unpriced() && a.currency_users == b.currency_users);
}

void check_round_trip(Run& run) {
    const auto before = stored(run.book, 1 + run.pick(7));
    const auto book = restored(before);
    const auto& range = before.ranges.empty()
                            ? StoredBook::Range{InstrumentCode{0}, InstrumentCode{1}, {}, {}}
                            : before.ranges[0];
    check_same(before, stored(*book, raw(range.end) - raw(range.begin)));
    check_computed(run.book.state(), book->state(), run.book.names().instruments.size(),
                   run.book.names().accounts.size());
}

// Changes one column at a random place.
void damage(Run& run, StoredBook& book) {
    auto& range = book.ranges[std::size_t(run.pick(int(book.ranges.size())))];
    const auto change = [&](void* data, std::size_t size) {
        if (size == 0) return;
        auto* bytes = static_cast<unsigned char*>(data);
        const auto at = std::size_t(run.pick(int(size)));
        const int how = run.pick(4);
        if (how == 0) bytes[at] = static_cast<unsigned char>(bytes[at] ^ (1U << run.pick(8)));
        else
            std::memset(bytes + at,
                        how == 1   ? 0xFF
                        : how == 2 ? 0x7F
                                   : 0,
                        std::min(size - at, std::size_t(1) << run.pick(4)));
    };
    const auto ints = [&](IntColumn& c) { change(c.bytes.data(), c.bytes.size()); };
    const auto values = [&](auto& v) { change(v.data(), v.size() * sizeof v[0]); };
    switch (run.pick(20)) {
        case 0: return ints(range.held.instrument);
        case 1: return ints(range.held.account);
        case 2: return ints(range.held.quantity);
        case 3: return ints(range.ordered.instrument);
        case 4: return ints(range.ordered.account);
        case 5: return ints(range.ordered.quantity);
        case 6: return ints(range.ordered.filled);
        case 7: return ints(range.ordered.rolled);
        case 8: return values(range.ordered.status);
        case 9: return values(range.ordered.time);
        case 10: return values(range.ordered.number);
        case 11: return values(range.ordered.text.offsets);
        case 12: return values(book.accounts.offsets);
        case 13: return values(book.table.currency);
        case 14: return values(book.table.quantity_scale);
        case 15: return values(book.table.price);
        case 16: return values(book.table.price_scale);
        case 17: return values(book.rates.rate);
        case 18: return values(book.alive);
        default: return change(&book.counts, sizeof book.counts);
    }
}

}  // namespace

TEST(a_state_is_restored_from_its_columns) {
    for (auto [size, seed] : {std::pair(kSmall, 31U), std::pair(kWide, 32U)})
        for (auto kind : {IdKind::integer, IdKind::text, IdKind::none}) {
            Run run(40, 12, 60, size, 8, seed, kind);
            for (int k = 0; k < 400 && check::failures() < 20; ++k) {
                run.step();
                if (k % 20 == 0) check_round_trip(run);
            }
        }
}

TEST(a_state_of_many_pages_is_restored) {
    Run run(9, 3, 30, kSmall, 2, 33, IdKind::integer);
    run.most_orders = 3000;
    for (int k = 0; k < 40; ++k) run.write_orders(100);
    check_round_trip(run);
}

TEST(damaged_columns_are_refused_or_give_a_consistent_book) {
    const auto runs = reliability::runs(3000, 10'000);
    std::uint64_t refused = 0;
    std::uint64_t whole = 0;
    const int before = check::failures();
    for (auto kind : {IdKind::integer, IdKind::text}) {
        Run run(40, 12, 60, kSmall, 8, 34, kind);
        for (int k = 0; k < 300; ++k) run.step();
        const auto good = stored(run.book, 5);
        for (std::uint64_t k = 0; k < runs / 2; ++k) {
            auto bad = good;
            damage(run, bad);
            try {
                const auto book = restored(bad);
                check_same(stored(*book, 5), stored(*restored(stored(*book, 5)), 5));
                book->roll_day();
                ++whole;
            } catch (const Error& e) {
                CHECK(e.kind() == ErrorKind::corrupt_data || e.kind() == ErrorKind::value_overflow);
                ++refused;
            } catch (const std::bad_alloc&) {  // no memory for so many orders
                ++refused;
            }
        }
    }
    reliability::record(
        "D6, D7", "damaged columns of a checkpoint", runs,
        static_cast<std::uint64_t>(check::failures() - before), "34",
        std::to_string(refused) + " refused, " + std::to_string(whole) + " consistent");
    CHECK(refused > runs / 10 && whole > runs / 10);
}
