// Checks what copies share and what they do not: pages, blocks, the order store and its index.
#include <memory>
#include <random>
#include <unordered_map>

#include "check.hpp"
#include "mvcore/base/cow_vector.hpp"
#include "mvcore/grid/block.hpp"
#include "mvcore/orders/order_index.hpp"

using namespace mvcore;

namespace {

std::mt19937_64 g_random(9);
std::uint32_t pick(std::uint64_t n) { return static_cast<std::uint32_t>(g_random() % n); }

Net some_net() {
    const auto one = [] {
        const auto v = static_cast<std::int64_t>(pick(200)) - 100;
        return i128{v} << (pick(40) == 0 ? pick(90) : 0);
    };
    if (pick(5) == 0) return {};
    return pick(2) == 0 ? all_of(one()) : Net{one(), one(), one()};
}

}  // namespace

TEST(the_first_write_to_a_shared_page_copies_it_once) {
    CowVector<int, 4> first;
    first.grow(10);
    CHECK(first.size() == 10 && first[9] == 0);
    for (int k = 0; k < 10; ++k) first.own(std::size_t(k)) = k;
    CHECK(first.copies() == 0);
    CowVector<int, 4> second = first;
    CHECK(&second[5] == &first[5]);
    first.own(5) = 50;
    first.own(6) = 60;  // on the same page
    CHECK(first.copies() == 1 && second.copies() == 0);
    CHECK(second[5] == 5 && first[5] == 50 && &second[0] == &first[0]);
    second.own(4) = 40;  // no other vector holds this page any more
    CHECK(second.copies() == 0 && first[4] == 4);
    {
        const CowVector<int, 4> third = first;
        first.grow(13);
        first.own(12) = 12;
        CHECK(third.size() == 10 && first.copies() == 1);
    }
    first.own(0) = 1;  // still shared with `second`
    CHECK(first.copies() == 2 && second[0] == 0);
    second = first;
    CHECK(second[0] == 1 && second[12] == 12 && second.size() == 13);
}

TEST(a_page_lives_as_long_as_it_has_a_holder) {
    const auto counted = std::make_shared<int>(0);
    {
        CowVector<std::shared_ptr<int>, 4> first;
        first.grow(4);
        first.own(0) = counted;
        auto second = std::make_unique<CowVector<std::shared_ptr<int>, 4>>(first);
        first.own(0) = nullptr;
        CHECK(counted.use_count() == 2);
        second.reset();
        CHECK(counted.use_count() == 1);
        first.own(1) = counted;
        auto moved = std::move(first);
        CHECK(counted.use_count() == 2 && moved[1] == counted);
    }
    CHECK(counted.use_count() == 1);
}

// Copies keep their values when the original block changes.
TEST(a_block_of_three_columns_returns_the_values_set) {
    for (std::uint32_t rows : {1U, 100U, 4096U})
        for (std::uint32_t share : {2U, 30U}) {
            Block block;
            std::vector<Net> model(rows, Net{});
            std::vector<std::pair<Block, std::vector<Net>>> copies;
            bool columns[4] = {};
            for (int step = 0; step < 3000; ++step) {
                const auto row = pick(rows);
                if (share > 2 && pick(share) != 0 && !held(model[row])) continue;
                const Net value = step < 500 ? all_of(some_net()[0]) : some_net();
                static_cast<void>(block.reserve(row, value, rows));
                CHECK(block.get(row) == model[row]);
                if (!block.empty() || held(value)) {
                    CHECK(block.set(row, value) == model[row]);
                    model[row] = value;
                }
                columns[block.columns()] = true;
                for (int m = 0; m < kMeasures; ++m)
                    CHECK(block.get(row, m) == model[row][std::size_t(m)]);
                if (pick(200) == 0) copies.emplace_back(block, model);
                if (copies.size() > 3) copies.erase(copies.begin());
            }
            copies.emplace_back(block, model);
            CHECK(columns[1] && (rows == 1 || columns[3]));
            for (const auto& [copy, then] : copies) {
                std::vector<Net> seen(rows, Net{});
                copy.for_each([&](std::uint32_t row, const Net& q) { seen[row] = q; });
                CHECK(seen == then);
                CHECK(copy.positions() == std::count_if(then.begin(), then.end(), held));
            }
        }
}

