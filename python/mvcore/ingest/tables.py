"""Converts tables from callers into columns that the core reads.

A table is any object with the Arrow PyCapsule protocol (pyarrow, polars, pandas, duckdb) or a
mapping of column name to sequence or NumPy array. pyarrow is imported only for the former.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from mvcore import _core
from mvcore.errors import Error, invalid, is_unicode, shown, wrong_type
from mvcore.ingest.columns import (
    attribute_values,
    check_extension,
    flag_column,
    id_column,
    not_a_column,
    number_column,
    text_column,
    time_column,
    type_name,
)
from mvcore.ingest.times import ANY_TIME, TimeRule

Result = TypeVar("Result")
_TABLE = "a mapping of column name to sequence, or a frame of pandas, polars, Arrow or duckdb"

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
    "average_price", "rolled_quantity",
}  # fmt: skip
_FLAGS = {"cash"}
_COLUMNS = {
    "accounts": {"account"},
    "instruments": {"instrument", "currency", "multiplier", "quote_factor", "cash"},
    "holdings": {"account", "instrument", "quantity"},
    "prices": {"instrument", "price", "time"},
    "fx": {"currency", "rate", "method", "time"},
    "orders": {
        "order", "account", "instrument", "order_quantity", "filled_quantity", "average_price",
        "rolled_quantity", "status", "time",
    },
}  # fmt: skip
# Names of the columns that frames and master tables define themselves.
RESERVED = _COLUMNS["instruments"] | {*_core.RESULT_COLUMNS, *_core.MEASURES}
# Columns that reads add to those that writes take.
_DERIVED = {
    "holdings": {"price", "amount_currency", "market_value", "base_value"},
    "orders": {"leaves_quantity", "price", "amount_currency", "market_value", "filled_value"},
    "prices": {"epoch"},
}
ALIKE = 0.9  # difflib's ratio from which a name counts as a misspelling


def read_table(
    name: str, table: Any, rule: TimeRule = ANY_TIME
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The core's columns of a table, and the attribute columns of a master table."""
    columns: dict[str, Any] = {}
    attributes: dict[str, list[Any]] = {}
    rows: int | None = None
    for column, values in columns_of(name, table).items():
        if column not in _COLUMNS[name]:
            attributes[column] = attribute_values(values, name, column)
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
        elif column in _FLAGS:
            columns[column] = flag_column(values, name, column)
            got = len(columns[column])
        else:
            columns[column] = text_column(values, name, column)
            got = len(columns[column])
        if rows is not None and got != rows:
            wrong = f"{got} rows, other columns have {rows}"
            raise invalid(name, column, None, values, wrong, "columns of one length")
        rows = got
    return columns, attributes


