"""The reference model itself, compared with amounts computed by hand."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from order_facts import START
from reference import ClosedError, InvalidInput, ReferenceBook, UnknownId, ValueOverflow, dump


def small_book(**options) -> ReferenceBook:
    book = ReferenceBook(**options)
    book.load(
        instruments={
            "instrument": ["AAPL", "BUND", "VOD"],
            "currency": ["USD", "EUR", "GBP"],
            "quote_factor": [None, "0.01", "0.01"],
            "sector": ["tech", "govt", "tech"],
        },
        accounts={"account": ["A1", "A2"], "desk": ["d1", None]},
        fx={"currency": ["EUR", "GBP"], "rate": ["1.10", "0.8"], "method": [None, "divide"]},
        prices={"instrument": ["AAPL", "BUND", "VOD"], "price": ["150.25", "98.5", "72"]},
        holdings={
            "account": ["A1", "A1", "A2", "A2"],
            "instrument": ["AAPL", "BUND", "BUND", "VOD"],
            "quantity": ["10", "1000", "-200", "500"],
        },
    )
    return book


def amounts(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in rows]


def test_values_are_in_the_base_currency() -> None:
    # A1: 10 x 150.25 = 1502.50; 1000 x 0.985 x 1.10 = 1083.50.
    # A2: -200 x 0.985 x 1.10 = -216.70; 500 x 0.72 / 0.8 = 450.
    rows = small_book().values()
    assert amounts(rows, "account", "current") == [("A1", D("2586.00")), ("A2", D("233.30"))]
    assert all(row["current"].as_tuple().exponent == -8 for row in rows)


def test_a_value_in_another_currency_uses_both_rates() -> None:
    # A2 in GBP: -216.70 USD x 0.8 = -173.36, and 360 GBP unconverted.
    assert small_book().value("A2", "GBP").sod == D("186.64")
    # In EUR: A1 has 1502.50 USD / 1.10 = 1365.909090909..., and 985 EUR unconverted.
    assert small_book().value("A1", "EUR").sod == D("2350.90909091")


def test_each_currency_is_rounded_once() -> None:
    book = ReferenceBook(value_scale=0)
    book.load(
        instruments={"instrument": ["X", "Y"], "currency": ["EUR", "GBP"]},
        accounts={"account": ["A"]},
        fx={"currency": ["EUR", "GBP"], "rate": ["1.5", "2.5"]},
        prices={"instrument": ["X", "Y"], "price": ["1", "1"]},
        holdings={"account": ["A", "A"], "instrument": ["X", "Y"], "quantity": ["1", "1"]},
    )
    # 1.5 and 2.5 both round to 2, half even. Their unrounded sum is 4.0 as well.
    assert amounts(book.values(by="instrument"), "current") == [(D(2),), (D(2),)]
    assert book.value("A").current == D(4)
    book.update(fx={"currency": ["EUR", "GBP"], "rate": ["1.4", "1.4"]})
    assert book.value("A").current == D(2)  # 1.4 + 1.4, each rounded


def test_local_amounts_and_rollups_are_in_order() -> None:
    book = small_book()
    assert amounts(book.values(by=(), currency="local"), "amount_currency", "sod") == [
        ("USD", D("1502.50")),
        ("EUR", D("788")),
        ("GBP", D("360")),
    ]
    rows = book.values(by=("desk", "sector"), rollup=True)
    assert amounts(rows, "level", "desk", "sector", "sod") == [
        (0, None, None, D("2819.30")),
        (1, "d1", None, D("2586")),
        (2, "d1", "tech", D("1502.50")),
        (2, "d1", "govt", D("1083.50")),
        (1, None, None, D("233.30")),
        (2, None, "tech", D("450")),
        (2, None, "govt", D("-216.70")),
    ]


def test_unpriced_positions_are_counted() -> None:
    book = small_book()
    book.load(fx={"currency": ["EUR"], "rate": ["1.1"]})
    row = book.values(accounts="A2")[0]
    assert (row["sod"], row["unpriced"]) == (D("-216.70"), 1)
    assert book.value("A2", "GBP").unpriced == 1  # BUND; VOD needs no rate
    assert book.value("A2", "GBP").sod == D("360")
    book.load(prices={"instrument": [], "price": []})
    assert [row["unpriced"] for row in book.values()] == [2, 2]
    assert book.holdings("A1")[0]["price"] is None


def test_changes_return_the_difference_and_each_removal_once() -> None:
    book = small_book()
    view = book.view(by="account")
    assert [row["removed"] for row in view.changes()] == [False, False]
    book.tick("AAPL", "151")
    book.tick("AAPL", "150.25")
    assert view.changes() == []
    book.tick("VOD", "80")
    assert amounts(view.changes(), "account", "sod") == [("A2", D("283.30"))]
    book.update(
        holdings={"account": ["A1"] * 2, "instrument": ["AAPL", "BUND"], "quantity": [0, 0]}
    )
    assert amounts(view.changes(), "account", "sod", "removed") == [("A1", D(0), True)]
    assert view.changes() == []
    assert [row["account"] for row in view.read()] == ["A2"]


def test_late_prices_are_dropped_and_counted() -> None:
    book = small_book()
    assert book.tick("AAPL", "1", START + 2_000) == 2
    assert book.tick("AAPL", "2", START + 1_999) == 3
    assert book.tick("AAPL", "3", START + 2_000) == 4
    at = datetime(2024, 1, 1, 0, 0, 0, 2, UTC)
    assert amounts(book.prices()[:1], "price", "time", "epoch") == [(D(3), at, 4)]
    book.ticks(["AAPL", "VOD", "AAPL"], ["5", "6", "7"], [None, START + 5, START + 1])
    assert amounts(book.prices(), "price") == [(D(7),), (D("98.5"),), (D(6),)]
    assert book.stats()["late_prices"] == 1


def test_an_update_keeps_absent_columns() -> None:
    book = small_book()
    book.update(instruments={"instrument": ["VOD"], "multiplier": ["2"], "sector": [None]})
    assert book.state.instruments["VOD"].quote_factor == D("0.01")
    assert book.revalue("VOD")[0]["market_value"] == D("720")
    assert [row["sector"] for row in book.values(by="sector")] == ["tech", "govt", None]
    book.update(fx={"currency": ["GBP"], "rate": ["0.5"]})
    assert book.value("A2").current == D("1440") - D("216.70")  # the method "divide" is kept


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda b: b.tick("AAPL", "1e-19"), InvalidInput),
        (lambda b: b.tick("AAPL", "1e20"), InvalidInput),
        (lambda b: b.tick("AAPL", float("nan")), InvalidInput),
        (lambda b: b.tick("MSFT", "1"), UnknownId),
        (lambda b: b.remove(accounts=["A1"]), InvalidInput),
        (lambda b: b.remove(accounts=["A3"]), UnknownId),
        (lambda b: b.load(instruments={"instrument": ["VOD"], "currency": ["GBP"]}), InvalidInput),
        (lambda b: b.update(fx={"currency": ["EUR", "EUR"], "rate": [1, 2]}), InvalidInput),
        (lambda b: b.update(fx={"currency": ["USD"], "rate": [2]}), InvalidInput),
        (
            lambda b: b.update(
                instruments={"instrument": ["NEW"], "currency": ["USD"]},
                prices={"instrument": ["NEW"], "price": ["x"]},
            ),
            InvalidInput,
        ),
    ],
)
def test_an_error_changes_nothing(wrong, error) -> None:
    book = small_book()
    before, state = dump(book), vars(book.state.copy())
    with pytest.raises(error):
        wrong(book)
    assert (dump(book), vars(book.state)) == (before, state)


def test_numbers_at_the_limits_are_accepted() -> None:
    book = small_book(value_scale=30)
    book.tick("AAPL", "-0.000000000000000001")
    assert book.revalue("AAPL")[0]["market_value"] == D("-1e-17")
    book.tick("AAPL", "9" * 20 + ".000000000000000000000")
    assert book.prices()[0]["price"] == D("9" * 20)
    with pytest.raises(ValueOverflow):
        book.revalue("AAPL")
    book.tick("AAPL", 0.1)
    assert book.prices()[0]["price"] == D("0.1")


# -- what-ifs, snapshots, several readers --------------------------------------------------------


def test_a_what_if_uses_its_prices_and_rates() -> None:
    book = small_book()
    # A1: 10 x 160 = 1600; 1000 x 0.985 x 1.10 = 1083.50. A2: -216.70; 500 x 0.72 / 0.5 = 720.
    rows = book.values(prices={"AAPL": "160"}, fx={"GBP": "0.5"})
    assert amounts(rows, "current") == [(D("2683.50"),), (D("503.30"),)]
    rows = book.values(accounts="A1", by=(), currency="CHF", fx={"CHF": "0.5", "EUR": "1"})
    assert amounts(rows, "amount_currency", "sod") == [("CHF", D("4975"))]  # (1502.50 + 985) / 0.5
    with pytest.raises(UnknownId):
        book.values(currency="CHF")
    assert (book.epoch, book.value("A1").sod) == (1, D("2586"))


def test_a_what_if_of_a_view_does_not_count_as_returned() -> None:
    book = small_book()
    view = book.view(by=())
    view.changes()
    assert amounts(view.read(prices={"AAPL": 0}), "sod") == [(D("1316.80"),)]
    assert view.changes() == []
    book.tick("AAPL", 0)
    assert amounts(view.changes(), "sod", "removed") == [(D("1316.80"), False)]


def test_snapshots_keep_their_epoch() -> None:
    book = small_book()
    with book.snapshot() as first:
        book.order("O1", "A1", "AAPL", 5, 2)
        book.update(accounts={"account": ["A1"], "desk": ["d9"]})
        second = book.snapshot()
        book.remove(orders=["O1"])
        book.tick("AAPL", "100")
        assert [first.epoch, second.epoch, book.epoch] == [1, 3, 5]
        assert [read.value("A1").current for read in (first, second, book)] == [
            *(D("2586"), D("2886.50"), D("2083.50")),
        ]
        assert [read.values(by="desk")[0]["desk"] for read in (first, second)] == ["d1", "d9"]
        with pytest.raises(InvalidInput):
            first.values(accounts={"desk": "d9"})
        assert first.values(accounts={"desk": "d9"}, allow_empty=True) == first.orders() == []
        assert len(second.values(accounts={"desk": "d9"})) == 1
        assert amounts(second.orders(), "order", "filled_value") == [("O1", D("300.5"))]
    for call in (first.holdings, first.values, first.prices, first.orders, first.value):
        with pytest.raises(ClosedError):
            call(*(["A1"] if call == first.value else []))
    assert amounts(second.revalue("AAPL"), "order", "quantity") == [(None, 10), ("O1", 5)]


def test_several_views_return_their_changes_together() -> None:
    book = small_book()
    views = [book.view(), book.view(by="desk"), book.view(accounts="A2")]
    assert list(map(len, book.changes(views))) == [2, 2, 1]
    book.order("O1", "A2", "AAPL", 5)
    assert list(map(len, book.changes(views[:2]))) == [1, 1]
    assert list(map(len, book.changes(views))) == [0, 0, 1]
    book.order("O1", "A2", "AAPL", 6)
    views[1].close()
    for wrong, error in (
        (views, ClosedError),
        ([views[0]] * 2, InvalidInput),
        ([views[0], small_book().view()], InvalidInput),
    ):
        with pytest.raises(error):
            book.changes(wrong)
    assert list(map(len, book.changes([views[2], views[0]]))) == [1, 1]
