"""Tables as callers bring them, to columns that the core reads.

A table is anything with the Arrow PyCapsule protocol (pyarrow, polars, pandas, duckdb) or a
mapping of column name to sequence or NumPy array. pyarrow is imported only for the former.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore import from_pandas
from mvcore._core import Column
from mvcore.errors import InvalidInput
from mvcore.times import ANY_TIME, TimeRule, column_ns

if TYPE_CHECKING:
    import pyarrow as pa

_REQUIRED = {
    "accounts": ("account",),
    "instruments": ("instrument",),
    "holdings": ("account", "instrument", "quantity"),
    "prices": ("instrument", "price"),
    "fx": ("currency", "rate"),
    "orders": ("order",),  # all that an update of known orders needs
}
_NUMBERS = {
    "quantity", "price", "rate", "multiplier", "quote_factor", "order_quantity", "filled_quantity",
    "rolled_quantity",
}  # fmt: skip
_COLUMNS = {
    "accounts": {"account"},
    "instruments": {"instrument", "currency", "multiplier", "quote_factor"},
    "holdings": {"account", "instrument", "quantity"},
    "prices": {"instrument", "price", "time"},
    "fx": {"currency", "rate", "method", "time"},
    "orders": {
        "order", "account", "instrument", "order_quantity", "filled_quantity", "rolled_quantity",
        "status", "time",
    },
}  # fmt: skip
# What frames call their own columns, and what masters call theirs.
RESERVED = {
    "account", "instrument", "currency", "multiplier", "quote_factor", "level", "amount_currency",
    "removed", "unpriced", "sod", "current", "expected", "epoch",
}  # fmt: skip


def read_table(
    name: str, table: Any, rule: TimeRule = ANY_TIME
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The core's columns of a table, and the attribute columns of a master table."""
    columns: dict[str, Any] = {}
    attributes: dict[str, list[Any]] = {}
    rows: int | None = None
    for column, values in _columns_of(name, table).items():
        if column not in _COLUMNS[name]:
            attributes[column] = _attribute(name, column, values)
            got = len(attributes[column])
        elif column == "time":
            columns[column] = time_column(values, name, column, rule)
            got = len(columns[column])
        elif column == "order":
            columns[column] = id_column(values, name, column)
            got = len(columns[column])
        elif column in _NUMBERS:
            columns[column] = number_column(values, name, column)
            got = len(columns[column])
        else:
            columns[column] = text_column(values, name, column)
            got = len(columns[column])
        if rows is not None and got != rows:
            raise InvalidInput(f"{name}.{column}: {got} rows, other columns have {rows}")
        rows = got
    return columns, attributes


def _columns_of(name: str, table: Any) -> dict[str, Any]:
    if isinstance(table, Mapping):
        pairs = list(table.items())
    elif hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        import pyarrow as pa

        if from_pandas.is_pandas(table):
            pairs = from_pandas.columns(table)
        else:
            table = table if isinstance(table, pa.Table) else pa.table(table)
            pairs = list(zip(table.column_names, table.columns, strict=True))
    else:
        raise InvalidInput(
            f"{name}: {type(table).__name__} is neither a mapping of columns nor an Arrow table"
        )
    columns: dict[str, Any] = {}
    for column, values in pairs:
        if not isinstance(column, str):
            raise InvalidInput(f"{name}: the column name {column!r} is not text")
        if column in columns:
            raise InvalidInput(f"{name}.{column}: the column stands twice")
        columns[column] = values
    for key in _REQUIRED[name]:
        if key not in columns:
            raise InvalidInput(f"{name}: column '{key}' is missing")
    for column in columns:
        if column not in _COLUMNS[name]:
            _check_attribute_name(name, column)
    return columns


def _check_attribute_name(name: str, column: str) -> None:
    if name not in ("accounts", "instruments"):
        raise InvalidInput(f"{name}.{column}: unknown column")
    reserved = column in RESERVED and not (name == "accounts" and column == "currency")
    if reserved or not column or "." in column:
        raise InvalidInput(f"{name}.{column}: an attribute cannot have this name")


