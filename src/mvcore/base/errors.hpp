// The closed list of what can be wrong with what a user did. Our own mistakes are assertions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace mvcore {

enum class ErrorKind : int {
    unknown_id = 1,      // a name or code that is neither in the book nor in the same call
    invalid_input = 2,   // a value, column or key that the tables do not allow
    value_overflow = 3,  // an amount over 38 digits, or a write that could overflow an accumulator
    closed = 4,          // the book or view was closed
    corrupt_data = 5,    // stored bytes that are not what was written
    storage = 8,         // the disk failed or is full, or the book may not be written
};

class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

private:
    ErrorKind kind_;
};

// The text in single quotes, with escapes (as Python's repr) for what would not show or would end
// the text: quotes, backslashes, control and format characters, unusual spaces, invalid UTF-8.
std::string quoted(std::string_view text);

// Names the input that is wrong. The facts travel as data to Python's exceptions and to the C
// table; nothing reads them from the message, which is `table.column, row N: reason`.
class InputError : public Error {
public:
    using Row = std::optional<std::size_t>;  // counted from 0; none: not one row alone
    using Value = std::optional<std::string>;

    // table: a table or a call; empty: an argument that several calls have. column: empty if the
    // whole table is wrong. value: as text, without quotes.
    InputError(ErrorKind kind, std::string table, std::string column, Row row, std::string reason,
               Value value = std::nullopt);

    std::string table;
    std::string column;
    Row row;
    std::string reason;
    Value value;
};

[[noreturn]] inline void corrupt(const std::string& what) {
    throw Error(ErrorKind::corrupt_data, what);
}

inline constexpr const char* kOver38Digits = "an amount does not fit 38 digits";

// Of a result row. The caller knows the labels of the row.
class RowOverflow : public Error {
public:
    RowOverflow(std::size_t r, int c)
        : Error(ErrorKind::value_overflow, kOver38Digits), row(r), column(c) {}
    std::size_t row;
    int column;            // of the amounts: one for each measure, or one for all
    std::size_t view = 0;  // of those that are read together
};

// Of a position in a list of positions, by codes.
class PositionOverflow : public Error {
public:
    PositionOverflow(std::int32_t a, std::int32_t i)
        : Error(ErrorKind::value_overflow, kOver38Digits), account(a), instrument(i) {}
    std::int32_t account;
    std::int32_t instrument;
};

}  // namespace mvcore
