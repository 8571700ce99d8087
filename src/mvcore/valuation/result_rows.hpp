// Result rows: amounts in the requested currency, rounded once, with the row they belong to.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mvcore/base/errors.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/board/conversion.hpp"
#include "mvcore/valuation/group_currencies.hpp"
#include "mvcore/valuation/totals.hpp"

namespace mvcore {

// Columns of results beside the measures. An attribute or a user function cannot have such a name.
inline constexpr std::array<std::string_view, 8> kResultColumns = {
    "account",         "instrument", "currency", "level",
    "amount_currency", "removed",    "unpriced", "epoch"};

// One array per column, parallel to `row`.
struct ResultRows {
    huge_pages::Vector<std::int32_t> row;  // of the totals, or of their roll-up
    std::vector<GroupPair> pairs;          // of the rows, if the table lists them
    // If not, row = instrument group x account groups + account group.
    std::uint32_t account_groups = 1;
    std::vector<std::int32_t> currency;  // code; only if currencies are separate
    // In units of 10^-value_scale: one column per requested measure, or one for all of them.
    std::vector<huge_pages::Vector<i128>> amounts;
    huge_pages::Vector<std::uint32_t> unpriced;
    std::vector<std::vector<double>> floats;  // per user function
    // Only if asked for: one list per quantity, and the price, in units of 10^-18. They are null
    // for rows of a roll-up that are not of one instrument.
    std::vector<std::vector<i128>> quantities;
    std::vector<i128> prices;
    std::vector<std::uint8_t> priced;
    std::vector<std::uint8_t> of_one_instrument;
    std::vector<std::uint8_t> removed;  // only in changes
    Epoch epoch{};

    [[nodiscard]] std::size_t size() const noexcept { return row.size(); }
    // The groups of the k-th row. Not for roll-ups.
    [[nodiscard]] GroupPair pair(std::size_t k) const noexcept {
        if (!pairs.empty()) return pairs[k];
        const auto number = static_cast<std::uint32_t>(row[k]);
        return {number / account_groups, number % account_groups};
    }
};

// The rows at the given indices, in that order.
ResultRows rows_at(const ResultRows& rows, std::span<const std::uint32_t> indices);

// The currency of the requested amounts.
struct Target {
    std::int32_t base = 0;
    std::int32_t currency = 0;  // kLocal: each currency separately; kOwn: see `own`
    int value_scale = 8;
    const GroupCurrencies* own = nullptr;  // of the accounts; only with kOwn

    [[nodiscard]] bool local() const noexcept { return currency == kLocal; }
    // Whether rows differ in their currency.
    [[nodiscard]] bool separate() const noexcept { return local() || currency == kOwn; }
};

// Whether positions must be counted per unit: if currencies are separate, or if a unit has no rate
// into the target.
bool needs_counts(const Board& board, const Target& target);

// Result rows of those of the given rows that have a position. Throws RowOverflow if an amount does
// not fit 38 digits.
ResultRows result_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                       const Target& target, std::span<const std::uint32_t> rows);
// The same for all rows.
ResultRows all_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                    const Target& target);

}  // namespace mvcore
