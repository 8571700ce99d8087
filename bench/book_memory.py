"""Measures the memory of a book in its own process.

`python book_memory.py SHAPE ACCOUNTS INSTRUMENTS [integer|text]` loads holdings. With a kind of
order ids it also loads two orders per holding. It prints one line of JSON: seconds of the load;
growth of the resident set over the process before it, after the loaded tables were freed; its peak
over the process with the tables; and the result of `book.memory()`. The last two are also measured
after the first `value`, which builds the by-account index.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

import mvcore
from cash_dataset import SparseCashWorld
from dataset import World
from decimals_dataset import DecimalWorld
from orders_dataset import OrderWorld
from sparse_dataset import SparseWorld

SHAPES: dict[str, Any] = {
    "dense": World,
    "sparse": SparseWorld,
    "sparse, with cash": SparseCashWorld,
    "decimals": DecimalWorld,
}


def taken(shape: str, accounts: int, instruments: int, *ids: str) -> dict[str, Any]:
    """The output of a process that loads such a book."""
    command = [sys.executable, __file__, shape, str(accounts), str(instruments), *ids]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    for said in ("memory", "memory_with_index"):
        parts = {k: v for k, v in found[said].items() if k != "total"}
        assert sum(parts.values()) == found[said]["total"]
    return found


def status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def resident_bytes() -> int:
    gc.collect()
    pa.default_memory_pool().release_unused()
    return status_bytes("VmRSS")


def tables_of(world: Any, ids: str | None) -> tuple[dict[str, Any], int]:
    """The tables to load, and their number of rows."""
    if ids is None:
        return {"holdings": world.holdings(), **world.masters()}, world.rows
    tables = {"holdings": world.holdings("by instrument"), **world.masters()}
    orders = OrderWorld(world)
    tables["orders"] = orders.table(text=ids == "text")
    return tables, world.rows + orders.count


def warm_up(ids: str | None) -> None:
    """Load a tiny book first: imports and first allocations do not count for the measured book."""
    world = World(2, 2)
    with mvcore.Book() as book:
        book.load(**tables_of(world, ids)[0])
        book.value(world.account_names[0])


def main(shape: str, accounts: int, instruments: int, ids: str | None = None) -> None:
    warm_up(ids)
    empty = resident_bytes()
    world = SHAPES[shape](accounts, instruments)
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
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
