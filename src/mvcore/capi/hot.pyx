# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True, auto_pickle=False
"""The hot calls that a service makes for every tick and every read. The rest is pybind11."""
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_CheckExact
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_Import
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int32_t, int64_t, uint64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec
from mvcore.capi cimport *

from decimal import Decimal

from mvcore._core import parse_decimal
from mvcore.errors import UnknownId, failed, invalid, shown, wrong_type
from mvcore.ingest.times import rule, to_ns, whole
from mvcore.valuation import Valuation
from mvcore.written import Written

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    const char* utf8_or_null "PyUnicode_AsUTF8AndSize" (object text, Py_ssize_t* size) noexcept
    void PyErr_Clear() noexcept
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1

cdef const mvcore_capi* api = <const mvcore_capi*>PyCapsule_Import("mvcore._core._C_API", 0)
if api.version != MVCORE_CAPI_VERSION or api.size != sizeof(mvcore_capi):
    raise ImportError("mvcore.hot and mvcore._core are of different builds; install mvcore again")


# Integers in nanoseconds within these bounds (years 1980 to 2200) are plausible times.
cdef int64_t EARLIEST = 315_532_800 * 10**9
cdef int64_t AFTER = 7_289_654_400 * 10**9
cdef str NANOSECONDS = "ns"


cdef const char* utf8(text, Py_ssize_t* size, str table, str column) except NULL:
    if not isinstance(text, str):
        raise wrong_type(table, column, None, text, "text")
    try:
        return PyUnicode_AsUTF8AndSize(text, size)
    except UnicodeEncodeError:
        raise invalid(
            table, column, None, text, f"{shown(text)} is not valid Unicode", "text") from None


cdef int64_t id_of(order) except? -1:
    number = whole(order)
    if number is None:
        raise wrong_type("order", "order", None, order, "an id: text or an int")
    if not -(2**63) <= number < 2**63:
        raise invalid("order", "order", None, order, f"id {shown(order)} does not fit 64 bits")
    return number


cdef int number_of(value, mvcore_decimal* out, str table, str column) except -1:
    """Fast path for str, float and int. Other types and all errors go through the cold path."""
    cdef mvcore_error error
    cdef Py_ssize_t size
    cdef const char* text
    cdef long long small
    cdef int overflow = 0
    if PyFloat_Check(value):  # includes NumPy's float64
        if api.decimal_of_double(PyFloat_AS_DOUBLE(value), out, &error) == MVCORE_OK:
            return 0
    elif PyLong_CheckExact(value):
        small = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow == 0:
            out.low = <uint64_t>small
            out.high = -1 if small < 0 else 0
            out.scale = 0
            return 0
    elif PyUnicode_CheckExact(value):
        text = utf8_or_null(value, &size)
        if text is NULL:
            PyErr_Clear()  # a lone surrogate; the cold path reports its position
        elif api.parse_decimal(text, size, out, &error) == MVCORE_OK:
            return 0
    return cold_number_of(value, out, table, column)


cdef int cold_number_of(value, mvcore_decimal* out, str table, str column) except -1:
    """Cold path: reads the value as the core reads a value of a column, and raises its errors."""
    cdef mvcore_error error
    cdef Py_ssize_t size
    cdef int kind
    mantissa, scale = parse_decimal(value, table, column)
    exact = f"{mantissa}e-{scale}"
    kind = api.parse_decimal(PyUnicode_AsUTF8AndSize(exact, &size), size, out, &error)
    if kind != MVCORE_OK:
        raise failure(fault_of(kind, &error), {}).at(table, column, None, value)
    return 0


cdef str text_of(const char* text):
    return text.decode("utf-8", "backslashreplace")


cdef fault_of(int kind, mvcore_error* error):
    """Copy the facts of a call that failed.

    Before the copy, nothing is allocated that the garbage collector tracks: a finalizer could call
    mvcore and replace the facts.
    """
    cdef mvcore_fault fault
    if not api.last_fault(&fault):
        message = text_of(error.text)
        return kind, message, None, None, None, None, message
    message = text_of(fault.text)
    reason = text_of(fault.reason)
    table = text_of(fault.table)
    column = text_of(fault.column)
    value = text_of(fault.value)
    row = None if fault.row < 0 else fault.row
    return kind, message, table or None, column or None, row, value or None, reason


cdef failure(fault, dict given):
    """The exception of a call that failed. given: the caller's own values by column."""
    kind, message, table, column, row, value, reason = fault
    return failed(kind, message, table, column, row, given.get(column, value), reason)


cdef closed():
    return failed(MVCORE_CLOSED, "the book is closed")


cdef object written(uint64_t epoch):
    """The result of a write: the epoch, or a `Written` if the call dropped anything."""
    cdef mvcore_dropped dropped
    if not api.last_dropped(&dropped):
        return epoch
    return Written(epoch, late_prices=dropped.late_prices, late_orders=dropped.late_orders,
                   unchanged_orders=dropped.unchanged_orders)


