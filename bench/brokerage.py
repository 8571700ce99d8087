"""Plays the day of a brokerage house on mvcore, Python dicts and SQLite: the same transactions.

`python bench/brokerage.py [--size full|tenth|tiny] [--write]` prints transactions a second and the
median latency of each kind; --write also writes them into docs/benchmarks.md.

The house and the mix are modelled on the transactions of TPC-E; the figures are no TPC-E result.
mvcore is called by its plain API (`values`, `value`, `positions`, `orders`, `prices`, `update`,
`order`, `ticks`). Every answer of every engine, and the state at the end, is compared with that of
the dicts to the last digit; a difference raises AssertionError.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brokerage_data import CASH, MIX, SIZES, House, Market, Transaction
from brokerage_engines import CENTS, ENGINES, Answer, Dicts, Engine, Mvcore, Sqlite
from dataset import decimal_of
from report import figure, machine, ratio
from sections import write_section

SECTION = "brokerage"
GOALS = {Dicts.name: 2, Sqlite.name: 5}  # mvcore's transactions a second over the engine's


@dataclass
class Played:
    """What one engine did: seconds of each transaction by kind, and its answers."""

    load: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in MIX})
    answers: list[Answer] = field(default_factory=list)
    state: Answer = field(default_factory=Answer)

    @property
    def rate(self) -> float:
        """Transactions a second."""
        return len(self.answers) / sum(map(sum, self.seconds.values()))


def play(kind_of_engine: type[Engine], house: House, stream: Sequence[Transaction]) -> Played:
    """Load the house into a new engine and play all transactions, one after the other."""
    played, clock = Played(), time.perf_counter
    start = clock()
    engine = kind_of_engine(house)
    played.load = clock() - start
    methods = {kind: getattr(engine, kind.replace("-", "_")) for kind in MIX}
    prepared = [engine.prepare(transaction) for transaction in stream]
    gc.collect()
    gc.freeze()  # the collector need not scan the data of the house
    try:
        for kind, arguments in prepared:
            call = methods[kind]
            start = clock()
            answer = call(*arguments)
            played.seconds[kind].append(clock() - start)
            played.answers.append(answer)
        played.state = engine.state()
    finally:
        gc.unfreeze()
        engine.close()
    return played


def exact(answer: Answer) -> Answer:
    """The same answer with its amounts as Decimals of the currency."""
    amounts = [a if isinstance(a, Decimal) else decimal_of(a, CENTS) for a in answer.amounts]
    return answer._replace(amounts=tuple(amounts))


def check(name: str, stream: Sequence[Transaction], found: Played, wanted: Played) -> int:
    """Compare each answer with the oracle's. Returns how many agree: all of them."""
    pairs = zip(found.answers, wanted.answers, strict=True)
    for place, (transaction, (ours, theirs)) in enumerate(zip(stream, pairs, strict=True)):
        assert exact(ours) == exact(theirs), (
            f"{name}, transaction {place}, {transaction.kind}: {ours}; expected {theirs}"
        )
    assert exact(found.state) == exact(wanted.state), f"{name}: the state at the end differs"
    return len(found.answers)


def run(house: House) -> dict[str, Played]:
    """Play the transactions on each engine, and compare. Returns the results by name."""
    stream = list(Market(house).transactions())
    found: dict[str, Played] = {}
    for engine in ENGINES:
        found[engine.name] = play(engine, house, stream)
        check(engine.name, stream, found[engine.name], found[Dicts.name])
    return found


def report(house: House, found: dict[str, Played]) -> list[str]:
    """Make the tables."""
    size, ours = house.size, found[Mvcore.name]
    others = [name for name in found if name != Mvcore.name]
    lines = [
        f"{size.customers:,} customers with {size.accounts:,} accounts, {size.positions:,} "
        f"positions in {size.securities:,} securities, one more of {CASH} cash in each account, "
        f"{size.orders:,} orders; {len(ours.answers):,} transactions on each engine.",
        "",
        "| engine | load | transactions a second | mvcore / engine | goal |",
        "|---" * 5 + "|",
    ]
    for name, played in found.items():
        over = ours.rate / played.rate
        goal = GOALS.get(name)
        met = "" if goal is None else f"{goal}x: {'yes' if over >= goal else 'no'}"
        cells = [name, figure(played.load, ""), f"{played.rate:,.0f}", f"{over:.2g}x", met]
        lines.append("| " + " | ".join(cells) + " |")
    medians = {
        name: {kind: statistics.median(times) for kind, times in played.seconds.items() if times}
        for name, played in found.items()
    }
    total = sum(map(sum, ours.seconds.values()))
    lines += [
        "",
        "Median latency by kind of transaction:",
        "",
        f"| transaction | count | part of mvcore's time | mvcore | {' | '.join(others)} | "
        + " | ".join(f"{name} / mvcore" for name in others)
        + " |",
        "|---" * (4 + 2 * len(others)) + "|",
    ]
    for kind, mine in medians[Mvcore.name].items():
        theirs = [medians[name][kind] for name in others]
        part = sum(ours.seconds[kind]) / total
        cells = [kind, f"{len(ours.seconds[kind]):,}", f"{part:.0%}", figure(mine, "")]
        cells += [figure(t, "") for t in theirs] + [ratio(mine, t) for t in theirs]
        lines.append("| " + " | ".join(cells) + " |")
    checked = len(ours.answers) * len(found)
    lines += ["", f"{checked:,} answers compared with those of the dicts: 0 differences."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    asked: Any = parser.parse_args()
    load = os.getloadavg()[0]
    house = House(SIZES[asked.size])
    said = [f"{machine()} Load average {load:.1f} when it began.", "", *report(house, run(house))]
    print("\n".join(said))
    if asked.write:
        write_section(SECTION, "\n".join(said))


if __name__ == "__main__":
    main()
