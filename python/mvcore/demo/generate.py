"""A brokerage's book as large as memory allows, the same at every run, and its figures once more.

NumPy keeps the quantities and prices as plain integers beside the book: what the book answers is
computed again from them, by other means, and compared to the last digit.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mvcore
from mvcore.cli.files import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

SEED = 20_240_808
PRICE_SCALE = 4  # decimals of every price
LOWEST_PRICE, HIGHEST_PRICE = 100_000, 1_900_000  # 10.0000 to 190.0000
LOWEST_QUANTITY, HIGHEST_QUANTITY = -400, 3_600
FULL = (5_000, 5_000)
# What the demo needs at its peak is well below these: the machine has other work too.
SIZES_BY_MEMORY = [
    (4.0, FULL),
    (2.0, (5_000, 2_500)),
    (1.0, (2_500, 2_500)),
    (0.5, (1_000, 1_000)),
    (0.0, (500, 500)),
]
ROWS_AT_A_TIME = 2_500_000
WATCHED = 5
VALUE_SCALE = 8
TO_VALUE_SCALE = 10 ** (VALUE_SCALE - PRICE_SCALE)


def available_gb() -> float:
    """Memory that can be had without swapping: the machine's, or less if a cgroup says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration):
        # Not Linux: half of what is built in.
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((group / "memory.current").read_text()))
    except OSError:
        pass
    return free / 1e9


def process_bytes() -> int:
    """Resident memory of the whole process."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource  # what there is elsewhere: the peak

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def size_for(gigabytes: float) -> tuple[int, int]:
    """Accounts and instruments that fit."""
    return next(size for least, size in SIZES_BY_MEMORY if gigabytes >= least)


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

    `prices` is changed by whoever ticks the book; `quantities` never.
    """

    accounts: list[str]
    instruments: list[str]
    quantities: NDArray[np.int16]  # one row an instrument, one column an account
    prices: Integers  # one an instrument, in 1e-4

    def account_totals(self) -> Integers:
        """Each account's value in 1e-4, from all quantities and prices: plain integer NumPy."""
        totals = np.zeros(len(self.accounts), np.int64)
        for rows in slices(len(self.instruments), len(self.accounts)):
            totals += self.prices[rows] @ self.quantities[rows].astype(np.int64)
        return totals

    def totals_of(self, columns: Integers) -> Integers:
        """The same of a few accounts only, given by their columns."""
        return self.prices @ self.quantities[:, columns].astype(np.int64)


def slices(instruments: int, accounts: int) -> Iterator[slice]:
    """Instruments in runs of about ROWS_AT_A_TIME holdings."""
    step = max(1, ROWS_AT_A_TIME // accounts)
    for start in range(0, instruments, step):
        yield slice(start, min(start + step, instruments))


def generate(accounts: int, instruments: int) -> Facts:
    """Every account holds every instrument; a tenth of the holdings are short."""
    random = np.random.default_rng(SEED)
    shape = (instruments, accounts)
    quantities = random.integers(LOWEST_QUANTITY, HIGHEST_QUANTITY, shape, dtype=np.int16)
    quantities[quantities == 0] = 1
    prices = random.integers(LOWEST_PRICE, HIGHEST_PRICE, instruments)
    return Facts(names("ACC", accounts), names("INS", instruments), quantities, prices)


def tables(facts: Facts) -> dict[str, Any]:
    """All of it as `load` takes it: small tables as lists, holdings with dictionary columns."""
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
        "prices": {
            "instrument": facts.instruments,
            "price": [price_text(price) for price in facts.prices.tolist()],
        },
    }


def prepare(accounts: int, instruments: int) -> tuple[mvcore.Book, Facts, float]:
    """A book with everything in it, the facts, and how long the load took.

    There is a bar on stderr where somebody watches.
    """
    with Progress(long=True) as progress:
        progress.step("generating")
        facts = generate(accounts, instruments)
        full = tables(facts)
        progress.step("loading")
        book = mvcore.Book(value_scale=VALUE_SCALE)
        start = time.perf_counter()
        book.load(**full)
        load_s = time.perf_counter() - start
    return book, facts, load_s


class WrongFigureError(Exception):
    """An answer of the book differs from NumPy's."""


def check(what: str, got: Any, wanted: Any) -> None:
    """Exactly equal, or the demo ends: a speed of wrong answers is not worth printing."""
    if not np.array_equal(got, wanted):
        raise WrongFigureError(f"{what}: the book says {got}, NumPy {wanted}")


def amount(total: int) -> Decimal:
    """A total counted in the prices' last decimal, as a Decimal."""
    return Decimal(total).scaleb(-PRICE_SCALE)


class Bench:
    """The book, the facts beside it, and random prices that go to both."""

    def __init__(self, book: mvcore.Book, facts: Facts) -> None:
        self.book = book
        self.facts = facts
        self.codes = book.instrument_codes(facts.instruments)
        self.random = np.random.default_rng(SEED + 1)
        count = len(facts.accounts)
        self.columns = np.unique(np.linspace(0, count - 1, min(WATCHED, count)).astype(np.int64))
        self.watched = [facts.accounts[column] for column in self.columns]
        self.view = book.view(accounts=self.watched, measures=("current",))

    def moves(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Random instruments and prices; the facts have them already, the later of two wins."""
        rows = self.random.integers(0, len(self.facts.instruments), count)
        prices = self.random.integers(LOWEST_PRICE, HIGHEST_PRICE, count, dtype=np.int64)
        self.facts.prices[rows] = prices
        return rows, prices

    def move(self) -> tuple[str, str]:
        """One of them, as a feed names it."""
        rows, prices = self.moves(1)
        return self.facts.instruments[rows[0]], price_text(int(prices[0]))

    def check_watched(self) -> None:
        """What the view now holds of each watched account, after any number of changes read."""
        frame = self.view.read()
        check("watched accounts", frame["account"], self.watched)
        wanted = self.facts.totals_of(self.columns) * TO_VALUE_SCALE
        check("watched values", frame.to_numpy("current", scaled=True), wanted)

    def check_all(self, frame: mvcore.Frame) -> None:
        """A row for every account, in order."""
        check("accounts", frame["account"], self.facts.accounts)
        wanted = self.facts.account_totals() * TO_VALUE_SCALE
        check("values", frame.to_numpy("current", scaled=True), wanted)
