"""Parses RFC 4180 records strictly, with any one-character delimiter, and keeps their lines.

A quote may open a field only at its start and close it only at its end. Inside a quoted field it is
doubled. Any other text would be ambiguous. Line breaks inside quotes are allowed unless the lines
look like rows, because an unclosed quote would swallow rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore.errors import InvalidInput
from mvcore.files.encodings import count_lines
from mvcore.files.faults import fault

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_RECORD = 100_000  # characters; a longer record has a quote that is never closed
BREAK = re.compile(r"\r\n|\n|\r")


class Grammar(NamedTuple):
    """The regular expressions for one delimiter."""

    field: re.Pattern[str]
    records: re.Pattern[str]


@cache
def grammar(delimiter: str) -> Grammar:
    """Possessive quantifiers prevent backtracking, so a match takes linear time."""
    d = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*+"|[^"{d}\r\n]*+)'
    end = r"(?:\r\n|\n|\r)"
    return Grammar(re.compile(field), re.compile(rf"(?:{field}(?:{d}{field})*+{end})*+"))


class Block(NamedTuple):
    """Some rows as columns of texts, null if a field is empty. lines: see `Lines.add`."""

    columns: list[pa.Array]
    rows: int
    lines: int | npt.NDArray[np.int64]


class Records:
    """Parses the records of a text that arrives in blocks of whole lines."""

    def __init__(self, path: str, delimiter: str, width: int, header_line: int) -> None:
        self.path = path
        self.delimiter = delimiter
        self.width = width
        self.header_line = header_line

    def blocks(self, texts: Iterator[str], line: int) -> Iterator[Block]:
        """Parse all texts. line: the number of their first line."""
        rest = ""
        for text in texts:
            whole, rest = self._split(rest + text, line)
            if whole:
                yield self._parse(whole, line)
                line += count_lines(whole)
        if rest:
            whole, open_ = self._split(rest + "\n", line)
            if whole:
                yield self._parse(whole, line)
            if open_:
                raise self._unclosed(open_, line + count_lines(whole))

    def _split(self, text: str, line: int) -> tuple[str, str]:
        """Split into whole records, and the start of a record that continues in the next block."""
        if '"' not in text:
            end = max(text.rfind("\n"), text.rfind("\r")) + 1
        else:
            found = grammar(self.delimiter).records.match(text)
            end = 0 if found is None else found.end()
        whole, rest = text[:end], text[end:]
        wrong = self._fault_of(rest, line + count_lines(whole)) if rest else None
        if wrong is not None:
            if whole:
                self._parse(whole, line)  # a fault in an earlier line comes first
            raise wrong
        return whole, rest

    def _fault_of(self, rest: str, line: int) -> InvalidInput | None:
        """The error of an incomplete record, or None if it may continue in the next block."""
        pattern, at = grammar(self.delimiter).field, 0
        while True:
            end = pattern.match(rest, at).end()  # type: ignore[union-attr]  # it matches ''
            if end == len(rest):
                return None
            if rest[end] == self.delimiter:
                at = end + 1
                continue
            if rest[end] != '"' and rest[at] == '"':
                return self._after_quote(rest, at, end, line)
            if end > at:
                return self._in_field(rest, at, end, line)
            if len(rest) - at > LONGEST_RECORD:
                return self._unclosed(rest, line)
            return None  # a quote opens here and no quote closes it

    def _place(self, text: str, at: int, line: int) -> int:
        return line + count_lines(text[:at])

    def _after_quote(self, text: str, at: int, end: int, line: int) -> InvalidInput:
        opened, closed = self._place(text, at, line), self._place(text, end, line)
        if opened != closed:
            return fault(
                self.path,
                f"the quote that opens here is not closed on its line, and line {closed} has text "
                f"after the next quote: {_around(text, end)}; expected a quote at the end of the "
                "field",
                line=opened,
                value=text[at : end + 1],
            )
        return fault(
            self.path,
            f"text after a closing quote: {_around(text, at)}; expected {self.delimiter!r} or the "
            "end of the line (a quote inside quotes is doubled)",
            line=opened,
            value=text[at : end + 1],
        )

    def _in_field(self, text: str, at: int, end: int, line: int) -> InvalidInput:
        return fault(
            self.path,
            f"a quote inside a field without quotes: {_around(text, at)}; expected quotes around "
            "the whole field and the quotes inside doubled",
            line=self._place(text, end, line),
            value=text[at : end + 1],
        )

    def _unclosed(self, text: str, line: int) -> InvalidInput:
        pattern, at = grammar(self.delimiter).field, 0
        while (end := pattern.match(text, at).end()) < len(text) and text[end] == self.delimiter:  # type: ignore[union-attr]
            at = end + 1
        return fault(
            self.path,
            f"the quote that opens here is never closed: {_around(text, at)}; expected a quote at "
            "the end of the field",
            line=self._place(text, at, line),
            value=BREAK.split(text[at:], maxsplit=1)[0],
        )

    def _parse(self, text: str, line: int) -> Block:
        """Parse whole records. They are well formed, so csv modules agree with the grammar."""
        import pyarrow as pa

        block = self._parse_lines(text, line) if self.delimiter.isascii() else None
        if block is not None:
            return block
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=self.delimiter, doublequote=True, strict=True
        )
        try:
            records = list(reader)
        except csv.Error as error:  # a field of more characters than csv.field_size_limit
            at = line + max(0, reader.line_num - 1)
            raise fault(self.path, f"{error}; expected a shorter field", line=at) from None
        lines: int | npt.NDArray[np.int64] = line
        if count_lines(text) != len(records) or [] in records:
            lines = self._lines_of(records, line)
            kept = [k for k, record in enumerate(records) if record]
            lines = lines[kept]
            records = [records[k] for k in kept]
        if set(map(len, records)) - {self.width}:
            row = next(k for k, record in enumerate(records) if len(record) != self.width)
            raise self._ragged(records[row], line + row)
        columns = list(zip(*records, strict=True)) or [()] * self.width
        arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
        return Block(arrays, len(records), lines)

    def _parse_lines(self, text: str, line: int) -> Block | None:
        """Parse with pyarrow, several times as fast, if each line is a row.

        Returns None if a line is empty, a field has several lines, or a row has another width:
        pyarrow cannot tell its line.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        names = [str(k) for k in range(self.width)]
        # The text is copied to Arrow's memory. A pyarrow thread that releases a Python buffer while
        # the interpreter shuts down aborts the process (apache/arrow#34314).
        data = pa.array([text], pa.large_string()).buffers()[2]
        try:
            table = arrow_csv.read_csv(
                data,
                arrow_csv.ReadOptions(column_names=names, use_threads=False),
                arrow_csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char='"' if '"' in text else False,
                    newlines_in_values='"' in text,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != count_lines(text):
            return None
        return Block([pa.concat_arrays(c.chunks) for c in table.columns], table.num_rows, line)

    def _lines_of(self, records: list[list[str]], line: int) -> npt.NDArray[np.int64]:
        lines = np.empty(len(records), np.int64)
        for k, record in enumerate(records):
            lines[k] = line
            if record and len(record) != self.width:
                raise self._ragged(record, line)
            for value in record:
                if "\n" in value or "\r" in value:
                    self._check_swallowed(value, record, line)
            line += 1 + sum(map(count_lines, record))
        return lines

    def _check_swallowed(self, value: str, record: list[str], line: int) -> None:
        """Raises InvalidInput if the lines of a field look like rows: two stray quotes enclose
        them."""
        first, *between, last = BREAK.split(value)
        every = [part.count(self.delimiter) for part in BREAK.split(self.delimiter.join(record))]
        opened = line + sum(map(count_lines, record[: record.index(value)]))
        rows = {self.width - 1} if self.width > 1 else set()
        if (
            set(every) == rows
            or rows & {part.count(self.delimiter) for part in between}
            or last.endswith(self.delimiter)
        ):
            raise fault(
                self.path,
                f"the quote that opens at {first!r} is closed in line {opened + len(between) + 1} "
                "only, and the lines between look like rows; expected a quote at the end of the "
                "field",
                line=opened,
                value=value,
            )

    def _ragged(self, record: list[str], line: int) -> InvalidInput:
        more = ""
        if len(record) > self.width:
            more = f"; a {self.delimiter!r} inside a value needs quotes around it"
        return fault(
            self.path,
            f"{_fields(len(record))}; expected {self.width} as in the header (line "
            f"{self.header_line}){more}",
            line=line,
            value=self.delimiter.join(record),
        )


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


def _around(text: str, at: int) -> str:
    """The line from a position on, shortened."""
    line = BREAK.split(text[at : at + 60], maxsplit=1)[0]
    return repr(line if len(line) < 40 else line[:37] + "...")


def fields_of(line: str, delimiter: str) -> list[str] | None:
    """The fields of one line without its line break, or None if it is malformed."""
    if '"' not in line:
        return line.split(delimiter)
    pattern, fields, at = grammar(delimiter).field, list[str](), 0
    while True:
        field = pattern.match(line, at)[0]  # type: ignore[index]  # it matches ''
        fields.append(field[1:-1].replace('""', '"') if field[:1] == '"' else field)
        at += len(field)
        if at == len(line):
            return fields
        if line[at] != delimiter:
            return None
        at += 1
