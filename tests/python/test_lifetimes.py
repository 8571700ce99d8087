"""Errors and frames keep nothing alive: no book, no file of a journal, no column."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mvcore

REFUSED: dict[str, Callable[[mvcore.Book], object]] = {
    "tick": lambda book: book.tick("nobody", 1),
    "price": lambda book: book.tick("I", "x"),
    "order": lambda book: book.order("o", "A", "nobody", 1),
    "status": lambda book: book.order("o", "A", "I", 1, status="odd"),
    "value": lambda book: book.value("nobody"),
    "ticks": lambda book: book.ticks(["I"], [1, 2]),
    "update": lambda book: book.update(prices={"instrument": ["nobody"], "price": [1]}),
    "values": lambda book: book.values(accounts=["nobody"]),
    "attribute": lambda book: book.values(accounts={"nothing": 1}),
    "label": lambda book: book.values(accounts={"desk": "nobody"}),
    "by": lambda book: book.values(by=("nothing",)),
    "measures": lambda book: book.values(measures=("nothing",)),
    "currency": lambda book: book.values(currency="XXX"),
    "what_if": lambda book: book.values(prices={"nobody": 1}),
    "revalue": lambda book: book.revalue("nobody"),
    "remove": lambda book: book.remove(accounts=["nobody"]),
    "view": lambda book: book.view(by=("nothing",)),
    "closed": lambda book: (book.close(), book.tick("I", 1)),
}


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Disable the collector, so that objects in cycles stay alive."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("what", REFUSED)
def test_an_error_does_not_keep_its_book_alive(tmp_path: Path, what: str) -> None:
    def refused() -> weakref.ref[mvcore.Book]:
        book = mvcore.open(tmp_path / "book")
        book.load(
            instruments={"instrument": ["I"], "currency": ["USD"]},
            accounts={"account": ["A"], "desk": ["d"]},
            prices={"instrument": ["I"], "price": [2]},
        )
        try:
            REFUSED[what](book)
        except mvcore.Error:
            return weakref.ref(book)
        raise AssertionError("it was not refused")

    assert refused()() is None


FRAMES: dict[str, Callable[[mvcore.Book], mvcore.Frame]] = {
    "values": lambda book: book.values(by=("account", "instrument"), measures=("sod", "price")),
    "local": lambda book: book.values(by="account", currency="local"),
    "subtotals": lambda book: book.values(by=("account", "sector"), rollup=True),
    "changes": lambda book: book.view(by="account").changes(),
    "combined": lambda book: book.changes([book.view(by="account")], combined=True),
    "positions": lambda book: book.positions(),
    "holdings": lambda book: book.holdings(),
    "instruments": lambda book: book.instruments(),
}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("kind", FRAMES)
def test_the_memory_of_a_frame_is_free_once_nobody_has_it(kind: str) -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["I", "J"], "currency": ["USD"] * 2, "sector": ["s", "t"]},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["B", "A"], "instrument": ["J", "I"], "quantity": [1, 2]},
        prices={"instrument": ["I"], "price": [2]},
    )
    frame = FRAMES[kind](book)
    assert len(frame) > 0 and frame[frame.column_names[0]]  # the other columns are not made
    gc.collect()
    del frame
    assert gc.collect() == 0
