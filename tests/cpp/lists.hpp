// Checks lists of holdings, orders and prices against the model.
#pragma once

#include "reader_under_test.hpp"

namespace model {

// Empty if the amount does not fit 38 digits.
inline std::optional<i128> checked(const i1024& amount) {
    if (amount.magnitude() >= power_of_ten(mvcore::kMaxAmountDigits)) return std::nullopt;
    return amount.low128();
}

// The codes that have a group.
template <class C>
std::vector<C> chosen(const std::vector<std::int32_t>& groups) {
    std::vector<C> out;
    for (std::size_t k = 0; k < groups.size(); ++k)
        if (groups[k] >= 0) out.push_back(C(k));
    return out;
}

inline mvcore::CodeSelection selection_of(const Grouping& grouping, std::uint64_t masters) {
    mvcore::CodeSelection out;
    if (!grouping.account_group.empty())
        out.accounts = chosen<mvcore::AccountCode>(grouping.account_group);
    if (!grouping.instrument_group.empty())
        out.instruments = chosen<mvcore::InstrumentCode>(grouping.instrument_group);
    out.masters = masters;
    return out;
}

inline void check_holdings(const ReaderUnderTest& tested, const Grouping& selection) {
    struct Row {
        int account;
        int instrument;
        i128 quantity;
        i128 own_amount;
        i128 amount;
        bool converted;
    };
    std::vector<Row> expected;
    bool fits = true;
    for (const auto& [key, quantity] : tested.model.holdings) {
        if (selection.of_account(mvcore::AccountCode(key.first)) < 0 ||
            selection.of_instrument(mvcore::InstrumentCode(key.second)) < 0)
            continue;
        const auto& asset = tested.model.assets[std::size_t(key.second)];
        const i1024 value = i1024(quantity) * asset.product();
        const auto own = checked(*tested.model.amount(value, asset.currency, asset.currency));
        const auto base = tested.model.amount(value, asset.currency, 0);
        const auto in_base = checked(base.value_or(i1024()));
        fits = fits && own && in_base;
        expected.push_back({key.first, key.second, quantity, own.value_or(0), in_base.value_or(0),
                            asset.price && base});
    }
    mvcore::PositionQuery query{selection_of(selection, tested.reader.state().masters + 1)};
    query.holdings = true;
    mvcore::PositionList got;
    CHECK(!tested.reader.positions(query, got));
    --query.masters;
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, tested.reader.positions(query, got));
        return;
    }
    CHECK(tested.reader.positions(query, got));
    CHECK(got.epoch() == tested.model.epoch && got.size() == expected.size());
    const auto instruments = got.instruments();
    const auto currencies = got.own_currencies();
    const auto quantities = got.quantities(mvcore::sod);
    const auto prices = got.prices();
    const auto priced = got.priced();
    const auto valued = got.valued();
    const auto own_amounts = got.own_amounts();
    const auto amounts = got.amounts(mvcore::sod);
    for (std::size_t k = 0; k < expected.size(); ++k) {
        const Row& row = expected[k];
        const auto& asset = tested.model.assets[std::size_t(row.instrument)];
        CHECK(got.accounts()[k] == row.account && instruments[k] == row.instrument);
        CHECK(currencies[k] == asset.currency && quantities[k] == row.quantity);
        CHECK(priced[k] == (asset.price ? 1 : 0) && valued[k] == (row.converted ? 1 : 0));
        CHECK(prices[k] == (asset.price ? fine(*asset.price) : 0));
        CHECK(own_amounts[k] == row.own_amount && amounts[k] == row.amount);
    }
}

