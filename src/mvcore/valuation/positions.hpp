// Positions as results: the quantities, price and amounts of each selected pair of an account and
// an instrument. The cost follows the positions selected, not the size of the book.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "mvcore/base/flat_map.hpp"
#include "mvcore/board/conversion.hpp"
#include "mvcore/state/state.hpp"
#include "mvcore/valuation/code_selection.hpp"
#include "mvcore/valuation/group_currencies.hpp"
#include "mvcore/valuation/result_page.hpp"

namespace mvcore {

// The parameters of a read of positions.
struct PositionQuery : CodeSelection {
    // Of the amounts, kLocal, or kOwn: see `own`. None: no amounts.
    std::optional<std::int32_t> currency = 0;
    std::shared_ptr<const AccountCurrencies> own = nullptr;  // only with kOwn
    // Only positions with a start-of-day quantity, and only that quantity. Amounts are also in the
    // currency of the instrument.
    bool holdings = false;
    // Null: all rows. Keys of its columns are by code; without keys, the codes are the keys.
    std::shared_ptr<const ResultPage> page = nullptr;

    // Whether positions have every column of the page.
    [[nodiscard]] bool page_fits() const;
};

// How a read finds the positions: along the lines of the named accounts, in the by-account index,
// or along the lines of the named instruments, in the book's grid. A sorted page of all positions
// goes along the lines of all instruments, whose rows can be passed over in blocks. A cell of a
// line is looked up if the other side names so few that this is cheaper than a sweep.
struct PositionPlan {
    static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

    bool by_account = false;  // requires the by-account index
    // Estimate of the cells to visit and the lines to open. Counting stops above the limit.
    std::uint64_t cost = 0;

    [[nodiscard]] static PositionPlan of(const State& state, const PositionQuery& query,
                                         std::uint64_t limit);
};

// Holds what the columns are computed from: codes, quantities, and the price and conversion of each
// instrument. A column is computed on request.
class PositionList {
public:
    PositionList() = default;
    // Rows ascend by account, then instrument. With a page, rows that are not part of it may be
    // left out; see turn_to_page(). Adds the number of cells visited to `cells`. Throws
    // PositionOverflow if an amount of a row that is left out does not fit 38 digits.
    PositionList(const State& state, const PositionQuery& query, PositionPlan plan, int value_scale,
                 std::uint64_t& cells);
    // Throws PositionOverflow if an amount does not fit 38 digits.
    void check() const;
    // Keeps only the rows of the page, in its order. Call it once, after check().
    void turn_to_page();

    [[nodiscard]] std::size_t size() const noexcept { return accounts_.size(); }
    [[nodiscard]] Epoch epoch() const noexcept { return epoch_; }
    [[nodiscard]] const std::vector<std::int32_t>& accounts() const noexcept { return accounts_; }
    [[nodiscard]] std::vector<std::int32_t> instruments() const;
    [[nodiscard]] std::vector<std::int32_t> currencies() const;         // of the amounts
    [[nodiscard]] std::vector<i128> quantities(Measure measure) const;  // in units of 10^-18
    [[nodiscard]] std::vector<i128> prices() const;                     // in units of 10^-18
    [[nodiscard]] std::vector<std::uint8_t> priced() const;
    [[nodiscard]] std::vector<i128> amounts(Measure measure) const;  // in units of 10^-value_scale
    // The same in 64 bits, if they hold every row: quantities and prices with as many decimals as
    // any row needs.
    struct Narrow {
        std::vector<std::int64_t> values;
        int scale;
    };
    [[nodiscard]] std::optional<Narrow> narrow_quantities(Measure measure) const;
    [[nodiscard]] std::optional<Narrow> narrow_prices() const;
    [[nodiscard]] std::optional<std::vector<std::int64_t>> narrow_amounts(Measure measure) const;
    // Whether there are amounts: the instrument has a price, and its currency has a rate.
    [[nodiscard]] std::vector<std::uint8_t> valued() const;
    // Of holdings: the currency of the instrument, and the amount in it. 0 without a price.
    [[nodiscard]] std::vector<std::int32_t> own_currencies() const;
    [[nodiscard]] std::vector<i128> own_amounts() const;

private:
    // One integer per row, in 64 bits until a row needs more.
    class Integers {
    public:
        void reserve(std::size_t rows) { narrow_.reserve(rows); }
        void push_back(i128 value) {
            const auto narrow = static_cast<std::int64_t>(value);
            if (wide_.empty() && narrow == value) narrow_.push_back(narrow);
            else push_wide(value);
        }
        [[nodiscard]] i128 operator[](std::size_t row) const {
            return wide_.empty() ? narrow_[row] : wide_[row];
        }
        // The integers, if 64 bits hold all of them.
        [[nodiscard]] const std::vector<std::int64_t>* narrow() const {
            return wide_.empty() ? &narrow_ : nullptr;
        }
        // Row k becomes the row that was places[k].
        void pick(const std::vector<std::uint32_t>& places);

