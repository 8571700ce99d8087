"""Orders in the reference model itself, computed by hand."""

import pytest

from order_facts import START
from reference import (
    InvalidInput,
    ReferenceBook,
    UnknownId,
    ValueOverflow,
    dump,
    revalued,
)

COLUMNS = ("order", "account", "instrument", "order_quantity", "filled_quantity", "status", "time")


def table(*rows: tuple) -> dict[str, list]:
    """Make an orders table from rows. Columns are filled from the left, up to the shortest row."""
    return dict(zip(COLUMNS, map(list, zip(*rows, strict=False)), strict=False))


def small_book(*orders: tuple, **options) -> ReferenceBook:
    """A1 holds 100 X at 10; Y at 50 EUR is not held."""
    book = ReferenceBook(**options)
    book.load(
        instruments={"instrument": ["X", "Y"], "currency": ["USD", "EUR"]},
        accounts={"account": ["A1", "A2"], "desk": ["d1", "d2"]},
        fx={"currency": ["EUR"], "rate": ["1.2"]},
        prices={"instrument": ["X", "Y"], "price": ["10", "50"]},
        holdings={"account": ["A1"], "instrument": ["X"], "quantity": [100]},
    )
    if orders:
        book.update(orders=table(*orders))
    return book


def worth(book, account: str = "A1") -> tuple:
    return tuple(int(amount) for amount in book.value(account)[1:4])


def column(rows: list[dict], name: str) -> list:
    return [row[name] for row in rows]


# -- the life of an order ------------------------------------------------------------------------

# A1 holds 100 X at 10: 1000 at the start of the day.
LIFE = [
    # what              order  filled  status              leaves  sod   current  expected
    ("a buy",             50,     0, "new",                  50, 1000,   1000,   1500),
    ("filled in part",    50,    20, "partially_filled",     30, 1000,   1200,   1500),
    ("filled",            50,    50, "filled",                0, 1000,   1500,   1500),
    ("all, status behind", 50,   50, "partially_filled",      0, 1000,   1500,   1500),
    ("overfilled",        50,    70, "partially_filled",      0, 1000,   1700,   1700),
    ("canceled",          50,    20, "canceled",              0, 1000,   1200,   1200),
    ("rejected",          50,     0, "rejected",              0, 1000,   1000,   1000),
    ("expired",           50,     5, "expired",               0, 1000,   1050,   1050),
    ("done for the day",  50,     5, "done_for_day",          0, 1000,   1050,   1050),
    ("calculated",        50,     5, "calculated",            0, 1000,   1050,   1050),
    ("replaced",          50,     5, "replaced",              0, 1000,   1050,   1050),
    ("cancel not yet in", 50,     5, "pending_cancel",       45, 1000,   1050,   1500),
    ("a sell",           -40,   -10, "1",                   -30, 1000,    900,    600),
    ("a sell, canceled", -40,   -10, "4",                     0, 1000,    900,    900),
    ("a short sell",    -150,     0, "A",                  -150, 1000,   1000,   -500),
    ("of nothing",         0,     0, "new",                   0, 1000,   1000,   1000),
    ("bought for nothing", 0,     7, "new",                   0, 1000,   1070,   1070),
]  # fmt: skip


@pytest.mark.parametrize("life", LIFE, ids=lambda life: life[0])
def test_each_state_of_an_order_has_its_quantities(life) -> None:
    _, order, filled, status, leaves, *measures = life
    book = small_book(("O1", "A1", "X", order, filled, status))
    assert worth(book) == tuple(measures)
    assert column(book.orders(), "leaves_quantity") == [leaves]
    assert column(book.orders(), "market_value") == [order * 10]
    assert column(book.orders(), "filled_value") == [filled * 10]
    assert column(book.holdings(), "quantity") == [100]


def test_a_bust_reverses_the_fill() -> None:
    book = small_book(("O1", "A1", "X", 50, 50, "filled"))
    book.order("O1", "A1", "X", 50, 0, "new")
    assert worth(book) == (1000, 1000, 1500)
    book.order("O1", "A1", "X", 50, 0, "canceled")
    assert worth(book) == (1000, 1000, 1000)


def test_a_moved_order_takes_its_fills_and_open_quantity_along() -> None:
    book = small_book(("O1", "A1", "X", 50, 20))
    book.update(orders={"order": ["O1"], "account": ["A2"]})
    assert (worth(book), worth(book, "A2")) == ((1000, 1000, 1000), (0, 200, 500))
    book.update(orders={"order": ["O1"], "instrument": ["Y"]})  # 20 x 50 x 1.2, 50 x 50 x 1.2
    assert worth(book, "A2") == (0, 1200, 3000)
    assert book.values(accounts="A2", by="currency")[0]["currency"] == "EUR"


