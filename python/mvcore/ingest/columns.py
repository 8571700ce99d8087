"""Converts columns from callers into columns that the core reads.

Every accepted type is named here. Any other type is refused by name, because a library that
converts it may change its values.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore._core import Column
from mvcore.errors import InvalidInput, invalid, wrong_type
from mvcore.ingest.times import TimeRule, column_ns, pylist, whole

if TYPE_CHECKING:
    import pyarrow as pa

Values = Any  # a list or tuple, a 1-dimensional NumPy array, or a chunked array of Arrow
SEQUENCE = "a list, tuple, 1-dimensional NumPy array or a column of Arrow, pandas or polars"
_NAME = b"ARROW:extension:name"
_FLAG = "True or False"
_NULL_FLAG = -1  # null in a column of flags in the core
# Pandas dtypes besides NumPy's, and polars types that Arrow also has.
_PANDAS = {
    *("StringDtype", "CategoricalDtype", "BooleanDtype", "DatetimeTZDtype", "ArrowDtype"),
    *("Int8Dtype", "Int16Dtype", "Int32Dtype", "Int64Dtype", "Float32Dtype", "Float64Dtype"),
    *("UInt8Dtype", "UInt16Dtype", "UInt32Dtype", "UInt64Dtype"),
}
_POLARS = {
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float16"),
    *("Float32", "Float64", "Decimal", "String", "Categorical", "Enum", "Boolean", "Date"),
    *("Datetime", "Null"),
}
_POLARS_WIDE = {"Int128", "UInt128"}  # Arrow has no counterpart


def type_name(value: Any) -> str:
    """The name of a value's type with its library, such as `pandas.Series`."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library == "builtins" else f"{library}.{kind.__name__}"


def not_a_column(values: Any, table: str, column: str | None, expected: str) -> InvalidInput:
    """Make the error for a container that is not accepted. Its values are not shown."""
    wrong = f"a {type_name(values)} is not accepted"
    return invalid(table, column, None, values, wrong, expected)


def _not_of_type(kind: Any, values: Any, table: str, column: str, expected: str) -> InvalidInput:
    return invalid(table, column, None, values, f"a column of {kind}", expected)


# ---- containers ----


def read(values: Any, table: str, column: str) -> Values:
    """Return the values as a list, a 1-dimensional NumPy array or a chunked array of Arrow."""
    if isinstance(values, list | tuple):
        return values
    if isinstance(values, np.ndarray):
        return _numpy(values, table, column)
    if isinstance(values, str | bytes | bytearray | memoryview | Mapping):
        raise wrong_type(table, column, None, values, SEQUENCE)
    if isinstance(values, array) and values.typecode in "fdbBhHiIlLqQ":  # other typecodes hold text
        # as Python floats, float32 values would have other digits
        return np.array(memoryview(values))
    if isinstance(values, range | array | deque):
        return list(values)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(
        values,
        pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray | pandas.DataFrame,
    ):
        return _pandas(pandas, values, table, column)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(values, polars.Series):
        return _polars(values, table, column)
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(values, pyarrow.Array):
        return _arrow(pyarrow.chunked_array([values]), table, column)
    if pyarrow is not None and isinstance(values, pyarrow.ChunkedArray):
        return _arrow(values, table, column)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return _capsule(values, table, column)
    if isinstance(values, Sequence):
        return list(values)
    if not isinstance(values, Iterable):
        raise wrong_type(table, column, None, values, SEQUENCE)
    raise not_a_column(values, table, column, SEQUENCE)


def _numpy(values: np.ndarray[Any, Any], table: str, column: str) -> np.ndarray[Any, Any]:
    if isinstance(values, np.ma.MaskedArray):
        masked = np.flatnonzero(np.ma.getmaskarray(values).reshape(-1))
        if masked.size:
            row = int(masked[0])
            raise invalid(
                table, column, row, values, "the value is masked", "an array without masked values"
            )
        values = np.asarray(values)
    # subclasses may change the meaning of the numbers
    if type(values) not in (np.ndarray, np.memmap):
        raise not_a_column(values, table, column, SEQUENCE)
    if values.ndim != 1:
        raise invalid(
            table, column, None, values, f"an array of {values.ndim} dimensions", "1 dimension"
        )
    return values


