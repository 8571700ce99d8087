"""Times of facts: nanoseconds since 1970 UTC, as FIX 60 and Arrow's timestamp(ns, UTC) count."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from mvcore.errors import InvalidInput

NO_TIME = -(2**63)
_FINER = re.compile(r"(.*:\d\d\.\d{6})(\d{1,3})(\D*|[+-].*)")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # an int of thousands of digits has no text
        return "a value without a text"


def to_ns(value: Any, what: str) -> int:
    """int (ns), datetime (naive is UTC), datetime64 or ISO 8601 text; None is no time."""
    if value is None:
        return NO_TIME
    ns: int
    given = value
    nanosecond = 0
    if isinstance(value, str):
        # datetime reads microseconds; what is finer is read here.
        fine = _FINER.fullmatch(value)
        try:
            if fine:
                value, nanosecond = fine[1] + fine[3], int(fine[2].ljust(3, "0"))
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInput(f"{what} {given!r} is not an ISO 8601 time") from None
    if isinstance(value, dt.datetime):
        nanosecond = getattr(value, "nanosecond", nanosecond)  # pandas has it
        if value != value:  # pandas' NaT
            return NO_TIME
        if value.tzinfo is None:
            value = value.replace(tzinfo=dt.UTC)
        delta = value - _EPOCH
        ns = ((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds) * 1000
        ns += nanosecond
    elif isinstance(value, np.datetime64):
        return int(_ns_of_datetime64(np.array([value]), what)[0])
    elif isinstance(value, int | np.integer) and not isinstance(value, bool):
        ns = int(value)
    else:
        raise InvalidInput(f"{what} {value!r} is not a time")
    if not NO_TIME < ns < 2**63:
        raise InvalidInput(f"{what} {_shown(given)} is out of the range of 64-bit nanoseconds")
    return ns


def _ns_of_datetime64(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    """datetime64 of any unit; NaT is no time. NumPy wraps silently, so the way back is checked."""
    ns = values.astype("datetime64[ns]")
    bad = np.nonzero((ns.astype(values.dtype) != values) & ~np.isnat(values))[0]
    if bad.size:
        raise InvalidInput(
            f"{what}, row {bad[0]}: {values[bad[0]]} is out of the range of 64-bit nanoseconds"
        )
    return ns.astype(np.int64)  # NaT is the smallest int64, which is NO_TIME


def column_ns(values: Any, what: str) -> npt.NDArray[np.int64]:
    """A column of times as int64 nanoseconds, NO_TIME where null."""
    if hasattr(values, "type") and hasattr(values, "cast"):  # pyarrow
        import pyarrow as pa

        if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
            try:
                values = values.cast(pa.timestamp("ns")).cast(pa.int64())
            except pa.ArrowInvalid as e:
                raise InvalidInput(f"{what}: {e}") from None
        if not pa.types.is_int64(values.type):
            values = values.to_pylist()
        else:
            return np.asarray(values.fill_null(NO_TIME), dtype=np.int64)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise InvalidInput(f"{what}: an array of {values.ndim} dimensions, 1 is wanted")
        if values.dtype.kind == "M":
            return _ns_of_datetime64(values, what)
        if values.dtype == np.int64:
            return np.array(values, dtype=np.int64)
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what}: {values!r} is not a column of times")
    rows = enumerate(values)
    return np.array([to_ns(value, f"{what}, row {row}:") for row, value in rows], dtype=np.int64)
