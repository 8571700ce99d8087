"""Cash from fills in the reference model itself, computed by hand."""

from decimal import Decimal as D
from fractions import Fraction

import pytest

from reference import InvalidInput, ReferenceBook, UnknownId, ValueOverflow, dump


def small_book(cash="from_fills", cash_scale=None, **instruments) -> ReferenceBook:
    """A1 has 1,000 dollars.

    X is a share, B a bond in percent, J in yen, S in francs without cash.
    """
    book = ReferenceBook("USD", 4, cash, cash_scale)
    columns = {
        "instrument": ["X", "B", "J", "S", "dollars", "euros", "yen"],
        "currency": ["USD", "EUR", "JPY", "CHF", "USD", "EUR", "JPY"],
        "quote_factor": [1, "0.01", 1, 1, 1, 1, 1],
        "cash": [False, False, None, None, True, True, True],
    }
    book.load(
        instruments=columns | instruments,
        accounts={"account": ["A1", "A2"]},
        holdings={"account": ["A1"], "instrument": ["dollars"], "quantity": [1000]},
        prices={"instrument": ["X"], "price": [10]},
    )
    return book


def fill(book, filled, price, instrument="X", account="A1", order="O1") -> int:
    return book.order(order, account, instrument, filled or 1, filled, average_price=price)


def cash(book, instrument="dollars", account="A1") -> tuple:
    return tuple(book.nets().get((account, instrument), (0, 0, 0)))


def test_each_report_of_an_order_moves_its_cash() -> None:
    book = small_book()
    steps = [
        # filled, price, current
        (10, "10.5", 895),
        (10, "10", 900),
        (20, "10", 800),
        (20, None, 1000),
        (-20, "10", 1200),
        (-20, "-1", 980),
        (20, "0", 1000),
        (0, "10", 1000),
        (1, "0.005", 1000),
        (1, "0.015", Fraction("999.98")),
    ]
    for filled, price, current in steps:
        fill(book, filled, price)
        assert cash(book) == (1000, current, current)
    assert book.orders()[0]["average_price"] == D("0.015")
    book.remove(orders="O1")
    assert cash(book) == (1000, 1000, 1000)


def test_costs_are_rounded_by_currency() -> None:
    book = small_book()
    fill(book, 10_000, "98.7654", "B")  # 9876.54
    assert cash(book, "euros")[1] == Fraction("-9876.54")
    for filled, cost in ((1, 0), (3, 2), (5, 2), (7, 4), (-3, -2)):
        fill(book, filled, "0.5", "J", order="O2")
        assert cash(book, "yen")[1] == -cost
    other = small_book(cash_scale=1)
    fill(other, 1, "0.25")
    fill(other, 1, "0.5", "J", order="O2")
    assert (cash(other)[1], cash(other, "yen")[1]) == (Fraction("999.8"), Fraction("-0.5"))


def test_a_roll_keeps_the_price_of_rolled_fills() -> None:
    book = small_book()
    fill(book, 10, "10")
    before = dump(book)
    assert cash(book) == (1000, 900, 900)
    book.roll_day()
    assert cash(book) == (900, 900, 900)
    assert dump(book)["orders"][0]["average_price"] == before["orders"][0]["average_price"]
    fill(book, 10, "10.00")
    assert (book.stats()["unchanged_orders"], cash(book)) == (1, (900, 900, 900))
    fill(book, 10, "9.5")
    assert cash(book) == (900, 905, 905)
    fill(book, 5, "9.5")
    assert cash(book) == (900, Fraction("952.5"), Fraction("952.5"))
    fill(book, 5, None)
    assert cash(book) == (900, 900, 900)
    fill(book, 10, "9.5")
    book.update(orders={"order": ["O1"], "rolled_quantity": [10]})
    assert cash(book) == (900, 905, 905)
    book.update(orders={"order": ["O1"], "rolled_quantity": [4]})
    assert cash(book) == (900, 843, 843)
    book.roll_day(holdings={"account": ["A1"], "instrument": ["dollars"], "quantity": [7]})
    assert cash(book) == (7, 7, 7)


