// The slow, obvious reference model: maps of plain numbers. It computes every amount from scratch,
// in integers of 1,024 bits and in units so small that every input is a whole number of them.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "mvcore/board/conversion.hpp"
#include "mvcore/state/state.hpp"
#include "tables.hpp"

namespace model {

using mvcore::Decimal;
using mvcore::Grouping;
using mvcore::i1024;
using mvcore::i128;
using mvcore::kLocal;
using mvcore::kNoTime;
using mvcore::Measures;
using mvcore::Net;
using tables::Id;
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

// Rounds to the nearest integer, and halves to even.
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

    [[nodiscard]] i1024 product() const {  // price * multiplier * quote_factor
        if (!price) return {};
        return i1024(fine(*price)) * i1024(fine(multiplier)) * i1024(fine(quote_factor));
    }
};

struct Rate {
    Decimal rate;
    bool divide;
    std::int64_t time = kNoTime;
};

// An order. Quantities are in units of 10^-18.
struct Ordered {
    int account = -1;
    int instrument = -1;
    i128 quantity = 0;
    i128 filled = 0;
    i128 rolled = 0;
    std::int64_t time = kNoTime;
    mvcore::Status status = mvcore::Status::created;
    bool retained = false;  // it had ended at the last roll, and nothing changed it since

    [[nodiscard]] bool complete() const {
        return mvcore::magnitude(filled) >= mvcore::magnitude(quantity);
    }
    [[nodiscard]] i128 leaves() const {
        static const std::set<mvcore::Status> closed = {
            mvcore::Status::filled,    mvcore::Status::done_for_day, mvcore::Status::canceled,
            mvcore::Status::replaced,  mvcore::Status::rejected,     mvcore::Status::expired,
            mvcore::Status::calculated};
        return complete() || closed.count(status) != 0 ? 0 : quantity - filled;
    }
    [[nodiscard]] bool ended() const {
        const bool for_the_day =
            status == mvcore::Status::done_for_day || status == mvcore::Status::calculated;
        return complete() || (leaves() == 0 && !for_the_day);
    }
    // Everything that a report may change, except its time.
    [[nodiscard]] auto news() const {
        return std::tuple(account, instrument, quantity, filled, rolled, status);
    }
};

// Totals of one row in one currency.
struct Sum {
    std::array<i1024, mvcore::kMeasures> total;
    std::uint32_t held = 0;
    std::uint32_t unpriced = 0;
};
using Sums = std::array<Sum, tables::kCurrencies.size()>;

// A row as a read returns it.
struct Line {
    std::int32_t row;
    std::int32_t currency;  // -1 unless local
    Net amount;             // of each requested measure; other entries are zero
    std::uint32_t unpriced;

    friend bool operator==(const Line&, const Line&) = default;
};

class Model {
public:
    explicit Model(int value_scale) : value_scale(value_scale) {}

    int value_scale;
    mvcore::Epoch epoch{};
    std::uint64_t late_orders = 0;
    std::uint64_t late_fx = 0;
    std::uint64_t unchanged_orders = 0;
    std::vector<std::uint8_t> accounts;  // whether alive
    std::vector<Asset> assets;
    std::map<std::pair<int, int>, i128> holdings;  // by account and instrument; never zero
    std::map<Id, Ordered> orders;
    // Empty for the base currency, 0.
    std::array<std::optional<Rate>, tables::kCurrencies.size()> rates;

    void apply(const tables::Change& change);
    void put_price(int instrument, const Decimal& price, std::int64_t time);
    void put_order(const tables::OrderRow& row, const tables::OrderColumns& with);
    // Starts the day from these holdings; null: from the current quantities.
    void roll_day(const std::vector<tables::Holding>* custodian = nullptr);
    // Positions with at least one measure that is not zero.
    [[nodiscard]] std::map<std::pair<int, int>, Net> positions() const;
    // Whether a position or an order refers to it.
    [[nodiscard]] bool account_held(int account) const;
    [[nodiscard]] bool instrument_held(int instrument) const;
    [[nodiscard]] bool currency_known(int currency) const {
        bool known = currency == 0 || rates[std::size_t(currency)];
        for (const auto& asset : assets)
            known = known || (asset.alive && asset.currency == currency);
        return known;
    }