def _pandas(pandas: Any, values: Any, table: str, column: str) -> Values:
    if isinstance(values, pandas.DataFrame | pandas.MultiIndex):
        raise not_a_column(values, table, column, SEQUENCE)
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        plain = values.to_numpy()
        if dtype.kind == "O":
            return without_missing(plain.tolist())
        if dtype.kind == "f" and np.isnan(plain).any():
            if dtype.itemsize > 8:  # Arrow has no such type
                return without_missing(list(plain))
            import pyarrow as pa

            return pa.chunked_array([pa.array(plain, from_pandas=True)])
        return _numpy(plain, table, column)
    name = type(dtype).__name__
    if name not in _PANDAS or type(dtype).__module__.partition(".")[0] != "pandas":
        raise _not_of_type(
            f"{type_name(dtype)} ({dtype})", values, table, column,
            "a dtype of NumPy, a string, nullable, categorical or Arrow dtype of pandas",
        )  # fmt: skip
    if name == "CategoricalDtype":
        return _categorical(values)
    if name == "DatetimeTZDtype":
        return without_missing(list(values))
    import pyarrow as pa

    try:
        found = pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise _not_of_type(dtype, values, table, column, f"values of it ({error})") from None
    chunked = found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])
    return _arrow(chunked, table, column)


def _categorical(values: Any) -> Values:
    held = values if hasattr(values, "codes") else getattr(values, "array", values)
    categories = list(held.categories)
    codes = np.asarray(held.codes)
    if all(isinstance(category, str) for category in categories):
        import pyarrow as pa

        try:
            indices = pa.array(codes, mask=codes < 0)
            found = pa.DictionaryArray.from_arrays(indices, pa.array(categories, pa.string()))
            return pa.chunked_array([found])
        except (pa.ArrowException, UnicodeEncodeError):
            pass  # a category is not valid Unicode; the reader of the list names it
    return [None if code < 0 else categories[code] for code in codes.tolist()]


def without_missing(values: list[Any]) -> list[Any]:
    """Replace what pandas counts as missing (nan, NaT and NA) by None."""
    return [None if is_missing(value) else value for value in values]


def is_missing(value: Any) -> bool:
    """True for None, a float nan, NaT and pandas.NA. NA is not even equal to itself."""
    if value is None or isinstance(value, str):
        return value is None
    if isinstance(value, float | np.floating | np.datetime64 | np.timedelta64):
        return bool(value != value)
    return type(value).__name__ in ("NAType", "NaTType") and type_name(value).startswith("pandas.")


def _polars(values: Any, table: str, column: str) -> Values:
    name = type(values.dtype).__name__
    name = values.dtype.__name__ if name == "DataTypeClass" else name
    if name in _POLARS_WIDE:
        return list(values.to_list())
    if name not in _POLARS:
        raise _not_of_type(
            f"polars.{values.dtype}", values, table, column,
            "a number, text, a category, a date or a time",
        )  # fmt: skip
    import pyarrow as pa

    try:
        return _arrow(pa.chunked_array([values.to_arrow()]), table, column)
    except InvalidInput:
        raise
    except Exception as error:  # a polars panic is not an ordinary exception
        raise _not_of_type(
            f"polars.{values.dtype}", values, table, column, f"values that Arrow has ({error})"
        ) from None


def _capsule(values: Any, table: str, column: str) -> Values:
    """Read a column of any library with the Arrow PyCapsule interface."""
    import pyarrow as pa

    try:
        if hasattr(values, "__arrow_c_schema__"):
            check_extension(pa.field(values), values, table, column)
        if hasattr(values, "__arrow_c_stream__"):
            return _arrow(pa.chunked_array(values), table, column)
        return _arrow(pa.chunked_array([pa.array(values)]), table, column)
    except InvalidInput:
        raise
    except Exception as error:
        wrong = f"a {type_name(values)} cannot be read as a column of Arrow: {error}"
        raise invalid(table, column, None, values, wrong, SEQUENCE) from None


def check_extension(field: pa.Field, values: Any, table: str, column: str) -> None:
    """Raises InvalidInput for an extension type that pyarrow would read as its storage."""
    name = (field.metadata or {}).get(_NAME)
    if name is not None:
        raise _not_of_type(
            f"the extension type {name.decode(errors='backslashreplace')}", values, table, column,
            "a type of Arrow itself",
        )  # fmt: skip


def _arrow(values: pa.ChunkedArray, table: str, column: str) -> pa.ChunkedArray:
    """Decode run-end encoding. Raises InvalidInput for extension types."""
    import pyarrow as pa

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        raise _not_of_type(
            f"the extension type {kind.extension_name}", values, table, column,
            "a type of Arrow itself",
        )  # fmt: skip
    if pa.types.is_run_end_encoded(kind):
        import pyarrow.compute as pc

        chunks = [pc.run_end_decode(chunk) for chunk in values.chunks]
        return _arrow(pa.chunked_array(chunks, kind.value_type), table, column)
    return values


# ---- kinds of columns ----


