"""NumPy: dense arrays of floats, so that BLAS sums. Whole numbers below 2**53 are exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from dataset import Ints
from peers.contract import SCALE, Peer, Tables, codes, numbers


class Numpy(Peer):
    name, package = "NumPy", "numpy"

    def __init__(self, tables: Tables) -> None:
        size = tables.shape[0] * tables.shape[1]
        net = np.zeros(size)
        of = {"holdings": "quantity", "orders": "filled_quantity"}
        for table, column in ((getattr(tables, name), column) for name, column in of.items()):
            place = codes(table, "instrument").astype(np.int64) * tables.shape[1]
            place += codes(table, "account")
            net += np.bincount(place, numbers(table, column), size)
        self.net = net.reshape(tables.shape)
        self.by_account = np.ascontiguousarray(self.net.T)
        self.load_orders(tables)
        self.prices = tables.prices.astype(np.float64)
        self.moves = np.empty(tables.shape[1])
        self.kept: Any = None
        self.places: dict[int, list[int]] = {}

    def load_orders(self, tables: Tables) -> None:
        """An order's id is its position."""
        ids = numbers(tables.orders, "order")
        self.quantity, self.filled = np.empty((2, len(ids)), np.int16)
        self.quantity[ids] = numbers(tables.orders, "order_quantity")
        self.filled[ids] = numbers(tables.orders, "filled_quantity")
        self.status = np.empty(len(ids), np.int8)
        self.status[ids] = codes(tables.orders, "status")

    def tick(self, instrument: int, price: float) -> None:
        new = round(price * SCALE)
        if self.kept is not None:
            np.multiply(self.net[instrument], new - self.prices[instrument], out=self.moves)
            self.kept += self.moves
        self.prices[instrument] = new

    def ticks(self, prices: Ints) -> None:
        self.prices[:] = prices

    def keep_totals(self) -> None:
        self.kept = self.whole_book()

    def totals(self) -> Any:
        return self.kept

    def drop_totals(self) -> None:
        self.kept = None

    def whole_book(self) -> Any:
        return self.by_account @ self.prices

    def account(self, account: int) -> Any:
        return self.by_account[account] @ self.prices

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        change = filled - int(self.filled[order])
        self.quantity[order], self.filled[order], self.status[order] = quantity, filled, status
        self.net[instrument, account] += change
        self.by_account[account, instrument] += change
        if self.kept is not None:
            self.kept[account] += change * self.prices[instrument]
        for place in self.places.get(account, ()):
            self.watched[place] += change * self.seen[instrument]

    def watch(self, pairs: Ints) -> None:
        self.owners = pairs.reshape(-1)
        for place, account in enumerate(self.owners.tolist()):
            self.places.setdefault(account, []).append(place)
        self.seen = self.prices.copy()
        self.watched = self.by_account[self.owners] @ self.prices

    def look(self) -> Any:
        """Add the moves of instruments."""
        moved = np.flatnonzero(self.prices != self.seen)
        move = self.prices[moved] - self.seen[moved]
        self.watched += self.by_account[self.owners[:, None], moved] @ move
        self.seen[moved] = self.prices[moved]
        return self.watched

    def unwatch(self) -> None:
        self.places.clear()
