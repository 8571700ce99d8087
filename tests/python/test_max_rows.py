"""`max_rows` refuses a read from an estimate, before anything of the size of its answer is made."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pytest

import mvcore


def sparse_book(accounts: int, instruments: int, positions: int, seed: int = 1) -> mvcore.Book:
    dice = random.Random(seed)
    book = mvcore.Book(base_currency="EUR")
    drawn = ((dice.randrange(accounts), dice.randrange(instruments)) for _ in range(positions))
    cells = sorted(set(drawn))
    book.load(
        accounts={
            "account": [f"A{a}" for a in range(accounts)],
            "desk": [f"d{a % 7}" if a % 5 else None for a in range(accounts)],
        },
        instruments={
            "instrument": [f"I{i}" for i in range(instruments)],
            "currency": [("EUR", "USD", "GBP")[i % 3] for i in range(instruments)],
            "sector": [f"s{i % 4}" for i in range(instruments)],
        },
        holdings={
            "account": [f"A{a}" for a, _ in cells],
            "instrument": [f"I{i}" for _, i in cells],
            "quantity": [1 + k % 9 for k in range(len(cells))],
        },
        prices={
            "instrument": [f"I{i}" for i in range(0, instruments, 2)],
            "price": [10] * len(range(0, instruments, 2)),
        },
        fx={"currency": ["USD"], "rate": ["0.9"]},
    )
    return book


def test_a_read_that_may_have_too_many_rows_is_refused_before_anything_is_made() -> None:
    book = sparse_book(1_500, 1_500, 30_000)
    positions = book.stats()["positions"]
    with book.snapshot() as snapshot:
        for read in (book.values, book.view, snapshot.values):
            swept, views = book.stats()["cells_swept"], book.stats()["views"]
            tracemalloc.start()
            with pytest.raises(mvcore.InvalidInput) as caught:
                read(by=("account", "instrument"), max_rows=20_000)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            error = caught.value
            assert (error.column, error.value) == ("max_rows", 20_000)
            assert error.reason == (
                f"the read may have {positions} rows, more than 20000; select fewer"
            )
            assert book.stats()["cells_swept"] == swept
            assert book.stats()["views"] == views
            assert peak < 8 * positions  # a column of the answer would take as much
        assert len(snapshot.values(by=("account", "instrument"), max_rows=positions)) == positions


GROUPINGS: tuple[dict[str, Any], ...] = (
    {"by": ()},
    {"by": "account"},
    {"by": "instrument"},
    {"by": ("account", "instrument")},
    {"by": ("desk", "sector")},
    {"by": ("desk", "instrument"), "accounts": {"desk": ["d1", None]}},
    {"by": ("account", "sector"), "accounts": ["A1", "A3", "A4"]},
    {"by": ("account", "sector"), "instruments": ["I0", "I1", "I2"]},
    {"by": ("account", "instrument"), "accounts": ["A2"], "instruments": {"sector": "s1"}},
)


@pytest.mark.parametrize("currency", [None, "local"])
@pytest.mark.parametrize("rollup", [False, True])
def test_the_estimate_is_never_less_than_the_rows(currency: str | None, rollup: bool) -> None:
    for seed, shape in enumerate([(12, 9, 40), (300, 40, 500), (5, 60, 200), (40, 3, 10)]):
        book = sparse_book(*shape, seed=seed)
        for grouping in GROUPINGS:
            given = {**grouping, "currency": currency, "rollup": rollup, "allow_empty": True}
            rows = len(book.values(**given))
            if rows:
                with pytest.raises(mvcore.InvalidInput, match="max_rows"):
                    book.values(**given, max_rows=rows - 1)
            positions = book.stats()["positions"]
            most = positions * (len(book.values(by=())) + 3)  # no answer has more
            assert len(book.view(**given, max_rows=most).read()) == rows


def test_a_page_counts_all_the_rows_that_it_is_cut_from() -> None:
    book = sparse_book(30, 20, 100)
    page = {"by": ("account", "instrument"), "sort": "-current", "limit": 3}
    positions = book.stats()["positions"]
    assert len(book.values(**page, max_rows=positions)) == 3
    with pytest.raises(mvcore.InvalidInput, match="max_rows"):
        book.values(**page, max_rows=positions - 1)


@pytest.mark.parametrize("wrong", [-1, 1.5, "many", True, float("nan")])
def test_max_rows_is_a_number_of_rows(wrong: object) -> None:
    book = sparse_book(3, 3, 5)
    for read in (book.values, book.view):
        with pytest.raises(mvcore.InvalidInput) as caught:
            read(max_rows=wrong)
        assert caught.value.column == "max_rows"
