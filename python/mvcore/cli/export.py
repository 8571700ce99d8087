"""`mvcore export`: exports the tables of a durable book to Parquet or CSV files."""

from __future__ import annotations

import argparse

from mvcore.store.exporting import export
from mvcore.store.opening import open as open_book


def run(arguments: argparse.Namespace) -> int:
    with open_book(arguments.path, read_only=True) as book:
        rows = export(book, arguments.out, arguments.to)
    for name, count in rows.items():
        print(f"{arguments.out}/{name}.{arguments.to}: {count} rows")
    return 0
