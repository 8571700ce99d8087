"""Groupings of which most pairs of groups have no position cost the pairs that have one."""

from __future__ import annotations

import random
from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest

import mvcore

BY = ("account", "instrument")


def book_of(accounts: int, instruments: int, cells: dict[tuple[int, int], int]) -> mvcore.Book:
    book = mvcore.Book(base_currency="EUR", value_scale=2)
    book.load(
        accounts={"account": [f"A{a}" for a in range(accounts)]},
        instruments={
            "instrument": [f"I{i}" for i in range(instruments)],
            "currency": ["EUR"] * instruments,
            "sector": [f"s{i % 3}" for i in range(instruments)],
        },
        holdings=holdings(cells),
        prices={"instrument": [f"I{i}" for i in range(instruments)], "price": [2] * instruments},
    )
    return book


def holdings(cells: dict[tuple[int, int], int]) -> dict[str, list[Any]]:
    return {
        "account": [f"A{a}" for a, _ in cells],
        "instrument": [f"I{i}" for _, i in cells],
        "quantity": list(cells.values()),
    }


def drawn(accounts: int, instruments: int, count: int, seed: int) -> dict[tuple[int, int], int]:
    dice = random.Random(seed)
    return {
        (dice.randrange(accounts), dice.randrange(instruments)): dice.randrange(1, 9)
        for _ in range(count)
    }


def keyed(frame: mvcore.Frame, by: tuple[str, ...] = BY) -> dict[tuple[Any, ...], D]:
    return {tuple(row[name] for name in by): row["current"] for row in frame.to_pylist()}


def test_a_view_by_position_costs_its_positions() -> None:
    cells = drawn(4_000, 3_000, 20_000, seed=1)
    book = book_of(4_000, 3_000, cells)
    with book.view(by=BY, measures="current") as view:
        assert len(view.read()) == len(cells)
        assert view.stats()["memory"] < 100 * len(cells)
        before = view.stats()
        book.tick("I7", "3")
        changed = keyed(view.changes())
        held = {(f"A{a}", f"I{i}"): D(3 * q) for (a, i), q in cells.items() if i == 7}
        assert changed == held
        after = view.stats()
        assert after["cells_swept"] - before["cells_swept"] == len(held)
        assert after["rebuilds"] == before["rebuilds"] == 1


def test_rows_come_in_the_order_of_their_labels() -> None:
    cells = drawn(300, 200, 900, seed=2)
    book = book_of(300, 200, cells)
    for by in (BY, ("instrument", "account"), ("sector", "account"), ("account", "sector")):
        rows = [tuple(row[name] for name in by) for row in book.values(by=by).to_pylist()]
        code = {"account": lambda n: int(n[1:]), "instrument": lambda n: int(n[1:])}
        keys = [tuple(code.get(n, str)(v) for n, v in zip(by, row, strict=True)) for row in rows]
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys)
        page = book.values(by=by, limit=7, offset=5)
        assert [tuple(row[name] for name in by) for row in page.to_pylist()] == rows[5:12]


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
@pytest.mark.parametrize("currency", [None, "local"])
def test_a_view_keeps_its_rows_when_they_are_numbered_anew(mode: Any, currency: Any) -> None:
    """The book fills up, so that rows become dense, and empties, so that they are listed again."""
    accounts, instruments = 60, 50
    book = book_of(accounts, instruments, {})
    view = book.view(by=BY, measures="current", currency=currency, mode=mode)
    everything = [(a, i) for a in range(accounts) for i in range(instruments)]
    dice = random.Random(3)
    last: dict[tuple[Any, ...], D] = {}
    for share in (0.0, 0.01, 0.02, 0.9, 1.0, 0.5, 0.01, 0.0, 0.03, 0.6, 0.0):
        kept = dice.sample(everything, round(share * len(everything)))
        book.load(holdings=holdings({cell: dice.randrange(1, 5) for cell in kept}))
        if dice.random() < 0.5:
            book.update(accounts={"account": [f"A{accounts}"]})
            accounts += 1
        now = keyed(book.values(by=BY, measures="current", currency=currency))
        assert len(now) == len(kept)
        rows = view.changes().to_pylist()
        changed = {(r["account"], r["instrument"]): r for r in rows}
        assert len(changed) == len(rows)
        assert {key for key, row in changed.items() if row["removed"]} == last.keys() - now.keys()
        expected = {key: amount for key, amount in now.items() if last.get(key) != amount}
        assert {k: r["current"] for k, r in changed.items() if not r["removed"]} == expected
        assert keyed(view.read()) == now
        last = now


def test_rows_that_lost_their_positions_are_given_up_but_not_at_every_write() -> None:
    cells = drawn(2_000, 1_000, 6_000, seed=4)
    book = book_of(2_000, 1_000, cells)
    view = book.view(by=BY, measures="current", mode="incremental")
    view.read()
    held = view.stats()["memory"]
    for first in range(0, len(cells), 1_000):  # as updates, which the view follows one by one
        gone = dict.fromkeys(list(cells)[first : first + 1_000], 0)
        book.update(holdings=holdings(gone))
    for price in range(50):
        book.tick("I1", str(5 + price))
    assert view.stats()["rebuilds"] <= 4
    assert view.changes().to_pylist() and len(view.read()) == 0
    few = drawn(2_000, 1_000, 50, seed=5)
    for cell, quantity in few.items():
        book.update(holdings=holdings({cell: quantity}))
    assert len(view.changes()) == len(few)
    assert view.stats()["memory"] <= 2 * held


def test_functions_and_quantities_of_listed_rows() -> None:
    @mvcore.measure
    def twice(quantity: float, price: float) -> float:
        return 2 * quantity * price

    cells = drawn(400, 300, 800, seed=6)
    book = book_of(400, 300, cells)
    frame = book.values(by=BY, measures=["current", twice, "current_quantity", "price"])
    assert len(frame) == len(cells)
    for row in frame.to_pylist():
        quantity = cells[int(row["account"][1:]), int(row["instrument"][1:])]
        assert row["current_quantity"] == quantity and row["price"] == 2
        assert row["current"] == 2 * quantity and row["twice"] == 4 * quantity
    empty = next(a for a in range(400) if all(account != a for account, _ in cells))
    none = book.values(accounts=[f"A{empty}"], by=BY, measures=["current", twice])
    assert len(none) == 0 and np.asarray(none["twice"]).shape == (0,)


def test_many_more_pairs_than_fit_memory() -> None:
    cells = drawn(100_000, 30_000, 5_000, seed=7)
    book = book_of(100_000, 30_000, cells)
    assert len(book.values(by=BY)) == len(cells)
    with book.view(by=BY, sort="-current", limit=3) as view:
        best = sorted(cells.values(), reverse=True)[:3]
        assert [row["current"] for row in view.read().to_pylist()] == [2 * q for q in best]
