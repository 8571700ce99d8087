"""The measured book as plain NumPy integers, which are also the oracle of every answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PRICE_SCALE = 4  # prices are integers in units of 1e-4
VALUE_SCALE = 8  # decimals of amounts that a book returns by default
ORDERS = ("by account", "by instrument", "shuffled")  # row orders of a table of holdings

MOVES = ("at random", "within 0.5 %")  # new prices

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Size:
    """accounts x instruments, and for how long a benchmark is repeated."""

    name: str
    accounts: int
    instruments: int
    calls: int  # of a fast call, timed together
    seconds: float
    rounds: tuple[int, int]  # minimum, maximum


SIZES = {
    "tiny": Size("tiny", 40, 25, 50, 0.0, (2, 2)),
    "mid": Size("mid", 5_000, 500, 1_000, 0.5, (5, 101)),
    "full": Size("full", 5_000, 5_000, 2_000, 2.0, (7, 201)),
}


def size_asked() -> Size:
    """The size that the environment variable MVCORE_BENCH names; tiny without it."""
    name = os.environ.get("MVCORE_BENCH", "tiny")
    if name not in SIZES:
        raise SystemExit(f"MVCORE_BENCH={name!r} is none of {', '.join(SIZES)}")
    return SIZES[name]


def amounts(totals: Ints) -> Ints:
    """Convert totals in 1e-4 to a book's amounts, in units of 10**-VALUE_SCALE."""
    return totals * 10 ** (VALUE_SCALE - PRICE_SCALE)


def decimal_of(value: int, scale: int = PRICE_SCALE) -> Decimal:
    return Decimal(int(value)).scaleb(-scale)


def text_of(price: int) -> str:
    """The price as a feed sends it: 151.5000."""
    return f"{price // 10**PRICE_SCALE}.{price % 10**PRICE_SCALE:0{PRICE_SCALE}d}"


class World:
    """Every account holds every instrument: quantities 0..4000, prices 10.0000 to 189.9999."""

    def __init__(self, accounts: int, instruments: int) -> None:
        random = np.random.default_rng(1)
        self.held = random.integers(0, 4001, (instruments, accounts), dtype=np.int32)
        self.prices: Ints = random.integers(100_000, 1_900_000, instruments, dtype=np.int64)
        self.accounts = accounts
        self.instruments = instruments
        self.account_names = [f"ACC{a:05d}" for a in range(accounts)]
        self.instrument_names = [f"SYM{i:05d}" for i in range(instruments)]

    @property
    def rows(self) -> int:
        return self.held.size

    @cached_property
    def by_account(self) -> npt.NDArray[np.int32]:
        """The same quantities, one row per account."""
        return np.ascontiguousarray(self.held.T)

    @cached_property
    def totals(self) -> Ints:
        """The value of every account at the initial prices, in 1e-4."""
        return self.totals_at(self.prices)

    def totals_at(self, prices: Ints) -> Ints:
        return prices @ self.held

    def price_of(self, instrument: str) -> Decimal:
        """The initial price of the instrument of that name."""
        return decimal_of(self.prices[int(instrument[3:])])

    def stream(self, count: int, moves: str = "at random") -> Turns:
        """Ticks of random instruments."""
        random = np.random.default_rng(2)
        codes = random.integers(0, self.instruments, count, dtype=np.int32)
        return Turns(self, codes, self.new_prices(random, codes, moves))

    def whole_board(self, moves: str = "at random") -> Turns:
        """A tick of every instrument, in random order."""
        random = np.random.default_rng(3)
        codes = random.permutation(self.instruments).astype(np.int32)
        return Turns(self, codes, self.new_prices(random, codes, moves))

    def new_prices(
        self, random: np.random.Generator, codes: npt.NDArray[np.int32], moves: str
    ) -> tuple[Ints, Ints]:
        """Two prices per tick: any, or within 0.5 % of the initial price."""
        if moves == "at random":
            prices = random.integers(100_000, 1_900_000, len(codes), dtype=np.int64)
            return prices, 2_000_000 - prices
        start = self.prices[codes]
        far = random.integers(1, start // 200)
        return start + far, start - far

    def some(self, of: int, count: int, seed: int = 5) -> npt.NDArray[np.int64]:
        """Random accounts or instruments to read."""
        return np.random.default_rng(seed).integers(0, of, count)

    def masters(self) -> dict[str, dict[str, object]]:
        """The tables of a load except holdings. Codes equal array positions."""
        names = self.instrument_names
        return {
            "instruments": {"instrument": names, "currency": ["USD"] * len(names)},
            "accounts": {"account": self.account_names},
            "prices": {"instrument": names, "price": [text_of(p) for p in self.prices.tolist()]},
        }

    def cells(self, order: str) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16], pa.Array]:
        """Account codes, instrument codes and quantities of all rows."""
        accounts = np.arange(self.accounts, dtype=np.int16)
        instruments = np.arange(self.instruments, dtype=np.int16)
        if order == "by account":
            a, i = np.repeat(accounts, self.instruments), np.tile(instruments, self.accounts)
            return a, i, pa.array(self.by_account.reshape(-1))
        a, i = np.tile(accounts, self.instruments), np.repeat(instruments, self.accounts)
        quantities = self.held.reshape(-1)
        if order == "shuffled":
            places = np.random.default_rng(4).permutation(self.rows)
            a, i, quantities = a[places], i[places], quantities[places]
        return a, i, pa.array(quantities)

    def holdings(self, order: str = "by account", text: bool = False) -> pa.Table:
        """A table of holdings, names as dictionary columns or as plain text."""
        a, i, quantities = self.cells(order)
        accounts = pa.DictionaryArray.from_arrays(pa.array(a), pa.array(self.account_names))
        instruments = pa.DictionaryArray.from_arrays(pa.array(i), pa.array(self.instrument_names))
        if text:
            accounts, instruments = accounts.cast(pa.string()), instruments.cast(pa.string())
        return pa.table({"account": accounts, "instrument": instruments, "quantity": quantities})


class Turns:
    """The same instruments with two sets of prices that alternate: every tick of every round is a
    move."""

    def __init__(
        self, world: World, codes: npt.NDArray[np.int32], prices: tuple[Ints, Ints]
    ) -> None:
        self.codes = codes
        self.prices = prices
        # prices after a round of either set
        self.boards = [world.prices.copy(), world.prices.copy()]
        for board, new in zip(self.boards, self.prices, strict=True):
            for code, price in zip(codes.tolist(), new.tolist(), strict=True):
                board[code] = price
        self.now = 1

    def turn(self) -> None:
        self.now = 1 - self.now

    @property
    def board(self) -> Ints:
        """All prices after this round."""
        return self.boards[self.now]
