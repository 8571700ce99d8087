// Hypothetical prices and rates, for what-ifs.
#pragma once

#include <algorithm>
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

// Calls f(part) for parts of at most `most` instruments. The first part has the rates.
template <class F>
void for_parts(const PercentChanges& changes, std::size_t most, F&& f) {
    PercentChanges part;
    part.rates = changes.rates;
    std::size_t count = 0;
    for (const auto& change : changes.prices)
        for (std::size_t first = 0; first < change.instruments.size();) {
            const auto begin = change.instruments.begin() + std::ptrdiff_t(first);
            const auto n = std::min(most - count, change.instruments.size() - first);
            part.prices.push_back(
                {{begin, begin + std::ptrdiff_t(n)}, change.factor, change.text, change.row});
            first += n;
            count += n;
            if (count < most) continue;
            f(part);
            part = {};
            count = 0;
        }
    if (!part.empty()) f(part);
}

// A copy of the state with the batch's prices and rates. The batch has nothing else. The copy
// shares all pages but those of the changed quotes. Throws InputError.
State hypothetical(const State& state, Batch& batch);

// Sets the exact prices and rates that the changes make of those of the state. What has no price or
// no rate gets none. `batch` is empty; its names are for messages. Throws InputError, also if a
// price or a rate has too many digits.
void apply_changes(State& state, const PercentChanges& changes, Batch& batch);

}  // namespace mvcore
