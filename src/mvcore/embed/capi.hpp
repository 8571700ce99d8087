#pragma once

#include "capi.h"

namespace mvcore::embed {

// The one C table of this process.
const mvcore_capi* table() noexcept;

}  // namespace mvcore::embed
