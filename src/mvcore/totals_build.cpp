// Totals from quantities and prices: by account for few accounts, else by instrument, several
// instruments at once so that the totals are loaded and stored once for all of them.
#include <algorithm>
#include <numeric>

#include "totals.hpp"

namespace mvcore {

void Totals::build(const State& state, Grouping grouping, bool counted) {
    *this = Totals();
    grouping_ = std::move(grouping);
    counted_ = counted;
    grid_rows_ = state.grid.rows();
    // Lines may be longer than the accounts that the grouping knows; nobody holds anything there.
    const auto more = grouping_.whole() && grid_rows_ > grouping_.account_groups
                          ? grid_rows_ - grouping_.account_groups
                          : 0;
    positions_.resize(grouping_.rows() + more, 0);
    for (std::size_t a = 0; a < grouping_.account_group.size(); ++a)
        if (grouping_.account_group[a] >= 0)
            picked_.push_back({static_cast<std::int32_t>(a), grouping_.account_group[a]});
    if (state.index.built() && goes_by_account(grouping_)) build_by_account(state);
    else build_by_instrument(state);
}

void Totals::build_by_account(const State& state) {
    const AccountIndex& index = state.index;
    const Board& board = state.board;
    std::vector<UnitTotal> sums;
    for (const Picked& p : picked_) {
        const auto line = static_cast<std::size_t>(p.account);
        if (line >= index.grid().lines()) continue;
        cells_swept_ += index.grid().positions(line);
        if (grouping_.instrument_group.empty() && !counted_ && board.unpriced() == 0) {
            const auto row = static_cast<std::size_t>(p.group);
            sums.clear();
            index.totals(board, p.account, sums);
            for (const auto& sum : sums) {
                add_cell(state, row, sum.unit, 1, sum.total);
            }
            positions_[row] += index.grid().positions(line);
            continue;
        }
        index.grid().for_each(line, [&](std::uint32_t slot, i128 quantity) {
            const auto i = index.instrument_at(slot);
            const auto group = grouping_.of_instrument(i);
            if (group < 0) return;
            const auto row = std::size_t(group) * grouping_.account_groups + std::size_t(p.group);
            const Quote& quote = board.quote(i);
            if (quote.priced) add_cell(state, row, quote.unit, quantity, board.price_of(i));
            count_cell(state, row, quote.unit, 1);
        });
    }
}

void Totals::build_by_instrument(const State& state) {
    const Board& board = state.board;
    // Instruments of one row group and unit side by side.
    std::vector<std::int32_t> order;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(board.size()); ++i)
        if (grouping_.of_instrument(i) >= 0 && state.grid.positions(std::size_t(i)) != 0)
            order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        const auto ga = grouping_.of_instrument(a);
        const auto gb = grouping_.of_instrument(b);
        return ga != gb ? ga < gb : board.quote(a).unit < board.quote(b).unit;
    });
    for (auto i : order) rows_of(state, board.quote(i).unit);
    if (grouping_.whole()) {
        for (auto first = order.begin(); first != order.end();) {
            const auto last = std::find_if(first, order.end(), [&](auto i) {
                return board.quote(i).unit != board.quote(*first).unit ||
                       grouping_.of_instrument(i) != grouping_.of_instrument(*first);
            });
            if (board.quote(*first).priced) sweep_whole(state, {first, last});
            first = last;
        }
    } else {
        for (auto i : order)
            if (board.quote(i).priced) add_line(state, i, board.quote(i).unit, board.price_of(i));
    }
    for (auto i : order) count_line(state, i, board.quote(i).unit, 1);
    count_positions(state);
}

// Instruments of one unit and one row group, over all accounts.
void Totals::sweep_whole(const State& state, std::span<const std::int32_t> instruments) {
    const auto& kernel = kernels::table();
    const Board& board = state.board;
    auto& rows = rows_of(state, board.quote(instruments[0]).unit);
    const auto first_row =
        std::size_t(grouping_.of_instrument(instruments[0])) * grouping_.account_groups;
    std::vector<std::int32_t> single;
    if (rows.lane != Lane::bits64) {
        for (auto i : instruments) add_whole_line(state, first_row, i, rows, board.price_of(i));
        return;
    }
    // Within a block of rows the totals stay in the nearest cache.
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        struct Fan {
            const void* quantity[kernels::kFan];
            std::int64_t price[kernels::kFan];
            int n = 0;
        } fans[kernels::kWidths];
        std::int64_t* totals = &rows.t64[first_row + b * Block::kRows];
        const auto full = state.grid.rows_in_block(b);
        for (auto i : instruments) {
            const auto& line = state.grid.line(std::size_t(i));
            if (b >= line.size() || line[b].empty()) continue;
            const Block& block = line[b];
            const auto w = block.width();
            const auto price = board.price_of(i).low64();
            cells_swept_ += block.count();
            if (!block.dense()) {
                kernel.scatter64[w](block.quantity(), block.offset(), block.count(), price, totals);
            } else if (block.count() != full) {
                kernel.add64[w](block.quantity(), block.count(), price, totals);
            } else {
                Fan& fan = fans[w];
                fan.quantity[fan.n] = block.quantity();
                fan.price[fan.n++] = price;
                if (fan.n < kernels::kFan) continue;
                kernel.add_fan64[w](fan.quantity, fan.price, full, totals);
                fan.n = 0;
            }
        }
        for (int w = 0; w < kernels::kWidths; ++w)
            for (int c = 0; c < fans[w].n; ++c)
                kernel.add64[w](fans[w].quantity[c], full, fans[w].price[c], totals);
    }
}

void Totals::count_positions(const State& state) {
    if (grouping_.instrument_group.empty()) {
        // The book counts positions by account anyway.
        for (std::size_t a = 0; a < state.positions.size(); ++a) {
            const auto g = grouping_.of_account(static_cast<std::int32_t>(a));
            if (g >= 0) positions_[std::size_t(g)] += state.positions[a];
        }
        return;
    }
    const auto& kernel = kernels::table();
    for (std::size_t i = 0; i < state.grid.lines(); ++i) {
        const auto code = static_cast<std::int32_t>(i);
        const auto group = grouping_.of_instrument(code);
        if (group < 0) continue;
        if (!grouping_.whole()) {
            for_cells(state, code, [&](std::size_t row, i128) { ++positions_[row]; });
            continue;
        }
        const auto& line = state.grid.line(i);
        for (std::size_t b = 0; b < line.size(); ++b) {
            const Block& block = line[b];
            auto* counts =
                &positions_[std::size_t(group) * grouping_.account_groups + b * Block::kRows];
            if (block.dense()) kernel.count[block.width()](block.quantity(), block.count(), counts);
            else block.for_each([&](auto row, i128) { ++counts[row]; });
        }
    }
}

}  // namespace mvcore
