// State as columns, as a checkpoint stores it: the holdings and orders of consecutive instruments
// (a chunk), and the tables of names, terms, prices and rates. Only inputs are stored. The
// contribution of orders to positions is recomputed when a chunk is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mvcore/base/name_table.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// Integers in the narrowest width that holds all of them.
struct IntColumn {
    Width width = kernels::w8;
    std::vector<std::byte> bytes;
};

// Concatenated texts: text k is bytes[offsets[k], offsets[k + 1]).
struct TextColumn {
    std::vector<std::int32_t> offsets{0};
    std::vector<char> bytes;

    void push(std::string_view text);  // throws StorageError beyond 2 GB
};

// Prices with 18 decimals; `known` is 0 for a missing price.
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

// Orders by ascending instrument, in storage order within an instrument. Quantities at the scale of
// the instrument.
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
    std::vector<std::uint8_t> retained;  // empty if no order is retained
    std::vector<std::int64_t> number;    // integer ids; empty if ids are text
    TextColumn text;
};

// Chunks of the instruments in [begin, end). O(positions and orders of these).
HoldingsChunk holdings_chunk(const State& state, InstrumentCode begin, InstrumentCode end);
OrdersChunk orders_chunk(const State& state, InstrumentCode begin, InstrumentCode end);

// One row per instrument, removed ones included, so that codes stay the same. Decimals have 18
// places.
struct InstrumentsTable {
    std::vector<std::uint8_t> alive;
    std::vector<std::int32_t> currency;  // -1: none
    std::vector<i128> multiplier;
    std::vector<i128> quote_factor;
    std::vector<std::uint8_t> cash;
    std::vector<std::uint8_t> quantity_scale;
    std::vector<std::uint8_t> priced;
    std::vector<i128> price;  // 0 if there is none
    std::vector<std::uint8_t> price_scale;
    std::vector<std::int64_t> price_time;  // kNoTime: none
    std::vector<std::uint64_t> price_epoch;
    std::vector<std::uint32_t> holdings;  // upper bound of its rows in a holdings chunk
    std::vector<std::uint32_t> orders;    // number of its rows in an orders chunk
};
InstrumentsTable instruments_table(const State& state, std::size_t instruments);

}  // namespace mvcore
