"""The names and attributes in a book, and who may see which accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import InvalidInput
from mvcore.query.selecting import no_label, unknown_attribute, wanted_labels
from mvcore.serve.errors import RefusedError, refusal, unknown

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.book import Book
    from mvcore.frame import Frame
    from mvcore.serve.access import Principal
    from mvcore.serve.one_thread import OneThread
    from mvcore.serve.selection import Names
    from mvcore.snapshot import Snapshot

# columns of a master table that are no attributes
OWN = {"account": {"account"}, "instrument": {"instrument", "multiplier", "quote_factor", "cash"}}


class Labels:
    """One attribute: the labels in use, and which of them each row has."""

    def __init__(self, table: Frame, name: str) -> None:
        _, first, ids = np.unique(table.codes(name), return_index=True, return_inverse=True)
        self._ids: npt.NDArray[np.int64] = ids
        column = table[name]
        self._labels: list[str | None] = [column[row] for row in first.tolist()]  # by id

    def at(self, row: int) -> str | None:
        """The label of a row, None if the attribute is not set."""
        return self._labels[int(self._ids[row])]

    def used(self) -> list[str]:
        return [label for label in self._labels if label is not None]

    def having(self, labels: tuple[str | None, ...]) -> npt.NDArray[np.bool_]:
        """A mask of the rows that have one of the labels. None: not set."""
        return np.isin(self._ids, [k for k, label in enumerate(self._labels) if label in labels])


class Side:
    """The accounts, or the instruments."""

    def __init__(self, side: str, table: Frame) -> None:
        self.side = side
        self.names: list[str] = table[side]
        self.rows = {name: row for row, name in enumerate(self.names)}
        self.codes = table.codes(side)
        keys = {name: Labels(table, name) for name in table.column_names if name not in OWN[side]}
        self._keys = keys
        # the currency of an instrument is a key of selections, but no attribute
        self.attributes = {n: k for n, k in keys.items() if (side, n) != ("instrument", "currency")}

    def matching(self, wanted: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
        """A mask of the rows that match every attribute of a selection. Raises InvalidInput."""
        mask = np.ones(len(self.names), bool)
        for name, labels in wanted_labels(self.side, wanted).items():
            if name in self._keys:
                mask &= self._keys[name].having(labels)
            elif name == self.side:
                some = np.zeros(len(mask), bool)
                some[[self.rows[label] for label in labels if label in self.rows]] = True
                mask &= some
            else:
                raise unknown_attribute(self.side, name, list(self.attributes))
        return mask

    def codes_of(self, names: Sequence[str]) -> npt.NDArray[np.int32]:
        """The codes of names that are in the book."""
        return self.codes[[self.rows[name] for name in names]]

    def labels(self, allowed: set[str] | None = None) -> dict[str, list[str]]:
        """The labels in use, by attribute; with `allowed`, only labels of these names."""
        if allowed is None:
            return {name: sorted(one.used()) for name, one in self.attributes.items()}
        rows = [self.rows[name] for name in allowed]
        return {
            name: sorted({label for row in rows if (label := one.at(row)) is not None})
            for name, one in self.attributes.items()
        }

    def listed(self, allowed: set[str] | None = None) -> list[dict[str, Any]]:
        """The names with their attributes; with `allowed`, only these names."""
        return [
            {self.side: name, "attributes": {n: one.at(row) for n, one in self.attributes.items()}}
            for row, name in enumerate(self.names)
            if allowed is None or name in allowed
        ]


class Directory:
    """The names and attributes for one version of the master tables."""

    def __init__(self, state: Snapshot) -> None:
        self.version = state.masters_version
        self.accounts = Side("account", state.accounts())
        instruments = state.instruments()
        self.instruments = Side("instrument", instruments)
        self._currencies = set(instruments["currency"])

    def allowed(self, principal: Principal) -> set[str] | None:
        """Names of the accounts that the principal may see. None for all."""
        accounts = principal.accounts
        if accounts is None:
            return None
        if isinstance(accounts, Mapping):
            known = accounts.keys() <= {"account", *self.accounts.attributes}
            return self._matching(accounts) if known else set()  # no account has the attribute yet
        return set(accounts) & self.accounts.rows.keys()

    def effective(self, asked: Names, principal: Principal, allow_empty: bool = False) -> Names:
        """The accounts to select: those asked for, restricted to those that the principal may see.

        Raises RefusedError. The error is the same for an account or label that does not exist and
        for one that the principal may not see. It names nothing but what was asked for.
        """
        allowed = self.allowed(principal)
        if isinstance(asked, tuple):
            for name in asked:
                if name not in self.accounts.rows or (allowed is not None and name not in allowed):
                    raise unknown("account", name)
            return asked
        if allowed is None:
            return asked
        if asked is not None:
            matched = self._matching(asked)
            if allowed and not allow_empty:
                self._check_labels(asked, allowed)
            allowed &= matched
        return tuple(sorted(allowed))

    def _matching(self, wanted: Mapping[str, Any]) -> set[str]:
        try:
            mask = self.accounts.matching(wanted)
        except InvalidInput as error:
            raise refusal(error, "invalid_selection") from None
        return {self.accounts.names[row] for row in np.flatnonzero(mask).tolist()}

    def _check_labels(self, wanted: Mapping[str, Any], allowed: set[str]) -> None:
        """Raises RefusedError for an attribute if no allowed account has any of its wanted labels.

        A label that only other accounts have must look like one that does not exist.
        """
        rows = [self.accounts.rows[name] for name in allowed]
        for name, labels in wanted_labels("account", wanted).items():
            one = self.accounts.attributes.get(name)
            held = allowed if one is None else {one.at(row) for row in rows}
            if labels and None not in labels and held.isdisjoint(labels):
                error = no_label("account", name, str(labels[0]))
                raise RefusedError("invalid_selection", str(error), about=error)

    def currencies(self, book: Book) -> list[str]:
        """Names that a selection's `currency` may have: the base, then those of instruments and
        rates."""
        known = self._currencies | set(book.fx()["currency"])
        return [book.base_currency, *sorted(known - {book.base_currency})]


class Directories:
    """The present directory, rebuilt after a write of master tables."""

    def __init__(self, book: Book, reads: OneThread) -> None:
        self._book, self._reads = book, reads
        self._kept: Directory | None = None
        self._making: asyncio.Task[Directory] | None = None

    async def now(self) -> Directory:
        """Return the directory of the present or a later state.

        Thousands of names take milliseconds, so it is built in a thread, once for all who wait.
        """
        wanted = self._book.masters_version
        while self._kept is None or self._kept.version < wanted:
            if self._making is None:
                self._making = asyncio.create_task(self._reads.run(self._make))
                self._making.add_done_callback(self._made)
            await asyncio.shield(self._making)
        return self._kept

    def of(self, state: Snapshot) -> Directory:
        """Return the directory of the snapshot. May be called in a thread."""
        kept = self._kept
        if kept is None or kept.version != state.masters_version:
            kept = Directory(state)
            if self._kept is None or self._kept.version < kept.version:
                self._kept = kept
        return kept

    def _make(self) -> Directory:
        with self._book.snapshot() as state:
            return self.of(state)

    def _made(self, task: asyncio.Task[Directory]) -> None:
        self._making = None
