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

namespace {

// One unit, whose totals times `factor` are the amounts: 126 bits, fewer than 38 digits have.
void multiplied(const Totals& totals, const std::int64_t* total, std::int64_t factor,
                Figures& out) {
    const auto rows = totals.rows();
    for (std::size_t row = 0; row < rows; ++row) {
        if (totals.positions(row) == 0) continue;
        out.row.push_back(static_cast<std::int32_t>(row));
        for (std::size_t c = 0; c < std::size_t(out.columns); ++c)
            out.amount.push_back(i128{total[c * rows + row]} * factor);
    }
    out.unpriced.assign(out.row.size(), 0);
}

}  // namespace

Figures all_rows(const Totals& totals, const Handout& handout, const Board& board,
                 const Target& target) {
    Figures figures;
    figures.columns = totals.columns();
    figures.row.reserve(totals.rows());
    figures.amount.reserve(totals.rows() * std::size_t(figures.columns));
    const auto factor = target.local() ? 0 : handout.factor();
    if (const auto* total = factor == 0 ? nullptr : totals.totals64(0)) {
        multiplied(totals, total, factor, figures);
        return figures;
    }
    figures.unpriced.reserve(totals.rows());
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
