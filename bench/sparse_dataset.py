"""A sparse book as plain NumPy integers: many accounts that hold a few of many instruments."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import Ints, amounts, decimal_of, text_of

EACH = 50  # positions per account
SIZES = {"tiny": (120, 400), "mid": (100_000, 20_000), "full": (1_000_000, 20_000)}
STEPS = 1 << 16  # an instrument's share of its stratum is a multiple of 1 / STEPS


def strata(instruments: int) -> npt.NDArray[np.int64]:
    """The boundaries of EACH runs of instruments of equal Zipf weight.

    The most held instruments are alone in theirs, because an account holds an instrument once.
    """
    weights = 1 / np.arange(1, instruments + 1)
    rest = np.cumsum(weights[::-1])[::-1]  # of this instrument and all after it
    edges = [0]
    while len(edges) < EACH:
        here, left = edges[-1], EACH - len(edges)
        least = rest[here] / (left + 1)
        end = int(np.searchsorted(-rest, -(rest[here] - least)))
        edges.append(min(max(end, here + 1), instruments - left))
    return np.array([*edges, instruments])


class SparseWorld:
    """Each account holds 1 to 4000 of EACH instruments, one from each stratum.

    Within a stratum instruments are drawn by Zipf weight, so SYM00000 is the most held.
    """

    def __init__(self, accounts: int, instruments: int) -> None:
        random = np.random.default_rng(21)
        self.accounts, self.instruments = accounts, instruments
        self.codes = np.empty((EACH, accounts), np.int16)
        edges = strata(instruments)
        for row, low, high in zip(self.codes, edges[:-1], edges[1:], strict=True):
            share = np.cumsum(1 / np.arange(low + 1, high + 1))
            steps = np.searchsorted(share, (np.arange(STEPS) + 0.5) / STEPS * share[-1])
            place = (steps + low).astype(np.int16)
            np.take(place, random.integers(0, STEPS, accounts, dtype=np.uint16), out=row)
        self.quantity = random.integers(1, 4001, (EACH, accounts), dtype=np.int16)
        self.prices: Ints = random.integers(100_000, 1_900_000, instruments, dtype=np.int64)
        self.instrument_names = [f"SYM{i:05d}" for i in range(instruments)]

    @cached_property
    def account_names(self) -> list[str]:
        return [f"ACC{a:07d}" for a in range(self.accounts)]

    @property
    def rows(self) -> int:
        return self.codes.size

    def price_of(self, instrument: str) -> Decimal:
        """The initial price of the instrument of that name."""
        return decimal_of(self.prices[int(instrument[3:])])

    def totals_at(self, prices: Ints) -> Ints:
        """The value of every account, in 1e-4."""
        totals = np.zeros(self.accounts, np.int64)
        for codes, quantity in zip(self.codes, self.quantity, strict=True):
            totals += prices[codes] * quantity
        return totals

    def amounts_at(self, prices: Ints) -> Ints:
        """The amounts as a book returns them, in units of 1e-8."""
        return amounts(self.totals_at(prices))

    def some_amounts(self, accounts: Ints, prices: Ints) -> Ints:
        codes, quantity = self.by_account
        return amounts((prices[codes[accounts]] * quantity[accounts]).sum(axis=1))

    @cached_property
    def by_instrument(self) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The boundaries of each instrument's positions, their accounts and quantities."""
        flat = self.codes.reshape(-1)
        order = np.argsort(flat, kind="stable")
        starts = np.zeros(self.instruments + 1, np.int64)
        np.cumsum(np.bincount(flat, minlength=self.instruments), out=starts[1:])
        accounts = (order % self.accounts).astype(np.int32)
        return starts, accounts, self.quantity.reshape(-1)[order].astype(np.int32)

    @cached_property
    def by_account(self) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Instruments and quantities, one row per account."""
        return np.ascontiguousarray(self.codes.T), np.ascontiguousarray(self.quantity.T)

    def masters(self) -> dict[str, dict[str, object]]:
        names = self.instrument_names
        return {
            "instruments": {"instrument": names, "currency": ["USD"] * len(names)},
            "accounts": {"account": self.account_names},
            "prices": {"instrument": names, "price": [text_of(p) for p in self.prices.tolist()]},
        }

    def holdings(self) -> pa.Table:
        """Rows by account, with names as dictionary columns."""
        codes, quantity = self.by_account
        accounts = np.repeat(np.arange(self.accounts, dtype=np.int32), EACH)

        def names(places: Any, dictionary: list[str]) -> pa.Array:
            return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(dictionary))

        return pa.table(
            {
                "account": names(accounts, self.account_names),
                "instrument": names(codes.reshape(-1), self.instrument_names),
                "quantity": pa.array(quantity.reshape(-1)),
            }
        )
