"""The costs of an open durable book: checkpoints, concurrent ticks, the journal by `sync`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mvcore
from durable_book import BATCH, Facts, Ticks, put_board, seconds, touch
from production_oracle import Ledger

EVERY = 1_000_000  # ns between two ticks
FULL, PART, PRICES = "full", "1 % of the instruments", "only ticks"
SYNCS = ("always", "interval", "os")


@dataclass(frozen=True)
class Effort:
    """The numbers of repetitions.

    rounds, opens: rounds and openings, whose medians are reported. quiet: seconds of ticks without
    a checkpoint. single, batches: calls per round of the journal. replay: order reports that an
    opening replays. ticks: per round next to the book in memory.
    """

    rounds: int = 5
    opens: int = 3
    quiet: float = 5.0
    single: int = 2_000
    batches: int = 100
    replay: int = 1_000_000
    ticks: int = 1_000_000


@dataclass
class Checkpoint:
    """The measurements of one kind of checkpoint, by round."""

    alone: list[float] = field(default_factory=list)  # seconds
    beside: list[float] = field(default_factory=list)  # with concurrent ticks
    bytes: list[int] = field(default_factory=list)  # written
    late: list[int] = field(default_factory=list)  # ns from due to done, for each tick


def checkpoints(
    folder: Path, ledger: Ledger, effort: Effort
) -> tuple[dict[str, Checkpoint], list[int]]:
    """Measure checkpoints by what changed before them, and the latencies of ticks without any."""
    random = np.random.default_rng(34)
    count = ledger.world.instruments
    ticks = Ticks(ledger)
    found = {kind: Checkpoint() for kind in (FULL, PART, PRICES)}
    with mvcore.open(folder, checkpoint_bytes=None) as book:

        def change(kind: str, seed: int) -> None:
            if kind != PRICES:
                some = count if kind == FULL else max(count // 100, 1)
                touch(book, ledger, np.sort(random.choice(count, some, replace=False)))
            put_board(book, ledger, seed)

        for kind, one in found.items():
            for turn in range(effort.rounds):
                change(kind, 2 * turn)
                one.alone.append(seconds(book.checkpoint))
                one.bytes.append(book.stats()["checkpoint_new_bytes"])
                change(kind, 2 * turn + 1)
                took, late = beside(book, ticks, book.checkpoint)
                one.beside.append(took)
                one.late += late
        _, quiet = beside(book, ticks, lambda: time.sleep(effort.quiet))
    return found, quiet


def beside(book: Any, ticks: Ticks, work: Callable[[], object]) -> tuple[float, list[int]]:
    """Run `work` in a thread, while this thread ticks.

    Returns its seconds and the ticks' latencies.

    A tick is due every EVERY ns, however long earlier ones took. Its latency is the time from due
    to done.
    """
    took: list[float] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            took.append(seconds(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    late, now = [], time.perf_counter_ns
    thread.start()
    due = now()
    while thread.is_alive():
        name, price = ticks.next()
        if (wait := due - now()) > 0:
            time.sleep(wait / 1e9)
        book.tick(name, price)
        late.append(now() - due)
        due += EVERY
    thread.join()
    if failed:
        raise failed[0]
    ticks.settle()
    return took[0], late


@dataclass
class JournalCost:
    """Seconds of an order report, and of a plain file write of as many bytes, by round."""

    fact: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    bytes: float = 0  # per call in the journal


def journals(
    folder: Path, ledger: Ledger, facts: Facts, effort: Effort
) -> dict[tuple[str, str], JournalCost]:
    """Measure the journal by `sync` and kind of call."""
    out = {}
    for sync in SYNCS:
        with mvcore.open(folder, sync=sync, checkpoint_bytes=None) as book:
            kinds = {
                "single facts": (1, effort.single, facts.single, _single),
                f"batches of {BATCH:,}": (BATCH, effort.batches, facts.batches, _batches),
            }
            for kind, (rows, count, make, send) in kinds.items():
                one = out[sync, kind] = JournalCost()
                rows = min(rows, len(facts.ids))
                for _ in range(effort.rounds):
                    calls, before = make(count), counted(book)
                    one.fact.append(seconds(partial(send, book, calls)) / (count * rows))
                    after = counted(book)
                    assert after[1] - before[1] == count * rows
                    one.bytes = (after[0] - before[0]) / count
                    plain = plain_writes(folder, round(one.bytes), count, sync == "always")
                    one.plain.append(plain / (count * rows))
    return out


def counted(book: Any) -> tuple[int, int]:
    stats = book.stats()
    return stats["journal_bytes"], stats["facts"]


def _single(book: Any, calls: list[Any]) -> None:
    order = book.order
    for call in calls:
        order(*call)


def _batches(book: Any, calls: list[Any]) -> None:
    for table in calls:
        book.update(orders=table)


def plain_writes(folder: Path, size: int, count: int, sync: bool) -> float:
    """Time appends to a plain file on the same disk, each with fdatasync if `sync`."""
    path = folder.parent / "plain"
    data = os.urandom(size)
    with path.open("wb", buffering=0) as file:

        def run() -> None:
            for _ in range(count):
                file.write(data)
                if sync:
                    os.fdatasync(file.fileno())

        took = seconds(run)
    path.unlink()
    return took


def write_for_replay(folder: Path, facts: Facts, count: int, single: bool) -> tuple[int, int]:
    """Write a checkpoint, then at least `count` order reports.

    Returns their number and journal bytes.
    """
    with mvcore.open(folder, sync="os", checkpoint_bytes=None) as book:
        book.checkpoint()
        before = counted(book)
        done = 0
        while done < count:
            if single:
                some = min(count - done, 10 * BATCH, len(facts.ids))
                _single(book, facts.single(some))
            else:
                some = min(BATCH, len(facts.ids))
                _batches(book, facts.batches(1))
            done += some
        after = counted(book)
    assert after[1] - before[1] == done
    return done, after[0] - before[0]
