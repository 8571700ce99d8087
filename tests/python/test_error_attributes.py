"""The facts of an error are attributes, so that no program has to parse its message."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mvcore
from mvcore import _core
from mvcore.errors import ERROR_KINDS, raise_kind

Call = Callable[[mvcore.Book], object]
ODD = "\ud800"
LARGE = "9" * 20 + "." + "9" * 18
# Each call with the table, column, row and value of its error.
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
    "value of an account": (lambda book: book.value("zz"), ("value", "account", None, "zz")),
    "value in a currency": (
        lambda book: book.value("A1", "ZZZ"),
        ("value", "currency", None, "ZZZ"),
    ),
    "value in local": (
        lambda book: book.value("A1", "local"),
        ("value", "currency", None, "local"),
    ),
    "tick": (lambda book: book.tick("zz", 1), ("tick", "instrument", None, "zz")),
    "tick of a code": (lambda book: book.tick(99, 1), ("tick", "instrument", None, 99)),
    "price of a tick": (lambda book: book.tick("AAPL", "1e99"), ("tick", "price", None, "1e99")),
    "ticks": (
        lambda book: book.ticks(["AAPL", "zz"], [1, 2]),
        ("ticks", "instrument", 1, "zz"),
    ),
    "prices of ticks": (
        lambda book: book.ticks(["AAPL", "AAPL"], [1, "x"]),
        ("ticks", "price", 1, "x"),
    ),
    "number of ticks": (lambda book: book.ticks(["AAPL"], [1, 2]), ("ticks", "prices", None, None)),
    "order's account": (
        lambda book: book.order("o9", "zz", "AAPL", 1),
        ("order", "account", None, "zz"),
    ),
    "order's instrument": (
        lambda book: book.order("o9", "A1", "zz", 1),
        ("order", "instrument", None, "zz"),
    ),
    "order's status": (
        lambda book: book.order("o9", "A1", "AAPL", 1, status="odd"),
        ("order", "status", None, "odd"),
    ),
    "order's signs": (
        lambda book: book.order("o9", "A1", "AAPL", 1, -1),
        ("order", "filled_quantity", None, -1),
    ),
    "order's size": (
        lambda book: book.order("o9", "A1", "AAPL", "99999999999999999999"),
        ("order", "order_quantity", None, "99999999999999999999"),
    ),
    "order of a currency without cash": (
        lambda book: cashless().order("n", "A", "X", 1, 1, average_price=1),
        ("order", "average_price", None, 1),
    ),
    "size of loaded orders": (
        lambda book: book.load(orders=orders_table(["99999999999999999999"] * 2, [0, 0])),
        ("orders", "order_quantity", 0, "99999999999999999999"),
    ),
    "size after a removal": (
        lambda book: [
            book.update(orders=orders_table(["99999999999999999000", -100], [0, 0])),
            book.update(holdings=holdings_table("A1", "A1", 1050)),
            book.remove(orders=["n1"]),
        ],
        ("remove", "orders", 0, "n1"),
    ),
    "signs without the fills": (
        lambda book: [
            book.update(orders=orders_table([5], [3])),
            book.update(orders={"order": ["n0"], "order_quantity": [-5]}),
        ],
        ("orders", "order_quantity", 0, -5),
    ),
    "price of a tick that is too large": (
        lambda book: [
            book.update(
                instruments={"instrument": ["AAPL"], "multiplier": [LARGE], "quote_factor": [7]}
            ),
            book.tick("AAPL", LARGE),
        ],
        ("tick", "price", None, LARGE),
    ),
    "price of ticks that is too large": (
        lambda book: [
            book.update(
                instruments={"instrument": ["AAPL"], "multiplier": [LARGE], "quote_factor": [7]}
            ),
            book.ticks(["CASH", "AAPL"], [1, LARGE]),
        ],
        ("ticks", "price", 1, LARGE),
    ),
    "factor that is too large": (
        lambda book: [
            book.tick("AAPL", LARGE),
            book.update(
                instruments={
                    "instrument": ["CASH", "AAPL"],
                    "multiplier": [1, LARGE],
                    "quote_factor": [1, 7],
                }
            ),
        ],
        ("instruments", "multiplier", 1, LARGE),
    ),
    "signs of orders": (
        lambda book: book.update(orders=orders_table([1, 2], [1, -2])),
        ("orders", "filled_quantity", 1, -2),
    ),
    "size of orders": (
        lambda book: book.update(orders=orders_table([1, "99999999999999999999"], [0, 0])),
        ("orders", "order_quantity", 1, "99999999999999999999"),
    ),
    "size of holdings": (
        lambda book: [
            book.order("o9", "A1", "AAPL", 5),
            book.update(holdings=holdings_table("A1", "A1", "99999999999999999999")),
        ],
        ("holdings", "quantity", 0, "99999999999999999999"),
    ),
    "holding twice": (
        lambda book: book.update(holdings=holdings_table("A1", "A1")),
        ("holdings", "account", 1, "A1"),
    ),
    "loaded holding twice": (
        lambda book: book.load(holdings=holdings_table("A1", "A1")),
        ("holdings", "account", 1, "A1"),
    ),
    "missing column": (
        lambda book: book.update(prices={"instrument": ["AAPL"]}),
        ("prices", "price", None, None),
    ),
    "length": (
        lambda book: book.update(prices={"instrument": ["AAPL"], "price": [1, 2]}),
        ("prices", "price", None, [1, 2]),
    ),
    "held": (
        lambda book: book.remove(instruments="AAPL"),
        ("instruments", "instrument", None, "AAPL"),
    ),
    "checkpoint": (lambda book: book.checkpoint(), ("checkpoint", None, None, None)),
    "open": (
        lambda book: mvcore.open("x", sync="never"),  # type: ignore[arg-type]
        ("open", "sync", None, "never"),
    ),
    "feed": (
        lambda book: book.update(feed={"f": "x"}),  # type: ignore[dict-item]
        ("update", "feed", None, "x"),
    ),
    "changes": (
        lambda book: book.changes([1]),  # type: ignore[list-item]
        ("changes", "views", None, 1),
    ),
    "frame": (lambda book: book.values()["zz"], ("frame", "zz", None, None)),
    "value": (
        lambda book: book.snapshot().value(1),  # type: ignore[arg-type]
        ("value", "account", None, 1),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_has_table_column_row_and_value(book: mvcore.Book, name: str) -> None:
    call, wanted = WRONG[name]
    with pytest.raises(mvcore.Error) as caught:
        call(book)
    error = caught.value
    assert (error.table, error.column, error.row, error.value) == wanted
    assert error.args[0] == message_of(error)


def test_modules_compiled_for_an_older_version_raise_the_same_exceptions() -> None:
    """Their inline functions are those of the `__init__.pxd` that they were compiled with."""
    with pytest.raises(mvcore.UnknownId, match="tick: unknown instrument code 9"):
        raise_kind(1, "tick: unknown instrument code 9")
    with pytest.raises(MemoryError):
        raise_kind(6, "out of memory")


def test_every_error_kind_has_an_exception() -> None:
    """The bindings look ERROR_KINDS up by name, for each ErrorKind of the core."""
    header = (Path(mvcore.get_include()) / "mvcore" / "capi.h").read_text()
    kinds = {name: int(kind) for name, kind in re.findall(r"\bMVCORE_([A-Z_]+) = (\d+)", header)}
    assert kinds.pop("OK") == _core.OK == 0
    del kinds["BUSY"]  # asks the caller to wait; no error
    assert {name: getattr(_core, name) for name in kinds} == kinds
    assert ERROR_KINDS.keys() == set(kinds.values())
    assert len(set(ERROR_KINDS.values())) == len(kinds)
    for kind, error in ERROR_KINDS.items():
        with pytest.raises(error, match="what was wrong") as caught:
            raise_kind(kind, "what was wrong")
        assert type(caught.value) is error


def message_of(error: mvcore.Error) -> str:
    """The format of all messages, built from the attributes."""
    place = ".".join(filter(None, (error.table, error.column)))
    if error.row is not None:
        place += f", row {error.row}"
    place = place.encode(errors="backslashreplace").decode()
    return f"{place}: {error.reason}"


def cashless() -> mvcore.Book:
    """A book with cash from fills, none in a currency whose name does not show."""
    book = mvcore.Book("USD", cash="from_fills")
    book.load(
        instruments={"instrument": ["X"], "currency": ["A\0\u200bB"]}, accounts={"account": ["A"]}
    )
    return book


def test_a_finalizer_does_not_replace_an_error(book: mvcore.Book) -> None:
    """A collection that calls mvcore may run between a failure and its exception."""

    class Calls:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            with contextlib.suppress(mvcore.Error):
                book.value("from a finalizer")

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            Calls()
            with pytest.raises(mvcore.UnknownId) as caught:
                book.order("o9", "zz", "AAPL", 1)
            error = caught.value
            assert (error.table, error.column, error.value) == ("order", "account", "zz")
            assert error.reason == "unknown account 'zz'"
    finally:
        gc.set_threshold(*before)


def orders_table(quantities: list[Any], filled: list[Any]) -> dict[str, list[Any]]:
    rows = len(quantities)
    return {
        "order": [f"n{k}" for k in range(rows)],
        "account": ["A1"] * rows,
        "instrument": ["AAPL"] * rows,
        "order_quantity": quantities,
        "filled_quantity": filled,
    }


def holdings_table(*accounts: str) -> dict[str, list[Any]]:
    """Make a holdings table. Its last row may be a quantity in a second instrument."""
    names = [name for name in accounts if name in ("A1", "A2")]
    instruments = ["AAPL", "AAPL"] if len(names) == len(accounts) else ["AAPL", "BUND"]
    quantity = 1 if len(names) == len(accounts) else accounts[-1]
    return {"account": names, "instrument": instruments, "quantity": [quantity, 1]}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u200bb", "'a\\u200bb'"),
        ("line\nfeed\t", "'line\\nfeed\\t'"),
        ("\u00a0", "'\\xa0'"),
        ("it's \\", "'it\\'s \\\\'"),
        ("\U000e0041", "'\\U000e0041'"),
        ("Größe 株 😀", "'Größe 株 😀'"),
    ],
)
def test_names_are_shown_with_escapes(book: mvcore.Book, name: str, shown: str) -> None:
    with pytest.raises(mvcore.UnknownId) as caught:
        book.value(name)
    error = caught.value
    assert (error.value, error.args[0]) == (name, f"value.account: unknown account {shown}")
    with pytest.raises(mvcore.UnknownId, match=re.escape(f"unknown account {shown}")):
        book.update(holdings={"account": [name], "instrument": ["AAPL"], "quantity": [1]})
