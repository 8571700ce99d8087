// Sweeps of whole lines, by any number of threads, against plain sums in 128 bits.
#include <random>
#include <span>
#include <vector>

#include "check.hpp"
#include "mvcore/base/worker_pool.hpp"
#include "mvcore/valuation/line_sweep.hpp"

namespace {

using namespace mvcore;

// `dense`: one of so many lines has a position in every row; the others have one in 40 rows.
State book(std::uint32_t rows, std::size_t lines, std::size_t dense) {
    std::mt19937_64 random(rows);
    State state;
    state.grid.extend(lines, rows);
    state.board.extend(lines, 1);
    for (std::size_t line = 0; line < lines; ++line) {
        std::vector<std::uint32_t> held;
        std::vector<std::int64_t> quantities;
        const auto step = line % dense == 0 ? 1U : 40U;
        for (std::uint32_t row = 0; row < rows; row += 1 + std::uint32_t(random() % (2 * step - 1)))
            held.push_back(row);
        const auto bits = random() % 60;
        for (std::size_t k = 0; k < held.size(); ++k) {
            const auto q = static_cast<std::int64_t>(random() >> (63 - bits));
            quantities.push_back(random() % 2 == 0 ? q + 1 : -q - 1);
        }
        const QuantityColumns<std::int64_t> columns{
            {quantities.data(), quantities.data(), quantities.data()}, 1};
        state.grid.fill(line, held.data(), columns, held.size());
        Quote& quote = state.board.own_quote(InstrumentCode(line));
        quote.price = static_cast<std::int64_t>(random() >> (1 + random() % 63));
        quote.alive = quote.priced = true;
    }
    return state;
}

struct Swept {
    std::vector<std::vector<std::int64_t>> sums64;
    std::vector<std::vector<i128>> sums128;
    std::vector<std::vector<std::uint32_t>> counts;
    std::uint64_t cells = 0;

    friend bool operator==(const Swept&, const Swept&) = default;
};

// Sweeps the lines in groups of consecutive ones. Each array begins with 5.
Swept swept(const State& state, std::size_t groups) {
    std::vector<InstrumentCode> all;
    for (const auto i : instruments_below(state.grid.lines())) all.push_back(i);
    const std::size_t rows = state.grid.rows();
    Swept out{{groups, std::vector<std::int64_t>(rows, 5)},
              {groups, std::vector<i128>(rows, 5)},
              {groups, std::vector<std::uint32_t>(rows, 5)},
              0};
    std::vector<LineSum<std::int64_t>> sums64;
    std::vector<LineSum<i128>> sums128;
    std::vector<LineCount> counts;
    for (std::size_t g = 0; g < groups; ++g) {
        const auto first = all.size() * g / groups;
        const auto some = std::span(all).subspan(first, all.size() * (g + 1) / groups - first);
        sums64.push_back({some, sod, out.sums64[g].data()});
        sums128.push_back({some, sod, out.sums128[g].data()});
        counts.push_back({some, out.counts[g].data()});
    }
    out.cells = sum_lines(state, sums64) + sum_lines(state, sums128);
    count_lines(state, counts);
    return out;
}

void check_sums(const State& state, const Swept& got) {
    std::vector<u128> sums(state.grid.rows(), 5);
    std::vector<std::uint32_t> counts(state.grid.rows(), 5);
    for (std::size_t line = 0; line < state.grid.lines(); ++line)
        state.grid.for_each(line, [&](std::uint32_t row, const Net& q) {
            sums[row] += static_cast<u128>(q[sod]) *
                         static_cast<u128>(i128{state.board.quote(InstrumentCode(line)).price});
            ++counts[row];
        });
    for (std::size_t row = 0; row < sums.size(); ++row) {
        CHECK(got.sums128[0][row] == static_cast<i128>(sums[row]));
        CHECK(got.sums64[0][row] ==
              static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[row])));
        CHECK(got.counts[0][row] == counts[row]);
    }
}

}  // namespace

TEST(sweeps_of_any_number_of_threads_are_the_same) {
    struct Shape {
        std::uint32_t rows;
        std::size_t lines;
        std::size_t dense;
    };
    // One block, two blocks of unequal size, and more blocks than parts.
    for (const auto& [rows, lines, dense] : {Shape{3'000, 4'000, 2}, Shape{5'000, 2'000, 1},
                                             Shape{100'000, 90, 2}, Shape{200'000, 100, 100}}) {
        State state = book(rows, lines, dense);
        Workers one(1);
        state.workers = &one;
        const Swept whole = swept(state, 1);
        check_sums(state, whole);
        for (const std::size_t groups : {1U, 7U}) {
            state.workers = nullptr;
            const Swept alone = swept(state, groups);
            for (const std::size_t threads : {2U, 5U}) {
                Workers many(threads);
                state.workers = &many;
                CHECK(swept(state, groups) == alone);
                CHECK(many.parallel() == 3);
            }
        }
        CHECK(one.parallel() == 0);
    }
}

TEST(small_sweeps_start_no_thread) {
    State state = book(4'096, 100, 1);
    Workers many(4);
    state.workers = &many;
    const Swept got = swept(state, 3);
    state.workers = nullptr;
    CHECK(got == swept(state, 3));
    CHECK(many.parallel() == 0);
    CHECK(swept(State(), 1).cells == 0);
}
