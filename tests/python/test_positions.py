"""`positions()`: one row per account and instrument, at a cost that follows the rows."""

import math
import tracemalloc
from decimal import Decimal as D
from decimal import localcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mvcore

COLUMNS = [
    "account", "instrument", "sod_quantity", "current_quantity", "expected_quantity", "price",
    "amount_currency", "sod", "current", "expected", "unpriced",
]  # fmt: skip
ACCOUNTS, INSTRUMENTS, HELD = 9_000, 600, 12
LOOKUP = 8  # cells of a sweep that one lookup costs


def test_positions_have_quantities_price_and_amounts(book) -> None:
    book.update(
        orders={
            "order": ["filled", "working", "on nothing", "canceled"],
            "account": ["A1", "A2", "A2", "A2"],
            "instrument": ["AAPL", "AAPL", "BUND", "CASH"],
            "order_quantity": [5, 4, 2, 9],
            "filled_quantity": [5, 1, 0, 0],
            "status": ["filled", "partially_filled", "new", "canceled"],
        }
    )
    frame = book.positions()
    assert frame.column_names == COLUMNS
    assert frame.epoch == book.epoch
    quantities = ("account", "instrument", "sod_quantity", "current_quantity", "expected_quantity")
    assert [tuple(row[name] for name in quantities) for row in frame] == [
        ("A1", "AAPL", 10, 15, 15),
        ("A1", "BUND", D("1000.5"), D("1000.5"), D("1000.5")),
        ("A2", "AAPL", -3, -2, 1),
        ("A2", "BUND", 0, 0, 2),
    ]
    assert frame["price"] == [D("150.25"), D("98.7"), D("150.25"), D("98.7")]
    assert set(frame["amount_currency"]) == {"USD"}
    assert frame["expected"][3] == 2 * D("0.987") * D("1.1")
    local = book.positions(currency="local")
    assert local["amount_currency"] == ["USD", "EUR", "USD", "EUR"]
    assert local["current"][1] == D("1000.5") * D("0.987")
    schema = frame.to_arrow().schema
    assert str(schema.field("sod_quantity").type) == "decimal128(38, 18)"
    assert str(schema.field("sod").type) == "decimal128(38, 8)"


def test_unpriced_positions_have_no_amounts_and_are_counted(book) -> None:
    book.update(holdings={"account": ["A1"], "instrument": ["CASH"], "quantity": [7]})
    book.remove(fx="EUR")
    frame = book.positions("A1")
    assert frame["instrument"] == ["AAPL", "BUND", "CASH"]
    assert frame["price"] == [D("150.25"), D("98.7"), None]
    for name in ("sod", "current", "expected"):
        assert [amount is None for amount in frame[name]] == [False, True, True]
    assert frame["unpriced"] == [0, 1, 1]
    assert sum(book.positions()["unpriced"]) == book.values(by=())["unpriced"][0]
    assert book.positions("A1", currency="local")["unpriced"] == [0, 0, 1]
    assert frame.to_arrow().column("current").null_count == 2


def test_removed_accounts_and_instruments_have_no_row(book) -> None:
    nothing = {"account": ["A2", "A1"], "instrument": ["AAPL", "BUND"], "quantity": [0, 0]}
    book.update(holdings=nothing)
    book.remove(accounts="A2", instruments="BUND")
    assert list(zip(*(book.positions()[name] for name in COLUMNS[:2]), strict=True)) == [
        ("A1", "AAPL")
    ]
    for given in ({"accounts": "A2"}, {"instruments": ["BUND"]}):
        with pytest.raises(mvcore.UnknownId):
            book.positions(**given)
    with pytest.raises(mvcore.UnknownId, match="unknown currency 'YEN'"):
        book.positions(currency="YEN")


def test_open_orders_that_offset_each_other_are_not_a_position(book) -> None:
    """A position has a nonzero quantity; two working orders that offset each other are none."""
    book.order("buy", "A2", "BUND", 5)
    book.order("sell", "A2", "BUND", -5)
    assert len(book.positions("A2", "BUND")) == 0
    book.remove(orders="sell")
    assert book.positions("A2", "BUND")["expected_quantity"] == [5]


@pytest.mark.parametrize("narrowed", [{}, {"instruments": "W"}, {"accounts": ["B", "A"]}])
def test_an_amount_that_does_not_fit_names_the_position(narrowed) -> None:
    book = mvcore.Book("USD", value_scale=8)
    book.load(
        instruments={"instrument": ["V", "W"], "currency": ["USD", "EUR"]},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["A", "B"], "instrument": ["V", "W"], "quantity": [1, 10**18]},
        prices={"instrument": ["V", "W"], "price": [1, 10**11]},
        fx={"currency": ["EUR"], "rate": [10]},
    )
    with pytest.raises(mvcore.ValueOverflow, match=r"\('B', 'W'\): an amount does not") as error:
        book.positions(**narrowed)
    assert error.value.table == "positions"
    assert book.positions("A")["current"] == [1]
    assert book.positions(currency="EUR", **narrowed)["current"][-1] == 10**29
    book.update(prices={"instrument": ["W"], "price": ["99999999999.99999999"]})
    assert book.positions("B", currency="EUR")["current"] == [D("99999999999999999990000000000")]


