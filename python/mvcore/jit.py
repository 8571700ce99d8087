"""Ticks and values from code that numba compiles: the C table (`mvcore/capi.h`) without Python.

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

`handle(book)` is what such code takes for the book; keep the Book itself alive. Functions return OK
or a kind of error and raise nothing. Where another thread holds the book's lock they wait, so let
the function that calls them release the GIL (`nogil=True`). Importing this module needs numba
(`pip install mvcore[numba]`); the first call of each function compiles it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mvcore import _core
from mvcore.columns import text_column
from mvcore.errors import InvalidInput
from mvcore.measures import import_numba

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.masters import Codes

OK = 0
UNKNOWN_ID = 1
INVALID_INPUT = 2
VALUE_OVERFLOW = 3
CLOSED = 4
NO_MEMORY = 6
SOD, CURRENT, EXPECTED, UNPRICED, EPOCH = range(5)  # places in what `value` fills
VALUE_SIZE = 5
BASE = -1  # as a currency's code
NO_TIME = -(2**63)

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]


def handle(book: Book) -> int:
    """The book's pointer, for functions of this module; valid while the Book object lives.

    After `close` they return CLOSED. Raises InvalidInput where it is no Book.
    """
    try:
        pointer: int = _pointer_of(book.__mvcore_book__(), b"mvcore.book")
    except AttributeError:
        raise InvalidInput.about(
            "jit.handle", None, None, book, f"{book!r} is not a book"
        ) from None
    return pointer


def account_codes(book: Book, names: Sequence[str]) -> Codes:
    """int32 codes of accounts, as `Book.instrument_codes` has them of instruments.

    Raises UnknownId, InvalidInput, ClosedError. O(names).
    """
    book._core.check_open()
    listed = [names] if isinstance(names, str) else names
    codes: Codes = book._core.account_codes(
        text_column(listed, "account_codes", "names"), "account_codes"
    )
    return codes


def currency_code(book: Book, name: str) -> int:
    """The code of a currency. Raises UnknownId, InvalidInput, ClosedError. O(1)."""
    book._core.check_open()
    return book._currency_code(name)


def _function(name: str, *arguments: Any) -> Any:
    """A function of the table; `arguments` are its C types, pointers among them as intp."""
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
    """numba would cut a float down to an integer without a word."""
    if isinstance(number, _numba.types.Integer) and (number.signed or number.bitwidth < 64):
        return lambda number: number
    return None


def _room(out: Any) -> Any:
    raise NotImplementedError("only compiled code has it, by the overload below")


@_numba.extending.overload(_room, strict=False)  # type: ignore[untyped-decorator]
def _room_in_numba(out: Any) -> Any:
    """The address of an array that has room for what `value` fills, 0 where it is too short."""
    column = _numba.types.Array(_numba.types.int64, 1, "C")
    if out == column:
        return lambda out: out.ctypes.data if out.size >= VALUE_SIZE else 0
    return None


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def tick_at(book: int, instrument: int, price: int, scale: int, time: int) -> int:
    """A new price, price / 10**scale, of the instrument with the code; time in ns since 1970 UTC or
    NO_TIME, as `Book.tick`. OK, UNKNOWN_ID, INVALID_INPUT, VALUE_OVERFLOW or CLOSED. O(1)."""
    code, mantissa = _whole(instrument), _whole(price)
    return _tick(_whole(book), code, mantissa, _whole(scale), _whole(time), 0)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def tick(book: int, instrument: int, price: int, scale: int) -> int:
    """A new price without a time: see `tick_at`."""
    return tick_at(book, instrument, price, scale, NO_TIME)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def value_in(book: int, account: int, currency: int, out: Any) -> int:
    """The value of the account with the code, in the currency with the code (BASE: the base).

    Fills `out`, an int64 array of VALUE_SIZE: SOD, CURRENT and EXPECTED counted in
    10**-value_scale, UNPRICED positions, EPOCH. OK, UNKNOWN_ID, INVALID_INPUT (`out` is too short),
    VALUE_OVERFLOW (an amount does not fit 64 bits) or CLOSED; but for OK, `out` stays as it was.
    O(positions of the account).
    """
    room = _room(out)
    if room == 0:
        return INVALID_INPUT
    return _value(_whole(book), _whole(account), _whole(currency), room, 0)  # type: ignore[no-any-return]


@_numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def value(book: int, account: int, out: Any) -> int:
    """The value in the base currency: see `value_in`."""
    return value_in(book, account, BASE, out)  # type: ignore[no-any-return]
