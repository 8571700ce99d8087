#include "mvcore/valuation/totals.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

namespace {

// Sums wrap at the lane's width. They are exact because the final total fits. Unsigned arithmetic
// makes wrapping well defined.
void add64(std::int64_t& t, i128 quantity, const i256& price) {
    t = static_cast<std::int64_t>(static_cast<std::uint64_t>(t) +
                                  static_cast<std::uint64_t>(quantity) * price.w[0]);
}
void add128(i128& t, i128 quantity, const i256& price) {
    t = static_cast<i128>(static_cast<u128>(t) +
                          static_cast<u128>(quantity) * static_cast<u128>(price.low128()));
}

}  // namespace

MostRows most_rows(const State& state, const Grouping& grouping) {
    std::uint64_t by_account = 0;
    std::uint64_t accounts = 0;  // with positions
    const auto add = [&](AccountCode a, auto) {
        if (code_index(a) >= state.positions.size()) return;
        by_account += state.positions[code_index(a)];
        accounts += state.positions[code_index(a)] != 0 ? 1 : 0;
    };
    if (grouping.whole())
        for (const auto a : accounts_below(state.positions.size())) add(a, 0);
    else grouping.for_accounts(add);
    std::uint64_t by_instrument = 0;
    if (grouping.one_instrument_group()) by_instrument = by_account;
    for (std::size_t i = 0; i < state.board.size() && by_instrument < by_account; ++i)
        if (grouping.of_instrument(InstrumentCode(i)) >= 0)
            by_instrument += state.grid.positions(i);
    MostRows out;
    out.positions = std::min(by_account, by_instrument);
    const std::uint64_t groups = std::min<std::uint64_t>(grouping.account_groups, accounts);
    out.rows = std::min(out.positions, groups * grouping.instrument_groups);
    return out;
}

bool Totals::goes_by_account(const Grouping& grouping) {
    if (grouping.whole()) return false;
    std::size_t picked = 0;
    grouping.for_accounts([&](auto, auto) { ++picked; });
    return grouping.account_codes || grouping.few(picked, grouping.account_group.size()) ||
           picked <= tuning::kAlwaysLookedUp;
}

Totals::UnitRows& Totals::rows_of(const State& state, UnitId unit) {
    if (unit >= places_.size()) places_.resize(unit + 1, -1);
    const Unit& u = state.board.unit(unit);
    if (places_[unit] < 0) {
        places_[unit] = static_cast<std::int32_t>(units_.size());
        unit_list_.push_back(unit);
        units_.emplace_back();
        auto& rows = units_.back();
        if (u.priced()) rows.t64.resize(stride_ * measures_.size(), 0);
        if (counted_ || !u.priced()) rows.counts.resize(stride_, 0);
    }
    auto& rows = units_[std::size_t(places_[unit])];
    if (rows.lane < u.lane) widen(rows, u.lane);
    MVCORE_ASSERT(rows.counts.empty() || rows.counts.size() == stride_);
    MVCORE_ASSERT(unit_list_.size() == units_.size());
    MVCORE_ASSERT(unit_list_[std::size_t(places_[unit])] == unit && rows.lane >= u.lane);
    return rows;
}

void Totals::widen(UnitRows& rows, Lane lane) {
    MVCORE_ASSERT(lane > rows.lane);
    if (lane == Lane::bits256) {
        if (rows.lane == Lane::bits64) {
            for (auto t : rows.t64) rows.t256.emplace_back(t);
        } else {
            for (auto t : rows.t128) rows.t256.emplace_back(t);
        }
    } else {
        for (auto t : rows.t64) rows.t128.push_back(t);
    }
    MVCORE_ASSERT(lane == Lane::bits256 || rows.t128.size() == rows.t64.size());
    MVCORE_ASSERT(lane != Lane::bits256 ||
                  rows.t256.size() == std::max(rows.t64.size(), rows.t128.size()));
    rows.t64 = {};
    if (lane == Lane::bits256) rows.t128 = {};
    rows.lane = lane;
}

i256 Totals::total(std::uint32_t place, int column, std::size_t row) const noexcept {
    MVCORE_ASSERT(place < units_.size() && column < columns() && row < this->rows());
    return at(units_[place], std::size_t(column) * stride_ + row);
}

i256 Totals::at(const UnitRows& rows, std::size_t place) noexcept {
    switch (rows.lane) {
        case Lane::bits64: return rows.t64.empty() ? i256() : i256(rows.t64[place]);
        case Lane::bits128: return i256(rows.t128[place]);
        default: return rows.t256[place];
    }
}

