"""The names and attributes that a book has now, and who may see which accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import InvalidInput, UnknownId
from mvcore.masters import Attribute, Masters, matching
from mvcore.serve.errors import RefusedError, unknown
from mvcore.tables import text_column

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.serve.access import Principal
    from mvcore.serve.selection import Names


class Directory:
    """Of one state of the master tables."""

    def __init__(self, book: Book, masters: Masters) -> None:
        self.masters = masters
        self.accounts = _names(book, "account", masters.accounts)
        self.instruments = _names(book, "instrument", masters.instruments)

    def attributes(self, side: str) -> dict[str, list[str]]:
        """Labels in use, by attribute."""
        names = self.accounts if side == "account" else self.instruments
        table = self.masters.account if side == "account" else self.masters.instrument
        out = {}
        for name, attribute in table.items():
            used = {label_at(attribute, code) for code in names.values()} - {None}
            out[name] = sorted(map(str, used))
        return out

    def allowed(self, principal: Principal) -> set[str] | None:
        """Names of the accounts that the principal may see; None for all."""
        accounts = principal.accounts
        if accounts is None:
            return None
        if isinstance(accounts, Mapping):
            return self._matching(accounts)
        return set(accounts) & self.accounts.keys()

    def effective(self, asked: Names, principal: Principal) -> Names:
        """The accounts to select: as asked for who sees all, else the names that both allow."""
        allowed = self.allowed(principal)
        if isinstance(asked, tuple):
            for name in asked:
                if name not in self.accounts or (allowed is not None and name not in allowed):
                    raise unknown("account", name)
            return asked
        if allowed is None:
            return asked
        if asked is not None:
            allowed &= self._matching(asked)
        return tuple(sorted(allowed))

    def _matching(self, wanted: Mapping[str, Any]) -> set[str]:
        try:
            mask = matching(self.masters.account, wanted, self.masters.accounts, "account")
        except InvalidInput as error:
            raise RefusedError("invalid_selection", str(error)) from None
        return {name for name, code in self.accounts.items() if mask[code]}


class Directories:
    """The present one, made anew after a write of master tables."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._kept: Directory | None = None

    def now(self) -> Directory:
        masters = self._book._masters
        if self._kept is None or self._kept.masters is not masters:
            self._kept = Directory(self._book, masters)
        return self._kept


def currencies(book: Book) -> list[str]:
    """What a selection's `currency` may name: the base, then those of instruments and rates."""
    names = book._names_of("currency")(np.arange(book._core.counts[2], dtype=np.int32))
    known = {str(name) for name in names if book._core.currency_code(str(name)) >= 0}
    return [book.base_currency, *sorted(known - {book.base_currency})]


def label_at(attribute: Attribute, code: int) -> str | None:
    """The label of a code, None where the attribute is not set."""
    if code >= len(attribute.ids) or attribute.ids[code] < 0:
        return None
    return str(attribute.labels[attribute.ids[code]])


def _names(book: Book, side: str, count: int) -> dict[str, int]:
    """Codes of the names in the book, in order of code."""
    names = book._names_of(side)(np.arange(count, dtype=np.int32))
    find = book._core.account_codes if side == "account" else book._core.instrument_codes

    def there(some: list[Any]) -> bool:
        try:
            find(text_column(some, "serve", side), "serve")
        except UnknownId:  # one of them was removed
            return False
        return True

    everyone = not names or there(names)
    return {str(n): c for c, n in enumerate(names) if everyone or there([n])}
