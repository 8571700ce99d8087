"""Orders across day rolls, statuses, withdrawn prices and rates, and late facts.

Reported cases and similar ones, each with its correct value. The book has account X with 100 of A,
a share at 10 USD.
"""

from __future__ import annotations

from decimal import Decimal as D

import pytest

import mvcore

DAY_1, DAY_2 = "2024-03-01T15:00:00Z", "2024-03-04T15:00:00Z"
FIX_39 = {  # by code
    "0": "new", "1": "partially_filled", "2": "filled", "3": "done_for_day", "4": "canceled",
    "5": "replaced", "6": "pending_cancel", "7": "stopped", "8": "rejected", "9": "suspended",
    "A": "pending_new", "B": "calculated", "C": "expired", "D": "accepted_for_bidding",
    "E": "pending_replace",
}  # fmt: skip
LEAVES_NOTHING = {
    "filled", "done_for_day", "canceled", "replaced", "rejected", "expired", "calculated",
}  # fmt: skip


@pytest.fixture
def book():
    book = mvcore.Book("USD", value_scale=2)
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["X"]},
        holdings={"account": ["X"], "instrument": ["A"], "quantity": [100]},
        prices={"instrument": ["A"], "price": [10]},
    )
    return book


def report(book, order, quantity, filled, status, time=None):
    return book.order(order, "X", "A", quantity, filled, status, time)


def worth(book) -> tuple[D, D, D]:
    value = book.value("X")
    assert value.unpriced == 0
    return value.sod, value.current, value.expected


def held(book) -> dict[str, tuple]:
    columns = ("filled_quantity", "rolled_quantity", "leaves_quantity", "status")
    return {row["order"]: tuple(row[c] for c in columns) for row in book.orders().to_pylist()}


# -- day rolls -----------------------------------------------------------------------------------


def test_an_order_that_was_done_for_the_day_resumes(book) -> None:
    report(book, "G", 100, 20, "partially_filled")
    report(book, "G", 100, 20, "done_for_day")
    assert worth(book) == (1000, 1200, 1200)
    book.roll_day()
    assert worth(book) == (1200, 1200, 1200)
    report(book, "G", 100, 50, "partially_filled")
    assert worth(book) == (1200, 1500, 2000)


def test_an_order_that_is_done_for_the_day_stays_until_it_ends(book) -> None:
    report(book, "G", 100, 20, "done_for_day")
    for _ in range(5):
        book.roll_day()
    assert held(book) == {"G": (20, 20, 0, "done_for_day")}
    report(book, "G", 100, 100, "filled")
    assert worth(book) == (1200, 2000, 2000)
    book.roll_day()
    assert held(book) == {"G": (100, 100, 0, "filled")}
    book.roll_day()
    assert held(book) == {}
    assert worth(book) == (2000, 2000, 2000)


def test_a_suspended_order_can_resume(book) -> None:
    report(book, "G", 100, 20, "suspended")
    book.roll_day()
    book.roll_day()
    assert worth(book) == (1200, 1200, 2000)
    report(book, "G", 100, 30, "partially_filled")
    assert worth(book) == (1200, 1300, 2000)


@pytest.mark.parametrize("time", [None, DAY_1])
def test_yesterdays_last_report_sent_again_changes_nothing(book, time) -> None:
    report(book, "F", 100, 100, "filled", time)
    book.roll_day()
    before = worth(book)
    assert before == (2000, 2000, 2000)
    again = report(book, "F", 100, 100, "filled", time)
    assert worth(book) == before
    assert (again, again.unchanged_orders, again.late_orders) == (book.epoch, 1, 0)
    assert book.stats()["unchanged_orders"] == 1


