"""Values of NumPy, Arrow or Python without a clear meaning are refused by name."""

from __future__ import annotations

from array import array
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mvcore

NOT_UTF8 = pa.array([b"A1", b"\xff\xfe"], pa.binary()).view(pa.string())


# ---- times without a unit ----


@pytest.mark.parametrize(
    "times",
    [
        np.array([1_700_000_000, 1_700_000_000]).view("M8"),
        np.array(["NaT", "NaT"], "M8[s]").astype("M8"),
        list(np.array([1_700_000_000, 1_700_000_000]).view("M8")),
        np.array([1_700_000_000, 1_700_000_000], ">i8").view(">M8"),
    ],
    ids=["array", "not a time", "list", "big endian"],
)
def test_a_datetime64_needs_a_unit(book: mvcore.Book, times: object) -> None:
    fact = {"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": times}
    if np.isnat(np.asarray(times)).all():
        book.update(prices=fact)
        return
    with pytest.raises(mvcore.InvalidInput, match="has no unit") as caught:
        book.update(prices=fact)
    error = caught.value
    assert (error.table, error.column, error.row) == ("prices", "time", 0)
    assert "1700000000" in str(error)


def test_only_times_that_are_not_nat_need_a_unit(book: mvcore.Book) -> None:
    times = np.array([np.iinfo(np.int64).min, 5]).view("M8")
    with pytest.raises(mvcore.InvalidInput, match=r"prices\.time, row 1: .*has no unit"):
        book.update(prices={"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": times})


def test_a_time_of_a_tick_needs_a_unit(book: mvcore.Book) -> None:
    time = np.array([1_700_000_000]).view("M8")[0]
    with pytest.raises(mvcore.InvalidInput, match="has no unit"):
        book.tick("AAPL", 1, time)


# ---- arrays of the standard library ----


@pytest.mark.parametrize("code", "fdbBhHiIlLqQ")
def test_an_array_of_the_standard_library_is_read_as_by_numpy(book: mvcore.Book, code: str) -> None:
    given = array(code, [0.1, 16777216] if code in "fd" else [1, 100])
    plain = np.array(given, code)
    prices = []
    for values in (given, plain, list(plain)):
        book.update(prices={"instrument": ["AAPL", "BUND"], "price": values})
        prices.append([str(price) for price in book.prices()["price"]])
    assert prices[0] == prices[1] == prices[2]
    given.append(1)  # mvcore keeps no buffer of it


def test_an_array_of_floats_has_their_shortest_digits(book: mvcore.Book) -> None:
    book.update(instruments={"instrument": ["AAPL"], "beta": array("f", [0.1])})
    book.ticks(["AAPL"], array("f", [0.1]))
    assert book.values(instruments={"beta": 0.1}, by="beta")["beta"] == ["0.1"]
    assert str(book.prices()["price"][0]) == "0.1"


@pytest.mark.parametrize("code", "fd")
def test_an_empty_array_is_an_empty_column(book: mvcore.Book, code: str) -> None:
    before = book.prices().to_pylist()
    book.ticks([], array(code))
    assert book.prices().to_pylist() == before


# ---- Arrow text that is not UTF-8 ----

