"""Accounts whose positions have different scales: the values equal those of the reference model.

Positions of one currency and scale are a unit. The fast path of `value` adds up units in 128 bits.
"""

from __future__ import annotations

import random
from decimal import Decimal as D
from typing import Any

import pytest

import mvcore
from reference import ReferenceBook

CURRENCIES = ("USD", "EUR", "JPY")
ACCOUNTS = [f"A{a}" for a in range(12)]


def number(dice: random.Random, digits: int, decimals: int) -> str:
    size = D(dice.randrange(10 ** (digits + decimals))).scaleb(-decimals)
    return f"{-size if dice.randrange(3) == 0 else size:f}"


def tables(dice: random.Random, digits: int) -> dict[str, dict[str, list[Any]]]:
    """Shares and cash in cents of each currency, and instruments of other scales."""
    instruments = [f"{kind} {c}" for c in CURRENCIES for kind in ("CASH", "SHARE", "COIN", "NOTE")]
    decimals = {"CASH": (2, 0), "SHARE": (0, 4), "COIN": (8, 2), "NOTE": (1, 7)}
    pairs = [(a, i) for a in ACCOUNTS for i in instruments if dice.random() < 0.8]
    return {
        "accounts": {"account": ACCOUNTS},
        "instruments": {"instrument": instruments, "currency": [i[-3:] for i in instruments]},
        "prices": {
            "instrument": instruments,
            "price": [
                "1" if i[:4] == "CASH" else number(dice, digits, decimals[i.split()[0]][1])
                for i in instruments
            ],
        },
        "fx": {"currency": ["EUR", "JPY"], "rate": ["1.0837", "150.25"],
               "method": ["multiply", "divide"]},
        "holdings": {
            "account": [a for a, _ in pairs],
            "instrument": [i for _, i in pairs],
            "quantity": [number(dice, digits, decimals[i.split()[0]][0] or 1) for _, i in pairs],
        },
    }  # fmt: skip


def both(value_scale: int = 8) -> tuple[mvcore.Book, ReferenceBook]:
    options = {"base_currency": "USD", "value_scale": value_scale}
    return mvcore.Book(**options), ReferenceBook(**options)


def check(book: mvcore.Book, model: ReferenceBook) -> None:
    for account in ACCOUNTS:
        for currency in (None, *CURRENCIES):
            got, want = book.value(account, currency), model.value(account, currency)
            assert (got.sod, got.current, got.expected) == (want.sod, want.current, want.expected)
            assert got.unpriced == want.unpriced


# Most sums of prices with 10 digits before the point fit 128 bits, those with 13 digits do not.
@pytest.mark.parametrize("digits", [2, 5, 10, 13])
@pytest.mark.parametrize("value_scale", [0, 2, 8])
def test_values_of_several_units_are_exact(digits: int, value_scale: int) -> None:
    dice = random.Random(digits)
    loaded = tables(dice, digits)
    book, model = both(value_scale)
    for one in (book, model):
        one.load(**loaded)
    check(book, model)
    # A price with more decimals moves an instrument to another unit.
    for instrument in ("SHARE USD", "NOTE EUR", "CASH JPY"):
        price = number(dice, digits, 10)
        for one in (book, model):
            one.tick(instrument, price)
        check(book, model)
    # An order makes the three measures differ.
    order = {"order": ["o1"], "account": ["A1"], "instrument": ["CASH USD"],
             "order_quantity": ["10.25"], "filled_quantity": ["0.5"],
             "status": ["partially_filled"]}  # fmt: skip
    for one in (book, model):
        one.update(orders=order)
    check(book, model)
    # Without a rate, or a price, positions count as unpriced.
    for one in (book, model):
        one.remove(fx=["EUR"])
    for account in ACCOUNTS:
        assert book.value(account) == model.value(account)
    for one in (book, model):
        one.remove(prices=["SHARE JPY"])
    for account in ACCOUNTS:
        assert book.value(account) == model.value(account)


@pytest.mark.parametrize("cents", ["0.005", "0.015", "-0.005", "0.0050000001"])
def test_units_add_up_before_they_are_rounded(cents: str) -> None:
    book, model = both(2)
    for one in (book, model):
        one.load(
            accounts={"account": ["A0"]},
            instruments={"instrument": ["SHARE", "CASH"], "currency": ["USD"] * 2},
            prices={"instrument": ["SHARE", "CASH"], "price": ["0.005", "1"]},
            holdings={"account": ["A0"] * 2, "instrument": ["SHARE", "CASH"],
                      "quantity": ["1", cents]},
        )  # fmt: skip
    assert book.value("A0").current == model.value("A0").current
    exact = D("0.005") + D(cents)
    assert book.value("A0").current == exact.quantize(D("0.01"))


def test_a_value_of_two_units_beyond_38_digits_is_an_error() -> None:
    book, _ = both(8)
    most = "9" * 20
    book.load(
        accounts={"account": ["A0", "A1"]},
        instruments={"instrument": ["LAND", "CASH"], "currency": ["USD"] * 2},
        prices={"instrument": ["LAND", "CASH"], "price": [most, "1"]},
        holdings={"account": ["A0", "A0", "A1", "A1"], "instrument": ["LAND", "CASH"] * 2,
                  "quantity": [most, "0.25", "100", "0.25"]},
    )  # fmt: skip
    with pytest.raises(mvcore.ValueOverflow):
        book.value("A0")
    assert book.value("A1").current == int(most) * 100 + D("0.25")
