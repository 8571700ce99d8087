"""The demo's book for `mvcore serve --demo`, with attributes to group by and moving prices."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

import mvcore
from mvcore.demo.generate import Facts, as_large_as_fits, price_text
from mvcore.demo.paced import TICKS_PER_SECOND

log = logging.getLogger("mvcore.demo")
SECTORS = ("energy", "finance", "health", "industry", "technology")
DESKS, IN_A_HOUSEHOLD = 5, 4
LARGEST_MOVE = 5_000  # in 1e-4


@contextlib.contextmanager
def playing(size: tuple[int, int] | None) -> Iterator[mvcore.Book]:
    """The book, with ticks while the context lasts. size: accounts and instruments.

    If the ticks fail, the error is logged at once and raised at the end.
    """
    book, facts = as_large_as_fits(*(size or ()))
    done = threading.Event()
    with book, ThreadPoolExecutor(1) as pool:
        masters: dict[str, Any] = attributes(facts)
        book.update(**masters)
        feed = pool.submit(play, book, facts, done)
        feed.add_done_callback(_log_failure)
        try:
            yield book
        finally:
            done.set()
            feed.result()


def _log_failure(feed: Future[None]) -> None:
    if (error := feed.exception()) is not None:
        log.error("prices no longer change: the demo's feed failed", exc_info=error)


def attributes(facts: Facts) -> dict[str, dict[str, list[str]]]:
    """Households and desks of accounts, sectors of instruments."""
    accounts, instruments = len(facts.accounts), len(facts.instruments)
    return {
        "accounts": {
            "account": facts.accounts,
            "household": [f"H{k // IN_A_HOUSEHOLD:04}" for k in range(accounts)],
            "desk": [f"desk {k % DESKS}" for k in range(accounts)],
        },
        "instruments": {
            "instrument": facts.instruments,
            "sector": [SECTORS[k % len(SECTORS)] for k in range(instruments)],
        },
    }


def play(book: mvcore.Book, facts: Facts, done: threading.Event) -> None:
    """Move prices a little, at a market's pace, each with its time."""
    random = np.random.default_rng(1)
    prices = facts.prices.tolist()
    while not done.wait(1 / TICKS_PER_SECOND):
        row = int(random.integers(len(prices)))
        move = int(random.integers(-LARGEST_MOVE, LARGEST_MOVE + 1))
        prices[row] = max(1, prices[row] + move)
        book.tick(facts.instruments[row], price_text(prices[row]), time.time_ns())
