"""A dense book of 18-decimal quantities, as integers in units of 1e-18."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataset import PRICE_SCALE, VALUE_SCALE, Ints, World

QUANTITY_SCALE = 18
MOST = 9 * 10**QUANTITY_SCALE  # so that a quantity fits 64 bits
LIMB = 21  # bits of a part of a quantity: 5,000 products with a price still fit 64 bits
DROPPED = 10 ** (QUANTITY_SCALE + PRICE_SCALE - VALUE_SCALE)


class DecimalWorld(World):
    """Every account holds every instrument: 0.000000000000000001 to 9, like tokens."""

    def __init__(self, accounts: int, instruments: int) -> None:
        super().__init__(accounts, instruments)
        shape = (instruments, accounts)
        self.held: Ints = np.random.default_rng(22).integers(1, MOST + 1, shape, dtype=np.int64)

    def totals_of(self, held: Ints, prices: Ints) -> list[int]:
        """`prices @ held` in 1e-22, exact: NumPy sums parts of the quantities, Python adds the
        parts.

        held: by instrument and account.
        """
        parts = [held >> shift & (1 << LIMB) - 1 for shift in (0, LIMB, 2 * LIMB)]
        low, middle, high = ((prices @ part).tolist() for part in parts)
        return [
            x + (y << LIMB) + (z << 2 * LIMB) for x, y, z in zip(low, middle, high, strict=True)
        ]

    def amounts_at(self, prices: Ints) -> Ints:
        """A book's amounts: rounded half even, in units of 1e-8."""
        step = max(2**20 // self.instruments, 1)  # accounts at a time: the parts stay in the cache
        totals: list[int] = []
        for first in range(0, self.accounts, step):
            totals += self.totals_of(self.held[:, first : first + step], prices)
        return np.array([rounded(total) for total in totals])

    def some_amounts(self, accounts: Ints, prices: Ints) -> Ints:
        totals = self.totals_of(self.by_account[accounts].T, prices)
        return np.array([rounded(total) for total in totals])

    def holdings(self, order: str = "by account", text: bool = False) -> pa.Table:
        """Quantities as decimal128(38, 18)."""
        table = super().holdings(order, text)
        words = np.zeros((self.rows, 2), np.int64)  # the upper word of a positive quantity is 0
        words[:, 0] = table["quantity"].to_numpy()
        kind = pa.decimal128(38, QUANTITY_SCALE)
        column = pa.Array.from_buffers(kind, self.rows, [None, pa.py_buffer(words)])
        return table.set_column(2, "quantity", column)


def rounded(total: int) -> int:
    """Round from 1e-22 to 1e-8, half even."""
    whole, rest = divmod(total, DROPPED)
    return whole + (2 * rest > DROPPED or (2 * rest == DROPPED and whole % 2 == 1))
