"""Measures one peer in this process: times operations, and compares every answer with exact
integers."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from book_memory import resident_bytes
from dataset import Ints, World
from orders_dataset import OrderWorld
from peers.contract import SCALE, Peer, Tables

MOVED, PAIRS = 8, 16  # instruments that move between two reads; sessions that read together
SESSIONS = (10, 100, 300, 1_000)
POLLS_A_SECOND = 10
ROUND = 0.02  # seconds of calls that are timed together, at most
MOST = 1_000


@dataclass(frozen=True)
class Effort:
    """Each operation is repeated for `rounds` rounds, and further until `seconds` are over."""

    seconds: float
    rounds: int
    loads: int


class Exact:
    """The book in plain integers: the exact answers, in units of 1e-4."""

    def __init__(self, world: World, orders: OrderWorld) -> None:
        self.orders = orders
        self.net = orders.measures()["current"]
        self.filled = orders.filled.copy()
        self.prices = world.prices.copy()
        self.random = np.random.default_rng(31)

    def totals(self) -> Ints:
        return self.prices @ self.net

    def some(self, accounts: Any) -> Ints:
        return self.prices @ self.net[:, accounts].astype(np.int64)

    def new_ticks(self, count: int) -> list[tuple[int, float]]:
        codes = self.random.integers(0, len(self.prices), count)
        prices = self.random.integers(100_000, 1_900_000, count) / SCALE
        return list(zip(codes.tolist(), prices.tolist(), strict=True))

    def ticked(self, ticks: list[tuple[int, float]]) -> None:
        for code, price in ticks:
            self.prices[code] = round(price * SCALE)

    def new_orders(self, count: int) -> list[tuple[int, ...]]:
        """Reports on random orders, each with another filled part."""
        ids = self.random.integers(0, self.orders.count, count)
        instruments, accounts = self.orders.places(ids)
        quantity = self.orders.quantity[ids].astype(np.int64)
        filled = np.trunc(quantity * self.random.random(count)).astype(np.int64)
        status = (filled != 0).astype(np.int64)
        columns = (ids, accounts, instruments, quantity, filled, status)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def ordered(self, facts: list[tuple[int, ...]]) -> None:
        for order, account, instrument, _, filled, _ in facts:
            self.net[instrument, account] += filled - int(self.filled[order])
            self.filled[order] = filled


class Measured:
    """The operations on a loaded peer, and their times in seconds per call."""

    def __init__(self, peer: Peer, exact: Exact, effort: Effort) -> None:
        self.peer, self.exact, self.effort = peer, exact, effort
        self.found: dict[str, list[float]] = {}

    def same(self, got: Any, want: Any) -> None:
        got = self.peer.integers(got)
        assert np.shape(got) == np.shape(want), (np.shape(got), np.shape(want))
        if self.peer.tolerance:
            assert np.allclose(got, want, rtol=self.peer.tolerance, atol=1), "wrong"
        else:
            assert (got == want).all(), "not exact"

    def time(
        self,
        what: str,
        new: Callable[[int], Any],
        call: Callable[[Any], Any],
        check: Callable[[Any, Any], None],
        *,
        each: int = 1,
        alone: bool = False,
    ) -> None:
        """Time an operation.

        `new` makes the inputs of a number of calls, 1 if timed `alone`; `each` calls.
        """

        def once(count: int) -> float:
            given = new(count)
            start = time.perf_counter()
            answer = call(given)
            spent = time.perf_counter() - start
            check(given, answer)
            return spent

        once(1)
        count = 1 if alone else min(max(int(ROUND / max(once(1), 1e-9)), 1), MOST)
        times: list[float] = []
        end = time.perf_counter() + self.effort.seconds
        while len(times) < self.effort.rounds or time.perf_counter() < end:
            times.append(once(count) / (count * each))
        self.found[what] = times

    # ---- the operations ----

    def tick(self) -> None:
        def check(ticks: Any, _: None) -> None:
            self.exact.ticked(ticks)
            account = int(self.exact.random.integers(self.exact.net.shape[1]))
            self.same(self.peer.account(account), self.exact.some(account))

        self.time("tick", self.exact.new_ticks, self.do_ticks, check)
        self.same(self.peer.whole_book(), self.exact.totals())

    def do_ticks(self, ticks: list[tuple[int, float]]) -> None:
        tick = self.peer.tick
        for code, price in ticks:
            tick(code, price)

    def kept_tick(self) -> None:
        def check(ticks: Any, _: None) -> None:
            self.exact.ticked(ticks)
            self.same(self.peer.totals(), self.exact.totals())

        self.peer.keep_totals()
        self.time("tick, totals kept", self.exact.new_ticks, self.do_ticks, check)
        self.peer.drop_totals()

    def whole_book(self) -> None:
        def new(_: int) -> None:
            prices = self.exact.random.integers(100_000, 1_900_000, len(self.exact.prices))
            self.exact.prices[:] = prices
            self.peer.ticks(prices)

        def check(_: None, totals: Any) -> None:
            self.same(totals, self.exact.totals())

        self.time("whole book", new, lambda _: self.peer.whole_book(), check, alone=True)

    def account(self) -> None:
        many = self.exact.net.shape[1]

        def new(count: int) -> list[int]:
            return self.exact.random.integers(0, many, count).tolist()

        def call(accounts: list[int]) -> list[Any]:
            account = self.peer.account
            return [account(a) for a in accounts]

        def check(accounts: list[int], got: list[Any]) -> None:
            some = [0, len(accounts) // 2, -1]
            wanted = self.exact.some([accounts[k] for k in some])
            self.same([got[k] for k in some], wanted)

        self.time("account read", new, call, check)

    def pairs(self, count: int) -> Ints:
        """Two accounts each, the lower first."""
        firsts = self.exact.random.integers(0, self.exact.net.shape[1] - 1, count)
        return np.stack([firsts, firsts + 1], axis=1)

    def watched(self) -> None:
        pairs = self.pairs(PAIRS)

        def new(_: int) -> None:
            ticks = self.exact.new_ticks(MOVED)
            self.do_ticks(ticks)
            self.exact.ticked(ticks)

        def check(_: None, totals: Any) -> None:
            self.same(np.reshape(totals, -1), self.exact.some(pairs.reshape(-1)))

        self.peer.watch(pairs)
        self.time("watched", new, lambda _: self.peer.look(), check, each=PAIRS, alone=True)
        facts = self.exact.new_orders(20)  # possibly of watched accounts
        self.do_orders(facts)
        self.exact.ordered(facts)
        check(None, self.peer.look())
        self.peer.unwatch()

    def order_fact(self) -> None:
        def check(facts: Any, _: None) -> None:
            self.exact.ordered(facts)
            account = facts[-1][1]
            self.same(self.peer.account(account), self.exact.some(account))

        self.time("order fact", self.exact.new_orders, self.do_orders, check)
        self.same(self.peer.whole_book(), self.exact.totals())

    def do_orders(self, facts: list[tuple[int, ...]]) -> None:
        order = self.peer.order
        for fact in facts:
            order(*fact)

    def sessions(self, counts: tuple[int, ...]) -> dict[int, float]:
        """The CPU time of all threads as a share of a core, by number of sessions.

        Each session reads ten times a second while 83 ticks per second arrive. Stops when a read
        takes longer than a tenth of a second.
        """
        shares = {}
        for count in counts:
            pairs = self.pairs(count)
            self.peer.watch(pairs)
            self.peer.look()
            spent = []
            for _ in range(max(self.effort.rounds, 3)):
                ticks = self.exact.new_ticks(MOVED)
                start = time.process_time()
                self.do_ticks(ticks)
                totals = self.peer.look()
                spent.append(time.process_time() - start)
                self.exact.ticked(ticks)
            self.same(np.reshape(totals, -1), self.exact.some(pairs.reshape(-1)))
            self.peer.unwatch()
            shares[count] = float(np.median(spent)) * POLLS_A_SECOND
            if shares[count] > 1:
                break
        return shares


def tables_of(world: World, orders: OrderWorld) -> Tables:
    names = world.account_names, world.instrument_names
    return Tables(*names, world.prices.copy(), world.holdings("by instrument"), orders.table())


def resident() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes()


def every(run: Measured) -> dict[str, list[float]]:
    for operation in run.peer.operations:
        getattr(run, operation)()
    return run.found


def a_smaller_book(kind: type[Peer], shape: tuple[int, int], effort: Effort) -> Any:
    """Ticks of a smaller book. As a side effect it compiles and makes first allocations."""
    world = World(*shape)
    orders = OrderWorld(world)
    return ticks_of(every(Measured(kind(tables_of(world, orders)), Exact(world, orders), effort)))


def ticks_of(found: dict[str, list[float]]) -> dict[str, list[float]]:
    return {what: times for what, times in found.items() if what.startswith("tick")}


def measure(
    kind: type[Peer], shape: tuple[int, int], smaller: list[tuple[int, int]], effort: Effort
) -> dict[str, Any]:
    """Measure everything about a peer in its own process.

    Its memory is the growth of the process.
    """
    by_size = {a * i: a_smaller_book(kind, (a, i), effort) for a, i in smaller}
    empty = resident()
    world = World(*shape)
    orders = OrderWorld(world)
    tables = tables_of(world, orders)
    del world, orders
    start = time.perf_counter()
    peer = kind(tables)
    loads = [time.perf_counter() - start]
    peer.account(0)
    del tables
    memory = resident() - empty
    world = World(*shape)
    orders = OrderWorld(world)
    for _ in range(effort.loads - 1):
        del peer
        gc.collect()
        tables = tables_of(world, orders)
        start = time.perf_counter()
        peer = kind(tables)
        loads.append(time.perf_counter() - start)
        del tables
    run = Measured(peer, Exact(world, orders), effort)
    found = every(run)
    by_size[shape[0] * shape[1]] = ticks_of(found)
    return {
        "operations": {"load": loads, **found}, "memory": memory, "by_size": by_size,
        "sessions": run.sessions(SESSIONS),
    }  # fmt: skip
