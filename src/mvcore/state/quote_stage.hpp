// Stages the prices and rates of a batch: new quotes, their units, and the bounds of those units.
// It is the base class of WriteTransaction, which adds everything else that a batch may hold. They
// share the state, the batch, the staged instruments with their units and bounds, and the counts of
// dropped rows. It is a class of its own because what-ifs (valuation/hypothetical.hpp) use it
// alone.
//
//   stage    reports input errors
//   reserve  finds units, proves bounds, reserves memory; may throw, no value has changed
//   commit   cannot fail
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "mvcore/base/flat_map.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"

namespace mvcore {

class QuoteStage {
public:
    // Writes changes of prices to the log, if there is one.
    QuoteStage(State& state, Batch& batch, ChangeLog* change_log = nullptr)
        : state_(state), batch_(batch), change_log_(change_log) {}

    void stage();
    void reserve();
    void commit() noexcept;
    // Valid after reserve(): whether a unit or a ceiling changes, so that later batches may start
    // or cease to fit.
    [[nodiscard]] bool moves_bounds() const;

protected:
    // The new state of an instrument.
    struct Staged {
        InstrumentCode code;
        Quote quote;
        Instrument instrument;
        i128 mantissa = 0;  // of the price, in units of 10^-quote.price_scale
        // Minimum scale of a new price; most prices share it, so a currency needs only one unit.
        int least_scale = 4;
        bool reset = false;  // new to the book, or added again after its removal
    };

    // The new state of the instrument, which is the present one at first.
    Staged& staged(InstrumentCode instrument);
    void stage_all();
    void find_unit(Staged& s);
    void prove_bounds();
    void reserve_quotes();
    void commit_quote(const Staged& s) noexcept;
    void commit_bounds_and_rates() noexcept;

    State& state_;
    Batch& batch_;
    FlatMap<InstrumentCode> staged_at_;  // by instrument: index into staged_
    std::vector<Staged> staged_;
    bool refreshed_ = false;  // the batch replaces the grid
    bool tight_ = false;      // bounds use the exact prices, without slack
    Dropped dropped_;         // except orders
    std::uint64_t price_rows_ = 0;

private:
    void stage_rates();
    static void withdraw_price(Staged& s) noexcept;
    void stage_prices();
    void stage_cash_prices();
    [[noreturn]] void refuse_price(InstrumentCode instrument) const;
    [[nodiscard]] std::optional<UnitId> find_bounds();
    [[nodiscard]] const char* changed_table() const noexcept;

    ChangeLog* change_log_;
    std::vector<Rate> rates_;
    std::vector<std::pair<UnitId, Int<8>>> bounds_;
};

}  // namespace mvcore