NOT_UTF8 = pa.array([b"A1", b"\xff\xfe"], pa.binary()).view(pa.string())
KINDS = {
    "string": NOT_UTF8,
    "large_string": NOT_UTF8.cast(pa.large_binary()).view(pa.large_string()),
    "string_view": NOT_UTF8.view(pa.binary()).cast(pa.binary_view()).view(pa.string_view()),
    "dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), NOT_UTF8),
    "chunked": pa.chunked_array([NOT_UTF8[:1], NOT_UTF8[1:]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_text_that_is_not_utf8_is_refused_with_its_row(book: mvcore.Book, kind: str) -> None:
    texts = KINDS[kind]
    calls = {
        ("selection", "accounts"): lambda: book.values(accounts=texts),
        ("selection", "instruments"): lambda: book.view(instruments=texts),
        ("call", "by"): lambda: book.values(by=texts),
        ("instruments", "sector"): lambda: book.values(instruments={"sector": texts}),
        ("accounts", "account"): lambda: book.update(accounts={"account": texts}),
        ("accounts", "desk"): lambda: book.update(
            accounts={"account": ["A1", "A2"], "desk": texts}
        ),
    }
    for (table, column), call in calls.items():
        with pytest.raises(mvcore.InvalidInput, match="is not valid UTF-8") as caught:
            call()
        assert (caught.value.table, caught.value.column) == (table, column)
        assert caught.value.row == 1
    fact = {"instrument": ["AAPL"], "price": [1], "time": texts[1:]}
    with pytest.raises(mvcore.InvalidInput, match=r"prices\.time, row 0: .* is not valid UTF-8"):
        book.update(prices=fact)


# ---- labels of selections ----


ODD_LABELS = {
    "an array of no dimension": np.array("tech"),
    "a number of no dimension": np.array(1.0),
    "an object of no dimension": np.array(None),
    "two dimensions": np.array([["tech"]]),
    "a scalar that is not UTF-8": NOT_UTF8[1],
    "scalars that are not UTF-8": [NOT_UTF8[1]],
    "a time without a unit": np.array([5]).view("M8")[0],
    "times without a unit": np.array([5]).view("M8"),
    "an int of many digits": 10**5000,
    "ints of many digits": [10**5000],
    "a far time": pa.scalar(2**62, pa.timestamp("s")),
    "far times": pa.array([2**62], pa.timestamp("s")),
    "an unknown zone": pa.array([0], pa.timestamp("s", "No/Where")),
    "lists": pa.array([[1]]),
}


@pytest.mark.parametrize("name", ODD_LABELS)
def test_an_odd_label_is_refused(book: mvcore.Book, name: str) -> None:
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.values(instruments={"sector": ODD_LABELS[name]})
    assert (caught.value.table, caught.value.column) == ("instruments", "sector")


@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_of_thousands_of_digits_is_named(book: mvcore.Book, sign: int) -> None:
    """Python refuses to convert it to a text."""
    huge = sign * 10**5000
    reason = (
        "an int of more than 4300 digits is too long for a label; expected fewer digits, or a text"
    )
    rows = {"instrument": ["AAPL", "BUND"], "tier": [1, huge]}
    calls = [
        ("instruments.tier", None, lambda: book.positions(instruments={"tier": huge})),
        ("instruments.tier, row 1", 1, lambda: book.positions(instruments={"tier": [1, huge]})),
        ("instruments.tier, row 1", 1, lambda: book.update(instruments=rows)),
        ("where, row 0", 0, lambda: book.values(where=[("account", "=", huge)])),
    ]
    book.update(instruments={"instrument": ["AAPL"], "tier": [1]})
    for place, row, call in calls:
        with pytest.raises(mvcore.InvalidInput) as caught:
            call()
        assert str(caught.value) == f"{place}: {reason}"
        assert (caught.value.row, caught.value.value) == (row, huge)
    with pytest.raises(mvcore.InvalidInput, match=r"^limit: an int of more than 4300 digits is n"):
        book.values(limit=-(10**5000))
    with pytest.raises(mvcore.InvalidInput, match=r"^tick\.price: an int of more than 4300 digits"):
        book.tick("AAPL", huge)


def test_a_label_without_a_unit_is_named(book: mvcore.Book) -> None:
    days = np.array([1, 5]).view("M8")
    reason = (
        "the datetime64 5 has no unit; expected a datetime64 with a unit, such as datetime64[ns]"
    )
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.values(accounts={"desk": days[1]})
    assert str(caught.value) == f"accounts.desk: {reason}"
    for values in (days[::-1], list(days[::-1])):
        with pytest.raises(mvcore.InvalidInput) as caught:
            book.update(accounts={"account": ["A1", "A2"], "desk": values})
        assert str(caught.value) == f"accounts.desk, row 0: {reason}"


def test_labels_of_float32_have_their_shortest_digits(book: mvcore.Book) -> None:
    book.update(instruments={"instrument": ["AAPL"], "beta": [0.1]})
    wanted = book.values(instruments={"beta": 0.1}).to_pylist()
    for labels in (array("f", [0.1]), pa.array([0.1], pa.float32()), np.array([0.1], "f4")):
        assert book.values(instruments={"beta": labels}).to_pylist() == wanted


# ---- nulls ----

NAN = float("nan")
IN_DISGUISE = [
    NAN, np.float64("nan"), np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), pd.NaT, pd.NA,
    np.datetime64("NaT"), np.datetime64("NaT", "s"), pa.scalar(NAN),
]  # fmt: skip


@pytest.mark.parametrize("wrong", IN_DISGUISE, ids=repr)
def test_a_null_in_disguise_is_no_label(book: mvcore.Book, wrong: Any) -> None:
    """Only None means "not set". Writes, selections and `where` have one rule."""
    before = book.instruments().to_pylist()
    epoch = book.epoch
    for values in (["tech", wrong], ("tech", wrong), np.array(["tech", wrong], object)):
        rows = {"instrument": ["AAPL", "BUND"], "sector": values}
        for write in (book.load, book.update):
            with pytest.raises(mvcore.InvalidInput, match="None for no label") as caught:
                write(instruments={"currency": ["USD", "EUR"], **rows})
            error = caught.value
            assert (error.table, error.column, error.row) == ("instruments", "sector", 1)
            assert error.value is wrong
        with pytest.raises(mvcore.InvalidInput, match="None for no label") as caught:
            book.values(instruments={"sector": values}, allow_empty=True)
        error = caught.value
        assert (error.table, error.column, error.row) == ("instruments", "sector", 1)
    for read in (book.values, book.view):
        with pytest.raises(mvcore.InvalidInput, match="None for no label") as caught:
            read(accounts={"desk": wrong}, allow_empty=True)
        assert (caught.value.table, caught.value.column) == ("accounts", "desk")
        assert caught.value.row is None
        where = [("current", ">", 0), ("desk", "!=", wrong)]
        with pytest.raises(mvcore.InvalidInput, match="None for no label") as caught:
            read(by="desk", where=where, allow_empty=True)
        assert (caught.value.table, caught.value.column) == (None, "where")
        assert caught.value.row == 1
    assert book.epoch == epoch
    assert book.instruments().to_pylist() == before


NAN_OF_A_TYPE = {
    "numpy": np.array([1, NAN]),
    "numpy float32": np.array([1, NAN], np.float32),
    "numpy objects": np.array([1, NAN], object),
    "array": array("d", [1, NAN]),
    "arrow": pa.array([1, NAN]),
    "arrow dictionary": pa.array([1, NAN]).dictionary_encode(),
    "polars": pl.Series([1.0, NAN]),
    "arrow in pandas": pd.Series(pd.arrays.ArrowExtensionArray(pa.array([1, NAN]))),
    "Decimal in pandas": pd.Series([1, Decimal("NaN")], dtype=object),
}


@pytest.mark.parametrize("name", NAN_OF_A_TYPE)
def test_nan_is_a_null_only_in_pandas(book: mvcore.Book, name: str) -> None:
    """The same rule as for numbers, so the columns `price` and `beta` agree."""
    values = NAN_OF_A_TYPE[name]
    rows = {"instrument": ["AAPL", "BUND"]}
    calls = {
        ("prices", "price"): lambda: book.update(prices={**rows, "price": values}),
        ("instruments", "beta"): lambda: book.update(instruments={**rows, "beta": values}),
        ("accounts", "desk"): lambda: book.values(accounts={"desk": values}),
    }
    for (table, column), call in calls.items():
        with pytest.raises(mvcore.InvalidInput) as caught:
            call()
        error = caught.value
        assert (error.table, error.column, error.row) == (table, column, 1)


NULLS = {
    "list": ["1", None],
    "numpy objects": np.array(["1", None], object),
    "arrow": pa.array([1, None]),
    "arrow null": pa.array([1, None]).dictionary_encode(),
    "polars": pl.Series([1, None]),
    "pandas floats": pd.Series([1, NAN]),
    "pandas float32": pd.Series([1, NAN], dtype=np.float32),
    "pandas long double": pd.Series([1, NAN], dtype=np.longdouble),
    "pandas objects": pd.Series([1, NAN], dtype=object),
    "pandas NaT": pd.Series([1, pd.NaT], dtype=object),
    "pandas NA": pd.Series([1, pd.NA], dtype=object),
    "pandas nullable": pd.Series([1, pd.NA], dtype="Int64"),
    "pandas text": pd.Series(["1", None], dtype="string"),
    "pandas category": pd.Series(["1", None], dtype="category"),
    "pandas arrow": pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64())),
    "pandas index": pd.Index([1, NAN]),
    "pandas array": pd.array([1, None], dtype="Float64"),
}


