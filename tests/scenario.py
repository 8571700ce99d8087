"""The form of scenarios: a small book, and steps with everybody's value after each."""

from __future__ import annotations

from decimal import Decimal as D

import mvcore

ORDER = ("order", "account", "instrument", "order_quantity", "filled_quantity", "status", "time")


def orders(*rows: tuple) -> dict[str, list]:
    """Make an orders table from rows. Columns are filled from the left."""
    return dict(zip(ORDER, map(list, zip(*rows, strict=True)), strict=False))


def holdings(*rows: tuple) -> dict[str, list]:
    names = ("account", "instrument", "quantity")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def small_book() -> mvcore.Book:
    """Anna has 100 ACME, a share at 10.00 USD; Ben has nothing. BUND is at 98.00 percent, in EUR.

    One EUR is 1.10 USD.
    """
    book = mvcore.Book(base_currency="USD", value_scale=2)
    book.load(
        instruments={
            "instrument": ["ACME", "BUND", "OPT"],
            "currency": ["USD", "EUR", "USD"],
            "multiplier": [1, 1, 100],
            "quote_factor": ["1", "0.01", "1"],
        },
        accounts={"account": ["Anna", "Ben"], "desk": ["north", "south"]},
        holdings=holdings(("Anna", "ACME", 100)),
        prices={"instrument": ["ACME", "BUND", "OPT"], "price": ["10.00", "98.00", "2.50"]},
        fx={"currency": ["EUR"], "rate": ["1.10"]},
    )
    return book


def worth(book: mvcore.Book, account: str) -> tuple:
    value = book.value(account)
    assert value.unpriced == 0
    return value.sod, value.current, value.expected


def play(book: mvcore.Book, *steps: tuple) -> None:
    """Run steps: description, call, Anna's (sod, current, expected), and Ben's if they are not
    0."""
    view = book.view(by=("account",))
    view.changes()
    last = {name: worth(book, name) for name in ("Anna", "Ben")}
    for what, call, anna, *ben in steps:
        before = book.epoch
        assert call(book) == before + 1, what
        want = {"Anna": anna, "Ben": ben[0] if ben else (0, 0, 0)}
        want = {name: tuple(D(amount) for amount in amounts) for name, amounts in want.items()}
        assert {name: worth(book, name) for name in want} == want, what
        # The view returns every account whose amounts moved, with its new amounts.
        moved = {row["account"]: row for row in view.changes().to_pylist()}
        assert set(moved) >= {name for name in want if want[name] != last[name]}, what
        for name, row in moved.items():
            assert (row["sod"], row["current"], row["expected"]) == want[name], what
        last = want
    view.close()


def order_row(book: mvcore.Book, order) -> tuple:
    """Order quantity, filled, leaves, status, market value, filled value."""
    (row,) = [row for row in book.orders().to_pylist() if row["order"] == order]
    return (*(row[n] for n in (*ORDER[3:5], "leaves_quantity")), *(row[n] for n in ROW_END))


ROW_END = ("status", "market_value", "filled_value")
