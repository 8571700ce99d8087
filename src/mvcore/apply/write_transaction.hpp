// One batch on its way into a state: a book's, or a copy that tries other prices.
//
//   stage    beside readers: builds the new state aside; every fault of the input comes out here
//   reserve  alone: finds units, proves bounds, makes room; may throw, no value has changed
//   commit   alone: cannot fail
//
// A durable book lets readers in between reserve and commit, while the batch is written to the
// journal: reserve_pages() then makes room once more in what they share by now.
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

namespace mvcore {

class WriteTransaction {
public:
    // commit() takes the loaded orders out of the batch.
    WriteTransaction(BookState& live, Batch& batch)
        : state_(live.state), book_state_(&live), batch_(batch) {}
    // Prices and rates only: nothing is counted, and no view follows.
    WriteTransaction(State& state, Batch& batch) : state_(state), batch_(batch) {}

    void stage();
    void reserve();
    // Once more after readers were let in. If it throws, no cell stays reserved.
    void reserve_pages();
    // Alone. Gives up the room of cells that reserve() made. May throw std::bad_alloc.
    void cancel();
    void commit() noexcept;
    // What had no effect, after stage(): of the whole batch, or of some of its order rows alone.
    [[nodiscard]] Dropped dropped() const noexcept;
    [[nodiscard]] const DroppedOrders& dropped_orders() const noexcept { return dropped_orders_; }

    // After reserve(): quick ticks may come before commit(), which keeps what they did.
    [[nodiscard]] bool keeps_quotes() const;
    // After reserve(): a unit or a ceiling becomes another, so that later batches may fit or not.
    [[nodiscard]] bool moves_bounds() const;
    // The quotes as ticks have left them; before reserve_pages().
    void renew_quotes();

private:
    // An instrument as it will be.
    struct Staged {
        std::int32_t code;
        Quote quote;
        Instrument instrument;
        i128 mantissa = 0;    // of the price, at quote.price_scale
        int least_scale = 4;  // of a new price; most share it, so a currency is one unit
        bool reset = false;   // not in the book before, or it comes back
    };
    // A cell of the grid as it will be. Sums may pass 128 bits on the way.
    struct Cell {
        std::int32_t account;
        std::int32_t instrument;
        std::array<i256, kMeasures> after;
        Net before;
    };
    struct Write {
        std::int32_t account;
        std::int32_t instrument;
        Net quantity;
        Net before;
    };
    struct OrderWrite {
        OrderId id;
        std::uint64_t hash;
        Slot slot;  // kNoSlot: a new order
        Order before;
        Order after;
        // Until every scale is known; `rolled` too.
        Decimal quantity;
        Decimal filled;
        Decimal rolled;
        bool removed = false;
        std::size_t row = 0;
        std::uint64_t stored = 0;  // the id as the store keeps it
    };

    // application.cpp
    Staged& staged(std::int32_t instrument);
    void stage_all();
    void stage_accounts();
    void stage_instruments();
    void stage_cash_targets();
    // Where the cash of the currency is before the batch, and as it will be.
    [[nodiscard]] CashTarget cash_target_before(std::int32_t currency) const;
    [[nodiscard]] CashTarget cash_target(std::int32_t currency) const;
    void stage_rates();
    static void withdraw_price(Staged& s) noexcept;
    void stage_prices();
    void stage_cash_prices();
    void check_dropped() const;
    [[nodiscard]] bool account_held(std::int32_t account) const;
    [[nodiscard]] bool instrument_held(const Staged& s) const;

    // application_cells.cpp
    void grow_scales();
    void grow_scale(std::int32_t instrument, int scale);
    void stage_holdings();
    Cell& cell(std::int32_t account, std::int32_t instrument);
    void add_order(const Order& order, int sign);
    void stage_writes();
    void check_twice() const;
    [[nodiscard]] Net checked_net(const Cell& cell) const;
    [[nodiscard]] std::string key_of(std::size_t row) const;
    [[noreturn]] void refuse_duplicate(std::size_t row) const;
    [[noreturn]] void refuse_net(std::int32_t account, std::int32_t instrument) const;

    // application_orders.cpp
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

