// The by-account index: a second copy of the book's quantities, with one line per account.
// Instruments of one unit are adjacent (a "run"), so an account's value is one dot product per run.
// Built when first needed. An instrument is "loose" if its unit changed since, or if its price does
// not fit 64 bits. Its price in the run is then zero, and its value is added separately.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/board/board.hpp"
#include "mvcore/grid/grid.hpp"

namespace mvcore {

// The total of an account, or of a group, in one unit.
struct UnitTotal {
    UnitId unit;
    i256 total;
};

class AccountIndex {
public:
    // Whether the index is installed: quotes hold its index rows, and writers keep it up to date.
    [[nodiscard]] bool built() const noexcept { return built_; }

    // ---- built in three steps; the first two run concurrently with writers ----
    // Builds an index from copies of the book's grid and board. O(positions).
    [[nodiscard]] static AccountIndex of(const Grid& by_instrument, const Board& board);
    // Applies quantities that changed since, from a later copy or from the book's grid: those of
    // one position, in O(1), or all that differ, in O(blocks + cells of blocks that were written).
    void follow(const Grid& now, AccountCode account, InstrumentCode instrument);
    void follow(const Grid& before, const Grid& now);
    // Needs exclusive access. Copies the prices, and stores the index rows in the quotes of the
    // board. O(instruments). If it throws std::bad_alloc, nothing has changed.
    void install(Board& board, std::uint32_t accounts);

    void drop() noexcept { *this = AccountIndex(); }
    // Drops the index if so many instruments are loose that the runs no longer pay off.
    void drop_if_loose() noexcept;

    // Called by the writer with the new quote. O(1).
    void set_price(Quote& quote, InstrumentCode instrument, bool same_unit) noexcept;
    void reserve_loose(std::size_t more) { loose_.reserve(loose_.size() + more); }
    void extend(Board& board, std::uint32_t accounts);
    [[nodiscard]] Grid& grid() noexcept { return grid_; }
    [[nodiscard]] const Grid& grid() const noexcept { return grid_; }
    [[nodiscard]] InstrumentCode instrument_at(std::uint32_t index_row) const {
        return instruments_[index_row];
    }

    // Appends the exact totals of the account by unit to `out`. O(positions of the account).
    void totals(const Board& board, AccountCode account, int measure,
                std::vector<UnitTotal>& out) const;
    // Number of positions of the account in instruments of a unit.
    [[nodiscard]] std::uint32_t positions(const Board& board, AccountCode account,
                                          UnitId unit) const;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    struct Run {
        UnitId unit;
        std::uint32_t begin;
        std::uint32_t end;          // [begin, end): index rows
        std::uint32_t wide_prices;  // index rows whose price does not fit 32 bits
    };
    [[nodiscard]] std::size_t run_at(std::uint32_t index_row) const noexcept;
    [[nodiscard]] const Run& run_of(std::uint32_t index_row) const noexcept {
        return runs_[run_at(index_row)];
    }
    void loosen(Quote& quote, InstrumentCode instrument) noexcept;
    void grow(std::size_t instruments, std::uint32_t accounts);
    void put(AccountCode account, InstrumentCode instrument, const Net& quantity);
    [[nodiscard]] i256 run_total(const Board& board, AccountCode account, const Run& run,
                                 int measure) const;

    bool built_ = false;
    Grid grid_;                                // lines: accounts, rows: index rows
    std::vector<InstrumentCode> instruments_;  // by index row
    std::vector<std::uint32_t> index_rows_;    // by instrument; empty once the quotes have them
    std::vector<std::int64_t> prices_;         // by index row; 0 if loose or unpriced
    std::vector<Run> runs_;
    std::vector<InstrumentCode> loose_;  // loose instruments; reserved before it grows
    std::size_t wide_at_build_ = 0;      // loose at install; a rebuild would not change that
};

}  // namespace mvcore
