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
    MVCORE_ASSERT(!quantities_ || !shape.grouping.one_instrument_group());
    MVCORE_ASSERT(!shape.page ||
                  shape.page->fits(shape.grouping, amounts(), functions_, quantities_));
    const bool same = built_ && shape.grouping == shape_.grouping && shape.levels == shape_.levels;
    MVCORE_ASSERT((shape.own != nullptr) == (target_.currency == kOwn));
    ++shapes_;
    masters_ = shape.masters;  // the book may have newer masters; then reads find the view stale
    shape_ = std::move(shape);
    by_account_ = Totals::goes_by_account(shape_.grouping);
    if (!same) built_ = false;
    ready_.reset();
    candidates_.reset();
}

void View::rebuild(const State& state) try {
    swept_before_ += totals_.cells_swept();
    const bool counted = totals_.counted() || needs_counts(state.board, target_of(shape_));
    const bool outgrown = totals_.outgrown();
    RowTable before = totals_.take_table();
    RowTable none;
    const Numbering numbering{outgrown ? &none : &before, !shape_.levels.empty(), true};
    totals_.build(state, shape_.grouping, measures_, counted, numbering,
                  quantities_ ? &quantities_->measures : nullptr);
    MVCORE_ASSERT(totals_.table().is_dense() || totals_.table().size() == totals_.rows());
    MVCORE_ASSERT(totals_.grid_rows() == state.grid.rows());
    number_last_rows(before);
    totals_.all_numbered();
    converter_.reset();
    ready_.reset();
    candidates_.reset();
    all_dirty_ = true;
    built_ = true;
    ++rebuilds_;
} catch (const std::bad_alloc&) {  // the last rows may have other numbers than the totals
    ++shapes_;
    forget();
    throw;
}

// Moves the last rows to the numbers that their groups have now. `before`: what numbered them;
// empty if the totals kept it.
void View::number_last_rows(const RowTable& before) {
    const Grouping& grouping = shape_.grouping;
    if (!shape_.levels.empty() || before.size() == 0 || before.numbers_like(totals_.table()))
        return;
    const auto move = [&](LastRows& last, LastRows&& moved) {
        for (std::size_t row = 0; row < std::min(last.size(), before.size()); ++row) {
            if (!last.has(row)) continue;
            const GroupPair pair = before.pair(static_cast<std::uint32_t>(row));
            MVCORE_ASSERT(pair.account_group < grouping.account_groups);
            MVCORE_ASSERT(pair.instrument_group < grouping.instrument_groups);
            moved.copy(totals_.row_of(pair), last, row);
        }
        last = std::move(moved);
    };
    for (LastRows& last : last_.rows) move(last, no_last_rows());
    for (LastRows& last : change_base_.rows) move(last, LastRows(columns_.size(), 0));
    ++shapes_;  // a draft has the old numbers
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
           totals_.outgrown() ||
           (!totals_.counted() && needs_counts(state.board, target_of(shape_)));
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
    if (facts && (totals_.summed() != 0 || totals_.of_instruments()))
        for_facts(log, [&](const Fact& fact) {
            totals_.note(fact);
            totals_.fit_quantities(state, fact.instrument);
        });
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
    const auto row = totals_.row_of(
        {static_cast<std::uint32_t>(instrument_group), static_cast<std::uint32_t>(account_group)});
    const auto met = before.find(fact.instrument);
    const UnitId unit =
        met == before.end() ? board.quote(fact.instrument).unit : met->second->unit();
    const Net change = {fact.change[0], fact.change[1], fact.change[2]};
    totals_.count_cell(state, row, unit, static_cast<std::int32_t>(fact.positions));
    totals_.add_quantities(row, change);
    if (!board.unit(unit).priced() || std::binary_search(recompute.begin(), recompute.end(), unit))
        return;
    MVCORE_ASSERT(met == before.end() || !met->second->wide());  // else the unit is recomputed
    const i256 price =
        met == before.end() ? board.price_of(fact.instrument) : i256(met->second->price);
    totals_.add_cell(state, row, unit, change, price);
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
    for (const auto* result : {&last_, &change_base_})
        for (const auto& last : result->rows) bytes += last.memory_bytes();
    bytes += (dirty_.capacity() + indices_.capacity()) * sizeof(std::uint32_t);
    for (const auto& level : shape_.levels) bytes += level.capacity() * sizeof(std::int32_t);
    if (shape_.page) bytes += shape_.page->memory_bytes();
    bytes += shape_.grouping.memory_bytes() + shape_.labels.memory_bytes();
    if (shape_.own) bytes += shape_.own->memory_bytes();
    if (candidates_) bytes += candidates_->rows.capacity() * sizeof(std::uint32_t);
    return {swept_before_ + totals_.cells_swept(), rebuilds_, rows_computed_, bytes};
}

