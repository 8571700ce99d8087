"""Cases from public bug reports about values and selections, each with its right answer."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

import mvcore


def make() -> mvcore.Book:
    """A book in USD with instruments in USD and EUR, two accounts and two sectors."""
    book = mvcore.Book(base_currency="USD", value_scale=2)
    book.load(
        instruments={
            "instrument": ["A", "SAP", "BUND", "CASH"],
            "currency": ["USD", "EUR", "EUR", "USD"],
            "sector": ["Tech", "Tech", "Government", "Cash"],
            "rating": [1, 2, None, None],
        },
        accounts={"account": ["X", "Y"], "desk": ["d1", "d2"]},
        holdings={
            "account": ["X", "X", "Y", "Y"],
            "instrument": ["A", "SAP", "BUND", "CASH"],
            "quantity": [100, 10, 20, 500],
        },
        prices={"instrument": ["A", "SAP", "BUND", "CASH"], "price": [10, 100, 99, 1]},
        fx={"currency": ["EUR"], "rate": ["1.25"]},
    )
    return book


@pytest.fixture
def book() -> mvcore.Book:
    return make()


def rows_of(frame: mvcore.Frame, *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in frame.to_pylist()]


# -- V1: the currency of amounts is not the currency of instruments --------------------------------

SECTORS = [
    ("Tech", "USD", "USD", D("1000.00")),
    ("Tech", "EUR", "USD", D("1250.00")),
    ("Government", "EUR", "USD", D("2475.00")),
    ("Cash", "USD", "USD", D("500.00")),
]


def test_v1_grouped_by_currency_amounts_name_their_own(book) -> None:
    by = ("sector", "currency")
    columns = ("sector", "currency", "amount_currency", "current")
    assert rows_of(book.values(by=by), *columns) == SECTORS
    with book.view(by=by) as view, book.snapshot() as now:
        for frame in (view.read(), now.values(by=by)):
            assert rows_of(frame, *columns) == SECTORS
    in_euro = book.values(by=by, currency="EUR")
    assert in_euro["currency"] == ["USD", "EUR", "EUR", "USD"]
    assert in_euro["amount_currency"] == ["EUR"] * 4
    assert in_euro["current"] == [D("800.00"), D("1000.00"), D("1980.00"), D("400.00")]


@pytest.mark.parametrize("currency", [None, "USD", "EUR", "local"])
@pytest.mark.parametrize("by", [(), ("account",), ("sector",), ("currency",), ("currency", "desk")])
@pytest.mark.parametrize("rollup", [False, True])
def test_v1_every_frame_names_the_currency_of_its_amounts(book, by, currency, rollup) -> None:
    if rollup and currency == "local" and "currency" in by:
        return  # refused: see test_bad_arrays
    arguments = {"by": by, "currency": currency, "rollup": rollup}
    with book.view(**arguments) as view:
        for frame in (book.values(**arguments), view.read(), view.changes()):
            assert ("currency" in frame.column_names) is ("currency" in by)
            assert "amount_currency" in frame.column_names
            wanted = {"USD", "EUR"} if currency == "local" else {currency or "USD"}
            assert set(frame["amount_currency"]) <= wanted
            if currency == "local" and "currency" in by:
                assert frame["currency"] == frame["amount_currency"]


def test_v1_local_has_both_columns(book) -> None:
    frame = book.values(by=("currency",), currency="local")
    assert frame.column_names[:2] == ["currency", "amount_currency"]
    assert rows_of(frame, "currency", "amount_currency", "current") == [
        ("USD", "USD", D("1500.00")),
        ("EUR", "EUR", D("2980.00")),
    ]


def test_v1_changes_of_a_row_that_left_name_the_currency(book) -> None:
    with book.view(by="currency") as view:
        view.changes()
        none = {"account": ["X", "Y"], "instrument": ["SAP", "BUND"], "quantity": [0, 0]}
        book.update(holdings=none)
        [row] = view.changes().to_pylist()
    assert (row["currency"], row["amount_currency"], row["removed"]) == ("EUR", "USD", True)


def test_v1_holdings_orders_and_revalue(book) -> None:
    book.order("O1", "X", "SAP", 5, 2)
    columns = ("instrument", "amount_currency", "market_value")
    assert rows_of(book.holdings(instruments="SAP"), *columns, "base_value") == [
        ("SAP", "EUR", D("1000.00"), D("1250.00"))  # base_value is in USD
    ]
    assert rows_of(book.orders(), *columns, "filled_value") == [
        ("SAP", "EUR", D("500.00"), D("200.00"))
    ]
    revalued = rows_of(book.revalue("SAP"), "record_type", "amount_currency", "market_value")
    assert revalued == [("HOLDING", "EUR", D("1000.00")), ("ORDER", "EUR", D("500.00"))]
    for frame in (book.holdings(), book.orders(), book.revalue("SAP"), book.revalue("CASH")):
        assert "currency" not in frame.column_names
    book.update(instruments={"instrument": ["SAP"], "currency": ["USD"]})
    assert book.revalue("SAP")["amount_currency"] == ["USD", "USD"]


@pytest.mark.parametrize("table", ["instruments", "accounts"])
def test_v1_no_attribute_may_be_named_amount_currency(book, table) -> None:
    rows = {table[:-1]: ["A" if table == "instruments" else "X"], "amount_currency": ["USD"]}
    with pytest.raises(mvcore.InvalidInput, match="amount_currency"):
        book.update(**{table: rows})
    with pytest.raises(mvcore.InvalidInput, match="amount_currency"):
        book.values(by="amount_currency")


def test_v1_an_attribute_of_accounts_may_be_named_currency(book) -> None:
    book.update(accounts={"account": ["X", "Y"], "currency": ["CHF", "USD"]})
    by = ("account.currency", "currency")
    columns = (*by, "amount_currency", "current")
    assert rows_of(book.values(by=by), *columns) == [
        ("CHF", "USD", "USD", D("1000.00")),
        ("CHF", "EUR", "USD", D("1250.00")),
        ("USD", "USD", "USD", D("500.00")),
        ("USD", "EUR", "USD", D("2475.00")),
    ]
