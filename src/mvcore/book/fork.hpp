// Forks. A forked child has a copy of the memory and only the thread that forked, so whatever
// another thread was changing stays half changed there, and whatever it had locked stays locked.
// One pthread_atfork handler brings everything to rest in one order: readers, then the memory pool
// that their holders need to finish.
#pragma once

#include <chrono>

namespace mvcore {

class Reader;

using ForkDeadline = std::chrono::steady_clock::time_point;

// From here on forks wait for `reader`: see Reader::before_fork. Call it when the reader is whole,
// and forget_at_fork() before it is destroyed.
void rest_at_fork(Reader* reader);
void forget_at_fork(const Reader* reader) noexcept;

}  // namespace mvcore
