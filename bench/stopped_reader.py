"""Times ticks alone, then next to readers that stopped: a held snapshot, an unread view.

`python bench/stopped_reader.py [--size tiny|mid|full] [--seconds S]` prints a table: latencies of
single ticks, pages copied, memory. The view's final read is checked against NumPy.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

from book_memory import resident_bytes
from dataset import PRICE_SCALE, SIZES
from production_roles import Histogram
from production_run import Live, to_three_digits
from report import machine

BLOCK = 1_000  # ticks made, timed and recorded together


def ticks_for(live: Live, seconds: float) -> Histogram:
    """Latencies of ticks, including the clock's overhead."""
    tick, clock, found = live.book.tick, time.perf_counter_ns, Histogram()
    random = np.random.default_rng(11)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        codes = random.integers(0, live.world.instruments, BLOCK).tolist()
        prices = random.integers(100_000, 1_900_000, BLOCK).tolist()
        spent = []
        for code, price in zip(codes, prices, strict=True):
            live.ledger.prices[code] = price
            text = f"{price}e-{PRICE_SCALE}"
            start = clock()
            tick(code, text)
            spent.append(clock() - start)
        for value, count in zip(*np.unique(to_three_digits(spent), return_counts=True)):  # noqa: B905
            found.record_value(int(value), int(count))
    return found


def report(live: Live, seconds: float) -> list[str]:
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
        before = live.ledger.accounts()
        spent = ticks_for(live, seconds)
        grown = (resident_bytes() - memory) / 1e6
        copies = live.book.stats()["pages_copied"] - copies
        if now is not None and view is not None:
            for read, want in ((view.read(), live.ledger.accounts()), (now.values(), before)):
                got = [read.to_numpy(m, scaled=True) for m in ("sod", "current", "expected")]
                assert (np.stack(got) == want).all(), "the book and NumPy differ"
            now.close()
            view.close()
        times = [spent.get_value_at_percentile(p) for p in (50, 99, 99.9)] + [spent.get_max_value()]
        cells = [
            said, f"{spent.get_total_count():,}", *(f"{t / 1e3:.2f} us" for t in times),
            str(copies), f"{grown:+.1f} MB",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    size = SIZES[asked.size]
    live = Live(size.accounts, size.instruments)
    print(f"{live.world.rows:,} holdings, {live.ledger.orders.count:,} orders. {machine()}\n")
    print("\n".join(report(live, asked.seconds)))


if __name__ == "__main__":
    main()
