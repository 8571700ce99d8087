"""The measured book with two working orders per holding, as plain NumPy integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import World

EACH = 2  # orders of one account in one instrument
STATUSES = ["new", "partially_filled", "filled"]
TEXT_ID = "ORD{:09d}"  # 12 characters
SECTORS, HOUSEHOLD = 11, 5  # sectors of instruments; accounts per household

Ids = npt.NDArray[np.int64]


class OrderWorld:
    """Quantities from -200 to 200 except 0, each filled at random. Ids count up, by instrument."""

    def __init__(self, world: World) -> None:
        random = np.random.default_rng(7)
        self.world = world
        shape = (world.instruments * world.accounts * EACH,)
        sides = random.integers(0, 2, shape, dtype=np.int8) * 2 - 1
        self.quantity = random.integers(1, 201, shape, dtype=np.int16) * sides
        part = random.random(shape, dtype=np.float32)
        self.filled = np.trunc(part * self.quantity).astype(np.int16)

    @property
    def count(self) -> int:
        return len(self.quantity)

    def net(self, column: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """The sum of a column by instrument and account."""
        shape = (self.world.instruments, self.world.accounts, EACH)
        return column.reshape(shape).sum(axis=2, dtype=np.int32)

    def measures(self) -> dict[str, npt.NDArray[np.int32]]:
        """Net quantities by instrument and account."""
        held = self.world.held
        return {
            "sod": held,
            "current": held + self.net(self.filled),
            "expected": held + self.net(self.quantity),  # filled and leaves
        }

    def places(self, ids: Ids) -> tuple[Ids, Ids]:
        """Instrument and account of each order."""
        return np.divmod(ids // EACH, self.world.accounts)

    def status_of(self, ids: Any) -> npt.NDArray[np.int8]:
        filled = self.filled[ids]
        return ((filled != 0).astype(np.int8) + (filled == self.quantity[ids])).astype(np.int8)

    def table(self, order: str = "by instrument", text: bool = False) -> pa.Table:
        """All orders. shuffled: random instruments and accounts, as orders arrive during a day."""
        ids = np.arange(self.count)
        if order == "shuffled":
            np.random.default_rng(8).shuffle(ids)
        return self.rows(ids, text)

    def rows(self, ids: Ids, text: bool = False) -> pa.Table:
        instruments, accounts = self.places(ids)

        def names(codes: Any, kind: Any, dictionary: list[str]) -> pa.Array:
            return pa.DictionaryArray.from_arrays(pa.array(codes.astype(kind)), dictionary)

        named = pa.array(ids)
        if text:
            parts = np.array_split(ids, max(len(ids) // 1_000_000, 1))
            named = pa.chunked_array(
                pa.array([TEXT_ID.format(k) for k in p.tolist()]) for p in parts
            )
        return pa.table(
            {
                "order": named,
                "account": names(accounts, np.int16, self.world.account_names),
                "instrument": names(instruments, np.int16, self.world.instrument_names),
                "order_quantity": pa.array(self.quantity[ids]),
                "filled_quantity": pa.array(self.filled[ids]),
                "status": names(self.status_of(ids), np.int8, STATUSES),
            }
        )

    def masters(self) -> dict[str, dict[str, object]]:
        """The world's master tables, with attributes to group by and a rate to convert with."""
        tables = self.world.masters()
        tables["accounts"]["household"] = [
            f"H{a // HOUSEHOLD:04d}" for a in range(self.world.accounts)
        ]
        tables["instruments"]["sector"] = [
            f"S{i % SECTORS:02d}" for i in range(self.world.instruments)
        ]
        tables["fx"] = {"currency": ["EUR"], "rate": ["1.25"]}
        return tables


class Reports:
    """Execution reports that alternately fill some orders and reset them."""

    def __init__(self, orders: OrderWorld, count: int, seed: int = 9) -> None:
        random = np.random.default_rng(seed)
        self.orders = orders
        self.ids: Ids = random.choice(orders.count, count, replace=False)
        self.instruments, self.accounts = orders.places(self.ids)
        self.quantity = orders.quantity[self.ids]
        start = orders.filled[self.ids]
        self.filled = [start, self.quantity - start]  # neither equals what is stored
        self.now = 0

    def turn(self) -> None:
        self.now = 1 - self.now

    def status(self) -> list[str]:
        filled = self.filled[self.now]
        codes = (filled != 0).astype(np.int8) + (filled == self.quantity)
        return [STATUSES[code] for code in codes.tolist()]

    def current(self, measures: dict[str, npt.NDArray[np.int32]], prices: Any) -> Any:
        """The accounts' values after this round, computed from the initial ones."""
        totals = prices @ measures["current"]
        change = (self.filled[self.now] - self.filled[0]).astype(np.int64)
        np.add.at(totals, self.accounts, change * prices[self.instruments])
        return totals
