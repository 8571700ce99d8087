"""What the harnesses of docs/reliability.md count: how many runs, and what came out of them.

MVCORE_RELIABILITY=large: the counts that are run before a release, not those of every `make test`.
MVCORE_RECORDS: a file to which every harness adds a line of JSON; without it nothing is recorded.
`tests/cpp/reliability.hpp` is the same for harnesses in C++; `reliability_page.py` runs them all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass


def runs(usual: int, large: int) -> int:
    """How many: as many as every time, or as many as once."""
    return large if os.environ.get("MVCORE_RELIABILITY") == "large" else usual


@dataclass
class Record:
    """promise: its label in docs/reliability.md. what: a run is this; of R4, the seeded bug. seeds:
    those of the runs; empty where nothing is random. note: of R4, the test."""

    promise: str
    what: str
    seeds: str = ""
    note: str = ""
    runs: int = 0
    failures: int = 0


@contextmanager
def recorded(promise: str, what: str, seeds: str = "", note: str = "") -> Iterator[Record]:
    """The harness counts `runs` as it goes; an exception is a failure, and what was counted until
    then is recorded too."""
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
    """A bug that the body asserts to be caught, and the test that catches it."""
    with recorded("R4", bug, note=test) as record:
        record.runs = 1
        yield
