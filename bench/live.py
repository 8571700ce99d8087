"""The whole book under way: what readers cost a writer, and what many polled views cost.

`python bench/live.py [--size mid|full] [--seconds S]` prints two tables. One thread writes and
polls, so that its own CPU time can be told apart; every answer is checked against NumPy at the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mvcore
from book_memory import resident_bytes
from dataset import SIZES, World, amounts
from orders_dataset import STATUSES, OrderWorld
from report import machine

VIEWS, WATCHED, POLL = 1_000, 2, 0.1
TICKS, FACTS = 83.3, 2_000  # a second


class Live:
    """The book, and the same in NumPy."""

    def __init__(self, world: World) -> None:
        self.world, self.orders = world, OrderWorld(world)
        self.book = mvcore.Book()
        tables = {"holdings": world.holdings("by instrument"), "orders": self.orders.table()}
        self.book.load(**tables, **self.orders.masters())
        self.book.value(world.account_names[0])  # builds the by-account index
        self.measures = self.orders.measures()
        self.prices = world.prices.copy()
        self.random = np.random.default_rng(11)

    def some_ticks(self, count: int) -> list[tuple[int, str]]:
        codes = self.random.integers(0, self.world.instruments, count)
        prices = self.random.integers(100_000, 1_900_000, count)
        for code, price in zip(codes.tolist(), prices.tolist(), strict=True):
            self.prices[code] = price
        return [(c, f"{p}e-4") for c, p in zip(codes.tolist(), prices.tolist(), strict=True)]

    def some_facts(self, count: int) -> list[tuple[Any, ...]]:
        """Orders somewhere in the book that are filled to some other part."""
        ids = self.random.integers(0, self.orders.count, count)
        instruments, accounts = self.orders.places(ids)
        out = []
        for k, i, a in zip(ids.tolist(), instruments.tolist(), accounts.tolist(), strict=True):
            quantity, before = int(self.orders.quantity[k]), int(self.orders.filled[k])
            done = int(np.trunc(quantity * self.random.random()))
            self.orders.filled[k] = done
            self.measures["current"][i, a] += done - before
            status = STATUSES[done != 0]
            names = self.world.account_names[a], self.world.instrument_names[i]
            out.append((k, *names, quantity, done, status))
        return out

    def check(self, accounts: np.ndarray, got: dict[str, np.ndarray]) -> None:
        for name, values in got.items():
            wanted = amounts(self.prices @ self.measures[name][:, accounts])
            assert (values == wanted).all(), f"{name}: the book and NumPy differ"


def tick_latencies(live: Live, seconds: float) -> np.ndarray:
    """Nanoseconds of ticks, one after the other for so long."""
    tick, clock, spent = live.book.tick, time.perf_counter_ns, []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for code, price in live.some_ticks(1_000):
            start = clock()
            tick(code, price)
            spent.append(clock() - start)
    return np.array(spent)


def beside_a_stopped_reader(live: Live, seconds: float) -> list[str]:
    """Ticks alone, then beside a snapshot that is held and a view that is left unread."""
    lines = [
        "| ticks | count | p50 | p99 | p99.9 | max | pages copied | memory |",
        "|---" * 8 + "|",
    ]
    for said in ("nobody reads", "a snapshot held, a view unread", "nobody reads again"):
        held = said.startswith("a snapshot")
        now = live.book.snapshot() if held else None
        view = live.book.view() if held else None
        if view is not None:
            view.read()
        copies, memory = live.book.stats()["pages_copied"], resident_bytes()
        spent = tick_latencies(live, seconds)
        grown = (resident_bytes() - memory) / 1e6
        copies = live.book.stats()["pages_copied"] - copies
        if now is not None and view is not None:
            everyone = np.arange(live.world.accounts)
            live.check(everyone, {"current": view.read().to_numpy("current", scaled=True)})
            now.close()
            view.close()
        parts = [f"{p / 1e3:.2f} us" for p in np.percentile(spent, [50, 99, 99.9, 100])]
        cells = [said, f"{len(spent):,}", *parts, str(copies), f"{grown:+.1f} MB"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def polled(live: Live, seconds: float) -> list[str]:
    """Small views, all of them asked for changes ten times a second while ticks and facts come."""
    world, book = live.world, live.book
    firsts = world.some(world.accounts - WATCHED, VIEWS)
    pairs = np.stack([firsts, firsts + 1], axis=1)
    views = [book.view(accounts=[world.account_names[a] for a in pair]) for pair in pairs]
    held = {name: np.zeros((VIEWS, WATCHED), np.int64) for name in live.measures}
    clock, spent, rows, polls = time.thread_time_ns, {"ticks": 0, "facts": 0, "polls": 0}, 0, []

    def poll() -> int:
        start, begin = clock(), time.perf_counter_ns()
        frames = book.changes(views)
        spent["polls"] += clock() - start
        polls.append(time.perf_counter_ns() - begin)
        for v, frame in enumerate(frames):  # what a service would send: not counted
            if len(frame):
                where = frame.codes("account") - pairs[v, 0]
                for name, values in held.items():
                    values[v, where] = frame.to_numpy(name, scaled=True)
        return sum(map(len, frames))

    poll()
    spent["polls"], polls[:] = 0, []
    turns = max(int(seconds / POLL), 1)
    due = time.perf_counter()
    for turn in range(turns):
        ticks = int(TICKS * POLL * (turn + 1)) - int(TICKS * POLL * turn)
        for kind, calls, call in (
            ("ticks", live.some_ticks(ticks), book.tick),
            ("facts", live.some_facts(int(FACTS * POLL)), book.order),
        ):
            start = clock()
            for arguments in calls:
                call(*arguments)
            spent[kind] += clock() - start
        rows += poll()
        due += POLL
        time.sleep(max(due - time.perf_counter(), 0))
    live.check(pairs.reshape(-1), {name: values.reshape(-1) for name, values in held.items()})
    taken = sum(view.stats()["memory"] for view in views) / VIEWS
    for view in views:
        view.close()
    share = {kind: f"{ns / (turns * POLL * 1e7):.2f} %" for kind, ns in spent.items()}
    p50, p99, most = (f"{p / 1e6:.2f} ms" for p in np.percentile(polls, [50, 99, 100]))
    return [
        f"{VIEWS:,} views of {WATCHED} accounts, three measures, polled every {POLL:g} s for "
        f"{turns * POLL:g} s; {TICKS} ticks/s, {FACTS:,} facts/s; {rows:,} rows handed out.",
        "",
        "| polls | ticks | facts | a poll: p50 | p99 | max | a view |",
        "|---" * 7 + "|",
        f"| {share['polls']} of a core | {share['ticks']} | {share['facts']} | {p50} | {p99} | "
        f"{most} | {taken / 1e3:.1f} KB |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    size = SIZES[asked.size]
    live = Live(World(size.accounts, size.instruments))
    print(f"{live.world.rows:,} holdings, {live.orders.count:,} orders. {machine()}\n")
    print("\n".join(polled(live, asked.seconds)), "\n", flush=True)
    print("\n".join(beside_a_stopped_reader(live, asked.seconds)))


if __name__ == "__main__":
    main()