// ---- Results: all rows, or the rows that differ from the last result ----

const AmountConverter& View::converter(const State& state) {
    const auto& units = totals_.units();
    if (!converter_ || converter_units_ != units.size() ||
        converter_rates_ != state.board.rates_version())
        converter_.emplace(state.board, units, target_.base,
                           target_.separate() ? kLocal : target_.currency, target_.value_scale);
    MVCORE_ASSERT(converter_->currencies().size() <= units.size());
    converter_units_ = units.size();
    converter_rates_ = state.board.rates_version();
    return *converter_;
}

LastRows View::no_last_rows() const {
    return {amounts(), functions_, quantities_ ? quantities_->measures.size() : 0,
            quantities_ && quantities_->price};
}

const LastRows* View::LastResult::find(std::int32_t currency) const noexcept {
    MVCORE_ASSERT(rows.size() == currencies.size());
    const auto found = std::find(currencies.begin(), currencies.end(), currency);
    return found == currencies.end() ? nullptr : &rows[std::size_t(found - currencies.begin())];
}

LastRows& View::LastResult::of(std::int32_t currency, LastRows&& none) {
    if (const auto* found = find(currency)) return const_cast<LastRows&>(*found);
    rows.reserve(rows.size() + 1);
    currencies.push_back(currency);
    rows.push_back(std::move(none));
    return rows.back();
}

template <class F>
void View::for_currencies(const ResultRows& rows, F&& f) {
    if (!target_.separate()) return f(-1, nullptr);
    auto currencies = rows.currency;
    std::sort(currencies.begin(), currencies.end());
    currencies.erase(std::unique(currencies.begin(), currencies.end()), currencies.end());
    for (const auto currency : currencies) {
        indices_.clear();
        for (std::size_t k = 0; k < rows.size(); ++k)
            if (rows.currency[k] == currency) indices_.push_back(static_cast<std::uint32_t>(k));
        f(currency, &indices_);
    }
}

// Turns amounts of the measures into those of the columns.
void View::set_columns(ResultRows& out) const {
    const auto measures = std::move(out.amounts);
    out.amounts.clear();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        auto& amounts =
            out.amounts.emplace_back(measures[measures.size() == 1 ? 0 : columns_[c].measure]);
        if (!columns_[c].change) continue;
        const LastRows* last = target_.separate() ? nullptr : change_base_.find(-1);
        for (std::size_t k = 0; k < out.size(); ++k) {
            if (target_.separate()) last = change_base_.find(out.currency[k]);
            const auto row = static_cast<std::size_t>(out.row[k]);
            const i128 before = last == nullptr ? 0 : last->amount(c, row);
            if (__builtin_sub_overflow(amounts[k], before, &amounts[k]) ||
                magnitude(amounts[k]) >= static_cast<u128>(kPow10[38])) {
                const GroupPair pair = out.pair(k);
                throw RowOverflow(row, pair.instrument_group, pair.account_group,
                                  static_cast<int>(c));
            }
        }
    }
}