def test_every_report_of_yesterday_sent_again_changes_nothing(book) -> None:
    reports = [
        ("F", 100, 0, "new", "2024-03-01T14:00:00Z"),
        ("F", 100, 60, "partially_filled", "2024-03-01T14:30:00Z"),
        ("F", 100, 100, "filled", "2024-03-01T15:00:00Z"),
    ]
    for row in reports:
        report(book, *row)
    book.roll_day()
    answers = [report(book, *row) for row in reports]
    assert worth(book) == (2000, 2000, 2000)
    assert [a.late_orders for a in answers] == [1, 1, 0]
    assert answers[2].unchanged_orders == 1


def test_replays_in_a_batch_are_counted(book) -> None:
    rows = {
        "order": ["F1", "F2", "F3"], "account": ["X"] * 3, "instrument": ["A"] * 3,
        "order_quantity": [10, 20, 30], "filled_quantity": [10, 20, 30], "status": ["filled"] * 3,
        "time": [DAY_2] * 3,
    }  # fmt: skip
    book.update(orders=rows)
    book.roll_day()
    answer = book.update(orders=rows | {"time": [DAY_2, DAY_1, DAY_2]})
    assert (answer.unchanged_orders, answer.late_orders) == (2, 1)
    assert worth(book) == (1600, 1600, 1600)


def test_a_replay_does_not_keep_an_order_for_longer(book) -> None:
    report(book, "F", 100, 100, "filled")
    book.roll_day()
    report(book, "F", 100, 100, "filled")
    book.roll_day()
    assert held(book) == {}


@pytest.mark.parametrize(("corrected", "current"), [(60, 1600), (0, 1000), (99, 1990)])
def test_a_bust_on_the_next_day_changes_the_position_by_the_difference(
    book, corrected, current
) -> None:
    report(book, "F", 100, 100, "filled")
    book.roll_day()
    report(book, "F", 100, corrected, "filled")
    assert worth(book) == (2000, current, current)
    book.roll_day()
    assert worth(book) == (current, current, current)
    # Tomorrow, today's correction is still known.
    report(book, "F", 100, corrected, "filled")
    assert worth(book) == (current, current, current)


def test_a_bust_of_a_sale_changes_the_position_by_the_difference(book) -> None:
    report(book, "S", -100, -100, "filled")
    book.roll_day()
    assert worth(book) == (0, 0, 0)
    report(book, "S", -100, -40, "partially_filled")
    assert worth(book) == (0, 600, 0)


def test_an_order_that_ended_leaves_at_the_second_roll(book) -> None:
    for status in sorted(LEAVES_NOTHING - {"done_for_day", "calculated"}):
        report(book, status, 100, 0, status)
    report(book, "full", 100, 100, "partially_filled")
    report(book, "working", 100, 40, "partially_filled")
    ended = set(held(book)) - {"working"}
    book.roll_day()
    assert set(held(book)) == ended | {"working"}
    book.roll_day()
    assert set(held(book)) == {"working"}


def test_a_replaced_order_has_no_open_quantity(book) -> None:
    report(book, "c1", 100, 20, "partially_filled")
    report(book, "c1", 100, 20, "replaced")
    report(book, "c2", 130, 0, "new")
    assert worth(book) == (1000, 1200, 2500)


def test_a_morning_load_does_not_count_rolled_fills_twice(book) -> None:
    report(book, "G", 50, 20, "partially_filled")
    book.roll_day()
    orders = {
        "order": ["G"], "account": ["X"], "instrument": ["A"], "order_quantity": [50],
        "filled_quantity": [20], "rolled_quantity": [20], "status": ["partially_filled"],
    }  # fmt: skip
    book.load(orders=orders)
    assert worth(book) == (1200, 1200, 1500)
    report(book, "G", 50, 25, "partially_filled")
    assert worth(book) == (1200, 1250, 1500)
    assert held(book) == {"G": (25, 20, 25, "partially_filled")}


