// Computes the totals of a grouping from the whole state: by account, by instrument, or row by row.
#include <algorithm>
#include <utility>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/valuation/totals.hpp"

namespace mvcore {

void Totals::build(const State& state, Grouping grouping, const Measures& measures, bool counted,
                   const Numbering& numbering, const Measures* quantities) {
    *this = Totals();
    grouping_ = std::move(grouping);
    merged_ = !state.grid.split();
    measures_ = merged_ && !measures.empty() ? Measures{sod} : measures;
    of_instruments_ = quantities != nullptr;
    if (of_instruments_)
        quantity_measures_ = merged_ && !quantities->empty() ? Measures{sod} : *quantities;
    counted_ = counted;
    grid_rows_ = state.grid.rows();
    tracked_ = numbering.tracked;
    MVCORE_ASSERT(measures_.size() <= kMeasures);
    grouping_.for_accounts(
        [&](AccountCode account, std::int32_t group) { picked_.push_back({account, group}); });
    for (const Picked& p : picked_)
        MVCORE_ASSERT(std::uint32_t(p.group) < grouping_.account_groups);
    for (const auto g : grouping_.instrument_group)
        MVCORE_ASSERT(g < static_cast<std::int64_t>(grouping_.instrument_groups));
    MVCORE_ASSERT(picked_.empty() || code_index(picked_.back().account) < grid_rows_);
    MVCORE_ASSERT(!of_instruments_ || !grouping_.one_instrument_group());
    list_instruments(state.board);
    number_rows(state, numbering);
    if (state.index.built() && goes_by_account(grouping_)) build_by_account(state);
    else build_by_instrument(state);
    if (!table_.is_dense())
        live_ = static_cast<std::size_t>(std::count_if(positions_.begin(), positions_.end(),
                                                       [](auto count) { return count != 0; }));
}

void Totals::number_rows(const State& state, const Numbering& numbering) {
    const auto pairs = grouping_.rows();
    const auto share = numbering.kept != nullptr && numbering.kept->is_dense()
                           ? tuning::kDenseRowsKept
                           : tuning::kDenseRows;
    const bool fits = pairs < std::size_t{1} << 31;  // result rows have 32-bit numbers
    if (numbering.dense_only || pairs <= tuning::kAlwaysDense ||
        (fits && pairs / share <= most_rows(state, grouping_).positions)) {
        // A line may have more rows than the grouping has accounts. Nobody holds anything in those
        // rows.
        const auto more = grouping_.whole() && grid_rows_ > grouping_.account_groups
                              ? grid_rows_ - grouping_.account_groups
                              : 0;
        table_ = RowTable::dense(grouping_.account_groups, pairs + more);
    } else if (numbering.kept != nullptr && !numbering.kept->is_dense()) {
        table_ = std::exchange(*numbering.kept, {});
    }
    positions_.resize(table_.size(), 0);
    stride_ = table_.is_dense() ? positions_.size() : std::max<std::size_t>(positions_.size(), 64);
    quantities_.t64.resize(stride_ * quantity_measures_.size(), 0);
    if (tracked_) dirty_.resize(positions_.size());
}

void Totals::append_row() {
    MVCORE_ASSERT(!table_.is_dense() && positions_.size() < table_.size());
    if (positions_.size() == stride_) {
        const auto wider = stride_ + stride_ / 2;
        const auto spread = [&](auto& columns, std::size_t count) {
            if (columns.empty()) return;
            auto out = columns;
            out.assign(wider * count, {});
            for (std::size_t c = 0; c < count; ++c)
                std::copy_n(columns.begin() + std::ptrdiff_t(c * stride_), stride_,
                            out.begin() + std::ptrdiff_t(c * wider));
            columns = std::move(out);
        };
        const auto spread_each = [&](UnitRows& rows, std::size_t count) {
            spread(rows.t64, count);
            spread(rows.t128, count);
            spread(rows.t256, count);
        };
        for (UnitRows& rows : units_) {
            spread_each(rows, measures_.size());
            if (!rows.counts.empty()) rows.counts.resize(wider, 0);
        }
        spread_each(quantities_, quantity_measures_.size());
        stride_ = wider;
    }
    positions_.push_back(0);
    if (tracked_) dirty_.resize(positions_.size());
}

bool Totals::outgrown() const noexcept {
    if (table_.is_dense()) return false;
    return 2 * live_ > grouping_.rows() ||
           positions_.size() > 2 * std::max(live_, rows_at_first_) + tuning::kAlwaysDense;
}

void Totals::build_by_account(const State& state) {
    const AccountIndex& index = state.index;
    const Board& board = state.board;
    std::vector<UnitTotal> sums;
    for (const Picked& p : picked_) {
        const auto line = code_index(p.account);
        if (line >= index.grid().lines()) continue;
        // Both copies of the quantities have the same positions.
        MVCORE_ASSERT(index.grid().positions(line) == state.positions[line]);
        cells_swept_ += index.grid().positions(line);
        if (grouping_.one_instrument_group() && !counted_ && board.unpriced() == 0) {
            if (index.grid().positions(line) == 0) continue;
            const auto row = row_of({0, static_cast<std::uint32_t>(p.group)});
            for (std::size_t c = 0; c < measures_.size(); ++c) {
                sums.clear();
                index.totals(board, p.account, measures_[c], sums);
                for (const auto& sum : sums)
                    add(rows_of(state, sum.unit), c * stride_ + row, 1, sum.total);
            }
            positions_[row] += index.grid().positions(line);
            continue;
        }
        index.grid().for_each(line, [&](std::uint32_t index_row, const Net& quantity) {
            const auto i = index.instrument_at(index_row);
            const auto group = grouping_.of_instrument(i);
            if (group < 0) return;
            const auto row =
                row_of({static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(p.group)});
            const Quote& quote = board.quote(i);
            if (quote.priced) add_cell(state, row, quote.unit, quantity, board.price_of(i));
            fit_quantities(state, i);
            add_quantities(row, quantity);
            count_cell(state, row, quote.unit, 1);
        });
    }
}

void Totals::build_by_instrument(const State& state) {
    const Board& board = state.board;
    MVCORE_ASSERT(state.grid.lines() >= board.size());
    // Sorted, so that instruments of one row group and unit are adjacent.
    std::vector<InstrumentCode> order;
    for (const auto i : instruments_below(board.size()))
        if (grouping_.of_instrument(i) >= 0 && state.grid.positions(std::size_t(i)) != 0)
            order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        const auto ga = grouping_.of_instrument(a);
        const auto gb = grouping_.of_instrument(b);
        return ga != gb ? ga < gb : board.quote(a).unit < board.quote(b).unit;
    });
    for (auto i : order) MVCORE_ASSERT(board.quote(i).alive);  // or check_dropped() failed
    if (!table_.is_dense() && !tracked_ && grouping_.whole() && grouping_.by_instrument)
        return build_positions(state, order);
    if (!table_.is_dense()) return build_listed(state, order);
    for (auto i : order) rows_of(state, board.quote(i).unit);
    if (grouping_.account_groups == 1 && picked_.size() == state.positions.size())
        return build_one_group(state, order);
    Sweep sweep;
    for (auto first = order.begin(); first != order.end();) {
        const auto last = std::find_if(first, order.end(), [&](auto i) {
            return board.quote(i).unit != board.quote(*first).unit ||
                   grouping_.of_instrument(i) != grouping_.of_instrument(*first);
        });
        if (board.quote(*first).priced) sum_lines(state, {first, last}, sweep);
        first = last;
    }
    run(state, sweep.bits64);
    run(state, sweep.bits128);
    for (auto i : order) count_line(state, i, board.quote(i).unit, 1);
    for (auto i : order) add_line_quantities(state, i);
    count_positions(state, order);
}

