"""What-ifs: hypothetical prices and rates, as numbers or as changes in percent.

A key of `prices` names an instrument, or selects instruments by an attribute: "sector=Tech". A
change in percent is a text with a sign: "-10%" multiplies by 0.9, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.errors import Error, InvalidInput, UnknownId, invalid, shown
from mvcore.ingest.columns import not_a_column, number_column, text_column
from mvcore.query.selecting import NAMES, check_labels, matching, one_label, unknown_attribute

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes, Masters
    from mvcore.query.selecting import Find

_PERCENT = re.compile(r"([+-])([0-9]+)(?:\.([0-9]+))?%")
PERCENT = "a percent with a sign, such as '-10%' or '+2.5%'"
MOST_DECIMALS, MOST_DIGITS = 16, 20  # of a percent, after and before the point

Names = Callable[["Codes"], Sequence[str | None]]  # names of codes
# Of prices: codes of the instruments, the factor, the percent and the row. Of rates: the same with
# the code of a currency.
Changes = tuple[list[tuple["Codes", str, str, int]], list[tuple[int, str, str, int]]]


class Entry(NamedTuple):
    """One key of a mapping, with its number or percent."""

    row: int  # its place in the mapping
    key: str
    value: Any
    factor: str  # 1 + percent / 100; empty: the value is a number


class WhatIf:
    """Hypothetical prices and rates of one call."""

    def __init__(self, prices: Any, fx: Any) -> None:
        """Raises InvalidInput for a key that is not text, and for a value that is no number."""
        self.tables: dict[str, dict[str, Any]] = {}  # the numbers, as the core takes them
        self._entries: dict[str, list[Entry]] = {"prices": [], "fx": []}
        self._rows: dict[str, list[int]] = {}  # of the entries, by their place in `_entries`
        for table, key, column, given in (
            ("prices", "instrument", "price", prices),
            ("fx", "currency", "rate", fx),
        ):
            if given is None:
                continue
            if not isinstance(given, Mapping):
                raise not_a_column(given, table, None, "a mapping of names to numbers or percents")
            text_column(list(given), table, key)  # raises for a key that is not text
            entries = [
                Entry(row, name, value, _factor(value, table, column, row))
                for row, (name, value) in enumerate(given.items())
            ]
            entries.sort(key=lambda entry: bool(entry.factor))  # numbers first, else in their order
            self._entries[table] = entries
            self._rows[table] = [entry.row for entry in entries]
            numbers = [entry for entry in entries if not entry.factor]
            if numbers:
                with self.places():
                    self.tables[table] = {
                        key: text_column([entry.key for entry in numbers], table, key),
                        column: number_column([entry.value for entry in numbers], table, column),
                    }

    def __bool__(self) -> bool:
        return any(self._entries.values())

    @contextmanager
    def places(self) -> Iterator[None]:
        """Make errors of the core name the row of the caller's mapping."""
        try:
            yield
        except Error as error:
            rows = self._rows.get(error.table or "")
            if not rows or error.row is None or rows[error.row] == error.row:
                raise
            row = rows[error.row]
            raise type(error).about(
                error.table, error.column, row, error.value, error.reason
            ) from None

    def changes(
        self,
        masters: Masters,
        find: Find,
        in_use: Callable[[str], Sequence[str]],
        currencies: Callable[[], Sequence[str]],
        name_of: Names,
        currency: str,
    ) -> Changes | None:
        """Resolve the keys. None: there are only numbers.

        in_use, currencies, name_of: names for error messages. currency: of the amounts. The book
        need not know it if its rate is given. Raises UnknownId, InvalidInput.
        """
        prices = self._entries["prices"]
        codes = self._instruments(prices, masters, find, in_use, name_of)
        out: Changes = ([], [])
        for place, entry in enumerate(prices):
            if entry.factor:
                out[0].append((codes[place], entry.factor, str(entry.value), place))
        rates = self._entries["fx"]
        found = find("currency", [entry.key for entry in rates]).tolist() if rates else []
        for place, (entry, code) in enumerate(zip(rates, found, strict=True)):
            new = not entry.factor and entry.key in (currency, "local")  # the core refuses "local"
            if code < 0 and not new:
                raise _unknown("fx", "currency", entry, currencies())
            if entry.factor:
                out[1].append((code, entry.factor, str(entry.value), place))
        return out if out[0] or out[1] else None

    def _instruments(
        self,
        entries: list[Entry],
        masters: Masters,
        find: Find,
        in_use: Callable[[str], Sequence[str]],
        name_of: Names,
    ) -> list[Codes]:
        """The instruments of each key. Raises InvalidInput if two keys mean the same one."""
        if not entries:
            return []
        codes = find("instrument", [entry.key for entry in entries])
        out: list[Codes] = []
        selects = False
        for place, entry in enumerate(entries):
            readings = _readings(entry.key, masters)
            named = codes[place : place + 1]
            known = bool(named[0] >= 0)
            if known + len(readings) > 1:
                raise _ambiguous(entry, known, readings)
            if known:
                out.append(named)
            elif readings:
                out.append(_selected(entry, *readings[0], masters, find, in_use))
                selects = True
            elif entry.factor and "=" in entry.key:
                error = unknown_attribute(
                    "instrument", entry.key.partition("=")[0], list(masters.instrument)
                )
                raise _of_key(entry, error)
            else:
                raise _unknown("prices", "instrument", entry, in_use("instrument"))
        if selects:
            _check_apart(entries, out, name_of)
        return out


