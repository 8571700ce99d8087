#include "mvcore/valuation/hypothetical.hpp"

#include "mvcore/base/assert.hpp"
#include "mvcore/state/quote_stage.hpp"

namespace mvcore {

State hypothetical(const State& state, Batch& batch) {
    State other = state;
    const auto currencies = static_cast<std::size_t>(batch.currencies.size());
    other.board.extend(other.board.size(), currencies);
    QuoteStage quotes(other, batch);
    quotes.stage();
    quotes.reserve();
    quotes.commit();
    MVCORE_ASSERT(other.epoch == state.epoch && other.masters == state.masters);
    MVCORE_ASSERT(other.positions.size() == state.positions.size());
    return other;
}

}  // namespace mvcore
