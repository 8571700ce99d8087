#include "mvcore/board/conversion.hpp"

#include <algorithm>
#include <cstdlib>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore {
namespace {

// Bit widths: a total has 255 bits. Rescaled to its currency's largest scale (72 decimals, 240
// bits), it has fewer than 496. Two rates add 254 bits, and a power of ten of up to 30 + 36
// decimals adds 220. The sum is 970 < 1023. A rate with a factor is a divisor, so that the dividend
// has the factor instead of the rate, and neither has more bits.

i128 divided(i128 dividend, i128 divisor) {
    const auto fits64 = [](i128 v) { return v == static_cast<std::int64_t>(v); };
    if (fits64(dividend) && fits64(divisor))  // several times faster
        return divide_half_even(static_cast<std::int64_t>(dividend),
                                static_cast<std::int64_t>(divisor));
    return divide_half_even(dividend, divisor);
}

// Calls f(mantissa, scale, divide) for each number that the conversion multiplies with or divides
// by.
template <class F>
void for_terms(const Rate* source, const Rate* target, F&& f) {
    const auto apply = [&](i128 mantissa, int scale, bool divide) {
        if (mantissa != 1 || scale != 0) f(mantissa, scale, divide);
    };
    const auto apply_rate = [&](const Rate& rate, bool back) {
        MVCORE_ASSERT(rate.divide || (rate.factor == Decimal{1, 0}));
        apply(rate.mantissa, rate.scale, rate.divide != back);
        apply(rate.factor.mantissa, rate.factor.scale, back);
    };
    if (source != nullptr) apply_rate(*source, false);
    if (target != nullptr) apply_rate(*target, true);
}

}  // namespace

FastConversion::FastConversion(const Rate* source, const Rate* target, int value_scale) noexcept
    : shift_(value_scale) {
    MVCORE_ASSERT(value_scale >= 0 && value_scale <= kMaxValueScale);
    possible_ = (source == nullptr || source->known()) && (target == nullptr || target->known());
    if (!possible_) return;
    for_terms(source, target, [&](i128 mantissa, int scale, bool divide) {
        shift_ += divide ? scale : -scale;
        std::int64_t& product = divide ? denominator_ : numerator_;
        // Every term is at least 1, so a product that has become too large stays too large.
        fits_ = fits_ && !__builtin_mul_overflow(mantissa, i128{product}, &mantissa) &&
                mantissa == static_cast<std::int64_t>(mantissa);
        if (fits_) product = static_cast<std::int64_t>(mantissa);
    });
    MVCORE_ASSERT(numerator_ > 0 && denominator_ > 0);  // rates are positive
    MVCORE_ASSERT(std::abs(shift_ - value_scale) <= 2 * kMaxScale);
}

bool FastConversion::amount(i128 total, int scale, i128& out) const noexcept {
    const int exponent = shift_ - scale;
    if (!possible_ || !fits_ || exponent < -38 || exponent > 38) return false;
    i128 dividend = 0;
    if (__builtin_mul_overflow(total, i128{numerator_}, &dividend)) return false;
    i128 divisor = denominator_;
    if (exponent >= 0) {
        if (__builtin_mul_overflow(dividend, kPow10[std::size_t(exponent)], &dividend))
            return false;
    } else if (__builtin_mul_overflow(divisor, kPow10[std::size_t(-exponent)], &divisor)) {
        return false;
    }
    MVCORE_ASSERT(divisor > 0);
    out = divisor == 1 ? dividend : divided(dividend, divisor);
    return true;
}

bool FastConversion::terms(int scale, i128& multiplier, std::int64_t& divisor) const noexcept {
    const int exponent = shift_ - scale;
    if (!fits_ || exponent < -18 || exponent > 18) return false;
    const auto power = static_cast<std::int64_t>(kPow10[std::size_t(std::abs(exponent))]);
    multiplier = numerator_;
    divisor = denominator_;
    if (exponent >= 0) multiplier *= power;
    MVCORE_ASSERT(multiplier > 0 && divisor > 0);
    return exponent >= 0 || !__builtin_mul_overflow(divisor, power, &divisor);
}

std::int64_t FastConversion::factor(int scale) const noexcept {
    const int exponent = shift_ - scale;
    std::int64_t out = 0;
    if (!possible_ || !fits_ || denominator_ != 1 || exponent < 0 || exponent > 18 ||
        __builtin_mul_overflow(numerator_, static_cast<std::int64_t>(kPow10[std::size_t(exponent)]),
                               &out))
        return 0;
    MVCORE_ASSERT(out > 0);  // 0 would mean that there is no factor
    return out;
}

Conversion::Conversion(const Rate* source, const Rate* target, int value_scale)
    : fast_(source, target, value_scale), shift_(value_scale) {
    if (!possible()) return;
    for_terms(source, target, [&](i128 mantissa, int scale, bool divide) {
        i1024& product = divide ? denominator_ : numerator_;
        product = product * i1024(mantissa);
        shift_ += divide ? scale : -scale;
    });
    MVCORE_ASSERT(numerator_ > i1024(0) && denominator_ > i1024(0));  // rates are positive
}

