"""What a book takes, in a process of its own.

`python book_memory.py ACCOUNTS INSTRUMENTS [integer|text]` loads holdings, with two orders for each
of them if a kind of order ids is named, and prints one line of JSON: seconds of the load, growth of
the resident set over the process before it (the tables that were loaded freed again), its peak over
the process with the tables, and what `book.memory()` says; the last two after the first `value`
too, which builds the by-account index.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

import mvcore
from dataset import World
from orders_dataset import OrderWorld


def status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def resident_bytes() -> int:
    gc.collect()
    pa.default_memory_pool().release_unused()
    return status_bytes("VmRSS")


def tables_of(world: World, ids: str | None) -> tuple[dict[str, Any], int]:
    """What is loaded, and how many rows."""
    tables = {"holdings": world.holdings("by instrument"), **world.masters()}
    if ids is None:
        return tables, world.rows
    orders = OrderWorld(world)
    tables["orders"] = orders.table(text=ids == "text")
    return tables, world.rows + orders.count


def warm_up(ids: str | None) -> None:
    """What the first load imports and allocates is not the book's."""
    world = World(2, 2)
    with mvcore.Book() as book:
        book.load(**tables_of(world, ids)[0])
        book.value(world.account_names[0])


def main(accounts: int, instruments: int, ids: str | None = None) -> None:
    warm_up(ids)
    empty = resident_bytes()
    world = World(accounts, instruments)
    tables, rows = tables_of(world, ids)
    name = world.account_names[0]
    del world
    with_tables = resident_bytes()
    book = mvcore.Book()
    start = time.perf_counter()
    book.load(**tables)
    out: dict[str, Any] = {"rows": rows, "seconds": time.perf_counter() - start}
    out["peak_over_tables"] = status_bytes("VmHWM") - with_tables
    del tables
    out["growth"], out["memory"] = resident_bytes() - empty, book.memory()
    book.value(name)
    out["growth_with_index"], out["memory_with_index"] = resident_bytes() - empty, book.memory()
    print(json.dumps(out))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
