// Converts exact totals per unit to amounts in a currency, rounded once, half even.
//
// An amount in a target currency is a sum over the source currencies. Each addend is the exact
// subtotal times the source's rate, divided by the target's rate if the target is not the base, and
// is rounded once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/wide_int.hpp"
#include "mvcore/board/board.hpp"

namespace mvcore {

inline constexpr int kMaxValueScale = 30;
inline constexpr std::int32_t kLocal = -2;  // "local": each currency separately, unconverted
inline constexpr std::int32_t kOwn = -3;    // into the currency of each row's accounts

// The fast path of a Conversion, for rates whose products fit 63 bits. Costs a few nanoseconds to
// make, so a read of one account makes its own.
class FastConversion {
public:
    // Rates of the source and of the target; null for the base currency.
    FastConversion(const Rate* source, const Rate* target, int value_scale) noexcept;

    [[nodiscard]] bool possible() const noexcept { return possible_; }
    // As Conversion::amount(). Returns false if the conversion is not possible, or if an
    // intermediate value may exceed 127 bits; then use a Conversion.
    [[nodiscard]] bool amount(i128 total, int scale, i128& out) const noexcept;
    // See Conversion.
    [[nodiscard]] bool terms(int scale, i128& multiplier, std::int64_t& divisor) const noexcept;
    [[nodiscard]] std::int64_t factor(int scale) const noexcept;

private:
    bool possible_ = true;
    bool fits_ = true;  // numerator and denominator fit 63 bits
    std::int64_t numerator_ = 1;
    std::int64_t denominator_ = 1;
    int shift_ = 0;  // decimals of the result less those of the rates
};

// Converts totals of one currency to the target currency.
class Conversion {
public:
    // Rates of the source and of the target; null for the base currency.
    Conversion(const Rate* source, const Rate* target, int value_scale);

    [[nodiscard]] bool possible() const noexcept { return fast_.possible(); }
    // amount = total / 10^scale * rate, rounded half even to value_scale decimals.
    [[nodiscard]] i1024 amount(const i1024& total, int scale) const;
    // Fast path of amount(). Returns false if an intermediate value may exceed 127 bits; then use
    // amount().
    [[nodiscard]] bool fast_amount(i128 total, int scale, i128& out) const noexcept {
        return fast_.amount(total, scale, out);
    }
    // The multiplier and the divisor that turn a total into an amount. Returns false unless they
    // fit 126 and 63 bits.
    [[nodiscard]] bool fast_terms(int scale, i128& multiplier,
                                  std::int64_t& divisor) const noexcept {
        return fast_.terms(scale, multiplier, divisor);
    }
    // The factor that turns any total into an amount, if nothing is rounded and the factor fits 63
    // bits; else 0.
    [[nodiscard]] std::int64_t factor(int scale) const noexcept { return fast_.factor(scale); }

private:
    FastConversion fast_;
    i1024 numerator_{1};
    i1024 denominator_{1};
    int shift_ = 0;  // decimals of the result less those of the rates
};

// Repeated division by one positive number, rounded half even.
class Divisor {
public:
    explicit Divisor(std::int64_t d) : d_(d), inverse_(1.0 / static_cast<double>(d)) {
        MVCORE_ASSERT(d > 0);
    }
    [[nodiscard]] i128 quotient(i128 dividend) const noexcept;

private:
    std::int64_t d_;
    double inverse_;
};

// Converts totals of a list of units to amounts in one target currency, or in each currency
// separately.
class AmountConverter {
public:
    struct CurrencyUnits {  // a currency and its units, as indices into the given list
        std::int32_t currency;
        std::vector<std::uint32_t> members;
        Conversion conversion;
        int scale;  // the largest value scale of its members
    };
    // `units`: the units of the totals; may include unpriced ones.
    AmountConverter(const Board& board, std::span<const UnitId> units, std::int32_t base,
                    std::int32_t target, int value_scale);

