"""Values: scenarios computed by hand, and published values of real data."""

import gzip
import json
from decimal import Decimal as D

import pytest

import mvcore

MEASURES = ("sod", "current", "expected")
VALUED = (*MEASURES, "unpriced")


def book_of(*rows: tuple, base: str = "USD", scale: int = 8, fx: dict | None = None):
    """Make a book from rows (account, instrument, currency, quantity, price, multiplier,
    factor)."""
    book = mvcore.Book(base_currency=base, value_scale=scale)
    full = [(*row, *(1, 1)[len(row) - 5 :]) for row in rows]
    masters = {row[1]: row for row in full}.values()
    prices = [row for row in masters if row[4] is not None]
    rates = [(c, *(r if isinstance(r, tuple) else (r, None))) for c, r in (fx or {}).items()]
    book.load(
        instruments={
            "instrument": [row[1] for row in masters],
            "currency": [row[2] for row in masters],
            "multiplier": [row[5] for row in masters],
            "quote_factor": [row[6] for row in masters],
        },
        accounts={"account": list(dict.fromkeys(row[0] for row in full))},
        holdings={
            "account": [row[0] for row in full],
            "instrument": [row[1] for row in full],
            "quantity": [row[3] for row in full],
        },
        prices={"instrument": [row[1] for row in prices], "price": [row[4] for row in prices]},
        fx={
            name: [rate[n] for rate in rates]
            for n, name in enumerate(("currency", "rate", "method"))
        },
    )
    return book


# -- one position --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "quantity", "price", "multiplier", "factor", "value"),
    [
        ("shares", "100", "150.25", 1, 1, "15025"),
        ("a short", "-30", "150.25", 1, 1, "-4507.5"),
        ("a fraction of a share", "0.123456", "150.25", 1, 1, "18.549264"),
        ("a bond in percent of par", "250000", "98.4375", 1, "0.01", "246093.75"),
        ("a share in pence", "1200", "72.36", 1, "0.01", "868.32"),
        ("an option on 100", "-5", "2.35", "100", 1, "-1175"),
        ("an oil future, below zero", "3", "-36.98", "1000", 1, "-110940"),
        ("a multiplier of zero", "7", "5", 0, 1, "0"),
        ("a token of 18 decimals", "0.000000000000000001", "61685.99", 1, 1, "0"),
        ("many", "123456789.123456789012345678", "0.5", 1, 1, "61728394.56172839"),
        ("half even, down", "1", "0.000000005", 1, 1, "0"),
        ("half even, up", "1", "0.000000015", 1, 1, "0.00000002"),
        ("half even, a short", "-1", "0.000000025", 1, 1, "-0.00000002"),
        ("half by the factor", "5", "0.1", 1, "0.00000001", "0"),
        ("20 digits", "1", "99999999999999999999", 1, 1, "99999999999999999999"),
    ],
)
def test_one_position_has_its_exact_value(what, quantity, price, multiplier, factor, value) -> None:
    book = book_of(("A", what, "USD", quantity, price, multiplier, factor))
    assert book.value("A") == ("A", *[D(value)] * 3, "USD", 0, 1)
    row = book.holdings().to_pylist()[0]
    assert (row["market_value"], row["base_value"]) == (D(value), D(value))
    assert (row["quantity"], row["price"]) == (D(quantity), D(price))
    assert book.revalue(what)["market_value"] == [D(value)]


@pytest.mark.parametrize(
    ("scale", "price", "text"),
    [
        (0, "0.5", "0"),
        (0, "1.5", "2"),
        (0, "2.500000000000000001", "3"),
        (2, "0.125", "0.12"),
        (18, "1.000000000000000001", "1.000000000000000001"),
        (30, "1.000000000000000001", "1.000000000000000001000000000000"),
        (30, "99999999.5", "99999999.500000000000000000000000000000"),
    ],
)
def test_amounts_are_rounded_to_the_value_scale(scale, price, text) -> None:
    book = book_of(("A", "X", "USD", 1, price), scale=scale)
    assert format(book.value("A").current, "f") == text
    assert [format(v, "f") for v in book.values()["sod"]] == [text]


def test_value_scale_30_leaves_8_digits_before_the_point() -> None:
    book = book_of(("A", "X", "USD", 1, "100000000"), ("B", "Y", "USD", 1, 1), scale=30)
    for read in (lambda: book.value("A"), lambda: book.values().to_pylist()):
        with pytest.raises(mvcore.ValueOverflow):
            read()
    assert book.value("B").current == 1
    book.tick("X", "99999999.999999999999999999")
    assert book.value("A").current == D("99999999.999999999999999999")


