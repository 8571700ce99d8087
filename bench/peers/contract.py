"""What every peer of mvcore is asked to do. Amounts are integers counted in 1e-4.

An account or an instrument is known by its place in the lists of names (mvcore is told names where
it wants names). A peer keeps `current` quantities, start of day plus filled, and what is stored of
an order. All take prices as a feed brings them: floats of four decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import Ints

OPERATIONS = ("tick", "kept_tick", "whole_book", "account", "watched", "order_fact")
SCALE = 10_000  # amounts and prices in a unit of currency


@dataclass(frozen=True)
class Tables:
    """The rows that every peer loads; account and instrument are dictionary columns."""

    accounts: list[str]
    instruments: list[str]
    prices: Ints
    holdings: pa.Table
    orders: pa.Table

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.instruments), len(self.accounts)


def codes(table: pa.Table, column: str) -> npt.NDArray[Any]:
    """Of a dictionary column: here the places of the names in the lists."""
    return table[column].combine_chunks().indices.to_numpy()


def numbers(table: pa.Table, column: str) -> npt.NDArray[Any]:
    return table[column].to_numpy()


class Peer:
    """Made of the tables: then every read may be asked."""

    name: ClassVar[str]
    package: ClassVar[str]  # on PyPI
    tolerance: ClassVar[float] = 0.0  # of its answers, relative; 0: exact
    operations: ClassVar[tuple[str, ...]] = OPERATIONS
    leaves_out: ClassVar[str] = ""  # which operations are not there, and why

    def __init__(self, tables: Tables) -> None:
        raise NotImplementedError

    def tick(self, instrument: int, price: float) -> None:
        """A price comes in; totals that are kept are brought up to date before it returns."""
        raise NotImplementedError

    def ticks(self, prices: Ints) -> None:
        """A price of every instrument; nothing is kept or watched."""
        raise NotImplementedError

    def keep_totals(self) -> None:
        """From now on, `totals` has the value of every account at any moment."""
        raise NotImplementedError

    def totals(self) -> Any:
        raise NotImplementedError

    def drop_totals(self) -> None:
        raise NotImplementedError

    def whole_book(self) -> Any:
        """The value of every account, added up now."""
        raise NotImplementedError

    def account(self, account: int) -> Any:
        raise NotImplementedError

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        """A fact of a known order: `filled` replaces what is stored."""
        raise NotImplementedError

    def watch(self, pairs: Ints) -> None:
        """Sessions of two accounts each."""
        raise NotImplementedError

    def look(self) -> Any:
        """What the accounts of all sessions are worth, as numbers, two a session."""
        raise NotImplementedError

    def unwatch(self) -> None:
        raise NotImplementedError

    def integers(self, answer: Any) -> Any:
        """An answer, counted in 1e-4."""
        return np.asarray(answer)