// Every account is in the one group, so a line adds the sums of its quantities.
void Totals::build_one_group(const State& state, std::span<const InstrumentCode> instruments) {
    const Board& board = state.board;
    const auto fits = [&](auto i) { return board.instrument(i).abs_quantity.fits64(); };
    std::vector<InstrumentCode> summed;
    for (const auto i : instruments)
        if (board.quote(i).priced && fits(i)) summed.push_back(i);
    const auto sums = sum_quantities(state, summed, measures_, cells_swept_);
    for (std::size_t k = 0; k < summed.size(); ++k) {
        auto& unit_rows = rows_of(state, board.quote(summed[k]).unit);
        const auto row = std::size_t(grouping_.of_instrument(summed[k]));
        for (std::size_t c = 0; c < measures_.size(); ++c)
            add(unit_rows, c * stride_ + row, sums[k * measures_.size() + c],
                board.price_of(summed[k]));
    }
    for (const auto i : instruments) {
        const Quote& quote = board.quote(i);
        const auto row = std::size_t(grouping_.of_instrument(i));
        const auto count = static_cast<std::uint32_t>(state.grid.positions(code_index(i)));
        positions_[row] += count;
        if (auto& counts = rows_of(state, quote.unit).counts; !counts.empty()) counts[row] += count;
        if (quote.priced && !fits(i)) add_line(state, i, quote.unit, board.price_of(i));
        add_line_quantities(state, i);
    }
}

