#include "mvcore/base/worker_pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "mvcore/base/assert.hpp"

namespace mvcore {
namespace {

// Blocks all signals while threads start, so that they inherit the mask. The handlers of the
// application then run on its own threads.
class BlockSignals {
public:
    BlockSignals() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    BlockSignals(const BlockSignals&) = delete;
    BlockSignals& operator=(const BlockSignals&) = delete;

private:
    sigset_t before_;
};

struct SharedPool {
    std::mutex mutex;
    std::weak_ptr<WorkerPool> pool;
};

// Never destroyed, because books may be released while the process exits.
SharedPool& shared_pool() {
    static SharedPool& one = *new SharedPool;
    return one;
}

}  // namespace

struct WorkerPool::Threads {
    // A job lives on the stack of its caller, who waits until no thread works on it.
    struct Job {
        Part f;
        std::size_t parts;
        std::size_t wanted;  // threads that may still join
        std::size_t next = 0;
        std::size_t working = 0;  // threads besides the caller
        std::exception_ptr error = nullptr;
        std::size_t error_part = 0;
    };

    std::mutex mutex;
    std::condition_variable work;  // a job, or the end
    std::condition_variable done;  // no thread works on the job
    std::vector<std::thread> threads;
    Job* job = nullptr;
    bool ending = false;

    ~Threads() {
        {
            const std::scoped_lock hold(mutex);
            MVCORE_ASSERT(job == nullptr);
            ending = true;
        }
        work.notify_all();
        for (auto& thread : threads) thread.join();
    }

    // Starts threads until there are `count`, or until the system refuses one. Holds the mutex.
    void start(std::size_t count) noexcept {
        if (threads.size() >= count) return;
        const BlockSignals block;
        try {
            threads.reserve(count);
            while (threads.size() < count) threads.emplace_back([this] { wait_for_jobs(); });
        } catch (const std::system_error&) {
        } catch (const std::bad_alloc&) {}
    }

    void wait_for_jobs() noexcept {
#ifdef __linux__
        pthread_setname_np(pthread_self(), "mvcore-sweep");
#endif
        std::unique_lock hold(mutex);
        for (;;) {
            work.wait(hold, [&] { return ending || (job != nullptr && job->wanted != 0); });
            if (ending) return;
            Job& joined = *job;
            --joined.wanted;
            ++joined.working;
            run_parts(joined, hold);
            MVCORE_ASSERT(job == &joined && joined.working > 0);
            if (--joined.working == 0) done.notify_one();
        }
    }

    // Runs the job with the waiting threads. Holds the mutex except while a part runs.
    void run(Job& shared, std::unique_lock<std::mutex>& hold) noexcept {
        MVCORE_ASSERT(job == nullptr);
        job = &shared;
        for (std::size_t k = 0; k < shared.wanted; ++k) work.notify_one();
        run_parts(shared, hold);
        done.wait(hold, [&] { return shared.working == 0; });
        job = nullptr;
    }

    // Runs parts until none is left. Holds the mutex except while a part runs.
    static void run_parts(Job& job, std::unique_lock<std::mutex>& hold) noexcept {
        while (job.next < job.parts) {
            const auto part = job.next++;
            hold.unlock();
            std::exception_ptr error;
            try {
                job.f(part);
            } catch (...) {
                error = std::current_exception();
            }
            hold.lock();
            if (!error) continue;
            job.next = job.parts;
            // Lower parts than one that threw have started, so the lowest one is known at the end.
            if (job.error && job.error_part < part) continue;
            job.error = std::move(error);
            job.error_part = part;
        }
        job.wanted = 0;
    }
};

WorkerPool::WorkerPool() : threads_(std::make_unique<Threads>()) {}

WorkerPool::~WorkerPool() = default;

bool WorkerPool::run(std::size_t parts, std::size_t threads, Part f) {
    const auto helpers = std::min(parts, threads);
    if (helpers > 1 && threads_ != nullptr) {
        std::unique_lock hold(threads_->mutex);
        if (threads_->job == nullptr) threads_->start(helpers - 1);
        if (threads_->job == nullptr && !threads_->threads.empty()) {
            const auto wanted = std::min(helpers - 1, threads_->threads.size());
            Threads::Job job{.f = f, .parts = parts, .wanted = wanted};
            threads_->run(job, hold);
            hold.unlock();
            if (job.error) std::rethrow_exception(std::move(job.error));
            return true;
        }
    }
    for (std::size_t part = 0; part < parts; ++part) f(part);
    return false;
}

std::shared_ptr<WorkerPool> WorkerPool::shared() {
    const std::scoped_lock hold(shared_pool().mutex);
    auto pool = shared_pool().pool.lock();
    if (!pool) {
        pool = std::make_shared<WorkerPool>();
        shared_pool().pool = pool;
    }
    return pool;
}

std::size_t WorkerPool::cores() noexcept {
#ifdef __linux__
    // Larger machines than a cpu_set_t describes are rare; then the call fails.
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int count = CPU_COUNT(&set);
        if (count > 0) return static_cast<std::size_t>(count);
    }
#endif
    return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

void WorkerPool::lock_for_fork() noexcept { shared_pool().mutex.lock(); }

void WorkerPool::unlock_after_fork() noexcept { shared_pool().mutex.unlock(); }

// A thread of the parent may have held the mutex of the pool, and the condition variables count
// threads that do not exist here. So the child keeps nothing of them.
void WorkerPool::become_child() noexcept {
    const auto pool = shared_pool().pool.lock();
    if (pool == nullptr) return;
    static_cast<void>(pool->threads_.release());
    pool->threads_.reset(new (std::nothrow) Threads);
}

}  // namespace mvcore
