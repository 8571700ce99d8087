"""Measures of views that count from their last read."""

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

import mvcore

CHANGES = ("sod_change", "current_change", "expected_change")


def moved(frame) -> dict:
    return {row["instrument"]: row["current_change"] for row in frame}


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_the_change_is_since_the_last_read_of_the_view(book, mode) -> None:
    views = [
        book.view(by="instrument", measures=measures, mode=mode)
        for measures in ("current_change", ("sod_change", "current", "current_change"))
    ]
    first = moved(views[0].read())
    assert first == {"AAPL": 7 * D("150.25"), "BUND": D("1000.5") * D("0.987") * D("1.1")}
    assert moved(views[1].changes()) == first
    book.tick("AAPL", 151)
    assert moved(views[0].changes()) == {"AAPL": 7 * D("0.75"), "BUND": 0}
    assert moved(views[0].changes()) == {"AAPL": 0}
    assert moved(views[0].changes()) == {}
    book.tick("AAPL", 153)
    assert moved(views[1].read()) == {"AAPL": 7 * D("2.75"), "BUND": 0}
    assert moved(views[1].read()) == {"AAPL": 0, "BUND": 0}


def test_a_page_shows_what_moved_most(book) -> None:
    view = book.view(
        by="instrument", measures=("current", "current_change"), sort="-abs(current_change)",
        where=[("current_change", "!=", 0)], limit=1,
    )  # fmt: skip
    view.read()
    assert len(view.read()) == 0
    book.tick("AAPL", "150.24")
    book.tick("BUND", "98.8")
    assert moved(view.read()) == {"BUND": D("1000.5") * D("0.001") * D("1.1")}
    book.tick("AAPL", "150")
    rows = view.changes().to_pylist()
    assert [(row["instrument"], row["removed"]) for row in rows] == [
        ("AAPL", False), ("BUND", True),
    ]  # fmt: skip
    assert rows[0]["current_change"] == 7 * D("-0.24")  # as AAPL was not on the last page


def test_a_position_that_comes_back_changes_by_its_whole_amount(book) -> None:
    view = book.view(by=("account", "instrument"), measures="current_change")
    view.read()
    holding = {"account": ["A1"], "instrument": ["AAPL"]}
    book.update(holdings=holding | {"quantity": [0]})
    gone = [row for row in view.changes() if row["removed"]]
    assert [(row["instrument"], row["current_change"]) for row in gone] == [("AAPL", 0)]
    book.update(holdings=holding | {"quantity": [2]})
    assert D("300.5") in view.changes()["current_change"]


def test_local_amounts_and_subtotals_have_changes(book) -> None:
    local = book.view(by=(), measures="current_change", currency="local")
    totals = book.view(by="instrument", measures="current_change", rollup=True)
    local.read(), totals.read()
    book.tick("AAPL", 151)
    by_currency = {row["amount_currency"]: row["current_change"] for row in local.read()}
    assert by_currency == {"USD": 7 * D("0.75"), "EUR": 0}
    assert [row["current_change"] for row in totals.read() if row["level"] == 0] == [D("5.25")]


def test_combined_changes_have_them(book) -> None:
    views = [book.view(name, by="instrument", measures="current_change") for name in ("A1", "A2")]
    book.changes(views, combined=True)
    book.tick("AAPL", 151)
    frame = book.changes(views, combined=True)
    assert [(row["view"], row["current_change"]) for row in frame if row["current_change"]] == [
        (0, D("7.5")), (1, D("-2.25")),
    ]  # fmt: skip


@pytest.mark.parametrize("measure", CHANGES)
def test_only_views_at_present_prices_have_changes(book, measure) -> None:
    place = ("measures", 1, measure)
    with pytest.raises(mvcore.InvalidInput, match=f"only a view has '{measure}'") as error:
        book.values(measures=("sod", measure))
    assert (error.value.column, error.value.row, error.value.value) == place
    view = book.view(measures=("sod", measure))
    with pytest.raises(mvcore.InvalidInput, match=f"only a view has '{measure}'"):
        view.read(prices={"AAPL": 1})
    with book.snapshot() as now, pytest.raises(mvcore.InvalidInput, match="only a view has"):
        now.values(measures=measure)


def test_a_change_beyond_38_digits_is_an_error_that_names_its_column(book) -> None:
    view = book.view(by="instrument", measures=("current_change", "current"))
    view.read()
    book.update(holdings={"account": ["A1"], "instrument": ["AAPL"], "quantity": [10**11]})
    for price in (6 * 10**18, -6 * 10**18):
        book.tick("AAPL", price)
        if price > 0:
            view.read()
    with pytest.raises(mvcore.ValueOverflow, match=r"values\.current_change: instrument 'AAPL'"):
        view.read()
    book.tick("AAPL", 2 * 10**19)
    with pytest.raises(mvcore.ValueOverflow, match=r"values\.current_change: instrument 'AAPL'"):
        view.changes()
    book.tick("AAPL", 6 * 10**18)
    assert moved(view.read()) == {"AAPL": 0, "BUND": 0}


def test_a_stream_after_a_failed_read_of_several_views_starts_anew() -> None:
    book = of_two_accounts()
    view = book.view(accounts=["X"], measures=("current", "current_change"))
    large = book.view(accounts=["Y"], measures="current")
    assert view.read()["current_change"] == [100]
    large.read()
    book.update(prices={"instrument": ["A", "B"], "price": ["3", "9" * 20]})
    with pytest.raises(mvcore.ValueOverflow):
        book.changes([view, large])

    async def two_frames() -> list[Any]:
        stream = view.stream(0.01)
        first = (await anext(stream)).to_pylist()
        book.tick("A", 4)
        rows = first + (await anext(stream)).to_pylist()
        await stream.aclose()
        return [(row["current"], row["current_change"]) for row in rows]

    assert asyncio.run(two_frames()) == [(300, 300), (400, 100)]


def test_a_change_that_does_not_fit_says_so() -> None:
    book = mvcore.Book(value_scale=0)
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["X"]},
        holdings={"account": ["X"], "instrument": ["A"], "quantity": ["9" * 19]},
        prices={"instrument": ["A"], "price": ["-" + "9" * 19]},
    )
    view = book.view(measures=("current", "current_change"))
    view.read()
    book.tick("A", "9" * 19)
    with pytest.raises(mvcore.ValueOverflow, match="the amount, or its change since the last read"):
        view.read()
    assert len(book.view(measures=("current", "current_change")).read()) == 1


def of_two_accounts() -> mvcore.Book:
    book = mvcore.Book(value_scale=2)
    book.load(
        instruments={"instrument": ["A", "B"], "currency": ["USD", "USD"]},
        accounts={"account": ["X", "Y"]},
        holdings={
            "account": ["X", "Y"], "instrument": ["A", "B"], "quantity": ["100", "9" * 18],
        },
        prices={"instrument": ["A", "B"], "price": [1, 1]},
    )  # fmt: skip
    return book
