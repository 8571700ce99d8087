// Views with functions of the user's: read in three steps, so that no function runs under a lock.
#include <algorithm>

#include "book.hpp"

namespace mvcore {

View::Draft View::draft(const State& state, const History& history, bool everything) {
    Draft out;
    out.everything = everything;
    out.shapes = shapes_;
    sync(state, history);
    out.nothing = !everything && handed_epoch_ == state.epoch && handed_masters_ == masters_;
    if (out.nothing) {
        out.figures = changes(state, history);
        out.figures.floats.resize(functions_);
        return out;
    }
    out.figures = present(state);
    if (functions_ != 0) out.shape = shape_;
    return out;
}

void View::run(Draft& draft, const State& state) const {
    const auto& calls = draft.shape.functions;
    if (draft.nothing) return;
    if (calls)
        draft.figures.floats = run_measures(state, draft.shape.grouping, draft.shape.levels,
                                            target_, *calls, draft.figures);
    draft.figures.floats.resize(functions_);
    for (auto& column : draft.figures.floats) column.resize(draft.figures.size());
}

bool View::stands(const Draft& draft) const noexcept {
    return draft.shapes == shapes_ &&
           (handed_epoch_ == ~std::uint64_t{0} || handed_epoch_ <= draft.figures.epoch);
}

Figures View::hand(Draft&& draft) {
    if (draft.nothing) return std::move(draft.figures);
    return hand(std::move(draft.figures), draft.everything);
}

bool View::same_floats(const Figures& all, std::size_t k, std::size_t place, std::size_t row) {
    auto& floats = handed_floats_[place];
    floats.resize(handed_[place].size() * functions_);
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

bool Book::read_drafts(std::span<View* const> views, bool everything, std::vector<Figures>& out) {
    std::vector<View*> ordered(views.begin(), views.end());
    std::sort(ordered.begin(), ordered.end());  // one order for all who lock several
    for (;;) {
        std::vector<View::Draft> drafts;
        State seen;
        {
            const Reading reading(lock_);
            std::vector<std::unique_lock<std::mutex>> locks;
            for (View* view : ordered) {
                locks.emplace_back(view->mutex);
                if (view->stale(live_.state)) return false;
            }
            for_views(views, [&](std::size_t k) {
                drafts.push_back(views[k]->draft(live_.state, live_.history, everything));
            });
            seen = live_.state;
        }
        for (std::size_t k = 0; k < views.size(); ++k) views[k]->run(drafts[k], seen);
        const Reading reading(lock_);
        std::vector<std::unique_lock<std::mutex>> locks;
        bool stand = true;
        for (View* view : ordered) locks.emplace_back(view->mutex);
        for (std::size_t k = 0; k < views.size(); ++k) stand = stand && views[k]->stands(drafts[k]);
        if (!stand) continue;  // another reader came in between
        for (std::size_t k = 0; k < views.size(); ++k)
            out.push_back(views[k]->hand(std::move(drafts[k])));
        return true;
    }
}

}  // namespace mvcore
