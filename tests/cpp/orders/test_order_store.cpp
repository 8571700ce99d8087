// The order store by itself: reused slots, growing pages, and rare fields.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "check.hpp"
#include "mvcore/orders/order_store.hpp"

using namespace mvcore;

namespace {

std::mt19937_64 g_random(10);
std::uint32_t pick(std::uint64_t n) { return static_cast<std::uint32_t>(g_random() % n); }

bool same(const Order& a, const Order& b) {
    return a.account == b.account && a.instrument == b.instrument && a.quantity == b.quantity &&
           a.filled == b.filled && a.rolled == b.rolled && a.time == b.time &&
           a.status == b.status && a.retained == b.retained && a.average_price == b.average_price &&
           a.rolled_price == b.rolled_price;
}

FillPrice some_price() {
    const auto digits = static_cast<i128>(g_random() >> (pick(10) == 0 ? 1 : 40));
    const i128 mantissa = pick(20) == 0 ? digits << 40 : digits;
    return {pick(8) == 0 ? -mantissa : mantissa, static_cast<int>(pick(19))};
}

// A random order. A few orders need optional arrays.
Order some_order(InstrumentCode instrument) {
    Order o;
    o.account = AccountCode(pick(1000));
    o.instrument = instrument;
    const int bits = pick(20) == 0 ? 80 : pick(10) == 0 ? 33 : 20;
    const i128 size =
        static_cast<i128>(static_cast<u128>(g_random()) << 64 | g_random()) >> (128 - bits);
    o.quantity = pick(30) == 0 ? i128{OrderRecord::kWide} : size;
    o.filled = pick(2) == 0 ? o.quantity / 2 : 0;
    o.rolled = pick(5) == 0 ? o.filled / 2 : 0;
    o.time = pick(4) == 0 ? static_cast<std::int64_t>(pick(1000)) : kNoTime;
    o.retained = pick(4) == 0;
    if (pick(6) == 0) o.average_price = some_price();
    if (pick(9) == 0) o.rolled_price = some_price();
    o.status = static_cast<Status>(pick(15));
    return o;
}

struct Kept {
    Order order;
    std::int64_t number = 0;
    std::string text;
};

struct Stored {
    explicit Stored(IdKind kind) {
        store.set_kind(kind);
        store.extend(3);
    }
    void insert(int of) {
        const auto instrument = InstrumentCode(of);
        const bool text = store.kind() == IdKind::text;
        Kept k{some_order(instrument), 0, {}};
        k.number = static_cast<std::int64_t>(g_random()) >> (pick(8) == 0 ? 0 : 40);
        k.text = std::string(1 + pick(40), 'q') + std::to_string(next++);
        const auto extras = OrderStore::extras_of(k.order, text ? 0 : k.number);
        store.prepare(instrument, 1, extras);
        const auto id = text ? store.store(k.text) : static_cast<std::uint64_t>(k.number);
        const Slot slot = store.insert(k.order, id);
        CHECK(model.emplace(slot, k).second && store.stored(slot) == id);
    }
    void erase(Slot slot) {
        store.prepare(slot, {});
        store.erase(slot);
        model.erase(slot);
    }
    void put(Slot slot) {
        auto& k = model.at(slot);
        k.order = some_order(k.order.instrument);
        store.prepare(slot, OrderStore::extras_of(k.order, k.number));
        store.put(slot, k.order);
    }
    Slot any() const { return std::next(model.begin(), pick(model.size()))->first; }

    void check() const { check(store, model); }
    static void check(const OrderStore& store, const std::map<Slot, Kept>& model) {
        CHECK(store.size() == model.size());
        std::size_t n = 0;
        for (std::int32_t i = 0; i < 3; ++i) {
            std::uint32_t count = 0;
            store.for_each(InstrumentCode(i),
                           [&](Slot slot, const OrderPage& page, std::uint32_t k) {
                               const auto found = model.find(slot);
                               CHECK(found != model.end() &&
                                     same(OrderStore::order(page, k), found->second.order));
                               ++count;
                           });
            CHECK(count == store.count(InstrumentCode(i)));
            n += count;
        }
        CHECK(n == model.size());
        for (const auto& [slot, k] : model) {
            CHECK(same(store.order(slot), k.order));
            CHECK(store.has(slot, {k.number, k.text}));
            CHECK(store.hash_at(slot) == hash_of({k.number, k.text}, store.kind()));
        }
    }

    OrderStore store;
    std::map<Slot, Kept> model;
    int next = 0;
};

}  // namespace