def test_rolled_fills_of_a_loaded_order_have_its_average_price() -> None:
    book = small_book()
    row = {"order": ["O1"], "account": ["A1"], "instrument": ["X"], "order_quantity": [50]}
    book.load(orders=row | {"filled_quantity": [30], "average_price": [10]})
    book.roll_day()
    book.load(
        orders=row | {"filled_quantity": [40], "rolled_quantity": [30], "average_price": [11]}
    )
    assert cash(book) == (700, 590, 590)


def test_changed_instruments_move_cash() -> None:
    book = small_book()
    fill(book, 10, "10")
    book.update(instruments={"instrument": ["X"], "multiplier": [3]})
    assert cash(book)[1] == 700
    book.update(instruments={"instrument": ["X"], "currency": ["EUR"]})
    assert (cash(book)[1], cash(book, "euros")) == (1000, (0, -300, -300))
    book.update(
        instruments={"instrument": ["e2", "euros"], "currency": ["EUR"] * 2, "cash": [True, None]}
    )
    assert (cash(book, "euros"), cash(book, "e2")) == ((0, 0, 0), (0, -300, -300))


def test_cash_has_the_price_1() -> None:
    book = small_book(cash=None)
    assert [(row["instrument"], row["price"]) for row in book.prices()] == [
        ("X", 10),
        ("dollars", 1),
        ("euros", 1),
        ("yen", 1),
    ]
    book.tick("yen", 2)
    book.update(instruments={"instrument": ["euros"], "cash": [False]})
    book.load(prices={"instrument": ["euros"], "price": [3]})
    assert [row["price"] for row in book.prices()] == [1, 3, 1]
    book.remove(prices=["euros", "yen"])
    assert [(row["instrument"], row["epoch"]) for row in book.prices()] == [
        ("dollars", 4),
        ("yen", 5),
    ]


def test_without_cash_from_fills_no_cash_moves() -> None:
    book = small_book(cash=None)
    fill(book, 10, "10")
    fill(book, 10**19, 10**19, "S", order="O2")
    assert cash(book) == (1000, 1000, 1000)
    assert [row["average_price"] for row in book.orders()] == [10, 10**19]


def test_fills_of_zero_cost_need_no_cash_instrument() -> None:
    book = small_book()
    for filled, price in ((0, 5), (5, 0), (5, None)):
        fill(book, filled, price, "S")
    book.roll_day()
    fill(book, 5, 3, "S")  # no price was known at the roll
    with pytest.raises(InvalidInput):
        fill(book, 6, 3, "S")
    book.roll_day()
    fill(book, 3, 5, "S")  # 3 x 5 = 5 x 3
    with pytest.raises(InvalidInput):
        fill(book, 3, "4.999", "S")


WRONG = [
    (lambda b: fill(b, 1, "0.001", "S"), InvalidInput),
    (lambda b: fill(b, 10, 10**19), ValueOverflow),
    (lambda b: fill(b, 1, "x"), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["X"], "cash": [True]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["yen"], "cash": [1]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["yen"], "cash": ["true"]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["yen"], "multiplier": [2]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["yen"], "quote_factor": [0]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["yen"], "currency": ["XBT"]}), InvalidInput),
    (lambda b: b.update(instruments={"instrument": ["dollars"], "cash": [False]}), InvalidInput),
    (lambda b: b.remove(instruments="dollars"), InvalidInput),
    (lambda b: b.update(accounts={"account": ["A1"], "cash": ["a"]}), InvalidInput),
    (lambda b: b.update(orders={"order": ["O9"], "average_price": [1]}), InvalidInput),
    (lambda b: fill(b, 1, 1, "Z"), UnknownId),
]


@pytest.mark.parametrize(("wrong", "error"), WRONG)
def test_an_error_changes_nothing(wrong, error) -> None:
    book, other = small_book(), small_book()
    for each in (book, other):
        fill(each, 1, "1", order="first")
    with pytest.raises(error):
        wrong(book)
    assert (dump(book), vars(book.state)) == (dump(other), vars(other.state))


@pytest.mark.parametrize(
    ("mode", "scale"),
    [("fills", None), (True, None), (None, 2), *(("from_fills", s) for s in (-1, 19, True, "2"))],
)
def test_unknown_cash_modes_are_refused(mode, scale) -> None:
    with pytest.raises(InvalidInput):
        ReferenceBook("USD", 8, mode, scale)
