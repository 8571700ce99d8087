"""The operations that every peer of mvcore implements. Amounts are integers in units of 1e-4.

Accounts and instruments are identified by their positions in the lists of names (mvcore gets names
where its API takes them). A peer keeps `current` quantities (start of day plus filled) and the
stored state of orders. All take prices as feeds send them: floats of four decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import Ints

OPERATIONS = ("tick", "kept_tick", "whole_book", "account", "watched", "order_fact")
SCALE = 10_000  # units of amounts and prices per currency unit


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
    """The codes of a dictionary column, which are positions in the lists of names."""
    return table[column].combine_chunks().indices.to_numpy()


def numbers(table: pa.Table, column: str) -> npt.NDArray[Any]:
    return table[column].to_numpy()


class Peer:
    """A peer, made from the tables and then ready for every read."""

    name: ClassVar[str]
    package: ClassVar[str]  # on PyPI
    tolerance: ClassVar[float] = 0.0  # relative tolerance of its answers; 0: exact
    operations: ClassVar[tuple[str, ...]] = OPERATIONS
    leaves_out: ClassVar[str] = ""  # operations that are missing, and why

    def __init__(self, tables: Tables) -> None:
        raise NotImplementedError

    def tick(self, instrument: int, price: float) -> None:
        """Apply a price, and update the totals that are kept."""
        raise NotImplementedError

    def ticks(self, prices: Ints) -> None:
        """Apply a price of every instrument. No totals are kept."""
        raise NotImplementedError

    def keep_totals(self) -> None:
        """From now on keep the value of every account in `totals`."""
        raise NotImplementedError

    def totals(self) -> Any:
        raise NotImplementedError

    def drop_totals(self) -> None:
        raise NotImplementedError

    def whole_book(self) -> Any:
        """The value of every account, summed now."""
        raise NotImplementedError

    def account(self, account: int) -> Any:
        raise NotImplementedError

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        """Apply a report on a known order. `filled` replaces the stored quantity."""
        raise NotImplementedError

    def watch(self, pairs: Ints) -> None:
        """Watch sessions of two accounts each."""
        raise NotImplementedError

    def look(self) -> Any:
        """The values of the accounts of all sessions, two per session."""
        raise NotImplementedError

    def unwatch(self) -> None:
        raise NotImplementedError

    def integers(self, answer: Any) -> Any:
        """Convert an answer to integers in units of 1e-4."""
        return np.asarray(answer)
