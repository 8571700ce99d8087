"""Ticks and values from code that numba compiles. Calls the C API (`mvcore/capi.h`), not Python.

>>> import numba, numpy, mvcore
>>> from mvcore import jit
>>> @numba.njit(nogil=True)
... def play(book, codes, prices, scale, account):
...     out = numpy.zeros(jit.VALUE_SIZE, numpy.int64)
...     for k in range(len(codes)):
...         if jit.tick(book, codes[k], prices[k], scale) != jit.OK:
...             return -1
...     failed = jit.value(book, account, out)
...     return -1 if failed else out[jit.CURRENT]

Pass `handle(book)` to compiled code as the book, and keep the Book object alive. Functions return
OK or an error kind, and raise nothing. They wait while another thread holds the book's lock, so the
caller should release the GIL (`nogil=True`). Importing this module needs numba (`pip install
mvcore[numba]`). The first call of each function compiles it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mvcore import _core
from mvcore.errors import InvalidInput
from mvcore.ingest.columns import text_column
from mvcore.query.measures import import_numba

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.ingest.masters import Codes

OK = _core.OK
UNKNOWN_ID = _core.UNKNOWN_ID
INVALID_INPUT = _core.INVALID_INPUT
VALUE_OVERFLOW = _core.VALUE_OVERFLOW
CLOSED = _core.CLOSED
NO_MEMORY = _core.NO_MEMORY
SOD, CURRENT, EXPECTED, UNPRICED, EPOCH = range(5)  # indexes into the array that `value` fills
VALUE_SIZE = 5
BASE = -1  # currency code of the base
NO_TIME = _core.NO_TIME

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]


def handle(book: Book) -> int:
    """Return the book's pointer, for functions of this module.

    It is valid while the Book object lives.

    After `close` they return CLOSED. Raises InvalidInput if `book` is not a Book.
    """
    try:
        pointer: int = _pointer_of(book.__mvcore_book__(), b"mvcore.book")
    except AttributeError:
        raise InvalidInput.about(
            "jit.handle", None, None, book, f"{book!r} is not a book"
        ) from None
    return pointer


def account_codes(book: Book, names: Sequence[str]) -> Codes:
    """Return int32 codes of accounts, as `Book.instrument_codes` does for instruments.

    Raises UnknownId, InvalidInput, ClosedError. O(names).
    """
    book._core.check_open()
    listed = [names] if isinstance(names, str) else names
    codes: Codes = book._core.account_codes(
        text_column(listed, "account_codes", "names"), "account_codes"
    )
    return codes


def currency_code(book: Book, name: str) -> int:
    """Return the code of a currency. Raises UnknownId, InvalidInput, ClosedError. O(1)."""
    book._core.check_open()
    return book._currency_code(name)


def _function(name: str, *arguments: Any) -> Any:
    """A function of the C API. `arguments` are its C types, with pointers as intp."""
    table = _pointer_of(_core._C_API, b"mvcore._core._C_API")
    address = ctypes.c_size_t.from_address(table + _core._C_PLACES[name]).value
    return ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(address)


_numba = import_numba("mvcore.jit")
_i64 = ctypes.c_int64
_tick = _function("tick_scaled", ctypes.c_ssize_t, _i64, _i64, _i64, _i64, ctypes.c_ssize_t)
_value = _function("value_scaled", ctypes.c_ssize_t, _i64, _i64, ctypes.c_ssize_t, ctypes.c_ssize_t)


def _whole(number: Any) -> Any:
    raise NotImplementedError("only compiled code has it, by the overload below")


@_numba.extending.overload(_whole, strict=False)  # type: ignore[untyped-decorator]
def _whole_in_numba(number: Any) -> Any:
    """Accept integers only: numba would silently truncate a float."""
    if isinstance(number, _numba.types.Integer) and (number.signed or number.bitwidth < 64):
        return lambda number: number
    return None


def _room(out: Any) -> Any:
    raise NotImplementedError("only compiled code has it, by the overload below")


@_numba.extending.overload(_room, strict=False)  # type: ignore[untyped-decorator]
def _room_in_numba(out: Any) -> Any:
    """The address of an array that is long enough for `value`, or 0 if it is too short."""
    column = _numba.types.Array(_numba.types.int64, 1, "C")
    if out == column:
        return lambda out: out.ctypes.data if out.size >= VALUE_SIZE else 0
    return None


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def tick_at(book: int, instrument: int, price: int, scale: int, time: int) -> int:
    """Set a new price, price / 10**scale, of the instrument with this code.

    time: ns since 1970 UTC, or NO_TIME, as in `Book.tick`. Returns OK, UNKNOWN_ID, INVALID_INPUT,
    VALUE_OVERFLOW or CLOSED. O(1).
    """
    code, mantissa = _whole(instrument), _whole(price)
    return _tick(_whole(book), code, mantissa, _whole(scale), _whole(time), 0)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def tick(book: int, instrument: int, price: int, scale: int) -> int:
    """Set a new price without a time: see `tick_at`."""
    return tick_at(book, instrument, price, scale, NO_TIME)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def value_in(book: int, account: int, currency: int, out: Any) -> int:
    """Compute the value of an account in a currency, both by code (BASE: the base currency).

    Fills `out`, an int64 array of VALUE_SIZE: SOD, CURRENT and EXPECTED in units of
    10**-value_scale, UNPRICED positions, EPOCH. Returns OK, UNKNOWN_ID, INVALID_INPUT (`out` is too
    short), VALUE_OVERFLOW (an amount does not fit 64 bits) or CLOSED. On any result but OK, `out`
    is unchanged. O(positions of the account).
    """
    room = _room(out)
    if room == 0:
        return INVALID_INPUT
    return _value(_whole(book), _whole(account), _whole(currency), room, 0)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def value(book: int, account: int, out: Any) -> int:
    """Compute the value in the base currency: see `value_in`."""
    return value_in(book, account, BASE, out)  # type: ignore[no-any-return]
