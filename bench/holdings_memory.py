"""What the holdings take, in a process of their own.

`python holdings_memory.py ACCOUNTS INSTRUMENTS` prints one line of JSON: growth of the resident
set over the process before the load (the tables that were loaded freed again), and what
`book.memory()` says, after the load and after the first `value`, which builds the by-account index.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import pyarrow as pa

import mvcore
from dataset import World


def status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def resident_bytes() -> int:
    gc.collect()
    pa.default_memory_pool().release_unused()
    return status_bytes("VmRSS")


def main(accounts: int, instruments: int) -> None:
    warm = World(2, 2)  # what the first load imports and allocates is not the book's
    first = mvcore.Book()
    first.load(holdings=warm.holdings("by instrument"), **warm.masters())
    first.value(warm.account_names[0])
    first.close()
    del warm, first
    empty = resident_bytes()

    world = World(accounts, instruments)
    tables = {"holdings": world.holdings("by instrument"), **world.masters()}
    name, rows = world.account_names[0], world.rows
    del world
    with_tables = resident_bytes()
    book = mvcore.Book()
    book.load(**tables)
    peak = status_bytes("VmHWM")
    del tables
    out = {"rows": rows, "peak_over_tables": peak - with_tables}
    out["growth"], out["memory"] = resident_bytes() - empty, book.memory()
    book.value(name)
    out["growth_with_index"], out["memory_with_index"] = resident_bytes() - empty, book.memory()
    print(json.dumps(out))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
