// The order of rows by integer keys.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mvcore {

// The indices of the rows, sorted by the first key, then by the second and so on. Equal rows keep
// their order. Every key has as many items as the first; there is at least one key. O(rows x keys).
std::vector<std::int64_t> sort_order(std::span<const std::span<const std::int32_t>> keys);

}  // namespace mvcore