def _factor(value: Any, table: str, column: str, row: int) -> str:
    """The factor of a percent, as "9e-1". Empty for any value without a percent sign."""
    if not isinstance(value, str) or "%" not in value:
        return ""
    match = _PERCENT.fullmatch(value)
    if match is None:
        wrong = f"{shown(value)} is not a percent"
        raise invalid(table, column, row, value, wrong, f"{PERCENT}; or a number")
    sign, digits, decimals = match.groups(default="")
    digits, decimals = digits.lstrip("0"), decimals.rstrip("0")
    if len(decimals) > MOST_DECIMALS or len(digits) > MOST_DIGITS:
        most = (
            f"{MOST_DECIMALS} decimals" if len(decimals) > MOST_DECIMALS
            else f"{MOST_DIGITS} digits before the point"
        )  # fmt: skip
        raise invalid(table, column, row, value, f"{shown(value)} has more than {most}")
    scale = len(decimals) + 2
    change = int(f"{sign}{digits}{decimals}" if digits or decimals else 0)
    return f"{10**scale + change}e-{scale}"


def _readings(key: str, masters: Masters) -> list[tuple[str, str]]:
    """The attributes and labels that a key may mean. An attribute's name may hold a "="."""
    out = []
    at = key.find("=")
    while at >= 0:
        name = key[:at].removeprefix("instrument.")
        if name in masters.instrument or name in NAMES["instrument"]:
            out.append((name, key[at + 1 :]))
        at = key.find("=", at + 1)
    return out


def _selected(
    entry: Entry,
    name: str,
    label: str,
    masters: Masters,
    find: Find,
    in_use: Callable[[str], Sequence[str]],
) -> Codes:
    """The instruments with a label. Raises InvalidInput if there is none."""
    if not entry.factor:
        wrong = f"{shown(entry.key)} selects instruments by an attribute"
        raise invalid("prices", "price", entry.row, entry.value, wrong, PERCENT)
    try:
        wanted = {name: (one_label(label, "prices", "instrument", entry.row),)}
        check_labels(masters, "instrument", wanted, find, in_use)
    except InvalidInput as error:
        raise _of_key(entry, error) from None
    codes = matching(masters, "instrument", wanted, find)
    assert codes is not None  # the selection has an attribute
    return codes


def _check_apart(entries: list[Entry], codes: list[Codes], name_of: Names) -> None:
    """Raises InvalidInput if two keys mean the same instrument."""
    every = np.concatenate(codes)
    order = np.argsort(every, kind="stable")
    twice = np.flatnonzero(np.diff(every[order]) == 0)
    if not twice.size:
        return
    both = np.sort(order[twice[0] : twice[0] + 2])
    ends = np.cumsum([len(part) for part in codes])
    first, second = sorted(
        (entries[place] for place in np.searchsorted(ends, both, side="right").tolist()),
        key=lambda entry: entry.row,
    )
    (name,) = name_of(every[both[:1]])
    wrong = (
        f"{shown(second.key)} means the instrument {shown(name)}, as {shown(first.key)} (row"
        f" {first.row}) does"
    )
    raise invalid("prices", "instrument", second.row, second.key, wrong, "each instrument once")


def _ambiguous(entry: Entry, known: bool, readings: list[tuple[str, str]]) -> InvalidInput:
    """Make the error for a key that may mean several things."""
    meanings = [f"the label {shown(label)} of {shown(name)}" for name, label in readings]
    if known:
        meanings.insert(0, "an instrument of this name")
    wrong = f"{shown(entry.key)} may mean {' or '.join(meanings)}"
    expected = "a key with one meaning, such as 'instrument=NAME' with a percent"
    return invalid("prices", "instrument", entry.row, entry.key, wrong, expected)


def _of_key(entry: Entry, error: InvalidInput) -> InvalidInput:
    """The same error about a key of `prices`."""
    out = InvalidInput.about("prices", "instrument", entry.row, entry.key, error.reason)
    return out if error._unlike is None else out.unlike(*error._unlike)


def _unknown(table: str, side: str, entry: Entry, known: Sequence[str]) -> UnknownId:
    reason = f"unknown {side} {entry.key!r}"
    return UnknownId.about(table, side, entry.row, entry.key, reason).unlike(entry.key, known)
