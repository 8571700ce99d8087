"""The files of a command: read by `mvcore.files`, with a progress bar if it takes long."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mvcore
from mvcore.cli.shown import Shown
from mvcore.files.columns import plain_integers
from mvcore.files.encodings import COMPRESSIONS
from mvcore.files.options import Options
from mvcore.files.reading import read_file
from mvcore.files.schema import Schema
from mvcore.files.table import FileTable
from mvcore.formats import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LONG_BYTES = 16 << 20  # about a second of reading and loading
WITH_ORDER_IDS = ("orders", "events")

Advance = Callable[[int], None]


class CommandError(Exception):
    """Something the user can mend: told in one line on stderr, with exit status 2."""


class Progress(Shown):
    """Bars on stderr, one a step; nothing if stderr is no terminal or the work is short."""

    def __init__(self, *, long: bool) -> None:
        self._shown: RichProgress | None = None
        self._pulsing: TaskID | None = None
        if long and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._shown = RichProgress(console=Console(stderr=True), transient=True)

    def step(self, label: str, total: int | None = None) -> Advance:
        """Open a bar; what it returns moves it on. Without a total it shows that work goes on."""
        bars = self._shown
        if bars is None:
            return lambda _: None
        if self._pulsing is not None:
            bars.update(self._pulsing, total=1, completed=1)
        task = bars.add_task(label, total=total)
        self._pulsing = task if total is None else None
        return lambda count: bars.advance(task, count)


def total_bytes(paths: list[str]) -> int:
    """How much there is to read; what is missing is told later, by the read itself."""
    return sum(Path(path).stat().st_size for path in paths if Path(path).is_file())


def options_of(arguments: argparse.Namespace) -> Options:
    """How the files are to be read."""
    return Options(
        **{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Options)}
    )


def read_tables(
    paths: dict[str, str],
    schemas: dict[str, Schema],
    arguments: argparse.Namespace,
    progress: Progress,
) -> dict[str, FileTable]:
    """All files of a command; ids of orders are of one kind. What was detected is told on stderr,
    unless it is what everybody expects of a CSV file."""
    options = options_of(arguments)
    tables = {
        name: read_table(path, schemas[name], options, progress) for name, path in paths.items()
    }
    for old in options.rename:
        if not any(old in table.renamed for table in tables.values()):
            raise CommandError(f"--rename: no file has a column {old!r}")
    if arguments.unknown == "skip" and "prices" in tables:
        tables["prices"] = skip_unknown(tables["prices"], tables["instruments"])
    settle_order_ids(tables)
    return tables


def read_table(path: str, schema: Schema, options: Options, progress: Progress) -> FileTable:
    """One file, with a bar, and a line on stderr if it is not ordinary."""
    try:
        size = Path(path).stat().st_size
        packed = Path(path).suffix.lower() in COMPRESSIONS
        advance = progress.step(f"reading {schema.name}", None if packed else size)
        table = read_file(path, schema, options, advance)
    except OSError as error:
        if isinstance(error, mvcore.Error):
            raise
        raise CommandError(f"{path}: {error.strerror or error}") from error
    if not table.is_ordinary():
        tell(table.report())
    return table


def tell(text: str) -> None:
    """A line on stderr that is no error."""
    print(f"mvcore: {printable(text)}", file=sys.stderr)


def skip_unknown(prices: FileTable, instruments: FileTable) -> FileTable:
    """The prices of the instruments in the other file; the others are counted on stderr."""
    known = set(instruments["instrument"].to_pylist())
    mask = np.array([name in known for name in prices["instrument"].to_pylist()], bool)
    tell_skipped(prices.path, len(mask) - int(mask.sum()))
    return prices if mask.all() else prices.filtered(mask)


def tell_skipped(path: str, count: int) -> None:
    """How many prices `--unknown skip` left out of a file, if any."""
    if count:
        prices = "price of an unknown instrument" if count == 1 else "prices of unknown instruments"
        tell(f"{path}: skipped {count} {prices}")


class Dropped:
    """Counts of the rows of a file that had no effect on the book."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, written: int) -> None:
        """Count what one write dropped, if it is a `Written`."""
        self.counts.update(getattr(written, "__dict__", {}))

    def tell(self, path: str) -> None:
        """Lines on stderr: prices that `--unknown skip` left out, and all others."""
        tell_skipped(path, self.counts["skipped_prices"])
        others = [f"{name} {count}" for name, count in self.counts.items()
                  if count and name != "skipped_prices"]  # fmt: skip
        if others:
            tell(f"{path}: rows without effect: {', '.join(others)}")


def settle_order_ids(tables: dict[str, FileTable]) -> None:
    """Texts of CSV files to integers, if every id of an order in every file is a plain one.

    A book's orders have ids of one kind: if a Parquet or Arrow file says that they are texts, those
    of a CSV file beside it stay texts, whatever they look like.
    """
    import pyarrow as pa

    settled = {}
    for name in WITH_ORDER_IDS:
        if name not in tables or "order" not in tables[name]:
            continue
        column = tables[name]["order"]
        if tables[name].format == "csv":
            integers = plain_integers(column)
            if integers is None:
                return
            settled[name] = integers
        elif not pa.types.is_integer(column.type):
            return
    for name, integers in settled.items():
        tables[name] = tables[name].with_column("order", integers)
