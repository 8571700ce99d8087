"""`ticks(feed=)`: the offsets of a feed of prices are stored with the prices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mvcore

NAMES = ["I", "J"]


def opened(folder: Path) -> mvcore.Book:
    book = mvcore.open(folder)
    if not len(book.instruments()):
        book.load(
            instruments={"instrument": NAMES, "currency": ["USD"] * 2},
            accounts={"account": ["A"]},
            holdings={"account": ["A", "A"], "instrument": NAMES, "quantity": [1, 100]},
        )
    return book


@pytest.mark.parametrize(
    "given",
    [
        {"instruments": NAMES, "prices": [1.5, 2]},
        {"instruments": NAMES, "prices": np.array([1.5, 2])},
        {"instruments": NAMES, "prices": np.array([15, 20]), "scale": 1},
        {"instruments": ["new", *NAMES], "prices": [7, 1.5, 2], "unknown": "skip"},
        {
            "instruments": np.array([0, 1], np.int32),
            "prices": ["1.5", "2"],
            "times": ["2026-11-02T10:00Z"] * 2,
        },
    ],
    ids=str,
)
def test_offsets_are_stored_with_the_prices(tmp_path: Path, given: dict[str, Any]) -> None:
    with opened(tmp_path / "book") as book:
        epoch = book.epoch
        assert book.ticks(**given, feed={"prices/0": 41, "prices/1": 7}) == epoch + 1
        assert book.ticks(**given, feed={"prices/0": 42}) == epoch + 2
        book.flush()
    with opened(tmp_path / "book") as book:
        assert book.feed_positions() == {"prices/0": 42, "prices/1": 7}
        assert (book.epoch, book.value("A").current) == (epoch + 2, Decimal("201.5"))


def test_offsets_without_prices_are_a_batch(tmp_path: Path) -> None:
    with opened(tmp_path / "book") as book:
        epoch = book.epoch
        assert book.ticks([], [], feed={"prices/0": 3}) == epoch + 1
        book.flush()
    with opened(tmp_path / "book") as book:
        assert book.feed_positions() == {"prices/0": 3}


def test_offsets_of_refused_prices_are_not_stored(tmp_path: Path) -> None:
    with opened(tmp_path / "book") as book:
        book.ticks(NAMES, [1, 2], feed={"prices/0": 1})
        epoch = book.epoch
        with pytest.raises(mvcore.UnknownId, match="unknown instrument 'new'"):
            book.ticks(["I", "new"], [1, 2], feed={"prices/0": 2})
        with pytest.raises(mvcore.InvalidInput, match=r"ticks\.feed: .* is not an int"):
            book.ticks(NAMES, [3, 4], feed={"prices/0": "2"})
        assert (book.epoch, book.feed_positions()) == (epoch, {"prices/0": 1})
