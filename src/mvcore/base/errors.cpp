#include "mvcore/base/errors.hpp"

#include <algorithm>
#include <iterator>

namespace mvcore {
namespace {

// Code points without a visible form: control (Cc), format (Cf), private use (Co), noncharacters
// and separators other than the space (Unicode 15, ranges merged).
constexpr std::pair<char32_t, char32_t> kInvisible[] = {
    {0x00, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},     {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},      {0x70f, 0x70f},   {0x1680, 0x1680}, {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f},    {0x205f, 0x206f}, {0x3000, 0x3000}, {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    {0xf0000, 0x10ffff},
};

bool invisible(char32_t c) noexcept {
    return std::any_of(std::begin(kInvisible), std::end(kInvisible),
                       [c](const auto& range) { return c >= range.first && c <= range.second; });
}

struct CodePoint {
    char32_t value;
    std::size_t bytes;  // 0: invalid UTF-8
};

CodePoint code_point(std::string_view text) noexcept {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || bytes > text.size()) return {0, 0};
    char32_t value = first & (0x7fU >> bytes);
    for (std::size_t k = 1; k < bytes; ++k) {
        if ((byte(k) & 0xc0U) != 0x80) return {0, 0};
        value = value << 6 | (byte(k) & 0x3fU);
    }
    const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
    if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {0, 0};
    return {value, bytes};
}

void append_hex(std::string& out, char prefix, char32_t value, int digits) {
    out += '\\';
    out += prefix;
    for (int k = digits - 1; k >= 0; --k) out += "0123456789abcdef"[value >> (4 * k) & 0xfU];
}

void append_escaped(std::string& out, char32_t value) {
    switch (value) {
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            if (value < 0x100) append_hex(out, 'x', value, 2);
            else if (value < 0x10000) append_hex(out, 'u', value, 4);
            else append_hex(out, 'U', value, 8);
    }
}

std::string message_of(const std::string& table, const std::string& column, InputError::Row row,
                       const std::string& reason) {
    std::string out = table;
    if (!column.empty()) out += (out.empty() ? "" : ".") + column;
    if (row) out += ", row " + std::to_string(*row);
    return out + ": " + reason;
}

}  // namespace

std::string quoted(std::string_view text) {
    constexpr int kMostShown = 100;  // characters
    std::string out = "'";
    for (int shown = 0; !text.empty(); ++shown) {
        if (shown == kMostShown) return out + "'...";
        const auto [value, bytes] = code_point(text);
        if (bytes == 0) append_hex(out, 'x', static_cast<unsigned char>(text[0]), 2);
        else if (value == '\\' || value == '\'') (out += '\\') += text[0];
        else if (invisible(value)) append_escaped(out, value);
        else out += text.substr(0, bytes);
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return out + "'";
}

std::string duplicate_key(const std::string& key, std::size_t first_row) {
    return "duplicate key " + key + "; first seen in row " + std::to_string(first_row);
}

InputError::InputError(ErrorKind kind, std::string t, std::string c, Row r, std::string why,
                       Value v)
    : Error(kind, message_of(t, c, r, why)),
      table(std::move(t)),
      column(std::move(c)),
      row(r),
      reason(std::move(why)),
      value(std::move(v)) {}

}  // namespace mvcore
