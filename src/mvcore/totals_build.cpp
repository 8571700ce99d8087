// Totals from quantities and prices: by account for few accounts, else by instrument, several
// instruments at once so that the totals are loaded and stored once for all of them.
#include <algorithm>
#include <numeric>

#include "totals.hpp"

namespace mvcore {

void Totals::build(const State& state, Grouping grouping, const Measures& measures, bool counted) {
    *this = Totals();
    grouping_ = std::move(grouping);
    merged_ = !state.grid.split();
    measures_ = merged_ && !measures.empty() ? Measures{sod} : measures;
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
        if (grouping_.one_instrument_group() && !counted_ && board.unpriced() == 0) {
            const auto row = static_cast<std::size_t>(p.group);
            for (std::size_t c = 0; c < measures_.size(); ++c) {
                sums.clear();
                index.totals(board, p.account, measures_[c], sums);
                for (const auto& sum : sums)
                    add(rows_of(state, sum.unit), c * rows() + row, 1, sum.total);
            }
            positions_[row] += index.grid().positions(line);
            continue;
        }
        index.grid().for_each(line, [&](std::uint32_t slot, const Net& quantity) {
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
    for (auto first = order.begin(); first != order.end();) {
        const auto last = std::find_if(first, order.end(), [&](auto i) {
            return board.quote(i).unit != board.quote(*first).unit ||
                   grouping_.of_instrument(i) != grouping_.of_instrument(*first);
        });
        if (board.quote(*first).priced) sum_lines(state, {first, last});
        first = last;
    }
    for (auto i : order) count_line(state, i, board.quote(i).unit, 1);
    count_positions(state, order);
}

// Instruments of one unit and one row group.
void Totals::sum_lines(const State& state, std::span<const std::int32_t> instruments) {
    auto& rows = rows_of(state, state.board.quote(instruments[0]).unit);
    const auto first_row =
        std::size_t(grouping_.of_instrument(instruments[0])) * grouping_.account_groups;
    if (rows.lane == Lane::bits64 && grouping_.whole()) {
        for (std::size_t c = 0; c < measures_.size(); ++c)
            sweep(state, instruments, measures_[c], &rows.t64[c * this->rows() + first_row]);
        return;
    }
    if (rows.lane != Lane::bits64 || instruments.size() < kFewLines || few_picked(state)) {
        for (auto i : instruments)
            add_line(state, i, state.board.quote(i).unit, state.board.price_of(i));
        return;
    }
    // Account by account first, at the speed of the whole book; then account groups.
    std::vector<std::int64_t> by_account;
    for (std::size_t c = 0; c < measures_.size(); ++c) {
        by_account.assign(state.grid.rows(), 0);
        sweep(state, instruments, measures_[c], by_account.data());
        for (const Picked& p : picked_)
            add(rows, c * this->rows() + first_row + std::size_t(p.group),
                by_account[std::size_t(p.account)], i256(1));
    }
}

// totals[account] += quantity * price over the lines of instruments of one unit, modulo 2^64.
void Totals::sweep(const State& state, std::span<const std::int32_t> instruments, int measure,
                   std::int64_t* by_account) {
    constexpr std::size_t kAhead = 8;
    const auto& kernel = kernels::table();
    const Board& board = state.board;
    // Within a block of rows the totals stay in the nearest cache.
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        struct Fan {
            const void* quantity[kernels::kFan];
            std::int64_t price[kernels::kFan];
            int n = 0;
        } fans[kernels::kWidths];
        const auto first = static_cast<std::uint32_t>(b * Block::kRows);
        std::int64_t* totals = by_account + first;
        const auto full = state.grid.rows_in_block(b);
        for (std::size_t k = 0; k < instruments.size(); ++k) {
            // Short lines come from all over the memory.
            if (k + 2 * kAhead < instruments.size())
                state.grid.prefetch_block(std::size_t(instruments[k + 2 * kAhead]), first);
            if (k + kAhead < instruments.size())
                state.grid.block(std::size_t(instruments[k + kAhead]), b).prefetch_short();
            const auto i = instruments[k];
            const Block& block = state.grid.block(std::size_t(i), b);
            if (block.empty()) continue;
            const void* q = block.quantity(measure);
            const auto w = block.width();
            const auto price = board.price_of(i).low64();
            cells_swept_ += block.count();
            if (!block.dense()) {
                kernel.scatter64[w](q, block.offset(), block.count(), price, totals);
            } else if (block.count() != full) {
                kernel.add64[w](q, block.count(), price, totals);
            } else {
                Fan& fan = fans[w];
                fan.quantity[fan.n] = q;
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

// `order`: the selected instruments that somebody holds, by row group.
void Totals::count_positions(const State& state, std::span<const std::int32_t> order) {
    if (grouping_.one_instrument_group()) {
        // The book counts positions by account anyway.
        for (std::size_t a = 0; a < state.positions.size(); ++a) {
            const auto g = grouping_.of_account(static_cast<std::int32_t>(a));
            if (g >= 0) positions_[std::size_t(g)] += state.positions[a];
        }
        return;
    }
    std::vector<std::uint32_t> by_account;
    for (auto from = order.begin(); from != order.end();) {
        const auto group = grouping_.of_instrument(*from);
        const auto first = std::size_t(group) * grouping_.account_groups;
        const auto to = std::find_if(from, order.end(),
                                     [&](auto i) { return grouping_.of_instrument(i) != group; });
        const bool fold = !grouping_.whole() && !few_picked(state);
        if (fold) by_account.assign(state.grid.rows(), 0);
        for (; from != to; ++from) {
            if (fold) count_line_by_account(state, *from, by_account.data());
            else if (grouping_.whole()) count_line_by_account(state, *from, &positions_[first]);
            else for_cells(state, *from, [&](std::size_t row, auto&) { ++positions_[row]; });
        }
        if (!fold) continue;
        for (const Picked& p : picked_)
            positions_[first + std::size_t(p.group)] += by_account[std::size_t(p.account)];
    }
}

void Totals::count_line_by_account(const State& state, std::int32_t instrument,
                                   std::uint32_t* counts) {
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(std::size_t(instrument), b);
        auto* here = counts + b * Block::kRows;
        if (block.dense())
            kernels::table().count[block.width()](block.quantities().data(), block.columns(),
                                                  block.count(), here);
        else block.for_each([&](auto row, auto&) { ++here[row]; });
    }
}

}  // namespace mvcore
