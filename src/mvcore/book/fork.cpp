#include "mvcore/book/fork.hpp"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/worker_pool.hpp"
#include "mvcore/book/reader.hpp"

namespace mvcore {
namespace {

struct Registry {
    std::mutex mutex;
    std::vector<Reader*> readers;
};

// Never destroyed, because books may be released while the process exits.
Registry& registry() {
    static Registry& one = *new Registry;
    return one;
}

void before_fork() {
    registry().mutex.lock();
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(tuning::kLongestForkMs);
    for (Reader* reader : registry().readers) reader->before_fork(deadline);
    WorkerPool::lock_for_fork();
    huge_pages::lock_for_fork();
}

void in_parent() {
    huge_pages::unlock_after_fork();
    WorkerPool::unlock_after_fork();
    for (Reader* reader : registry().readers) reader->after_fork();
    registry().mutex.unlock();
}

void in_child() {
    huge_pages::unlock_after_fork();
    WorkerPool::become_child();
    WorkerPool::unlock_after_fork();
    for (Reader* reader : registry().readers) reader->become_child();
    registry().mutex.unlock();
}

}  // namespace

void rest_at_fork(Reader* reader) {
    static const bool handled = ::pthread_atfork(before_fork, in_parent, in_child) == 0;
    if (!handled) throw std::bad_alloc();
    const std::scoped_lock hold(registry().mutex);
    registry().readers.push_back(reader);
}

void forget_at_fork(const Reader* reader) noexcept {
    const std::scoped_lock hold(registry().mutex);
    MVCORE_ASSERT(std::count(registry().readers.begin(), registry().readers.end(), reader) == 1);
    std::erase(registry().readers, reader);
}

}  // namespace mvcore
