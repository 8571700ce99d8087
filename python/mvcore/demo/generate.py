"""A brokerage's book as large as memory allows, the same at every run, and its figures once more.

NumPy keeps the quantities and prices as plain integers beside the book: what the book answers is
computed again from them, by other means, and compared to the last digit.
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
FULL_TO_SAMPLE = 0.8  # orders a second of a load that no cache holds, to those of the sample
VALUE_SCALE = 8
STATUSES = ("new", "partially_filled")  # of the orders of an account in an instrument


def names(prefix: str, count: int) -> list[str]:
    """`ACC0000`, `ACC0001`, ...: of one length, so that they line up and sort as they count."""
    width = max(4, len(str(count - 1)))
    return [f"{prefix}{number:0{width}}" for number in range(count)]


def price_text(price: int) -> str:
    """A price in 1e-4 as feeds send it."""
    return f"{price // 10**PRICE_SCALE}.{price % 10**PRICE_SCALE:0{PRICE_SCALE}}"


@dataclass
class Facts:
    """What was generated, kept beside the book so that its answers can be computed again.

    `prices` and `filled` are changed by whoever tells the book so; the rest never. Orders are on
    the first instruments, ORDERS_EACH of every account; their ids count on in that order.
    """

    accounts: list[str]
    instruments: list[str]
    quantities: NDArray[np.int16]  # start of day: one row an instrument, one column an account
    prices: Integers  # one an instrument, in 1e-4
    orders: NDArray[np.int16]  # by instrument, account and number: what was ordered
    filled: NDArray[np.int16]  # what of it was filled

    def account_totals(self) -> Integers:
        """Each account's value in 1e-4, from all quantities and prices: plain integer NumPy."""
        totals = np.zeros(len(self.accounts), np.int64)
        for rows in slices(len(self.instruments), len(self.accounts)):
            current = self.quantities[rows].astype(np.int64)
            filled = self.filled[rows]
            for number in range(ORDERS_EACH):
                current[: len(filled)] += filled[..., number]
            totals += self.prices[rows] @ current
        return totals

    def totals_of(self, columns: Integers) -> Integers:
        """The same of a few accounts only, given by their columns."""
        return self.start_of(columns) + self._of(self.filled, columns)

    def start_of(self, columns: Integers) -> Integers:
        """What their holdings of the start of the day are worth."""
        return self.prices @ self.quantities[:, columns].astype(np.int64)

    def expected_of(self, columns: Integers) -> Integers:
        """What they will be worth with all orders filled."""
        return self.start_of(columns) + self._of(self.orders, columns)

    def _of(self, quantities: NDArray[np.int16], columns: Integers) -> Integers:
        of_all = quantities[:, columns].sum(axis=2, dtype=np.int64)
        totals: Integers = self.prices[: len(quantities)] @ of_all
        return totals


def slices(instruments: int, accounts: int) -> Iterator[slice]:
    """Instruments in runs of about ROWS_AT_A_TIME holdings."""
    step = max(1, ROWS_AT_A_TIME // accounts)
    for start in range(0, instruments, step):
        yield slice(start, min(start + step, instruments))


def generate(accounts: int, instruments: int, ordered: int | None = None) -> Facts:
    """Every account holds every instrument; a tenth of the holdings are short.

    On the first `ordered` instruments (None: all) it has a new order and one that is a quarter
    filled.
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
    """All of it as `load` takes it: small tables as lists, large ones with dictionary columns."""
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
    """The orders: ids are integers that count from 0."""
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
    """How fast orders are loaded here, from a sample; without end where all are hardly more."""
    if instruments <= 2 * SAMPLE_INSTRUMENTS:
        return math.inf
    facts = generate(accounts, SAMPLE_INSTRUMENTS)
    full = tables(facts)
    took = []
    for _ in range(2):  # the better of two: others use the machine too
        with mvcore.Book(value_scale=VALUE_SCALE) as book:
            start = time.perf_counter()
            book.load(**full)
            took.append(time.perf_counter() - start)
    return FULL_TO_SAMPLE * facts.orders.size / min(took)


def as_large_as_fits(
    accounts: int | None = None, instruments: int | None = None, folder: Path | None = None
) -> tuple[mvcore.Book, Facts]:
    """The demo's book and what is in it: 5,000 x 5,000 unless memory or the caller says less.

    It lives in the folder, if one is given whose disk has room for it, else in memory.
    """
    gigabytes = sizes.available_gb()
    fits = sizes.size_for(gigabytes)
    if fits != sizes.FULL and accounts is None and instruments is None:
        print(f"\nNot 5,000 x 5,000: only {gigabytes:.1f} GB of memory are free, that takes 4.")
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
        print(f"  in memory, not on the disk: {lacking}")
        folder = None
    book, facts, load_s = prepare(accounts, instruments, ordered, folder)
    print(f"  loaded in {duration(load_s)}", flush=True)
    return book, facts


def open_book(folder: Path) -> mvcore.Book:
    """Facts are on the disk within a second, prices within 50 ms; checkpoints when asked."""
    return mvcore.open(folder, value_scale=VALUE_SCALE, sync="interval", checkpoint_bytes=None)


def prepare(
    accounts: int, instruments: int, ordered: int, folder: Path | None = None
) -> tuple[mvcore.Book, Facts, float]:
    """A book with everything in it, the facts, and how long the load took.

    There is a bar on stderr where somebody watches.
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
