"""A price comes in: one by one, and the whole board in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataset import PRICE_SCALE, World, amounts, text_of

BOOKS = {"whole book": ("world", "book"), "a few accounts": ("small_world", "small_book")}


def test_loop(size: Any, world: World, measure: Any) -> None:
    """What the loop in Python adds to each figure of `test_tick`."""
    batch = list(zip(*(a.tolist() for a in world.stream(size.calls)), strict=True))

    def loop() -> int:
        instrument = -1
        for instrument, _price in batch:
            pass
        return instrument

    def check(last: int) -> None:
        assert last == batch[-1][0]

    measure("the loop around a tick", "loop", loop, check, calls=len(batch))


def last_prices(world: World, codes: Any, prices: Any) -> Any:
    """The prices after the ticks, one after the other."""
    out = world.prices.copy()
    for code, price in zip(codes.tolist(), prices.tolist(), strict=True):
        out[code] = price
    return out


@pytest.mark.parametrize("which", BOOKS)
@pytest.mark.parametrize("price_type", ["str", "float"])
@pytest.mark.parametrize("key", ["name", "code"])
def test_tick(
    key: str, price_type: str, which: str, who: str, size: Any, kernels: Any, measure: Any,
    check_prices: Any, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """The others store the price too, and nothing else; they are given a code and scale by hand."""
    world, book = (request.getfixturevalue(name) for name in BOOKS[which])
    codes, prices = world.stream(size.calls)
    want = last_prices(world, codes, prices)
    keys = codes.tolist() if key == "code" else [world.instrument_names[c] for c in codes]
    if price_type == "str":
        said = [text_of(p) for p in prices.tolist()]
    else:
        said = (prices / 10**PRICE_SCALE).tolist()
    batch = list(zip(keys, said, strict=True))
    board = world.prices.copy()
    code_of = {name: code for code, name in enumerate(world.instrument_names)}
    code_of.update((code, code) for code in range(world.instruments))

    def with_mvcore() -> None:
        tick = book.tick
        for instrument, price in batch:
            tick(instrument, price)

    def with_numpy() -> None:
        for instrument, price in batch:
            board[code_of[instrument]] = round(float(price) * 10**PRICE_SCALE)

    def with_numba() -> None:
        set_price = kernels.set_price
        for instrument, price in batch:
            set_price(code_of[instrument], round(float(price) * 10**PRICE_SCALE), board)

    def check(_: None) -> None:
        if who == "mvcore":
            check_prices(book, want)
        else:
            assert (board == want).all()

    before = book.epoch
    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(
        f"tick by {key}, price as {price_type}, {world.rows:,} holdings", who, call, check,
        calls=len(batch),
    )  # fmt: skip
    assert (book.epoch - before) % len(batch) == 0
    assert (book.epoch > before) == (who == "mvcore")


@pytest.mark.parametrize("form", ["floats", "scaled integers"])
def test_ticks(
    form: str, who: str, world: World, book: Any, kernels: Any, measure: Any, check_prices: Any
) -> None:
    codes, prices = world.whole_board()
    want = last_prices(world, codes, prices)
    floats = prices / 10**PRICE_SCALE
    scaled = form == "scaled integers"
    board = world.prices.copy()

    def with_mvcore() -> None:
        if scaled:
            book.ticks(codes, prices, scale=PRICE_SCALE)
        else:
            book.ticks(codes, floats)

    def with_numpy() -> None:
        board[codes] = prices if scaled else np.rint(floats * 10**PRICE_SCALE)

    def with_numba() -> None:
        if scaled:
            kernels.set_prices(codes, prices, board)
        else:
            kernels.set_float_prices(codes, floats, board)

    def check(_: None) -> None:
        if who == "mvcore":
            check_prices(book, want)
        else:
            assert (board == want).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"ticks of all instruments, codes with {form}", who, call, check)
    if who == "mvcore":
        totals = book.values(measures="current").to_numpy("current", scaled=True)
        assert (totals == amounts(world.totals_at(want))).all()
