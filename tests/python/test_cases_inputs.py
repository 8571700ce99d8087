"""Inputs from data frames and unusual objects: reported cases and similar ones.

Each gives the exact value, or InvalidInput that names table, column, row and value.
"""

from __future__ import annotations

import array
import datetime as dt
import uuid
from collections import UserList, deque
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


# -- numbers in columns --------------------------------------------------------------------------


FIFTY = [
    *(50, 50.0, D(50), D("50.00"), D("5E+1"), "50", "50.0", "5e1", Count(50), Rate(50), Amount(50)),
    *(Name("50"), np.str_("50"), Color.RED, Side.BUY, Kind.FUTURE),
    *[kind(50) for kind in (np.int8, np.int16, np.int32, np.int64, np.intp, np.longlong)],
    *[kind(50) for kind in (np.uint8, np.uint16, np.uint32, np.uint64, np.ulonglong)],
    *[kind(50) for kind in (np.float16, np.float32, np.float64, np.longdouble)],
]
NOT_A_NUMBER: list[Any] = [
    *(True, False, np.True_, np.False_, b"50", bytearray(b"50"), np.bytes_(b"50")),
    memoryview(b"50"),
    *(50 + 0j, np.complex64(50), Fraction(50), Plain.FIFTY, [50], (50,), {50}, {50: 1}, range(1)),
    *(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.time(1), dt.timedelta(1), object(), int),
    *(np.timedelta64(50), np.timedelta64(50, "s"), np.datetime64("2024-01-01"), np.array(50)),
    *(np.array([50]), np.ma.masked, np.void(b"50"), uuid.UUID(int=50), Ellipsis, NotImplemented),
    *(pd.NA, pd.NaT, pd.Timestamp("2024-01-01"), pd.Timedelta(50), pd.Period("2024")),
    pd.Interval(0, 50),
    *(pd.Series([50]), pd.Index([50]), pd.DataFrame({"a": [50]}), pl.Series([50]), pl.lit(50)),
    *(pl.DataFrame({"a": [50]}), pa.scalar(50), pa.array([50]), pa.chunked_array([[50]])),
    *(float("nan"), float("inf"), -float("inf"), np.float32("nan"), np.float16("inf")),
    *(D("NaN"), D("sNaN"), D("-NaN123"), D("Infinity"), D("-Infinity"), Amount("sNaN")),
    *("", " ", "50 ", "\xa050", "5_0", "0x32", "nan", "NaN", "inf", "\ud800", "None"),
    "\u0665\u0660",
    "1,000",
    *(10**20, -(10**20), 10**5_000, D("1E+20"), D("1E-19"), "9" * 21, 1e300),
    np.longdouble("1e-30"),
]  # fmt: skip
FILLED = {"order": "O", "account": "X", "instrument": "ES", "order_quantity": 60}
CELLS = {  # a table, a good row of it without the column, the column
    ("holdings", "quantity"): {"account": "X", "instrument": "ES"},
    ("prices", "price"): {"instrument": "ES"},
    ("fx", "rate"): {"currency": "EUR"},
    ("instruments", "multiplier"): {"instrument": "ES"},
    ("instruments", "quote_factor"): {"instrument": "ES"},
    ("orders", "order_quantity"): {"order": "O", "account": "X", "instrument": "ES"},
    ("orders", "filled_quantity"): FILLED,
    ("orders", "rolled_quantity"): FILLED,
}  # fmt: skip
SECOND = {
    "account": "Y",
    "instrument": "BUND",
    "currency": "GBP",
    "order": "P",
    "order_quantity": 60,
}


def rows_of(table: str, column: str, values: Any) -> dict[str, Any]:
    """Two rows with these values in the column."""
    return {key: [value, SECOND[key]] for key, value in CELLS[table, column].items()} | {
        column: values
    }


