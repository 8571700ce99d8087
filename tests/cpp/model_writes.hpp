// Applies each kind of write to the model.
#pragma once

#include "model.hpp"

namespace model {

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
        for (const auto& row : *change.prices) put_price(raw(row.instrument), row.price, row.time);
    }
    if (change.holdings) apply_holdings(change);
    if (!change.orders) return;
    if (change.load) orders.clear();
    for (const auto& row : *change.orders) put_order(row, change.order_columns);
}

inline void Model::apply_holdings(const tables::Change& change) {
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
        const auto held = rates[c] ? rates[c]->time : kNoTime;
        if (row.rate.time != kNoTime && held != kNoTime && row.rate.time < held) ++late_fx;
        else
            rates[c] = Rate{{row.rate.mantissa, row.rate.scale},
                            change.with_method ? row.rate.divide : kept,
                            row.rate.time};
    }
}

inline void Model::put_price(int instrument, const Decimal& price, std::int64_t time) {
    auto& asset = assets[std::size_t(instrument)];
    const bool late = asset.price && time != kNoTime && asset.time != kNoTime && time < asset.time;
    if (late) return;
    asset.price = price;
    asset.time = time;
}

// Upserts the row, unless it is late.
inline void Model::put_order(const tables::OrderRow& row, const tables::OrderColumns& with) {
    const auto known = orders.find(row.id);
    Ordered order = known == orders.end() ? Ordered() : known->second;
    if (with.time && row.time != kNoTime && order.time != kNoTime && row.time < order.time) {
        ++late_orders;
        return;
    }
    if (with.account) order.account = row.account;
    if (with.instrument) order.instrument = row.instrument;
    if (with.quantity) order.quantity = fine(row.quantity);
    if (with.filled) order.filled = fine(row.filled.value_or(Decimal{}));
    if (with.rolled) order.rolled = fine(row.rolled.value_or(Decimal{}));
    if (with.status) order.status = row.status.value_or(mvcore::Status::created);
    if (with.time) order.time = row.time;
    if (known != orders.end() && known->second.news() == order.news()) ++unchanged_orders;
    else order.retained = false;
    orders[row.id] = order;
}

inline void Model::roll_day(const std::vector<tables::Holding>* custodian) {
    ++epoch;
    for (const auto& [key, net] : positions()) {
        if (net[mvcore::current] == 0 || custodian != nullptr) holdings.erase(key);
        else holdings[key] = net[mvcore::current];
    }
    if (custodian != nullptr)
        for (const auto& row : *custodian)
            if (row.quantity.mantissa != 0)
                holdings[{row.account, row.instrument}] = fine(row.quantity);
    std::erase_if(orders, [](const auto& o) { return o.second.ended() && o.second.retained; });
    for (auto& [id, order] : orders) {
        order.rolled = order.filled;
        order.retained = order.ended();
    }
}

}  // namespace model