void Totals::add(UnitRows& rows, std::size_t at, i128 quantity, const i256& price) {
    MVCORE_ASSERT(at < (rows.lane == Lane::bits64    ? rows.t64.size()
                        : rows.lane == Lane::bits128 ? rows.t128.size()
                                                     : rows.t256.size()));
    switch (rows.lane) {
        case Lane::bits64: return add64(rows.t64[at], quantity, price);
        case Lane::bits128: return add128(rows.t128[at], quantity, price);
        default: rows.t256[at] += i256(quantity) * price;
    }
}

void Totals::add_cell(const State& state, std::size_t row, UnitId unit, const Net& change,
                      const i256& price) {
    MVCORE_ASSERT(row < rows());
    MVCORE_ASSERT(state.board.unit(unit).priced());
    auto& unit_rows = rows_of(state, unit);
    cells_swept_ += measures_.size();
    for (std::size_t c = 0; c < measures_.size(); ++c)
        add(unit_rows, c * stride_ + row, change[measures_[c]], price);
}

void Totals::mark_line(const State& state, std::size_t first, InstrumentCode instrument) {
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(code_index(instrument), b);
        const auto row = first + b * Block::kRows;
        if (block.dense()) dirty_.mark(row, block.count());
        else
            for (std::uint32_t k = 0; k < block.count(); ++k) dirty_.mark(row + block.offset()[k]);
    }
}

void Totals::add_whole_line(const State& state, std::size_t first, InstrumentCode instrument,
                            int measure, UnitRows& rows, const i256& price) {
    MVCORE_ASSERT(code_index(instrument) < state.grid.lines());
    MVCORE_ASSERT(state.grid.rows() <= grid_rows_);  // a view rebuilds if the grid has grown
    const auto& kernel = kernels::table();
    const bool narrow = price.fits64();
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(code_index(instrument), b);
        if (block.empty()) continue;
        const auto row = first + b * Block::kRows;
        const auto n = block.count();
        [[maybe_unused]] const auto reach = block.dense() ? n : block.offset()[n - 1] + 1U;
        MVCORE_ASSERT(rows.lane != Lane::bits64 || row + reach <= rows.t64.size());
        MVCORE_ASSERT(rows.lane != Lane::bits128 || row + reach <= rows.t128.size());
        const void* q = block.quantity(measure);
        const auto w = block.width();
        cells_swept_ += n;
        // A 64-bit lane needs only the low words, whatever the price's width.
        if (rows.lane == Lane::bits64) {
            const auto p = price.low64();
            if (block.dense()) kernel.add64[w](q, n, p, &rows.t64[row]);
            else kernel.scatter64[w](q, block.offset(), n, p, &rows.t64[row]);
        } else if (rows.lane == Lane::bits128 && narrow) {
            const auto p = price.low64();
            if (block.dense()) kernel.add128[w](q, n, p, &rows.t128[row]);
            else kernel.scatter128[w](q, block.offset(), n, p, &rows.t128[row]);
        } else {
            block.for_each([&](auto r, const Net& net) {
                add(rows, row + r, net[std::size_t(measure)], price);
            });
        }
    }
}

void Totals::add_line(const State& state, InstrumentCode instrument, UnitId unit,
                      const i256& price) {
    MVCORE_ASSERT(state.board.unit(unit).priced());
    auto& unit_rows = rows_of(state, unit);
    const auto group = grouping_.of_instrument(instrument);
    if (group < 0) return;
    MVCORE_ASSERT(std::uint32_t(group) < grouping_.instrument_groups);
    const auto first = std::size_t(group) * grouping_.account_groups;
    if (grouping_.whole() && table_.is_dense()) {
        if (tracked_) mark_line(state, first, instrument);
        for (std::size_t c = 0; c < measures_.size(); ++c)
            add_whole_line(state, c * stride_ + first, instrument, measures_[c], unit_rows, price);
        return;
    }
    if (const auto* sums = sums_of(state, instrument)) {
        const std::size_t groups = grouping_.account_groups;
        if (tracked_) dirty_.mark(first, groups);
        cells_swept_ += groups;
        for (std::size_t c = 0; c < measures_.size(); ++c)
            for (std::size_t g = 0; g < groups; ++g)
                add(unit_rows, c * stride_ + first + g, sums[c * groups + g], price);
        return;
    }
    for_cells(state, instrument, [&](std::size_t row, const Net& q) {
        if (tracked_) dirty_.mark(row);
        for (std::size_t c = 0; c < measures_.size(); ++c)
            add(unit_rows, c * stride_ + row, q[measures_[c]], price);
    });
}

