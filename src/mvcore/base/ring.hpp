// Ring buffer of the newest kCapacity entries. Positions only grow; they never wrap. A reader that
// fell behind begin() must rebuild.
#pragma once

#include <cstdint>
#include <memory>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

template <class T>
class Ring {
public:
    static constexpr std::uint64_t kCapacity = tuning::kLogEntries;
    static_assert((kCapacity & (kCapacity - 1)) == 0);

    // Leaves the entries uninitialised: the kernel allocates pages only as the ring fills.
    Ring() : entries_(new T[kCapacity]) {}

    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
    [[nodiscard]] const T& operator[](std::uint64_t place) const noexcept {
        MVCORE_ASSERT(place >= begin_ && place < end_);
        return entries_[place & (kCapacity - 1)];
    }
    void push(const T& entry) noexcept {
        entries_[end_ & (kCapacity - 1)] = entry;
        ++end_;
        if (end_ - begin_ > kCapacity) begin_ = end_ - kCapacity;
        MVCORE_ASSERT(begin_ < end_ && end_ - begin_ <= kCapacity);
    }
    // Drops all entries and skips one position, so that every reader rebuilds, even one that was up
    // to date.
    void reset() noexcept { begin_ = ++end_; }

private:
    std::unique_ptr<T[]> entries_;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace mvcore
