"""Chunk files: writes columns of the core to Arrow IPC files, and reads them.

A file is one record batch. Its columns have the memory layout that the core takes. Integers have
the narrowest type that holds them all. 128-bit integers are decimals of scale 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mvcore import _core
from mvcore.errors import CorruptData
from mvcore.ingest.times import NO_TIME

# 2: orders have a column `retained`, rates a column `time`. 3: instruments have a column `cash`,
# the manifest has `cash` and `cash_scale`. A checkpoint may list files of earlier versions, if
# their content has not changed since.
FORMAT_VERSION = 3
OLDEST_FORMAT_VERSION = 1
DECIMAL = pa.decimal128(38, 18)
WIDE = pa.decimal128(38, 0)
TIME = pa.timestamp("ns", "UTC")
_INTEGERS = {
    pa.int8(): np.int8, pa.int16(): np.int16, pa.int32(): np.int32, pa.int64(): np.int64,
}  # fmt: skip
Array = npt.NDArray[Any]
Texts = tuple[Array, Array]  # offsets, bytes
Columns = dict[str, Any]


# ---- writing ----


def integers(values: Array) -> pa.Array:
    """A column of the core's integers. Shape (n, 2) is 128-bit."""
    kind = WIDE if values.ndim == 2 else pa.from_numpy_dtype(values.dtype)
    return array(kind, len(values), None, values)


def decimals(values: Array, valid: Array | None = None) -> pa.Array:
    """A column of decimals from shape (n, 2), in units of 1e-18. Null if not `valid`."""
    return array(DECIMAL, len(values), valid, values)


def times(values: Array | None, rows: int) -> pa.Array:
    """A column of times in ns since 1970 UTC. A column of nulls if no row has a time."""
    if values is None:
        return pa.nulls(rows)
    return array(TIME, rows, values != NO_TIME, values)


def optional_flags(values: Array | None, rows: int) -> pa.Array:
    """A column of booleans, or of nulls if `values` is None."""
    return pa.nulls(rows) if values is None else flags(values)


