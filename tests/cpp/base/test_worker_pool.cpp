// The worker pool: every part runs once, on several threads if it can, and no exception is lost.
#include "mvcore/base/worker_pool.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "mvcore/book/book.hpp"

namespace {

using namespace mvcore;

// Counts arrivals. wait() returns once `expected` threads have arrived.
class Meeting {
public:
    explicit Meeting(std::size_t expected) : expected_(expected) {}
    void wait() {
        std::unique_lock hold(mutex_);
        threads_.insert(std::this_thread::get_id());
        if (++arrived_ == expected_) all_.notify_all();
        all_.wait(hold, [&] { return arrived_ >= expected_; });
    }
    std::size_t threads() {
        const std::scoped_lock hold(mutex_);
        return threads_.size();
    }

private:
    std::mutex mutex_;
    std::condition_variable all_;
    std::size_t expected_;
    std::size_t arrived_ = 0;
    std::set<std::thread::id> threads_;
};

// Runs as many parts as threads, each of which waits for all others. Returns the number of threads.
std::size_t meet(WorkerPool& pool, std::size_t threads) {
    Meeting meeting(threads);
    CHECK(pool.run(threads, threads, [&](std::size_t) { meeting.wait(); }));
    return meeting.threads();
}

// Runs f in a forked child. Returns its exit status: 0 if f returned true.
template <class F>
int in_child(F&& f) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);  // a deadlock must not hang the test
        ::_exit(f() ? 0 : 1);
    }
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST(worker_pool_runs_each_part_once) {
    WorkerPool pool;
    for (const std::size_t threads : {0U, 1U, 2U, 3U, 8U})
        for (const std::size_t parts : {0U, 1U, 2U, 7U, 1000U}) {
            std::vector<std::atomic<int>> ran(parts);
            std::vector<std::size_t> plain(parts);  // written by one thread each, read by this one
            const bool shared = pool.run(parts, threads, [&](std::size_t part) {
                ++ran[part];
                plain[part] = part + 1;
            });
            CHECK(shared == (threads > 1 && parts > 1));
            for (std::size_t part = 0; part < parts; ++part)
                CHECK(ran[part] == 1 && plain[part] == part + 1);
        }
}

TEST(worker_pool_uses_as_many_threads_as_allowed) {
    WorkerPool pool;
    for (const std::size_t threads : {2U, 4U, 3U, 6U}) CHECK(meet(pool, threads) == threads);
    // Threads that an earlier job started do not help a job that may use fewer.
    std::mutex mutex;
    std::set<std::thread::id> used;
    pool.run(1000, 2, [&](std::size_t) {
        const std::scoped_lock hold(mutex);
        used.insert(std::this_thread::get_id());
    });
    CHECK(used.size() <= 2);
}

TEST(worker_pool_with_one_thread_stays_on_the_calling_one) {
    WorkerPool pool;
    const auto caller = std::this_thread::get_id();
    CHECK(!pool.run(100, 1, [&](std::size_t) { CHECK(std::this_thread::get_id() == caller); }));
}

