"""`mvcore value` and `mvcore positions`: load a book from files, apply ticks, and print rows."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Literal

import mvcore
from mvcore.cli import render
from mvcore.cli.files import (
    LONG_BYTES,
    Dropped,
    Progress,
    names_in,
    read_tables,
    total_bytes,
)
from mvcore.files import FileTable
from mvcore.files.schema import schema_of

TABLES = ("instruments", "accounts", "holdings", "orders", "prices", "fx")
TICKS_PER_BATCH = 5_000


def run(arguments: argparse.Namespace) -> int:
    """Read, load, apply ticks, value or list positions, write."""
    output = arguments.output or render.kind_of(arguments.out)
    render.check_sink(output, arguments.out)
    paths = paths_of(arguments, "ticks")
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with (
        mvcore.Book(
            arguments.base_currency,
            arguments.value_scale,
            cash=arguments.cash,
            cash_scale=arguments.cash_scale,
        ) as book,
        Progress(long=long) as progress,
    ):
        tables = read(paths, arguments, progress)
        ticks = tables.pop("ticks", None)
        load(book, tables, progress)
        if ticks is not None:
            apply_ticks(book, ticks, arguments.unknown, progress)
        page = {name: getattr(arguments, name) for name in ("where", "sort", "limit", "offset")}
        if arguments.command == "positions":
            frame = book.positions(currency=arguments.currency, **page)
        else:
            frame = book.values(
                by=arguments.by,
                measures=arguments.measures,
                currency=arguments.currency,
                rollup=arguments.rollup,
                **page,
            )
    render.write(frame, output, arguments.out)
    return 0


def paths_of(arguments: argparse.Namespace, *more: str) -> dict[str, str]:
    """The files that were given, by table."""
    paths = {name: getattr(arguments, name) for name in (*TABLES, *more)}
    return {name: path for name, path in paths.items() if path is not None}


def read(
    paths: dict[str, str], arguments: argparse.Namespace, progress: Progress
) -> dict[str, FileTable]:
    """Read all files."""
    return read_tables(paths, {name: schema_of(name) for name in paths}, arguments, progress)


def load(book: mvcore.Book, tables: Mapping[str, Any], progress: Progress) -> None:
    """Load all tables in one batch, so that they are checked together.

    Errors name file and line.
    """
    progress.step("loading")
    book.load(**tables)


def apply_ticks(
    book: mvcore.Book, ticks: FileTable, unknown: Literal["error", "skip"], progress: Progress
) -> None:
    """Apply ticks in the file's order.

    Batches avoid a call per tick; the final prices are the same.
    """
    advance = progress.step("ticks", ticks.rows)
    row, dropped = 0, Dropped()
    for batch in ticks.data.to_batches(max_chunksize=TICKS_PER_BATCH):
        times = batch.column("time") if "time" in ticks else None
        try:
            written = book.ticks(
                batch.column("instrument"), batch.column("price"), times=times, unknown=unknown
            )
        except mvcore.Error as error:
            ticks.locate(error, row.__add__, names_in(book))
            raise
        dropped.add(written)
        row += batch.num_rows
        advance(batch.num_rows)
    dropped.tell(ticks.path)
