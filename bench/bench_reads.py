"""Reads of present values: one account, one instrument, the whole book."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from cash_dataset import in_value_units
from dataset import World, amounts, decimal_of, text_of


@pytest.mark.parametrize("cash", [False, True], ids=["shares", "shares and cash"])
def test_value_of_an_account(
    cash: bool, who: str, size: Any, kernels: Any, measure: Any, request: pytest.FixtureRequest
) -> None:
    """Random accounts. The other contenders have a second copy of the quantities, by account.

    With cash, each account has one more position, in cents. It is another unit of USD.
    """
    world = request.getfixturevalue("cash_world" if cash else "world")
    book = request.getfixturevalue("cash_book" if cash else "book")
    accounts = world.some(world.accounts, size.calls // 4).tolist()
    names = [world.account_names[a] for a in accounts]
    by_account, prices = world.by_account, world.prices
    if cash:  # a column of cents, at the price of a cent
        by_account = np.column_stack([by_account, world.cash.astype(np.int32)])
        prices = np.append(prices, in_value_units(1))
    want = world.totals[accounts].tolist()
    if who == "mvcore":
        assert book.stats()["positions"] == np.count_nonzero(by_account)

    def with_mvcore() -> list[Any]:
        value = book.value
        return [value(name) for name in names]

    def with_numpy() -> list[Any]:
        return [by_account[a] @ prices for a in accounts]

    def with_numba() -> list[Any]:
        total = kernels.account_total
        return [total(a, prices, by_account) for a in accounts]

    def check(got: list[Any]) -> None:
        if who == "mvcore":
            assert [v.current for v in got] == [decimal_of(w) for w in want]
            assert {v.unpriced for v in got} == {0}
        else:
            assert got == want

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    operation = "value of an account" + (", with cash" if cash else "")
    measure(operation, who, call, check, calls=len(names))


@pytest.mark.parametrize("asked", ["totals ready", "Decimals of one column"])
@pytest.mark.parametrize("who", ["mvcore", "numpy", "numba", "numba, one thread"])
def test_values_by_account_of_the_whole_book(
    asked: str, who: str, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """A price moves back and forth before each round, so that no result can be cached."""
    decimals = asked == "Decimals of one column"
    threads = 2 if who == "numba" and len(os.sched_getaffinity(0)) > 1 else 1
    partial = np.zeros((threads, world.accounts), np.int64)
    name, price = world.instrument_names[0], int(world.prices[0])
    there, back = text_of(price + 1), text_of(price)

    def with_mvcore() -> Any:
        frame = book.values(by="account", measures="current")
        return frame["current"] if decimals else frame

    def finish(totals: Any) -> Any:
        return [decimal_of(t) for t in totals.tolist()] if decimals else totals

    def with_numpy() -> Any:
        return finish(world.totals_at(world.prices))

    def with_numba() -> Any:
        if threads == 1:
            kernels.add_rows(world.prices, world.held, partial[0])
        else:
            kernels.whole_book(world.prices, world.held, partial)
        return finish(partial[0])

    def check(got: Any) -> None:
        if decimals:
            assert got == [decimal_of(t) for t in world.totals.tolist()]
        elif who == "mvcore":
            assert got["account"] == world.account_names
            assert (got.to_numpy("current", scaled=True) == amounts(world.totals)).all()
            assert not got.to_numpy("unpriced").any()
        else:
            assert (got == world.totals).all()

    def move() -> None:
        if who == "mvcore":
            book.tick(name, there)
            book.tick(name, back)

    call = {"mvcore": with_mvcore, "numpy": with_numpy}.get(who, with_numba)
    measure(f"values by account, whole book: {asked}", who, call, check, setup=move)


@pytest.mark.parametrize("asked", ["frame made", "market values as an array"])
def test_revalue(
    asked: str, who: str, size: Any, world: World, book: Any, kernels: Any, measure: Any
) -> None:
    """Read random instruments.

    The other contenders compute the values at once, so their two rows are the same. Only the second
    row compares like with like.
    """
    instruments = world.some(world.instruments, size.calls // 10).tolist()
    names = [world.instrument_names[i] for i in instruments]
    array = asked == "market values as an array"
    held, prices = world.held, world.prices

    def with_mvcore() -> list[Any]:
        frames = map(book.revalue, names)
        return [f.to_numpy("market_value", scaled=True) for f in frames] if array else list(frames)

    def with_numpy() -> list[Any]:
        return [held[i] * prices[i] for i in instruments]

    def with_numba() -> list[Any]:
        out = []
        for i in instruments:
            values = np.empty(world.accounts, np.int64)
            kernels.instrument_values(i, prices, held, values)
            out.append(values)
        return out

    def check(got: list[Any]) -> None:
        assert len(got) == len(instruments)
        for i, values in zip(instruments, got, strict=True):
            there = held[i] != 0  # a quantity of 0 is not a holding
            want = held[i].astype(np.int64) * prices[i]
            if who != "mvcore":
                assert (values == want).all()
                continue
            if not array:
                assert values.epoch == book.epoch
                assert (values.codes("account") == np.nonzero(there)[0]).all()
                values = values.to_numpy("market_value", scaled=True)
            assert (values == amounts(want[there])).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"revalue of an instrument: {asked}", who, call, check, calls=len(names))
