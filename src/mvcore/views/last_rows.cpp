#include "mvcore/views/last_rows.hpp"

#include <algorithm>
#include <type_traits>

namespace mvcore {

void LastRows::remember(const ResultRows& result, const std::vector<std::uint32_t>* indices,
                        std::size_t rows, std::vector<std::uint32_t>& changed) {
    MVCORE_ASSERT(result.amounts.size() == amounts_.size() ||
                  (result.amounts.size() == 1 && !amounts_.empty()));
    MVCORE_ASSERT(result.floats.size() == floats_.size());
    MVCORE_ASSERT(result.quantities.size() == quantities_.size());
    MVCORE_ASSERT(result.prices.size() == (prices_.empty() ? 0 : result.size()));
    resize(std::max(rows, size()));
    different_.resize(indices == nullptr ? result.size() : indices->size());
    if (indices == nullptr) remember_each(result, [](std::size_t n) { return n; }, changed);
    else remember_each(result, [&](std::size_t n) { return std::size_t{(*indices)[n]}; }, changed);
}

// Goes through the rows once for each column, so that the loops are short and have no branches.
template <class At>
void LastRows::remember_each(const ResultRows& result, At at, std::vector<std::uint32_t>& changed) {
    const auto count = different_.size();
    for (std::size_t n = 0; n < count; ++n) {
        const auto row = static_cast<std::size_t>(result.row[at(n)]);
        MVCORE_ASSERT(row < size() && states_[row] != seen);  // one result has each row once
        different_[n] = states_[row] == absent;
        states_[row] = seen;
    }
    for (std::size_t m = 0; m < amounts_.size(); ++m)
        amounts_[m].replace(column(result, m), result.row, at, different_);
    for (std::size_t q = 0; q < quantities_.size(); ++q)
        quantities_[q].replace(result.quantities[q], result.row, at, different_);
    for (Integers& prices : prices_) {
        std::vector<i128> now = result.prices;
        for (std::size_t k = 0; k < now.size(); ++k)
            if (result.priced[k] == 0) now[k] = kNoPrice;
        prices.replace(now, result.row, at, different_);
    }
    std::uint32_t any = 0;
    for (std::size_t n = 0; n < count; ++n) any |= result.unpriced[at(n)];
    if (any != 0) unpriced_.resize(size(), 0);
    if (!unpriced_.empty())
        for (std::size_t n = 0; n < count; ++n) {
            auto& before = unpriced_[std::size_t(result.row[at(n)])];
            different_[n] |= before != result.unpriced[at(n)];
            before = result.unpriced[at(n)];
        }
    for (std::size_t f = 0; f < floats_.size(); ++f)
        for (std::size_t n = 0; n < count; ++n) {
            double& before = floats_[f][std::size_t(result.row[at(n)])];
            const double now = result.floats[f][at(n)];
            const bool both_nan = before != before && now != now;
            different_[n] |= before != now && !both_nan;
            before = now;
        }
    auto end = changed.size();
    changed.resize(end + count);
    for (std::size_t n = 0; n < count; ++n) {
        changed[end] = static_cast<std::uint32_t>(at(n));
        end += different_[n];
    }
    changed.resize(end);
}

void LastRows::copy(std::size_t row, const LastRows& from, std::size_t from_row) {
    MVCORE_ASSERT(from.has(from_row) && amounts_.size() == from.amounts_.size());
    if (row >= size()) resize(row + 1);
    for (const auto columns : {&LastRows::amounts_, &LastRows::quantities_, &LastRows::prices_})
        for (std::size_t k = 0; k < (this->*columns).size(); ++k)
            (this->*columns)[k].set(row, (from.*columns)[k][from_row]);
    for (std::size_t f = 0; f < floats_.size(); ++f) floats_[f][row] = from.floats_[f][from_row];
    if (!from.unpriced_.empty() && from.unpriced_[from_row] != 0) {
        unpriced_.resize(size(), 0);
        unpriced_[row] = from.unpriced_[from_row];
    }
    states_[row] = from.states_[from_row];
}

void LastRows::resize(std::size_t rows) {
    if (rows == size()) return;
    for_integers(*this, [&](Integers& integers) { integers.resize(rows); });
    for (auto& floats : floats_) floats.resize(rows, 0.0);
    if (!unpriced_.empty()) unpriced_.resize(rows, 0);
    states_.resize(rows, absent);
}

std::size_t LastRows::memory_bytes() const noexcept {
    std::size_t bytes =
        states_.capacity() + different_.capacity() + unpriced_.capacity() * sizeof(std::uint32_t);
    for_integers(*this, [&](const Integers& integers) { bytes += integers.memory_bytes(); });
    for (const auto& floats : floats_) bytes += floats.capacity() * sizeof(double);
    return bytes;
}

void LastRows::Integers::resize(std::size_t rows) {
    if (wide_.empty()) narrow_.resize(rows, 0);
    else wide_.resize(rows, 0);
}

void LastRows::Integers::widen() {
    wide_.assign(narrow_.begin(), narrow_.end());
    narrow_ = {};
}

void LastRows::Integers::set(std::size_t row, i128 value) {
    const auto narrow = static_cast<std::int64_t>(value);
    if (wide_.empty() && narrow != value) widen();
    if (wide_.empty()) narrow_[row] = narrow;
    else wide_[row] = value;
}

template <class Values, class At>
void LastRows::Integers::replace(const Values& values, const huge_pages::Vector<std::int32_t>& rows,
                                 At at, std::vector<std::uint8_t>& different) {
    const auto with = [&](auto& held) {
        using Held = std::remove_reference_t<decltype(held[0])>;
        for (std::size_t n = 0; n < different.size(); ++n) {
            const auto now = static_cast<Held>(values[at(n)]);
            auto& before = held[std::size_t(rows[at(n)])];
            different[n] |= static_cast<std::uint8_t>(before != now);
            before = now;
        }
    };
    bool fits = wide_.empty();
    if (fits)
        for (std::size_t n = 0; n < different.size(); ++n)
            fits &= static_cast<std::int64_t>(values[at(n)]) == values[at(n)];
    if (wide_.empty() && !fits && !narrow_.empty()) widen();
    if (wide_.empty()) with(narrow_);
    else with(wide_);
}

}  // namespace mvcore