def test_a_morning_load_of_all_tables_equals_the_book_of_the_evening(book) -> None:
    morning = mvcore.Book("USD", value_scale=2)
    morning.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["X"]},
        holdings={"account": ["X"], "instrument": ["A"], "quantity": [120]},
        prices={"instrument": ["A"], "price": [10]},
        orders={
            "order": ["G", "H"], "account": ["X", "X"], "instrument": ["A", "A"],
            "order_quantity": [50, "-30.5"], "filled_quantity": [20, "-10.25"],
            "rolled_quantity": [20, None],
        },
    )  # fmt: skip
    assert worth(morning) == (D("1200"), D("1097.50"), D("1195.00"))


def test_a_split_after_a_roll_scales_the_rolled_part(book) -> None:
    report(book, "G", 50, 20, "partially_filled")
    book.roll_day()
    report(book, "G", 50, 25, "partially_filled")
    before = worth(book)
    assert before == (1200, 1250, 1500)
    book.update(
        holdings={"account": ["X"], "instrument": ["A"], "quantity": [240]},
        orders={
            "order": ["G"], "order_quantity": [100], "filled_quantity": [50],
            "rolled_quantity": [40],
        },
        prices={"instrument": ["A"], "price": [5]},
    )  # fmt: skip
    assert worth(book) == before


def test_a_day_roll_can_start_from_the_custodians_table(book) -> None:
    book.update(instruments={"instrument": ["B"], "currency": ["USD"]})
    book.update(
        holdings={"account": ["X"], "instrument": ["B"], "quantity": [3]},
        prices={"instrument": ["B"], "price": [1]},
    )
    report(book, "G", 50, 20, "partially_filled")
    book.roll_day(holdings={"account": ["X"], "instrument": ["A"], "quantity": ["119.5"]})
    assert worth(book) == (1195, 1195, 1495)  # B is not in the table, so it is 0
    report(book, "G", 50, 25, "partially_filled")
    assert worth(book) == (1195, 1245, 1495)
    with pytest.raises(mvcore.UnknownId, match=r"holdings\.instrument, row 0"):
        book.roll_day(holdings={"account": ["X"], "instrument": ["C"], "quantity": [1]})
    assert worth(book) == (1195, 1245, 1495)


def test_load_accepts_what_orders_returns(book) -> None:
    report(book, "G", 50, 20, "partially_filled", DAY_1)
    report(book, "F", 10, 10, "filled")
    book.roll_day()
    report(book, "G", 50, 25, "partially_filled", DAY_2)
    before = held(book), worth(book)
    rows = book.orders()
    names = [
        "order", "account", "instrument", "order_quantity", "filled_quantity", "rolled_quantity",
        "status", "time",
    ]  # fmt: skip
    book.load(orders={name: rows[name] for name in names})
    assert (held(book), worth(book)) == before


def test_a_rolled_quantity_too_far_from_the_fills_is_refused(book) -> None:
    orders = {
        "order": ["G"], "account": ["X"], "instrument": ["A"], "order_quantity": ["9" * 20],
        "filled_quantity": ["9" * 20], "rolled_quantity": ["-" + "9" * 20],
    }  # fmt: skip
    for call in (book.load, book.update):
        with pytest.raises(
            mvcore.ValueOverflow,
            match=r"orders\.filled_quantity, row 0: filled_quantity 9{20} less",
        ):
            call(orders=orders)
    assert len(book.orders()) == 0


