// The book's views: who they are, and reading them under its lock.
#include <algorithm>

#include "book.hpp"

namespace mvcore {

void Book::after_write() noexcept {
    if (incremental_views_ == 0) return;
    const std::scoped_lock lock(views_mutex_);
    for (const auto& v : views_)
        if (const auto view = v.lock(); view && view->incremental() && !view->stale(live_.state))
            try {
                view->sync(live_.state, live_.history);
            } catch (const std::bad_alloc&) {  // the write is in; the view rebuilds when read
            }
}

bool Book::views_quick(std::int32_t instrument, bool price) const {
    if (incremental_views_ == 0) return true;
    std::uint64_t rows = incremental_views_ * kRowsOfView;
    if (rows > kQuickRows) return false;
    const std::scoped_lock lock(views_mutex_);
    for (const auto& v : views_)
        if (const auto view = v.lock(); view && view->incremental())
            rows += view->rows_to_sync(live_.state, live_.history, instrument, price);
    return rows <= kQuickRows;
}

std::shared_ptr<View> Book::add_view(std::int32_t currency, Measures measures, bool incremental,
                                     std::size_t functions) {
    const Target target{live_.state.base, currency, value_scale()};
    auto view = std::make_shared<View>(target, std::move(measures), incremental, functions);
    const std::scoped_lock lock(views_mutex_);
    std::erase_if(views_, [](const auto& v) { return v.expired(); });
    views_.push_back(view);
    if (incremental) ++incremental_views_;
    return view;
}

void Book::remove_view(const View* view) {
    const std::scoped_lock lock(views_mutex_);
    const auto gone = std::erase_if(views_, [&](const auto& v) { return v.lock().get() == view; });
    if (gone != 0 && view->incremental()) --incremental_views_;
    live_.counters.cells_swept += view->stats().cells_swept;
}

std::vector<std::shared_ptr<View>> Book::views() const {
    const std::scoped_lock lock(views_mutex_);
    std::vector<std::shared_ptr<View>> out;
    for (const auto& v : views_)
        if (auto view = v.lock()) out.push_back(std::move(view));
    return out;
}

bool Book::read_view(View& view, bool everything, Figures& out) {
    if (view.goes_by_account()) build_index();
    if (view.functions() != 0) {
        View* const one = &view;
        std::vector<Figures> found;
        if (!read_drafts({&one, 1}, everything, found)) return false;
        out = std::move(found[0]);
        return true;
    }
    const Reading reading(lock_);
    const std::scoped_lock lock(view.mutex);
    if (view.stale(live_.state)) return false;
    out = everything ? view.read(live_.state, live_.history)
                     : view.changes(live_.state, live_.history);
    return true;
}

bool Book::read_views(std::span<View* const> views, std::vector<Figures>& out) {
    if (std::any_of(views.begin(), views.end(), [](View* v) { return v->goes_by_account(); }))
        build_index();
    if (std::any_of(views.begin(), views.end(), [](View* v) { return v->functions() != 0; }))
        return read_drafts(views, false, out);
    const Reading reading(lock_);
    std::vector<View*> ordered(views.begin(), views.end());
    std::sort(ordered.begin(), ordered.end());  // one order for all who lock several
    std::vector<std::unique_lock<std::mutex>> locks;
    for (View* view : ordered) {
        locks.emplace_back(view->mutex);
        if (view->stale(live_.state)) return false;
    }
    std::vector<Figures> found;
    // An amount that does not fit is found before any view forgets what it handed out.
    for_views(views, [&](std::size_t k) { views[k]->check(live_.state, live_.history); });
    for (View* view : views) found.push_back(view->changes(live_.state, live_.history));
    out = std::move(found);
    return true;
}

bool Book::try_read_views(std::span<View* const> views, std::vector<Figures>& out, bool& fresh) {
    if (views.size() > kQuickReads || !lock_.try_read()) return false;
    const EndReading end(lock_);
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(views.size());
    fresh = true;
    for (View* view : views) {
        locks.emplace_back(view->mutex, std::try_to_lock);
        if (!locks.back().owns_lock()) return false;
        fresh = fresh && !view->stale(live_.state);
        if (!view->quick(live_.state, live_.history)) return false;
    }
    if (!fresh) return true;
    for_views(views, [&](std::size_t k) { views[k]->check(live_.state, live_.history); });
    for (View* view : views) out.push_back(view->changes(live_.state, live_.history));
    return true;
}

bool Book::try_read_view(View& view, bool everything, Figures& out, bool& fresh) {
    if (!lock_.try_read()) return false;
    const EndReading end(lock_);
    const std::unique_lock lock(view.mutex, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    fresh = !view.stale(live_.state);
    if (!fresh) return true;
    if (!view.quick(live_.state, live_.history)) return false;
    out = everything ? view.read(live_.state, live_.history)
                     : view.changes(live_.state, live_.history);
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
    if (!view.stale(live_.state)) view.sync(live_.state, live_.history);
}

}  // namespace mvcore
