"""Amounts in the currency of each account: currency="account.reporting"."""

from __future__ import annotations

import itertools
from decimal import Decimal as D

import pytest

import mvcore
from reference import ReferenceBook, outcome

OWN = "account.reporting"
TABLES = {
    "instruments": {
        "instrument": ["A", "B", "C", "N"],
        "currency": ["USD", "EUR", "JPY", "USD"],
        "sector": ["Tech", "Auto", "Tech", None],
    },
    "accounts": {
        "account": ["P", "Q", "R", "S"],
        "reporting": ["USD", "EUR", "JPY", "EUR"],
        "desk": ["d1", "d1", "d2", None],
    },
    "holdings": {
        "account": ["P", "P", "Q", "Q", "R", "R", "S", "S"],
        "instrument": ["A", "B", "B", "C", "A", "C", "C", "N"],
        "quantity": [10, "-3.5", 7, 1000, 3, "0.25", "12345", 1],
    },
    "prices": {"instrument": ["A", "B", "C"], "price": ["100.01", "-36.98", "2345.67"]},
    "fx": {
        "currency": ["EUR", "JPY"],
        "rate": ["1.123456789", "151.2"],
        "method": ["multiply", "divide"],
    },
}


@pytest.fixture(params=["memory", "overflowing"])
def book(request) -> mvcore.Book:
    book = mvcore.Book(value_scale=6)
    book.load(**TABLES)
    if request.param == "overflowing":  # totals of more than 64 bits take other code
        book.update(
            holdings={"account": ["P"], "instrument": ["B"], "quantity": ["123456789012345678.5"]}
        )
    return book


def model_of(book: mvcore.Book) -> ReferenceBook:
    model = ReferenceBook(value_scale=6)
    model.load(**TABLES)
    model.load(
        holdings={
            name: list(book.holdings()[name]) for name in ("account", "instrument", "quantity")
        }
    )
    return model


def test_each_account_has_its_own_currency(book) -> None:
    rows = {row["account"]: row for row in book.values(currency=OWN)}
    accounts = TABLES["accounts"]
    for account, currency in zip(accounts["account"], accounts["reporting"], strict=True):
        (alone,) = book.values(account, currency=currency).to_pylist()
        assert rows[account] == alone
        assert rows[account]["amount_currency"] == currency


@pytest.mark.parametrize("rollup", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2])
def test_values_equal_the_reference_model(book, rollup, size) -> None:
    model = model_of(book)
    names = ["account", "instrument", "currency", "desk", "sector", "reporting"]
    selections = [
        {},
        {"accounts": ["P", "Q", "S"]},
        {"accounts": {"desk": "d1"}, "instruments": "B"},
    ]
    for by in itertools.permutations(names, size):
        for selection in selections:
            asked = {"by": by, "currency": OWN, "rollup": rollup, **selection}
            if "instrument" in by:
                asked["measures"] = ("current", "current_quantity", "price")
            want = outcome(lambda asked=asked: model.values(**asked))
            assert isinstance(want, list)
            assert book.values(**asked).to_pylist() == want
            with book.snapshot() as now:
                assert now.values(**asked).to_pylist() == want


PAGES = [
    {"sort": "-current"},
    {"sort": ["amount_currency", "-abs(current)"], "limit": 3},
    {"sort": "-amount_currency", "offset": 1},
    {"where": [("amount_currency", "=", "EUR")]},
    {"where": [("amount_currency", "!=", "EUR"), ("current", "<", 10_000)], "limit": 2},
    {"limit": 2, "offset": 1},
]


@pytest.mark.parametrize("page", PAGES)
def test_pages_equal_the_reference_model(book, page) -> None:
    model = model_of(book)
    for by in [("account",), ("instrument",), ("desk",), ("desk", "instrument"), ()]:
        asked = {"by": by, "currency": OWN, **page}
        assert book.values(**asked).to_pylist() == model.values(**asked)
        with book.view(**asked) as view:
            assert view.read().to_pylist() == model.values(**asked)
    for accounts in (None, ["S", "P"], {"desk": ["d1", None]}):
        got = book.positions(accounts, currency=OWN, **page).to_pylist()
        assert got == model.positions(accounts, currency=OWN, **page)


