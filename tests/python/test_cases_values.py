"""Cases from public bug reports about values and selections, each with its answer."""

from __future__ import annotations

import logging
from decimal import Decimal as D

import pytest

import mvcore
from case_book import make


@pytest.fixture
def book() -> mvcore.Book:
    return make()


def rows_of(frame: mvcore.Frame, *names: str) -> list[tuple]:
    return [tuple(row[name] for name in names) for row in frame.to_pylist()]


# -- the currency of amounts is not the currency of instruments ------------------------------------

SECTORS = [
    ("Tech", "USD", "USD", D("1000.00")),
    ("Tech", "EUR", "USD", D("1250.00")),
    ("Government", "EUR", "USD", D("2475.00")),
    ("Cash", "USD", "USD", D("500.00")),
]


def test_grouping_by_currency_shows_both_currencies(book) -> None:
    by = ("sector", "currency")
    columns = ("sector", "currency", "amount_currency", "current")
    assert rows_of(book.values(by=by), *columns) == SECTORS
    with book.view(by=by) as view, book.snapshot() as now:
        for frame in (view.read(), now.values(by=by)):
            assert rows_of(frame, *columns) == SECTORS
    in_euro = book.values(by=by, currency="EUR")
    assert in_euro["currency"] == ["USD", "EUR", "EUR", "USD"]
    assert in_euro["amount_currency"] == ["EUR"] * 4
    assert in_euro["current"] == [D("800.00"), D("1000.00"), D("1980.00"), D("400.00")]


@pytest.mark.parametrize("currency", [None, "USD", "EUR", "local"])
@pytest.mark.parametrize("by", [(), ("account",), ("sector",), ("currency",), ("currency", "desk")])
@pytest.mark.parametrize("rollup", [False, True])
def test_every_frame_names_the_currency_of_its_amounts(book, by, currency, rollup) -> None:
    if rollup and currency == "local" and "currency" in by:
        return  # refused: see test_bad_arrays
    arguments = {"by": by, "currency": currency, "rollup": rollup}
    with book.view(**arguments) as view:
        for frame in (book.values(**arguments), view.read(), view.changes()):
            assert ("currency" in frame.column_names) is ("currency" in by)
            assert "amount_currency" in frame.column_names
            wanted = {"USD", "EUR"} if currency == "local" else {currency or "USD"}
            assert set(frame["amount_currency"]) <= wanted
            if currency == "local" and "currency" in by:
                assert frame["currency"] == frame["amount_currency"]


def test_local_amounts_by_currency_have_both_columns(book) -> None:
    frame = book.values(by=("currency",), currency="local")
    assert frame.column_names[:2] == ["currency", "amount_currency"]
    assert rows_of(frame, "currency", "amount_currency", "current") == [
        ("USD", "USD", D("1500.00")),
        ("EUR", "EUR", D("2980.00")),
    ]


def test_a_removed_row_still_names_its_currency(book) -> None:
    with book.view(by="currency") as view:
        view.changes()
        none = {"account": ["X", "Y"], "instrument": ["SAP", "BUND"], "quantity": [0, 0]}
        book.update(holdings=none)
        [row] = view.changes().to_pylist()
    assert (row["currency"], row["amount_currency"], row["removed"]) == ("EUR", "USD", True)


def test_holdings_orders_and_revalue_name_the_currency_of_their_amounts(book) -> None:
    book.order("O1", "X", "SAP", 5, 2)
    columns = ("instrument", "amount_currency", "market_value")
    assert rows_of(book.holdings(instruments="SAP"), *columns, "base_value") == [
        ("SAP", "EUR", D("1000.00"), D("1250.00"))  # base_value is in USD
    ]
    assert rows_of(book.orders(), *columns, "filled_value") == [
        ("SAP", "EUR", D("500.00"), D("200.00"))
    ]
    revalued = rows_of(book.revalue("SAP"), "record_type", "amount_currency", "market_value")
    assert revalued == [("HOLDING", "EUR", D("1000.00")), ("ORDER", "EUR", D("500.00"))]
    for frame in (book.holdings(), book.orders(), book.revalue("SAP"), book.revalue("CASH")):
        assert "currency" not in frame.column_names
    book.update(instruments={"instrument": ["SAP"], "currency": ["USD"]})
    assert book.revalue("SAP")["amount_currency"] == ["USD", "USD"]


@pytest.mark.parametrize("table", ["instruments", "accounts"])
def test_no_attribute_may_be_named_amount_currency(book, table) -> None:
    rows = {table[:-1]: ["A" if table == "instruments" else "X"], "amount_currency": ["USD"]}
    with pytest.raises(mvcore.InvalidInput, match="amount_currency"):
        book.update(**{table: rows})
    with pytest.raises(mvcore.InvalidInput, match="amount_currency"):
        book.values(by="amount_currency")


def test_an_attribute_of_accounts_may_be_named_currency(book) -> None:
    book.update(accounts={"account": ["X", "Y"], "currency": ["CHF", "USD"]})
    by = ("account.currency", "currency")
    columns = (*by, "amount_currency", "current")
    assert rows_of(book.values(by=by), *columns) == [
        ("CHF", "USD", "USD", D("1000.00")),
        ("CHF", "EUR", "USD", D("1250.00")),
        ("USD", "USD", "USD", D("500.00")),
        ("USD", "EUR", "USD", D("2475.00")),
    ]


