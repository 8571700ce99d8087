"""numba: 32-bit quantities by instrument and by account, 64-bit money that would overflow
silently."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import get_num_threads, njit

from dataset import Ints
from numba_kernels import OPTIONS, account_total, add_rows, set_price, tick_totals, whole_book
from peers.contract import SCALE, Tables, codes, numbers
from peers.with_numpy import Numpy


@njit(**OPTIONS)
def add(instruments, accounts, quantities, net):
    for k in range(len(quantities)):
        net[instruments[k], accounts[k]] += quantities[k]


@njit(**OPTIONS)
def order_fact(k, a, i, quantity, done, status, facts, state, nets, prices, totals):
    """`totals` is empty if no totals are kept."""
    change = done - facts[1, k]
    facts[0, k], facts[1, k], state[k] = quantity, done, status
    net, by_account = nets
    net[i, a] += change
    by_account[a, i] += change
    if len(totals):
        totals[a] += change * prices[i]
    return change


@njit(**OPTIONS)
def look(owners, prices, seen, moved, by_account, watched):
    """Add the moves of instruments to the watched accounts."""
    count = 0
    for i in range(len(prices)):
        if prices[i] != seen[i]:
            moved[count] = i
            count += 1
    for w in range(len(owners)):
        row = by_account[owners[w]]
        total = watched[w]
        for k in range(count):
            i = moved[k]
            total += np.int64(row[i]) * (prices[i] - seen[i])
        watched[w] = total
    for k in range(count):
        seen[moved[k]] = prices[moved[k]]


NOTHING = np.empty(0, np.int64)


class Numba(Numpy):
    """The arrays of the NumPy peer with narrower types."""

    name, package = "numba", "numba"

    def __init__(self, tables: Tables) -> None:
        self.net = np.zeros(tables.shape, np.int32)
        of = {"holdings": "quantity", "orders": "filled_quantity"}
        for table, column in ((getattr(tables, name), column) for name, column in of.items()):
            where = codes(table, "instrument"), codes(table, "account")
            add(*where, numbers(table, column), self.net)
        self.by_account = np.ascontiguousarray(self.net.T)
        self.load_orders(tables)
        self.facts = np.stack([self.quantity, self.filled])
        del self.quantity, self.filled
        self.prices = tables.prices.copy()
        self.threads = get_num_threads()
        self.kept: Any = None
        self.places: dict[int, list[int]] = {}

    def tick(self, instrument: int, price: float) -> None:
        new = round(price * SCALE)
        if self.kept is None:
            set_price(instrument, new, self.prices)
        else:
            tick_totals(instrument, new, self.prices, self.net, self.kept)

    def whole_book(self) -> Any:
        partial = np.zeros((self.threads, self.net.shape[1]), np.int64)
        if self.threads == 1:
            add_rows(self.prices, self.net, partial[0])
        else:
            whole_book(self.prices, self.net, partial)
        return partial[0]

    def account(self, account: int) -> Any:
        return account_total(account, self.prices, self.by_account)

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        totals = NOTHING if self.kept is None else self.kept
        change = order_fact(
            order, account, instrument, quantity, filled, status, self.facts, self.status,
            (self.net, self.by_account), self.prices, totals,
        )  # fmt: skip
        for place in self.places.get(account, ()):
            self.watched[place] += change * self.seen[instrument]

    def watch(self, pairs: Ints) -> None:
        super().watch(pairs)
        self.watched = self.by_account[self.owners].astype(np.int64) @ self.prices
        self.moved = np.empty(len(self.prices), np.int64)

    def look(self) -> Any:
        look(self.owners, self.prices, self.seen, self.moved, self.by_account, self.watched)
        return self.watched
