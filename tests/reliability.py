"""Records of the harnesses of docs/reliability.md: how many runs, and their outcome.

MVCORE_RELIABILITY=large selects the counts of a release instead of those of `make test`.
MVCORE_RECORDS: a file to which every harness appends a line of JSON; without it nothing is
recorded. `tests/cpp/reliability.hpp` does the same for harnesses in C++. `reliability_page.py` runs
them all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass


def runs(usual: int, large: int) -> int:
    """The number of runs: the usual one, or that of a release."""
    return large if os.environ.get("MVCORE_RELIABILITY") == "large" else usual


@dataclass
class Record:
    """A record of a harness.

    promise: its label in docs/reliability.md. what: describes a run; for R4, the seeded bug. seeds:
    of the runs, empty if nothing is random. note: for R4, the test.
    """

    promise: str
    what: str
    seeds: str = ""
    note: str = ""
    runs: int = 0
    failures: int = 0


@contextmanager
def recorded(promise: str, what: str, seeds: str = "", note: str = "") -> Iterator[Record]:
    """Record a harness, which counts `runs`.

    An exception is recorded as a failure, with the runs so far.
    """
    record = Record(promise, what, seeds, note)
    try:
        yield record
    except BaseException:
        record.failures += 1
        raise
    finally:
        add(record)


def add(record: Record) -> None:
    if name := os.environ.get("MVCORE_RECORDS"):
        with open(name, "a") as file:
            file.write(json.dumps(asdict(record)) + "\n")


@contextmanager
def seeded(bug: str, test: str) -> Iterator[None]:
    """Record a bug that the body asserts to be caught, and the test that catches it."""
    with recorded("R4", bug, note=test) as record:
        record.runs = 1
        yield