// Each position is a row, and the totals are read once, so no pair is looked for.
void Totals::build_positions(const State& state, std::span<const InstrumentCode> instruments) {
    const Board& board = state.board;
    std::size_t rows = 0;
    for (const auto i : instruments) rows += state.grid.positions(code_index(i));
    MVCORE_ASSERT(table_.size() == 0 && units_.empty());
    stride_ = rows;
    table_.reserve_appended(rows);
    positions_.assign(rows, 1);
    quantities_.t64.assign(rows * quantity_measures_.size(), 0);
    for (const auto i : instruments) {
        const Quote& quote = board.quote(i);
        UnitRows& unit_rows = rows_of(state, quote.unit);
        const i256 price = quote.priced ? board.price_of(i) : i256();
        fit_quantities(state, i);
        cells_swept_ += state.grid.positions(code_index(i));
        state.grid.for_each(code_index(i), [&](std::uint32_t account, const Net& q) {
            const std::size_t row = table_.append({static_cast<std::uint32_t>(raw(i)), account});
            if (of_instruments_) add_quantities(row, q);
            if (!unit_rows.counts.empty()) unit_rows.counts[row] = 1;
            if (!quote.priced) return;
            for (std::size_t c = 0; c < measures_.size(); ++c)
                add(unit_rows, c * stride_ + row, q[measures_[c]], price);
        });
    }
    MVCORE_ASSERT(table_.size() == rows);
}

// One pass over the cells, because finding the row of a cell costs more than adding to it.
void Totals::build_listed(const State& state, std::span<const InstrumentCode> instruments) {
    const Board& board = state.board;
    for (const auto i : instruments) {
        const Quote& quote = board.quote(i);
        UnitRows& unit_rows = rows_of(state, quote.unit);
        const i256 price = quote.priced ? board.price_of(i) : i256();
        fit_quantities(state, i);
        for_cells(state, i, [&](std::size_t row, const Net& q) {
            ++positions_[row];
            add_quantities(row, q);
            if (!unit_rows.counts.empty()) ++unit_rows.counts[row];
            if (quote.priced)
                for (std::size_t c = 0; c < measures_.size(); ++c)
                    add(unit_rows, c * stride_ + row, q[measures_[c]], price);
        });
    }
}

// Calls f(lines) for lines that several threads may sweep at once. Lines that are longer than their
// group reach into the rows of the next group. Nobody holds anything there, but a sweep writes
// them.
template <class L, class F>
void Totals::for_sweeps(const std::vector<L>& lines, F&& f) const {
    if (!grouping_.whole() || grid_rows_ <= grouping_.account_groups)
        return f(std::span<const L>(lines));
    for (const L& line : lines) f(std::span<const L>(&line, 1));
}

