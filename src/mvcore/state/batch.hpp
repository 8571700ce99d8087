// A batch: the input of one write call, with names resolved to codes and decimals to integers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/base/name_table.hpp"
#include "mvcore/board/board.hpp"
#include "mvcore/orders/order_store.hpp"

namespace mvcore {

struct InstrumentRow {
    InstrumentCode instrument;
    std::int32_t currency;              // -1: keep
    std::optional<Decimal> multiplier;  // none: keep
    std::optional<Decimal> quote_factor;
    std::optional<bool> cash = {};
};

struct PriceRow {
    InstrumentCode instrument;
    Decimal price;
    std::int64_t time;  // kNoTime: always applies
    Epoch epoch{};      // epoch of the change, if restored; 0: epoch of the batch
};

struct RateRow {
    std::int32_t currency;
    Rate rate;
};

// Columns, because there may be tens of millions of rows. A quantity is mantissa / 10^scale.
struct HoldingRows {
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int64_t> mantissa;
    std::vector<std::uint8_t> scale;             // empty: all zero
    std::unordered_map<std::size_t, i128> wide;  // by row, if the mantissa is kWide

    static constexpr std::int64_t kWide = std::numeric_limits<std::int64_t>::min();

    [[nodiscard]] std::size_t size() const noexcept { return account.size(); }
    // Whether every column has all rows.
    [[nodiscard]] bool columns_agree() const noexcept {
        return instrument.size() == size() && mantissa.size() == size() &&
               (scale.empty() || scale.size() == size()) && wide.size() <= size();
    }
    [[nodiscard]] CellKey cell_at(std::size_t row) const noexcept {
        return {InstrumentCode(instrument[row]), AccountCode(account[row])};
    }
    void push_quantity(const Decimal& d) {
        const bool narrow =
            d.mantissa == static_cast<std::int64_t>(d.mantissa) && d.mantissa != kWide;
        if (!narrow) wide.emplace(mantissa.size(), d.mantissa);
        if (d.scale != 0 && scale.empty()) scale.resize(mantissa.size(), 0);
        mantissa.push_back(narrow ? static_cast<std::int64_t>(d.mantissa) : kWide);
        if (d.scale != 0 || !scale.empty()) scale.push_back(static_cast<std::uint8_t>(d.scale));
    }
    [[nodiscard]] int scale_at(std::size_t row) const { return scale.empty() ? 0 : scale[row]; }
    [[nodiscard]] i128 mantissa_at(std::size_t row) const {
        return mantissa[row] == kWide ? wide.at(row) : mantissa[row];
    }
};

// Orders to upsert. An empty column was not given: the stored values stay.
struct OrderRows {
    IdKind kind = IdKind::none;
    std::vector<OrderId> id;  // texts point into the input, which must outlive them
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<Decimal> quantity;
    std::vector<Decimal> filled;
    std::vector<Decimal> rolled;
    std::vector<FillPrice> average_price;
    std::vector<Status> status;
    std::vector<std::int64_t> time;
    // Whether every given column has a value for each id.
    [[nodiscard]] bool columns_agree() const noexcept {
        const auto fits = [&](const auto& column) {
            return column.empty() || column.size() == id.size();
        };
        return fits(account) && fits(instrument) && fits(quantity) && fits(filled) &&
               fits(rolled) && fits(average_price) && fits(status) && fits(time);
    }
};

// A full refresh of the orders, built beside the orders of the book, because there may be tens of
// millions.
struct LoadedOrders {
    OrderStore store;
    OrderIndex index;
    // Finds the row of an order in the input table, while that table exists. O(rows).
    std::function<std::optional<std::size_t>(const OrderId&)> row_of;
};

// A table of the batch: absent, rows to upsert, or a full refresh.
enum class Given : std::uint8_t { absent, update, load };

// The position of each feed, by name.
using FeedPositions = std::vector<std::pair<std::string, std::int64_t>>;

struct Batch {
    explicit Batch(const Vocabulary& names)
        : accounts(names.accounts), instruments(names.instruments), currencies(names.currencies) {}

    NameOverlay accounts;
    NameOverlay instruments;
    NameOverlay currencies;

    Given accounts_given = Given::absent;
    Given instruments_given = Given::absent;
    Given fx_given = Given::absent;
    Given prices_given = Given::absent;
    Given holdings_given = Given::absent;
    Given orders_given = Given::absent;
    std::vector<std::int32_t> account_rows;
    std::vector<InstrumentRow> instrument_rows;
    std::vector<RateRow> rate_rows;
    std::vector<PriceRow> price_rows;
    bool prices_computed = false;  // not every price row is a row of a table
    HoldingRows holding_rows;
    OrderRows order_rows;
    std::unique_ptr<LoadedOrders> loaded_orders;

    std::vector<std::int32_t> removed_accounts;
    std::vector<std::int32_t> removed_instruments;
    std::vector<OrderId> removed_orders;
    std::vector<std::int32_t> removed_prices;  // instruments that lose their price
    std::vector<std::int32_t> removed_rates;   // currencies that lose their rate
    // If holdings_given is Given::load, the day starts from those rows instead of the current
    // quantities.
    bool roll_day = false;
    bool roll_drops_ended = false;  // see Order::after_roll

    FeedPositions feeds;
    std::string attributes;            // data of the wrapper, stored with the batch if durable
    std::uint64_t calls = 1;           // number of write calls merged; added to the epoch
    bool restored = false;             // prices are stored prices of a book: none is late
    std::uint64_t skipped_prices = 0;  // rows of unknown instruments that the caller skips

    // Whether the batch adds no names, changes no master tables, removes nothing, rolls no day and
    // has no attributes.
    [[nodiscard]] bool keeps_masters() const noexcept {
        return accounts_given == Given::absent && instruments_given == Given::absent &&
               fx_given == Given::absent && accounts.added().size() == 0 &&
               instruments.added().size() == 0 && currencies.added().size() == 0 &&
               removed_accounts.empty() && removed_instruments.empty() && removed_orders.empty() &&
               removed_prices.empty() && removed_rates.empty() && !roll_day && attributes.empty();
    }
};

}  // namespace mvcore
