"""Instruments that are cash: the flag, the price of 1, and what cash cannot have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import mvcore


@pytest.fixture(params=[None, "from_fills"])
def book(request) -> mvcore.Book:
    """A share, and dollars that are cash."""
    book = mvcore.Book("USD", 2, cash=request.param)
    book.load(
        instruments={
            "instrument": ["A", "dollars"],
            "currency": ["USD", "USD"],
            "cash": [False, True],
        },
        accounts={"account": ["X"]},
        holdings={"account": ["X", "X"], "instrument": ["A", "dollars"], "quantity": [1, 100]},
    )
    return book


def flags(book) -> dict[str, bool]:
    return {row["instrument"]: row["cash"] for row in book.instruments().to_pylist()}


def prices(book) -> dict[str, tuple]:
    return {row["instrument"]: (row["price"], row["time"]) for row in book.prices().to_pylist()}


def test_cash_without_a_price_has_the_price_1(book) -> None:
    assert prices(book) == {"dollars": (1, None)}
    assert (book.value("X").current, book.value("X").unpriced) == (100, 1)
    book.update(instruments={"instrument": ["E"], "currency": ["EUR"], "cash": [True]})
    assert prices(book) == {"dollars": (1, None), "E": (1, None)}


def test_a_price_that_is_given_counts(book) -> None:
    book.tick("dollars", "0.97", time="2024-03-01")
    assert book.value("X").current == 97
    book.update(instruments={"instrument": ["dollars"], "cash": [True]})
    assert book.value("X").current == 97
    book.remove(prices="dollars")
    assert prices(book) == {"dollars": (1, None)}
    book.tick("dollars", "0.96", time="2024-02-01")  # the withdrawn one is no longer held
    assert book.value("X").current == 96
    book.load(prices={"instrument": ["A"], "price": [10]})
    assert prices(book) == {"A": (10, None), "dollars": (1, None)}
    book.load(prices={"instrument": ["dollars"], "price": ["1.5"]})
    assert book.value("X").current == 150


def test_a_price_in_the_batch_that_makes_cash(book) -> None:
    book.update(
        instruments={"instrument": ["E"], "currency": ["EUR"], "cash": [True]},
        prices={"instrument": ["E"], "price": [0]},
    )
    assert prices(book)["E"] == (0, None)


def test_what_becomes_cash_and_what_no_longer_is(book) -> None:
    book.update(instruments={"instrument": ["dollars", "A"], "cash": [False, True]})
    assert flags(book) == {"A": True, "dollars": False}
    assert prices(book) == {"A": (1, None), "dollars": (1, None)}  # it keeps its price
    book.remove(prices="dollars")
    assert prices(book) == {"A": (1, None)}
    assert book.value("X").unpriced == 1


def test_a_removed_cash_instrument_that_comes_again(book) -> None:
    book.update(instruments={"instrument": ["E"], "currency": ["EUR"], "cash": [True]})
    book.tick("E", 2)
    book.remove(instruments="E")
    book.update(instruments={"instrument": ["E"], "currency": ["EUR"]})
    assert (flags(book)["E"], "E" in prices(book)) == (False, False)
    book.update(instruments={"instrument": ["E"], "cash": [True]})
    assert prices(book)["E"] == (1, None)


def test_an_absent_column_keeps_and_null_is_false(book) -> None:
    book.update(instruments={"instrument": ["dollars"], "currency": ["USD"]})
    assert flags(book) == {"A": False, "dollars": True}
    book.update(instruments={"instrument": ["dollars"], "cash": [None]})
    assert flags(book) == {"A": False, "dollars": False}
    book.update(instruments={"instrument": ["dollars"], "cash": [True]})
    book.load(instruments={"instrument": ["dollars", "A"], "currency": ["USD", "USD"]})
    assert flags(book) == {"A": False, "dollars": False}


@pytest.mark.parametrize(
    "column",
    [
        [True, False, None],
        [np.True_, np.False_, None],
        np.array([True, False, False]),
        np.array([True, False, None], object),
        pa.array([True, False, None]),
        pa.chunked_array([[True], [False, None]]),
    ],
)
def test_booleans(book, column) -> None:
    table = {"instrument": ["e", "f", "g"], "currency": ["EUR", "GBP", "CHF"], "cash": column}
    book.update(instruments=table)
    found = flags(book)
    assert [found[name] for name in "efg"] == [True, False, False]


@pytest.mark.parametrize(
    "wrong", [0, 1, 1.0, "true", "True", "yes", "", b"1", [True], float("nan"), np.int8(1)]
)
def test_what_is_no_boolean(book, wrong) -> None:
    table = {"instrument": ["e", "f"], "currency": ["EUR", "GBP"], "cash": [True, wrong]}
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.update(instruments=table)
    assert (caught.value.table, caught.value.column, caught.value.row) == ("instruments", "cash", 1)
    assert flags(book) == {"A": False, "dollars": True}


@pytest.mark.parametrize("kind", [pa.int8(), pa.float64(), pa.string()])
def test_arrow_columns_of_other_types(book, kind) -> None:
    table = {"instrument": ["e"], "currency": ["EUR"], "cash": pa.array(["1"]).cast(kind)}
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.update(instruments=table)
    assert (caught.value.table, caught.value.column) == ("instruments", "cash")


def test_a_file(book, tmp_path) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text("instrument,currency,cash\ne,EUR,true\nf,GBP,false\ng,CHF,\n")
    book.update(instruments=mvcore.read(path, table="instruments"))
    assert flags(book) == {"A": False, "dollars": True, "e": True, "f": False, "g": False}
    path.write_text("instrument,currency,cash\ne,EUR,true\nf,GBP,yes\n")
    with pytest.raises(mvcore.InvalidInput, match="yes"):
        book.update(instruments=mvcore.read(path, table="instruments"))


@pytest.mark.parametrize("factor", ["multiplier", "quote_factor"])
def test_cash_has_no_factor(book, factor) -> None:
    book.update(instruments={"instrument": ["F"], "currency": ["GBP"], factor: ["0.01"]})
    for rows in (
        {"instrument": ["e"], "currency": ["EUR"], "cash": [True], factor: [100]},
        {"instrument": ["dollars"], factor: ["0.01"]},
        {"instrument": ["dollars"], factor: [0]},
        {"instrument": ["F"], "cash": [True]},
    ):
        with pytest.raises(mvcore.InvalidInput) as caught:
            book.update(instruments=rows)
        assert (caught.value.table, caught.value.column) == ("instruments", "cash")
    assert flags(book) == {"A": False, "dollars": True, "F": False}
    book.update(instruments={"instrument": ["F"], "cash": [True], factor: ["1.00"]})
    book.update(instruments={"instrument": ["dollars"], "cash": [False], factor: [100]})
    assert flags(book) == {"A": False, "dollars": False, "F": True}


def test_cash_is_no_attribute(book) -> None:
    for call in (
        lambda: book.update(accounts={"account": ["X"], "cash": ["yes"]}),
        lambda: book.values(by="cash"),
        lambda: book.values(instruments={"cash": True}),
    ):
        with pytest.raises(mvcore.InvalidInput):
            call()


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("mode", [None, "from_fills"])
def test_a_durable_book_keeps_what_is_cash(tmp_path, closing, mode) -> None:
    with mvcore.open(tmp_path / "book", "USD", 2, cash=mode) as book:
        book.load(
            instruments={
                "instrument": ["A", "dollars", "euros", "pounds"],
                "currency": ["USD", "USD", "EUR", "GBP"],
                "cash": [False, True, True, True],
            },
            accounts={"account": ["X"]},
        )
        book.tick("euros", "0.5", time="2024-03-01")
        book.update(instruments={"instrument": ["pounds"], "cash": [False]})
        book.remove(prices=["dollars", "pounds"])
        found = flags(book), book.prices().to_pylist()
        assert found[0] == {"A": False, "dollars": True, "euros": True, "pounds": False}
        assert [row["instrument"] for row in found[1]] == ["dollars", "euros"]
        if closing:
            book.checkpoint()
    with mvcore.open(tmp_path / "book") as book:
        assert (flags(book), book.prices().to_pylist()) == found
        book.remove(prices="euros")
        assert [row["price"] for row in book.prices().to_pylist()] == [1, 1]
