"""A book of any number of accounts, instruments and positions, and the operations that `growth.py`
times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

import mvcore
from dataset import PRICE_SCALE, Ints, amounts, text_of

LOWEST, HIGHEST = 100_000, 1_900_000  # prices, in 1e-4
MOVED = 8  # instruments between two reads of a view


@dataclass(frozen=True)
class Shape:
    """The sizes of a book.

    positions: rounded down to the same number per account. Views have two accounts each.
    """

    accounts: int
    instruments: int
    positions: int
    views: int = 0
    incremental: int = 0


@dataclass(frozen=True)
class Effort:
    """calls: timed together, if one is too short. rounds: the median is reported."""

    calls: int = 1_000
    rounds: int = 15


class GrowthBook:
    """Each account holds adjacent instruments, with one order on each position."""

    def __init__(self, shape: Shape) -> None:
        random = np.random.default_rng(21)
        self.shape, self.random = shape, random
        each = shape.positions // shape.accounts
        assert 0 < each <= shape.instruments
        self.account = np.repeat(np.arange(shape.accounts), each)
        first = np.repeat(random.integers(0, shape.instruments, shape.accounts), each)
        place = np.tile(np.arange(each), shape.accounts)
        self.instrument = (first + place) % shape.instruments
        self.held = random.integers(1, 4_001, len(self.account))
        self.quantity = random.integers(1, 201, len(self.account))
        self.filled = np.zeros(len(self.account), np.int64)
        self.prices: Ints = np.full(shape.instruments, HIGHEST)
        self.account_names = [f"ACC{a:06d}" for a in range(shape.accounts)]
        self.instrument_names = [f"SYM{i:06d}" for i in range(shape.instruments)]
        self.book = mvcore.Book()
        self.load()  # at the highest price, so that later prices stay below the bounds
        self.prices[:] = random.integers(LOWEST, HIGHEST, shape.instruments)
        codes = np.arange(shape.instruments, dtype=np.int32)
        self.book.ticks(codes, self.prices, scale=PRICE_SCALE)
        self.book.value(self.account_names[0])  # builds the by-account index
        modes = ["lazy"] * shape.views + ["incremental"] * shape.incremental
        self.views = [self.open(self.some_pair(), mode) for mode in modes]
        for view in self.views:
            view.read()

    def load(self) -> None:
        self.book.load(**self.tables())

    def tables(self) -> dict[str, Any]:
        def names(codes: Ints, dictionary: list[str]) -> Any:
            return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), dictionary)

        where = {
            "account": names(self.account, self.account_names),
            "instrument": names(self.instrument, self.instrument_names),
        }
        status = np.where(self.filled != 0, "partially_filled", "new")
        columns = {"order_quantity": self.quantity, "filled_quantity": self.filled}
        prices = [text_of(p) for p in self.prices.tolist()]
        currencies = ["USD"] * len(prices)
        return {
            "instruments": {"instrument": self.instrument_names, "currency": currencies},
            "accounts": {"account": self.account_names},
            "prices": {"instrument": self.instrument_names, "price": prices},
            "holdings": pa.table(where | {"quantity": self.held}),
            "orders": pa.table(
                where | columns | {"order": np.arange(len(self.held)), "status": pa.array(status)}
            ),
        }

    def some_pair(self) -> list[str]:
        first = int(self.random.integers(self.shape.accounts - 1))
        return self.account_names[first : first + 2]

    def open(self, accounts: list[str] | None, mode: Any = "lazy") -> mvcore.View:
        return self.book.view(accounts=accounts, measures="current", mode=mode)

    def some_ticks(self, count: int) -> list[tuple[int, float]]:
        codes = self.random.integers(0, self.shape.instruments, count).tolist()
        prices = self.random.integers(LOWEST, HIGHEST, count).tolist()
        for code, price in zip(codes, prices, strict=True):
            self.prices[code] = price
        return [(c, p / 10**PRICE_SCALE) for c, p in zip(codes, prices, strict=True)]

    def some_facts(self, count: int) -> list[tuple[Any, ...]]:
        """Reports that change the filled part of orders, which is never all."""
        out = []
        for k in self.random.integers(0, len(self.held), count).tolist():
            done = int(self.random.integers(0, self.quantity[k]))
            self.filled[k] = done
            names = self.account_names[self.account[k]], self.instrument_names[self.instrument[k]]
            status = "partially_filled" if done else "new"
            out.append((k, *names, int(self.quantity[k]), done, status))
        return out

    def check(self, frame: Any) -> None:
        """Check all rows of a view against NumPy."""
        totals = np.zeros(self.shape.accounts, np.int64)
        np.add.at(totals, self.account, (self.held + self.filled) * self.prices[self.instrument])
        codes = np.array([int(name[3:]) for name in frame["account"]])
        got = frame.to_numpy("current", scaled=True)
        assert len(got)
        assert (got == amounts(totals[codes])).all(), "a view and NumPy differ"


def median_of(rounds: int, prepare: Callable[[], Any], call: Callable[[Any], Any]) -> float:
    """The median seconds of `call` on the result of `prepare`, which is not timed."""
    spent = []
    for _ in range(rounds + 1):
        made = prepare()
        start = time.perf_counter()
        call(made)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def each_of(function: Callable[..., Any]) -> Callable[[list[Any]], None]:
    def call(several: list[Any]) -> None:
        for arguments in several:
            function(*arguments)

    return call


def changes(made: GrowthBook, accounts: list[str] | None, rounds: int) -> float:
    """Time `changes` after some ticks, and after reading another view, which brings the code into
    the cache."""
    with made.open(accounts) as other, made.open(accounts) as view:
        other.read(), view.read()

        def move() -> None:
            each_of(made.book.tick)(made.some_ticks(MOVED))
            other.changes()

        seconds = median_of(rounds, move, lambda _: view.changes())
        made.check(view.read())
    return seconds


def opening(made: GrowthBook, accounts: list[str] | None, rounds: int) -> float:
    views: list[mvcore.View] = []

    def open_and_read(_: None) -> None:
        views.append(made.open(accounts))
        views[-1].read()

    seconds = median_of(rounds, lambda: None, open_and_read)
    made.check(views[-1].read())
    for view in views:
        view.close()
    return seconds


def timed(shape: Shape, effort: Effort) -> dict[str, float]:
    """Seconds per call of each operation in a book of this shape. Checks its views afterwards."""
    made = GrowthBook(shape)
    calls, rounds = effort.calls, effort.rounds
    out = {
        "tick": median_of(rounds, lambda: made.some_ticks(calls), each_of(made.book.tick)) / calls,
        "order fact": median_of(rounds, lambda: made.some_facts(calls), each_of(made.book.order))
        / calls,
    }
    everyone = made.account_names
    for said, accounts in (("two accounts", everyone[:2]), ("all accounts", None)):
        out[f"changes of a view of {said}"] = changes(made, accounts, 10 * rounds)
        out[f"open a view of {said}, read it"] = opening(made, accounts, rounds)
    out["load"] = median_of(max(rounds // 5, 1), made.tables, lambda t: made.book.load(**t))
    for view in made.views[:3] + made.views[-3:]:
        made.check(view.read())
    made.book.close()
    return out
