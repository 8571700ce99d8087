"""Fixtures: sizes, the measured book and its oracle, and the timing of calls.

Every test runs once per contender (`who`): mvcore, plain NumPy, hand-written numba. Each names its
operation, which becomes the group of the benchmark. It checks its answer to the last digit before
and after it is timed. MVCORE_BENCH=mid or full makes it a real measurement.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mvcore
from cash_dataset import CashWorld
from dataset import PRICE_SCALE, Size, World, decimal_of, size_asked
from orders_dataset import OrderWorld

Check = Callable[[Any], None]
SIZE = size_asked()  # a wrong name fails here


@pytest.fixture(scope="session")
def size() -> Size:
    return SIZE


@pytest.fixture(scope="session")
def world(size: Size) -> World:
    return World(size.accounts, size.instruments)


@pytest.fixture(scope="session")
def small_world(size: Size) -> World:
    """A world with as many instruments but 5 accounts: 25 thousand holdings instead of 25
    million."""
    return World(5, size.instruments)


def loaded(world: World) -> mvcore.Book:
    book = mvcore.Book()
    book.load(holdings=world.holdings(), **world.masters())
    return book


@pytest.fixture(scope="session")
def loaded_book(world: World) -> mvcore.Book:
    return loaded(world)


@pytest.fixture(scope="session")
def loaded_small_book(small_world: World) -> mvcore.Book:
    return loaded(small_world)


@pytest.fixture(scope="session")
def cash_world(size: Size) -> CashWorld:
    return CashWorld(size.accounts, size.instruments)


@pytest.fixture(scope="session")
def cash_book(cash_world: CashWorld) -> mvcore.Book:
    """A book with cash. Nothing changes it."""
    return loaded(cash_world)


def put_back(book: mvcore.Book, world: World) -> None:
    book.ticks(np.arange(world.instruments, dtype=np.int32), world.prices, scale=PRICE_SCALE)


@pytest.fixture
def book(loaded_book: mvcore.Book, world: World) -> Iterator[mvcore.Book]:
    """The book at the initial prices."""
    yield loaded_book
    put_back(loaded_book, world)


@pytest.fixture
def small_book(loaded_small_book: mvcore.Book, small_world: World) -> Iterator[mvcore.Book]:
    yield loaded_small_book
    put_back(loaded_small_book, small_world)


@pytest.fixture(scope="session")
def orders(world: World) -> OrderWorld:
    return OrderWorld(world)


@pytest.fixture(scope="session")
def loaded_order_book(world: World, orders: OrderWorld) -> mvcore.Book:
    book = mvcore.Book()
    tables = {"holdings": world.holdings("by instrument"), "orders": orders.table()}
    book.load(**tables, **orders.masters())
    return book


@pytest.fixture
def order_book(loaded_order_book: mvcore.Book, world: World) -> Iterator[mvcore.Book]:
    """The book with orders, at the initial prices."""
    yield loaded_order_book
    put_back(loaded_order_book, world)


@pytest.fixture(scope="session")
def numba_kernels() -> Any:
    pytest.importorskip("numba")
    import numba_kernels

    return numba_kernels


@pytest.fixture(params=["mvcore", "numpy", "numba"])
def who(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kernels(who: str, request: pytest.FixtureRequest) -> Any:
    """numba's functions (compiled at the first call) if the contender uses them, else None."""
    return request.getfixturevalue("numba_kernels") if "numba" in who else None


@pytest.fixture
def measure(benchmark: Any, size: Size) -> Callable[..., Any]:
    """Time `call`, which makes `calls` calls of the operation, and check its result.

    A batch of calls amortizes the harness (a fraction of a microsecond per round). The Python loop
    over the batch is included. `setup` runs before each round and is not timed.
    """

    def run(
        operation: str,
        who: str,
        call: Callable[[], Any],
        check: Check,
        *,
        calls: int = 1,
        setup: Callable[[], None] | None = None,
        rounds: int | None = None,
    ) -> Any:
        def once() -> float:
            if setup is not None:
                setup()
            start = time.perf_counter()
            answer = call()
            spent = time.perf_counter() - start
            check(answer)
            return spent

        if rounds is None:
            once()  # compiles, builds indexes, touches memory
            least, most = size.rounds
            rounds = int(min(max(size.seconds / once(), least), most))
        benchmark.group = operation
        benchmark.extra_info.update(who=who, calls=calls)
        answer = benchmark.pedantic(call, setup=setup, rounds=rounds)
        check(answer)
        return answer

    return run


@pytest.fixture(scope="session")
def check_prices() -> Callable[[mvcore.Book, Any], None]:
    def check(book: mvcore.Book, prices: Any) -> None:
        assert book.prices()["price"] == [decimal_of(p) for p in prices.tolist()]

    return check
