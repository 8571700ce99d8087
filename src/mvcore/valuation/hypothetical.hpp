// Hypothetical prices and rates, for what-ifs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// Changes in percent. `factor` is 1 + percent / 100; `text` and `row` are for error messages.
struct PriceChange {
    std::vector<InstrumentCode> instruments;
    Decimal factor;
    std::string text;
    std::size_t row;
};
struct RateChange {
    std::int32_t currency;
    Decimal factor;
    std::string text;
    std::size_t row;
};
struct PercentChanges {
    std::vector<PriceChange> prices;
    std::vector<RateChange> rates;

    [[nodiscard]] bool empty() const noexcept { return prices.empty() && rates.empty(); }
};

// Adds to the batch the exact prices and rates that the changes make of those of the state. What
// has no price or no rate gets none. Throws InputError if one has too many digits.
void add_changes(const State& state, const PercentChanges& changes, Batch& batch);

// A copy of the state with the batch's prices and rates. The batch has nothing else. The copy
// shares all pages but those of the changed quotes. Throws InputError.
State hypothetical(const State& state, Batch& batch);

}  // namespace mvcore
