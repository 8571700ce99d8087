"""Views whose attribute is left out by one load and returns with the next."""

from __future__ import annotations

import itertools
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

import mvcore

ACCOUNTS = ["A", "B", "C"]


def book_of(labels: list[str | None], folder: Path | None = None) -> mvcore.Book:
    book = mvcore.Book(value_scale=2) if folder is None else mvcore.open(folder, value_scale=2)
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ACCOUNTS, "g": labels},
        holdings={"account": ACCOUNTS, "instrument": ["X"] * 3, "quantity": [1, 2, 4]},
        prices={"instrument": ["X"], "price": [5]},
    )
    return book


def applied(state: dict[Any, D], frame: mvcore.Frame, key: tuple[str, ...]) -> dict[Any, D]:
    for row in frame.to_pylist():
        name = tuple(row[column] for column in key)
        if row["removed"]:
            del state[name]
        else:
            state[name] = row["current"]
    return state


def rows_of(book: mvcore.Book, key: tuple[str, ...]) -> dict[Any, D]:
    return {tuple(row[c] for c in key): row["current"] for row in book.values(by=key).to_pylist()}


LABELS = [["q", "p", "p"], ["r", "s", None], [None, "r", "r"], ["p", "q", "p"], ["z", "z", "z"]]


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
@pytest.mark.parametrize("key", [("g",), ("account", "g"), ("g", "instrument")])
@pytest.mark.parametrize("read_between", [False, True])
def test_changes_name_the_rows_of_the_new_labels(mode: Any, key: Any, read_between: bool) -> None:
    book = book_of(["p", "q", "p"])
    view = book.view(by=key, mode=mode)
    page = book.view(by=key, sort=["-current", *key], limit=2, mode=mode)
    state = applied({}, view.changes(), key)
    page.read()
    for labels in LABELS:
        book.load(accounts={"account": ACCOUNTS})  # a file without the column
        if read_between:
            for reader in (view, page):
                with pytest.raises(mvcore.InvalidInput, match="unknown attribute"):
                    reader.changes()
        book.load(accounts={"account": ACCOUNTS, "g": labels})
        assert applied(state, view.changes(), key) == rows_of(book, key)
        best = book.values(by=key, sort=["-current", *key], limit=2)
        assert page.read().to_pylist() == best.to_pylist()
        book.tick("X", 5 + LABELS.index(labels))
        assert applied(state, view.changes(), key) == rows_of(book, key)


def test_combined_changes_have_the_new_labels() -> None:
    book = book_of(["p", "q", "p"])
    views = [book.view(by="g"), book.view(by="g", accounts=["A"])]
    book.changes(views, combined=True)
    book.load(accounts={"account": ACCOUNTS})
    book.load(accounts={"account": ACCOUNTS, "g": ["r", "r", "r"]})
    rows = book.changes(views, combined=True).to_pylist()
    assert {(row["view"], row["g"], row["removed"]) for row in rows} == {
        (0, "p", True), (0, "q", True), (0, "r", False), (1, "p", True), (1, "r", False),
    }  # fmt: skip


def test_a_durable_book_takes_an_attribute_that_returns(tmp_path: Path) -> None:
    book = book_of(["p", "q", "p"], tmp_path / "book")
    view = book.view(by="g", sort="g", mode="incremental")
    view.changes()
    for labels in (["r", "r", None], ["s", None, "p"]):
        book.load(accounts={"account": ACCOUNTS})
        book.load(accounts={"account": ACCOUNTS, "g": labels})
        assert view.read()["g"] == book.values(by="g", sort="g")["g"]
    book.close()
    with mvcore.open(tmp_path / "book") as again:
        assert again.accounts()["g"] == ["s", None, "p"]


def test_instrument_attributes_and_rollups_follow_too() -> None:
    names = ["X", "Y", "Z"]
    book = mvcore.Book(value_scale=2)
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * 3, "s": ["a", "b", "a"]},
        accounts={"account": ["A"]},
        holdings={"account": ["A"] * 3, "instrument": names, "quantity": [1, 2, 4]},
        prices={"instrument": names, "price": [5] * 3},
    )
    view = book.view(by=("s", "account"), rollup=True)
    key = ("level", "s", "account")
    state = applied({}, view.changes(), key)
    for labels in itertools.permutations(["b", "c", None]):
        book.load(instruments={"instrument": names, "currency": ["USD"] * 3})
        book.load(instruments={"instrument": names, "currency": ["USD"] * 3, "s": list(labels)})
        frame = book.values(by=("s", "account"), rollup=True)
        now = {tuple(row[c] for c in key): row["current"] for row in frame.to_pylist()}
        assert applied(state, view.changes(), key) == now


def test_negative_zero_is_the_label_zero() -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ACCOUNTS, "g": [D("-0"), -0.0, 0]},
    )
    assert book.accounts()["g"] == ["0", "0", "0"]