// Sums are modulo 2^64. They are exact if the sum of absolute quantities is below 2^63. If rows are
// listed, most groups have no position in a line.
bool Totals::caches_sums_of(const State& state, InstrumentCode instrument) const {
    return !grouping_.whole() && table_.is_dense() &&
           2 * std::size_t{grouping_.account_groups} <= picked_.size() && !few_picked(state) &&
           state.board.instrument(instrument).abs_quantity.fits64();
}

const std::int64_t* Totals::sums_of(const State& state, InstrumentCode instrument) {
    const bool known = sums_.contains(instrument);
    if (!caches_sums_of(state, instrument)) {
        if (known) sums_.erase(instrument);
        return nullptr;
    }
    const std::size_t groups = grouping_.account_groups;
    if (!known && (sums_.size() + 1) * groups * measures_.size() > tuning::kMostSums)
        return nullptr;
    auto& sums = sums_[instrument];
    MVCORE_ASSERT(!known || sums.size() == groups * measures_.size());
    if (known) return sums.data();
    const auto first = std::size_t(grouping_.of_instrument(instrument)) * groups;
    sums.resize(groups * measures_.size(), 0);
    for_cells(state, instrument, [&](std::size_t row, const Net& q) {
        for (std::size_t c = 0; c < measures_.size(); ++c)
            add64(sums[c * groups + row - first], q[measures_[c]], i256(1));
    });
    return sums.data();
}

void Totals::note(const Fact& fact) noexcept {
    const auto found = sums_.find(fact.instrument);
    const auto group = grouping_.of_account(fact.account);
    if (found == sums_.end() || group < 0) return;
    MVCORE_ASSERT(std::uint32_t(group) < grouping_.account_groups);
    for (std::size_t c = 0; c < measures_.size(); ++c)
        add64(found->second[c * grouping_.account_groups + std::size_t(group)],
              fact.change[measures_[c]], i256(1));
}

void Totals::fit_quantities(const State& state, InstrumentCode instrument) {
    const auto lane = lane_of(Int<8>(state.board.instrument(instrument).abs_quantity));
    if (!quantity_measures_.empty() && quantities_.lane < lane) widen(quantities_, lane);
}

void Totals::add_quantities(std::size_t row, const Net& change) {
    for (std::size_t c = 0; c < quantity_measures_.size(); ++c)
        add(quantities_, c * stride_ + row, change[quantity_measures_[c]], i256(1));
}

void Totals::add_line_quantities(const State& state, InstrumentCode instrument) {
    if (quantity_measures_.empty()) return;
    fit_quantities(state, instrument);
    if (!grouping_.whole())
        return for_cells(state, instrument,
                         [&](std::size_t row, const Net& q) { add_quantities(row, q); });
    const auto first = std::size_t(grouping_.of_instrument(instrument)) * grouping_.account_groups;
    for (std::size_t c = 0; c < quantity_measures_.size(); ++c)
        add_whole_line(state, c * stride_ + first, instrument, quantity_measures_[c], quantities_,
                       i256(1));
}

void Totals::list_instruments(const Board& board) {
    if (!of_instruments_ || grouping_.by_instrument) return;
    instruments_.assign(grouping_.instrument_groups, InstrumentCode(-1));
    for (const auto i : instruments_below(board.size()))
        if (const auto group = grouping_.of_instrument(i); group >= 0)
            instruments_[std::size_t(group)] = i;
}

std::optional<InstrumentCode> Totals::instrument_of(std::size_t row) const noexcept {
    if (rolled_) {
        const auto code = InstrumentCode(rolled_instruments_[row]);
        return is_code(code) ? std::optional(code) : std::nullopt;
    }
    const auto group = table_.pair(static_cast<std::uint32_t>(row)).instrument_group;
    if (grouping_.by_instrument) return InstrumentCode(group);
    MVCORE_ASSERT(group < instruments_.size());
    return instruments_[group];
}

void Totals::count_line(const State& state, InstrumentCode instrument, UnitId unit, int sign) {
    auto& rows = rows_of(state, unit);
    if (rows.counts.empty()) return;
    for_cells(state, instrument, [&](std::size_t row, auto&) {
        rows.counts[row] += static_cast<std::uint32_t>(sign);
        if (tracked_) dirty_.mark(row);
    });
}

void Totals::count_cell(const State& state, std::size_t row, UnitId unit, std::int32_t change) {
    MVCORE_ASSERT(row < positions_.size());
    // A view of few accounts follows the newest fact first, so a count may wrap around meanwhile.
    const bool before = positions_[row] != 0;
    positions_[row] += static_cast<std::uint32_t>(change);
    live_ += std::size_t{positions_[row] != 0} - std::size_t{before};
    auto& counts = rows_of(state, unit).counts;
    if (!counts.empty()) counts[row] += static_cast<std::uint32_t>(change);
    if (tracked_) dirty_.mark(row);
}

