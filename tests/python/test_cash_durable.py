"""Durable books whose fills move cash, and their options."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

import mvcore
from cash_book import cash, fill, make, moved, positions, tables
from mvcore.store.exporting import export

# -- durable books -------------------------------------------------------------------------------


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("cash_scale", [None, 1])
def test_a_durable_book_restores_cash_from_fills(tmp_path, closing, cash_scale) -> None:
    """Restored from its journal, and from a checkpoint."""
    path = tmp_path / "book"

    def leave(book) -> tuple:
        if closing:
            book.checkpoint()
        return positions(book), book.orders().to_pylist()

    options = {"cash": "from_fills", "cash_scale": cash_scale}
    with mvcore.open(path, "USD", 18, **options) as book:
        book.load(**tables())
        fill(book, "B", 200, 100, "150.125")
        fill(book, "N", 10, 10)
        fill(book, "J", 3, 3, "0.5", instrument="J")
        first = leave(book)
    with mvcore.open(path) as book:
        assert (positions(book), book.orders().to_pylist()) == first
        assert cash(book) == (20_000, D("4987.5"), D("4987.5"))
        assert moved(book, "JPY") == (-2 if cash_scale is None else D("-1.5"))
        book.roll_day()
        fill(book, "B", 200, 100, "150.375")
        assert cash(book) == (D("4987.5"), D("4962.5"), D("4962.5"))
        second = leave(book)
    with mvcore.open(path, **options) as book:
        assert (positions(book), book.orders().to_pylist()) == second
        fill(book, "B", 200, 120, "150.25")  # the rolled quantity and its price are known
        assert cash(book)[1] == D("4987.5") - (18_030 - D("15012.5"))
        book.update(orders={"order": ["B"], "rolled_quantity": [90]})
        assert moved(book) == -(18_030 - D("13522.5"))
        third = leave(book)
    with mvcore.open(path) as book:
        assert (positions(book), book.orders().to_pylist()) == third
        fill(book, "B", 200, 120, 100)
        assert moved(book) == -3_000


def test_a_durable_book_keeps_its_cash_options(tmp_path) -> None:
    path, off = tmp_path / "book", tmp_path / "off"
    with mvcore.open(path, cash="from_fills", cash_scale=3) as book:
        book.load(**tables())
    for wrong in ({"cash": "from_fills", "cash_scale": 2}, {"cash_scale": 2}):
        with pytest.raises(mvcore.InvalidInput, match="cash_scale: 2, but the book") as caught:
            mvcore.open(path, **wrong)
        error = caught.value
        assert (error.table, error.column, error.row, error.value) == (
            "book",
            "cash_scale",
            None,
            2,
        )
    with mvcore.open(path, cash_scale=3) as book:
        assert (book.cash, book.cash_scale) == ("from_fills", 3)
    with pytest.raises(mvcore.InvalidInput):
        mvcore.open(path, cash="from fills")
    with mvcore.open(path, cash="from_fills", cash_scale=3) as book:
        fill(book, "B", 1, 1, "0.0015")
        assert moved(book) == D("-0.002")
    with mvcore.open(off) as book:
        book.load(**tables())
    with pytest.raises(mvcore.InvalidInput):
        mvcore.open(off, cash="from_fills")
    with mvcore.open(off) as book:
        fill(book, "B", 1, 1, 5)
        assert moved(book) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"cash": "fills"},
        {"cash": ""},
        {"cash": True},
        {"cash": False},
        {"cash": None, "cash_scale": 2},
        {"cash_scale": -1},
        {"cash_scale": 19},
        {"cash_scale": True},
        {"cash_scale": "2"},
        {"cash_scale": 2.0},
    ],
)
def test_meaningless_cash_options_are_refused(tmp_path, options) -> None:
    given = {"cash": "from_fills"} | options
    with pytest.raises(mvcore.InvalidInput):
        mvcore.Book("USD", **given)
    with pytest.raises(mvcore.InvalidInput):
        mvcore.open(tmp_path / "book", **given)
    assert not (tmp_path / "book").exists()


# -- facts that files of a book lack -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_warns_of_prices_of_rolled_fills(tmp_path, kind, caplog) -> None:
    book = make()
    fill(book, "B", 100, 100, 150)
    fill(book, "C", 10, 10, 150)
    fill(book, "N", 10, 10)
    fill(book, "W", 10, 0, 0)
    book.roll_day()
    fill(book, "W", 10, 5, 150)  # nothing of it was rolled
    export(book, tmp_path, kind)
    assert not caplog.records
    fill(book, "B", 100, 100, 149)
    fill(book, "N", 10, 10, 150)  # rolled without a price
    assert moved(book) == 100 - 750
    export(book, tmp_path, kind)
    assert "orders: 1 had another average price when a roll took their fills" in caplog.text
    caplog.clear()
    fill(book, "B", 100, 100)
    export(book, tmp_path, kind)
    assert "orders: 1 had another average price" in caplog.text


def test_an_export_leaves_out_an_attribute_that_load_refuses(tmp_path, caplog) -> None:
    """Books from before format version 3 may have attributes named `cash`."""
    book = mvcore.Book("USD")
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"], "kash": ["no"]},
        accounts={"account": ["X"], "kash": ["yes"], "desk": ["d1"]},
    )
    for attributes in (book._masters.instrument, book._masters.account):
        attributes["cash"] = attributes.pop("kash")
    export(book, tmp_path, "csv")
    assert (tmp_path / "accounts.csv").read_text() == "account,desk\nX,d1\n"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    for table in ("accounts", "instruments"):
        assert f"{table}: the attribute 'cash' is left out" in caplog.text
    files = {
        name: mvcore.read(tmp_path / f"{name}.csv", name) for name in ("accounts", "instruments")
    }
    mvcore.Book("USD").load(**files)
