#include "mvcore/views/view.hpp"

#include <algorithm>
#include <new>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

void View::reshape(Shape shape) {
    MVCORE_ASSERT(!shape.functions || shape.functions->size() == functions_);
    for (const auto& level : shape.levels) MVCORE_ASSERT(level.size() >= shape.grouping.rows());
    MVCORE_ASSERT(!shape.page || shape.levels.empty());
    MVCORE_ASSERT(!shape.page || shape.page->fits(shape.grouping, measures_.size(), functions_));
    if (shape.levels.empty()) keep_row_numbers(shape.grouping);
    const bool same = built_ && shape.grouping.account_group == shape_.grouping.account_group &&
                      shape.grouping.instrument_group == shape_.grouping.instrument_group &&
                      shape.grouping.rows() == shape_.grouping.rows() &&
                      shape.grouping.whole() == shape_.grouping.whole() &&
                      shape.levels == shape_.levels;
    ++shapes_;
    masters_ = shape.masters;  // the book may have newer masters; then reads find the view stale
    shape_ = std::move(shape);
    by_account_ = Totals::goes_by_account(shape_.grouping);
    if (!same) built_ = false;
    ready_.reset();
}

// More account groups change the row numbers of every instrument group except the first.
void View::keep_row_numbers(const Grouping& next) {
    const std::size_t before = shape_.grouping.account_groups;
    const std::size_t after = next.account_groups;
    if (before == after || before == 0 || next.instrument_groups == 1) return;
    MVCORE_ASSERT(last_rows_.size() == last_floats_.size());
    // If memory runs out, the old rows stay.
    std::vector<std::vector<LastRow>> moved(last_rows_.size());
    std::vector<std::vector<double>> moved_floats(last_floats_.size());
    for (std::size_t c = 0; c < last_rows_.size(); ++c) {
        const auto& last_rows = last_rows_[c];
        const auto& floats = last_floats_[c];
        MVCORE_ASSERT(floats.size() == last_rows.size() * functions_);
        moved[c].assign(next.rows(), LastRow());
        moved_floats[c].assign(next.rows() * functions_, 0.0);
        for (std::size_t row = 0; row < last_rows.size(); ++row)
            if (const auto to = row / before * after + row % before;
                last_rows[row].present && row % before < after && to < moved[c].size()) {
                moved[c][to] = last_rows[row];
                std::copy_n(floats.begin() + std::ptrdiff_t(row * functions_), functions_,
                            moved_floats[c].begin() + std::ptrdiff_t(to * functions_));
            }
    }
    last_rows_ = std::move(moved);
    last_floats_ = std::move(moved_floats);
}

void View::rebuild(const State& state) {
    swept_before_ += totals_.cells_swept();
    totals_.build(state, shape_.grouping, measures_,
                  totals_.counted() || needs_counts(state.board, target_));
    MVCORE_ASSERT(totals_.rows() >= shape_.grouping.rows());
    MVCORE_ASSERT(totals_.grid_rows() == state.grid.rows());
    converter_.reset();
    built_ = true;
    ++rebuilds_;
}

// Counts the instruments whose price moved since the last read. Each is counted once, at its first
// change.
std::size_t View::moved(const ChangeLog& log) const noexcept {
    const auto& changes = log.changes();
    std::size_t n = 0;
    for (auto place = price_place_; place < changes.end(); ++place)
        n += changes[place].previous > price_place_ ? 0 : 1;
    return n;
}

// Whether the totals must be rebuilt because following the logs cannot bring them up to date.
bool View::lost(const State& state, const ChangeLog& log) const {
    return !built_ || price_place_ < log.changes().begin() || fact_place_ < log.facts().begin() ||
           (totals_.merged() && state.grid.split()) ||
           (shape_.grouping.whole() && totals_.grid_rows() < state.grid.rows()) ||
           (!totals_.counted() && needs_counts(state.board, target_));
}

