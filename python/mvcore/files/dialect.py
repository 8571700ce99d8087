"""Finds the delimiter and the header row of a file: the first line that has the table's columns."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from mvcore.errors import InvalidInput, shown
from mvcore.files.faults import fault
from mvcore.files.options import Options
from mvcore.files.records import BREAK, fields_of
from mvcore.files.schema import Schema
from mvcore.near import near

DELIMITERS = (",", ";", "\t", "|")
SEARCHED = 50  # lines
MOST_NAMES = 40


class Header(NamedTuple):
    """line: counts from 1. end: offset of the text below the header."""

    delimiter: str
    line: int
    names: list[str]
    end: int


class _Guess(NamedTuple):
    line: int
    delimiter: str
    names: list[str]
    end: int


def header_of(path: str, text: str, schema: Schema, options: Options) -> Header:
    """Find the header of a text. Tries every delimiter, unless one is given, on every line."""
    guesses = list(_guesses(text, options))
    new = {**{name: name for name in schema.columns}, **options.rename}
    for line in dict.fromkeys(guess.line for guess in guesses):
        found = [
            guess
            for guess in guesses
            if guess.line == line
            and set(schema.required) <= {options.rename.get(n, n) for n in guess.names}
        ]
        if len(found) > 1 and len(found[0].names) > 1:
            raise _ambiguous(path, found[0], [guess.delimiter for guess in found])
        if found:
            header = found[0]
            if options.delimiter is None:
                _check_only_delimiter(path, header, set(new) | set(new.values()))
            return Header(header.delimiter, header.line, header.names, header.end)
    raise _not_found(path, text, guesses, schema, options)


def _guesses(text: str, options: Options) -> list[_Guess]:
    delimiters = DELIMITERS if options.delimiter is None else (options.delimiter,)
    guesses: list[_Guess] = []
    start, number = 0, 0
    while start < len(text):
        number += 1
        if options.header_row is None and number > SEARCHED:
            break
        found = BREAK.search(text, start)
        stop, end = (found.start(), found.end()) if found else (len(text), len(text))
        line, start = text[start:stop], end
        if options.header_row not in (None, number):
            continue
        for delimiter in delimiters:
            fields = fields_of(line, delimiter)
            if fields is not None and any(fields):
                guesses.append(_Guess(number, delimiter, fields, end))
        if number == options.header_row:
            break
    return guesses


def _check_only_delimiter(path: str, header: _Guess, known: set[str]) -> None:
    """Raises InvalidInput if a name of the header contains another delimiter: either may be
    meant."""
    for name in header.names:
        for other in DELIMITERS:
            if name not in known and other != header.delimiter and other in name:
                raise _ambiguous(path, header, [header.delimiter, other])


def _ambiguous(path: str, header: _Guess, delimiters: list[str]) -> InvalidInput:
    shown = " and ".join(map(repr, delimiters))
    return fault(
        path,
        f"the header has the delimiters {shown}; expected one, or delimiter= (--delimiter)",
        line=header.line,
    )


def _not_found(
    path: str, text: str, guesses: list[_Guess], schema: Schema, options: Options
) -> InvalidInput:
    expected = ", ".join(map(repr, schema.required))
    if not guesses:
        return _no_line(path, text, expected, schema, options)
    best = max(guesses, key=lambda guess: _likeness(guess, schema, options))
    names = [options.rename.get(name, name) for name in best.names]
    missing = [name for name in schema.required if name not in names]
    more = ""
    if len(best.names) == 1:
        more = "; if another character separates the columns, say delimiter= (--delimiter)"
    for name in missing if len(best.names) > 1 else ():
        if name in best.names:
            more = taken_away(name, options)
            break
        if close := near(name, [n for n in best.names if n]):
            more = (
                f"; if {close[0]!r} is {name!r}, say rename={{{close[0]!r}: {name!r}}} "
                f"(--rename {shlex.quote(f'{close[0]}={name}')})"
            )
            break
    absent = ", ".join(map(repr, missing))
    found = listed(best.names)
    return fault(
        path,
        f"column {absent} is missing; found {found}; expected the columns {expected}{more}",
        line=best.line,
        table=schema.name,
        known_as=missing[0] if missing else None,
    )


def taken_away(name: str, options: Options) -> str:
    """The end of a message: the file has the column, but `rename` renames it."""
    new = options.rename[name]
    return f"; rename (--rename) took the column {name!r} away: it names it {new!r}"


def listed(names: list[str]) -> str:
    """The names of a header for a message, at most MOST_NAMES."""
    more = ", ..." if len(names) > MOST_NAMES else ""
    return ", ".join(map(shown, names[:MOST_NAMES])) + more


def _no_line(path: str, text: str, expected: str, schema: Schema, options: Options) -> InvalidInput:
    """Make the error for a text whose searched lines are all empty or have malformed quotes."""
    lines = BREAK.split(text)[:SEARCHED]
    number = options.header_row or next((k for k, line in enumerate(lines, 1) if line.strip()), 1)
    line = lines[number - 1] if number <= len(lines) else ""
    what = "the quotes are malformed" if line.strip() else "the line is empty or not there"
    return fault(
        path, f"{what}; expected a header with the columns {expected}", line=number,
        table=schema.name, value=line,
    )  # fmt: skip


def _likeness(guess: _Guess, schema: Schema, options: Options) -> tuple[int, int, int, int]:
    """How much a line resembles the header: known names, similar names, fields, early lines."""
    names = [options.rename.get(name, name) for name in guess.names]
    similar = sum(bool(near(name, names)) for name in schema.columns)
    known = len(set(names) & set(schema.columns))
    return known, similar, len(names) > 1, -guess.line