def test_positions_equal_the_reference_model(book) -> None:
    model = model_of(book)
    for accounts, instruments in itertools.product([None, "Q", ["S", "P", "S"]], [None, "C"]):
        got = book.positions(accounts, instruments, OWN).to_pylist()
        assert got == model.positions(accounts, instruments, OWN)


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
@pytest.mark.parametrize("by", [("account",), ("desk",), ("desk", "sector"), (), ("instrument",)])
@pytest.mark.parametrize("rollup", [False, True])
def test_views_follow_rates_prices_and_labels(book, mode, by, rollup) -> None:
    model = model_of(book)
    asked = {"by": by, "currency": OWN, "rollup": rollup}
    got, want = book.view(**asked, mode=mode), model.view(**asked)
    assert got.read().to_pylist() == want.read()
    steps = [
        {"prices": {"instrument": ["A"], "price": ["7.5"]}},
        {"fx": {"currency": ["EUR"], "rate": ["1.2"]}},
        {"accounts": {"account": ["Q"], "reporting": ["JPY"]}},
        {"accounts": {"account": ["T"], "reporting": ["EUR"], "desk": ["d2"]}},
        {"holdings": {"account": ["T"], "instrument": ["A"], "quantity": [5]}},
        {"accounts": {"account": ["P", "S"], "reporting": ["EUR", "USD"]}},
        {
            "fx": {"currency": ["JPY"], "rate": ["100"]},
            "accounts": {"account": ["P"], "desk": ["d3"]},
        },
        {"holdings": {"account": ["P", "P"], "instrument": ["A", "B"], "quantity": [0, 0]}},
        {"prices": {"instrument": ["N"], "price": ["1"]}},
    ]
    for step in steps:
        book.update(**step)
        model.update(**step)
        assert got.changes().to_pylist() == want.changes()
        what_if = {"prices": {"A": "-10%", "C": 5}, "fx": {"EUR": "+3%", "JPY": "-2%"}}
        assert got.read(**what_if).to_pylist() == want.read(**what_if)
    assert got.read().to_pylist() == book.values(**asked).to_pylist() == want.read()


def test_a_changed_label_is_a_change_though_no_amount_changes() -> None:
    book = mvcore.Book()
    book.load(**TABLES)
    book.update(fx={"currency": ["EUR"], "rate": [1]})
    view = book.view("P", by="account", currency=OWN)
    (before,) = view.read().to_pylist()
    book.update(accounts={"account": ["P"], "reporting": ["EUR"]})
    first, second = view.changes().to_pylist()
    assert (first["amount_currency"], first["removed"]) == ("USD", True)
    assert (second["amount_currency"], second["removed"]) == ("EUR", False)
    assert second["current"] == before["current"]


def test_a_currency_without_a_rate_is_unpriced(book) -> None:
    """As with a currency that the call names."""
    book.update(instruments={"instrument": ["F"], "currency": ["CHF"]})
    book.update(accounts={"account": ["P"], "reporting": ["CHF"]})
    (own,) = book.values("P", currency=OWN).to_pylist()
    (named,) = book.values("P", currency="CHF").to_pylist()
    assert own == named
    assert (own["unpriced"], own["current"]) == (2, 0)
    assert book.positions("P", currency=OWN)["current"] == [None, None]
    view = book.view("Q", currency=OWN)
    book.remove(fx=["EUR"])
    assert view.changes()["unpriced"] == [1]  # the position in JPY has no rate into EUR


def test_a_view_continues_in_a_currency_that_no_longer_exists() -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["P"], "reporting": ["EUR"]},
        holdings={"account": ["P"], "instrument": ["A"], "quantity": [6]},
        prices={"instrument": ["A"], "price": [2]},
        fx={"currency": ["EUR"], "rate": [2]},
    )
    view = book.view(currency=OWN)
    assert view.read()["current"] == [6]
    book.load(fx={"currency": [], "rate": []})
    assert (view.read()["amount_currency"], view.read()["unpriced"]) == (["EUR"], [1])
    with pytest.raises(mvcore.InvalidInput, match="account 'P' has the label 'EUR', which is no"):
        book.values(currency=OWN)
    book.update(accounts={"account": ["P"], "reporting": ["XYZ"]})
    with pytest.raises(mvcore.InvalidInput, match="account 'P' has the label 'XYZ'"):
        view.read()
    book.update(accounts={"account": ["P"], "reporting": ["USD"]})
    assert view.read()["current"] == [12]