// Adds the lines of instruments of one unit and one row group, or appends them to `sweep`.
void Totals::sum_lines(const State& state, std::span<const InstrumentCode> instruments,
                       Sweep& sweep) {
    MVCORE_ASSERT(!instruments.empty() && grouping_.of_instrument(instruments[0]) >= 0);
    MVCORE_ASSERT(state.board.quote(instruments.front()).unit ==
                  state.board.quote(instruments.back()).unit);
    auto& rows = rows_of(state, state.board.quote(instruments[0]).unit);
    const auto first_row =
        std::size_t(grouping_.of_instrument(instruments[0])) * grouping_.account_groups;
    MVCORE_ASSERT(first_row + grouping_.account_groups <= this->rows());
    const auto narrow = [&](auto i) { return state.board.price_of(i).fits64(); };
    const bool few =
        !grouping_.whole() && (instruments.size() < tuning::kFewLines || few_picked(state));
    if (!few && rows.lane == Lane::bits64)
        return append(state, instruments, first_row, rows, rows.t64, sweep.bits64);
    if (!few && rows.lane == Lane::bits128 &&
        std::all_of(instruments.begin(), instruments.end(), narrow))
        return append(state, instruments, first_row, rows, rows.t128, sweep.bits128);
    for (auto i : instruments)
        add_line(state, i, state.board.quote(i).unit, state.board.price_of(i));
}

// Sums into the totals if every account is a group. Otherwise first sums per account, at the speed
// of a sweep of the whole book.
template <class T>
void Totals::append(const State& state, std::span<const InstrumentCode> instruments,
                    std::size_t first_row, UnitRows& rows, std::vector<T>& totals, Sums<T>& sums) {
    for (std::size_t c = 0; c < measures_.size(); ++c) {
        T* into = &totals[c * stride_ + first_row];
        if (!grouping_.whole()) {
            into = sums.by_account.emplace_back(state.grid.rows(), 0).data();
            sums.folds.push_back({&rows, c * stride_ + first_row});
        }
        sums.lines.push_back({instruments, measures_[c], into});
    }
    if (sums.folds.size() * state.grid.rows() >= tuning::kMostByAccount) run(state, sums);
}

template <class T>
void Totals::run(const State& state, Sums<T>& sums) {
    for_sweeps(sums.lines, [&](auto lines) { cells_swept_ += mvcore::sum_lines(state, lines); });
    MVCORE_ASSERT(sums.folds.size() == sums.by_account.size());
    for (std::size_t k = 0; k < sums.folds.size(); ++k)
        for (const Picked& p : picked_)
            add(*sums.folds[k].rows, sums.folds[k].first + std::size_t(p.group),
                sums.by_account[k][code_index(p.account)], i256(1));
    sums = {};
}

// `order`: the selected instruments that an account holds, sorted by row group.
void Totals::count_positions(const State& state, std::span<const InstrumentCode> order) {
    if (grouping_.one_instrument_group()) {
        // The state already counts positions by account.
        for (std::size_t a = 0; a < state.positions.size(); ++a) {
            const auto g = grouping_.of_account(AccountCode(a));
            MVCORE_ASSERT(g < 0 || std::size_t(g) < positions_.size());
            if (g >= 0) positions_[std::size_t(g)] += state.positions[a];
        }
        return;
    }
    const bool fold = !grouping_.whole() && !few_picked(state);
    std::vector<LineCount> lines;
    std::vector<std::size_t> first_rows;
    std::vector<std::vector<std::uint32_t>> by_account;  // one for each of the lines, if folded
    const auto count = [&] {
        for_sweeps(lines, [&](auto some) { count_lines(state, some); });
        for (std::size_t k = 0; k < by_account.size(); ++k)
            for (const Picked& p : picked_)
                positions_[first_rows[k] + std::size_t(p.group)] +=
                    by_account[k][code_index(p.account)];
        lines.clear();
        first_rows.clear();
        by_account.clear();
    };
    for (auto from = order.begin(); from != order.end();) {
        const auto group = grouping_.of_instrument(*from);
        const auto first = std::size_t(group) * grouping_.account_groups;
        MVCORE_ASSERT(first + grouping_.account_groups <= positions_.size());
        const auto to = std::find_if(from, order.end(),
                                     [&](auto i) { return grouping_.of_instrument(i) != group; });
        if (grouping_.whole()) {
            lines.push_back({{from, to}, &positions_[first]});
        } else if (fold) {
            lines.push_back({{from, to}, by_account.emplace_back(state.grid.rows(), 0U).data()});
            first_rows.push_back(first);
            if (lines.size() * state.grid.rows() >= tuning::kMostByAccount) count();
        } else {
            for (auto i = from; i != to; ++i)
                for_cells(state, *i, [&](std::size_t row, auto&) { ++positions_[row]; });
        }
        from = to;
    }
    count();
}

}  // namespace mvcore