void Totals::recompute_unit(const State& state, UnitId unit) {
    auto& rows = rows_of(state, unit);
    std::fill(rows.t64.begin(), rows.t64.end(), 0);
    std::fill(rows.t128.begin(), rows.t128.end(), i128{0});
    std::fill(rows.t256.begin(), rows.t256.end(), i256());
    std::fill(rows.counts.begin(), rows.counts.end(), 0U);
    if (tracked_) dirty_.mark(0, this->rows());
    for (const auto i : instruments_below(state.board.size())) {
        const Quote& quote = state.board.quote(i);
        if (quote.unit != unit || !quote.alive) continue;
        if (quote.priced) add_line(state, i, unit, state.board.price_of(i));
        count_line(state, i, unit, 1);
    }
}

Totals Totals::rolled_up(const std::vector<std::vector<std::int32_t>>& maps, std::size_t rows,
                         std::size_t of_instrument) const {
    MVCORE_ASSERT(table_.is_dense());
    Totals out;
    out.measures_ = measures_;
    out.counted_ = counted_;
    out.table_ = RowTable::dense(1, rows);
    out.positions_.resize(rows, 0);
    out.stride_ = rows;
    out.unit_list_ = unit_list_;
    out.units_.resize(units_.size());
    out.rolled_ = true;
    out.quantity_measures_ = quantity_measures_;
    out.quantities_.lane = Lane::bits256;
    out.quantities_.t256.resize(rows * quantity_measures_.size());
    out.of_instruments_ = of_instruments_;
    if (of_instruments_) out.rolled_instruments_.assign(rows, -1);
    for (std::uint32_t place = 0; place < units_.size(); ++place) {
        auto& sums = out.units_[place];
        sums.lane = Lane::bits256;
        sums.t256.resize(rows * measures_.size());
        if (!units_[place].counts.empty()) sums.counts.resize(rows, 0);
    }
    for (std::size_t level = 0; level < maps.size(); ++level)
        for (std::size_t row = 0; row < positions_.size(); ++row) {
            if (positions_[row] == 0) continue;
            MVCORE_ASSERT(row < maps[level].size());
            MVCORE_ASSERT(maps[level][row] >= 0 && std::size_t(maps[level][row]) < rows);
            const auto to = static_cast<std::size_t>(maps[level][row]);
            out.positions_[to] += positions_[row];
            if (of_instruments_ && level >= of_instrument) {
                out.rolled_instruments_[to] = raw(*instrument_of(row));
                for (std::size_t c = 0; c < quantity_measures_.size(); ++c)
                    out.quantities_.t256[c * rows + to] += quantity(c, row);
            }
            for (std::uint32_t place = 0; place < units_.size(); ++place) {
                for (int c = 0; c < columns(); ++c)
                    out.units_[place].t256[std::size_t(c) * rows + to] += total(place, c, row);
                if (!out.units_[place].counts.empty())
                    out.units_[place].counts[to] += count(place, row);
            }
        }
    return out;
}

std::size_t Totals::memory_bytes() const noexcept {
    std::size_t bytes =
        sizeof(*this) + positions_.capacity() * sizeof(std::uint32_t) + table_.memory_bytes() +
        dirty_.memory_bytes() + picked_.capacity() * sizeof(Picked) + grouping_.memory_bytes() +
        places_.capacity() * sizeof(std::int32_t) +
        (instruments_.capacity() + rolled_instruments_.capacity()) * sizeof(std::int32_t);
    const auto add = [&](const UnitRows& u) {
        bytes += u.t64.capacity() * 8 + u.t128.capacity() * 16 + u.t256.capacity() * 32 +
                 u.counts.capacity() * 4;
    };
    for (const auto& u : units_) add(u);
    add(quantities_);
    bytes += units_.capacity() * sizeof(UnitRows);
    for (const auto& [instrument, sums] : sums_)
        bytes += sizeof sums + sums.capacity() * sizeof(std::int64_t);
    return bytes;
}

// ---- build: by account for few accounts, else several instruments at once ----

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
    std::vector<InstrumentCode> summed;
    for (const auto i : instruments)
        if (board.quote(i).priced && board.instrument(i).abs_quantity.fits64()) summed.push_back(i);
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
        if (quote.priced && !board.instrument(i).abs_quantity.fits64())
            add_line(state, i, quote.unit, board.price_of(i));
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
