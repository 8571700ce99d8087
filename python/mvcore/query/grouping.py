"""Turns a selection and grouping (`accounts`, `instruments`, `by`, `rollup`) into integer arrays.

A row is a pair of an account group and an instrument group. Existing groups keep their numbers, so
that a view can compare its rows with those that it returned last. The rows of a roll-up are
prefixes of pairs: levels[k][instrument_group * account groups + account_group].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.errors import InvalidInput
from mvcore.ingest.group_codes import GroupCodes, grouped
from mvcore.ingest.masters import NOT_SET, Attribute, Codes, Masters
from mvcore.query.arguments import Query
from mvcore.query.measures import MEASURES, core_functions
from mvcore.query.selecting import ids_of, matching

if TYPE_CHECKING:
    from mvcore import _core
    from mvcore.ingest.group_codes import GroupCache
    from mvcore.query.own_currency import OwnCurrency
    from mvcore.query.result_page import ResultPage
    from mvcore.query.selecting import Wanted

LAST = np.int32(2**31 - 1)  # sorts after every label
TOTAL = -2  # label id of a column that a subtotal aggregates over
MOST_ROLLED_UP = 1 << 20  # pairs of groups: a roll-up computes the prefixes of every possible pair
_NO_GROUPS: Codes = np.empty((0, 0), np.int32)
_NAMED = {"account", "instrument", "currency"}
_FIXED = {"level", "amount_currency", "removed", "unpriced", "epoch", *MEASURES}


# The group of each code, or pairs of a code and its group as two arrays.
CodeGroups = Codes | tuple[Codes, Codes]


class Groups:
    """Numbers the combinations of label ids on one side."""

    def __init__(self) -> None:
        self.labels = _NO_GROUPS  # label ids, shape (columns, groups)
        self.in_order = True  # whether the groups are in the order of their labels

    def __len__(self) -> int:
        return int(self.labels.shape[1])

    def of(self, cache: GroupCache, names: tuple[str, ...], chosen: Codes | None) -> CodeGroups:
        """The group of each code, -1 if the code is not chosen. Callers must not change it.

        chosen: None is every code. Of few codes, only these and their groups. New combinations get
        the next numbers, in the order of their labels. Labels that are not set sort last.
        """
        if chosen is None:
            whole = cache.groups(names)
            numbers = self.add(whole.labels)
            return whole.codes if numbers is None else numbers[whole.codes]
        if names == (cache.side,):  # each code is a group, and they are in order
            number, labels = np.arange(len(chosen), dtype=np.int32), np.array(chosen, ndmin=2)
            return self._placed(cache, chosen, GroupCodes(number, labels))
        if names and not _are_few(len(chosen), cache.size):
            return self._placed(cache, chosen, _subset(cache.groups(names), chosen))
        columns = [cache.ids_at(name, chosen) for name in names]
        # Python is faster than NumPy for few accounts, as in most views
        groups = (_few_grouped if len(chosen) <= 64 else grouped)(columns, len(chosen))
        return self._placed(cache, chosen, groups)

    def of_labels(self, subset: GroupCodes) -> Codes:
        """Number the groups of `_label_groups`."""
        numbers = self.add(subset.labels)
        if numbers is None or not numbers.size:
            return subset.codes
        return np.where(subset.codes < 0, np.int32(-1), numbers[subset.codes])

    def _placed(self, cache: GroupCache, chosen: Codes, part: GroupCodes) -> CodeGroups:
        """Number the groups of the codes chosen."""
        numbers = self.add(part.labels)
        codes = part.codes if numbers is None else numbers[part.codes]
        if _are_few(len(chosen), cache.size):
            return chosen, codes
        out = np.full(cache.size, -1, np.int32)
        out[chosen] = codes
        return out

    def add(self, labels: Codes) -> Codes | None:
        """Number combinations, which must differ. None: each has its own position as number."""
        held, count = self.labels, len(self)
        if not count:
            self.labels = labels
            return None
        if labels is held or np.array_equal(labels, held):
            return None
        both = np.concatenate([held, labels], axis=1)
        ranks = grouped(list(both), both.shape[1]).codes
        number = np.full(both.shape[1], -1, np.int32)  # by rank
        number[ranks[:count]] = np.arange(count, dtype=np.int32)
        new = number[ranks[count:]] < 0
        number[ranks[count:][new]] = np.arange(count, count + np.count_nonzero(new), dtype=np.int32)
        if new.any():
            self.labels = np.concatenate([held, labels[:, new]], axis=1)
            all_ranks = np.concatenate([ranks[:count], ranks[count:][new]])
            self.in_order = bool((np.diff(all_ranks) > 0).all())
        return number[ranks[count:]]


def _subset(whole: GroupCodes, chosen: Codes) -> GroupCodes:
    """The groups of some codes, numbered anew."""
    codes = whole.codes[chosen]
    used = np.zeros(whole.labels.shape[1], bool)
    used[codes] = True
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return GroupCodes(number[codes], whole.labels[:, used])


def _label_groups(
    query: Query, side: str, names: tuple[str, ...], masters: Masters
) -> GroupCodes | None:
    """The groups of the codes selected, if one of the columns selects them. Other codes have -1.

    It needs no list of the codes. None: the selection is by names, by several attributes, by one
    that is no column, or of few codes.
    """
    selection = query.accounts if side == "account" else query.instruments
    if not isinstance(selection, Mapping) or len(selection) != 1:
        return None
    ((name, labels),) = selection.items()
    if name == side or name not in names:
        return None
    cache = masters.groups(side)
    ids = ids_of(masters, side, name, labels, query.find)
    if _are_few(cache.rows(name).count(ids), cache.size):
        return None
    whole = cache.groups(names)
    # the last item is that of -1, "not set"
    labels_used = np.zeros(max(len(cache.rows(name).starts), *ids, 0) + 2, bool)
    labels_used[ids] = True
    used = labels_used[whole.labels[names.index(name)]]
    number = np.where(used, np.cumsum(used, dtype=np.int32) - np.int32(1), np.int32(-1))
    return GroupCodes(number[whole.codes], whole.labels[:, used])


def _few_grouped(columns: list[Codes], rows: int) -> GroupCodes:
    """The same as `grouped`, without the fixed costs of NumPy."""
    if not columns:
        return grouped(columns, rows)
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    combos = sorted(set(keys), key=_in_order)
    number = {key: k for k, key in enumerate(combos)}
    labels = np.array(combos, np.int32).reshape(len(combos), len(columns))
    return GroupCodes(np.array([number[key] for key in keys], np.int32), labels.T)


def _in_order(key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(LAST) if v == NOT_SET else v for v in key)


class RowGroups(NamedTuple):
    """The groups of rows, as result rows of the core have them."""

    rows: Codes  # of a roll-up
    account_groups: Codes
    instrument_groups: Codes

    def row(self) -> Codes:
        return self.rows

    def account_group(self) -> Codes:
        return self.account_groups

    def instrument_group(self) -> Codes:
        return self.instrument_groups


class RowLabels(NamedTuple):
    """The label ids of a `by` column."""

    groups: str  # what `ids` is indexed by: account_group, instrument_group, or row of a roll-up
    ids: Codes | None  # None: the groups themselves

    def of(self, rows: _core.ResultRows | RowGroups) -> Codes:
        groups: Codes = getattr(rows, self.groups)()
        return groups if self.ids is None else self.ids[groups]


class Shape(NamedTuple):
    """Groups, roll-up and label ids for one version of the master tables."""

    masters: Masters
    by: tuple[str, ...]  # as given, attributes with their side
    account_group: CodeGroups | None  # None: every account is its own group
    account_groups: int
    instrument_group: CodeGroups | bool | None  # None: all in group 0; True: its own group each
    instrument_groups: int
    levels: list[Codes]
    rows: int  # of the roll-up
    labels: list[RowLabels]  # per by column
    level_of: Codes | None  # level of each row; None without a roll-up
    ordered: bool  # rows are in the order of their labels
    functions: _core.Functions | None  # the user's functions, with the attributes that they use
    # Currencies by account group, and by row of a roll-up; None: not of the accounts
    own: tuple[Codes, Codes | None] | None = None

    def core_arguments(
        self,
    ) -> tuple[CodeGroups | None, int, CodeGroups | bool | None, int, list[Codes], int]:
        return (
            self.account_group, self.account_groups, self.instrument_group,
            self.instrument_groups, self.levels, self.rows,
        )  # fmt: skip

    def core_labels(self, query: Query) -> tuple[str, Codes | None, list[Any]]:
        """What the core needs to combine rows of several views.

        Views whose first item is equal have the same columns.
        """
        measures = [m if isinstance(m, str) else (m.name, id(m)) for m in query.measures]
        kind = (query.by, self.by, measures, query.rollup, query.currency_kind)
        columns = [
            (label.groups, label.ids, texts_of_column(self, name))
            for name, label in zip(self.by, self.labels, strict=True)
        ]
        return repr(kind), self.level_of, columns


class Shaper:
    """Makes the shapes of one `Query`, and keeps group numbers from one shape to the next."""

    def __init__(self, query: Query, by: tuple[str, ...] = ()) -> None:
        self.query = query
        self.accounts, self.instruments, self.prefixes = Groups(), Groups(), Groups()
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
        account_columns = tuple(key for side, key in columns if side == "account")
        instrument_columns = tuple(key for side, key in columns if side == "instrument")
        whole = self.query.accounts is None and account_columns == ("account",)
        own = self.query.own
        labelled = None
        if own is None:
            labelled = _label_groups(self.query, "account", account_columns, masters)
        chosen = None
        if not whole and labelled is None:
            chosen = _chosen(self.query, "account", masters)
        of_accounts = None if own is None else own.of_accounts(masters, chosen)
        if own is not None and not {"account", own.attribute} & {*account_columns}:
            account_columns = (*account_columns, own.attribute)  # no column of the result
        account_group: CodeGroups | None
        if whole:
            account_group, account_groups = None, masters.accounts
        elif labelled is not None:
            account_group = self.accounts.of_labels(labelled)
            account_groups = len(self.accounts)
        else:
            account_group = self.accounts.of(masters.account_groups, account_columns, chosen)
            account_groups = len(self.accounts)
        instrument_group: CodeGroups | bool | None
        each = self.query.instruments is None and instrument_columns == ("instrument",)
        labelled = _label_groups(self.query, "instrument", instrument_columns, masters)
        if each:
            instrument_group, instrument_groups = True, masters.instruments
        elif self.query.instruments is None and not instrument_columns:
            instrument_group, instrument_groups = None, 1
        elif labelled is not None:
            instrument_group = self.instruments.of_labels(labelled)
            instrument_groups = len(self.instruments)
        else:
            chosen = _chosen(self.query, "instrument", masters)
            instrument_group = self.instruments.of(
                masters.instrument_groups, instrument_columns, chosen
            )
            instrument_groups = len(self.instruments)
        pairs = account_groups * instrument_groups
        if self.query.rollup and pairs > MOST_ROLLED_UP:
            raise InvalidInput.about(
                None, "by", None, None,
                f"a roll-up over {pairs} possible groups, at most {MOST_ROLLED_UP}; select fewer",
            )  # fmt: skip
        labels = self._labels(columns, whole, each)
        one_side = not account_columns or not instrument_columns
        currencies = None
        if own is not None:
            of_group = of_accounts if whole else self._own(own, account_columns, masters)
            assert of_group is not None
            currencies = (of_group, None)
        shape = Shape(
            masters, self.by, account_group, account_groups, instrument_group, instrument_groups,
            [], 0, labels, None, one_side and (whole or each or self._in_order()),
            core_functions(self.query.functions, masters), currencies,
        )  # fmt: skip
        return self._rolled_up(shape, pairs) if self.query.rollup else shape

    def _own(self, own: OwnCurrency, columns: tuple[str, ...], masters: Masters) -> Codes:
        """The currency of each account group. All accounts of a group have the same."""
        if own.attribute in columns:
            return own.of_labels(masters, self.accounts.labels[columns.index(own.attribute)])
        accounts = self.accounts.labels[columns.index("account")]
        return own.of_labels(masters, masters.account_groups.ids_at(own.attribute, accounts))

    def _in_order(self) -> bool:
        """Return whether group numbers are in the order of their labels."""
        return (self.accounts if len(self.accounts) > 1 else self.instruments).in_order

    def _labels(self, columns: list[tuple[str, str]], whole: bool, each: bool) -> list[RowLabels]:
        """whole, each: every account, or every instrument, is its own group."""
        out = []
        places = {"account": 0, "instrument": 0}
        for side, _ in columns:
            groups = self.accounts if side == "account" else self.instruments
            own = whole if side == "account" else each
            ids = None if own else groups.labels[places[side]]
            places[side] += 1
            out.append(RowLabels(f"{side}_group", ids))
        return out

    def _rolled_up(self, shape: Shape, pairs: int) -> Shape:
        every = np.arange(pairs, dtype=np.int32)
        width = max(shape.account_groups, 1)
        groups = RowGroups(every, every % np.int32(width), every // np.int32(width))
        ids = [label.of(groups) for label in shape.labels]
        # the currency of the accounts, which every subtotal keeps
        own = [] if shape.own is None else [shape.own[0][groups.account_groups]]
        parts = [grouped([*own, *ids[:level]], pairs) for level in range(len(ids) + 1)]
        # The level, the currency, then the labels; TOTAL in the columns that it aggregates over.
        prefixes = []
        for level, part in enumerate(parts):
            used = len(own) + level
            count = part.labels.shape[1] if used else 1  # the grand total has no labels
            prefix = np.full((1 + len(own) + len(ids), count), TOTAL, np.int32)
            prefix[0] = level
            if used:
                prefix[1 : 1 + used] = part.labels
            prefixes.append(prefix)
        numbers = self.prefixes.add(np.concatenate(prefixes, axis=1))
        levels, first = [], 0
        for prefix, part in zip(prefixes, parts, strict=True):
            codes = part.codes + np.int32(first)
            levels.append(codes if numbers is None else numbers[codes])
            first += prefix.shape[1]
        level_of, *tables = self.prefixes.labels
        currencies = None if shape.own is None else (shape.own[0], tables.pop(0))
        labels = [RowLabels("row", table) for table in tables]
        return Shape(
            shape.masters, shape.by, shape.account_group, shape.account_groups,
            shape.instrument_group, shape.instrument_groups, levels, len(level_of), labels,
            level_of, False, shape.functions, currencies,
        )  # fmt: skip


def _are_few(codes: int, size: int) -> bool:
    """Whether an array over all codes would cost more than a list of so many."""
    return codes < size // 16


def _chosen(query: Query, side: str, masters: Masters) -> Codes | None:
    """The codes that the query selects, in order and each once. None: all."""
    selection = query.accounts if side == "account" else query.instruments
    if selection is None:
        return None
    if isinstance(selection, Mapping):
        return matching(masters, side, selection, query.find)
    size = masters.groups(side).size
    selection = selection[selection < size]  # the masters may be older than the core's names
    if _are_few(len(selection), size):
        return np.array(sorted(set(selection.tolist())), np.int32)
    mask = np.zeros(size, bool)
    mask[selection] = True
    return np.flatnonzero(mask).astype(np.int32)


def selected_codes(query: Query, side: str, masters: Masters) -> Codes | None:
    """The codes that a selection of one side picks. None: all. O(codes)."""
    selection = query.accounts if side == "account" else query.instruments
    if isinstance(selection, Mapping):
        return matching(masters, side, selection, query.find)
    return selection


def resolve(name: str, masters: Masters) -> tuple[str, str]:
    """The side of a `by` column, and its name there."""
    if name in ("account", "instrument"):
        return name, name
    if name == "currency":
        return "instrument", name
    side, _ = attribute_of(name, masters)
    return side, name.removeprefix(f"{side}.") if "." in name else name


def label_selections(
    page: ResultPage, by: Sequence[str], masters: Masters, own: OwnCurrency | None = None
) -> Iterator[tuple[str, Wanted, int]]:
    """Yield the side, the label as a selection, and the number of each condition on a text."""
    for number, condition in enumerate(page.where):
        if not condition.column.has_labels or condition.value is None:
            continue
        if condition.column.kind != "by" and own is not None:
            yield "account", {own.attribute: (str(condition.value),)}, number
            continue
        name = by[condition.column.place] if condition.column.kind == "by" else "currency"
        if name in ("account", "instrument", "currency"):
            side = "account" if name == "account" else "instrument"
        else:
            side, _ = attribute_of(name, masters)
            name = name.removeprefix(f"{side}.") if "." in name else name
        wanted: Wanted = {name: (str(condition.value),)}
        yield side, wanted, number


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


def texts_of_column(shape: Shape, name: str) -> _core.CodeTexts | None:
    """The labels of a `by` column by id. None for names."""
    return None if name in _NAMED else attribute_of(name, shape.masters)[1].texts


def _unknown_attribute(name: str, masters: Masters) -> InvalidInput:
    sided = [f"account.{a}" for a in masters.account] + [
        f"instrument.{a}" for a in masters.instrument
    ]
    alone = [a for a in (*masters.account, *masters.instrument) if a not in _FIXED]
    known = [*dict.fromkeys([*sorted(_NAMED), *alone])]
    reason = f"unknown attribute {name!r}, known: {', '.join(map(repr, known))}"
    error = InvalidInput.about(None, "by", None, name, reason)
    return error.unlike(name, sided if "." in name else known, list_known=False)
