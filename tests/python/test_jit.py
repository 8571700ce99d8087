"""Code compiled by numba ticks and reads a book through the C API."""

from decimal import Decimal as D

import numpy as np
import pytest

import mvcore
from order_facts import START

numba = pytest.importorskip("numba")

from mvcore import jit  # noqa: E402 (needs numba)


@numba.njit(nogil=True)
def play(book, codes, prices, scale, account, out, every):
    """Apply all ticks, and add up the current value after every `every` ticks."""
    total = 0
    for k in range(len(codes)):
        if jit.tick(book, codes[k], prices[k], scale) != jit.OK:
            return -1
        if k % every == 0:
            if jit.value(book, account, out) != jit.OK:
                return -2
            total += out[jit.CURRENT]
    return total


@numba.njit
def tick(book, code, price, scale):
    return jit.tick(book, code, price, scale)


@numba.njit
def value(book, account, out):
    return jit.value(book, account, out)


def test_compiled_ticks_equal_those_of_python(book) -> None:
    random = np.random.default_rng(1)
    codes = random.choice(book.instrument_codes(["AAPL", "BUND"]), 10_000)
    prices = random.integers(-(10**6), 10**6, 10_000)
    account = int(jit.account_codes(book, ["A1"])[0])
    out = np.zeros(jit.VALUE_SIZE, np.int64)
    epoch = book.epoch
    got = play(jit.handle(book), codes, prices, 4, account, out, 10)
    assert book.epoch == epoch + 10_000
    jit_end = book.values().to_pylist()
    book.ticks(["AAPL", "BUND"], [150.25, 98.7])  # the original prices
    want = 0
    for k, (code, price) in enumerate(zip(codes.tolist(), prices.tolist(), strict=True)):
        book.tick(code, D(price).scaleb(-4))
        if k % 10 == 0:
            want += int(book.value("A1").current.scaleb(8))
    assert got == want
    assert book.values().to_pylist() == jit_end


def test_a_compiled_value_has_every_field(ordered) -> None:
    out = np.zeros(jit.VALUE_SIZE, np.int64)
    for name, code in zip(("A1", "A2"), jit.account_codes(ordered, ["A1", "A2"]), strict=True):
        for currency in ("USD", "EUR"):
            worth = ordered.value(name, currency)
            asked = jit.currency_code(ordered, currency)
            assert jit.value_in(jit.handle(ordered), code, asked, out) == jit.OK
            assert [D(int(v)).scaleb(-8) for v in out[:3]] == [*worth[1:4]]
            assert out[3:].tolist() == [worth.unpriced, worth.epoch]


def test_an_amount_beyond_64_bits_leaves_the_array_unchanged(book) -> None:
    book.update(holdings={"account": ["A2"], "instrument": ["AAPL"], "quantity": [10**9]})
    out = np.arange(jit.VALUE_SIZE)
    code = jit.account_codes(book, "A2")[0]
    assert jit.value(jit.handle(book), code, out) == jit.VALUE_OVERFLOW
    assert out.tolist() == list(range(jit.VALUE_SIZE))


def test_compiled_ticks_take_times(book) -> None:
    code = int(book.instrument_codes(["AAPL"])[0])
    h = jit.handle(book)
    assert jit.tick_at(h, code, 2, 0, START + 999) == jit.OK  # older than the held price
    assert book.stats()["late_prices"] == 1
    assert jit.tick_at(h, code, 2, 0, START + 1_001) == jit.OK
    assert book.prices()["price"][0] == 2


def test_compiled_calls_return_error_codes(book) -> None:
    h, out, epoch = jit.handle(book), np.zeros(jit.VALUE_SIZE, np.int64), book.epoch
    code = int(book.instrument_codes(["AAPL"])[0])
    for wrong in (-1, 3, 2**31, 2**32, -(2**63)):
        assert tick(h, wrong, 1, 0) == jit.UNKNOWN_ID
        assert value(h, wrong, out) == jit.UNKNOWN_ID
    for wrong in (-2, 77, 2**32, 2**32 - 1, -(2**63)):
        assert jit.value_in(h, 0, wrong, out) == jit.UNKNOWN_ID
    for scale in (-1, 19, 2**32):
        assert tick(h, code, 1, scale) == jit.INVALID_INPUT
    assert value(h, 0, out[:4]) == jit.INVALID_INPUT
    assert not out.any() and book.epoch == epoch
    book.tick("AAPL", 10**12)
    assert value(h, 0, out) == jit.VALUE_OVERFLOW
    book.close()
    assert tick(h, code, 1, 0) == value(h, 0, out) == jit.CLOSED


def test_arguments_that_are_not_integers_do_not_compile(book) -> None:
    h = jit.handle(book)
    with pytest.raises((TypeError, numba.TypingError)):
        tick(h, 0, 1.5, 0)
    with pytest.raises((TypeError, numba.TypingError)):
        value(h, 0, np.zeros(jit.VALUE_SIZE))


def test_a_handle_needs_a_book() -> None:
    with pytest.raises(mvcore.InvalidInput, match="is not a book"):
        jit.handle(3)
