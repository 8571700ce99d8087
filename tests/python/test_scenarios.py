"""Days in the life of orders, with amounts computed by hand, readable as tables.

A scenario is a list of steps. A step has a description, the call, and the value of Anna (and Ben)
after it: start of day, current (with today's fills), expected (with the leaves of working orders).
All amounts are at the present price. Anna begins with 100 ACME at 10.00, Ben with nothing.
"""

import pytest

import mvcore
from scenario import holdings, order_row, orders, play, small_book, worth


@pytest.fixture
def book() -> mvcore.Book:
    return small_book()


# -- one order -----------------------------------------------------------------------------------


def test_a_purchase_fills_in_three_parts(book) -> None:
    play(
        book,
        ("50 wanted", lambda b: b.order("O1", "Anna", "ACME", 50), (1000, 1000, 1500)),
        ("20 filled", lambda b: b.order("O1", "Anna", "ACME", 50, 20, "1"), (1000, 1200, 1500)),
        ("the price moves", lambda b: b.tick("ACME", "11.00"), (1100, 1320, 1650)),
        ("45 filled", lambda b: b.order("O1", "Anna", "ACME", 50, 45, "1"), (1100, 1595, 1650)),
        ("all filled", lambda b: b.order("O1", "Anna", "ACME", 50, 50, "2"), (1100, 1650, 1650)),
    )
    assert order_row(book, "O1") == (50, 50, 0, "filled", 550, 550)
    assert [(r["account"], r["quantity"]) for r in book.holdings().to_pylist()] == [("Anna", 100)]


def test_sales_and_short_sales_reduce_the_position(book) -> None:
    play(
        book,
        ("sell 40", lambda b: b.order(1, "Anna", "ACME", -40), (1000, 1000, 600)),
        ("10 sold", lambda b: b.order(1, "Anna", "ACME", -40, -10), (1000, 900, 600)),
        ("rest canceled", lambda b: b.order(1, "Anna", "ACME", -40, -10, "4"), (1000, 900, 900)),
        ("sell 150 more", lambda b: b.order(2, "Anna", "ACME", -150), (1000, 900, -600)),
        ("they fill", lambda b: b.order(2, "Anna", "ACME", -150, -150, "2"), (1000, -600, -600)),
        (
            "Ben, short of nothing",
            lambda b: b.order(3, "Ben", "ACME", -5),
            (1000, -600, -600),
            (0, 0, -50),
        ),
    )
    assert order_row(book, 1) == (-40, -10, 0, "canceled", -400, -100)
    assert order_row(book, 3) == (-5, 0, -5, "new", -50, 0)
    assert book.orders()["order"] == [1, 2, 3]


def test_an_overfill_has_no_open_quantity(book) -> None:
    play(
        book,
        ("50 wanted", lambda b: b.order("O1", "Anna", "ACME", 50), (1000, 1000, 1500)),
        ("60 filled", lambda b: b.order("O1", "Anna", "ACME", 50, 60, "1"), (1000, 1600, 1600)),
        ("10 busted", lambda b: b.order("O1", "Anna", "ACME", 50, 50, "2"), (1000, 1500, 1500)),
    )


def test_a_bust_reverses_the_fill(book) -> None:
    play(
        book,
        ("filled", lambda b: b.order("O1", "Anna", "ACME", 50, 50, "2"), (1000, 1500, 1500)),
        ("busted", lambda b: b.order("O1", "Anna", "ACME", 50, 0, "0"), (1000, 1000, 1500)),
        ("filled again", lambda b: b.order("O1", "Anna", "ACME", 50, 8, "1"), (1000, 1080, 1500)),
        ("given up", lambda b: b.order("O1", "Anna", "ACME", 50, 0, "4"), (1000, 1000, 1000)),
    )
    assert order_row(book, "O1") == (50, 0, 0, "canceled", 500, 0)
    assert book.stats()["positions"] == 1


STATUSES = [
    # FIX 39: name, code, do 30 remain in the leaves quantity?
    ("new", "0", True),
    ("partially_filled", "1", True),
    ("filled", "2", False),
    ("done_for_day", "3", False),
    ("canceled", "4", False),
    ("replaced", "5", False),
    ("pending_cancel", "6", True),
    ("stopped", "7", True),
    ("rejected", "8", False),
    ("suspended", "9", True),
    ("pending_new", "A", True),
    ("calculated", "B", False),
    ("expired", "C", False),
    ("accepted_for_bidding", "D", True),
    ("pending_replace", "E", True),
]


@pytest.mark.parametrize(("name", "code", "works"), STATUSES)
def test_every_status_gives_its_open_quantity(book, name, code, works) -> None:
    for given in (name, code):
        book.order("O1", "Anna", "ACME", 50, 20, given)
        assert order_row(book, "O1") == (50, 20, 30 if works else 0, name, 500, 200)
        assert worth(book, "Anna") == (1000, 1200, 1500 if works else 1200)
        book.update(orders={"order": ["O1"], "status": [given]})
        assert book.orders()["status"] == [name]
    book.roll_day()
    # ended orders are kept for a day, so that a replay changes nothing
    assert len(book.orders()) == 1
    book.roll_day()
    assert len(book.orders()) == (works or name in ("done_for_day", "calculated"))


