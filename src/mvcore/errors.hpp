// The closed list of what can be wrong with what the user did. Our own mistakes are assertions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
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

// Names the input that is wrong; Python's exceptions have the names and the row as attributes.
class InputError : public Error {
public:
    using Row = std::optional<std::size_t>;  // none: not one row alone

    InputError(ErrorKind kind, std::string t, std::string c, Row r, const std::string& text)
        : Error(kind,
                t + "." + c + (r ? ", row " + std::to_string(*r) : std::string()) + ": " + text),
          table(std::move(t)),
          column(std::move(c)),
          row(r) {}
    std::string table;
    std::string column;
    Row row;
};

[[noreturn]] inline void corrupt(const std::string& what) {
    throw Error(ErrorKind::corrupt_data, what);
}

inline constexpr const char* kOver38Digits = "an amount does not fit 38 digits";

// Of a row that is handed out; the caller knows what the row is.
class RowOverflow : public Error {
public:
    RowOverflow(std::size_t r, int c)
        : Error(ErrorKind::value_overflow, kOver38Digits), row(r), column(c) {}
    std::size_t row;
    int column;            // of the amounts: one for each measure, or one for all
    std::size_t view = 0;  // of those that are read together
};

// Of a position that is listed, by codes.
class PositionOverflow : public Error {
public:
    PositionOverflow(std::int32_t a, std::int32_t i)
        : Error(ErrorKind::value_overflow, kOver38Digits), account(a), instrument(i) {}
    std::int32_t account;
    std::int32_t instrument;
};

}  // namespace mvcore
