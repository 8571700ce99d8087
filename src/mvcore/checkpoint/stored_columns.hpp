// Columns as read from a file: integers of any width, and concatenated texts. Values may be
// unaligned, and are not trusted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "mvcore/base/errors.hpp"
#include "mvcore/base/wide_int.hpp"
#include "mvcore/grid/block.hpp"

namespace mvcore {

struct StoredInts {
    const std::byte* data = nullptr;
    Width width = kernels::w8;
};
struct StoredTexts {
    const std::byte* offsets = nullptr;  // 32 bits each, one more than there are texts
    const char* bytes = nullptr;
    std::size_t size = 0;  // number of bytes
};

// Text k. Throws CorruptData if its offsets are out of range.
std::string_view text_of(const StoredTexts& texts, std::size_t k);

// Calls f(at). at(k) returns the k-th integer in the column's own type.
template <class F>
void with_stored(const StoredInts& stored, F&& f) {
    with_quantity(stored.width, static_cast<const void*>(nullptr), [&](const auto* typed) {
        using Q = std::remove_cvref_t<decltype(*typed)>;
        f([data = stored.data](std::size_t k) {
            Q q;
            std::memcpy(&q, data + k * sizeof q, sizeof q);
            return q;
        });
    });
}

// A column of integers, and the number of bits of the largest magnitude.
class StoredColumn {
public:
    StoredColumn(const StoredInts& stored, std::size_t rows) : stored_(stored) {
        if (stored.data == nullptr) return;
        with_stored(stored, [&](const auto at) {
            decltype(at(0)) most = 0;
            for (std::size_t k = 0; k < rows; ++k) {
                const auto q = at(k);
                most = static_cast<decltype(most)>(most | (q < 0 ? ~q : q));
            }
            bits_ = i256(i128(most)).bits();
        });
    }
    [[nodiscard]] bool given() const noexcept { return stored_.data != nullptr; }
    [[nodiscard]] bool wide() const noexcept { return stored_.width == kernels::w128; }
    // All magnitudes are at most 2^bits.
    [[nodiscard]] int bits() const noexcept { return bits_; }
    [[nodiscard]] i128 operator[](std::size_t k) const noexcept {
        i128 out = 0;
        with_stored(stored_, [&](const auto at) { out = at(k); });
        return out;
    }
    // Copies integers [begin, end) of a column that is not wide.
    void copy(std::size_t begin, std::size_t end, std::int64_t* out) const noexcept {
        with_stored(stored_, [&](const auto at) {
            for (std::size_t k = begin; k < end; ++k)
                out[k - begin] = static_cast<std::int64_t>(at(k));
        });
    }

private:
    StoredInts stored_;
    int bits_ = 0;
};

}  // namespace mvcore
