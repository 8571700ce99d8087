// Reads of a state: the book's current one, a snapshot's, or one with trial prices. The caller
// keeps writers out of the state during a read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/state/state.hpp"
#include "mvcore/valuation/code_selection.hpp"
#include "mvcore/valuation/position_lists.hpp"
#include "mvcore/valuation/result_page.hpp"
#include "mvcore/valuation/result_rows.hpp"
#include "mvcore/valuation/row_quantities.hpp"
#include "mvcore/valuation/user_functions.hpp"

namespace mvcore {

struct AccountValue {
    Net amount{};
    std::uint32_t unpriced = 0;
    Epoch epoch{};
};

// The parameters of a read of totals.
struct Question {
    Grouping grouping;
    Measures measures;
    std::vector<std::vector<std::int32_t>> levels;  // of a roll-up; see View::Shape
    std::size_t rows = 0;
    std::int32_t currency = 0;
    std::uint64_t masters = 0;  // of the state whose master tables the question was built for
    std::shared_ptr<const UserFunctions> functions = nullptr;  // user functions; null: none
    std::shared_ptr<const ResultPage> page = nullptr;          // null: all rows
    std::optional<RowQuantities> quantities = std::nullopt;    // and prices
    std::shared_ptr<const GroupCurrencies> own = nullptr;      // only if the currency is kOwn
};

class Reads {
public:
    Reads(const State& state, int value_scale) : state_(state), value_scale_(value_scale) {}

    // Requires the by-account index. O(positions of the account).
    [[nodiscard]] AccountValue value(AccountCode account, std::int32_t currency) const;
    // All rows, whatever the page. Adds the number of cells swept to `cells`. O(positions
    // selected).
    [[nodiscard]] ResultRows values(const Question& question, std::uint64_t& cells) const;
    // Fills in the float columns of rows that values() computed from this state. User functions
    // may take long.
    void run_functions(const Question& question, ResultRows& rows) const;
    // Keeps only the rows of the page. Call it after run_functions(), which reads every row.
    static void turn_to_page(const Question& question, ResultRows& rows);
    // Sorted by account, instrument and id. The search stops once all orders of the selected
    // accounts are found. It begins with the instruments in which these have positions, if the
    // by-account index is built and the accounts have fewer positions than there are orders. Adds
    // the numbers of orders and of positions visited to `cells`. None if they are more than
    // `limit`.
    [[nodiscard]] std::optional<OrderList> orders(const CodeSelection& selection,
                                                  std::uint64_t limit, std::uint64_t& cells) const;
    // Whether orders() reads the by-account index if it is built. O(codes selected).
    [[nodiscard]] bool orders_use_index(const CodeSelection& selection) const;
    [[nodiscard]] Revaluation revalue(InstrumentCode instrument) const {
        return {state_, instrument, value_scale_};
    }
    // Ascending by code. O(all instruments), or O(instruments selected).
    [[nodiscard]] PriceList prices(
        const std::optional<std::vector<InstrumentCode>>& selected = std::nullopt) const;

private:
    [[nodiscard]] OrderList listed(std::vector<Slot>&& slots) const;
    void append(const Order& order, OrderList& out) const;
    [[nodiscard]] bool fast_amount(std::span<const UnitTotal> sums, std::int32_t currency,
                                   i128& out) const noexcept;
    [[nodiscard]] AccountValue value_in_units(AccountCode account, std::int32_t currency) const;

    const State& state_;
    int value_scale_;
};

}  // namespace mvcore
