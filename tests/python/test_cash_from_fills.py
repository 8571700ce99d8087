"""Book(cash="from_fills"): fills with an average price move cash. Amounts are computed by hand."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

import mvcore
from cash_book import (
    average_prices,
    cash,
    fill,
    load_order,
    make,
    moved,
    positions,
    tables,
)

DAY_1, DAY_2 = "2024-03-01T15:00:00Z", "2024-03-04T15:00:00Z"


@pytest.fixture
def book() -> mvcore.Book:
    return make()


# -- fills ---------------------------------------------------------------------------------------


def test_a_purchase_reduces_cash(book) -> None:
    fill(book, "B", 100, 100, 150)
    assert cash(book) == (20_000, 5_000, 5_000)
    assert book.value("X")[1:4] == (20_000, 20_000, 20_000)
    book.tick("A", 151)
    assert book.value("X").current == 20_100


def test_a_sale_increases_cash(book) -> None:
    fill(book, "S", -100, -40, "151.25")
    assert cash(book) == (20_000, 26_050, 26_050)


def test_a_short_sale_gives_cash_to_an_account_without_cash(book) -> None:
    fill(book, "S", -10, -10, "99.5", account="Y")
    assert cash(book, account="Y") == (0, 995, 995)
    assert cash(book) == (20_000, 20_000, 20_000)
    assert book.value("Y").current == 995 - 1_500


def test_an_order_without_fills_moves_no_cash(book) -> None:
    fill(book, "B", 100, 0)
    fill(book, "C", 100, 0, 150)
    assert cash(book) == (20_000, 20_000, 20_000)
    assert book.value("X").expected == 20_000 + 200 * 150  # leaves have no cost


def test_each_fill_and_correction_moves_the_difference(book) -> None:
    reports = [
        (30, "150.1", -4_503),
        (60, "150.2", -9_012),
        (60, "150", -9_000),  # the price was wrong
        (50, "150", -7_500),  # and so was the quantity
        (50, "0", 0),  # an allotment
        (50, "-2.5", 125),  # a negative price: power, oil in April 2020
        (100, "10", -1_000),
    ]
    for filled, price, leg in reports:
        fill(book, "B", 100, filled, price)
        assert moved(book) == leg
    assert average_prices(book) == {"B": 10}


@pytest.mark.parametrize("price", [None, 0, 150])
def test_a_bust_returns_the_cash(book, price) -> None:
    fill(book, "B", 100, 100, 150)
    fill(book, "B", 100, 0, price)
    assert cash(book) == (20_000, 20_000, 20_000)


def test_a_fill_without_a_price_moves_no_cash(book) -> None:
    fill(book, "B", 100, 100)
    assert moved(book) == 0
    assert average_prices(book) == {"B": None}
    book.update(orders={"order": ["B"], "average_price": ["150"]})
    assert moved(book) == -15_000
    book.update(orders={"order": ["B"], "filled_quantity": [60]})  # absent: the price is kept
    assert (moved(book), average_prices(book)) == (-9_000, {"B": 150})
    book.update(orders={"order": ["B"], "average_price": [None]})
    assert (moved(book), average_prices(book)) == (0, {"B": None})
    fill(book, "B", 100, 60, 150)
    fill(book, "B", 100, 60)  # order(average_price=None) clears, too
    assert (moved(book), average_prices(book)) == (0, {"B": None})


def test_the_costs_of_a_batch_of_orders_add_up(book) -> None:
    book.update(
        orders={
            "order": ["1", "2", "3", "4"],
            "account": ["X", "X", "Y", "X"],
            "instrument": ["A", "FUT", "A", "BUND"],
            "order_quantity": [100, -2, 10, 100_000],
            "filled_quantity": [100, -2, 10, 100_000],
            "average_price": [150, "5000.25", None, "98.765"],
        }
    )
    assert moved(book) == -15_000 + 500_025  # 2 x 5000.25 x 50
    assert moved(book, "EUR") == -98_765  # 100000 x 98.765 x 0.01
    assert moved(book, account="Y") == 0


def test_an_order_in_a_cash_instrument_moves_the_same_cash(book) -> None:
    """The position gets the fill and the cost: an order in euros, paid in euros."""
    fill(book, "B", 100, 40, "1.5", instrument="euros")
    assert cash(book, "EUR") == (0, -20, 40)  # 40 - 60; 60 still to come


def test_an_exchange_of_currencies_is_two_orders_without_a_price(book) -> None:
    fill(book, "E", 100, 100, instrument="euros")
    fill(book, "U", -110, -110, instrument="dollars")
    assert (moved(book, "EUR"), moved(book)) == (100, -110)


def test_a_removed_order_returns_its_cash(book) -> None:
    fill(book, "B", 100, 100, 150)
    fill(book, "C", 10, 10, 10)
    book.remove(orders="B")
    assert cash(book) == (20_000, 19_900, 19_900)
    book.remove(orders=["C"])
    assert cash(book) == (20_000, 20_000, 20_000)


def test_an_order_that_changes_account_or_instrument_moves_its_cash(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.update(orders={"order": ["B"], "account": ["Y"]})
    assert (moved(book), moved(book, account="Y")) == (0, -15_000)
    book.update(orders={"order": ["B"], "instrument": ["FUT"]})
    assert (moved(book), moved(book, account="Y")) == (0, -750_000)
    book.update(orders={"order": ["B"], "instrument": ["BUND"]})
    assert moved(book, account="Y") == 0
    assert moved(book, "EUR", "Y") == -150


def test_a_late_report_moves_no_cash(book) -> None:
    fill(book, "B", 100, 100, 150, time=DAY_2)
    late = fill(book, "B", 100, 50, 140, time=DAY_1)
    assert (late.late_orders, moved(book)) == (1, -15_000)


def test_a_replay_changes_nothing(book) -> None:
    fill(book, "B", 100, 100, 150)
    for price in (150, "150.00", 150.0, D("150.000")):
        again = fill(book, "B", 100, 100, price)
        assert (again.unchanged_orders, moved(book)) == (1, -15_000)
    news = fill(book, "B", 100, 100, "150.01")
    assert (type(news), moved(book)) == (int, -15_001)  # no row was dropped
    news = fill(book, "B", 100, 100)
    assert (type(news), moved(book)) == (int, 0)
    assert fill(book, "B", 100, 100).unchanged_orders == 1
    assert book.stats()["unchanged_orders"] == 5


# -- loads and frames ----------------------------------------------------------------------------


def test_a_load_of_holdings_keeps_what_fills_moved(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.load(holdings={"account": ["X"], "instrument": ["dollars"], "quantity": [50_000]})
    assert cash(book) == (50_000, 35_000, 35_000)
    book.load(holdings={"account": [], "instrument": [], "quantity": []})
    assert cash(book) == (0, -15_000, -15_000)
    book.update(holdings={"account": ["X"], "instrument": ["dollars"], "quantity": [1]})
    assert cash(book) == (1, -14_999, -14_999)


def test_a_load_of_orders_replaces_all_cash_from_fills(book) -> None:
    fill(book, "B", 100, 100, 150)
    fill(book, "S", -5, -5, 150, account="Y")
    load_order(book, filled_quantity=20, average_price=7)
    assert (moved(book), moved(book, account="Y")) == (-140, 0)
    book.load(orders={n: [] for n in ("order", "account", "instrument", "order_quantity")})
    assert moved(book) == 0


def test_a_load_of_instruments_computes_all_cash_from_fills_again(book) -> None:
    fill(book, "B", 100, 100, 150)
    given = tables()["instruments"]
    book.load(instruments=given | {"multiplier": [2, 50, 1, 1, 1, *[None] * 4]})
    assert moved(book) == -30_000
    with pytest.raises(mvcore.InvalidInput):
        book.load(instruments={name: cells for name, cells in given.items() if name != "cash"})
    assert moved(book) == -30_000


def test_one_load_of_all_tables_moves_cash() -> None:
    book = mvcore.Book("USD", 18, cash="from_fills")
    orders = {
        "order": [1], "account": ["X"], "instrument": ["A"], "order_quantity": [10],
        "filled_quantity": [10], "average_price": [150],
    }  # fmt: skip
    book.load(**tables(), orders=orders)
    assert cash(book) == (20_000, 18_500, 18_500)


def test_writing_orders_back_changes_nothing(book) -> None:
    fill(book, "B", 100, 60, "150.125")
    fill(book, "C", 10, 10)
    fill(book, "S", -5, -5, "-0.5", account="Y")
    book.roll_day()
    fill(book, "B", 100, 80, "150.25")
    before = positions(book), book.orders().to_pylist()
    answer = book.update(orders=book.orders())
    assert answer.unchanged_orders == 3
    assert (positions(book), book.orders().to_pylist()) == before
    book.load(orders=book.orders())
    assert book.orders().to_pylist() == before[1]
    assert moved(book) == -3_005  # 80 x 150.25 - 60 x 150.25: the rolled price is not in a table


def test_orders_show_the_average_price(book) -> None:
    fill(book, "B", 100, 100, "150.50")
    fill(book, "C", 100, 0)
    frame = book.orders()
    names = list(frame.column_names)
    assert names.index("average_price") == names.index("filled_quantity") + 1
    assert [str(price) for price in frame["average_price"]] == ["150.5", "None"]
    arrow = frame.to_arrow()["average_price"]
    assert arrow.to_pylist() == [D("150.5"), None]
    assert str(arrow.type) == "decimal128(38, 18)"
    with book.snapshot() as before:
        fill(book, "B", 100, 100, 151)
        assert before.orders()["average_price"] == [D("150.5"), None]
        assert cash(before) == (20_000, 4_950, 4_950)
    assert cash(book) == (20_000, 4_900, 4_900)


def test_without_cash_from_fills_nothing_moves() -> None:
    book = make(cash=None)
    fill(book, "B", 100, 100, "150.25")
    book.update(instruments={"instrument": ["S"], "currency": ["CHF"]})
    fill(book, "S", -1, -1, 5, instrument="S")
    assert average_prices(book) == {"B": D("150.25"), "S": 5}
    assert cash(book) == (20_000, 20_000, 20_000)
    assert book.value("X").current == 35_000
    book.roll_day()
    fill(book, "B", 100, 100, 1)
    assert cash(book) == (20_000, 20_000, 20_000)
    fill(book, "B", 100, 100)
    assert average_prices(book)["B"] is None
    fill(book, "H", "9" * 20, "9" * 20, "9" * 20, account="Y")  # no cost, no overflow


# -- views ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_changes_show_the_cash_that_moves(book, mode) -> None:
    with book.view(by=("account", "instrument"), mode=mode) as view:
        view.changes()

        def changed() -> dict:
            return {
                (row["account"], row["instrument"]): (row["current"], row["removed"])
                for row in view.changes().to_pylist()
            }

        fill(book, "B", 100, 100, 150)
        want = {("X", "A"): (15_000, False), ("X", "dollars"): (5_000, False)}
        assert changed() == want
        fill(book, "B", 100, 100, 149)
        assert changed() == {("X", "dollars"): (5_100, False)}
        fill(book, "B", 100, 100, 149)
        assert changed() == {}
        book.update(orders={"order": ["B"], "account": ["Y"]})
        assert changed() == {
            ("X", "A"): (0, True),
            ("X", "dollars"): (20_000, False),
            ("Y", "A"): (15_000, False),
            ("Y", "dollars"): (-14_900, False),
        }
        book.update(instruments={"instrument": ["A"], "multiplier": [2]})
        assert changed() == {("Y", "A"): (30_000, False), ("Y", "dollars"): (-29_800, False)}
        book.remove(orders="B")
        assert changed() == {("Y", "A"): (0, True), ("Y", "dollars"): (0, True)}
