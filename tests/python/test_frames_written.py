"""The matching write accepts a frame that a read returned. No other write accepts its columns."""

from __future__ import annotations

from typing import Any

import pytest

import mvcore

DERIVED = {
    "holdings": ["price", "amount_currency", "market_value", "base_value"],
    "orders": ["leaves_quantity", "price", "amount_currency", "market_value", "filled_value"],
    "prices": ["epoch"],
}


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book("USD", 4)
    book.load(
        instruments={"instrument": ["A", "B", "C"], "currency": ["USD", "EUR", "EUR"]},
        accounts={"account": ["X", "Y"]},
        holdings={
            "account": ["X", "Y", "X"],
            "instrument": ["A", "B", "C"],
            "quantity": ["10.5", "-3", "1e-18"],
        },
        orders={
            "order": ["o1", "o2", "o3"],
            "account": ["X", "X", "Y"],
            "instrument": ["A", "C", "B"],
            "order_quantity": [10, -8, 3],
            "filled_quantity": ["2.5", -4, 0],
            "rolled_quantity": [0, -1, 0],
            "status": ["partially_filled", "partially_filled", "new"],
            "time": ["2024-03-01T14:00:00.123456789Z", None, "2024-03-01"],
        },
        prices={"instrument": ["A", "B"], "price": ["1.25", "-2"], "time": ["2024-03-01", None]},
        fx={"currency": ["EUR"], "rate": ["1.1"]},
    )
    return book


def state(book: mvcore.Book) -> list[Any]:
    prices = [{k: v for k, v in row.items() if k != "epoch"} for row in book.prices()]
    return [
        book.values(by=("account", "instrument")).to_pylist(),
        book.holdings().to_pylist(),
        book.orders().to_arrow(),
        prices,
    ]


@pytest.mark.parametrize("write", ["load", "update"])
@pytest.mark.parametrize("name", DERIVED)
def test_a_frame_written_back_changes_nothing(book: mvcore.Book, name: str, write: str) -> None:
    before = state(book)
    frame = getattr(book, name)()
    assert set(DERIVED[name]) < set(frame.column_names)
    assert getattr(book, write)(**{name: frame}) == 2
    assert state(book) == before


def test_frames_load_into_another_book(book: mvcore.Book) -> None:
    other = mvcore.Book("USD", 4)
    other.load(
        instruments={"instrument": ["C", "B", "A"], "currency": ["EUR", "EUR", "USD"]},
        accounts={"account": ["Y", "X"]},
        holdings=book.holdings(),
        orders=book.orders(),
        prices=book.prices(),
        fx={"currency": ["EUR"], "rate": ["1.1"]},
    )
    key = str
    for one, two in zip(state(book), state(other), strict=True):
        rows = [x if isinstance(x, list) else x.to_pylist() for x in (one, two)]
        assert sorted(rows[0], key=key) == sorted(rows[1], key=key)


def test_slices_and_empty_frames_can_be_loaded(book: mvcore.Book) -> None:
    book.load(orders=book.orders()[1:2])
    assert len(book.orders()) == 1
    book.load(orders=book.orders()[:0], holdings=book.holdings("X"), prices=book.prices()[:0])
    assert (len(book.orders()), len(book.holdings()), len(book.prices())) == (0, 2, 0)


def test_frames_keep_integer_ids() -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["X"]},
        orders={"order": [7], "account": ["X"], "instrument": ["A"], "order_quantity": [2]},
    )
    before = state(book)
    book.load(orders=book.orders())
    assert state(book) == before


def test_roll_day_accepts_a_frame_of_holdings(book: mvcore.Book) -> None:
    holdings = book.holdings()
    book.roll_day(holdings=holdings)
    assert book.holdings().to_pylist() == holdings.to_pylist()


def test_a_durable_book_accepts_frames(tmp_path: Any, book: mvcore.Book) -> None:
    with mvcore.open(tmp_path / "book", "USD", 4) as kept:
        kept.load(
            instruments={"instrument": ["A", "B", "C"], "currency": ["USD", "EUR", "EUR"]},
            accounts={"account": ["X", "Y"]},
            holdings=book.holdings(),
            orders=book.orders(),
            prices=book.prices(),
            fx={"currency": ["EUR"], "rate": ["1.1"]},
        )
        kept.roll_day(holdings=book.holdings())
        before = state(kept)
    with mvcore.open(tmp_path / "book") as kept:
        assert state(kept) == before


@pytest.mark.parametrize("name", DERIVED)
def test_only_frames_may_have_derived_columns(book: mvcore.Book, name: str) -> None:
    frame = getattr(book, name)()
    for table in (
        frame.to_arrow(),
        frame.to_pandas(),
        frame.to_polars(),
        {column: frame[column] for column in frame.column_names},
    ):
        with pytest.raises(mvcore.InvalidInput, match="unknown column") as told:
            book.load(**{name: table})
        assert told.value.column == DERIVED[name][0]


def test_frames_of_other_reads_are_refused(book: mvcore.Book) -> None:
    for name, frame, column in (
        ("holdings", book.orders(), "quantity"),
        ("orders", book.holdings(), "order"),
        ("prices", book.holdings(), "account"),
        ("prices", book.orders(), "order"),
        ("holdings", book.revalue("A"), "instrument"),
        ("holdings", book.values(by=("account", "instrument")), "quantity"),
        ("accounts", book.values(), "amount_currency"),
        ("fx", book.prices(), "currency"),
    ):
        with pytest.raises(mvcore.InvalidInput) as told:
            book.load(**{name: frame})
        assert told.value.column == column, name
    assert book.epoch == 1
