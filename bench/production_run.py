"""One run of `production.py`: its threads, its duration, and its measurements."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import mvcore
from book_memory import status_bytes
from dataset import World
from orders_dataset import OrderWorld
from production_oracle import BOARD, FACT, KINDS, TICK, Ledger, Writes
from production_readers import Firm, Sessions, Snapshots
from production_roles import LATE, Histogram, Role, Writer, now

POLL, FIRM, SNAPSHOT = "poll of sessions", "firm-wide views by sector", "snapshot, by sector"
HOLD = 5.0  # seconds that a snapshot is held, or a sixth of its period


@dataclass(frozen=True)
class Plan:
    """The loads, per second or as periods in seconds."""

    seconds: float
    ticks: float = 83.3
    facts: float = 2_000.0
    sessions: int = 1_000
    poll_every: float = 0.1
    firm: int = 10
    firm_every: float = 1.0
    board_every: float = 60.0
    snapshot_every: float = 30.0


class Live:
    """The book, and the same in NumPy."""

    def __init__(self, accounts: int, instruments: int) -> None:
        orders = OrderWorld(World(accounts, instruments))
        self.world = orders.world
        self.book = mvcore.Book()
        tables = {"holdings": self.world.holdings("by instrument"), "orders": orders.table()}
        self.book.load(**tables, **orders.masters())
        del tables
        self.book.value(self.world.account_names[0])  # builds the by-account index
        self.ledger = Ledger(orders)


@dataclass
class Found:
    """The measurements of a run. Histograms are in nanoseconds."""

    latency: dict[str, Histogram]  # from due
    alone: dict[str, Histogram]  # of the call
    cpu: dict[str, float]  # shares of a core, within the calls
    process: float  # share of a core of the whole process
    given_up: dict[str, int]
    memory: list[tuple[float, int]]  # seconds from the start, resident bytes
    counted: tuple[int, int]  # bytes that book.memory() counts at the start and at the end
    pages_copied: int
    rows: int  # returned
    checked: int  # amounts compared
    moments: int  # epochs at which amounts were compared

    def slope(self, after: float) -> float:
        """The growth of memory in bytes per second, by least squares, after this part of the
        run."""
        times, sizes = np.array(self.memory[int(len(self.memory) * after) :], np.float64).T
        return float(np.polyfit(times, sizes, 1)[0]) if len(times) > 1 else 0.0


def run(live: Live, plan: Plan) -> Found:
    """Run in real time. Raises AssertionError if an answer was wrong."""
    book, ledger = live.book, live.ledger
    rates = {TICK: plan.ticks, FACT: plan.facts, BOARD: 1 / plan.board_every}
    writes = Writes(ledger, rates, plan.seconds)
    readers: dict[str, Any] = {
        POLL: Sessions(book, live.world, plan.sessions),
        FIRM: Firm(book, plan.firm),
        SNAPSHOT: Snapshots(book, min(HOLD, plan.snapshot_every / 6)),
    }
    weights = {POLL: [len(g) for g in readers[POLL].groups], FIRM: [1] * plan.firm, SNAPSHOT: [1]}
    every = {POLL: plan.poll_every, FIRM: plan.firm_every, SNAPSHOT: plan.snapshot_every}
    roles = [
        Role(name, every[name], reader.calls, reader.after, weights[name])
        for name, reader in readers.items()
    ]
    writer = Writer(book, writes)
    first_epoch, copied = book.epoch, book.stats()["pages_copied"]
    counted = book.memory()["total"]
    gc.collect()
    gc.freeze()  # the collector need not scan the data of the measurement
    before, start = time.process_time(), now() + 200_000_000
    for thread in (writer, *roles):
        thread.begin(start, plan.seconds)
    memory = watch_memory((writer, *roles), start, plan.seconds)
    process = (time.process_time() - before) / ((now() - start) / 1e9)
    gc.unfreeze()
    for thread in (writer, *roles):
        if thread.failed is not None:
            raise thread.failed
    assert book.epoch == first_epoch + writer.written
    counted_after = book.memory()["total"]
    for reader in readers.values():
        reader.last()
    checked, moments = check(ledger, writes, writer.written, first_epoch, list(readers.values()))
    for reader in readers.values():
        reader.close()
    latency, alone = written(writer)
    return Found(
        latency | {role.name: role.latency for role in roles},
        alone | {role.name: role.alone for role in roles},
        {name: ns / 1e9 / plan.seconds for name, ns in writer.cpu.items()}
        | {role.name: role.cpu / 1e9 / plan.seconds for role in roles},
        process,
        {"writes": writer.given_up} | {role.name: role.given_up for role in roles},
        memory,
        (counted, counted_after),
        book.stats()["pages_copied"] - copied,
        sum(reader.rows for reader in readers.values()),
        checked,
        moments,
    )  # fmt: skip


def watch_memory(
    threads: tuple[threading.Thread, ...], start: int, seconds: float
) -> list[tuple[float, int]]:
    """Record the resident bytes every second until all threads are done."""
    out = []
    every = min(1.0, seconds / 20)
    while any(thread.is_alive() for thread in threads):
        at = (now() - start) / 1e9
        if 0 <= at <= seconds:
            out.append((at, status_bytes("VmRSS")))
        time.sleep(every)
        if at > seconds + 60 * LATE:
            raise RuntimeError(f"still at work: {[t.name for t in threads if t.is_alive()]}")
    return out


def check(
    ledger: Ledger, writes: Writes, written: int, first_epoch: int, readers: list[Any]
) -> tuple[int, int]:
    """Check every sample against NumPy at its epoch. Returns the numbers of amounts and epochs."""
    epochs = sorted({sample[0] for reader in readers for sample in reader.samples})
    at, checked = 0, 0
    for epoch in epochs:
        ledger.apply(writes, at, epoch - first_epoch)
        at = epoch - first_epoch
        checked += sum(reader.check(ledger, epoch) for reader in readers)
    assert at == written, "nobody looked at the end"
    return checked, len(epochs)


def written(writer: Writer) -> tuple[dict[str, Histogram], dict[str, Histogram]]:
    """Latencies of the writes, and durations of their calls, by kind."""
    latency, alone = {}, {}
    for kind, name in enumerate(KINDS):
        latency[name], alone[name] = Histogram(), Histogram()
        for histogram, values in zip((latency[name], alone[name]), writer.nanoseconds(kind)):  # noqa: B905
            for value, count in zip(*np.unique(to_three_digits(values), return_counts=True)):  # noqa: B905
                histogram.record_value(int(value), int(count))
    return latency, alone


def to_three_digits(values: Any) -> Any:
    """Round to the digits that the histogram keeps, so that few distinct values are recorded."""
    values = np.maximum(values, 1)
    step = 10 ** np.maximum(np.floor(np.log10(values)).astype(np.int64) - 3, 0)
    return values // step * step
