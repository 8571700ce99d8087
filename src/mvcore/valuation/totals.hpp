// Exact totals per measure, row and unit: T[m, row, u] = sum over instruments i of unit u of
// q[m, i, row] * price[i].
//
// One kernel keeps them true: `add_line`, T += q * (price - seen) over an instrument's line.
// Sums are modulo the unit's lane, whose width is proved from the sum of absolute values, so that
// neither the order of updates nor what lies between two reads matters (docs/decisions/0001).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "mvcore/board/change_log.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

using Measures = std::vector<Measure>;  // those asked, in their order; none beside functions only

class Totals {
public:
    // Computes everything from quantities and prices. `counted`: positions of priced units too.
    // While no order makes measures differ, one column serves all that are asked.
    void build(const State& state, Grouping grouping, const Measures& measures, bool counted);
    // Whether `build` goes by account, so that the index should be built before.
    static bool goes_by_account(const Grouping& grouping);

    // T[row, unit] += q * price over the line of the instrument, where it is selected.
    void add_line(const State& state, std::int32_t instrument, UnitId unit, const i256& price);
    // T[row, unit] += change * price for one position.
    void add_cell(const State& state, std::size_t row, UnitId unit, const Net& change,
                  const i256& price);
    // Where a group has several accounts, a line's quantities are summed up by group when a price
    // of it is first met: the next one costs as many cells as there are groups. So many lines are.
    [[nodiscard]] std::size_t summed() const noexcept { return sums_.size(); }
    // Their sums follow a fact. To be called for all facts that the state has before any
    // add_line().
    void note(const Fact& fact) noexcept;
    // Moves the positions of the line out of (-1) or into (+1) a unit's counts, where it has them.
    void count_line(const State& state, std::int32_t instrument, UnitId unit, int sign);
    void count_cell(const State& state, std::size_t row, UnitId unit, std::int32_t change);
    void recompute_unit(const State& state, UnitId unit);

    // Sums of rows: maps[level][row] is the row of the result.
    [[nodiscard]] Totals rolled_up(const std::vector<std::vector<std::int32_t>>& maps,
                                   std::size_t rows) const;