// Estimates the quotient in floating point, then the quotient of the remainder. The first estimate
// is off by less than 2^11, the second by one or two. The exact remainder then corrects the result.
i128 Divisor::quotient(i128 dividend) const noexcept {
    if (dividend == static_cast<std::int64_t>(dividend))
        return divide_half_even(static_cast<std::int64_t>(dividend), d_);
    const auto as_double = [](i128 v) {
        return static_cast<double>(static_cast<std::int64_t>(v >> 64)) * 0x1p64 +
               static_cast<double>(static_cast<std::uint64_t>(v));
    };
    const double first = as_double(dividend) * inverse_;
    if (!(first < 0x1p62 && first > -0x1p62)) return divide_half_even(dividend, i128{d_});
    auto q = static_cast<std::int64_t>(first);
    i128 rest = dividend - i128{q} * d_;
    const auto second = static_cast<std::int64_t>(as_double(rest) * inverse_);
    q += second;
    rest -= i128{second} * d_;
    for (; rest < 0; rest += d_) --q;
    for (; rest >= d_; rest -= d_) ++q;
    MVCORE_ASSERT(rest >= 0 && rest < d_);
    return q + (rounds_up(rest, i128{d_}, (q & 1) != 0) ? 1 : 0);
}

i1024 Conversion::amount(const i1024& total, int scale) const {
    MVCORE_ASSERT(possible() && denominator_ > i1024(0));
    MVCORE_ASSERT(total.magnitude().bits() < 512);  // see the bit widths above
    const int exponent = shift_ - scale;
    MVCORE_ASSERT(exponent >= -6 * kMaxScale && exponent <= kMaxValueScale + 2 * kMaxScale);
    if (exponent >= 0)
        return divide_half_even(total * numerator_ * pow10<16>(exponent), denominator_);
    return divide_half_even(total * numerator_, denominator_ * pow10<16>(-exponent));
}

i128 checked_amount(i128 amount) {
    if (magnitude(amount) >= static_cast<u128>(kPow10[38]))
        throw Error(ErrorKind::value_overflow, kOver38Digits);
    return amount;
}

i128 checked_amount(const i1024& amount) {
    return checked_amount(amount.fits128() ? amount.low128() : kPow10[38]);
}

i128 value_amount(const i256& value, int scale, int value_scale) {
    MVCORE_ASSERT(scale >= 0 && scale <= 4 * kMaxScale);
    const int shift = value_scale - scale;
    i128 fast = 0;
    if (value.fits128() && shift >= -38 && shift <= 38) {
        const i128 power = kPow10[std::size_t(shift < 0 ? -shift : shift)];
        if (shift < 0) return checked_amount(divided(value.low128(), power));
        if (!__builtin_mul_overflow(value.low128(), power, &fast)) return checked_amount(fast);
    }
    return checked_amount(Conversion(nullptr, nullptr, value_scale).amount(i1024(value), scale));
}

i128 value_amount(i128 quantity, const i256& price, int scale, int value_scale) {
    MVCORE_ASSERT(price.magnitude().bits() <= kAccumulatorBits);
    if (i256(quantity).magnitude().bits() + price.magnitude().bits() < 255)
        return value_amount(i256(quantity) * price, scale, value_scale);
    const i1024 value = i1024(quantity) * i1024(price);
    return checked_amount(Conversion(nullptr, nullptr, value_scale).amount(value, scale));
}

AmountConverter::AmountConverter(const Board& board, std::span<const UnitId> units,
                                 std::int32_t base, std::int32_t target, int value_scale)
    : unpriced_(units.size(), false) {
    auto rate_of = [&](std::int32_t currency) {
        return currency == base ? nullptr : &board.rate(currency);
    };
    for (std::uint32_t place = 0; place < units.size(); ++place) {
        const Unit& unit = board.unit(units[place]);
        // A unit that is listed twice would be added twice.
        MVCORE_ASSERT(std::count(units.begin(), units.begin() + place, units[place]) == 0);
        units_.push_back(unit);
        const bool same = target == kLocal || unit.currency == target;
        const Conversion conversion(same ? nullptr : rate_of(unit.currency),
                                    same ? nullptr : rate_of(target), value_scale);
        currencies_.push_back(unit.currency);
        unpriced_[place] = !unit.priced() || !conversion.possible();
        if (!unit.priced()) continue;
        auto same_currency =
            std::find_if(currency_units_.begin(), currency_units_.end(),
                         [&](const CurrencyUnits& g) { return g.currency == unit.currency; });
        if (same_currency == currency_units_.end()) {
            currency_units_.push_back({unit.currency, {}, conversion, 0});
            same_currency = std::prev(currency_units_.end());
        }
        MVCORE_ASSERT(unit.scale >= 0);
        MVCORE_ASSERT(same_currency->conversion.possible() == conversion.possible());
        same_currency->members.push_back(place);
        same_currency->scale = std::max<int>(same_currency->scale, unit.scale);
    }
    std::sort(currencies_.begin(), currencies_.end());
    currencies_.erase(std::unique(currencies_.begin(), currencies_.end()), currencies_.end());
    MVCORE_ASSERT(units_.size() == units.size() && unpriced_.size() == units.size());
    MVCORE_ASSERT(currency_units_.size() <= currencies_.size());
}

std::int64_t AmountConverter::factor() const noexcept {
    return units_.size() == 1 && currency_units_.size() == 1
               ? currency_units_[0].conversion.factor(currency_units_[0].scale)
               : 0;
}

const AmountConverter::CurrencyUnits* AmountConverter::units_of(
    std::int32_t currency) const noexcept {
    for (const auto& g : currency_units_)
        if (g.currency == currency) return &g;
    return nullptr;
}

}  // namespace mvcore
