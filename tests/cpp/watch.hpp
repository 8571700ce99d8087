// Checks views and their results against the model.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "random_run.hpp"

namespace model {

// Typical groupings: of everything, of groups, of a few accounts.
enum class By {
    account,
    account_and_kind,
    group,
    group_and_instrument,
    few,
    few_by_kind,
    position,
    few_positions,
    all
};
inline constexpr By kGroupings[] = {By::account,
                                    By::account_and_kind,
                                    By::group,
                                    By::few,
                                    By::group_and_instrument,
                                    By::few_by_kind,
                                    By::all,
                                    By::position,
                                    By::few_positions};

inline Grouping grouping_of(By by, int accounts, int instruments) {
    Grouping g;
    auto group_accounts = [&](int groups, auto&& group) {
        g.account_groups = static_cast<std::uint32_t>(groups);
        for (int a = 0; a < accounts; ++a) g.account_group.push_back(group(a));
    };
    auto group_instruments = [&](int groups, auto&& group) {
        g.instrument_groups = static_cast<std::uint32_t>(groups);
        for (int i = 0; i < instruments; ++i) g.instrument_group.push_back(group(i));
    };
    const auto kind = [](int i) { return i % 7 == 3 ? -1 : i % 3; };
    const auto few = [](int a) { return a % 40 == 3 && a < 4096 + 100 ? a / 40 % 2 : -1; };
    g.account_groups = static_cast<std::uint32_t>(accounts);
    switch (by) {
        case By::account: break;
        case By::account_and_kind: group_instruments(3, kind); break;
        case By::group: group_accounts(7, [](int a) { return a % 11 == 5 ? -1 : a % 7; }); break;
        case By::group_and_instrument:
            group_accounts(3, [](int a) { return a % 3; });
            group_instruments(instruments, [](int i) { return i; });
            break;
        case By::few: group_accounts(2, few); break;
        case By::few_by_kind:
            group_accounts(2, few);
            group_instruments(3, kind);
            break;
        case By::position:
            g.by_instrument = true;
            g.instrument_groups = static_cast<std::uint32_t>(instruments);
            break;
        case By::few_positions:  // selected as lists of codes
            g.account_codes.emplace();
            for (int a = 3; a < accounts; a += 40) {
                g.account_codes->push_back(mvcore::AccountCode(a));
                g.account_group.push_back(a / 40);
            }
            g.account_groups = static_cast<std::uint32_t>(accounts);
            g.instrument_codes.emplace();
            for (int i = 0; i < instruments; i += 2) {
                g.instrument_codes->push_back(mvcore::InstrumentCode(i));
                g.instrument_group.push_back(i / 2);
            }
            g.instrument_groups = static_cast<std::uint32_t>(instruments);
            break;
        case By::all: group_accounts(1, [](int) { return 0; }); break;
    }
    return g;
}

inline const Measures kEvery{mvcore::sod, mvcore::current, mvcore::expected};

inline mvcore::Question question(const mvcore::State& state, const Grouping& grouping, int target,
                                 const Measures& measures = kEvery, const Levels& levels = {}) {
    const auto rows = levels.empty() ? 0 : grouping.rows() + 1;
    return {grouping, measures, levels, rows, target, state.masters};
}

inline std::vector<Line> lines_of(const mvcore::ResultRows& rows, const Measures& measures) {
    std::vector<Line> out;
    CHECK(rows.amounts.size() == 1 || rows.amounts.size() == measures.size());
    for (const auto& amounts : rows.amounts) CHECK(amounts.size() == rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const auto row = rows.pairs.empty()
                             ? std::size_t(rows.row[k])
                             : std::size_t{rows.pairs[k].instrument_group} * rows.account_groups +
                                   rows.pairs[k].account_group;
        Line line{static_cast<std::int32_t>(row),
                  rows.currency.empty() ? -1 : rows.currency[k],
                  {},
                  rows.unpriced[k]};
        for (std::size_t m = 0; m < measures.size(); ++m)
            line.amount[m] = rows.amounts[rows.amounts.size() == 1 ? 0 : m][k];
        out.push_back(line);
    }
    return out;
}

// The same in the order of the groups. Listed rows have none.
inline std::vector<Line> sorted_lines_of(const mvcore::ResultRows& rows, const Measures& measures) {
    auto out = lines_of(rows, measures);
    if (!rows.pairs.empty())
        std::sort(out.begin(), out.end(), [](const Line& a, const Line& b) {
            return std::tie(a.row, a.currency) < std::tie(b.row, b.currency);
        });
    return out;
}

// A view, and the rows that it should have returned last.
class Watch {
public:
    Watch(Run& run, By by, int target, bool incremental, const Measures& measures = kEvery,
          bool rolled_up = false)
        : run_(run),
          by_(by),
          target_(target),
          measures_(measures),
          rolled_up_(rolled_up),
          view_(run.book.add_view(target, measures, incremental)) {
        reshape();
    }
    ~Watch() { run_.book.remove_view(view_.get()); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Reads all rows, or the changes since the last read.
    void check(bool everything) {
        refresh();
        const auto expected = lines();
        mvcore::ResultRows rows;
        if (!expected) {  // the last result stays unchanged
            CHECK_THROWS(mvcore::ErrorKind::value_overflow, read(everything, rows));
            return;
        }
        CHECK(read(everything, rows));
        accept(*expected, rows, everything);
    }
    // Adapts the view to the current master tables if its shape is stale.
    void refresh() {
        if (!view_->stale(run_.book.state())) return;
        mvcore::ResultRows nothing;
        CHECK(!read(true, nothing));
        reshape();
    }
    [[nodiscard]] std::optional<std::vector<Line>> lines() const {
        return run_.model.lines(grouping_, levels_, target_, measures_);
    }
    void accept(const std::vector<Line>& expected, const mvcore::ResultRows& rows,
                bool everything) {
        CHECK(rows.epoch == run_.model.epoch);
        std::map<Key, Line> now;
        for (const Line& line : expected) now.emplace(key(line), line);
        if (everything) CHECK(sorted_lines_of(rows, measures_) == expected);
        else check_changes(rows, now);
        last_lines_ = std::move(now);
        check_rebuilt(expected);
    }
    [[nodiscard]] mvcore::View* view() const { return view_.get(); }
    [[nodiscard]] mvcore::View::Stats stats() const { return view_->stats(); }

private:
    // Takes the fast path if possible, else the slow path.
    bool read(bool everything, mvcore::ResultRows& out) {
        bool fresh = false;
        if (run_.chance(50) && run_.book.try_read_view(*view_, everything, out, fresh))
            return fresh;
        return run_.book.read_view(*view_, everything, out);
    }

    // Identifies a row while account groups come and go: instrument group, account group and
    // currency.
    using Key = std::tuple<std::size_t, std::size_t, std::int32_t>;
    [[nodiscard]] Key key(const Line& line) const {
        const auto row = static_cast<std::size_t>(line.row);
        const std::size_t groups = rolled_up_ ? 1 : grouping_.account_groups;
        return {row / groups, row % groups, line.currency};
    }

    void reshape() {
        grouping_ = grouping_of(by_, run_.accounts(), run_.instruments());
        levels_.clear();
        const auto rows = grouping_.rows();
        if (rolled_up_) {
            levels_.assign(2, std::vector<std::int32_t>(rows, 0));
            for (std::size_t row = 0; row < rows; ++row)
                levels_[1][row] = static_cast<std::int32_t>(row + 1);
        }
        run_.book.reshape_view(
            *view_, {grouping_, levels_, rolled_up_ ? rows + 1 : 0, run_.book.state().masters});
        if (view_->incremental()) run_.book.sync_view(*view_);
    }

    void check_changes(const mvcore::ResultRows& rows, const std::map<Key, Line>& now) {
        std::size_t expected = 0;
        for (const auto& [key, line] : now) {
            const auto before = last_lines_.find(key);
            expected += before == last_lines_.end() || before->second.amount != line.amount ||
                                before->second.unpriced != line.unpriced
                            ? 1U
                            : 0U;
        }
        for (const auto& [key, line] : last_lines_) expected += now.count(key) == 0 ? 1U : 0U;
        CHECK(rows.size() == expected);
        const auto lines = lines_of(rows, measures_);
        for (std::size_t k = 0; k < lines.size(); ++k) {
            const auto found = now.find(key(lines[k]));
            if (rows.removed[k]) {
                CHECK(found == now.end() && last_lines_.count(key(lines[k])) == 1);
                CHECK(lines[k].amount == Net{} && lines[k].unpriced == 0);
            } else {
                CHECK(found != now.end() && lines[k] == found->second);
            }
        }
    }

    // The incremental totals must equal totals computed from scratch.
    void check_rebuilt(const std::vector<Line>& expected) const {
        mvcore::ResultRows rows;
        CHECK(run_.book.values(question(run_.book.state(), grouping_, target_, measures_, levels_),
                               rows));
        CHECK(sorted_lines_of(rows, measures_) == expected);
    }

    Run& run_;
    By by_;
    int target_;
    Measures measures_;
    bool rolled_up_;
    std::shared_ptr<mvcore::View> view_;
    Grouping grouping_;
    Levels levels_;
    std::map<Key, Line> last_lines_;
};

// Reads the changes of several views in one call: all at one epoch, or none.
inline void check_together(Run& run, const std::vector<Watch*>& watches) {
    std::vector<mvcore::View*> views;
    std::vector<std::optional<std::vector<Line>>> expected;
    bool fits = true;
    for (auto* watch : watches) {
        watch->refresh();
        views.push_back(watch->view());
        expected.push_back(watch->lines());
        fits = fits && expected.back();
    }
    std::vector<mvcore::ResultRows> got;
    const auto read = [&] {
        bool fresh = false;
        if (run.chance(50) && run.book.try_read_views(views, got, fresh)) return fresh;
        return run.book.read_views(views, got);
    };
    if (!fits) {
        CHECK_THROWS(mvcore::ErrorKind::value_overflow, read());
        CHECK(got.empty());
        return;
    }
    CHECK(read() && got.size() == watches.size());
    for (std::size_t k = 0; k < got.size(); ++k) watches[k]->accept(*expected[k], got[k], false);
}

}  // namespace model
