"""Objects that look like numbers, texts or columns, and helpers of the case tests."""

from __future__ import annotations

import enum
from collections import UserList, deque
from decimal import Decimal as D
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mvcore


def make() -> mvcore.Book:
    """X holds 1 ES at 5000 USD, and Y nothing."""
    book = mvcore.Book("USD", value_scale=2)
    book.load(
        instruments={
            "instrument": ["ES", "BUND"],
            "currency": ["USD", "USD"],
            "sector": ["s", "t"],
        },
        accounts={"account": ["X", "Y"], "desk": ["d", "e"]},
        holdings={"account": ["X"], "instrument": ["ES"], "quantity": [1]},
        prices={"instrument": ["ES", "BUND"], "price": [5000, 100]},
    )
    return book


def worth(book) -> D:
    value = book.value("X")
    assert value.unpriced == 0
    return value.current


class Count(int):
    """An int whose str() is another number."""

    def __str__(self) -> str:
        return "7"

    __repr__ = __format__ = lambda self, *_: "7"


class Rate(float):
    """A float whose str() is another number."""

    def __str__(self) -> str:
        return "7"

    __repr__ = lambda self: "7"  # noqa: E731


class Amount(D):
    """A Decimal whose str() is another number."""

    def __str__(self) -> str:
        return "7"


class Name(str):
    """A str whose str() is another text."""

    __slots__ = ()

    def __str__(self) -> str:
        return "7"


class Color(enum.IntEnum):
    RED = 50


class Side(enum.StrEnum):
    BUY = "50"


class Kind(str, enum.Enum):  # noqa: UP042
    """A str whose str() is Kind.FUTURE."""

    FUTURE = "50"


class Plain(enum.Enum):
    FIFTY = 50


class Unit(pa.ExtensionType):
    """An extension type that is registered with pyarrow."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "tests.unit")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, *_):
        return cls()


class Foreign:
    """A column of a library that only has the PyCapsule interface."""

    def __init__(self, column: pa.Array, metadata: dict | None = None) -> None:
        self.column, self.metadata = column, metadata

    def __arrow_c_schema__(self):
        return pa.field("", self.column.type, metadata=self.metadata).__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema=None):
        return self.__arrow_c_schema__(), self.column.__arrow_c_array__()[1]


def name_of(value: Any) -> str:
    huge = isinstance(value, int) and abs(value) > 10**100  # an int without a text
    return f"{type(value).__name__} {'huge' if huge else str(value)[:12]!r}"


def object_array(values: list[Any]) -> np.ndarray[Any, Any]:
    out = np.empty(len(values), object)
    for place, value in enumerate(values):
        out[place] = value
    return out


def containers(values: list[Any]) -> list[Any]:
    """Columns that hold these objects unchanged."""
    return [values, tuple(values), object_array(values), deque(values), UserList(values),
            pd.Series(object_array(values), dtype=object)]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    try:
        return bool(one == other) or bool(one != one and other != other)
    except Exception:
        return repr(one) == repr(other)


def refused(book, write, table: str, column: str, row: int | None, value: Any = ...) -> str:
    """Assert that the call raises InvalidInput with these attributes, and changes nothing."""
    epoch = book.epoch
    with pytest.raises(mvcore.InvalidInput) as caught:
        write()
    error = caught.value
    assert (error.table, error.column, error.row) == (table, column, row), error
    assert value is ... or same(error.value, value), (error.value, value)
    place = f"{table}.{column}" if row is None else f"{table}.{column}, row {row}"
    assert str(error).startswith(f"{place}: ")
    assert "\n" not in str(error)
    assert book.epoch == epoch
    return str(error)


def missing_of_pandas(value: Any) -> bool:
    return (
        value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float | np.floating) and value != value)
    )