def test_an_order_makes_a_position_without_a_holding() -> None:
    book = small_book(("O1", "A2", "Y", 10, 0))
    assert book.stats()["positions"] == 2
    assert column(book.holdings(), "account") == ["A1"]
    assert column(book.values(), "expected") == [1000, 600]
    book.load(prices={"instrument": ["X"], "price": [10]})
    assert column(book.values(), "unpriced") == [0, 1]
    assert [book.orders()[0][name] for name in ("price", "market_value")] == [None, None]
    book.order("O1", "A2", "Y", 10, 0, "canceled")  # no position, but the order exists
    assert (book.stats()["positions"], book.stats()["orders"]) == (1, 1)


def test_orders_are_sorted_by_account_instrument_and_id() -> None:
    rows = [("O9", "A2", "X", 1), ("b", "A1", "Y", 1), ("O10", "A2", "X", 1), ("ä", "A1", "X", 1)]
    assert column(small_book(*rows).orders(), "order") == ["ä", "b", "O10", "O9"]
    rows = [(9, "A1", "X", 1), (-5, "A1", "X", 1), (10, "A1", "X", 1), (1, "A2", "X", 1)]
    book = small_book(*rows)
    assert column(book.orders(), "order") == [-5, 9, 10, 1]
    assert column(book.orders("A1", "X"), "order") == [-5, 9, 10]
    assert column(revalued(book, "X"), "order") == [None, -5, 1, 9, 10]


# -- the end of the day --------------------------------------------------------------------------


def test_a_day_roll_moves_fills_into_the_holdings() -> None:
    book = small_book(
        ("O1", "A1", "X", 50, 20, "partially_filled"),
        ("O2", "A1", "X", 30, 30, "filled"),
        ("O3", "A2", "X", -10, 0, "canceled"),
    )
    assert worth(book) == (1000, 1500, 1800)
    assert book.roll_day() == 3
    assert worth(book) == (1500, 1500, 1800)
    assert column(book.orders(), "order") == ["O1", "O2", "O3"]
    assert column(book.orders(), "filled_quantity") == [20, 30, 0]  # cumulative, as given
    assert column(book.orders(), "rolled_quantity") == [20, 30, 0]
    book.update(orders={"order": ["O1"], "filled_quantity": [35]})  # 15 more
    assert worth(book) == (1500, 1650, 1800)
    book.roll_day()
    assert column(book.orders(), "order") == ["O1"]
    assert worth(book) == (1650, 1650, 1800)
    book.order("O1", "A1", "X", 50, 0, "new")  # yesterday's fills are busted today
    assert worth(book) == (1650, 1300, 1800)


def test_rolled_fills_stay_with_the_old_account() -> None:
    book = small_book(("O1", "A1", "X", 50, 20))
    book.roll_day()
    book.update(orders={"order": ["O1"], "account": ["A2"], "filled_quantity": [25]})
    # A1's holding has yesterday's 20. A2 has today's 5 and the leaves of 25.
    assert (worth(book), worth(book, "A2")) == ((1200, 1200, 1200), (0, 50, 300))


def test_a_load_of_orders_resets_rolled_fills_and_times() -> None:
    book = small_book(("O1", "A1", "X", 50, 20, "new", START + 5_000))
    book.roll_day()
    book.load(orders=table(("O1", "A1", "X", 50, 20, "new", START + 1_000)))
    assert worth(book) == (1200, 1400, 1700)
    book.order("O1", "A1", "X", 50, 30, "new", START + 2_000)
    assert (worth(book), book.stats()["late_orders"]) == ((1200, 1500, 1700), 0)


def test_a_load_of_holdings_keeps_orders() -> None:
    book = small_book(("O1", "A1", "X", 50, 20))
    book.load(holdings={"account": ["A2"], "instrument": ["X"], "quantity": [1]})
    assert (worth(book), worth(book, "A2")) == ((0, 200, 500), (10, 10, 10))


# -- facts ---------------------------------------------------------------------------------------


def test_late_orders_are_dropped_and_counted() -> None:
    book = small_book(("O1", "A1", "X", 50, 20, "new", START + 5_000))
    steps = [
        # filled, time, then expected: filled, late
        (30, START + 4_999, 20, 1),
        (-9, START + 4_999, 20, 2),  # late rows are not checked
        (30, START + 5_000, 30, 2),
        (40, None, 40, 2),
        (10, START + 1, 10, 2),  # no time is held, so no time is late
        (15, START, 10, 3),
    ]
    for filled, time, then, late in steps:
        book.order("O1", "A1", "X", 50, filled, "new", time)
        assert column(book.orders(), "filled_quantity") == [then]
        assert book.stats()["late_orders"] == late
    book.update(orders={"order": ["O1"], "filled_quantity": [11]})  # the held time stays
    assert column(book.orders(), "filled_quantity") == [11]
    book.order("O1", "A1", "X", 50, 12, "new", START)
    assert (column(book.orders(), "filled_quantity"), book.stats()["late_orders"]) == ([11], 4)


