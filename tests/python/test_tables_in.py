"""The same book from every kind of table."""

import datetime as dt
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mvcore
from reference import ReferenceBook, dump

TABLES: dict[str, dict[str, list]] = {
    "instruments": {
        "instrument": ["AAPL", "BUND", "Ünï 💶", "CASH"],
        "currency": ["USD", "EUR", "EUR", "USD"],
        "multiplier": [D(1), None, D(100), None],
        "quote_factor": [None, D("0.01"), None, None],
        "sector": ["tech", None, "govt", "tech"],
    },
    "accounts": {"account": ["A1", "A2", "A3"], "desk": ["d2", "d1", None]},
    "holdings": {
        "account": ["A1", "A1", "A2", "A3", "A3"],
        "instrument": ["AAPL", "BUND", "BUND", "Ünï 💶", "CASH"],
        "quantity": [D(10), D("-2.5"), D(7), D("0.125"), D(0)],
    },
    "prices": {
        "instrument": ["BUND", "AAPL", "CASH"],
        "price": [D("98.75"), D("150.1"), D(1)],
        "time": [None, 1_704_067_200_000_000_000, 1_704_067_200_000_005_000],
    },
    "fx": {"currency": ["EUR"], "rate": [D("1.1")], "method": ["multiply"]},
}
NUMBERS = ("multiplier", "quote_factor", "quantity", "price", "rate")
PLAIN = ReferenceBook()
PLAIN.load(**TABLES)


def each(make: Callable[[str, list], Any]) -> dict[str, dict[str, Any]]:
    """All tables, with each column made by `make(name, values)`."""
    return {t: {n: make(n, v) for n, v in columns.items()} for t, columns in TABLES.items()}


def same_book(tables: dict[str, Any]) -> None:
    """Assert that `load` and `update` with these tables both give the book of plain lists."""
    book = mvcore.Book()
    assert book.load(**tables) == 1
    assert dump(book, mvcore.Error) == dump(PLAIN)
    assert book.values(by=("desk", "sector")).to_pylist() == PLAIN.values(by=("desk", "sector"))
    other = mvcore.Book()
    assert other.update(**tables) == 1
    assert dump(other, mvcore.Error) == dump(PLAIN)


# -- lists and NumPy arrays ----------------------------------------------------------------------


def number_list(turn: Callable[[D], Any]) -> Callable[[str, list], list]:
    return lambda name, v: [turn(x) if x is not None else None for x in v] if name in NUMBERS else v


@pytest.mark.parametrize(
    "turn",
    [
        lambda x: x,
        str,
        lambda x: f"{x:.21f}",
        lambda x: f"{x:+.30e}",
        float,
        lambda x: np.float32(x) if D(str(np.float32(x))) == x else x,
        lambda x: int(x) if x == int(x) else x,
        lambda x: np.int16(x) if x == int(x) else np.float64(x),
    ],
)
def test_lists_and_tuples_are_read(turn) -> None:
    same_book(each(number_list(turn)))
    same_book(each(lambda name, v: tuple(number_list(turn)(name, v))))


def test_times_of_every_type_are_read() -> None:
    def times(*values) -> dict[str, dict[str, Any]]:
        return TABLES | {"prices": TABLES["prices"] | {"time": list(values)}}

    zone = datetime.fromisoformat("2024-01-01T03:00+03:00")
    micro = datetime(2024, 1, 1, 0, 0, 0, 5)
    same_book(times(None, datetime(2024, 1, 1), micro))
    same_book(times(None, datetime(2024, 1, 1, tzinfo=UTC), micro.replace(tzinfo=UTC)))
    same_book(times(None, zone, "2024-01-01T00:00:00.000005Z"))
    same_book(times(None, "2024-01-01", "2024-01-01T01:00:00.000005000+01:00"))
    same_book(
        times(None, np.datetime64("2024-01-01", "D"), np.datetime64("2024-01-01T00:00:00.000005"))
    )
    array = np.array(["NaT", "2024-01-01", "2024-01-01T00:00:00.000005"], "M8[us]")
    same_book(TABLES | {"prices": TABLES["prices"] | {"time": array}})
    same_book(TABLES | {"prices": TABLES["prices"] | {"time": array.astype("M8[ns]")}})


def strided(values: np.ndarray) -> np.ndarray:
    wide = np.zeros((len(values), 3), values.dtype)
    wide[:, 1] = values
    return wide[:, 1]


def misaligned(values: np.ndarray) -> np.ndarray:
    raw = np.zeros(values.nbytes + 1, np.uint8)
    out = raw[1:].view(values.dtype)
    out[:] = values
    assert out.flags.aligned == (values.dtype.alignment == 1)
    return out


