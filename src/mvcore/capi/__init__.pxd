# `cimport mvcore`: the hot calls for other Cython code, through the C table of the installed
# package. Fetch the table and the book once, then call without the GIL:
#
#     cdef const mvcore.mvcore_capi* api = mvcore.table()
#     cdef mvcore.mvcore_book* book = mvcore.handle(python_book)
#     with nogil:
#         mvcore.tick(api, book, code, 1515000, 4)
#
# Each call raises the exception of mvcore that matches the core's error. Compile with
# mvcore.get_include().
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_Import
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint64_t

from mvcore.capi cimport (
    MVCORE_CAPI_VERSION,
    MVCORE_NO_TIME,
    MVCORE_OK,
    mvcore_book,
    mvcore_capi,
    mvcore_decimal,
    mvcore_error,
    mvcore_fault,
    mvcore_valuation,
)


cdef inline const mvcore_capi* table() except NULL:
    cdef const mvcore_capi* found = <const mvcore_capi*>PyCapsule_Import("mvcore._core._C_API", 0)
    if found.version != MVCORE_CAPI_VERSION:
        raise ImportError(f"mvcore's C table has version {found.version}, "
                          f"this module was compiled for {MVCORE_CAPI_VERSION}")
    if found.size < sizeof(mvcore_capi):
        raise ImportError(f"mvcore's C table has {found.size} bytes, this module was compiled for "
                          f"{sizeof(mvcore_capi)}; install a newer mvcore")
    return found


cdef inline mvcore_book* handle(book) except NULL:
    """The pointer of a Book. It is valid while the Book object lives."""
    return <mvcore_book*>PyCapsule_GetPointer(book.__mvcore_book__(), "mvcore.book")


cdef inline int raise_error(const mvcore_capi* api, int kind, const char* text) except -1 with gil:
    cdef mvcore_fault fault
    if not api.last_fault(&fault):
        from mvcore.errors import failed
        raise failed(kind, text.decode("utf-8", "backslashreplace"))
    # Copied before anything is allocated that may run a finalizer, which could replace the facts.
    message = fault.text.decode("utf-8", "backslashreplace")
    reason = fault.reason.decode("utf-8", "backslashreplace")
    table = fault.table.decode("utf-8", "backslashreplace")
    column = fault.column.decode("utf-8", "backslashreplace")
    value = fault.value.decode("utf-8", "backslashreplace")
    row = None if fault.row < 0 else fault.row
    from mvcore.errors import failed
    raise failed(kind, message, table or None, column or None, row, value or None, reason)


cdef inline uint64_t tick(const mvcore_capi* api, mvcore_book* book, int32_t instrument,
                          int64_t mantissa, int32_t scale,
                          int64_t time=MVCORE_NO_TIME) except? 0 nogil:
    """Writes price mantissa / 10**scale of an instrument code. Returns the epoch. O(1)."""
    cdef mvcore_decimal price
    cdef mvcore_error error
    cdef uint64_t epoch = 0
    price.low = <uint64_t>mantissa
    price.high = -1 if mantissa < 0 else 0
    price.scale = scale
    cdef int kind = api.tick(book, instrument, price, time, 1, &epoch, &error)
    if kind != MVCORE_OK:
        raise_error(api, kind, error.text)
    return epoch


cdef inline uint64_t ticks(const mvcore_capi* api, mvcore_book* book, const int32_t* instruments,
                           const int64_t* mantissas, int32_t scale, size_t count,
                           const int64_t* times=NULL) except? 0 nogil:
    """Writes many prices in one batch. Returns the epoch. O(count)."""
    cdef mvcore_error error
    cdef uint64_t epoch = 0
    cdef int kind = api.ticks(book, instruments, mantissas, scale, times, count, &epoch, &error)
    if kind != MVCORE_OK:
        raise_error(api, kind, error.text)
    return epoch


cdef inline int value(const mvcore_capi* api, mvcore_book* book, const char* account,
                      size_t length, mvcore_valuation* out) except -1 nogil:
    """Reads the account's value in the base currency. O(positions of the account)."""
    cdef mvcore_error error
    cdef int kind = api.value(book, account, length, NULL, 0, 1, out, &error)
    if kind != MVCORE_OK:
        raise_error(api, kind, error.text)
    return 0
