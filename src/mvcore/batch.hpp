// A batch: what one write call brings, names resolved to codes and decimals to integers.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "board.hpp"
#include "decimal.hpp"
#include "names.hpp"

namespace mvcore {

struct InstrumentRow {
    std::int32_t instrument;
    std::int32_t currency;              // -1: keep
    std::optional<Decimal> multiplier;  // none: keep
    std::optional<Decimal> quote_factor;
};

struct PriceRow {
    std::int32_t instrument;
    Decimal price;
    std::int64_t time;  // kNoTime: always applies
};

struct RateRow {
    std::int32_t currency;
    Rate rate;
};

// Columns, since there may be tens of millions: a quantity is mantissa / 10^scale.
struct HoldingRows {
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int64_t> mantissa;
    std::vector<std::uint8_t> scale;             // empty: all zero
    std::unordered_map<std::size_t, i128> wide;  // by row, where the mantissa is kWide

    static constexpr std::int64_t kWide = std::numeric_limits<std::int64_t>::min();

    [[nodiscard]] std::size_t size() const noexcept { return account.size(); }
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

// A table of the batch: absent, rows to upsert, or a full refresh.
enum class Given : std::uint8_t { absent, update, load };

struct Batch {
    Batch(const Names& account_names, const Names& instrument_names, const Names& currency_names)
        : accounts(account_names), instruments(instrument_names), currencies(currency_names) {}

    NameOverlay accounts;
    NameOverlay instruments;
    NameOverlay currencies;

    Given accounts_given = Given::absent;
    Given instruments_given = Given::absent;
    Given fx_given = Given::absent;
    Given prices_given = Given::absent;
    Given holdings_given = Given::absent;
    std::vector<std::int32_t> account_rows;
    std::vector<InstrumentRow> instrument_rows;
    std::vector<RateRow> rate_rows;
    std::vector<PriceRow> price_rows;
    HoldingRows holding_rows;

    std::vector<std::int32_t> removed_accounts;
    std::vector<std::int32_t> removed_instruments;
};

}  // namespace mvcore
