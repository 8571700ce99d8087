// Everything a read sees, as of one epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/board/board.hpp"
#include "mvcore/grid/grid.hpp"
#include "mvcore/orders/cash.hpp"
#include "mvcore/orders/order_store.hpp"
#include "mvcore/state/account_index.hpp"
#include "mvcore/state/dirty_instruments.hpp"

namespace mvcore {

// Copies share pages until one side writes them (copy on write), so that a snapshot costs
// microseconds.
struct State {
    Board board;
    Grid grid;  // lines: instruments, rows: accounts
    AccountIndex index;
    OrderStore orders;
    CowVector<std::uint32_t, tuning::kCountsPerPage> positions;       // by account
    CowVector<std::uint32_t, tuning::kCountsPerPage> account_orders;  // orders held, by account
    std::vector<std::uint8_t> accounts_alive;                         // by account
    std::vector<std::uint32_t> currency_users;  // live instruments, by currency
    CashRule cash;
    std::vector<CashTarget> cash_targets;  // by currency; only with cash from fills
    DirtyInstruments dirty_instruments;
    std::int32_t base = 0;  // currency code
    Epoch epoch{};
    std::uint64_t masters = 0;  // changes whenever a master table changes

    [[nodiscard]] bool account_alive(AccountCode a) const noexcept {
        return is_code(a) && code_index(a) < accounts_alive.size() && accounts_alive[code_index(a)];
    }
    [[nodiscard]] bool instrument_alive(InstrumentCode i) const noexcept {
        return is_code(i) && code_index(i) < board.size() && board.quote(i).alive;
    }
    // Whether an instrument or a rate names the currency, or it is the base.
    [[nodiscard]] bool currency_known(std::int32_t c) const noexcept {
        return c == base ||
               (c >= 0 &&
                ((std::size_t(c) < currency_users.size() && currency_users[std::size_t(c)] != 0) ||
                 board.rate(c).known()));
    }
};

// Maps positions to rows of a view or of `values`.
struct Grouping {
    std::vector<std::int32_t> account_group;  // by account, -1: not selected; empty: one group each
    std::vector<std::int32_t> instrument_group;  // by instrument; empty: all in group 0
    std::uint32_t account_groups = 0;
    std::uint32_t instrument_groups = 1;
    // The list of groups is to be used although it is empty: there are no accounts, or no
    // instruments.
    bool accounts_listed = false;
    bool instruments_listed = false;

    // Whether every account is a group of its own.
    [[nodiscard]] bool whole() const noexcept { return account_group.empty() && !accounts_listed; }
    // Whether all instruments are in one group.
    [[nodiscard]] bool one_instrument_group() const noexcept {
        return instrument_group.empty() && !instruments_listed;
    }
    [[nodiscard]] std::size_t rows() const noexcept {
        return std::size_t{account_groups} * instrument_groups;
    }
    // Whether looking up `picked` accounts one by one is cheaper than sweeping a line of `accounts`
    // cells. One lookup costs about as much as a few cells of a sweep.
    [[nodiscard]] bool few(std::size_t picked, std::size_t accounts) const noexcept {
        return !whole() && picked * tuning::kCellsOfLookup <= accounts;
    }
    [[nodiscard]] std::int32_t of_account(AccountCode a) const noexcept {
        if (whole()) return raw(a);
        return code_index(a) < account_group.size() ? account_group[code_index(a)] : -1;
    }
    [[nodiscard]] std::int32_t of_instrument(InstrumentCode i) const noexcept {
        if (one_instrument_group()) return 0;
        return code_index(i) < instrument_group.size() ? instrument_group[code_index(i)] : -1;
    }
};

}  // namespace mvcore
