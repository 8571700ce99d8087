"""Times of facts: nanoseconds since 1970 UTC (FIX 60, Arrow's timestamp(ns, UTC))."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.errors import InvalidInput, invalid, shown, wrong_type

if TYPE_CHECKING:
    import pyarrow as pa

NO_TIME = _core.NO_TIME
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
ONE_DAY = dt.timedelta(days=1)
ONE_DAY_NS = 86_400 * 10**9
EXPECTED = (
    "ISO 8601 text, a datetime, a date, a timestamp of NumPy, a column of Arrow or an integer"
)
UNIT_EXPECTED = "a datetime64 with a unit, such as datetime64[ns]"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# An integer must be a time in these years. Otherwise its unit is probably another one.
EARLIEST_NS = (dt.datetime(1980, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * ONE_DAY_NS
AFTER_NS = (dt.datetime(2201, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * ONE_DAY_NS
# The extended format of ISO 8601. `fromisoformat` accepts more, and misreads some of it:
# "20240301210000Z" as 10:00.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)


class TimeRule(NamedTuple):
    """How one call interprets times."""

    unit: int = 1  # nanoseconds that an integer counts
    latest: int | None = None  # None: no limit
    max_future: dt.timedelta = ONE_DAY  # for messages


ANY_TIME = TimeRule()


def max_future_ns(max_future: Any) -> int:
    """The option `max_future` in nanoseconds."""
    return _span_ns(max_future, "book", "max_future")


def oldest_time(stale_after: dt.timedelta | None) -> int | None:
    """The time before which a price is stale now, in nanoseconds. None: no price is."""
    if stale_after is None:
        return None
    return max(time.time_ns() - _span_ns(stale_after, "exceptions", "stale_after"), NO_TIME + 1)


def _span_ns(span: Any, call: str, option: str) -> int:
    if not isinstance(span, dt.timedelta) or span != span:
        raise wrong_type(call, option, None, span, "a datetime.timedelta")
    ns = (span.days * 86_400 + span.seconds) * 10**9 + span.microseconds * 1000
    if ns < 0:
        raise invalid(
            call, option, None, span, f"{span} is negative", "a timedelta of zero or more"
        )
    return min(ns, 2**63 - 1)


def rule(max_future: dt.timedelta, ahead_ns: int, time_unit: Any, call: str) -> TimeRule:
    """Make the rule for a call that starts now. `ahead_ns`: max_future in nanoseconds."""
    unit = UNITS.get(time_unit) if isinstance(time_unit, str) else None
    if unit is None:
        raise invalid(
            call, "time_unit", None, time_unit, f"{shown(time_unit)} is not a unit of time",
            "'s', 'ms', 'us' or 'ns'",
        )  # fmt: skip
    return TimeRule(unit, time.time_ns() + ahead_ns, max_future)


def to_ns(
    value: Any,
    table: str,
    column: str = "time",
    row: int | None = None,
    rule: TimeRule = ANY_TIME,
) -> int:
    """Convert one time to nanoseconds. None becomes NO_TIME."""
    if value is None:
        return NO_TIME
    if isinstance(value, str):
        ns = _ns_of_text(value, table, column, row)
    elif isinstance(value, dt.date) and value == value:  # pandas' NaT is an instance of datetime
        ns = _ns_of_date(value, table, column, row)
    elif (integer := whole(value)) is not None:
        lowest, highest = _integers(rule.unit)
        if not lowest <= integer < highest:
            raise _implausible(table, column, row, value, integer, rule.unit)
        ns = integer * rule.unit
    elif isinstance(value, np.datetime64) and not np.isnat(value):
        return int(_ns_of_datetime64(np.array([value]), table, column, rule, row)[0])
    else:
        raise wrong_type(table, column, row, value, EXPECTED)
    if not NO_TIME < ns < 2**63:
        raise _out_of_range(table, column, row, value)
    if rule.latest is not None and ns > rule.latest:
        raise _future(table, column, row, value, rule)
    return ns


def whole(value: Any) -> int | None:
    """The value of a Python or NumPy integer. None for any other type, bool included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int.__index__(value)  # subclasses may override it
    if isinstance(value, np.integer) and value.dtype.kind in "iu":
        return int(value)
    return None


