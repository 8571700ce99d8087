"""The operations of `bandwidth.py`: the bytes each must move, its calls, its answers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit

import mvcore
import numba_kernels
import numba_orders
from bandwidth_rates import Call, in_turns
from dataset import PRICE_SCALE, Size, World, amounts, text_of
from numba_kernels import OPTIONS, account_total, tick_totals
from numba_orders import tick_totals as tick_three_totals
from orders_dataset import EACH, OrderWorld

MEASURES = ("sod", "current", "expected")
# Bytes of a total, of a view's remembered row, of a price; of a quantity in numba.
TOTAL, HANDED, PRICE, WIDTH = 8, 64, 8, 4
WHO = ("mvcore", "numba 1")
BUS, TICK = 0.7, 1 / 1.5  # goals: share of the rate


@dataclass
class Operation:
    """`memory` bytes come from memory (`theirs` in numba). `cache` bytes stay in the cache."""

    name: str
    memory: int
    theirs: int
    cache: int
    times: dict[str, list[float]] = field(default_factory=dict)
    goal: float | None = None


@njit(**OPTIONS)
def ticks_totals(codes, prices, board, held, totals):
    for k in range(len(codes)):
        tick_totals(codes[k], prices[k], board, held, totals)


@njit(**OPTIONS)
def ticks_three_totals(codes, prices, board, nets, totals):
    for k in range(len(codes)):
        tick_three_totals(codes[k], prices[k], board, nets, totals)


class Bench:
    """The book with orders, and net quantities in 32 bits."""

    def __init__(self, size: Size, world: World) -> None:
        self.size, self.world, self.orders = size, world, OrderWorld(world)
        self.book = mvcore.Book()
        tables = {"holdings": world.holdings("by instrument"), "orders": self.orders.table()}
        self.book.load(**tables, **self.orders.masters())
        del tables
        self.book.value(world.account_names[0])  # builds the by-account index
        net = self.orders.measures()
        self.nets = np.stack([net[name] for name in MEASURES])
        self.totals = np.stack([world.prices @ one for one in self.nets])
        memory, columns = self.book.memory(), world.rows * len(MEASURES)
        self.width = width_of(memory["grid"], columns)
        self.width_by_account = width_of(memory["account_index"], columns)
        self.order = width_of(memory["orders"], self.orders.count)


def width_of(taken: int, count: int) -> int:
    """Bytes per element of a block. The rest above a power of two is block headers."""
    return int(2 ** (taken // count).bit_length()) // 2


def operations(size: Size, world: World) -> list[Operation]:
    bench = Bench(size, world)
    one = ("current",)
    return [
        whole_book(bench, one),
        whole_book(bench, MEASURES),
        ticks_into_a_view(bench, one),
        ticks_into_a_view(bench, MEASURES),
        changes_after_a_tick(bench),
        account_read(bench),
        revaluation(bench),
    ]


def whole_book(bench: Bench, measures: tuple[str, ...]) -> Operation:
    """A price moves back and forth before each call, so that no result can be cached."""
    world, book, nets = bench.world, bench.book, bench.nets
    places = [MEASURES.index(m) for m in measures]
    name, price = world.instrument_names[0], int(world.prices[0])
    partial = np.zeros((2, world.accounts), np.int64)
    totals = np.zeros((len(MEASURES), world.accounts), np.int64)

    def move() -> None:
        book.tick(name, text_of(price + 1))
        book.tick(name, text_of(price))

    def ours() -> Any:
        return book.values(by="account", measures=measures)

    def one_thread() -> Any:
        for m in places:
            numba_kernels.add_rows(world.prices, nets[m], totals[m])
        return totals[places]

    def two_threads() -> Any:
        for m in places:
            numba_kernels.whole_book(world.prices, nets[m], partial)
            totals[m] = partial[0]
        return totals[places]

    def check(who: str, got: Any) -> None:
        want = bench.totals[places]
        if who == "mvcore":
            got, want = columns(got, measures), amounts(want)
        assert (got == want).all(), f"{who}: another value of the whole book"

    calls: dict[str, Call] = {"mvcore": ours, "numba 1": one_thread, "numba 2": two_threads}
    return Operation(
        f"whole book by account, {said(measures)}",
        memory=world.rows * len(measures) * bench.width,
        theirs=world.rows * len(measures) * WIDTH,
        cache=2 * world.accounts * len(measures) * TOTAL,
        times=in_turns(bench.size, calls, check, move),
        goal=BUS,
    )


def columns(frame: Any, measures: tuple[str, ...]) -> Any:
    return np.stack([frame.to_numpy(name, scaled=True) for name in measures])


def said(measures: tuple[str, ...]) -> str:
    return "one measure" if len(measures) == 1 else "three measures"


def ticks_into_a_view(bench: Bench, measures: tuple[str, ...]) -> Operation:
    """An incremental view of all accounts: its share of a tick of a random instrument."""
    world, book, nets = bench.world, bench.book, bench.nets
    places = [MEASURES.index(m) for m in measures]
    ticks = world.stream(bench.size.calls)
    codes = ticks.codes
    floats = [
        list(zip(codes.tolist(), (prices / 10**PRICE_SCALE).tolist(), strict=True))
        for prices in ticks.prices
    ]
    wants = [np.stack([board @ nets[m] for m in places]) for board in ticks.boards]
    board, totals = world.prices.copy(), bench.totals[places]

    def ours() -> None:
        tick = book.tick
        for code, price in floats[ticks.now]:
            tick(code, price)

    def theirs() -> None:
        prices = ticks.prices[ticks.now]
        if len(measures) == 1:
            ticks_totals(codes, prices, board, nets[places[0]], totals[0])
        else:
            ticks_three_totals(codes, prices, board, nets, totals)

    def check_alone(_: str, __: None) -> None:
        got = columns(book.values(by="account", measures=measures), measures)
        assert (got == amounts(wants[ticks.now])).all()

    def check(who: str, _: None) -> None:
        got, want = totals, wants[ticks.now]
        if who == "mvcore":
            got, want = columns(view.read(), measures), amounts(want)
        assert (got == want).all(), f"{who}: another value after ticks"

    alone = in_turns(bench.size, {"": ours}, check_alone, ticks.turn)[""]
    with book.view(by="account", measures=measures, mode="incremental") as view:
        times = in_turns(bench.size, {"mvcore": ours, "numba 1": theirs}, check, ticks.turn)
    put_back(bench)
    without = statistics.median(alone)
    return Operation(
        f"what an incremental view of all accounts adds to a tick, {said(measures)}",
        memory=world.accounts * len(measures) * bench.width,
        theirs=world.accounts * len(measures) * WIDTH,
        cache=2 * world.accounts * len(measures) * TOTAL,
        times={
            "mvcore": [(s - without) / len(codes) for s in times["mvcore"]],
            "numba 1": [s / len(codes) for s in times["numba 1"]],
        },
        goal=TICK,
    )


def put_back(bench: Bench) -> None:
    codes = np.arange(bench.world.instruments, dtype=np.int32)
    bench.book.ticks(codes, bench.world.prices, scale=PRICE_SCALE)


def changes_after_a_tick(bench: Bench) -> Operation:
    """A lazy view of three measures with all rows. It returns those that changed."""
    world, book = bench.world, bench.book
    board, totals = world.prices.copy(), bench.totals.copy()
    held = amounts(totals)
    random = np.random.default_rng(14)

    with book.view(by="account") as view:
        view.read()

        def move() -> None:
            i = int(random.integers(world.instruments))
            price = int(random.integers(100_000, 1_900_000))
            totals[:] += (price - board[i]) * bench.nets[:, i].astype(np.int64)
            board[i] = price
            book.tick(i, text_of(price))

        def check(_: str, frame: Any) -> None:
            rows = frame.codes("account")
            for m, name in enumerate(MEASURES):
                held[m, rows] = frame.to_numpy(name, scaled=True)
            assert (held == amounts(totals)).all()

        times = in_turns(bench.size, {"mvcore": view.changes}, check, move)
    put_back(bench)
    cells = world.accounts * len(MEASURES)
    return Operation(
        "changes of all accounts after a tick, three measures",
        memory=cells * bench.width,
        theirs=cells * WIDTH,
        cache=2 * (cells * TOTAL + world.accounts * HANDED),
        times=times,
    )


def account_read(bench: Bench) -> Operation:
    """Random accounts. numba has a second copy of the quantities, by account."""
    world = bench.world
    accounts = world.some(world.accounts, bench.size.calls // 4)
    names = [world.account_names[a] for a in accounts.tolist()]
    by_account = np.stack([np.ascontiguousarray(net.T) for net in bench.nets])

    def ours() -> Any:
        value = bench.book.value
        return [value(name) for name in names]

    def theirs() -> Any:
        return accounts_totals(accounts, world.prices, by_account)

    def check(who: str, got: Any) -> None:
        want = bench.totals[:, accounts]
        if who == "mvcore":
            got = [
                [int(x.scaleb(PRICE_SCALE)) for x in (v.sod, v.current, v.expected)] for v in got
            ]
            got = np.array(got).T
        assert (got == want).all(), f"{who}: another value of an account"

    times = in_turns(bench.size, {"mvcore": ours, "numba 1": theirs}, check)
    return Operation(
        "value of an account, three measures",
        memory=world.instruments * len(MEASURES) * bench.width_by_account,
        theirs=world.instruments * len(MEASURES) * WIDTH,
        cache=world.instruments * PRICE,
        times={who: [s / len(names) for s in spent] for who, spent in times.items()},
    )


@njit(**OPTIONS)
def accounts_totals(accounts, prices, by_account):
    out = np.empty((by_account.shape[0], len(accounts)), np.int64)
    for k in range(len(accounts)):
        for m in range(by_account.shape[0]):
            out[m, k] = account_total(accounts[k], prices, by_account[m])
    return out


def revaluation(bench: Bench) -> Operation:
    """Market values of every holding and order of an instrument, as an array."""
    world, orders = bench.world, bench.orders
    instruments = world.some(world.instruments, max(bench.size.calls // 20, 2)).tolist()
    each = EACH * world.accounts

    def ours() -> Any:
        return [
            bench.book.revalue(world.instrument_names[i]).to_numpy("market_value", scaled=True)
            for i in instruments
        ]

    def theirs() -> Any:
        out = np.empty((len(instruments), world.accounts + each), np.int64)
        for i, values in zip(instruments, out, strict=True):
            numba_orders.instrument_values(i, world.prices, world.held, orders.quantity, values)
        return out

    def quantities(i: int, who: str) -> Any:
        """Quantities of holdings, then of orders. The book's order of orders is undefined."""
        held = world.held[i].astype(np.int64)
        if who != "mvcore":
            return np.concatenate([held, orders.quantity[i * each : (i + 1) * each]])
        held = held[held != 0]  # a quantity of 0 is not a holding
        ids = bench.book.revalue(world.instrument_names[i])["order"][len(held) :]
        assert sorted(ids) == list(range(i * each, (i + 1) * each))
        return np.concatenate([held, orders.quantity[ids]])

    want = {who: [quantities(i, who) * world.prices[i] for i in instruments] for who in WHO}

    def check(who: str, got: Any) -> None:
        for values, wanted in zip(got, want[who], strict=True):
            exact = amounts(wanted) if who == "mvcore" else wanted
            assert (values == exact).all(), f"{who}: another market value"

    times = in_turns(bench.size, {"mvcore": ours, "numba 1": theirs}, check)
    return Operation(
        "revalue, market values as an array",
        memory=world.accounts * bench.width + each * bench.order,
        theirs=world.accounts * WIDTH + each * orders.quantity.itemsize,
        cache=(world.accounts + each) * TOTAL,
        times={who: [s / len(instruments) for s in spent] for who, spent in times.items()},
    )
