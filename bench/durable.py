"""Measures a durable book: size, checkpoints, opening, and the cost of its journal.

`python bench/durable.py [--size tiny|mid|full] [--folder FOLDER] [--write]`

Loads the book with integer and with text order ids, each into its own folder (in a temporary one
under FOLDER, which is removed afterwards). Opens them again in new processes. NumPy keeps the same
quantities and prices, and after each opening every total of the book is compared with it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))


from dataset import SIZES, Size
from durable_book import BATCH, Facts, world_of, write_expected
from durable_report import (
    checkpoint_table,
    journal_table,
    opening_table,
    replay_table,
    size_table,
    tick_table,
)
from durable_writes import Effort, checkpoints, journals, write_for_replay
from production_oracle import Ledger
from report import machine
from sections import write_section

SECTION = "durable"
HERE = Path(__file__).resolve().parent
EFFORTS = {
    "tiny": Effort(1, 1, 0.02, 20, 2, 2_000, 5_000),
    "mid": Effort(),
    "full": Effort(),
}
CACHES = ("warm", "cold")


def child(program: str, *arguments: object) -> dict[str, Any]:
    """Run a program of this folder, and parse its output, one line of JSON."""
    command = [sys.executable, str(HERE / program), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass
class Opened:
    """The openings of one folder by cache state, and the sizes of its files by kind."""

    runs: dict[str, list[dict[str, Any]]]
    bytes: dict[str, int]


def open_again(folder: Path, ledger: Ledger, rounds: int, caches: tuple[str, ...]) -> Opened:
    """Open in new processes, alternately cold and warm. Raises if an answer was wrong."""
    expected = folder.parent / "expected.json"
    write_expected(ledger, expected)
    runs: dict[str, list[dict[str, Any]]] = {cache: [] for cache in caches}
    for _ in range(rounds):
        for cache in caches:
            runs[cache].append(child("durable_opening.py", folder, expected, cache))
    return Opened(runs, sizes(folder))


def sizes(folder: Path) -> dict[str, int]:
    """Bytes by kind of file: `journal`, `holdings`, `orders`, ..."""
    out: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            out[path.name.partition("-")[0]] += path.stat().st_size
    return dict(out)


def measure(size: Size, effort: Effort, folder: Path, say: Callable[[str], None]) -> list[str]:
    """Measure everything. Returns the tables."""
    whole = (size.accounts, size.instruments)
    ledger = Ledger(world_of(*whole))
    integer, text = folder / "integer", folder / "text"
    loads, opened = {}, {}
    for ids, place, rounds in (("integer", integer, effort.rounds), ("text", text, 0)):
        say(f"load, {ids} ids")
        loads[ids] = child("durable_load.py", place, *whole, ids, rounds, effort.ticks)
        say(f"open, {ids} ids")
        opened[ids] = open_again(place, ledger, effort.opens, CACHES)
    say("checkpoints")
    found, quiet = checkpoints(integer, ledger, effort)
    say("journal")
    facts = Facts(ledger, effort.replay)
    written = journals(integer, ledger, facts, effort)
    replays = {}
    for kind, single in ((f"batches of {BATCH:,}", False), ("single facts", True)):
        say(f"replay of {kind}")
        count, size_of = write_for_replay(integer, facts, effort.replay, single)
        again = open_again(integer, ledger, effort.opens, ("warm",))
        replays[kind] = (count, size_of, [run["replay"] for run in again.runs["warm"]])
    goals = size.name == "full"
    return [
        *size_table(loads, {ids: one.bytes for ids, one in opened.items()}),
        *checkpoint_table(found, quiet, goals),
        *opening_table({ids: one.runs for ids, one in opened.items()}, goals),
        *replay_table(replays, goals),
        *journal_table(written),
        *tick_table(loads["integer"]["ticks"]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--folder", type=Path, help="where; on the disk to be measured")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    asked = parser.parse_args()
    load, size = os.getloadavg()[0], SIZES[asked.size]
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        tables = measure(
            size, EFFORTS[size.name], Path(folder), lambda text: print(text, file=sys.stderr)
        )
    rows = size.accounts * size.instruments
    lines = [
        f"{rows:,} holdings, {2 * rows:,} orders. {machine()} Load average {load:.1f} when it "
        "began. Medians (p10 - p90).",
        "",
        *tables,
    ]
    print("\n".join(lines))
    if asked.write:
        write_section(SECTION, "\n".join(lines))


if __name__ == "__main__":
    main()
