"""Values that NumPy, Arrow or Python make, which have no plain meaning: refused by name."""

from __future__ import annotations

from array import array

import numpy as np
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


def test_only_the_times_of_an_array_need_a_unit(book: mvcore.Book) -> None:
    times = np.array([np.iinfo(np.int64).min, 5]).view("M8")
    with pytest.raises(mvcore.InvalidInput, match=r"prices\.time, row 1: .*has no unit"):
        book.update(prices={"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": times})


def test_a_time_of_a_tick_needs_a_unit(book: mvcore.Book) -> None:
    time = np.array([1_700_000_000]).view("M8")[0]
    with pytest.raises(mvcore.InvalidInput, match="has no unit"):
        book.tick("AAPL", 1, time)


# ---- arrays of the standard library ----


@pytest.mark.parametrize("code", "fdbBhHiIlLqQ")
def test_an_array_has_the_digits_of_numpy(book: mvcore.Book, code: str) -> None:
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