// `target`: of the amounts, or kLocal. Either side of the selection may be empty: all.
inline void check_positions(const ReaderUnderTest& tested, const Grouping& selection, int target) {
    mvcore::PositionQuery query{selection_of(selection, tested.reader.state().masters + 1)};
    query.currency = target;
    mvcore::PositionList got;
    CHECK(!tested.reader.positions(query, got));
    --query.masters;
    std::vector<std::tuple<int, int, Net, std::array<std::optional<i128>, 3>>> expected;
    bool fits = true;
    for (const auto& [key, net] : tested.model.positions()) {
        const auto [account, instrument] = key;
        if ((query.accounts && selection.of_account(mvcore::AccountCode(account)) < 0) ||
            selection.of_instrument(mvcore::InstrumentCode(instrument)) < 0)
            continue;
        const auto& asset = tested.model.assets[std::size_t(instrument)];
        std::array<std::optional<i128>, 3> amounts;
        for (std::size_t m = 0; m < 3 && asset.price; ++m) {
            const auto exact =
                tested.model.amount(i1024(net[m]) * asset.product(), asset.currency,
                                    target == mvcore::kLocal ? asset.currency : target);
            if (!exact) continue;
            amounts[m] = checked(*exact);
            fits = fits && amounts[m];
        }
        expected.emplace_back(account, instrument, net, amounts);
    }
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, tested.reader.positions(query, got));
        return;
    }
    CHECK(tested.reader.positions(query, got));
    CHECK(got.epoch() == tested.model.epoch && got.size() == expected.size());
    const auto instruments = got.instruments();
    const auto priced = got.priced();
    const auto prices = got.prices();
    const auto valued = got.valued();
    for (std::size_t k = 0; k < expected.size(); ++k) {
        const auto& [account, instrument, net, amounts] = expected[k];
        const auto& asset = tested.model.assets[std::size_t(instrument)];
        CHECK(got.accounts()[k] == account && instruments[k] == instrument);
        CHECK(priced[k] == (asset.price ? 1 : 0) && valued[k] == (amounts[0] ? 1 : 0));
        CHECK(prices[k] == (asset.price ? fine(*asset.price) : 0));
    }
    for (int m = 0; m < mvcore::kMeasures; ++m) {
        const auto quantities = got.quantities(static_cast<mvcore::Measure>(m));
        const auto amounts = got.amounts(static_cast<mvcore::Measure>(m));
        for (std::size_t k = 0; k < expected.size(); ++k) {
            CHECK(quantities[k] == std::get<2>(expected[k])[std::size_t(m)]);
            CHECK(amounts[k] == std::get<3>(expected[k])[std::size_t(m)].value_or(0));
        }
    }
}

// Compares the holdings by account, then the orders in any order.
inline void check_revaluation(const ReaderUnderTest& tested, int instrument) {
    using Row = std::tuple<Id, int, i128, i128>;  // order id, account, quantity, value
    const auto name = tables::instrument(instrument);
    const auto& assets = tested.model.assets;
    if (std::size_t(instrument) >= assets.size() || !assets[std::size_t(instrument)].alive) {
        CHECK_THROWS(mvcore::ErrorKind::unknown_id, tested.reader.revalue(name));
        return;
    }
    const auto& asset = assets[std::size_t(instrument)];
    bool fits = true;
    const auto value = [&](i128 quantity) {
        const auto own = checked(*tested.model.amount(i1024(quantity) * asset.product(), 0, 0));
        fits = fits && own;
        return own.value_or(0);
    };
    std::vector<Row> holdings;
    std::vector<Row> orders;
    for (const auto& [key, q] : tested.model.holdings)
        if (key.second == instrument) holdings.emplace_back(Id(), key.first, q, value(q));
    for (const auto& [id, o] : tested.model.orders)
        if (o.instrument == instrument)
            orders.emplace_back(id, o.account, o.quantity, value(o.quantity));
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, tested.reader.revalue(name));
        return;
    }
    const auto got = tested.reader.revalue(name);
    CHECK(got.epoch() == tested.model.epoch && got.size() == holdings.size() + orders.size());
    CHECK(got.holdings() == holdings.size() && got.priced() == asset.price.has_value());
    CHECK(got.price() == (asset.price ? fine(*asset.price) : 0));
    const bool text = got.id_kind() == mvcore::IdKind::text;
    const auto numbers = text ? std::vector<std::int64_t>() : got.numbers();
    const auto texts = text ? got.texts() : std::vector<std::string_view>();
    const auto accounts = got.accounts();
    const auto quantities = got.quantities();
    const auto values = got.values();
    if (const auto narrow = got.narrow_values())
        CHECK(std::equal(narrow->begin(), narrow->end(), values.begin(), values.end()));
    std::vector<Row> rows;
    for (std::size_t k = 0; k < accounts.size(); ++k) {
        const auto at = k - holdings.size();
        const Id id = k < holdings.size() ? Id()
                      : text              ? Id(std::string(texts.at(at)))
                                          : Id(numbers.at(at));
        rows.emplace_back(id, accounts[k], quantities.at(k), values.at(k));
    }
    std::sort(rows.begin() + static_cast<std::ptrdiff_t>(got.holdings()), rows.end());
    holdings.insert(holdings.end(), orders.begin(), orders.end());
    CHECK(rows == holdings);
}

