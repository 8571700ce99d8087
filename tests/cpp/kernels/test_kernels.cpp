// Checks every loop of the table in use against the same sum in 128-bit arithmetic, element by
// element.
#include <algorithm>
#include <limits>
#include <random>

#include "check.hpp"
#include "mvcore/grid/block.hpp"
#include "mvcore/kernels/kernels.hpp"

using namespace mvcore;
using kernels::table;
using tuning::kFan;

namespace {

std::mt19937_64 g_random(4);

template <class Q>
std::vector<Q> quantities(std::size_t n) {
    std::vector<Q> out(n);
    for (auto& q : out) {
        const auto r = g_random();
        q = r % 5 == 0 ? Q{0} : static_cast<Q>(r);
        if (r % 11 == 0) q = sizeof(Q) == 16 ? static_cast<Q>(r) : std::numeric_limits<Q>::min();
    }
    return out;
}

std::int64_t wrap(u128 v) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(v)); }

template <class Q>
void check_width(int width) {
    const auto& k = table();
    const std::int64_t prices[] = {0,
                                   1,
                                   -1,
                                   1234567,
                                   -2147483648LL,
                                   2147483647LL,
                                   2147483648LL,
                                   -99999999999LL,
                                   std::numeric_limits<std::int64_t>::max()};
    for (std::size_t n : {0UL, 1UL, 3UL, 4UL, 7UL, 8UL, 9UL, 64UL, 333UL})
        for (auto price : prices) {
            const auto q = quantities<Q>(n);
            std::vector<std::uint16_t> offset(n);
            for (std::size_t i = 0; i < n; ++i) offset[i] = static_cast<std::uint16_t>(3 * i);
            std::vector<std::int64_t> t64(n, 17);
            std::vector<std::int64_t> s64(3 * n + 1, 5);
            std::vector<i128> t128(n, -9);
            std::vector<i128> s128(3 * n + 1, 5);
            std::vector<std::int64_t> p(n);
            std::vector<std::uint32_t> counts(n, 2);
            for (auto& x : p)
                x = price - static_cast<std::int64_t>(g_random() % 3) * (price < 0 ? -1 : 1);
            k.add64[width](q.data(), n, price, t64.data());
            k.add128[width](q.data(), n, price, t128.data());
            k.scatter64[width](q.data(), offset.data(), n, price, s64.data());
            k.scatter128[width](q.data(), offset.data(), n, price, s128.data());
            const void* columns[] = {q.data()};
            k.count[width](columns, 1, n, counts.data());
            u128 dot = 0;
            u128 sum = 0;
            std::size_t nonzero = 0;
            bool narrow = true;
            for (std::size_t i = 0; i < n; ++i) {
                const u128 product = static_cast<u128>(static_cast<i128>(q[i])) *
                                     static_cast<u128>(static_cast<i128>(price));
                CHECK(t64[i] == wrap(product + 17));
                CHECK(s64[3 * i] == wrap(product + 5));
                CHECK(s128[3 * i] == static_cast<i128>(product + 5));
                if (width < kernels::w128) CHECK(t128[i] == static_cast<i128>(product - 9));
                CHECK(counts[i] == (q[i] != 0 ? 3U : 2U));
                dot += static_cast<u128>(static_cast<i128>(q[i])) *
                       static_cast<u128>(static_cast<i128>(p[i]));
                sum += static_cast<u128>(static_cast<i128>(q[i]));
                nonzero += q[i] != 0 ? 1 : 0;
                narrow = narrow && p[i] == static_cast<std::int32_t>(p[i]);
            }
            CHECK(k.dot64[width](q.data(), p.data(), n, narrow) == wrap(dot));
            CHECK(k.dot64[width](q.data(), p.data(), n, false) == wrap(dot));
            CHECK(k.dot128[width](q.data(), p.data(), n) == static_cast<i128>(dot));
            CHECK(k.sum64[width](q.data(), n) == wrap(sum));
            CHECK(k.nonzero[width](columns, 1, n) == nonzero);
        }
}

template <class Q>
void check_fan(int width) {
    for (std::size_t n : {1UL, 5UL, 64UL, 331UL})
        for (std::int64_t scale : {1000LL, 100000000000LL}) {
            std::vector<std::vector<Q>> columns;
            const void* q[kFan];
            std::int64_t price[kFan];
            std::vector<std::int64_t> expected(n, 3);
            std::vector<std::int64_t> got(n, 3);
            for (int c = 0; c < kFan; ++c) columns.push_back(quantities<Q>(n));
            for (int c = 0; c < kFan; ++c) {
                q[c] = columns[static_cast<std::size_t>(c)].data();
                price[c] = static_cast<std::int64_t>(g_random() % 1000) * scale - 5 * scale;
                kernels::baseline()->add64[width](q[c], n, price[c], expected.data());
            }
            table().add_fan64[width](q, price, n, got.data(), n % 2 == 0 ? q : nullptr);
            CHECK(got == expected);
        }
}