@pytest.mark.parametrize("fifty", FIFTY, ids=name_of)
def test_numbers_are_exact(fifty) -> None:
    for table, column in CELLS:
        for values in containers([1, fifty]):
            book = make()
            book.update(**{table: rows_of(table, column, values)})
            if column in ("order_quantity", "filled_quantity"):
                assert book.orders()[column] == [1, 50]
    book = make()
    book.update(instruments={"instrument": ["ES"], "multiplier": [fifty]})
    assert worth(book) == 250_000
    book.tick("ES", fifty)
    book.order("O", "X", "ES", fifty, fifty)
    assert worth(book) == 50 * 50 * 51
    book.ticks(["ES", "BUND"], [1, fifty])
    assert book.prices()["price"] == [1, 50]
    assert book.values(prices={"ES": fifty})["sod"] == [2500]


@pytest.mark.parametrize("wrong", NOT_A_NUMBER, ids=name_of)
def test_values_that_are_not_numbers_are_refused(book, wrong) -> None:
    for table, column in CELLS:
        for values in containers([1, wrong]):
            rows = rows_of(table, column, values)
            if isinstance(values, pd.Series) and missing_of_pandas(wrong):
                continue  # null: pandas cannot write it otherwise
            says = refused(
                book, lambda r=rows, t=table: book.update(**{t: r}), table, column, 1, wrong
            )
            assert len(says) < 400
    refused(book, lambda: book.tick("ES", wrong), "tick", "price", None, wrong)
    refused(book, lambda: book.ticks(["ES", "BUND"], [1, wrong]), "ticks", "price", 1, wrong)
    refused(book, lambda: book.ticks([0, 1], (1, wrong)), "ticks", "price", 1, wrong)
    refused(book, lambda: book.ticks([0, 1], [1, wrong], scale=0), "ticks", "price", 1, wrong)
    refused(book, lambda: book.order("O", "X", "ES", wrong), "order", "order_quantity", None, wrong)
    refused(
        book, lambda: book.order("O", "X", "ES", 1, wrong), "order", "filled_quantity", None, wrong
    )
    refused(book, lambda: book.values(prices={"BUND": 1, "ES": wrong}), "prices", "price", 1, wrong)


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.float64("nan"), pd.NaT, pd.NA], ids=repr
)
def test_missing_values_of_pandas_are_null(book, missing) -> None:
    values = pd.Series([missing, 50], dtype=object)
    message = refused(
        book, lambda: book.update(prices=rows_of("prices", "price", values)), "prices", "price", 0
    )
    assert "null" in message
    book.update(instruments=pd.DataFrame(rows_of("instruments", "multiplier", values[::-1])))
    assert worth(book) == 250_000


def test_numpy_scalars_in_an_object_column_are_exact(book) -> None:
    book.load(
        instruments=pd.DataFrame(
            {
                "instrument": ["ES", "BUND"],
                "currency": "USD",
                "multiplier": pd.Series([np.int64(50), D("0.01")], dtype=object),
            }
        )
    )
    assert worth(book) == D("250000.00")


def test_integers_beyond_64_bits_are_exact(book) -> None:
    columns = [
        pd.Series([BIG, 1], dtype=object),
        pd.Series([BIG, None], dtype=object).fillna(1),
        np.array([BIG, 1], object),
        [BIG, 1],
        pl.Series([BIG, 1]),
        pl.Series([BIG, 1], dtype=pl.Int128),
        pl.Series([str(BIG), "1"]),
        pa.array([D(BIG), D(1)]),
        pa.array([D(BIG), D(1)], pa.decimal256(60, 5)),
        pd.Series([D(BIG), D(1)], dtype=pd.ArrowDtype(pa.decimal128(38, 2))),
    ]
    for column in columns:
        tables: list[Any] = [rows_of("holdings", "quantity", column)]
        if isinstance(column, pd.Series):
            tables.append(pd.DataFrame(tables[0]))
        if isinstance(column, pl.Series):
            tables.append(pl.DataFrame(tables[0]))
        for table in tables:
            book.load(holdings=table)
            assert book.holdings()["quantity"] == [BIG, 1]
    book.load(holdings=pd.DataFrame(rows_of("holdings", "quantity", columns[0])))
    book.tick("ES", 10)
    assert worth(book) == D("500000000000000000000.00")
    high = pl.Series([2**64, 2**127 - 1])
    refused(book, lambda: book.update(holdings=rows_of("holdings", "quantity", high)),
            "holdings", "quantity", 1, 2**127 - 1)  # fmt: skip
    book.load(prices=pl.DataFrame({"instrument": ["ES", "BUND"], "price": [2**64, 1]}))
    assert book.prices()["price"] == [1, 2**64] or book.prices()["price"] == [2**64, 1]


