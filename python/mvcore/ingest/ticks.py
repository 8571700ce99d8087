"""Converts batches of prices from callers into arrays for the fast tick calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.errors import InvalidInput, UnknownId, invalid, shown, wrong_type
from mvcore.ingest.columns import read, text_column
from mvcore.ingest.times import whole

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes


def codes_of(core: _core.Book, instruments: Any, unknown_ok: bool = False) -> Codes:
    """Convert names to codes, or return codes as given. The core checks codes when it applies them.

    unknown_ok: an unknown name becomes -1.
    """
    found = read(instruments, "ticks", "instrument")
    given = found if isinstance(found, np.ndarray) and found.dtype.kind in "iu" else _codes(found)
    if given is None:
        return core.instrument_codes(text_column(found, "ticks", "instrument"), "ticks", unknown_ok)
    if given.dtype == np.int32:
        return np.require(given, np.int32, ["C", "A"])
    bad = (given < 0) | (given >= 2**31)
    if unknown_ok:
        return np.where(bad, -1, given).astype(np.int32)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UnknownId.about(
            "ticks",
            "instrument",
            row,
            int(given[row]),
            f"unknown instrument code {shown(int(given[row]))}",
        )
    return given.astype(np.int32)


def _codes(found: Any) -> npt.NDArray[Any] | None:
    """The integers of a list or an Arrow column. None if the first value is not an integer."""
    if isinstance(found, np.ndarray):
        if found.dtype.kind != "O":
            return None
        found = found.tolist()
    if isinstance(found, list | tuple):
        if not found or whole(found[0]) is None:
            return None
        return np.array([_code(value, row) for row, value in enumerate(found)], np.int64)
    if not str(found.type).startswith(("int", "uint")):
        return None
    if found.null_count:
        row = found.is_null().to_pylist().index(True)
        raise wrong_type("ticks", "instrument", row, None, "a name or a code")
    return np.asarray(found)


def _code(value: Any, row: int) -> int:
    number = whole(value)
    if number is None:
        raise wrong_type("ticks", "instrument", row, value, "a code, as the first one is")
    return number if 0 <= number < 2**31 else -1 if number < 0 else 2**31


def skips(unknown: Any, call: str) -> bool:
    """Return whether `unknown` is "skip"."""
    if not isinstance(unknown, str) or unknown not in ("error", "skip"):
        raise InvalidInput.about(
            call,
            "unknown",
            None,
            unknown,
            f"unknown={shown(unknown)} is neither 'error' nor 'skip'",
        )
    return bool(unknown == "skip")


def checked_scale(scale: Any, call: str) -> int:
    """Check the scale, and return it as an int. call: for error messages."""
    number = whole(scale)
    if number is None or not 0 <= number <= _core.MAX_SCALE:
        raise InvalidInput.about(
            call,
            "scale",
            None,
            scale,
            f"scale {shown(scale)} is not an int in 0..{_core.MAX_SCALE}",
        )
    return number


def scaled(prices: Any, rows: int) -> npt.NDArray[np.int64]:
    """Prices as int64 in units of 10**-scale."""
    found = read(prices, "ticks", "price")
    expected = "with scale, an integer of 64 bits"
    if isinstance(found, list | tuple) or (
        isinstance(found, np.ndarray) and found.dtype.kind == "O"
    ):
        found = list(found)
        for row, value in enumerate(found):
            number = whole(value)
            if number is None:
                raise wrong_type("ticks", "price", row, value, expected)
            if not -(2**63) <= number < 2**63:
                wrong = f"{shown(value)} does not fit 64 bits"
                raise invalid("ticks", "price", row, value, wrong, expected)
        array = np.array([whole(value) for value in found], np.int64)
    elif isinstance(found, np.ndarray):
        array = found
    elif str(found.type).startswith(("int", "uint")) and not found.null_count:
        array = np.asarray(found)
    else:
        wrong = f"a column of {found.type} with {found.null_count} nulls"
        raise invalid("ticks", "price", None, prices, wrong, expected)
    if array.dtype.kind not in "iu" and array.size:
        raise invalid("ticks", "price", None, prices, f"a column of {array.dtype}", expected)
    same_length(rows, len(array))
    if array.dtype == np.uint64 and (array > np.uint64(2**63 - 1)).any():
        row = int(np.flatnonzero(array > np.uint64(2**63 - 1))[0])
        wrong = f"{array[row]} does not fit 64 bits"
        raise invalid("ticks", "price", row, int(array[row]), wrong, expected)
    return np.require(array, np.int64, ["C", "A"])


def same_length(instruments: int, prices: int) -> None:
    if instruments != prices:
        raise InvalidInput.about(
            "ticks", "prices", None, None, f"{prices} prices for {instruments} instruments"
        )
