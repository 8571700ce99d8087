// Rows as JSON arrays, with the texts that Python's json.dumps(row, ensure_ascii=False) makes.
// Decimals are JSON strings with every digit, because JSON numbers are not exact.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mvcore/base/code_texts.hpp"
#include "mvcore/base/wide_int.hpp"

namespace mvcore {

// Appends the JSON string of a UTF-8 text. Escapes quotes, backslashes and control characters only.
void append_json(std::string& out, std::string_view text);

// The columns of the rows. The arrays must outlive the call of write(), which needs no lock.
class JsonRows {
public:
    explicit JsonRows(std::size_t rows) : rows_(rows) {}

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    // A negative code is null.
    struct Names {
        std::span<const std::int32_t> codes;
        std::shared_ptr<const CodeTexts> texts;
    };
    // Integers in units of 10^-scale: 64 bits each, or 128 bits each as low and high words.
    struct Decimals {
        std::span<const std::int64_t> words;
        int scale = 0;
        bool strip = false;                   // omit trailing zeros after the point
        std::span<const std::uint8_t> valid;  // 0: null; empty: all are valid
    };
    struct Integers {
        std::span<const std::int64_t> values;
    };
    struct Flags {
        std::span<const std::uint8_t> values;
    };
    struct Json {  // values that are JSON already, one for each row
        std::shared_ptr<const LabelTexts> texts;
    };
    using Column = std::variant<Names, Decimals, Integers, Flags, Json>;
    void add(Column column);

    // Appends the rows to `out`, and to `ends` the end of each row.
    void write(std::string& out, std::vector<std::size_t>& ends) const;

private:
    std::size_t rows_;
    std::vector<Column> columns_;
};

}  // namespace mvcore
