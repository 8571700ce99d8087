#include "board.hpp"

#include <algorithm>

namespace mvcore {

Lane lane_of(const Int<8>& bound) {
    const int bits = bound.bits();
    return bits < 62 ? Lane::bits64 : bits < 126 ? Lane::bits128 : Lane::bits256;
}

UnitId Board::unit_of(std::int32_t currency, int scale) {
    const auto key = (static_cast<std::uint64_t>(currency) << 8) | static_cast<std::uint8_t>(scale);
    if (const auto known = unit_ids_.find(key); known != unit_ids_.end()) return known->second;
    Unit unit;
    unit.currency = currency;
    unit.scale = static_cast<std::int16_t>(scale);
    units_.push_back(unit);
    const auto id = static_cast<UnitId>(units_.size() - 1);
    unit_ids_.emplace(key, id);
    return id;
}

void Board::extend(std::size_t instruments, std::size_t currencies) {
    instruments_.grow(instruments);
    quotes_.grow(instruments);
    if (currencies > rates_.size()) rates_.resize(currencies);
}

std::size_t Board::memory_bytes() const noexcept {
    return quotes_.memory_bytes() + instruments_.memory_bytes() + units_.capacity() * sizeof(Unit) +
           rates_.capacity() * sizeof(Rate);
}

void set_factor(Instrument& instrument) {
    const auto& t = instrument.terms;
    i256 factor = i256(t.multiplier.mantissa) * i256(t.quote_factor.mantissa);
    int scale = factor.zero() ? 0 : t.multiplier.scale + t.quote_factor.scale;
    const i256 ten(10);
    while (scale > 0) {
        auto [quotient, remainder] = divide_unsigned(factor.magnitude(), ten);
        if (!remainder.zero()) break;
        factor = factor.negative() ? -quotient : quotient;
        --scale;
    }
    instrument.factor = factor;
    instrument.factor_scale = scale;
}

}  // namespace mvcore