// Products, and the bits that bound them.
template <class Q>
void check_multiply(int width) {
    for (std::size_t n : {0UL, 1UL, 3UL, 8UL, 9UL, 64UL, 333UL})
        for (std::int64_t factor : {0LL, -1LL, 2147483647LL, -99999999999LL})
            for (const Q most : {Q{1}, Q{100}, std::numeric_limits<Q>::max()}) {
                auto q = quantities<Q>(n);
                for (auto& one : q) one = static_cast<Q>(one % most);
                std::vector<std::int64_t> products(n, 1);
                const auto bits = table().multiply64[width](q.data(), n, factor, products.data());
                std::uint64_t wanted = 0;
                for (std::size_t i = 0; i < n; ++i) {
                    CHECK(products[i] ==
                          wrap(static_cast<u128>(i128{q[i]}) * static_cast<u128>(i128{factor})));
                    const std::int64_t wide = q[i];
                    wanted |= static_cast<std::uint64_t>(wide < 0 ? -(wide + 1) : wide);
                }
                CHECK(bits == wanted);
            }
}

}  // namespace

TEST(products_equal_plain_ones_and_their_bits_bound_them) {
    check_multiply<std::int8_t>(kernels::w8), check_multiply<std::int16_t>(kernels::w16);
    check_multiply<std::int32_t>(kernels::w32), check_multiply<std::int64_t>(kernels::w64);
}
TEST(products_of_records_are_those_of_their_second_integers) {
    for (std::size_t n : {0UL, 1UL, 3UL, 4UL, 7UL, 8UL, 9UL, 256UL, 333UL})
        for (std::int64_t factor : {0LL, -1LL, 2147483647LL, -99999999999LL}) {
            std::vector<std::int32_t> records(4 * n);
            for (auto& word : records) word = static_cast<std::int32_t>(g_random());
            std::vector<std::int32_t> second;
            for (std::size_t i = 0; i < n; ++i) second.push_back(records[4 * i + 1]);
            std::vector<std::int64_t> got(n, 1);
            std::vector<std::int64_t> want(n, 2);
            const auto bits = table().multiply_second(records.data(), n, factor, got.data());
            CHECK(bits == kernels::baseline()->multiply64[kernels::w32](second.data(), n, factor,
                                                                        want.data()));
            CHECK(got == want);
        }
}

TEST(loops_over_8_bits_equal_plain_sums) {
    check_width<std::int8_t>(kernels::w8), check_fan<std::int8_t>(0);
}
TEST(loops_over_16_bits_equal_plain_sums) {
    check_width<std::int16_t>(kernels::w16), check_fan<std::int16_t>(1);
}
TEST(loops_over_32_bits_equal_plain_sums) {
    check_width<std::int32_t>(kernels::w32), check_fan<std::int32_t>(2);
}
TEST(loops_over_64_bits_equal_plain_sums) {
    check_width<std::int64_t>(kernels::w64), check_fan<std::int64_t>(3);
}
TEST(loops_over_128_bits_equal_plain_sums) { check_width<i128>(kernels::w128), check_fan<i128>(4); }

TEST(a_block_can_reserve_several_rows_before_any_is_set) {
    for (int round = 0; round < 200; ++round) {
        Block block;
        std::vector<i128> model(4096, 0);
        for (int batch = 0; batch < 20; ++batch) {
            std::vector<std::pair<std::uint32_t, i128>> writes;
            const auto start = g_random() % 4000;
            for (std::uint32_t k = 0; k < 1 + g_random() % 60; ++k) {
                const i128 value =
                    static_cast<std::int64_t>(g_random() % 3) * (i128{1} << (k % 70));
                writes.emplace_back(static_cast<std::uint32_t>(start + k), value);
            }
            for (const auto& [row, value] : writes)
                static_cast<void>(block.reserve(row, all_of(value), 4096));
            for (const auto& [row, value] : writes) {
                if (block.empty() && value == 0) continue;
                CHECK(block.set(row, all_of(value)) == all_of(model[row]));
                model[row] = value;
            }
        }
        for (std::uint32_t row = 0; row < 4096; ++row) CHECK(block.get(row) == all_of(model[row]));
    }
}

TEST(a_block_returns_the_values_set) {
    for (std::uint32_t rows : {1U, 100U, 4096U})
        for (std::uint64_t share : {2U, 30U}) {
            Block block;
            std::vector<i128> model(rows, 0);
            for (int step = 0; step < 4000; ++step) {
                const auto row = static_cast<std::uint32_t>(g_random() % rows);
                if (g_random() % share != 0 && model[row] == 0 && share > 2) continue;
                i128 value = static_cast<std::int64_t>(g_random() % 200) - 100;
                if (g_random() % 50 == 0) value *= i128{1} << (g_random() % 100);
                if (g_random() % 5 == 0) value = 0;
                static_cast<void>(block.reserve(row, all_of(value), rows));
                CHECK(block.get(row) == all_of(model[row]));
                if (block.empty() && value == 0) continue;
                CHECK(block.set(row, all_of(value)) == all_of(model[row]));
                model[row] = value;
            }
            std::vector<i128> seen(rows, 0);
            std::uint32_t last = 0;
            block.for_each([&](std::uint32_t row, const Net& value) {
                CHECK(row >= last);
                last = row;
                seen[row] = value[sod];
            });
            CHECK(seen == model);
        }
}