void View::sync(const State& state, const ChangeLog& log) {
    MVCORE_ASSERT(price_place_ <= log.changes().end());
    MVCORE_ASSERT(fact_place_ <= log.facts().end());
    MVCORE_ASSERT(!stale(state));
    MVCORE_ASSERT(last_epoch_ == kNoEpoch || last_epoch_ <= state.epoch);
    // If many prices moved, a rebuild reads fewer cells than following each change.
    const auto most = by_account_ ? state.board.size() / tuning::kRebuildShareByAccount
                                  : state.board.size() / tuning::kRebuildShare;
    const bool summed = 2 * totals_.summed() > state.board.size();
    const bool anew =
        lost(state, log) || (!summed && moved(log) > std::max(most, tuning::kLeastToRebuild));
    // If an exception (out of memory) leaves this function early, the next read rebuilds.
    built_ = false;
    if (anew) rebuild(state);
    else follow(state, log);
    built_ = true;
    price_place_ = log.changes().end();
    fact_place_ = log.facts().end();
}

// A view of few accounts follows each account's linked list of facts and skips all other facts.
template <class F>
void View::for_facts(const ChangeLog& log, F&& f) const {
    const auto& facts = log.facts();
    if (!totals_.threaded()) {
        for (auto place = fact_place_; place < facts.end(); ++place) f(facts[place]);
        return;
    }
    for (const auto& picked : totals_.picked())
        for (auto place = log.last_fact(picked.account); place > fact_place_;
             place = facts[place - 1].previous)
            f(facts[place - 1]);
}

// Applies the price changes, then the facts. A fact uses the price that the totals held for its
// instrument before the price changes: q_now * (p_now - p_before) + dq * p_before.
void View::follow(const State& state, const ChangeLog& log) {
    MVCORE_ASSERT(price_place_ >= log.changes().begin());
    MVCORE_ASSERT(fact_place_ >= log.facts().begin());
    MVCORE_ASSERT(!totals_.merged() || !state.grid.split());
    const bool facts = fact_place_ != log.facts().end();
    Before before;
    std::vector<UnitId> recompute;
    if (facts && totals_.summed() != 0)
        for_facts(log, [&](const Fact& fact) { totals_.note(fact); });
    for (auto place = price_place_; place < log.changes().end(); ++place) {
        const Change& change = log.changes()[place];
        MVCORE_ASSERT(code_index(change.instrument) < state.board.size());
        if (change.previous > price_place_) continue;  // already applied
        if (totals_.grouping().of_instrument(change.instrument) < 0) continue;
        if (facts) before.emplace(change.instrument, &change);
        follow_price(state, change, recompute);
    }
    std::sort(recompute.begin(), recompute.end());
    recompute.erase(std::unique(recompute.begin(), recompute.end()), recompute.end());
    if (facts)
        for_facts(log, [&](const Fact& fact) { follow_fact(state, fact, before, recompute); });
    for (auto unit : recompute) totals_.recompute_unit(state, unit);
}

// Adds units that must be recomputed to `recompute`.
void View::follow_price(const State& state, const Change& change, std::vector<UnitId>& recompute) {
    const auto i = change.instrument;
    const Quote& now = state.board.quote(i);
    MVCORE_ASSERT(now.last_change > price_place_);
    MVCORE_ASSERT(now.unit < state.board.units() && change.unit() < state.board.units());
    MVCORE_ASSERT(now.priced || now.price == 0);
    if (change.wide() || now.wide) {
        recompute.push_back(change.unit());
        recompute.push_back(now.unit);
    } else if (change.unit() == now.unit) {
        if (now.priced) totals_.add_line(state, i, now.unit, i256(i128{now.price} - change.price));
    } else {
        if (state.board.unit(change.unit()).priced())
            totals_.add_line(state, i, change.unit(), -i256(change.price));
        if (now.priced) totals_.add_line(state, i, now.unit, i256(now.price));
        totals_.count_line(state, i, change.unit(), -1);
        totals_.count_line(state, i, now.unit, 1);
    }
}

