"""Cash from fills: rounding, changes of instruments, refusals. Amounts are computed by hand."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

import mvcore
from cash_book import cash, fill, load_order, make, moved, positions, quantities, tables


@pytest.fixture
def book() -> mvcore.Book:
    return make()


# -- rounding ------------------------------------------------------------------------------------

HALVES = [
    # instrument, filled, average price, cost
    ("J", 1, "0.5", "0"),
    ("J", 3, "0.5", "2"),
    ("J", 5, "0.5", "2"),
    ("J", 7, "0.5", "4"),
    ("J", -3, "0.5", "-2"),
    ("J", 5, "-0.5", "-2"),
    ("J", 1, "0.500000000000000001", "1"),
    ("J", 1, "1234567.4999", "1234567"),
    ("K", 1, "0.0005", "0"),
    ("K", 1, "0.0015", "0.002"),
    ("K", 5, "0.0005", "0.002"),
    ("K", -7, "0.0005", "-0.004"),
    ("K", 3, "1.2345", "3.704"),  # 3.7035
    ("A", 1, "0.005", "0"),
    ("A", 1, "0.015", "0.02"),
    ("A", -1, "0.025", "-0.02"),
    ("A", 3, "33.335", "100"),  # 100.005
    ("A", "0.000000000000000001", "10000000000000000", "0.01"),
    ("A", "0.000000000000000001", "5000000000000000", "0"),  # 0.005
    ("BUND", 1, "0.5", "0"),  # 1 x 0.5 x 0.01 = 0.005
    ("BUND", 1, "1.5", "0.02"),
]


@pytest.mark.parametrize(("instrument", "filled", "price", "cost"), HALVES)
def test_a_cost_is_rounded_half_even_to_minor_units(book, instrument, filled, price, cost) -> None:
    fill(book, "B", filled, filled, price, instrument=instrument)
    currency = {"J": "JPY", "K": "KWD", "A": "USD", "BUND": "EUR"}[instrument]
    assert moved(book, currency) == -D(cost)


def test_the_cost_of_each_order_is_rounded_separately(book) -> None:
    for order in ("1", "2", "3"):
        fill(book, order, 1, 1, "0.5", instrument="J")
    assert moved(book, "JPY") == 0
    for order in ("4", "5", "6"):
        fill(book, order, 1, 1, "1.5", instrument="J")
    assert moved(book, "JPY") == -6


def test_the_rolled_and_the_present_cost_are_both_rounded(book) -> None:
    fill(book, "B", 9, 1, "0.5", instrument="J")
    book.roll_day()
    fill(book, "B", 9, 3, "0.5", instrument="J")
    assert moved(book, "JPY") == -2  # 2 - 0, not 1
    fill(book, "B", 9, 5, "0.5", instrument="J")
    assert moved(book, "JPY") == -2
    book.roll_day()
    assert cash(book, "JPY") == (-2, -2, -2)


@pytest.mark.parametrize(
    ("cash_scale", "cost"),
    [
        (0, "4"),
        (1, "3.7"),
        (2, "3.70"),
        (3, "3.704"),
        (4, "3.7035"),
        (18, "3.703500000000000003"),
    ],
)
@pytest.mark.parametrize(("instrument", "currency"), [("A", "USD"), ("J", "JPY"), ("K", "KWD")])
def test_cash_scale_applies_to_every_currency(cash_scale, cost, instrument, currency) -> None:
    book = make(cash_scale=cash_scale)
    fill(book, "B", 3, 3, "1.234500000000000001", instrument=instrument)
    assert moved(book, currency) == -D(cost)


# -- instruments that change ---------------------------------------------------------------------


def test_a_changed_multiplier_moves_cash(book) -> None:
    fill(book, "F", 2, 2, "5000.25", instrument="FUT")
    assert moved(book) == -500_025
    book.update(instruments={"instrument": ["FUT"], "multiplier": [10]})
    assert moved(book) == -100_005
    book.update(instruments={"instrument": ["FUT"], "quote_factor": ["0.001"]})
    assert moved(book) == -D("100.00")  # 100.005
    book.roll_day()
    book.update(instruments={"instrument": ["FUT"], "multiplier": [50], "quote_factor": [1]})
    assert cash(book) == (19_900, 19_900, 19_900)
    fill(book, "F", 2, 1, "5000.25", instrument="FUT")
    assert moved(book) == D("250012.5")  # both parts use the present factor


def test_a_changed_currency_moves_cash(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.update(instruments={"instrument": ["A"], "currency": ["EUR"]})
    assert (moved(book), moved(book, "EUR")) == (0, -15_000)
    fill(book, "B", 100, 100, "150.125")
    book.update(instruments={"instrument": ["A"], "currency": ["JPY"]})
    assert (moved(book, "EUR"), moved(book, "JPY")) == (0, -15_012)  # 15012.5
    book.update(instruments={"instrument": ["A"], "currency": ["USD"]})
    assert (moved(book, "JPY"), moved(book)) == (0, D("-15012.5"))


def test_another_cash_instrument_takes_over_the_cash(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.update(
        instruments={
            "instrument": ["sweep", "dollars"],
            "currency": ["USD", "USD"],
            "cash": [True, False],
        },
        prices={"instrument": ["dollars"], "price": [1]},
    )
    assert cash(book) == (20_000, 20_000, 20_000)
    assert quantities(book, "X", "sweep") == (0, -15_000, -15_000)
    assert book.value("X").current == 20_000
    book.update(instruments={"instrument": ["dollars", "sweep"], "cash": [True, None]})
    assert cash(book) == (20_000, 5_000, 5_000)
    assert quantities(book, "X", "sweep") == (0, 0, 0)
    book.remove(instruments="sweep")


def test_a_cash_instrument_of_fills_cannot_leave_its_currency(book) -> None:
    fill(book, "J", 3, 3, "100.5", instrument="J")
    assert moved(book, "JPY") == -302  # 301.5
    for change in ({"currency": ["CHF"]}, {"cash": [False]}):
        with pytest.raises(mvcore.InvalidInput, match="JPY") as caught:
            book.update(instruments={"instrument": ["yen"]} | change)
        assert caught.value.table == "instruments"
        assert moved(book, "JPY") == -302
    book.update(
        instruments={"instrument": ["yen", "J"], "currency": ["CHF", "CHF"]},
        fx={"currency": ["CHF"], "rate": ["1.2"]},
    )
    assert moved(book, "JPY") == D("-301.5")  # in francs


def test_a_cash_instrument_can_be_added_again_with_a_fill(book) -> None:
    fill(book, "B", 1, 1, "0.01")
    book.remove(orders=["B"])
    book.update(holdings={"account": ["X"], "instrument": ["dollars"], "quantity": [0]})
    book.remove(instruments=["dollars"])
    book.update(
        instruments={"instrument": ["dollars"], "currency": ["USD"], "cash": [True]},
        orders={
            "order": ["C"],
            "account": ["X"],
            "instrument": ["A"],
            "order_quantity": [1],
            "filled_quantity": [1],
            "average_price": ["0.25"],
        },
    )
    assert cash(book) == (0, D("-0.25"), D("-0.25"))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"instrument": ["K", "yen"], "currency": ["KWD", "CHF"]}, ("instruments", "currency", 1)),
        ({"instrument": ["yen"], "cash": [False]}, ("instruments", "cash", 0)),
        (
            {"instrument": ["J", "yen"], "multiplier": [2, None], "cash": [False, False]},
            ("instruments", "cash", 1),
        ),
        ({"instrument": ["K", "J"], "currency": ["KWD", "CHF"]}, ("instruments", "currency", 1)),
        ({"instrument": ["J"], "multiplier": ["1e19"]}, ("instruments", "multiplier", 0)),
        ({"instrument": ["J"], "quote_factor": ["1e19"]}, ("instruments", "quote_factor", 0)),
    ],
)
def test_a_change_that_cash_forbids_is_refused_with_its_row(book, change, place) -> None:
    fill(book, "J", 30, 30, 10, instrument="J")
    with pytest.raises(mvcore.Error) as caught:
        book.update(instruments=change)
    error = caught.value
    assert (error.table, error.column, error.row) == place
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.remove(instruments=["K", "yen"])
    error = caught.value
    assert (error.table, error.column, error.row, error.value) == (
        "remove",
        "instruments",
        1,
        "yen",
    )


# -- refusals ------------------------------------------------------------------------------------


def orders_table(*prices) -> dict[str, list]:
    names = [f"N{k}" for k in range(len(prices))]
    return {
        "order": names,
        "account": ["X"] * len(names),
        "instrument": ["A", "S"][: len(names)],
        "order_quantity": [10] * len(names),
        "filled_quantity": [10] * len(names),
        "average_price": list(prices),
    }


@pytest.fixture
def francs(book) -> mvcore.Book:
    """With S, a share in francs. There is no cash instrument in francs."""
    book.update(instruments={"instrument": ["S"], "currency": ["CHF"]})
    return book


@pytest.mark.parametrize("call", ["load", "update"])
def test_a_fill_in_a_currency_without_cash_is_refused(francs, call) -> None:
    with pytest.raises(mvcore.InvalidInput, match="CHF") as caught:
        getattr(francs, call)(orders=orders_table(150, "12.5"))
    error = caught.value
    assert (error.table, error.column, error.row) == ("orders", "average_price", 1)
    assert (len(francs.orders()), moved(francs)) == (0, 0)
    with pytest.raises(mvcore.InvalidInput, match="CHF") as caught:
        # the cost rounds to 0, but it moves cash
        fill(francs, "B", 10, 10, "0.0001", instrument="S")
    assert "average_price" in str(caught.value)
    getattr(francs, call)(orders=orders_table(150, None))
    getattr(francs, call)(orders=orders_table(150, 0))
    assert moved(francs) == -1_500
    francs.update(instruments={"instrument": ["francs"], "currency": ["CHF"], "cash": [True]})
    francs.update(orders={"order": ["N1"], "average_price": [2]})
    assert quantities(francs, "X", "francs") == (0, -20, -20)


def test_fills_of_zero_cost_need_no_cash_instrument(francs) -> None:
    row = {"order": ["G"], "account": ["X"], "instrument": ["S"], "order_quantity": [50]}
    for facts in (
        {"filled_quantity": [0], "average_price": [5]},
        {"filled_quantity": [20], "rolled_quantity": [20], "average_price": [5]},
        {"filled_quantity": [20], "average_price": [0]},
    ):
        francs.load(orders=row | facts)
        assert len(francs.orders()) == 1
    with pytest.raises(mvcore.InvalidInput):
        francs.update(orders={"order": ["G"], "average_price": [5]})
    francs.update(instruments={"instrument": ["S"], "multiplier": [0]})
    francs.update(orders={"order": ["G"], "average_price": [5]})
    with pytest.raises(mvcore.InvalidInput) as caught:
        francs.update(instruments={"instrument": ["S"], "multiplier": [1]})
    assert caught.value.table == "instruments"


def test_a_rolled_order_needs_no_cash_instrument(book) -> None:
    fill(book, "J", 4, 2, 100, instrument="J")
    with pytest.raises(mvcore.InvalidInput):
        book.update(instruments={"instrument": ["yen"], "cash": [False]})
    book.roll_day()
    book.update(instruments={"instrument": ["yen"], "cash": [False]})
    fill(book, "J", 4, 1, 200, instrument="J")  # 1 x 200 = 2 x 100
    with pytest.raises(mvcore.InvalidInput):
        fill(book, "J", 4, 3, 100, instrument="J")
    with pytest.raises(mvcore.InvalidInput):
        fill(book, "J", 4, 2, "100.000000000000000001", instrument="J")
    fill(book, "J", 4, 3, None, instrument="J")
    book.update(instruments={"instrument": ["yen"], "cash": [True]})
    fill(book, "J", 4, 3, 100, instrument="J")
    assert cash(book, "JPY") == (-200, -300, -300)


def test_names_with_cash_cannot_be_removed(book) -> None:
    fill(book, "J", 3, 3, 100, instrument="J", account="Y")
    for gone in ({"instruments": "yen"}, {"accounts": "Y"}):
        with pytest.raises(mvcore.InvalidInput):
            book.remove(**gone)
        assert moved(book, "JPY", "Y") == -300
    book.remove(orders="J", instruments="yen", accounts="Y")
    assert "yen" not in [row["instrument"] for row in positions(book)]


def test_two_cash_instruments_of_a_currency_are_refused(book) -> None:
    for rows in (
        {"instrument": ["dollars 2"], "currency": ["USD"], "cash": [True]},
        {"instrument": ["A"], "cash": [True]},
        {"instrument": ["euros"], "currency": ["USD"]},
        {"instrument": ["f1", "f2"], "currency": ["CHF", "CHF"], "cash": [True, True]},
    ):
        with pytest.raises(mvcore.InvalidInput) as caught:
            book.update(instruments=rows)
        assert (caught.value.table, caught.value.column) == ("instruments", "cash")
    given = tables()["instruments"]
    with pytest.raises(mvcore.InvalidInput):
        book.load(instruments=given | {"cash": [True] * 9})
    off = make(cash=None)
    off.update(instruments={"instrument": ["dollars 2"], "currency": ["USD"], "cash": [True]})


@pytest.mark.parametrize("currency", ["BTC", "usd", "US", "USDX", "EURO", "€"])
def test_cash_in_a_currency_outside_iso_4217_is_refused(book, currency) -> None:
    rows = {"instrument": ["coins"], "currency": [currency], "cash": [True]}
    with pytest.raises(mvcore.InvalidInput) as caught:
        book.update(instruments=rows)
    assert (caught.value.table, caught.value.column) == ("instruments", "currency")
    assert caught.value.value == currency
    make(cash=None).update(instruments=rows)
    other = make(cash_scale=8)
    other.update(instruments=rows)
    other.update(instruments={"instrument": ["A"], "currency": [currency]})
    fill(other, "B", 1, 1, "0.123456785")
    assert quantities(other, "X", "coins")[1] == D("-0.12345678")
    book.update(instruments=rows | {"cash": [False]})


def test_a_cost_of_more_than_20_digits_is_refused(book) -> None:
    for filled, price in (
        (10, "1" + "0" * 19),
        (-10, "1" + "0" * 19),
        (10, "9999999999999999999.9995"),  # rounds to 1e20
        ("9" * 20, "9" * 20),
    ):
        with pytest.raises(mvcore.ValueOverflow, match=r"average_price"):
            fill(book, "B", filled, filled, price)
        assert (len(book.orders()), moved(book)) == (0, 0)
    fill(book, "B", 10, 10, "9999999999999999999.9994")
    assert moved(book) == D("-99999999999999999999.99")
    with pytest.raises(mvcore.ValueOverflow):
        fill(book, "C", 1, 1, "20000.01")  # with 20,000 at the start: 1e20
    fill(book, "C", 1, 1, "20000")
    with pytest.raises(mvcore.ValueOverflow):
        fill(book, "D", 1, 1, "0.01")
    assert cash(book)[1] == D("-99999999999999999999.99")


def test_equal_costs_cancel_out_however_large(book) -> None:
    huge = "9" * 20
    load_order(
        book,
        order_quantity=huge,
        filled_quantity=huge,
        rolled_quantity=huge,
        average_price=huge,
    )
    assert moved(book) == 0