def text_column(values: Any, table: str, column: str) -> Column:
    """A column of names."""
    found = read(values, table, column)
    if isinstance(found, np.ndarray):
        if found.dtype.kind not in "UOT":
            raise _not_of_type(found.dtype, values, table, column, "text")
        found = found.tolist()
    if isinstance(found, list | tuple):
        return Column.texts(found, table, column)
    out = Column()
    for chunk in found.chunks:
        out.extend(_arrow_texts(chunk, values, table, column))
    return out


def id_column(values: Any, table: str, column: str) -> Column:
    """A column of order ids: texts or 64-bit integers."""
    found = read(values, table, column)
    if isinstance(found, np.ndarray):
        if found.dtype.kind in "iu":
            return number_column(found, table, column)
        if found.dtype.kind not in "UOT":
            raise _not_of_type(found.dtype, values, table, column, "ids: texts or integers")
        found = found.tolist()
    if not isinstance(found, list | tuple):
        return _arrow_ids(found, values, table, column)
    if not found or whole(found[0]) is None:
        return Column.texts(found, table, column)
    numbers = [_id(value, table, column, row) for row, value in enumerate(found)]
    return number_column(np.array(numbers, np.int64), table, column)


def _id(value: Any, table: str, column: str, row: int) -> int:
    number = whole(value)
    if number is None:
        raise wrong_type(table, column, row, value, "an integer, as the first id is")
    if not -(2**63) <= number < 2**63:
        raise invalid(
            table, column, row, value, "the integer does not fit 64 bits",
            "an integer of 64 bits with a sign",
        )  # fmt: skip
    return number


def _arrow_ids(found: pa.ChunkedArray, values: Any, table: str, column: str) -> Column:
    import pyarrow as pa

    kind = found.type
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(held):
        return number_column(found, table, column)
    if not (_is_text(held) or pa.types.is_null(held)):
        raise _not_of_type(kind, values, table, column, "ids: texts or integers")
    return text_column(found, table, column)


def number_column(values: Any, table: str, column: str) -> Column:
    """A column of exact decimals; floats count as their shortest decimal text."""
    found = read(values, table, column)
    if isinstance(found, np.ndarray):
        if found.dtype.kind not in "iufOUT":
            raise _not_of_type(found.dtype, values, table, column, "numbers")
        if found.dtype.kind in "iu" or (found.dtype.kind == "f" and found.itemsize in (4, 8)):
            native = np.require(found, found.dtype.newbyteorder("="), ["C", "A"])
            kind = f"{native.dtype.kind}{8 * native.dtype.itemsize}"
            return Column.numbers(kind, len(native), 0, 0, native.ctypes.data, 0, native)
        found = found.tolist() if found.dtype.kind in "OUT" else list(found)
    if isinstance(found, list | tuple):
        return Column.decimals(found, table, column)
    out = Column()
    for chunk in found.chunks:
        out.extend(_arrow_numbers(chunk, values, table, column))
    return out


def flag_column(values: Any, table: str, column: str) -> Column:
    """A column of booleans. Neither 0 and 1 nor texts are accepted."""
    found = read(values, table, column)
    if isinstance(found, np.ndarray):
        if found.dtype.kind == "b":
            return Column.flags(found.astype(np.int8))
        if found.dtype.kind != "O" and not len(found):
            raise _not_of_type(found.dtype, values, table, column, _FLAG)
        found = found.tolist()
    if not isinstance(found, list | tuple):
        return _arrow_flags(found, values, table, column)
    flags = np.empty(len(found), np.int8)
    for row, value in enumerate(found):
        if value is not None and not isinstance(value, bool | np.bool_):
            raise wrong_type(table, column, row, value, _FLAG)
        flags[row] = _NULL_FLAG if value is None else value
    return Column.flags(flags)


def _arrow_flags(found: pa.ChunkedArray, values: Any, table: str, column: str) -> Column:
    import pyarrow as pa

    held = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
    if not (pa.types.is_boolean(held) or pa.types.is_null(held)):
        for row, value in enumerate(pylist(found, table, column)):
            if value is not None:
                raise wrong_type(table, column, row, value, _FLAG)
        raise _not_of_type(found.type, values, table, column, _FLAG)
    flags = [_NULL_FLAG if value is None else value for value in pylist(found, table, column)]
    return Column.flags(np.array(flags, np.int8))


def scaled_column(counted: np.ndarray[Any, Any], scale: int) -> Column:
    """A column of contiguous int64 values in units of 10**-scale."""
    return Column.numbers("i64", len(counted), 0, 0, counted.ctypes.data, scale, counted)


def time_column(values: Any, table: str, column: str, rule: TimeRule) -> npt.NDArray[np.int64]:
    """A column of times as int64 nanoseconds, NO_TIME if null."""
    return column_ns(read(values, table, column), table, column, rule)


