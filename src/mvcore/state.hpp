// What a read sees: everything of one epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "account_index.hpp"
#include "board.hpp"
#include "grid.hpp"
#include "ring.hpp"

namespace mvcore {

// A change of a quantity, for views to follow.
struct Fact {
    std::int64_t change;  // of the quantity, at the instrument's quantity scale
    std::int32_t account;
    std::int32_t instrument;
    std::int64_t positions;  // -1, 0 or 1
};
static_assert(sizeof(Fact) == 24);

struct State {
    Board board;
    Grid grid;  // lines: instruments, rows: accounts
    AccountIndex index;
    std::vector<std::uint32_t> positions;  // by account
    Ring<Fact> facts;
    std::uint64_t epoch = 0;
    std::uint64_t masters = 0;  // changes with every change of a master table
};

// Which row of a view or of `values` a position belongs to.
struct Grouping {
    std::vector<std::int32_t> account_group;  // by account, -1: not selected; empty: each its own
    std::vector<std::int32_t> instrument_group;  // by instrument; empty: all in group 0
    std::uint32_t account_groups = 0;
    std::uint32_t instrument_groups = 1;
    // A list of groups is meant, though it is empty: there are no accounts, or no instruments.
    bool accounts_listed = false;
    bool instruments_listed = false;

    // Every account by itself.
    [[nodiscard]] bool whole() const noexcept { return account_group.empty() && !accounts_listed; }
    // All instruments together.
    [[nodiscard]] bool one_instrument_group() const noexcept {
        return instrument_group.empty() && !instruments_listed;
    }
    [[nodiscard]] std::size_t rows() const noexcept {
        return std::size_t{account_groups} * instrument_groups;
    }
    [[nodiscard]] std::int32_t of_account(std::int32_t a) const noexcept {
        if (whole()) return a;
        return std::size_t(a) < account_group.size() ? account_group[std::size_t(a)] : -1;
    }
    [[nodiscard]] std::int32_t of_instrument(std::int32_t i) const noexcept {
        if (one_instrument_group()) return 0;
        return std::size_t(i) < instrument_group.size() ? instrument_group[std::size_t(i)] : -1;
    }
};

}  // namespace mvcore