def test_a_snapshot_lists_its_own_positions(book) -> None:
    before = book.positions().to_pylist()
    with book.snapshot() as then:
        late = then.positions()
        book.tick("AAPL", 1)
        book.order("O1", "A2", "BUND", 5)
        assert then.positions().to_pylist() == before
        assert then.positions("A2", {"sector": "tech"}).to_pylist() == before[2:]
    book.load(holdings={"account": [], "instrument": [], "quantity": []})
    assert late.to_pylist() == before
    with pytest.raises(mvcore.ClosedError):
        then.positions()
    assert len(book.positions()) == 1


# ---- selections and cost ----


@pytest.fixture(scope="module")
def wide():
    """Many accounts of 12 positions each. Instrument I0 is held by all."""
    account = np.repeat(np.arange(ACCOUNTS), HELD)
    slot = np.tile(np.arange(HELD), ACCOUNTS)
    instrument = np.where(slot == 0, 0, 1 + (account * 7 + slot * 49) % (INSTRUMENTS - 1))
    accounts = np.array([f"A{k}" for k in range(ACCOUNTS)])
    instruments = np.array([f"I{k}" for k in range(INSTRUMENTS)])
    book = mvcore.Book(value_scale=4)
    book.load(
        instruments={
            "instrument": instruments,
            "currency": [("USD", "EUR", "JPY")[k % 3] for k in range(INSTRUMENTS)],
            "sector": [f"s{k % 40}" for k in range(INSTRUMENTS)],
        },
        accounts={"account": accounts, "desk": [f"d{k % 90}" for k in range(ACCOUNTS)]},
        holdings={
            "account": accounts[account],
            "instrument": instruments[instrument],
            "quantity": account % 97 - 48 + (account % 97 >= 48),
        },
        prices={"instrument": instruments, "price": 1 + np.arange(INSTRUMENTS) % 50},
        fx={"currency": ["EUR"], "rate": ["1.083"]},
    )
    book.order("O1", "A5", "I599", 10, 3)
    return book


def rows_of(frame) -> list[tuple]:
    return list(zip(*(frame[name] for name in frame.column_names), strict=True))


@pytest.fixture(scope="module")
def every_row(wide) -> list[tuple]:
    return rows_of(wide.positions())


def names(letter: str, *codes: int) -> list[str]:
    return [f"{letter}{code}" for code in codes]


SELECTIONS = [
    {},
    {"accounts": "A5"},
    {"accounts": names("A", 8_999, 5, 5, 17)},
    {"accounts": names("A", *range(0, 9_000, 7))},
    {"accounts": []},
    {"instruments": "I3"},
    {"instruments": names("I", 599, 3, 0)},
    {"instruments": names("I", *range(INSTRUMENTS - 2))},
    {"instruments": []},
    {"accounts": names("A", 5, 6), "instruments": names("I", 599, 0)},
    {"accounts": names("A", *range(4_000)), "instruments": names("I", 599, 0, 4)},
    {"accounts": names("A", 5, 1_000), "instruments": names("I", *range(400))},
    {"accounts": {"desk": ["d1", "d2"]}, "instruments": {"sector": ["s1", "s2"]}},
    {"accounts": {"desk": "d1"}},
    {"instruments": {"currency": "EUR"}},
]


def selected(wanted, letter: str) -> set[str] | None:
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        return {wanted} if isinstance(wanted, str) else set(wanted)
    ((name, labels),) = wanted.items()
    labels = [labels] if isinstance(labels, str) else labels
    if name == "currency":
        return {f"I{k}" for k in range(INSTRUMENTS) if ("USD", "EUR", "JPY")[k % 3] in labels}
    each, count = (90, ACCOUNTS) if letter == "A" else (40, INSTRUMENTS)
    return {f"{letter}{k}" for k in range(count) if f"{name[0]}{k % each}" in labels}


@pytest.mark.parametrize("wanted", SELECTIONS)
@pytest.mark.parametrize("of", ["book", "snapshot"])
def test_a_selection_returns_the_rows_selected(wide, every_row, wanted, of) -> None:
    accounts = selected(wanted.get("accounts"), "A")
    instruments = selected(wanted.get("instruments"), "I")
    with wide.snapshot() as now:
        frame = (wide if of == "book" else now).positions(**wanted)
    assert rows_of(frame) == [
        row
        for row in every_row
        if (accounts is None or row[0] in accounts)
        and (instruments is None or row[1] in instruments)
    ]


