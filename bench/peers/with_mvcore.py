"""mvcore itself, called as in its README. It keeps three measures; the others keep one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

import mvcore
from dataset import PRICE_SCALE, VALUE_SCALE, Ints, text_of
from orders_dataset import STATUSES
from peers.contract import Peer, Tables

AMOUNT = 10 ** (VALUE_SCALE - PRICE_SCALE)


class Mvcore(Peer):
    name, package = "mvcore", "mvcore"

    def __init__(self, tables: Tables) -> None:
        self.accounts, self.instruments = tables.accounts, tables.instruments
        self.codes = np.arange(len(tables.instruments), dtype=np.int32)
        self.book = mvcore.Book()
        names, prices = tables.instruments, tables.prices.tolist()
        self.book.load(
            instruments={"instrument": names, "currency": ["USD"] * len(names)},
            accounts={"account": tables.accounts},
            holdings=tables.holdings,
            orders=tables.orders,
            prices={"instrument": names, "price": [text_of(price) for price in prices]},
        )
        self.book.value(tables.accounts[0])  # builds the by-account index
        self.kept: Any = None
        self.views: list[Any] = []

    def tick(self, instrument: int, price: float) -> None:
        self.book.tick(instrument, price)

    def ticks(self, prices: Ints) -> None:
        self.book.ticks(self.codes, prices, scale=PRICE_SCALE)

    def keep_totals(self) -> None:
        self.kept = self.book.view(by="account", measures="current", mode="incremental")

    def totals(self) -> Any:
        return self.kept.read().to_numpy("current", scaled=True)

    def drop_totals(self) -> None:
        self.kept.close()

    def whole_book(self) -> Any:
        return self.book.values(by="account", measures="current").to_numpy("current", scaled=True)

    def account(self, account: int) -> Any:
        return self.book.value(self.accounts[account]).current

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        names = self.accounts[account], self.instruments[instrument]
        self.book.order(order, *names, quantity, filled, STATUSES[status])

    def watch(self, pairs: Ints) -> None:
        """One view of all watched accounts, since the others run one query for all."""
        self.owners = pairs
        watched = [self.accounts[a] for a in np.unique(pairs).tolist()]
        self.views = [self.book.view(accounts=watched, measures="current")]
        self.seen = np.zeros(len(self.accounts), np.int64)

    def look(self) -> Any:
        """Only changed rows are returned."""
        changes = self.views[0].changes()
        self.seen[changes.codes("account")] = changes.to_numpy("current", scaled=True)
        return self.seen[self.owners]

    def unwatch(self) -> None:
        for view in self.views:
            view.close()

    def integers(self, answer: Any) -> Any:
        if isinstance(answer, list):
            return np.array([int(value * 10**PRICE_SCALE) for value in answer])
        if isinstance(answer, Decimal):
            return int(answer * 10**PRICE_SCALE)
        assert not (answer % AMOUNT).any()
        return answer // AMOUNT


class MvcoreBySession(Mvcore):
    """mvcore with a view per session.

    Each read returns the changes since the session's last read.
    """

    operations = ("watched",)

    def watch(self, pairs: Ints) -> None:
        names = [[self.accounts[a] for a in pair] for pair in pairs.tolist()]
        self.views = [self.book.view(accounts=pair, measures="current") for pair in names]
        self.firsts, self.seen = pairs[:, 0].tolist(), np.zeros(pairs.shape, np.int64)

    def look(self) -> Any:
        frames = self.book.changes(self.views)
        for frame, first, row in zip(frames, self.firsts, self.seen, strict=True):
            if len(frame):
                row[frame.codes("account") - first] = frame.to_numpy("current", scaled=True)
        return self.seen
