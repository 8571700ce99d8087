"""Values of the same rows at other prices and rates."""

from decimal import Decimal as D

import pytest

import mvcore


def test_a_what_if_does_not_change_the_book(book) -> None:
    before = book.values().to_pylist(), book.epoch, book.stats()
    row = book.values(accounts="A1", prices={"AAPL": "1", "BUND": 50}, fx={"EUR": 2}).to_pylist()[0]
    assert row["sod"] == 10 + D("1000.5") * 50 / 100 * 2
    assert (book.values().to_pylist(), book.epoch) == before[:2]
    assert book.stats()["ticks"] == before[2]["ticks"]


def test_a_what_if_may_give_an_unpriced_instrument_a_price(book) -> None:
    book.update(holdings={"account": ["A2"], "instrument": ["CASH"], "quantity": [7]})
    assert book.values(accounts="A2")["unpriced"] == [1]
    asked = book.values(accounts="A2", prices={"CASH": 1}).to_pylist()[0]
    assert (asked["sod"], asked["unpriced"]) == (D("-443.75"), 0)


def test_the_rates_of_a_what_if_may_name_a_new_currency(book) -> None:
    """No earlier call named the currency. It is known in this call only."""
    worth = book.values(accounts="A2", currency="CHF", fx={"CHF": "1.25"})
    assert worth["sod"] == [D("-360.6")]
    with pytest.raises(mvcore.UnknownId, match="CHF"):
        book.values(currency="CHF")


def test_a_view_continues_in_a_currency_that_no_longer_exists() -> None:
    """The view continues, unpriced. So does a what-if of it, with prices or rates."""
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        holdings={"account": ["A"], "instrument": ["I"], "quantity": [6]},
        prices={"instrument": ["I"], "price": [2]},
        fx={"currency": ["EUR"], "rate": [2]},
    )
    view = book.view(currency="EUR")
    assert view.read()["sod"] == [6]
    book.load(fx={"currency": [], "rate": []})
    assert view.read()["unpriced"] == [1]
    assert view.read(prices={"I": 3})["unpriced"] == [1]
    assert view.read(fx={"EUR": 4})["sod"] == [3]
    assert view.changes()["unpriced"] == []


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"prices": {"nobody": 1}}, mvcore.UnknownId, "prices.instrument, row 0: .*'nobody'"),
        ({"prices": {"AAPL": "abc"}}, mvcore.InvalidInput, "prices.price, row 0: 'abc'"),
        ({"fx": {"EUR": 0}}, mvcore.InvalidInput, "fx.rate, row 0: 0"),
        ({"fx": {"USD": 2}}, mvcore.InvalidInput, "fx.rate, row 0: 2 .*base"),
        ({"prices": [1]}, mvcore.InvalidInput, "prices: a list"),
        ({"prices": {"AAPL": 1}, "currency": "CHF"}, mvcore.UnknownId, "CHF"),
    ],
)
def test_wrong_what_ifs_are_refused(book, given, error, says) -> None:
    before = book.values().to_pylist(), book.epoch
    with pytest.raises(error, match=says):
        book.values(**given)
    assert (book.values().to_pylist(), book.epoch) == before


@pytest.mark.parametrize("given", [{"prices": {}}, {"fx": {}}, {"prices": {"AAPL": 1}}])
def test_a_what_if_of_a_view_takes_no_changes(book, given) -> None:
    view = book.view()
    view.changes()
    book.tick("AAPL", 777)
    asked = view.read(**given)
    assert len(asked) == len(view.read()) > 0
    book.tick("AAPL", 778)
    view.read(**given)
    assert len(view.changes()) > 0
