"""What mvcore raises. Every message names the table, the column, the row and the value."""

from __future__ import annotations

from typing import NoReturn


class Error(Exception):
    """Base of everything that mvcore raises on purpose."""


class UnknownId(Error, KeyError):
    """A name or code that is neither in the book nor in a master table of the same call."""

    __str__ = Exception.__str__  # KeyError would show the repr


class InvalidInput(Error, ValueError):
    """A value, column, key or option that is not allowed. Nothing has changed."""


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


def raise_kind(kind: int, text: str) -> NoReturn:
    """Raise the error of a C table's return value."""
    raise _KINDS.get(kind, Error)(text)
