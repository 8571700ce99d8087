"""The writes of `durable.py`, and the same in NumPy: no expected answer comes from mvcore."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import PRICE_SCALE, VALUE_SCALE, World, decimal_of, text_of
from orders_dataset import STATUSES, OrderWorld
from production_oracle import MEASURES, Ledger

BATCH = 1_000  # order reports per `update`
POOL = 20_000  # ticks that are made before the clock starts, and then sent repeatedly
TOUCHED = 100  # holdings, and orders, that change per instrument

Ints = npt.NDArray[np.int64]


def tables(orders: OrderWorld, text: bool) -> dict[str, Any]:
    """The whole book, as `load` takes it."""
    held = orders.world.holdings("by instrument")
    return {"holdings": held, "orders": orders.table(text=text), **orders.masters()}


def write_expected(ledger: Ledger, path: Path) -> None:
    """Write the totals of every account and sector for a process that opens the book, as JSON
    integers."""
    scaled = {"accounts": ledger.accounts().tolist(), "sectors": ledger.by_sector()}
    path.write_text(json.dumps(scaled))


def check(book: Any, expected: dict[str, Any]) -> None:
    """Check three measures of every account and sector, to the last digit."""
    frame = book.values()
    for name, wanted in zip(MEASURES, expected["accounts"], strict=True):
        assert frame.to_numpy(name, scaled=True).tolist() == wanted, name
    check_sectors(book.values(by=("sector",)), expected)


def check_sectors(frame: Any, expected: dict[str, Any]) -> None:
    wanted = expected["sectors"]
    assert frame["sector"] == list(wanted)
    for place, name in enumerate(MEASURES):
        assert frame[name] == [decimal_of(row[place]) for row in wanted.values()], name


def check_account(value: Any, expected: dict[str, Any], account: int) -> None:
    for name, totals in zip(MEASURES, expected["accounts"], strict=True):
        assert getattr(value, name) == decimal_of(totals[account], VALUE_SCALE), name


class Facts:
    """An endless stream of execution reports on random orders: each fills its order or resets it.

    The ledger gets the reports that were taken.
    """

    def __init__(self, ledger: Ledger, count: int) -> None:
        random = np.random.default_rng(31)
        self.ledger = ledger
        orders = ledger.orders.count
        self.ids = random.choice(orders, min(count, orders), replace=False)
        self.at = 0

    def take(self, count: int) -> tuple[Ints, Ints]:
        """The next distinct ids, and the new filled quantity of each."""
        assert count <= len(self.ids)
        if self.at + count > len(self.ids):
            self.at = 0
        ids = self.ids[self.at : self.at + count]
        self.at += count
        return ids, report(self.ledger, ids)

    def single(self, count: int) -> list[tuple[Any, ...]]:
        """Arguments of `Book.order`."""
        ids, filled = self.take(count)
        world, ledger = self.ledger.world, self.ledger
        instruments, accounts = (column.tolist() for column in ledger.orders.places(ids))
        return list(
            zip(
                ids.tolist(),
                [world.account_names[a] for a in accounts],
                [world.instrument_names[i] for i in instruments],
                ledger.quantity[ids].tolist(),
                filled.tolist(),
                [STATUSES[c] for c in status_codes(ledger, ids)],
                strict=True,
            )
        )

    def batches(self, count: int) -> list[pa.Table]:
        """Tables of BATCH rows (or of all, if there are fewer), for `Book.update(orders=)`."""
        size = min(BATCH, len(self.ids))
        return [reports_table(self.ledger, *self.take(size)) for _ in range(count)]


def status_codes(ledger: Ledger, ids: Ints) -> list[int]:
    filled = ledger.filled[ids]
    return ((filled != 0).astype(np.int8) + (filled == ledger.quantity[ids])).tolist()


def reports_table(ledger: Ledger, ids: Ints, filled: Ints) -> pa.Table:
    codes = pa.array(status_codes(ledger, ids), pa.int8())
    status = pa.DictionaryArray.from_arrays(codes, STATUSES)
    return pa.table({"order": ids, "filled_quantity": filled, "status": status})


def report(ledger: Ledger, ids: Ints) -> Ints:
    """Fill those orders that are not filled, and reset the others.

    Returns the filled quantities.
    """
    before = ledger.filled[ids]
    filled = np.where(before == ledger.quantity[ids], 0, ledger.quantity[ids])
    ledger.filled[ids] = filled
    instruments, accounts = ledger.orders.places(ids)
    add(ledger, (1,), instruments, accounts, filled - before)
    return filled


def add(ledger: Ledger, measures: Any, instruments: Ints, accounts: Ints, change: Any) -> None:
    for m in measures:
        np.add.at(ledger.net[m], (instruments, accounts), change.astype(np.int32))
        np.add.at(ledger.sums[m], instruments, change.astype(np.int64))


def touch(book: Any, ledger: Ledger, instruments: Ints) -> None:
    """Change holdings and orders of these instruments in one `update`."""
    world = ledger.world
    each = min(TOUCHED, world.accounts)
    accounts = np.tile(np.arange(each), len(instruments))
    places = np.repeat(instruments, each)
    new = (ledger.net[0][places, accounts] + 1) % 4_001
    add(ledger, range(3), places, accounts, new - ledger.net[0][places, accounts])
    ids = (places * world.accounts + accounts) * 2  # two orders per account
    holdings = {
        "account": [world.account_names[a] for a in accounts.tolist()],
        "instrument": [world.instrument_names[i] for i in places.tolist()],
        "quantity": new,
    }
    book.update(holdings=holdings, orders=reports_table(ledger, ids, report(ledger, ids)))


class Ticks:
    """A pool of ticks that is sent cyclically. The ledger gets the prices on request."""

    def __init__(self, ledger: Ledger, pool: int = POOL) -> None:
        random = np.random.default_rng(32)
        self.ledger = ledger
        self.codes = random.integers(0, ledger.world.instruments, pool)
        self.prices = random.integers(100_000, 1_900_000, pool)
        names = ledger.world.instrument_names
        self.calls = [
            (names[code], text_of(price))
            for code, price in zip(self.codes.tolist(), self.prices.tolist(), strict=True)
        ]
        self.sent = self.settled = 0

    def next(self) -> tuple[str, str]:
        """Arguments of `Book.tick`."""
        self.sent += 1
        return self.calls[(self.sent - 1) % len(self.calls)]

    def settle(self) -> None:
        """Write the prices sent since the last call into the ledger.

        The last per instrument wins.
        """
        first = max(self.sent - len(self.calls), self.settled)
        last, self.settled = np.arange(first, self.sent) % len(self.calls), self.sent
        for code, price in zip(self.codes[last].tolist(), self.prices[last].tolist(), strict=True):
            self.ledger.prices[code] = price


def put_board(book: Any, ledger: Ledger, seed: int) -> None:
    """Set a new price of every instrument, in one call."""
    ledger.prices[:] = np.random.default_rng(seed).integers(100_000, 1_900_000, len(ledger.prices))
    codes = np.arange(len(ledger.prices), dtype=np.int32)
    book.ticks(codes, ledger.prices, scale=PRICE_SCALE)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def world_of(accounts: int, instruments: int) -> OrderWorld:
    return OrderWorld(World(accounts, instruments))
