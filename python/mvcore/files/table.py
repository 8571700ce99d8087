"""A table that was read from a file: its columns, and how the file was read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import Error, InvalidInput, UnknownId, shown
from mvcore.files.faults import fault, place, row_note
from mvcore.files.schema import WITH_ATTRIBUTES, schema_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

SIDES = ("account", "instrument")


@dataclass(frozen=True, repr=False)
class FileTable(Mapping[str, Any]):
    """Columns by name, as Arrow arrays, and how the file was read.

    format: "csv" (any delimited text), "parquet" or "arrow". delimiter, encoding (as Python's
    `open` takes it) and header_row (a line, counted from 1) are those used, given or detected; None
    for Parquet and Arrow. ignored: columns that `extra="ignore"` dropped. renamed: maps names in
    the file to names of columns. skipped_prices: number of rows without a price that
    `blank_price="skip"` dropped. summed: number of rows that `duplicates="sum"` added to another
    row.
    """

    path: str
    table: str
    data: pa.Table
    format: str
    delimiter: str | None
    encoding: str | None
    header_row: int | None
    ignored: tuple[str, ...]
    renamed: Mapping[str, str]
    skipped_prices: int
    summed: int
    lines: Callable[[int], int] | None

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        if column not in self.data.column_names:
            raise KeyError(column)
        return self.data.column(column)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data.column_names)

    def __len__(self) -> int:
        return len(self.data.column_names)

    __hash__ = None  # type: ignore[assignment]  # like every mapping

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, FileTable) and self.data.equals(other.data))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.data.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<FileTable {self.table}: {self.report()}>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.data.num_rows)

    def to_arrow(self) -> pa.Table:
        """The columns as a pyarrow table."""
        return self.data

    def line(self, row: int) -> int | None:
        """The line of the file, counted from 1, on which a row of the table begins."""
        if not 0 <= row < self.rows:
            raise InvalidInput.about(
                self.table, None, None, row, f"row {row} is not in 0..{self.rows - 1}"
            )
        return None if self.lines is None else self.lines(row)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns of accounts or instruments that are attributes."""
        if self.table not in WITH_ATTRIBUTES:
            return ()
        return tuple(name for name in self if name not in schema_of(self.table).columns)

    def name_in_file(self, column: str) -> str:
        """The name of a column in the file."""
        return next((old for old, new in self.renamed.items() if new == column), column)

    def report(self) -> str:
        """One line: the file, its rows, and how it was read."""
        parts = [f"{self.rows} row{'' if self.rows == 1 else 's'}"]
        if self.format == "csv":
            parts.append(f"delimiter {self.delimiter!r}")
            parts.append(f"encoding {self.encoding}")
            parts.append(f"header in line {self.header_row}")
        else:
            parts.append(self.format)
        parts += [f"{old!r} read as {new!r}" for old, new in self.renamed.items()]
        if self.attributes:
            parts.append(f"attributes {', '.join(map(repr, self.attributes))}")
        if self.ignored:
            parts.append(f"ignored {', '.join(map(repr, self.ignored))}")
        if self.skipped_prices:
            parts.append(f"skipped {self.skipped_prices} without a price")
        if self.summed:
            parts.append(f"added {self.summed} duplicates to the first row of their key")
        return f"{self.path}: {', '.join(parts)}"

    def is_ordinary(self) -> bool:
        """Return whether the file was read with the defaults, so that the report is of no
        interest."""
        dialect = (self.delimiter, self.encoding, self.header_row) == (",", "utf-8", 1)
        changed = self.ignored or self.renamed or self.skipped_prices or self.summed
        return (dialect or self.format != "csv") and not changed

    def place(self, row: int) -> str:
        """The position of a row: its line, or the row number in a format without lines."""
        return f"row {row}" if self.lines is None else f"line {self.lines(row)}"

    def with_column(self, column: str, values: pa.ChunkedArray) -> FileTable:
        """Return the table with one column replaced."""
        at = self.data.column_names.index(column)
        return replace(self, data=self.data.set_column(at, column, values))

    def filtered(self, mask: npt.NDArray[np.bool_]) -> FileTable:
        """Return the table with only the rows in the mask. They keep their lines."""
        kept = np.flatnonzero(mask)
        lines = self.lines
        through = None if lines is None else lambda row: lines(int(kept[row]))
        return replace(self, data=self.data.filter(mask), lines=through)

    def locate(
        self,
        error: Error,
        row_of: Callable[[int], int] = lambda row: row,
        names: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """Change an error about a row of this table so that it names the file's line and column.

        row_of: maps a row of the batch that the book refused to a row of this table. names: returns
        the known names of accounts or instruments, to suggest similar ones.
        """
        mine, known = error.table == self.table, error.file is not None
        error.file = self.path
        if error.row is None:
            self._locate_column(error, mine, known)
            return
        # The core calls the column of tick names `ticks.instruments`.
        column = str(error.column)
        column = column if column in self else column.removesuffix("s")
        row = row_of(error.row)
        error.line = self.line(row)
        at = place(self.path, error.line, self.name_in_file(column), row)
        value = None
        with contextlib.suppress(Exception):  # an unknown zone, a time out of Python's range
            value = self[column][row].as_py() if column in self else None
        what = error.reason
        if isinstance(error.value, np.datetime64):
            what = what.replace(shown(error.value), f"'{error.value}'")
        error.args = (f"{at}: {what}{row_note(error.line, row)}",)
        error.at(self.table, column, row, value, what)
        if isinstance(error, UnknownId) and names is not None and column in SIDES:
            error.unlike(str(error.value), names(column))

    __mvcore_locate__ = locate  # what `Book` calls, which does not know files

    def _locate_column(self, error: Error, mine: bool, known: bool) -> None:
        """Change an error about a whole column or table: its line is that of the header."""
        error.table = self.table
        if mine:
            error.line = self.header_row
            at = place(self.path, error.line, error.column and self.name_in_file(error.column))
            error.args = (f"{at}: {error.reason}",)
        elif error.args and not known:
            error.args = (f"{self.path}: {error.args[0]}",)

    def fault(self, what: str, column: str, row: int, value: Any) -> InvalidInput:
        """Make an error about a value of this table."""
        return fault(
            self.path, what, line=self.line(row), column=self.name_in_file(column), known_as=column,
            table=self.table, row=row, value=value,
        )  # fmt: skip
