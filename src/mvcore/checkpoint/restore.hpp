// Rebuilds a book's state from stored columns. The columns are not trusted: inconsistent data of
// any kind is refused as CorruptData. Everything that can be computed from the rest is computed:
// positions, the contribution of orders to them, bounds, the index of order ids.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/checkpoint/chunks.hpp"
#include "mvcore/checkpoint/stored_columns.hpp"
#include "mvcore/state/book_state.hpp"

namespace mvcore {

struct StoredHoldings {
    std::size_t rows = 0;
    StoredInts instrument;
    StoredInts account;
    StoredInts quantity;
};
struct StoredPrices {
    StoredInts price;  // 18 decimals
    StoredInts known;  // 0 or 1
};
struct StoredOrders {
    std::size_t rows = 0;
    StoredInts instrument;
    StoredInts account;
    StoredInts quantity;
    StoredInts filled;
    StoredInts rolled;
    StoredPrices average_price;  // without data: no order has one
    StoredPrices rolled_price;   // likewise
    StoredInts status;
    StoredInts time;      // without data: no order has one
    StoredInts retained;  // without data: no order is retained
    StoredInts number;    // without data: ids are text
    StoredTexts text;
};
struct StoredRates {
    std::vector<i128> rate;  // 18 decimals, by currency; 0: none
    std::vector<std::uint8_t> divide;
    std::vector<std::int64_t> time;
};
// Counts that the restored state must match, and counters that cannot be derived from it.
struct StoredCounts {
    Epoch epoch{};
    std::uint64_t masters = 0;
    std::uint64_t orders = 0;
    std::uint64_t ticks = 0;
    std::uint64_t facts = 0;
    Dropped dropped;
};

class Restore {
public:
    // `base` must be the first currency.
    Restore(std::string_view base, IdKind kind, const StoredCounts& counts,
            const CashRule& cash = {});

    // First the tables, in this order, once each.
    void currencies(const StoredTexts& names, std::size_t count, const StoredRates& rates);
    void accounts(const StoredTexts& names, std::vector<std::uint8_t> alive);
    void instruments(const StoredTexts& names, const InstrumentsTable& table);
    // Then the chunks, in any order, from any number of threads. A chunk has the instruments in
    // [begin, end); each instrument is in one chunk only. O(rows + accounts), and O(accounts) for
    // each instrument with many positions.
    void chunk(InstrumentCode begin, InstrumentCode end, const StoredHoldings& holdings,
               const StoredOrders& orders);
    // Then indexes the ids that are not yet in the index's tables [begin, end). Any number of
    // threads may do so, each for tables of its own.
    void index(std::size_t begin, std::size_t end);
    // Finally computes everything that depends on all chunks. O(instruments).
    void finish();

    [[nodiscard]] BookState& book_state() noexcept { return book_state_; }
    [[nodiscard]] bool finished() const noexcept { return finished_; }

private:
    friend class ChunkRestore;
    void add_legs();
    void instrument(InstrumentCode i, const InstrumentsTable& table, std::size_t k);
    void add_cash(InstrumentCode i);
    [[nodiscard]] UnitId unit_of(InstrumentCode i);

    BookState book_state_;
    std::string base_;
    StoredCounts counts_;
    bool finished_ = false;
    // Used while chunks are added.
    std::mutex mutex_;                 // guards the state and the texts
    std::vector<std::uint8_t> added_;  // by instrument: 1 once a chunk had it
    // Ids to be inserted into each table of the index, many at a time.
    struct Ids {
        std::mutex mutex;
        std::vector<std::uint64_t> hash;
        std::vector<Slot> slot;
    };
    void index_if_many();
    void index(std::size_t table, const std::vector<std::uint64_t>& hashes,
               const std::vector<Slot>& slots, std::vector<std::pair<Slot, Slot>>& alike);
    void check_apart(const std::vector<std::pair<Slot, Slot>>& alike) const;
    std::vector<Ids> ids_;
    std::atomic<std::size_t> listed_ = 0;
    std::atomic<std::size_t> indexed_ = 0;
    std::atomic<bool> indexing_ = false;
};

}  // namespace mvcore