@pytest.mark.parametrize("currency", [None, "EUR", "local"])
def test_positions_have_the_amounts_of_values(wide, currency) -> None:
    accounts = names("A", *range(0, 9_000, 100))
    by = ("account", "instrument")
    rows = wide.values(accounts=accounts, by=by, currency=currency).to_pylist()
    got = wide.positions(accounts, currency=currency).to_pylist()
    assert len(got) == len(rows) > 1_000
    for row, other in zip(rows, got, strict=True):
        assert {name: other[name] for name in row} == row or other["unpriced"]
        assert row["unpriced"] == other["unpriced"]


def visited(book, **wanted) -> int:
    before = book.stats()["cells_swept"]
    book.positions(**wanted)
    return book.stats()["cells_swept"] - before


def test_a_read_of_few_accounts_visits_only_their_positions(wide) -> None:
    assert visited(wide, accounts="A17") == HELD
    assert visited(wide, accounts="A5") == HELD + 1  # the order is on one more instrument
    assert visited(wide, accounts=names("A", 5, 17, 8_999)) == 3 * HELD + 1
    # A line of 12 positions costs less than two lookups, the line of all accounts more.
    assert 2 * LOOKUP > HELD
    assert visited(wide, accounts="A17", instruments=names("I", *range(1, 300))) == HELD
    assert visited(wide, accounts=names("A", 5, 17), instruments="I0") == 2
    assert visited(wide, accounts=[]) == visited(wide, instruments=[]) == 0


def test_a_read_of_few_instruments_visits_only_their_positions(wide, every_row) -> None:
    held = sum(row[1] == "I3" for row in every_row)
    assert visited(wide, instruments="I3") == held < ACCOUNTS / 10
    assert visited(wide, instruments=["I0", "I3"]) == ACCOUNTS + held
    assert visited(wide) == len(every_row)


def test_reads_of_instruments_need_no_index() -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["A", "B"], "instrument": ["I", "I"], "quantity": [1, 2]},
    )
    assert book.positions(instruments="I")["sod_quantity"] == [1, 2]
    assert book.stats()["index_builds"] == 0
    assert book.positions(accounts="B")["sod_quantity"] == [2]
    assert book.positions()["sod_quantity"] == [1, 2]
    assert book.stats()["index_builds"] == 1


def test_a_read_of_few_rows_allocates_little_in_python(wide) -> None:
    wide.positions("A17", "I0").to_pylist()
    tracemalloc.start()
    try:
        for wanted in ({"accounts": "A17"}, {"accounts": names("A", 3, 4), "instruments": "I0"}):
            wide.positions(**wanted)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < ACCOUNTS


def test_a_read_of_few_accounts_copies_no_pages(wide) -> None:
    """It reads under the lock: a write beside it finds no page shared."""
    before = wide.stats()["pages_copied"]
    frame = wide.positions("A17")
    wide.tick("I0", 3)
    wide.tick("I0", 1)
    assert wide.stats()["pages_copied"] == before
    assert len(frame) == HELD


# ---- quantities and prices in `values` ----

QUANTITIES = ("sod_quantity", "current_quantity", "expected_quantity", "price")


@pytest.mark.parametrize("narrowed", [{}, {"accounts": ["A1"]}, {"instruments": ["BUND", "AAPL"]}])
@pytest.mark.parametrize("indexed", [False, True])
def test_values_by_position_have_its_quantities(book, narrowed, indexed) -> None:
    book.order("O1", "A1", "AAPL", 5, 2)
    book.order("O2", "A2", "CASH", -1)
    if indexed:
        book.value("A1")
    want = book.positions(**narrowed, currency="local").to_pylist()
    by = ("account", "instrument")
    got = book.values(
        **narrowed, by=by, measures=("price", "sod", *QUANTITIES[:3]), currency="local"
    )
    assert got.column_names == [*by, "amount_currency", "price", "sod", *QUANTITIES[:3], "unpriced"]
    assert len(got) == len(want) >= 2
    for row, other in zip(got.to_pylist(), want, strict=True):
        assert {name: row[name] for name in QUANTITIES} == {n: other[n] for n in QUANTITIES}


