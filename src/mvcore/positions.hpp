// Lists of positions handed out, column by column.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "state.hpp"

namespace mvcore {

struct Positions {
    std::vector<std::int32_t> account;
    std::vector<std::int32_t> instrument;
    std::vector<std::int32_t> currency;
    std::vector<i128> quantity;  // counted in 10^-18, as is price
    std::vector<i128> price;
    std::vector<i128> market_value;  // counted in 10^-value_scale, as is base_value
    std::vector<i128> base_value;
    std::vector<std::uint8_t> priced;
    std::vector<std::uint8_t> converted;
    std::uint64_t epoch = 0;
};

struct PriceList {
    std::vector<std::int32_t> instrument;
    std::vector<i128> price;  // counted in 10^-18
    std::vector<std::int64_t> time;
    std::vector<std::uint64_t> changed;
    std::uint64_t epoch = 0;
};

// Every holding of one instrument at one price. Values are made at once, with the widest loop that
// is exact; names and quantities when they are asked for.
class Revaluation {
public:
    Revaluation() = default;
    Revaluation(const State& state, std::int32_t instrument, int value_scale);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool priced() const noexcept { return priced_; }
    [[nodiscard]] i128 price() const noexcept { return price_; }  // counted in 10^-18
    [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
    [[nodiscard]] std::vector<std::int32_t> accounts() const;
    [[nodiscard]] std::vector<i128> quantities() const;  // counted in 10^-18
    [[nodiscard]] std::vector<i128> values() const;      // counted in 10^-value_scale

private:
    struct Piece {  // a copy of one block's quantities
        std::uint32_t first_row;
        Width width;
        std::uint32_t n;
        std::size_t quantity;  // place in bytes_
        std::size_t offset;    // place in bytes_, kDense where rows run on
    };
    static constexpr std::size_t kDense = ~std::size_t{0};
    template <class F>
    void for_each(F&& f) const;  // f(place, row, quantity), zero quantities left out

    std::size_t size_ = 0;
    bool priced_ = false;
    i128 price_ = 0;
    int quantity_scale_ = 0;
    std::uint64_t epoch_ = 0;
    std::vector<Piece> pieces_;
    std::unique_ptr<std::byte[]> bytes_;
    std::unique_ptr<std::int64_t[]> values_;  // by place, zero quantities too; or
    std::vector<i128> wide_values_;           // by place
};

}  // namespace mvcore
