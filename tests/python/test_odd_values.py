"""Values of NumPy, Arrow or Python without a clear meaning are refused by name."""

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


def test_labels_of_float32_have_their_shortest_digits(book: mvcore.Book) -> None:
    book.update(instruments={"instrument": ["AAPL"], "beta": [0.1]})
    wanted = book.values(instruments={"beta": 0.1}).to_pylist()
    for labels in (array("f", [0.1]), pa.array([0.1], pa.float32()), np.array([0.1], "f4")):
        assert book.values(instruments={"beta": labels}).to_pylist() == wanted