    [[nodiscard]] const Grouping& grouping() const noexcept { return grouping_; }
    struct Picked {
        std::int32_t account;
        std::int32_t group;
    };
    // The selected accounts, unless whole.
    [[nodiscard]] const std::vector<Picked>& picked() const noexcept { return picked_; }
    // So few accounts that their facts are found one by one.
    [[nodiscard]] bool threaded() const noexcept {
        return !grouping_.whole() && picked_.size() <= kThreaded;
    }
    // Rows of the grid when this was built; more of them need another build.
    [[nodiscard]] std::uint32_t grid_rows() const noexcept { return grid_rows_; }
    [[nodiscard]] bool counted() const noexcept { return counted_; }
    // One for each measure asked, or one for all of them.
    [[nodiscard]] int columns() const noexcept { return static_cast<int>(measures_.size()); }
    // Whether one column serves all, which the first order ends.
    [[nodiscard]] bool merged() const noexcept { return merged_; }
    [[nodiscard]] std::size_t rows() const noexcept { return positions_.size(); }
    // Accounts selected; all of them where the grouping is whole.
    [[nodiscard]] std::size_t selected() const noexcept {
        return grouping_.whole() ? positions_.size() : picked_.size();
    }
    [[nodiscard]] const std::vector<UnitId>& units() const noexcept { return unit_list_; }
    [[nodiscard]] i256 total(std::uint32_t place, int column, std::size_t row) const noexcept;
    // The totals of a unit, column after column of rows(); null where 64 bits do not hold them.
    [[nodiscard]] const std::int64_t* totals64(std::uint32_t place) const noexcept {
        const auto& rows = units_[place];
        return rows.lane == Lane::bits64 && !rows.t64.empty() ? rows.t64.data() : nullptr;
    }
    // Positions of the row in a unit; 0 where they are not counted.
    [[nodiscard]] std::uint32_t count(std::uint32_t place, std::size_t row) const noexcept {
        const auto& counts = units_[place].counts;
        return counts.empty() ? 0 : counts[row];
    }
    [[nodiscard]] std::uint32_t positions(std::size_t row) const noexcept {
        return positions_[row];
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;
    [[nodiscard]] std::uint64_t cells_swept() const noexcept { return cells_swept_; }

private:
    struct UnitRows {
        Lane lane = Lane::bits64;
        std::vector<std::int64_t> t64;  // column after column; one of the three, as the lane says
        std::vector<i128> t128;
        std::vector<i256> t256;
        std::vector<std::uint32_t> counts;
    };
    static constexpr std::size_t kThreaded = 16;
    static constexpr std::size_t kFewLines = 4;  // a sweep by account pays from here on
    static constexpr std::size_t kMostSums = std::size_t{1} << 22;  // 32 MiB of a view

    UnitRows& rows_of(const State& state, UnitId unit);
    static void widen(UnitRows& rows, Lane lane);
    static void add(UnitRows& rows, std::size_t at, i128 quantity, const i256& price);
    // The line's column of one measure onto totals from `first` on.
    void add_whole_line(const State& state, std::size_t first, std::int32_t instrument, int measure,
                        UnitRows& rows, const i256& price);
    // The line's sums, group after group by column; null where lines are not summed up.
    const std::int64_t* sums_of(const State& state, std::int32_t instrument);
    [[nodiscard]] bool sums_lines(const State& state, std::int32_t instrument) const;
    // f(row, Net) for the selected positions of the line.
    template <class F>
    void for_cells(const State& state, std::int32_t instrument, F&& f);
    void build_by_account(const State& state);
    void build_by_instrument(const State& state);
    void sum_lines(const State& state, std::span<const std::int32_t> instruments);
    void sweep(const State& state, std::span<const std::int32_t> instruments, int measure,
               std::int64_t* by_account);
    void count_positions(const State& state, std::span<const std::int32_t> order);
    static void count_line_by_account(const State& state, std::int32_t instrument,
                                      std::uint32_t* counts);
    // Whether looking the selected accounts up one by one reads less than a sweep.
    [[nodiscard]] bool few_picked(const State& state) const noexcept {
        return grouping_.few(picked_.size(), state.grid.rows());
    }

    Grouping grouping_;
    Measures measures_;
    bool merged_ = false;
    bool counted_ = false;
    std::uint32_t grid_rows_ = 0;
    std::vector<Picked> picked_;
    std::vector<std::uint32_t> positions_;
    std::vector<UnitId> unit_list_;
    std::vector<UnitRows> units_;                                       // beside unit_list_
    std::vector<std::int32_t> places_;                                  // by unit id, -1: none
    std::unordered_map<std::int32_t, std::vector<std::int64_t>> sums_;  // by instrument
    std::uint64_t cells_swept_ = 0;
};

template <class F>
void Totals::for_cells(const State& state, std::int32_t instrument, F&& f) {
    const auto group = grouping_.of_instrument(instrument);
    if (group < 0) return;
    const auto line = static_cast<std::size_t>(instrument);
    const auto first = std::size_t(group) * grouping_.account_groups;
    if (few_picked(state)) {
        cells_swept_ += picked_.size();
        for (const Picked& p : picked_) {
            const Net q = state.grid.get(line, static_cast<std::uint32_t>(p.account));
            if (held(q)) f(first + std::size_t(p.group), q);
        }
        return;
    }
    cells_swept_ += state.grid.positions(line);
    state.grid.for_each(line, [&](auto account, const Net& q) {
        const auto g = grouping_.of_account(static_cast<std::int32_t>(account));
        if (g >= 0) f(first + std::size_t(g), q);
    });
}

}  // namespace mvcore
