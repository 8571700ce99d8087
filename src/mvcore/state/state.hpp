// Everything a read sees, as of one epoch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/worker_pool.hpp"
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
    std::uint64_t masters = 0;   // changes whenever a master table changes
    Workers* workers = nullptr;  // of the book, for large sweeps; null: no other threads

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

// Maps positions to pairs of groups: the rows of a view or of `values`.
struct Grouping {
    // The group of each account by code, -1: not selected; or, if `account_codes` is given, of
    // those accounts, which ascend, while no other account is selected.
    std::vector<std::int32_t> account_group;     // empty and not listed: one group each
    std::vector<std::int32_t> instrument_group;  // the same; empty and not listed: all in group 0
    std::optional<std::vector<AccountCode>> account_codes = std::nullopt;
    std::optional<std::vector<InstrumentCode>> instrument_codes = std::nullopt;
    std::uint32_t account_groups = 0;
    std::uint32_t instrument_groups = 1;
    // The list of groups is to be used although it is empty: there are no accounts, or no
    // instruments.
    bool accounts_listed = false;
    bool instruments_listed = false;
    bool by_instrument = false;  // every instrument is a group of its own

    friend bool operator==(const Grouping&, const Grouping&) = default;
    // Whether every account is a group of its own.
    [[nodiscard]] bool whole() const noexcept {
        return account_group.empty() && !accounts_listed && !account_codes;
    }
    // Whether all instruments are in one group.
    [[nodiscard]] bool one_instrument_group() const noexcept {
        return instrument_group.empty() && !instruments_listed && !instrument_codes &&
               !by_instrument;
    }
    // The number of pairs of groups.
    [[nodiscard]] std::size_t rows() const noexcept {
        return std::size_t{account_groups} * instrument_groups;
    }
    // Whether looking up `picked` accounts one by one is cheaper than sweeping a line of `accounts`
    // cells. One lookup costs about as much as a few cells of a sweep.
    [[nodiscard]] bool few(std::size_t picked, std::size_t accounts) const noexcept {
        return !whole() && picked * tuning::kCellsOfLookup <= accounts;
    }
    [[nodiscard]] std::int32_t of_account(AccountCode a) const noexcept {
        return whole() ? raw(a) : group_of(account_codes, account_group, a);
    }
    [[nodiscard]] std::int32_t of_instrument(InstrumentCode i) const noexcept {
        if (one_instrument_group()) return 0;
        return by_instrument ? raw(i) : group_of(instrument_codes, instrument_group, i);
    }
    // Calls f(account, group) for each selected account in ascending order. Not if it is whole.
    template <class F>
    void for_accounts(F&& f) const {
        for_selected(account_codes, account_group, f);
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        const auto codes = (account_codes ? account_codes->capacity() : 0) +
                           (instrument_codes ? instrument_codes->capacity() : 0);
        return (account_group.capacity() + instrument_group.capacity() + codes) *
               sizeof(std::int32_t);
    }

private:
    template <class C>
    static std::int32_t group_of(const std::optional<std::vector<C>>& codes,
                                 const std::vector<std::int32_t>& groups, C code) noexcept {
        if (!codes) return code_index(code) < groups.size() ? groups[code_index(code)] : -1;
        const auto at = std::lower_bound(codes->begin(), codes->end(), code);
        return at != codes->end() && *at == code ? groups[std::size_t(at - codes->begin())] : -1;
    }
    template <class C, class F>
    static void for_selected(const std::optional<std::vector<C>>& codes,
                             const std::vector<std::int32_t>& groups, F&& f) {
        MVCORE_ASSERT(!codes || codes->size() == groups.size());
        for (std::size_t k = 0; k < groups.size(); ++k)
            if (groups[k] >= 0) f(codes ? (*codes)[k] : C(k), groups[k]);
    }
};

}  // namespace mvcore
