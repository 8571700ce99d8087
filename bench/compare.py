"""Compares mvcore with alternatives: the same data, the same queries, one run.

`python bench/compare.py [--size tiny|mid|full] [--only NAME ...] [--json FILE] [--write]` runs each
peer in its own process, one after the other, and prints tables. `--write` writes them into
docs/benchmarks.md and the charts into docs/images. A peer whose package is not installed is skipped
with a note. Ends with an error if any answer is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dataset import SIZES
from peers.measured import MOVED, PAIRS, Effort, measure
from report import figure, machine, median, ratio, spread
from sections import write_section


@dataclass(frozen=True)
class Entry:
    """A class of peers/, the module it imports, and its package on PyPI."""

    module: str
    kind: str
    imports: str
    package: str
    full: bool = True  # whether it is run at full size
    threads: str = ""  # the variable for the number of threads; if set, the peer also runs with one


US, BY_SESSION = "mvcore", "mvcore, a view a session"
PEERS = {
    US: Entry("with_mvcore", "Mvcore", "mvcore", "mvcore"),
    BY_SESSION: Entry("with_mvcore", "MvcoreBySession", "mvcore", "mvcore"),
    "NumPy": Entry("with_numpy", "Numpy", "numpy", "numpy", threads="OPENBLAS_NUM_THREADS"),
    "numba": Entry("with_numba", "Numba", "numba", "numba", threads="NUMBA_NUM_THREADS"),
    "polars": Entry("with_polars", "Polars", "polars", "polars"),
    "DuckDB": Entry("with_duckdb", "Duckdb", "duckdb", "duckdb"),
    "pandas": Entry("with_pandas", "Pandas", "pandas", "pandas"),
    "Perspective": Entry(
        "with_perspective", "Perspective", "perspective", "perspective-python", full=False
    ),
}
ROWS = {
    "load": "load, until every read may be asked",
    "memory of the process": "memory of the process",
    "tick": "a tick: the price is stored",
    "tick, totals kept": "a tick, and the total of every account is up to date",
    "whole book": "value of every account, all prices new",
    "account read": "value of an account",
    "watched": f"two watched accounts after {MOVED} ticks, one question for all {PAIRS} pairs",
    BY_SESSION: f"two watched accounts after {MOVED} ticks, a view for each pair",
    "order fact": "an order is filled to another part",
}
EFFORTS = {"tiny": Effort(0, 2, 1), "mid": Effort(1, 7, 3), "full": Effort(2, 7, 2)}
SECTIONS = {"mid": "compare", "full": "compare-full"}

Found = dict[str, Any]  # by peer: the result of `measure`


def kind_of(name: str) -> Any:
    entry = PEERS[name]
    return getattr(importlib.import_module(f"peers.{entry.module}"), entry.kind)


def shapes(size: str) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Accounts and instruments, and those of three smaller books in steps of ten."""
    asked = SIZES[size]
    smaller = {max(asked.accounts // part, 2) for part in (1_000, 100, 10)}
    return (asked.accounts, asked.instruments), [(a, asked.instruments) for a in sorted(smaller)]


def one(name: str, size: str) -> Any:
    """Measure a peer in this process."""
    shape, smaller = shapes(size)
    return measure(kind_of(name), shape, smaller, EFFORTS[size])


def alone(name: str, size: str) -> Any:
    """Measure a peer in its own process, which frees its memory.

    A peer whose threads wait for each other suffers if another process uses a core. It is also run
    with one thread, and the faster result of each operation counts.
    """
    command = [sys.executable, __file__, "--peer", name, "--size", size]
    found = []
    for variable in dict.fromkeys(["", PEERS[name].threads]):
        environment = os.environ | ({variable: "1"} if variable else {})
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=environment
        )
        found.append(json.loads(done.stdout))
    return quicker(*found)


def quicker(first: Any, *others: Any) -> Any:
    for other in others:
        operations = first["operations"]
        for what, times in other["operations"].items():
            operations[what] = min(operations[what], times, key=statistics.median)
    return first


def absent(size: str) -> dict[str, str]:
    """The peers that are skipped, and why."""
    out = {}
    for name, entry in PEERS.items():
        if find_spec(entry.imports) is None:
            out[name] = f"{entry.package} is not installed"
        elif size == "full" and not entry.full:
            out[name] = "only at a tenth of the size: it loads a table as one message in memory"
    return out


def times_of(found: Found) -> dict[str, dict[str, list[float]]]:
    """Seconds per call, or bytes, by row and peer."""
    rows: dict[str, dict[str, list[float]]] = {row: {} for row in ROWS}
    for name, said in found.items():
        if name == BY_SESSION:
            rows[BY_SESSION][US] = said["operations"]["watched"]
            continue
        rows["memory of the process"][name] = [said["memory"]]
        for operation, times in said["operations"].items():
            rows[operation][name] = times
    return rows


def tables(found: Found) -> list[str]:
    names = [name for name in found if name != BY_SESSION]
    head = ["| operation | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    medians, ratios = list(head), list(head)
    for row, times in times_of(found).items():
        unit = row if row.startswith("memory of ") else "seconds"
        cells = [
            figure(median(times, name), unit) + spread(times.get(name, []), unit) for name in names
        ]
        medians.append(f"| {ROWS[row]} | " + " | ".join(cells) + " |")
        ours = median(times, US)
        others = [ratio(ours, median(times, name)) for name in names]
        if len(times) > 1:
            ratios.append(f"| {ROWS[row]} | " + " | ".join(others) + " |")
    return [*medians, "", "The same medians, divided by mvcore's:", "", *ratios]


def text(size: str, found: Found, out: dict[str, str], load: float, spent: float) -> str:
    asked = SIZES[size]
    rows = asked.accounts * asked.instruments
    versions = ", ".join(
        f"{name} {version(PEERS[name].package)}"
        for name in found
        if PEERS[name].imports != "mvcore"
    )
    kinds = {name: kind_of(name) for name in found}
    notes = [f"{name}: {kind.leaves_out}." for name, kind in kinds.items() if kind.leaves_out]
    notes += [
        f"{name}: floats, within {kind.tolerance:g} of the exact amounts."
        for name, kind in kinds.items()
        if kind.tolerance
    ]
    notes += [
        f"{name}: run with all threads and with one; of each row the quicker."
        for name in found
        if PEERS[name].threads
    ]
    notes += [f"{name}: left out, {why}." for name, why in out.items()]
    return "\n".join(
        [
            f"{asked.accounts:,} accounts x {asked.instruments:,} instruments = {rows:,} holdings, "
            f"{2 * rows:,} orders. {machine()}",
            "",
            f"{versions}. Load average {load:.1f} when it began; {spent:.0f} s in all.",
            "",
            *tables(found),
            "",
            *[f"- {note}" for note in notes],
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="mid")
    parser.add_argument("--only", nargs="+", choices=tuple(PEERS), default=tuple(PEERS))
    parser.add_argument("--json", type=Path, help="keep every time here")
    parser.add_argument("--write", action="store_true", help="into docs/")
    parser.add_argument("--peer", choices=tuple(PEERS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        print(json.dumps(one(asked.peer, asked.size)))
        return
    load, start = os.getloadavg()[0], time.perf_counter()
    out = {name: why for name, why in absent(asked.size).items() if name in asked.only}
    found: Found = {}
    for name in asked.only:
        if name not in out:
            found[name] = alone(name, asked.size)
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if asked.json is not None:
        asked.json.write_text(json.dumps(found))
    said = text(asked.size, found, out, load, time.perf_counter() - start)
    print(said)
    if asked.write:
        from charts import draw

        section = SECTIONS[asked.size]
        images = draw(section, found)
        write_section(section, "\n\n".join([said, *images]))


if __name__ == "__main__":
    main()