def text_of_scalar(value: Any) -> str | None:
    """The digits of a NumPy number. None for any other type. The core calls it."""
    integer = whole(value)
    if integer is not None:
        return str(integer)
    if isinstance(value, np.floating):
        return np.format_float_scientific(value, trim="-")  # the shortest text
    return None


def names_of(values: Any, table: str, column: str) -> list[Any]:
    """Names that a caller selects: one name, or any collection. Their order does not matter."""
    if isinstance(values, str):
        return [values]
    if type(values) in (list, tuple) or isinstance(values, set | frozenset):
        return list(values)
    iterator = isinstance(values, Iterable) and not isinstance(values, Sequence | Mapping)
    if iterator and type(values).__module__ in ("builtins", "itertools"):
        return list(values)  # an iterator, a generator, a view of a dict
    found = read(values, table, column)
    if isinstance(found, np.ndarray):
        return list(found.tolist())
    return list(found) if isinstance(found, list | tuple) else pylist(found, table, column)


# ---- Arrow ----


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"
    )


def _address(buffer: Any) -> int:
    return 0 if buffer is None else int(buffer.address)


def _arrow_texts(chunk: pa.Array, values: Any, table: str, column: str) -> Column:
    import pyarrow as pa

    kind = chunk.type
    if pa.types.is_dictionary(kind):
        validity, indices = chunk.indices.buffers()
        texts = _arrow_texts(chunk.dictionary, values, table, column)
        return Column.dictionary(
            len(chunk), _address(validity), chunk.indices.offset, _address(indices),
            kind.index_type.bit_width // 8, pa.types.is_signed_integer(kind.index_type), texts,
            (chunk, texts),
        )  # fmt: skip
    if pa.types.is_null(kind):
        return Column.texts([None] * len(chunk), table, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        make = Column.utf8 if pa.types.is_string(kind) else Column.large_utf8
        validity, offsets, data = chunk.buffers()
        if offsets is None or len(chunk) == 0:
            return Column.texts([], table, column)
        return make(
            len(chunk), _address(validity), chunk.offset, _address(offsets), _address(data), chunk
        )
    if _is_text(kind):
        return _arrow_texts(chunk.cast(pa.large_string()), values, table, column)
    raise _not_of_type(kind, values, table, column, "text")


def _arrow_numbers(chunk: pa.Array, values: Any, table: str, column: str) -> Column:
    import pyarrow as pa

    kind = chunk.type
    types = pa.types
    if _is_text(kind.value_type if types.is_dictionary(kind) else kind):
        return _arrow_texts(chunk, values, table, column)
    if types.is_dictionary(kind):
        return _arrow_numbers(chunk.dictionary_decode(), values, table, column)
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
        return Column.decimals(chunk.to_pylist(), table, column)
    if types.is_float16(kind):
        return Column.decimals(
            [v if v is None else np.float16(v) for v in chunk.to_pylist()], table, column
        )
    raise _not_of_type(kind, values, table, column, "numbers")


# ---- attributes ----


def attribute_values(values: Any, table: str, column: str) -> list[Any]:
    """The values of an attribute column, None if null. Each becomes a label."""
    found = read(values, table, column)
    expected = "text, numbers, booleans or dates"
    if isinstance(found, np.ndarray):
        if found.dtype.kind not in "biufMUOT":
            raise _not_of_type(found.dtype, values, table, column, expected)
        if found.dtype.kind == "M":
            return without_missing(list(found))  # NaT is the null of the type
        return list(found) if found.dtype.kind == "f" else list(found.tolist())
    if isinstance(found, list | tuple):
        return list(found)
    import pyarrow as pa

    types = pa.types
    held = found.type.value_type if types.is_dictionary(found.type) else found.type
    tests = (
        types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal,
        types.is_date, types.is_timestamp, _is_text,
    )  # fmt: skip
    if not any(test(held) for test in tests):
        raise _not_of_type(found.type, values, table, column, expected)
    try:
        if types.is_timestamp(held) and held.unit == "ns":
            found = found.cast(pa.timestamp("us", held.tz))  # Python's datetime has no nanoseconds
        out: list[Any] = pylist(found, table, column)
    except InvalidInput:
        raise
    except Exception as error:  # nanoseconds that Python's datetime cannot hold
        raise _not_of_type(found.type, values, table, column, f"values of it ({error})") from None
    # as Python floats they would have other digits
    if types.is_float16(held) or types.is_float32(held):
        narrow = np.float32 if types.is_float32(held) else np.float16
        out = [value if value is None else narrow(value) for value in out]
    return out
