// The closed list of what can be wrong with what the user did. Our own mistakes are assertions.
#pragma once

#include <stdexcept>
#include <string>

namespace mvcore {

enum class ErrorKind : int {
    unknown_id = 1,      // a name or code that is neither in the book nor in the same call
    invalid_input = 2,   // a value, column or key that the tables do not allow
    value_overflow = 3,  // an amount over 38 digits, or a write that could overflow an accumulator
    closed = 4,          // the book or view was closed
    corrupt_data = 5,    // stored bytes that are not what was written
};

class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }

private:
    ErrorKind kind_;
};

}  // namespace mvcore
