// Exact totals per measure, row and unit: T[m, row, u] = sum over instruments i of unit u of
// q[m, i, row] * price[i].
//
// One kernel keeps them true: `add_line`, T += q * (price - seen) over an instrument's line.
// Sums are modulo the unit's lane, whose width is proved from the sum of absolute values, so that
// neither the order of updates nor what lies between two reads matters (docs/decisions/0001).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "mvcore/base/tuning.hpp"
#include "mvcore/board/change_log.hpp"
#include "mvcore/state/state.hpp"
#include "mvcore/valuation/dirty_rows.hpp"
#include "mvcore/valuation/line_sweep.hpp"
#include "mvcore/valuation/row_table.hpp"

namespace mvcore {

using Measures = std::vector<Measure>;  // requested ones, in order; empty for functions only

// Upper bounds for a grouping in this state, before anything is computed.
struct MostRows {
    std::uint64_t positions = 0;  // selected
    std::uint64_t rows = 0;       // pairs of groups with a position
};
// O(accounts selected); O(accounts) if all are, or if they are listed by code. O(instruments) more
// if these are grouped.
MostRows most_rows(const State& state, const Grouping& grouping);

// How rows get their numbers.
struct Numbering {
    RowTable* kept = nullptr;  // of earlier totals; moved from if its pairs keep their rows
    bool dense_only = false;   // a roll-up maps every pair of groups
    bool tracked = false;      // collect dirty rows
};

class Totals {
public:
    // Computes all totals from quantities and prices. `counted`: counts positions of priced units
    // too. Until an order makes measures differ, one column serves all requested measures. Rows are
    // numbered densely unless most pairs of groups would be empty. If
    // `quantities` are given, each row is of one instrument, and has these quantities too.
    void build(const State& state, Grouping grouping, const Measures& measures, bool counted,
               const Numbering& numbering = {}, const Measures* quantities = nullptr);
    // Whether build() sums by account, so that the by-account index should be built first.
    static bool goes_by_account(const Grouping& grouping);

    // T[row, unit] += q * price over the line of the instrument, if it is selected.
    void add_line(const State& state, InstrumentCode instrument, UnitId unit, const i256& price);
    // T[row, unit] += change * price for one position. count_cell() marks the row dirty.
    void add_cell(const State& state, std::size_t row, UnitId unit, const Net& change,
                  const i256& price);
    // Number of lines with cached sums. If groups have several accounts, the first price change of
    // an instrument sums its line by group. Each later change then costs one cell per group.
    [[nodiscard]] std::size_t summed() const noexcept { return sums_.size(); }
    // Applies a fact to the cached sums. Call it for all facts in the state before any add_line().
    void note(const Fact& fact) noexcept;
    // Widens the quantities so that they hold those of the instrument. Call it for all facts in the
    // state before any add_quantities(), because sums may wrap around in between.
    void fit_quantities(const State& state, InstrumentCode instrument);
    // Whether quantities were given, be it none.
    [[nodiscard]] bool of_instruments() const noexcept { return of_instruments_; }
    void add_quantities(std::size_t row, const Net& change);
    // Adds the line's positions to a unit's counts (sign +1) or subtracts them (-1), if the unit
    // has counts.
    void count_line(const State& state, InstrumentCode instrument, UnitId unit, int sign);
    void count_cell(const State& state, std::size_t row, UnitId unit, std::int32_t change);
    void recompute_unit(const State& state, UnitId unit);

    // Sums rows into a roll-up: maps[level][row] is the row of the result. Rows of the levels from
    // `of_instrument` on are of one instrument; these have quantities.
    [[nodiscard]] Totals rolled_up(const std::vector<std::vector<std::int32_t>>& maps,
                                   std::size_t rows, std::size_t of_instrument = 0) const;

