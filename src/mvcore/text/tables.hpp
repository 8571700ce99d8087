// Tables to batches: names to codes, decimals to integers. Every fault names table, column, row
// and value.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "../book.hpp"
#include "column.hpp"

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
};

// Names must be those of the book or of a master table of the same call. Hold the book's writing
// lock: the batch refers to its names.
Batch make_batch(const Book& book, const Tables& tables, bool load);

// Codes of names; UnknownId where one is not alive.
std::vector<std::int32_t> account_codes(const Book& book, const Column& names, Place place);
std::vector<std::int32_t> instrument_codes(const Book& book, const Column& names, Place place);

}  // namespace mvcore::text