# -- columns of other types ----------------------------------------------------------------------


class Meters(np.ndarray):
    """A NumPy array whose numbers have a unit."""


class Failing(Foreign):
    def __arrow_c_array__(self, requested_schema=None):
        raise RuntimeError("the connection was lost")


GOOD_COLUMNS = {  # columns of 1 and 50
    "range": range(1, 51, 49),
    "array.array": array.array("q", [1, 50]),
    "deque": deque([1, 50]),
    "UserList": UserList([1, 50]),
    "big endian": np.array([1, 50], ">i4"),
    "strided": np.array([1, 0, 50, 0], np.float32)[::2],
    "float16": np.array([1, 50], np.float16),
    "longdouble": np.array([1, 50], np.longdouble),
    "text": np.array(["1", "50"]),
    "StringDType": np.array(["1", "50"], np.dtypes.StringDType()),
    "masked, but nothing": np.ma.array([1, 50]),
    "pandas Int64": pd.array([1, 50], dtype="Int64"),
    "pandas UInt8": pd.Series([1, 50], dtype="UInt8"),
    "pandas Float32": pd.Series([1, 50], dtype="Float32"),
    "pandas string": pd.Series(["1", "50"], dtype="string"),
    "pandas str": pd.Series(["1", "50"], dtype="str"),
    "pandas category of ints": pd.Series([1, 50], dtype="category"),
    "pandas category of texts": pd.Series(["1", "50"], dtype="category"),
    "pandas category of objects": pd.Series(pd.Categorical([D(1), np.int8(50)])),
    "pandas Categorical": pd.Categorical(["1", "50"]),
    "pandas Index": pd.Index([1, 50]),
    "pandas RangeIndex": pd.RangeIndex(1, 51, 49),
    "pandas CategoricalIndex": pd.CategoricalIndex([1, 50]),
    "pandas float16": pd.Series([1, 50], dtype="float16"),
    "pandas Arrow decimal": pd.Series([D(1), D(50)], dtype=pd.ArrowDtype(pa.decimal256(70, 3))),
    "pandas Arrow dictionary": pd.Series(
        ["1", "50"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))
    ),
    "polars Int128": pl.Series([1, 50], dtype=pl.Int128),
    "polars Float32": pl.Series([1, 50], dtype=pl.Float32),
    "polars Decimal": pl.Series([D(1), D(50)]),
    "polars Categorical": pl.Series(["1", "50"], dtype=pl.Categorical),
    "polars Enum": pl.Series(["1", "50"], dtype=pl.Enum(["1", "50"])),
    "Arrow halffloat": pa.array(np.array([1, 50], np.float16)),
    "Arrow decimal256": pa.array([D(1), D(50)], pa.decimal256(76, 40)),
    "Arrow dictionary of ints": pa.array([1, 50]).dictionary_encode(),
    "Arrow dictionary of decimals": pa.array([D(1), D(50)]).dictionary_encode(),
    "Arrow run ends": pa.RunEndEncodedArray.from_arrays([1, 2], [1, 50]),
    "Arrow run ends of texts": pa.RunEndEncodedArray.from_arrays([1, 2], ["1", "50"]),
    "Arrow string view": pa.array(["1", "50"], pa.string_view()),
    "Arrow chunks": pa.chunked_array([[1], [], [50]], pa.int64()),
    "capsule": Foreign(pa.array([1, 50], pa.int16())),
}
PERIODS = pd.period_range("2024", periods=2, freq="Y")
BAD_COLUMNS = {
    "set": {1, 50},
    "frozenset": frozenset([1, 50]),
    "dict": {1: 1, 50: 50},
    "dict keys": {1: 1, 50: 50}.keys(),
    "dict values": {1: 1, 50: 50}.values(),
    "dict items": {1: 1, 50: 50}.items(),
    "generator": (value for value in (1, 50)),
    "iterator": iter([1, 50]),
    "map": map(int, ["1", "50"]),
    "bytes": b"\x01\x32",
    "bytearray": bytearray(b"\x01\x32"),
    "memoryview": memoryview(array.array("q", [1, 50])),
    "text": "15",
    "int": 50,
    "None": None,
    "object": object(),
    "type": int,
    "bool array": np.array([True, False]),
    "complex array": np.array([1 + 0j, 50]),
    "timedelta array": np.array([1, 50], "m8[s]"),
    "datetime array": np.array([1, 50], "M8[ns]"),
    "bytes array": np.array([b"1", b"50"]),
    "void array": np.array([b"1", b"50"], "V2"),
    "structured array": np.array([(1,), (50,)], [("a", "i8")]),
    "recarray": np.rec.array([(1,), (50,)], [("a", "i8")]),
    "2 dimensions": np.array([[1], [50]]),
    "0 dimensions": np.array(50),
    "matrix": np.asmatrix([1, 50]),
    "subclass of ndarray": np.array([1, 50]).view(Meters),
    "NumPy scalar": np.int64(50),
    "pandas Sparse": pd.arrays.SparseArray([1, 50], fill_value=1),
    "pandas Series of Sparse": pd.Series(pd.arrays.SparseArray([50, 1], fill_value=1)),
    "pandas Period": pd.Series(pd.period_range("2024", periods=2, freq="Y")),
    "pandas PeriodIndex": pd.period_range("2024", periods=2, freq="Y"),
    "pandas Interval": pd.Series(pd.interval_range(0, 2)),
    "pandas IntervalIndex": pd.interval_range(0, 2),
    "pandas category of Periods": pd.Series(PERIODS).astype("category"),
    "pandas timedelta": pd.Series(pd.to_timedelta([1, 50])),
    "pandas datetime": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"])),
    "pandas datetime with a zone": pd.Series(pd.to_datetime(["2024-01-01"] * 2, utc=True)),
    "pandas bool": pd.Series([True, False]),
    "pandas boolean": pd.Series([True, False], dtype="boolean"),
    "pandas complex": pd.Series([1 + 0j, 50]),
    "pandas MultiIndex": pd.MultiIndex.from_tuples([(1, 2), (50, 3)]),
    "pandas DataFrame": pd.DataFrame({"a": [1, 50]}),
    "pandas Arrow duration": pd.Series([1, 50], dtype=pd.ArrowDtype(pa.duration("s"))),
    "pandas Arrow bool": pd.Series([True, False], dtype=pd.ArrowDtype(pa.bool_())),
    "pandas group-by": pd.DataFrame({"a": [1, 50]}).groupby("a"),
    "polars Boolean": pl.Series([True, False]),
    "polars List": pl.Series([[1], [50]]),
    "polars Struct": pl.Series([{"a": 1}, {"a": 50}]),
    "polars Date": pl.Series([dt.date(2024, 1, 1)] * 2),
    "polars Datetime": pl.Series([dt.datetime(2024, 1, 1)] * 2),
    "polars Duration": pl.Series([dt.timedelta(1)] * 2),
    "polars Time": pl.Series([dt.time(1)] * 2),
    "polars Binary": pl.Series([b"1", b"50"]),
    "polars Object": pl.Series([object(), object()], dtype=pl.Object),
    "polars DataFrame": pl.DataFrame({"a": [1, 50]}),
    "polars LazyFrame": pl.LazyFrame({"a": [1, 50]}),
    "polars Expr": pl.col("a"),
    "Arrow bool": pa.array([True, False]),
    "Arrow timestamp": pa.array([1, 50], pa.timestamp("ns")),
    "Arrow date": pa.array([1, 50], pa.date32()),
    "Arrow time": pa.array([1, 50], pa.time32("s")),
    "Arrow duration": pa.array([1, 50], pa.duration("ns")),
    "Arrow month interval": pa.array([(1, 2, 3)] * 2, pa.month_day_nano_interval()),
    "Arrow binary": pa.array([b"1", b"50"]),
    "Arrow fixed binary": pa.array([b"1", b"2"], pa.binary(1)),
    "Arrow list": pa.array([[1], [50]]),
    "Arrow struct": pa.array([{"a": 1}, {"a": 50}]),
    "Arrow map": pa.array([[(1, 2)]] * 2, pa.map_(pa.int8(), pa.int8())),
    "Arrow union": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 50])]),
    "Arrow extension": pa.ExtensionArray.from_storage(Unit(), pa.array([1, 50])),
    "Arrow uuid": pa.array([b"0" * 16] * 2, pa.uuid()),
    "Arrow bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 50], pa.int8())),
    "Arrow json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1", "50"])),
    "Arrow opaque": pa.ExtensionArray.from_storage(
        pa.opaque(pa.int64(), "money", "nobody"), pa.array([1, 50])
    ),
    "Arrow dictionary of bools": pa.array([True, False]).dictionary_encode(),
    "Arrow run ends of bools": pa.RunEndEncodedArray.from_arrays([1, 2], [True, False]),
    "Arrow scalar": pa.scalar(50),
    "Arrow table": pa.table({"a": [1, 50]}),
    "Arrow batch": pa.record_batch({"a": [1, 50]}),
    "capsule of an extension type": Foreign(
        pa.array([1, 50]), {"ARROW:extension:name": "geoarrow.point"}
    ),
    "capsule of bools": Foreign(pa.array([True, False])),
    "capsule that fails": Failing(pa.array([1, 50])),
}  # fmt: skip


