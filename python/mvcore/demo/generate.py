"""Generates a brokerage's book as large as memory allows, the same at every run.

NumPy keeps the quantities and prices as plain integers. The demo computes the book's answers from
them independently, and compares them to the last digit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import mvcore
from mvcore.cli.files import Progress
from mvcore.demo import sizes
from mvcore.demo.sizes import ORDERS_EACH
from mvcore.demo.table import duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

SEED = 20_240_808
PRICE_SCALE = 4  # decimals of every price
LOWEST_PRICE, HIGHEST_PRICE = 100_000, 1_900_000  # 10.0000 to 190.0000
LOWEST_QUANTITY, HIGHEST_QUANTITY = -400, 3_600
LEAST_ORDER, LARGEST_ORDER = 8, 1_000  # bought or sold
ROWS_AT_A_TIME = 2_500_000
SAMPLE_INSTRUMENTS = 100
FULL_TO_SAMPLE = 0.8  # load rate of a book larger than any cache, relative to that of the sample
VALUE_SCALE = 8
STATUSES = ("new", "partially_filled")  # of an account's orders in one instrument


def names(prefix: str, count: int) -> list[str]:
    """`ACC0000`, `ACC0001`, ...: of equal length, so that text order is numeric order."""
    width = max(4, len(str(count - 1)))
    return [f"{prefix}{number:0{width}}" for number in range(count)]


def price_text(price: int) -> str:
    """Format a price in 1e-4 as feeds send it."""
    return f"{price // 10**PRICE_SCALE}.{price % 10**PRICE_SCALE:0{PRICE_SCALE}}"


@dataclass
class Facts:
    """The generated facts, from which the book's answers are computed independently.

    `prices` and `filled` change together with the book; the rest never changes. Each account has
    ORDERS_EACH orders on each of the first instruments. Order ids are numbered in that order.
    """

    accounts: list[str]
    instruments: list[str]
    quantities: NDArray[np.int16]  # start of day: a row per instrument, a column per account
    prices: Integers  # one per instrument, in 1e-4
    orders: NDArray[np.int16]  # order quantities by instrument, account and number
    filled: NDArray[np.int16]  # filled quantities

    def account_totals(self) -> Integers:
        """Each account's value in 1e-4, from all quantities and prices, in NumPy integers."""
        totals = np.zeros(len(self.accounts), np.int64)
        for rows in slices(len(self.instruments), len(self.accounts)):
            current = self.quantities[rows].astype(np.int64)
            filled = self.filled[rows]
            for number in range(ORDERS_EACH):
                current[: len(filled)] += filled[..., number]
            totals += self.prices[rows] @ current
        return totals

    def totals_of(self, columns: Integers) -> Integers:
        """The values of a few accounts, given by their columns."""
        return self.start_of(columns) + self._of(self.filled, columns)

    def start_of(self, columns: Integers) -> Integers:
        """The value of their start-of-day holdings."""
        return self.prices @ self.quantities[:, columns].astype(np.int64)

    def expected_of(self, columns: Integers) -> Integers:
        """Their value if all orders were filled."""
        return self.start_of(columns) + self._of(self.orders, columns)

    def _of(self, quantities: NDArray[np.int16], columns: Integers) -> Integers:
        of_all = quantities[:, columns].sum(axis=2, dtype=np.int64)
        totals: Integers = self.prices[: len(quantities)] @ of_all
        return totals


