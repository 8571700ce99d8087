// Accounts and instruments that a read selects, by code.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "mvcore/base/ids.hpp"

namespace mvcore {

// Codes ascend without duplicates; none: all.
struct CodeSelection {
    std::optional<std::vector<AccountCode>> accounts;
    std::optional<std::vector<InstrumentCode>> instruments;
    std::uint64_t masters = 0;  // of the state whose master tables the codes were found in
};

template <class C>
[[nodiscard]] bool selects(const std::optional<std::vector<C>>& named, C code) {
    return !named || std::binary_search(named->begin(), named->end(), code);
}

}  // namespace mvcore
