"""What-ifs in percent: of instruments by name or attribute, and of rates."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal as D

import pytest

import mvcore
from reference import ReferenceBook, outcome
from reference_view import InvalidInput

INSTRUMENTS = {
    "instrument": ["A", "B", "C", "D", "x=y", "CASH"],
    "currency": ["USD", "USD", "EUR", "JPY", "JPY", "EUR"],
    "cash": [False, False, False, False, False, True],
    "multiplier": [1, 100, 1, 1, "0.5", 1],
    "sector": ["Tech", "Auto", "Tech", None, "Auto", None],
    "limit": ["2.5", "10", None, None, "2.5", None],
}
TABLES = {
    "instruments": INSTRUMENTS,
    "accounts": {"account": ["P", "Q"], "desk": ["d1", "d2"]},
    "holdings": {
        "account": ["P", "P", "Q", "Q", "P", "Q"],
        "instrument": ["A", "B", "C", "D", "x=y", "CASH"],
        "quantity": [10, -3, "7.25", 1000, 12, 500],
    },
    "prices": {
        "instrument": ["A", "B", "C", "x=y"],
        "price": ["100.01", "-36.98", "0.3333333333333333", "12345678901234567890.5"],
    },
    "fx": {
        "currency": ["EUR", "JPY"],
        "rate": ["1.123456789", "151.2"],
        "method": ["multiply", "divide"],
    },
}


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book(value_scale=6)
    book.load(**TABLES)
    return book


def by_instrument(reads, **given) -> dict[str, D]:
    frame = reads.values(by="instrument", measures="current", currency="local", **given)
    return dict(zip(frame["instrument"], frame["current"], strict=True))


def test_a_change_multiplies_exactly(book) -> None:
    before = by_instrument(book)
    shocked = by_instrument(book, prices={"sector=Tech": "-10%"})
    assert shocked == before | {"A": D("900.09"), "C": round(before["C"] * D("0.9"), 6)}
    assert by_instrument(book, prices={"B": "+5%"})["B"] == D("-3") * 100 * D("-36.98") * D("1.05")
    assert by_instrument(book, prices={"currency=USD": "-100%"}) == before | {"A": 0, "B": 0}
    assert by_instrument(book, prices={"instrument=A": "-150%"})["A"] == D("-500.05")
    assert by_instrument(book, prices={"limit=2.5": "-50%"})["A"] == D("500.05")
    assert by_instrument(book, prices={"instrument.limit=10": "+0.0%"}) == before
    assert by_instrument(book, prices={"CASH": "-1%"})["CASH"] == 495  # a default price of 1
    assert by_instrument(book, prices={}) == by_instrument(book) == before
    assert book.prices("A")["price"] == [D("100.01")]


def test_an_unpriced_instrument_stays_unpriced(book) -> None:
    frame = book.values(by="instrument", instruments="D", prices={"currency=JPY": "-1%"})
    assert (frame["unpriced"], frame["current"]) == ([1], [0])
    assert book.values(by=(), instruments="D", prices={"D": "-1%"})["unpriced"] == [1]


def test_numbers_and_changes_mix(book) -> None:
    given = {"B": 2, "sector=Tech": "-10%", "D": "3", "x=y": "+100%"}
    got = by_instrument(book, prices=given)
    assert (got["A"], got["B"], got["D"]) == (D("900.09"), -600, 3000)
    assert got["x=y"] == 2 * D("12345678901234567890.5") * 6


def test_snapshots_and_views_take_changes(book) -> None:
    view = book.view(by="instrument", measures="current", currency="local")
    with book.snapshot() as now:
        book.tick("A", "1")
        given = {"sector=Tech": "-10%"}
        assert by_instrument(now, prices=given)["A"] == D("900.09")
        assert by_instrument(book, prices=given)["A"] == 9
        assert view.read(prices=given)["current"] == list(
            by_instrument(book, prices=given).values()
        )
        book.update(instruments={"instrument": ["B"], "sector": ["Tech"]})
        assert by_instrument(now, prices=given)["B"] == by_instrument(now)["B"]
        assert by_instrument(book, prices=given)["B"] == by_instrument(book)["B"] * D("0.9")
        assert view.read(prices=given)["current"] == list(
            by_instrument(book, prices=given).values()
        )
    assert len(view.changes()) == len(book.values(by="instrument"))


def test_rates_change_by_the_value_of_the_currency(book) -> None:
    rows = {
        "instruments": {"currency": "JPY", "instrument": "x=y"},
        "by": (),
        "measures": "current",
    }
    yen = D("12345678901234567890.5") * 6
    base = book.values(**rows)["current"]
    assert base == [round(yen / D("151.2"), 6)]
    # 151.2 / 0.98 has no end: the amount is still rounded once
    down = book.values(**rows, fx={"JPY": "-2%"})["current"]
    assert down == [round(yen * D("0.98") / D("151.2"), 6)]
    rows["instruments"] = "A"
    into = book.values(**rows, currency="JPY", fx={"JPY": "-2%"})["current"]
    assert into == [round(D("1000.1") * D("151.2") / D("0.98"), 6)]
    rows["instruments"] = {"currency": "EUR", "instrument": "CASH"}
    assert book.values(**rows, fx={"EUR": "+5%"})["current"] == [
        round(500 * D("1.123456789") * D("1.05"), 6)
    ]


def test_a_currency_without_a_rate_stays_without_one(book) -> None:
    book.remove(fx=["EUR"])
    assert book.values("Q", by=(), fx={"EUR": "-2%"})["unpriced"] == [3]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sector=Tec": "-1%"}, "prices.instrument, row 0: no instrument has the label 'Tec'; did"),
        ({"sectr=Tech": "-1%"}, "prices.instrument, row 0: unknown attribute 'sectr', .*'sector'?"),
        ({"desk=d1": "-1%"}, "unknown attribute 'desk'"),
        ({"account.desk=d1": "-1%"}, "unknown attribute 'account.desk'"),
        ({"=Tech": "-1%"}, "unknown attribute ''"),
        ({"sector=": "-1%"}, "prices.instrument, row 0: '' is empty"),
        ({"currency=CHF": "-1%"}, "no instrument has the label 'CHF'"),
        ({"instrument=AA": "-1%"}, "no instrument has the label 'AA'; did you mean 'A'"),
        ({"A": 1, "sector=Tech": 5}, "prices.price, row 1: 'sector=Tech' selects .*a percent with"),
        ({"sector=Tech": "5"}, "'sector=Tech' selects instruments by an attribute"),
        ({"sector=Tech": None}, "'sector=Tech' selects instruments by an attribute"),
        ({"A": "10%"}, "prices.price, row 0: '10%' is not a percent; expected a percent with a"),
        ({"A": "-10 %"}, "is not a percent"),
        ({"A": "-1e1%"}, "is not a percent"),
        ({"A": "-10%%"}, "is not a percent"),
        ({"A": "-.5%"}, "is not a percent"),
        ({"A": "-٣%"}, "is not a percent"),
        ({"A": "-nan%"}, "is not a percent"),
        ({"A": "%"}, "is not a percent"),
        ({"A": "-0.00000000000000001%"}, "has more than 16 decimals"),
        ({"A": "+100000000000000000000%"}, "has more than 20 digits before the point"),
        ({"B": 1, "A": "-0.0000000000000001%"},
         "prices.price, row 1: the price of 'A', 100.01, changed by .* has more than 18 decimals"),
        ({"sector=Tech": "-0.1%"}, "the price of 'C', 0.3333333333333333, changed by '-0.1%'"),
        ({"x=y": "+900%"}, "more than 20 digits before the point"),
        ({"A": "-1%", "sector=Tech": "-1%"}, r"row 1: 'sector=Tech' means the .*'A', as 'A' \(row"),
        ({"sector=Tech": "-1%", "A": 5}, r"row 1: 'A' means the .*'A', as 'sector=Tech' \(row 0"),
        ({"B": 1, "limit=10": "-1%"}, "'limit=10' means the instrument 'B', as 'B'"),
        ({"A": "-1%", "instrument=A": "-1%"}, "each instrument once"),
        ({"currency=JPY": "-1%", "limit=2.5": "-1%"}, "'limit=2.5' means the instrument 'x=y'"),
        ({"sector=Tech": "-1%", "B": "abc"}, "prices.price, row 1: 'abc' is not a decimal number"),
    ],
)  # fmt: skip
def test_wrong_changes_are_refused(book, given, says) -> None:
    before = by_instrument(book), book.epoch
    with book.snapshot() as now, book.view(by="instrument") as view:
        for call in (book.values, now.values, view.read):
            with pytest.raises(mvcore.InvalidInput, match=says) as wrong:
                call(prices=given)
            assert wrong.value.table == "prices"
            assert wrong.value.row is not None
    model = ReferenceBook(value_scale=6)
    model.load(**TABLES)
    with pytest.raises(InvalidInput):
        model.values(prices=given)
    assert (by_instrument(book), book.epoch) == before


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"EUR": "-100%"}, mvcore.InvalidInput, "fx.rate, row 0: '-100%' makes a rate that is not"),
        ({"EUR": "-101%"}, mvcore.InvalidInput, "not above zero"),
        ({"USD": "-1%"}, mvcore.InvalidInput, "cannot change the base currency's rate"),
        (
            {"EUR": "-0.00000000001%"},
            mvcore.InvalidInput,
            "the rate of 'EUR', 1.123456789, changed",
        ),
        ({"JPY": 2, "EUX": "-1%"}, mvcore.UnknownId, "fx.currency, row 1: .*'EUX'; did you mean"),
        ({"CHF": "-1%"}, mvcore.UnknownId, "unknown currency 'CHF'"),
        ({"local": "-1%"}, mvcore.UnknownId, "unknown currency 'local'"),
        ({"currency=EUR": "-1%"}, mvcore.UnknownId, "unknown currency 'currency=EUR'"),
        ({"JPY": "-1%", "EUR": 0}, mvcore.InvalidInput, "fx.rate, row 1: 0 is not above zero"),
    ],
)
def test_wrong_changes_of_rates_are_refused(book, given, error, says) -> None:
    with pytest.raises(error, match=says):
        book.values(fx=given)
    assert book.values(fx={"USD": "-0%"}).to_pylist() == book.values().to_pylist()
    with pytest.raises(mvcore.UnknownId, match="CHF"):
        book.values(fx={"CHF": "-1%"}, currency="CHF")


def test_a_key_with_two_meanings_is_refused(book) -> None:
    """'x=y' is a name until `x` is an attribute."""
    book.update(instruments={"instrument": ["A"], "x": ["y"]})
    for value in (5, "-1%"):
        with pytest.raises(mvcore.InvalidInput, match="may mean an instrument of this name or the"):
            book.values(prices={"x=y": value})
    got = by_instrument(book, prices={"instrument=x=y": "-50%"})
    assert got["x=y"] == by_instrument(book)["x=y"] / 2
    assert by_instrument(book, prices={"instrument.x=y": "-50%"})["A"] == D("500.05")


def test_an_attribute_with_an_equals_sign(book) -> None:
    book.update(instruments={"instrument": ["A"], "a=b": ["c=d"]})
    assert by_instrument(book, prices={"a=b=c=d": "-50%"})["A"] == D("500.05")
    book.update(instruments={"instrument": ["B"], "a": ["b=c=d"]})
    with pytest.raises(mvcore.InvalidInput, match="the label 'b=c=d' of 'a' or the label 'c=d' of"):
        book.values(prices={"a=b=c=d": "-50%"})


def test_a_removed_instrument_is_not_changed(book) -> None:
    book.update(holdings={"account": ["P"], "instrument": ["A"], "quantity": [0]})
    book.remove(instruments=["A"])
    assert by_instrument(book, prices={"currency=USD": "-100%"})["B"] == 0
    with pytest.raises(mvcore.UnknownId):
        book.values(prices={"A": "-1%"})


def test_user_functions_see_the_changed_prices_and_rates(book) -> None:
    @mvcore.measure
    def worth(quantity, price):
        return quantity * price

    asked = {"by": (), "instruments": {"currency": "JPY"}, "measures": [worth]}
    (got,) = book.values(**asked, prices={"x=y": "-50%"}, fx={"JPY": "-2%"})["worth"]
    assert got == pytest.approx(12345678901234567890.5 * 12 / 2 * 0.98 / 151.2, rel=1e-12)


def test_many_instruments_change(book) -> None:
    """The core changes a few hundred at a time."""
    names = [f"I{k:04}" for k in range(1_000)]
    book.update(
        instruments={
            "instrument": names,
            "currency": [("USD", "EUR", "JPY")[k % 3] for k in range(1_000)],
            "group": [f"g{k % 7}" for k in range(1_000)],
        },
        prices={"instrument": names, "price": [f"{k}.{k % 10}" for k in range(1_000)]},
        holdings={"account": ["P"] * 1_000, "instrument": names, "quantity": [3] * 1_000},
    )
    before = by_instrument(book)
    after = by_instrument(book, prices={"group=g1": "-10%", "group=g4": "+25%", "group=g0": "-0%"})
    factors = {1: D("0.9"), 4: D("1.25")}
    for k, name in enumerate(names):
        assert after[name] == before[name] * factors.get(k % 7, 1)
    shocks = {"currency=EUR": "-10%", "currency=JPY": "+10%"}
    held = {"instruments": {"group": [f"g{k}" for k in range(7)], "currency": ["EUR", "JPY"]}}
    (total,) = book.values("P", **held, by=(), prices=shocks, fx={"JPY": "-2%"})["current"]
    euros = sum(before[name] for name in names[1::3]) * D("0.9") * D("1.123456789")
    yen = sum(before[name] for name in names[2::3]) * D("1.1") * D("0.98") / D("151.2")
    assert total == round(euros, 6) + round(yen, 6)


def test_random_changes_equal_exact_decimals(book) -> None:
    """Every amount is that of the reference model, which computes with fractions."""
    model = ReferenceBook(value_scale=6)
    model.load(**TABLES)
    draw = random.Random(7)
    keys = [
        "A",
        "B",
        "x=y",
        "sector=Tech",
        "sector=Auto",
        "currency=EUR",
        "limit=2.5",
        "instrument=C",
    ]
    percents = ["-10%", "+0.5%", "-33.3333%", "+7.00%", "-100%", "-250.125%", "+12.345678%"]
    rates = ["-2%", "+0.125%", "-33.333%", "+7%"]
    answered = 0
    for currency, by in itertools.product(
        [None, "EUR", "JPY", "local"], ["account", "currency", ()]
    ):
        for _ in range(12):
            prices = {key: draw.choice(percents) for key in draw.sample(keys, draw.randint(0, 2))}
            fx = {
                name: draw.choice(rates) for name in draw.sample(["EUR", "JPY"], draw.randint(0, 2))
            }
            asked = {"currency": currency, "by": by, "prices": prices, "fx": fx}
            want = outcome(lambda asked=asked: model.values(**asked))
            got = outcome(lambda asked=asked: book.values(**asked), mvcore.Error)
            assert got == want
            answered += isinstance(want, list)
    assert answered > 50
