"""`mvcore value`: a book from files, ticks on top, amounts out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import mvcore
from mvcore.cli import render
from mvcore.cli.files import (
    LONG_BYTES,
    CommandError,
    Progress,
    read_table,
    settle_order_ids,
    total_bytes,
)

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("instruments", "accounts", "holdings", "orders", "prices", "fx")
TICK_COLUMNS = ("instrument", "price", "time")
TICKS_PER_BATCH = 5_000


def run(arguments: argparse.Namespace) -> int:
    """Read, load, tick, value, write."""
    output = arguments.output or render.kind_of(arguments.out)
    render.check_sink(output, arguments.out)
    paths = paths_of(arguments, "ticks")
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with (
        mvcore.Book(arguments.base_currency, arguments.value_scale) as book,
        Progress(long=long) as progress,
    ):
        tables = read(paths, progress)
        ticks = tables.pop("ticks", None)
        load(book, tables, paths, progress)
        if ticks is not None:
            apply_ticks(book, ticks, paths["ticks"], progress)
        frame = book.values(
            by=arguments.by,
            measures=arguments.measures,
            currency=arguments.currency,
            rollup=arguments.rollup,
        )
    render.write(frame, output, arguments.out)
    return 0


def paths_of(arguments: argparse.Namespace, *more: str) -> dict[str, str]:
    """The files that were given, by what they hold."""
    paths = {name: getattr(arguments, name) for name in (*TABLES, *more)}
    return {name: path for name, path in paths.items() if path is not None}


def read(paths: dict[str, str], progress: Progress) -> dict[str, pa.Table]:
    """All files; ids of orders are of one kind."""
    tables = {name: read_table(name, path, progress) for name, path in paths.items()}
    settle_order_ids(tables, paths)
    return tables


def load(
    book: mvcore.Book, tables: dict[str, pa.Table], paths: dict[str, str], progress: Progress
) -> None:
    """One load of all tables, so that they are judged together; an error names the file too."""
    progress.step("loading")
    try:
        book.load(**tables)
    except mvcore.Error as error:
        raise CommandError(f"{error}{file_of(str(error), paths)}") from error


def file_of(message: str, paths: dict[str, str]) -> str:
    """The core names the table (`holdings.quantity, row 3: ...`); the user knows it by its file."""
    for name, path in paths.items():
        if message.startswith((f"{name}.", f"{name},", f"{name}:")):
            counted = ", rows count from 0 below the header" if ", row " in message else ""
            return f" (file {path}{counted})"
    return ""


def apply_ticks(book: mvcore.Book, ticks: pa.Table, path: str, progress: Progress) -> None:
    """Ticks in the file's order. Batches spare a call a tick and end in the same prices."""
    check_tick_columns(ticks.column_names, path)
    advance = progress.step("ticks", ticks.num_rows)
    row = 0
    for batch in ticks.to_batches(max_chunksize=TICKS_PER_BATCH):
        times = batch.column("time") if "time" in ticks.column_names else None
        try:
            book.ticks(batch.column("instrument"), batch.column("price"), times=times)
        except mvcore.Error as error:
            raise CommandError(f"{error} (file {path}, in the batch from row {row})") from error
        row += batch.num_rows
        advance(batch.num_rows)


def check_tick_columns(names: list[str], path: str) -> None:
    """`ticks` takes arrays, not a table, so its columns are checked here."""
    for name in TICK_COLUMNS[:2]:
        if name not in names:
            raise CommandError(f"ticks file {path}: column {name!r} is missing")
    for name in names:
        if name not in TICK_COLUMNS:
            raise CommandError(f"ticks file {path}: column {name!r} is not known")
