"""What was wrong is an attribute of the error, so that no program has to parse its message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mvcore

Call = Callable[[mvcore.Book], object]
ODD = "\ud800"
# Each call with the table, the column, the row and the value of its error.
WRONG: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "account": (
        lambda book: book.values(accounts=["A1", "zz"]),
        ("selection", "accounts", 1, "zz"),
    ),
    "account of a view": (
        lambda book: book.view(accounts="zz"),
        ("selection", "accounts", 0, "zz"),
    ),
    "group": (lambda book: book.values(by=["account", "nope"]), (None, "by", None, "nope")),
    "group of accounts": (
        lambda book: book.values(by="account.nope"),
        (None, "by", None, "account.nope"),
    ),
    "ambiguous": (lambda book: book.values(by="country"), (None, "by", None, "country")),
    "twice": (lambda book: book.values(by=["desk", "desk"]), (None, "by", 1, "desk")),
    "currency twice": (
        lambda book: book.values(by=["desk", "currency"], currency="local", rollup=True),
        (None, "by", 1, "currency"),
    ),
    "attribute": (lambda book: book.values(accounts={"foo": 1}), ("accounts", "foo", None, "foo")),
    "attribute's type": (lambda book: book.values(accounts={1: 1}), ("accounts", None, None, 1)),
    "label": (
        lambda book: book.values(accounts={"desk": ["d1", "d9"]}),
        ("accounts", "desk", None, "d9"),
    ),
    "name as a label": (
        lambda book: book.values(instruments={"instrument": "zz"}),
        ("instruments", "instrument", None, "zz"),
    ),
    "currency": (lambda book: book.values(currency="ZZZ"), (None, "currency", None, "ZZZ")),
    "odd currency": (lambda book: book.values(currency=ODD), (None, "currency", None, ODD)),
    "measure": (
        lambda book: book.values(measures=["sod", "zz"]),
        (None, "measures", 1, "zz"),
    ),
    "allow_empty": (
        lambda book: book.values(allow_empty=1),  # type: ignore[arg-type]
        (None, "allow_empty", None, 1),
    ),
    "mode": (
        lambda book: book.view(mode="eager"),  # type: ignore[arg-type]
        (None, "mode", None, "eager"),
    ),
    "what if": (
        lambda book: book.values(prices={"AAPL": 1, "zz": 1}),
        ("prices", "instrument", 1, "zz"),
    ),
    "what if a rate": (lambda book: book.values(fx={"ZZ": 1}), ("fx", "currency", 0, "ZZ")),
    "revalue": (lambda book: book.revalue("zz"), ("revalue", "instrument", None, "zz")),
    "revalue oddly": (lambda book: book.revalue(ODD), ("revalue", "instrument", None, ODD)),
    "remove": (lambda book: book.remove(accounts=["zz"]), ("remove", "accounts", 0, "zz")),
    "remove orders": (lambda book: book.remove(orders=["o9"]), ("remove", "orders", 0, "o9")),
    "base currency": (
        lambda book: mvcore.Book("local"),
        ("book", "base_currency", None, "local"),
    ),
    "value scale": (lambda book: mvcore.Book("USD", 31), ("book", "value_scale", None, 31)),
    "value": (
        lambda book: book.snapshot().value(1),  # type: ignore[arg-type]
        ("value", "account", None, 1),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_says_what_was_wrong(book: mvcore.Book, name: str) -> None:
    call, wanted = WRONG[name]
    with pytest.raises((mvcore.InvalidInput, mvcore.UnknownId)) as caught:
        call(book)
    error = caught.value
    assert (error.table, error.column, error.row, error.value) == wanted
