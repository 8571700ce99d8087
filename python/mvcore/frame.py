"""Frames: what reads return. Names, Decimals and Arrow arrays are made on demand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from mvcore._core import (
    JsonRows,
    label_texts,
    narrowed,
    rescaled,
    to_decimals,
    to_float64,
    to_int64,
)
from mvcore.errors import InvalidInput, ValueOverflow, invalid, shown
from mvcore.formats import fixed_texts
from mvcore.ingest.ticks import checked_scale
from mvcore.ingest.times import NO_TIME

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from mvcore._core import CodeTexts

Array = npt.NDArray[Any]
CHUNK = 1_000  # rows that exist as Python objects while a caller iterates over a frame


class Text(NamedTuple):
    """Names by code; the code -1 is null."""

    codes: npt.NDArray[np.int32]
    names: Callable[[npt.NDArray[np.int32]], Sequence[str | None]]  # names of codes
    texts: CodeTexts | None = None  # the same names, if the core has them

    def to_list(self) -> list[Any]:
        return list(self.names(self.codes))

    def to_numpy(self, scaled: bool) -> Array:
        return np.array(self.to_list(), dtype=object)

    def part(self, rows: slice) -> Text:
        return Text(self.codes[rows], self.names, self.texts)

    def to_arrow(self, dictionary: bool = False) -> Any:
        import pyarrow as pa

        if (arrow := getattr(self.names, "arrow", None)) is not None:
            found = arrow(self.codes, dictionary)
            if found is not None:
                return found
        used, places = np.unique(self.codes, return_inverse=True)
        places = places.reshape(-1).astype(np.int32)
        names = self.names(used.astype(np.int32))
        null = np.array([name is None for name in names], bool)
        indices = pa.array(places, mask=null[places])
        names = ["" if name is None else name for name in names]
        encoded = pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))
        return encoded if dictionary else encoded.cast(pa.string())

    def add_to(self, rows: JsonRows) -> None:
        if self.texts is not None:
            rows.add_names(self.codes, self.texts)
            return
        used, places = np.unique(self.codes, return_inverse=True)
        names = self.names(used.astype(np.int32))
        codes = np.array([-1 if name is None else k for k, name in enumerate(names)], np.int32)
        texts = label_texts(["" if name is None else name for name in names])
        rows.add_names(codes[places.reshape(-1)], texts)


class Number(NamedTuple):
    """Exact decimals in units of 10**-scale: int64, or 128-bit integers as int64 pairs, shape (n,
    2).
    """

    values: npt.NDArray[np.int64]
    scale: int
    valid: npt.NDArray[np.uint8] | None = None
    strip: bool = False  # without trailing zeros, as for quantities and prices
    # Decimals of the column as integers and in Arrow, if `values` are int64 with fewer.
    column_scale: int | None = None

    def to_list(self) -> list[Any]:
        return to_decimals(self.values, self.scale, self.strip, self.valid)

    def texts(self) -> list[str | None]:
        if self.strip:
            return [None if v is None else format(v, "f") for v in self.to_list()]
        out: list[str | None] = list(fixed_texts(self.values, self.scale))
        if self.valid is not None:
            for row in np.flatnonzero(self.valid == 0).tolist():
                out[row] = None
        return out

    def to_numpy(self, scaled: bool) -> Array:
        if scaled:
            return to_int64(self._in_column_scale())
        return to_float64(self.values, self.scale, self.valid)

    def _in_column_scale(self) -> Array:
        more = 0 if self.column_scale is None else self.column_scale - self.scale
        return rescaled(self.values, more) if more else self.values

    def part(self, rows: slice) -> Number:
        valid = None if self.valid is None else np.ascontiguousarray(self.valid[rows])
        values = np.ascontiguousarray(self.values[rows])
        return self._replace(values=values, valid=valid)

    def to_arrow(self, narrow: bool = False) -> Any:
        import pyarrow as pa

        bits = None
        if self.valid is not None and not self.valid.all():
            bits = pa.py_buffer(np.packbits(self.valid, bitorder="little"))
        if narrow:
            values, digits, scale = narrowed(self.values, self.scale, self.valid)
            digits = max(digits, scale)
        else:
            values, digits = self._in_column_scale(), 38
            scale = self.scale if self.column_scale is None else self.column_scale
        if values.ndim == 1:
            values = np.stack([values, values >> 63], axis=1)
        buffers = [bits, pa.py_buffer(np.ascontiguousarray(values))]
        return pa.Array.from_buffers(pa.decimal128(digits, scale), len(values), buffers)

    def add_to(self, rows: JsonRows) -> None:
        rows.add_decimals(self.values, self.scale, self.strip, self.valid)


class Plain(NamedTuple):
    """Integers, booleans, or floats."""

    values: Array

    def to_list(self) -> list[Any]:
        return self.values.tolist()  # type: ignore[no-any-return]

    def to_numpy(self, scaled: bool) -> Array:
        return self.values

    def part(self, rows: slice) -> Plain:
        return Plain(self.values[rows])

    def to_arrow(self) -> Any:
        import pyarrow as pa

        return pa.array(self.values)

    def add_to(self, rows: JsonRows) -> None:
        if self.values.dtype.kind == "b":
            rows.add_flags(self.values.view(np.uint8))
        elif self.values.dtype.kind == "f":
            finite = np.isfinite(self.values).tolist()
            texts = zip(map(repr, self.values.tolist()), finite, strict=True)
            rows.add_json([text if known else "null" for text, known in texts])
        else:
            rows.add_integers(self.values.astype(np.int64, copy=False))


class Ids(NamedTuple):
    """Order ids: an int64 array or a list of texts.

    `before` rows before them and `after` rows after them have no id.
    """

    values: Array | list[str]
    before: int = 0
    after: int = 0

    def to_list(self) -> list[Any]:
        ids = self.values if isinstance(self.values, list) else self.values.tolist()
        return [None] * self.before + ids + [None] * self.after

    def part(self, rows: slice) -> Ids:
        count = self.before + len(self.values) + self.after
        places = np.arange(-self.before, count - self.before)[rows]
        have = np.flatnonzero((places >= 0) & (places < len(self.values)))
        picked, before = places[have], int(have[0]) if len(have) else len(places)
        values: Array | list[str]
        if isinstance(self.values, list):
            values = [self.values[k] for k in picked.tolist()]
        else:
            values = self.values[picked]
        return Ids(values, before, len(places) - before - len(picked))

    def to_numpy(self, scaled: bool) -> Array:
        if not self.before and not self.after and not isinstance(self.values, list):
            return self.values
        return np.array(self.to_list(), dtype=object)

    def to_arrow(self) -> Any:
        import pyarrow as pa

        kind = pa.string() if isinstance(self.values, list) else pa.int64()
        return pa.array(self.to_list(), kind)

    def add_to(self, rows: JsonRows) -> None:
        import json  # for order ids only

        rows.add_json([json.dumps(value, ensure_ascii=False) for value in self.to_list()])


class Time(NamedTuple):
    """Nanoseconds since 1970 UTC; NO_TIME is null."""

    ns: npt.NDArray[np.int64]

    def to_list(self) -> list[Any]:
        zero = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return [
            None if ns == NO_TIME else zero + dt.timedelta(microseconds=ns // 1000)
            for ns in self.ns.tolist()
        ]

    def part(self, rows: slice) -> Time:
        return Time(self.ns[rows])

    def to_numpy(self, scaled: bool) -> Array:
        return self.ns.view("datetime64[ns]")

    def to_arrow(self) -> Any:
        import pyarrow as pa

        return pa.array(self.ns, mask=self.ns == NO_TIME).cast(pa.timestamp("ns", "UTC"))

    def add_to(self, rows: JsonRows) -> None:
        times = zip(self.to_numpy(False), (self.ns != NO_TIME).tolist(), strict=True)
        rows.add_json([f'"{time}Z"' if known else "null" for time, known in times])


Column = Text | Number | Plain | Ids | Time


def _in_units(column: Number, name: str, scale: int) -> npt.NDArray[np.int64]:
    """The numbers as int64 in units of 10**-scale. The column has no nulls."""
    values, needed = column.values, column.scale
    if values.ndim != 1 or needed > scale:
        values, _, needed = narrowed(values, needed, None)
    if needed > scale:
        texts = to_decimals(column.values, column.scale, True, None)
        row = next(k for k, number in enumerate(texts) if -number.as_tuple().exponent > scale)
        reason = f"{texts[row]} has more than {scale} decimals"
        raise InvalidInput.about("to_numpy", name, row, texts[row], reason)
    factor = 10 ** (scale - needed)
    units = to_int64(values)
    large = np.flatnonzero((units > (2**63 - 1) // factor) | (units < -(2**63 // factor)))
    if large.size:
        row = int(large[0])
        wrong = f"{int(units[row]) * factor} does not fit 64 bits"
        raise ValueOverflow.about("to_numpy", name, row, None, wrong)
    return units * np.int64(factor)


class Frame:
    """Rows of one epoch. A column is made on first use, and then kept.

    `len(frame)`, `frame.column_names`, `frame["current"]` (a list), `frame[:10]` (a frame of these
    rows), iteration over rows as dicts, `to_pylist()`, `to_numpy`, `codes`, `to_arrow`,
    `to_pandas`, `to_polars`, and the Arrow PyCapsule protocol.
    """

    __slots__ = ("_length", "_made", "epoch")
    _made: Any

    def __init__(
        self, columns: dict[str, Column | Callable[[], Column]], length: int, epoch: int
    ) -> None:
        self._made = columns
        self._length = length
        self.epoch = epoch

    @property
    def _columns(self) -> Any:
        return self._made

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over rows as dicts. They are made in chunks, and the frame keeps none of them."""
        for start in range(0, self._length, CHUNK):
            yield from self[start : start + CHUNK].to_pylist()

    def __repr__(self) -> str:
        """Return the first rows as text."""
        from mvcore.results import display  # for people only

        return display.as_text(self)

    def _repr_html_(self) -> str:
        """Return the first rows as HTML for a notebook."""
        from mvcore.results import display

        return display.as_html(self)

    @property
    def column_names(self) -> list[str]:
        return list(self._columns)

    def _column(self, name: str) -> Column:
        try:
            column = self._columns[name]
        except (KeyError, TypeError):
            text = name if isinstance(name, str) else None  # type: ignore[redundant-expr]
            raise InvalidInput.about(
                "frame",
                text,
                None,
                None if text else name,
                f"no column {name!r}; there are {', '.join(self._columns)}",
            ) from None
        if callable(column):  # not made yet
            column = self._columns[name] = column()
        return column  # type: ignore[no-any-return]

    @overload
    def __getitem__(self, name: str) -> list[Any]: ...
    @overload
    def __getitem__(self, name: slice) -> Frame: ...
    def __getitem__(self, name: str | slice) -> list[Any] | Frame:
        """Return a column as a list of str, Decimal, int, bool, datetime (microseconds) or None.

        A slice returns a frame of these rows; it makes no values yet.
        """
        if isinstance(name, slice):
            return self._rows(name)
        return self._column(name).to_list()

    def _rows(self, rows: slice) -> Frame:
        try:
            length = len(range(self._length)[rows])
        except (TypeError, ValueError) as error:
            raise InvalidInput.about("frame", None, None, rows, f"rows {rows!r}: {error}") from None
        columns: dict[str, Column | Callable[[], Column]] = {
            name: lambda name=name: self._column(name).part(rows)  # type: ignore[misc]
            for name in self._columns
        }
        return Frame(columns, length, self.epoch)

    def texts(self, name: str) -> list[str | None]:
        """Return a column of decimals as texts with every digit, such as "0.00000000", or None.

        The texts are those of `format(value, "f")` of the column's values, in less time. JSON has
        no exact decimals, so services send such texts. Raises InvalidInput for other columns.
        """
        column = self._column(name)
        if not isinstance(column, Number):
            raise InvalidInput.about("texts", name, None, None, f"{name!r} is not a decimal column")
        return column.texts()

    def json_rows(self, columns: Sequence[str] | None = None) -> list[str]:
        """Return each row as the text of a JSON array, such as '["A1", "USD", "0.00", 0]'.

        columns: their names, in this order. None: all. Decimals are strings with every digit, as in
        `texts`, because JSON numbers are not exact. Times are ISO 8601 in UTC with nanoseconds. nan
        and infinite floats are null. The core makes all rows in one buffer without the GIL.
        """
        if isinstance(columns, str):
            raise InvalidInput.about(
                "json_rows", "columns", None, columns, f"{columns!r} is not a list of columns"
            )
        rows = JsonRows(self._length)
        for name in self._columns if columns is None else columns:
            self._column(name).add_to(rows)
        return rows.lines()

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return one dict per row."""
        names = self.column_names
        rows = zip(*(self[name] for name in names), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def to_numpy(self, name: str, scaled: bool = False, scale: int | None = None) -> Array:
        """Return the column as an array: the nearest float64.

        With `scaled`, int64 in units of the column's last decimal: amounts have `value_scale`
        decimals, quantities and prices 18. `scale` names other decimals: 2 makes 151.50 the integer
        15150, as `ticks(scale=2)` takes it. Names are objects, times datetime64[ns].

        Raises ValueOverflow if a scaled value does not fit 64 bits, InvalidInput if one is null, or
        has more than `scale` decimals.
        """
        column = self._column(name)
        if scaled and not isinstance(column, Number):
            raise InvalidInput.about(
                "to_numpy", name, None, None, f"{name!r} is not a decimal column"
            )
        if (
            scaled
            and isinstance(column, Number)
            and column.valid is not None
            and not column.valid.all()
        ):
            raise InvalidInput.about(
                "to_numpy", name, None, None, f"{name!r} has nulls, which have no integer"
            )
        if scale is None:
            try:
                return column.to_numpy(scaled)
            except ValueOverflow as error:
                raise ValueOverflow.about(
                    "to_numpy", name, error.row, error.value, error.reason
                ) from None
        if not scaled or not isinstance(column, Number):
            raise invalid(
                "to_numpy", name, None, scale, "scale is given without scaled", "scaled=True"
            )
        return _in_units(column, name, checked_scale(scale, "to_numpy"))

    def codes(self, name: str) -> npt.NDArray[np.int32]:
        """Return the int32 codes of a column of names. -1 is null.

        Codes of instruments are those of `instrument_codes`.
        """
        column = self._column(name)
        if not isinstance(column, Text):
            raise InvalidInput.about(
                "codes", name, None, None, f"{name!r} is not a column of names"
            )
        return np.maximum(column.codes, -1).astype(np.int32)

    def to_arrow(
        self,
        decimals: Literal["stable", "narrow"] = "stable",
        names: Literal["text", "dictionary"] = "text",
    ) -> pa.Table:
        """Return a pyarrow table. Names are string, times timestamp(ns, UTC).

        decimals="stable": amounts are decimal128(38, value_scale), quantities and prices
        decimal128(38, 18), so all frames of a kind have one schema. "narrow": each column has the
        smallest precision and scale that hold it. Then `quantity * price` fits 38 digits in duckdb
        and pyarrow, unless the numbers themselves are too long.

        names="dictionary": names, labels and statuses are dictionary<int32, string>: 4 bytes a row,
        and each name once. The dictionary of a frame of many rows has all names of the book, the
        same array in every frame; otherwise it has the names of the rows. O(rows).
        """
        import pyarrow as pa

        for argument, given, known in (
            ("decimals", decimals, ("stable", "narrow")), ("names", names, ("text", "dictionary")),
        ):  # fmt: skip
            if given not in known:
                wrong = f"{shown(given)} is neither {known[0]!r} nor {known[1]!r}"
                raise InvalidInput.about("to_arrow", argument, None, given, wrong)
        arrays = {}
        for name in self._columns:
            column = self._column(name)
            if decimals == "narrow" and isinstance(column, Number):
                arrays[name] = column.to_arrow(narrow=True)
            elif names == "dictionary" and isinstance(column, Text):
                arrays[name] = column.to_arrow(dictionary=True)
            else:
                arrays[name] = column.to_arrow()
        return pa.table(arrays)

    def __mvcore_columns__(self, without: Collection[str]) -> list[tuple[str, Any]]:
        """Return the other columns as Arrow arrays, for writes that take what reads return."""
        names = [name for name in self._columns if name not in without]
        return [(name, self._column(name).to_arrow()) for name in names]

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        import polars as pl

        return pl.from_arrow(self.to_arrow())  # type: ignore[return-value]