def columns_of(name: str, table: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for column, values in _pairs(name, table):
        if not isinstance(column, str):
            raise wrong_type(name, None, None, column, "text as the name of a column")
        column = str.__str__(column)
        if not is_unicode(column):
            wrong = f"{shown(column)} is not valid Unicode"
            raise invalid(name, column, None, None, wrong, "another name of the column")
        if column in columns:
            raise invalid(name, column, None, None, "the column occurs twice", "every column once")
        columns[column] = values
    for key in _REQUIRED[name]:
        if key not in columns:
            raise invalid(
                name, key, None, None, f"column '{key}' is missing; found {shown(list(columns))}"
            )
    for column in columns:
        if column not in _COLUMNS[name]:
            _check_attribute_name(name, column, columns)
    check_indexes(name, columns)
    return columns


def _pairs(name: str, table: Any) -> list[tuple[Any, Any]]:
    """Names and columns of a table."""
    if isinstance(table, Mapping):
        return list(table.items())
    if hasattr(type(table), "__mvcore_columns__"):  # a frame of mvcore
        pairs: list[tuple[Any, Any]] = table.__mvcore_columns__(_DERIVED.get(name, ()))
        return pairs
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    pyarrow = sys.modules.get("pyarrow")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        _check_index(name, table)
        return [(column, table.iloc[:, place]) for place, column in enumerate(table.columns)]
    if polars is not None and isinstance(table, polars.DataFrame):
        return list(zip(table.columns, table.get_columns(), strict=True))
    series = (
        *((pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray) if pandas else ()),
        *((polars.Series,) if polars else ()),
        *((pyarrow.Array, pyarrow.ChunkedArray) if pyarrow else ()),
    )
    arrow = hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    if not arrow or isinstance(table, series):
        raise not_a_column(table, name, None, _TABLE)
    import pyarrow as pa

    try:
        table = table if isinstance(table, pa.Table) else pa.table(table)
    except Exception as error:
        wrong = f"a {type_name(table)} cannot be read as a table of Arrow: {error}"
        raise invalid(name, None, None, table, wrong, _TABLE) from None
    for field in table.schema:
        check_extension(field, table, name, field.name)
    return list(zip(table.column_names, table.columns, strict=True))


def _check_index(name: str, frame: Any) -> None:
    """Refuse a named index. It may hold the keys of a group-by, and mvcore does not read it."""
    named = [key for key in frame.index.names if key is not None]
    if named:
        raise invalid(
            name, None, None, frame, f"the frame has {shown(named)} in its index",
            "columns: call reset_index(), or reset_index(drop=True)",
        )  # fmt: skip


def check_indexes(name: str, columns: Mapping[str, Any]) -> None:
    """Refuse pandas Series with different indexes. mvcore takes them row by row; pandas would align
    them."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return
    first: tuple[str, Any] | None = None
    for column, values in columns.items():
        if not isinstance(values, pandas.Series):
            continue
        if first is None:
            first = column, values.index
        elif values.index is not first[1] and not values.index.equals(first[1]):
            raise invalid(
                name, column, None, values,
                f"its index differs from that of column {first[0]!r}",
                "Series of one index; align them in a DataFrame, or call to_numpy()",
            )  # fmt: skip


def set_value(error: Error, tables: Mapping[str, Any]) -> None:
    """Set the caller's own value in an error of the core, which knows only its text."""
    known = error.value is not None and not isinstance(error.value, str)
    if error.row is None or known or tables.get(error.table or "") is None:
        return
    # the container may be of any type; the message has the value as text
    with contextlib.suppress(Exception):
        values: Any = dict(_pairs(str(error.table), tables[str(error.table)]))[error.column]
        value = getattr(values, "iloc", values)[error.row]
        error.value = value.as_py() if hasattr(value, "as_py") else value


def _check_attribute_name(name: str, column: str, columns: Collection[str]) -> None:
    if name not in ("accounts", "instruments"):
        expected = f"some of {', '.join(sorted(_COLUMNS[name]))}"
        raise invalid(name, column, None, None, "unknown column", expected)
    reserved = column in RESERVED and not (name == "accounts" and column == "currency")
    if reserved or not column or "." in column:
        raise invalid(
            name, column, None, None, "an attribute cannot have this name", "another name"
        )
    if column.startswith("-") or (column.startswith("abs(") and column.endswith(")")):
        raise invalid(
            name, column, None, None,
            "`sort` would read this attribute's name as an order",
            "a name that neither begins with '-' nor has the form abs(...)",
        )  # fmt: skip
    fixed = misspelled(name, column, columns)
    if fixed is not None:
        wrong = f"the name of an attribute is too similar to the column {fixed!r}"
        expected = f"{fixed!r}, or another name of the attribute"
        raise invalid(name, column, None, None, wrong, expected)


def misspelled(name: str, column: str, columns: Collection[str]) -> str | None:
    """The column of a master table that the attribute's name probably means.

    Accepted as an attribute, it would leave that column at its default.
    """
    import difflib  # only for attributes

    folded = _folded(column)
    for fixed in sorted(_COLUMNS[name]):
        if folded == _folded(fixed):
            return fixed
        alike = difflib.SequenceMatcher(None, folded, _folded(fixed)).ratio() >= ALIKE
        if alike and fixed not in columns:
            return fixed
    return None


def _folded(column: str) -> str:
    """The name without what spellings differ in: case, spaces, `_`, `-`, invisible characters."""
    import unicodedata  # only for attributes

    text = unicodedata.normalize("NFKC", column).casefold()
    return "".join(c for c in text if c.isprintable() and not c.isspace() and c not in "_-")


def located(call: Callable[..., Result]) -> Callable[..., Result]:
    """Decorate a call, whose first argument is the tables by name.

    Its errors name lines of files.
    """

    @functools.wraps(call)
    def locating(self: Any, tables: dict[str, Any], *args: Any, **options: Any) -> Result:
        try:
            return call(self, tables, *args, **options)
        except Error as error:
            for name, table in tables.items():
                locate = getattr(table, "__mvcore_locate__", None)
                if locate is not None and error.table == name:
                    locate(error, names=lambda side: _names(self, tables, side))
            raise

    return locating


def _names(book: Any, tables: dict[str, Any], side: str) -> list[str]:
    """The names in a book, and those that the write adds."""
    known = list(book._in_use(side))
    master = tables.get(f"{side}s")
    new = master.get(side, ()) if isinstance(master, Mapping) else ()
    new = new.to_pylist() if hasattr(new, "to_pylist") else new
    return [*known, *(name for name in new if isinstance(name, str))]