    private:
        void push_wide(i128 value);

        std::vector<std::int64_t> narrow_;
        std::vector<i128> wide_;  // instead of narrow_, once a value needs it
    };
    // An instrument of some row.
    struct Mark {
        InstrumentCode instrument;
        std::int32_t own_currency;
        int quantity_scale;
        bool priced;
        i128 price;       // in units of 10^-18
        i256 unit_value;  // price x factor; quantity x unit_value is a value at `scale`
        int scale;
        std::size_t conversion;  // index of the first of conversions_, if priced
        // Every amount has at most so many bits more than its quantity.
        int bits;
        i128 quantity_bits = 0;  // OR of the magnitudes of the quantities
    };

    void add_by_account(const State& state, const PositionQuery& query, std::uint64_t& cells);
    void add_by_instrument(const State& state, const PositionQuery& query, std::uint64_t& cells);
    [[nodiscard]] bool lists(const Net& net) const noexcept;
    void add(const State& state, AccountCode account, InstrumentCode instrument, const Net& net);
    std::uint32_t mark_of(const State& state, InstrumentCode instrument);
    Mark new_mark(const State& state, InstrumentCode instrument);
    std::size_t conversions_of(const State& state, std::int32_t currency);
    [[nodiscard]] const Mark& mark(std::size_t row) const { return marks_[row_marks_[row]]; }
    // Index of the currency of the row's amounts, in `own_` and from Mark::conversion on.
    [[nodiscard]] std::size_t target_of(std::size_t row) const {
        return row_targets_.empty() ? 0 : row_targets_[row];
    }
    [[nodiscard]] const std::vector<std::int32_t>& targets() const {
        return own_->currencies.currencies();
    }
    // Whether the row has amounts: the instrument has a price, and its currency has a rate.
    [[nodiscard]] bool valued(std::size_t row) const {
        return mark(row).priced && target_ &&
               conversions_[mark(row).conversion + target_of(row)].possible();
    }
    void reserve(std::size_t rows);
    void sort_rows();
    void pick(const std::vector<std::uint32_t>& places);
    // The first `needed` rows that meet the conditions of the page, in its order.
    [[nodiscard]] std::vector<std::uint32_t> places_on_page(std::size_t needed) const;
    void drop_rows();
    void set_worst();
    // Quantities of a line whose rows cannot be on the page, because the rows kept already precede
    // them. None if first > last.
    struct QuantityRange {
        std::int64_t first = 0;
        std::int64_t last = -1;
    };
    [[nodiscard]] QuantityRange beaten_quantities(const State& state, const Mark& mark) const;
    void add_line(const State& state, InstrumentCode instrument, std::uint64_t& cells);
    [[nodiscard]] const Integers& column(Measure measure) const noexcept {
        return quantities_[columns_ == 1 ? 0 : measure];
    }
    [[nodiscard]] std::int32_t currency(std::size_t row) const {
        if (target_ == kOwn) return targets()[target_of(row)];
        return target_ == kLocal ? mark(row).own_currency : *target_;
    }
    [[nodiscard]] static i128 in_18(const Mark& mark, i128 quantity);
    [[nodiscard]] i128 amount(std::size_t row, i128 quantity) const;
    [[nodiscard]] i128 own_amount(const Mark& mark, i128 quantity) const;
    // Calls f(row, quantity) for each row.
    template <class F>
    [[nodiscard]] std::vector<i128> of_rows(Measure measure, F&& f) const;
    template <class T, class F>
    [[nodiscard]] std::vector<T> of_marks(F&& f) const;

    class Columns;

    std::vector<std::int32_t> accounts_;
    std::vector<std::uint32_t> row_marks_;    // indices of marks_
    std::vector<std::uint32_t> row_targets_;  // see target_of(); only if accounts have their own
    std::array<Integers, kMeasures> quantities_;
    int columns_ = kMeasures;  // 1 if the measures of no position differ, or of holdings
    bool holdings_ = false;
    std::vector<Mark> marks_;
    FlatMap<InstrumentCode> places_;  // of marks_
    // For each of these currencies of instruments: into the currency of the amounts, or into each
    // of `own_`.
    std::vector<std::int32_t> sources_;
    std::vector<Conversion> conversions_;
    std::optional<std::int32_t> target_;
    std::shared_ptr<const AccountCurrencies> own_;
    int value_scale_ = 0;
    Epoch epoch_{};
    std::shared_ptr<const ResultPage> page_;  // until turn_to_page()
    std::optional<i128>
        worst_;  // first sort key, an amount, of the last of the rows that a page needs
    std::size_t rows_to_drop_at_ = 0;  // with a page: rows are dropped once there are so many
};

}  // namespace mvcore
