// The book: one writer at a time, any number of readers, every write all or nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "batch.hpp"
#include "figures.hpp"
#include "lock.hpp"
#include "names.hpp"
#include "positions.hpp"
#include "state.hpp"
#include "view.hpp"

namespace mvcore {

// A price counted in 10^-scale, for many at a time.
struct TickRow {
    std::int64_t mantissa;
    std::int64_t time;
    std::int32_t instrument;
    std::int32_t scale;
};

struct Counters {
    std::uint64_t ticks = 0;
    std::uint64_t late_prices = 0;
    std::uint64_t facts = 0;
    std::atomic<std::uint64_t> cells_swept = 0;  // by `values` and by views that are closed
    std::uint64_t index_builds = 0;
};

struct AccountValue {
    i128 amount = 0;
    std::uint32_t unpriced = 0;
    std::uint64_t epoch = 0;
};

class Book {
public:
    Book(std::string_view base_currency, int value_scale);

    // ---- writes; each adds 1 to the epoch ----
    // Throws with the book unchanged. The batch was made of this book's names under `writing`.
    std::uint64_t apply(const Batch& batch, Writing& writing);
    // One price. False: it takes more than a moment (somebody holds the lock, a view wants to be
    // brought up to date, the price needs a new unit) or is wrong; nothing was done, call tick().
    bool try_tick(std::int32_t instrument, const Decimal& price, std::int64_t time,
                  std::uint64_t& epoch);
    bool try_tick(std::string_view instrument, const Decimal& price, std::int64_t time,
                  std::uint64_t& epoch);
    std::uint64_t tick(std::int32_t instrument, const Decimal& price, std::int64_t time);
    std::uint64_t tick(std::string_view instrument, const Decimal& price, std::int64_t time);
    // Many prices, one batch; the later of one instrument wins. Throws where a code is unknown.
    std::uint64_t ticks(std::span<const TickRow> rows);
    std::uint64_t ticks(const std::vector<PriceRow>& rows);

    // ---- reads ----
    // currency: empty for the base.
    AccountValue value(std::string_view account, std::string_view currency);
    // False where it takes more than a moment: another thread publishes, or the index is not built.
    bool try_value(std::string_view account, std::string_view currency, AccountValue& out);
    // Both are false, with nothing read, where the master tables are not those of `masters`, for
    // which the groups were made.
    bool values(const Grouping& grouping, const std::vector<std::vector<std::int32_t>>& levels,
                std::size_t rows, std::int32_t currency, std::uint64_t masters, Figures& out);
    bool holdings(const Grouping& selection, std::uint64_t masters, Positions& out);
    // Hold the lock for reading.
    Revaluation revalue(std::string_view instrument) const;
    PriceList prices();

    // ---- views ----
    std::shared_ptr<View> add_view(std::int32_t currency, bool incremental);
    void remove_view(const View* view);
    // False: the master tables changed since the view's shape was made; reshape it and ask again.
    bool read_view(View& view, bool everything, Figures& out);
    // The same where it takes a few microseconds and nobody is in the way; else false.
    bool try_read_view(View& view, bool everything, Figures& out, bool& fresh);
    void reshape_view(View& view, View::Shape shape);
    // Brings stale incremental views up to date after they were reshaped.
    void sync_view(View& view);

    void close() noexcept { closed_ = true; }
    // Throws ClosedError.
    void check_open() const;

    // ---- names ----
    Lock& lock() noexcept { return lock_; }
    [[nodiscard]] const Names& accounts() const noexcept { return accounts_; }
    [[nodiscard]] const Names& instruments() const noexcept { return instruments_; }
    [[nodiscard]] const Names& currencies() const noexcept { return currencies_; }
    [[nodiscard]] bool account_alive(std::int32_t a) const {
        return a >= 0 && std::size_t(a) < account_alive_.size() && account_alive_[std::size_t(a)];
    }
    [[nodiscard]] bool instrument_alive(std::int32_t i) const {
        return i >= 0 && std::size_t(i) < state_.board.size() && state_.board.quote(i).alive;
    }
    // Named by an instrument, by a rate, or the base.
    [[nodiscard]] bool currency_known(std::int32_t c) const;
    [[nodiscard]] std::int32_t base() const noexcept { return base_; }
    [[nodiscard]] int value_scale() const noexcept { return value_scale_; }
    [[nodiscard]] const State& state() const noexcept { return state_; }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    [[nodiscard]] std::vector<std::shared_ptr<View>> views() const;
    [[nodiscard]] std::uint64_t memory_names() const noexcept;

private:
    friend class Application;
    [[nodiscard]] Target target(std::int32_t currency) const {
        return {base_, currency, value_scale_};
    }
    // False where the price needs more than writing a number: see apply().
    [[nodiscard]] static bool quick_price(const Quote& quote, std::int64_t mantissa, int scale,
                                          std::int64_t& out) noexcept;
    void put_price(Quote& quote, std::int32_t instrument, std::int64_t price,
                   std::int64_t time) noexcept;
    bool quick_tick(std::int32_t instrument, const Decimal& price, std::int64_t time) noexcept;
    std::uint64_t tick_slowly(std::int32_t instrument, const Decimal& price, std::int64_t time,
                              Writing& writing);
    std::uint64_t tick_by_batch(const std::vector<PriceRow>& rows, Writing& writing);
    void check_instrument(std::int32_t instrument, std::size_t row) const;
    bool quick_ticks(std::span<const TickRow> rows);
    void after_write() noexcept;
    void build_index();
    Positions holdings_of(const Grouping& selection) const;
    AccountValue value_of(std::string_view account, std::string_view currency) const;

    Lock lock_;
    State state_;
    Names accounts_;
    Names instruments_;
    Names currencies_;
    std::vector<std::uint8_t> account_alive_;
    std::vector<std::uint32_t> currency_users_;  // instruments alive, by currency
    std::int32_t base_ = 0;
    int value_scale_ = 8;
    Counters counters_;
    std::vector<std::int64_t> tick_prices_;  // of a batch under way
    mutable std::mutex views_mutex_;         // the list; a view has its own for what it holds
    std::vector<std::weak_ptr<View>> views_;
    std::atomic<std::size_t> incremental_views_ = 0;
    std::atomic<bool> closed_ = false;
};

}  // namespace mvcore
