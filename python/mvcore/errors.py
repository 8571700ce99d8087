"""The exceptions of mvcore. Every message names the table, the column, the row and the value."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from mvcore import _core
from mvcore.near import hint, near


class Error(Exception):
    """Base of every exception that mvcore raises on purpose.

    `table` (a table or a call), `column`, `row` and `value` say which input was wrong. Each is None
    if it does not apply. Rows count from 0. `reason` is the message without them. If the input is
    from a file, `file` names it, and `line` counts from 1.
    """

    file: str | None = None
    line: int | None = None
    table: str | None = None
    column: str | None = None
    row: int | None = None
    value: Any = None
    _reason: str | None = None
    _unlike: tuple[str, Sequence[str], bool] | None = None

    def unlike(self, unknown: str, known: Sequence[str], list_known: bool = True) -> Self:
        """Remember an unknown name and the known ones, to suggest similar names later.

        Nothing is compared yet. list_known: if no known name is similar, `str` lists them all.
        """
        self._unlike = (unknown, known, list_known)
        return self

    @classmethod
    def about(
        cls, table: str | None, column: str | None, row: int | None, value: Any, reason: str
    ) -> Self:
        """Make an error about one input. Its message is `table.column, row N: reason`."""
        place = place_of(table, column, row)
        return cls(f"{place}: {reason}" if place else reason).at(table, column, row, value, reason)

    def at(
        self,
        table: str | None = None,
        column: str | None = None,
        row: int | None = None,
        value: Any = None,
        reason: str | None = None,
    ) -> Self:
        """Set the attributes that say which input was wrong.

        reason: needed if the message holds more than the reason.
        """
        self.table, self.column, self.row, self.value = table, column, row, value
        self._reason = reason
        return self

    @property
    def reason(self) -> str:
        """What was wrong with the input, without its table, column and row."""
        if self._reason is not None:
            return self._reason
        return str(self.args[0]) if self.args else ""

    @property
    def near(self) -> tuple[str, ...]:
        """Known names or labels similar to the unknown one.

        `str` shows them. `args` has the message without them, for readers who may not see every
        name.
        """
        return () if self._unlike is None else near(*self._unlike[:2])

    def _hint(self) -> str:
        return "" if self._unlike is None else hint(*self._unlike)

    def __str__(self) -> str:
        return super().__str__() + self._hint()


class UnknownId(Error, KeyError):
    """A name or code that is neither in the book nor in a master table of the same call."""

    def __str__(self) -> str:
        return Exception.__str__(self) + self._hint()  # KeyError would show the repr


class InvalidInput(Error, ValueError):
    """A value, column, key or option that is not allowed. Nothing has changed."""


def shown(value: Any) -> str:
    """Return the value's repr for a message, at most 100 characters.

    If the repr raises, return the name of the type.
    """
    try:
        text = repr(value)
        text.encode()
    except Exception:  # a repr may raise anything
        if type(value) is int:
            return f"an int of more than {sys.get_int_max_str_digits()} digits"
        return f"a value of type {type(value).__name__}"
    text = text if len(text) <= 100 else f"{text[:97]}..."
    return text if text.isprintable() else " ".join(text.split())  # frames have several lines


def is_unicode(text: str) -> bool:
    """Return whether the text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def place_of(table: str | None, column: str | None, row: int | None = None) -> str:
    """Return `table.column, row N`, without the parts that are None.

    A column's name may hold any text, so it is escaped.
    """
    name = None if column is None else "".join(map(_escaped, column))
    place = ".".join(part for part in (table, name) if part)
    return place if row is None else f"{place}, row {row}"


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def invalid(
    table: str | None,
    column: str | None,
    row: int | None,
    value: Any,
    wrong: str,
    expected: str = "",
) -> InvalidInput:
    """Make an error that says what is wrong with an input, and what was expected."""
    reason = f"{wrong}; expected {expected}" if expected else wrong
    return InvalidInput.about(table, column, row, value, reason)


def wrong_type(
    table: str | None, column: str | None, row: int | None, value: Any, expected: str
) -> InvalidInput:
    """Make an error for a value of a type that is not accepted. It names the type."""
    wrong = f"{shown(value)} is a {type(value).__name__}"
    return invalid(table, column, row, value, wrong, expected)


class ValueOverflow(Error, OverflowError):
    """An amount over 38 digits, or a write that could overflow a total. Nothing has changed."""


class ClosedError(Error):
    """The book, view or snapshot was closed."""


class CorruptData(Error):
    """Stored bytes differ from what was written."""


class StorageError(Error, OSError):
    """The disk failed or is full, another process has the book open, or it may not be written.

    After a failed write, a book acknowledges nothing more until it is opened again. Reads continue.
    """


# By error kind of the core and of the C API (mvcore/capi.h). The core raises these.
ERROR_KINDS: dict[int, type[Exception]] = {
    _core.UNKNOWN_ID: UnknownId,
    _core.INVALID_INPUT: InvalidInput,
    _core.VALUE_OVERFLOW: ValueOverflow,
    _core.CLOSED: ClosedError,
    _core.CORRUPT_DATA: CorruptData,
    _core.NO_MEMORY: MemoryError,
    _core.STORAGE: StorageError,
}


def failed(
    kind: int,
    message: str,
    table: str | None = None,
    column: str | None = None,
    row: int | None = None,
    value: Any = None,
    reason: str | None = None,
) -> Any:
    """Make the exception for a return value of the C API."""
    error = ERROR_KINDS.get(kind, Error)(message)
    return error.at(table, column, row, value, reason) if isinstance(error, Error) else error


def raise_kind(kind: int, text: str) -> NoReturn:
    """Raise the error. Modules compiled with an earlier `cimport mvcore` call this."""
    raise failed(kind, text)
