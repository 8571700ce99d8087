#include "mvcore/base/sort_order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "check.hpp"

using mvcore::sort_order;

TEST(rows_are_in_the_order_of_their_keys_and_equal_rows_keep_theirs) {
    std::mt19937 random(1);
    const auto most = std::numeric_limits<std::int32_t>::max();
    for (const std::size_t size : {0UL, 1UL, 2UL, 100UL, 5000UL})
        for (const std::int32_t limit : {1, 3, 3000, most}) {
            std::vector<std::vector<std::int32_t>> keys(3, std::vector<std::int32_t>(size));
            for (auto& key : keys)
                for (auto& k : key) {
                    k = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(limit));
                    if (random() % 9 == 0) k = random() % 2 == 0 ? most : -2;
                }
            std::vector<std::int64_t> wanted(size);
            std::iota(wanted.begin(), wanted.end(), 0);
            std::stable_sort(wanted.begin(), wanted.end(), [&](auto a, auto b) {
                for (const auto& key : keys)
                    if (key[std::size_t(a)] != key[std::size_t(b)])
                        return key[std::size_t(a)] < key[std::size_t(b)];
                return false;
            });
            const std::vector<std::span<const std::int32_t>> columns(keys.begin(), keys.end());
            CHECK(sort_order(columns) == wanted);
        }
}