TEST(worker_pool_rethrows_what_the_lowest_part_threw) {
    WorkerPool pool;
    for (int round = 0; round < 200; ++round) {
        const std::size_t threads = 1 + std::size_t(round) % 4;
        std::vector<std::atomic<int>> ran(64);
        std::string caught;
        try {
            pool.run(64, threads, [&](std::size_t part) {
                ++ran[part];
                if (part == 20 || part == 23) throw std::runtime_error(std::to_string(part));
                if (part == 21) throw 21;
            });
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
        CHECK(caught == "20");
        for (std::size_t part = 0; part < 64; ++part)
            CHECK(part <= 20 ? ran[part] == 1 : ran[part] <= 1);
        std::atomic<int> after = 0;  // the pool works on
        pool.run(64, threads, [&](std::size_t) { ++after; });
        CHECK(after == 64);
    }
}

// Both the caller's part and the other thread's part throw after they have met.
TEST(worker_pool_rethrows_from_every_thread) {
    WorkerPool pool;
    Meeting meeting(2);
    int caught = -1;
    try {
        pool.run(2, 2, [&](std::size_t part) {
            meeting.wait();
            throw static_cast<int>(part);
        });
    } catch (int part) {
        caught = part;
    }
    CHECK(caught == 0 && meeting.threads() == 2);
}

TEST(worker_pool_runs_nested_jobs_on_the_calling_thread) {
    WorkerPool pool;
    std::atomic<int> inner = 0;
    std::atomic<int> shared = 0;
    pool.run(4, 2, [&](std::size_t) {
        const auto caller = std::this_thread::get_id();
        shared += pool.run(5, 2, [&](std::size_t) {
            CHECK(std::this_thread::get_id() == caller);
            ++inner;
        });
    });
    CHECK(inner == 20 && shared == 0);
}

// A caller that finds the pool busy does not wait: its job ends while the other one cannot.
TEST(worker_pool_that_is_busy_makes_nobody_wait) {
    WorkerPool pool;
    Meeting began(3);  // both parts of the first job, and this thread
    Meeting end(3);
    std::thread first([&] {
        pool.run(2, 2, [&](std::size_t) {
            began.wait();
            end.wait();
        });
    });
    began.wait();
    int ran = 0;
    CHECK(!pool.run(10, 4, [&](std::size_t) { ++ran; }));
    CHECK(ran == 10);
    end.wait();
    first.join();
    CHECK(meet(pool, 2) == 2);
}

TEST(worker_pool_serves_many_callers) {
    WorkerPool pool;
    std::atomic<std::size_t> sum = 0;
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; ++c)
        callers.emplace_back([&] {
            for (int round = 0; round < 300; ++round) {
                std::size_t own[16] = {};
                pool.run(16, 3, [&](std::size_t part) { own[part] = part; });
                for (const auto part : own) sum += part;
            }
        });
    for (auto& caller : callers) caller.join();
    CHECK(sum == 4 * 300 * 120);
}

TEST(worker_pool_ends_its_threads) {
    for (int round = 0; round < 50; ++round) {
        WorkerPool pool;
        if (round % 2 == 0) pool.run(8, 4, [](std::size_t) {});
    }
}

TEST(worker_pool_of_the_process_ends_with_its_last_holder) {
    std::weak_ptr<WorkerPool> seen;
    {
        const auto one = WorkerPool::shared();
        const auto other = WorkerPool::shared();
        seen = one;
        CHECK(one == other);
        CHECK(meet(*one, 3) == 3);
    }
    CHECK(seen.expired());
    CHECK(WorkerPool::cores() >= 1);
}

TEST(workers_count_the_jobs_that_they_share) {
    Workers one(1);
    one.run(10, [](std::size_t) {});
    CHECK(one.threads() == 1 && one.parallel() == 0);
    Workers two(2);
    two.run(1, [](std::size_t) {});
    CHECK(two.parallel() == 0);
    two.run(10, [](std::size_t) {});
    two.run(10, [](std::size_t) {});
    CHECK(two.parallel() == 2);
}

#ifndef __SANITIZE_THREAD__  // ThreadSanitizer does not support threads in a forked child

TEST(worker_pool_starts_new_threads_in_a_forked_child) {
    const Book book("USD", 8);  // handles forks
    const auto pool = WorkerPool::shared();
    CHECK(meet(*pool, 3) == 3);
    CHECK(in_child([&] { return meet(*pool, 3) == 3 && meet(*pool, 2) == 2; }) == 0);
    CHECK(meet(*pool, 3) == 3);
}

// The job belongs to a thread that the child does not have.
TEST(worker_pool_is_free_in_a_child_forked_during_a_job) {
    const Book book("USD", 8);
    const auto pool = WorkerPool::shared();
    Meeting began(3);
    Meeting end(3);
    std::thread caller([&] {
        pool->run(2, 2, [&](std::size_t) {
            began.wait();
            end.wait();
        });
    });
    began.wait();
    CHECK(in_child([&] { return meet(*pool, 2) == 2; }) == 0);
    end.wait();
    caller.join();
}

#endif
