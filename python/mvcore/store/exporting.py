"""Exports a book's tables to Parquet or CSV files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mvcore import _core
from mvcore.book import Book
from mvcore.formats import csv_lines
from mvcore.snapshot import Snapshot

INSTRUMENTS_PER_READ = 64  # instruments whose holdings or orders are in memory at a time
PRICES = ["instrument", "price", "time"]
HOLDINGS = ["account", "instrument", "quantity"]
ORDERS = [
    "order", "account", "instrument", "order_quantity", "filled_quantity", "average_price",
    "rolled_quantity", "status", "time",
]  # fmt: skip
Tables = Iterator[pa.Table]
_log = logging.getLogger("mvcore")


def export(book: Book, folder: str | os.PathLike[str], kind: str) -> dict[str, int]:
    """Write accounts, instruments, fx, prices, holdings and orders, with the columns that `load`
    takes.

    The files are `<table>.<kind>` in the folder; kind: "parquet" or "csv". All are of one epoch.
    Returns the number of rows of each. Logs a warning (logger "mvcore") for data that the files
    cannot hold. Raises OSError. O(rows).
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    write = {"parquet": _parquet, "csv": _csv}[kind]
    with book.snapshot() as now:
        _warn(now)
        return {
            name: write(path / f"{name}.{kind}", tables)
            for name, tables in (
                ("accounts", iter([now.accounts().to_arrow()])),
                ("instruments", iter([now.instruments().to_arrow()])),
                ("fx", iter([now.fx().to_arrow()])),
                ("prices", iter([now.prices().to_arrow().select(PRICES)])),
                ("holdings", _by_instruments(now, now.holdings, HOLDINGS)),
                ("orders", _by_instruments(now, now.orders, ORDERS)),
            )
        }


def _warn(now: Snapshot) -> None:
    masters = now._store_access().masters
    for table, attributes in (("accounts", masters.account), ("instruments", masters.instrument)):
        if "cash" in attributes:
            _log.warning(
                "%s: the attribute 'cash' is left out: `load` takes no such attribute", table
            )
    if now.cash is not None and (count := _corrected(now)):
        _log.warning(
            "orders: %d had another average price when a roll took their fills; the files lack it, "
            "so that a book loaded from them counts these fills at the average price of now; a "
            "copy of the folder keeps it",
            count,
        )


def _corrected(now: Snapshot) -> int:
    """Count orders whose rolled fills count at another price than the present average price."""
    core = now._store_access().core
    count, instruments = 0, len(_core.stored_instruments(core)["alive"])
    for k in range(0, instruments, INSTRUMENTS_PER_READ):
        rows = _core.stored_orders(core, k, min(k + INSTRUMENTS_PER_READ, instruments))
        if rows["rolled_price"] is None:
            continue
        then, then_known = rows["rolled_price"]
        if rows["average_price"] is None:
            differs = np.ones(len(then), bool)
        else:
            price, known = rows["average_price"]
            differs = (known == 0) | (price != then).reshape(len(then), -1).any(axis=1)
        rolled = np.asarray(rows["rolled_quantity"]).reshape(len(then), -1).any(axis=1)
        count += int((rolled & (then_known != 0) & differs).sum())
    return count


def _by_instruments(now: Snapshot, read: Callable[..., Any], columns: list[str]) -> Tables:
    names = now.instruments()["instrument"]
    for k in range(0, max(1, len(names)), INSTRUMENTS_PER_READ):
        yield read(instruments=names[k : k + INSTRUMENTS_PER_READ]).to_arrow().select(columns)


def _parquet(path: Path, tables: Tables) -> int:
    rows = 0
    writer = None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            rows += len(table)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _csv(path: Path, tables: Tables) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for k, table in enumerate(tables):
            columns = [_texts(column) for column in table.columns]
            lines = csv_lines(table.column_names, columns)
            file.writelines(line for n, line in enumerate(lines) if n or not k)
            rows += len(table)
    return rows


def _texts(column: pa.ChunkedArray) -> list[object]:
    """Times in ISO 8601, to the nanosecond; booleans as true and false."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.utf8())
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(pa.timestamp("ns")), "%Y-%m-%dT%H:%M:%SZ")
    return list(column.to_pylist())
