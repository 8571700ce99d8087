"""Runs all benchmarks once, in one process, and makes a table for the docs.

`python bench/report.py [--size tiny|mid|full] [--only WORDS] [--json FILE.json] [--write]`

`--write` writes the table into docs/benchmarks.md (`sections.py`); use it with a run at full size.
Medians with the 10th and 90th percentile, per call. Goals are for a book of 25 million holdings on
two cores; a smaller size shows none. Exit status 1 if an answer was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dataset import SIZES
from sections import write_section

HERE = Path(__file__).resolve().parent
GOALS = {  # seconds per call, or bytes, by the start of the operation's name
    "load, names as plain text": 4.0,
    "load, dictionary columns": 1.0,
    "memory of the holdings": 250e6,
    "tick by name": 150e-9,
    "tick by code": 60e-9,
    "ticks of all instruments, codes with floats": 60e-6,
    "ticks of all instruments, codes with scaled integers": 25e-6,
    "value of an account": 3e-6,
    "values by account, whole book: totals ready": 2.5e-3,
    "values by account, whole book: Decimals of one column": 4e-3,
    "revalue of an instrument: market values as an array": 4e-6,
    "view of 2 accounts: open": 0.1e-3,
    "view of 2 accounts: changes after 8 ticks": 5e-6,
    "incremental view of all accounts: added to a tick, prices": 1e-6,
    "load of holdings and orders, integer ids": 15.0,
    "memory of holdings and orders, integer ids, at the peak": 2.1e9,
    "memory of holdings and orders, integer ids": 1.4e9,
    "memory of holdings and orders, text ids, at the peak": 2.85e9,
    "memory of holdings and orders, text ids": 1.9e9,
    "memory of a view of 2 accounts": 64 * 1024,
    "order fact: one call each": 1e-6,
    "order fact: in a batch": 150e-9,
    "update of one holding": 3e-6,
    "update of an order and a holding": 5e-6,
    "ticks of 20 by name": 5e-6,
    "revalue with orders: market values as an array": 8e-6,
    "changes of the whole book, one tick, base currency": 8e-6,
    "changes of the whole book, one tick, converted": 30e-6,
    "changes of the whole book, all moved, base currency": 8e-3,
    "open a view, read it: 2 accounts": 0.1e-3,
    "open a view, read it: 100 accounts by sector": 3e-3,
    "open a view, read it: all by household and sector": 150e-3,
}
MEMORY = "memory of "  # operations that are measured in bytes
WITH_VIEW = "tick with an incremental view of all accounts"
ADDED = "incremental view of all accounts: added to a tick"
PLAIN = "mvcore without the view"
ALONE = "numba, one thread"
LOOP = "the loop around a tick"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))

Times = dict[str, list[float]]  # by contender


def figure(value: float | None, operation: str) -> str:
    """Format with three digits and a unit."""
    if value is None:
        return ""
    if operation.startswith(MEMORY):
        return f"{value / 1e6:.0f} MB" if value >= 1e6 else f"{value / 1e3:.0f} KB"
    for unit, name in UNITS:
        if abs(value) >= unit * 0.9995 or name == "ns":
            digits = 0 if abs(value) >= 100 * unit else 1 if abs(value) >= 10 * unit else 2
            return f"{value / unit:.{digits}f} {name}"
    raise AssertionError


def median(times: Times, who: str) -> float | None:
    return statistics.median(times[who]) if who in times else None


def percentile(values: list[float], part: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def spread(values: list[float], operation: str) -> str:
    if len(values) < 2:
        return ""
    low, high = percentile(values, 0.1), percentile(values, 0.9)
    return f" ({figure(low, operation)} - {figure(high, operation)})"


def ratio(ours: float | None, theirs: float | None) -> str:
    if ours is None or theirs is None or ours <= 0:
        return ""
    return f"{theirs / ours:.2g}x" if theirs < 100 * ours else f"{theirs / ours:.0f}x"


def collect(benchmarks: list[dict[str, Any]]) -> dict[str, Times]:
    """Seconds per call (or bytes), by operation and contender, in the order they ran."""
    found: dict[str, Times] = {}
    for one in benchmarks:
        operation, extra = one["group"], one["extra_info"]
        if "figures" in extra:
            for row, value in extra["figures"].items():
                found.setdefault(row, {})[extra["who"]] = [float(value)]
            continue
        times = [seconds / extra["calls"] for seconds in one["stats"]["data"]]
        found.setdefault(operation, {})[extra["who"]] = times
    for times in found.values():
        if ALONE in times:  # two threads are slower if another process uses the second core
            times["numba"] = min(times["numba"], times.pop(ALONE), key=statistics.median)
    for operation in [name for name in found if name.startswith(WITH_VIEW)]:
        if {"mvcore", PLAIN} <= found[operation].keys():
            plain = statistics.median(found[operation].pop(PLAIN))
            added = [t - plain for t in found[operation]["mvcore"]]
            name = operation.replace(WITH_VIEW, ADDED)
            found[name] = {**found[operation], "mvcore": added}
    return found


def goal_of(operation: str, goals: dict[str, float]) -> float | None:
    return next((goal for name, goal in goals.items() if operation.startswith(name)), None)


def table(found: dict[str, Times], goals: dict[str, float]) -> list[str]:
    lines = [
        "| operation | goal | mvcore (p10 - p90) | goal met | NumPy | numba | numba / mvcore |",
        "|---|---|---|---|---|---|---|",
    ]
    for operation, times in found.items():
        ours, goal = median(times, "mvcore"), goal_of(operation, goals)
        met = "" if goal is None or ours is None else "yes" if ours <= goal else "no"
        said = figure(ours, operation) + spread(times.get("mvcore", []), operation)
        numpy, numba = median(times, "numpy"), median(times, "numba")
        cells = [
            operation, figure(goal, operation), said, met, figure(numpy, operation),
            figure(numba, operation), ratio(ours, numba),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    import mvcore

    names = [name for name in ("numpy", "numba", "pyarrow") if find_spec(name)]
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GB; {platform.system()} "
        f"{platform.release()}; mvcore {mvcore.__version__} ({mvcore.isa()}), Python "
        f"{platform.python_version()}, {packages}."
    )


def run(size: str, only: str | None, json_file: Path) -> int:
    """Run pytest in this process."""
    os.environ["MVCORE_BENCH"] = size
    arguments = [
        str(HERE), "--rootdir", str(HERE.parent), "-c", str(HERE.parent / "pyproject.toml"),
        "--benchmark-only", "--benchmark-quiet", f"--benchmark-json={json_file}",
    ]  # fmt: skip
    return int(pytest.main(arguments + (["-k", only] if only else [])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--only", help="a pytest expression (-k) that picks benchmarks")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="keep pytest-benchmark's own record here")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        record = asked.json or Path(folder) / "record.json"
        status = run(asked.size, asked.only, record)
        text = record.read_text() if record.exists() else ""
        benchmarks = json.loads(text)["benchmarks"] if text else []
    size = SIZES[asked.size]
    found = collect(benchmarks)
    loop = figure(median(found.pop(LOOP, {}), "loop"), LOOP)
    lines = [
        f"{size.accounts:,} accounts x {size.instruments:,} instruments = "
        f"{size.accounts * size.instruments:,} holdings, with twice as many orders where said. "
        f"{machine()}",
        "",
        f"Medians of calls from Python; load average {load:.1f} when it began. A tick includes its "
        f"turn of the loop in Python, {loop}. NumPy and numba work on arrays without names, "
        "checks, currencies or epochs.",
        "",
        *table(found, GOALS if asked.size == "full" else {}),
    ]
    print("\n".join(lines))
    if asked.write and not status:
        write_section("bench", "\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
