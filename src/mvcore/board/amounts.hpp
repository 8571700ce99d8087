// From exact totals by unit to amounts in a currency, rounded once, half even.
//
// In another currency an amount is the sum, over the currencies in it, of the exact subtotal times
// its rate (divided by the target's where the target is not the base), each rounded once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mvcore/base/wide_int.hpp"
#include "mvcore/board/board.hpp"

namespace mvcore {

inline constexpr int kMaxValueScale = 30;
inline constexpr std::int32_t kLocal = -2;  // "local": every currency by itself, unconverted

// One currency's way into the target.
class Conversion {
public:
    // Rates of the source and of the target; null where that one is the base.
    Conversion(const Rate* source, const Rate* target, int value_scale);

    [[nodiscard]] bool possible() const noexcept { return possible_; }
    // amount = total / 10^scale * rate, rounded half even to value_scale decimals.
    [[nodiscard]] i1024 amount(const i1024& total, int scale) const;
    // The same where everything on the way fits 127 bits; false: use amount().
    [[nodiscard]] bool quick_amount(i128 total, int scale, i128& out) const noexcept;
    // What a total is multiplied with and then divided by, where 126 and 63 bits hold them.
    [[nodiscard]] bool quick_terms(int scale, i128& multiplier,
                                   std::int64_t& divisor) const noexcept;
    // What any total is multiplied with, where nothing is rounded and 63 bits hold it; else 0.
    [[nodiscard]] std::int64_t factor(int scale) const noexcept;

private:
    bool possible_ = true;
    bool quick_ = true;  // numerator and denominator fit 63 bits
    i1024 numerator_{1};
    i1024 denominator_{1};
    int shift_ = 0;  // decimals of the result less those that the rates bring
};

// Division by the same positive number again and again, rounded half even.
class Divisor {
public:
    explicit Divisor(std::int64_t d) : d_(d), inverse_(1.0 / static_cast<double>(d)) {}
    [[nodiscard]] i128 quotient(i128 dividend) const noexcept;

private:
    std::int64_t d_;
    double inverse_;
};

// How a list of units becomes amounts of one target currency, or of each currency by itself.
class Handout {
public:
    struct Group {  // a currency and its units, places in the list given
        std::int32_t currency;
        std::vector<std::uint32_t> members;
        Conversion conversion;
        int scale;  // the largest value scale of its members
    };
    // `units`: those totals come in; unpriced ones may be among them.
    Handout(const Board& board, std::span<const UnitId> units, std::int32_t base,
            std::int32_t target, int value_scale);

    [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }
    // Null where no unit of the currency has a price.
    [[nodiscard]] const Group* group(std::int32_t currency) const noexcept;
    // Of the units, each once, in order of code.
    [[nodiscard]] const std::vector<std::int32_t>& currencies() const noexcept {
        return currencies_;
    }
    // The factor of all totals where there is but one unit, and it has one; else 0.
    [[nodiscard]] std::int64_t factor() const noexcept;
    [[nodiscard]] const Unit& unit(std::uint32_t place) const noexcept { return units_[place]; }
    // Whether positions of the unit count as unpriced.
    [[nodiscard]] bool unpriced(std::uint32_t place) const noexcept { return unpriced_[place]; }

    // Exact amount of one currency, or of all together; total(place) -> i256.
    // Throws ValueOverflow where it does not fit 38 digits.
    template <class Total>
    [[nodiscard]] i128 amount(const Group& group, Total&& total) const;
    template <class Total>
    [[nodiscard]] i128 amount(Total&& total) const;

private:
    template <class Total>
    bool quick_amount(const Group& group, Total& total, i128& out) const noexcept;
    template <class Total>
    i1024 wide_amount(const Group& group, Total& total) const;

    std::vector<Unit> units_;
    std::vector<std::int32_t> currencies_;
    std::vector<Group> groups_;
    std::vector<bool> unpriced_;
};

// Throws ValueOverflow where |amount| has more than 38 digits.
i128 checked_amount(const i1024& amount);
i128 checked_amount(i128 amount);
// Quantity x price x factor in its own unit's currency, at value_scale.
i128 value_amount(const i256& value, int scale, int value_scale);
// The same of quantity * price, which may be wider: the quantities of an order that is dead, or
// offset by another, are in no total that was checked.
i128 value_amount(i128 quantity, const i256& price, int scale, int value_scale);

template <class Total>
bool Handout::quick_amount(const Group& group, Total& total, i128& out) const noexcept {
    i128 sum = 0;
    for (auto place : group.members) {
        const i256 t = total(place);
        const int shift = group.scale - units_[place].scale;
        i128 part = 0;
        if (!t.fits128() || shift > 38 ||
            __builtin_mul_overflow(t.low128(), kPow10[static_cast<unsigned>(shift)], &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
    }
    return group.conversion.quick_amount(sum, group.scale, out);
}

template <class Total>
i1024 Handout::wide_amount(const Group& group, Total& total) const {
    i1024 sum;
    for (auto place : group.members) {
        const i256 t = total(place);
        if (!t.zero()) sum += i1024(t) * pow10<16>(group.scale - units_[place].scale);
    }
    return group.conversion.amount(sum, group.scale);
}

template <class Total>
i128 Handout::amount(const Group& group, Total&& total) const {
    i128 quick = 0;
    if (!group.conversion.possible()) return 0;
    if (quick_amount(group, total, quick)) return checked_amount(quick);
    return checked_amount(wide_amount(group, total));
}

template <class Total>
i128 Handout::amount(Total&& total) const {
    i128 sum = 0;
    bool quick = true;
    for (const auto& group : groups_) {
        i128 part = 0;
        if (!group.conversion.possible()) continue;
        quick = quick_amount(group, total, part) && !__builtin_add_overflow(sum, part, &sum);
        if (!quick) break;
    }
    if (quick) return checked_amount(sum);
    i1024 wide_sum;  // a part may be too large where the whole is not
    for (const auto& group : groups_)
        if (group.conversion.possible()) wide_sum += wide_amount(group, total);
    return checked_amount(wide_sum);
}

}  // namespace mvcore
