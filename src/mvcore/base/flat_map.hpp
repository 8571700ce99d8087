// Hash map from keys to consecutive indices in insertion order. Open addressing in one
// array.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/ids.hpp"

namespace mvcore {

template <class Key>
class FlatMap {
public:
    static constexpr std::uint32_t kNone = ~0U;

    void reserve(std::size_t keys) {
        if (2 * keys > entries_.size()) rehash(2 * keys);
    }
    [[nodiscard]] std::uint32_t find(Key key) const noexcept {
        if (entries_.empty()) return kNone;
        MVCORE_ASSERT(2 * size_ <= entries_.size());  // a free slot ends every search
        for (auto k = start(key);; k = next(k)) {
            if (entries_[k].place == kNone) return kNone;
            if (entries_[k].key == key) return entries_[k].place;
        }
    }
    // Returns the key's index and whether the key is new. A new key gets the next index.
    std::pair<std::uint32_t, bool> add(Key key) {
        if (2 * (size_ + 1) > entries_.size()) rehash(4 * (size_ + 1));
        auto k = start(key);
        for (; entries_[k].place != kNone; k = next(k))
            if (entries_[k].key == key) return {entries_[k].place, false};
        MVCORE_ASSERT(size_ < kNone && 2 * size_ < entries_.size());
        entries_[k] = {key, static_cast<std::uint32_t>(size_)};
        return {static_cast<std::uint32_t>(size_++), true};
    }

private:
    struct Entry {
        Key key{};
        std::uint32_t place = kNone;
    };
    [[nodiscard]] std::size_t start(Key key) const noexcept {
        const std::uint64_t bits = bits_of(key);
        return static_cast<std::size_t>((bits ^ (bits >> 32)) * 0x9E3779B97F4A7C15ULL >> 20) &
               (entries_.size() - 1);
    }
    [[nodiscard]] std::size_t next(std::size_t k) const noexcept {
        return (k + 1) & (entries_.size() - 1);
    }
    void rehash(std::size_t wanted) {
        std::size_t size = 16;
        while (size < wanted) size *= 2;
        MVCORE_ASSERT((size & (size - 1)) == 0 && 2 * size_ <= size);
        auto old = std::move(entries_);
        entries_.assign(size, Entry());
        for (const Entry& e : old) {
            if (e.place == kNone) continue;
            auto k = start(e.key);
            while (entries_[k].place != kNone) k = next(k);
            entries_[k] = e;
        }
    }

    std::vector<Entry> entries_;  // size is a power of two; at most half full
    std::size_t size_ = 0;
};

}  // namespace mvcore