@pytest.mark.parametrize("closing", [True, False])
def test_a_durable_book_keeps_ended_orders_across_rolls(tmp_path, closing) -> None:
    """Restored from its journal, and from a checkpoint."""
    path = tmp_path / "book"
    with mvcore.open(path, value_scale=2) as book:
        book.load(
            instruments={"instrument": ["A"], "currency": ["USD"]},
            accounts={"account": ["X"]},
            holdings={"account": ["X"], "instrument": ["A"], "quantity": [100]},
            prices={"instrument": ["A"], "price": [10]},
        )
        report(book, "F", 100, 100, "filled", DAY_1)
        report(book, "G", 100, 20, "done_for_day")
        book.roll_day()
        if closing:
            book.checkpoint()
    with mvcore.open(path) as book:
        assert worth(book) == (2200, 2200, 2200)
        report(book, "F", 100, 60, "filled", DAY_1)
        report(book, "G", 100, 50, "partially_filled")
        assert worth(book) == (2200, 2100, 2600)
        book.roll_day(holdings={"account": ["X"], "instrument": ["A"], "quantity": [210]})
        if closing:
            book.checkpoint()
    with mvcore.open(path) as book:
        assert worth(book) == (2100, 2100, 2600)
        assert held(book)["F"] == (60, 60, 0, "filled")
        book.roll_day()
        assert set(held(book)) == {"G"}


# -- cash from fills -----------------------------------------------------------------------------


@pytest.mark.parametrize(("cash", "net_worth"), [("from_fills", 20_000), (None, 35_000)])
def test_a_purchase_is_no_gain_if_fills_move_cash(cash, net_worth) -> None:
    """Off by default: a broker that sends cash as its own feed sends the payment there."""
    book = mvcore.Book("USD", value_scale=2, cash=cash)
    book.load(
        instruments={
            "instrument": ["A", "dollars"],
            "currency": ["USD", "USD"],
            "cash": [False, True],
        },
        accounts={"account": ["X"]},
        holdings={"account": ["X"], "instrument": ["dollars"], "quantity": [20_000]},
        prices={"instrument": ["A"], "price": [150]},
    )
    assert worth(book) == (20_000, 20_000, 20_000)
    book.order("B", "X", "A", 100, 100, "filled", average_price=150)
    assert worth(book) == (20_000, net_worth, net_worth)
    book.roll_day()
    book.order("B", "X", "A", 100, 100, "filled", average_price=150)
    assert worth(book) == (net_worth, net_worth, net_worth)


# -- statuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "name"), FIX_39.items())
def test_every_status_is_accepted_in_every_spelling(book, code, name) -> None:
    words = name.split("_")
    spellings = [
        code, name, name.upper(), name.title(), " ".join(words), "-".join(words),
        "".join(word.title() for word in words), "".join(words), " ".join(words).upper(),
    ]  # fmt: skip
    for spelling in spellings:
        report(book, "G", 100, 20, spelling)
        assert held(book)["G"][3] == name, spelling
        table = {"order": ["G"], "status": [spelling]}
        book.update(orders={"order": ["G"], "status": ["pending_new"]})
        book.update(orders=table)
        assert held(book)["G"][3] == name, spelling
    leaves = 0 if name in LEAVES_NOTHING else 80
    assert held(book)["G"][2] == leaves
    assert worth(book) == (1000, 1200, 1200 + 10 * leaves)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("CANCELLED", "canceled"),
        ("Cancelled", "canceled"),
        ("Done For The Day", "done_for_day"),
        ("PARTIAL_FILL", "partially_filled"),
        ("partial-filled", "partially_filled"),
        ("PENDING_CANCELREPLACE", "pending_replace"),
        ("PendingCancelReplace", "pending_replace"),
        ("fully filled", "filled"),
    ],
)
def test_common_other_spellings_of_statuses_are_accepted(book, spelling, name) -> None:
    report(book, "G", 100, 20, spelling)
    assert held(book)["G"][3] == name


@pytest.mark.parametrize(
    "wrong", ["FILLD", "F", "a", "10", " filled", "filled ", "filled_", "part__filled", "-", "open"]
)
def test_the_error_about_an_unknown_status_lists_the_allowed_ones(book, wrong) -> None:
    with pytest.raises(mvcore.InvalidInput) as single:
        report(book, "G", 100, 20, wrong)
    orders = {
        "order": ["G"], "account": ["X"], "instrument": ["A"], "order_quantity": [1],
        "status": [wrong],
    }  # fmt: skip
    with pytest.raises(mvcore.InvalidInput) as table:
        book.update(orders=orders)
    assert str(table.value).startswith(f"orders.status, row 0: unknown status '{wrong}'; expected")
    for error in (single, table):
        assert all(name in str(error.value) for name in FIX_39.values())
    with pytest.raises(mvcore.InvalidInput, match="unknown status"):
        book.load(orders=orders)
    assert len(book.orders()) == 0