// Remembers the amounts of all rows, on the page or not, whose changes the next result has.
void View::set_change_base(const ResultRows& rows) {
    const auto most = shape_.levels.empty() ? totals_.rows() : shape_.rows;
    ResultRows now;
    now.row = rows.row;
    now.unpriced.assign(rows.size(), 0);
    now.amounts.resize(columns_.size());
    std::vector<std::uint32_t> changed;
    for_currencies(rows, [&](std::int32_t currency, const std::vector<std::uint32_t>* indices) {
        LastRows& last = change_base_.of(currency, LastRows(columns_.size(), 0));
        const auto count = indices == nullptr ? rows.size() : indices->size();
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            auto& amounts = now.amounts[c];
            amounts.assign(rows.size(), 0);
            if (!columns_[c].change) continue;
            for (std::size_t n = 0; n < count; ++n) {
                const std::size_t k = indices == nullptr ? n : (*indices)[n];
                amounts[k] =
                    rows.amounts[c][k] + last.amount(c, static_cast<std::size_t>(rows.row[k]));
            }
        }
        last.remember(now, indices, most, changed);
    });
    for (LastRows& last : change_base_.rows)
        for (std::size_t row = 0; row < last.size(); ++row) last.remove_unseen(row);
    ++change_bases_;
}

// A rate may change any amount that is converted. A page is made from all rows, unless its
// candidates are known.
View::Scope View::scope_of_changes() const noexcept {
    const bool any = all_dirty_ || last_epoch_ == kNoEpoch || last_masters_ != masters_ ||
                     functions_ != 0 || has_changes() || (shape_.page && !candidates_) ||
                     !shape_.levels.empty() ||
                     (!target_.local() && last_rates_ != converter_rates_);
    return any ? Scope::all : Scope::dirty;
}

ResultRows View::rows(const State& state, Scope& scope) {
    ResultRows out;
    try {
        out = measured(state, scope);
    } catch (RowOverflow& error) {  // counts the measures, then quantities; callers count columns
        if (!has_changes()) throw;
        const auto measure = static_cast<std::size_t>(error.column);
        const auto of_measure = std::find_if(columns_.begin(), columns_.end(),
                                             [&](auto& c) { return c.measure == measure; });
        if (measure < measures_.size())
            error.column = static_cast<int>(of_measure - columns_.begin());
        else error.column += static_cast<int>(columns_.size() - measures_.size());
        throw;
    }
    if (has_changes()) set_columns(out);
    return pages_early() ? page(state, std::move(out), scope) : std::move(out);
}

ResultRows View::page(const State& state, ResultRows&& found, Scope& scope) {
    if (scope == Scope::dirty) {
        MVCORE_ASSERT(candidates_);
        if (auto rows = page_of_candidates(found, *shape_.page, *candidates_)) {
            if (candidates_->rows.size() > candidates_->most) candidates_.reset();
            return *std::move(rows);
        }
        scope = Scope::all;
        found = measured(state, scope);
    }
    // Until a result is remembered, because the new candidates may lack a row of the last result.
    all_dirty_ = true;
    return page_of(found, *shape_.page, &candidates_);
}

// The rows with amounts of the measures.
ResultRows View::measured(const State& state, Scope scope) {
    const AmountConverter& converter = this->converter(state);
    const Target target = target_of(shape_);
    ResultRows out;
    const auto add_instrument_columns = [&](const Totals& totals) {
        if (!quantities_) return;
        add_quantities(totals, state.board, *quantities_, static_cast<int>(measures_.size()), out);
    };
    if (!shape_.levels.empty()) {
        const Totals totals = totals_.rolled_up(shape_.levels, shape_.rows,
                                                quantities_ ? quantities_->first_level : 0);
        MVCORE_ASSERT(totals.rows() == shape_.rows);
        out = all_rows(totals, converter, state.board, target);
        add_instrument_columns(totals);
    } else if (scope == Scope::all) {
        out = all_rows(totals_, converter, state.board, target);
    } else {
        dirty_.clear();
        totals_.dirty().append_to(dirty_);
        if (candidates_) {
            const auto middle = static_cast<std::ptrdiff_t>(dirty_.size());
            dirty_.insert(dirty_.end(), candidates_->rows.begin(), candidates_->rows.end());
            std::inplace_merge(dirty_.begin(), dirty_.begin() + middle, dirty_.end());
            dirty_.erase(std::unique(dirty_.begin(), dirty_.end()), dirty_.end());
        }
        out = result_rows(totals_, converter, state.board, target, dirty_);
    }
    if (shape_.levels.empty()) add_instrument_columns(totals_);
    rows_computed_ += out.size();
    out.epoch = state.epoch;
    return out;
}

