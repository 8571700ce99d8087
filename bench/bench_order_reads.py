"""Reads of the book with orders: three measures of an account, an instrument, everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataset import PRICE_SCALE, World, amounts, text_of
from orders_dataset import EACH, HOUSEHOLD, SECTORS, OrderWorld

MEASURES = ("sod", "current", "expected")
FACTOR = {None: 10, "EUR": 8}  # in tenths: a EUR is 1.25 of the base


def measures_of(frame: Any) -> Any:
    return np.stack([frame.to_numpy(name, scaled=True) for name in MEASURES])


@pytest.mark.parametrize("asked", ["frame made", "market values as an array"])
def test_revalue_with_orders(
    asked: str,
    who: str, size: Any, world: World, orders: OrderWorld, order_book: Any, measure: Any,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """Read random instruments.

    The other contenders know each order by position, and compute the values at once. So only the
    second row compares like with like.
    """
    instruments = world.some(world.instruments, max(size.calls // 10, 2)).tolist()
    names = [world.instrument_names[i] for i in instruments]
    held, prices, each = world.held, world.prices, world.accounts * EACH
    values = np.empty(world.accounts + each, np.int64)
    if who == "numba":
        request.getfixturevalue("numba_kernels")
        from numba_orders import instrument_values

    def with_mvcore() -> Any:
        frames = map(order_book.revalue, names)
        if asked == "frame made":
            return list(frames)[-1]
        for frame in frames:
            frame.to_numpy("market_value", scaled=True)
        return frame

    def with_numpy() -> Any:
        for i in instruments:
            values[: world.accounts] = held[i] * prices[i]
            values[world.accounts :] = orders.quantity[i * each : (i + 1) * each] * prices[i]
        return values

    def with_numba() -> Any:
        for i in instruments:
            instrument_values(i, prices, held, orders.quantity, values)
        return values

    def check(got: Any) -> None:
        i = instruments[-1]
        price = int(prices[i])
        of_orders = orders.quantity[i * each : (i + 1) * each].astype(np.int64) * price
        if who != "mvcore":
            assert (got[: world.accounts] == held[i].astype(np.int64) * price).all()
            assert (got[world.accounts :] == of_orders).all()
            return
        there = held[i] != 0
        found = got.to_numpy("market_value", scaled=True)
        assert (found[: there.sum()] == amounts(held[i][there].astype(np.int64) * price)).all()
        ids = np.array(got["order"][there.sum() :], np.int64)
        assert len(ids) == each
        assert (found[there.sum() :] == amounts(of_orders[ids - i * each])).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"revalue with orders: {asked}", who, call, check, calls=len(names))


@pytest.mark.parametrize("moved", ["one tick", "all moved"])
@pytest.mark.parametrize("currency", [None, "EUR"], ids=["base", "converted"])
@pytest.mark.parametrize("who", ["mvcore", "numba"])
def test_changes_of_the_whole_book(
    who: str, moved: str, currency: str | None, world: World, orders: OrderWorld,
    order_book: Any, measure: Any, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """By account. numba keeps totals in the base currency, and sums anew if all prices moved."""
    nets = np.stack(list(orders.measures().values()))
    board = world.prices.copy()
    totals = np.stack([board @ net for net in nets])
    random = np.random.default_rng(10)
    codes = np.arange(world.instruments, dtype=np.int32)
    mine = board.copy()  # the prices that numba's loop has seen
    now: list[int] = []
    view = None
    if who == "mvcore":
        view = order_book.view(currency=currency)
        assert (measures_of(view.changes()) == amounts(totals) * FACTOR[currency] // 10).all()
    else:
        request.getfixturevalue("numba_kernels")
        from numba_orders import tick_totals, whole_book

    def move() -> None:
        if moved == "all moved":
            board[:] = random.integers(100_000, 1_900_000, len(board))
            if view is not None:
                order_book.ticks(codes, board, scale=PRICE_SCALE)
            return
        now[:] = [int(random.integers(world.instruments))]
        board[now[0]] += int(random.integers(1, 1_000))
        if view is not None:
            order_book.tick(now[0], text_of(int(board[now[0]])))

    def with_mvcore() -> Any:
        return view.changes()

    def with_numba() -> Any:
        if moved == "one tick":
            tick_totals(now[0], int(board[now[0]]), mine, nets, totals)
        else:
            whole_book(board, nets, totals)
        return totals

    def check(got: Any) -> None:
        want = np.stack([board @ net for net in nets])
        if who != "mvcore":
            assert (got == want).all()
            return
        wanted = amounts(want) * FACTOR[currency] // 10
        there = np.ones(world.accounts, bool)
        if moved == "one tick":
            there = nets[:, now[0]].any(axis=0)
        assert (got.codes("account") == np.nonzero(there)[0]).all()
        assert (measures_of(got) == wanted[:, there]).all()

    said = "base currency" if currency is None else "converted"
    call = {"mvcore": with_mvcore, "numba": with_numba}[who]
    measure(f"changes of the whole book, {moved}, {said}", who, call, check, setup=move)
    if view is not None:
        view.close()


SHAPES = {
    "2 accounts": (2, "account"),
    "100 accounts by sector": (100, "sector"),
    "all by household and sector": (None, ("household", "sector")),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_open_a_view_of_the_book_with_orders(
    shape: str, world: World, orders: OrderWorld, order_book: Any, measure: Any
) -> None:
    """Open, read once and close."""
    count, by = SHAPES[shape]
    chosen = world.account_names[: min(count, world.accounts)] if count else None
    shown = slice(0, len(chosen) if chosen else world.accounts)
    worth = orders.measures()["expected"][:, shown] * world.prices[:, None]
    sectors = np.arange(world.instruments) % SECTORS
    by_sector = np.stack([worth[sectors == s].sum(axis=0) for s in range(SECTORS)])
    if by == "account":
        want = worth.sum(axis=0)
    elif by == "sector":
        want = by_sector.sum(axis=1)
    else:
        starts = np.arange(0, world.accounts, HOUSEHOLD)
        want = np.add.reduceat(by_sector, starts, axis=1).T.ravel()

    def call() -> Any:
        with order_book.view(accounts=chosen, by=by) as view:
            return view.changes()

    def check(frame: Any) -> None:
        assert (frame.to_numpy("expected", scaled=True) == amounts(want)).all()

    measure(f"open a view, read it: {shape}", "mvcore", call, check)


def test_memory_of_a_view(world: World, order_book: Any, benchmark: Any) -> None:
    benchmark.group = "memory of a view of 2 accounts"
    with order_book.view(accounts=world.account_names[:2]) as view:
        view.read()
        taken = benchmark.pedantic(lambda: view.stats()["memory"], rounds=2)
    assert taken <= 64 * 1024
    benchmark.extra_info.update(who="mvcore", calls=1, figures={benchmark.group: taken})
