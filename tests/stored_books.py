"""Small books to store: everything that a checkpoint must restore, and later writes."""

from __future__ import annotations

import random
from typing import Any, Literal

import mvcore
from mvcore import Book
from mvcore.book import written
from mvcore.ingest import attributes, masters
from mvcore.ingest.tables import read_table
from order_facts import START
from reference import dump, outcome

QUANTITIES = (0, -5, 7, "50000000000000000000", "0.123456789012345678")
PRICES = (0, 150, "-36.98", "0.000000000000000001")
AMOUNTS = ("10", "0.5", "12345678901", "100000000000000000")


def facts_of(book: Book) -> dict[str, Any]:
    """All that a reader can see of the book."""
    return {
        "rows": dump(book, mvcore.Error),
        "sectors": outcome(lambda: book.values(by=("sector", "desk")), mvcore.Error),
        "epoch": book.stats()["epoch"],
        "codes": book._core.counts,
    }


def make(
    ids: type = int,
    accounts: int = 6,
    instruments: int = 9,
    seed: int = 0,
    cash: Literal["from_fills"] | None = None,
) -> Book:
    """A book with 0 to 18 decimals, 128-bit quantities, removed names, rates of both methods."""
    book = Book(cash=cash)
    make_in(book, ids, accounts, instruments, seed)
    return book


def make_in(
    book: Book, ids: type = int, accounts: int = 6, instruments: int = 9, seed: int = 0
) -> None:
    rng = random.Random(seed)
    names = [f"I{k}" for k in range(instruments)]
    people = [f"A{k}" for k in range(accounts)]
    book.load(
        instruments={
            "instrument": [*names, "GONE"],
            "currency": [rng.choice(["USD", "EUR", "JPY"]) for _ in [*names, 0]],
            "multiplier": [rng.choice([1, 100, "0.5"]) for _ in [*names, 0]],
            "quote_factor": [rng.choice([1, "0.01"]) for _ in [*names, 0]],
            "sector": [rng.choice(["tech", "gov", None]) for _ in [*names, 0]],
        },
        accounts={
            "account": [*people, "left"],
            "desk": [rng.choice(["d1", "d2", None]) for _ in [*people, 0]],
        },
        prices={
            "instrument": names[1:],
            "price": [rng.choice(PRICES) for _ in names[1:]],
            "time": [rng.choice([None, START + 1000]) for _ in names[1:]],
        },
        fx={"currency": ["EUR", "JPY"], "rate": ["1.1", "157.03"],
            "method": ["multiply", "divide"]},
        holdings={
            "account": [a for a in people for _ in names[:-2]],
            "instrument": [i for _ in people for i in names[:-2]],
            "quantity": [rng.choice(QUANTITIES) for _ in people * len(names[:-2])],
        },
    )  # fmt: skip
    book.remove(accounts=["left"], instruments=["GONE"])
    if book.cash:
        money = ["USD", "EUR", "JPY"]
        book.update(instruments={"instrument": money, "currency": money, "cash": [True] * 3})
    orders(book, ids, 40, rng)


def orders(book: Book, ids: type, count: int, rng: random.Random) -> None:
    people = book.values()["account"] or ["A0"]
    first = book.stats()["epoch"] * 1000
    signs = [rng.choice([1, -1]) for _ in range(count)]
    amounts = [rng.choice(["10", "0.5", "12345678901", "100000000000000000"]) for _ in range(count)]
    book.update(
        orders={
            "order": [ids(first + k if k % 3 else (first + k) << 33) for k in range(count)],
            "account": [rng.choice(people) for _ in range(count)],
            "instrument": [f"I{rng.randrange(7)}" for _ in range(count)],
            "order_quantity": [f"{'-' * (s < 0)}{a}" for s, a in zip(signs, amounts, strict=True)],
            "filled_quantity": [rng.choice([0, s]) for s in signs],
            "average_price": [rng.choice([*PRICES, None]) for _ in signs],
            "status": [rng.choice(["new", "filled", "canceled"]) for _ in range(count)],
            "time": [rng.choice([None, START + 5_000 + k]) for k in range(count)],
        }
    )  # fmt: skip


def change(book: Book, step: int, ids: type = int) -> None:
    """Make one write. The kinds take turns."""
    rng = random.Random(step)
    kinds = [
        lambda: book.tick("I1", f"{step}.25"),
        lambda: book.update(
            holdings={"account": ["A1"], "instrument": ["I3"], "quantity": [step + 1]}
        ),
        lambda: orders(book, ids, 5, rng),
        lambda: book.order(ids(10**6 + step), "A0", "I2", 3),
        lambda: book.roll_day(),
        lambda: book.update(
            instruments={"instrument": [f"N{step}"], "currency": ["CHF"], "sector": [f"s{step}"]}
        ),
        lambda: book.update(accounts={"account": ["A1"], "desk": [f"d{step}"]}),
        lambda: book.update(fx={"currency": ["EUR"], "rate": [f"1.{step + 1}"]}),
        lambda: book.remove(orders=[ids(10**6 + step - 5)]),
    ]
    kinds[step % len(kinds)]()


def label_accounts(book: Book, columns: dict[str, list[str | None]]) -> None:
    """Write attributes of all accounts with names that `update` refuses now.

    Earlier versions of mvcore accepted them, so books on disk may have them.
    """
    rows, _ = read_table("accounts", {"account": book.accounts()["account"]})
    labels = {"accounts": columns}
    kept = attributes.to_bytes(labels)
    book._write_masters(
        lambda: written(book._core.apply({"accounts": rows}, False, (), kept, False)),
        lambda: masters.after(book._core, book._masters, {"accounts": rows}, labels, False),
    )
