"""Pages of positions: `where`, `sort`, `limit` and `offset` of `positions`."""

from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest

import mvcore
from reference_page import Page

ACCOUNTS, INSTRUMENTS, HELD = 14_000, 900, 12  # more positions than a page selects at once


@pytest.fixture(scope="module")
def wide():
    accounts = np.array([f"A{k}" for k in range(ACCOUNTS)])
    instruments = np.array([f"I{k}" for k in range(INSTRUMENTS)])
    account = np.repeat(np.arange(ACCOUNTS), HELD)
    instrument = (account * 7 + np.tile(np.arange(HELD), ACCOUNTS) * 75) % INSTRUMENTS
    book = mvcore.Book(value_scale=4)
    book.load(
        instruments={
            "instrument": instruments,
            "currency": [("USD", "EUR", "JPY")[k % 3] for k in range(INSTRUMENTS)],
        },
        accounts={"account": accounts, "desk": [f"d{k % 90}" for k in range(ACCOUNTS)]},
        holdings={
            "account": accounts[account],
            "instrument": instruments[instrument],
            "quantity": (account * 31 + instrument * 17) % 997 - 498,
        },
        prices={"instrument": instruments[5:], "price": 1 + np.arange(INSTRUMENTS - 5) % 50},
        fx={"currency": ["EUR"], "rate": ["1.083"]},
    )
    book.order("O1", "A5", "I599", 10**15, 3)  # this quantity of 64 bits is the largest
    return book


@pytest.fixture(scope="module")
def every_row(wide) -> dict[str, list[dict]]:
    # JPY has no rate; the first instruments have no price
    return {into: wide.positions(currency=into).to_pylist() for into in ("USD", "local")}


