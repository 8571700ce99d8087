"""Writes amounts as table, CSV, JSON and Parquet, with every digit.

Text is written as UTF-8 bytes, so the same command writes the same file under any locale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from mvcore.cli.files import CommandError
from mvcore.formats import csv_lines, parquet_bytes, plain, printable

if TYPE_CHECKING:
    from mvcore.frame import Frame

KINDS = {
    "": "table", ".txt": "table", ".csv": "csv", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def kind_of(out: str | None) -> str:
    """The format that the file's ending names. A table if there is no file or no ending."""
    ending = "" if out is None else Path(out).suffix.lower()
    if ending not in KINDS:
        known = ", ".join(name for name in KINDS if name)
        raise CommandError(
            f"--out {out}: the ending {ending!r} is not known; expected one of {known}, or the "
            "option --output"
        )
    return KINDS[ending]


def check_sink(kind: str, out: str | None) -> None:
    """Refuse to write binary output to a terminal, before any work."""
    if kind == "parquet" and out is None and sys.stdout.isatty():
        raise CommandError(
            "parquet is binary and does not fit a terminal; use --out FILE or a pipe"
        )


def write(frame: Frame, kind: str, out: str | None) -> None:
    """Write the frame to the file `out`, or to standard output.

    Amounts are computed first. If one overflows, an existing file is left unchanged.
    """
    if kind == "parquet":
        chunks: Iterable[bytes] = [parquet_bytes(frame)]
    else:
        names = frame.column_names
        chunks = text_chunks(names, [frame[name] for name in names], kind)
    if out is None:
        to_stdout(chunks)
        return
    try:
        with Path(out).open("wb") as file:
            file.writelines(chunks)
    except OSError as error:
        raise CommandError(f"{out}: {error.strerror or error}") from error


def to_stdout(chunks: Iterable[bytes]) -> None:
    """Write bytes unchanged, whatever the encoding of standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(chunks)
    sys.stdout.buffer.flush()


def text_chunks(names: list[str], columns: list[list[object]], kind: str) -> Iterable[bytes]:
    """The lines of a text format."""
    lines = {"table": table_lines, "csv": csv_lines, "json": json_lines}[kind]
    return (line.encode() for line in lines(names, columns))


def json_lines(names: list[str], columns: list[list[object]]) -> Iterator[str]:
    """A JSON array of objects, one row per line.

    Amounts are texts, because JSON numbers are floats.
    """
    separator = "["
    for values in zip(*columns, strict=True):
        row = {name: plain(value) for name, value in zip(names, values, strict=True)}
        yield f"{separator}\n{json.dumps(row, ensure_ascii=False)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def cell(value: object) -> str:
    """One cell of the table.

    `-` is a label that is not set, or a column that a subtotal aggregates.
    """
    return "-" if value is None else printable(str(plain(value)))


def table_lines(names: list[str], columns: list[list[object]]) -> Iterator[str]:
    """Align the columns, numbers to the right. Never truncate or fold: amounts keep all digits."""
    from rich.cells import cell_len

    texts = [[cell(name), *map(cell, column)] for name, column in zip(names, columns, strict=True)]
    widths = [max(map(cell_len, column)) for column in texts]
    right = [any(isinstance(value, (Decimal, int)) for value in column) for column in columns]

    def line(cells: Iterable[str]) -> str:
        padded = []
        for text, width, to_right in zip(cells, widths, right, strict=True):
            space = " " * (width - cell_len(text))
            padded.append(space + text if to_right else text + space)
        return "  ".join(padded).rstrip() + "\n"

    rows = zip(*texts, strict=True)
    yield line(next(rows))
    yield line("-" * width for width in widths)
    for row in rows:
        yield line(row)
