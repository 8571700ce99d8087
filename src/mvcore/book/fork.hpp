// Forks. A forked child has a copy of the memory and only the forking thread. Whatever another
// thread was changing stays half changed there, and whatever it had locked stays locked. One
// pthread_atfork handler brings everything to rest in one order: first the readers, then the worker
// pool and the memory pool, which lock holders need to finish.
#pragma once

#include <chrono>

namespace mvcore {

class Reader;

using ForkDeadline = std::chrono::steady_clock::time_point;

// From now on forks wait for `reader`: see Reader::before_fork. Call this when the reader is fully
// constructed, and forget_at_fork() before its destruction.
void rest_at_fork(Reader* reader);
void forget_at_fork(const Reader* reader) noexcept;

}  // namespace mvcore