# -- hypothetical prices and rates must name entries of the book -----------------------------------


@pytest.mark.parametrize(
    ("scenario", "unknown", "near"),
    [
        ({"fx": {"EURO": "2"}}, "EURO", ("EUR",)),
        ({"fx": {"eur": "2"}}, "eur", ("EUR",)),
        ({"fx": {"EUR ": "2"}}, "EUR ", ("EUR",)),
        ({"fx": {"EUR": "2", "XXX": "2"}}, "XXX", ()),
        ({"fx": {"CHF": "2"}}, "CHF", ()),  # no instrument has CHF, and it has no rate
        ({"fx": {"usd": "1"}}, "usd", ("USD",)),
        ({"prices": {"SAPP": 1}}, "SAPP", ("SAP",)),
        ({"prices": {"sap": 1}}, "sap", ("SAP",)),
        ({"prices": {"SAP": 1, "bund": 1}}, "bund", ("BUND",)),
        ({"prices": {"A": 1}, "fx": {"EURO": "2"}}, "EURO", ("EUR",)),
    ],
)
def test_a_what_if_with_an_unknown_name_is_an_error(book, scenario, unknown, near) -> None:
    with book.view() as view, book.snapshot() as now:
        for read in (book.values, now.values, view.read):
            with pytest.raises(mvcore.UnknownId, match=unknown) as error:
                read(**scenario)
            assert error.value.near == near
            for name in near:
                assert f"did you mean {name!r}" in str(error.value)
                assert name not in str(error.value.args[0]).replace(unknown, "")
    assert book.values(by=())["current"] == [D("5225.00")]


def test_a_what_if_uses_the_rates_given(book) -> None:
    assert book.values(by=(), fx={"EUR": "2"})["current"] == [D("7460.00")]
    with book.view(by=()) as view:
        assert view.read(fx={"EUR": "2"})["current"] == [D("7460.00")]


def test_a_what_if_may_give_a_currency_its_first_rate(book) -> None:
    book.update(
        instruments={"instrument": ["VOD"], "currency": ["GBP"]},
        holdings={"account": ["X"], "instrument": ["VOD"], "quantity": [10]},
        prices={"instrument": ["VOD"], "price": [1]},
    )
    assert book.values(by=())["unpriced"] == [1]
    tried = book.values(by=(), fx={"GBP": "1.5"})
    assert (tried["current"], tried["unpriced"]) == ([D("5240.00")], [0])


def test_a_currency_with_a_rate_and_no_instrument_is_known(book) -> None:
    book.update(fx={"currency": ["CHF"], "rate": ["1.1"]})
    assert book.values(by=(), fx={"CHF": "2"})["current"] == [D("5225.00")]
    book.load(fx={"currency": ["EUR"], "rate": ["1.25"]})
    with pytest.raises(mvcore.UnknownId, match="CHF"):
        book.values(by=(), fx={"CHF": "2"})


def test_a_what_if_may_give_the_rate_of_the_requested_currency(book) -> None:
    assert book.values(by=(), currency="CHF", fx={"CHF": "2"})["current"] == [D("2612.50")]
    with pytest.raises(mvcore.UnknownId, match="GBP"):
        book.values(by=(), currency="CHF", fx={"CHF": "2", "GBP": "2"})


def test_the_rate_of_the_base_currency_is_1(book) -> None:
    assert book.values(by=(), fx={"USD": 1})["current"] == [D("5225.00")]
    with pytest.raises(mvcore.InvalidInput, match="base"):
        book.values(by=(), fx={"USD": "1.01"})
    with pytest.raises(mvcore.InvalidInput, match="local"):
        book.values(by=(), fx={"local": 1})


def test_a_what_if_with_a_removed_instrument_is_an_error(book) -> None:
    book.update(instruments={"instrument": ["OLD"], "currency": ["GBP"]})
    book.remove(instruments="OLD")
    for scenario in ({"prices": {"OLD": 1}}, {"fx": {"GBP": 1}}):
        with pytest.raises(mvcore.UnknownId) as error:
            book.values(**scenario)
        assert error.value.near == ()


# -- a currency without a rate hides its positions -------------------------------------------------

USD_MISSPELLED = (
    "fx: currency 'usd' has no rate: amounts in 'USD' leave out 2 positions in 2 instruments; "
    "did you mean 'USD'?"
)


@pytest.fixture
def warnings(caplog):
    """Return a function that takes the warnings of the logger "mvcore" since its last call."""

    def taken() -> list[str]:
        records = [r for r in caplog.records if r.name == "mvcore" and r.levelname == "WARNING"]
        texts = [record.getMessage() for record in records]
        caplog.clear()
        return texts

    with caplog.at_level(logging.WARNING, "mvcore"):
        yield taken


def misspelled(*names: str, currency: str = "usd") -> dict:
    return {"instrument": list(names), "currency": [currency] * len(names)}