// Either side of the selection may be empty: all.
inline void check_orders(const ReaderUnderTest& tested, const Grouping& selection) {
    using Row = std::tuple<int, int, Id>;
    std::map<Row, Ordered> expected;
    for (const auto& [id, order] : tested.model.orders)
        if ((selection.account_group.empty() ||
             selection.of_account(mvcore::AccountCode(order.account)) >= 0) &&
            selection.of_instrument(mvcore::InstrumentCode(order.instrument)) >= 0)
            expected.emplace(Row(order.account, order.instrument, id), order);
    const auto value = [&](const Ordered& order, i128 quantity) {
        const auto& asset = tested.model.assets[std::size_t(order.instrument)];
        return checked(*tested.model.amount(i1024(quantity) * asset.product(), 0, 0));
    };
    auto codes = selection_of(selection, tested.reader.state().masters + 1);
    mvcore::OrderList got;
    CHECK(!tested.reader.orders(codes, got));
    --codes.masters;
    if (std::any_of(expected.begin(), expected.end(), [&](const auto& e) {
            return !value(e.second, e.second.quantity) || !value(e.second, e.second.filled);
        })) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, tested.reader.orders(codes, got));
        return;
    }
    CHECK(tested.reader.orders(codes, got));
    CHECK(got.epoch == tested.model.epoch && got.account.size() == expected.size());
    std::size_t k = 0;
    for (const auto& [row, order] : expected) {
        const auto& asset = tested.model.assets[std::size_t(order.instrument)];
        const bool text = got.kind == mvcore::IdKind::text;
        const Id id = text ? Id(std::string(got.text.at(k))) : Id(got.number.at(k));
        CHECK(row == Row(got.account[k], got.instrument[k], id));
        CHECK(got.quantity[k] == order.quantity && got.filled[k] == order.filled);
        CHECK(got.leaves[k] == order.leaves() && got.status[k] == static_cast<int>(order.status));
        CHECK(got.currency[k] == asset.currency && got.priced[k] == (asset.price ? 1 : 0));
        CHECK(got.price[k] == (asset.price ? fine(*asset.price) : 0));
        CHECK(got.market_value[k] == *value(order, order.quantity));
        CHECK(got.filled_value[k] == *value(order, order.filled));
        ++k;
    }
}

inline void check_prices(const ReaderUnderTest& tested) {
    const auto got = tested.reader.prices();
    std::vector<std::int32_t> instruments;
    std::vector<i128> prices;
    std::vector<std::int64_t> times;
    for (int i = 0; i < static_cast<int>(tested.model.assets.size()); ++i) {
        const auto& asset = tested.model.assets[std::size_t(i)];
        if (!asset.price) continue;
        instruments.push_back(i);
        prices.push_back(fine(*asset.price));
        times.push_back(asset.time);
    }
    CHECK(got.epoch == tested.model.epoch);
    CHECK(got.instrument == instruments && got.price == prices && got.time == times);
}

}  // namespace model