TEST(an_order_store_returns_what_was_stored_and_its_copies_never_change) {
    for (auto kind : {IdKind::integer, IdKind::text}) {
        Stored s(kind);
        std::vector<std::pair<OrderStore, std::map<Slot, Kept>>> copies;
        for (int step = 0; step < 6000; ++step) {
            const auto what = pick(10);
            if (s.model.empty() || what < 4 || (what < 6 && step < 3000))
                s.insert(static_cast<std::int32_t>(pick(10) == 0 ? 1 : pick(2) * 2));
            else if (what < 8) s.put(s.any());
            else s.erase(s.any());
            if (pick(400) == 0) copies.emplace_back(s.store, s.model);
            if (copies.size() > 3) copies.erase(copies.begin());
            if (step % 500 == 0) s.check();
        }
        s.check();
        CHECK(s.store.count(InstrumentCode(0)) > 2 * OrderPage::kRecords && s.store.copies() > 0);
        for (const auto& [store, model] : copies) Stored::check(store, model);
    }
}

TEST(a_freed_slot_is_reused) {
    Stored s(IdKind::integer);
    for (int k = 0; k < 600; ++k) s.insert(0);
    const auto bytes = s.store.memory_bytes();
    Slot most = s.model.rbegin()->first;
    for (int round = 0; round < 2000; ++round) {
        s.erase(s.any());
        s.insert(0);
        most = std::max(most, s.model.rbegin()->first);
    }
    CHECK(most < OrderStore::slot_at(3, 0) && s.store.memory_bytes() < 2 * bytes);
    s.check();
}

TEST(space_prepared_for_orders_is_kept_until_used) {
    Stored s(IdKind::integer);
    for (const std::size_t more : {1U, 16U, 17U, 200U, 700U, 5U}) {
        s.store.prepare(InstrumentCode(0), more, {});
        const auto bytes = s.store.memory_bytes();
        s.store.prepare(InstrumentCode(0), more, {});
        CHECK(s.store.memory_bytes() == bytes);
        for (std::size_t k = 0; k < more; ++k) {
            Order o;
            o.account = AccountCode{1}, o.instrument = InstrumentCode{0},
            o.quantity = static_cast<int>(k);
            const Slot slot = s.store.insert(o, k);
            CHECK(s.model.emplace(slot, Kept{o, std::int64_t(k), {}}).second);
        }
        CHECK(s.store.memory_bytes() == bytes);
        s.check();
    }
}

TEST(rescaled_orders_may_outgrow_their_records_and_copies_never_change) {
    for (auto kind : {IdKind::integer, IdKind::text}) {
        Stored s(kind);
        for (int k = 0; k < 700; ++k) s.insert(k % 3);
        for (int k = 0; k < 100; ++k) s.erase(s.any());
        const OrderStore copy = s.store;
        const auto then = s.model;
        auto pages = s.store.rescaled(InstrumentCode(1), 1000000);
        s.check();  // nothing has changed yet
        s.store.put(InstrumentCode{1}, 6, std::move(pages));
        for (auto& [slot, k] : s.model)
            if (k.order.instrument == InstrumentCode{1})
                k.order.quantity *= 1000000, k.order.filled *= 1000000, k.order.rolled *= 1000000;
        CHECK(s.store.scale(InstrumentCode(1)) == 6 && copy.scale(InstrumentCode(1)) == 0);
        s.check();
        Stored::check(copy, then);
    }
}

TEST(a_roll_marks_fills_and_drops_orders_that_ended_before_the_last_roll) {
    for (auto kind : {IdKind::integer, IdKind::text}) {
        Stored s(kind);
        for (int k = 0; k < 900; ++k) s.insert(k % 3);
        const OrderStore copy = s.store;
        const auto then = s.model;
        const auto roll = [&](bool drop_ended) {
            const auto goes = std::count_if(s.model.begin(), s.model.end(), [&](const auto& k) {
                const Order& o = k.second.order;
                return drop_ended ? o.leaves() == 0 : o.ended() && o.retained;
            });
            s.store.prepare_roll(drop_ended);
            s.check();
            std::size_t gone = 0;
            s.store.roll(drop_ended, [&](Slot slot) {
                CHECK(same(s.store.order(slot), s.model.at(slot).order));
                s.model.erase(slot);
                ++gone;
            });
            for (auto& [slot, k] : s.model) {
                k.order.rolled = k.order.filled;
                k.order.rolled_price = k.order.average_price;
                k.order.retained = k.order.ended();
            }
            s.check();
            CHECK(gone == static_cast<std::size_t>(goes));
            return gone;
        };
        CHECK(roll(false) > 0);    // orders that an earlier roll had retained
        CHECK(roll(false) > 100);  // orders that had ended since
        CHECK(roll(false) == 0);
        CHECK(roll(true) > 0 && s.model.size() > 100);
        Stored::check(copy, then);
    }
}

TEST(texts_of_removed_orders_are_freed) {
    Stored s(IdKind::text);
    for (int k = 0; k < 3000; ++k) s.insert(k % 3);
    while (s.model.size() > 500) s.erase(s.any());
    const OrderStore copy = s.store;
    const auto dead = s.store.dead_text_bytes();
    CHECK(dead > 30000);
    s.store.compact_texts();
    CHECK(s.store.dead_text_bytes() < dead / 100 && copy.dead_text_bytes() == dead);
    s.check();
    Stored::check(copy, s.model);
    for (int k = 0; k < 100; ++k) s.insert(k % 3);
    s.check();
}