TEST(a_block_copies_its_integers_only_if_they_are_shared) {
    Block block;
    CHECK(!block.reserve(3, all_of(7), 4096));
    static_cast<void>(block.set(3, all_of(7)));
    const Block copy = block;
    CHECK(copy.quantity(0) == block.quantity(0));
    CHECK(block.reserve(3, all_of(8), 4096));
    CHECK(copy.quantity(0) != block.quantity(0));
    CHECK(!block.reserve(4, Net{1, 2, 3}, 4096));  // the storage is no longer shared
    static_cast<void>(block.set(4, Net{1, 2, 3}));
    static_cast<void>(block.set(3, all_of(8)));
    CHECK(block.columns() == kMeasures && copy.columns() == 1);
    CHECK(copy.get(3) == all_of(7) && copy.get(4) == Net{} && block.get(4) == (Net{1, 2, 3}));
}

// Every bucket of a small table has been full, so each bucket counts overflowed ids.
TEST(a_lookup_of_an_absent_order_visits_each_bucket_at_most_once) {
    OrderIndex index;
    const auto hash = [](std::uint64_t half, std::uint64_t id) {  // half of the table, 0 or 1
        return (half << 31 | id) << 16 | id;
    };
    const auto insert = [&](std::uint64_t half, std::uint64_t id) {
        index.reserve(hash(half, id), 1,
                      [&](Slot s) { return hash(std::uint32_t(s) / 100, std::uint32_t(s) % 100); });
        index.insert(hash(half, id), static_cast<Slot>(half * 100 + id));
    };
    for (std::uint64_t id = 1; id <= 13; ++id) insert(0, id);  // more than a bucket holds
    for (std::uint64_t id = 1; id <= 8; ++id) index.erase(hash(0, id), static_cast<Slot>(id));
    for (std::uint64_t id = 1; id <= 12; ++id) insert(1, id);
    CHECK(index.find(hash(0, 50), [](Slot) { return false; }) == kNoSlot);
    for (std::uint64_t id = 9; id <= 13; ++id)
        CHECK(index.find(hash(0, id), [&](Slot s) { return s == Slot(id); }) == Slot(id));
}

// Many ids with few hashes, all in one table: they overflow full buckets and share tags.
TEST(an_order_index_finds_what_an_unordered_map_finds) {
    struct Case {
        std::uint64_t hashes;
        std::uint64_t keys;
    };
    for (const auto [hashes, keys] :
         {Case{3, 600}, Case{40, 600}, Case{1000, 24}, Case{1000, 36}, Case{1U << 20, 5000}}) {
        OrderIndex index;
        if (hashes == 40U) index.reserve_all(2000);
        std::unordered_map<std::uint64_t, Slot> model;   // by key
        std::unordered_map<Slot, std::uint64_t> key_of;  // by slot
        const auto hash = [&](std::uint64_t key) {
            const std::uint64_t h = key % hashes;
            return hashes <= 1000 ? (h * 0x9E3779B1U & 0xFFFFFFFFU) << 16 | (h & 1)
                                  : hash_of({std::int64_t(key), {}}, IdKind::integer);
        };
        const auto find = [&](std::uint64_t key) {
            return index.find(hash(key), [&](Slot s) { return key_of.at(s) == key; });
        };
        std::uint32_t slots = 0;
        for (int step = 0; step < 20000; ++step) {
            const std::uint64_t key = pick(keys);
            const auto known = model.find(key);
            CHECK(find(key) == (known == model.end() ? kNoSlot : known->second));
            if (known == model.end()) {
                index.reserve(hash(key), 1, [&](Slot s) { return hash(key_of.at(s)); });
                const auto next = Slot(slots++);
                key_of[next] = key;
                index.insert(hash(key), next);
                model[key] = next;
            } else if (pick(3) == 0) {
                const auto next = Slot(slots++);
                key_of[next] = key;
                index.replace(hash(key), known->second, next);
                known->second = next;
            } else {
                index.erase(hash(key), known->second);
                key_of.erase(known->second);
                model.erase(known);
            }
        }
        for (const auto& [key, slot] : model) CHECK(find(key) == slot);
    }
}

TEST(stored_texts_never_move) {
    TextArena arena;
    std::vector<std::pair<std::uint32_t, std::string>> stored;
    std::size_t bytes = 0;
    for (int k = 0; k < 6000; ++k) {  // over several chunks
        std::string text(1 + pick(TextArena::kMostBytes), static_cast<char>('a' + k % 26));
        text += k % 2 == 0 ? "\xC3\xA4" : "";
        text.resize(std::min(text.size(), TextArena::kMostBytes));
        stored.emplace_back(arena.store(text), text);
        bytes += TextArena::bytes_of(text);
    }
    for (const auto& [ref, text] : stored) CHECK(arena.text(ref) == text);
    CHECK(arena.used_bytes() >= bytes && arena.used_bytes() < bytes + (bytes >> 8));
    CHECK(arena.memory_bytes() > bytes);
}