def test_values_by_instrument_sum_quantities(book) -> None:
    book.order("O1", "A2", "AAPL", 5, 2)
    rows = book.values(by="instrument", measures=QUANTITIES[1:])
    assert rows.column_names == ["instrument", "amount_currency", *QUANTITIES[1:], "unpriced"]
    assert rows["current_quantity"] == [9, D("1000.5")]
    assert rows["expected_quantity"] == [12, D("1000.5")]
    assert rows["price"] == [D("150.25"), D("98.7")]
    assert str(rows.to_arrow().schema.field("price").type) == "decimal128(38, 18)"
    other = book.values(by="instrument", measures=("price", "current"), prices={"AAPL": 2})
    assert other["price"] == [2, D("98.7")]
    assert other["current"][0] == 18
    tree = book.values(by=("sector", "instrument", "desk"), measures="sod_quantity", rollup=True)
    assert list(zip(tree["level"], tree["sod_quantity"], strict=True)) == [
        *((0, None), (1, None), (2, 7), (3, 10), (3, -3)),
        *((1, None), (2, D("1000.5")), (3, D("1000.5"))),
    ]


def test_a_quantity_that_does_not_fit_is_refused(book) -> None:
    most = D("99999999999999999999.999999999999999999")
    book.update(
        holdings={"account": ["A1", "A2"], "instrument": ["AAPL"] * 2, "quantity": [most, most]},
        prices={"instrument": ["AAPL"], "price": [0]},
    )
    does_not_fit = "instrument 'AAPL': a quantity does not fit 38 digits"
    for measures in (("sod", "current_quantity"), ("price", "current_quantity"), "sod_quantity"):
        for read in (book.values, book.snapshot().values):
            with pytest.raises(mvcore.ValueOverflow) as error:
                read(by="instrument", measures=measures)
            measure = measures if isinstance(measures, str) else measures[-1]
            assert str(error.value) == f"values.{measure}: {does_not_fit}"
    book.tick("AAPL", 10**19)
    with pytest.raises(mvcore.ValueOverflow) as error:
        book.values(by="instrument", measures=("current_quantity", "sod"))
    assert str(error.value) == "values.sod: instrument 'AAPL': an amount does not fit 38 digits"
    frame = book.values(by=("instrument", "account"), measures="sod_quantity", rollup=False)
    assert frame["sod_quantity"][:2] == [most, most]


@pytest.mark.parametrize("measure", QUANTITIES)
def test_quantities_need_instrument_in_by(book, measure) -> None:
    for by in ((), ("account",), ("account", "currency")):
        with pytest.raises(mvcore.InvalidInput, match=f"'{measure}' needs 'instrument' in `by`"):
            book.values(by=by, measures=("sod", measure))
        with pytest.raises(mvcore.InvalidInput, match="needs 'instrument' in `by`") as error:
            book.view(by=by, measures=("sod", measure))
        assert (error.value.column, error.value.row, error.value.value) == ("measures", 1, measure)


@pytest.mark.parametrize(
    "quantities", [[3, -2, 0.5], [3, -2, "0.000000000000000001"], [3, 2**62, -1]]
)
def test_columns_do_not_depend_on_how_the_core_holds_them(quantities: list[Any]) -> None:
    """Quantities, prices and amounts are held in 64 bits if all of them fit."""
    book = mvcore.Book(value_scale=1)
    names = ["I", "J", "K"]
    prices = [D("2.5"), D("0.25"), None]
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * 3},
        accounts={"account": ["A"]},
        holdings={"account": ["A"] * 3, "instrument": names, "quantity": quantities},
        prices={"instrument": names[:2], "price": prices[:2]},
    )
    exact = [D(str(quantity)) for quantity in quantities]
    with localcontext() as context:
        context.prec = 60
        value = [
            None if price is None else (quantity * price).quantize(D("0.1"))
            for quantity, price in zip(exact, prices, strict=True)
        ]
    frame = book.positions()
    assert frame["current_quantity"] == exact and frame["price"] == prices
    assert frame["current"] == value
    for column, scale, wanted in (
        ("current_quantity", 18, exact), ("price", 18, prices), ("current", 1, value),
    ):  # fmt: skip
        arrow = frame.to_arrow()[column]
        assert arrow.type == pa.decimal128(38, scale) and arrow.to_pylist() == wanted
        assert frame.to_arrow(decimals="narrow")[column].to_pylist() == wanted
        assert frame[1:].to_arrow()[column].to_pylist() == wanted[1:]
        floats = [math.nan if number is None else float(number) for number in wanted]
        np.testing.assert_array_equal(frame.to_numpy(column), floats)
    fits = max(map(abs, exact)) * 10**18 < 2**63
    if fits:
        units = frame.to_numpy("current_quantity", scaled=True).tolist()
        assert units == [int(quantity * 10**18) for quantity in exact]
    else:
        with pytest.raises(mvcore.ValueOverflow, match="does not fit 64 bits"):
            frame.to_numpy("current_quantity", scaled=True)
    assert frame[:1].to_numpy("price", scaled=True, scale=2).tolist() == [250]
    with pytest.raises(mvcore.InvalidInput, match="has more than 1 decimals"):
        frame[1:2].to_numpy("price", scaled=True, scale=1)