@pytest.mark.parametrize("what", GOOD_COLUMNS)
def test_columns_of_numbers_are_exact(book, what) -> None:
    column = GOOD_COLUMNS[what]
    for table, name in CELLS:
        make().update(**{table: rows_of(table, name, column)})
    tables: list[Any] = [rows_of("holdings", "quantity", column)]
    if isinstance(column, pd.Series | pd.Categorical | pd.Index):
        tables.append(pd.DataFrame(tables[0]))
    if isinstance(column, pl.Series):
        tables.append(pl.DataFrame(tables[0]))
    if isinstance(column, pa.Array | pa.ChunkedArray):
        tables += [pa.table(tables[0]), pa.table(tables[0]).combine_chunks().to_batches()[0]]
    for table in tables:
        book.load(holdings=table)
        assert book.holdings()["quantity"] == [1, 50]
    book.ticks(["ES", "BUND"], column)
    assert sorted(book.prices()["price"]) == [1, 50]
    book.ticks(book.instrument_codes(["BUND", "ES"]), column)
    assert sorted(book.prices()["price"]) == [1, 50]


@pytest.mark.parametrize("what", BAD_COLUMNS)
def test_columns_without_numbers_are_refused(book, what) -> None:
    column = BAD_COLUMNS[what]
    for table, name in CELLS:
        rows = rows_of(table, name, column)
        for write in (book.update, book.load):
            epoch = book.epoch
            with pytest.raises(mvcore.InvalidInput) as caught:
                write(**{table: rows})
            assert (caught.value.table, caught.value.column) == (table, name)
            assert str(caught.value).startswith(f"{table}.{name}")
            assert book.epoch == epoch
    for scale in (None, 0):
        with pytest.raises(mvcore.InvalidInput) as caught:
            book.ticks(["ES", "BUND"], column, scale=scale)
        assert (caught.value.table, caught.value.column) == ("ticks", "price")