def _sequence(values: Any, name: str, column: str) -> Sequence[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInput(f"{name}.{column}: {type(values).__name__} is not a column of values")
    return values if isinstance(values, list | tuple) else list(values)


def _arrow(values: Any) -> pa.ChunkedArray | None:
    """The values as a pyarrow chunked array, if they are Arrow's."""
    if isinstance(values, np.ndarray | list | tuple):
        return None
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(values, pyarrow.ChunkedArray):
        return values  # before version 15 it has no protocol of its own
    if not (hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")):
        return None
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return pa.chunked_array([values])
    if from_pandas.is_pandas(values):
        return from_pandas.arrow(values)
    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    return pa.chunked_array([pa.array(values)])


def _one_dimension(values: np.ndarray[Any, Any], name: str, column: str) -> None:
    if values.ndim != 1:
        raise InvalidInput(f"{name}.{column}: an array of {values.ndim} dimensions, 1 is wanted")


def text_column(values: Any, name: str, column: str) -> Column:
    """A column of names."""
    arrow = _arrow(values)
    if arrow is not None:
        out = Column()
        for chunk in arrow.chunks:
            out.extend(_arrow_texts(chunk, name, column))
        return out
    if isinstance(values, np.ndarray):
        _one_dimension(values, name, column)
        if values.dtype.kind not in "UOT":
            raise InvalidInput(f"{name}.{column}: an array of {values.dtype} does not hold texts")
        values = values.tolist()
    return Column.texts(_sequence(values, name, column), name, column)


def id_column(values: Any, name: str, column: str) -> Column:
    """A column of order ids: texts or 64-bit integers."""
    arrow = _arrow(values)
    if arrow is not None:
        kind = str(arrow.type)
        whole = kind.startswith(("int", "uint"))
        if not whole and kind.startswith(("float", "halffloat", "double", "decimal")):
            raise InvalidInput(
                f"{name}.{column}: a column of {kind} holds no ids, which are texts or integers"
            )
        return (number_column if whole else text_column)(arrow, name, column)
    if isinstance(values, np.ndarray):
        _one_dimension(values, name, column)
        if values.dtype.kind in "iu" and not isinstance(values, np.ma.MaskedArray):
            return number_column(values, name, column)
        if values.dtype.kind not in "UOT":
            raise InvalidInput(
                f"{name}.{column}: an array of {values.dtype} holds no ids, which are texts or "
                "integers"
            )
        values = values.tolist()
    values = _sequence(values, name, column)
    if not values or not isinstance(values[0], int | np.integer) or isinstance(values[0], bool):
        return Column.texts(values, name, column)
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InvalidInput(f"{name}.{column}, row {row}: {value!r} is not an integer")
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"{name}.{column}, row {row}: {value} does not fit 64 bits")
    return number_column(np.array(values, np.int64), name, column)


def _arrow_texts(chunk: pa.Array, name: str, column: str) -> Column:
    import pyarrow as pa

    kind = chunk.type
    if pa.types.is_dictionary(kind):
        validity, indices = chunk.indices.buffers()
        texts = _arrow_texts(chunk.dictionary, name, column)
        return Column.dictionary(
            len(chunk), _address(validity), chunk.indices.offset, _address(indices),
            kind.index_type.bit_width // 8, pa.types.is_signed_integer(kind.index_type), texts,
            (chunk, texts),
        )  # fmt: skip
    if pa.types.is_null(kind):
        return Column.texts([None] * len(chunk), name, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        make = Column.utf8 if pa.types.is_string(kind) else Column.large_utf8
        validity, offsets, data = chunk.buffers()
        if offsets is None or len(chunk) == 0:
            return Column.texts([], name, column)
        return make(
            len(chunk), _address(validity), chunk.offset, _address(offsets), _address(data), chunk
        )
    if str(kind) == "string_view":
        return _arrow_texts(chunk.cast(pa.large_string()), name, column)
    raise InvalidInput(f"{name}.{column}: a column of {kind} does not hold texts")


def _address(buffer: Any) -> int:
    return 0 if buffer is None else int(buffer.address)


def number_column(values: Any, name: str, column: str) -> Column:
    """A column of exact decimals; floats count as their shortest decimal text."""
    arrow = _arrow(values)
    if arrow is not None:
        out = Column()
        for chunk in arrow.chunks:
            out.extend(_arrow_numbers(chunk, name, column))
        return out
    if isinstance(values, np.ndarray):
        _one_dimension(values, name, column)
        if values.dtype.kind not in "iufOUT":
            raise InvalidInput(f"{name}.{column}: an array of {values.dtype} does not hold numbers")
        if _native_number(values):
            array = np.require(values, values.dtype.newbyteorder("="), ["C", "A"])
            kind = f"{array.dtype.kind}{8 * array.dtype.itemsize}"
            return Column.numbers(kind, len(array), 0, 0, array.ctypes.data, 0, array)
        values = values.tolist() if values.dtype.kind in "OUT" else list(values)
    return Column.decimals(_sequence(values, name, column), name, column)


def time_column(values: Any, name: str, column: str, rule: TimeRule) -> npt.NDArray[np.int64]:
    """A column of times as int64 nanoseconds, NO_TIME if null."""
    arrow = _arrow(values)
    return column_ns(values if arrow is None else arrow, name, column, rule)


def scaled_column(counted: np.ndarray[Any, Any], scale: int) -> Column:
    """int64 counted in 10**-scale, contiguous."""
    return Column.numbers("i64", len(counted), 0, 0, counted.ctypes.data, scale, counted)


def _native_number(values: np.ndarray[Any, Any]) -> bool:
    if isinstance(values, np.ma.MaskedArray):
        return False
    return values.dtype.kind in "iu" or (
        values.dtype.kind == "f" and values.dtype.itemsize in (4, 8)
    )


def _arrow_numbers(chunk: pa.Array, name: str, column: str) -> Column:
    import pyarrow as pa

    kind = chunk.type
    types = pa.types
    held = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(held) or types.is_large_string(held) or str(held) == "string_view":
        return _arrow_texts(chunk, name, column)
    if types.is_dictionary(kind):
        return _arrow_numbers(chunk.dictionary_decode(), name, column)
    if types.is_boolean(kind):
        raise InvalidInput(f"{name}.{column}: a column of {kind} does not hold numbers")
    letter = (
        "i" if types.is_signed_integer(kind) else "u" if types.is_unsigned_integer(kind) else "f"
    )
    wide = types.is_decimal128(kind) and kind.scale >= 0
    if wide or types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind):
        label = "decimal128" if wide else f"{letter}{kind.bit_width}"
        validity, data = chunk.buffers()
        scale = kind.scale if wide else 0
        return Column.numbers(
            label, len(chunk), _address(validity), chunk.offset, _address(data), scale, chunk
        )
    if types.is_decimal(kind) or types.is_null(kind):
        return Column.decimals(chunk.to_pylist(), name, column)
    if types.is_float16(kind):
        return Column.decimals(
            [v if v is None else np.float16(v) for v in chunk.to_pylist()], name, column
        )
    raise InvalidInput(f"{name}.{column}: a column of {kind} does not hold numbers")


def _attribute(name: str, column: str, values: Any) -> list[Any]:
    arrow = _arrow(values)
    if arrow is not None:
        out: list[Any] = arrow.to_pylist()
        if str(arrow.type) in ("float", "halffloat"):  # as Python floats they have other digits
            narrow = np.float32 if str(arrow.type) == "float" else np.float16
            out = [value if value is None else narrow(value) for value in out]
    elif isinstance(values, np.ndarray):
        _one_dimension(values, name, column)
        out = list(values) if values.dtype.kind in "fM" else values.tolist()
    else:
        out = list(_sequence(values, name, column))
    return out
