// Restores one chunk of holdings and orders. Builds blocks and pages of its own, line by line (one
// instrument each), and then moves them into the restored state.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/checkpoint/restore.hpp"

namespace mvcore {

class ChunkRestore {
public:
    ChunkRestore(Restore& restore, InstrumentCode begin, InstrumentCode end,
                 const StoredHoldings& holdings, const StoredOrders& orders);
    void run();

private:
    // Quantities of one account in the instrument.
    template <class Q>
    struct Part {
        Q sod{};
        Q fill{};
        Q leaves{};
    };
    // Quantities of the accounts of a line. `accounts` lists those that have any, ascending. If it
    // is empty, `part` is indexed by account code.
    template <class Q>
    struct Parts {
        std::vector<std::uint32_t> accounts;
        std::vector<Part<Q>> part;
        Q absolute{};

        Part<Q>& operator[](AccountCode account) {
            if (accounts.empty()) return part[code_index(account)];
            const auto at = std::lower_bound(accounts.begin(), accounts.end(),
                                             static_cast<std::uint32_t>(account));
            MVCORE_ASSERT(at != accounts.end() && *at == static_cast<std::uint32_t>(account));
            return part[std::size_t(at - accounts.begin())];
        }
    };
    // The columns of a line, widened to 64 bits.
    struct Widened {
        std::vector<std::int64_t> held_account, held_quantity;
        std::vector<std::int64_t> account, quantity, filled, rolled, status, retained, time, number;
    };

    [[nodiscard]] std::size_t line_of(InstrumentCode i) const noexcept {
        return code_index(i) - code_index(begin_);
    }
    [[noreturn]] void refuse(const char* table, std::size_t row, const std::string& what) const;
    [[nodiscard]] std::vector<std::size_t> starts(const StoredColumn& instrument, const char* table,
                                                  std::size_t rows) const;
    [[nodiscard]] AccountCode checked_account(std::int64_t stored, const char* table,
                                              std::size_t row) const {
        if (stored < 0 || stored >= accounts_ || state_.accounts_alive[std::size_t(stored)] == 0)
            [[unlikely]]
            refuse(table, row,
                   "account code " + std::to_string(stored) + " is out of range or removed");
        return AccountCode(stored);
    }
    [[nodiscard]] i128 checked_quantity(i128 quantity, const char* table, std::size_t row,
                                        int scale) const;

    template <class Q>
    void line(InstrumentCode i);
    template <class Q>
    void choose_accounts(std::size_t l, Parts<Q>& parts) const;
    template <class Q>
    void holdings(std::size_t l, int scale, Parts<Q>& parts);
    template <class Q>
    void fill(std::size_t l, int scale, const Parts<Q>& parts);

    // ---- orders ----
    void store_texts();
    OrderPage& add_page(InstrumentCode i, std::size_t row, std::size_t rows);
    [[nodiscard]] FillPrice price(const StoredColumn& price, const StoredColumn& known,
                                  std::size_t k) const;
    [[nodiscard]] Order order(std::size_t k, InstrumentCode i, int scale) const;
    template <class Q>
    void orders(InstrumentCode i, int scale, Parts<Q>& parts);
    void narrow_orders(InstrumentCode i, Parts<std::int64_t>& parts);
    void narrow_page(OrderPage& page, std::size_t row, std::size_t rows, std::size_t k,
                     Parts<std::int64_t>& parts);
    [[nodiscard]] std::uint64_t stored_id(std::size_t k) const;
    [[nodiscard]] std::vector<std::uint64_t> hashes() const;
    void list_ids();

    void merge();

    Restore& restore_;
    State& state_;
    std::uint32_t accounts_;
    InstrumentCode begin_;
    InstrumentCode end_;
    IdKind kind_;
    std::size_t held_rows_;
    const StoredOrders& orders_;
    StoredColumn held_account_, held_quantity_;
    StoredColumn account_, quantity_, filled_, rolled_, time_, status_, retained_, number_;
    StoredColumn average_price_, average_price_known_, rolled_price_, rolled_price_known_;
    std::vector<std::size_t> held_start_;   // by line, plus the end of the last
    std::vector<std::size_t> order_start_;  // likewise
    bool narrow_;                           // all quantities are narrow, and no order has prices
    Widened now_;
    // Built beside the state; by line of the chunk, or by account.
    Grid grid_;
    std::vector<std::uint32_t> positions_;
    std::vector<std::uint32_t> account_orders_;
    std::vector<i256> absolute_;
    std::vector<std::vector<PageRef>> pages_;
    std::vector<std::uint32_t> first_page_;
    std::vector<std::uint32_t> texts_;  // references to the texts of ids
};

}  // namespace mvcore