// Whether a row may differ from the last result. If none can, that result counts as read now.
bool View::may_differ(const State& state) {
    if (!has_changes() && last_epoch_ == state.epoch && last_masters_ == masters_) return false;
    static_cast<void>(converter(state));
    if (scope_of_changes() == Scope::all || !totals_.dirty().empty()) return true;
    MVCORE_ASSERT(last_masters_ == masters_);
    last_epoch_ = state.epoch;
    return false;
}

bool View::check(const State& state, const ChangeLog& log) {
    sync(state, log);
    if (!may_differ(state)) return false;
    Scope scope = scope_of_changes();
    ResultRows found = rows(state, scope);
    ready_ = Ready{std::move(found), scope};
    return true;
}

// Returns the result that check() prepared, or computes a new one. Either may have the scope `all`
// in place of `dirty`.
ResultRows View::present(const State& state, Scope& scope) {
    const bool prepared = ready_ && ready_->rows.epoch == state.epoch &&
                          (ready_->scope == Scope::all || scope == Scope::dirty);
    if (prepared) scope = ready_->scope;
    ResultRows out = prepared ? std::move(ready_->rows) : rows(state, scope);
    MVCORE_ASSERT(out.epoch == state.epoch);
    ready_.reset();
    return out;
}

// Updates the remembered result only after every amount is known to fit. If memory runs out, the
// view forgets the last result, as if it had never returned one. A view with a page remembers only
// the rows of the page, so a row that left the page is removed, and one that entered is new.
ResultRows View::finish(ResultRows rows, bool everything, Scope scope) {
    try {
        if (has_changes()) set_change_base(rows);
        if (shape_.page && !pages_early()) rows = page_of(rows, *shape_.page);
        return remember(std::move(rows), everything, scope);
    } catch (const std::bad_alloc&) {
        forget();
        throw;
    }
}

// Remembers the result. Returns all rows, or only the rows that differ from the last result.
ResultRows View::remember(ResultRows rows, bool everything, Scope scope) {
    MVCORE_ASSERT(last_epoch_ == kNoEpoch || last_epoch_ <= rows.epoch);
    MVCORE_ASSERT(rows.unpriced.size() == rows.size() && rows.floats.size() == functions_);
    MVCORE_ASSERT(rows.currency.size() == (target_.separate() ? rows.size() : 0));
    const auto most = shape_.levels.empty() ? totals_.rows() : shape_.rows;
    std::vector<std::uint32_t> changed;
    for_currencies(rows, [&](std::int32_t currency, const std::vector<std::uint32_t>* indices) {
        last_.of(currency, no_last_rows()).remember(rows, indices, most, changed);
    });
    ResultRows out;
    if (everything || changed.size() == rows.size()) out = std::move(rows);
    else out = rows_at(rows, changed);
    if (!everything) out.removed.assign(out.size(), 0);
    append_removed(out, scope, !everything);
    last_epoch_ = out.epoch;
    last_masters_ = masters_;
    last_rates_ = converter_rates_;
    totals_.dirty().clear();
    all_dirty_ = false;
    return out;
}