    [[nodiscard]] const Grouping& grouping() const noexcept { return grouping_; }
    struct Picked {
        AccountCode account;
        std::int32_t group;
    };
    // The selected accounts; empty if the grouping is whole.
    [[nodiscard]] const std::vector<Picked>& picked() const noexcept { return picked_; }
    // Whether so few accounts are selected that a view finds the facts of each one separately.
    [[nodiscard]] bool threaded() const noexcept {
        return !grouping_.whole() && picked_.size() <= tuning::kThreadedAccounts;
    }
    // Rows of the grid at build(). If the grid has more rows now, build again.
    [[nodiscard]] std::uint32_t grid_rows() const noexcept { return grid_rows_; }
    [[nodiscard]] bool counted() const noexcept { return counted_; }
    // One per requested measure, or one for all of them.
    [[nodiscard]] int columns() const noexcept { return static_cast<int>(measures_.size()); }
    // Whether one column serves all measures. The first order ends that.
    [[nodiscard]] bool merged() const noexcept { return merged_; }
    [[nodiscard]] std::size_t rows() const noexcept { return positions_.size(); }
    [[nodiscard]] const RowTable& table() const noexcept { return table_; }
    // Gives the table away; then build again.
    [[nodiscard]] RowTable take_table() noexcept { return std::move(table_); }
    // The row of a position, which is added if it is new.
    std::size_t row_of(GroupPair pair);
    // Whether rows should be numbered anew, because most pairs are listed, or because rows without
    // positions have become most of them since all_numbered().
    [[nodiscard]] bool outgrown() const noexcept;
    void all_numbered() noexcept { rows_at_first_ = rows(); }
    // Rows whose totals or counts may have changed since they were last cleared; only if tracked.
    [[nodiscard]] DirtyRows& dirty() noexcept { return dirty_; }
    // Number of accounts selected; all of them if the grouping is whole.
    [[nodiscard]] std::size_t selected() const noexcept {
        return grouping_.whole() ? positions_.size() : picked_.size();
    }
    [[nodiscard]] const std::vector<UnitId>& units() const noexcept { return unit_list_; }
    [[nodiscard]] i256 total(std::uint32_t place, int column, std::size_t row) const noexcept;
    // The sum of the k-th quantity at the scale of the row's instrument.
    [[nodiscard]] i256 quantity(std::size_t k, std::size_t row) const noexcept {
        const auto column = quantity_measures_.size() == 1 ? 0 : k;
        return at(quantities_, column * stride_ + row);
    }
    // The instrument of the row. Null for a row of a roll-up over several. Only if
    // of_instruments().
    [[nodiscard]] std::optional<InstrumentCode> instrument_of(std::size_t row) const noexcept;
    // The totals of a unit by row; null if there are none or 64 bits do not hold them.
    [[nodiscard]] const std::int64_t* totals64(std::uint32_t place, int column) const noexcept {
        const auto& rows = units_[place];
        return rows.lane == Lane::bits64 && !rows.t64.empty()
                   ? rows.t64.data() + std::size_t(column) * stride_
                   : nullptr;
    }
    // Positions of the row in a unit; 0 if they are not counted.
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
        // One column after the other, each of stride_ items; only the array of the lane is used.
        std::vector<std::int64_t> t64;
        std::vector<i128> t128;
        std::vector<i256> t256;
        std::vector<std::uint32_t> counts;
    };

