"""Measures operations against the memory bus: the bytes of state each must move, and its speed.

`python bench/bandwidth.py [--size tiny|mid|full] [--write]` first measures how fast one core and
two cores read memory. Then it measures operations of the book with orders, next to hand-written
numba on 32-bit quantities, in turns within one run. Every answer is checked against NumPy. A book
that fits the cache (mid, tiny) may have shares above 1.

The bytes are those that the operation must move in the present layout, whose width `book.memory()`
reports: quantities of the accounts and instruments read (one column per measure), order records,
totals, and what a view last returned. "In cache" is data that stays in the cache from call to call:
read and written.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bandwidth_operations import Operation, operations
from bandwidth_rates import Rates, measured_rates
from dataset import SIZES, Size, World
from report import figure, machine, spread
from sections import write_section

SECTION = "bandwidth"


def percent(part: float) -> str:
    return f"{part:.0%}"


def row(one: Operation, rates: Rates) -> str:
    ours = statistics.median(one.times["mvcore"])
    bytes_take = [rates.seconds(one.memory, one.cache, cores) for cores in (1, 2)]
    cells = [
        one.name,
        f"{one.memory / 1e3:,.0f} KB",
        f"{one.cache / 1e3:,.0f} KB",
        figure(bytes_take[0], ""),
        figure(ours, "") + spread(one.times["mvcore"], ""),
        *(percent(seconds / ours) for seconds in bytes_take),
        percent(one.goal) if one.goal else "",
    ]
    for threads in (1, 2):
        theirs = one.times.get(f"numba {threads}")
        if theirs is None:
            cells.append("")
            continue
        middle = statistics.median(theirs)
        share = rates.seconds(one.theirs, one.cache, threads) / middle
        cells.append(f"{figure(middle, '')}{spread(theirs, '')}, {percent(share)}")
    return "| " + " | ".join(cells) + " |"


def report(size: Size) -> list[str]:
    load = os.getloadavg()[0]
    rates = measured_rates(size)
    world = World(size.accounts, size.instruments)
    found = operations(size, world)
    memory = ", ".join(
        f"{statistics.median(rates.memory[cores]) / 1e9:.1f} GB/s on {said}"
        for cores, said in ((1, "one core"), (2, "two"))
    )
    cached = ", ".join(
        f"{statistics.median(rates.cache[n]) / 1e9:.0f} GB/s in an array of {n / 1e3:.0f} KB"
        for n in sorted(rates.cache)
    )
    return [
        f"{world.rows:,} holdings, {2 * world.rows:,} orders. {machine()}",
        "",
        f"Load average {load:.1f} when it began. Memory is read at {memory} (a sum over "
        f"{rates.bytes / 1e6:,.0f} MB); totals in the cache are read and written at {cached}. "
        "Shares are the time that the bytes take at these rates over the time of the operation, of "
        "one core's and of two cores' memory rate; mvcore works on one core. numba's shares are "
        "those of its own bytes (quantities of 32 bits), at the rate of as many cores.",
        "",
        "| operation | from memory | in cache | its bytes take | mvcore (p10 - p90) | share of one "
        "core's rate | of two | goal | numba, 32 bits, one thread | two threads |",
        "|---" * 10 + "|",
        *(row(one, rates) for one in found),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    asked = parser.parse_args()
    lines = report(SIZES[asked.size])
    print("\n".join(lines))
    if asked.write:
        write_section(SECTION, "\n".join(lines))


if __name__ == "__main__":
    main()
