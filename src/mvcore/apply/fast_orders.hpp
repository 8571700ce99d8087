// Fast path for what a feed sends all day: a batch that holds only reports on known orders, each of
// which keeps its account and instrument. Takes the same steps as a WriteTransaction, with narrow
// integers and without checking what cannot change.
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
    FastOrders(BookState& book_state, const Batch& batch)
        : book_state_(book_state), batch_(batch) {}

    // stage() runs beside readers, reserve() under the exclusive lock. Both return false if the
    // batch is of another kind, needs more than this class does, or is wrong; a WriteTransaction
    // then reports the error. Both may throw std::bad_alloc. No value has changed. A snapshot or a
    // new index may have invalidated the reservation since: then call reserve() again. If reserve()
    // returns false or throws, nothing stays reserved.
    [[nodiscard]] bool stage();
    [[nodiscard]] bool reserve();
    // Requires the exclusive lock. Releases what reserve() reserved. May throw std::bad_alloc.
    void cancel();
    void commit() noexcept;
    // Valid after stage().
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
        i128 by;  // increase of the unit's bound
        Int<8> bound;
    };

    [[nodiscard]] bool possible() const noexcept;
    [[nodiscard]] bool moves_cash() const noexcept;
    [[nodiscard]] bool stage_report(std::size_t row, Slot slot);
    [[nodiscard]] bool merge(std::size_t row, const Order& before, Order& now) const;
    [[nodiscard]] bool add(const Order& before, const Order& now);
    [[nodiscard]] bool prove_bounds();
    // Calls f(cell) for each cell and prefetches what f reads and writes.
    template <class F>
    void each_cell(F&& f);

    [[nodiscard]] bool reserve_all();

    BookState& book_state_;
    const Batch& batch_;
    std::vector<Report> reports_;
    FlatMap<CellKey> cell_at_;
    std::vector<FastCell> cells_;
    std::vector<Raise> raises_;
    Feeds feeds_;  // the feeds after the batch, if it has any
    DroppedOrders dropped_;
    bool reserved_ = false;
};

}  // namespace mvcore
