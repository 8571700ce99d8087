// Errors that callers and storage can cause, as a closed list of kinds. Bugs of mvcore itself are
// assertions; see assert.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "mvcore/base/ids.hpp"

namespace mvcore {

// The numbers are those of the C API.
enum class ErrorKind : int {
    unknown_id = 1,      // a name or code that is neither in the book nor in the same call
    invalid_input = 2,   // a value, column or key that the tables do not allow
    value_overflow = 3,  // an amount over 38 digits, or a write that could overflow an accumulator
    closed = 4,          // the book or view was closed
    corrupt_data = 5,    // stored data that is damaged or inconsistent
    storage = 8,         // the disk failed or is full, or the book may not be written
};

class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

private:
    ErrorKind kind_;
};

// The text in single quotes. Escapes, as in Python's repr, replace quotes, backslashes, control and
// format characters, unusual spaces and invalid UTF-8.
std::string quoted(std::string_view text);
// The reason why a row is refused whose key an earlier row has. `key` as messages show it.
std::string duplicate_key(const std::string& key, std::size_t first_row);

// Names the wrong input. Python exceptions and the C API receive the facts as fields. Nothing
// parses the message, which has the form `table.column, row N: reason`.
class InputError : public Error {
public:
    using Row = std::optional<std::size_t>;  // 0-based; empty if no single row is wrong
    using Value = std::optional<std::string>;

    // table: a table or a call; empty for an argument that several calls share. column: empty if
    // the whole table is wrong. value: its text, without quotes.
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

// An amount of a result row overflows. The caller knows the labels of the groups, or of the row of
// a roll-up.
class RowOverflow : public Error {
public:
    RowOverflow(std::size_t r, std::uint32_t instruments, std::uint32_t accounts, int c)
        : Error(ErrorKind::value_overflow, kOver38Digits),
          row(r),
          instrument_group(instruments),
          account_group(accounts),
          column(c) {}
    std::size_t row;
    std::uint32_t instrument_group;
    std::uint32_t account_group;
    int column;            // of the amounts: one per measure, or one for all
    std::size_t view = 0;  // index of the view, if several are read together
};

// A value in a list of positions overflows. Names the position by its codes.
class PositionOverflow : public Error {
public:
    PositionOverflow(AccountCode a, InstrumentCode i)
        : Error(ErrorKind::value_overflow, kOver38Digits), account(a), instrument(i) {}
    AccountCode account;
    InstrumentCode instrument;
};

}  // namespace mvcore
