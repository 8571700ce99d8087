# cython: language_level=3
"""A module of somebody else's that ticks and values a book of mvcore without the GIL."""
cimport mvcore
from libc.stdint cimport int32_t, int64_t, uint64_t

from decimal import Decimal


cdef class Feed:
    """Holds on to the book: the pointer is valid while the book lives."""
    cdef object _owner
    cdef const mvcore.mvcore_capi* _api
    cdef mvcore.mvcore_book* _book

    def __init__(self, book):
        self._owner = book
        self._api = mvcore.table()
        self._book = mvcore.handle(book)

    def version(self):
        return self._api.version, self._api.size

    def code(self, name):
        encoded = name.encode()
        cdef const char* text = encoded
        cdef size_t length = len(encoded)
        cdef int32_t found
        with nogil:
            found = self._api.instrument_code(self._book, text, length)
        return found

    def tick(self, int32_t code, int64_t mantissa, int32_t scale):
        cdef uint64_t epoch
        with nogil:
            epoch = mvcore.tick(self._api, self._book, code, mantissa, scale)
        return epoch

    def tick_at(self, int32_t code, int64_t mantissa, int32_t scale, int64_t time):
        cdef uint64_t epoch
        with nogil:
            epoch = mvcore.tick(self._api, self._book, code, mantissa, scale, time)
        return epoch

    def ticks(self, const int32_t[::1] codes, const int64_t[::1] prices, int32_t scale,
              const int64_t[::1] times=None):
        assert codes.shape[0] == prices.shape[0] > 0
        assert times is None or times.shape[0] == codes.shape[0]
        cdef size_t count = codes.shape[0]
        cdef const int64_t* when = NULL if times is None else &times[0]
        cdef uint64_t epoch
        with nogil:
            epoch = mvcore.ticks(self._api, self._book, &codes[0], &prices[0], scale, count, when)
        return epoch

    def value(self, account):
        encoded = account.encode()
        cdef const char* text = encoded
        cdef size_t length = len(encoded)
        cdef mvcore.mvcore_valuation out
        with nogil:
            mvcore.value(self._api, self._book, text, length, &out)
        return self.decimal(out.current), out.unpriced, out.epoch

    cdef decimal(self, mvcore.mvcore_decimal number):
        cdef char text[64]
        cdef int length = self._api.format_decimal(number, text)
        return Decimal(text[:length].decode())

    def many_ticks(self, int32_t code, int64_t first, int count):
        """So many ticks in one go, none of which needs Python."""
        cdef int64_t k
        cdef uint64_t epoch = 0
        with nogil:
            for k in range(count):
                epoch = mvcore.tick(self._api, self._book, code, first + k, 2)
        return epoch
