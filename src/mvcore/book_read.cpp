// Reads: each holds the lock for reading, so that everything in an answer is of one epoch.
#include "book.hpp"

#include <algorithm>

#include "errors.hpp"

namespace mvcore {

bool Book::currency_known(std::int32_t c) const {
    return c == base_ || (c >= 0 && std::size_t(c) < currency_users_.size() &&
                          (currency_users_[std::size_t(c)] != 0 || state_.board.rate(c).known()));
}

void Book::build_index() {
    {
        const Reading reading(lock_);
        if (state_.index.built()) return;
    }
    Writing writing(lock_);
    if (state_.index.built()) return;
    writing.publish();
    state_.index.build(state_.grid, state_.board);
    ++counters_.index_builds;
}

AccountValue Book::value(std::string_view account, std::string_view currency) {
    for (;;) {
        {
            const Reading reading(lock_);
            if (state_.index.built()) return value_of(account, currency);
        }
        build_index();
    }
}

bool Book::try_value(std::string_view account, std::string_view currency, AccountValue& out) {
    if (!lock_.try_read()) return false;
    const EndReading end(lock_);
    if (!state_.index.built()) return false;
    out = value_of(account, currency);
    return true;
}

AccountValue Book::value_of(std::string_view name, std::string_view asked) const {
    const auto account = accounts_.find(name);
    if (!account_alive(account))
        throw Error(ErrorKind::unknown_id, "value: unknown account '" + std::string(name) + "'");
    if (asked == "local")
        throw Error(ErrorKind::invalid_input, "value: 'local' is not one currency");
    const auto currency = asked.empty() ? base_ : currencies_.find(asked);
    if (!currency_known(currency))
        throw Error(ErrorKind::unknown_id, "value: unknown currency '" + std::string(asked) + "'");
    const Board& board = state_.board;
    const AccountIndex& index = state_.index;
    AccountValue out;
    out.epoch = state_.epoch;
    thread_local std::vector<UnitTotal> sums;
    sums.clear();
    index.totals(board, account, sums);
    // Nearly every account: one unit, in the currency asked, and everything priced.
    if (sums.size() == 1 && board.unit(sums[0].unit).currency == currency &&
        board.unpriced() == 0) {
        out.amount = value_amount(sums[0].total, board.unit(sums[0].unit).scale, value_scale_);
        return out;
    }
    std::vector<UnitId> units;
    std::vector<i256> totals;
    for (const auto& sum : sums) {
        const auto known = std::find(units.begin(), units.end(), sum.unit);
        if (known == units.end()) {
            units.push_back(sum.unit);
            totals.push_back(sum.total);
        } else {
            totals[std::size_t(known - units.begin())] += sum.total;
        }
    }
    const auto priced = units.size();
    if (board.unpriced() != 0)
        for (UnitId u = 0; u < board.units(); ++u)
            if (!board.unit(u).priced()) units.push_back(u);
    const Handout handout(board, units, base_, currency, value_scale_);
    out.amount = handout.amount([&](std::uint32_t place) { return totals[place]; });
    for (std::uint32_t place = 0; place < units.size(); ++place)
        if (place >= priced || handout.unpriced(place))
            out.unpriced += index.positions(board, account, units[place]);
    return out;
}

bool Book::values(const Grouping& grouping, const std::vector<std::vector<std::int32_t>>& levels,
                  std::size_t rows, std::int32_t currency, std::uint64_t masters, Figures& out) {
    if (Totals::goes_by_account(grouping)) build_index();
    const Reading reading(lock_);
    if (state_.masters != masters) return false;
    const Target asked = target(currency);
    Totals totals;
    totals.build(state_, grouping, needs_counts(state_.board, asked));
    if (!levels.empty()) totals = totals.rolled_up(levels, rows);
    const Handout handout(state_.board, totals.units(), asked.base, asked.currency,
                          asked.value_scale);
    out = all_rows(totals, handout, state_.board, asked);
    out.epoch = state_.epoch;
    counters_.cells_swept += totals.cells_swept();
    return true;
}

bool Book::holdings(const Grouping& selection, std::uint64_t masters, Positions& out) {
    for (;;) {
        {
            const Reading reading(lock_);
            if (state_.masters != masters) return false;
            if (state_.index.built()) {
                out = holdings_of(selection);
                return true;
            }
        }
        build_index();
    }
}

Positions Book::holdings_of(const Grouping& selection) const {
    const Board& board = state_.board;
    const Grid& grid = state_.index.grid();
    Positions out;
    out.epoch = state_.epoch;
    std::vector<Conversion> conversions;
    for (std::int32_t c = 0; c < currencies_.size(); ++c)
        conversions.emplace_back(c == base_ ? nullptr : &board.rate(c), nullptr, value_scale_);
    std::vector<std::pair<std::int32_t, i128>> cells;
    for (std::size_t a = 0; a < grid.lines(); ++a) {
        if (selection.of_account(std::int32_t(a)) < 0) continue;
        cells.clear();
        grid.for_each(a, [&](std::uint32_t slot, i128 quantity) {
            const auto i = state_.index.instrument_at(slot);
            if (selection.of_instrument(i) >= 0) cells.emplace_back(i, quantity);
        });
        std::sort(cells.begin(), cells.end());
        for (const auto& [i, quantity] : cells) {
            const Quote& quote = board.quote(i);
            const Instrument& instrument = board.instrument(i);
            const auto& conversion = conversions[std::size_t(instrument.terms.currency)];
            out.account.push_back(static_cast<std::int32_t>(a));
            out.instrument.push_back(i);
            out.currency.push_back(instrument.terms.currency);
            out.quantity.push_back(quantity * kPow10[std::size_t(18 - instrument.quantity_scale)]);
            out.priced.push_back(quote.priced ? 1 : 0);
            const bool converted = quote.priced && conversion.possible();
            out.converted.push_back(converted ? 1 : 0);
            const i256 value = quote.priced ? i256(quantity) * board.price_of(i) : i256();
            const int scale = quote.priced ? board.value_scale(i) : 0;
            out.price.push_back(quote.priced ? board.price_mantissa(i) *
                                                   kPow10[std::size_t(18 - quote.price_scale)]
                                             : i128{0});
            out.market_value.push_back(value_amount(value, scale, value_scale_));
            i128 quick = 0;
            if (!converted) out.base_value.push_back(0);
            else if (value.fits128() && conversion.quick_amount(value.low128(), scale, quick))
                out.base_value.push_back(checked_amount(quick));
            else out.base_value.push_back(checked_amount(conversion.amount(i1024(value), scale)));
        }
    }
    return out;
}

Revaluation Book::revalue(std::string_view instrument) const {
    const auto code = instruments_.find(instrument);
    if (!instrument_alive(code))
        throw Error(ErrorKind::unknown_id,
                    "revalue: unknown instrument '" + std::string(instrument) + "'");
    return {state_, code, value_scale_};
}

PriceList Book::prices() {
    const Reading reading(lock_);
    PriceList out;
    out.epoch = state_.epoch;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(state_.board.size()); ++i) {
        const Quote& quote = state_.board.quote(i);
        if (!quote.alive || !quote.priced) continue;
        out.instrument.push_back(i);
        out.price.push_back(state_.board.price_mantissa(i) *
                            kPow10[std::size_t(18 - quote.price_scale)]);
        out.time.push_back(quote.time);
        out.changed.push_back(quote.epoch);
    }
    return out;
}

std::uint64_t Book::memory_names() const noexcept {
    return accounts_.memory_bytes() + instruments_.memory_bytes() + currencies_.memory_bytes();
}

}  // namespace mvcore
