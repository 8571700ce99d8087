// Hypothetical prices and rates, for what-ifs.
#pragma once

#include "mvcore/state/batch.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// A copy of the state with the batch's prices and rates. The batch has nothing else. The copy
// shares all pages but those of the changed quotes. Throws InputError.
State hypothetical(const State& state, Batch& batch);

}  // namespace mvcore
