// Tables to batches: names to codes, decimals to integers. Every fault names table, column, row
// and value.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "mvcore/book/reader.hpp"
#include "mvcore/ingest/column.hpp"

namespace mvcore::text {

struct Table {
    std::map<std::string, Column, std::less<>> columns;
    std::optional<std::vector<std::int64_t>> times;  // ns; kNoTime: null

    [[nodiscard]] const Column* find(std::string_view name) const {
        const auto at = columns.find(name);
        return at == columns.end() ? nullptr : &at->second;
    }
};

struct Tables {
    std::optional<Table> accounts;
    std::optional<Table> instruments;
    std::optional<Table> fx;
    std::optional<Table> prices;
    std::optional<Table> holdings;
    std::optional<Table> orders;
};

// Names must be those of the state or of a master table of the same call. The batch refers to the
// names: keep others from changing them.
Batch make_batch(const Vocabulary& names, const State& state, const Tables& tables, bool load,
                 bool skip_unknown_prices = false);

// Codes of names; UnknownId where one is not alive. `at`: where the names come from.
std::vector<std::int32_t> account_codes(const Reader& reader, const Column& names, Place at);
// unknown_ok: -1 stands for an unknown name.
std::vector<std::int32_t> instrument_codes(const Reader& reader, const Column& names, Place at,
                                           bool unknown_ok = false);
// The same for currencies that an instrument or a rate names.
std::vector<std::int32_t> currency_codes(const Reader& reader, const Column& names, Place at);

// What a row's decimal is; `default_value` where it is null, if there is one.
Decimal checked_decimal(const Place& place, std::size_t row, const Chunk& chunk, std::size_t k,
                        const Decimal* default_value);
const Column& required(const Table& table, std::string_view name, std::string_view column);

// orders.cpp. Codes of accounts and instruments are empty where the column is absent.
void fill_orders(const Table& table, const OrderStore& held, std::vector<std::int32_t> accounts,
                 std::vector<std::int32_t> instruments, Batch& batch);
void load_orders(const Table& table, const OrderStore& held,
                 const std::vector<std::int32_t>& accounts,
                 const std::vector<std::int32_t>& instruments, Batch& batch);
// Ids of orders that are to be of the held ones' kind.
std::vector<OrderId> order_ids(const Column& column, IdKind held, const Place& place);

}  // namespace mvcore::text