void View::follow_fact(const State& state, const Fact& fact, const Before& before,
                       const std::vector<UnitId>& recompute) {
    const Board& board = state.board;
    const auto& grouping = totals_.grouping();
    const auto account_group = grouping.of_account(fact.account);
    const auto instrument_group = grouping.of_instrument(fact.instrument);
    if (account_group < 0 || instrument_group < 0) return;
    MVCORE_ASSERT(std::uint32_t(account_group) < grouping.account_groups);
    MVCORE_ASSERT(std::uint32_t(instrument_group) < grouping.instrument_groups);
    const auto row =
        std::size_t(instrument_group) * grouping.account_groups + std::size_t(account_group);
    const auto met = before.find(fact.instrument);
    const UnitId unit =
        met == before.end() ? board.quote(fact.instrument).unit : met->second->unit();
    totals_.count_cell(state, row, unit, static_cast<std::int32_t>(fact.positions));
    if (!board.unit(unit).priced() || std::binary_search(recompute.begin(), recompute.end(), unit))
        return;
    MVCORE_ASSERT(met == before.end() || !met->second->wide());  // else the unit is recomputed
    const i256 price =
        met == before.end() ? board.price_of(fact.instrument) : i256(met->second->price);
    totals_.add_cell(state, row, unit, {fact.change[0], fact.change[1], fact.change[2]}, price);
}

bool View::is_fast(const State& state, const ChangeLog& log) const {
    const auto prices = log.changes().end() - price_place_;
    const auto facts = totals_.threaded() ? 0 : log.facts().end() - fact_place_;
    return shape_.levels.empty() && totals_.rows() <= tuning::kSmallViewRows &&
           totals_.selected() <= tuning::kSmallViewRows && functions_ == 0 && !lost(state, log) &&
           prices + facts <= tuning::kSmallViewChanges;
}

std::uint64_t View::rows_to_sync(const State& state, const ChangeLog& log,
                                 InstrumentCode instrument, bool price) const {
    if (stale(state)) return 0;  // a stale view is not synchronized
    const bool behind = price_place_ != log.changes().end() ||
                        (fact_place_ != log.facts().end() && !totals_.threaded());
    if (behind || lost(state, log)) return std::uint64_t{1} << 40;
    if (!price || totals_.grouping().of_instrument(instrument) < 0) return 1;
    MVCORE_ASSERT(code_index(instrument) < state.grid.lines());
    return totals_.threaded() ? totals_.picked().size()
                              : state.grid.positions(code_index(instrument));
}

View::Stats View::stats() const {
    std::uint64_t bytes = sizeof(*this) + totals_.memory_bytes();
    for (const auto& h : last_rows_) bytes += h.capacity() * sizeof(LastRow);
    for (const auto& h : last_floats_) bytes += h.capacity() * sizeof(double);
    for (const auto& level : shape_.levels) bytes += level.capacity() * sizeof(std::int32_t);
    if (shape_.page) bytes += shape_.page->memory_bytes();
    bytes +=
        (shape_.grouping.account_group.capacity() + shape_.grouping.instrument_group.capacity()) *
        sizeof(std::int32_t);
    return {swept_before_ + totals_.cells_swept(), rebuilds_, bytes};
}

// ---- Results: all rows, or the rows that differ from the last result ----

namespace {

// Returns one amount per measure, even if one column serves all measures. Other entries are zero.
Net amounts_of(const ResultRows& rows, std::size_t row, std::size_t measures) {
    MVCORE_ASSERT(measures <= kMeasures && row < rows.size());
    MVCORE_ASSERT(rows.columns == 1 || std::size_t(rows.columns) == measures);
    Net out{};
    for (std::size_t m = 0; m < measures; ++m)
        out[m] =
            rows.columns == 1 ? rows.amount[row] : rows.amount[row * std::size_t(rows.columns) + m];
    return out;
}

}  // namespace

