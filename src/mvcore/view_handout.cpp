// What a view hands out: all rows, or those that differ from what it handed out last.
#include <algorithm>
#include <new>

#include "view.hpp"

namespace mvcore {
namespace {

// One amount for each measure, also where one column serves all; the rest is zero.
Net amounts_of(const Figures& figures, std::size_t row, std::size_t measures) {
    Net out{};
    for (std::size_t m = 0; m < measures; ++m)
        out[m] = figures.columns == 1 ? figures.amount[row]
                                      : figures.amount[row * std::size_t(figures.columns) + m];
    return out;
}

}  // namespace

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
        handed_floats_.emplace_back();
    }
    return handed_[k];
}

Figures View::figures(const State& state) {
    Totals storage;
    const Totals& totals =
        shape_.levels.empty() ? totals_ : (storage = totals_.rolled_up(shape_.levels, shape_.rows));
    Figures all = all_rows(totals, handout(state), state.board, target_);
    all.epoch = state.epoch;
    return all;
}

void View::check(const State& state, const History& history) {
    sync(state, history);
    if (handed_epoch_ != state.epoch || handed_masters_ != masters_) ready_ = figures(state);
}

// What check() made, or anew.
Figures View::present(const State& state) {
    Figures all = ready_ && ready_->epoch == state.epoch ? std::move(*ready_) : figures(state);
    ready_.reset();
    return all;
}

// What is remembered changes only after every amount has been found to fit; where memory runs short
// meanwhile, nothing was handed out.
Figures View::hand(Figures all, bool everything) {
    try {
        return remember(std::move(all), everything);
    } catch (const std::bad_alloc&) {
        forget();
        throw;
    }
}

// All rows, or those that differ from the last hand-out.
Figures View::remember(Figures all, bool everything) {
    Figures out;
    out.epoch = all.epoch;
    out.columns = all.columns;
    out.floats.resize(functions_);
    if (!everything) {
        out.row.reserve(all.size());
        out.amount.reserve(all.amount.size());
        out.unpriced.reserve(all.size());
        out.removed.reserve(all.size());
    }
    auto emit = [&](std::int32_t row, std::int32_t currency, const Handed& h, bool removed) {
        out.row.push_back(row);
        if (target_.local()) out.currency.push_back(currency);
        out.amount.insert(out.amount.end(), h.amount.begin(), h.amount.begin() + out.columns);
        out.unpriced.push_back(h.unpriced);
        out.removed.push_back(removed);
    };
    auto emit_floats = [&](auto&& value) {
        for (std::size_t f = 0; f < functions_; ++f) out.floats[f].push_back(value(f));
    };
    for (std::size_t k = 0; k < all.size(); ++k) {
        const auto currency = target_.local() ? all.currency[k] : -1;
        auto& handed = handed_of(currency);
        const auto row = static_cast<std::size_t>(all.row[k]);
        if (row >= handed.size()) handed.resize(std::max(row + 1, totals_.rows()));
        Handed& h = handed[row];
        h.seen = true;
        const Net amounts = amounts_of(all, k, measures_.size());
        const bool same = h.present && h.amount == amounts && h.unpriced == all.unpriced[k];
        const bool floats =
            functions_ == 0 || same_floats(all, k, std::size_t(&handed - handed_.data()), row);
        if (!everything && same && floats) continue;
        h = {amounts, all.unpriced[k], true, true};
        if (everything) continue;
        emit(all.row[k], currency, h, false);
        emit_floats([&](std::size_t f) { return all.floats[f][k]; });
    }
    for (std::size_t c = 0; c < handed_.size(); ++c)
        for (std::size_t row = 0; row < handed_[c].size(); ++row) {
            Handed& h = handed_[c][row];
            if (h.present && !h.seen) {
                h = {};
                if (!everything) {
                    emit(static_cast<std::int32_t>(row), handed_currencies_[c], h, true);
                    emit_floats([](std::size_t) { return 0.0; });
                }
            }
            h.seen = false;
        }
    handed_epoch_ = all.epoch;
    handed_masters_ = masters_;
    if (everything) return all;
    return out;
}

Figures View::read(const State& state, const History& history) {
    sync(state, history);
    return hand(present(state), true);
}

Figures View::changes(const State& state, const History& history) {
    sync(state, history);
    if (handed_epoch_ == state.epoch && handed_masters_ == masters_) {
        Figures nothing;
        nothing.epoch = state.epoch;
        nothing.columns = totals_.columns();
        return nothing;
    }
    return hand(present(state), false);
}

}  // namespace mvcore
