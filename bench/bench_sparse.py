"""A tick of the sparse book, with the totals of all its accounts kept up to date."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mvcore
from dataset import PRICE_SCALE, amounts
from sparse_dataset import SIZES, SparseWorld

WHICH = ("instruments at random", "instruments as they are held")


@pytest.fixture(scope="module")
def sparse(size: Any) -> SparseWorld:
    return SparseWorld(*SIZES[size.name])


@pytest.fixture(scope="module")
def sparse_book(sparse: SparseWorld) -> mvcore.Book:
    book = mvcore.Book()
    book.load(holdings=sparse.holdings(), **sparse.masters())
    return book


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("who", ["mvcore", "mvcore without the view", "numpy", "numba"])
def test_sparse_tick_with_an_incremental_view_of_all_accounts(
    which: str, who: str, size: Any, sparse: SparseWorld, sparse_book: mvcore.Book, kernels: Any,
    measure: Any,
) -> None:  # fmt: skip
    """The view's cost per tick is the difference of the first two.

    The other contenders have, for each instrument, the numbers of the accounts that hold it.
    """
    starts, owners, quantities = sparse.by_instrument
    random = np.random.default_rng(27)
    share = np.diff(starts) / sparse.rows if which == WHICH[1] else None
    codes = random.choice(sparse.instruments, size.calls // 2, p=share)
    board = sparse.prices.copy()
    totals = sparse.totals_at(board)
    ticks: list[tuple[int, float]] = []
    scaled: list[tuple[int, int]] = []
    view = None
    if who == "mvcore":
        view = sparse_book.view(by="account", measures="current", mode="incremental")

    def new() -> None:
        prices = random.integers(100_000, 1_900_000, len(codes))
        scaled[:] = zip(codes.tolist(), prices.tolist(), strict=True)
        ticks[:] = zip(codes.tolist(), (prices / 10**PRICE_SCALE).tolist(), strict=True)

    def with_mvcore() -> None:
        tick = sparse_book.tick
        for code, price in ticks:
            tick(code, price)

    def with_numpy() -> None:
        for code, price in scaled:
            here = slice(starts[code], starts[code + 1])
            totals[owners[here]] += quantities[here] * (price - board[code])
            board[code] = price

    def with_numba() -> None:
        tick_totals = kernels.sparse_tick_totals
        for code, price in scaled:
            tick_totals(code, price, board, starts, owners, quantities, totals)

    def check(_: None) -> None:
        prices = sparse.prices.copy()
        for code, price in scaled:
            prices[code] = price
        want = sparse.totals_at(prices)
        if view is not None:
            swept = view.stats()["cells_swept"]
            got = view.read().to_numpy("current", scaled=True)
            assert view.stats()["cells_swept"] == swept  # it was up to date
        elif who == "mvcore without the view":
            got = sparse_book.values(measures="current").to_numpy("current", scaled=True)
        else:
            got = amounts(totals)
        assert (got == amounts(want)).all()

    call = {"numpy": with_numpy, "numba": with_numba}.get(who, with_mvcore)
    what = f"tick with an incremental view of all accounts, sparse book, {which}"
    measure(what, who, call, check, calls=len(codes), setup=new)
    if view is not None:
        view.close()
    sparse_book.ticks(np.arange(sparse.instruments), sparse.prices, scale=PRICE_SCALE)
