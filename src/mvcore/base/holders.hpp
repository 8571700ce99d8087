// The reference count of everything that is copied on write: pages of a CowVector, pages of orders,
// the integers of a block. One writer may change the data only while it is the only holder.
#pragma once

#include <atomic>
#include <cstdint>

#include "mvcore/base/assert.hpp"

namespace mvcore {

class Holders {
public:
    void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    // Returns whether this was the last holder, who then destroys the data.
    [[nodiscard]] bool drop() noexcept {
        const auto before = count_.fetch_sub(1, std::memory_order_acq_rel);
        MVCORE_ASSERT(before > 0);
        return before == 1;
    }
    [[nodiscard]] bool shared() const noexcept {
        return count_.load(std::memory_order_acquire) != 1;
    }

private:
    std::atomic<std::uint32_t> count_{1};
};

}  // namespace mvcore