# -- withdrawn prices and rates, unknown instruments, late rates -----------------------------------


def test_a_withdrawn_price_leaves_positions_unpriced(book) -> None:
    with book.view() as lazy, book.view(mode="incremental") as incremental:
        for view in (lazy, incremental):
            view.changes()
        for name in ("A", ["A"]):
            book.update(prices={"instrument": ["A"], "price": [10]})
            for view in (lazy, incremental):
                view.changes()
            book.remove(prices=name)
            for view in (lazy, incremental):
                (row,) = view.changes().to_pylist()
                assert (row["current"], row["unpriced"]) == (0, 1)
            assert book.value("X").unpriced == 1
            assert book.prices().to_pylist() == []
    again = book.remove(prices="A")  # it has no price any more
    assert again == book.epoch
    # An earlier mark that arrives after the withdrawal applies: nothing newer is held.
    book.tick("A", 11, time=DAY_1)
    assert worth(book) == (1100, 1100, 1100)
    with pytest.raises(mvcore.UnknownId, match=r"remove\.prices, row 1: unknown instrument 'Z'"):
        book.remove(prices=["A", "Z"])
    assert worth(book) == (1100, 1100, 1100)


def test_a_withdrawn_rate_leaves_positions_unpriced(book) -> None:
    book.update(
        instruments={"instrument": ["E"], "currency": ["EUR"]},
        prices={"instrument": ["E"], "price": [5]},
        fx={"currency": ["EUR"], "rate": ["1.10"]},
    )
    book.update(holdings={"account": ["X"], "instrument": ["E"], "quantity": [10]})
    assert book.value("X").current == 1055
    assert book.value("X", "EUR").current == D("959.09")
    book.remove(fx=["EUR"])
    assert (book.value("X").current, book.value("X").unpriced) == (1000, 1)
    assert book.remove(fx="EUR") == book.epoch
    with pytest.raises(mvcore.UnknownId, match=r"remove\.fx, row 0: unknown currency 'eur'"):
        book.remove(fx=["eur"])
    with pytest.raises(mvcore.InvalidInput, match="base currency 'USD' has no rate"):
        book.remove(fx="USD")
    book.update(fx={"currency": ["EUR"], "rate": ["1.20"]})
    assert book.value("X").current == 1060


def test_withdrawals_survive_reopening(tmp_path) -> None:
    path = tmp_path / "book"
    with mvcore.open(path, value_scale=2) as book:
        book.load(
            instruments={"instrument": ["A", "E"], "currency": ["USD", "EUR"]},
            accounts={"account": ["X"]},
            holdings={"account": ["X", "X"], "instrument": ["A", "E"], "quantity": [100, 10]},
            prices={"instrument": ["A", "E"], "price": [10, 5]},
            fx={"currency": ["EUR"], "rate": ["1.10"], "time": [DAY_2]},
        )
        book.tick("A", 12)
        book.remove(prices="A")
    with mvcore.open(path) as book:
        assert [row["instrument"] for row in book.prices().to_pylist()] == ["E"]
        assert book.value("X").current == 55
        late = book.update(fx={"currency": ["EUR"], "rate": ["9"], "time": [DAY_1]})
        assert late.late_fx == 1
        book.checkpoint()
    with mvcore.open(path) as book:
        assert book.stats()["late_fx"] == 1
        assert book.update(fx={"currency": ["EUR"], "rate": ["9"], "time": [DAY_1]}).late_fx == 1
        assert book.value("X").current == 55
        book.remove(fx="EUR")
    with mvcore.open(path) as book:
        assert book.value("X").unpriced == 2


