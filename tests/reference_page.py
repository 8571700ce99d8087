"""Pages of the reference model: `where`, `sort`, `limit` and `offset`, on rows as dicts."""

from __future__ import annotations

import operator
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

OPERATORS = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
NUMBERS = ("price", "sod", "current", "expected")  # columns that may be null


class Page(NamedTuple):
    """The arguments as given. The model's callers give no wrong ones."""

    where: list | None = None
    sort: str | list | None = None
    limit: int | None = None
    offset: int = 0

    def asked(self) -> bool:
        return bool(self.where or self.sort or self.limit is not None or self.offset)

    def of(self, rows: dict[tuple, dict]) -> dict[tuple, dict]:
        """The rows of the page by key, in its order. `rows` are in their own order."""
        met = [item for item in rows.items() if all(meets(item[1], *c) for c in self.where or ())]
        keys = [self.sort] if isinstance(self.sort, str) else self.sort or []
        for key in reversed(keys):  # Python's sort is stable
            name, descending = key.removeprefix("-"), key.startswith("-")
            have = [item for item in met if cell(item[1], name) is not None]
            without = [item for item in met if cell(item[1], name) is None]
            have.sort(key=lambda item, name=name: cell(item[1], name), reverse=descending)
            met = have + without
        end = None if self.limit is None else self.offset + self.limit
        return dict(met[self.offset : end])


def cell(row: dict, name: str) -> Any:
    inner = re.fullmatch(r"abs\((.*)\)", name)
    value = row[inner[1] if inner else name]
    if value is None or isinstance(value, str):
        return value
    return abs(Fraction(value)) if inner else Fraction(value)


def meets(row: dict, name: str, op: str, value: Any) -> bool:
    found = cell(row, name)
    if found is None and name.removeprefix("abs(").removesuffix(")") in NUMBERS:  # unpriced
        return op == "!="
    if found is None or isinstance(found, str):
        value = None if value is None else str(value)
    else:
        value = Fraction(Decimal(repr(value)) if isinstance(value, float) else value)
    return bool(OPERATORS[op](found, value))