def read_only(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


def zero_strides(values: np.ndarray) -> np.ndarray:
    return np.broadcast_to(values[:1], values.shape) if len(set(values.tolist())) == 1 else values


SHAPES = {
    "plain": np.array,
    "strided": strided,
    "reversed": lambda values: values[::-1].copy()[::-1],
    "read-only": read_only,
    "misaligned": misaligned,
    "swapped": lambda values: values.astype(values.dtype.newbyteorder("S")),
    "broadcast": zero_strides,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", ["f8", "i8", "i4", "u4", "f4", "U", "O"])
def test_numpy_arrays_are_read(shape, dtype) -> None:
    def make(name: str, values: list) -> Any:
        if None in values:
            return np.array(values, object)
        if name not in NUMBERS:
            array = np.array(values, "i8" if name == "time" else None)
            return array if shape is misaligned and array.dtype.kind == "U" else shape(array)
        if dtype == "O":
            return shape(np.array(values, object)) if shape is not misaligned else values
        if dtype == "U":
            return np.array([str(v) for v in values])
        array = np.array([float(v) for v in values]).astype(dtype)
        # If the type cannot hold the exact values, use float64.
        exact = [D(str(x)) for x in array] == values
        return shape(array if exact else np.array([float(v) for v in values]))

    same_book(each(make))


# -- Arrow, polars, pandas -----------------------------------------------------------------------


def arrow_type(name: str, text: pa.DataType, decimal: pa.DataType) -> pa.DataType:
    return decimal if name in NUMBERS else pa.timestamp("ns", "UTC") if name == "time" else text


TEXTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "dictionary8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary64": pa.dictionary(pa.int64(), pa.large_string()),
}
if hasattr(pa, "string_view"):
    TEXTS["string_view"] = pa.string_view()
DECIMALS = {
    "decimal128": pa.decimal128(38, 18),
    "narrow": pa.decimal128(9, 3),
    "decimal256": pa.decimal256(76, 30),
    "float64": pa.float64(),
    "text": pa.string(),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("decimal", DECIMALS.values(), ids=DECIMALS)
def test_arrow_tables_are_read(text, decimal) -> None:
    def make(name: str, values: list) -> pa.Array:
        if name in NUMBERS and not pa.types.is_decimal(decimal):
            turn = str if decimal == pa.string() else float
            values = number_list(turn)(name, values)
        wanted = arrow_type(name, text, decimal)
        if not pa.types.is_dictionary(wanted):
            return pa.array(values, wanted)
        # in the form that pyarrow 14 supports
        encoded = pa.array(values, wanted.value_type).dictionary_encode()
        indices = encoded.indices.cast(wanted.index_type)
        return pa.DictionaryArray.from_arrays(indices, encoded.dictionary)

    tables = {name: pa.table(columns) for name, columns in each(make).items()}
    same_book(tables)
    same_book({name: table.to_batches()[0] for name, table in tables.items()})
    # Several chunks, some empty, and slices that begin inside a bitmap byte.
    chunks = {n: pa.concat_tables([t[:1], t[:0], t[1:2], t[2:]]) for n, t in tables.items()}
    same_book(chunks)
    same_book({n: pa.concat_tables([t[-1:], t[:1], t, t])[2 : -len(t)] for n, t in tables.items()})
    once = {n: pa.concat_tables([t[-1:], t]).combine_chunks()[1:] for n, t in tables.items()}
    same_book(once)


def test_polars_frames_are_read() -> None:
    pl = pytest.importorskip("polars")
    frames = {name: pl.DataFrame(pa.table(columns)) for name, columns in TABLES.items()}
    same_book(frames)
    texts = {n: f.with_columns(pl.col(pl.Decimal).cast(pl.String)) for n, f in frames.items()}
    same_book(texts)
    category = pl.col(pl.String).cast(pl.Categorical)
    same_book({name: frame.with_columns(category) for name, frame in texts.items()})
    same_book({n: pl.concat([f[:1], f[1:]], rechunk=False) for n, f in frames.items()})


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_pandas_frames_are_read(kind) -> None:
    pd = pytest.importorskip("pandas")

    def make(name: str, values: list):
        if name == "time":
            return pd.Series(pd.to_datetime(values, unit="ns", utc=True))
        if name in NUMBERS:
            exact = name in ("quantity", "price")
            return (
                pd.Series([float(v) for v in values]) if exact else pd.Series(values, dtype=object)
            )
        return pd.Series(values, dtype=kind)

    frames = {name: pd.DataFrame(columns) for name, columns in each(make).items()}
    same_book(frames)
    frames["holdings"].index = [5, 5, 1, 0, -1]  # an index without a name is not a column
    same_book(frames)


def test_pandas_columns_of_mixed_types_are_read() -> None:
    pd = pytest.importorskip("pandas")
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["A", "B", "C"], "currency": ["USD"] * 3},
        accounts={"account": ["x"]},
        holdings=pd.DataFrame({"account": ["x"] * 3, "instrument": ["A", "B", "C"],
                               "quantity": [D("1.5"), "2.5", 3]}),
    )  # fmt: skip
    assert book.holdings()["quantity"] == [D("1.5"), D("2.5"), D(3)]
    book.ticks(["A", "B"], pd.Series([D("1.5"), "2.5"]))
    assert book.prices()["price"] == [D("1.5"), D("2.5")]
    for wrong in (
        pd.DataFrame([["x", "A", 3, 4]], columns=["account", "instrument", "quantity", "quantity"]),
        pd.DataFrame({"account": ["x", 5], "instrument": ["A", "B"], "quantity": [1, 2]}),
        pd.DataFrame({"account": ["x"], "instrument": ["A"], "quantity": [D]}),
    ):
        with pytest.raises(mvcore.InvalidInput, match=r"^holdings\.(account|quantity)"):
            book.update(holdings=wrong)


