// Lists of orders and prices as results, column by column.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

struct OrderList {
    IdKind kind = IdKind::none;
    std::vector<std::int64_t> number;    // integer ids, or
    std::vector<std::string_view> text;  // text ids, stored in the arena
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int32_t> currency;
    std::vector<std::int32_t> status;
    std::vector<std::int64_t> time;
    std::vector<i128> quantity;  // in units of 10^-18, as all quantities and the price
    std::vector<i128> filled;
    std::vector<i128> average_price;
    std::vector<std::uint8_t> average_price_known;
    std::vector<i128> rolled;
    std::vector<i128> leaves;
    std::vector<i128> price;
    std::vector<i128> market_value;  // of the order quantity; in units of 10^-value_scale
    std::vector<i128> filled_value;
    std::vector<std::uint8_t> priced;
    Epoch epoch{};
    std::shared_ptr<const TextArena> arena;
};

struct PriceList {
    std::vector<std::int32_t> instrument;
    std::vector<i128> price;  // in units of 10^-18
    std::vector<std::int64_t> time;
    std::vector<std::uint64_t> changed;
    Epoch epoch{};
};

// Every holding and order of one instrument at one price. Columns are computed on request, from the
// blocks and pages that this object holds. Nothing is copied in advance; a writer copies what it
// changes (copy on write).
class Revaluation {
public:
    Revaluation() = default;
    Revaluation(const State& state, InstrumentCode instrument, int value_scale);

    [[nodiscard]] std::size_t size() const noexcept { return holdings_ + orders_; }
    [[nodiscard]] std::size_t holdings() const noexcept { return holdings_; }
    [[nodiscard]] bool priced() const noexcept { return priced_; }
    [[nodiscard]] i128 price() const noexcept { return price_; }  // in units of 10^-18
    [[nodiscard]] Epoch epoch() const noexcept { return epoch_; }
    // The currency of the instrument and of the values.
    [[nodiscard]] std::int32_t currency() const noexcept { return currency_; }
    // Holdings in account order, then orders.
    [[nodiscard]] huge_pages::Vector<std::int32_t> accounts() const;
    [[nodiscard]] huge_pages::Vector<i128> quantities() const;  // in units of 10^-18
    [[nodiscard]] huge_pages::Vector<i128> values() const;      // in units of 10^-value_scale
    // The values in 64 bits. None if a value does not fit or would be rounded.
    [[nodiscard]] std::optional<huge_pages::Vector<std::int64_t>> narrow_values() const;
    [[nodiscard]] IdKind id_kind() const noexcept { return kind_; }
    [[nodiscard]] std::vector<std::int64_t> numbers() const;    // of the orders
    [[nodiscard]] std::vector<std::string_view> texts() const;  // valid while this object exists

private:
    // Upper bound for the bits of a value, from the widths of the quantities and the price. Order
    // quantities count as 31 bits unless a page has wide orders.
    [[nodiscard]] int most_bits() const;
    // The factor that turns a quantity into a value. Returns false if a value would be rounded or
    // may exceed 126 bits.
    [[nodiscard]] bool whole_factor(i128& factor) const;
    // The same as multiplied(), in vectors. None also if it does not prove that every value fits.
    [[nodiscard]] std::optional<huge_pages::Vector<std::int64_t>> multiplied_fast(
        std::int64_t factor) const;
    // None if a value does not fit.
    template <class T>
    [[nodiscard]] std::optional<huge_pages::Vector<T>> multiplied(T factor) const;
    // Calls f(row, quantity) for each holding, omitting zero quantities.
    template <class F>
    void for_holdings(F&& f) const;
    // Calls f(page, index in the page) for each order.
    template <class F>
    void for_orders(F&& f) const;

    std::size_t holdings_ = 0;
    bool priced_ = false;
    i128 price_ = 0;
    std::int32_t currency_ = -1;
    int quantity_scale_ = 0;
    Epoch epoch_{};
    std::vector<Block> blocks_;
    std::vector<std::uint32_t> held_;  // holdings of each block
    std::vector<PageRef> pages_;
    bool gaps_ = false;  // a page has free records
    std::size_t orders_ = 0;
    IdKind kind_ = IdKind::none;
    std::shared_ptr<const TextArena> arena_;
    i256 exact_price_;  // price times factor, in units of 10^-(scale_ - quantity_scale_)
    int scale_ = 0;     // of quantity * exact_price_
    int value_scale_ = 0;
};

}  // namespace mvcore