def test_a_replacing_order_takes_over_the_fills(book) -> None:
    """A replace is one batch: it ends the old order, and the new one takes over the fills."""
    play(
        book,
        (
            "50 wanted, 20 filled",
            lambda b: b.order("O1", "Anna", "ACME", 50, 20),
            (1000, 1200, 1500),
        ),
        (
            "O2 for 80 in its place",
            lambda b: b.update(
                orders=orders(
                    ("O1", "Anna", "ACME", 50, 0, "canceled"),
                    ("O2", "Anna", "ACME", 80, 20, "partially_filled"),
                )
            ),
            (1000, 1200, 1800),
        ),
        (
            "80 become 60",
            lambda b: b.update(orders=Q2 | {"order_quantity": [60]}),
            (1000, 1200, 1600),
        ),
        ("become 15", lambda b: b.update(orders=Q2 | {"order_quantity": [15]}), (1000, 1200, 1200)),
        ("O1 is forgotten", lambda b: b.remove(orders=["O1"]), (1000, 1200, 1200)),
        ("O2 too, its fills with it", lambda b: b.remove(orders=["O2"]), (1000, 1000, 1000)),
    )


Q2 = {"order": ["O2"]}


# -- the end of the day --------------------------------------------------------------------------


def test_cumulative_fills_continue_after_a_day_roll(book) -> None:
    play(
        book,
        ("O1: 20 of 50", lambda b: b.order("O1", "Anna", "ACME", 50, 20, "1"), (1000, 1200, 1500)),
        ("O2: all 30", lambda b: b.order("O2", "Anna", "ACME", 30, 30, "2"), (1000, 1500, 1800)),
        (
            "O3: none, expired",
            lambda b: b.order("O3", "Ben", "ACME", 7, 0, "C"),
            (1000, 1500, 1800),
        ),
        ("night", lambda b: b.roll_day(), (1500, 1500, 1800)),
        # The feed continues to count from the order's beginning: 35 in all are 15 today.
        ("O1: 35 in all", lambda b: b.order("O1", "Anna", "ACME", 50, 35, "1"), (1500, 1650, 1800)),
        ("the price moves", lambda b: b.tick("ACME", "20"), (3000, 3300, 3600)),
        ("night", lambda b: b.roll_day(), (3300, 3300, 3600)),
        ("O1: 50 in all", lambda b: b.order("O1", "Anna", "ACME", 50, 50, "2"), (3300, 3600, 3600)),
        ("night", lambda b: b.roll_day(), (3600, 3600, 3600)),
        ("quiet night", lambda b: b.roll_day(), (3600, 3600, 3600)),
    )
    assert (book.stats()["orders"], len(book.orders())) == (0, 0)
    assert book.holdings()["quantity"] == [180]


def test_a_bust_of_yesterdays_fill_is_a_negative_fill_of_today(book) -> None:
    """Start of day includes the fill; today's fills are negative."""
    play(
        book,
        ("20 of 50", lambda b: b.order("O1", "Anna", "ACME", 50, 20, "1"), (1000, 1200, 1500)),
        ("night", lambda b: b.roll_day(), (1200, 1200, 1500)),
        ("busted", lambda b: b.order("O1", "Anna", "ACME", 50, 0, "0"), (1200, 1000, 1500)),
        ("and canceled", lambda b: b.order("O1", "Anna", "ACME", 50, 0, "4"), (1200, 1000, 1000)),
        ("night", lambda b: b.roll_day(), (1000, 1000, 1000)),
    )


def test_fills_on_both_sides_cancel_out(book) -> None:
    """A position whose start of day is not zero but whose current is, and the next day."""
    play(
        book,
        ("sell all", lambda b: b.order("O1", "Anna", "ACME", -100, -100, "2"), (1000, 0, 0)),
        ("night", lambda b: b.roll_day(), (0, 0, 0)),
        ("buy 5", lambda b: b.order("O2", "Anna", "ACME", 5, 5, "2"), (0, 50, 50)),
        ("sell 5", lambda b: b.order("O3", "Anna", "ACME", -5, -5, "2"), (0, 0, 0)),
    )
    assert (book.stats()["positions"], len(book.values()), len(book.holdings())) == (0, 0, 0)


def test_fills_are_added_to_the_custodians_holdings(book) -> None:
    """A load of holdings sets the start of day. The fills of the day are added to it."""
    play(
        book,
        ("20 of 50", lambda b: b.order("O1", "Anna", "ACME", 50, 20), (1000, 1200, 1500)),
        (
            "it was 90, not 100",
            lambda b: b.load(holdings=holdings(("Anna", "ACME", 90))),
            (900, 1100, 1400),
        ),
        (
            "all orders anew",
            lambda b: b.load(orders=orders(("O9", "Ben", "ACME", 10, 1))),
            (900, 900, 900),
            (0, 10, 100),
        ),
    )