// Forgets the last rows that the newest result does not have. Appends them if they are wanted.
void View::append_removed(ResultRows& out, Scope scope, bool wanted) {
    const auto append = [&](std::size_t row, std::int32_t currency) {
        const auto number = static_cast<std::uint32_t>(row);
        out.row.push_back(static_cast<std::int32_t>(row));
        if (!totals_.table().is_dense()) out.pairs.push_back(totals_.table().pair(number));
        if (target_.separate()) out.currency.push_back(currency);
        for (auto& amounts : out.amounts) amounts.push_back(0);
        for (auto& floats : out.floats) floats.push_back(0);
        for (auto& quantities : out.quantities) quantities.push_back(0);
        if (quantities_) {
            const auto& level_of = shape_.labels.level_of;
            const auto level = row < level_of.size() ? level_of[row] : 0;
            out.of_one_instrument.push_back(shape_.levels.empty() ||
                                            std::size_t(level) >= quantities_->first_level);
            if (quantities_->price) {
                out.prices.push_back(0);
                out.priced.push_back(0);
            }
        }
        out.unpriced.push_back(0);
        out.removed.push_back(1);
    };
    for (std::size_t c = 0; c < last_.rows.size(); ++c) {
        LastRows& last = last_.rows[c];
        const auto look_at = [&](std::size_t row) {
            if (last.remove_unseen(row) && wanted) append(row, last_.currencies[c]);
        };
        if (scope == Scope::all)
            for (std::size_t row = 0; row < last.size(); ++row) look_at(row);
        else
            for (const auto row : dirty_) look_at(row);
    }
}

ResultRows View::read(const State& state, const ChangeLog& log) {
    sync(state, log);
    static_cast<void>(converter(state));
    // A page is complete even if few rows were computed.
    Scope scope = shape_.page ? scope_of_changes() : Scope::all;
    ResultRows found = present(state, scope);
    return finish(std::move(found), true, scope);
}

ResultRows View::no_rows(Epoch epoch) const {
    ResultRows out;
    out.epoch = epoch;
    out.amounts.resize(has_changes() ? amounts() : std::size_t(totals_.columns()));
    if (quantities_) out.quantities.resize(quantities_->measures.size());
    return out;
}

ResultRows View::changes(const State& state, const ChangeLog& log) {
    sync(state, log);
    if (!may_differ(state)) return no_rows(state.epoch);
    Scope scope = scope_of_changes();
    ResultRows found = present(state, scope);
    return finish(std::move(found), false, scope);
}

// ---- Views with user functions: read in three steps, so that no function runs under a lock ----

View::Draft View::draft(const State& state, const ChangeLog& log, bool everything) {
    Draft out;
    out.everything = everything;
    sync(state, log);
    out.shapes = shapes_;
    out.change_bases = change_bases_;
    out.nothing =
        !everything && !has_changes() && last_epoch_ == state.epoch && last_masters_ == masters_;
    if (out.nothing) {
        out.rows = changes(state, log);
        MVCORE_ASSERT(out.rows.size() == 0 && out.rows.epoch == state.epoch);
        out.rows.floats.resize(functions_);
        return out;
    }
    Scope scope = Scope::all;
    out.rows = present(state, scope);
    if (functions_ != 0) out.shape = shape_;
    return out;
}

void View::run(Draft& draft, const State& state) const {
    const auto& functions = draft.shape.functions;
    if (draft.nothing) return;
    MVCORE_ASSERT(draft.rows.epoch == state.epoch);
    if (functions)
        draft.rows.floats = run_user_functions(state, draft.shape.grouping, draft.shape.levels,
                                               target_of(draft.shape), *functions, draft.rows);
    MVCORE_ASSERT(!functions || draft.rows.floats.size() == functions_);
    draft.rows.floats.resize(functions_);
    for (auto& column : draft.rows.floats) column.resize(draft.rows.size());
}

bool View::stands(const Draft& draft) const noexcept {
    return draft.shapes == shapes_ && draft.change_bases == change_bases_ &&
           (last_epoch_ == kNoEpoch || last_epoch_ <= draft.rows.epoch);
}

ResultRows View::finish(Draft&& draft) {
    MVCORE_ASSERT(stands(draft));
    if (draft.nothing) return std::move(draft.rows);
    ResultRows out = finish(std::move(draft.rows), draft.everything, Scope::all);
    all_dirty_ = true;  // a write or a rate may have come between the draft and this call
    return out;
}

}  // namespace mvcore
