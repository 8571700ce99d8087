// The slow, obvious book: maps of plain numbers. Every figure is made from scratch, in integers of
// 1,024 bits that count in units so small that every input is a whole number of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "mvcore/amounts.hpp"
#include "mvcore/state.hpp"
#include "tables.hpp"

namespace model {

using mvcore::Decimal;
using mvcore::Grouping;
using mvcore::i1024;
using mvcore::i128;
using mvcore::kLocal;
using mvcore::kNoTime;
using Levels = std::vector<std::vector<std::int32_t>>;

inline constexpr int kFine = 18;              // decimals of any input
inline constexpr int kValueFine = 4 * kFine;  // quantity x price x multiplier x quote_factor

inline i128 fine(const Decimal& d) {
    return d.mantissa * mvcore::kPow10[static_cast<std::size_t>(kFine - d.scale)];
}

inline const i1024& power_of_ten(int exponent) {
    static const std::vector<i1024> powers = [] {
        std::vector<i1024> out;
        for (int k = 0; k <= kValueFine + mvcore::kMaxValueScale; ++k)
            out.push_back(mvcore::pow10<16>(k));
        return out;
    }();
    return powers[static_cast<std::size_t>(exponent)];
}

// To the nearest integer, of two as near to the even one.
inline i1024 rounded(const i1024& numerator, const i1024& denominator) {
    const auto [whole, rest] = mvcore::divide_unsigned(numerator.magnitude(), denominator);
    const i1024 above = denominator - rest;
    const bool up = rest > above || (rest == above && whole.w[0] % 2 == 1);
    const i1024 size = up ? whole + i1024(1) : whole;
    return numerator.negative() ? -size : size;
}

struct Asset {
    bool alive = false;
    int currency = -1;
    Decimal multiplier{1, 0};
    Decimal quote_factor{1, 0};
    std::optional<Decimal> price;
    std::int64_t time = kNoTime;

    [[nodiscard]] i1024 product() const {  // of price, multiplier and quote_factor
        if (!price) return {};
        return i1024(fine(*price)) * i1024(fine(multiplier)) * i1024(fine(quote_factor));
    }
};

struct Rate {
    Decimal rate;
    bool divide;
};

// What one row holds in one currency.
struct Sum {
    i1024 total;
    std::uint32_t held = 0;
    std::uint32_t unpriced = 0;
};
using Sums = std::array<Sum, tables::kCurrencies.size()>;

// A row as a read hands it out.
struct Line {
    std::int32_t row;
    std::int32_t currency;  // -1 unless local
    i128 amount;
    std::uint32_t unpriced;

    friend bool operator==(const Line&, const Line&) = default;
};

class Model {
public:
    explicit Model(int value_scale) : value_scale(value_scale) {}

    const int value_scale;
    std::uint64_t epoch = 0;
    std::vector<std::uint8_t> accounts;  // whether alive
    std::vector<Asset> assets;
    std::map<std::pair<int, int>, i128> holdings;  // by account and instrument, none is zero
    std::array<std::optional<Rate>, tables::kCurrencies.size()> rates;  // none for the base, 0

    void apply(const tables::Change& change);
    void put_price(int instrument, const Decimal& price, std::int64_t time);
    // Whether somebody holds it.
    [[nodiscard]] bool account_held(int account) const {
        const auto first = holdings.lower_bound({account, 0});
        return first != holdings.end() && first->first.first == account;
    }
    [[nodiscard]] bool instrument_held(int instrument) const {
        for (const auto& [key, quantity] : holdings)
            if (key.second == instrument) return true;
        return false;
    }
    [[nodiscard]] bool currency_known(int currency) const {
        bool known = currency == 0 || rates[std::size_t(currency)];
        for (const auto& asset : assets)
            known = known || (asset.alive && asset.currency == currency);
        return known;
    }

