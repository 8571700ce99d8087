"""What mvcore raises. Every message names the table, the column, the row and the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from mvcore.near import hint, near


class Error(Exception):
    """Base of everything that mvcore raises on purpose.

    `table`, `column`, `row` and `value` say which input was wrong; each is None if it does not
    apply. table: a table or a call. Rows count from 0. `reason` is the message without them. If
    the input is from a file: `file`, and `line`, counted from 1.
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
        """Remember what was unknown and what it might have been; nothing is compared yet.
        list_known: `str` shows the known ones if none is near."""
        self._unlike = (unknown, known, list_known)
        return self

    @classmethod
    def about(
        cls, table: str | None, column: str | None, row: int | None, value: Any, reason: str
    ) -> Self:
        """The error about one input. Its message is `table.column, row N: reason`."""
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
        """Set the attributes that say which input was wrong. reason: if the message has more."""
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
        """Known names or labels like the unknown one. `str` shows them; `args` has the message
        without them, for readers who may not see every name."""
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
    """The value's repr for a message, at most 100 characters; the type's name if it has none."""
    try:
        text = repr(value)
        text.encode()
    except Exception:  # a repr may raise anything, for example of an int of thousands of digits
        return f"a value of type {type(value).__name__}"
    text = text if len(text) <= 100 else f"{text[:97]}..."
    return text if text.isprintable() else " ".join(text.split())  # frames have several lines


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def place_of(table: str | None, column: str | None, row: int | None = None) -> str:
    """`table.column, row N`, without what is None. A column's name may hold anything."""
    name = None if column is None else column.encode(errors="backslashreplace").decode()
    place = ".".join(part for part in (table, name) if part)
    return place if row is None else f"{place}, row {row}"


def invalid(
    table: str | None,
    column: str | None,
    row: int | None,
    value: Any,
    wrong: str,
    expected: str = "",
) -> InvalidInput:
    """The error about one input: what is wrong, and what was expected."""
    reason = f"{wrong}; expected {expected}" if expected else wrong
    return InvalidInput.about(table, column, row, value, reason)


def wrong_type(
    table: str, column: str | None, row: int | None, value: Any, expected: str
) -> InvalidInput:
    """The error for a value whose type is not accepted. It names the type."""
    wrong = f"{shown(value)} is a {type(value).__name__}"
    return invalid(table, column, row, value, wrong, expected)


class ValueOverflow(Error, OverflowError):
    """An amount over 38 digits, or a write that could overflow a total. Nothing has changed."""


class ClosedError(Error):
    """The book or the view was closed."""


class CorruptData(Error):
    """Stored bytes that are not what was written."""


class StorageError(Error, OSError):
    """The disk failed or is full, another process has the book open, or it may not be written.

    After a write that failed a book acknowledges nothing more until it is opened again; reads go
    on.
    """


# By the numbers of the C table (mvcore/capi.h).
_KINDS: dict[int, type[Exception]] = {
    1: UnknownId,
    2: InvalidInput,
    3: ValueOverflow,
    4: ClosedError,
    5: CorruptData,
    6: MemoryError,
    8: StorageError,
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
    """The exception for a return value of the C table."""
    error = _KINDS.get(kind, Error)(message)
    return error.at(table, column, row, value, reason) if isinstance(error, Error) else error
