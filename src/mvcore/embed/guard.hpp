// What every function of the C table stands in: nothing is thrown across it.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include "../book.hpp"
#include "../errors.hpp"
#include "capi.h"

namespace mvcore::embed {

inline Book& book_of(mvcore_book* book) { return *reinterpret_cast<Book*>(book); }

inline Dropped& last_dropped_of_thread() noexcept {
    thread_local Dropped last;
    return last;
}

inline int fail(int kind, const char* text, mvcore_error* error) noexcept {
    if (error != nullptr) {
        std::strncpy(error->text, text, sizeof error->text - 1);
        error->text[sizeof error->text - 1] = '\0';
    }
    return kind;
}

// Keeps what a write dropped for last_dropped(); returns its epoch.
inline std::uint64_t remember_dropped(const Written& written) noexcept {
    if (written.dropped.any() || last_dropped_of_thread().any())
        last_dropped_of_thread() = written.dropped;
    return written.epoch;
}

template <class F>
int guarded(mvcore_error* error, F&& f) noexcept {
    try {
        return f();
    } catch (const Error& e) {
        return fail(static_cast<int>(e.kind()), e.what(), error);
    } catch (const std::bad_alloc&) {
        return fail(MVCORE_NO_MEMORY, "out of memory", error);
    } catch (const std::exception& e) {
        return fail(MVCORE_INVALID_INPUT, e.what(), error);
    }
}

}  // namespace mvcore::embed
