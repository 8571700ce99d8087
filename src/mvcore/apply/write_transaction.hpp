// Applies one batch to the book's state.
//
//   stage    beside readers: builds the new state separately and reports every input error
//   reserve  exclusive lock: finds units, proves bounds, reserves capacity; may throw, no value
//            has changed
//   commit   exclusive lock: cannot fail
//
// A durable book admits readers between reserve and commit, while it writes the batch to the
// journal. reserve_pages() then reserves again, because readers may share some pages by then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mvcore/base/errors.hpp"
#include "mvcore/base/flat_map.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"
#include "mvcore/state/quote_stage.hpp"

namespace mvcore {

class WriteTransaction : private QuoteStage {
public:
    using QuoteStage::moves_bounds;

    // commit() moves the loaded orders out of the batch.
    WriteTransaction(BookState& book_state, Batch& batch)
        : QuoteStage(book_state.state, batch, &book_state.change_log), book_state_(book_state) {}

    void stage();
    void reserve();
    // Call again after readers were admitted. If it throws, no cell stays reserved.
    void reserve_pages();
    // Requires the exclusive lock. Releases the cells that reserve() reserved. May throw
    // std::bad_alloc.
    void cancel();
    void commit() noexcept;
    // Rows without effect, valid after stage(): dropped() for the whole batch, dropped_orders() for
    // its order rows.
    [[nodiscard]] Dropped dropped() const noexcept;
    [[nodiscard]] const DroppedOrders& dropped_orders() const noexcept { return dropped_orders_; }

    // Valid after reserve(): whether fast-path ticks may run before commit(), which keeps their
    // prices.
    [[nodiscard]] bool keeps_quotes() const;
    // Adopts the quotes that ticks have changed. Call it before reserve_pages().
    void renew_quotes();

private:
    // The new state of a grid cell. Intermediate sums may exceed 128 bits.
    struct Cell {
        AccountCode account;
        InstrumentCode instrument;
        std::array<i256, kMeasures> after;
        Net before;
    };
    struct Write {
        AccountCode account;
        InstrumentCode instrument;
        Net quantity;
        Net before;
    };
    struct OrderWrite {
        OrderId id;
        std::uint64_t hash;
        Slot slot;  // kNoSlot: a new order
        Order before;
        Order after;
        // Input values, kept until every scale is known.
        Decimal quantity;
        Decimal filled;
        Decimal rolled;
        bool removed = false;
        std::size_t row = 0;
        std::uint64_t stored = 0;  // the id as the order store keeps it
    };

    // write_transaction.cpp: master data
    void stage_accounts();
    void stage_instruments();
    void stage_cash_targets();
    // The instrument that holds the currency's cash, before and after the batch.
    [[nodiscard]] CashTarget cash_target_before(std::int32_t currency) const;
    [[nodiscard]] CashTarget cash_target(std::int32_t currency) const;
    void check_dropped() const;
    [[nodiscard]] bool account_held(AccountCode account) const;
    [[nodiscard]] bool instrument_held(const Staged& s) const;

    // write_transaction_cells.cpp
    void grow_scales();
    void grow_scale(InstrumentCode instrument, int scale);
    void stage_holdings();
    Cell& cell(const CellKey& key);
    void add_order(const Order& order, int sign);
    void stage_writes();
    void check_twice() const;
    [[nodiscard]] Net checked_net(const Cell& cell) const;
    [[nodiscard]] std::string key_of(std::size_t row) const;
    [[noreturn]] void refuse_duplicate(std::size_t row) const;
    [[noreturn]] void refuse_net(const CellKey& key) const;
    [[nodiscard]] InputError::Row row_of_loaded(Slot slot) const;

    // write_transaction_orders.cpp
    void stage_orders();
    void stage_order(OrderWrite& w);
    void prefetch_cell(const OrderWrite& w, bool whole) const;
    void find_orders();
    void merge(std::size_t row, OrderWrite& w);
    void stage_removed_orders();
    void reserve_orders();
    void reserve_rescaled_orders();
    void commit_orders() noexcept;
    void commit_rescaled_orders() noexcept;
    void commit_order(const OrderWrite& w) noexcept;

    // write_transaction_cash.cpp
    void grow_cash_scales();
    [[nodiscard]] CashLeg leg_before(const Order& order) const;
    [[nodiscard]] CashLeg leg_after(const Order& order, int quantity_scale);
    void add_leg(AccountCode account, const CashLeg& leg, int sign);
    void stage_legs(const OrderWrite& w, const CashLeg& before);
    void stage_changed_legs();
    [[nodiscard]] bool changes_legs(InstrumentCode instrument) const;
    void sum_legs();
    [[noreturn]] void refuse_leg(CashFault fault, const char* table, const char* column,
                                 InputError::Row row, std::string what, InstrumentCode instrument);
    [[noreturn]] void refuse_changed_leg(CashFault fault, InstrumentCode instrument);
    [[noreturn]] void refuse_loaded_leg(CashFault fault, Slot slot, const Order& order);

    // write_transaction_refresh.cpp: day roll
    void stage_roll();
    // Order k of the page as the batch leaves it. Empty if the day roll drops the order.
    [[nodiscard]] std::optional<Order> order_after(const OrderPage& page, std::uint32_t k) const {
        const Order order = OrderStore::order(page, k);
        return batch_.roll_day ? order.after_roll(batch_.roll_drops_ended) : order;
    }
    void commit_roll() noexcept;

    // write_transaction_refresh.cpp: full refresh
    void stage_refresh();
    [[nodiscard]] bool wide_line(std::size_t i, const HoldingRows& lines, std::size_t begin,
                                 std::size_t end, bool kept) const;
    void check_lines(const HoldingRows& lines, const std::vector<std::size_t>& start);
    template <class Q>
    void fill_line(std::size_t i, const HoldingRows& rows, std::size_t begin, std::size_t end);
    void refuse_twice(const CellKey& key) const;

    // write_transaction.cpp: reserve and commit
    void reserve_all();
    void reserve_cells();
    template <class F>
    void each_write(F&& f);
    void rescale(const Staged& s);
    void commit_cells() noexcept;

    // Cash that the orders of a full refresh add to one cash instrument, in units of 10^-scale.
    struct CashSums {
        std::vector<i256> by_account;
        i256 absolute;
        int scale = 0;
    };

    BookState& book_state_;
    // By account, after the batch; empty: accounts do not change.
    std::vector<std::uint8_t> accounts_alive_;
    // By currency, after the batch; empty: instruments do not change.
    std::vector<CashTarget> cash_targets_;
    std::vector<Cell> cells_;
    FlatMap<CellKey> cell_at_;
    std::vector<Write> writes_;
    std::vector<Write> rescaled_;  // cells of which only the scale changes
    std::vector<OrderWrite> order_writes_;
    std::vector<std::pair<InstrumentCode, OrderStore::Rescaled>> rescaled_orders_;
    std::unordered_map<AccountCode, std::int32_t> position_changes_;
    std::unordered_map<AccountCode, std::int32_t> order_changes_;                // by account
    std::unordered_map<InstrumentCode, std::int32_t> instrument_order_changes_;  // by instrument
    // The new grid of a full refresh or a day roll.
    Grid grid_;
    std::vector<std::uint32_t> positions_;
    std::vector<std::uint32_t> account_orders_;
    std::unordered_map<InstrumentCode, CashSums> cash_sums_;  // by cash instrument
    bool texts_stored_ = false;
    bool cells_reserved_ = false;
    Feeds feeds_;
    DroppedOrders dropped_orders_;
    std::uint64_t facts_ = 0;  // changed holdings and applied orders
};

}  // namespace mvcore
