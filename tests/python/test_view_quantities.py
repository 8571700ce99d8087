"""Views by instrument follow quantities and prices, and report rows in which these changed."""

from decimal import Decimal as D

import pytest

import mvcore

QUANTITIES = ("sod_quantity", "current_quantity", "expected_quantity")
MEASURES = (*QUANTITIES, "price")


def rows(frame, *columns: str) -> list[tuple]:
    return list(zip(*(frame[column] for column in columns), strict=True))


def order(book, quantity, filled=0, *, name="O1", account="A1", instrument="AAPL") -> None:
    book.update(
        orders={
            "order": [name], "account": [account], "instrument": [instrument],
            "order_quantity": [quantity], "filled_quantity": [filled],
        }
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
@pytest.mark.parametrize("accounts", [None, ["A1"]])
def test_a_view_reports_fills_ticks_and_new_positions(book, mode, accounts) -> None:
    view = book.view(accounts=accounts, by=("account", "instrument"), measures=MEASURES, mode=mode)
    first = {row[:2]: row[2:] for row in rows(view.changes(), "account", "instrument", *MEASURES)}
    assert first["A1", "AAPL"] == (10, 10, 10, D("150.25"))
    assert len(view.changes()) == 0
    order(book, 5, 2)
    assert rows(view.changes(), "account", "instrument", *MEASURES) == [
        ("A1", "AAPL", 10, 12, 15, D("150.25"))
    ]
    book.tick("BUND", "99.5")
    assert rows(view.changes(), "account", "instrument", "price") == [("A1", "BUND", D("99.5"))]
    book.tick("BUND", "99.50")
    assert len(view.changes()) == 0  # the same price with another number of decimals
    order(book, "0.25", name="O2", instrument="CASH")
    assert rows(view.changes(), "account", "instrument", *MEASURES) == [
        ("A1", "CASH", 0, 0, D("0.25"), None)
    ]


def test_a_tick_is_no_change_if_only_quantities_are_asked(book) -> None:
    view = book.view(by=("account", "instrument"), measures="current_quantity")
    assert len(view.changes()) == len(book.positions())
    book.tick("AAPL", "1.5")
    assert len(view.changes()) == 0
    order(book, 3, 3)
    assert rows(view.changes(), "account", "instrument", "current_quantity") == [("A1", "AAPL", 13)]


def test_the_first_price_and_a_withdrawn_price_are_changes(book) -> None:
    order(book, 1, name="O2", instrument="CASH")
    view = book.view(by="instrument", measures="price")
    view.changes()
    book.update(prices={"instrument": ["CASH"], "price": [0]})
    assert rows(view.changes(), "instrument", "price") == [("CASH", 0)]
    book.remove(prices="CASH")
    assert rows(view.changes(), "instrument", "price") == [("CASH", None)]
    assert len(view.changes()) == 0


def test_a_removed_row_has_quantity_zero_and_no_price(book) -> None:
    view = book.view(by=("account", "instrument"), measures=("price", "sod_quantity"))
    totals = book.view(
        by=("account", "instrument"), measures=("price", "sod_quantity"), rollup=True
    )
    view.changes(), totals.changes()
    book.update(holdings={"account": ["A1"], "instrument": ["AAPL"], "quantity": [0]})
    (gone,) = view.changes().to_pylist()
    assert (gone["instrument"], gone["sod_quantity"], gone["price"]) == ("AAPL", 0, None)
    assert gone["removed"]
    gone = [row for row in totals.changes() if row["removed"]]
    assert [(row["level"], row["sod_quantity"], row["price"]) for row in gone] == [(2, 0, None)]


def test_finer_quantities_are_no_change_of_other_rows(book) -> None:
    view = book.view(by=("account", "instrument"), measures=MEASURES)
    view.changes()
    order(book, "0.0000001", "0.0000001")
    assert rows(view.changes(), "account", "instrument", "current_quantity") == [
        ("A1", "AAPL", D("10.0000001"))
    ]


def test_quantities_beyond_64_bits_follow_facts(book) -> None:
    most = 5 * 10**18
    view = book.view(by="instrument", measures=QUANTITIES)
    order(book, 1)
    view.changes()
    rebuilds = view.stats()["rebuilds"]
    order(book, most)
    order(book, most, name="O2", account="A2")
    assert rows(view.changes(), "instrument", *QUANTITIES) == [("AAPL", 7, 7, 7 + 2 * most)]
    order(book, 1, name="O2", account="A2")
    order(book, -(10**16), name="O3", instrument="BUND")
    order(book, 10**16, name="O3", instrument="BUND")
    assert rows(view.changes(), "instrument", "expected_quantity") == [
        ("AAPL", 8 + most), ("BUND", D("1000.5") + 10**16),
    ]  # fmt: skip
    assert view.stats()["rebuilds"] == rebuilds


def test_a_page_by_quantity_and_price_follows(book) -> None:
    view = book.view(
        by=("account", "instrument"), measures=("current_quantity", "price"),
        where=[("current_quantity", ">", 5)], sort=["-price", "current_quantity"], limit=1,
    )  # fmt: skip
    assert rows(view.read(), "account", "instrument") == [("A1", "AAPL")]
    book.tick("BUND", 200)
    changed = view.changes()
    assert rows(changed, "instrument", "removed") == [("AAPL", True), ("BUND", False)]
    for column in ("price", "abs(price)"):
        with pytest.raises(mvcore.InvalidInput, match="price"):
            book.view(by="instrument", measures="current_quantity", sort=column)


def test_combined_changes_and_json_have_quantities(book) -> None:
    views = [
        book.view(accounts=name, by=("account", "instrument"), measures=("current", *MEASURES))
        for name in ("A1", "A2")
    ]
    apart = book.changes([book.view(**_asked(name)) for name in ("A1", "A2")])
    both = book.changes(views, combined=True)
    assert [tuple(row.values())[1:] for row in both] == [
        tuple(row.values()) for frame in apart for row in frame
    ]
    order(book, 4, 1, account="A2")
    (row,) = book.changes(views, combined=True).to_pylist()
    assert (row["view"], row["expected_quantity"], row["current_quantity"]) == (1, 1, -2)
    assert len(book.changes(views, combined=True)) == 0


def _asked(account: str) -> dict:
    return {
        "accounts": account, "by": ("account", "instrument"), "measures": ("current", *MEASURES),
    }  # fmt: skip


def test_a_change_of_one_position_costs_its_row(book) -> None:
    view = book.view(by=("account", "instrument"), measures=("current", *MEASURES))
    view.changes()
    before = view.stats()
    order(book, 5, 2)
    assert len(view.changes()) == 1
    after = view.stats()
    assert after["rebuilds"] == before["rebuilds"] + 1  # the first order makes measures differ
    order(book, 6, 3)
    assert len(view.changes()) == 1
    assert view.stats()["rebuilds"] == after["rebuilds"]
    assert view.stats()["cells_swept"] - after["cells_swept"] <= 3
