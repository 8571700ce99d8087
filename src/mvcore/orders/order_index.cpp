#include "mvcore/orders/order_index.hpp"

#include "mvcore/base/errors.hpp"

#include <new>

#include "mvcore/base/name_table.hpp"

namespace mvcore {

std::uint64_t hash_of(const OrderId& id, IdKind kind) noexcept {
    if (kind == IdKind::text) return hash_of(id.text);
    auto h = static_cast<std::uint64_t>(id.number) + 0x9E3779B97F4A7C15ULL;
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ULL;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBULL;
    return h ^ (h >> 31);
}

std::string to_text(const OrderId& id) {
    return id.text.empty() ? std::to_string(id.number) : quoted(id.text);
}

std::string plain_text(const OrderId& id) {
    return id.text.empty() ? std::to_string(id.number) : std::string(id.text);
}

const char* not_of_kind(IdKind held) noexcept {
    return held == IdKind::text ? "is an integer, this book's order ids are text"
                                : "is text, this book's order ids are integers";
}

std::uint32_t TextArena::store(std::string_view text) {
    MVCORE_ASSERT(!text.empty() && text.size() <= kMostBytes);
    const auto units = bytes_of(text) / kUnit;
    std::uint64_t at = used_;
    if (at % kUnits + units > kUnits) at = (at / kUnits + 1) * kUnits;  // no text spans two regions
    const auto region = at / kUnits;
    MVCORE_ASSERT(at >= used_ && region == (at + units - 1) / kUnits);
    if (region >= kRegions) throw std::bad_alloc();
    if (region >= used_regions_) {
        regions_[region].reset(new char[kRegionBytes]);
        used_regions_ = region + 1;
    }
    char* p = regions_[region].get() + at % kUnits * kUnit;
    const auto size = static_cast<std::uint16_t>(text.size());
    std::memcpy(p, &size, sizeof size);
    std::memcpy(p + sizeof size, text.data(), text.size());
    used_ = at + units;
    MVCORE_ASSERT(this->text(static_cast<std::uint32_t>(at)) == text);
    return static_cast<std::uint32_t>(at);
}

void OrderIndex::place(Table& t, std::uint64_t hash, Slot slot) noexcept {
    MVCORE_ASSERT(slot != kNoSlot && t.used < std::size_t{t.buckets} * kEntries);
    for (std::uint32_t b = home(hash, t.buckets);; b = b + 1 == t.buckets ? 0 : b + 1) {
        Bucket& bucket = t.bucket[b];
        const bool placed = bucket.any_of(0, [&](std::size_t k) {
            bucket.tag[k] = tag_of(hash);
            bucket.slot[k] = slot;
            return true;
        });
        if (placed) {
            ++t.used;
            return;
        }
        ++bucket.passed;
    }
}

std::pair<std::uint32_t, int> OrderIndex::locate(const Table& t, std::uint64_t hash,
                                                 Slot slot) noexcept {
    MVCORE_ASSERT(t.used > 0 && home(hash, t.buckets) < t.buckets);
    for (std::uint32_t b = home(hash, t.buckets);; b = b + 1 == t.buckets ? 0 : b + 1)
        for (int k = 0; k < kEntries; ++k)
            if (t.bucket[b].tag[std::size_t(k)] != 0 && t.bucket[b].slot[std::size_t(k)] == slot)
                return {b, k};
}

void OrderIndex::reserve_tables(std::size_t begin, std::size_t end, std::size_t ids) {
    MVCORE_ASSERT(begin <= end && end <= kTables);
    const auto each = ids / kTables;
    // Ids are spread at random. Reserves four standard deviations above the mean; a table that gets
    // more ids grows.
    std::size_t most = each + 16;
    while ((most - each) * (most - each) < 16 * each) most += 16;
    const auto buckets = static_cast<std::uint32_t>(most * 10 / 9 / kEntries + 1);
    MVCORE_ASSERT(room(buckets) >= most);
    for (auto t = begin; t < end; ++t)
        if (tables_[t].used == 0) tables_[t].allocate(buckets);
}

void OrderIndex::insert(std::uint64_t hash, Slot slot) noexcept {
    MVCORE_ASSERT(tables_[hash >> kTableShift].used < room(tables_[hash >> kTableShift].buckets));
    place(tables_[hash >> kTableShift], hash, slot);
}

void OrderIndex::erase(std::uint64_t hash, Slot slot) noexcept {
    Table& t = tables_[hash >> kTableShift];
    const auto [found, k] = locate(t, hash, slot);
    MVCORE_ASSERT(t.bucket[found].tag[std::size_t(k)] == tag_of(hash));
    t.bucket[found].tag[std::size_t(k)] = 0;
    for (std::uint32_t b = home(hash, t.buckets); b != found; b = b + 1 == t.buckets ? 0 : b + 1)
        MVCORE_ASSERT(t.bucket[b].passed > 0), --t.bucket[b].passed;
    --t.used;
}

void OrderIndex::replace(std::uint64_t hash, Slot from, Slot to) noexcept {
    Table& t = tables_[hash >> kTableShift];
    MVCORE_ASSERT(to != kNoSlot);
    const auto [b, k] = locate(t, hash, from);
    MVCORE_ASSERT(from != to && t.bucket[b].tag[std::size_t(k)] == tag_of(hash));
    t.bucket[b].slot[std::size_t(k)] = to;
}

std::size_t OrderIndex::memory_bytes() const noexcept {
    std::size_t bytes = tables_.capacity() * sizeof(Table);
    for (const auto& t : tables_) bytes += t.buckets * sizeof(Bucket);
    return bytes;
}

}  // namespace mvcore
