"""Runs every harness of docs/reliability.md and writes what came out of them into the page.

`python tests/reliability_page.py [--counts large|usual]`, or `make reliability`, which builds what
it needs before. Exit status 1 where a harness failed; the page says so then.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import reliability  # noqa: E402
from report import machine  # noqa: E402
from sections import write_section  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
PROMISES = ("D1", "D2", "D4", "D5", "D6, D7", "D9", "I4", "R1")  # and R4, in a table of its own
PYTHON_TESTS = (
    "test_kill", "test_disk_errors", "test_disk_full", "test_checkpoints",
    "test_checkpoints_damage", "test_checkpoints_open", "test_checkpoints_tools",
    "test_cli_watch_book", "test_golden", "test_leaks",
)  # fmt: skip

Record = dict[str, Any]


def program(preset: str, name: str, *tests: str) -> list[str]:
    return [str(ROOT / "build" / preset / "tests" / "cpp" / name), *tests]


def harnesses() -> dict[str, list[str]]:
    """Commands that record what they count, by name."""
    files = [f"tests/python/{name}.py" for name in PYTHON_TESTS]
    return {
        "durable_tests": program("dev", "durable_tests"),
        "damaged journals, sanitized": program(
            "asan", "durable_tests", "damaged_journals_are_refused_or_exact"
        ),
        "damaged columns, sanitized": program(
            "asan", "core_tests", "changed_columns_are_refused_or_whole"
        ),
        "Python": [sys.executable, "-m", "pytest", *files],
        "seeded bugs": [sys.executable, "tests/seeded_bugs.py"],
    }


def run(name: str, command: list[str]) -> bool:
    """Whether it came through."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    seconds = time.monotonic() - began
    print(f"{name}: exit status {done.returncode}, {seconds:.0f} s", flush=True)
    print(done.stdout[-3000:], done.stderr[-3000:], flush=True)
    return done.returncode == 0


def leaks(name: str) -> bool:
    """Whether a test program came through with nothing that LeakSanitizer, which looks when a
    program ends, found lost. The usual counts, and nothing else is recorded."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MVCORE_")}
    command = program("asan", name)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    tests = re.search(r"^(\d+) tests, 0 failures", done.stdout, re.MULTILINE)
    clean = done.returncode == 0 and tests is not None and "LeakSanitizer" not in done.stderr
    print(f"leaks of {name}: exit status {done.returncode}\n{done.stderr[-3000:]}", flush=True)
    what = "a test in C++ under LeakSanitizer"
    count = int(tests[1]) if tests is not None else 0
    reliability.add(reliability.Record("I4", what, runs=count, failures=int(not clean)))
    return clean


def read(path: Path) -> list[Record]:
    """Records of one promise and kind of run added up, in the order in which they came."""
    found: dict[tuple[str, str], Record] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        record = json.loads(line)
        first = found.setdefault((record["promise"], record["what"]), record)
        if first is not record:
            first["runs"] += record["runs"]
            first["failures"] += record["failures"]
            first["note"] = record["note"] or first["note"]
    return list(found.values())


def bound(record: Record) -> str:
    """By how many failures in all runs 0 of N could be by chance, of one kind in twenty."""
    if not record["seeds"] or record["failures"] or not record["runs"]:
        return ""
    return f"{300 / record['runs']:.2g} %"


def table(records: list[Record]) -> list[str]:
    lines = [
        "| promise | a run is | runs | failures | 3/N | seeds | |",
        "|---|---|---|---|---|---|---|",
    ]
    for promise in PROMISES:
        rows = [record for record in records if record["promise"] == promise]
        if not rows:
            lines.append(f"| {promise} | not run | 0 | | | | |")
        lines += [
            f"| {promise} | {r['what']} | {r['runs']:,} | {r['failures']:,} | {bound(r)} "
            f"| {r['seeds']} | {r['note']} |"
            for r in rows
        ]
    return lines


def bugs(records: list[Record]) -> list[str]:
    rows = [record for record in records if record["promise"] == "R4"]
    caught = [not record["failures"] for record in rows]
    return [
        f"R4: {sum(caught)} of {len(rows)} seeded bugs caught.",
        "",
        "| seeded bug | caught by |",
        "|---|---|",
        *(
            f"| {row['what']} | {'' if seen else 'NOT CAUGHT by '}`{row['note']}` |"
            for row, seen in zip(rows, caught, strict=True)
        ),
    ]


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short", "HEAD") + (", with changes" if changed else "")


def report(records: list[Record], counts: str, failed: list[str], at: str, minutes: float) -> str:
    said = {
        "large": "The counts before a release (`make reliability`)",
        "usual": "The counts of every `make test`",
    }[counts]
    lines = [
        f"{said}, at commit {at}, {datetime.now(UTC):%Y-%m-%d}, in {minutes:.0f} minutes. "
        f"{machine()}",
        "",
        *([f"FAILED: {', '.join(failed)}.", ""] if failed else []),
        *table(records),
        "",
        *bugs(records),
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", choices=("large", "usual"), default="large")
    asked = parser.parse_args()
    began, at = time.monotonic(), commit()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        os.environ["MVCORE_RECORDS"] = str(path)
        os.environ["MVCORE_RELIABILITY"] = asked.counts
        failed = [name for name, command in harnesses().items() if not run(name, command)]
        failed += [name for name in ("durable_tests", "core_tests") if not leaks(name)]
        records = read(path)
    text = report(records, asked.counts, failed, at, (time.monotonic() - began) / 60)
    write_section("reliability", text, PAGE)
    print(text)
    return 1 if failed or any(record["failures"] for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
