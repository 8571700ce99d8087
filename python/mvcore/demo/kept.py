"""Checkpoints of the demo's book, and its recovery with the same amounts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import mvcore
from mvcore.demo.bench import TO_VALUE_SCALE, Bench, check
from mvcore.demo.generate import PRICE_SCALE, Facts, open_book
from mvcore.demo.table import Checkpoints, Recovery, duration
from mvcore.query.measures import MEASURES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHANGED_ORDERS = 1_000


def checkpoints(bench: Bench) -> Checkpoints:
    """Measure a full checkpoint, and one after all prices and 1 % of the instruments changed."""
    full_s, full_bytes = checkpoint(bench.book)
    rows, prices = bench.moves(len(bench.facts.instruments))
    bench.book.ticks(bench.codes[rows], prices, scale=PRICE_SCALE)
    if ordered := len(bench.facts.orders):
        some = bench.random.choice(ordered, max(ordered // 100, 1), replace=False)
        for report in bench.reports(bench.fills(CHANGED_ORDERS, some)):
            bench.book.order(*report)
    changed_s, changed_bytes = checkpoint(bench.book)
    bench.check_watched()
    return Checkpoints(full_s, full_bytes, changed_s, changed_bytes)


def checkpoint(book: mvcore.Book) -> tuple[float, int]:
    """Write a checkpoint. Returns the seconds and the bytes written."""
    start = time.perf_counter()
    book.checkpoint()
    took = time.perf_counter() - start
    return took, book.stats()["checkpoint_new_bytes"]


def amounts(book: mvcore.Book) -> list[NDArray[np.int64]]:
    """The amounts of every account, by measure."""
    frame = book.values(measures=MEASURES)
    return [frame.to_numpy(name, scaled=True) for name in MEASURES]


def opened_again(path: Path, facts: Facts, before: list[NDArray[np.int64]]) -> Recovery:
    """Reopen the closed book, and check its amounts against those before and those of the facts."""
    start = time.perf_counter()
    book = open_book(path)
    took = time.perf_counter() - start
    with book:
        assert book.recovery is not None
        replayed = book.recovery.replayed
        for name, got, wanted in zip(MEASURES, amounts(book), before, strict=True):
            check(f"{name} after opening again", got, wanted)
            if name == "current":
                check(name, got, facts.account_totals() * TO_VALUE_SCALE)
    print(f"Opened again in {duration(took)}, {replayed:,} journal groups replayed", flush=True)
    return Recovery(took, replayed)
