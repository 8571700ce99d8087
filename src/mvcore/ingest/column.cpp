#include "mvcore/ingest/column.hpp"

#include <cstring>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore::text {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

DecimalResult number_at(const Numbers& n, std::size_t k) {
    auto integer = [&](i128 v) { return make_decimal(v, n.scale); };
    switch (n.kind) {
        case Number::i8: return integer(read<std::int8_t>(n.data, k));
        case Number::i16: return integer(read<std::int16_t>(n.data, k));
        case Number::i32: return integer(read<std::int32_t>(n.data, k));
        case Number::i64: return integer(read<std::int64_t>(n.data, k));
        case Number::u8: return integer(read<std::uint8_t>(n.data, k));
        case Number::u16: return integer(read<std::uint16_t>(n.data, k));
        case Number::u32: return integer(read<std::uint32_t>(n.data, k));
        case Number::u64: return integer(read<std::uint64_t>(n.data, k));
        case Number::f32: return decimal_of(read<float>(n.data, k));
        case Number::f64: return decimal_of(read<double>(n.data, k));
        case Number::decimal128: return integer(read<i128>(n.data, k));
    }
    return {};
}

std::string text_of(const Numbers& n, std::size_t k) {
    switch (n.kind) {
        case Number::f32: return shortest_text(read<float>(n.data, k));
        case Number::f64: return shortest_text(read<double>(n.data, k));
        case Number::u64: return std::to_string(read<std::uint64_t>(n.data, k));
        case Number::decimal128: return format_decimal(read<i128>(n.data, k), n.scale);
        default: {
            const auto d = number_at(n, k).value;
            return format_decimal(d.mantissa, d.scale);
        }
    }
}

std::string_view owned(const OwnedTexts& t, std::size_t k) {
    MVCORE_ASSERT(k < t.nulls.size() && t.offsets.size() == t.nulls.size() + 1);
    MVCORE_ASSERT(t.offsets[k] <= t.offsets[k + 1] &&
                  static_cast<std::size_t>(t.offsets[k + 1]) <= t.bytes.size());
    return std::string_view(t.bytes).substr(
        static_cast<std::size_t>(t.offsets[k]),
        static_cast<std::size_t>(t.offsets[k + 1] - t.offsets[k]));
}

}  // namespace

std::int64_t Dictionary::index(std::size_t k) const noexcept {
    switch (bytes) {
        case 1: return is_signed ? read<std::int8_t>(indices, k) : read<std::uint8_t>(indices, k);
        case 2: return is_signed ? read<std::int16_t>(indices, k) : read<std::uint16_t>(indices, k);
        case 4: return is_signed ? read<std::int32_t>(indices, k) : read<std::uint32_t>(indices, k);
        default: return read<std::int64_t>(indices, k);
    }
}

std::size_t Column::rows() const noexcept {
    std::size_t n = 0;
    for (const auto& chunk : chunks) n += chunk.rows;
    return n;
}

void Place::refuse(std::size_t row, const ColumnChunk& chunk, std::size_t k,
                   std::string_view reason) const {
    refuse(row, shown_at(chunk, k) + " " + std::string(reason), text_at(chunk, k));
}

void Place::refuse(std::size_t row, std::string reason, std::string value) const {
    throw InputError(ErrorKind::invalid_input, std::string(table), std::string(column), row,
                     std::move(reason), std::move(value));
}

void Place::refuse_null(std::size_t row, std::string_view expected) const {
    throw InputError(ErrorKind::invalid_input, std::string(table), std::string(column), row,
                     "null is not " + std::string(expected));
}

void Place::refuse_duplicate(std::size_t row, std::string key, std::size_t first) const {
    std::string reason = duplicate_key(key, first);
    refuse(row, std::move(reason), std::move(key));
}

void Place::unknown(std::size_t row, std::string_view value, std::string_view what) const {
    throw InputError(ErrorKind::unknown_id, std::string(table), std::string(column), row,
                     "unknown " + std::string(what) + " " + quoted(value), std::string(value));
}

std::string_view name_at(const ColumnChunk& chunk, std::size_t k, bool& null) {
    null = chunk.validity.null(k);
    return std::visit(
        Overloaded{
            [&](const Dictionary& d) {
                MVCORE_ASSERT(d.text_null.size() == d.texts.size());
                if (null) return std::string_view();
                const auto at = static_cast<std::size_t>(d.index(k));
                if (at >= d.texts.size())
                    throw Error(ErrorKind::invalid_input, "a dictionary index is out of range");
                null = d.text_null[at] != 0;
                return d.texts[at];
            },
            [&](const OwnedTexts& t) {
                null = t.nulls[k] != 0;
                return owned(t, k);
            },
            [&](const TextViews& t) {
                null = t.texts[k].data() == nullptr;
                return t.texts[k];
            },
            [&](const Texts<std::int32_t>& t) { return null ? std::string_view() : t[k]; },
            [&](const Texts<std::int64_t>& t) { return null ? std::string_view() : t[k]; },
            [&](const auto&) -> std::string_view {
                throw Error(ErrorKind::invalid_input, "a column of names must hold texts");
            },
        },
        chunk.data);
}

DecimalResult decimal_at(const ColumnChunk& chunk, std::size_t k, bool& null) {
    if (const auto* n = std::get_if<Numbers>(&chunk.data)) {
        null = chunk.validity.null(k);
        return null ? DecimalResult{} : number_at(*n, k);
    }
    if (const auto* d = std::get_if<OwnedDecimals>(&chunk.data)) {
        MVCORE_ASSERT(k < d->values.size());
        MVCORE_ASSERT(d->nulls.empty() || d->nulls.size() == d->values.size());
        null = !d->nulls.empty() && d->nulls[k] != 0;
        return {d->values[k], DecimalFault::none};
    }
    const auto text = name_at(chunk, k, null);
    return null ? DecimalResult{} : parse_decimal(text);
}

std::optional<bool> flag_at(const ColumnChunk& chunk, std::size_t k) {
    const auto* flags = std::get_if<OwnedFlags>(&chunk.data);
    if (flags == nullptr)
        throw Error(ErrorKind::invalid_input, "a column of flags has other types");
    MVCORE_ASSERT(k < flags->values.size());
    return flags->values[k] < 0 ? std::nullopt : std::optional(flags->values[k] != 0);
}

std::string text_at(const ColumnChunk& chunk, std::size_t k) {
    if (const auto* n = std::get_if<Numbers>(&chunk.data)) return text_of(*n, k);
    if (const auto* d = std::get_if<OwnedDecimals>(&chunk.data))
        return format_decimal(d->values[k].mantissa, d->values[k].scale);
    bool null = false;
    return std::string(name_at(chunk, k, null));
}

std::string shown_at(const ColumnChunk& chunk, std::size_t k) {
    const bool number = std::holds_alternative<Numbers>(chunk.data) ||
                        std::holds_alternative<OwnedDecimals>(chunk.data);
    return number ? text_at(chunk, k) : quoted(text_at(chunk, k));
}

}  // namespace mvcore::text
