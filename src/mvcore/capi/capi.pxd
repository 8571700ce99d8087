# The C table for Cython; see capi.h.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "mvcore/capi.h" nogil:
    enum:
        MVCORE_OK
        MVCORE_UNKNOWN_ID
        MVCORE_INVALID_INPUT
        MVCORE_VALUE_OVERFLOW
        MVCORE_CLOSED
        MVCORE_CORRUPT_DATA
        MVCORE_NO_MEMORY
        MVCORE_BUSY
        MVCORE_STORAGE
        MVCORE_CAPI_VERSION
    int64_t MVCORE_NO_TIME

    ctypedef struct mvcore_book:
        pass
    ctypedef struct mvcore_error:
        char text[256]
    ctypedef struct mvcore_decimal:
        uint64_t low
        int64_t high
        int32_t scale
    ctypedef struct mvcore_valuation:
        mvcore_decimal sod
        mvcore_decimal current
        mvcore_decimal expected
        uint64_t unpriced
        uint64_t epoch
    ctypedef struct mvcore_order:
        const char* id_text
        size_t id_length
        int64_t id_number
        const char* account
        size_t account_length
        const char* instrument
        size_t instrument_length
        mvcore_decimal order_quantity
        mvcore_decimal filled_quantity
        const char* status
        size_t status_length
        int64_t time
    ctypedef struct mvcore_dropped:
        uint64_t late_prices
        uint64_t late_orders
        uint64_t late_fx
        uint64_t unchanged_orders
        uint64_t skipped_prices
    ctypedef struct mvcore_fault:
        const char* text
        const char* reason
        const char* table
        const char* column
        const char* value
        int64_t row
    ctypedef struct mvcore_capi:
        uint32_t version
        uint32_t size
        int (*parse_decimal)(const char*, size_t, mvcore_decimal*, mvcore_error*) noexcept nogil
        int (*decimal_of_double)(double, mvcore_decimal*, mvcore_error*) noexcept nogil
        int (*format_decimal)(mvcore_decimal, char*) noexcept nogil
        int32_t (*instrument_code)(mvcore_book*, const char*, size_t) noexcept nogil
        int (*tick)(mvcore_book*, int32_t, mvcore_decimal, int64_t, int, uint64_t*, mvcore_error*) noexcept nogil
        int (*tick_named)(mvcore_book*, const char*, size_t, mvcore_decimal, int64_t, int,
                          uint64_t*, mvcore_error*) noexcept nogil
        int (*ticks)(mvcore_book*, const int32_t*, const int64_t*, int32_t, const int64_t*, size_t,
                     uint64_t*, mvcore_error*) noexcept nogil
        int (*ticks_double)(mvcore_book*, const int32_t*, const double*, const int64_t*, size_t,
                            uint64_t*, mvcore_error*) noexcept nogil
        int (*value)(mvcore_book*, const char*, size_t, const char*, size_t, int, mvcore_valuation*,
                     mvcore_error*) noexcept nogil
        int (*order)(mvcore_book*, const mvcore_order*, int, uint64_t*, mvcore_error*) noexcept nogil
        int32_t (*account_code)(mvcore_book*, const char*, size_t) noexcept nogil
        int32_t (*currency_code)(mvcore_book*, const char*, size_t) noexcept nogil
        int (*tick_scaled)(mvcore_book*, int64_t, int64_t, int64_t, int64_t, mvcore_error*) noexcept nogil
        int (*value_scaled)(mvcore_book*, int64_t, int64_t, int64_t*, mvcore_error*) noexcept nogil
        int (*last_dropped)(mvcore_dropped*) noexcept nogil
        int (*order_priced)(mvcore_book*, const mvcore_order*, const mvcore_decimal*, int, uint64_t*,
                            mvcore_error*) noexcept nogil
        int (*last_fault)(mvcore_fault*) noexcept nogil