def test_a_late_rate_is_dropped_and_counted(book) -> None:
    book.update(fx={"currency": ["EUR"], "rate": ["2"], "time": [DAY_2]})
    answer = book.update(
        fx={"currency": ["EUR", "JPY"], "rate": ["3", "4"], "time": [DAY_1, DAY_1]}
    )
    assert (answer.late_fx, book.stats()["late_fx"]) == (1, 1)
    assert book.value("X", "EUR").current == 500
    assert book.value("X", "JPY").current == 250
    book.update(fx={"currency": ["EUR"], "rate": ["4"], "time": [DAY_2]})  # of the same time
    assert book.value("X", "EUR").current == 250
    book.update(fx={"currency": ["EUR"], "rate": ["5"], "time": [None]})  # null always applies
    assert book.value("X", "EUR").current == 200
    assert book.load(fx={"currency": ["EUR"], "rate": ["8"], "time": [DAY_1]}).late_fx == 0
    assert book.value("X", "EUR").current == 125


def test_a_late_price_is_dropped_and_counted(book) -> None:
    assert type(book.tick("A", 11, time=DAY_2)) is int
    late = book.tick("A", 12, time=DAY_1)
    assert (late, late.late_prices) == (book.epoch, 1)
    late = book.ticks(["A", "A"], [12, 13], times=[DAY_1, DAY_1])
    assert late.late_prices == 2
    late = book.ticks(["A"], ["12"], times=[DAY_1])
    assert late.late_prices == 1
    assert book.update(prices={"instrument": ["A"], "price": [9], "time": [DAY_1]}).late_prices == 1
    assert book.stats()["late_prices"] == 5
    assert worth(book) == (1100, 1100, 1100)
    assert repr(book.ticks(["A"], [11.0])) == str(book.epoch)


@pytest.mark.parametrize("scale", [None, 2])
@pytest.mark.parametrize("prices", [[11, 12, 13], [11.0, 12.0, 13.0], ["11", "12", "13"]])
def test_ticks_skip_unknown_instruments(book, prices, scale) -> None:
    if scale is not None:
        if not isinstance(prices[0], int):
            return
        prices = [price * 100 for price in prices]
    code = book.instrument_codes(["A"])[0]
    for names in (["Z", "A", "Q"], [7, int(code), -3], [2**40, int(code), 8]):
        before = book.epoch
        answer = book.ticks(names, prices, scale=scale, unknown="skip")
        assert (answer, answer.skipped_prices) == (before + 1, 2)
        assert worth(book) == (1200, 1200, 1200)
        with pytest.raises(mvcore.UnknownId):
            book.ticks(names, prices, scale=scale)
    assert book.stats()["skipped_prices"] == 6
    with pytest.raises(mvcore.InvalidInput, match="unknown='drop'"):
        book.ticks(["A"], [1], unknown="drop")


def test_update_skips_prices_of_unknown_instruments(book) -> None:
    prices = {"instrument": ["Z", "A", "Y"], "price": [1, 12, 3]}
    answer = book.update(prices=prices, unknown="skip")
    assert answer.skipped_prices == 2
    assert worth(book) == (1200, 1200, 1200)
    for wrong in (
        {"instrument": ["Z", "A"], "price": ["x", 12]},  # a bad price is still an error
        {"instrument": [None, "A"], "price": [1, 12]},
        {"instrument": ["A", "A"], "price": [1, 12]},
    ):
        with pytest.raises(mvcore.InvalidInput):
            book.update(prices=wrong, unknown="skip")
    with pytest.raises(mvcore.UnknownId):
        book.update(
            holdings={"account": ["X"], "instrument": ["Z"], "quantity": [1]}, unknown="skip"
        )
    assert worth(book) == (1200, 1200, 1200)
