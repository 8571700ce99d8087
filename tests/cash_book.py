"""A book whose fills move cash, for tests with amounts computed by hand.

Account X starts with 20,000 USD. The price of cash is 1, so quantities of cash equal amounts.
"""

from __future__ import annotations

from decimal import Decimal as D

import mvcore

MONEY = {"USD": "dollars", "EUR": "euros", "JPY": "yen", "KWD": "dinars"}  # cash by currency


def tables() -> dict[str, dict[str, list]]:
    """A is a share, FUT a future with multiplier 50, BUND a bond in percent; J and K are
    foreign."""
    return {
        "instruments": {
            "instrument": ["A", "FUT", "BUND", "J", "K", *MONEY.values()],
            "currency": ["USD", "USD", "EUR", "JPY", "KWD", *MONEY],
            "multiplier": [1, 50, 1, 1, 1, *[None] * len(MONEY)],
            "quote_factor": [1, 1, "0.01", 1, 1, *[None] * len(MONEY)],
            "cash": [False] * 5 + [True] * len(MONEY),
        },
        "accounts": {"account": ["X", "Y"], "desk": ["d1", "d2"]},
        "holdings": {"account": ["X"], "instrument": ["dollars"], "quantity": [20_000]},
        "prices": {"instrument": ["A", "FUT", "BUND", "J", "K"], "price": [150, 5000, 99, 1, 1]},
        "fx": {"currency": ["EUR", "JPY", "KWD"], "rate": ["1.1", "0.0065", "3.25"]},
    }


def make(**options) -> mvcore.Book:
    book = mvcore.Book("USD", 18, **{"cash": "from_fills"} | options)
    book.load(**tables())
    return book


def fill(book, order, quantity, filled, average_price=None, **more) -> int:
    named = {"account": "X", "instrument": "A"} | more
    return book.order(
        order,
        order_quantity=quantity,
        filled_quantity=filled,
        average_price=average_price,
        status="partially_filled",
        **named,
    )


def quantities(book, account: str, instrument: str) -> tuple[D, D, D]:
    """The quantities of a position whose price is 1."""
    rows = book.values(account, instrument, by=(), currency="local").to_pylist()
    if not rows:
        return D(0), D(0), D(0)
    return rows[0]["sod"], rows[0]["current"], rows[0]["expected"]


def cash(book, currency: str = "USD", account: str = "X") -> tuple[D, D, D]:
    return quantities(book, account, MONEY[currency])


def moved(book, currency: str = "USD", account: str = "X") -> D:
    """What today's fills have added to cash."""
    sod, current, expected = cash(book, currency, account)
    assert current == expected
    return current - sod


def positions(book) -> list[dict]:
    return book.values(by=("account", "instrument"), currency="local").to_pylist()


def average_prices(book) -> dict:
    return {row["order"]: row["average_price"] for row in book.orders().to_pylist()}


def load_order(book, **columns) -> None:
    row = {"order": "G", "account": "X", "instrument": "A", "order_quantity": 50} | columns
    book.load(orders={name: [value] for name, value in row.items()})
