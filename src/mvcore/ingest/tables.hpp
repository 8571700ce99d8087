// Converts tables to batches: names to codes, decimals to integers. Every error names table,
// column, row and value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvcore/book/reader.hpp"
#include "mvcore/ingest/column.hpp"

namespace mvcore::text {

// Columns by name, each once. They are few, so a search compares them one after the other.
class NamedColumns {
public:
    void reserve(std::size_t columns) { columns_.reserve(columns); }
    // The column of the name, which is added if it is unknown.
    Column& operator[](std::string_view name) {
        for (auto& [known, column] : columns_)
            if (known == name) return column;
        return columns_.emplace_back(std::string(name), Column()).second;
    }
    [[nodiscard]] const Column* find(std::string_view name) const {
        for (const auto& [known, column] : columns_)
            if (known == name) return &column;
        return nullptr;
    }

private:
    std::vector<std::pair<std::string, Column>> columns_;
};

struct Table {
    NamedColumns columns;
    std::optional<std::vector<std::int64_t>> times;  // ns; kNoTime: null

    [[nodiscard]] const Column* find(std::string_view name) const { return columns.find(name); }
};

struct Tables {
    std::optional<Table> accounts;
    std::optional<Table> instruments;
    std::optional<Table> fx;
    std::optional<Table> prices;
    std::optional<Table> holdings;
    std::optional<Table> orders;
};

// Names must be known to the state or to a master table of the same call. The batch refers to
// `names`, which must not change while it exists.
Batch make_batch(const Vocabulary& names, const State& state, const Tables& tables, bool load,
                 bool skip_unknown_prices = false);

// Converts names to codes. Throws UnknownId if a name is not alive. `at`: the column for messages.
std::vector<std::int32_t> account_codes(const Reader& reader, const Column& names, Place at);
// unknown_ok: an unknown name becomes -1.
std::vector<std::int32_t> instrument_codes(const Reader& reader, const Column& names, Place at,
                                           bool unknown_ok = false);
// The same for currencies that an instrument or a rate uses.
std::vector<std::int32_t> currency_codes(const Reader& reader, const Column& names, Place at);

// The decimal of a row. A null becomes `default_value`, or an error if that is null too.
Decimal checked_decimal(const Place& place, std::size_t row, const ColumnChunk& chunk,
                        std::size_t k, const Decimal* default_value);
const Column& required(const Table& table, std::string_view name, std::string_view column);

// order_tables.cpp. The codes of accounts or instruments are empty if the column is absent.
void fill_orders(const Table& table, const OrderStore& held, std::vector<std::int32_t> accounts,
                 std::vector<std::int32_t> instruments, Batch& batch);
void load_orders(const Table& table, const OrderStore& held,
                 const std::vector<std::int32_t>& accounts,
                 const std::vector<std::int32_t>& instruments, Batch& batch);
// Converts order ids, which must be of the same kind as the held ones.
std::vector<OrderId> order_ids(const Column& column, IdKind held, const Place& place);

}  // namespace mvcore::text