def test_an_update_keeps_absent_columns_of_orders() -> None:
    book = small_book(("O1", "A1", "X", 50, 20, "stopped"))
    book.update(orders={"order": ["O1", "O2"], "account": ["A1", "A2"], "instrument": ["X", "Y"],
                        "order_quantity": [60, -5]})  # fmt: skip
    assert column(book.orders(), "status") == ["stopped", "new"]
    assert column(book.orders(), "filled_quantity") == [20, 0]
    book.update(orders={"order": ["O1"], "status": [None]})
    book.update(orders={"order": ["O1"], "filled_quantity": [None]})
    assert [book.orders()[0][n] for n in ("status", "filled_quantity")] == ["new", 0]
    book.update(orders={"order": ["O1", "O2"]})
    assert column(book.orders(), "order_quantity") == [60, -5]


def test_a_split_changes_no_value() -> None:
    """3 for 1: quantities times three, the price a third, in one batch: no value moves."""
    book = small_book(("O1", "A1", "X", 50, 20), ("O2", "A1", "X", -30, 0))
    before = worth(book)
    book.tick("X", 12)
    book.update(
        prices={"instrument": ["X"], "price": [4]},
        holdings={"account": ["A1"], "instrument": ["X"], "quantity": [300]},
        orders={"order": ["O1", "O2"], "order_quantity": [150, -90], "filled_quantity": [60, 0]},
    )
    assert (before, worth(book)) == ((1000, 1200, 1200), (1200, 1440, 1440))


# -- errors --------------------------------------------------------------------------------------

GOOD = ("O1", "A1", "X", 50, 20, "new", START + 5_000)
WRONG = [
    (lambda b: b.update(orders=table(("O2", "A9", "X", 1))), UnknownId),
    (lambda b: b.order("O1", "A9", "X", 1, 0, "new", START), UnknownId),  # late, but still checked
    (lambda b: b.order("O1", "A1", "X", 50, -1), InvalidInput),
    (lambda b: b.update(orders={"order": ["O1"], "order_quantity": [-50]}), InvalidInput),
    (lambda b: b.update(orders={"order": ["O2"], "account": ["A1"]}), InvalidInput),
    (lambda b: b.load(orders={"order": ["O1"], "account": ["A1"]}), InvalidInput),
    (lambda b: b.load(orders={"order": []}), InvalidInput),
    (lambda b: b.update(orders=table(GOOD, GOOD)), InvalidInput),
    (lambda b: b.update(orders={"order": ["O1"], "status": ["F"]}), InvalidInput),
    (lambda b: b.update(orders={"order": ["O1"], "account": [None]}), InvalidInput),
    (lambda b: b.order(7, "A1", "X", 1), InvalidInput),
    (lambda b: b.order(True, "A1", "X", 1), InvalidInput),
    (lambda b: b.order(2**63, "A1", "X", 1), InvalidInput),
    (lambda b: b.remove(orders=["O1", "O2"]), UnknownId),
    (lambda b: b.remove(orders=[1]), InvalidInput),
    (lambda b: b.remove(accounts=["A1"]), InvalidInput),
    (lambda b: b.load(accounts={"account": ["A2"]}), InvalidInput),
    (lambda b: b.order("O2", "A2", "X", "99999999999999999999") and b.order("O3", "A2", "X", 1),
     ValueOverflow),
    (lambda b: b.values(prices={"Z": 1}), UnknownId),
    (lambda b: b.values(prices={"X": "x"}), InvalidInput),
    (lambda b: b.values(fx={"EUR": 0}), InvalidInput),
    (lambda b: b.values(fx={"USD": 2}), InvalidInput),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "error"), WRONG)
def test_an_error_changes_nothing(wrong, error) -> None:
    book = small_book(GOOD)
    with pytest.raises(error):
        wrong(book)
    other = small_book(GOOD)
    if error is ValueOverflow:
        other.order("O2", "A2", "X", "99999999999999999999")
    assert (dump(book), vars(book.state)) == (dump(other), vars(other.state))


def test_the_first_order_decides_the_kind_of_ids() -> None:
    book = small_book()
    for wrong in ([1, "O1"], ["O1", 1]):
        with pytest.raises(InvalidInput):
            book.update(orders=table(*((order, "A1", "X", 1) for order in wrong)))
    book.load(orders={name: [] for name in COLUMNS})
    book.order(5, "A1", "X", 1)
    book.load(orders={name: [] for name in COLUMNS})
    with pytest.raises(InvalidInput):
        book.order("O1", "A1", "X", 1)
    book.order(-5, "A1", "X", 1)


def test_removed_orders_leave_the_positions() -> None:
    book = small_book(("O1", "A1", "X", 50, 20, "new"), ("O2", "A2", "Y", 1, 0, "canceled"))
    book.remove(orders=["O1", "O1"])
    assert worth(book) == (1000, 1000, 1000)
    with pytest.raises(InvalidInput):
        book.remove(accounts="A2")  # a dead order refers to it
    book.remove(orders="O2", accounts=["A2"], instruments=["Y"])
    assert (book.orders(), list(book.state.accounts)) == ([], ["A1"])