cdef inline bint same(mvcore_decimal a, mvcore_decimal b) noexcept:
    return a.low == b.low and a.high == b.high


cdef object decimal_from(mvcore_decimal value):
    cdef char text[64]
    cdef int size = api.format_decimal(value, text)
    return Decimal(text[:size].decode("ascii"))


cdef class HotBook:
    """The part of `Book` in Cython: `tick`, `order`, `value` and batches of prices."""
    cdef mvcore_book* _book
    cdef readonly object _core
    cdef readonly str _base_currency
    cdef int64_t _ahead  # max_future in nanoseconds

    def _bind(self, core, str base_currency, int64_t max_future_ns):
        self._core = core
        self._ahead = max_future_ns
        self._base_currency = base_currency
        self._book = <mvcore_book*>PyCapsule_GetPointer(core.handle(), "mvcore.book")

    def __mvcore_book__(self):
        """A capsule with the book's pointer for the C table (`mvcore/capi.h`)."""
        return self._core.handle()

    cdef int64_t when_of(self, time, time_unit, str call) except? -1:
        """Converts a time to nanoseconds. `times` converts all but integers of nanoseconds."""
        cdef timespec now
        cdef long long small = MVCORE_NO_TIME
        cdef int overflow = 0
        if time_unit is NANOSECONDS:
            if time is None:
                return MVCORE_NO_TIME
            if not PyLong_CheckExact(time):
                small = to_ns(time, call)
            else:
                small = PyLong_AsLongLongAndOverflow(time, &overflow)
                if overflow != 0 or not EARLIEST <= small < AFTER:
                    small = MVCORE_NO_TIME
            if small != MVCORE_NO_TIME:
                clock_gettime(CLOCK_REALTIME, &now)
                if small <= self._ahead or (
                        small - self._ahead <= now.tv_sec * <int64_t>1_000_000_000 + now.tv_nsec):
                    return small
        return to_ns(time, call, "time", None, rule(self._max_future, self._ahead, time_unit, call))

    def tick(self, instrument, price, time=None, time_unit="ns"):
        """Writes one new price.

        instrument: name, or code of `instrument_codes`. price: str, int, Decimal or float (its
        shortest decimal text). Returns the new epoch as an int. If the price was dropped, returns a
        `Written` whose `late_prices` is 1.

        time: None; text in the extended format of ISO 8601 ("2024-03-01", "2024-03-01T21:00:00.5Z",
        "2024-03-01 22:00:00+01:00"; UTC if it has no offset); a datetime (UTC if it has no zone), a
        date or a datetime64; or an integer since 1970 UTC in `time_unit` ("s", "ms", "us" or "ns"),
        within the years 1980 to 2200. If `time` is strictly older than the time of the held price,
        the new price is dropped. A time more than the book's `max_future` ahead of the clock is
        refused.

        Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(1): nothing is valued.
        """
        cdef mvcore_decimal number
        cdef mvcore_error error
        cdef uint64_t epoch = 0
        cdef int64_t when = MVCORE_NO_TIME
        cdef Py_ssize_t size
        cdef const char* name
        cdef int32_t code
        cdef int kind
        if time is not None or time_unit is not NANOSECONDS:
            when = self.when_of(time, time_unit, "tick")
        if self._book is NULL:
            raise closed()
        number_of(price, &number, "tick", "price")
        if isinstance(instrument, str):
            name = utf8(instrument, &size, "tick", "instrument")
            kind = api.tick_named(self._book, name, size, number, when, 0, &epoch, &error)
            if kind == MVCORE_BUSY:
                with nogil:
                    kind = api.tick_named(self._book, name, size, number, when, 1, &epoch, &error)
        else:
            code = code_of(instrument)
            kind = api.tick(self._book, code, number, when, 0, &epoch, &error)
            if kind == MVCORE_BUSY:
                with nogil:
                    kind = api.tick(self._book, code, number, when, 1, &epoch, &error)
        if kind != MVCORE_OK:
            raise failure(fault_of(kind, &error), {"instrument": instrument, "price": price})
        return epoch if when == MVCORE_NO_TIME else written(epoch)  # only a time can be late

    def order(self, order, account, instrument, order_quantity, filled_quantity=0, status="new",
              time=None, average_price=None, time_unit="ns"):
        """Writes one order, new or changed, with all its columns.

        order: its id, text or int, one kind per book. order_quantity (FIX 38): negative to sell.
        filled_quantity (FIX 14): cumulative, of the same sign. status (FIX 39): "new",
        "partially_filled", "filled", "canceled", ... in any case or spelling, or its FIX code.
        average_price (FIX 6): of all its fills. None makes it unknown, even if it was known before;
        with cash="from_fills" the cash of today's fills is then given back. Numbers: as the price
        of `tick`. time, time_unit: as in `tick`; a time strictly older than the held order's drops
        the fact. An order may change anything, including its account and instrument. The quantity
        that day rolls moved into the holdings (`rolled_quantity`) does not change.

        Returns the new epoch as an int. If the fact was dropped (`late_orders`) or changed nothing
        (`unchanged_orders`), returns a `Written` that says so.

        Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(1).
        """
        cdef mvcore_order fact
        cdef mvcore_error error
        cdef uint64_t epoch = 0
        cdef Py_ssize_t size
        cdef mvcore_decimal price
        cdef mvcore_decimal* average = NULL
        cdef int kind
        if self._book is NULL:
            raise closed()
        fact.time = self.when_of(time, time_unit, "order")
        if isinstance(order, str):
            fact.id_text = utf8(order, &size, "order", "order")
            fact.id_length = size
        else:
            fact.id_text = NULL
            fact.id_number = id_of(order)
        fact.account = utf8(account, &size, "order", "account")
        fact.account_length = size
        fact.instrument = utf8(instrument, &size, "order", "instrument")
        fact.instrument_length = size
        fact.status = utf8("new" if status is None else status, &size, "order", "status")
        fact.status_length = size
        number_of(order_quantity, &fact.order_quantity, "order", "order_quantity")
        number_of(0 if filled_quantity is None else filled_quantity, &fact.filled_quantity,
                  "order", "filled_quantity")
        if average_price is not None:
            number_of(average_price, &price, "order", "average_price")
            average = &price
        kind = api.order_priced(self._book, &fact, average, 0, &epoch, &error)
        if kind == MVCORE_BUSY:
            with nogil:
                kind = api.order_priced(self._book, &fact, average, 1, &epoch, &error)
        if kind != MVCORE_OK:
            raise failure(fault_of(kind, &error), {
                "order": order, "account": account, "instrument": instrument, "status": status,
                "order_quantity": order_quantity, "filled_quantity": filled_quantity,
                "average_price": average_price,
            })
        return written(epoch)

    def value(self, account, currency=None):
        """The account's value: Valuation(account, sod, current, expected, currency, unpriced, epoch).

        Amounts are Decimals with the book's value_scale, in `currency` (default: the base).
        Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(positions of the account); the
        first call builds the by-account index, O(positions of the book).
        """
        cdef mvcore_valuation out
        cdef mvcore_error error
        cdef Py_ssize_t size
        cdef Py_ssize_t currency_size = 0
        cdef const char* name = utf8(account, &size, "value", "account")
        cdef const char* asked = NULL
        cdef int kind
        if self._book is NULL:
            raise closed()
        if currency is not None:
            asked = utf8(currency, &currency_size, "value", "currency")
        else:
            currency = self._base_currency
        kind = api.value(self._book, name, size, asked, currency_size, 0, &out, &error)
        if kind == MVCORE_BUSY:
            with nogil:
                kind = api.value(self._book, name, size, asked, currency_size, 1, &out, &error)
        if kind != MVCORE_OK:
            raise failure(fault_of(kind, &error), {"account": account, "currency": currency})
        sod = decimal_from(out.sod)
        current = sod if same(out.sod, out.current) else decimal_from(out.current)
        expected = current if same(out.current, out.expected) else decimal_from(out.expected)
        return Valuation(account, sod, current, expected, currency, out.unpriced, out.epoch)

    def _ticks_scaled(self, const int32_t[::1] codes, const int64_t[::1] prices, int scale,
                      const int64_t[::1] times):
        return self._many(codes, &prices[0] if prices.shape[0] else NULL, NULL, scale, times)

    def _ticks_float(self, const int32_t[::1] codes, const double[::1] prices,
                     const int64_t[::1] times):
        return self._many(codes, NULL, &prices[0] if prices.shape[0] else NULL, 0, times)

    cdef object _many(self, const int32_t[::1] codes, const int64_t* scaled, const double* floats,
                      int scale, const int64_t[::1] times):
        cdef mvcore_error error
        cdef uint64_t epoch = 0
        cdef size_t count = codes.shape[0]
        cdef const int32_t* first = &codes[0] if count else NULL
        cdef const int64_t* when = &times[0] if times is not None and count else NULL
        cdef int kind
        if self._book is NULL:
            raise closed()
        with nogil:
            if floats is NULL:
                kind = api.ticks(self._book, first, scaled, scale, when, count, &epoch, &error)
            else:
                kind = api.ticks_double(self._book, first, floats, when, count, &epoch, &error)
        if kind != MVCORE_OK:
            raise failure(fault_of(kind, &error), {})
        return Written(written(epoch))


cdef inline int32_t code_of(instrument) except? -1:
    cdef int overflow = 0
    cdef long long small
    if PyLong_CheckExact(instrument):
        small = PyLong_AsLongLongAndOverflow(instrument, &overflow)
        if overflow == 0 and 0 <= small < 2147483648:
            return <int32_t>small
    return odd_code(instrument)


cdef int32_t odd_code(instrument) except? -1:
    code = whole(instrument)
    if code is None:
        raise wrong_type("tick", "instrument", None, instrument, "a name or a code")
    if not 0 <= code < 2**31:
        raise UnknownId.about(
            "tick", "instrument", None, instrument, f"unknown instrument code {shown(code)}")
    return <int32_t>code