# -- currencies ----------------------------------------------------------------------------------

MIXED = (
    ("A", "US share", "USD", 100, "10.01"),
    ("A", "EU share", "EUR", 30, "33.33"),
    ("B", "UK share", "GBP", 1000, "123.45", 1, "0.01"),
    ("B", "JP share", "JPY", 700, "1999"),
    ("B", "EU share", "EUR", -3, "33.33"),
)
# A dollar book: euros and pounds multiply, yen divide. A euro book: all divide, as the ECB quotes.
USD_FX = {"EUR": "1.0875", "GBP": "1.27", "JPY": ("149.5", "divide")}
EUR_FX = {
    name: (rate, "divide")
    for name, rate in {"USD": "1.0875", "GBP": "0.8563", "JPY": "162.58"}.items()
}


@pytest.mark.parametrize(
    ("base", "fx", "currency", "a", "b"),
    [
        # A: 1001.00 USD + 999.90 EUR; B: 1234.50 GBP + 1399300 JPY - 99.99 EUR.
        ("USD", USD_FX, None, "2088.39125", "10818.94209574"),
        ("USD", USD_FX, "EUR", "1920.35977011", "9948.45250183"),
        ("USD", USD_FX, "JPY", "312214.491875", "1617431.8433125"),
        ("EUR", EUR_FX, None, "1920.35977011", "9948.51734953"),
        ("EUR", EUR_FX, "USD", "2088.39125", "10819.01261761"),
        ("EUR", EUR_FX, "JPY", "312212.09142529", "1617429.95068614"),
    ],
)  # fmt: skip
def test_amounts_are_converted_by_the_rates(base, fx, currency, a, b) -> None:
    book = book_of(*MIXED, base=base, fx=fx)
    assert book.values(currency=currency)["current"] == [D(a), D(b)]
    assert book.value("B", currency) == ("B", *[D(b)] * 3, currency or base, 0, 1)


def test_local_amounts_have_a_row_for_each_currency() -> None:
    frame = book_of(*MIXED, fx={"JPY": 1}).values(currency="local", measures="sod")
    assert [tuple(row.values()) for row in frame.to_pylist()] == [
        ("A", "USD", D("1001"), 0),
        ("A", "EUR", D("999.90"), 0),
        ("B", "EUR", D("-99.99"), 0),
        ("B", "GBP", D("1234.50"), 0),
        ("B", "JPY", D("1399300"), 0),
    ]


def test_rounded_rows_need_not_add_up() -> None:
    rows = [(name, f"X{name}", "USD", 1, "0.005") for name in "ABC"]
    frame = book_of(*rows, scale=2).values(rollup=True)
    assert frame["current"] == [D("0.02"), D(0), D(0), D(0)]  # 0.015 once, not three times 0.005


def test_each_currency_is_rounded_once() -> None:
    rows = [("A", "X", "EUR", 1, 1), ("A", "Y", "GBP", 1, 1), ("A", "Z", "EUR", 1, 1)]
    book = book_of(*rows, scale=0, fx={"EUR": "0.2", "GBP": "0.4"})
    assert book.value("A").current == 0  # 0.4 of two euros, 0.4 of a pound
    book.update(fx={"currency": ["EUR"], "rate": ["0.3"]})
    assert book.value("A").current == 1  # 0.6 and 0.4
    book.update(fx={"currency": ["GBP"], "rate": ["0.6"]})
    assert book.value("A").current == 2


def test_unpriced_is_counted_for_each_row() -> None:
    book = book_of(*MIXED, ("A", "No price", "EUR", 5, None), fx={"EUR": "1.0875"})
    assert book.values()["unpriced"] == [1, 2]  # GBP and JPY have no rate
    assert book.value("B").current == D("-99.99") * D("1.0875")
    assert book.values(currency="JPY")["unpriced"] == [3, 2]
    assert book.value("B", "JPY").current == 1399300
    assert book.values(currency="local", by="currency")["unpriced"] == [0, 1, 0, 0]
    assert book.values(by=(), instruments="No price").to_pylist() == [
        {"amount_currency": "USD", **dict.fromkeys(MEASURES, D("0E-8")), "unpriced": 1}
    ]
    view = book.view(accounts="B")
    view.read()
    one = {"account": ["B"], "instrument": ["No price"], "quantity": [1]}
    book.update(holdings=one)  # only the count changes
    assert [(row["account"], row["unpriced"]) for row in view.changes().to_pylist()] == [("B", 3)]
    book.update(holdings=one | {"quantity": [0]})
    row = book.holdings("B", "UK share").to_pylist()[0]
    assert (row["market_value"], row["base_value"]) == (D("1234.50"), None)
    book.update(
        prices={"instrument": ["No price"], "price": [1]}, fx={"currency": ["GBP"], "rate": [1]}
    )
    assert book.values()["unpriced"] == [0, 1]


