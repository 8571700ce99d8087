#include "mvcore/base/json_rows.hpp"

#include <charconv>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/decimal.hpp"

namespace mvcore {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

void append_escape(std::string& out, char c) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '\f': out += "\\f"; return;
        case '\b': out += "\\b"; return;
        default: break;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
}

void append_decimal(std::string& out, const JsonRows::Decimals& column, std::size_t row,
                    bool wide) {
    if (!column.valid.empty() && column.valid[row] == 0) {
        out += "null";
        return;
    }
    const auto* words = column.words.data() + (wide ? 2 * row : row);
    auto value = i128{words[0]};
    if (wide)
        value = static_cast<i128>(static_cast<u128>(static_cast<u128>(words[1]) << 64) |
                                  static_cast<std::uint64_t>(words[0]));
    int scale = column.scale;
    if (column.strip) strip_zeros(value, scale);
    char text[64];
    const int length = format_decimal(value, scale, text);
    out += '"';
    out.append(text, static_cast<std::size_t>(length));
    out += '"';
}

void append_integer(std::string& out, std::int64_t value) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
    out += '"';
    std::size_t done = 0;
    for (std::size_t k = 0; k < text.size(); ++k) {
        const auto byte = static_cast<unsigned char>(text[k]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        out.append(text, done, k - done);
        append_escape(out, text[k]);
        done = k + 1;
    }
    out.append(text, done);
    out += '"';
}

void JsonRows::add(Column column) {
    const auto rows = std::visit(
        Overloaded{
            [](const Names& c) { return c.codes.size(); },
            [&](const Decimals& c) { return c.words.size() == rows_ ? rows_ : c.words.size() / 2; },
            [](const Integers& c) { return c.values.size(); },
            [](const Flags& c) { return c.values.size(); },
            [](const Json& c) { return c.texts->size(); }},
        column);
    MVCORE_ASSERT(rows == rows_);
    static_cast<void>(rows);
    columns_.push_back(std::move(column));
}

void JsonRows::write(std::string& out, std::vector<std::size_t>& ends) const {
    std::vector<std::vector<std::string_view>> names(columns_.size());
    for (std::size_t c = 0; c < columns_.size(); ++c)
        if (const auto* column = std::get_if<Names>(&columns_[c])) {
            names[c].reserve(rows_);
            column->texts->append_to(names[c], column->codes);
        }
    ends.reserve(ends.size() + rows_);
    for (std::size_t row = 0; row < rows_; ++row) {
        out += '[';
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            if (c != 0) out += ", ";
            std::visit(
                Overloaded{
                    [&](const Names&) {
                        const auto text = names[c][row];
                        if (text.data() == nullptr) out += "null";
                        else append_json(out, text);
                    },
                    [&](const Decimals& column) {
                        const bool wide = column.words.size() != rows_;
                        append_decimal(out, column, row, wide);
                    },
                    [&](const Integers& column) { append_integer(out, column.values[row]); },
                    [&](const Flags& column) { out += column.values[row] != 0 ? "true" : "false"; },
                    [&](const Json& column) { out += (*column.texts)[row]; }},
                columns_[c]);
        }
        out += ']';
        ends.push_back(out.size());
    }
}

}  // namespace mvcore
