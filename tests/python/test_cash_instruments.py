"""The column `cash` of instruments: what it accepts, the default price, the rules per currency."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mvcore
from mvcore import _core


def flags_of(book: mvcore.Book) -> dict[str, bool]:
    """By name of an instrument that is not removed: whether it is cash."""
    with book.snapshot() as now:
        stored = _core.stored_instruments(now._core)
    offsets, data = stored["instrument"]
    text = bytes(data)
    names = [text[a:b].decode() for a, b in itertools.pairwise(offsets)]
    rows = zip(names, stored["alive"].tolist(), stored["cash"].tolist(), strict=True)
    return {name: bool(cash) for name, alive, cash in rows if alive}


def prices_of(book: mvcore.Book) -> dict[str, tuple[Decimal, Any, int]]:
    """By instrument: price, time, epoch."""
    return {row["instrument"]: (row["price"], row["time"], row["epoch"]) for row in book.prices()}


def instruments(**columns: Any) -> dict[str, Any]:
    return {"instrument": ["USD", "EUR", "AAPL"], "currency": ["USD", "EUR", "USD"], **columns}


# ---- what the column accepts ----


@pytest.mark.parametrize(
    "values",
    [
        [True, None, False],
        (True, None, False),
        [np.True_, None, np.False_],
        np.array([True, False, False]),
        np.array([True, None, False], object),
        pd.Series([True, False, False]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([True, None, False], dtype=object),
        pd.Series([True, float("nan"), False], dtype=object),
        pd.Series([True, None, False], dtype="category"),
        pl.Series([True, None, False]),
        pa.array([True, None, False]),
        pa.array([True, None, False]).dictionary_encode(),
        pa.chunked_array([[True], [None, False]]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_booleans_of_every_library(values: Any) -> None:
    for call in ("load", "update"):
        with mvcore.Book() as book:
            getattr(book, call)(instruments=instruments(cash=values))
            assert flags_of(book) == {"USD": True, "EUR": False, "AAPL": False}


@pytest.mark.parametrize(
    "values", [[None] * 3, pa.nulls(3), pl.Series([None] * 3), pa.array([None] * 3, pa.bool_())]
)
def test_null_is_the_default(values: Any) -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.update(instruments=instruments(cash=values))
        assert flags_of(book) == {"USD": False, "EUR": False, "AAPL": False}


@pytest.mark.parametrize(
    ("values", "row", "value"),
    [
        ([True, 1, False], 1, 1),
        ([True, 0, False], 1, 0),
        ([True, "true", False], 1, "true"),
        ([True, False, 0.0], 2, 0.0),
        ([True, float("nan"), False], 1, None),
        ([True, False, np.int64(1)], 2, 1),
        (np.array([0, 1, 0]), 0, 0),
        (np.array([1.0, 0.0, 0.0]), 0, 1.0),
        (np.array(["true", "false", "false"]), 0, "true"),
        (pd.Series([1, 0, 0]), 0, 1),
        (pd.Series(["true", "false", "false"]), 0, "true"),
        (pl.Series([None, 1, 0]), 1, 1),
        (pa.array([None, "true", "false"]), 1, "true"),
        (pa.array([None, "true", "false"]).dictionary_encode(), 1, "true"),
        (pa.array([1, 0, 0], pa.int8()), 0, 1),
    ],
)
def test_what_is_no_boolean(values: Any, row: int, value: Any) -> None:
    with mvcore.Book() as book:
        with pytest.raises(mvcore.InvalidInput, match=r"^instruments\.cash, row \d: ") as caught:
            book.load(instruments=instruments(cash=values))
        error = caught.value
        assert (error.table, error.column, error.row) == ("instruments", "cash", row)
        assert "expected True or False" in str(error)
        if value is not None:
            assert error.value == value
        assert book.epoch == 0


def test_a_type_without_booleans_is_refused_even_if_all_is_null() -> None:
    with mvcore.Book() as book, pytest.raises(mvcore.InvalidInput, match="expected True or False"):
        book.load(instruments=instruments(cash=pa.nulls(3, pa.int8())))


def test_an_absent_column() -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.update(instruments=instruments())
        assert flags_of(book) == {"USD": True, "EUR": True, "AAPL": False}
        book.remove(instruments="EUR")
        book.update(instruments=instruments())  # EUR is new again
        assert flags_of(book) == {"USD": True, "EUR": False, "AAPL": False}
        book.load(instruments=instruments())
        assert flags_of(book) == {"USD": False, "EUR": False, "AAPL": False}


def test_no_attribute_is_called_cash() -> None:
    with mvcore.Book() as book:
        for wrong in ({"accounts": {"account": ["A"], "cash": [True]}},
                      {"instruments": instruments(Cash=[True] * 3)}):  # fmt: skip
            with pytest.raises(mvcore.InvalidInput, match="an attribute cannot have"):
                book.load(**wrong)


# ---- the default price ----


def test_cash_without_a_price_is_worth_one() -> None:
    with mvcore.Book() as book:
        book.load(
            instruments=instruments(cash=[True, False, False]),
            accounts={"account": ["A"]},
            holdings={"account": ["A"], "instrument": ["USD"], "quantity": ["12.34"]},
        )
        assert prices_of(book) == {"USD": (Decimal(1), None, 1)}
        value = book.value("A")
        assert (value.current, value.unpriced) == (Decimal("12.34"), 0)
        book.update(instruments={"instrument": ["EUR"], "cash": [True]})
        assert prices_of(book) == {"USD": (Decimal(1), None, 1), "EUR": (Decimal(1), None, 2)}
        book.update(instruments=instruments(cash=[True, False, False]))
        assert prices_of(book) == {"USD": (Decimal(1), None, 1), "EUR": (Decimal(1), None, 2)}


def test_a_price_replaces_the_one() -> None:
    when = "2024-03-01T10:00:00Z"
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.tick("USD", "0.9975", time=when)
        book.update(prices={"instrument": ["EUR"], "price": ["1.5"]})
        price, time, epoch = prices_of(book)["USD"]
        assert (price, time is not None, epoch) == (Decimal("0.9975"), True, 2)
        assert prices_of(book)["EUR"] == (Decimal("1.5"), None, 3)
        book.tick("USD", "0.99", time="2024-02-29T10:00:00Z")  # late
        assert prices_of(book)["USD"][0] == Decimal("0.9975")
        book.remove(prices=["USD", "AAPL"])
        assert prices_of(book) == {"USD": (Decimal(1), None, 5), "EUR": (Decimal("1.5"), None, 3)}
        book.tick("USD", "0.98", time="2024-02-29T10:00:00Z")  # older than the price withdrawn
        assert prices_of(book)["USD"][0] == Decimal("0.98")


def test_a_load_of_prices_without_cash() -> None:
    with mvcore.Book() as book:
        book.load(
            instruments=instruments(cash=[True, True, False]),
            prices={"instrument": ["USD", "AAPL"], "price": ["1.25", "150.123456"]},
        )
        assert {name: price for name, (price, _, _) in prices_of(book).items()} == {
            "USD": Decimal("1.25"), "EUR": Decimal(1), "AAPL": Decimal("150.123456"),
        }  # fmt: skip
        book.load(prices={"instrument": ["EUR"], "price": ["2"]})
        assert {name: price for name, (price, _, _) in prices_of(book).items()} == {
            "USD": Decimal(1), "EUR": Decimal(2),
        }  # fmt: skip


def test_cash_that_turns_back_keeps_its_price() -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, False, False]))
        book.update(instruments={"instrument": ["USD"], "cash": [False]})
        assert prices_of(book) == {"USD": (Decimal(1), None, 1)}
        book.remove(prices="USD")
        assert prices_of(book) == {}


# ---- what cash must be ----


@pytest.mark.parametrize("factor", ["multiplier", "quote_factor"])
def test_cash_has_no_factor(factor: str) -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[False, True, False]))
        for call in (
            lambda: book.update(instruments={"instrument": ["AAPL", "EUR"], factor: [2, 2]}),
            lambda: book.load(
                instruments=instruments(cash=[False, True, False], **{factor: [1, "0.01", 1]})
            ),
        ):
            with pytest.raises(mvcore.InvalidInput, match="'EUR' is cash") as caught:
                call()
            error = caught.value
            assert (error.table, error.column, error.row) == ("instruments", "cash", 1)
        book.update(instruments={"instrument": ["EUR"], factor: ["1.00"]})
        both = {"multiplier": [100], "quote_factor": ["0.01"]}
        with pytest.raises(mvcore.InvalidInput, match="a multiplier and a quote_factor of 1"):
            book.update(instruments={"instrument": ["EUR"], **both})
        book.update(instruments={"instrument": ["EUR"], "cash": [False], **both})


def two_of_usd() -> dict[str, Any]:
    return {
        "instrument": ["USD", "USD2"], "currency": ["USD", "USD"], "cash": [True, True],
    }  # fmt: skip


def test_two_cash_instruments_of_one_currency_without_fills() -> None:
    with mvcore.Book() as book:
        book.load(instruments=two_of_usd())
        assert flags_of(book) == {"USD": True, "USD2": True}


def test_two_cash_instruments_of_one_currency() -> None:
    with mvcore.Book(cash="from_fills") as book:
        for call in (book.load, book.update):
            with pytest.raises(mvcore.InvalidInput, match="are both cash of 'USD'") as caught:
                call(instruments=two_of_usd())
            error = caught.value
            assert (error.table, error.column, error.row) == ("instruments", "cash", 1)
        book.load(instruments=instruments(cash=[True, True, False]))
        with pytest.raises(mvcore.InvalidInput, match="'AAPL' and 'USD' are both cash of 'USD'"):
            book.update(instruments={"instrument": ["AAPL"], "cash": [True]})
        with pytest.raises(mvcore.InvalidInput, match="'EUR' and 'USD' are both cash of 'USD'"):
            book.update(instruments={"instrument": ["EUR"], "currency": ["USD"]})
        # The batch counts as a whole: cash of one currency may move to another instrument.
        book.update(instruments={"instrument": ["AAPL", "USD"], "cash": [True, False]})
        book.update(instruments={"instrument": ["AAPL", "EUR"], "currency": ["EUR", "USD"]})
        assert flags_of(book) == {"USD": False, "EUR": True, "AAPL": True}
        book.remove(instruments="EUR")
        book.update(instruments={"instrument": ["USD"], "cash": [True]})
        assert flags_of(book) == {"USD": True, "AAPL": True}
        book.load(instruments=instruments())
        book.update(instruments={"instrument": ["AAPL", "EUR"], "cash": [True, True]})


def test_currencies_that_iso_4217_does_not_have() -> None:
    coins = {"instrument": ["USD", "BTC"], "currency": ["USD", "BTC"], "cash": [True, True]}
    with mvcore.Book(cash="from_fills") as book:
        with pytest.raises(mvcore.InvalidInput, match=r"'BTC' .* ISO 4217") as caught:
            book.load(instruments=coins)
        error = caught.value
        assert (error.table, error.column, error.row) == ("instruments", "currency", 1)
        assert error.value == "BTC"
        book.load(instruments=coins | {"cash": [True, False]})
    with mvcore.Book(cash="from_fills", cash_scale=8) as book:
        book.load(instruments=coins)
    with mvcore.Book() as book:
        book.load(instruments=coins)
