"""The live market value of a whole brokerage, exact to the last digit, inside your process.

>>> import mvcore
>>> book = mvcore.Book(base_currency="USD")
>>> book.epoch
0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mvcore._core import isa as _isa
from mvcore.book import Book
from mvcore.errors import (
    ClosedError,
    CorruptData,
    Error,
    InvalidInput,
    StorageError,
    UnknownId,
    ValueOverflow,
)
from mvcore.frame import Frame
from mvcore.query.measures import measure
from mvcore.valuation import Valuation
from mvcore.view import View
from mvcore.written import Written

if TYPE_CHECKING:
    from mvcore.files import FileTable, read
    from mvcore.store.opening import open
    from mvcore.store.recovery import Recovery

__version__ = "0.1.0"
__all__ = [
    "Book",
    "ClosedError",
    "CorruptData",
    "Error",
    "FileTable",
    "Frame",
    "InvalidInput",
    "Recovery",
    "StorageError",
    "UnknownId",
    "Valuation",
    "ValueOverflow",
    "View",
    "Written",
    "get_include",
    "isa",
    "measure",
    "open",
    "read",
]


# Modules that take long to import, by the public names that need them.
_LATE = {
    "FileTable": "mvcore.files",
    "Recovery": "mvcore.store.recovery",
    "open": "mvcore.store.opening",
    "read": "mvcore.files",
}


def __getattr__(name: str) -> Any:
    """Import what reads files and durable books when it is first used."""
    if name in _LATE:
        from importlib import import_module

        return globals().setdefault(name, getattr(import_module(_LATE[name]), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def isa() -> str:
    """Return the instruction set in use: "baseline", "avx2" or "avx512".

    The environment variable MVCORE_ISA forces one.
    """
    return _isa()


def get_include() -> str:
    """Return the folder that contains `mvcore/capi.h`, for modules that use the C API."""
    import os

    return os.path.join(os.path.dirname(__file__), "include")
