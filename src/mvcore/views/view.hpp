// A view: totals of a grouping that follow the book, and what was handed out last.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mvcore/board/change_log.hpp"
#include "mvcore/valuation/result_rows.hpp"
#include "mvcore/valuation/user_functions.hpp"

namespace mvcore {

class View {
public:
    // Rows of `levels[k]` are the roll-up of the grouping's rows; empty: no roll-up.
    struct Shape {
        Grouping grouping;
        std::vector<std::vector<std::int32_t>> levels;
        std::size_t rows = 0;       // of the roll-up
        std::uint64_t masters = 0;  // of the state whose master tables it was made for
        // as many as the view was made with
        std::shared_ptr<const MeasureCalls> functions = nullptr;
    };
    View(Target target, Measures measures, bool incremental, std::size_t functions = 0)
        : target_(target),
          measures_(std::move(measures)),
          incremental_(incremental),
          functions_(functions) {}

    [[nodiscard]] bool incremental() const noexcept { return incremental_; }
    // Functions of the user's among its measures: then it is read by drafts.
    [[nodiscard]] std::size_t functions() const noexcept { return functions_; }
    // Whether the shape was made for other master tables than the book has now.
    [[nodiscard]] bool stale(const State& state) const noexcept {
        return masters_ != state.masters;
    }
    // A new shape. Rows keep their numbers: what was handed out stays comparable.
    void reshape(Shape shape);
    // Whether a read is a matter of microseconds.
    [[nodiscard]] bool quick(const State& state, const ChangeLog& history) const;
    // How many rows sync() reads after one more write: of the instrument's price, or of one of its
    // positions. Enormous if it has to read more than that write. O(blocks of a line).
    [[nodiscard]] std::uint64_t rows_to_sync(const State& state, const ChangeLog& history,
                                             std::int32_t instrument, bool price) const;
    // Brings the totals up to the state: O(cells of the instruments that moved since).
    void sync(const State& state, const ChangeLog& history);
    // As sync(); throws where an amount does not fit. What was handed out stays as it was.
    void check(const State& state, const ChangeLog& history);
    ResultRows read(const State& state, const ChangeLog& history);
    ResultRows changes(const State& state, const ChangeLog& history);

    // A read in three steps: draft() under the locks, run() on a copy of the state without any,
    // since the user's functions may take long or want the GIL, and hand() under the locks again.
    struct Draft {
        ResultRows figures;
        Shape shape;
        std::uint64_t shapes = 0;  // how many the view had had
        bool everything = false;
        bool nothing = false;  // nothing was written since the last hand-out
    };
    Draft draft(const State& state, const ChangeLog& history, bool everything);
    void run(Draft& draft, const State& state) const;
    // False where the view was reshaped, or handed out something newer, since the draft.
    [[nodiscard]] bool stands(const Draft& draft) const noexcept;
    ResultRows hand(Draft&& draft);

    // What was handed out, as if nothing had been.
    void forget() noexcept {
        handed_.clear();
        handed_floats_.clear();
        handed_currencies_.clear();
        handed_epoch_ = ~std::uint64_t{0};
    }

    struct Stats {
        std::uint64_t cells_swept = 0;
        std::uint64_t rebuilds = 0;
        std::uint64_t memory_bytes = 0;
    };
    [[nodiscard]] Stats stats() const;
    // Whether building it reads the by-account index.
    [[nodiscard]] bool goes_by_account() const noexcept { return by_account_; }

    std::mutex mutex;  // one reader at a time; taken inside the book's lock

private:
    using Before = std::unordered_map<std::int32_t, const Change*>;  // by instrument that moved

    [[nodiscard]] bool lost(const State& state, const ChangeLog& history) const;
    void rebuild(const State& state);
    void follow(const State& state, const ChangeLog& history);
    void follow_price(const State& state, const Change& change, std::vector<UnitId>& recompute);
    void follow_fact(const State& state, const Fact& fact, const Before& before,
                     const std::vector<UnitId>& recompute);
    // f(fact) for those since the last read that may concern this view.
    template <class F>
    void for_facts(const ChangeLog& history, F&& f) const;
    [[nodiscard]] std::size_t moved(const ChangeLog& history) const noexcept;
    void keep_row_numbers(const Grouping& next);

    // What this view handed out last, by row (and currency, where each stands by itself).
    struct Handed {
        Net amount{};
        std::uint32_t unpriced = 0;
        bool present = false;
        bool seen = false;  // in the hand-out under way
    };
    const Handout& handout(const State& state);
    std::vector<Handed>& handed_of(std::int32_t currency);
    ResultRows figures(const State& state);
    ResultRows present(const State& state);
    ResultRows hand(ResultRows all, bool everything);
    ResultRows remember(ResultRows all, bool everything);
    // Whether row k has the floats that were handed out for it last; these become them.
    bool same_floats(const ResultRows& all, std::size_t k, std::size_t place, std::size_t row);

    Target target_;
    Measures measures_;
    bool incremental_;
    std::size_t functions_;
    std::uint64_t shapes_ = 0;
    Shape shape_;
    Totals totals_;
    std::uint64_t masters_ = ~std::uint64_t{0};
    std::uint64_t price_place_ = 0;
    std::uint64_t fact_place_ = 0;
    std::uint64_t handed_epoch_ = ~std::uint64_t{0};
    std::uint64_t handed_masters_ = ~std::uint64_t{0};
    bool built_ = false;
    std::atomic<bool> by_account_ = false;
    std::vector<std::int32_t> handed_currencies_;
    std::vector<std::vector<Handed>> handed_;
    std::vector<std::vector<double>> handed_floats_;  // beside handed_, functions_ for each row
    std::optional<ResultRows> ready_;                 // made by check()
    std::optional<Handout> handout_;                  // for these units and rates
    std::size_t handout_units_ = 0;
    std::uint64_t handout_rates_ = 0;
    std::uint64_t rebuilds_ = 0;
    std::uint64_t swept_before_ = 0;  // by totals that a rebuild replaced
};

// f(k) for each of several views; what does not fit says in which.
template <class F>
void for_views(std::span<View* const> views, F&& f) {
    for (std::size_t k = 0; k < views.size(); ++k) try {
            f(k);
        } catch (RowOverflow& e) {
            e.view = k;
            throw;
        }
}

}  // namespace mvcore
