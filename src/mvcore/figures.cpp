#include "figures.hpp"

namespace mvcore {

bool needs_counts(const Board& board, const Target& target) {
    if (target.local()) return true;
    auto known = [&](std::int32_t currency) {
        return currency == target.base || board.rate(currency).known();
    };
    for (UnitId u = 0; u < board.units(); ++u) {
        const auto currency = board.unit(u).currency;
        if (currency != target.currency && !(known(currency) && known(target.currency)))
            return true;
    }
    return false;
}

Figures all_rows(const Totals& totals, const Handout& handout, const Board& board,
                 const Target& target) {
    Figures figures;
    figures.columns = totals.columns();
    hand_out(
        totals, handout, board, target,
        [&](std::size_t row, std::int32_t currency, const Net& amounts, std::uint32_t unpriced) {
            figures.row.push_back(static_cast<std::int32_t>(row));
            if (target.local()) figures.currency.push_back(currency);
            figures.amount.insert(figures.amount.end(), amounts.begin(),
                                  amounts.begin() + figures.columns);
            figures.unpriced.push_back(unpriced);
        });
    return figures;
}

}  // namespace mvcore
