#include "mvcore/orders/cash.hpp"

#include <algorithm>
#include <array>

#include "mvcore/base/assert.hpp"
#include "mvcore/board/conversion.hpp"

namespace mvcore {
namespace {

// ISO 4217, list one, by decimals. Codes without a minor unit (gold, baskets, tests) are not
// listed.
constexpr std::string_view kNoDecimals =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
constexpr std::string_view kThreeDecimals = "BHD IQD JOD KWD LYD OMR TND ";
constexpr std::string_view kFourDecimals = "CLF UYW ";
constexpr std::string_view kTwoDecimals =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP "
    "GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
    "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD "
    "XCG YER ZAR ZMW ZWG ZWL ";

bool lists(std::string_view codes, std::string_view currency) noexcept {
    for (std::size_t k = 0; k < codes.size(); k += 4)
        if (codes.substr(k, 3) == currency) return true;
    return false;
}

// quantity * price * factor of the instrument, rounded to cash_scale decimals. None if it has more
// than 20 digits before the point.
std::optional<i128> rounded_cost(i128 quantity, int quantity_scale, const FillPrice& price,
                                 const Instrument& instrument, int cash_scale) {
    MVCORE_ASSERT(price.known() && quantity_scale >= 0);
    MVCORE_ASSERT(cash_scale >= 0 && cash_scale <= kMostCashDecimals);
    const int scale = quantity_scale + price.scale + instrument.factor_scale;
    const Conversion conversion(nullptr, nullptr, cash_scale);
    i128 cost = 0;
    if (instrument.factor.fits128() && !__builtin_mul_overflow(quantity, price.mantissa, &cost) &&
        !__builtin_mul_overflow(cost, instrument.factor.low128(), &cost) &&
        conversion.fast_amount(cost, scale, cost)) {
        if (!within_integer_digits(cost, cash_scale)) return std::nullopt;
        return cost;
    }
    const i1024 exact = i1024(quantity) * i1024(price.mantissa) * i1024(instrument.factor);
    const i1024 wide = conversion.amount(exact, scale);
    if (!within_integer_digits(wide, cash_scale)) return std::nullopt;
    return wide.low128();
}

}  // namespace

std::optional<int> minor_units(std::string_view currency) noexcept {
    if (currency.size() != 3) return std::nullopt;
    if (lists(kTwoDecimals, currency)) return 2;
    if (lists(kNoDecimals, currency)) return 0;
    if (lists(kThreeDecimals, currency)) return 3;
    if (lists(kFourDecimals, currency)) return 4;
    return std::nullopt;
}

CashLeg cash_leg(const Order& order, int quantity_scale, const Instrument& instrument,
                 const CashTarget& target) {
    CashLeg leg{target, {}, CashFault::none};
    const FillPrice& price = order.average_price;
    const FillPrice& rolled_price = order.price_of_rolled();
    if (!price.known() || (order.filled == order.rolled && price == rolled_price)) return leg;
    if (!is_code(target.instrument)) {
        const int by = rolled_price.scale - price.scale;
        const i1024 cost = i1024(order.filled) * i1024(price.mantissa) * pow10<16>(std::max(by, 0));
        const i1024 rolled =
            i1024(order.rolled) * i1024(rolled_price.mantissa) * pow10<16>(std::max(-by, 0));
        if (cost != rolled && !instrument.factor.zero()) leg.fault = CashFault::no_target;
        return leg;
    }
    const auto cost = rounded_cost(order.filled, quantity_scale, price, instrument, target.scale);
    const auto rolled =
        rounded_cost(order.rolled, quantity_scale, rolled_price, instrument, target.scale);
    if (cost && rolled) leg.amount = i256(*rolled) - i256(*cost);
    else leg.fault = CashFault::too_large;
    return leg;
}

}  // namespace mvcore
