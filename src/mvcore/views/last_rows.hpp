// The rows that a view returned last: what they are compared with. One object for each currency if
// currencies are separate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/valuation/result_rows.hpp"

namespace mvcore {

class LastRows {
public:
    LastRows(std::size_t measures, std::size_t functions, std::size_t quantities = 0,
             bool price = false)
        : amounts_(measures), floats_(functions), quantities_(quantities), prices_(price ? 1 : 0) {}

    [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }
    // The k-th amount of the row, 0 if the row is not remembered.
    [[nodiscard]] i128 amount(std::size_t k, std::size_t row) const noexcept {
        return has(row) ? amounts_[k][row] : 0;
    }
    [[nodiscard]] bool has(std::size_t row) const noexcept {
        return row < states_.size() && states_[row] != absent;
    }
    // Remembers rows of a result, and appends the indices of those that differ to `changed`.
    // `indices`: of the rows; null: all. `rows`: the number of rows of the view.
    void remember(const ResultRows& result, const std::vector<std::uint32_t>* indices,
                  std::size_t rows, std::vector<std::uint32_t>& changed);
    // Whether the row was not remembered since the last call for it. Then it is forgotten.
    bool remove_unseen(std::size_t row) noexcept {
        if (!has(row)) return false;
        const bool unseen = states_[row] == present;
        states_[row] = unseen ? absent : present;
        return unseen;
    }
    // Copies a row of other rows.
    void copy(std::size_t row, const LastRows& from, std::size_t from_row);
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    enum RowState : std::uint8_t { absent, present, seen };  // seen: is part of the newest result

    // An integer by row, in 64 bits until a row needs more.
    class Integers {
    public:
        void resize(std::size_t rows);
        [[nodiscard]] i128 operator[](std::size_t row) const noexcept {
            return wide_.empty() ? narrow_[row] : wide_[row];
        }
        void set(std::size_t row, i128 value);
        void widen();
        // Sets the value of the row of each index at(n), n < different.size(). Sets different[n] if
        // the row had another one.
        template <class Values, class At>
        void replace(const Values& values, const huge_pages::Vector<std::int32_t>& rows, At at,
                     std::vector<std::uint8_t>& different);
        [[nodiscard]] std::size_t memory_bytes() const noexcept {
            return narrow_.capacity() * sizeof(std::int64_t) + wide_.capacity() * sizeof(i128);
        }

    private:
        std::vector<std::int64_t> narrow_;
        std::vector<i128> wide_;  // instead of narrow_, once a value needs it
    };
    static constexpr i128 kNoPrice = static_cast<i128>(u128{1} << 127);  // no price is so low
    // Results have one column for all measures until an order makes measures differ.
    [[nodiscard]] static const huge_pages::Vector<i128>& column(const ResultRows& result,
                                                                std::size_t measure) noexcept {
        return result.amounts[result.amounts.size() == 1 ? 0 : measure];
    }
    void resize(std::size_t rows);
    // Calls f(integers) for each column of integers.
    template <class Self, class F>
    static void for_integers(Self& self, F&& f) {
        for (auto* columns : {&self.amounts_, &self.quantities_, &self.prices_})
            for (auto& integers : *columns) f(integers);
    }
    template <class At>
    void remember_each(const ResultRows& result, At at, std::vector<std::uint32_t>& changed);

    std::vector<Integers> amounts_;            // by measure
    std::vector<std::vector<double>> floats_;  // by user function
    std::vector<Integers> quantities_;
    std::vector<Integers> prices_;         // one or none; kNoPrice: null
    std::vector<std::uint32_t> unpriced_;  // empty: all are 0
    std::vector<RowState> states_;
    std::vector<std::uint8_t> different_;
};

}  // namespace mvcore
