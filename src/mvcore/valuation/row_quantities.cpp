#include "mvcore/valuation/row_quantities.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/valuation/positions.hpp"

namespace mvcore {
namespace {

PositionList positions_of(const State& state, const Grouping& grouping, std::uint64_t& cells) {
    PositionQuery query;
    if (!grouping.whole()) {
        query.accounts.emplace();
        grouping.for_accounts([&](auto account, auto) { query.accounts->push_back(account); });
    }
    query.instruments.emplace();
    for (const auto i : instruments_below(state.board.size()))
        if (grouping.of_instrument(i) >= 0) query.instruments->push_back(i);
    query.currency = kLocal;
    query.masters = state.masters;
    auto plan = PositionPlan::of(state, query, PositionPlan::kUnlimited);
    plan.by_account = plan.by_account && state.index.built();
    return {state, query, plan, 0, cells};
}

}  // namespace

void add_quantities(const State& state, const Grouping& grouping,
                    const std::vector<std::vector<std::int32_t>>& levels,
                    const RowQuantities& asked, int column, ResultRows& rows,
                    std::uint64_t& cells) {
    MVCORE_ASSERT(!grouping.one_instrument_group() && rows.epoch == state.epoch);
    MVCORE_ASSERT(levels.empty() || std::is_sorted(rows.row.begin(), rows.row.end()));
    const auto size = rows.size();
    const PositionList list = positions_of(state, grouping, cells);
    const auto instruments = list.instruments();
    const auto prices = list.prices();
    const auto priced = list.priced();
    rows.prices.assign(size, 0);
    rows.priced.assign(size, 0);
    rows.of_one_instrument.assign(size, 0);
    // The result rows of the pairs of groups. A pair of one instrument has one result row.
    RowTable table;
    std::vector<std::size_t> result_rows;
    if (levels.empty())
        for (std::size_t at = 0; at < size; ++at)
            if (table.add(rows.pair(at)) == result_rows.size()) result_rows.push_back(at);
    // Calls f(position, index of a result row) for each row that the position is part of.
    const auto for_rows = [&](auto&& f) {
        for (std::size_t k = 0; k < list.size(); ++k) {
            const auto instrument = grouping.of_instrument(InstrumentCode(instruments[k]));
            const auto account = grouping.of_account(AccountCode(list.accounts()[k]));
            if (levels.empty()) {
                const auto row = table.find(
                    {static_cast<std::uint32_t>(instrument), static_cast<std::uint32_t>(account)});
                MVCORE_ASSERT(row < result_rows.size());
                f(k, result_rows[row]);
            }
            const auto row =
                std::size_t(instrument) * grouping.account_groups + std::size_t(account);
            for (auto level = asked.first_level; level < levels.size(); ++level) {
                const auto at =
                    std::lower_bound(rows.row.begin(), rows.row.end(), levels[level][row]);
                MVCORE_ASSERT(at != rows.row.end() && *at == levels[level][row]);
                f(k, static_cast<std::size_t>(at - rows.row.begin()));
            }
        }
    };
    for_rows([&](std::size_t k, std::size_t at) {
        rows.prices[at] = prices[k];
        rows.priced[at] = priced[k];
        rows.of_one_instrument[at] = 1;
    });
    for (const Measure measure : asked.measures) {
        const auto quantities = list.quantities(measure);
        std::vector<i256> sums(size);
        for_rows([&](std::size_t k, std::size_t at) { sums[at] += i256(quantities[k]); });
        auto& out = rows.quantities.emplace_back(size);
        for (std::size_t at = 0; at < size; ++at) {
            if (sums[at].magnitude() >= i256(kPow10[38]))
                throw RowOverflow(std::size_t(rows.row[at]), rows.pair(at).instrument_group,
                                  rows.pair(at).account_group, column);
            out[at] = sums[at].low128();
        }
        ++column;
    }
}

}  // namespace mvcore
