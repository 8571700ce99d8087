"""The demo's book under test. Prices and fills go to the book and to NumPy, and are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

import mvcore
from mvcore.demo.generate import (
    HIGHEST_PRICE,
    LOWEST_PRICE,
    PRICE_SCALE,
    SEED,
    VALUE_SCALE,
    Facts,
    price_text,
)
from mvcore.demo.sizes import ORDERS_EACH

if TYPE_CHECKING:
    from numpy.typing import NDArray

WATCHED = 5
TO_VALUE_SCALE = 10 ** (VALUE_SCALE - PRICE_SCALE)


class WrongFigureError(Exception):
    """An answer of the book differs from NumPy's."""


def check(what: str, got: Any, wanted: Any) -> None:
    """Raise WrongFigureError unless both are exactly equal: the speed of a wrong answer is
    worthless."""
    if not np.array_equal(got, wanted):
        raise WrongFigureError(f"{what}: the book says {got}, NumPy {wanted}")


def amount(total: int) -> Decimal:
    """Convert a total in units of the prices' last decimal to a Decimal."""
    return Decimal(total).scaleb(-PRICE_SCALE)


class Bench:
    """The book, the same facts in NumPy, and random prices for both."""

    def __init__(self, book: mvcore.Book, facts: Facts) -> None:
        self.book = book
        self.facts = facts
        self.codes = book.instrument_codes(facts.instruments)
        self.random = np.random.default_rng(SEED + 1)
        count = len(facts.accounts)
        self.columns = np.unique(np.linspace(0, count - 1, min(WATCHED, count)).astype(np.int64))
        self.watched = [facts.accounts[column] for column in self.columns]
        self.view = book.view(accounts=self.watched, measures=("current",))

    def moves(
        self, count: int, among: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Make random prices and apply them to the facts.

        If an instrument occurs twice, the later wins.
        """
        rows = self.random.integers(0, among or len(self.facts.instruments), count)
        prices = self.random.integers(LOWEST_PRICE, HIGHEST_PRICE, count, dtype=np.int64)
        self.facts.prices[rows] = prices
        return rows, prices

    def move(self) -> tuple[str, str]:
        """Make one random price, named as a feed names it."""
        rows, prices = self.moves(1)
        return self.facts.instruments[rows[0]], price_text(int(prices[0]))

    def fills(self, count: int, among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Fill another eighth of random orders in the facts, and return their ids.

        among: rows of the instruments; None: all that have orders.
        """
        orders, filled = self.facts.orders.reshape(-1), self.facts.filled.reshape(-1)
        ids = self.random.integers(0, len(orders), count)
        if among is not None:
            each = self.facts.orders[0].size  # orders of one instrument
            ids = self.random.choice(among, count) * each + ids % each
        ordered = np.abs(orders[ids])
        more = np.abs(filled[ids]) + np.maximum(ordered // 8, 1)
        filled[ids] = np.minimum(more, ordered) * np.sign(orders[ids])
        return ids

    def reports(self, ids: NDArray[np.int64]) -> list[tuple[int, str, str, int, int, str]]:
        """Reports of the orders, as arguments of `Book.order`."""
        accounts, instruments = self.facts.accounts, self.facts.instruments
        orders, filled = self.facts.orders.reshape(-1), self.facts.filled.reshape(-1)
        pairs = zip(ids.tolist(), orders[ids].tolist(), filled[ids].tolist(), strict=True)
        reports = []
        for order, quantity, done in pairs:
            instrument, account = divmod(order // ORDERS_EACH, len(accounts))
            status = "filled" if done == quantity else "partially_filled"
            names = (accounts[account], instruments[instrument])
            reports.append((order, *names, quantity, done, status))
        return reports

    def check_revaluation(self, row: int, frame: mvcore.Frame) -> None:
        """Check every holding and order of an instrument: holdings by account, then orders in any
        order."""
        quantities = self.facts.quantities[row].astype(np.int64)
        if row < len(self.facts.orders):
            quantities = np.append(quantities, self.facts.orders[row])
            accounts, each = len(self.facts.accounts), ORDERS_EACH
            ids = np.array(frame["order"][accounts:], np.int64)
            first = row * accounts * each
            check("orders", np.sort(ids), np.arange(first, first + accounts * each))
            places = np.append(np.arange(accounts), accounts + ids - first)
            quantities = quantities[places]
        wanted = quantities * (self.facts.prices[row] * TO_VALUE_SCALE)
        what = f"values of {self.facts.instruments[row]}"
        check(what, frame.to_numpy("market_value", scaled=True), wanted)

    def check_measures(self) -> None:
        """Check start of day, current and expected of the watched accounts."""
        frame = self.book.values(accounts=self.watched)
        for measure, totals in (
            ("sod", self.facts.start_of(self.columns)),
            ("current", self.facts.totals_of(self.columns)),
            ("expected", self.facts.expected_of(self.columns)),
        ):
            check(measure, frame.to_numpy(measure, scaled=True), totals * TO_VALUE_SCALE)

    def check_watched(self) -> None:
        """Check the view's amounts of the watched accounts, after any number of `changes`."""
        frame = self.view.read()
        check("watched accounts", frame["account"], self.watched)
        wanted = self.facts.totals_of(self.columns) * TO_VALUE_SCALE
        check("watched values", frame.to_numpy("current", scaled=True), wanted)

    def check_all(self, frame: mvcore.Frame) -> None:
        """Check the row of every account, in order."""
        check("accounts", frame["account"], self.facts.accounts)
        wanted = self.facts.account_totals() * TO_VALUE_SCALE
        check("values", frame.to_numpy("current", scaled=True), wanted)
