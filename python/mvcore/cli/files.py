"""Tables from CSV, Parquet and Arrow files, by pyarrow, with a progress bar where it takes long.

Every column of a CSV file is read as text: a decimal that went through a float on its way would
no longer be the decimal in the file. An empty field is null; every other text, `NA` and `null`
too, is itself, since both are names of instruments somewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mvcore.cli.shown import Shown

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
LONG_BYTES = 16 << 20  # about a second of reading and loading
BLOCK_BYTES = 4 << 20

PLAIN_INTEGER = "^(0|-?[1-9][0-9]{0,18})$"
WITH_ORDER_IDS = ("orders", "events")

Advance = Callable[[int], None]


class CommandError(Exception):
    """Something the user can mend: told in one line on stderr, with exit status 2."""


class Progress(Shown):
    """Bars on stderr, one a step; nothing at all where nobody watches or the work is short."""

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


def file_format(path: Path) -> str:
    """The format by the ending, or else by the first bytes; what is neither is taken as CSV."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        return "csv"
    if suffixes and suffixes[-1] in FORMATS:
        return FORMATS[suffixes[-1]]
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:4] == b"PAR1":
        return "parquet"
    return "arrow" if magic == b"ARROW1" else "csv"


def read_csv(path: Path, advance: Advance) -> pa.Table:
    """A CSV file, compressed or not, every column text.

    It is opened twice, since pyarrow wants the names of the columns that it must not guess at.
    pyarrow reads the file itself, ahead, in threads of its own: with a Python file they would need
    the interpreter, also when an error has long ended it.
    """
    import pyarrow as pa
    from pyarrow import csv

    compression = COMPRESSIONS.get(path.suffix.lower())
    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(block_size=BLOCK_BYTES),
        "parse_options": csv.ParseOptions(newlines_in_values=True),
    }
    with (
        pa.input_stream(str(path), compression=compression) as file,
        csv.open_csv(file, **options) as reader,
    ):
        names = reader.schema.names
    options["convert_options"] = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    batches = []
    with (
        pa.input_stream(str(path), compression=compression) as file,
        csv.open_csv(file, **options) as reader,
    ):
        for batch in reader:
            batches.append(batch)
            advance(BLOCK_BYTES)  # a batch is what was in a block
        return pa.Table.from_batches(batches, reader.schema)


def read_arrow(path: Path) -> pa.Table:
    """An Arrow IPC (Feather version 2) file or stream."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


def read_table(name: str, path_text: str, progress: Progress) -> pa.Table:
    """The table `name` from a file; whatever is wrong with the file is one CommandError."""
    import pyarrow as pa

    path = Path(path_text)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CommandError(f"{name} file {path}: not a regular file, which is read twice")
        packed = path.suffix.lower() in COMPRESSIONS
        advance = progress.step(f"reading {name}", None if packed else size)
        kind = file_format(path)
        if kind == "csv":
            table = read_csv(path, advance)
        elif kind == "arrow":
            table = read_arrow(path)
        else:
            from pyarrow import parquet

            table = parquet.read_table(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"{name} file {path}: {reason}") from error
    except (pa.ArrowException, ValueError) as error:
        raise CommandError(f"{name} file {path} cannot be read: {error}") from error
    repeated = sorted(
        {column for column in table.column_names if table.column_names.count(column) > 1}
    )
    if repeated:
        raise CommandError(f"{name} file {path}: column {repeated[0]!r} is there twice")
    return table


def settle_order_ids(tables: dict[str, pa.Table], paths: dict[str, str]) -> None:
    """Texts of CSV files to integers, where every id of an order in every file is a plain one.

    A book's orders have ids of one kind: if a Parquet or Arrow file says that they are texts, those
    of a CSV file beside it stay texts, whatever they look like.
    """
    import pyarrow as pa

    settled = {}
    for name in WITH_ORDER_IDS:
        if name not in tables or "order" not in tables[name].column_names:
            continue
        column = tables[name].column("order")
        if file_format(Path(paths[name])) == "csv":
            integers = plain_integers(column)
            if integers is None:
                return
            settled[name] = integers
        elif not pa.types.is_integer(column.type):
            return
    for name, integers in settled.items():
        place = tables[name].column_names.index("order")
        tables[name] = tables[name].set_column(place, "order", integers)


def plain_integers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The texts as int64, if each is what such an integer would be written as: not 007, not +7."""
    import pyarrow as pa
    from pyarrow import compute

    plain = compute.match_substring_regex(column, PLAIN_INTEGER)
    if not compute.all(plain, min_count=0).as_py():
        return None
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # beyond 64 bits
        return None
