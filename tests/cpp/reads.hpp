// Reads that name one account or one instrument, and the sums that must agree with one another.
#pragma once

#include "watch.hpp"

namespace model {

// The short way where it is open, else the long one: both say the same.
inline mvcore::AccountValue value(Run& run, std::string_view account, std::string_view currency) {
    mvcore::AccountValue out;
    if (run.chance(50) || !run.book.try_value(account, currency, out))
        out = run.book.value(account, currency);
    return out;
}

inline void check_account(Run& run, int account, int target) {
    const auto name = tables::account(account);
    const auto currency = target == 0 && run.chance(50) ? std::string() : tables::currency(target);
    if (run.model.accounts[std::size_t(account)] == 0 || !run.model.currency_known(target)) {
        CHECK_THROWS(mvcore::ErrorKind::unknown_id, value(run, name, currency));
        return;
    }
    Grouping only;
    only.account_group.assign(std::size_t(account) + 1, -1);
    only.account_group.back() = 0;
    only.account_groups = 1;
    const auto lines = run.model.lines(only, {}, target);
    if (!lines) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, value(run, name, currency));
        return;
    }
    const auto got = value(run, name, currency);
    CHECK(got.epoch == run.model.epoch);
    CHECK(got.amount == (lines->empty() ? 0 : lines->front().amount));
    CHECK(got.unpriced == (lines->empty() ? 0 : lines->front().unpriced));
}

// Nothing where it does not fit 38 digits.
inline std::optional<i128> checked(const i1024& amount) {
    if (amount.magnitude() >= power_of_ten(mvcore::kMaxAmountDigits)) return std::nullopt;
    return amount.low128();
}

inline void check_holdings(Run& run, const Grouping& selection) {
    mvcore::Positions expected;
    bool fits = true;
    for (const auto& [key, quantity] : run.model.holdings) {
        if (selection.of_account(key.first) < 0 || selection.of_instrument(key.second) < 0)
            continue;
        const auto& asset = run.model.assets[std::size_t(key.second)];
        const i1024 value = i1024(quantity) * asset.product();
        const auto own = checked(*run.model.amount(value, asset.currency, asset.currency));
        const auto base = run.model.amount(value, asset.currency, 0);
        const auto in_base = checked(base.value_or(i1024()));
        fits = fits && own && in_base;
        expected.account.push_back(key.first);
        expected.instrument.push_back(key.second);
        expected.currency.push_back(asset.currency);
        expected.quantity.push_back(quantity);
        expected.price.push_back(asset.price ? fine(*asset.price) : 0);
        expected.priced.push_back(asset.price ? 1 : 0);
        expected.converted.push_back(asset.price && base ? 1 : 0);
        expected.market_value.push_back(own.value_or(0));
        expected.base_value.push_back(in_base.value_or(0));
    }
    mvcore::Positions got;
    const auto masters = run.book.state().masters;
    CHECK(!run.book.holdings(selection, masters + 1, got));
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, run.book.holdings(selection, masters, got));
        return;
    }
    CHECK(run.book.holdings(selection, masters, got));
    CHECK(got.epoch == run.model.epoch);
    CHECK(got.account == expected.account && got.instrument == expected.instrument);
    CHECK(got.currency == expected.currency && got.quantity == expected.quantity);
    CHECK(got.priced == expected.priced && got.price == expected.price);
    CHECK(got.market_value == expected.market_value);
    CHECK(got.converted == expected.converted && got.base_value == expected.base_value);
}

inline void check_revaluation(Run& run, int instrument) {
    const mvcore::Reading reading(run.book.lock());
    const auto name = tables::instrument(instrument);
    const auto& asset = run.model.assets[std::size_t(instrument)];
    if (!asset.alive) {
        CHECK_THROWS(mvcore::ErrorKind::unknown_id, run.book.revalue(name));
        return;
    }
    std::vector<std::int32_t> accounts;
    std::vector<i128> quantities;
    std::vector<i128> values;
    bool fits = true;
    for (const auto& [key, quantity] : run.model.holdings) {
        if (key.second != instrument) continue;
        const i1024 value = i1024(quantity) * asset.product();
        const auto own = checked(*run.model.amount(value, asset.currency, asset.currency));
        fits = fits && own;
        accounts.push_back(key.first);
        quantities.push_back(quantity);
        values.push_back(own.value_or(0));
    }
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, run.book.revalue(name));
        return;
    }
    const auto got = run.book.revalue(name);
    CHECK(got.epoch() == run.model.epoch && got.size() == accounts.size());
    CHECK(got.priced() == asset.price.has_value());
    CHECK(got.price() == (asset.price ? fine(*asset.price) : 0));
    CHECK(got.accounts() == accounts && got.quantities() == quantities);
    CHECK(got.values() == values);
}

inline void check_prices(Run& run) {
    const auto got = run.book.prices();
    std::vector<std::int32_t> instruments;
    std::vector<i128> prices;
    std::vector<std::int64_t> times;
    for (int i = 0; i < run.instruments(); ++i) {
        const auto& asset = run.model.assets[std::size_t(i)];
        if (!asset.price) continue;
        instruments.push_back(i);
        prices.push_back(fine(*asset.price));
        times.push_back(asset.time);
    }
    CHECK(got.epoch == run.model.epoch);
    CHECK(got.instrument == instruments && got.price == prices && got.time == times);
}

// By account, by instrument and in one sum, unit by unit before anything is rounded; and all
// together the model's grand total.
inline void check_sums(Run& run) {
    const auto& state = run.book.state();
    const auto instruments = run.instruments();
    Grouping everything = grouping_of(By::all, run.accounts(), instruments);
    Grouping by_instrument = everything;
    by_instrument.instrument_groups = static_cast<std::uint32_t>(instruments);
    for (int i = 0; i < instruments; ++i) by_instrument.instrument_group.push_back(i);
    mvcore::Totals totals[3];
    totals[0].build(state, grouping_of(By::account, run.accounts(), instruments), true);
    totals[1].build(state, by_instrument, true);
    totals[2].build(state, everything, true);
    std::array<i1024, tables::kCurrencies.size()> whole;
    std::size_t counts[3] = {};
    for (mvcore::UnitId unit = 0; unit < state.board.units(); ++unit) {
        mvcore::i256 sums[3];
        for (int k = 0; k < 3; ++k)
            for (std::uint32_t place = 0; place < totals[k].units().size(); ++place)
                for (std::size_t row = 0; row < totals[k].rows(); ++row) {
                    if (totals[k].units()[place] != unit) break;
                    sums[k] += totals[k].total(place, row);
                    counts[k] += totals[k].count(place, row);
                }
        CHECK(sums[0] == sums[2] && sums[1] == sums[2]);
        const auto& u = state.board.unit(unit);
        if (u.priced())
            whole[std::size_t(u.currency)] += i1024(sums[2]) * power_of_ten(kValueFine - u.scale);
    }
    for (auto count : counts) CHECK(count == run.model.holdings.size());
    for (const auto& [row, sums] : run.model.sums(everything, {}))
        for (std::size_t c = 0; c < sums.size(); ++c) CHECK(sums[c].total == whole[c]);
}

inline void check_point_reads(Run& run) {
    for (int k = 0; k < 5; ++k) {
        check_account(run, run.pick(run.accounts()), run.pick(4));
        check_revaluation(run, run.pick(run.instruments()));
    }
    check_prices(run);
    check_holdings(run, grouping_of(By::few_by_kind, run.accounts(), run.instruments()));
}

}  // namespace model
