"""The live market value of a whole brokerage, exact to the last digit, inside your process.

>>> import mvcore
>>> book = mvcore.Book(base_currency="USD")
>>> book.epoch
0
"""

from __future__ import annotations

from pathlib import Path
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
from mvcore.measures import measure
from mvcore.store.opening import open
from mvcore.store.recovery import Recovery
from mvcore.valuation import Valuation
from mvcore.view import View
from mvcore.written import Written

if TYPE_CHECKING:
    from mvcore.files import FileTable, read

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


def __getattr__(name: str) -> Any:
    """Import what reads files when it is first used: it takes longer than the rest together."""
    if name in ("FileTable", "read"):
        from mvcore import files

        return globals().setdefault(name, getattr(files, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def isa() -> str:
    """Return the instruction set in use: "baseline", "avx2" or "avx512".

    The environment variable MVCORE_ISA forces one.
    """
    return _isa()


def get_include() -> str:
    """Return the folder that contains `mvcore/capi.h`, for modules that use the C API."""
    return str(Path(__file__).parent / "include")
