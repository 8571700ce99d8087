"""Group codes: integers that number the combinations of labels, in the order of the labels.

A read that groups by attributes needs the group of every account or instrument. Group codes depend
on the master tables only. So the first read computes them, and later reads share them until the
master tables change. Nothing here compares texts: labels are compared as label ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore.ingest.masters import NO_CODES, NOT_SET, Masters, all_dropped

if TYPE_CHECKING:
    from mvcore.ingest.masters import Attribute, Codes

Keys = npt.NDArray[np.signedinteger[Any]]
MOST_KEPT = 8  # groupings of one side; one costs 4 bytes per account or instrument
_MOST_KEY = 1 << 62
_RADIX = 1 << 16  # of the sort by labels: NumPy sorts 16-bit integers in O(n)


class GroupCodes(NamedTuple):
    """The groups of rows by some columns of label ids."""

    codes: Codes  # by row
    labels: Codes  # label ids, shape (columns, groups); in order, NOT_SET last


class LabelRows(NamedTuple):
    """The rows of each label: an index for selections."""

    rows: Codes  # sorted by label id, NOT_SET first; rows of one label are in order
    starts: Keys  # in `rows`: of NOT_SET, of label 0, 1, ...; and the end

    def count(self, ids: Sequence[int]) -> int:
        """The number of rows that have one of the labels."""
        return sum(int(self.starts[k + 2] - self.starts[k + 1]) for k in self._held(ids))

    def of(self, ids: Sequence[int]) -> Codes:
        """The rows that have one of the labels, in order. O(rows returned)."""
        parts = [self.rows[self.starts[k + 1] : self.starts[k + 2]] for k in self._held(ids)]
        if len(parts) == 1:
            return parts[0]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int32)

    def _held(self, ids: Sequence[int]) -> list[int]:
        """The ids without those that were assigned later than the index was built."""
        return [k for k in ids if k + 2 < len(self.starts)]


class Builds:
    """How often a book built group codes and indexes of labels."""

    def __init__(self) -> None:
        self.groups = self.indexes = 0


def grouped(columns: Sequence[Codes], rows: int) -> GroupCodes:
    """Number the combinations of label ids, in the order of the ids. Negative ids sort last.

    O(rows) if there are not many more possible combinations than rows, else O(rows log rows).
    """
    if not columns:
        return GroupCodes(np.zeros(rows, np.int32), np.empty((0, min(rows, 1)), np.int32))
    keys, end = _digits(columns[0])
    for column in columns[1:]:
        digits, radix = _digits(column)
        if end * radix > _MOST_KEY:
            keys, first = dense(keys, end)
            end = len(first)
        keys = keys * np.int64(radix) + digits
        end *= radix
    codes, first = dense(keys, end)
    return GroupCodes(codes, np.stack([column[first] for column in columns]))


def _digits(ids: Codes) -> tuple[Keys, int]:
    """The ids as integers from 0, and the end of their range. -1 and -2 come after all ids."""
    top = int(ids.max(initial=-1))
    if ids.min(initial=0) >= 0:
        return ids, top + 1
    return np.where(ids < 0, top - ids, ids), top + 3


def dense(keys: Keys, end: int) -> tuple[Codes, npt.NDArray[np.intp]]:
    """Replace keys from 0 to `end` by their rank. Returns the ranks, and a row of each rank."""
    if end > 4 * len(keys) + 256:
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        return inverse.reshape(-1).astype(np.int32), first
    row_of = np.full(end, -1, np.intp)
    row_of[keys] = np.arange(len(keys))
    used = row_of >= 0
    ranks: Codes = np.cumsum(used, dtype=np.int32)
    ranks -= 1
    return ranks[keys], row_of[used]


def indexed(ids: Codes, labels: int) -> LabelRows:
    """Sort rows by label id. O(rows + labels)."""
    keys = ids + np.int32(1)
    rows = np.argsort((keys % _RADIX).astype(np.uint16), kind="stable")
    if labels + 1 > _RADIX:  # a radix sort, the lower digit first
        upper = (keys // _RADIX).astype(np.uint16)
        rows = rows[np.argsort(upper[rows], kind="stable")]
    starts = np.zeros(labels + 2, np.int64)
    np.cumsum(np.bincount(keys, minlength=labels + 1), out=starts[1:])
    return LabelRows(rows.astype(np.int32), starts)


class GroupCache:
    """The group codes and indexes of one side, for one version of the master tables.

    Books, views and snapshots share it. Each part is built when it is first used. Two threads may
    build the same part at once; both results are the same.
    """

    def __init__(
        self,
        side: str,
        size: int,
        attributes: Mapping[str, Attribute],
        currency: Codes,
        builds: Builds,
    ) -> None:
        """size: codes assigned so far. currency: by code; empty for accounts."""
        self.side, self.size, self.builds = side, size, builds
        self._attributes, self._currency = attributes, currency
        self._groups: dict[tuple[str, ...], GroupCodes] = {}
        self._rows: dict[str, LabelRows] = {}

    def followed_by(
        self, size: int, attributes: Mapping[str, Attribute], currency: Codes
    ) -> GroupCache:
        """The cache for the next version of the master tables. Keeps what did not change."""
        new = GroupCache(self.side, size, attributes, currency, self.builds)
        if size != self.size:
            return new
        changed = {
            name
            for name in {*attributes, *self._attributes}
            if attributes.get(name) is not self._attributes.get(name)
        }
        if not np.array_equal(currency, self._currency):
            changed.add("currency")
        groups, rows = self._groups.copy(), self._rows.copy()  # readers may add to them
        new._groups = {names: part for names, part in groups.items() if changed.isdisjoint(names)}
        new._rows = {name: part for name, part in rows.items() if name not in changed}
        return new

    def ids(self, name: str) -> Codes:
        """The label ids of every code. `name`: the side itself, `currency` or an attribute."""
        if name == self.side:
            return np.arange(self.size, dtype=np.int32)
        held = self._held(name)
        if len(held) == self.size:
            return held
        ids = np.full(self.size, NOT_SET, np.int32)  # newer codes have no label
        ids[: len(held)] = held[: self.size]
        return ids

    def ids_at(self, name: str, codes: Codes) -> Codes:
        """The label ids of some codes. O(codes)."""
        if name == self.side:
            return codes
        held = self._held(name)
        if len(held) >= self.size:
            return held[codes]
        ids = np.full(len(codes), NOT_SET, np.int32)
        known = codes < len(held)
        ids[known] = held[codes[known]]
        return ids

    def _held(self, name: str) -> Codes:
        attribute = self._attributes.get(name)
        return self._currency if attribute is None else attribute.ids

    def groups(self, names: tuple[str, ...]) -> GroupCodes:
        """The groups of every code. Callers must not change the arrays."""
        found = self._groups.get(names)
        if found is None:
            found = grouped([self.ids(name) for name in names], self.size)
            found.codes.flags.writeable = found.labels.flags.writeable = False
            self.builds.groups += 1
            while len(self._groups) >= MOST_KEPT:
                self._groups.pop(next(iter(self._groups.copy())), None)
            self._groups[names] = found
        return found

    def rows(self, name: str) -> LabelRows:
        """The codes of each label. `name`: `currency` or an attribute."""
        found = self._rows.get(name)
        if found is None:
            attribute = self._attributes.get(name)
            ids = self.ids(name)
            labels = int(ids.max(initial=-1)) + 1 if attribute is None else len(attribute.labels)
            found = indexed(ids, labels)
            found.rows.flags.writeable = False
            self.builds.indexes += 1
            self._rows[name] = found
        return found


def first_masters() -> Masters:
    """The master tables of a new book."""
    builds = Builds()
    return Masters(
        0, 0, 0, {}, {}, NO_CODES,
        GroupCache("account", 0, {}, NO_CODES, builds),
        GroupCache("instrument", 0, {}, NO_CODES, builds),
        {"account": {}, "instrument": {}},
    )  # fmt: skip


def next_masters(
    held: Masters,
    version: int,
    sizes: tuple[int, int],
    account: Mapping[str, Attribute],
    instrument: Mapping[str, Attribute],
    currency: Codes,
) -> Masters:
    """The next version of the master tables. sizes: codes of accounts and of instruments."""
    return Masters(
        version, *sizes, account, instrument, currency,
        held.account_groups.followed_by(sizes[0], account, NO_CODES),
        held.instrument_groups.followed_by(sizes[1], instrument, currency),
        {
            "account": all_dropped(held.dropped["account"], held.account, account),
            "instrument": all_dropped(held.dropped["instrument"], held.instrument, instrument),
        },
    )  # fmt: skip
