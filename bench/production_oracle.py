"""The writes of `production.py` and their exact answers: NumPy, no mvcore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset import PRICE_SCALE, amounts
from orders_dataset import SECTORS, STATUSES, OrderWorld

MEASURES = ("sod", "current", "expected")
# kinds of writes: a price, an order report, a price of every instrument
TICK, FACT, BOARD = 0, 1, 2
KINDS = ("tick", "order fact", "batch of ticks")
BLOCK = 1_000  # writes whose arguments are made together

Ints = npt.NDArray[np.int64]


class Ledger:
    """The book in NumPy, after any number of writes."""

    def __init__(self, orders: OrderWorld) -> None:
        self.orders, self.world = orders, orders.world
        self.quantity, self.filled = orders.quantity.copy(), orders.filled.copy()
        self.prices = self.world.prices.copy()
        self.net = [net.copy() for net in orders.measures().values()]  # by instrument and account
        self.sums: Ints = np.stack([net.sum(axis=1, dtype=np.int64) for net in self.net])
        self.sectors = np.arange(self.world.instruments) % SECTORS

    def accounts(self, codes: Any = slice(None)) -> Ints:
        """Amounts by measure and account, as a book returns them."""
        return np.stack([amounts(self.prices @ net[:, codes]) for net in self.net])

    def by_sector(self) -> dict[str, list[int]]:
        """Three measures by name of the sector, in units of 1e-4."""
        values = self.sums * self.prices  # below 2**63 by instrument; sectors are added as integers
        return {
            f"S{s:02d}": [sum(row[self.sectors == s].tolist()) for row in values]
            for s in np.unique(self.sectors).tolist()
        }

    def apply(self, writes: Writes, first: int, last: int) -> None:
        """Apply writes in [first, last). The later price of an instrument wins."""
        kinds = writes.kind[first:last]
        begin = first
        for k in [*(first + np.flatnonzero(kinds == BOARD)).tolist(), last]:
            ticks = begin + np.flatnonzero(writes.kind[begin:k] == TICK)
            codes, where = np.unique(writes.instrument[ticks][::-1], return_index=True)
            self.prices[codes] = writes.value[ticks][::-1][where]
            if k < last:
                self.prices[:] = writes.boards[writes.value[k]]
            begin = k + 1
        facts = first + np.flatnonzero(kinds == FACT)
        i, a = writes.instrument[facts], writes.account[facts]
        for m, change in ((1, writes.filled_change), (2, writes.quantity_change)):
            np.add.at(self.net[m], (i, a), change[facts].astype(np.int32))
            np.add.at(self.sums[m], i, change[facts])
        ids, where = np.unique(writes.value[facts][::-1], return_index=True)
        self.quantity[ids] = writes.quantity[facts][::-1][where]
        self.filled[ids] = writes.filled[facts][::-1][where]


class Writes:
    """Ticks, order reports and whole boards in the order in which they are due, made before the
    run.

    The writes of a kind are evenly spaced. A quarter of the reports change the order quantity, all
    of them the filled part.
    """

    def __init__(
        self, ledger: Ledger, rates: dict[int, float], seconds: float, seed: int = 12
    ) -> None:
        """rates: per second, by kind."""
        random = np.random.default_rng(seed)
        counts = {kind: int(rate * seconds + 0.5) for kind, rate in rates.items()}
        due = np.concatenate([(np.arange(n) + 0.5) / rates[kind] for kind, n in counts.items()])
        order = np.argsort(due, kind="stable")
        self.ledger = ledger
        self.due = due[order]  # seconds from the start
        self.kind = np.repeat(list(counts), list(counts.values())).astype(np.int8)[order]
        ids = random.integers(0, ledger.orders.count, len(due))
        self.instrument, self.account = ledger.orders.places(ids)
        ticks = self.kind == TICK
        self.instrument[ticks] = random.integers(0, ledger.world.instruments, ticks.sum())
        # The price, the order id, or the number of the board.
        self.value = np.where(ticks, random.integers(100_000, 1_900_000, len(due)), ids)
        boards = counts.get(BOARD, 0)
        self.value[self.kind == BOARD] = np.arange(boards)
        self.boards = random.integers(100_000, 1_900_000, (boards, ledger.world.instruments))
        self._facts(random)
        self.begun = np.zeros(len(due), np.int64)  # ns, set by the writer
        self.ended = np.zeros(len(due), np.int64)

    def _facts(self, random: np.random.Generator) -> None:
        """The quantities of the reports, and the change of each against the one before."""
        facts = np.flatnonzero(self.kind == FACT)
        ids = self.value[facts]
        before = self.ledger.quantity[ids].astype(np.int64)
        other = np.sign(before) * random.integers(1, 201, len(facts))
        quantity = np.where(random.random(len(facts)) < 0.25, other, before)
        filled = np.trunc(quantity * random.random(len(facts))).astype(np.int64)
        order = np.argsort(ids, kind="stable")
        again = np.diff(ids[order], prepend=-1) == 0  # an earlier report on the same order
        for name, new, start in (
            ("quantity", quantity, self.ledger.quantity),
            ("filled", filled, self.ledger.filled),
        ):
            last = start[ids].astype(np.int64)
            last[order[again]] = new[order[np.flatnonzero(again) - 1]]
            for column, values in ((name, new), (name + "_change", new - last)):
                out = np.zeros(len(self), np.int16)
                out[facts] = values
                setattr(self, column, out)

    quantity: npt.NDArray[np.int16]
    filled: npt.NDArray[np.int16]
    quantity_change: npt.NDArray[np.int16]
    filled_change: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.due)

    def calls(self) -> Iterator[tuple[int, Any]]:
        """The kind and arguments of each write, for `Book.tick`, `Book.order` or `Book.ticks`."""
        world = self.ledger.world
        accounts, instruments = world.account_names, world.instrument_names
        codes = np.arange(world.instruments, dtype=np.int32)
        for first in range(0, len(self), BLOCK):
            part = slice(first, first + BLOCK)
            columns = (self.kind, self.instrument, self.account, self.value, self.quantity,
                       self.filled)  # fmt: skip
            for kind, i, a, value, q, done in zip(
                *(c[part].tolist() for c in columns), strict=True
            ):
                if kind == TICK:
                    yield kind, (i, f"{value}e-{PRICE_SCALE}")
                elif kind == FACT:
                    status = STATUSES[done != 0]
                    yield kind, (value, accounts[a], instruments[i], q, done, status)
                else:
                    yield kind, (codes, self.boards[value], None, PRICE_SCALE)