    [[nodiscard]] const std::vector<CurrencyUnits>& currency_units() const noexcept {
        return currency_units_;
    }
    // Null if no unit of the currency has a price.
    [[nodiscard]] const CurrencyUnits* units_of(std::int32_t currency) const noexcept;
    // Currencies of the units, without duplicates, in ascending code order.
    [[nodiscard]] const std::vector<std::int32_t>& currencies() const noexcept {
        return currencies_;
    }
    // The factor of all totals, if there is only one unit and it has a factor; else 0.
    [[nodiscard]] std::int64_t factor() const noexcept;
    [[nodiscard]] const Unit& unit(std::uint32_t place) const noexcept {
        MVCORE_ASSERT(place < units_.size());
        return units_[place];
    }
    // Whether positions of the unit count as unpriced, because a price or a rate is missing.
    [[nodiscard]] bool unpriced(std::uint32_t place) const noexcept { return unpriced_[place]; }

    // The amount of one currency, or of all currencies; total(place) returns an i256. Throws an
    // Error of kind value_overflow if the amount does not fit 38 digits.
    template <class Total>
    [[nodiscard]] i128 amount(const CurrencyUnits& units, Total&& total) const;
    template <class Total>
    [[nodiscard]] i128 amount(Total&& total) const;

private:
    template <class Total>
    bool fast_amount(const CurrencyUnits& units, Total& total, i128& out) const noexcept;
    template <class Total>
    i1024 wide_amount(const CurrencyUnits& units, Total& total) const;

    std::vector<Unit> units_;
    std::vector<std::int32_t> currencies_;
    std::vector<CurrencyUnits> currency_units_;
    std::vector<bool> unpriced_;
};

// Throws an Error of kind value_overflow if |amount| has more than 38 digits.
i128 checked_amount(const i1024& amount);
i128 checked_amount(i128 amount);
// Quantity x price x factor in the unit's own currency, rescaled from `scale` to value_scale.
i128 value_amount(const i256& value, int scale, int value_scale);
// The same for quantity * price, which may be wider than 256 bits: no checked total includes the
// quantities of an order that has ended or that another order offsets.
i128 value_amount(i128 quantity, const i256& price, int scale, int value_scale);

template <class Total>
bool AmountConverter::fast_amount(const CurrencyUnits& units, Total& total,
                                  i128& out) const noexcept {
    i128 sum = 0;
    for (auto place : units.members) {
        const i256 t = total(place);
        const int shift = units.scale - units_[place].scale;
        i128 part = 0;
        if (!t.fits128() || shift > 38 ||
            __builtin_mul_overflow(t.low128(), kPow10[static_cast<unsigned>(shift)], &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
    }
    return units.conversion.fast_amount(sum, units.scale, out);
}

template <class Total>
i1024 AmountConverter::wide_amount(const CurrencyUnits& units, Total& total) const {
    i1024 sum;
    for (auto place : units.members) {
        const i256 t = total(place);
        if (!t.zero()) sum += i1024(t) * pow10<16>(units.scale - units_[place].scale);
    }
    return units.conversion.amount(sum, units.scale);
}

template <class Total>
i128 AmountConverter::amount(const CurrencyUnits& units, Total&& total) const {
    i128 fast = 0;
    if (!units.conversion.possible()) return 0;
    if (fast_amount(units, total, fast)) return checked_amount(fast);
    return checked_amount(wide_amount(units, total));
}

template <class Total>
i128 AmountConverter::amount(Total&& total) const {
    i128 sum = 0;
    bool fast = true;
    for (const auto& units : currency_units_) {
        i128 part = 0;
        if (!units.conversion.possible()) continue;
        fast = fast_amount(units, total, part) && !__builtin_add_overflow(sum, part, &sum);
        if (!fast) break;
    }
    if (fast) return checked_amount(sum);
    i1024 wide_sum;  // a part may overflow although the sum does not
    for (const auto& units : currency_units_)
        if (units.conversion.possible()) wide_sum += wide_amount(units, total);
    return checked_amount(wide_sum);
}

}  // namespace mvcore
