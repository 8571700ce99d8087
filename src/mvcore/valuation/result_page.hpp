// A page of a result: the rows that meet conditions, sorted, from an offset, at most `limit` of
// them. Amounts are compared as the integers that the result returns, after rounding.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "mvcore/base/decimal.hpp"
#include "mvcore/valuation/result_rows.hpp"
#include "mvcore/valuation/row_quantities.hpp"
#include "mvcore/valuation/totals.hpp"

namespace mvcore {

// A column of a result by which rows are sorted or selected.
struct ResultColumn {
    enum Field : std::uint8_t {
        amount,            // of the measure `place`
        magnitude,         // the absolute value of that amount
        floats,            // of the user function `place`
        float_magnitudes,  // their absolute values
        quantity,          // the quantity `place`
        quantity_magnitude,
        price,  // null if the instrument has none
        price_magnitude,
        unpriced,
        account_group,  // the key of the row's group of accounts
        instrument_group,
        currency  // the key of the row's currency, if currencies are separate
    };
    static constexpr std::int32_t kNoLabel = std::numeric_limits<std::int32_t>::max();

    Field field = amount;
    std::size_t place = 0;
    std::vector<std::int32_t> keys;  // by group or currency code; kNoLabel sorts last

    [[nodiscard]] bool is_float() const noexcept {
        return field == floats || field == float_magnitudes;
    }
    [[nodiscard]] bool is_amount() const noexcept { return field == amount || field == magnitude; }
    [[nodiscard]] bool is_quantity() const noexcept {
        return field == quantity || field == quantity_magnitude;
    }
    [[nodiscard]] bool is_price() const noexcept {
        return field == price || field == price_magnitude;
    }
    [[nodiscard]] bool is_absolute() const noexcept {
        return field == magnitude || field == float_magnitudes || field == quantity_magnitude ||
               field == price_magnitude;
    }
    [[nodiscard]] bool has_keys() const noexcept { return field >= account_group; }
};

// Compares the column with a number: floats with `number`, every other column with `bound`. For nan
// and for a null price only not_equal holds.
struct Condition {
    enum Op : std::uint8_t { less, less_equal, equal, not_equal, greater_equal, greater };

    ResultColumn column;
    Op op = equal;
    i128 bound = 0;
    double number = 0;
};

struct SortKey {
    ResultColumn column;
    bool descending = false;
};

struct ResultPage {
    static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

    std::vector<Condition> conditions;  // a row must meet all of them
    std::vector<SortKey> sort;
    // Order of rows that are equal by `sort`. Rows equal by both keep the order of their numbers.
    std::vector<ResultColumn> row_order;
    std::uint64_t offset = 0;
    std::uint64_t limit = kNoLimit;

    // The rows that the page needs, from the first row on.
    [[nodiscard]] std::uint64_t end() const noexcept {
        return limit > kNoLimit - offset ? kNoLimit : offset + limit;
    }
    // Whether every column exists in results of the grouping, and has a key for each group.
    // `quantities`: what the results have of quantities and prices; null: neither.
    [[nodiscard]] bool fits(const Grouping& grouping, std::size_t measures, std::size_t functions,
                            const std::optional<RowQuantities>& quantities = std::nullopt) const;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;
};

// The rows that a page is made from while few rows change: every row that meets the conditions and
// whose first sort key is less than `below`. All other rows come after them.
struct PageCandidates {
    std::vector<std::uint32_t> rows;  // numbers of the totals, ascending
    std::optional<u128> below;        // null: there is no bound
    std::size_t most = 0;             // if there are more rows, finding them anew is cheaper
};

// The rows of the page, in its order; not of a roll-up. `kept`: set to candidates, or to null if
// they would be most rows. O(rows + rows of the page x log of that),
// and memory for twice the rows up to the page's end.
[[nodiscard]] ResultRows page_of(const ResultRows& all, const ResultPage& page,
                                 std::optional<PageCandidates>* kept = nullptr);
// The same from the candidates and all rows that changed since these were found; null if the
// candidates do not fill the page any more. Brings the candidates up to date. O(rows), and as
// above.
[[nodiscard]] std::optional<ResultRows> page_of_candidates(const ResultRows& rows,
                                                           const ResultPage& page,
                                                           PageCandidates& kept);

}  // namespace mvcore