def test_wrong_accounts_are_errors(book) -> None:
    book.update(accounts={"account": ["T", "U"], "reporting": [None, "dollars"]})
    calls = (
        book.values, book.positions, book.view,
        lambda *a, **k: book.snapshot().values(*a, **k),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(
            mvcore.InvalidInput, match=r"accounts.reporting: account 'T' has no"
        ) as w:
            call(currency=OWN)
        assert (w.value.table, w.value.column, w.value.value) == ("accounts", "reporting", "T")
        with pytest.raises(
            mvcore.InvalidInput, match="'U' has the label 'dollars', which is no"
        ) as w:
            call(["P", "U"], currency=OWN)
        assert w.value.value == "dollars"
        call({"desk": "d1"}, currency=OWN)  # not selected
    book.remove(accounts=["T", "U"])
    assert len(book.values(currency=OWN)) == 4


def test_a_wrong_currency_is_an_error(book) -> None:
    with pytest.raises(mvcore.InvalidInput, match=r"no attribute 'report', .* mean 'reporting'\?"):
        book.values(currency="account.report")
    with pytest.raises(mvcore.UnknownId, match=r"unknown currency 'instrument\.sector'"):
        book.values(currency="instrument.sector")
    with pytest.raises(mvcore.UnknownId, match="unknown currency 'reporting'"):
        book.values(currency="reporting")
    with pytest.raises(mvcore.InvalidInput, match="no account has the label 'GBP'"):
        book.values(currency=OWN, where=[("amount_currency", "=", "GBP")])
    view = book.view(currency=OWN)
    book.load(accounts={"account": ["P", "Q", "R", "S"]})
    with pytest.raises(mvcore.InvalidInput, match="accounts have no attribute 'reporting'"):
        view.read()


def test_a_currency_may_have_such_a_name(book) -> None:
    book.update(fx={"currency": ["account.x", OWN], "rate": [2, 2]})
    assert book.values("P", currency="account.x")["amount_currency"] == ["account.x"]
    with pytest.raises(mvcore.InvalidInput, match="may mean a currency or an attribute"):
        book.values(currency=OWN)


def test_user_functions_convert_too(book) -> None:
    @mvcore.measure
    def worth(quantity, price):
        return quantity * price

    for by in (("account",), ("desk",), (), ("desk", "sector")):
        for rollup in (False, True):
            asked = {"by": by, "currency": OWN, "rollup": rollup, "measures": ["current", worth]}
            frame = book.values(**asked)
            for exact, number in zip(frame["current"], frame["worth"], strict=True):
                assert number == pytest.approx(float(exact), rel=1e-9, abs=1e-5)
            with book.view(**asked) as view:
                assert view.read().to_pylist() == frame.to_pylist()


def test_such_views_are_combined(book) -> None:
    views = [book.view(a, currency=OWN) for a in ("P", ["Q", "S"])]
    frame = book.changes(views, combined=True)
    assert frame["view"] == [0, 1, 1]
    assert frame["amount_currency"] == ["USD", "EUR", "EUR"]
    views.append(book.view(currency="local"))
    with pytest.raises(mvcore.InvalidInput, match=r"currency 'local', .* 'of each account'"):
        book.changes(views, combined=True)


def test_max_rows_counts_them(book) -> None:
    assert len(book.values(by=(), currency=OWN, max_rows=3)) == 3
    with pytest.raises(mvcore.InvalidInput, match="the read may have 3 rows, more than 2"):
        book.values(by=(), currency=OWN, max_rows=2)


def test_amounts_are_rounded_once() -> None:
    """The exact subtotal of each instrument's currency is converted, then rounded."""
    book = mvcore.Book(value_scale=2)
    book.load(**TABLES)
    (row,) = book.values("Q", currency=OWN).to_pylist()
    euros = round(7 * D("-36.98"), 2)
    yen = round(1000 * D("2345.67") / D("151.2") / D("1.123456789"), 2)
    assert row["current"] == euros + yen
