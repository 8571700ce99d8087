// The by-account index: the book's quantities once more, in account order, with the instruments
// of one unit side by side ("runs"), so that an account's value is one dot product per run.
// Built when first needed. An instrument whose unit changed since, or whose price is wider than
// 64 bits, is "loose": its price in the run is zero and its value is added by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/board/board.hpp"
#include "mvcore/grid/grid.hpp"

namespace mvcore {

// What an account, or a group, holds in one unit.
struct UnitTotal {
    UnitId unit;
    i256 total;
};

class AccountIndex {
public:
    // Whether it is installed: the quotes name its slots, and writers keep it up to date.
    [[nodiscard]] bool built() const noexcept { return built_; }

    // ---- three steps, the first two beside writers ----
    // An index of copies of the book's grid and board. O(positions).
    [[nodiscard]] static AccountIndex of(const Grid& by_instrument, const Board& board);
    // Takes over quantities that changed since, from a later copy or from the book's grid: those of
    // one position, in O(1), or all that differ, in O(blocks + cells of blocks that were written).
    void follow(const Grid& now, std::int32_t account, std::int32_t instrument);
    void follow(const Grid& before, const Grid& now);
    // Alone. The prices and the slots in the board's quotes. O(instruments). Throws std::bad_alloc,
    // then nothing has changed.
    void install(Board& board, std::uint32_t accounts);

    void drop() noexcept { *this = AccountIndex(); }
    // Drops itself where so many are loose that the runs no longer pay.
    void drop_if_loose() noexcept;

    // O(1), called by the writer. The quote is the new one.
    void set_price(Quote& quote, std::int32_t instrument, bool same_unit) noexcept;
    void reserve_loose(std::size_t more) { loose_.reserve(loose_.size() + more); }
    void extend(Board& board, std::uint32_t accounts);
    [[nodiscard]] Grid& grid() noexcept { return grid_; }
    [[nodiscard]] const Grid& grid() const noexcept { return grid_; }
    [[nodiscard]] std::int32_t instrument_at(std::uint32_t slot) const {
        return instruments_[slot];
    }

    // Exact totals of the account by unit, appended to `out`. O(positions of the account).
    void totals(const Board& board, std::int32_t account, int measure,
                std::vector<UnitTotal>& out) const;
    // Positions of the account in instruments of a unit.
    [[nodiscard]] std::uint32_t positions(const Board& board, std::int32_t account,
                                          UnitId unit) const;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    struct Run {
        UnitId unit;
        std::uint32_t begin;
        std::uint32_t end;          // slots
        std::uint32_t wide_prices;  // slots whose price does not fit 32 bits
    };
    [[nodiscard]] std::size_t run_at(std::uint32_t slot) const noexcept;
    [[nodiscard]] const Run& run_of(std::uint32_t slot) const noexcept {
        return runs_[run_at(slot)];
    }
    void loosen(Quote& quote, std::int32_t instrument) noexcept;
    void grow(std::size_t instruments, std::uint32_t accounts);
    void put(std::int32_t account, std::int32_t instrument, const Net& quantity);
    [[nodiscard]] i256 run_total(const Board& board, std::int32_t account, const Run& run,
                                 int measure) const;

    bool built_ = false;
    Grid grid_;                              // lines: accounts, rows: slots
    std::vector<std::int32_t> instruments_;  // by slot
    std::vector<std::uint32_t> slots_;       // by instrument; until the quotes have them
    std::vector<std::int64_t> prices_;       // by slot; 0 where loose or unpriced
    std::vector<Run> runs_;
    std::vector<std::int32_t> loose_;  // instruments; room is reserved before it grows
    std::size_t wide_at_build_ = 0;    // of them: those would be loose again
};

}  // namespace mvcore