def test_a_currency_or_factor_may_change_under_open_views() -> None:
    book = book_of(*MIXED, fx=USD_FX)
    views = [book.view(by=(), measures="sod", mode=mode) for mode in ("lazy", "incremental")]
    assert [view.read()["sod"] for view in views] == [[D("12907.33334574")]] * 2
    book.update(instruments={"instrument": ["JP share"], "currency": ["USD"]})
    total = D("12907.33334574") - D("9359.86622074") + 1399300
    assert [view.changes()["sod"] for view in views] == [[total]] * 2
    book.update(instruments={"instrument": ["JP share"], "multiplier": ["0.001"]})
    total = total - 1399300 + D("1399.3")
    assert [view.changes()["sod"] for view in views] == [[total]] * 2


def test_a_split_in_one_batch_changes_no_value() -> None:
    book = book_of(("A", "AAPL", "USD", 100, "90"), ("B", "AAPL", "USD", -7, "90"))
    view = book.view(mode="incremental")
    view.read()
    book.update(
        holdings={"account": ["A", "B"], "instrument": ["AAPL"] * 2, "quantity": [200, -14]},
        prices={"instrument": ["AAPL"], "price": ["45"]},
    )
    assert len(view.changes()) == 0
    assert book.revalue("AAPL")["market_value"] == [9000, -630]


# -- real data -----------------------------------------------------------------------------------


def test_negative_oil_prices_give_negative_values(read_csv) -> None:
    rows = read_csv("oil/wti-daily.csv")
    book = book_of(("A", "WTI", "USD", "1000", rows[0]["Price"]))
    view, total, seen = book.view(by=(), mode="incremental"), D(0), {}
    for row in rows:
        book.tick("WTI", row["Price"], f"{row['Date']}T21:00:00Z")
        value = book.value("A").current
        assert value == D(row["Price"]) * 1000
        total += value
        seen[row["Date"]] = view.changes()["current"]
    assert total == sum(D(row["Price"]) for row in rows) * 1000
    assert seen["2020-04-20"] == [D("-36980")]
    assert book.prices()["price"] == [D(rows[-1]["Price"])]
    days = book_of(*(("A", row["Date"], "USD", 1, row["Price"]) for row in rows))
    assert days.value("A").current == sum(D(row["Price"]) for row in rows)
    assert (len(days.holdings()), days.revalue("2020-04-20")["market_value"]) == (
        10226,
        [D("-36.98")],
    )


def test_values_equal_those_of_sec_filings(read_csv) -> None:
    rows, published = read_csv("sec/positions.csv"), read_csv("sec/expected.csv")
    masters = list({row["cusip"]: row for row in rows}.values())
    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": [row["cusip"] for row in masters],
            "currency": [row["currency"] for row in masters],
            "quote_factor": [row["price_scale"] for row in masters],
            "class": [row["class"] for row in masters],
        },
        accounts={"account": [row["account"] for row in published]},
        holdings={
            "account": [row["account"] for row in rows],
            "instrument": [row["cusip"] for row in rows],
            "quantity": [row["quantity"] for row in rows],
        },
    )
    assert book.value(published[0]["account"])[1:4] == (0, 0, 0)
    for account in published:
        own = [row for row in rows if row["account"] == account["account"]]
        assert len(own) == int(account["positions"])
        prices = {
            "instrument": [r["cusip"] for r in own],
            "price": [r["implied_price"] for r in own],
        }
        book.load(prices=prices)  # each filing has its own day and prices
        sizes = [D(row["quantity"]) * D(row["price_scale"]) for row in own]
        exact = sum(size * D(r["implied_price"]) for size, r in zip(sizes, own, strict=True))
        value = book.value(account["account"])
        assert (value.current, value.unpriced) == (exact, 0)
        rounding = sum(map(abs, sizes)) * D("0.5e-8")  # of the prices, to 8 decimals
        assert abs(value.current - D(account["sum_filed_value"])) <= rounding
        held = book.holdings(account["account"]).to_pylist()
        filed = {row["cusip"]: row for row in own}
        for row in held:
            size = D(filed[row["instrument"]]["price_scale"]) * abs(row["quantity"])
            off = abs(row["market_value"] - D(filed[row["instrument"]]["filed_value"]))
            assert off <= size * D("0.5e-8"), row


