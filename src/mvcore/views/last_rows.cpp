#include "mvcore/views/last_rows.hpp"

#include <algorithm>

namespace mvcore {

void LastRows::remember(const ResultRows& result, const std::vector<std::uint32_t>& indices,
                        std::size_t rows, std::vector<std::uint32_t>& changed) {
    MVCORE_ASSERT(result.amounts.size() == amounts_.size() ||
                  (result.amounts.size() == 1 && !amounts_.empty()));
    MVCORE_ASSERT(result.floats.size() == floats_.size());
    resize(std::max(rows, size()));
    different_.assign(indices.size(), 0);
    for (std::size_t n = 0; n < indices.size(); ++n) {
        const auto k = indices[n];
        const auto row = static_cast<std::size_t>(result.row[k]);
        MVCORE_ASSERT(row < size() && states_[row] != seen);  // one result has each row once
        const auto before = unpriced_.empty() ? 0 : unpriced_[row];
        different_[n] = states_[row] == absent || before != result.unpriced[k];
    }
    for (std::size_t m = 0; m < amounts_.size(); ++m)
        amounts_[m].compare(column(result, m), result.row, indices, different_);
    for (std::size_t f = 0; f < floats_.size(); ++f)
        for (std::size_t n = 0; n < indices.size(); ++n) {
            double& before = floats_[f][std::size_t(result.row[indices[n]])];
            const double now = result.floats[f][indices[n]];
            const bool both_nan = before != before && now != now;
            if (before != now && !both_nan) different_[n] = 1;
            before = now;
        }
    for (std::size_t n = 0; n < indices.size(); ++n) {
        const auto k = indices[n];
        const auto row = static_cast<std::size_t>(result.row[k]);
        states_[row] = seen;
        if (different_[n] == 0) continue;
        for (std::size_t m = 0; m < amounts_.size(); ++m)
            amounts_[m].set(row, column(result, m)[k]);
        if (result.unpriced[k] != 0 && unpriced_.empty()) unpriced_.resize(size(), 0);
        if (!unpriced_.empty()) unpriced_[row] = result.unpriced[k];
        changed.push_back(k);
    }
}

void LastRows::copy(std::size_t row, const LastRows& from, std::size_t from_row) {
    MVCORE_ASSERT(from.has(from_row) && amounts_.size() == from.amounts_.size());
    if (row >= size()) resize(row + 1);
    for (std::size_t m = 0; m < amounts_.size(); ++m)
        amounts_[m].set(row, from.amounts_[m][from_row]);
    for (std::size_t f = 0; f < floats_.size(); ++f) floats_[f][row] = from.floats_[f][from_row];
    if (!from.unpriced_.empty() && from.unpriced_[from_row] != 0) {
        unpriced_.resize(size(), 0);
        unpriced_[row] = from.unpriced_[from_row];
    }
    states_[row] = from.states_[from_row];
}

void LastRows::resize(std::size_t rows) {
    if (rows == size()) return;
    for (auto& amounts : amounts_) amounts.resize(rows);
    for (auto& floats : floats_) floats.resize(rows, 0.0);
    if (!unpriced_.empty()) unpriced_.resize(rows, 0);
    states_.resize(rows, absent);
}

std::size_t LastRows::memory_bytes() const noexcept {
    std::size_t bytes =
        states_.capacity() + different_.capacity() + unpriced_.capacity() * sizeof(std::uint32_t);
    for (const auto& amounts : amounts_) bytes += amounts.memory_bytes();
    for (const auto& floats : floats_) bytes += floats.capacity() * sizeof(double);
    return bytes;
}

void LastRows::Integers::resize(std::size_t rows) {
    if (wide_.empty()) narrow_.resize(rows, 0);
    else wide_.resize(rows, 0);
}

void LastRows::Integers::set(std::size_t row, i128 value) {
    if (wide_.empty() && static_cast<std::int64_t>(value) == value) {
        narrow_[row] = static_cast<std::int64_t>(value);
        return;
    }
    if (wide_.empty()) {
        wide_.assign(narrow_.begin(), narrow_.end());
        narrow_ = {};
    }
    wide_[row] = value;
}

void LastRows::Integers::compare(const huge_pages::Vector<i128>& values,
                                 const huge_pages::Vector<std::int32_t>& rows,
                                 const std::vector<std::uint32_t>& indices,
                                 std::vector<std::uint8_t>& different) const noexcept {
    const auto with = [&](const auto& held) {
        for (std::size_t n = 0; n < indices.size(); ++n) {
            const auto k = indices[n];
            different[n] |= static_cast<std::uint8_t>(values[k] != held[std::size_t(rows[k])]);
        }
    };
    if (wide_.empty()) with(narrow_);
    else with(wide_);
}

}  // namespace mvcore