# -- attributes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([1, 1.0, D("1.00"), np.float32(1), "1"], "1"),
        ([0.1, D("0.10"), np.float32(0.1)], "0.1"),
        ([1e30, D("1e30")], "1" + "0" * 30),
        ([1e300, D("1e300"), D("10e299"), "1E+300"], "1E+300"),
        # formerly read as "0", or out of memory
        ([D("1e-999999999"), D("10e-1000000000")], "1E-999999999"),
        ([D("1.000000000000000000000000000000001")], "1.000000000000000000000000000000001"),
        ([0, D("-0.0"), -0.0, D("0e999999999")], "0"),
        ([dt.date(2024, 1, 2), "2024-01-02", np.datetime64("2024-01-02")], "2024-01-02"),
        ([True, np.bool_(True)], "True"),
    ],
)
def test_equal_values_are_one_label(values, label) -> None:
    book = mvcore.Book()
    names = [f"A{k}" for k in range(len(values))]
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": names, "tier": values},
        holdings={"account": names, "instrument": ["X"] * len(names), "quantity": [1] * len(names)},
        prices={"instrument": ["X"], "price": [1]},
    )
    assert book.values(by="tier")["tier"] == [label]
    for value in values:
        assert len(book.values(accounts={"tier": value})) == len(values)
    for name, value in zip(names, values, strict=True):
        book.update(accounts={"account": [name], "tier": np.array([value])})
    assert book.values(by="tier")["tier"] == [label]


# -- times as labels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("2024-01-01T00:00:00", "2024-01-01T00:00:00"),
        ("2024-01-01T10:20:30", "2024-01-01T10:20:30"),
        ("2024-01-01T10:20:30.5", "2024-01-01T10:20:30.5"),
        ("2024-01-01T10:20:30.000010", "2024-01-01T10:20:30.00001"),
        ("2024-01-01T10:20:30.120340", "2024-01-01T10:20:30.12034"),
    ],
)
def test_equal_moments_are_one_label(text: str, label: str) -> None:
    moment = datetime.fromisoformat(text)
    ns, us = np.array([text], "M8[ns]"), np.array([text], "M8[us]")
    columns = [
        [moment], [pd.Timestamp(text)], ns, us, list(ns), list(us), pd.Series(ns), pd.Series(us),
        pl.Series([moment]), pa.array(ns), pa.array(us),
        pd.Series(pd.array(ns, dtype=pd.ArrowDtype(pa.timestamp("ns")))),
    ]  # fmt: skip
    if moment.microsecond == 0:
        columns += [ns.astype("M8[s]"), [ns.astype("M8[ms]")[0]], pa.array(us.astype("M8[s]"))]
    if moment.minute == 0:
        columns += [ns.astype("M8[h]"), ns.astype("M8[m]")]
    for column in columns:
        book = mvcore.Book()
        book.load(accounts={"account": ["A"], "since": column})
        assert book.values(by=("since",), allow_empty=True)["since"] == []
        assert book._masters.account["since"].labels == (label,), repr(column)
        zoned = moment.replace(tzinfo=UTC)
        book.load(accounts={"account": ["A", "B"], "since": [zoned, pd.Timestamp(zoned)]})
        assert book._masters.account["since"].is_used(f"{label}+00:00")
    days = [dt.date(2024, 1, 1), np.datetime64("2024-01-01")]
    book.load(accounts={"account": ["A", "B"], "day": days})
    assert book._masters.account["day"].labels == ("2024-01-01",)


def test_the_error_for_an_arrow_scalar_suggests_accepted_types() -> None:
    book = mvcore.Book()
    book.load(instruments={"instrument": ["A"], "currency": ["USD"]})
    for value in (pa.scalar(datetime(2024, 1, 1)), pa.scalar(dt.date(2024, 1, 1))):
        with pytest.raises(mvcore.InvalidInput, match="a timestamp of NumPy, a column of Arrow or"):
            book.tick("A", 1, value)
        with pytest.raises(mvcore.InvalidInput, match="Scalar; expected"):
            book.ticks(["A"], [1], times=[value])
