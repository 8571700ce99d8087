"""Valuation functions over the whole book: the core's overhead over a hand-written loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mvcore
from dataset import PRICE_SCALE, World

numba = pytest.importorskip("numba")


@mvcore.measure
def carry(quantity, price, multiplier):
    return quantity * price * multiplier * 0.05 / 365


@numba.njit(nogil=True)
def loop(held, prices, out):
    for i in range(held.shape[0]):
        price = prices[i]
        for a in range(held.shape[1]):
            out[a] += held[i, a] * price * 1.0 * 0.05 / 365


@pytest.fixture
def wanted(world: World) -> Any:
    """Values by account, summed in order of instruments like the core: equal bits."""
    out = np.zeros(world.accounts)
    prices = world.prices / 10**PRICE_SCALE
    for i in range(world.instruments):
        out += world.held[i] * prices[i] * 1.0 * 0.05 / 365
    return out


def test_a_function_by_account_of_the_whole_book(
    who: str, world: World, book: Any, wanted: Any, measure: Any
) -> None:
    prices = world.prices / 10**PRICE_SCALE

    def with_mvcore() -> Any:
        return book.values(by="account", measures=carry).to_numpy("carry")

    def with_numpy() -> Any:
        return prices * 0.05 / 365 @ world.held

    def with_numba() -> Any:
        out = np.zeros(world.accounts)
        loop(world.held, prices, out)
        return out

    def check(got: Any) -> None:
        if who == "numpy":  # another order of summation
            np.testing.assert_allclose(got, wanted, rtol=1e-12)
        else:
            assert (got == wanted).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure("a function of the user's by account, whole book", who, call, check)


@pytest.mark.parametrize("who", ["mvcore", "numba"])
def test_ticks_of_a_compiled_loop(
    who: str, size: Any, world: World, book: Any, measure: Any, check_prices: Any
) -> None:
    """The other contender writes the price into an array."""
    from mvcore import jit

    @numba.njit(nogil=True)
    def through_the_book(handle, codes, prices, scale):
        failed = 0
        for k in range(len(codes)):
            failed |= jit.tick(handle, codes[k], prices[k], scale)
        return failed

    @numba.njit(nogil=True)
    def into_an_array(codes, prices, board):
        for k in range(len(codes)):
            board[codes[k]] = prices[k]
        return 0

    turns = world.stream(size.calls * 10)
    board = world.prices.copy()

    def call() -> int:
        prices = turns.prices[turns.now]
        if who == "mvcore":
            return through_the_book(jit.handle(book), turns.codes, prices, PRICE_SCALE)
        return into_an_array(turns.codes, prices, board)

    def check(failed: int) -> None:
        assert failed == 0
        if who == "mvcore":
            check_prices(book, turns.board)
        else:
            assert (board == turns.board).all()

    measure("a tick in a compiled loop", who, call, check, calls=len(turns.codes), setup=turns.turn)