@pytest.mark.parametrize("name", NULLS)
def test_a_declared_null_means_not_set(book: mvcore.Book, name: str) -> None:
    rows = {"instrument": ["AAPL", "BUND"]}
    book.update(instruments={**rows, "beta": ["2", "2"]})
    book.update(instruments={**rows, "beta": NULLS[name]})
    assert book.instruments()["beta"][:2] == ["1", None]
    every = book.values(by="beta")
    assert set(every["beta"]) == {"1", None}
    found = book.values(instruments={"beta": NULLS[name]}, by="beta")
    assert found.to_pylist() == every.to_pylist()
    alone = NULLS[name][1:]
    found = book.values(instruments={"beta": alone}, by="beta")
    assert found.to_pylist() == [row for row in every if row["beta"] is None]


def test_nat_is_the_null_of_a_column_of_times(book: mvcore.Book) -> None:
    rows = {"instrument": ["AAPL", "BUND"]}
    stamps = np.array(["2024-03-01", "NaT"], "M8[D]")
    for times in (stamps, pd.Series(stamps.astype("M8[s]")).dt.date, pa.array(stamps)):
        book.update(instruments={**rows, "expiry": ["2000-01-01"] * 2})
        book.update(instruments={**rows, "expiry": times})
        assert book.instruments()["expiry"][:2] == ["2024-03-01", None]
        found = book.values(instruments={"expiry": times}, by="expiry")
        assert set(found["expiry"]) == {"2024-03-01", None}
    zoned = pd.Series(pd.to_datetime(["2024-03-01", None], utc=True))
    book.update(instruments={**rows, "expiry": zoned})
    assert book.instruments()["expiry"][:2] == ["2024-03-01T00:00:00+00:00", None]
