"""Reads the files of a command with `mvcore.files`, and shows a progress bar if it takes long."""

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
    """An error that the user can fix: printed as one line on stderr, with exit status 2."""


class Progress(Shown):
    """Progress bars on stderr, one per step.

    Shows nothing if stderr is no terminal or the work is short.
    """

    def __init__(self, *, long: bool) -> None:
        self._shown: RichProgress | None = None
        self._pulsing: TaskID | None = None
        if long and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._shown = RichProgress(console=Console(stderr=True), transient=True)

    def step(self, label: str, total: int | None = None) -> Advance:
        """Open a bar. Returns a function that advances it. Without a total, the bar pulses."""
        bars = self._shown
        if bars is None:
            return lambda _: None
        if self._pulsing is not None:
            bars.update(self._pulsing, total=1, completed=1)
        task = bars.add_task(label, total=total)
        self._pulsing = task if total is None else None
        return lambda count: bars.advance(task, count)


def total_bytes(paths: list[str]) -> int:
    """The total size of the files. A missing file counts 0; reading it raises the error later."""
    return sum(Path(path).stat().st_size for path in paths if Path(path).is_file())


def options_of(arguments: argparse.Namespace) -> Options:
    """The read options from the arguments."""
    return Options(
        **{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Options)}
    )


def read_tables(
    paths: dict[str, str],
    schemas: dict[str, Schema],
    arguments: argparse.Namespace,
    progress: Progress,
) -> dict[str, FileTable]:
    """Read all files of a command, with order ids of one kind.

    What was detected is printed on stderr, unless the file has the defaults of a CSV file.
    """
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
    """Read one file with a progress bar.

    Print a line on stderr if it does not have the defaults.
    """
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


def names_in(book: mvcore.Book) -> Callable[[str], list[str]]:
    """Return a function from "account", "instrument" or "currency" to the names in the book.

    Errors about unknown names use it to find similar ones.
    """

    def names(side: str) -> list[str]:
        table = book.accounts() if side == "account" else book.instruments()
        return list(dict.fromkeys(table[side]))

    return names


def tell(text: str) -> None:
    """Print a note on stderr."""
    print(f"mvcore: {printable(text)}", file=sys.stderr)


def skip_unknown(prices: FileTable, instruments: FileTable) -> FileTable:
    """Filter prices to instruments in the other file. The number of other prices goes to stderr."""
    known = set(instruments["instrument"].to_pylist())
    mask = np.array([name in known for name in prices["instrument"].to_pylist()], bool)
    tell_skipped(prices.path, len(mask) - int(mask.sum()))
    return prices if mask.all() else prices.filtered(mask)


def tell_skipped(path: str, count: int) -> None:
    """Print how many prices of a file `--unknown skip` ignored, if any."""
    if count:
        prices = "price of an unknown instrument" if count == 1 else "prices of unknown instruments"
        tell(f"{path}: skipped {count} {prices}")


class Dropped:
    """Counts the rows of a file that had no effect on the book."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, written: int) -> None:
        """Add the counts of one write, if it is a `Written`."""
        self.counts.update(getattr(written, "__dict__", {}))

    def tell(self, path: str) -> None:
        """Print the counts on stderr: first the prices that `--unknown skip` ignored, then the
        others."""
        tell_skipped(path, self.counts["skipped_prices"])
        others = [f"{name} {count}" for name, count in self.counts.items()
                  if count and name != "skipped_prices"]  # fmt: skip
        if others:
            tell(f"{path}: rows without effect: {', '.join(others)}")


def settle_order_ids(tables: dict[str, FileTable]) -> None:
    """Convert texts of CSV files to integers, if every order id in every file is a canonical
    integer.

    All order ids of a book are of one kind. If a Parquet or Arrow file has text ids, those of a CSV
    file stay texts as well.
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
