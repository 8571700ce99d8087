#include "mvcore/valuation/line_sweep.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/worker_pool.hpp"

namespace mvcore {
namespace {

using Instruments = std::span<const InstrumentCode>;

// Short lines are scattered in memory.
void prefetch_ahead(const Grid& grid, Instruments instruments, std::size_t k, std::size_t b) {
    if (k + 2 * tuning::kBlocksAhead < instruments.size())
        grid.prefetch_block(code_index(instruments[k + 2 * tuning::kBlocksAhead]),
                            static_cast<std::uint32_t>(b * Block::kRows));
    if (k + tuning::kBlocksAhead < instruments.size())
        grid.block(code_index(instruments[k + tuning::kBlocksAhead]), b).prefetch_short();
}

// totals[row in the block] += quantity * price, modulo 2^64. Returns the number of cells.
std::uint64_t sum_block(const State& state, Instruments instruments, int measure, std::size_t b,
                        std::int64_t* totals) {
    const auto& kernel = kernels::table();
    const Board& board = state.board;
    // Two fans of a width take turns: while one is summed, the columns of the other are fetched.
    struct Fan {
        const void* quantity[tuning::kFan];
        std::int64_t price[tuning::kFan];
        int n = 0;
    } fans[kernels::kWidths][2];
    int filling[kernels::kWidths] = {};
    const auto full = state.grid.rows_in_block(b);
    std::uint64_t cells = 0;
    for (std::size_t k = 0; k < instruments.size(); ++k) {
        prefetch_ahead(state.grid, instruments, k, b);
        const auto i = instruments[k];
        const Block& block = state.grid.block(code_index(i), b);
        if (block.empty()) continue;
        const void* q = block.quantity(measure);
        const auto w = block.width();
        MVCORE_ASSERT(w < kernels::kWidths && block.count() <= full);
        MVCORE_ASSERT(board.quote(i).priced);
        const auto price = board.price_of(i).low64();
        cells += block.count();
        if (!block.dense()) {
            kernel.scatter64[w](q, block.offset(), block.count(), price, totals);
        } else if (block.count() != full) {
            kernel.add64[w](q, block.count(), price, totals);
        } else {
            Fan& fan = fans[w][filling[w]];
            MVCORE_ASSERT(fan.n < tuning::kFan);
            fan.quantity[fan.n] = q;
            fan.price[fan.n++] = price;
            if (fan.n < tuning::kFan) continue;
            Fan& before = fans[w][1 - filling[w]];
            if (before.n == tuning::kFan)
                kernel.add_fan64[w](before.quantity, before.price, full, totals, fan.quantity);
            before.n = 0;
            filling[w] = 1 - filling[w];
        }
    }
    for (int w = 0; w < kernels::kWidths; ++w)
        for (const Fan& fan : fans[w]) {
            if (fan.n == tuning::kFan) {
                kernel.add_fan64[w](fan.quantity, fan.price, full, totals, nullptr);
                continue;
            }
            for (int c = 0; c < fan.n; ++c)
                kernel.add64[w](fan.quantity[c], full, fan.price[c], totals);
        }
    return cells;
}

std::uint64_t sum_block(const State& state, Instruments instruments, int measure, std::size_t b,
                        i128* totals) {
    const auto& kernel = kernels::table();
    std::uint64_t cells = 0;
    for (std::size_t k = 0; k < instruments.size(); ++k) {
        prefetch_ahead(state.grid, instruments, k, b);
        const Block& block = state.grid.block(code_index(instruments[k]), b);
        if (block.empty()) continue;
        const auto w = block.width();
        const i256 price = state.board.price_of(instruments[k]);
        MVCORE_ASSERT(price.fits64());
        const void* q = block.quantity(measure);
        cells += block.count();
        if (block.dense()) kernel.add128[w](q, block.count(), price.low64(), totals);
        else kernel.scatter128[w](q, block.offset(), block.count(), price.low64(), totals);
    }
    return cells;
}

void count_block(const State& state, Instruments instruments, std::size_t b,
                 std::uint32_t* counts) {
    for (std::size_t k = 0; k < instruments.size(); ++k) {
        prefetch_ahead(state.grid, instruments, k, b);
        const Block& block = state.grid.block(code_index(instruments[k]), b);
        if (block.dense())
            kernels::table().count[block.width()](block.quantities().data(), block.columns(),
                                                  block.count(), counts);
        else block.for_each([&](auto row, auto&) { ++counts[row]; });
    }
}

std::uint64_t cost_of(const Block& block) {
    if (block.empty()) return 0;
    return block.dense() ? block.count()
                         : tuning::kCostOfSparseBlock + tuning::kCostOfSparseCell * block.count();
}

std::uint64_t cost_of_line(const State& state, InstrumentCode instrument) {
    std::uint64_t sum = 0;
    for (std::size_t b = 0; b < state.grid.blocks(); ++b)
        sum += cost_of(state.grid.block(code_index(instrument), b));
    return sum;
}

void add_wrapping(std::int64_t& to, std::int64_t more) {
    to = static_cast<std::int64_t>(static_cast<std::uint64_t>(to) +
                                   static_cast<std::uint64_t>(more));
}
void add_wrapping(i128& to, i128 more) {
    to = static_cast<i128>(static_cast<u128>(to) + static_cast<u128>(more));
}
void add_wrapping(std::uint32_t& to, std::uint32_t more) { to += more; }

// What a sweep adds to an array by account, `into`.
template <class T>
struct Lines {
    Instruments instruments;
    T* into;
};

template <class T>
class TiledSweep {
public:
    TiledSweep(const State& state, std::vector<Lines<T>> lines)
        : state_(state), lines_(std::move(lines)) {}

