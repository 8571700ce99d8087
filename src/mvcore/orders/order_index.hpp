// Order ids: text or 64-bit integers, one kind per book. The index maps an id to the order's slot.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

enum class IdKind : std::uint8_t { none, integer, text };

// An id as a caller gives it: a non-empty text, or a number.
struct OrderId {
    std::int64_t number = 0;
    std::string_view text;
};

enum class Slot : std::uint32_t {};  // position of an order in the order store
inline constexpr Slot kNoSlot{~std::uint32_t{0}};

std::uint64_t hash_of(const OrderId& id, IdKind kind) noexcept;
// The id as messages show it, and as errors carry it in an attribute.
std::string to_text(const OrderId& id);
std::string plain_text(const OrderId& id);
// The reason why an id is refused if its kind differs from `held`.
const char* not_of_kind(IdKind held) noexcept;

// Append-only storage for the texts of ids, which never move. One thread may read stored texts
// while another stores more.
class TextArena {
public:
    static constexpr std::size_t kMostBytes = 1024;  // of one id

    // Throws std::bad_alloc if the text does not fit.
    std::uint32_t store(std::string_view text);
    [[nodiscard]] std::string_view text(std::uint32_t ref) const noexcept {
        MVCORE_ASSERT(ref / kUnits < used_regions_);
        const char* p = regions_[ref / kUnits].get() + std::size_t{ref % kUnits} * kUnit;
        std::uint16_t size = 0;
        std::memcpy(&size, p, sizeof size);
        return {p + sizeof size, size};
    }
    [[nodiscard]] static std::size_t bytes_of(std::string_view text) noexcept {
        return (text.size() + 3) / kUnit * kUnit;
    }
    [[nodiscard]] std::size_t used_bytes() const noexcept { return std::size_t{used_} * kUnit; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(*this) + used_regions_ * kRegionBytes;
    }

private:
    static constexpr std::size_t kUnit = 2;
    static constexpr std::size_t kRegionBytes = tuning::kTextChunk;
    static constexpr std::uint32_t kUnits = kRegionBytes / kUnit;
    static constexpr std::size_t kRegions = (std::size_t{1} << 32) / kUnits;

    std::array<std::unique_ptr<char[]>, kRegions> regions_;
    std::size_t used_regions_ = 0;
    std::uint64_t used_ = 0;  // units
};

// Hash index from order id to slot, split into 1,024 tables. Tables grow one at a time, so that
// growth never causes a long pause. A bucket is one cache line: 12 slots, a one-byte hash tag for
// each slot, and the number of ids that overflowed to later buckets because this one was full. The
// orders themselves hold the ids.
class OrderIndex {
public:
    OrderIndex() : tables_(kTables) {}
    [[nodiscard]] static std::size_t tables() noexcept { return kTables; }
    [[nodiscard]] static std::size_t table_of(std::uint64_t hash) noexcept {
        return hash >> kTableShift;
    }

    void prefetch(std::uint64_t hash) const noexcept {
        const Table& t = tables_[hash >> kTableShift];
        if (t.buckets != 0) mvcore::prefetch(&t.bucket[home(hash, t.buckets)]);
    }
    // The probable slot of an order, for prefetching: matches the tag but does not compare the id.
    // kNoSlot if the home bucket has no match.
    [[nodiscard]] Slot guess(std::uint64_t hash) const noexcept;
    // equal(slot) returns whether the order in that slot has the id. kNoSlot if no order has it.
    template <class Equal>
    [[nodiscard]] Slot find(std::uint64_t hash, Equal&& equal) const noexcept;
    // Reserves space so that `more` insertions into the hash's table cannot fail. hash_at(slot)
    // returns the hash of the order in a slot.
    template <class HashAt>
    void reserve(std::uint64_t hash, std::size_t more, HashAt&& hash_at);
    // Sizes empty tables for `ids` ids in total: all tables, or tables [begin, end).
    void reserve_all(std::size_t ids) { reserve_tables(0, kTables, ids); }
    void reserve_tables(std::size_t begin, std::size_t end, std::size_t ids);
    void insert(std::uint64_t hash, Slot slot) noexcept;
    void erase(std::uint64_t hash, Slot slot) noexcept;
    // Records that an order moved to another slot.
    void replace(std::uint64_t hash, Slot from, Slot to) noexcept;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    static constexpr int kTableShift = 64 - tuning::kIndexTableBits;
    static constexpr std::size_t kTables = std::size_t{1} << (64 - kTableShift);
    static constexpr int kEntries = 12;

    struct alignas(64) Bucket {
        std::array<std::uint8_t, kEntries> tag{};  // 0: free
        std::uint32_t passed = 0;
        std::array<Slot, kEntries> slot{};

