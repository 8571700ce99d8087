"""Amounts in a currency of the account: `currency="account.reporting_currency"`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from mvcore.errors import InvalidInput, shown
from mvcore.ingest.masters import NOT_SET
from mvcore.query.selecting import ANY_CURRENCY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mvcore.ingest.masters import Attribute, Codes, Masters
    from mvcore.query.selecting import Find

PREFIX = "account."


class OwnCurrency:
    """The attribute of accounts that names their currency."""

    def __init__(
        self, attribute: str, find: Find, names: Callable[[Codes], Sequence[str | None]]
    ) -> None:
        """find: codes of names. names: of accounts, by code."""
        self.attribute = attribute
        self._find, self._names = find, names

    def of_accounts(
        self, masters: Masters, accounts: Codes | None, among: str = ANY_CURRENCY
    ) -> Codes:
        """The currency of each account, -1 of removed ones. accounts: None is every account.

        among: "currency" are those of instruments and rates, ANY_CURRENCY all that the book ever
        had: a view continues, unpriced, in a currency that no longer exists. Raises InvalidInput
        for an account without the attribute, or with another label. O(accounts + labels).
        """
        attribute = self._held(masters)
        cache = masters.account_groups
        name = self.attribute
        ids = cache.ids(name) if accounts is None else cache.ids_at(name, accounts)
        codes = self._of_labels(attribute, among)[ids]
        missing = np.flatnonzero(codes < 0).astype(np.int32)
        if missing.size:
            lacking = missing if accounts is None else accounts[missing]
            called = [str(one) for one in self._names(lacking)]
            alive = np.flatnonzero(self._find("account", called) >= 0)
            if alive.size:
                first = int(alive[0])
                self._refuse(attribute, called[first], int(ids[missing[first]]))
        return codes

    def of_labels(self, masters: Masters, ids: Codes) -> Codes:
        """The currency of each label id, -1 if it has none."""
        return self._of_labels(self._held(masters), ANY_CURRENCY)[ids]

    def most(self, masters: Masters) -> int:
        """The largest code of a currency that an account has."""
        return int(self._of_labels(self._held(masters), ANY_CURRENCY).max())

    def _held(self, masters: Masters) -> Attribute:
        attribute = masters.account.get(self.attribute)
        if attribute is None:
            raise unknown_attribute(self.attribute, masters.account)
        return attribute

    def _of_labels(self, attribute: Attribute, among: str) -> Codes:
        """The currency of each label. The last is that of NOT_SET."""
        assert NOT_SET == -1
        codes = self._find(among, attribute.labels)
        return np.append(codes, np.int32(-1))

    def _refuse(self, attribute: Attribute, account: str, label: int) -> NoReturn:
        if label == NOT_SET:
            reason = f"account {shown(account)} has no label"
            value = account
        else:
            value = attribute.labels[label]
            reason = f"account {shown(account)} has the label {shown(value)}, which is no currency"
        raise InvalidInput.about(
            "accounts", self.attribute, None, value,
            f"{reason}; expected a currency of the book, for currency='{PREFIX}{self.attribute}'",
        )  # fmt: skip


def unknown_attribute(name: str, attributes: Mapping[str, Attribute]) -> InvalidInput:
    """Make the error for a currency "account.x" if accounts have no attribute `x`."""
    known = ", ".join(map(repr, attributes)) or "none"
    asked = PREFIX + name
    reason = f"{shown(asked)} is no currency, and accounts have no attribute {shown(name)}"
    error = InvalidInput.about(None, "currency", None, asked, f"{reason}, known: {known}")
    return error.unlike(name, list(attributes), list_known=False)
