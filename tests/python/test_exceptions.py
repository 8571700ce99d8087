"""`exceptions` lists each position without a price or a rate, or with an old price, and why."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal as D
from typing import Any

import pytest

import mvcore

COLUMNS = ["account", "instrument", "quantity", "reason", "price_time", "currency"]
HOUR = dt.timedelta(hours=1)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def rows(frame: mvcore.Frame) -> list[tuple[Any, ...]]:
    assert frame.column_names == COLUMNS
    return list(zip(*(frame[name] for name in COLUMNS), strict=True))


def short(frame: mvcore.Frame) -> list[tuple[str, str, str]]:
    return [(row[0], row[1], row[3]) for row in rows(frame)]


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": ["A", "SAP", "VOD", "USD-CASH"],
            "currency": ["USD", "EUR", "GBP", "USD"],
            "cash": [False, False, False, True],
        },
        accounts={"account": ["X", "Y"], "desk": ["d1", "d2"]},
        holdings={
            "account": ["Y", "X", "X", "X", "X"],
            "instrument": ["A", "USD-CASH", "VOD", "A", "SAP"],
            "quantity": [1, 500, "2.5", 10, 20],
        },
        prices={"instrument": ["A", "VOD"], "price": [10, 1], "time": [NOW - 2 * HOUR, None]},
        fx={"currency": ["EUR"], "rate": ["1.25"]},
    )
    return book


def test_each_reason_is_listed(book) -> None:
    missing = [
        ("X", "SAP", D(20), "no_price", None, "EUR"),
        ("X", "VOD", D("2.5"), "no_rate", None, "GBP"),
    ]
    old = [
        ("X", "A", D(10), "stale_price", NOW - 2 * HOUR, "USD"),
        *missing,
        ("X", "VOD", D("2.5"), "no_price_time", None, "GBP"),
        ("Y", "A", D(1), "stale_price", NOW - 2 * HOUR, "USD"),
    ]
    with book.snapshot() as state:
        for read in (book.exceptions, state.exceptions):
            assert rows(read()) == missing
            assert rows(read(stale_after=HOUR)) == old
            assert rows(read(3 * HOUR)) == [row for row in old if row[3] != "stale_price"]
            assert rows(read(dt.timedelta.max)) == [r for r in old if r[3] != "stale_price"]
        book.tick("SAP", 100, time=NOW)
        book.update(fx={"currency": ["GBP"], "rate": [1]})
        assert rows(book.exceptions()) == []
        assert rows(state.exceptions()) == missing
    assert book.exceptions().epoch == book.epoch


def test_a_position_has_a_row_for_each_reason(book) -> None:
    book.remove(prices="VOD")
    assert short(book.exceptions(HOUR, accounts="X", instruments=["VOD"])) == [
        ("X", "VOD", "no_price"), ("X", "VOD", "no_rate"),
    ]  # fmt: skip


def test_cash_with_a_price_sent_can_be_stale(book) -> None:
    cash = {"instruments": "USD-CASH", "stale_after": HOUR}
    assert short(book.exceptions(**cash)) == []
    book.tick("USD-CASH", "0.99", time=NOW - 2 * HOUR)
    assert short(book.exceptions(**cash)) == [("X", "USD-CASH", "stale_price")]


def test_positions_of_orders_are_listed(book) -> None:
    book.order("O", "Y", "SAP", 7)
    assert rows(book.exceptions(accounts={"desk": "d2"})) == [
        ("Y", "SAP", D(0), "no_price", None, "EUR")
    ]
    book.order("O", "Y", "SAP", 7, filled_quantity=3, status="partially_filled")
    assert rows(book.exceptions(accounts={"desk": "d2"}))[0][2] == 3
    book.remove(orders=["O"])
    assert rows(book.exceptions(accounts={"desk": "d2"})) == []


def test_bad_arguments_of_exceptions_are_refused(book) -> None:
    for wrong in (5, "1h", HOUR.total_seconds(), -HOUR):
        with pytest.raises(mvcore.InvalidInput, match=r"exceptions\.stale_after"):
            book.exceptions(stale_after=wrong)
    with pytest.raises(mvcore.UnknownId):
        book.exceptions(accounts="Z")
    with pytest.raises(mvcore.InvalidInput, match="'d9'"):
        book.exceptions(accounts={"desk": "d9"})
    assert len(book.exceptions(accounts={"desk": "d9"}, allow_empty=True)) == 0
    assert len(mvcore.Book().exceptions()) == 0
    state = book.snapshot()
    state.close()
    book.close()
    for closed in (book, state):
        with pytest.raises(mvcore.ClosedError):
            closed.exceptions()


@pytest.mark.parametrize("seed", range(4))
def test_exceptions_of_random_books_equal_those_of_dicts(seed: int) -> None:
    """Also: the positions without price or rate are those that `unpriced` counts."""
    rng = random.Random(seed)
    accounts, instruments = [f"A{k}" for k in range(5)], [f"I{k}" for k in range(6)]
    currency = dict(zip(instruments, ["USD", "EUR", "GBP"] * 2, strict=True))
    book = mvcore.Book()
    book.load(
        instruments={"instrument": instruments, "currency": [*currency.values()]},
        accounts={"account": accounts},
    )
    held: dict[tuple[str, str], int] = {}
    times: dict[str, dt.datetime | None] = {}
    rates: set[str] = {"USD"}
    for _ in range(60):
        a, i, c = rng.choice(accounts), rng.choice(instruments), rng.choice(["EUR", "GBP"])
        what = rng.randrange(5)
        if what == 0:
            held[a, i] = rng.randrange(-2, 3)
            book.update(holdings={"account": [a], "instrument": [i], "quantity": [held[a, i]]})
        elif what == 1:
            book.remove(prices=[i])  # an older time would be dropped
            times[i] = rng.choice((None, NOW, NOW - 2 * HOUR))
            book.tick(i, 5, time=times[i])
        elif what == 2:
            book.remove(prices=[i])
            times.pop(i, None)
        elif what == 3:
            book.update(fx={"currency": [c], "rate": [2]})
            rates.add(c)
        else:
            book.remove(fx=[c])
            rates.discard(c)
        expected = []
        for key in sorted(key for key, quantity in held.items() if quantity):
            a, i = key
            reasons = [
                "no_price" if i not in times else "",
                "no_rate" if currency[i] not in rates else "",
                "stale_price" if times.get(i) == NOW - 2 * HOUR else "",
                "no_price_time" if i in times and times[i] is None else "",
            ]
            row = D(held[key]), times.get(i), currency[i]
            expected += [(a, i, row[0], r, row[1], row[2]) for r in reasons if r]
        assert rows(book.exceptions(HOUR)) == expected
        missing = {row[:2] for row in expected if row[3] in ("no_price", "no_rate")}
        assert {row[:2] for row in rows(book.exceptions())} == missing
        assert sum(book.values(by=())["unpriced"]) == len(missing)
