"""Ticks: one by one, and a price of every instrument in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataset import MOVES, PRICE_SCALE, World, amounts, text_of

FEW = 20  # ticks of a small call
BOOKS = {"whole book": ("world", "book"), "a few accounts": ("small_world", "small_book")}


def test_the_loop_around_a_tick(size: Any, world: World, measure: Any) -> None:
    """The overhead of the Python loop in each result of `test_one_tick`."""
    batch = [(code, None) for code in world.stream(size.calls).codes.tolist()]

    def loop() -> int:
        last = -1
        for instrument, _ in batch:
            last = instrument
        return last

    def check(last: int) -> None:
        assert last == batch[-1][0]

    measure("the loop around a tick", "loop", loop, check, calls=len(batch))


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("which", BOOKS)
@pytest.mark.parametrize("price_type", ["str", "float"])
@pytest.mark.parametrize("key", ["name", "code"])
def test_one_tick(
    key: str, price_type: str, which: str, moves: str, who: str, size: Any, kernels: Any,
    measure: Any, check_prices: Any, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """The other contenders also only store the price. They look up codes and scale by hand."""
    world, book = (request.getfixturevalue(name) for name in BOOKS[which])
    ticks = world.stream(size.calls, moves)
    codes = ticks.codes.tolist()
    keys = codes if key == "code" else [world.instrument_names[c] for c in codes]
    batches = []
    for prices in ticks.prices:
        as_text, as_float = map(text_of, prices.tolist()), (prices / 10**PRICE_SCALE).tolist()
        said = as_text if price_type == "str" else as_float
        batches.append(list(zip(keys, said, strict=True)))
    board = world.prices.copy()
    code_of = dict(zip(keys, codes, strict=True))

    def with_mvcore() -> None:
        tick = book.tick
        for instrument, price in batches[ticks.now]:
            tick(instrument, price)

    def with_numpy() -> None:
        for instrument, price in batches[ticks.now]:
            board[code_of[instrument]] = round(float(price) * 10**PRICE_SCALE)

    def with_numba() -> None:
        set_price = kernels.set_price
        for instrument, price in batches[ticks.now]:
            set_price(code_of[instrument], round(float(price) * 10**PRICE_SCALE), board)

    def check(_: None) -> None:
        if who == "mvcore":
            check_prices(book, ticks.board)
        else:
            assert (board == ticks.board).all()

    before = book.epoch
    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    operation = f"tick by {key}, price as {price_type}, {world.rows:,} holdings, prices {moves}"
    measure(operation, who, call, check, calls=len(codes), setup=ticks.turn)
    assert (book.epoch - before) % len(codes) == 0
    assert (book.epoch > before) == (who == "mvcore")


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("form", ["floats", "scaled integers"])
def test_ticks_of_all_instruments(
    form: str,
    moves: str,
    who: str,
    world: World,
    book: Any,
    kernels: Any,
    measure: Any,
    check_prices: Any,
) -> None:
    ticks = world.whole_board(moves)
    codes = ticks.codes
    scaled = form == "scaled integers"
    given = [prices if scaled else prices / 10**PRICE_SCALE for prices in ticks.prices]
    board = world.prices.copy()

    def with_mvcore() -> None:
        if scaled:
            book.ticks(codes, given[ticks.now], scale=PRICE_SCALE)
        else:
            book.ticks(codes, given[ticks.now])

    def with_numpy() -> None:
        new = given[ticks.now]
        board[codes] = new if scaled else np.rint(new * 10**PRICE_SCALE)

    def with_numba() -> None:
        if scaled:
            kernels.set_prices(codes, given[ticks.now], board)
        else:
            kernels.set_float_prices(codes, given[ticks.now], board)

    def check(_: None) -> None:
        if who == "mvcore":
            check_prices(book, ticks.board)
        else:
            assert (board == ticks.board).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    operation = f"ticks of all instruments, codes with {form}, prices {moves}"
    measure(operation, who, call, check, setup=ticks.turn)
    if who == "mvcore":
        totals = book.values(measures="current").to_numpy("current", scaled=True)
        assert (totals == amounts(world.totals_at(ticks.board))).all()


def test_ticks_of_20_by_name(
    who: str, size: Any, world: World, book: Any, kernels: Any, measure: Any, check_prices: Any
) -> None:
    """Names and floats in lists. The other contenders look up codes and scale by hand."""
    ticks = world.stream(size.calls // FEW * FEW)
    names = [world.instrument_names[c] for c in ticks.codes.tolist()]
    given = [(prices / 10**PRICE_SCALE).tolist() for prices in ticks.prices]
    batches = [
        [(names[k : k + FEW], prices[k : k + FEW]) for k in range(0, len(names), FEW)]
        for prices in given
    ]
    board = world.prices.copy()
    code_of = {name: code for code, name in enumerate(world.instrument_names)}

    def with_mvcore() -> None:
        for some, prices in batches[ticks.now]:
            book.ticks(some, prices)

    def with_numpy() -> None:
        for some, prices in batches[ticks.now]:
            board[[code_of[name] for name in some]] = np.rint(np.array(prices) * 10**PRICE_SCALE)

    def with_numba() -> None:
        for some, prices in batches[ticks.now]:
            codes = np.array([code_of[name] for name in some], np.int32)
            kernels.set_float_prices(codes, np.array(prices), board)

    def check(_: None) -> None:
        if who == "mvcore":
            check_prices(book, ticks.board)
        else:
            assert (board == ticks.board).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure("ticks of 20 by name", who, call, check, calls=len(batches[0]), setup=ticks.turn)
