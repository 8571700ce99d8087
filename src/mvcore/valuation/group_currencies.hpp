// The currencies of rows whose amounts are converted into a currency of their account.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/ids.hpp"

namespace mvcore {

// The currency of each group of accounts. A group has accounts of one currency only.
class GroupCurrencies {
public:
    // Currency codes by group of accounts, and by row of a roll-up if there is one. -1: the group
    // or row has no positions.
    explicit GroupCurrencies(std::vector<std::int32_t> of_group,
                             std::vector<std::int32_t> of_row = {})
        : of_group_(std::move(of_group)), of_row_(std::move(of_row)) {
        for (const auto currency : of_group_) {  // there are few
            const auto at = std::lower_bound(currencies_.begin(), currencies_.end(), currency);
            if (currency >= 0 && (at == currencies_.end() || *at != currency))
                currencies_.insert(at, currency);
        }
    }
    // Without duplicates, in ascending order.
    [[nodiscard]] const std::vector<std::int32_t>& currencies() const noexcept {
        return currencies_;
    }
    // Indices of currencies().
    [[nodiscard]] std::size_t place_of_group(std::size_t group) const {
        MVCORE_ASSERT(group < of_group_.size());
        return place_of(of_group_[group]);
    }
    [[nodiscard]] std::size_t place_of_row(std::size_t row) const {
        MVCORE_ASSERT(row < of_row_.size());
        return place_of(of_row_[row]);
    }
    [[nodiscard]] bool of_rollup() const noexcept { return !of_row_.empty(); }
    [[nodiscard]] std::size_t groups() const noexcept { return of_group_.size(); }
    [[nodiscard]] std::size_t rows() const noexcept { return of_row_.size(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return (of_group_.capacity() + of_row_.capacity() + currencies_.capacity()) *
               sizeof(std::int32_t);
    }

private:
    [[nodiscard]] std::size_t place_of(std::int32_t currency) const {
        const auto found = std::lower_bound(currencies_.begin(), currencies_.end(), currency);
        MVCORE_ASSERT(found != currencies_.end() && *found == currency);
        return static_cast<std::size_t>(found - currencies_.begin());
    }

    std::vector<std::int32_t> of_group_;
    std::vector<std::int32_t> of_row_;
    std::vector<std::int32_t> currencies_;
};

// The currency of each account that a read of positions selects.
struct AccountCurrencies {
    // Ascend without duplicates; none: every account, by code.
    std::optional<std::vector<AccountCode>> accounts;
    GroupCurrencies currencies;  // by place in `accounts`, or by code

    [[nodiscard]] std::size_t place_of(AccountCode account) const {
        if (!accounts) return currencies.place_of_group(code_index(account));
        const auto found = std::lower_bound(accounts->begin(), accounts->end(), account);
        MVCORE_ASSERT(found != accounts->end() && *found == account);
        return currencies.place_of_group(static_cast<std::size_t>(found - accounts->begin()));
    }
};

}  // namespace mvcore
