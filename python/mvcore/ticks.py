"""Batches of prices as callers bring them, to the arrays that the hot face reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore.errors import InvalidInput, UnknownId
from mvcore.tables import text_column

if TYPE_CHECKING:
    from mvcore import _core
    from mvcore.masters import Codes


def codes_of(core: _core.Book, instruments: Any, unknown_ok: bool = False) -> Codes:
    """Codes of names, or codes as they are. Codes are checked when they are applied.

    unknown_ok: -1 stands for an unknown name."""
    not_masked(instruments, "instrument")
    if not isinstance(instruments, np.ndarray) and _are_codes(instruments):
        instruments = np.asarray(instruments)
    if isinstance(instruments, np.ndarray) and instruments.dtype.kind in "iu":
        if instruments.ndim != 1:
            raise InvalidInput(f"ticks: instruments has {instruments.ndim} dimensions")
        if instruments.dtype == np.int32:
            return np.require(instruments, np.int32, ["C", "A"])
        bad = (instruments < 0) | (instruments >= 2**31)
        if unknown_ok:
            return np.where(bad, -1, instruments).astype(np.int32)
        if bad.any():
            row = int(np.nonzero(bad)[0][0])
            raise UnknownId(
                f"ticks.instrument, row {row}: unknown instrument code {instruments[row]}"
            )
        return instruments.astype(np.int32)
    column = text_column(instruments, "ticks", "instrument")
    return core.instrument_codes(column, "ticks", unknown_ok)


def skips(unknown: Any, call: str) -> bool:
    """Whether `unknown="skip"` was said."""
    if unknown not in ("error", "skip"):
        raise InvalidInput(f"{call}: unknown={unknown!r} is neither 'error' nor 'skip'")
    return bool(unknown == "skip")


def _are_codes(values: Any) -> bool:
    """A pyarrow array of integers, or a list of ints."""
    if isinstance(values, list | tuple):
        return bool(values) and all(type(v) is int for v in values)
    kind = getattr(values, "type", None)
    return kind is not None and str(kind).startswith(("int", "uint")) and values.null_count == 0


def scaled(prices: Any, scale: Any, rows: int) -> npt.NDArray[np.int64]:
    """Prices counted in 10**-scale as int64."""
    whole = isinstance(scale, int | np.integer) and not isinstance(scale, bool)
    if not whole or not 0 <= scale <= 18:
        raise InvalidInput(f"ticks: scale {scale!r} is not an int in 0..18")
    array = prices if isinstance(prices, np.ndarray) else np.asarray(prices)
    mixed = isinstance(prices, list | tuple) and any(isinstance(p, bool) for p in prices)
    if mixed or array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InvalidInput("ticks: with scale, prices must be one column of integers")
    same_length(rows, len(array))
    if array.dtype == np.uint64 and (array > np.uint64(2**63 - 1)).any():
        row = int(np.nonzero(array > np.uint64(2**63 - 1))[0][0])
        raise InvalidInput(f"ticks.price, row {row}: {array[row]} does not fit 64 bits")
    return np.require(array, np.int64, ["C", "A"])


def not_masked(values: Any, column: str) -> None:
    """NumPy's masked arrays hold values that do not count: those are no column."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.flatnonzero(np.ma.getmaskarray(values).reshape(-1))[0])
        raise InvalidInput(f"ticks.{column}, row {row}: the value is masked")


def same_length(instruments: int, prices: int) -> None:
    if instruments != prices:
        raise InvalidInput(f"ticks: {instruments} instruments, {prices} prices")