@pytest.mark.parametrize("stream", ["BTCUSDT", "ETHUSDT"])
def test_values_equal_the_published_totals_of_binance_trades(shared, read_csv, stream) -> None:
    published = next(row for row in read_csv("binance/expected.csv") if row["stream"] == stream)
    trades = []
    with gzip.open(shared / "data" / "binance" / published["file"].replace("/", "_"), "rt") as file:
        for line in file:
            received, message = line.split(" ", 1)
            data = json.loads(message).get("data", {})
            if data.get("e") == "trade":
                trades.append((str(data["t"]), data["p"], data["q"], int(received)))
    # Every trade is an instrument, so the notional is the total value, to the last digit.
    rows = [("tape", number, "USDT", quantity, price) for number, price, quantity, _ in trades]
    tape = book_of(*rows, base="USDT", scale=16)
    assert tape.values(by=()).to_pylist()[0]["current"] == D(published["traded_notional"])
    assert sum(tape.holdings()["quantity"]) == D(published["traded_qty"])
    # One instrument with the traded quantity; each trade is a tick.
    book = book_of(("A", stream, "USDT", published["traded_qty"], 1), base="USDT", scale=16)
    view = book.view()
    book.ticks([stream] * len(trades), [t[1] for t in trades], [t[3] for t in trades])
    last, quantity = D(published["last_trade_price"]), D(published["traded_qty"])
    assert book.prices()["price"] == [last]
    assert book.epoch == 2
    assert view.changes()["current"] == [last * quantity]


@pytest.mark.parametrize("by", ["desk", "instrument", "currency"])
def test_a_view_of_one_instrument_follows_an_order_that_leaves_it(by: str) -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["I", "J", "X"], "currency": ["EUR", "USD", "USD"]},
        accounts={"account": ["P", "Q"], "desk": ["a", None]},
        prices={"instrument": ["I", "J", "X"], "price": [2, 3, 5]},
        fx={"currency": ["EUR"], "rate": [1]},
    )
    with book.view(instruments=["I"], by=(by,)) as view:
        book.order("1", "Q", "X", 10, filled_quantity=5)
        assert view.changes().to_pylist() == []
        book.order("2", "P", "I", 7, filled_quantity=7)
        book.order("2", "Q", "J", 7, filled_quantity=6)
        assert view.changes().to_pylist() == []
        book.order("3", "P", "I", 7, filled_quantity=7)
        assert [row["current"] for row in view.changes()] == [14]


@pytest.mark.parametrize("currencies", [1, 2, 12])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("rate_of_last", [True, False])
def test_the_value_of_one_account_equals_its_row(
    currencies: int, large: bool, rate_of_last: bool
) -> None:
    """Several units of a currency, many currencies, totals of more than 128 bits, no price, no
    rate: `value` has shortcuts, `values` has none of them."""
    book = mvcore.Book(base_currency="C0", value_scale=3)
    codes = [f"C{k}" for k in range(currencies)]
    names = [f"{code}-{kind}" for code in codes for kind in ("share", "cash", "bond")]
    rated = codes[1:] if rate_of_last else codes[1:-1]
    book.load(
        instruments={
            "instrument": [*names, "new"],
            "currency": [name.partition("-")[0] for name in [*names, "C0"]],
        },
        accounts={"account": ["A", "B", "none"]},
        fx={"currency": rated, "rate": [f"0.{k + 3}7" for k in range(len(rated))]},
        prices={
            "instrument": names,
            "price": [["12.3456", "1", "0.000000000000000777"][k % 3] for k in range(len(names))],
        },
    )
    much = "9999999999999999" if large else "0"
    held = [f"{k - 4 or 9}{much}.{k % 3}{k % 7 + 1}" for k in range(len(names))]
    book.load(
        holdings={
            "account": ["A"] * len(names) + ["B", "B"],
            "instrument": [*names, names[0], "new"],
            "quantity": [*held, "0.01", "5"],
        }
    )
    for account in ("A", "B", "none"):
        for currency in ("C0", rated[-1] if rated else "C0"):
            row = next(iter(book.values([account], by="account", currency=currency)), None)
            got = book.value(account, currency)
            wanted = row or dict.fromkeys(VALUED, 0)
            assert all(getattr(got, name) == wanted[name] for name in VALUED)
