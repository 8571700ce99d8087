// Lists of positions and orders handed out, column by column.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mvcore/state/state.hpp"

namespace mvcore {

struct Positions {
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int32_t> currency;
    std::vector<i128> quantity;  // counted in 10^-18, as is price
    std::vector<i128> price;
    std::vector<i128> market_value;  // counted in 10^-value_scale, as is base_value
    std::vector<i128> base_value;
    std::vector<std::uint8_t> priced;
    std::vector<std::uint8_t> converted;
    std::uint64_t epoch = 0;
};

struct OrderList {
    IdKind kind = IdKind::none;
    std::vector<std::int64_t> number;    // ids of integers, or
    std::vector<std::string_view> text;  // of texts; the arena keeps them
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int32_t> currency;
    std::vector<std::int32_t> status;
    std::vector<std::int64_t> time;
    std::vector<i128> quantity;  // counted in 10^-18, as all quantities and the price
    std::vector<i128> filled;
    std::vector<i128> average_price;
    std::vector<std::uint8_t> average_price_known;
    std::vector<i128> rolled;
    std::vector<i128> leaves;
    std::vector<i128> price;
    std::vector<i128> market_value;  // of the order quantity; counted in 10^-value_scale
    std::vector<i128> filled_value;
    std::vector<std::uint8_t> priced;
    std::uint64_t epoch = 0;
    std::shared_ptr<const TextArena> arena;
};

struct PriceList {
    std::vector<std::int32_t> instrument;
    std::vector<i128> price;  // counted in 10^-18
    std::vector<std::int64_t> time;
    std::vector<std::uint64_t> changed;
    std::uint64_t epoch = 0;
};

// Every holding and order of one instrument at one price. Columns are made when they are asked for,
// from the blocks and pages that this holds: nothing is copied, the writer copies what it changes.
class Revaluation {
public:
    Revaluation() = default;
    Revaluation(const State& state, std::int32_t instrument, int value_scale);

    [[nodiscard]] std::size_t size() const noexcept { return holdings_ + orders_; }
    [[nodiscard]] std::size_t holdings() const noexcept { return holdings_; }
    [[nodiscard]] bool priced() const noexcept { return priced_; }
    [[nodiscard]] i128 price() const noexcept { return price_; }  // counted in 10^-18
    [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
    // The instrument's currency, and that of the values.
    [[nodiscard]] std::int32_t currency() const noexcept { return currency_; }
    // Holdings by account, then orders.
    [[nodiscard]] huge_pages::Vector<std::int32_t> accounts() const;
    [[nodiscard]] huge_pages::Vector<i128> quantities() const;  // counted in 10^-18
    [[nodiscard]] huge_pages::Vector<i128> values() const;      // counted in 10^-value_scale
    // The same where 64 bits hold each of them.
    [[nodiscard]] std::optional<huge_pages::Vector<std::int64_t>> narrow_values() const;
    [[nodiscard]] IdKind id_kind() const noexcept { return kind_; }
    [[nodiscard]] std::vector<std::int64_t> numbers() const;    // of the orders
    [[nodiscard]] std::vector<std::string_view> texts() const;  // valid while this lives

private:
    // By the widths of the quantities and the price; the value of an order of 31 bits and such.
    [[nodiscard]] int most_bits() const;
    // What a quantity is multiplied with, where nothing is rounded and 126 bits hold each value.
    [[nodiscard]] bool whole_factor(i128& factor) const;
    // None where a value does not fit.
    template <class T>
    [[nodiscard]] std::optional<huge_pages::Vector<T>> multiplied(T factor) const;
    // f(row, quantity) for each holding; zero quantities are left out.
    template <class F>
    void for_holdings(F&& f) const;
    // f(page, place in the page) for each order.
    template <class F>
    void for_orders(F&& f) const;

    // Blocks and pages of the instrument.
    std::size_t holdings_ = 0;
    bool priced_ = false;
    i128 price_ = 0;
    std::int32_t currency_ = -1;
    int quantity_scale_ = 0;
    std::uint64_t epoch_ = 0;
    std::vector<Block> blocks_;
    std::vector<std::uint32_t> held_;  // holdings of each block
    std::vector<PageRef> pages_;
    bool gaps_ = false;  // a page has free records
    std::size_t orders_ = 0;
    IdKind kind_ = IdKind::none;
    std::shared_ptr<const TextArena> arena_;
    i256 exact_price_;  // times the factor, counted in 10^-(scale_ - quantity_scale_)
    int scale_ = 0;     // of quantity * exact_price_
    int value_scale_ = 0;
};

}  // namespace mvcore
