// The book's lock, one word: any number of readers; one writer, who may prepare beside readers and
// then excludes them for as long as it takes to publish. New readers wait for a publishing writer,
// so that neither side starves the other for longer than one call.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "mvcore/base/assert.hpp"

namespace mvcore {

// lock() and lock_shared() have the names that the guards of the standard library call.
class Lock {
public:
    [[nodiscard]] bool try_lock_shared() noexcept {
        auto w = word_.load(std::memory_order_relaxed);
        while ((w & kExclusive) == 0)
            if (word_.compare_exchange_weak(w, w + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed))
                return true;
        return false;
    }
    void lock_shared() noexcept {
        while (!try_lock_shared()) {
            const auto w = word_.load(std::memory_order_relaxed);
            if ((w & kExclusive) != 0) word_.wait(w);
        }
    }
    void unlock_shared() noexcept {
        const auto w = word_.fetch_sub(1, std::memory_order_release);
        MVCORE_ASSERT((w & kReaders) != 0);
        if ((w & kExclusive) != 0) word_.notify_all();
    }

    // For a forked child: the threads that held the lock do not exist there.
    void reset() noexcept { word_.store(0); }

    // For short writes: succeeds only if no reader or writer holds the lock.
    [[nodiscard]] bool try_exclusive() noexcept {
        std::uint32_t idle = 0;
        return word_.compare_exchange_strong(idle, kWriter | kExclusive, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }
    // Excludes other writers. Readers continue.
    void lock() noexcept {
        for (;;) {
            auto w = word_.load(std::memory_order_relaxed);
            if ((w & kWriter) != 0) word_.wait(w);
            else if (word_.compare_exchange_weak(w, w | kWriter, std::memory_order_acquire,
                                                 std::memory_order_relaxed))
                return;
        }
    }
    // After lock(): blocks new readers and waits until the current ones have finished.
    void publish() noexcept {
        auto w = word_.fetch_or(kExclusive, std::memory_order_acquire) | kExclusive;
        MVCORE_ASSERT((w & kWriter) != 0);
        while ((w & kReaders) != 0) {
            word_.wait(w);
            w = word_.load(std::memory_order_acquire);
        }
        MVCORE_ASSERT((w & (kWriter | kExclusive)) == (kWriter | kExclusive));
    }
    // After publish(): admits readers again. Other writers stay excluded.
    void unpublish() noexcept {
        [[maybe_unused]] const auto w = word_.fetch_and(~kExclusive, std::memory_order_release);
        MVCORE_ASSERT((w & (kWriter | kExclusive)) == (kWriter | kExclusive));
        word_.notify_all();
        MVCORE_ASSERT((w & kReaders) == 0);
    }
    void unlock() noexcept {
        [[maybe_unused]] const auto w = word_.fetch_and(kReaders, std::memory_order_release);
        MVCORE_ASSERT((w & kExclusive) == 0 || (w & kReaders) == 0);
        MVCORE_ASSERT((w & kWriter) != 0);
        word_.notify_all();
    }

private:
    static constexpr std::uint32_t kWriter = 1U << 31;
    static constexpr std::uint32_t kExclusive = 1U << 30;
    static constexpr std::uint32_t kReaders = kExclusive - 1;
    std::atomic<std::uint32_t> word_{0};
};

// Holds the lock for reading.
using Reading = std::shared_lock<Lock>;
// Holds the lock for writing. Readers are excluded only between publish() and unpublish().
using Writing = std::unique_lock<Lock>;
// Holds the lock after try_exclusive(), as Exclusive(lock, std::adopt_lock).
using Exclusive = std::lock_guard<Lock>;

}  // namespace mvcore
