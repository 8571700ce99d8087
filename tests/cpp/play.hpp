// A random run with views, snapshots and hypothetical prices, read at random steps.
#pragma once

#include <deque>
#include <memory>

#include "reads.hpp"

namespace model {

inline constexpr int kTargets[] = {0, 1, 2, 3, kLocal};

// One view of each grouping, in varying currencies, half of them incremental.
inline std::vector<std::unique_ptr<Watch>> watches(Run& run) {
    std::vector<std::unique_ptr<Watch>> out;
    int k = run.pick(10);
    for (auto by : kGroupings)
        out.push_back(std::make_unique<Watch>(run, by, kTargets[k++ % 5], run.chance(50),
                                              run.some_measures()));
    out.push_back(std::make_unique<Watch>(run, By::group, kTargets[k % 5], run.chance(50),
                                          run.some_measures(), true));
    return out;
}

inline void check_some_together(Run& run, const std::vector<std::unique_ptr<Watch>>& views) {
    std::vector<Watch*> some;
    for (const auto& view : views)
        if (run.chance(40)) some.push_back(view.get());
    check_together(run, some);
}

// Reads at random steps, so that views meet both few and many changes.
inline void play(Run& run, int steps, int moments) {
    auto views = watches(run);
    std::deque<Kept> kept;  // snapshots, the oldest first
    for (int step = 0; step < steps && check::failures() < 20; ++step) {
        run.step();
        if (run.chance(8))
            check_account(ReaderUnderTest(run), run.pick(run.accounts()), run.pick(4));
        if (run.pick(steps) >= moments) continue;
        for (auto& view : views)
            if (run.chance(60)) view->check(run.chance(40));
        if (run.chance(30)) check_some_together(run, views);
        if (run.chance(40)) check_point_reads(run);
        if (run.chance(20)) check_some_values(ReaderUnderTest(run), 1);
        if (run.chance(30)) kept.emplace_back(run);
        if (run.chance(20) && !kept.empty()) kept[std::size_t(run.pick(int(kept.size())))].check();
        if (kept.size() > 4) kept.pop_front();
        if (run.chance(30)) check_sums(run);
        if (run.chance(10)) views = watches(run);
    }
    for (auto& snapshot : kept) snapshot.check();
    for (auto& view : views) view->check(true);
    for (auto& view : views) view->check(false);
    check_point_reads(run);
    check_sums(run);
}

}  // namespace model
