"""A small book in plain NumPy integers: the exact answers at every epoch of a list of writes.

Prices are in 1e-2, rates in 1e-2, amounts in 1e-4, so nothing is ever rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ACCOUNTS, INSTRUMENTS, ORDERS = 60, 24, 400
DESKS = np.arange(ACCOUNTS) % 7
SECTORS = np.arange(INSTRUMENTS) % 5
EURO = np.arange(INSTRUMENTS) % 3 == 2
SCALE = 4


def names(letter: str, count: int) -> list[str]:
    return [f"{letter}{k:03d}" for k in range(count)]


class Oracle:
    """Quantities by account and instrument for three measures, and orders by id."""

    def __init__(self) -> None:
        self.epoch = 0
        self.nets = np.zeros((3, ACCOUNTS, INSTRUMENTS), np.int64)
        self.prices = np.arange(INSTRUMENTS, dtype=np.int64) + 1000
        self.rate = 110
        self.orders: dict[int, list[int]] = {}  # account, instrument, quantity, filled, rolled
        self.retained: set[int] = set()  # orders that had ended at the last roll, unchanged since

    def tables(self) -> dict[str, Any]:
        """The tables of the book at epoch 1, without holdings."""
        self.epoch = 1
        instruments = names("I", INSTRUMENTS)
        return {
            "instruments": {
                "instrument": instruments,
                "currency": ["EUR" if euro else "USD" for euro in EURO],
                "sector": [f"s{k}" for k in SECTORS],
            },
            "accounts": {"account": names("A", ACCOUNTS), "desk": [f"d{k}" for k in DESKS]},
            "prices": {"instrument": instruments, "price": [f"{p}e-2" for p in self.prices]},
            "fx": {"currency": ["EUR"], "rate": ["1.10"]},
        }

    def apply(self, kind: str, given: Any) -> None:
        """Apply one write."""
        self.epoch += 1
        if kind == "prices":
            for instrument, price in given:
                self.prices[instrument] = price
        elif kind == "orders":
            for order in given:
                self._order(*order)
        elif kind == "holdings":
            for account, instrument, quantity in given:
                self.nets[:, account, instrument] += quantity - self.nets[0, account, instrument]
        elif kind == "rate":
            self.rate = given
        else:
            self.nets[0] = self.nets[1]
            for order in self.retained:
                del self.orders[order]
            self.retained.clear()
            for order, one in self.orders.items():
                _, _, quantity, filled, _ = one
                one[4] = filled
                if not leaves(quantity, filled):
                    self.retained.add(order)

    def _order(self, order: int, account: int, instrument: int, quantity: int, filled: int) -> None:
        rolled = 0
        if order in self.orders:
            old = self.orders[order]
            if old[:4] == [account, instrument, quantity, filled]:
                return
            rolled = old[4]
            self._add(old[0], old[1], old[2], old[3], rolled, -1)
        self.retained.discard(order)
        self.orders[order] = [account, instrument, quantity, filled, rolled]
        self._add(account, instrument, quantity, filled, rolled, 1)

    def _add(self, a: int, i: int, quantity: int, filled: int, rolled: int, sign: int) -> None:
        self.nets[1, a, i] += sign * (filled - rolled)
        self.nets[2, a, i] += sign * (filled - rolled + leaves(quantity, filled))

    # -- answers, as arrays of row, (sod, current, expected, exists) --

    def _worth(self) -> np.ndarray:
        factor = np.where(EURO, self.rate, 100)
        return self.nets * (self.prices * factor)

    def totals(self, accounts: np.ndarray, instruments: np.ndarray) -> np.ndarray:
        """Totals by pairs of account group and instrument group."""
        worth, there = self._worth(), (self.nets != 0).any(axis=0)
        rows = (int(accounts.max()) + 1, int(instruments.max()) + 1)
        out = np.zeros((*rows, 4), np.int64)
        where = (accounts[:, None], instruments[None, :])
        for m in range(3):
            np.add.at(out[..., m], where, worth[m])
        np.maximum.at(out[..., 3], where, there.astype(np.int64))
        return out.reshape(-1, 4)

    def by_account(self) -> np.ndarray:
        return self.totals(np.arange(ACCOUNTS), np.zeros(INSTRUMENTS, int))

    def by_desk_and_sector(self) -> np.ndarray:
        return self.totals(DESKS, SECTORS)

    def by_sector(self) -> np.ndarray:
        return self.totals(np.zeros(ACCOUNTS, int), SECTORS)

    def fills(self) -> np.ndarray:
        """For every order by id: does it exist, quantity, filled."""
        out = np.zeros((ORDERS, 3), np.int64)
        for order, (_, _, quantity, filled, _) in self.orders.items():
            out[order] = 1, quantity, filled
        return out

    def holdings(self) -> np.ndarray:
        return self.nets[0].copy()


def leaves(quantity: int, filled: int) -> int:
    return 0 if abs(filled) >= abs(quantity) else quantity - filled
