// State in columns, as a checkpoint stores it: the holdings and the orders of neighbouring
// instruments (a chunk), and the tables of names, terms, prices and rates. Only inputs: what orders
// add to positions is added up again when a chunk is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mvcore/base/name_table.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// Integers in the narrowest width that holds them all.
struct IntColumn {
    Width width = kernels::w8;
    std::vector<std::byte> bytes;
};

// Texts one after the other: text k is bytes[offsets[k], offsets[k + 1]).
struct TextColumn {
    std::vector<std::int32_t> offsets{0};
    std::vector<char> bytes;

    void push(std::string_view text);  // throws StorageError beyond 2 GB
};

// Prices at 18 places, some of which are none.
struct PriceColumn {
    std::vector<i128> price;
    std::vector<std::uint8_t> known;

    void put(std::size_t k, const FillPrice& p) noexcept {
        known[k] = p.known() ? 1 : 0;
        price[k] = p.known() ? p.mantissa * kPow10[std::size_t(kMaxScale - p.scale)] : 0;
    }
};

// Start-of-day quantities by instrument and account, both ascending, at the instrument's scale.
struct HoldingsChunk {
    std::size_t rows = 0;
    IntColumn instrument;
    IntColumn account;
    IntColumn quantity;
};

// Orders by instrument, ascending, and as they are kept within it; quantities at its scale.
struct OrdersChunk {
    std::size_t rows = 0;
    IntColumn instrument;
    IntColumn account;
    IntColumn quantity;
    IntColumn filled;
    IntColumn rolled;
    PriceColumn average_price;  // empty if no order has one
    PriceColumn rolled_price;   // likewise
    std::vector<std::uint8_t> status;
    std::vector<std::int64_t> time;      // kNoTime: none; empty if no order has one
    std::vector<std::uint8_t> retained;  // empty if no order is
    std::vector<std::int64_t> number;    // integer ids, or else
    TextColumn text;
};

// Of instruments in [begin, end). O(positions and orders of them).
HoldingsChunk holdings_chunk(const State& state, std::int32_t begin, std::int32_t end);
OrdersChunk orders_chunk(const State& state, std::int32_t begin, std::int32_t end);

// One row for each instrument, dead ones too, so that codes stay. Decimals at 18 places.
struct InstrumentsTable {
    std::vector<std::uint8_t> alive;
    std::vector<std::int32_t> currency;  // -1: none
    std::vector<i128> multiplier;
    std::vector<i128> quote_factor;
    std::vector<std::uint8_t> cash;
    std::vector<std::uint8_t> quantity_scale;
    std::vector<std::uint8_t> priced;
    std::vector<i128> price;  // 0 where there is none
    std::vector<std::uint8_t> price_scale;
    std::vector<std::int64_t> price_time;  // kNoTime: none
    std::vector<std::uint64_t> price_epoch;
    std::vector<std::uint32_t> holdings;  // rows that a holdings chunk has of it, at most
    std::vector<std::uint32_t> orders;    // rows that an orders chunk has of it
};
InstrumentsTable instruments_table(const State& state, std::size_t instruments);

}  // namespace mvcore
