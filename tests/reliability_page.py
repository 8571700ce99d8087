"""Run every harness of docs/reliability.md and write the outcomes into the page.

`python tests/reliability_page.py [--counts large|usual] [--only HARNESS]`, or `make reliability`,
which first builds what is needed. Exit status 1 if a harness failed; the page then says so. --only:
run one harness, and take the other records from the last run in build/reliability.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
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
RECORDS = ROOT / "build" / "reliability"  # a file per harness, with the commit in its first line
LEAKS = "leaks of "
PROMISES = ("D1", "D2", "D4", "D5", "D6, D7", "D9", "I4", "R1")  # R4 has its own table
PYTHON_TESTS = (
    "test_kill", "test_disk_errors", "test_disk_full", "test_checkpoints",
    "test_checkpoints_crash", "test_checkpoints_damage", "test_checkpoints_open",
    "test_checkpoints_tools", "test_cli_watch_book", "test_golden", "test_leaks",
)  # fmt: skip

Record = dict[str, Any]


def program(preset: str, name: str, *tests: str) -> list[str]:
    return [str(ROOT / "build" / preset / "tests" / "cpp" / name), *tests]


def harnesses() -> dict[str, list[str]]:
    """The commands of the recording harnesses, by name."""
    files = [f"tests/python/{name}.py" for name in PYTHON_TESTS]
    return {
        "durable_tests": program("dev", "durable_tests"),
        "damaged journals, sanitized": program(
            "asan", "durable_tests", "damaged_journals_are_refused_or_exact"
        ),
        "damaged columns, sanitized": program(
            "asan", "core_tests", "damaged_columns_are_refused_or_give_a_consistent_book"
        ),
        "Python": [sys.executable, "-m", "pytest", *files],
        "seeded bugs": [sys.executable, "tests/seeded_bugs.py"],
    }


def records_of(name: str) -> Path:
    return RECORDS / f"{re.sub('[^A-Za-z_]+', '-', name)}.jsonl"


def begin(name: str) -> float:
    """Start a new record file with the present commit."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    records_of(name).write_text(json.dumps({"commit": commit()}) + "\n")
    os.environ["MVCORE_RECORDS"] = str(records_of(name))
    return time.monotonic()


def run(name: str, command: list[str]) -> bool:
    """Run a harness. Returns whether it succeeded."""
    began = begin(name)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    seconds = time.monotonic() - began
    print(f"{name}: exit status {done.returncode}, {seconds:.0f} s", flush=True)
    print(done.stdout[-3000:], done.stderr[-3000:], flush=True)
    return done.returncode == 0


def leaks(name: str) -> bool:
    """Return whether a test program succeeded and LeakSanitizer found no leak at its exit.

    It runs the usual counts, and records only this outcome.
    """
    begin(LEAKS + name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MVCORE_")}
    command = program("asan", name)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    tests = re.search(r"^(\d+) tests, 0 failures", done.stdout, re.MULTILINE)
    clean = done.returncode == 0 and tests is not None and "LeakSanitizer" not in done.stderr
    print(f"{LEAKS}{name}: exit status {done.returncode}\n{done.stderr[-3000:]}", flush=True)
    what = "a test in C++ under LeakSanitizer"
    count = int(tests[1]) if tests is not None else 0
    reliability.add(reliability.Record("I4", what, runs=count, failures=int(not clean)))
    return clean


def read(names: list[str]) -> tuple[list[Record], str]:
    """Records summed by promise and kind of run, in order of first appearance.

    Also returns the commits.
    """
    found: dict[tuple[str, str], Record] = {}
    at: dict[str, list[str]] = {}
    for name in names:
        lines = records_of(name).read_text().splitlines() if records_of(name).exists() else []
        if lines:
            at.setdefault(json.loads(lines[0])["commit"], []).append(name)
        add_up(found, [json.loads(line) for line in lines[1:]])
    first, *others = at
    said = [first, *(f"{c} ({', '.join(at[c])})" for c in others)]
    return list(found.values()), "; ".join(said)


def add_up(found: dict[tuple[str, str], Record], records: list[Record]) -> None:
    for record in records:
        first = found.setdefault((record["promise"], record["what"]), record)
        if first is not record:
            first["runs"] += record["runs"]
            first["failures"] += record["failures"]
            first["note"] = record["note"] or first["note"]


def bound(record: Record) -> str:
    """The upper bound of the failure rate with 95 % confidence, after 0 failures in N runs."""
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


def report(records: list[Record], counts: str, failed: list[str], at: str) -> str:
    said = {
        "large": "The counts before a release (`make reliability`)",
        "usual": "The counts of every `make test`",
    }[counts]
    lines = [
        f"{said}, at commit {at}, {datetime.now(UTC):%Y-%m-%d}. {machine()}",
        "",
        *([f"FAILED: {', '.join(failed)}.", ""] if failed else []),
        *table(records),
        "",
        *bugs(records),
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = harnesses()
    programs = ("durable_tests", "core_tests")
    names = [*commands, *(LEAKS + name for name in programs)]
    parser.add_argument("--counts", choices=("large", "usual"), default="large")
    parser.add_argument("--only", choices=names, metavar="HARNESS")
    asked = parser.parse_args()
    os.environ["MVCORE_RELIABILITY"] = asked.counts
    wanted = names if asked.only is None else [asked.only]
    failed = [n for n, command in commands.items() if n in wanted and not run(n, command)]
    failed += [LEAKS + n for n in programs if LEAKS + n in wanted and not leaks(n)]
    records, at = read(names)
    text = report(records, asked.counts, failed, at)
    write_section("reliability", text, PAGE)
    print(text)
    return 1 if failed or any(record["failures"] for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())