def texts(values: Texts) -> pa.Array:
    offsets, data = values
    return pa.Array.from_buffers(
        pa.utf8(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def strings(values: Sequence[str]) -> pa.Array:
    """A column of strings.

    Avoids pa.array(), which imports pandas and blocks other threads meanwhile.
    """
    data = [value.encode() for value in values]
    offsets = np.zeros(len(data) + 1, np.int32)
    np.cumsum([len(d) for d in data], out=offsets[1:])
    return texts((offsets, np.frombuffer(b"".join(data), np.uint8)))


def flags(values: Array) -> pa.Array:
    bits = np.packbits(values.astype(bool), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def labels(indices: Array, names: pa.Array) -> pa.Array:
    """A dictionary column of indices into `names`.

    -1 is null. Null is stored as index 0, because some readers check it.
    """
    kept = np.maximum(indices, 0)
    return pa.DictionaryArray.from_arrays(
        array(pa.from_numpy_dtype(indices.dtype), len(indices), indices >= 0, kept), names
    )


def array(kind: pa.DataType, rows: int, valid: Array | None, values: Array) -> pa.Array:
    bits = None
    if valid is not None and not valid.all():
        bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, rows, [bits, pa.py_buffer(np.ascontiguousarray(values))])


def to_file(kind: str, columns: Mapping[str, pa.Array]) -> pa.Buffer:
    """Serialize a chunk file."""
    meta = {"mvcore": kind, "format_version": str(FORMAT_VERSION)}
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema.with_metadata(meta)) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


# ---- reading ----


class CheckedColumns:
    """The columns of a chunk file. Everything in it is checked."""

    def __init__(self, kind: str, data: memoryview, rows: int) -> None:
        try:
            reader = pa.ipc.open_file(pa.py_buffer(data))
            meta = reader.schema.metadata or {}
            if meta.get(b"mvcore") != kind.encode():
                raise CorruptData(f"the file does not hold {kind}")
            versions = range(OLDEST_FORMAT_VERSION, FORMAT_VERSION + 1)
            found = {str(version).encode(): version for version in versions}
            version = meta.get(b"format_version")
            if version not in found:
                raise CorruptData(f"the format version is {version!r}")
            self.version = found[version]
            if reader.num_record_batches != 1:
                raise CorruptData(f"{reader.num_record_batches} record batches")
            self._batch = reader.get_batch(0)
            self._batch.validate()
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise CorruptData(f"not an Arrow file: {error}") from None
        if self._batch.num_rows != rows:
            raise CorruptData(f"{self._batch.num_rows} rows, {rows} were stored")
        if len(set(self.names)) != len(self.names):
            raise CorruptData("a column occurs twice")

    @property
    def names(self) -> list[str]:
        return list(self._batch.schema.names)

    def column(self, name: str, *kinds: pa.DataType, nulls: bool = False) -> pa.Array:
        if name not in self.names:
            raise CorruptData(f"the column {name} is missing")
        column = self._batch.column(self.names.index(name))
        if kinds and column.type not in kinds:
            raise CorruptData(f"{name} is a column of {column.type}")
        if column.offset != 0 or (not nulls and column.null_count != 0):
            raise CorruptData(f"{name} has nulls")
        return column

    def integers(self, name: str) -> Array:
        column = self.column(name, *_INTEGERS, WIDE)
        return _wide(column) if column.type == WIDE else _values(column, _INTEGERS[column.type])

    def typed(self, name: str, kind: pa.DataType, dtype: Any) -> Array:
        return _values(self.column(name, kind), dtype)

    def flags(self, name: str) -> Array:
        column = self.column(name, pa.bool_())
        return _bits(column.buffers()[-1], len(column))

    def optional_flags(self, name: str) -> Array | None:
        column = self.column(name, pa.bool_(), pa.null(), nulls=True)
        return None if column.type == pa.null() else self.flags(name)

    def decimals(self, name: str, nulls: bool = False) -> tuple[Array, Array]:
        """The values, shape (n, 2), and a mask of those that are not null."""
        column = self.column(name, DECIMAL, nulls=nulls)
        return _wide(column), ~_nulls(column)

    def optional_prices(self, name: str) -> tuple[Array, Array] | None:
        """The prices, shape (n, 2), and 1 for each that is not null.

        None if the column is of nulls.
        """
        column = self.column(name, DECIMAL, pa.null(), nulls=True)
        if column.type == pa.null():
            return None
        values, known = self.decimals(name, nulls=True)
        return values, known.view(np.int8)

    def times(self, name: str) -> Array | None:
        column = self.column(name, TIME, pa.null(), nulls=True)
        if column.type == pa.null():
            return None
        values = _values(column, np.int64)
        if ((values == NO_TIME) != _nulls(column)).any():
            raise CorruptData(f"{name} has a time and none")
        return values

    def texts(self, name: str) -> Texts:
        return _texts(self.column(name, pa.utf8()))

    def indices(self, name: str, index: pa.DataType, names: list[str]) -> Array:
        """Indices into `names`, which must be the column's dictionary. -1 is null."""
        places, found = self.labels(name, index)
        if found != names:
            raise CorruptData(f"the texts of {name} are other ones")
        return places

    def labels(self, name: str, index: pa.DataType) -> tuple[Array, list[str]]:
        """The indices and the dictionary of a column. -1 is null."""
        column = self.column(name, pa.dictionary(index, pa.utf8()), nulls=True)
        nulls = _nulls(column.indices) if column.indices.null_count else None
        places = given = _values(column.indices, _INTEGERS[index])
        if nulls is not None:
            places, given = np.where(nulls, -1, places), places[~nulls]
        try:
            column.dictionary.validate(full=True)
            found = column.dictionary.to_pylist()
        except (pa.ArrowException, ValueError) as error:
            raise CorruptData(f"{name}: {error}") from None
        if len(given) and not 0 <= given.min() <= given.max() < len(found):
            raise CorruptData(f"{name} leads out of its texts")
        return places, found


def _values(column: pa.Array, dtype: Any) -> Array:
    data = column.buffers()[-1]
    rows = len(column)
    if data is None or data.size < rows * np.dtype(dtype).itemsize:
        if rows == 0:
            return np.empty(0, dtype)
        raise CorruptData("a column is shorter than its rows")
    return np.frombuffer(data, dtype, rows)


def _wide(column: pa.Array) -> Array:
    data = column.buffers()[-1]
    rows = len(column)
    if data is None or data.size < rows * 16:
        if rows == 0:
            return np.empty((0, 2), np.int64)
        raise CorruptData("a column is shorter than its rows")
    return np.frombuffer(data, np.int64, 2 * rows).reshape(rows, 2)


def _texts(column: pa.Array) -> Texts:
    _, offsets, data = column.buffers()
    rows = len(column)
    if offsets is None or offsets.size < 4 * (rows + 1):
        if rows == 0:
            return np.zeros(1, np.int32), np.empty(0, np.uint8)
        raise CorruptData("a column of texts is shorter than its rows")
    found = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return np.frombuffer(offsets, np.int32, rows + 1), found


def _nulls(column: pa.Array) -> Array:
    if column.null_count == 0:
        return np.zeros(len(column), bool)
    valid = _bits(column.buffers()[0], len(column))
    return np.logical_not(valid)


def _bits(data: pa.Buffer | None, rows: int) -> Array:
    """0 or 1 for each row. Avoids to_numpy(), which imports pandas."""
    if rows == 0:
        return np.empty(0, np.uint8)
    if data is None or data.size * 8 < rows:
        raise CorruptData("a column is shorter than its rows")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=rows, bitorder="little")


