"""polars: positions sorted by instrument and by account, so that a query reads a slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from dataset import Ints
from peers.contract import SCALE, Peer, Tables, codes, numbers

CELL = ["instrument", "account"]


def cells(table: Any, column: str) -> pl.LazyFrame:
    quantity = pl.Series("net", numbers(table, column)).cast(pl.Int32)
    places = {name: codes(table, name) for name in CELL}
    return pl.DataFrame(places).with_columns(quantity).lazy()


class Polars(Peer):
    """Every account holds every instrument here, so columns of totals align with slices."""

    name, package = "polars", "polars"

    def __init__(self, tables: Tables) -> None:
        self.many_instruments, self.many_accounts = tables.shape
        both = [cells(tables.holdings, "quantity"), cells(tables.orders, "filled_quantity")]
        net = pl.concat(both).group_by(CELL).agg(pl.col("net").sum())
        positions = net.sort(CELL).collect(engine="streaming")
        self.net = positions["net"].rechunk()
        by_account = positions.sort("account", "instrument").rechunk()  # sorted, so groups are runs
        self.instrument, self.owner, self.net_by_account = by_account.get_columns()
        del positions, by_account
        ids = np.argsort(numbers(tables.orders, "order"))  # an order's id is its position
        orders = tables.orders
        self.quantity = pl.Series(numbers(orders, "order_quantity")[ids])
        self.filled = pl.Series(numbers(orders, "filled_quantity")[ids])
        self.status = pl.Series(codes(orders, "status")[ids])
        self.prices = pl.Series("price", tables.prices)
        self.kept: Any = None
        self.watched: Any = None

    def tick(self, instrument: int, price: float) -> None:
        new = round(price * SCALE)
        if self.kept is not None:
            first, move = instrument * self.many_accounts, new - self.prices[instrument]
            self.kept += self.net.slice(first, self.many_accounts).cast(pl.Int64) * move
        self.prices[instrument] = new

    def ticks(self, prices: Ints) -> None:
        self.prices = pl.Series("price", prices)

    def keep_totals(self) -> None:
        self.kept = pl.Series(self.whole_book())

    def totals(self) -> Any:
        return self.kept.to_numpy()

    def drop_totals(self) -> None:
        self.kept = None

    def whole_book(self) -> Any:
        price = pl.lit(self.prices).gather(pl.col("instrument"))
        return (
            pl.LazyFrame([self.instrument, self.owner.set_sorted(), self.net_by_account])
            .select("account", value=pl.col("net") * price)
            .group_by("account", maintain_order=True)
            .agg(pl.col("value").sum())
            .collect(engine="streaming")["value"]
            .to_numpy()
        )

    def account(self, account: int) -> Any:
        first = account * self.many_instruments
        row = self.net_by_account.slice(first, self.many_instruments)
        return (row.cast(pl.Int64) * self.prices).sum()

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        change = filled - self.filled[order]
        self.quantity[order], self.filled[order], self.status[order] = quantity, filled, status
        place = instrument * self.many_accounts + account
        self.net[place] = self.net[place] + change
        place = account * self.many_instruments + instrument
        self.net_by_account[place] = self.net_by_account[place] + change
        if self.kept is not None:
            self.kept[account] = self.kept[account] + change * self.prices[instrument]
        if self.watched is not None:
            self.make_watched()

    def watch(self, pairs: Ints) -> None:
        self.owners = pairs.reshape(-1)
        self.make_watched()

    def make_watched(self) -> None:
        """The rows of watched accounts, by session."""
        many = self.many_instruments
        rows = (self.owners[:, None] * many + np.arange(many)).reshape(-1)
        self.watched = pl.DataFrame(
            {
                "place": np.repeat(np.arange(len(self.owners), dtype=np.int32), many),
                "instrument": np.tile(np.arange(many, dtype=np.int32), len(self.owners)),
                "net": self.net_by_account[rows],
            }
        )

    def look(self) -> Any:
        price = pl.lit(self.prices).gather(pl.col("instrument"))
        value = (pl.col("net") * price).sum()
        totals = self.watched.group_by("place").agg(value)
        return totals.sort("place")["net"].to_numpy()

    def unwatch(self) -> None:
        self.watched = None
