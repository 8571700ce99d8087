#include "view.hpp"

#include <algorithm>
#include <unordered_map>

namespace mvcore {

void View::reshape(Shape shape) {
    if (shape.levels.empty()) keep_row_numbers(shape.grouping);
    const bool same = built_ && shape.grouping.account_group == shape_.grouping.account_group &&
                      shape.grouping.instrument_group == shape_.grouping.instrument_group &&
                      shape.grouping.rows() == shape_.grouping.rows() &&
                      shape.grouping.whole() == shape_.grouping.whole() &&
                      shape.levels == shape_.levels;
    masters_ = shape.masters;  // the present ones may be newer: then reads find it stale
    shape_ = std::move(shape);
    by_account_ = Totals::goes_by_account(shape_.grouping);
    if (!same) built_ = false;
}

// More account groups shift the numbers of all rows but the first instrument group's.
void View::keep_row_numbers(const Grouping& next) {
    const std::size_t before = shape_.grouping.account_groups;
    const std::size_t after = next.account_groups;
    if (before == after || before == 0 || next.instrument_groups == 1) return;
    for (auto& handed : handed_) {
        std::vector<Handed> moved(next.rows());
        for (std::size_t row = 0; row < handed.size(); ++row)
            if (const auto to = row / before * after + row % before;
                handed[row].present && row % before < after && to < moved.size())
                moved[to] = handed[row];
        handed = std::move(moved);
    }
}

void View::rebuild(const State& state) {
    swept_before_ += totals_.cells_swept();
    totals_.build(state, shape_.grouping, totals_.counted() || needs_counts(state.board, target_));
    handout_.reset();
    built_ = true;
    ++rebuilds_;
}

// Instruments whose price moved since; each is told by its first change.
std::size_t View::moved(const State& state) const noexcept {
    const auto& changes = state.board.changes();
    std::size_t n = 0;
    for (auto place = price_place_; place < changes.end(); ++place)
        n += changes[place].previous > price_place_ ? 0 : 1;
    return n;
}

void View::sync(const State& state) {
    const auto& changes = state.board.changes();
    // Far behind, a rebuild reads less than following would.
    const auto most = by_account_ ? state.board.size() / 16 : state.board.size() / 2;
    const bool lost = !built_ || price_place_ < changes.begin() ||
                      fact_place_ < state.facts.begin() ||
                      (shape_.grouping.whole() && totals_.grid_rows() < state.grid.rows()) ||
                      (!totals_.counted() && needs_counts(state.board, target_));
    // What throws on the way (memory) leaves a view that rebuilds.
    built_ = false;
    if (lost || moved(state) > std::max<std::size_t>(most, 16)) rebuild(state);
    else follow(state);
    built_ = true;
    price_place_ = changes.end();
    fact_place_ = state.facts.end();
}

// Applies the changes of prices, then the facts. A fact meets the price that the totals held for
// its instrument before: q_now * (p_now - p_before) + dq * p_before.
void View::follow(const State& state) {
    const Board& board = state.board;
    const auto& grouping = totals_.grouping();
    const bool facts = fact_place_ != state.facts.end();
    std::unordered_map<std::int32_t, const Change*> before;
    std::vector<UnitId> recompute;
    for (auto place = price_place_; place < board.changes().end(); ++place) {
        const Change& change = board.changes()[place];
        if (change.previous > price_place_) continue;  // met already
        const auto i = change.instrument;
        if (grouping.of_instrument(i) < 0) continue;
        if (facts) before.emplace(i, &change);
        const Quote& now = board.quote(i);
        if (change.wide() || now.wide) {
            recompute.push_back(change.unit());
            recompute.push_back(now.unit);
        } else if (change.unit() == now.unit) {
            if (now.priced)
                totals_.add_line(state, i, now.unit, i256(i128{now.price} - change.price));
        } else {
            if (board.unit(change.unit()).priced())
                totals_.add_line(state, i, change.unit(), -i256(change.price));
            if (now.priced) totals_.add_line(state, i, now.unit, i256(now.price));
            totals_.count_line(state, i, change.unit(), -1);
            totals_.count_line(state, i, now.unit, 1);
        }
    }
    std::sort(recompute.begin(), recompute.end());
    recompute.erase(std::unique(recompute.begin(), recompute.end()), recompute.end());
    for (auto place = fact_place_; place < state.facts.end(); ++place) {
        const Fact& fact = state.facts[place];
        const auto account_group = grouping.of_account(fact.account);
        const auto instrument_group = grouping.of_instrument(fact.instrument);
        if (account_group < 0 || instrument_group < 0) continue;
        const auto row =
            std::size_t(instrument_group) * grouping.account_groups + std::size_t(account_group);
        const auto met = before.find(fact.instrument);
        const UnitId unit =
            met == before.end() ? board.quote(fact.instrument).unit : met->second->unit();
        totals_.count_cell(state, row, unit, static_cast<std::int32_t>(fact.positions));
        if (!board.unit(unit).priced() ||
            std::binary_search(recompute.begin(), recompute.end(), unit))
            continue;
        const i256 price =
            met == before.end() ? board.price_of(fact.instrument) : i256(met->second->price);
        totals_.add_cell(state, row, unit, fact.change, price);
    }
    for (auto unit : recompute) totals_.recompute_unit(state, unit);
}

bool View::quick(const State& state) const noexcept {
    const auto behind =
        state.board.changes().end() - price_place_ + state.facts.end() - fact_place_;
    return built_ && shape_.levels.empty() && totals_.rows() <= 16 && totals_.selected() <= 16 &&
           behind <= 64;
}

const Handout& View::handout(const State& state) {
    const auto& units = totals_.units();
    if (!handout_ || handout_units_ != units.size() ||
        handout_rates_ != state.board.rates_version())
        handout_.emplace(state.board, units, target_.base, target_.currency, target_.value_scale);
    handout_units_ = units.size();
    handout_rates_ = state.board.rates_version();
    return *handout_;
}

std::vector<View::Handed>& View::handed_of(std::int32_t currency) {
    const auto found = std::find(handed_currencies_.begin(), handed_currencies_.end(), currency);
    const auto k = static_cast<std::size_t>(found - handed_currencies_.begin());
    if (found == handed_currencies_.end()) {
        handed_currencies_.push_back(currency);
        handed_.emplace_back();
    }
    return handed_[k];
}

// Hands out all rows, or those that differ from the last hand-out. What is remembered changes
// only after every amount has been found to fit.
Figures View::hand(const State& state, bool everything) {
    Totals storage;
    const Totals& totals =
        shape_.levels.empty() ? totals_ : (storage = totals_.rolled_up(shape_.levels, shape_.rows));
    Figures all = all_rows(totals, handout(state), state.board, target_);
    all.epoch = state.epoch;
    Figures out;
    out.epoch = state.epoch;
    auto emit = [&](std::int32_t row, std::int32_t currency, const Handed& h, bool removed) {
        out.row.push_back(row);
        if (target_.local()) out.currency.push_back(currency);
        out.amount.push_back(h.amount);
        out.unpriced.push_back(h.unpriced);
        out.removed.push_back(removed);
    };
    for (std::size_t k = 0; k < all.size(); ++k) {
        const auto currency = target_.local() ? all.currency[k] : -1;
        auto& handed = handed_of(currency);
        const auto row = static_cast<std::size_t>(all.row[k]);
        if (row >= handed.size()) handed.resize(std::max(row + 1, totals.rows()));
        Handed& h = handed[row];
        h.seen = true;
        if (!everything && h.present && h.amount == all.amount[k] && h.unpriced == all.unpriced[k])
            continue;
        h = {all.amount[k], all.unpriced[k], true, true};
        if (!everything) emit(all.row[k], currency, h, false);
    }
    for (std::size_t c = 0; c < handed_.size(); ++c)
        for (std::size_t row = 0; row < handed_[c].size(); ++row) {
            Handed& h = handed_[c][row];
            if (h.present && !h.seen) {
                h = {};
                if (!everything)
                    emit(static_cast<std::int32_t>(row), handed_currencies_[c], h, true);
            }
            h.seen = false;
        }
    handed_epoch_ = state.epoch;
    handed_masters_ = masters_;
    return everything ? all : out;
}

Figures View::read(const State& state) {
    sync(state);
    return hand(state, true);
}

Figures View::changes(const State& state) {
    sync(state);
    if (handed_epoch_ == state.epoch && handed_masters_ == masters_) {
        Figures nothing;
        nothing.epoch = state.epoch;
        return nothing;
    }
    return hand(state, false);
}

View::Stats View::stats() const {
    std::uint64_t bytes = sizeof(*this) + totals_.memory_bytes();
    for (const auto& h : handed_) bytes += h.capacity() * sizeof(Handed);
    for (const auto& level : shape_.levels) bytes += level.capacity() * sizeof(std::int32_t);
    bytes +=
        (shape_.grouping.account_group.capacity() + shape_.grouping.instrument_group.capacity()) *
        sizeof(std::int32_t);
    return {swept_before_ + totals_.cells_swept(), rebuilds_, bytes};
}

}  // namespace mvcore
