"""The names and attributes in a book, and who may see which accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.columns import text_column
from mvcore.errors import InvalidInput, UnknownId
from mvcore.masters import Attribute, Codes
from mvcore.selecting import matching, no_label, wanted_labels
from mvcore.serve.errors import RefusedError, unknown

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.serve.access import Principal
    from mvcore.serve.one_thread import OneThread
    from mvcore.serve.selection import Names
    from mvcore.snapshot import Snapshot


class Directory:
    """The names and attributes for one version of the master tables."""

    def __init__(self, state: Snapshot) -> None:
        self.masters = state._masters
        self.accounts = _names(state, "account", self.masters.accounts)
        self.instruments = _names(state, "instrument", self.masters.instruments)
        # [:-1]: an empty array would have no dtype
        self._names = np.array([*self.accounts, ""], object)[:-1]
        self._codes = np.array([*self.accounts.values()], np.int32)

    def attributes(self, side: str, allowed: set[str] | None = None) -> dict[str, list[str]]:
        """Labels in use, by attribute. For accounts, only the labels of allowed ones."""
        names = self.accounts if side == "account" else self.instruments
        table = self.masters.account if side == "account" else self.masters.instrument
        codes = [c for name, c in names.items() if allowed is None or name in allowed]
        out = {}
        for name, attribute in table.items():
            used = {label_at(attribute, code) for code in codes} - {None}
            out[name] = sorted(map(str, used))
        return out

    def listed(self, side: str, allowed: set[str] | None = None) -> list[dict[str, Any]]:
        """Names with their attributes. For accounts, only allowed ones."""
        names = self.accounts if side == "account" else self.instruments
        table = self.masters.account if side == "account" else self.masters.instrument
        return [
            {side: name, "attributes": {n: label_at(a, code) for n, a in table.items()}}
            for name, code in names.items()
            if allowed is None or name in allowed
        ]

    def allowed(self, principal: Principal) -> set[str] | None:
        """Names of the accounts that the principal may see. None for all."""
        accounts = principal.accounts
        if accounts is None:
            return None
        if isinstance(accounts, Mapping):
            known = accounts.keys() <= {"account", *self.masters.account}
            return self._matching(accounts) if known else set()  # no account has the attribute yet
        return set(accounts) & self.accounts.keys()

    def effective(self, asked: Names, principal: Principal, allow_empty: bool = False) -> Names:
        """The accounts to select: those asked for, restricted to those that the principal may see.

        Raises RefusedError. The error is the same for an account or label that does not exist and
        for one that the principal may not see. It names nothing but what was asked for.
        """
        allowed = self.allowed(principal)
        if isinstance(asked, tuple):
            for name in asked:
                if name not in self.accounts or (allowed is not None and name not in allowed):
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
            labels = wanted_labels("account", wanted)
            mask = matching(self.masters, "account", labels, self._find)
        except InvalidInput as error:
            raise RefusedError("invalid_selection", str(error.args[0]), about=error) from None
        return set(self._names[mask[self._codes]].tolist())

    def _check_labels(self, wanted: Mapping[str, Any], allowed: set[str]) -> None:
        """Raises RefusedError for an attribute if no allowed account has any of its wanted labels.

        A label that only other accounts have must look like one that does not exist.
        """
        codes = [self.accounts[name] for name in allowed]
        for name, labels in wanted_labels("account", wanted).items():
            attribute = self.masters.account.get(name)
            held = allowed if attribute is None else {label_at(attribute, c) for c in codes}
            if labels and None not in labels and held.isdisjoint(labels):
                error = no_label("account", name, str(labels[0]))
                raise RefusedError("invalid_selection", str(error), about=error)

    def _find(self, side: str, names: Sequence[str]) -> Codes:
        return np.array([self.accounts.get(name, -1) for name in names], np.int32)


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
        wanted = self._book._masters
        while self._kept is None or self._kept.masters.version < wanted.version:
            if self._making is None:
                self._making = asyncio.create_task(self._reads.run(self._make))
                self._making.add_done_callback(self._made)
            await asyncio.shield(self._making)
        return self._kept

    def of(self, state: Snapshot) -> Directory:
        """Return the directory of the snapshot. May be called in a thread."""
        kept = self._kept
        if kept is None or kept.masters is not state._masters:
            kept = Directory(state)
            if self._kept is None or self._kept.masters.version < kept.masters.version:
                self._kept = kept
        return kept

    def _make(self) -> Directory:
        with self._book.snapshot() as state:
            return self.of(state)

    def _made(self, task: asyncio.Task[Directory]) -> None:
        self._making = None


def currencies(book: Book) -> list[str]:
    """Names that a selection's `currency` may have: the base, then those of instruments and
    rates."""
    names = book._names_of("currency")(np.arange(book._core.counts[2], dtype=np.int32))
    known = {str(name) for name in names if book._core.currency_code(str(name)) >= 0}
    return [book.base_currency, *sorted(known - {book.base_currency})]


def label_at(attribute: Attribute, code: int) -> str | None:
    """The label of a code, None if the attribute is not set."""
    if code >= len(attribute.ids) or attribute.ids[code] < 0:
        return None
    return str(attribute.labels[attribute.ids[code]])


def _names(state: Snapshot, side: str, count: int) -> dict[str, int]:
    """The codes of the names in the book, in the order of codes."""
    names = state._names_of(side)(np.arange(count, dtype=np.int32))
    find = state._core.account_codes if side == "account" else state._core.instrument_codes

    def there(some: list[Any]) -> bool:
        try:
            find(text_column(some, "serve", side), "serve")
        except UnknownId:  # one of the names was removed
            return False
        return True

    def alive(first: int, last: int) -> list[int]:
        """Bisect until all names of a range are in the book."""
        if first == last or there(names[first:last]):
            return list(range(first, last))
        middle = (first + last) // 2
        return [] if last - first == 1 else alive(first, middle) + alive(middle, last)

    return {str(names[code]): code for code in alive(0, count)}
