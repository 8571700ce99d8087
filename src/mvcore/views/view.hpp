// A view: totals of a grouping that follow the book, and the rows that it returned last.
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

#include "mvcore/base/ids.hpp"
#include "mvcore/board/change_log.hpp"
#include "mvcore/valuation/result_page.hpp"
#include "mvcore/valuation/result_rows.hpp"
#include "mvcore/valuation/row_quantities.hpp"
#include "mvcore/valuation/user_functions.hpp"
#include "mvcore/views/last_rows.hpp"
#include "mvcore/views/row_labels.hpp"

namespace mvcore {

class View {
public:
    // Maps the grouping's rows to rolled-up rows: `levels[k]` is one roll-up level. Empty: no
    // roll-up.
    struct Shape {
        Grouping grouping;
        std::vector<std::vector<std::int32_t>> levels;
        std::size_t rows = 0;       // after the roll-up
        std::uint64_t masters = 0;  // version of the master tables that the shape was made for
        // the same number as the view was created with
        std::shared_ptr<const UserFunctions> functions = nullptr;
        std::shared_ptr<const ResultPage> page = nullptr;  // null: all rows; needs no levels
        RowLabels labels = {};
        std::shared_ptr<const GroupCurrencies> own = nullptr;  // only if the currency is kOwn
    };
    // An amount that rows have: a measure, or its change since the view was last read.
    struct Column {
        std::size_t measure = 0;  // among the measures of the view
        bool change = false;
    };
    // `columns`: of amounts, in order; empty: the measures. `quantities`: only if each row of the
    // grouping is of one instrument.
    View(Target target, Measures measures, bool incremental, std::size_t functions = 0,
         std::optional<RowQuantities> quantities = std::nullopt, std::vector<Column> columns = {})
        : target_(target),
          measures_(std::move(measures)),
          incremental_(incremental),
          functions_(functions),
          quantities_(std::move(quantities)),
          columns_(std::move(columns)) {}

    [[nodiscard]] bool incremental() const noexcept { return incremental_; }
    // Number of user functions among the measures. If it is not 0, reads go through drafts.
    [[nodiscard]] std::size_t functions() const noexcept { return functions_; }
    // Number of amounts of a row.
    [[nodiscard]] std::size_t amounts() const noexcept {
        return columns_.empty() ? measures_.size() : columns_.size();
    }
    // What rows have beside amounts; null: neither quantities nor prices.
    [[nodiscard]] const std::optional<RowQuantities>& quantities() const noexcept {
        return quantities_;
    }
    // Of the amounts; kLocal or kOwn if each row has its own.
    [[nodiscard]] std::int32_t currency() const noexcept { return target_.currency; }
    [[nodiscard]] const RowLabels& labels() const noexcept { return shape_.labels; }
    // Whether the book's master tables changed since the shape was made.
    [[nodiscard]] bool stale(const State& state) const noexcept {
        return masters_ != state.masters;
    }
    // Replaces the shape. Groups keep their numbers, so the last result stays comparable.
    void reshape(Shape shape);
    // Whether a read takes only microseconds.
    [[nodiscard]] bool is_fast(const State& state, const ChangeLog& log) const;
    // Number of rows that sync() reads after one more write: a price of the instrument, or a change
    // of one of its positions. Returns a huge number if sync() must read more than that write.
    // O(blocks of a line).
    [[nodiscard]] std::uint64_t rows_to_sync(const State& state, const ChangeLog& log,
                                             InstrumentCode instrument, bool price) const;
    // Brings the totals up to the state: O(cells of the instruments that moved since).
    void sync(const State& state, const ChangeLog& log);
    // Like sync(), but throws if an amount does not fit. The last result stays unchanged. Returns
    // false if no row differs from it; then changes() has nothing to return.
    bool check(const State& state, const ChangeLog& log);
    ResultRows read(const State& state, const ChangeLog& log);
    ResultRows changes(const State& state, const ChangeLog& log);

    // A read in three steps. draft() and finish() run under the locks. run() works on a copy of the
    // state without any lock, because user functions may take long or need the GIL.
    struct Draft {
        ResultRows rows;
        Shape shape;
        std::uint64_t shapes = 0;        // the view's shapes_ at the draft
        std::uint64_t change_bases = 0;  // the view's change_bases_ at the draft
        bool everything = false;
        bool nothing = false;  // nothing was written since the last result
    };
    Draft draft(const State& state, const ChangeLog& log, bool everything);
    void run(Draft& draft, const State& state) const;
    // False if the view was reshaped, or returned a newer result, since the draft.
    [[nodiscard]] bool stands(const Draft& draft) const noexcept;
    ResultRows finish(Draft&& draft);

    // Forgets the last result, as if the view had never returned one.
    void forget() noexcept {
        last_ = {};
        change_base_ = {};
        ++change_bases_;
        ready_.reset();  // its changes are those since the forgotten result
        last_epoch_ = kNoEpoch;
    }