const AmountConverter& View::converter(const State& state) {
    const auto& units = totals_.units();
    if (!converter_ || converter_units_ != units.size() ||
        converter_rates_ != state.board.rates_version())
        converter_.emplace(state.board, units, target_.base, target_.currency, target_.value_scale);
    MVCORE_ASSERT(converter_->currencies().size() <= units.size());
    converter_units_ = units.size();
    converter_rates_ = state.board.rates_version();
    return *converter_;
}

std::vector<View::LastRow>& View::last_rows_of(std::int32_t currency) {
    MVCORE_ASSERT(last_rows_.size() == last_currencies_.size());
    MVCORE_ASSERT(last_rows_.size() == last_floats_.size());
    const auto found = std::find(last_currencies_.begin(), last_currencies_.end(), currency);
    const auto k = static_cast<std::size_t>(found - last_currencies_.begin());
    if (found == last_currencies_.end()) {
        last_currencies_.push_back(currency);
        last_rows_.emplace_back();
        last_floats_.emplace_back();
    }
    return last_rows_[k];
}

ResultRows View::rows(const State& state) {
    Totals storage;
    const Totals& totals =
        shape_.levels.empty() ? totals_ : (storage = totals_.rolled_up(shape_.levels, shape_.rows));
    ResultRows all = all_rows(totals, converter(state), state.board, target_);
    MVCORE_ASSERT(shape_.levels.empty() || totals.rows() == shape_.rows);
    all.epoch = state.epoch;
    return all;
}

void View::check(const State& state, const ChangeLog& log) {
    sync(state, log);
    if (last_epoch_ != state.epoch || last_masters_ != masters_) ready_ = rows(state);
}

// Returns the result that check() prepared, or computes a new one.
ResultRows View::present(const State& state) {
    ResultRows all = ready_ && ready_->epoch == state.epoch ? std::move(*ready_) : rows(state);
    MVCORE_ASSERT(all.epoch == state.epoch);
    ready_.reset();
    return all;
}

// Updates the remembered result only after every amount is known to fit. If memory runs out, the
// view forgets the last result, as if it had never returned one. A view with a page remembers only
// the rows of the page, so a row that left the page is removed, and one that entered is new.
ResultRows View::finish(ResultRows all, bool everything) {
    try {
        if (shape_.page) all = page_of(all, *shape_.page, shape_.grouping.account_groups);
        return remember(std::move(all), everything);
    } catch (const std::bad_alloc&) {
        forget();
        throw;
    }
}

// Remembers the result. Returns all rows, or only the rows that differ from the last result.
ResultRows View::remember(ResultRows all, bool everything) {
    MVCORE_ASSERT(last_epoch_ == kNoEpoch || last_epoch_ <= all.epoch);
    MVCORE_ASSERT(all.amount.size() == all.size() * std::size_t(all.columns));
    MVCORE_ASSERT(all.unpriced.size() == all.size() && all.floats.size() == functions_);
    MVCORE_ASSERT(all.currency.size() == (target_.local() ? all.size() : 0));
    ResultRows out;
    out.epoch = all.epoch;
    out.columns = all.columns;
    out.floats.resize(functions_);
    if (!everything) {
        out.row.reserve(all.size());
        out.amount.reserve(all.amount.size());
        out.unpriced.reserve(all.size());
        out.removed.reserve(all.size());
    }
    auto emit = [&](std::int32_t row, std::int32_t currency, const LastRow& h, bool removed) {
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
        auto& last_rows = last_rows_of(currency);
        const auto row = static_cast<std::size_t>(all.row[k]);
        MVCORE_ASSERT(row < (shape_.levels.empty() ? shape_.grouping.rows() : shape_.rows));
        if (row >= last_rows.size()) last_rows.resize(std::max(row + 1, totals_.rows()));
        LastRow& h = last_rows[row];
        MVCORE_ASSERT(!h.seen);  // one result has each row once
        h.seen = true;
        const Net amounts = amounts_of(all, k, measures_.size());
        const bool same = h.present && h.amount == amounts && h.unpriced == all.unpriced[k];
        const bool floats = functions_ == 0 ||
                            same_floats(all, k, std::size_t(&last_rows - last_rows_.data()), row);
        if (!everything && same && floats) continue;
        h = {amounts, all.unpriced[k], true, true};
        if (everything) continue;
        emit(all.row[k], currency, h, false);
        emit_floats([&](std::size_t f) { return all.floats[f][k]; });
    }
    for (std::size_t c = 0; c < last_rows_.size(); ++c)
        for (std::size_t row = 0; row < last_rows_[c].size(); ++row) {
            LastRow& h = last_rows_[c][row];
            if (h.present && !h.seen) {
                h = {};
                if (!everything) {
                    emit(static_cast<std::int32_t>(row), last_currencies_[c], h, true);
                    emit_floats([](std::size_t) { return 0.0; });
                }
            }
            h.seen = false;
        }
    MVCORE_ASSERT(out.amount.size() == out.size() * std::size_t(out.columns));
    MVCORE_ASSERT(out.unpriced.size() == out.size() && out.removed.size() == out.size());
    last_epoch_ = all.epoch;
    last_masters_ = masters_;
    if (everything) return all;
    return out;
}

