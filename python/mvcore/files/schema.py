"""The schemas of tables in files: columns, their kinds, keys."""

from __future__ import annotations

from dataclasses import dataclass

from mvcore.errors import InvalidInput
from mvcore.ingest import tables

KEYS = {
    "accounts": ("account",),
    "instruments": ("instrument",),
    "holdings": ("account", "instrument"),
    "orders": ("order",),
    "prices": ("instrument",),
    "fx": ("currency",),
}
SUMMED = {"holdings": ("quantity", "cost")}  # columns that duplicates="sum" adds up
WITH_ATTRIBUTES = ("accounts", "instruments")
PRICED = ("prices", "ticks")  # tables whose rows without a price blank_price="skip" drops


@dataclass(frozen=True)
class Schema:
    """The schema of one table. attributes: any other column is an attribute."""

    name: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    filled: tuple[str, ...]  # no cell may be empty
    numbers: frozenset[str]
    key: tuple[str, ...] = ()
    attributes: bool = False
    flags: frozenset[str] = frozenset()  # true or false


def schema_of(name: str) -> Schema:
    """The schema of a table of a book, or of ticks: prices in the file's order."""
    known_tables = sorted([*tables._COLUMNS, "ticks"])
    if name not in known_tables:
        known = ", ".join(known_tables)
        raise InvalidInput.about(
            None, "table", None, name, f"{name!r} is not known; expected one of {known}"
        )
    held = "prices" if name == "ticks" else name
    required = tables._REQUIRED[held]
    return Schema(
        name=name,
        columns=(*required, *sorted(tables._COLUMNS[held] - set(required))),
        required=required,
        filled=required,
        numbers=frozenset(tables._NUMBERS & tables._COLUMNS[held]),
        key=KEYS.get(name, ()),
        attributes=name in WITH_ATTRIBUTES,
        flags=frozenset(tables._FLAGS & tables._COLUMNS[held]),
    )
