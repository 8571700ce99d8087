// Converts columns of names to codes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/name_table.hpp"
#include "mvcore/ingest/column.hpp"

namespace mvcore::text {

inline std::string_view checked_name(const Place& place, std::size_t row, const ColumnChunk& chunk,
                                     std::size_t k) {
    bool null = false;
    const auto name = name_at(chunk, k, null);
    if (null) place.refuse_null(row, "a name");
    if (name.empty()) place.refuse(row, chunk, k, "is empty");
    if (!valid_utf8(name)) place.refuse(row, chunk, k, "is not valid UTF-8");
    return name;
}

// code(name, row) returns a code, or -1 for an unknown name.
template <class Code>
std::int32_t known_code(const ColumnChunk& chunk, std::size_t k, std::size_t row,
                        const Place& place, const char* what, Code&& code) {
    const auto name = checked_name(place, row, chunk, k);
    const auto found = code(name, row);
    if (found < 0) place.unknown(row, name, what);
    return found;
}

// Looks up each text of a dictionary once, when the first row refers to it.
template <class Index, class Code>
void dictionary_codes(const ColumnChunk& chunk, const Dictionary& dictionary, const Place& place,
                      const char* what, Code&& code, std::vector<std::int32_t>& out) {
    std::vector<std::int32_t> memo(dictionary.texts.size(), -1);
    const bool nulls = chunk.validity.bits != nullptr;
    for (std::size_t k = 0; k < chunk.rows; ++k) {
        const auto at = static_cast<std::size_t>(read<Index>(dictionary.indices, k));
        const bool null = nulls && chunk.validity.null(k);
        if (!null && at >= memo.size())
            place.refuse(out.size(), "index " + std::to_string(at) + " is not in the dictionary",
                         std::to_string(at));
        if (null || memo[at] < 0) {
            const auto found = known_code(chunk, k, out.size(), place, what, code);
            memo[at] = found;
        }
        out.push_back(memo[at]);
    }
}

template <class Code>
void text_codes(const ColumnChunk& chunk, const Place& place, const char* what, Code&& code,
                std::vector<std::int32_t>& out) {
    std::string_view last;  // consecutive rows often repeat a name
    std::int32_t last_code = -1;
    for (std::size_t k = 0; k < chunk.rows; ++k) {
        bool null = false;
        const auto name = name_at(chunk, k, null);
        if (null || last_code < 0 || name != last) {
            last_code = known_code(chunk, k, out.size(), place, what, code);
            last = name;
        }
        out.push_back(last_code);
    }
}

template <class Code>
std::vector<std::int32_t> codes_of(const Column& column, const Place& place, const char* what,
                                   Code&& code) {
    std::vector<std::int32_t> out;
    out.reserve(column.rows());
    for (const auto& chunk : column.chunks) {
        const auto* d = std::get_if<Dictionary>(&chunk.data);
        if (d == nullptr) text_codes(chunk, place, what, code, out);
        else if (d->bytes == 1) dictionary_codes<std::uint8_t>(chunk, *d, place, what, code, out);
        else if (d->bytes == 2) dictionary_codes<std::uint16_t>(chunk, *d, place, what, code, out);
        else if (d->bytes == 4) dictionary_codes<std::uint32_t>(chunk, *d, place, what, code, out);
        else dictionary_codes<std::uint64_t>(chunk, *d, place, what, code, out);
    }
    MVCORE_ASSERT(out.size() == column.rows());
    return out;
}

}  // namespace mvcore::text
