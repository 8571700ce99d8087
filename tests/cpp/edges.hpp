// Numbers at the limits of arithmetic.
#pragma once

#include <vector>

#include "mvcore/base/decimal.hpp"

namespace edges {

using mvcore::Decimal;
using mvcore::i128;

inline constexpr i128 kMost = ~(i128{1} << 127);  // 2^127 - 1
// 20 digits before the point and 18 after it.
inline constexpr i128 kInputMost = mvcore::kPow10[38] - 1;

inline std::vector<i128> numbers() {
    std::vector<i128> out{0, (i128{1} << 63) - 1, -(i128{1} << 63), i128{1} << 64};
    for (i128 v : {i128{1}, i128{1} << 31, i128{1} << 32, i128{1} << 62, kMost}) {
        out.push_back(v);
        out.push_back(-v);
    }
    return out;
}

// Numbers that are valid inputs, as integers and in units of 10^-18.
inline std::vector<Decimal> inputs() {
    std::vector<Decimal> out;
    auto all = numbers();
    all.insert(all.end(), {kInputMost, -kInputMost});
    for (int scale : {0, 18})
        for (auto v : all)
            if (const auto d = mvcore::make_decimal(v, scale)) out.push_back(d.value);
    return out;
}

// Every third input, which keeps a cross product of three short. Includes zero and the extremes.
inline std::vector<Decimal> few_inputs() {
    const auto all = inputs();
    std::vector<Decimal> out{{kInputMost, 18}, {-kInputMost, 18}};
    for (std::size_t k = 0; k < all.size(); k += 3) out.push_back(all[k]);
    return out;
}

}  // namespace edges
