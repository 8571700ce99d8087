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

}  // namespace mvcore
