"""Writes frames as CSV and Parquet, with every digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mvcore.frame import Frame


_LOW = 2**64 - 1  # the bits of the lower half of a 128-bit integer


def plain(value: object) -> object:
    """A Decimal as text with all its digits. str() would turn 0.00000000 into 0E-8."""
    return format(value, "f") if isinstance(value, Decimal) else value


def printable(text: str) -> str:
    """Escape text from outside, so that it can neither break the line nor control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fixed_texts(values: npt.NDArray[np.int64], scale: int) -> list[str]:
    """Format integers in units of 10**-scale, exactly as `format(Decimal, "f")`.

    values: int64, or 128-bit integers as int64 pairs of shape (n, 2).
    """
    whole = values.tolist()
    if values.ndim == 2:
        whole = [low if high == low >> 63 else high << 64 | low & _LOW for low, high in whole]
    if not scale:
        return [str(value) for value in whole]
    texts, one = [], 10**scale
    for value in whole:
        digits = str(value) if value >= one else format(value, f"0{scale + 1 + (value < 0)}d")
        texts.append(f"{digits[:-scale]}.{digits[-scale:]}")
    return texts


class _Line:
    """The file object for the csv module.

    The module quotes a CR or LF in a field only if the line terminator contains it. So the
    terminator is CR LF, and `write` replaces it by a plain newline.
    """

    text = ""

    def write(self, text: str) -> int:
        self.text = text.removesuffix("\r\n") + "\n"
        return len(text)


def csv_lines(names: list[str], columns: list[list[object]]) -> Iterator[str]:
    """Lines in the format of RFC 4180, with plain newlines.

    A label that is not set is an empty field.
    """
    import csv

    line = _Line()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(names)
    yield line.text
    for values in zip(*columns, strict=True):
        writer.writerow([plain(value) for value in values])
        yield line.text


def csv_bytes(frame: Frame) -> bytes:
    """The complete file, in UTF-8."""
    names = frame.column_names
    return "".join(csv_lines(names, [frame[name] for name in names])).encode()


def parquet_bytes(frame: Frame) -> bytes:
    """The file, written to memory first: pyarrow calls tell(), which fails for a pipe."""
    import io

    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(frame.to_arrow(), buffer)
    return buffer.getvalue()
