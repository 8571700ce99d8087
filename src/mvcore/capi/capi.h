/* The C table of mvcore: functions that Cython, numba and C code call without Python in between.
 *
 * Get it with PyCapsule_Import("mvcore._core._C_API", 0). Check that `version` is
 * MVCORE_CAPI_VERSION and that `size` is at least sizeof(mvcore_capi): functions are appended
 * within a version, so the table of an older mvcore is shorter than a newer header says. A book's
 * pointer comes from the capsule `Book.__mvcore_book__()` and is valid while that Book object
 * lives.
 *
 * Functions return 0, or an error code with the error's text in `error`. They never throw and do
 * not need the GIL. With `wait` 0 a call returns MVCORE_BUSY, with nothing done, if it would take
 * more than a few microseconds (another thread holds the book's lock, the price needs more than
 * writing a number, an index must be built) or if its input is wrong. Then release the GIL and call
 * again with `wait` 1.
 */
#ifndef MVCORE_CAPI_H
#define MVCORE_CAPI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MVCORE_CAPI_VERSION 1
#define MVCORE_NO_TIME INT64_MIN

enum {
    MVCORE_OK = 0,
    MVCORE_UNKNOWN_ID = 1,
    MVCORE_INVALID_INPUT = 2,
    MVCORE_VALUE_OVERFLOW = 3,
    MVCORE_CLOSED = 4,
    MVCORE_CORRUPT_DATA = 5,
    MVCORE_NO_MEMORY = 6,
    MVCORE_BUSY = 7,
    MVCORE_STORAGE = 8
};

typedef struct mvcore_book mvcore_book;

typedef struct mvcore_error {
    char text[256];
} mvcore_error;

/* mantissa / 10^scale; the mantissa is (high << 64) + low */
typedef struct mvcore_decimal {
    uint64_t low;
    int64_t high;
    int32_t scale;
} mvcore_decimal;

typedef struct mvcore_valuation {
    mvcore_decimal sod;
    mvcore_decimal current;
    mvcore_decimal expected;
    uint64_t unpriced;
    uint64_t epoch;
} mvcore_valuation;

/* An order with all its columns. Its id is a text, or an integer if `id_text` is null. */
typedef struct mvcore_order {
    const char* id_text;
    size_t id_length;
    int64_t id_number;
    const char* account;
    size_t account_length;
    const char* instrument;
    size_t instrument_length;
    mvcore_decimal order_quantity;  /* FIX 38, negative to sell */
    mvcore_decimal filled_quantity; /* FIX 14 */
    const char* status;             /* FIX 39, by name or code */
    size_t status_length;
    int64_t time; /* ns since 1970 UTC or MVCORE_NO_TIME */
} mvcore_order;

/* Rows of a write that had no effect. */
typedef struct mvcore_dropped {
    uint64_t late_prices; /* strictly older than the held value; so are the next two */
    uint64_t late_orders;
    uint64_t late_fx;
    uint64_t unchanged_orders; /* reports that change nothing, such as replays */
    uint64_t skipped_prices;   /* of unknown instruments */
} mvcore_dropped;

/* The input that a failed call refused. The texts are valid until this thread's next failed call
 * or its end. */
typedef struct mvcore_fault {
    const char* text;   /* the whole message; mvcore_error truncates it */
    const char* reason; /* end of the message, without table, column and row */
    const char* table; /* a table or a call; this and the next two are empty if no input is wrong */
    const char* column;
    const char* value; /* as text */
    int64_t row;       /* counted from 0; -1: the error has no single row */
} mvcore_fault;

typedef struct mvcore_capi {
    uint32_t version;
    uint32_t size; /* of this struct, in bytes */

    int (*parse_decimal)(const char* text, size_t length, mvcore_decimal* out, mvcore_error* error);
    int (*decimal_of_double)(double value, mvcore_decimal* out, mvcore_error* error);
    /* Writes at most 64 bytes. Returns the length; 0 if the scale is not in 0..38. */
    int (*format_decimal)(mvcore_decimal value, char* buffer);

    /* Returns -1 if the name is unknown. */
    int32_t (*instrument_code)(mvcore_book* book, const char* name, size_t length);

    /* time: ns since 1970 UTC or MVCORE_NO_TIME. O(1). */
    int (*tick)(mvcore_book* book, int32_t instrument, mvcore_decimal price, int64_t time, int wait,
                uint64_t* epoch, mvcore_error* error);
    int (*tick_named)(mvcore_book* book, const char* name, size_t length, mvcore_decimal price,
                      int64_t time, int wait, uint64_t* epoch, mvcore_error* error);
    /* One batch of prices in units of 10^-scale. `times` may be null. Waits. O(count). */
    int (*ticks)(mvcore_book* book, const int32_t* instruments, const int64_t* prices,
                 int32_t scale, const int64_t* times, size_t count, uint64_t* epoch,
                 mvcore_error* error);
    int (*ticks_double)(mvcore_book* book, const int32_t* instruments, const double* prices,
                        const int64_t* times, size_t count, uint64_t* epoch, mvcore_error* error);

    /* currency: null for the base. O(positions of the account). */
    int (*value)(mvcore_book* book, const char* account, size_t account_length,
                 const char* currency, size_t currency_length, int wait, mvcore_valuation* out,
                 mvcore_error* error);

    /* Since 0.2. An upsert of one order. O(1), plus O(1) for each incremental view. */
    int (*order)(mvcore_book* book, const mvcore_order* order, int wait, uint64_t* epoch,
                 mvcore_error* error);

    /* Since 0.2, with plain arguments, for numba and ctypes. Return -1 if the name is unknown. */
    int32_t (*account_code)(mvcore_book* book, const char* name, size_t length);
    int32_t (*currency_code)(mvcore_book* book, const char* name, size_t length);
    /* As `tick` with `wait` 1: price / 10^scale. */
    int (*tick_scaled)(mvcore_book* book, int64_t instrument, int64_t price, int64_t scale,
                       int64_t time, mvcore_error* error);
    /* As `value` with `wait` 1, by codes; currency: -1 for the base. Writes five numbers to `out`:
     * sod, current and expected in units of the last decimal of the book's amounts, unpriced and
     * epoch. Returns MVCORE_VALUE_OVERFLOW if an amount does not fit 64 bits. */
    int (*value_scaled)(mvcore_book* book, int64_t account, int64_t currency, int64_t* out,
                        mvcore_error* error);

    /* Since 0.3. Rows that this thread's last successful write through this table dropped. If it
     * dropped none, returns 0 and does not change `out`. */
    int (*last_dropped)(mvcore_dropped* out);

    /* Since 0.4. As `order`, with the average price of the order's fills (FIX 6). Null, as in
     * `order`, makes the price unknown: an order that had one loses it and, in a book with cash
     * from fills, gives back the cost of today's fills. In such a book, an order that has or had a
     * price returns MVCORE_BUSY if `wait` is 0. */
    int (*order_priced)(mvcore_book* book, const mvcore_order* order,
                        const mvcore_decimal* average_price, int wait, uint64_t* epoch,
                        mvcore_error* error);

    /* Since 0.4. The fault of this thread's last failed call through this table. If there was none,
     * or memory was too short for its text, returns 0 and does not change `out`. */
    int (*last_fault)(mvcore_fault* out);
} mvcore_capi;

#ifdef __cplusplus
}
#endif

#endif