    // Calls f(index of the lines, instruments, block, array of the block's rows) for every tile. f
    // returns a number of cells; run() returns their sum.
    template <class F>
    std::uint64_t run(F&& f) {
        const auto threads = state_.workers == nullptr ? 1 : state_.workers->threads();
        const auto cost = threads == 1 ? 0 : find_costs();
        if (cost < tuning::kCostInParallel) return run_here(f);
        divide(std::max<std::uint64_t>(cost / (threads * tuning::kPartsPerThread),
                                       tuning::kCostOfPart));
        std::vector<std::uint64_t> cells(parts_.size());
        state_.workers->run(parts_.size(), [&](std::size_t part) {
            const auto end = part + 1 < parts_.size() ? parts_[part + 1] : tiles_.size();
            for (auto k = parts_[part]; k < end; ++k) {
                const Tile& tile = tiles_[k];
                if (tile.clear) std::fill_n(tile.rows, state_.grid.rows_in_block(tile.block), T{});
                cells[part] += f(tile.lines, tile.instruments, tile.block, tile.rows);
            }
        });
        add_up();
        std::uint64_t sum = 0;
        for (const auto some : cells) sum += some;
        return sum;
    }

private:
    struct Tile {
        std::size_t lines;
        Instruments instruments;
        std::size_t block;
        T* rows;
        bool clear;  // private totals that nobody has written yet
    };
    struct Private {
        T* into;
        huge_pages::Vector<T> totals;
    };

    template <class F>
    std::uint64_t run_here(F&& f) {
        std::uint64_t sum = 0;
        for (std::size_t l = 0; l < lines_.size(); ++l)
            for (std::size_t b = 0; b < state_.grid.blocks(); ++b)
                sum += f(l, lines_[l].instruments, b, lines_[l].into + b * Block::kRows);
        return sum;
    }

    std::uint64_t find_costs() {
        std::uint64_t sum = 0;
        for (const auto& lines : lines_) {
            std::uint64_t some = 0;
            for (const auto i : lines.instruments) some += cost_of_line(state_, i);
            costs_.push_back(some);
            sum += some;
        }
        return sum;
    }

