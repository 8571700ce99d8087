// Wraps every function of the C table: translates exceptions to error codes.
#pragma once

#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/book/book.hpp"
#include "mvcore/capi/capi.h"

namespace mvcore::capi {

static_assert(MVCORE_NO_TIME == kNoTime);
static_assert(MVCORE_UNKNOWN_ID == static_cast<int>(ErrorKind::unknown_id));
static_assert(MVCORE_INVALID_INPUT == static_cast<int>(ErrorKind::invalid_input));
static_assert(MVCORE_VALUE_OVERFLOW == static_cast<int>(ErrorKind::value_overflow));
static_assert(MVCORE_CLOSED == static_cast<int>(ErrorKind::closed));
static_assert(MVCORE_CORRUPT_DATA == static_cast<int>(ErrorKind::corrupt_data));
static_assert(MVCORE_STORAGE == static_cast<int>(ErrorKind::storage));

inline Book& book_of(mvcore_book* book) { return *reinterpret_cast<Book*>(book); }

inline Dropped& last_dropped_of_thread() noexcept {
    thread_local Dropped last;
    return last;
}

// The input that the thread's last failed call refused, for last_fault().
struct LastFault {
    std::string text;
    std::string reason;
    std::string table;
    std::string column;
    std::string value;
    std::int64_t row = -1;
};

inline LastFault& last_fault_of_thread() noexcept {
    thread_local LastFault last;
    return last;
}

inline int fail(int kind, const char* text, mvcore_error* error) noexcept {
    MVCORE_ASSERT(kind != MVCORE_OK);
    if (error != nullptr) {
        std::strncpy(error->text, text, sizeof error->text - 1);
        error->text[sizeof error->text - 1] = '\0';
    }
    return kind;
}

inline void remember_fault(const std::exception& e) noexcept {
    LastFault& last = last_fault_of_thread();
    try {
        last = {e.what(), e.what(), {}, {}, {}, -1};
        const auto* input = dynamic_cast<const InputError*>(&e);
        if (input == nullptr) return;
        last.reason = input->reason;
        last.table = input->table;
        last.column = input->column;
        last.value = input->value.value_or("");
        last.row = input->row ? static_cast<std::int64_t>(*input->row) : -1;
    } catch (const std::bad_alloc&) {
        last = LastFault();
    }
}

// Stores what a write dropped, for last_dropped(). Returns the write's epoch.
inline std::uint64_t remember_dropped(const Written& written) noexcept {
    if (written.dropped.any() || last_dropped_of_thread().any())
        last_dropped_of_thread() = written.dropped;
    return raw(written.epoch);
}

template <class F>
int guarded(mvcore_error* error, F&& f) noexcept {
    try {
        return f();
    } catch (const Error& e) {
        remember_fault(e);
        return fail(static_cast<int>(e.kind()), e.what(), error);
    } catch (const std::bad_alloc&) {
        last_fault_of_thread() = LastFault();
        return fail(MVCORE_NO_MEMORY, "out of memory", error);
    } catch (const std::exception& e) {
        remember_fault(e);
        return fail(MVCORE_INVALID_INPUT, e.what(), error);
    }
}

}  // namespace mvcore::capi
