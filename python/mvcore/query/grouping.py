"""Turns a selection and grouping (`accounts`, `instruments`, `by`, `rollup`) into integer arrays.

A row is a pair of an account group and an instrument group: row = instrument_group * account groups
+ account_group. Existing groups keep their numbers, so a view's rows keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore.errors import InvalidInput
from mvcore.ingest.masters import NOT_SET, Attribute, Codes, Masters
from mvcore.query.arguments import MEASURES, Query
from mvcore.query.measures import core_functions
from mvcore.query.selecting import matching

if TYPE_CHECKING:
    from mvcore import _core

LAST = np.int32(2**31 - 1)  # sorts after every label
TOTAL = -2  # label id of a column that a subtotal aggregates over
MOST_ROWS = 1 << 27
MOST_ROLLED_UP = 1 << 20  # lower, because a roll-up computes the prefixes of every possible row
_NAMED = {"account", "instrument", "currency"}
_FIXED = {"level", "amount_currency", "removed", "unpriced", "epoch", *MEASURES}


def _in_order(key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(LAST) if v == NOT_SET else v for v in key)


class Groups:
    """Numbers the combinations of label ids on one side."""

    def __init__(self) -> None:
        self.number: dict[tuple[int, ...], int] = {}

    def of(self, columns: list[Codes], chosen: npt.NDArray[np.bool_]) -> Codes:
        """The group of each code, -1 if the code is not chosen.

        New combinations get the next numbers, in the order of their labels. Labels that are not set
        sort last.
        """
        out = np.full(len(chosen), -1, np.int32)
        picked = np.flatnonzero(chosen)
        if len(picked) <= 64:  # Python is faster than NumPy for few accounts, as in most views
            keys = list(zip(*(column[picked].tolist() for column in columns), strict=True))
            keys = keys or [()] * len(picked)
            for key in sorted(set(keys), key=_in_order):
                self.number.setdefault(key, len(self.number))
            out[picked] = [self.number[key] for key in keys]
            return out
        if not columns:
            out[picked] = self.number.setdefault((), 0)
            return out
        held = np.stack([column[picked] for column in columns])
        combos, inverse = np.unique(held, axis=1, return_inverse=True)
        last = np.where(combos == NOT_SET, LAST, combos)
        numbers = np.empty(combos.shape[1], np.int32)
        for k in np.lexsort(last[::-1]):
            key = tuple(int(v) for v in combos[:, k])
            numbers[k] = self.number.setdefault(key, len(self.number))
        out[picked] = numbers[inverse.reshape(-1)]
        return out

    def labels(self, column: int) -> Codes:
        """Label ids of one column, by group number."""
        return np.array([key[column] for key in self.number], np.int32)


class Shape(NamedTuple):
    """Groups, roll-up and label ids for one version of the master tables."""

    masters: Masters
    by: tuple[str, ...]  # as given, attributes with their side
    account_group: Codes | None  # None: every account is its own group
    account_groups: int
    instrument_group: Codes | None  # None: all in group 0
    instrument_groups: int
    levels: list[Codes]
    rows: int  # of the roll-up
    labels: list[Callable[[npt.NDArray[np.int32]], Codes]]  # rows -> label ids, per by column
    level_of: Codes | None  # level of each row; None without a roll-up
    ordered: bool  # rows are in the order of their labels
    functions: _core.Functions | None  # the user's functions, with the attributes that they use

    def core_arguments(self) -> tuple[Codes | None, int, Codes | None, int, list[Codes], int]:
        return (
            self.account_group, self.account_groups, self.instrument_group,
            self.instrument_groups, self.levels, self.rows,
        )  # fmt: skip


class Shaper:
    """Makes the shapes of one `Query`, and keeps group numbers from one shape to the next."""

    def __init__(self, query: Query, by: tuple[str, ...] = ()) -> None:
        self.query = query
        self.accounts, self.instruments = Groups(), Groups()
        self.prefixes: dict[tuple[int, ...], int] = {}
        # An attribute stays on the side where it was first found, even if the other side gets it
        # later.
        self.by = by

    def anew(self) -> Shaper:
        """A shaper for the same question, without the group numbers."""
        return Shaper(self.query, by=self.by)

    def shape(self, masters: Masters) -> Shape:
        columns = [resolve(name, masters) for name in self.by or self.query.by]
        self.by = self.by or tuple(
            name if name in _NAMED or "." in name else f"{side}.{name}"
            for name, (side, _) in zip(self.query.by, columns, strict=True)
        )
        account_columns = [c for side, c in columns if side == "account"]
        instrument_columns = [c for side, c in columns if side == "instrument"]
        chosen_accounts = _chosen(self.query, "account", masters)
        chosen = _chosen(self.query, "instrument", masters)
        whole = (
            self.query.accounts is None
            and self.query.by.count("account") == 1
            and len(account_columns) == 1
        )
        if whole:
            account_group, account_groups = None, masters.accounts
        else:
            account_group = self.accounts.of(account_columns, chosen_accounts)
            account_groups = len(self.accounts.number)
        if self.query.instruments is None and not instrument_columns:
            instrument_group, instrument_groups = None, 1
        else:
            instrument_group = self.instruments.of(instrument_columns, chosen)
            instrument_groups = len(self.instruments.number)
        rows = account_groups * instrument_groups
        most = MOST_ROLLED_UP if self.query.rollup else MOST_ROWS
        if rows > most:
            raise InvalidInput.about(
                None, "by", None, None, f"{rows} possible groups, at most {most}; select fewer"
            )
        labels = self._labels(columns, whole, account_groups)
        one_side = not account_columns or not instrument_columns
        shape = Shape(
            masters, self.by, account_group, account_groups, instrument_group, instrument_groups,
            [], 0, labels, None, one_side and (whole or self._in_order()),
            core_functions(self.query.functions, masters),
        )  # fmt: skip
        return self._rolled_up(shape, rows) if self.query.rollup else shape

    def _in_order(self) -> bool:
        """Return whether group numbers are in the order of their labels."""
        groups = self.accounts if len(self.accounts.number) > 1 else self.instruments
        keys = [_in_order(key) for key in groups.number]
        return keys == sorted(keys)

    def _labels(
        self, columns: list[tuple[str, Codes]], whole: bool, account_groups: int
    ) -> list[Callable[[npt.NDArray[np.int32]], Codes]]:
        out: list[Callable[[npt.NDArray[np.int32]], Codes]] = []
        places = {"account": 0, "instrument": 0}
        width = max(account_groups, 1)
        for side, _ in columns:
            place = places[side]
            places[side] += 1
            if side == "instrument":
                ids = self.instruments.labels(place)
                out.append(_lookup(ids, lambda rows: rows // width))
            elif whole:
                out.append(lambda rows: (rows % width).astype(np.int32))
            else:
                ids = self.accounts.labels(place)
                out.append(_lookup(ids, lambda rows: rows % width))
        return out

    def _rolled_up(self, shape: Shape, rows: int) -> Shape:
        every = np.arange(rows, dtype=np.int32)
        ids = [label(every) for label in shape.labels]
        levels = []
        for level in range(len(ids) + 1):
            if level == 0:
                keys, inverse = np.zeros((0, 1), np.int32), np.zeros(rows, np.int64)
            else:
                keys, inverse = np.unique(np.stack(ids[:level]), axis=1, return_inverse=True)
            number = np.array(
                [
                    self.prefixes.setdefault((level, *map(int, keys[:, k])), len(self.prefixes))
                    for k in range(keys.shape[1])
                ],
                np.int32,
            )
            levels.append(number[inverse.reshape(-1)] if rows else np.empty(0, np.int32))
        prefixes = list(self.prefixes)
        level_of = np.array([p[0] for p in prefixes], np.int32)
        tables = [
            np.array([p[1 + c] if c < p[0] else TOTAL for p in prefixes], np.int32)
            for c in range(len(ids))
        ]
        labels = [_lookup(table) for table in tables]
        return Shape(
            shape.masters, shape.by, shape.account_group, shape.account_groups,
            shape.instrument_group, shape.instrument_groups, levels, len(prefixes), labels,
            level_of, False, shape.functions,
        )  # fmt: skip


def _lookup(
    ids: Codes, place: Callable[[npt.NDArray[np.int32]], Any] | None = None
) -> Callable[[npt.NDArray[np.int32]], Codes]:
    return lambda rows: ids[rows if place is None else place(rows)]


def _chosen(query: Query, side: str, masters: Masters) -> npt.NDArray[np.bool_]:
    account = side == "account"
    selection = query.accounts if account else query.instruments
    size = masters.accounts if account else masters.instruments
    if selection is None:
        return np.ones(size, bool)
    if isinstance(selection, Mapping):
        return matching(masters, side, selection, query.find)
    mask = np.zeros(size, bool)
    mask[selection] = True
    return mask


def selected_codes(query: Query, side: str, masters: Masters) -> Codes | None:
    """The codes that a selection of one side picks. None: all.

    O(names) of a selection by name, O(accounts or instruments) of one by attribute.
    """
    selection = query.accounts if side == "account" else query.instruments
    if isinstance(selection, Mapping):
        return np.flatnonzero(matching(masters, side, selection, query.find)).astype(np.int32)
    return selection


def resolve(name: str, masters: Masters) -> tuple[str, Codes]:
    """The side of a `by` column and its label ids by code."""
    if name == "account":
        return "account", np.arange(masters.accounts, dtype=np.int32)
    if name == "instrument":
        return "instrument", np.arange(masters.instruments, dtype=np.int32)
    if name == "currency":
        return "instrument", masters.currency
    side, attribute = attribute_of(name, masters)
    size = masters.accounts if side == "account" else masters.instruments
    ids = np.full(size, NOT_SET, np.int32)
    ids[: len(attribute.ids)] = attribute.ids
    return side, ids


def attribute_of(name: str, masters: Masters) -> tuple[str, Attribute]:
    """The side and attribute of a `by` column: `account.x`, `instrument.x` or x alone."""
    side, dot, rest = name.partition(".")
    if dot and side in ("account", "instrument"):
        table = masters.account if side == "account" else masters.instrument
        if rest in table:
            return side, table[rest]
        raise _unknown_attribute(name, masters)
    both = [
        (side, table[name])
        for side, table in (("account", masters.account), ("instrument", masters.instrument))
        if name in table
    ]
    if len(both) == 2:
        raise InvalidInput.about(
            None, "by", None, name, f"{name!r} is ambiguous: account.{name} or instrument.{name}?"
        )
    if not both or name in _FIXED:
        raise _unknown_attribute(name, masters)
    return both[0]


def _unknown_attribute(name: str, masters: Masters) -> InvalidInput:
    sided = [f"account.{a}" for a in masters.account] + [
        f"instrument.{a}" for a in masters.instrument
    ]
    alone = [a for a in (*masters.account, *masters.instrument) if a not in _FIXED]
    known = [*dict.fromkeys([*sorted(_NAMED), *alone])]
    reason = f"unknown attribute {name!r}, known: {', '.join(map(repr, known))}"
    error = InvalidInput.about(None, "by", None, name, reason)
    return error.unlike(name, sided if "." in name else known, list_known=False)
