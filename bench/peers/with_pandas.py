"""pandas: long frames sorted by instrument and by account. Sums use groupby."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dataset import Ints
from peers.contract import SCALE, Peer, Tables, codes, numbers

CELL = ["instrument", "account"]


def cells(table: Any, column: str) -> pd.DataFrame:
    quantity = numbers(table, column).astype(np.int32)
    return pd.DataFrame({name: codes(table, name) for name in CELL} | {"net": quantity})


class Pandas(Peer):
    """Every account holds every instrument here, so columns of totals align with slices."""

    name, package = "pandas", "pandas"

    def __init__(self, tables: Tables) -> None:
        self.many_instruments, self.many_accounts = tables.shape
        both = [cells(tables.holdings, "quantity"), cells(tables.orders, "filled_quantity")]
        net = pd.concat(both).groupby(CELL, as_index=False)["net"].sum()  # sorted by both
        self.owner, self.instrument = net["account"], net["instrument"]
        self.net = net["net"].astype(np.int32)
        by_account = net.sort_values(["account", "instrument"], ignore_index=True)
        self.net_by_account = by_account["net"].astype(np.int32)
        orders = {
            "quantity": numbers(tables.orders, "order_quantity"),
            "filled": numbers(tables.orders, "filled_quantity"),
            "status": codes(tables.orders, "status"),
        }
        ids = pd.Index(numbers(tables.orders, "order"))
        self.orders = pd.DataFrame(orders, index=ids).sort_index()  # an order's id is its position
        self.prices = pd.Series(tables.prices.copy())
        self.kept: Any = None
        self.watched: Any = None

    def tick(self, instrument: int, price: float) -> None:
        new = round(price * SCALE)
        if self.kept is not None:
            first, move = instrument * self.many_accounts, new - self.prices.iat[instrument]
            row = self.net.iloc[first : first + self.many_accounts]
            self.kept += row.to_numpy() * move
        self.prices.iat[instrument] = new

    def ticks(self, prices: Ints) -> None:
        self.prices = pd.Series(prices.copy())

    def keep_totals(self) -> None:
        self.kept = pd.Series(self.whole_book())

    def totals(self) -> Any:
        return self.kept.to_numpy()

    def drop_totals(self) -> None:
        self.kept = None

    def whole_book(self) -> Any:
        value = self.net * self.prices.to_numpy()[self.instrument.to_numpy()]
        return value.groupby(self.owner).sum().to_numpy()

    def account(self, account: int) -> Any:
        first = account * self.many_instruments
        row = self.net_by_account.iloc[first : first + self.many_instruments]
        return (row.to_numpy() * self.prices.to_numpy()).sum()

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        change = filled - int(self.orders["filled"].iat[order])
        for column, value in enumerate((quantity, filled, status)):
            self.orders.iat[order, column] = value
        self.net.iat[instrument * self.many_accounts + account] += change
        self.net_by_account.iat[account * self.many_instruments + instrument] += change
        if self.kept is not None:
            self.kept.iat[account] += change * self.prices.iat[instrument]
        if self.watched is not None:
            self.make_watched()

    def watch(self, pairs: Ints) -> None:
        self.owners = pairs.reshape(-1)
        self.make_watched()

    def make_watched(self) -> None:
        """The rows of watched accounts, one each, by session."""
        rows = self.net_by_account.to_numpy().reshape(-1, self.many_instruments)
        self.watched = pd.DataFrame(rows[self.owners])

    def look(self) -> Any:
        return self.watched.dot(self.prices).to_numpy()

    def unwatch(self) -> None:
        self.watched = None