def test_frames_with_columns_without_numbers_are_refused(book) -> None:
    for what, column in BAD_COLUMNS.items():
        frames: list[Any] = []
        if what.startswith("pandas") and isinstance(column, pd.Series | pd.Index):
            frames.append(
                pd.DataFrame(CELLS["instruments", "multiplier"], index=range(len(column)))
            )
            frames[0]["multiplier"] = column
        if isinstance(column, pl.Series):
            frames.append(pl.DataFrame(rows_of("instruments", "multiplier", column)))
        if isinstance(column, pa.Array):
            frames.append(pa.table(rows_of("instruments", "multiplier", column)))
        for frame in frames:
            with pytest.raises(mvcore.InvalidInput) as caught:
                book.update(instruments=frame)
            assert (caught.value.table, caught.value.column) == ("instruments", "multiplier"), what
    assert worth(book) == 5000


def test_a_sparse_column_is_refused(book) -> None:
    sparse = pd.arrays.SparseArray([50, 1], fill_value=1)
    rows = {"instrument": ["ES", "BUND"], "currency": ["USD"] * 2, "multiplier": sparse}
    for table in (rows, pd.DataFrame(rows)):
        says = refused(
            book, lambda t=table: book.load(instruments=t), "instruments", "multiplier", None
        )
        assert "Sparse" in says
    assert worth(book) == 5000


