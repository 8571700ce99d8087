// Lists of positions and orders handed out, column by column.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "state.hpp"

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
    std::vector<i128> quantity;  // counted in 10^-18, as are filled, leaves and price
    std::vector<i128> filled;
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
    // Holdings by account, then orders.
    [[nodiscard]] std::vector<std::int32_t> accounts() const;
    [[nodiscard]] std::vector<i128> quantities() const;  // counted in 10^-18
    [[nodiscard]] std::vector<i128> values() const;      // counted in 10^-value_scale
    [[nodiscard]] IdKind id_kind() const noexcept { return kind_; }
    [[nodiscard]] std::vector<std::int64_t> numbers() const;    // of the orders
    [[nodiscard]] std::vector<std::string_view> texts() const;  // valid while this lives

private:
    [[nodiscard]] bool may_overflow() const;
    [[nodiscard]] std::vector<i128> multiplied(i128 factor) const;
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
    int quantity_scale_ = 0;
    std::uint64_t epoch_ = 0;
    std::vector<Block> blocks_;
    std::vector<PageRef> pages_;
    std::size_t orders_ = 0;
    IdKind kind_ = IdKind::none;
    std::shared_ptr<const TextArena> arena_;
    i256 exact_price_;  // times the factor, counted in 10^-(scale_ - quantity_scale_)
    int scale_ = 0;     // of quantity * exact_price_
    int value_scale_ = 0;
};

}  // namespace mvcore