    [[nodiscard]] std::map<std::size_t, Sums> sums(const Grouping& grouping,
                                                   const Levels& levels) const;
    // Nothing where an amount has more than 38 digits.
    [[nodiscard]] std::optional<std::vector<Line>> lines(const Grouping& grouping,
                                                         const Levels& levels, int target) const;
    // total / 10^72 of one currency in another, rounded; nothing where a rate is missing.
    [[nodiscard]] std::optional<i1024> amount(const i1024& total, int source, int target) const;

private:
    void apply_instruments(const tables::Change& change);
    void apply_rates(const tables::Change& change);
};

inline void Model::apply(const tables::Change& change) {
    ++epoch;
    if (change.instruments) apply_instruments(change);
    if (change.accounts) {
        if (change.load) accounts.assign(accounts.size(), 0);
        for (auto a : *change.accounts) {
            if (std::size_t(a) >= accounts.size()) accounts.resize(std::size_t(a) + 1, 0);
            accounts[std::size_t(a)] = 1;
        }
    }
    if (change.fx) apply_rates(change);
    if (change.prices) {
        if (change.load)
            for (auto& asset : assets) asset.price.reset(), asset.time = kNoTime;
        for (const auto& row : *change.prices) put_price(row.instrument, row.price, row.time);
    }
    if (!change.holdings) return;
    if (change.load) holdings.clear();
    for (const auto& row : *change.holdings) {
        const std::pair key(row.account, row.instrument);
        if (row.quantity.mantissa == 0) holdings.erase(key);
        else holdings[key] = fine(row.quantity);
    }
}

inline void Model::apply_instruments(const tables::Change& change) {
    auto before = assets;
    if (change.load)
        for (auto& asset : assets) asset = {};
    for (const auto& row : *change.instruments) {
        const auto i = static_cast<std::size_t>(row.instrument);
        if (i >= assets.size()) assets.resize(i + 1);
        if (i < before.size() && before[i].alive) assets[i] = before[i];
        auto& asset = assets[i];
        asset.alive = true;
        asset.currency = row.currency;
        if (change.with_terms || change.load) {
            asset.multiplier = row.multiplier.value_or(Decimal{1, 0});
            asset.quote_factor = row.quote_factor.value_or(Decimal{1, 0});
        }
    }
}

inline void Model::apply_rates(const tables::Change& change) {
    const auto before = rates;
    if (change.load) rates = {};
    for (const auto& row : *change.fx) {
        if (row.currency == 0) continue;
        const auto c = static_cast<std::size_t>(row.currency);
        const bool kept = !change.load && before[c] && before[c]->divide;
        rates[c] =
            Rate{{row.rate.mantissa, row.rate.scale}, change.with_method ? row.rate.divide : kept};
    }
}

inline void Model::put_price(int instrument, const Decimal& price, std::int64_t time) {
    auto& asset = assets[std::size_t(instrument)];
    const bool late = asset.price && time != kNoTime && asset.time != kNoTime && time < asset.time;
    if (late) return;
    asset.price = price;
    asset.time = time;
}

inline std::map<std::size_t, Sums> Model::sums(const Grouping& grouping,
                                               const Levels& levels) const {
    std::vector<i1024> products;
    for (const auto& asset : assets) products.push_back(asset.product());
    std::map<std::size_t, Sums> out;
    for (const auto& [key, quantity] : holdings) {
        const auto account_group = grouping.of_account(key.first);
        const auto instrument_group = grouping.of_instrument(key.second);
        if (account_group < 0 || instrument_group < 0) continue;
        const auto row =
            std::size_t(instrument_group) * grouping.account_groups + std::size_t(account_group);
        const auto& asset = assets[std::size_t(key.second)];
        const i1024 value = i1024(quantity) * products[std::size_t(key.second)];
        auto add = [&](std::size_t to) {
            Sum& sum = out[to][std::size_t(asset.currency)];
            sum.total += value;
            ++sum.held;
            if (!asset.price) ++sum.unpriced;
        };
        if (levels.empty()) add(row);
        for (const auto& level : levels) add(std::size_t(level[row]));
    }
    return out;
}

inline std::optional<i1024> Model::amount(const i1024& total, int source, int target) const {
    i1024 numerator = total * power_of_ten(value_scale);
    i1024 denominator = power_of_ten(kValueFine);
    auto convert = [&](int currency, bool towards_base) {
        if (currency == 0) return true;
        const auto& rate = rates[std::size_t(currency)];
        if (!rate) return false;
        i1024 up(rate->rate.mantissa);
        i1024 down = power_of_ten(rate->rate.scale);
        if (rate->divide == towards_base) std::swap(up, down);
        numerator = numerator * up;
        denominator = denominator * down;
        return true;
    };
    if (source != target && !(convert(source, true) && convert(target, false))) return std::nullopt;
    return rounded(numerator, denominator);
}

inline std::optional<std::vector<Line>> Model::lines(const Grouping& grouping, const Levels& levels,
                                                     int target) const {
    std::vector<Line> out;
    bool fits = true;
    auto emit = [&](std::size_t row, int currency, const i1024& amount, std::uint32_t unpriced) {
        fits = fits && amount.magnitude() < power_of_ten(mvcore::kMaxAmountDigits);
        out.push_back({static_cast<std::int32_t>(row), currency, amount.low128(), unpriced});
    };
    for (const auto& [row, sums] : sums(grouping, levels)) {
        i1024 whole;
        std::uint32_t unpriced = 0;
        for (int c = 0; c < static_cast<int>(sums.size()); ++c) {
            const Sum& sum = sums[std::size_t(c)];
            if (sum.held == 0) continue;
            const auto part = amount(sum.total, c, target == kLocal ? c : target);
            if (target == kLocal) emit(row, c, *part, sum.unpriced);
            whole += part.value_or(i1024());
            unpriced += part ? sum.unpriced : sum.held;
        }
        if (target != kLocal) emit(row, -1, whole, unpriced);
    }
    if (!fits) return std::nullopt;
    return out;
}

}  // namespace model