    // Makes tiles of about the cost `ideal` at most, and parts of consecutive tiles of about as
    // much at least.
    void divide(std::uint64_t ideal) {
        const auto rows = state_.grid.rows();
        std::uint64_t open = ideal;  // cost of the last part
        for (std::size_t l = 0; l < lines_.size(); ++l) {
            const auto& [instruments, into] = lines_[l];
            const auto in_block = costs_[l] * std::min(rows, Block::kRows) / rows;
            const auto ranges = std::clamp<std::size_t>(
                (in_block + ideal - 1) / ideal, 1, std::max(instruments.size(), std::size_t{1}));
            for (std::size_t r = 0; r < ranges; ++r) {
                T* totals = into;
                if (r != 0)
                    totals = private_.emplace_back(into, huge_pages::Vector<T>(rows)).totals.data();
                const auto first = instruments.size() * r / ranges;
                const auto last = instruments.size() * (r + 1) / ranges;
                for (std::size_t b = 0; b < state_.grid.blocks(); ++b) {
                    if (open >= ideal) {
                        parts_.push_back(tiles_.size());
                        open = 0;
                    }
                    open += in_block * state_.grid.rows_in_block(b) / (Block::kRows * ranges);
                    tiles_.push_back({l, instruments.subspan(first, last - first), b,
                                      totals + b * Block::kRows, r != 0});
                }
            }
        }
    }

    void add_up() {
        for (const auto& [into, totals] : private_)
            for (std::size_t row = 0; row < totals.size(); ++row)
                add_wrapping(into[row], totals[row]);
    }

    const State& state_;
    std::vector<Lines<T>> lines_;
    std::vector<std::uint64_t> costs_;  // parallel to lines_
    std::vector<Tile> tiles_;
    std::vector<std::size_t> parts_;  // the first tile of each
    std::vector<Private> private_;
};

template <class T>
std::uint64_t sum_all(const State& state, std::span<const LineSum<T>> sums) {
    std::vector<Lines<T>> lines;
    for (const auto& sum : sums) lines.push_back({sum.instruments, sum.totals});
    TiledSweep<T> sweep(state, std::move(lines));
    return sweep.run([&](std::size_t l, Instruments instruments, std::size_t block, T* totals) {
        return sum_block(state, instruments, sums[l].measure, block, totals);
    });
}

}  // namespace

std::uint64_t sum_lines(const State& state, std::span<const LineSum<std::int64_t>> sums) {
    return sum_all(state, sums);
}

std::uint64_t sum_lines(const State& state, std::span<const LineSum<i128>> sums) {
    return sum_all(state, sums);
}

std::vector<std::int64_t> sum_quantities(const State& state, Instruments instruments,
                                         std::span<const Measure> measures, std::uint64_t& cells) {
    const auto& kernel = kernels::table();
    std::vector<std::int64_t> sums(instruments.size() * measures.size());
    const auto sum_line = [&](std::size_t k) {  // returns the number of cells
        std::uint64_t swept = 0;
        for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
            prefetch_ahead(state.grid, instruments, k, b);
            const Block& block = state.grid.block(code_index(instruments[k]), b);
            if (block.empty()) continue;
            swept += block.count() * measures.size();
            for (std::size_t c = 0; c < measures.size(); ++c)
                add_wrapping(
                    sums[k * measures.size() + c],
                    kernel.sum64[block.width()](block.quantity(measures[c]), block.count()));
        }
        return swept;
    };
    const auto threads = state.workers == nullptr ? 1 : state.workers->threads();
    std::uint64_t cost = 0;
    if (threads > 1)
        for (const auto i : instruments) cost += cost_of_line(state, i) * measures.size();
    const auto parts = cost < tuning::kCostInParallel
                           ? std::size_t{1}
                           : std::min(threads * tuning::kPartsPerThread, instruments.size());
    std::vector<std::uint64_t> swept(parts);
    const auto sum_part = [&](std::size_t part) {
        const auto end = instruments.size() * (part + 1) / parts;
        for (auto k = instruments.size() * part / parts; k < end; ++k) swept[part] += sum_line(k);
    };
    if (parts == 1) sum_part(0);
    else state.workers->run(parts, sum_part);
    for (const auto some : swept) cells += some;
    return sums;
}

void count_lines(const State& state, std::span<const LineCount> counts) {
    std::vector<Lines<std::uint32_t>> lines;
    for (const auto& count : counts) lines.push_back({count.instruments, count.counts});
    TiledSweep<std::uint32_t> sweep(state, std::move(lines));
    sweep.run([&](std::size_t, Instruments instruments, std::size_t block, std::uint32_t* rows) {
        count_block(state, instruments, block, rows);
        return std::uint64_t{0};
    });
}

}  // namespace mvcore