def test_an_unregistered_extension_type_is_refused(book) -> None:
    """pyarrow would silently read the storage."""
    field = pa.field("price", pa.int64(), metadata={"ARROW:extension:name": "acme.cents"})
    table = pa.table([["ES"], [500_000]], pa.schema([pa.field("instrument", pa.string()), field]))
    for form in (table, table.to_batches()[0], table.to_reader()):
        says = refused(book, lambda f=form: book.update(prices=f), "prices", "price", None)
        assert "acme.cents" in says


# -- tables --------------------------------------------------------------------------------------


def test_objects_that_are_not_tables_are_refused(book) -> None:
    frame = pd.DataFrame({"instrument": ["ES"], "price": [1.0]})
    wrong: list[Any] = [
        *(
            pd.Series([1.0], index=["ES"]),
            pl.Series([1.0]),
            pl.Series("price", [1]),
            pa.array([1.0]),
        ),
        *(
            pa.chunked_array([[1.0]]),
            pa.scalar(1.0),
            pd.Index(["ES"]),
            pd.array([1]),
            np.array([1.0]),
        ),
        *(
            np.array([("ES", 1.0)], [("instrument", "U2"), ("price", "f8")]),
            [("ES", 1.0)],
            "prices",
        ),
        *([{"instrument": "ES", "price": 1}], {"instrument", "price"}, frame.groupby("instrument")),
        *(
            pl.LazyFrame({"instrument": ["ES"], "price": [1]}),
            pl.col("price"),
            5,
            b"x",
            object(),
            dict,
        ),
        *(pa.array([1, 2]).dictionary_encode(), Foreign(pa.array([1])), Failing(pa.array([1]))),
        *(frame.style if hasattr(pd.DataFrame, "nope") else frame.iterrows(), pa.schema([])),
    ]
    for given in wrong:
        for table in ("instruments", "accounts", "holdings", "orders", "prices", "fx"):
            for write in (book.update, book.load):
                epoch = book.epoch
                with pytest.raises(mvcore.InvalidInput) as caught:
                    write(**{table: given})
                assert caught.value.table == table
                assert str(caught.value).startswith(table)
                assert "\n" not in str(caught.value)
                assert book.epoch == epoch
        with pytest.raises(mvcore.InvalidInput, match="holdings"):
            book.roll_day(holdings=given)


def test_keys_in_the_index_of_a_frame_are_refused(book) -> None:
    frame = pd.DataFrame({"account": ["X", "X"], "instrument": ["ES", "ES"], "quantity": [1, 2]})
    grouped = frame.groupby(["account", "instrument"]).sum()
    one_key = frame.groupby("account").agg({"instrument": "first", "quantity": "sum"})
    for write in (book.load, book.update):
        for wrong in (grouped, one_key):
            with pytest.raises(mvcore.InvalidInput, match=r"reset_index\(\)") as caught:
                write(holdings=wrong)
            assert caught.value.table == "holdings"
        for right in (grouped.reset_index(), one_key.reset_index()):
            write(holdings=right)
            assert book.holdings()["quantity"] == [3]
    sectors = pd.DataFrame({"instrument": ["ES"]}, index=pd.Index(["Tech"], name="sector"))
    with pytest.raises(mvcore.InvalidInput, match=r"'sector'.*reset_index"):
        book.update(instruments=sectors)


def test_series_with_different_indexes_are_refused(book) -> None:
    names = pd.Series(["ES", "BUND"], index=[0, 1])
    prices = pd.Series([1, 2], index=[1, 0])
    refused(book, lambda: book.update(prices={"instrument": names, "price": prices}),
            "prices", "price", None)  # fmt: skip
    refused(book, lambda: book.ticks(names, prices), "ticks", "price", None)
    refused(book, lambda: book.ticks(names, names.index, times=prices), "ticks", "time", None)
    book.update(prices={"instrument": names, "price": prices.to_numpy()})
    book.ticks(names, pd.Series([7, 2], index=[0, 1]))
    assert worth(book) == 7