    [[nodiscard]] std::map<std::size_t, Sums> sums(const Grouping& grouping,
                                                   const Levels& levels) const;
    // Empty if an amount has more than 38 digits.
    [[nodiscard]] std::optional<std::vector<Line>> lines(const Grouping& grouping,
                                                         const Levels& levels, int target,
                                                         const Measures& measures) const;
    // Converts total / 10^72 from one currency to another and rounds it. Empty if a rate is
    // missing.
    [[nodiscard]] std::optional<i1024> amount(const i1024& total, int source, int target) const;

private:
    void apply_instruments(const tables::Change& change);
    void apply_rates(const tables::Change& change);
    void apply_holdings(const tables::Change& change);
};

inline std::map<std::pair<int, int>, Net> Model::positions() const {
    std::map<std::pair<int, int>, Net> out;
    for (const auto& [key, quantity] : holdings) out[key] = mvcore::all_of(quantity);
    for (const auto& [id, order] : orders) {
        Net& net = out[{order.account, order.instrument}];
        net[mvcore::current] += order.filled - order.rolled;
        net[mvcore::expected] += order.filled - order.rolled + order.leaves();
    }
    std::erase_if(out, [](const auto& position) { return !mvcore::held(position.second); });
    return out;
}

inline bool Model::account_held(int account) const {
    for (const auto& [key, net] : positions())
        if (key.first == account) return true;
    return std::any_of(orders.begin(), orders.end(),
                       [&](const auto& o) { return o.second.account == account; });
}

inline bool Model::instrument_held(int instrument) const {
    for (const auto& [key, net] : positions())
        if (key.second == instrument) return true;
    return std::any_of(orders.begin(), orders.end(),
                       [&](const auto& o) { return o.second.instrument == instrument; });
}

inline std::map<std::size_t, Sums> Model::sums(const Grouping& grouping,
                                               const Levels& levels) const {
    std::vector<i1024> products;
    for (const auto& asset : assets) products.push_back(asset.product());
    std::map<std::size_t, Sums> out;
    for (const auto& [key, net] : positions()) {
        const auto account_group = grouping.of_account(mvcore::AccountCode(key.first));
        const auto instrument_group = grouping.of_instrument(mvcore::InstrumentCode(key.second));
        if (account_group < 0 || instrument_group < 0) continue;
        const auto row =
            std::size_t(instrument_group) * grouping.account_groups + std::size_t(account_group);
        const auto& asset = assets[std::size_t(key.second)];
        const auto& product = products[std::size_t(key.second)];
        std::array<i1024, mvcore::kMeasures> value{i1024(net[0]) * product};
        for (std::size_t m = 1; m < value.size(); ++m)
            value[m] = net[m] == net[0] ? value[0] : i1024(net[m]) * product;
        auto add = [&](std::size_t to) {
            Sum& sum = out[to][std::size_t(asset.currency)];
            for (std::size_t m = 0; m < value.size(); ++m) sum.total[m] += value[m];
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
                                                     int target, const Measures& measures) const {
    std::vector<Line> out;
    bool fits = true;
    auto emit = [&](std::size_t row, int currency, const auto& amounts, std::uint32_t unpriced) {
        Line line{static_cast<std::int32_t>(row), currency, {}, unpriced};
        for (std::size_t k = 0; k < measures.size(); ++k) {
            const i1024& amount = amounts[measures[k]];
            fits = fits && amount.magnitude() < power_of_ten(mvcore::kMaxAmountDigits);
            line.amount[k] = amount.low128();
        }
        out.push_back(line);
    };
    for (const auto& [row, sums] : sums(grouping, levels)) {
        std::array<i1024, mvcore::kMeasures> whole;
        std::uint32_t unpriced = 0;
        for (int c = 0; c < static_cast<int>(sums.size()); ++c) {
            const Sum& sum = sums[std::size_t(c)];
            if (sum.held == 0) continue;
            std::array<i1024, mvcore::kMeasures> parts;
            bool known = true;
            for (auto m : measures) {
                const auto part = amount(sum.total[m], c, target == kLocal ? c : target);
                known = part.has_value();
                parts[m] = part.value_or(i1024());
                whole[m] += parts[m];
            }
            if (target == kLocal) emit(row, c, parts, sum.unpriced);
            unpriced += known ? sum.unpriced : sum.held;
        }
        if (target != kLocal) emit(row, -1, whole, unpriced);
    }
    if (!fits) return std::nullopt;
    return out;
}

}  // namespace model
