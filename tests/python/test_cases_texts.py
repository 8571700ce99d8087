"""Texts, order ids and labels from every kind of object: the exact value, or InvalidInput."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mvcore
from odd_objects import (
    Amount,
    Color,
    Count,
    Foreign,
    Kind,
    Name,
    Plain,
    Rate,
    Side,
    Unit,
    containers,
    make,
    missing_of_pandas,
    name_of,
    refused,
    worth,
)

BIG = 5 * 10**19  # 20 digits, beyond 64 bits


@pytest.fixture
def book():
    return make()


# -- texts, ids and labels -----------------------------------------------------------------------

ORDERS = {"order": ["O", "P"]}
TEXT_CELLS = {
    ("accounts", "account"): {},
    ("instruments", "instrument"): {"currency": ["USD", "USD"]},
    ("instruments", "currency"): {"instrument": ["ES", "BUND"]},
    ("holdings", "account"): {"instrument": ["ES", "BUND"], "quantity": [1, 1]},
    ("holdings", "instrument"): {"account": ["X", "X"], "quantity": [1, 1]},
    ("prices", "instrument"): {"price": [1, 1]},
    ("fx", "currency"): {"rate": [2, 2]},
    ("fx", "method"): {"currency": ["EUR", "GBP"], "rate": [2, 2]},
    ("orders", "account"): {**ORDERS, "instrument": ["ES", "ES"], "order_quantity": [1, 1]},
    ("orders", "instrument"): {**ORDERS, "account": ["X", "X"], "order_quantity": [1, 1]},
    ("orders", "status"): {**ORDERS, "account": ["X", "X"], "instrument": ["ES", "ES"],
                           "order_quantity": [1, 1]},
}  # fmt: skip
GOOD_TEXT = {
    "account": "X",
    "instrument": "ES",
    "currency": "JPY",
    "method": "divide",
    "status": "new",
}
NOT_TEXT: list[Any] = [
    *(5, 5.0, True, D(5), b"ES", bytearray(b"ES"), np.bytes_(b"ES"), np.int64(5), np.True_, 5j),
    *(["ES"], ("ES",), {"ES"}, {"ES": 1}, object(), str, Plain.FIFTY, dt.date(2024, 1, 1), pd.NA),
    *(pd.NaT, float("nan"), np.datetime64("2024-01-01"), np.array("ES"), np.array(["ES"])),
    *(pd.Series(["ES"]), pl.Series(["ES"]), pa.scalar("ES"), pa.array(["ES"]), pd.Period("2024")),
    *("", "\ud800", "a\udfffb", uuid.UUID(int=5)),
]


@pytest.mark.parametrize("wrong", NOT_TEXT, ids=name_of)
def test_values_that_are_not_text_are_refused(book, wrong) -> None:
    for (table, column), others in TEXT_CELLS.items():
        if column == "status" and isinstance(wrong, str):
            continue
        for values in containers([GOOD_TEXT[column], wrong]):
            if isinstance(values, pd.Series) and missing_of_pandas(wrong):
                continue
            rows = others | {column: values}
            refused(book, lambda t=table, r=rows: book.update(**{t: r}), table, column, 1, wrong)
    for values in containers(["ES", wrong]):
        if not (isinstance(values, pd.Series) and missing_of_pandas(wrong)):
            refused(book, lambda v=values: book.ticks(v, [1, 2]), "ticks", "instrument", 1, wrong)
            with pytest.raises(mvcore.InvalidInput):
                book.instrument_codes(values)
    if isinstance(wrong, str) and not wrong:
        return
    if not isinstance(wrong, int | np.integer) or isinstance(wrong, bool):
        refused(book, lambda: book.tick(wrong, 1), "tick", "instrument", None, wrong)
    refused(book, lambda: book.order("O", wrong, "ES", 1), "order", "account", None, wrong)
    refused(book, lambda: book.order("O", "X", wrong, 1), "order", "instrument", None, wrong)
    refused(book, lambda: book.order("O", "X", "ES", 1, 0, wrong), "order", "status", None, wrong)
    refused(book, lambda: book.value(wrong), "value", "account", None, wrong)
    refused(book, lambda: book.value("X", wrong), "value", "currency", None, wrong)
    for call in (book.values, book.view, book.holdings, book.orders):
        with pytest.raises(mvcore.InvalidInput):
            call(accounts=["X", wrong])
    with pytest.raises(mvcore.InvalidInput):
        book.revalue(wrong)
    with pytest.raises(mvcore.InvalidInput):
        book.values(currency=wrong)
    with pytest.raises(mvcore.InvalidInput):
        book.values(by=["account", wrong])


@pytest.mark.parametrize("text", [Name("ES"), np.str_("ES"), enum.StrEnum("E", {"A": "ES"}).A,
                                  enum.Enum("F", {"A": "ES"}, type=str).A], ids=repr)  # fmt: skip
def test_subclasses_of_str_are_read_as_their_text(book, text) -> None:
    for values in containers([text]):
        book.update(prices={"instrument": values, "price": [6000]})
        book.update(instruments={"instrument": ["BUND"], "sector": values})
    assert worth(book) == 6000
    book.tick(text, 7000)
    book.ticks([text], [8000])
    assert worth(book) == 8000
    assert book.values(instruments={"sector": text})["sod"] == []
    assert book.values(instruments=[text], by=("sector",))["sector"] == ["s"]
    assert book.values(instruments={"sector": "ES"}, by=("sector",), measures="sod").column_names


def test_text_columns_of_every_library_are_read(book) -> None:
    columns = [
        pd.Series(["ES", "BUND"], dtype="category"),
        pd.CategoricalIndex(["ES", "BUND"]),
        pd.Index(["ES", "BUND"]),
        pd.Series(["ES", "BUND"], dtype=pd.ArrowDtype(pa.large_string())),
        pl.Series(["ES", "BUND"], dtype=pl.Categorical),
        pl.Series(["ES", "BUND"], dtype=pl.Enum(["BUND", "ES"])),
        np.array(["ES", "BUND"], np.dtypes.StringDType()),
        pa.array(["ES", "BUND"], pa.string_view()),
        pa.RunEndEncodedArray.from_arrays([1, 2], ["ES", "BUND"]),
        pa.array(["ES", "BUND"], pa.string_view()).cast(pa.string()).dictionary_encode(),
        Foreign(pa.array(["ES", "BUND"])),
    ]
    for price, column in enumerate(columns, 1):
        book.ticks(column, [price, price])
        assert worth(book) == price
        book.update(prices={"instrument": column, "price": [price + 100, 1]})
        assert worth(book) == price + 100
        assert book.instrument_codes(column).tolist() == [0, 1]
        assert book.values(instruments=column, by=("instrument",))["instrument"] == ["ES"]


def test_a_selection_accepts_names_in_any_collection(book) -> None:
    for names in ({"X", "Y"}, frozenset(["X", "Y"]), {"X": 1, "Y": 2}.keys(), iter(["X", "Y"]),
                  (name for name in ("X", "Y")), pd.Series(["X", "Y"]), pa.array(["X", "Y"]),
                  pl.Series(["X", "Y"]), np.array(["X", "Y"])):  # fmt: skip
        assert book.values(accounts=names)["account"] == ["X"]
    for wrong in (pd.DataFrame({"X": [1]}), pl.DataFrame({"X": ["X"]}), pa.table({"X": ["X"]}),
                  b"X", np.array([["X"]]), np.array("X"), 5, object()):  # fmt: skip
        with pytest.raises(mvcore.InvalidInput, match="accounts"):
            book.values(accounts=wrong)
        with pytest.raises(mvcore.InvalidInput, match="accounts"):
            book.remove(accounts=wrong)
    for wrong in ({"ES"}, {"ES": 1}.keys(), iter(["ES"]), pd.DataFrame({"ES": [1]})):
        with pytest.raises(mvcore.InvalidInput):
            book.instrument_codes(wrong)
        with pytest.raises(mvcore.InvalidInput):
            book.ticks(wrong, [1])


NOT_AN_ID: list[Any] = [
    *(True, np.True_, 1.0, np.float64(1), D(1), b"1", None, [1], (1,), object(), 1j, Plain.FIFTY),
    *(np.timedelta64(1), np.array(1), np.array([1]), pd.NA, pd.Series([1]), pa.scalar(1), "\ud800"),
    *(2**63, -(2**63) - 1, np.uint64(2**63), 10**30, uuid.UUID(int=1), dt.date(2024, 1, 1), ""),
]


@pytest.mark.parametrize("wrong", NOT_AN_ID, ids=name_of)
@pytest.mark.parametrize("first", ["O", 1])
def test_invalid_order_ids_are_refused(book, first, wrong) -> None:
    rows = {"account": ["X"] * 2, "instrument": ["ES"] * 2, "order_quantity": [1, 1]}
    for values in containers([first, wrong]):
        if isinstance(values, pd.Series) and missing_of_pandas(wrong):
            continue
        refused(
            book, lambda v=values: book.update(orders=rows | {"order": v}), "orders", "order", 1
        )
    if not isinstance(wrong, str) or wrong:
        refused(book, lambda: book.order(wrong, "X", "ES", 1), "order", "order", None, wrong)


@pytest.mark.parametrize(
    "label",
    [
        *(
            b"s",
            bytearray(b"s"),
            np.bytes_(b"s"),
            1j,
            np.complex64(1),
            object(),
            ["s"],
            ("s",),
            {"s"},
        ),
        *({"s": 1}, np.timedelta64(1, "s"), dt.timedelta(1), dt.time(1), Fraction(1), Plain.FIFTY),
        *(D("NaN"), D("sNaN"), D("Infinity"), float("inf"), -float("inf"), np.float32("inf")),
        *(np.array("s"), np.array(["s"]), np.void(b"s"), pd.Period("2026-03"), pd.Interval(0, 1)),
        *(pd.Timedelta(1), pd.Series(["s"]), pl.Series(["s"]), pa.scalar("s"), "", "\ud800", int),
        *(10**5_000, uuid.UUID(int=1)),
    ],
    ids=name_of,
)
def test_invalid_labels_are_refused(book, label) -> None:
    for values in containers(["good", label]):
        rows = {"account": ["X", "Y"], "desk": values}
        refused(book, lambda r=rows: book.update(accounts=r), "accounts", "desk", 1, label)
    assert sorted(book.values(by=("desk",))["desk"]) == ["d"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        *((Count(50), "50"), (Rate(0.5), "0.5"), (Amount("0.50"), "0.5"), (Name("x"), "x")),
        *((Kind.FUTURE, "50"), (Side.BUY, "50"), (Color.RED, "50"), (np.int8(5), "5")),
        *((np.float32(0.1), "0.1"), (np.float16(0.1), "0.1"), (BIG, str(BIG)), (True, "True")),
        *((np.bool_(False), "False"), (dt.date(2024, 3, 1), "2024-03-01"), (D("1E+2"), "100")),
        *((np.datetime64("2024-03-01"), "2024-03-01"), (2**64, str(2**64))),
        (pd.Timestamp("2024-03-01T12:00:00.000000001"), "2024-03-01T12:00:00.000000001"),
    ],
    ids=repr,
)
def test_labels_are_exact(label, text) -> None:
    for values in containers([label]):
        book = make()
        book.update(accounts={"account": ["X"], "desk": values})
        assert book.values(by=("desk",))["desk"] == [text]
        assert book.values(accounts={"desk": label}, by=("desk",))["desk"] == [text]


def test_attribute_columns_are_exact_or_refused(book) -> None:
    bad = [
        pd.PeriodIndex(["2026-03", "2026-04"], freq="M"),
        pd.Series(pd.PeriodIndex(["2026-03", "2026-04"], freq="M")),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.arrays.SparseArray([1, 0])),
        pd.Series(pd.to_timedelta([1, 2])),
        pl.Series([dt.timedelta(1), dt.timedelta(2)]),
        pl.Series([b"a", b"b"]),
        pl.Series([["a"], ["b"]]),
        pl.Series([object(), object()], dtype=pl.Object),
        pa.array([1, 2], pa.duration("s")),
        pa.array([1, 2], pa.time32("s")),
        pa.array([b"a", b"b"]),
        pa.array([{"a": 1}] * 2),
        pa.ExtensionArray.from_storage(Unit(), pa.array([1, 2])),
        pa.array([b"0" * 16] * 2, pa.uuid()),
        np.array([b"a", b"b"]),
        np.array([(1,), (2,)], [("a", "i8")]),
        np.array([1j, 2]),
        np.array([1, 2], "m8[s]"),
        np.ma.array(["a", "b"], mask=[False, True]),
        {"a", "b"},
        (label for label in "ab"),
        "ab",
    ]
    for column in bad:
        tables: list[Any] = [{"account": ["X", "Y"], "desk": column}]
        if isinstance(column, pd.Series | pd.PeriodIndex):
            tables.append(pd.DataFrame(tables[0]))
        if isinstance(column, pl.Series):
            tables.append(pl.DataFrame(tables[0]))
        if isinstance(column, pa.Array):
            tables.append(pa.table(tables[0]))
        for table in tables:
            with pytest.raises(mvcore.InvalidInput) as caught:
                book.update(accounts=table)
            assert (caught.value.table, caught.value.column) == ("accounts", "desk")
    good = {
        "2026-03-01": pa.array([dt.date(2026, 3, 1)] * 2),
        "5": pl.Series([5, 6], dtype=pl.Int128),
        "0.1": pa.array([0.1, 0.2], pa.float32()),
        "1.5": pd.Series([1.5, None]),
        "a": pd.Series(["a", "b"], dtype="category"),
        "7": pd.Series([7, 8], dtype="category"),
        "True": pd.Series([True, None], dtype="boolean"),
    }
    for text, column in good.items():
        book.update(accounts={"account": ["X", "Y"], "desk": column})
        assert book.values(by=("desk",))["desk"] == [text]