def test_columns_of_different_lengths_are_refused(book) -> None:
    for price in (
        [1],
        [1, 2, 3],
        pd.Series([1]),
        np.array([1]),
        pa.array([1, 2, 3]),
        pl.Series([1]),
    ):
        table = {"instrument": ["ES", "BUND"], "price": price}
        refused(book, lambda t=table: book.update(prices=t), "prices", "price", None)
        with pytest.raises(mvcore.InvalidInput):
            book.ticks(["ES", "BUND"], price)


def test_column_names_must_be_text(book) -> None:
    for name in (5, None, b"price", ("a", "b"), 1.5, dt.date(2024, 1, 1)):
        with pytest.raises(mvcore.InvalidInput, match="prices"):
            book.update(prices={"instrument": ["ES"], name: [1]})
        with pytest.raises(mvcore.InvalidInput, match="prices"):
            book.update(prices=pd.DataFrame({"instrument": ["ES"], name: [1]}))
    many = pd.DataFrame({("instrument", "a"): ["ES"], ("price", "a"): [1]})
    with pytest.raises(mvcore.InvalidInput, match="prices"):
        book.update(prices=many)
    book.update(prices={Name("instrument"): ["ES"], Name("price"): [1]})
    assert worth(book) == 1


# -- arguments -----------------------------------------------------------------------------------

ODD_PRICE = 5.5
ODD: list[Any] = [
    *(pd.Series([1, 2]), pd.DataFrame({"a": [1, 2]}), pl.Series([1, 2]), pl.DataFrame({"a": [1]})),
    *(pa.array([1, 2]), pa.table({"a": [1]}), np.array([1, 2]), np.array(["a", "b"]), np.array([])),
    *(
        b"USD",
        object(),
        ODD_PRICE,
        D("sNaN"),
        {1, 2},
        [1],
        {"a": 1},
        "\ud800",
        pd.NA,
        float("nan"),
        1j,
    ),
]


@pytest.mark.parametrize("odd", ODD, ids=name_of)
def test_odd_objects_as_arguments_are_refused(book, odd) -> None:
    calls = [
        lambda: mvcore.Book(odd),
        lambda: mvcore.Book(value_scale=odd),
        lambda: book.tick(odd, 1),
        lambda: book.ticks(["ES"], [1], scale=odd),
        lambda: book.ticks(["ES"], [1], unknown=odd),
        lambda: book.update(prices={"instrument": ["ES"], "price": [1]}, unknown=odd),
        lambda: book.update(feed={"a": odd}),
        lambda: book.update(feed=odd),
        lambda: book.values(by=odd),
        lambda: book.values(measures=odd),
        lambda: book.values(currency=odd),
        lambda: book.values(rollup=odd),
        lambda: book.values(prices=odd),
        lambda: book.values(fx=odd),
        lambda: book.values(prices={"ES": odd}),
        lambda: book.values(fx={"EUR": odd}, currency="EUR"),
        lambda: book.values(instruments={"sector": odd}),
        lambda: book.values(instruments=odd),
        lambda: book.values(allow_empty=odd),
        lambda: book.view(mode=odd),
        lambda: book.changes(odd),
        lambda: book.revalue(odd),
        lambda: book.value(odd),
        lambda: book.value("X", odd),
        lambda: book.remove(accounts=odd),
        lambda: book.remove(orders=odd),
        lambda: book.remove(fx=odd),
    ]
    epoch = book.epoch
    for number, call in enumerate(calls):
        try:
            call()
        except mvcore.Error:
            assert book.epoch == epoch
        else:
            # An empty array names nothing, 5.5 is a price.
            fine = isinstance(odd, np.ndarray) or (number in (14, 15) and odd is ODD_PRICE)
            assert fine or (number == 7 and isinstance(odd, dict)), number
            epoch = book.epoch


