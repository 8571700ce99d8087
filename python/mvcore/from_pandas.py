"""Columns of pandas, without importing it: as Arrow's, or as lists where Arrow refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def is_pandas(values: Any) -> bool:
    """A frame or a series."""
    return type(values).__module__.partition(".")[0] == "pandas"


def columns(frame: Any) -> list[tuple[Any, Any]]:
    """Columns by name; one whose values are of several types, which Arrow does not take, as a
    list."""
    out: list[tuple[Any, Any]] = []
    for place, column in enumerate(frame.columns):
        series = frame.iloc[:, place]
        values: Any = arrow(series)
        if values is None:
            values = [None if _missing(value) else value for value in series]
        out.append((column, values))
    return out


def arrow(series: Any) -> pa.ChunkedArray | None:
    """None where its values are of several types."""
    import pyarrow as pa

    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _missing(value: Any) -> bool:
    """None, nan, NaT; pandas.NA, which is equal to nothing and to nobody."""
    return value is None or (not isinstance(value, str) and (value == value) is not True)