PAGES: list[dict[str, Any]] = [
    {"sort": "-current", "limit": 20},
    {"sort": "current", "limit": 20},
    {"sort": "-abs(current)", "limit": 7, "offset": 100},
    {"sort": ["-price", "-expected_quantity"], "limit": 50},
    {"sort": ["unpriced", "-instrument", "account"], "limit": 9, "offset": 30},
    {"sort": "price", "limit": 5, "offset": 167_900},
    {"sort": "-sod", "offset": 100_000},
    {"sort": "account", "limit": 90_000},
    {"limit": 10, "offset": 66_000},
    {"limit": 0},
    {"offset": 10**6},
    {"where": [("current", ">", 20_000)]},
    {"where": [("current", "!=", 0), ("unpriced", "=", 1)], "limit": 3},
    {"where": [("abs(current_quantity)", ">=", "490.5"), ("instrument", "=", "I77")]},
    {"where": [("account", "=", "A13999")], "sort": "-price"},
    {"where": [("account", "!=", "A0"), ("instrument", "!=", None)], "limit": 2},
    {"where": [("instrument", "=", None)]},
    {"where": [("price", "<=", 2)], "sort": ["current", "-instrument"], "limit": 40},
    {"where": [("price", "!=", 3), ("expected", "<", "-1e3")], "sort": "expected", "limit": 11},
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("into", ["USD", "local"])
def test_a_page_is_a_part_of_the_sorted_rows(wide, every_row, page, into) -> None:
    keyed = {(k,): row for k, row in enumerate(every_row[into])}
    want = list(Page(**page).of(keyed).values())
    frame = wide.positions(currency=into, **page)
    assert frame.to_pylist() == want
    assert frame.epoch == wide.epoch


@pytest.mark.parametrize("of", ["book", "snapshot"])
def test_pages_of_a_selection(wide, every_row, of) -> None:
    page = {"sort": ["-current", "instrument"], "limit": 8, "offset": 2}
    few = {f"A{k}" for k in range(3, 900, 7)}
    some = {f"I{k}" for k in range(0, INSTRUMENTS, 2)}
    for accounts, instruments in ((few, None), (None, some), (few, some)):
        rows = [
            row
            for row in every_row["USD"]
            if (accounts is None or row["account"] in accounts)
            and (instruments is None or row["instrument"] in instruments)
        ]
        want = Page(**page).of({(k,): row for k, row in enumerate(rows)})
        with wide.snapshot() as now:
            frame = (wide if of == "book" else now).positions(
                accounts and sorted(accounts), instruments and sorted(instruments), **page
            )
        assert frame.to_pylist() == list(want.values())


def test_pages_by_currency(wide, every_row) -> None:
    euros = sum(row["amount_currency"] == "EUR" for row in every_row["local"])
    page = {"sort": ["amount_currency", "-current"], "limit": 30, "offset": euros - 10}
    want = Page(**page).of({(k,): row for k, row in enumerate(every_row["local"])})
    got = wide.positions(currency="local", **page)
    assert got.to_pylist() == list(want.values())
    assert set(got["amount_currency"]) == {"EUR", "JPY"}
    yen = wide.positions(currency="local", where=[("amount_currency", "=", "JPY")])
    assert len(yen) == sum(row["amount_currency"] == "JPY" for row in every_row["local"]) > 9_000


def test_a_page_visits_the_positions_selected(wide) -> None:
    def visited(**wanted) -> int:
        before = wide.stats()["cells_swept"]
        wide.positions(**wanted)
        return wide.stats()["cells_swept"] - before

    assert visited(sort="-current", limit=20) == visited()
    assert visited(accounts=["A17", "A18"], sort="account", where=[("sod", ">", 0)]) == 2 * HELD


def test_rows_without_an_amount_come_last(book) -> None:
    book.update(holdings={"account": ["A1"], "instrument": ["CASH"], "quantity": [7]})
    book.tick("BUND", 0)
    names = ("account", "instrument")
    order = [
        [tuple(row[n] for n in names) for row in book.positions(sort=sort)]
        for sort in ("current", "-current")
    ]
    assert order[0] == [("A2", "AAPL"), ("A1", "BUND"), ("A1", "AAPL"), ("A1", "CASH")]
    assert order[1] == [("A1", "AAPL"), ("A1", "BUND"), ("A2", "AAPL"), ("A1", "CASH")]
    for op in ("=", "<", "<=", ">", ">="):
        assert "CASH" not in book.positions(where=[("current", op, 0)])["instrument"]
        assert "CASH" not in book.positions(where=[("abs(price)", op, 0)])["instrument"]
    assert "CASH" in book.positions(where=[("current", "!=", 0)])["instrument"]
    assert book.positions(where=[("current", "=", 0)])["instrument"] == ["BUND"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"sort": "desk"}, "sort, row 0: the rows have no column 'desk'"),
        ({"sort": ["current", "-abs(account)"]}, "sort, row 1: 'account' has no absolute value"),
        ({"sort": ["current", "-current"]}, "sort, row 1: '-current' names a column"),
        ({"sort": "amount_currency"}, "the rows have no column 'amount_currency'"),
        ({"where": [("quantity", ">", 1)]}, "where, row 0: the rows have no column 'quantity'"),
        ({"where": [("current", "~", 1)]}, "where, row 0: unknown operator '~'"),
        ({"where": [("account", "<", "A1")]}, "where, row 0: operator '<' for the texts of"),
        ({"where": [("account", "=", "A9")]}, "no account has the label 'A9'"),
        ({"where": [("price", "=", "x")]}, "where, row 0: 'x' is not a number"),
        ({"limit": -1}, "limit: -1 is negative"),
        ({"offset": 1.5}, "offset: "),
    ],
)
def test_the_checks_are_those_of_values(book, page, message) -> None:
    texts = []
    for call in (book.positions, lambda **asked: book.values(by=MATCHING_BY, **ALL, **asked)):
        with pytest.raises(mvcore.InvalidInput) as error:
            call(**page)
        texts.append(str(error.value))
    assert texts[0] == texts[1]
    assert message in texts[0]


MATCHING_BY = ("account", "instrument")
ALL = {
    "measures": ("sod", "current", "expected", "sod_quantity", "current_quantity",
                 "expected_quantity", "price"),
}  # fmt: skip


def test_unknown_labels_may_be_allowed(book) -> None:
    where = [("account", "=", "A9")]
    assert len(book.positions(where=where, allow_empty=True)) == 0
    where = [("account", "!=", "A9")]
    assert len(book.positions(where=where, allow_empty=True)) == len(book.positions())


@pytest.mark.parametrize("accounts", [1, ACCOUNTS])
def test_an_amount_beside_the_page_that_does_not_fit(accounts) -> None:
    """It is refused as without a page, also if the row was dropped before the last was read."""
    names = [f"A{k}" for k in range(accounts)]
    book = mvcore.Book("USD", value_scale=8)
    instruments = [f"I{k}" for k in range(6)]
    book.load(
        instruments={"instrument": instruments, "currency": ["USD"] * 6},
        accounts={"account": names},
        holdings={
            "account": np.repeat(names, 6),
            "instrument": instruments * accounts,
            "quantity": [10**18, *[1] * (6 * accounts - 1)],
        },
        prices={"instrument": instruments, "price": [10**12, *[1] * 5]},
    )
    for narrowed in ({}, {"instruments": instruments[:5]}):
        with pytest.raises(mvcore.ValueOverflow, match=r"\('A0', 'I0'\): an amount does not"):
            book.positions(sort="current", limit=1, **narrowed)
    assert book.positions(instruments="I1", sort="current", limit=1)["current"] == [D(1)]


