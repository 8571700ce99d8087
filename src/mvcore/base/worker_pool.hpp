// Threads that share the work of one call: large sweeps run on several cores.
//
// Lifecycle: the first job that wants more threads starts them. They wait on a condition variable,
// and end when the pool is destroyed. The pool runs one job at a time. A caller never waits for the
// job of another caller: if the pool is busy, or a thread cannot start, the caller runs the
// remaining parts itself. That includes a part that calls run().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace mvcore {

class WorkerPool {
public:
    WorkerPool();
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Calls f(part) once for each part in [0, parts), on at most `threads` threads, the calling one
    // included. Parts start in ascending order. If parts throw, no further part starts, and the
    // exception of the lowest part is rethrown when all have ended: the one that a loop would have
    // thrown. Returns whether the parts were offered to other threads.
    template <class F>
    bool run(std::size_t parts, std::size_t threads, F&& f) {
        using Function = std::remove_reference_t<F>;
        return run(parts, threads,
                   {std::addressof(f), [](const void* function, std::size_t part) {
                        (*const_cast<Function*>(static_cast<const Function*>(function)))(part);
                    }});
    }

    // The pool of this process. Its threads end with the last holder.
    [[nodiscard]] static std::shared_ptr<WorkerPool> shared();
    // The number of cores that this process may run on, at least 1.
    [[nodiscard]] static std::size_t cores() noexcept;

    // See book/fork.hpp. A child has none of the threads; its pool starts new ones.
    static void lock_for_fork() noexcept;
    static void unlock_after_fork() noexcept;
    static void become_child() noexcept;

private:
    struct Part {
        const void* function;
        void (*call)(const void* function, std::size_t part);
        void operator()(std::size_t part) const { call(function, part); }
    };
    struct Threads;
    bool run(std::size_t parts, std::size_t threads, Part f);

    std::unique_ptr<Threads> threads_;  // null: no thread ever starts
};

// The threads that the sweeps of one book may use. The results of a sweep do not depend on them.
class Workers {
public:
    explicit Workers(std::size_t threads) : threads_(threads), pool_(WorkerPool::shared()) {}

    [[nodiscard]] std::size_t threads() const noexcept { return threads_; }
    // See WorkerPool::run().
    template <class F>
    void run(std::size_t parts, F&& f) {
        if (pool_->run(parts, threads_, f)) parallel_.fetch_add(1, std::memory_order_relaxed);
    }
    // Number of jobs that were offered to other threads.
    [[nodiscard]] std::uint64_t parallel() const noexcept {
        return parallel_.load(std::memory_order_relaxed);
    }

private:
    std::size_t threads_;
    std::shared_ptr<WorkerPool> pool_;
    std::atomic<std::uint64_t> parallel_ = 0;
};

}  // namespace mvcore