    // application_cash.cpp
    void grow_cash_scales();
    [[nodiscard]] CashLeg leg_before(const Order& order) const;
    [[nodiscard]] CashLeg leg_after(const Order& order, int quantity_scale);
    void add_leg(std::int32_t account, const CashLeg& leg, int sign);
    void stage_legs(const OrderWrite& w, const CashLeg& before);
    void stage_changed_legs();
    [[nodiscard]] bool changes_legs(std::int32_t instrument) const;
    void sum_legs();
    [[noreturn]] void refuse_leg(CashFault fault, const char* table, const char* column,
                                 InputError::Row row, std::string what, std::int32_t instrument);
    [[noreturn]] void refuse_changed_leg(CashFault fault, std::int32_t instrument);
    [[noreturn]] void refuse_loaded_leg(CashFault fault, Slot slot, const Order& order);

    // application_roll.cpp
    void stage_roll();
    // The order at place k of the page as the batch leaves it; nothing if a roll drops it.
    [[nodiscard]] std::optional<Order> order_after(const OrderPage& page, std::uint32_t k) const {
        const Order order = OrderStore::order(page, k);
        return batch_.roll_day ? order.after_roll(batch_.roll_drops_ended) : order;
    }
    void commit_roll() noexcept;

    // application_refresh.cpp
    void stage_refresh();
    [[nodiscard]] bool wide_line(std::size_t i, const HoldingRows& lines, std::size_t begin,
                                 std::size_t end, bool kept) const;
    void check_lines(const HoldingRows& lines, const std::vector<std::size_t>& start);
    template <class Q>
    void fill_line(std::size_t i, const HoldingRows& rows, std::size_t begin, std::size_t end);
    void refuse_twice(std::int32_t account, std::int32_t instrument) const;

    // application_commit.cpp
    void find_unit(Staged& s);
    [[nodiscard]] std::optional<UnitId> find_bounds();
    void prove_bounds();
    [[nodiscard]] const char* changed_table() const noexcept;
    void reserve_all();
    void reserve_cells();
    template <class F>
    void each_write(F&& f);
    void rescale(const Staged& s);
    void commit_quote(const Staged& s) noexcept;
    void commit_cells() noexcept;

    // What the orders of a full refresh add to a line of cash, counted in 10^-scale.
    struct CashSums {
        std::vector<i256> by_account;
        i256 absolute;
        int scale = 0;
    };

    State& state_;
    BookState* book_state_ = nullptr;
    Batch& batch_;
    FlatMap staged_at_;  // by instrument: place in staged_
    std::vector<Staged> staged_;
    std::vector<std::uint8_t> accounts_alive_;  // as it will be, where accounts change
    std::vector<Rate> rates_;
    std::vector<CashTarget> cash_targets_;  // by currency, as it will be; empty: nothing changes
    std::vector<Cell> cells_;
    FlatMap cell_at_;  // by instrument and account
    std::vector<Write> writes_;
    std::vector<Write> rescaled_;  // cells that only change their scale
    std::vector<OrderWrite> order_writes_;
    std::vector<std::pair<std::int32_t, OrderStore::Rescaled>> rescaled_orders_;
    std::unordered_map<std::int32_t, std::int32_t> position_changes_;
    std::unordered_map<std::int32_t, std::int32_t> order_changes_;             // by account
    std::unordered_map<std::int32_t, std::int32_t> instrument_order_changes_;  // by instrument
    Grid grid_;                                                                // a full refresh
    std::vector<std::uint32_t> positions_;
    std::vector<std::uint32_t> account_orders_;
    std::unordered_map<std::int32_t, CashSums> cash_sums_;  // by cash instrument
    bool refreshed_ = false;
    bool tight_ = false;  // the bounds count prices as they are
    bool texts_stored_ = false;
    bool cells_reserved_ = false;
    Feeds feeds_;
    std::vector<std::pair<UnitId, Int<8>>> bounds_;
    Dropped dropped_;  // but for orders
    DroppedOrders dropped_orders_;
    std::uint64_t price_rows_ = 0;
    std::uint64_t facts_ = 0;  // holdings that changed and orders applied
};

}  // namespace mvcore
