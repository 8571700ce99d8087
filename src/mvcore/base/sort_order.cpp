#include "mvcore/base/sort_order.hpp"

#include <array>
#include <numeric>

#include "mvcore/base/assert.hpp"

namespace mvcore {

// A radix sort by digits of 11 bits, the lowest digit of the last key first. Digits that are the
// same in all rows are passed over: few keys use more than two of their three.
std::vector<std::int64_t> sort_order(std::span<const std::span<const std::int32_t>> keys) {
    constexpr int kBits = 11;
    constexpr std::uint32_t kDigits = 1U << kBits;
    MVCORE_ASSERT(!keys.empty());
    const std::size_t size = keys[0].size();
    std::vector<std::int64_t> order(size);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::vector<std::int64_t> sorted(size);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        MVCORE_ASSERT(key->size() == size);
        for (int shift = 0; shift < 32; shift += kBits) {
            const auto digit = [&](std::size_t row) {  // negative keys come first
                const auto bits = static_cast<std::uint32_t>((*key)[row]) ^ 1U << 31;
                return bits >> shift & (kDigits - 1);
            };
            std::array<std::size_t, kDigits> place{};
            for (std::size_t row = 0; row < size; ++row) ++place[digit(row)];
            if (size == 0 || place[digit(0)] == size) continue;
            std::exclusive_scan(place.begin(), place.end(), place.begin(), std::size_t{0});
            for (const auto row : order) sorted[place[digit(std::size_t(row))]++] = row;
            order.swap(sorted);
        }
    }
    return order;
}

}  // namespace mvcore