@pytest.fixture(scope="module")
def large() -> mvcore.Book:
    """More positions than a page keeps beside it, with odd prices, scales, widths and rates."""
    rng = np.random.default_rng(3)
    accounts, instruments = 300, 300
    account, instrument = np.divmod(rng.permutation(accounts * instruments), instruments)
    book = mvcore.Book("USD", value_scale=2)
    prices = [
        "0", "-36.98", "0.000001", "123456789", "100.25", "100.25", "7", "1", "2.5",
        "0.3333333333",
    ]  # fmt: skip
    priced = [i for i in range(instruments) if i % 41]
    quantity = rng.integers(-1000, 1000, len(account)).astype(object)
    quantity[::1001] = 10**13
    quantity[::1003] = -(10**13)
    book.load(
        instruments={
            "instrument": [f"I{i}" for i in range(instruments)],
            "currency": [
                ["USD", "EUR", "JPY", "XXX"][i % 4 if i % 97 else 3] for i in range(instruments)
            ],
            "multiplier": [["1", "0.01", "100"][i % 3] for i in range(instruments)],
        },
        accounts={"account": [f"A{a}" for a in range(accounts)]},
        holdings={
            "account": [f"A{a}" for a in account],
            "instrument": [f"I{i}" for i in instrument],
            "quantity": [str(q) if q % 7 else f"{q}.125" for q in quantity],
        },
        prices={
            "instrument": [f"I{i}" for i in priced],
            "price": [prices[i % len(prices)] for i in priced],
        },
        fx={"currency": ["EUR", "JPY"], "rate": ["1.1", "160"], "method": ["multiply", "divide"]},
    )
    book.update(
        orders={
            "order": [f"O{k}" for k in range(2000)],
            "account": [f"A{k % 300}" for k in range(2000)],
            "instrument": [f"I{k % 297}" for k in range(2000)],
            "order_quantity": [(k % 11 - 5) * 10**6 for k in range(2000)],
        }
    )
    return book


@pytest.mark.parametrize("currency", [None, "EUR", "local"])
@pytest.mark.parametrize("measure", ["sod", "expected"])
@pytest.mark.parametrize("sort", ["-{}", "{}", "-abs({})", "abs({})"])
def test_pages_of_many_positions_pass_over_rows_that_cannot_be_on_them(
    large, currency, measure, sort
) -> None:
    query = {"sort": [sort.format(measure), "-instrument"], "currency": currency}
    every = large.positions(currency=currency)
    assert len(every) > 80_000
    rows, accounts = every.to_pylist(), every["account"]
    valued = np.array(every["unpriced"]) == 0
    keys = [
        (not ok, key, -ord_)
        for ok, key, ord_ in zip(
            valued.tolist(), _keys(every[measure], sort), _ranks(every["instrument"]), strict=True
        )
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for where, limit, offset in (((), 20, 0), ((), 7, 300), ((("account", "!=", "A3"),), 5, 2)):
        met = [k for k in order if not where or accounts[k] != "A3"]
        want = [rows[k] for k in met[offset : offset + limit]]
        page = large.positions(**query, where=where, limit=limit, offset=offset)
        assert page.to_pylist() == want


def _keys(amounts: list, sort: str) -> list:
    sign = -1 if sort.startswith("-") else 1
    known = [0 if amount is None else amount for amount in amounts]
    return [sign * (abs(amount) if "abs" in sort else amount) for amount in known]


def _ranks(names: list) -> list:
    place = {name: k for k, name in enumerate(sorted(set(names)))}
    return [place[name] for name in names]


def test_a_page_of_all_positions_needs_no_index_by_account(large) -> None:
    book = mvcore.Book("USD")
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["A", "B"], "instrument": ["I", "I"], "quantity": [1, 2]},
        prices={"instrument": ["I"], "price": [3]},
    )
    assert book.positions(sort="-current", limit=1)["account"] == ["B"]
    assert book.stats()["index_builds"] == 0
