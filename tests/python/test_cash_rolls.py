"""Cash from fills across day rolls, and loaded rolled quantities. Amounts are computed by hand."""

from __future__ import annotations

import pytest

import mvcore
from cash_book import cash, fill, load_order, make, moved, positions, tables


@pytest.fixture
def book() -> mvcore.Book:
    return make()


# -- day rolls -----------------------------------------------------------------------------------


def test_a_roll_moves_cash_into_the_start_of_the_day(book) -> None:
    fill(book, "B", 200, 100, 150)
    book.roll_day()
    assert cash(book) == (5_000, 5_000, 5_000)
    again = fill(book, "B", 200, 100, 150)
    assert (again.unchanged_orders, cash(book)) == (1, (5_000, 5_000, 5_000))
    fill(book, "B", 200, 150, 152)  # 150 x 152 - 100 x 150
    assert cash(book) == (5_000, -2_800, -2_800)
    book.roll_day()
    assert cash(book) == (-2_800, -2_800, -2_800)


def test_a_price_corrected_on_the_next_day_moves_the_difference(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.roll_day()
    fill(book, "B", 100, 100, "149.5")
    assert cash(book) == (5_000, 5_050, 5_050)
    fill(book, "B", 100, 60, "149.5")  # 15000 - 60 x 149.5
    assert cash(book) == (5_000, 11_030, 11_030)
    fill(book, "B", 100, 0, 0)  # busted
    assert cash(book) == (5_000, 20_000, 20_000)
    fill(book, "B", 100, 100)  # unknown: no leg
    assert cash(book) == (5_000, 5_000, 5_000)
    fill(book, "B", 100, 100, "149.5")  # the rolled part had cost 150
    assert cash(book) == (5_000, 5_050, 5_050)
    book.roll_day()
    assert cash(book) == (5_050, 5_050, 5_050)
    assert fill(book, "B", 100, 100, "149.5").unchanged_orders == 1
    assert moved(book) == 0
    book.roll_day()
    assert (len(book.orders()), cash(book)) == (0, (5_050, 5_050, 5_050))


def test_a_price_first_known_after_the_roll_costs_only_new_fills(book) -> None:
    """The rolled part has cost nothing and still costs nothing: its price is the average price."""
    fill(book, "B", 100, 100)
    book.roll_day()
    fill(book, "B", 100, 100, 150)
    assert cash(book) == (20_000, 20_000, 20_000)
    fill(book, "B", 150, 120, 150)
    assert moved(book) == -3_000


def test_a_day_roll_can_start_from_the_custodians_cash(book) -> None:
    fill(book, "B", 200, 100, 150)
    book.roll_day(
        holdings={"account": ["X"] * 2, "instrument": ["A", "dollars"], "quantity": [100, 4_990]}
    )
    assert cash(book) == (4_990, 4_990, 4_990)
    fill(book, "B", 200, 110, 150)
    assert cash(book) == (4_990, 3_490, 3_490)


def test_a_loaded_rolled_quantity_has_the_average_price(book) -> None:
    load_order(book, filled_quantity=30, rolled_quantity=20, average_price=10)
    assert moved(book) == -100
    book.update(orders={"order": ["G"], "average_price": [11]})  # also the price of the 20
    assert moved(book) == -110
    load_order(book, filled_quantity=30, rolled_quantity=30, average_price=10)
    assert moved(book) == 0
    load_order(book, filled_quantity=20, rolled_quantity=30, average_price=10)
    assert moved(book) == 100


def test_a_load_of_orders_replaces_the_price_of_rolled_fills(book) -> None:
    load_order(book, filled_quantity=30, average_price=10)
    book.roll_day()
    assert cash(book) == (19_700, 19_700, 19_700)
    book.update(orders={"order": ["G"], "average_price": [12]})
    assert moved(book) == -60
    load_order(book, filled_quantity=30, rolled_quantity=30, average_price=12)
    assert moved(book) == 0
    load_order(book, filled_quantity=40, rolled_quantity=30, average_price=12)
    assert moved(book) == -120


def test_a_changed_rolled_quantity_has_the_average_price(book) -> None:
    load_order(book, filled_quantity=30, average_price=10)
    book.roll_day()
    book.update(orders={"order": ["G"], "average_price": [12]})
    assert moved(book) == -60
    same = book.update(orders={"order": ["G"], "rolled_quantity": [30]})
    assert (same.unchanged_orders, moved(book)) == (1, -60)
    book.update(orders={"order": ["G"], "rolled_quantity": [20]})  # 30 x 12 - 20 x 12
    assert moved(book) == -120
    book.update(
        orders={"order": ["G"], "rolled_quantity": [30]}
    )  # the rolled price of 10 stays forgotten
    assert moved(book) == 0


def test_a_moved_order_keeps_the_price_of_its_rolled_fills(book) -> None:
    fill(book, "B", 100, 100, 150)
    book.roll_day()
    fill(book, "B", 100, 100, 151, instrument="FUT")
    assert moved(book) == -5_000  # 100 x 50 x (151 - 150)


@pytest.mark.parametrize("kind", ["memory", "journal", "checkpoint"])
def test_cash_that_cancels_out_can_be_removed_after_a_roll(tmp_path, kind) -> None:
    """A buy and a sell at one price leave no position in yen, and quantities that cancel out."""
    path = tmp_path / "book"
    book = make() if kind == "memory" else mvcore.open(path, "USD", 18, cash="from_fills")
    with book:
        book.load(**tables())
        fill(book, "B", 3, 3, 100, instrument="J")
        fill(book, "S", -3, -3, 100, instrument="J")
        with pytest.raises(mvcore.InvalidInput, match="JPY"):
            book.remove(instruments="yen")
        book.roll_day()
        if kind == "checkpoint":
            book.checkpoint()
        book.remove(instruments="yen")
        left = positions(book)
    if kind != "memory":
        with mvcore.open(path) as book:
            assert positions(book) == left
            with pytest.raises(mvcore.UnknownId):
                book.remove(instruments="yen")


@pytest.mark.parametrize("kind", ["memory", "journal", "checkpoint"])
@pytest.mark.parametrize("call", ["load", "update"])
def test_a_change_of_cash_beyond_128_bits_is_exact(tmp_path, kind, call) -> None:
    """The two costs are 9.5e19 each with opposite signs: in 1e-18 their difference exceeds 128
    bits."""
    path, most, cash_before = tmp_path / "book", 9_500_000_000, 99 * 10**18
    options = {"cash": "from_fills", "cash_scale": 18}
    book = make(**options) if kind == "memory" else mvcore.open(path, "USD", 18, **options)
    with book:
        given = tables()
        given["holdings"]["quantity"] = [cash_before]
        book.load(**given)
        order = {
            "order": ["G"], "account": ["X"], "instrument": ["A"], "order_quantity": [most],
            "filled_quantity": [most], "rolled_quantity": [-most], "average_price": [10**10],
        }  # fmt: skip
        getattr(book, call)(orders=order)
        assert moved(book) == -2 * most * 10**10
        with pytest.raises(mvcore.ValueOverflow):
            book.update(orders={"order": ["G"], "average_price": [10**10 + 10**9]})
        if kind == "checkpoint":
            book.checkpoint()
    if kind != "memory":
        with mvcore.open(path) as book:
            assert cash(book) == (cash_before, cash_before - 19 * 10**19, cash_before - 19 * 10**19)