def _ns_of_text(text: str, table: str, column: str, row: int | None) -> int:
    match = _ISO.fullmatch(text)
    if match is None:
        raise _not_iso(table, column, row, text)
    day, minute, second, fraction, offset = match.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}Z")
        since = moment - _EPOCH
        seconds = since.days * 86_400 + since.seconds
        if offset and offset != "Z":
            ahead = dt.time.fromisoformat(offset[1:])
            seconds += (-60 if offset[0] == "+" else 60) * (ahead.hour * 60 + ahead.minute)
    except ValueError:
        raise _not_iso(table, column, row, text) from None
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def _not_iso(table: str, column: str, row: int | None, text: str) -> InvalidInput:
    return invalid(
        table, column, row, text, f"{shown(text)} is not an ISO 8601 time",
        "text such as '2024-03-01', '2024-03-01T21:00:00.5Z' or '2024-03-01 22:00:00+01:00'",
    )  # fmt: skip


def _ns_of_date(value: dt.date, table: str, column: str, row: int | None) -> int:
    nanosecond = 0
    if not isinstance(value, dt.datetime):
        return (value.toordinal() - _EPOCH.toordinal()) * ONE_DAY_NS
    try:
        if type(value) is not dt.datetime:  # subclasses may override arithmetic
            nanosecond = int(getattr(value, "nanosecond", 0))  # a pandas Timestamp has it
            value = dt.datetime(
                value.year, value.month, value.day, value.hour, value.minute, value.second,
                value.microsecond, value.tzinfo, fold=value.fold,
            )  # fmt: skip
        since = (value if value.tzinfo else value.replace(tzinfo=dt.UTC)) - _EPOCH
    except Exception as error:  # a tzinfo may run any code
        wrong = f"{shown(value)} cannot be converted to UTC: {error}"
        raise invalid(table, column, row, value, wrong, "a datetime with a valid tzinfo") from None
    microseconds = (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds
    return microseconds * 1000 + nanosecond


def _integers(unit: int) -> tuple[int, int]:
    """The range of integers of a unit that are plausible times: lowest, and first beyond."""
    return EARLIEST_NS // unit, AFTER_NS // unit


def _implausible(
    table: str, column: str, row: int | None, value: Any, integer: int, unit: int
) -> InvalidInput:
    named = next(name for name, size in UNITS.items() if size == unit)
    fits = [
        name for name, size in UNITS.items() if _integers(size)[0] <= integer < _integers(size)[1]
    ]
    advice = f"; pass time_unit='{fits[0]}' if that is its unit" if fits else ""
    return invalid(
        table, column, row, value,
        f"the integer {shown(integer)} in {named} (time_unit={named!r}) is before 1980 or after "
        "2200",
        f"a time in the years 1980 to 2200{advice}",
    )  # fmt: skip


def _future(table: str, column: str, row: int | None, value: Any, rule: TimeRule) -> InvalidInput:
    return invalid(
        table, column, row, value,
        f"{shown(value)} is more than max_future ({rule.max_future}) ahead of the clock",
        "a time that has been, or a larger max_future of the book",
    )  # fmt: skip


def _out_of_range(table: str, column: str, row: int | None, value: Any) -> InvalidInput:
    return invalid(
        table, column, row, value, f"{shown(value)} cannot be counted in 64-bit nanoseconds",
        "a time from 1677-09-21 to 2262-04-11 of at most 9 decimals of a second",
    )  # fmt: skip


# ---- columns ----


def column_ns(
    values: Any, table: str, column: str = "time", rule: TimeRule = ANY_TIME
) -> npt.NDArray[np.int64]:
    """A column of times as int64 nanoseconds, NO_TIME if null."""
    if hasattr(values, "type") and hasattr(values, "cast"):  # pyarrow
        return _ns_of_arrow(values, table, column, rule)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise invalid(
                table, column, None, values, f"an array of {values.ndim} dimensions", "1 dimension"
            )
        if values.dtype.kind == "M":
            return _ns_of_datetime64(values, table, column, rule)
        if values.dtype.kind in "iu":
            return _ns_of_integers(values, np.zeros(len(values), bool), table, column, rule)
        values = values.tolist() if values.dtype.kind in "OUT" else list(values)
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise wrong_type(table, column, None, values, "a column of times")
    rows = enumerate(values)
    return np.array([to_ns(value, table, column, row, rule) for row, value in rows], np.int64)


def _ns_of_arrow(
    values: pa.ChunkedArray | pa.Array, table: str, column: str, rule: TimeRule
) -> npt.NDArray[np.int64]:
    import pyarrow as pa

    kind, types = values.type, pa.types
    if types.is_timestamp(kind) or types.is_date(kind):
        unit = kind.unit if types.is_timestamp(kind) else "D" if types.is_date32(kind) else "ms"
        narrow = values.cast(pa.int32()) if types.is_date32(kind) else values
        counted = _numpy(narrow.cast(pa.int64()), NO_TIME).view(f"M8[{unit}]")
        return _ns_of_datetime64(counted, table, column, rule)
    if types.is_integer(kind):
        nulls = np.asarray(values.is_null(), bool)
        return _ns_of_integers(_numpy(values, 0), nulls, table, column, rule)
    text = types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view"
    if text or types.is_null(kind):
        rows = enumerate(pylist(values, table, column))
        return np.array([to_ns(value, table, column, row, rule) for row, value in rows], np.int64)
    if types.is_dictionary(kind):
        return _ns_of_arrow(values.cast(kind.value_type), table, column, rule)
    raise invalid(table, column, None, values, f"a column of {kind} holds no times", EXPECTED)


def pylist(values: pa.ChunkedArray | pa.Array, table: str, column: str) -> list[Any]:
    """The values of an Arrow column as Python objects."""
    try:
        return list(values.to_pylist())
    except Exception:  # text that is not UTF-8, an unknown zone, a time out of Python's range
        row = -1
        try:
            for row in range(len(values)):
                values[row].as_py()
        except UnicodeDecodeError as error:
            text = bytes(error.object)
            wrong = f"{shown(text)} is not valid UTF-8"
            raise invalid(table, column, row, text, wrong, "text in UTF-8") from None
        except Exception as error:
            wrong = f"a value of {values.type} is not one of Python: {error}"
            raise invalid(table, column, row, values, wrong) from None
        raise


def _numpy(values: pa.ChunkedArray | pa.Array, null: int) -> npt.NDArray[Any]:
    return np.asarray(values.fill_null(null) if values.null_count else values)


def _ns_of_integers(
    values: npt.NDArray[Any],
    nulls: npt.NDArray[np.bool_],
    table: str,
    column: str,
    rule: TimeRule,
) -> npt.NDArray[np.int64]:
    lowest, highest = _integers(rule.unit)
    # No plausible time is beyond int64. Larger unsigned values become negative, so they are
    # refused.
    counted = values.astype(np.int64)
    bad = np.flatnonzero(((counted < lowest) | (counted >= highest)) & ~nulls)
    if bad.size:
        row = int(bad[0])
        value = int(values[row])
        raise _implausible(table, column, row, value, value, rule.unit)
    ns = np.where(nulls, NO_TIME, np.where(nulls, 0, counted) * rule.unit)
    return _not_future(ns, values, table, column, rule)


def _ns_of_datetime64(
    values: npt.NDArray[Any], table: str, column: str, rule: TimeRule, first: int | None = 0
) -> npt.NDArray[np.int64]:
    """Convert datetime64 of any unit. NaT becomes NO_TIME.

    first: the row number of the first value, or None if it has none.
    """
    values = np.asarray(values)
    values = values.astype(values.dtype.newbyteorder("="))
    if np.datetime_data(values.dtype)[0] == "generic":
        _refuse_unitless(values, table, column, first)
    ns = values.astype("datetime64[ns]")
    # NumPy overflows silently, so check by converting back.
    bad = np.flatnonzero((ns.astype(values.dtype) != values) & ~np.isnat(values))
    if bad.size:
        at = int(bad[0])
        row = None if first is None else first + at
        raise _out_of_range(table, column, row, values[at])
    return _not_future(ns.astype(np.int64), values, table, column, rule, first)


def _refuse_unitless(values: npt.NDArray[Any], table: str, column: str, first: int | None) -> None:
    """Refuse datetime64 without a unit: NumPy would take its counts for nanoseconds."""
    bad = np.flatnonzero(~np.isnat(values))
    if bad.size:
        at = int(bad[0])
        count = int(values[at].view(np.int64))  # its repr raises
        raise invalid(
            table, column, None if first is None else first + at, values[at],
            f"the datetime64 {count} has no unit", UNIT_EXPECTED,
        )  # fmt: skip


def _not_future(
    ns: npt.NDArray[np.int64],
    values: npt.NDArray[Any],
    table: str,
    column: str,
    rule: TimeRule,
    first: int | None = 0,
) -> npt.NDArray[np.int64]:
    if rule.latest is not None and len(ns) and int(ns.max()) > rule.latest:
        at = int(np.flatnonzero(ns > rule.latest)[0])
        value = values[at] if values.dtype.kind == "M" else int(values[at])
        raise _future(table, column, None if first is None else first + at, value, rule)
    return ns