def slices(instruments: int, accounts: int) -> Iterator[slice]:
    """Slices of instruments with about ROWS_AT_A_TIME holdings each."""
    step = max(1, ROWS_AT_A_TIME // accounts)
    for start in range(0, instruments, step):
        yield slice(start, min(start + step, instruments))


def generate(accounts: int, instruments: int, ordered: int | None = None) -> Facts:
    """Make a book in which every account holds every instrument. A tenth of the holdings are short.

    On each of the first `ordered` instruments (None: all) an account has a new order and one that
    is a quarter filled.
    """
    random = np.random.default_rng(SEED)
    shape = (instruments, accounts)
    quantities = random.integers(LOWEST_QUANTITY, HIGHEST_QUANTITY, shape, dtype=np.int16)
    quantities[quantities == 0] = 1
    prices = random.integers(LOWEST_PRICE, HIGHEST_PRICE, instruments)
    shape_of_orders = (instruments if ordered is None else ordered, accounts, ORDERS_EACH)
    orders = random.integers(-LARGEST_ORDER, LARGEST_ORDER + 1, shape_of_orders, dtype=np.int16)
    orders[np.abs(orders) < LEAST_ORDER] = LEAST_ORDER
    filled = np.zeros_like(orders)
    filled[..., 1] = np.abs(orders[..., 1]) // 4 * np.sign(orders[..., 1])
    return Facts(
        names("ACC", accounts), names("INS", instruments), quantities, prices, orders, filled
    )


def tables(facts: Facts) -> dict[str, Any]:
    """All tables for `load`: small ones as lists, large ones with dictionary columns."""
    import pyarrow as pa

    accounts, instruments = len(facts.accounts), len(facts.instruments)
    account_codes = np.tile(np.arange(accounts, dtype=np.int32), instruments)
    instrument_codes = np.repeat(np.arange(instruments, dtype=np.int32), accounts)
    return {
        "instruments": {"instrument": facts.instruments, "currency": ["USD"] * instruments},
        "accounts": {"account": facts.accounts},
        "holdings": pa.table(
            {
                "account": pa.DictionaryArray.from_arrays(account_codes, facts.accounts),
                "instrument": pa.DictionaryArray.from_arrays(instrument_codes, facts.instruments),
                "quantity": facts.quantities.reshape(-1),
            }
        ),
        "orders": orders_table(facts),
        "prices": {
            "instrument": facts.instruments,
            "price": [price_text(price) for price in facts.prices.tolist()],
        },
    }


def orders_table(facts: Facts) -> pa.Table:
    """The orders. Ids are integers from 0."""
    import pyarrow as pa

    instruments, accounts, each = facts.orders.shape
    account_codes = np.tile(np.repeat(np.arange(accounts, dtype=np.int32), each), instruments)
    instrument_codes = np.repeat(np.arange(instruments, dtype=np.int32), accounts * each)
    statuses = np.tile(np.arange(each, dtype=np.int8), instruments * accounts)
    return pa.table(
        {
            "order": np.arange(facts.orders.size),
            "account": pa.DictionaryArray.from_arrays(account_codes, facts.accounts),
            "instrument": pa.DictionaryArray.from_arrays(instrument_codes, facts.instruments),
            "order_quantity": facts.orders.reshape(-1),
            "filled_quantity": facts.filled.reshape(-1),
            "status": pa.DictionaryArray.from_arrays(statuses, list(STATUSES)),
        }
    )


def orders_per_second(accounts: int, instruments: int) -> float:
    """Measure the load rate of orders with a sample. Infinite if the book is not much larger."""
    if instruments <= 2 * SAMPLE_INSTRUMENTS:
        return math.inf
    facts = generate(accounts, SAMPLE_INSTRUMENTS)
    full = tables(facts)
    took = []
    for _ in range(2):  # the faster of two runs: other processes use the machine too
        with mvcore.Book(value_scale=VALUE_SCALE) as book:
            start = time.perf_counter()
            book.load(**full)
            took.append(time.perf_counter() - start)
    return FULL_TO_SAMPLE * facts.orders.size / min(took)


def as_large_as_fits(
    accounts: int | None = None, instruments: int | None = None, folder: Path | None = None
) -> tuple[mvcore.Book, Facts]:
    """Make the demo's book and its facts: 5,000 x 5,000 unless memory or the caller limits it.

    The book is durable in the folder, if one is given and its disk has enough space. Otherwise it
    is in memory.
    """
    gigabytes = sizes.available_gb()
    fits = sizes.size_for(gigabytes)
    if fits != sizes.FULL and accounts is None and instruments is None:
        print(f"\n5,000 x 5,000 needs 4 GB of memory, but only {gigabytes:.1f} GB are free.")
    accounts, instruments = accounts or fits[0], instruments or fits[1]
    pace = orders_per_second(accounts, instruments)
    ordered, why = sizes.ordered_instruments(accounts, instruments, gigabytes, pace)
    orders = f"{accounts * ordered * ORDERS_EACH:,} orders"
    positions = f"{accounts * instruments:,} holdings, {orders}"
    print(f"\nLive: {accounts:,} accounts x {instruments:,} instruments, {positions}", flush=True)
    if why:
        print(f"  {ORDERS_EACH} orders each on {ordered:,} of the instruments: {why}")
    rows = accounts * (instruments + ordered * ORDERS_EACH)
    if folder is not None and (lacking := sizes.lacking(folder, rows)):
        print(f"  in memory, without a folder: {lacking}")
        folder = None
    book, facts, load_s = prepare(accounts, instruments, ordered, folder)
    print(f"  loaded in {duration(load_s)}", flush=True)
    return book, facts


def open_book(folder: Path) -> mvcore.Book:
    """Open the book. Facts are on the disk within a second, prices within 50 ms.

    Checkpoints are written on request only.
    """
    return mvcore.open(folder, value_scale=VALUE_SCALE, sync="interval", checkpoint_bytes=None)


def prepare(
    accounts: int, instruments: int, ordered: int, folder: Path | None = None
) -> tuple[mvcore.Book, Facts, float]:
    """Make a loaded book. Returns the book, its facts, and the duration of the load.

    Shows a progress bar on stderr if that is a terminal.
    """
    with Progress(long=True) as progress:
        progress.step("generating")
        facts = generate(accounts, instruments, ordered)
        full = tables(facts)
        progress.step("loading")
        book = open_book(folder) if folder else mvcore.Book(value_scale=VALUE_SCALE)
        start = time.perf_counter()
        book.load(**full)
        load_s = time.perf_counter() - start
    return book, facts, load_s
