// Columns as callers pass them: Arrow buffers, NumPy arrays, or values copied out of Python
// objects. A column is a list of chunks; row numbers count across all chunks.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mvcore/base/decimal.hpp"

namespace mvcore::text {

// Reads element k exactly once. The data may be unaligned.
template <class T>
T read(const void* data, std::size_t k) noexcept {
    T v;
    std::memcpy(&v, static_cast<const char*>(data) + k * sizeof(T), sizeof(T));
    return v;
}

// Null mask: an Arrow validity bitmap. No bitmap means no nulls.
struct Validity {
    const std::uint8_t* bits = nullptr;
    std::int64_t offset = 0;

    [[nodiscard]] bool null(std::size_t k) const noexcept {
        const auto bit = static_cast<std::size_t>(offset) + k;
        return bits != nullptr && (bits[bit / 8] >> (bit % 8) & 1) == 0;
    }
};

// UTF-8 texts: text k is bytes[offsets[k], offsets[k + 1]).
template <class Offset>
struct Texts {
    const Offset* offsets;
    const char* bytes;

    [[nodiscard]] std::string_view operator[](std::size_t k) const noexcept {
        return {bytes + offsets[k], static_cast<std::size_t>(offsets[k + 1] - offsets[k])};
    }
};

// Integer indices into a list of texts.
struct Dictionary {
    const void* indices;
    int bytes;  // size of an index: 1, 2, 4, 8
    bool is_signed;
    std::vector<std::string_view> texts;
    std::vector<std::uint8_t> text_null;

    [[nodiscard]] std::int64_t index(std::size_t k) const noexcept;
};

struct OwnedTexts {  // copied out of Python objects
    std::vector<std::int64_t> offsets{0};
    std::string bytes;
    std::vector<std::uint8_t> nulls;
};

struct TextViews {  // texts that the caller keeps; a view without data is null
    std::vector<std::string_view> texts;
};

enum class Number : std::uint8_t { i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, decimal128 };

struct Numbers {
    Number kind;
    const void* data;
    int scale = 0;  // of decimal128, and of integers in units of 10^-scale
};

struct OwnedDecimals {
    std::vector<Decimal> values;
    std::vector<std::uint8_t> nulls;  // empty: no value is null
};

struct OwnedFlags {
    std::vector<std::int8_t> values;  // 0 false, 1 true, -1 null
};

struct ColumnChunk {
    std::size_t rows = 0;
    Validity validity;
    std::variant<Texts<std::int32_t>, Texts<std::int64_t>, Dictionary, OwnedTexts, TextViews,
                 Numbers, OwnedDecimals, OwnedFlags>
        data;
    std::shared_ptr<const void> owner;  // keeps the buffers alive
};

class Column {
public:
    std::vector<ColumnChunk> chunks;

    [[nodiscard]] std::size_t rows() const noexcept;
};

// A column as error messages name it.
struct Place {
    std::string_view table;
    std::string_view column;

    // The message shows the caller's value, then the reason.
    [[noreturn]] void refuse(std::size_t row, const ColumnChunk& chunk, std::size_t k,
                             std::string_view reason) const;
    [[noreturn]] void refuse(std::size_t row, std::string reason, std::string value) const;
    [[noreturn]] void refuse_null(std::size_t row, std::string_view expected) const;
    [[noreturn]] void refuse_duplicate(std::size_t row, std::string key, std::size_t first) const;
    [[noreturn]] void unknown(std::size_t row, std::string_view value, std::string_view what) const;
};

// The value as a decimal; parses text. Sets `null` if the value is null.
DecimalResult decimal_at(const ColumnChunk& chunk, std::size_t k, bool& null);
// The value of a column of flags; empty if null. Throws InvalidInput if the chunk holds other
// types.
std::optional<bool> flag_at(const ColumnChunk& chunk, std::size_t k);
// The value as text: shown_at() for messages (text is quoted), text_at() for an error's attribute.
std::string shown_at(const ColumnChunk& chunk, std::size_t k);
std::string text_at(const ColumnChunk& chunk, std::size_t k);
// The value as a text. Sets `null` if it is null. Throws InvalidInput if the chunk holds no texts.
std::string_view name_at(const ColumnChunk& chunk, std::size_t k, bool& null);

}  // namespace mvcore::text
