"""Frames as files: CSV and Parquet, every digit kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mvcore.frame import Frame


def plain(value: object) -> object:
    """A Decimal as the text of all its digits: str() would turn 0.00000000 into 0E-8."""
    return format(value, "f") if isinstance(value, Decimal) else value


def printable(text: str) -> str:
    """Text from outside, made harmless: it can neither break the line nor steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Line:
    """What the csv module writes to. It quotes a break only where its lines end in one, so they
    end in both kinds for it, and in a plain newline here."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text.removesuffix("\r\n") + "\n"
        return len(text)


def csv_lines(names: list[str], columns: list[list[object]]) -> Iterator[str]:
    """RFC 4180 with plain newlines. A label that is not set is an empty field."""
    line = _Line()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(names)
    yield line.text
    for values in zip(*columns, strict=True):
        writer.writerow([plain(value) for value in values])
        yield line.text


def csv_bytes(frame: Frame) -> bytes:
    """The whole file, UTF-8."""
    names = frame.column_names
    return "".join(csv_lines(names, [frame[name] for name in names])).encode()


def parquet_bytes(frame: Frame) -> bytes:
    """The file, through memory: pyarrow asks where it is, and a pipe does not know."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(frame.to_arrow(), buffer)
    return buffer.getvalue()