ResultRows View::read(const State& state, const ChangeLog& log) {
    sync(state, log);
    return finish(present(state), true);
}

ResultRows View::changes(const State& state, const ChangeLog& log) {
    sync(state, log);
    if (last_epoch_ == state.epoch && last_masters_ == masters_) {
        ResultRows nothing;
        nothing.epoch = state.epoch;
        nothing.columns = totals_.columns();
        return nothing;
    }
    return finish(present(state), false);
}

// ---- Views with user functions: read in three steps, so that no function runs under a lock ----

View::Draft View::draft(const State& state, const ChangeLog& log, bool everything) {
    Draft out;
    out.everything = everything;
    out.shapes = shapes_;
    sync(state, log);
    out.nothing = !everything && last_epoch_ == state.epoch && last_masters_ == masters_;
    if (out.nothing) {
        out.rows = changes(state, log);
        MVCORE_ASSERT(out.rows.size() == 0 && out.rows.epoch == state.epoch);
        out.rows.floats.resize(functions_);
        return out;
    }
    out.rows = present(state);
    if (functions_ != 0) out.shape = shape_;
    return out;
}

void View::run(Draft& draft, const State& state) const {
    const auto& functions = draft.shape.functions;
    if (draft.nothing) return;
    MVCORE_ASSERT(draft.rows.epoch == state.epoch);
    if (functions)
        draft.rows.floats = run_user_functions(state, draft.shape.grouping, draft.shape.levels,
                                               target_, *functions, draft.rows);
    MVCORE_ASSERT(!functions || draft.rows.floats.size() == functions_);
    draft.rows.floats.resize(functions_);
    for (auto& column : draft.rows.floats) column.resize(draft.rows.size());
}

bool View::stands(const Draft& draft) const noexcept {
    return draft.shapes == shapes_ && (last_epoch_ == kNoEpoch || last_epoch_ <= draft.rows.epoch);
}

ResultRows View::finish(Draft&& draft) {
    MVCORE_ASSERT(stands(draft));
    if (draft.nothing) return std::move(draft.rows);
    return finish(std::move(draft.rows), draft.everything);
}

bool View::same_floats(const ResultRows& all, std::size_t k, std::size_t place, std::size_t row) {
    MVCORE_ASSERT(place < last_floats_.size() && row < last_rows_[place].size());
    MVCORE_ASSERT(all.floats.size() == functions_ && k < all.floats[0].size());
    auto& floats = last_floats_[place];
    floats.resize(last_rows_[place].size() * functions_);
    bool same = true;
    for (std::size_t f = 0; f < functions_; ++f) {
        double& before = floats[row * functions_ + f];
        const double now = all.floats[f][k];
        const bool both_nan = before != before && now != now;
        same = same && (before == now || both_nan);
        before = now;
    }
    return same;
}

}  // namespace mvcore