def test_messages_never_show_whole_frames(book) -> None:
    frame = pd.DataFrame({"a": range(1000), "b": range(1000)})
    for call in (
        lambda: book.tick(frame, 1),
        lambda: book.tick("ES", frame),
        lambda: book.value(frame),
        lambda: book.update(prices={"instrument": frame, "price": [1]}),
        lambda: book.values(by=frame),
        lambda: book.values(rollup=frame),
    ):
        with pytest.raises(mvcore.InvalidInput) as caught:
            call()
        assert len(str(caught.value)) < 400
        assert "\n" not in str(caught.value)


class Nameless:
    """An object whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_messages_show_objects_without_a_repr(book) -> None:
    thing = Nameless()
    refused(book, lambda: book.tick("ES", thing), "tick", "price", None, thing)
    refused(book, lambda: book.tick(thing, 1), "tick", "instrument", None, thing)
    refused(book, lambda: book.update(prices=rows_of("prices", "price", [1, thing])),
            "prices", "price", 1, thing)  # fmt: skip
    says = refused(book, lambda: book.update(prices=rows_of("prices", "price", thing)),
                   "prices", "price", None, thing)  # fmt: skip
    assert "Nameless" in says


def test_column_names_that_are_not_valid_unicode_are_refused(book) -> None:
    for table, rows in (
        ("accounts", {"account": ["X"], "\ud800": ["a"]}),
        ("prices", {"instrument": ["ES"], "price": [1], "a\udfff": [1]}),
    ):
        with pytest.raises(mvcore.InvalidInput, match="not valid Unicode") as caught:
            book.update(**{table: rows})
        assert caught.value.table == table
        str(caught.value).encode()


def test_errors_have_the_value_that_the_caller_passed(book) -> None:
    nobody = {"account": ["X", "Z"], "instrument": ["ES", "ES"], "quantity": [1, 2]}
    for table in (nobody, pd.DataFrame(nobody), pl.DataFrame(nobody), pa.table(nobody)):
        for write in (lambda t=table: book.update(holdings=t), lambda t=table: book.roll_day(t)):
            with pytest.raises(mvcore.UnknownId) as caught:
                write()
            error = caught.value
            assert (error.table, error.column, error.row, error.value) == (
                "holdings", "account", 1, "Z",
            )  # fmt: skip
    wrong = {"instrument": ["ES", "BUND"], "price": np.array([1.0, np.nan])}
    refused(book, lambda: book.update(prices=wrong), "prices", "price", 1, np.nan)
    refused(book, lambda: book.ticks(["ES", "BUND"], wrong["price"]), "ticks", "price", 1, np.nan)
    late = {"order": ["O"], "account": ["X"], "instrument": ["ES"], "order_quantity": [1]}
    refused(book, lambda: book.update(orders=late | {"status": ["FILLD"]}),
            "orders", "status", 0, "FILLD")  # fmt: skip
    for call, place in (
        (lambda: book.tick("Z", 1), ("tick", "instrument", None, "Z")),
        (lambda: book.tick(9, 1), ("tick", "instrument", None, 9)),
        (lambda: book.ticks(["ES", "Z"], [1, 2]), ("ticks", "instrument", 1, "Z")),
        (lambda: book.ticks([0, 9], [1, 2]), ("ticks", "instrument", 1, 9)),
        (lambda: book.order("O", "Z", "ES", 1), ("order", "account", None, "Z")),
        (lambda: book.order("O", "X", "Z", 1), ("order", "instrument", None, "Z")),
    ):
        with pytest.raises(mvcore.UnknownId) as caught:
            call()
        error = caught.value
        assert (error.table, error.column, error.row, error.value) == place


@pytest.mark.parametrize("odd", ODD, ids=name_of)
def test_odd_options_of_a_durable_book_are_refused(tmp_path, odd) -> None:
    mvcore.open(tmp_path / "book").close()
    options = (
        *("base_currency", "value_scale", "sync", "price_interval", "sync_interval", "max_future"),
        *("journal_file_bytes", "checkpoint_bytes", "read_only"),
    )
    for option in options:
        for read_only in (False, True):
            given = {"read_only": read_only, option: odd}
            if option.endswith("_interval") and odd is ODD_PRICE:
                continue  # seconds
            with pytest.raises(mvcore.InvalidInput):
                mvcore.open(tmp_path / "book", **given)
    with pytest.raises(mvcore.InvalidInput):
        mvcore.open(odd)
