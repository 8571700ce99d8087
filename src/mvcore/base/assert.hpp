// Invariants of mvcore itself. Errors of callers are exceptions; see errors.hpp.
#pragma once

#include <cstdio>
#include <cstdlib>

// Ends the process if an invariant does not hold. Active in debug builds and if MVCORE_ASSERTIONS
// is defined (presets dev, asan and tsan, and CI). Other builds do not evaluate the condition.
#if defined(MVCORE_ASSERTIONS) || !defined(NDEBUG)
#define MVCORE_ASSERT(condition) \
    ((condition) ? void() : ::mvcore::assertion_failed(#condition, __FILE__, __LINE__))
#else
#define MVCORE_ASSERT(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#endif

namespace mvcore {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file,
                                          int line) noexcept {
    std::fprintf(stderr, "%s:%d: mvcore invariant does not hold: %s\n", file, line, condition);
    std::abort();
}

}  // namespace mvcore
