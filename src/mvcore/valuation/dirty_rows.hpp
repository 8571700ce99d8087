// The rows whose totals may have changed since a view last returned them: a bit for each row, and
// one for each 64 rows, so that finding a few among millions takes microseconds.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"

namespace mvcore {

class DirtyRows {
public:
    // Rows that are added are clean.
    void resize(std::size_t rows) {
        words_.resize((rows + 63) / 64, 0);
        summary_.resize((words_.size() + 63) / 64, 0);
        rows_ = rows;
    }
    void mark(std::size_t row) noexcept {
        MVCORE_ASSERT(row < rows_);
        words_[row / 64] |= std::uint64_t{1} << row % 64;
        summary_[row / 4096] |= std::uint64_t{1} << row / 64 % 64;
    }
    void mark(std::size_t first, std::size_t count) noexcept {
        MVCORE_ASSERT(first + count <= rows_);
        for (const auto end = first + count; first < end;) {
            const auto here = std::min(64 - first % 64, end - first);
            const auto bits = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
            words_[first / 64] |= bits << first % 64;
            summary_[first / 4096] |= std::uint64_t{1} << first / 64 % 64;
            first += here;
        }
    }
    void clear() noexcept {
        for_each_word([&](std::size_t word) { words_[word] = 0; });
        for (auto& bits : summary_) bits = 0;
    }
    [[nodiscard]] bool empty() const noexcept {
        return std::all_of(summary_.begin(), summary_.end(), [](auto bits) { return bits == 0; });
    }
    // Appends the rows in ascending order.
    void append_to(std::vector<std::uint32_t>& rows) const {
        for_each_word([&](std::size_t word) {
            if (words_[word] == ~std::uint64_t{0})
                for (std::size_t row = word * 64; row < word * 64 + 64; ++row)
                    rows.push_back(static_cast<std::uint32_t>(row));
            else
                for (auto bits = words_[word]; bits != 0; bits &= bits - 1)
                    rows.push_back(static_cast<std::uint32_t>(word * 64 +
                                                              std::size_t(std::countr_zero(bits))));
        });
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return (words_.capacity() + summary_.capacity()) * sizeof(std::uint64_t);
    }

private:
    template <class F>
    void for_each_word(F&& f) const {
        for (std::size_t s = 0; s < summary_.size(); ++s)
            for (auto bits = summary_[s]; bits != 0; bits &= bits - 1)
                f(s * 64 + std::size_t(std::countr_zero(bits)));
    }

    std::vector<std::uint64_t> words_;
    std::vector<std::uint64_t> summary_;
    std::size_t rows_ = 0;
};

}  // namespace mvcore
