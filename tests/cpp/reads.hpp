// Checks reads of one account, one instrument or a selection, on a book or a snapshot, and sums
// that must agree with one another.
#pragma once

#include "lists.hpp"
#include "watch.hpp"

namespace model {

// Takes the fast path if possible, else the slow path. Both give the same result.
inline mvcore::AccountValue value(const ReaderUnderTest& tested, std::string_view account,
                                  std::string_view currency) {
    mvcore::AccountValue out;
    auto* book = dynamic_cast<mvcore::Book*>(&tested.reader);
    if (book == nullptr || tested.run.chance(50) || !book->try_value(account, currency, out))
        out = tested.reader.value(account, currency);
    return out;
}

inline void check_account(const ReaderUnderTest& tested, int account, int target) {
    const auto name = tables::account(account);
    const auto currency =
        target == 0 && tested.run.chance(50) ? std::string() : tables::currency(target);
    const auto known = std::size_t(account) < tested.model.accounts.size() &&
                       tested.model.accounts[std::size_t(account)] != 0;
    if (!known || !tested.model.currency_known(target)) {
        CHECK_THROWS(mvcore::ErrorKind::unknown_id, value(tested, name, currency));
        return;
    }
    Grouping only;
    only.account_group.assign(std::size_t(account) + 1, -1);
    only.account_group.back() = 0;
    only.account_groups = 1;
    const auto lines = tested.model.lines(only, {}, target, kEvery);
    if (!lines) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, value(tested, name, currency));
        return;
    }
    const auto got = value(tested, name, currency);
    CHECK(got.epoch == tested.model.epoch);
    CHECK(got.amount == (lines->empty() ? Net{} : lines->front().amount));
    CHECK(got.unpriced == (lines->empty() ? 0 : lines->front().unpriced));
}

// Totals by account, by instrument and in one sum must agree unit by unit, before any rounding.
// Together they must give the model's grand total.
inline void check_sums(Run& run) {
    const auto& state = run.book.state();
    const auto instruments = run.instruments();
    Grouping everything = grouping_of(By::all, run.accounts(), instruments);
    Grouping by_instrument = everything;
    by_instrument.instrument_groups = static_cast<std::uint32_t>(instruments);
    for (int i = 0; i < instruments; ++i) by_instrument.instrument_group.push_back(i);
    mvcore::Totals totals[3];
    totals[0].build(state, grouping_of(By::account, run.accounts(), instruments), kEvery, true);
    totals[1].build(state, by_instrument, kEvery, true);
    totals[2].build(state, everything, kEvery, true);
    std::array<std::array<i1024, mvcore::kMeasures>, tables::kCurrencies.size()> whole;
    std::size_t counts[3] = {};
    for (mvcore::UnitId unit = 0; unit < state.board.units(); ++unit) {
        std::array<mvcore::i256, mvcore::kMeasures> sums[3];
        for (int k = 0; k < 3; ++k)
            for (std::uint32_t place = 0; place < totals[k].units().size(); ++place)
                for (std::size_t row = 0; row < totals[k].rows(); ++row) {
                    if (totals[k].units()[place] != unit) break;
                    for (std::size_t m = 0; m < mvcore::kMeasures; ++m)
                        sums[k][m] += totals[k].total(
                            place, totals[k].columns() == 1 ? 0 : static_cast<int>(m), row);
                    counts[k] += totals[k].count(place, row);
                }
        CHECK(sums[0] == sums[2] && sums[1] == sums[2]);
        const auto& u = state.board.unit(unit);
        if (u.priced())
            for (std::size_t m = 0; m < mvcore::kMeasures; ++m)
                whole[std::size_t(u.currency)][m] +=
                    i1024(sums[2][m]) * power_of_ten(kValueFine - u.scale);
    }
    const auto positions = run.model.positions().size();
    for (auto count : counts) CHECK(count == positions);
    for (const auto& [row, sums] : run.model.sums(everything, {}))
        for (std::size_t c = 0; c < sums.size(); ++c) CHECK(sums[c].total == whole[c]);
}

inline void check_point_reads(const ReaderUnderTest& tested) {
    Run& run = tested.run;
    const auto accounts = static_cast<int>(tested.model.accounts.size());
    const auto instruments = static_cast<int>(tested.model.assets.size());
    for (int k = 0; k < 5; ++k) {
        check_account(tested, run.pick(accounts + 1), run.pick(4));
        check_revaluation(tested, run.pick(instruments + 1));
    }
    check_prices(tested);
    const auto selection = grouping_of(By::few_by_kind, accounts, instruments);
    check_holdings(tested, selection);
    const int target = tested.run.chance(30) || !tested.model.currency_known(3)
                           ? mvcore::kLocal
                           : tested.run.pick(4);
    check_positions(tested, selection, target);
    check_positions(tested, {}, target);
    Grouping only;
    only.instrument_group.assign(std::size_t(tested.run.pick(instruments + 1)) + 1, -1);
    only.instrument_group.back() = 0;
    check_positions(tested, only, target);
    check_orders(tested, selection);
    check_orders(tested, {});
    check_orders(tested, only);
    Grouping few;
    few.account_group.assign(std::size_t(tested.run.pick(accounts + 1)) + 1, -1);
    few.account_group.back() = 0;
    check_orders(tested, few);
    check_holdings(tested, few);
}
inline void check_point_reads(Run& run) { check_point_reads(ReaderUnderTest(run)); }

// Checks a table of values, at current prices and rates or at those of `other`.
inline void check_values(const ReaderUnderTest& tested, By by, int target, const Measures& measures,
                         const tables::Change* other) {
    auto& reader = tested.reader;
    Model then = tested.model;
    if (other != nullptr) then.apply(*other);
    auto q = question(reader.state(),
                      grouping_of(by, static_cast<int>(then.accounts.size()),
                                  static_cast<int>(then.assets.size())),
                      target, measures);
    const auto expected = then.lines(q.grouping, {}, target, measures);
    const auto make = [&](const auto& names, const auto& state) {
        return mvcore::text::make_batch(names, state, tables::to_tables(*other), false);
    };
    mvcore::ResultRows got;
    const auto ask = [&] {
        if (other == nullptr) return reader.values(q, got);
        const auto currency = target == kLocal ? std::string() : tables::currency(target);
        return reader.values_if(q, currency, make, got);
    };
    ++q.masters;
    CHECK(!ask());
    --q.masters;
    if (!expected) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, ask());
        return;
    }
    CHECK(ask());
    CHECK(got.epoch == tested.model.epoch && reader.state().epoch == tested.model.epoch);
    CHECK(lines_of(got, measures) == *expected);
}

inline void check_some_values(const ReaderUnderTest& tested, int times) {
    Run& run = tested.run;
    for (int k = 0; k < times; ++k) {
        const auto by = kGroupings[run.pick(7)];
        const int target = run.chance(30) || !tested.model.currency_known(3) ? kLocal : run.pick(4);
        const auto other = run.what_if(tested.model);
        check_values(tested, by, target, run.some_measures(), run.chance(60) ? &other : nullptr);
    }
}

// A snapshot and the model of its epoch.
class Kept {
public:
    explicit Kept(Run& run) : run_(run), snapshot_(run.shared), model_(run.model) {}
    void check() {
        const ReaderUnderTest tested(run_, snapshot_, model_);
        check_point_reads(tested);
        check_some_values(tested, 2);
    }

private:
    Run& run_;
    mvcore::Snapshot snapshot_;
    Model model_;
};

}  // namespace model
