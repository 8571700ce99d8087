#include "mvcore/base/name_table.hpp"

#include <algorithm>
#include <cstring>

#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

std::uint64_t read8(const char* p) {
    std::uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
}

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Length in bytes of the UTF-8 character at p; 0 if it is invalid.
std::size_t character(const unsigned char* p, std::size_t n) noexcept {
    const auto first = p[0];
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xC2 && first < 0xE0   ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
    if (size == 0 || size > n) return 0;
    for (std::size_t k = 1; k < size; ++k)
        if ((p[k] & 0xC0) != 0x80) return 0;
    const bool wrong = (first == 0xE0 && p[1] < 0xA0) || (first == 0xED && p[1] >= 0xA0) ||
                       (first == 0xF0 && p[1] < 0x90) || (first == 0xF4 && p[1] >= 0x90);
    return wrong ? 0 : size;
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
    const char* p = text.data();
    std::size_t n = text.size();
    for (; n >= 8 && (read8(p) & 0x8080808080808080ULL) == 0; n -= 8) p += 8;
    while (n != 0) {
        const auto size = character(reinterpret_cast<const unsigned char*>(p), n);
        if (size == 0) return false;
        p += size, n -= size;
    }
    return true;
}

// Multiply-and-fold hash, eight bytes at a time. The last eight may overlap the previous ones.
std::uint64_t hash_of(std::string_view text) {
    constexpr std::uint64_t k0 = 0x9E3779B97F4A7C15ULL;
    constexpr std::uint64_t k1 = 0xD6E8FEB86659FD93ULL;
    const char* p = text.data();
    std::size_t n = text.size();
    std::uint64_t h = k0 ^ (n * k1);
    for (; n > 8; n -= 8, p += 8) h = fold(h ^ read8(p), k1);
    std::uint64_t last = 0;
    if (text.size() >= 8) last = read8(p + n - 8);
    else std::memcpy(&last, p, n);
    return fold(h ^ last, k0);
}

std::int32_t Names::find(std::string_view text) const noexcept {
    if (buckets_.empty()) return kNone;
    MVCORE_ASSERT(2 * entries_.size() <= buckets_.size());  // a free bucket ends every search
    const auto hash = hash_of(text);
    const std::size_t mask = buckets_.size() - 1;
    for (std::size_t k = hash & mask;; k = (k + 1) & mask) {
        const Bucket& bucket = buckets_[k];
        if (bucket.code == kNone) return kNone;
        if (bucket.hash_high == static_cast<std::uint32_t>(hash >> 32) &&
            entries_[static_cast<std::size_t>(bucket.code)].text == text)
            return bucket.code;
    }
}

std::int32_t Names::intern(std::string_view text) {
    const auto known = find(text);
    if (known != kNone) return known;
    if (2 * (entries_.size() + 1) > buckets_.size()) grow();
    const auto hash = hash_of(text);
    const std::size_t mask = buckets_.size() - 1;
    std::size_t k = hash & mask;
    while (buckets_[k].code != kNone) k = (k + 1) & mask;
    const auto code = size();
    entries_.push_back({store(text), hash});
    buckets_[k] = {static_cast<std::uint32_t>(hash >> 32), code};
    MVCORE_ASSERT(2 * entries_.size() <= buckets_.size() && this->text(code) == text);
    return code;
}

void Names::grow() {
    std::vector<Bucket> larger(buckets_.empty() ? 16 : 2 * buckets_.size());
    const std::size_t mask = larger.size() - 1;
    MVCORE_ASSERT((larger.size() & mask) == 0);
    for (std::size_t code = 0; code < entries_.size(); ++code) {
        const auto hash = entries_[code].hash;
        std::size_t k = hash & mask;
        while (larger[k].code != kNone) k = (k + 1) & mask;
        larger[k] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(code)};
    }
    MVCORE_ASSERT(larger.size() > buckets_.size() && 2 * entries_.size() <= larger.size());
    buckets_ = std::move(larger);
}

std::string_view Names::store(std::string_view text) {
    if (arena_.empty() || arena_.back().size() + text.size() > arena_.back().capacity()) {
        std::string block;
        block.reserve(
            std::max(text.size(), arena_.empty() ? tuning::kFirstNameBlock : tuning::kNameBlock));
        arena_.push_back(std::move(block));
    }
    auto& block = arena_.back();
    const auto start = block.size();
    MVCORE_ASSERT(start + text.size() <= block.capacity());  // earlier texts must not move
    block.append(text);
    return std::string_view(block).substr(start);
}

std::size_t Names::memory_bytes() const noexcept {
    std::size_t bytes = buckets_.capacity() * sizeof(Bucket) + entries_.capacity() * sizeof(Entry);
    for (const auto& block : arena_) bytes += block.capacity();
    return bytes;
}

}  // namespace mvcore
