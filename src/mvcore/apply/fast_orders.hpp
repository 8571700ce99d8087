// A batch of nothing but reports on orders that the book has, each staying with its account and
// instrument, in few bits: what a feed sends all day. It takes the steps of an WriteTransaction,
// with narrow integers and without looking at what cannot change.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mvcore/apply/fast_cell.hpp"
#include "mvcore/base/flat_map.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"

namespace mvcore {

class FastOrders {
public:
    FastOrders(BookState& live, const Batch& batch) : book_state_(live), batch_(batch) {}

    // Beside readers, and then alone. False where the batch is another one, needs more than this or
    // is wrong, which an WriteTransaction will tell. May throw std::bad_alloc. No value has
    // changed. A snapshot or a new index may have taken the room since: then reserve() once more.
    // If reserve() returns false or throws, nothing stays reserved.
    [[nodiscard]] bool stage();
    [[nodiscard]] bool reserve();
    // Alone. Gives up what reserve() made room for. May throw std::bad_alloc.
    void cancel();
    void commit() noexcept;
    // After stage().
    [[nodiscard]] const DroppedOrders& dropped_orders() const noexcept { return dropped_; }

private:
    struct Report {
        std::int64_t quantity;
        std::int64_t filled;
        std::int64_t time;
        std::size_t row;
        Slot slot;
        Extras extras;
        Status status;
        bool changed;
    };
    struct Raise {
        UnitId unit;
        i128 by;  // the unit's bound
        Int<8> bound;
    };

    [[nodiscard]] bool possible() const noexcept;
    [[nodiscard]] bool moves_cash() const noexcept;
    [[nodiscard]] bool stage_report(std::size_t row, Slot slot);
    [[nodiscard]] bool merge(std::size_t row, const Order& before, Order& now) const;
    [[nodiscard]] bool add(const Order& before, const Order& now);
    [[nodiscard]] bool prove_bounds();
    // f(cell) for each, what it reads or writes fetched before.
    template <class F>
    void each_cell(F&& f);

    [[nodiscard]] bool reserve_all();

    BookState& book_state_;
    const Batch& batch_;
    std::vector<Report> reports_;
    FlatMap cell_at_;  // by instrument and account
    std::vector<FastCell> cells_;
    std::vector<Raise> raises_;
    Feeds feeds_;  // after it, where it brings any
    DroppedOrders dropped_;
    bool reserved_ = false;
};

}  // namespace mvcore
