"""Errors of files, all of the form `holdings.csv, line 12, column quantity: what is wrong`."""

from __future__ import annotations

from mvcore.errors import InvalidInput


def fault(
    path: str,
    what: str,
    *,
    line: int | None = None,
    column: str | None = None,
    table: str | None = None,
    known_as: str | None = None,
    row: int | None = None,
    value: object = None,
) -> InvalidInput:
    """Make an error about a file.

    column: the name in the file. known_as: the name in the table. line counts from 1, as in
    editors; row counts from 0 below the header.
    """
    error = InvalidInput(f"{place(path, line, column, row)}: {what}{row_note(line, row)}")
    error.file, error.line = path, line
    return error.at(table, known_as or column, row, value, what)


def place(path: str, line: int | None, column: str | None, row: int | None = None) -> str:
    """The position of an error. Formats without lines have rows."""
    at = path
    if line is not None:
        at += f", line {line}"
    elif row is not None:
        at += f", row {row}"
    return at if column is None else f"{at}, column {column}"


def row_note(line: int | None, row: int | None) -> str:
    """The row that the line became: programs count rows, people count lines."""
    return "" if line is None or row is None else f" (row {row})"
