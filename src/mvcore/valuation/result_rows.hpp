// Result rows: amounts in the requested currency, rounded once, with the row they belong to.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mvcore/base/errors.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/board/conversion.hpp"
#include "mvcore/valuation/totals.hpp"

namespace mvcore {

// Columns of results beside the measures. An attribute or a user function cannot have such a name.
inline constexpr std::array<std::string_view, 8> kResultColumns = {
    "account",         "instrument", "currency", "level",
    "amount_currency", "removed",    "unpriced", "epoch"};

struct ResultRows {
    huge_pages::Vector<std::int32_t> row;  // of the grouping, or of its roll-up
    std::vector<std::int32_t> currency;    // code; only if currencies are separate
    huge_pages::Vector<i128> amount;       // in units of 10^-value_scale, row after row
    int columns = 1;  // amounts per row: one per requested measure, or one for all
    huge_pages::Vector<std::uint32_t> unpriced;
    std::vector<std::vector<double>> floats;  // per user function, parallel to the rows
    // Only if asked for: one list per quantity, and the price, in units of 10^-18. They are null
    // for rows of a roll-up that are not of one instrument.
    std::vector<std::vector<i128>> quantities;
    std::vector<i128> prices;
    std::vector<std::uint8_t> priced;
    std::vector<std::uint8_t> of_one_instrument;
    std::vector<bool> removed;  // only in changes
    Epoch epoch{};

    [[nodiscard]] std::size_t size() const noexcept { return row.size(); }
};

// The currency of the requested amounts.
struct Target {
    std::int32_t base = 0;
    std::int32_t currency = 0;  // kLocal: each currency separately
    int value_scale = 8;

    [[nodiscard]] bool local() const noexcept { return currency == kLocal; }
};

// Whether positions must be counted per unit: if currencies are separate, or if a unit has no rate
// into the target.
bool needs_counts(const Board& board, const Target& target);

// Calls f(row, currency, amounts, unpriced) for every row with a position; currency is -1 unless
// local.
template <class F>
void emit_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
               const Target& target, F&& f);

// All rows of one read.
ResultRows all_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
                    const Target& target);

template <class F>
void emit_rows(const Totals& totals, const AmountConverter& converter, const Board& board,
               const Target& target, F&& f) {
    const auto places = static_cast<std::uint32_t>(totals.units().size());
    for (std::size_t row = 0; row < totals.rows(); ++row) {
        if (totals.positions(row) == 0) continue;
        Net amounts{};
        auto fill = [&](auto&& amount_of) {
            for (int c = 0; c < totals.columns(); ++c) try {
                    amounts[std::size_t(c)] =
                        amount_of([&](std::uint32_t place) { return totals.total(place, c, row); });
                } catch (const Error&) {
                    throw RowOverflow(row, c);
                }
        };
        if (!target.local()) {
            std::uint32_t unpriced = 0;
            for (std::uint32_t place = 0; place < places; ++place)
                if (converter.unpriced(place)) unpriced += totals.count(place, row);
            fill([&](auto&& total) { return converter.amount(total); });
            f(row, -1, amounts, unpriced);
            continue;
        }
        for (auto currency : converter.currencies()) {
            std::uint32_t held = 0;
            std::uint32_t unpriced = 0;
            for (std::uint32_t place = 0; place < places; ++place) {
                const Unit& unit = board.unit(totals.units()[place]);
                if (unit.currency != currency) continue;
                held += totals.count(place, row);
                if (!unit.priced()) unpriced += totals.count(place, row);
            }
            if (held == 0) continue;
            const auto* units = converter.units_of(currency);
            fill([&](auto&& total) { return units ? converter.amount(*units, total) : i128{0}; });
            f(row, currency, amounts, unpriced);
        }
    }
}

}  // namespace mvcore
