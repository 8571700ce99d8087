"""Snapshots: a book at one epoch, read while writes continue."""

from __future__ import annotations

from typing import Any

from mvcore import _core
from mvcore._core import to_decimals
from mvcore.closing import Closing
from mvcore.errors import ClosedError, InvalidInput, shown
from mvcore.reads import Reads
from mvcore.store_access import StoreAccess
from mvcore.valuation import Valuation


class Snapshot(Reads, Closing):
    """Made by `Book.snapshot`: `value`, `values`, `positions`, `holdings`, `orders`, `revalue`,
    `prices`, `instruments`, `accounts`, `fx`, `breaks` and `exceptions` of one epoch.

    A snapshot takes microseconds to make. While it is open, the writer copies each page (a few
    kilobytes) before changing it for the first time.
    """

    def __init__(self, book: Reads) -> None:
        self._names = book._names
        self._base_currency = book.base_currency
        self._value_scale = book.value_scale
        self._cash, self._cash_scale = book.cash, book.cash_scale
        self._threads = book.threads
        while True:
            self._core: Any = _core.snapshot(book._core)
            self._masters = book._masters
            if self._core.masters == self._masters.version:
                break
            book._settle()

    def value(self, account: str, currency: str | None = None) -> Valuation:
        """Return the account's value at the snapshot's epoch, as `Book.value`."""
        self._core.check_open()
        if not isinstance(account, str):
            raise InvalidInput.about(
                "value", "account", None, account, f"account {shown(account)} is not text"
            )
        asked = self._base_currency if currency is None else currency
        if not isinstance(asked, str):
            raise InvalidInput.about(
                "value", "currency", None, asked, f"currency {shown(asked)} is not text"
            )
        try:
            amounts, unpriced, epoch = self._core.value(account, asked)
        except TypeError:  # pybind11 raises TypeError for a lone surrogate
            raise InvalidInput.about(
                "value", None, None, None, f"{account!r} or {asked!r} is not valid Unicode"
            ) from None
        sod, current, expected = to_decimals(amounts, self._value_scale, False, None)
        return Valuation(account, sod, current, expected, asked, unpriced, epoch)

    def _store_access(self) -> StoreAccess:
        return StoreAccess(self)

    def close(self) -> None:
        """Release the epoch. A second `close` does nothing. Frames stay valid."""
        self._core = _Closed()


class _Closed:
    """Replaces the core of a closed snapshot: every use raises ClosedError."""

    def __getattr__(self, name: str) -> Any:
        raise ClosedError("the snapshot is closed")
