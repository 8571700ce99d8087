// The views of a book: their list, and reads under the lock of the book.
#include <algorithm>
#include <mutex>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/book/book.hpp"

namespace mvcore {

void Book::after_write() noexcept {
    if (incremental_views_ == 0) return;
    const std::scoped_lock lock(views_mutex_);
    for (const auto& [_, held] : followers_)
        if (const auto view = held.lock(); view && !view->stale(book_state_.state)) try {
                view->sync(book_state_.state, book_state_.change_log);
            } catch (const std::bad_alloc&) {
                // The write is complete; the view rebuilds at its next read.
            }
}

bool Book::views_are_fast(InstrumentCode instrument, bool price) const {
    if (incremental_views_ == 0) return true;
    std::uint64_t rows = incremental_views_ * tuning::kRowsOfView;
    if (rows > tuning::kFastRows) return false;
    const std::scoped_lock lock(views_mutex_);
    for (const auto& [_, held] : followers_)
        if (const auto view = held.lock())
            rows +=
                view->rows_to_sync(book_state_.state, book_state_.change_log, instrument, price);
    return rows <= tuning::kFastRows;
}

std::shared_ptr<View> Book::add_view(std::int32_t currency, Measures measures, bool incremental,
                                     std::size_t functions, std::optional<RowQuantities> quantities,
                                     std::vector<View::Column> columns) {
    const Target target{book_state_.state.base, currency, value_scale()};
    auto view = std::make_shared<View>(target, std::move(measures), incremental, functions,
                                       std::move(quantities), std::move(columns));
    const std::scoped_lock lock(views_mutex_);
    views_.insert_or_assign(view.get(), view);
    if (incremental) followers_.insert_or_assign(view.get(), view);
    incremental_views_ = followers_.size();
    return view;
}

void Book::remove_view(const View* view) {
    const std::scoped_lock lock(views_mutex_);
    views_.erase(view);
    followers_.erase(view);
    incremental_views_ = followers_.size();
    book_state_.counters.cells_swept += view->cells_swept();
}

std::vector<std::shared_ptr<View>> Book::views() const {
    const std::scoped_lock lock(views_mutex_);
    std::vector<std::shared_ptr<View>> out;
    for (const auto& [_, held] : views_)
        if (auto view = held.lock()) out.push_back(std::move(view));
    return out;
}

bool Book::read_view(View& view, bool everything, ResultRows& out) {
    if (view.goes_by_account()) build_index();
    if (view.functions() != 0) {
        View* const one = &view;
        return read_drafts({&one, 1}, everything,
                           [&](std::size_t, ResultRows&& rows) { out = std::move(rows); });
    }
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    if (view.stale(book_state_.state)) return false;
    out = everything ? view.read(book_state_.state, book_state_.change_log)
                     : view.changes(book_state_.state, book_state_.change_log);
    return true;
}

namespace {

// Every caller locks views in the order of their addresses.
std::vector<View*> in_lock_order(std::span<View* const> views) {
    std::vector<View*> ordered(views.begin(), views.end());
    if (!std::is_sorted(ordered.begin(), ordered.end())) std::sort(ordered.begin(), ordered.end());
    return ordered;
}

bool all_differ(const std::vector<View*>& ordered) {
    return std::adjacent_find(ordered.begin(), ordered.end()) == ordered.end();
}

std::vector<std::unique_lock<std::mutex>> lock_in(const std::vector<View*>& ordered) {
    MVCORE_ASSERT(all_differ(ordered));
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(ordered.size());
    for (View* view : ordered) locks.emplace_back(view->mutex);
    return locks;
}

std::vector<std::unique_lock<std::mutex>> lock_views(std::span<View* const> views) {
    return lock_in(in_lock_order(views));
}

// Calls f(), which takes results from the views. If memory runs out, no view keeps a result that
// the caller did not receive.
template <class F>
void all_or_forgotten(std::span<View* const> views, F&& f) {
    try {
        f();
    } catch (...) {
        for (View* view : views) view->forget();
        throw;
    }
}

}  // namespace

bool Book::read_views(std::span<View* const> views, std::vector<ResultRows>& out) {
    if (std::any_of(views.begin(), views.end(), [](View* v) { return v->goes_by_account(); }))
        build_index();
    if (std::any_of(views.begin(), views.end(), [](View* v) { return v->functions() != 0; }))
        return read_drafts(views, false,
                           [&](std::size_t, ResultRows&& rows) { out.push_back(std::move(rows)); });
    const Reading reading(lock_);
    const auto locks = lock_views(views);
    for (const View* view : views)
        if (view->stale(book_state_.state)) return false;
    std::vector<ResultRows> found;
    // Finds an amount that does not fit before any view replaces its last result.
    for_views(views,
              [&](std::size_t k) { views[k]->check(book_state_.state, book_state_.change_log); });
    all_or_forgotten(views, [&] {
        for (View* view : views)
            found.push_back(view->changes(book_state_.state, book_state_.change_log));
    });
    for (const auto& rows : found) MVCORE_ASSERT(rows.epoch == book_state_.state.epoch);
    out = std::move(found);
    return true;
}

Book::Combined Book::read_combined(std::span<View* const> views) {
    MVCORE_ASSERT(!views.empty());
    Combined out;
    const auto ordered = in_lock_order(views);
    out.listed_twice = !all_differ(ordered);
    if (out.listed_twice) return out;
    const auto any = [&](auto&& test) { return std::any_of(views.begin(), views.end(), test); };
    if (any([](View* v) { return v->goes_by_account(); })) build_index();
    const bool drafts = any([](View* v) { return v->functions() != 0; });
    CombinedRows rows;
    const TakeRows take = [&](std::size_t k, ResultRows&& changes) {
        rows.append(k, *views[k], changes);
        rows.epoch = changes.epoch;
    };
    {
        const Reading reading(lock_);
        const auto locks = lock_in(ordered);
        for (std::size_t k = 0; k < views.size(); ++k) {
            if (views[k]->stale(book_state_.state)) out.stale.push_back(k);
            else if (views[k]->labels().kind != views[0]->labels().kind && !out.of_other_columns)
                out.of_other_columns = k;
        }
        if (!out.stale.empty() || out.of_other_columns) return out;
        if (!drafts) {
            rows.epoch = book_state_.state.epoch;
            take_changes(views, take);
            out.rows = std::move(rows);
            return out;
        }
    }
    if (read_drafts(views, false, take)) out.rows = std::move(rows);
    return out;
}

void Book::take_changes(std::span<View* const> views, const TakeRows& take) {
    const State& state = book_state_.state;
    std::vector<std::size_t> changed;
    // Finds an amount that does not fit before any view replaces its last result.
    for_views(views, [&](std::size_t k) {
        if (views[k]->check(state, book_state_.change_log)) changed.push_back(k);
    });
    all_or_forgotten(views, [&] {
        for (const auto k : changed) take(k, views[k]->changes(state, book_state_.change_log));
    });
}

bool Book::try_read_views(std::span<View* const> views, std::vector<ResultRows>& out, bool& fresh) {
    if (views.size() > tuning::kFastReads || !lock_.try_lock_shared()) return false;
    const Reading end(lock_, std::adopt_lock);
    MVCORE_ASSERT(out.empty());
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(views.size());
    fresh = true;
    for (View* view : views) {
        locks.emplace_back(view->mutex, std::try_to_lock);
        if (!locks.back().owns_lock()) return false;
        fresh = fresh && !view->stale(book_state_.state);
        if (!view->is_fast(book_state_.state, book_state_.change_log)) return false;
    }
    if (!fresh) return true;
    for_views(views,
              [&](std::size_t k) { views[k]->check(book_state_.state, book_state_.change_log); });
    all_or_forgotten(views, [&] {
        for (View* view : views)
            out.push_back(view->changes(book_state_.state, book_state_.change_log));
    });
    return true;
}

bool Book::try_read_view(View& view, bool everything, ResultRows& out, bool& fresh) {
    if (!lock_.try_lock_shared()) return false;
    const Reading end(lock_, std::adopt_lock);
    const std::unique_lock lock(view.mutex, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    fresh = !view.stale(book_state_.state);
    if (!fresh) return true;
    if (!view.is_fast(book_state_.state, book_state_.change_log)) return false;
    out = everything ? view.read(book_state_.state, book_state_.change_log)
                     : view.changes(book_state_.state, book_state_.change_log);
    return true;
}

void Book::reshape_view(View& view, View::Shape shape) {
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    view.reshape(std::move(shape));
}

void Book::sync_view(View& view) {
    if (view.goes_by_account()) build_index();
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    if (!view.stale(book_state_.state)) view.sync(book_state_.state, book_state_.change_log);
}

bool Book::read_drafts(std::span<View* const> views, bool everything, const TakeRows& take) {
    for (;;) {
        std::vector<View::Draft> drafts;
        State seen;
        {
            const Reading reading(lock_);
            const auto locks = lock_views(views);
            for (const View* view : views)
                if (view->stale(book_state_.state)) return false;
            for_views(views, [&](std::size_t k) {
                drafts.push_back(
                    views[k]->draft(book_state_.state, book_state_.change_log, everything));
            });
            seen = book_state_.state;
            for (const auto& draft : drafts) MVCORE_ASSERT(draft.rows.epoch == seen.epoch);
        }
        for (std::size_t k = 0; k < views.size(); ++k) views[k]->run(drafts[k], seen);
        const Reading reading(lock_);
        const auto locks = lock_views(views);
        bool stand = true;
        for (std::size_t k = 0; k < views.size(); ++k) stand = stand && views[k]->stands(drafts[k]);
        if (!stand) continue;  // another reader came first
        all_or_forgotten(views, [&] {
            for (std::size_t k = 0; k < views.size(); ++k)
                take(k, views[k]->finish(std::move(drafts[k])));
        });
        return true;
    }
}

}  // namespace mvcore