def test_a_misspelled_currency_is_warned_of_once(book, warnings) -> None:
    book.update(instruments=misspelled("A", "CASH"))
    assert warnings() == [USD_MISSPELLED]
    book.update(holdings={"account": ["Y"], "instrument": ["A"], "quantity": [5]})
    book.update(instruments=misspelled("A", "CASH"))
    book.update(fx={"currency": ["EUR"], "rate": ["1.3"]})
    book.update(prices={"instrument": ["A"], "price": [11]})
    book.tick("A", 12)
    assert warnings() == []
    assert book.values(by=())["unpriced"] == [3]


def test_a_load_of_all_tables_warns_of_a_missing_rate(warnings) -> None:
    book = mvcore.Book()
    book.load(
        instruments=misspelled("A", "B"),
        accounts={"account": ["X"]},
        holdings={"account": ["X", "X"], "instrument": ["A", "B"], "quantity": [1, 1]},
        prices={"instrument": ["A", "B"], "price": [1, 1]},
    )
    assert warnings() == [USD_MISSPELLED]


def test_the_warning_repeats_only_after_the_currency_had_a_rate(book, warnings) -> None:
    book.update(instruments=misspelled("A", currency="GBP"))
    assert len(warnings()) == 1
    book.update(fx={"currency": ["GBP"], "rate": ["1.5"]})
    assert warnings() == []
    book.load(fx={"currency": ["EUR"], "rate": ["1.25"]})  # GBP has none any more
    assert warnings() == [
        "fx: currency 'GBP' has no rate: amounts in 'USD' leave out 1 position in 1 instrument"
    ]
    book.load(fx={"currency": [], "rate": []})
    [text] = warnings()
    assert "'EUR' has no rate" in text
    assert "2 positions in 2 instruments" in text


@pytest.mark.parametrize("table", ["holdings", "orders", "instruments", "fx"])
def test_any_table_that_brings_positions_without_a_rate_warns(warnings, table) -> None:
    book = make()
    book.update(instruments=misspelled("VOD", currency="GBP"))
    assert warnings() == []  # no account holds it
    if table == "holdings":
        book.update(holdings={"account": ["X"], "instrument": ["VOD"], "quantity": [1]})
    elif table == "orders":
        order = {"order": ["O1"], "account": ["X"], "instrument": ["VOD"], "order_quantity": [1]}
        book.update(orders=order)
    elif table == "instruments":
        book.update(instruments=misspelled("A", currency="GBP"))
    else:
        book.update(fx={"currency": ["GBP"], "rate": [1]})
        book.update(instruments=misspelled("A", currency="GBP"))
        assert warnings() == []
        book.load(fx={"currency": ["EUR"], "rate": [1]})
    [text] = warnings()
    assert "currency 'GBP' has no rate" in text
    assert "1 position in 1 instrument" in text


def test_each_currency_without_a_rate_has_one_warning(book, warnings) -> None:
    codes = ["GBP", "CHF", "Eur"]
    book.update(
        instruments={"instrument": ["G", "C", "E"], "currency": codes},
        holdings={"account": ["X"] * 3, "instrument": ["G", "C", "E"], "quantity": [1] * 3},
    )
    texts = warnings()
    assert [
        code for code, text in zip(codes, texts, strict=True) if f"currency {code!r}" in text
    ] == codes
    assert [text.partition("; ")[2] for text in texts] == ["", "", "did you mean 'EUR'?"]


def test_currencies_without_positions_give_no_warning(book, warnings) -> None:
    book.update(fx={"currency": ["CHF"], "rate": ["1.1"]})  # an unneeded rate
    book.update(instruments=misspelled("OLD", currency="GBP"))
    book.remove(instruments="OLD")
    with pytest.raises(mvcore.UnknownId):  # nothing was written
        book.update(
            instruments=misspelled("A"),
            holdings={"account": ["nobody"], "instrument": ["A"], "quantity": [1]},
        )
    book.update(accounts={"account": ["Z"]})
    assert warnings() == []


def test_opening_a_book_warns_of_a_missing_rate(tmp_path, warnings) -> None:
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments=misspelled("A"),
            accounts={"account": ["X"]},
            holdings={"account": ["X"], "instrument": ["A"], "quantity": [1]},
        )
        assert len(warnings()) == 1
        book.checkpoint()
    for read_only in (True, False):
        with mvcore.open(tmp_path / "book", read_only=read_only) as book:
            [text] = warnings()
            assert "currency 'usd' has no rate" in text
            assert "did you mean 'USD'?" in text


def test_a_log_handler_may_use_the_book(book) -> None:
    """No lock is held while the record is emitted."""
    seen = []

    class Handler(logging.Handler):
        def emit(self, record) -> None:
            book.update(accounts={"account": ["Z"]})
            seen.append(book.values(by=())["unpriced"])

    handler = Handler()
    logging.getLogger("mvcore").addHandler(handler)
    try:
        book.update(instruments=misspelled("A"))
    finally:
        logging.getLogger("mvcore").removeHandler(handler)
    assert seen == [[1]]
