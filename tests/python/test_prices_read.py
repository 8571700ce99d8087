"""`prices` of some instruments, and prices as integers."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal as D

import numpy as np
import pytest

import mvcore


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": ["A", "B", "C", "D", "EURCASH"],
            "currency": ["USD", "USD", "EUR", "EUR", "EUR"],
            "cash": [False, False, False, False, True],
            "sector": ["Tech", "Auto", "Tech", None, None],
        },
        prices={
            "instrument": ["A", "B", "C"],
            "price": ["151.50", "-36.98", "0.000000000000000001"],
            "time": ["2026-01-02T03:04:05Z", None, None],
        },
    )
    return book


def test_a_selection_returns_rows_of_the_whole(book) -> None:
    whole = {row["instrument"]: row for row in book.prices().to_pylist()}
    assert list(whole) == ["A", "B", "C", "EURCASH"]  # D has no price
    for asked, names in (
        ("A", ["A"]),
        (["C", "A"], ["A", "C"]),
        (["A", "A"], ["A"]),
        (("B", "D"), ["B"]),
        ("D", []),
        ([], []),
        ({"sector": "Tech"}, ["A", "C"]),
        ({"sector": None}, ["EURCASH"]),
        ({"currency": "EUR", "instrument": ["C", "D"]}, ["C"]),
        (np.array(["B"]), ["B"]),
    ):
        book.tick("A", "151.50")
        frame = book.prices(asked)
        assert frame["instrument"] == names
        assert frame.epoch == book.epoch
        assert frame.column_names == ["instrument", "price", "time", "epoch"]
        for row in frame:
            if row["instrument"] != "A":
                assert row == whole[row["instrument"]]
        with book.snapshot() as now:
            assert now.prices(asked).to_pylist() == frame.to_pylist()


def test_a_snapshot_keeps_its_prices(book) -> None:
    with book.snapshot() as now:
        book.tick("A", "1")
        book.update(instruments={"instrument": ["E"], "currency": ["USD"], "sector": ["Tech"]})
        book.tick("E", "5")
        assert now.prices("A")["price"] == [D("151.5")]
        assert now.prices({"sector": "Tech"})["instrument"] == ["A", "C"]
    assert book.prices({"sector": "Tech"})["price"] == [1, D("1e-18"), 5]


def test_a_wrong_selection_is_an_error(book) -> None:
    with pytest.raises(mvcore.UnknownId, match="did you mean 'EURCASH'"):
        book.prices("EURCASS")
    with pytest.raises(mvcore.InvalidInput, match="did you mean 'Tech'"):
        book.prices({"sector": "Tec"})
    with pytest.raises(mvcore.InvalidInput, match="unknown attribute 'sectr'"):
        book.prices({"sectr": "Tech"})
    assert len(book.prices({"sector": "Tec"}, allow_empty=True)) == 0
    with pytest.raises(mvcore.InvalidInput, match="neither True nor False"):
        book.prices("A", allow_empty=1)
    book.remove(instruments=["A"])
    with pytest.raises(mvcore.UnknownId):
        book.prices("A")


def test_prices_as_integers(book) -> None:
    frame = book.prices(["A", "B"])
    array = frame.to_numpy("price", scaled=True, scale=2)
    assert (array.dtype, array.tolist()) == (np.int64, [15150, -3698])
    assert frame.to_numpy("price", scaled=True, scale=np.int8(4)).tolist() == [1515000, -369800]
    codes = frame.codes("instrument")
    book.ticks(codes, array, scale=2)
    assert book.prices(["A", "B"])["price"] == frame["price"]

    with pytest.raises(mvcore.InvalidInput, match=r"-36\.98 has more than 1 decimals") as wrong:
        frame.to_numpy("price", scaled=True, scale=1)
    assert (wrong.value.table, wrong.value.column, wrong.value.row) == ("to_numpy", "price", 1)
    assert wrong.value.value == D("-36.98")
    with pytest.raises(mvcore.ValueOverflow, match="151500000000000000000 does not fit 64 bits"):
        frame.to_numpy("price", scaled=True, scale=18)
    for scale in (-1, 19, True, "2", 2.0):
        with pytest.raises(mvcore.InvalidInput, match=r"is not an int in 0\.\.18"):
            frame.to_numpy("price", scaled=True, scale=scale)
    with pytest.raises(mvcore.InvalidInput, match="expected scaled=True"):
        frame.to_numpy("price", scale=2)
    with pytest.raises(mvcore.InvalidInput, match="not a decimal column"):
        frame.to_numpy("instrument", scaled=True, scale=2)
    assert book.prices([]).to_numpy("price", scaled=True, scale=2).tolist() == []


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_ends_of_64_bits(book, number) -> None:
    for scale in range(19):
        book.tick("A", f"{number}e-{scale}")
        assert book.prices("A").to_numpy("price", scaled=True, scale=scale).tolist() == [number]
        if scale < 18:
            with pytest.raises(mvcore.ValueOverflow):
                book.prices("A").to_numpy("price", scaled=True, scale=scale + 1)
        if scale:  # the last digit of both numbers is not 0
            with pytest.raises(mvcore.InvalidInput, match=f"more than {scale - 1} decimals"):
                book.prices("A").to_numpy("price", scaled=True, scale=scale - 1)


def test_one_instrument_costs_nothing_of_the_size_of_the_book() -> None:
    count = 50_000
    names = [f"I{k:06}" for k in range(count)]
    book = mvcore.Book()
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * count},
        prices={"instrument": names, "price": ["2.5"] * count},
    )
    tracemalloc.start()
    try:
        for read in (book.prices, book.prices):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            frame = read(names[-1])
            assert (frame["instrument"], frame["price"]) == ([names[-1]], [D("2.5")])
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < 20_000  # an array of one byte per instrument has 50,000
    finally:
        tracemalloc.stop()
