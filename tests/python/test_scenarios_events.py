"""Account moves, splits, currencies and late facts, in the form of test_scenarios.py."""

from decimal import Decimal as D

import pytest

import mvcore
from scenario import holdings, order_row, orders, play, small_book, worth


@pytest.fixture
def book() -> mvcore.Book:
    return small_book()


# -- moves, corporate actions, currencies --------------------------------------------------------


def test_an_order_moved_to_another_account_takes_its_fills_along(book) -> None:
    """An allocation: the fills and the leaves move with the order."""
    move = {"order": ["O1"], "account": ["Ben"]}
    play(
        book,
        ("20 of 50", lambda b: b.order("O1", "Anna", "ACME", 50, 20), (1000, 1200, 1500)),
        ("to Ben", lambda b: b.update(orders=move), (1000, 1000, 1000), (0, 200, 500)),
        ("night", lambda b: b.roll_day(), (1000, 1000, 1000), (200, 200, 500)),
        # Yesterday's 20 stay Ben's holding. Only later fills are Anna's.
        (
            "back to Anna",
            lambda b: b.update(orders=move | {"account": ["Anna"]}),
            (1000, 1000, 1300),
            (200, 200, 200),
        ),
        (
            "25 in all: 5 today",
            lambda b: b.update(orders={"order": ["O1"], "filled_quantity": [25]}),
            (1000, 1050, 1300),
            (200, 200, 200),
        ),
    )


def test_a_split_of_2_for_1_in_one_batch_changes_no_value(book) -> None:
    """Twice the quantities at half the price: values do not change, and no reader sees half of
    it."""
    book.update(
        holdings=holdings(("Ben", "ACME", -30)),
        orders=orders(
            ("O1", "Anna", "ACME", 50, 20, "partially_filled"),
            ("O2", "Ben", "ACME", -10, 0, "new"),
        ),
    )
    before = worth(book, "Anna"), worth(book, "Ben")
    assert before == ((1000, 1200, 1500), (-300, -300, -400))
    with book.view() as lazy, book.view(mode="incremental") as incremental:
        book.changes([lazy, incremental])
        book.update(
            holdings=holdings(("Anna", "ACME", 200), ("Ben", "ACME", -60)),
            orders={
                "order": ["O1", "O2"],
                "order_quantity": [100, -20],
                "filled_quantity": [40, 0],
            },
            prices={"instrument": ["ACME"], "price": ["5.00"]},
        )
        assert [len(frame) for frame in book.changes([lazy, incremental])] == [0, 0]
    assert (worth(book, "Anna"), worth(book, "Ben")) == before
    assert order_row(book, "O1") == (100, 40, 60, "partially_filled", 500, 200)
    rows = book.revalue("ACME").to_pylist()
    assert sorted(
        (r["record_type"], r["account"], r["quantity"], r["market_value"]) for r in rows
    ) == [
        ("HOLDING", "Anna", 200, 1000),
        ("HOLDING", "Ben", -60, -300),
        ("ORDER", "Anna", 100, 500),
        ("ORDER", "Ben", -20, -100),
    ]


def test_an_order_in_another_currency_is_converted(book) -> None:
    """10,000 BUND at 98.00 percent are 9,800 EUR, 10,780 USD."""
    buy = ("Ben", "BUND", 10_000)
    play(
        book,
        ("wanted", lambda b: b.order("O1", *buy), (1000,) * 3, (0, 0, 10_780)),
        ("half filled", lambda b: b.order("O1", *buy, 5_000, "1"), (1000,) * 3, (0, 5_390, 10_780)),
        (
            "the rate moves",
            lambda b: b.update(fx={"currency": ["EUR"], "rate": ["1.20"]}),
            (1000,) * 3,
            (0, 5_880, 11_760),
        ),
        ("the price moves", lambda b: b.tick("BUND", "99"), (1000,) * 3, (0, 5_940, 11_880)),
    )
    assert book.value("Ben", currency="EUR")[1:4] == (0, 4_950, 9_900)
    assert order_row(book, "O1") == (10_000, 5_000, 5_000, "partially_filled", 9_900, 4_950)
    assert book.orders()["amount_currency"] == ["EUR"]
    local = book.values(by=(), currency="local").to_pylist()
    assert [(r["amount_currency"], r["current"], r["expected"]) for r in local] == [
        ("USD", 1000, 1000),
        ("EUR", 4_950, 9_900),
    ]


def test_options_have_a_multiplier_and_may_lack_a_price(book) -> None:
    book.order("O1", "Ben", "OPT", -3, -1, "1")  # -1 x 2.50 x 100, and -2 more to come
    assert worth(book, "Ben") == (0, -250, -750)
    book.load(prices={"instrument": ["ACME"], "price": ["10.00"]})
    value = book.value("Ben")
    assert (value.current, value.unpriced) == (0, 1)  # counted as unpriced, not valued as 0
    assert [book.orders()[n] for n in ("price", "market_value", "filled_value")] == [[None]] * 3
    assert book.revalue("OPT")["market_value"] == [None]
    assert book.values()["unpriced"] == [0, 1]


# -- facts that come late ------------------------------------------------------------------------


def test_a_replay_changes_nothing(book) -> None:
    at = "2024-05-02T14:30:0"
    facts = [
        ("O1", "Anna", "ACME", 50, 0, "new", f"{at}0Z"),
        ("O1", "Anna", "ACME", 50, 20, "partially_filled", f"{at}1Z"),
        ("O1", "Anna", "ACME", 50, 50, "filled", f"{at}2Z"),
    ]
    for fact in facts:
        book.order(*fact)
    for replayed, late in ((facts[0], 1), (facts[1], 2), (facts[2], 2)):
        book.order(*replayed)
        assert order_row(book, "O1") == (50, 50, 0, "filled", 500, 500)
        assert book.stats()["late_orders"] == late
    book.order("O1", "Anna", "ACME", 50, 45)  # a report without a time always applies
    assert order_row(book, "O1") == (50, 45, 5, "new", 500, 450)


def test_a_roll_that_narrows_an_order_keeps_its_rolled_quantity() -> None:
    """A large fill was rolled, then corrected to a tiny one. The next roll takes the tiny one."""
    book = mvcore.Book(value_scale=18)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        prices={"instrument": ["I"], "price": [1]},
    )
    book.order("O", "A", "I", "-100000000", "-655.35")
    book.roll_day()
    book.order("O", "A", "I", "-0.000000000000000596", "-0.000000000000000008")
    book.roll_day()
    worth = book.value("A")
    assert worth.sod == worth.current
    assert worth.current == D("-0.000000000000000008")
    book.order("O", "A", "I", "-0.000000000000000596", "-0.000000000000000009")
    assert book.value("A").current == D("-0.000000000000000009")