    UnitRows& rows_of(const State& state, UnitId unit);
    [[nodiscard]] static i256 at(const UnitRows& rows, std::size_t place) noexcept;
    void list_instruments(const Board& board);
    void add_line_quantities(const State& state, InstrumentCode instrument);
    static void widen(UnitRows& rows, Lane lane);
    static void add(UnitRows& rows, std::size_t at, i128 quantity, const i256& price);
    // Adds the line's column of one measure to the totals from index `first` on.
    void add_whole_line(const State& state, std::size_t first, InstrumentCode instrument,
                        int measure, UnitRows& rows, const i256& price);
    // The cached sums of the line: per column, one for each group. Null if the line has none.
    const std::int64_t* sums_of(const State& state, InstrumentCode instrument);
    [[nodiscard]] bool caches_sums_of(const State& state, InstrumentCode instrument) const;
    // Calls f(row, Net) for the selected positions of the line.
    template <class F>
    void for_cells(const State& state, InstrumentCode instrument, F&& f);
    void number_rows(const State& state, const Numbering& numbering);
    void append_row();
    void mark_line(const State& state, std::size_t first, InstrumentCode instrument);
    void build_by_account(const State& state);
    void build_by_instrument(const State& state);
    void build_listed(const State& state, std::span<const InstrumentCode> instruments);
    void build_one_group(const State& state, std::span<const InstrumentCode> instruments);
    void build_positions(const State& state, std::span<const InstrumentCode> instruments);
    // Lines that are summed account by account, all at once; and which of the sums are then added
    // up by group of accounts.
    template <class T>
    struct Sums {
        struct Fold {
            UnitRows* rows;
            std::size_t first;  // index of the total of the first group
        };
        std::vector<LineSum<T>> lines;
        std::vector<std::vector<T>> by_account;
        std::vector<Fold> folds;  // parallel to by_account
    };
    struct Sweep {
        Sums<std::int64_t> bits64;
        Sums<i128> bits128;
    };
    template <class T>
    void append(const State& state, std::span<const InstrumentCode> instruments,
                std::size_t first_row, UnitRows& rows, std::vector<T>& totals, Sums<T>& sums);
    template <class T>
    void run(const State& state, Sums<T>& sums);
    template <class L, class F>
    void for_sweeps(const std::vector<L>& lines, F&& f) const;
    void sum_lines(const State& state, std::span<const InstrumentCode> instruments, Sweep& sweep);
    void count_positions(const State& state, std::span<const InstrumentCode> order);
    // Whether looking up the selected accounts one by one is cheaper than a sweep.
    [[nodiscard]] bool few_picked(const State& state) const noexcept {
        return grouping_.few(picked_.size(), state.grid.rows());
    }

    Grouping grouping_;
    Measures measures_;
    bool of_instruments_ = false;
    Measures quantity_measures_;  // one for all if `merged_`
    UnitRows quantities_;
    std::vector<InstrumentCode> instruments_;       // by group; empty if each is its own group
    std::vector<std::int32_t> rolled_instruments_;  // by row of a roll-up; -1: of several
    bool rolled_ = false;
    bool merged_ = false;
    bool counted_ = false;
    std::uint32_t grid_rows_ = 0;
    std::vector<Picked> picked_;
    RowTable table_;
    std::vector<std::uint32_t> positions_;
    std::size_t stride_ = 0;  // at least rows()
    std::size_t live_ = 0;    // rows with positions; only if the table is listed
    std::size_t rows_at_first_ = 0;
    DirtyRows dirty_;
    bool tracked_ = false;
    std::vector<UnitId> unit_list_;
    std::vector<UnitRows> units_;                                         // parallel to unit_list_
    std::vector<std::int32_t> places_;                                    // by unit id, -1: none
    std::unordered_map<InstrumentCode, std::vector<std::int64_t>> sums_;  // by instrument
    std::uint64_t cells_swept_ = 0;
};

inline std::size_t Totals::row_of(GroupPair pair) {
    const auto row = table_.add(pair);
    while (row >= positions_.size()) append_row();
    return row;
}

template <class F>
void Totals::for_cells(const State& state, InstrumentCode instrument, F&& f) {
    const auto group = grouping_.of_instrument(instrument);
    if (group < 0) return;
    const auto line = code_index(instrument);
    const auto first = std::size_t(group) * grouping_.account_groups;
    std::uint32_t row = RowTable::kNone;
    const auto found = [&](std::int32_t account_group, const Net& q) {
        if (table_.is_dense()) return f(first + std::size_t(account_group), q);
        row = table_.add_after(
            row, {static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(account_group)});
        while (row >= positions_.size()) append_row();
        f(std::size_t{row}, q);
    };
    if (few_picked(state)) {
        cells_swept_ += picked_.size();
        for (const Picked& p : picked_) {
            const Net q = state.grid.get(line, static_cast<std::uint32_t>(p.account));
            if (held(q)) found(p.group, q);
        }
        return;
    }
    cells_swept_ += state.grid.positions(line);
    state.grid.for_each(line, [&](auto account, const Net& q) {
        const auto g = grouping_.of_account(AccountCode(account));
        if (g >= 0) found(g, q);
    });
}

}  // namespace mvcore
