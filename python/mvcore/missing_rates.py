"""Warnings about currencies without a rate. Amounts in the base currency leave out their positions.

`unpriced` counts such positions in every row. The log gets a warning as well, because the currency
is often a misspelling of another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from mvcore import _core
from mvcore.forks import rest_at_fork
from mvcore.near import hint

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.ingest.masters import Codes, Masters
    from mvcore.results.names import NameLists

# a write of these may leave positions without a rate
TABLES = {"instruments", "holdings", "orders", "fx"}


class MissingRates:
    """Warns once about each currency, and again only if it had a rate in between."""

    def __init__(self, core: _core.Book, base_currency: str, names: NameLists) -> None:
        self._core, self._base_currency, self._names = core, base_currency, names
        self._lock = threading.Lock()
        rest_at_fork(self, "_lock", threading.Lock, core, rank=1)
        self._warned: set[int] = set()
        self._instruments: tuple[Masters, dict[int, Codes]] | None = None  # by currency

    def check(self, masters: Masters) -> None:
        """Warn about currencies that have positions but no rate.

        O(currencies). A currency without a rate and without positions also costs O(its
        instruments).
        """
        missing = _core.currencies_without_rate(self._core)
        if not missing and not self._warned:
            return
        with self._lock:
            self._warned &= set(missing)
            texts = []
            for currency in missing:
                if currency in self._warned:
                    continue
                positions = _core.positions_of(self._core, self._instruments_in(masters, currency))
                if positions.any():
                    self._warned.add(currency)
                    texts.append(self._text(currency, positions))
        if texts:
            import logging  # takes 4 ms

            for text in texts:
                logging.getLogger("mvcore").warning("%s", text)

    def _instruments_in(self, masters: Masters, currency: int) -> Codes:
        """The instruments of a currency, cached for each version of the master tables."""
        if self._instruments is None or self._instruments[0] is not masters:
            self._instruments = masters, {}
        found = self._instruments[1]
        if currency not in found:
            found[currency] = np.flatnonzero(masters.currency == currency).astype(np.int32)
        return found[currency]

    def _text(self, currency: int, positions: npt.NDArray[np.uint32]) -> str:
        users, convertible = _core.currencies_in_use(self._core)
        names = self._names.of("currency")(np.arange(len(users), dtype=np.int32))
        name = str(names[currency])
        known = [str(n) for n, there in zip(names, convertible, strict=True) if there]
        return (
            f"fx: currency {name!r} has no rate: amounts in {self._base_currency!r} leave out "
            f"{_counted(int(positions.sum()), 'position')} in "
            f"{_counted(int(np.count_nonzero(positions)), 'instrument')}"
            f"{hint(name, known, list_known=False)}"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
