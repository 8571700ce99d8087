// Encodes values as bytes and decodes them. The decoder checks its input: it throws CorruptData if
// the encoder cannot have written it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore::journal {

// Integers are variable-length: seven bits per byte, the lowest first (LEB128). Signed integers
// have the sign in the lowest bit (zigzag).
class Encoder {
public:
    // spill(buffer) is called when the buffer is full. It empties the buffer.
    explicit Encoder(std::function<void(std::string&)> spill) : spill_(std::move(spill)) {}

    void byte(std::uint8_t v) { buffer_.push_back(static_cast<char>(v)); }
    void number(u128 v) {
        for (; v >= 128; v >>= 7) byte(static_cast<std::uint8_t>(v | 128U));
        byte(static_cast<std::uint8_t>(v));
        if (buffer_.size() >= tuning::kFullBuffer) spill_(buffer_);
    }
    void integer(i128 v) { number(static_cast<u128>(v) << 1 ^ static_cast<u128>(v >> 127)); }
    void decimal(const Decimal& given) {  // trailing zeros stripped
        const Decimal d = make_decimal(given.mantissa, given.scale).value;
        byte(static_cast<std::uint8_t>(d.scale));
        integer(d.mantissa);
    }
    void text(std::string_view text) {
        number(text.size());
        // A long text is written in pieces, so that no frame exceeds its size limit.
        for (; text.size() > tuning::kTextPiece; text.remove_prefix(tuning::kTextPiece)) {
            buffer_.append(text.substr(0, tuning::kTextPiece));
            if (buffer_.size() >= tuning::kFullBuffer) spill_(buffer_);
        }
        buffer_.append(text);
    }
    [[nodiscard]] std::string& buffer() noexcept { return buffer_; }

private:
    // A frame has a limit of 1 MiB.
    static_assert(tuning::kTextPiece + tuning::kFullBuffer < (std::size_t{1} << 20));

    std::function<void(std::string&)> spill_;
    std::string buffer_;
};

class Decoder {
public:
    // next(buffer) reads the next piece. `size`: total number of bytes.
    Decoder(std::uint64_t size, std::function<void(std::string&)> next)
        : left_(size), next_(std::move(next)) {}

    [[nodiscard]] std::uint64_t left() const noexcept { return left_; }
    std::uint8_t byte() {
        if (left_ == 0) corrupt("a group ends too early");
        while (at_ == piece_.size()) {
            next_(piece_);
            at_ = 0;
        }
        --left_;
        return static_cast<std::uint8_t>(piece_[at_++]);
    }
    u128 wide_number() {
        if (at_ < piece_.size() && static_cast<std::uint8_t>(piece_[at_]) < 128) return byte();
        u128 v = 0;
        for (int shift = 0; shift < 133; shift += 7) {
            const u128 b = byte();
            if (shift == 126 && b > 3) break;  // more than 128 bits
            v |= (b & 127U) << shift;
            if (b < 128) {
                if (b == 0 && shift != 0) break;  // not the shortest form
                return v;
            }
        }
        corrupt("a number is not as numbers are written");
    }
    i128 integer() {
        const u128 v = wide_number();
        return static_cast<i128>(v >> 1 ^ -(v & 1U));
    }
    // A number of at most `most`.
    std::uint64_t number(std::uint64_t most) {
        const u128 v = wide_number();
        if (v > most) corrupt("a number is out of range");
        return static_cast<std::uint64_t>(v);
    }
    std::int64_t integer64() {
        const i128 v = integer();
        if (v != static_cast<std::int64_t>(v)) corrupt("a number is out of range");
        return static_cast<std::int64_t>(v);
    }
    // The number of items that follow, each of at least `least_bytes` bytes. A count beyond the
    // bytes left is refused, so that damaged data cannot cause a large allocation.
    std::size_t count(std::uint64_t least_bytes) {
        return static_cast<std::size_t>(number(left_ / least_bytes));
    }
    bool flag() { return number(1) != 0; }
    Decimal decimal() {
        const Decimal d{0, byte()};
        if (d.scale > kMaxScale) corrupt("a decimal has too many decimals");
        const auto checked = make_decimal(integer(), d.scale);
        if (!checked || checked.value.scale != d.scale) corrupt("a decimal is out of range");
        return checked.value;
    }
    std::string text(std::uint64_t most) {
        const auto size = number(std::min(most, left_));
        std::string out;
        out.reserve(size);
        while (out.size() < size) out.push_back(static_cast<char>(byte()));
        return out;
    }

private:
    std::uint64_t left_;
    std::function<void(std::string&)> next_;
    std::string piece_;
    std::size_t at_ = 0;
};

}  // namespace mvcore::journal