# ---- the content of chunk files ----


def holdings_file(columns: Columns) -> pa.Buffer:
    return to_file("holdings", {name: integers(values) for name, values in columns.items()})


def optional_prices(values: tuple[Array, Array] | None, rows: int) -> pa.Array:
    """A column of prices, null if unknown. A column of nulls if `values` is None."""
    return pa.nulls(rows) if values is None else decimals(*values)


def orders_file(columns: Columns) -> pa.Buffer:
    ids, rows = columns["order"], len(columns["status"])
    special: dict[str, Callable[[], pa.Array]] = {
        "order": lambda: texts(ids) if isinstance(ids, tuple) else integers(ids),
        "status": lambda: labels(columns["status"].view(np.int8), strings(_core.STATUSES)),
        "average_price": lambda: optional_prices(columns["average_price"], rows),
        "rolled_price": lambda: optional_prices(columns["rolled_price"], rows),
        "time": lambda: times(columns["time"], rows),
        "retained": lambda: optional_flags(columns["retained"], rows),
    }
    return to_file(
        "orders", {n: special[n]() if n in special else integers(columns[n]) for n in columns}
    )


def read_holdings(data: memoryview, rows: int) -> Columns:
    batch = CheckedColumns("holdings", data, rows)
    return {name: batch.integers(name) for name in ("instrument", "account", "quantity")}


def read_orders(data: memoryview, rows: int, text: bool) -> Columns:
    batch = CheckedColumns("orders", data, rows)
    numbers = ("instrument", "account", "order_quantity", "filled_quantity", "rolled_quantity")
    out: Columns = {name: batch.integers(name) for name in numbers}
    out["order"] = batch.texts("order") if text else batch.integers("order")
    out["status"] = batch.indices("status", pa.int8(), list(_core.STATUSES))
    out["time"] = batch.times("time")
    retained = batch.optional_flags("retained") if batch.version >= 2 else None
    out["retained"] = None if retained is None else retained.view(np.int8)
    for name in ("average_price", "rolled_price"):
        out[name] = batch.optional_prices(name) if batch.version >= 3 else None
    return out