    struct Stats {
        std::uint64_t cells_swept = 0;
        std::uint64_t rebuilds = 0;
        std::uint64_t rows_computed = 0;  // rows whose amounts were computed
        std::uint64_t memory_bytes = 0;
    };
    [[nodiscard]] Stats stats() const;
    [[nodiscard]] std::uint64_t cells_swept() const noexcept {
        return swept_before_ + totals_.cells_swept();
    }
    // Whether a rebuild reads the by-account index.
    [[nodiscard]] bool goes_by_account() const noexcept { return by_account_; }

    std::mutex mutex;  // one reader at a time; acquired while holding the book's lock

private:
    using Before = std::unordered_map<InstrumentCode, const Change*>;  // by moved instrument

    [[nodiscard]] bool lost(const State& state, const ChangeLog& log) const;
    void rebuild(const State& state);
    void follow(const State& state, const ChangeLog& log);
    void follow_price(const State& state, const Change& change, std::vector<UnitId>& recompute);
    void follow_fact(const State& state, const Fact& fact, const Before& before,
                     const std::vector<UnitId>& recompute);
    // Calls f(fact) for facts since the last read that may concern this view.
    template <class F>
    void for_facts(const ChangeLog& log, F&& f) const;
    [[nodiscard]] std::size_t moved(const ChangeLog& log) const noexcept;
    void number_last_rows(const RowTable& before);

    // The rows that a result is computed from.
    enum class Scope : std::uint8_t { all, dirty };
    struct Ready {
        ResultRows rows;
        Scope scope;
    };
    // The currency of amounts of the shape.
    [[nodiscard]] Target target_of(const Shape& shape) const noexcept {
        return {target_.base, target_.currency, target_.value_scale, shape.own.get()};
    }
    const AmountConverter& converter(const State& state);
    [[nodiscard]] LastRows no_last_rows() const;
    // One for each currency if each is separate, else one or none.
    struct LastResult {
        std::vector<std::int32_t> currencies;
        std::vector<LastRows> rows;

        // Those of the currency. The first call for it adds `none`.
        LastRows& of(std::int32_t currency, LastRows&& none);
        [[nodiscard]] const LastRows* find(std::int32_t currency) const noexcept;
    };
    // Calls f(currency, indices of its rows): once, with -1 and null, unless each is separate.
    template <class F>
    void for_currencies(const ResultRows& rows, F&& f);
    void set_columns(ResultRows& out) const;
    void set_change_base(const ResultRows& rows);
    [[nodiscard]] bool has_changes() const noexcept { return !columns_.empty(); }
    [[nodiscard]] ResultRows no_rows(Epoch epoch) const;
    [[nodiscard]] Scope scope_of_changes() const noexcept;
    bool may_differ(const State& state);
    // May need the scope `all` in place of `dirty`; then sets it.
    ResultRows rows(const State& state, Scope& scope);
    // Whether the page is made before the rows are remembered, so that few rows may be enough.
    [[nodiscard]] bool pages_early() const noexcept {
        return shape_.page && functions_ == 0 && !has_changes();
    }
    ResultRows page(const State& state, ResultRows&& found, Scope& scope);
    ResultRows measured(const State& state, Scope scope);
    ResultRows present(const State& state, Scope& scope);
    ResultRows finish(ResultRows rows, bool everything, Scope scope);
    ResultRows remember(ResultRows rows, bool everything, Scope scope);
    void append_removed(ResultRows& out, Scope scope, bool wanted);

    Target target_;
    Measures measures_;
    bool incremental_;
    std::size_t functions_;
    std::optional<RowQuantities> quantities_;
    std::vector<Column> columns_;  // empty: no changes are asked for
    std::uint64_t shapes_ = 0;
    Shape shape_;
    Totals totals_;
    std::uint64_t masters_ = ~std::uint64_t{0};
    std::uint64_t price_place_ = 0;
    std::uint64_t fact_place_ = 0;
    Epoch last_epoch_ = kNoEpoch;
    std::uint64_t last_masters_ = ~std::uint64_t{0};
    bool built_ = false;
    std::atomic<bool> by_account_ = false;
    std::uint64_t last_rates_ = 0;  // version of the rates of the last result
    bool all_dirty_ = true;         // any row may differ from the last result
    LastResult last_;
    LastResult change_base_;          // all amounts of measures whose change is a column
    std::uint64_t change_bases_ = 0;  // how often change_base_ was set or forgotten
    // Of the page, since the rows were last all found. Every row of the last result is a candidate
    // or dirty, or `all_dirty_` is true.
    std::optional<PageCandidates> candidates_;
    std::vector<std::uint32_t> dirty_;          // scratch: the dirty rows, in ascending order
    std::vector<std::uint32_t> indices_;        // scratch: of rows of one currency in a result
    std::optional<Ready> ready_;                // prepared by check()
    std::optional<AmountConverter> converter_;  // valid for converter_units_ and converter_rates_
    std::size_t converter_units_ = 0;
    std::uint64_t converter_rates_ = 0;
    std::uint64_t rebuilds_ = 0;
    std::uint64_t rows_computed_ = 0;
    std::uint64_t swept_before_ = 0;  // by totals that rebuilds replaced
};

// Calls f(k) for each of several views. A RowOverflow records the number of its view.
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
