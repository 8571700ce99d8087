// The columns of a list of positions, each computed on request.
#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/valuation/positions.hpp"

namespace mvcore {

i128 PositionList::in_18(const Mark& mark, i128 quantity) {
    return quantity * kPow10[std::size_t(kMaxScale - mark.quantity_scale)];
}

i128 PositionList::amount(std::size_t row, i128 quantity) const {
    const Mark& mark = this->mark(row);
    if (!mark.priced || !target_) return 0;
    const Conversion& conversion = conversions_[mark.conversion + target_of(row)];
    if (!conversion.possible()) return 0;
    const i256 value = i256(quantity) * mark.unit_value;
    i128 fast = 0;
    if (value.fits128() && conversion.fast_amount(value.low128(), mark.scale, fast))
        return checked_amount(fast);
    return checked_amount(conversion.amount(i1024(value), mark.scale));
}

i128 PositionList::own_amount(const Mark& mark, i128 quantity) const {
    if (!mark.priced) return 0;
    return value_amount(i256(quantity) * mark.unit_value, mark.scale, value_scale_);
}

template <class T, class F>
std::vector<T> PositionList::of_marks(F&& f) const {
    std::vector<T> by_mark;
    by_mark.reserve(marks_.size());
    for (const Mark& mark : marks_) by_mark.push_back(static_cast<T>(f(mark)));
    std::vector<T> out;
    out.reserve(size());
    for (const auto place : row_marks_) out.push_back(by_mark[place]);
    return out;
}

std::vector<std::int32_t> PositionList::instruments() const {
    return of_marks<std::int32_t>([](const Mark& mark) { return raw(mark.instrument); });
}

std::vector<std::int32_t> PositionList::currencies() const {
    MVCORE_ASSERT(target_);
    std::vector<std::int32_t> out(size());
    for (std::size_t row = 0; row < out.size(); ++row) out[row] = currency(row);
    return out;
}

std::vector<std::int32_t> PositionList::own_currencies() const {
    return of_marks<std::int32_t>([](const Mark& mark) { return mark.own_currency; });
}

std::vector<i128> PositionList::prices() const {
    return of_marks<i128>([](const Mark& mark) { return mark.price; });
}

std::vector<std::uint8_t> PositionList::priced() const {
    return of_marks<std::uint8_t>([](const Mark& mark) { return mark.priced; });
}

std::vector<std::uint8_t> PositionList::valued() const {
    std::vector<std::uint8_t> out(size());
    for (std::size_t row = 0; row < out.size(); ++row) out[row] = valued(row) ? 1 : 0;
    return out;
}

template <class F>
std::vector<i128> PositionList::of_rows(Measure measure, F&& f) const {
    MVCORE_ASSERT(!holdings_ || measure == sod);
    const Integers& quantity = column(measure);
    std::vector<i128> out;
    out.reserve(size());
    for (std::size_t row = 0; row < size(); ++row) out.push_back(f(row, quantity[row]));
    return out;
}

std::vector<i128> PositionList::quantities(Measure measure) const {
    return of_rows(measure,
                   [&](std::size_t row, i128 quantity) { return in_18(mark(row), quantity); });
}

std::vector<i128> PositionList::amounts(Measure measure) const {
    MVCORE_ASSERT(target_);
    return of_rows(measure, [&](std::size_t row, i128 quantity) { return amount(row, quantity); });
}

std::vector<i128> PositionList::own_amounts() const {
    MVCORE_ASSERT(holdings_);
    return of_rows(sod,
                   [&](std::size_t row, i128 quantity) { return own_amount(mark(row), quantity); });
}

std::optional<PositionList::Narrow> PositionList::narrow_quantities(Measure measure) const {
    MVCORE_ASSERT(!holdings_ || measure == sod);
    const auto* quantity = column(measure).narrow();
    if (quantity == nullptr) return std::nullopt;
    Narrow out{{}, 0};
    for (const Mark& mark : marks_) out.scale = std::max(out.scale, mark.quantity_scale);
    std::vector<std::int64_t> factors;  // by mark
    for (const Mark& mark : marks_) {
        const i128 factor = kPow10[std::size_t(out.scale - mark.quantity_scale)];
        if (i256(factor).bits() + i256(mark.quantity_bits).bits() > 62) return std::nullopt;
        factors.push_back(static_cast<std::int64_t>(factor));
    }
    out.values.resize(size());
    for (std::size_t row = 0; row < size(); ++row)
        out.values[row] = (*quantity)[row] * factors[row_marks_[row]];
    return out;
}

std::optional<PositionList::Narrow> PositionList::narrow_prices() const {
    int decimals = 0;
    for (const Mark& mark : marks_) {
        i128 price = mark.price;
        int scale = kMaxScale;
        strip_zeros(price, scale);
        decimals = std::max(decimals, scale);
    }
    const i128 unit = kPow10[std::size_t(kMaxScale - decimals)];
    const auto in_units = [&](const Mark& mark) { return mark.price / unit; };
    const bool fit = std::all_of(marks_.begin(), marks_.end(),
                                 [&](const Mark& mark) { return i256(in_units(mark)).fits64(); });
    if (!fit) return std::nullopt;
    return Narrow{of_marks<std::int64_t>(in_units), decimals};
}

std::optional<std::vector<std::int64_t>> PositionList::narrow_amounts(Measure measure) const {
    MVCORE_ASSERT(target_ && (!holdings_ || measure == sod));
    const auto* quantity = column(measure).narrow();
    if (quantity == nullptr || own_) return std::nullopt;
    struct Terms {
        std::int64_t factor = 0;  // 0: no amount
        std::int64_t divisor = 1;
    };
    std::vector<Terms> terms;  // by mark
    bool exact = true;
    for (const Mark& mark : marks_) {
        Terms& term = terms.emplace_back();
        if (!mark.priced || !conversions_[mark.conversion].possible()) continue;
        i128 multiplier = 0;
        if (mark.bits + i256(mark.quantity_bits).bits() > 62 ||
            !conversions_[mark.conversion].fast_terms(mark.scale, multiplier, term.divisor))
            return std::nullopt;
        term.factor = mark.unit_value.low64() * static_cast<std::int64_t>(multiplier);
        exact = exact && term.divisor == 1;
    }
    std::vector<std::int64_t> out(size());
    for (std::size_t row = 0; row < out.size(); ++row)
        out[row] = (*quantity)[row] * terms[row_marks_[row]].factor;
    if (exact) return out;
    for (std::size_t row = 0; row < out.size(); ++row)
        out[row] =
            static_cast<std::int64_t>(divide_half_even(out[row], terms[row_marks_[row]].divisor));
    return out;
}

}  // namespace mvcore
