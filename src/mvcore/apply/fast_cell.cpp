#include "mvcore/apply/fast_cell.hpp"

#include <new>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/prefetch.hpp"

namespace mvcore {
namespace {

// The order's contribution to the absolute quantity of its instrument.
i128 absolute(const Order& o) {
    return static_cast<i128>(magnitude(o.day_fill()) + magnitude(o.leaves()));
}

bool plus(std::int64_t& sum, i128 change) {
    const i128 all = sum + change;
    sum = static_cast<std::int64_t>(all);
    return small(all);
}

}  // namespace

bool FastCell::add(const Order& before, const Order& now) noexcept {
    const i128 fill = now.day_fill() - before.day_fill();
    return plus(fill_, fill) && plus(expect_, fill + now.leaves() - before.leaves()) &&
           plus(more_, absolute(now) - absolute(before));
}

void FastCell::prefetch_blocks(const State& state) const noexcept {
    state.board.prefetch(instrument_);
    mvcore::prefetch(&state.board.instrument(instrument_).abs_quantity);
    state.grid.prefetch_block(code_index(instrument_), std::uint32_t(account_));
}

void FastCell::prefetch_quantities(const State& state) const noexcept {
    const auto line = code_index(instrument_);
    const auto row = std::uint32_t(account_);
    if (fill_ != 0) state.grid.prefetch(line, row, current);
    if (expect_ != 0) state.grid.prefetch(line, row, expected);
    if (state.index.built())
        state.index.grid().prefetch_block(row, state.board.quote(instrument_).index_row);
}

void FastCell::prefetch_index(const State& state) const noexcept {
    if (!state.index.built()) return;
    const auto index_row = state.board.quote(instrument_).index_row;
    if (fill_ != 0) state.index.grid().prefetch(code_index(account_), index_row, current);
    if (expect_ != 0) state.index.grid().prefetch(code_index(account_), index_row, expected);
}

template <class S, class F>
void FastCell::each_place(S& state, F&& f) const {
    f(state.grid, code_index(instrument_), std::uint32_t(account_));
    if (state.index.built())
        f(state.index.grid(), code_index(account_), state.board.quote(instrument_).index_row);
}

bool FastCell::reserve(State& state) {
    const auto line = code_index(instrument_);
    const auto row = std::uint32_t(account_);
    static_cast<void>(state.board.own_instrument(instrument_));
    plain_ = fill_ == 0 && expect_ == 0;
    if (plain_) return true;
    bool stays = false;
    bool taken = true;
    const auto change = [&](int measure, std::int64_t by) {
        if (by == 0) return;
        const i128 before = state.grid.get(line, row, measure);
        const i128 after = before + by;
        after_[std::size_t(measure)] = static_cast<std::int64_t>(after);
        stays = stays || (before != 0 && after != 0);
        taken = taken && small(after);
        each_place(state, [&](Grid& grid, std::size_t l, std::uint32_t r) {
            taken = taken && grid.takes(l, r, after);
        });
    };
    change(current, fill_);
    change(expected, expect_);
    plain_ = stays && taken;
    return plain_ || reserve_all(state);
}

bool FastCell::reserve_all(State& state) {
    const Net held = state.grid.get(code_index(instrument_), std::uint32_t(account_));
    const Net after = {held[sod], held[current] + fill_, held[expected] + expect_};
    for (std::size_t m = 0; m < kMeasures; ++m) {
        if (!small(after[m])) return false;
        after_[m] = static_cast<std::int64_t>(after[m]);
    }
    static_cast<void>(state.positions.own(code_index(account_)));
    try {
        each_place(state,
                   [&](Grid& grid, std::size_t l, std::uint32_t r) { grid.reserve(l, r, after); });
    } catch (const std::bad_alloc&) {
        cancel(state);
        throw;
    }
    return true;
}

void FastCell::cancel(State& state) const {
    if (plain_) return;
    each_place(state, [&](Grid& grid, std::size_t l, std::uint32_t r) {
        grid.cancel(l, r, {after_[0], after_[1], after_[2]});
    });
}

void FastCell::commit(BookState& book_state) const noexcept {
    State& state = book_state.state;
    state.board.own_instrument(instrument_).abs_quantity += i256(more_);
    MVCORE_ASSERT(!state.board.instrument(instrument_).abs_quantity.negative());
    if (fill_ == 0 && expect_ == 0) return;
    int positions = 0;
    each_place(state, [&](Grid& grid, std::size_t l, std::uint32_t r) {
        if (!plain_) {
            positions = grid.set(l, r, {after_[0], after_[1], after_[2]});
            return;
        }
        if (fill_ != 0) grid.put(l, r, current, after_[current]);
        if (expect_ != 0) grid.put(l, r, expected, after_[expected]);
    });
    MVCORE_ASSERT(positions >= 0 || state.positions[code_index(account_)] > 0);
    each_place(state, [&](const Grid& grid, std::size_t l, std::uint32_t r) {
        MVCORE_ASSERT(fill_ == 0 || grid.get(l, r, current) == after_[current]);
        MVCORE_ASSERT(expect_ == 0 || grid.get(l, r, expected) == after_[expected]);
    });
    if (positions != 0)
        state.positions.own(code_index(account_)) += static_cast<std::uint32_t>(positions);
    book_state.change_log.push({{0, fill_, expect_}, 0, account_, instrument_, positions});
}

}  // namespace mvcore
