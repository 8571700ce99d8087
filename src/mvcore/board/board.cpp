#include "mvcore/board/board.hpp"

#include <algorithm>

namespace mvcore {

Lane lane_of(const Int<8>& bound) {
    const int bits = bound.bits();
    MVCORE_ASSERT(!bound.negative() && bits <= kAccumulatorBits);
    return bits < 62 ? Lane::bits64 : bits < 126 ? Lane::bits128 : Lane::bits256;
}

UnitId Board::unit_of(std::int32_t currency, int scale) {
    MVCORE_ASSERT(currency >= 0);
    MVCORE_ASSERT(scale >= Unit::kUnpriced && scale <= 4 * kMaxScale);  // the key has 8 bits for it
    const auto key = (static_cast<std::uint64_t>(currency) << 8) | static_cast<std::uint8_t>(scale);
    if (const auto known = unit_ids_.find(key); known != unit_ids_.end()) return known->second;
    Unit unit;
    unit.currency = currency;
    unit.scale = static_cast<std::int16_t>(scale);
    units_.push_back(unit);
    const auto id = static_cast<UnitId>(units_.size() - 1);
    unit_ids_.emplace(key, id);
    MVCORE_ASSERT(unit_ids_.size() <= units_.size());
    return id;
}

void Board::extend(std::size_t instruments, std::size_t currencies) {
    instruments_.grow(instruments);
    quotes_.grow(instruments);
    MVCORE_ASSERT(instruments_.size() >= quotes_.size());  // size() is that of the quotes
    if (currencies > rates_.size()) rates_.resize(currencies);
}

std::size_t Board::memory_bytes() const noexcept {
    return quotes_.memory_bytes() + instruments_.memory_bytes() + units_.capacity() * sizeof(Unit) +
           rates_.capacity() * sizeof(Rate);
}

void set_factor(Instrument& instrument) {
    const auto& t = instrument.terms;
    MVCORE_ASSERT(t.multiplier.scale <= kMaxScale && t.quote_factor.scale <= kMaxScale);
    i256 factor = i256(t.multiplier.mantissa) * i256(t.quote_factor.mantissa);
    int scale = factor.zero() ? 0 : t.multiplier.scale + t.quote_factor.scale;
    const i256 ten(10);
    while (scale > 0) {
        auto [quotient, remainder] = divide_unsigned(factor.magnitude(), ten);
        if (!remainder.zero()) break;
        factor = factor.negative() ? -quotient : quotient;
        --scale;
    }
    MVCORE_ASSERT(scale >= 0 && scale <= 2 * kMaxScale);
    instrument.factor = factor;
    instrument.factor_scale = scale;
}

bool set_price(Quote& quote, Instrument& instrument, i128 mantissa) {
    MVCORE_ASSERT(quote.price_scale <= kMaxScale && instrument.factor_scale >= 0);
    const auto exact = Int<8>(mantissa) * Int<8>(instrument.factor);
    if (exact.magnitude().bits() > kAccumulatorBits) return false;
    i256 price;
    std::copy_n(exact.w.begin(), 4, price.w.begin());
    const i256& factor = instrument.factor;
    quote.wide = price.magnitude().bits() > kNarrowBits || factor.zero() || !factor.fits64();
    quote.factor = quote.wide ? 1 : factor.low64();
    quote.price = quote.wide ? 0 : price.low64();
    instrument.wide_price = quote.wide ? price : i256();
    instrument.wide_mantissa = quote.wide ? mantissa : 0;
    MVCORE_ASSERT(quote.wide || quote.price == mantissa * quote.factor);
    return true;
}

i256 ceiling_of(const i256& price) {
    MVCORE_ASSERT(price.magnitude().bits() <= kAccumulatorBits);
    i256 power(1);
    for (int k = price.magnitude().bits(); k > 0; --k) power += power;
    MVCORE_ASSERT(power > price.magnitude());
    return power - i256(1);
}

}  // namespace mvcore
