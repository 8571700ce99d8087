"""Order reports, one by one and in batches. Each fills a random order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataset import World, amounts
from orders_dataset import OrderWorld, Reports

BATCH = 10_000
MORE = 7  # held in every other round beyond the first quantity


@pytest.fixture
def hand(orders: OrderWorld) -> Any:
    """An expert's arrays: filled by order, nets by instrument and by account."""
    nets = np.stack(list(orders.measures().values()))
    return orders.filled.copy(), nets, np.ascontiguousarray(nets.transpose(0, 2, 1))


def compare(who: str, got: Any, reports: Reports, world: World, measures: Any) -> None:
    """Compare totals of all accounts. Expected ones too: a fill does not change them."""
    want = reports.current(measures, world.prices)
    if who == "mvcore":
        frame = got.values(measures=("current", "expected"))
        assert (frame.to_numpy("current", scaled=True) == amounts(want)).all()
        expected = amounts(world.prices @ measures["expected"])
        assert (frame.to_numpy("expected", scaled=True) == expected).all()
        return
    _, nets, nets_by_account = got
    assert (world.prices @ nets[1] == want).all()
    assert (nets_by_account[1] @ world.prices == want).all()


@pytest.mark.parametrize("who", ["mvcore", "numpy", "numba"])
def test_one_order_fact(
    who: str, size: Any, world: World, orders: OrderWorld, order_book: Any, hand: Any,
    measure: Any, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    reports = Reports(orders, min(size.calls, orders.count))
    measures = orders.measures()
    instruments, accounts = reports.instruments.tolist(), reports.accounts.tolist()
    named = (
        reports.ids.tolist(),
        [world.account_names[a] for a in accounts],
        [world.instrument_names[i] for i in instruments],
        reports.quantity.tolist(),
    )
    calls: list[Any] = []
    filled, nets, nets_by_account = hand
    if who == "numba":
        request.getfixturevalue("numba_kernels")
        from numba_orders import order

    def prepare() -> None:
        reports.turn()
        done = reports.filled[reports.now].tolist()
        if who == "mvcore":
            calls[:] = zip(*named, done, reports.status(), strict=True)
        else:
            calls[:] = zip(named[0], instruments, accounts, done, strict=True)

    def with_mvcore() -> Any:
        one = order_book.order
        for ident, account, instrument, quantity, done, status in calls:
            one(ident, account, instrument, quantity, done, status)
        return order_book

    def with_numpy() -> Any:
        for k, i, a, done in calls:
            change = done - filled[k]
            filled[k] = done
            nets[1, i, a] += change
            nets_by_account[1, a, i] += change
        return hand

    def with_numba() -> Any:
        for k, i, a, done in calls:
            order(k, i, a, done, filled, nets, nets_by_account)
        return hand

    def check(got: Any) -> None:
        compare(who, got, reports, world, measures)

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure("order fact: one call each", who, call, check, calls=len(reports.ids), setup=prepare)
    restore(who, reports, orders, order_book)


@pytest.mark.parametrize("who", ["mvcore", "numpy", "numba"])
def test_order_facts_in_a_batch(
    who: str, world: World, orders: OrderWorld, order_book: Any, hand: Any, measure: Any,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """Partial rows: id, filled quantity, status."""
    reports = Reports(orders, min(BATCH, orders.count // 2))
    measures = orders.measures()
    tables: list[pa.Table] = []
    filled, nets, nets_by_account = hand
    if who == "numba":
        request.getfixturevalue("numba_kernels")
        from numba_orders import orders as kernel

    def prepare() -> None:
        reports.turn()
        done = reports.filled[reports.now]
        columns = {"order": reports.ids, "filled_quantity": done, "status": reports.status()}
        tables[:] = [pa.table(columns)]

    def with_mvcore() -> Any:
        order_book.update(orders=tables[0])
        return order_book

    def with_numpy() -> Any:
        ids, i, a = reports.ids, reports.instruments, reports.accounts
        done = reports.filled[reports.now]
        change = done - filled[ids]
        filled[ids] = done
        np.add.at(nets[1], (i, a), change)
        np.add.at(nets_by_account[1], (a, i), change)
        return hand

    def with_numba() -> Any:
        done = reports.filled[reports.now]
        kernel(
            reports.ids, reports.instruments, reports.accounts, done,
            filled, nets, nets_by_account,
        )  # fmt: skip
        return hand

    def check(got: Any) -> None:
        compare(who, got, reports, world, measures)

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    name = "order fact: in a batch of 10,000"
    measure(name, who, call, check, calls=len(reports.ids), setup=prepare)
    restore(who, reports, orders, order_book)


@pytest.mark.parametrize("who", ["mvcore", "numpy"])
@pytest.mark.parametrize("what", ["one holding", "an order and a holding"])
def test_small_update(
    what: str, who: str, size: Any, world: World, orders: OrderWorld, order_book: Any, hand: Any,
    measure: Any,
) -> None:  # fmt: skip
    """Each call brings its tables as dicts of lists."""
    reports = Reports(orders, min(size.calls, orders.count))
    measures = orders.measures()
    with_order = what != "one holding"
    instruments, accounts = reports.instruments.tolist(), reports.accounts.tolist()
    held = world.held[reports.instruments, reports.accounts]
    account_names = [world.account_names[a] for a in accounts]
    instrument_names = [world.instrument_names[i] for i in instruments]
    calls: list[Any] = []
    filled, nets, nets_by_account = hand

    def prepare() -> None:
        reports.turn()
        quantity = (held + MORE * reports.now).tolist()
        done = reports.filled[reports.now].tolist()
        ids = reports.ids.tolist()
        if who == "mvcore":
            rows = account_names, instrument_names, quantity, ids, done, reports.status()
        else:
            rows = accounts, instruments, quantity, ids, done
        calls[:] = zip(*rows, strict=True)

    def with_mvcore() -> Any:
        update = order_book.update
        for account, instrument, quantity, ident, done, status in calls:
            holding = {"account": [account], "instrument": [instrument], "quantity": [quantity]}
            if with_order:
                order = {"order": [ident], "filled_quantity": [done], "status": [status]}
                update(holdings=holding, orders=order)
            else:
                update(holdings=holding)
        return order_book

    def with_numpy() -> Any:
        for a, i, quantity, k, done in calls:
            change = quantity - nets[0, i, a]
            nets[:, i, a] += change
            nets_by_account[:, a, i] += change
            if with_order:
                change = done - filled[k]
                filled[k] = done
                nets[1, i, a] += change
                nets_by_account[1, a, i] += change
        return hand

    def check(got: Any) -> None:
        cells = np.unique([reports.instruments, reports.accounts], axis=1)
        more = np.zeros(world.accounts, np.int64)
        np.add.at(more, cells[1], MORE * reports.now * world.prices[cells[0]])
        start = world.prices @ measures["current"]
        current = more + (reports.current(measures, world.prices) if with_order else start)
        if who == "mvcore":
            frame = got.values(measures=("sod", "current"))
            assert (frame.to_numpy("current", scaled=True) == amounts(current)).all()
            assert (frame.to_numpy("sod", scaled=True) == amounts(world.totals + more)).all()
            return
        assert (world.prices @ nets[1] == current).all()
        assert (nets_by_account[0] @ world.prices == world.totals + more).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy}[who]
    measure(f"update of {what}", who, call, check, calls=len(reports.ids), setup=prepare)
    if who == "mvcore":
        order_book.update(holdings=world.holdings("by instrument"))
    restore(who, reports, orders, order_book)


def restore(who: str, reports: Reports, orders: OrderWorld, book: Any) -> None:
    """Restore the orders, because the tests share the book."""
    if who == "mvcore":
        book.update(orders=orders.rows(reports.ids))