        // Calls f(k) for each entry with the tag until f returns true. Returns whether it did.
        // Compares all tags at once: which tag matches is random, so a branch per tag would be
        // mispredicted.
        template <class F>
        bool any_of(std::uint8_t wanted, F&& f) const noexcept {
            static_assert(std::endian::native == std::endian::little);
            std::array<std::uint64_t, 2> tags;
            std::memcpy(tags.data(), this, sizeof tags);  // also `passed`, masked below
            tags[0] = equal_bytes(tags[0], wanted);
            tags[1] = equal_bytes(tags[1], wanted) & 0xFFFFFFFFU;
            for (std::size_t w = 0; w < 2; ++w)
                for (auto m = tags[w]; m != 0; m &= m - 1)
                    if (f(w * 8 + std::size_t(std::countr_zero(m)) / 8)) return true;
            return false;
        }
    };
    // Sets the high bit of each byte that equals `wanted`.
    static std::uint64_t equal_bytes(std::uint64_t bytes, std::uint8_t wanted) noexcept {
        constexpr std::uint64_t kLow = 0x7F7F7F7F7F7F7F7FU;
        const std::uint64_t apart = bytes ^ (std::uint64_t{wanted} * 0x0101010101010101U);
        return ~(((apart & kLow) + kLow) | apart | kLow);
    }
    static_assert(sizeof(Bucket) == 64);
    struct Table {
        huge_pages::Array<Bucket> bucket;
        std::uint32_t buckets = 0;
        std::uint32_t used = 0;

        // Allocates `least` buckets, or a few more to use huge pages fully.
        void allocate(std::uint32_t least) {
            const auto count = huge_pages::filling(least * sizeof(Bucket)) / sizeof(Bucket);
            bucket = huge_pages::array<Bucket>(count);
            buckets = static_cast<std::uint32_t>(count);
        }
    };
    static std::uint32_t home(std::uint64_t hash, std::uint32_t buckets) noexcept {
        return static_cast<std::uint32_t>((hash >> 16 & 0xFFFFFFFFU) * buckets >> 32);
    }
    static std::uint8_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint8_t>((hash & 0xFF) | 1U);
    }
    // Number of ids that fit before a table must grow.
    static std::size_t room(std::uint32_t buckets) noexcept {
        return std::size_t{buckets} * kEntries * 9 / 10;
    }
    static void place(Table& t, std::uint64_t hash, Slot slot) noexcept;
    // The bucket and the entry that hold the slot.
    static std::pair<std::uint32_t, int> locate(const Table& t, std::uint64_t hash,
                                                Slot slot) noexcept;

    std::vector<Table> tables_;
};

inline Slot OrderIndex::guess(std::uint64_t hash) const noexcept {
    const Table& t = tables_[hash >> kTableShift];
    if (t.buckets == 0) return kNoSlot;
    const Bucket& bucket = t.bucket[home(hash, t.buckets)];
    Slot slot = kNoSlot;
    bucket.any_of(tag_of(hash), [&](std::size_t k) {
        slot = bucket.slot[k];
        return true;
    });
    return slot;
}

template <class Equal>
Slot OrderIndex::find(std::uint64_t hash, Equal&& equal) const noexcept {
    const Table& t = tables_[hash >> kTableShift];
    if (t.buckets == 0) return kNoSlot;
    const auto tag = tag_of(hash);
    std::uint32_t b = home(hash, t.buckets);
    // Visits each bucket at most once: every bucket of a small table may have been full at some
    // time, so `passed` may never be 0.
    for (std::uint32_t step = 0; step < t.buckets; ++step) {
        const Bucket& bucket = t.bucket[b];
        Slot slot = kNoSlot;
        if (bucket.any_of(tag, [&](std::size_t k) {
                slot = bucket.slot[k];
                return equal(slot);
            }))
            return slot;
        if (bucket.passed == 0) return kNoSlot;
        b = b + 1 == t.buckets ? 0 : b + 1;
    }
    return kNoSlot;
}

template <class HashAt>
void OrderIndex::reserve(std::uint64_t hash, std::size_t more, HashAt&& hash_at) {
    Table& t = tables_[hash >> kTableShift];
    if (t.used + more <= room(t.buckets)) return;
    std::uint32_t least = t.buckets + t.buckets / 3 + 1;
    while (t.used + more > room(least)) least += least / 3 + 1;
    Table next;
    next.allocate(least);
    MVCORE_ASSERT(next.buckets >= least && t.used + more <= room(next.buckets));
    for (std::uint32_t b = 0; b < t.buckets; ++b)
        for (std::size_t k = 0; k < kEntries; ++k)
            if (t.bucket[b].tag[k] != 0)
                place(next, hash_at(t.bucket[b].slot[k]), t.bucket[b].slot[k]);
    MVCORE_ASSERT(next.used == t.used);
    t = std::move(next);
}

}  // namespace mvcore
