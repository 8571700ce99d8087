"""The same orders from every kind of table. test_bad_orders.py has the refusals."""

import datetime as dt
from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore
from order_facts import FACTS, INT_IDS, ONE, START, TEXT_IDS

INVALID = mvcore.InvalidInput

COLUMNS = [
    "order", "account", "instrument", "order_quantity", "filled_quantity", "average_price",
    "rolled_quantity",
]  # fmt: skip
COLUMNS += ["leaves_quantity", "status", "time", "price", "amount_currency", "market_value"]
COLUMNS += ["filled_value"]
TIME = dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=5)
ROWS = [
    ["A1", "AAPL", D(50), D(20), None, D(0), D(30), "partially_filled", TIME, D("150.25"), "USD",
     7_512.5, 3_005],
    ["A2", "BUND", D(-20), D(0), None, D(0), D(-20), "new", None, D("98.7"), "EUR", D("-19.74"), 0],
]  # fmt: skip


def check_rows(book, ids: list) -> None:
    """Assert that the rows of FACTS have these ids, of the given kind."""
    frame = book.orders()
    assert frame.column_names == COLUMNS
    assert [list(row.values())[1:] for row in frame.to_pylist()] == ROWS
    assert frame["order"] == ids
    assert [type(order) for order in frame["order"]] == [type(order) for order in ids]
    kind = pa.table(frame).schema.field("order").type
    assert kind == (pa.string() if isinstance(ids[0], str) else pa.int64())
    assert (book.stats()["orders"], book.stats()["late_orders"]) == (2, 0)


ID_COLUMNS = [
    ("list of texts", TEXT_IDS),
    ("tuple of texts", tuple(TEXT_IDS)),
    ("any texts", ["口座 💶", "ﾎ"]),
    ("U", np.array(TEXT_IDS)),
    ("object, texts", np.array(TEXT_IDS, object)),
    ("string", pa.array(TEXT_IDS, pa.string())),
    ("large_string", pa.array(TEXT_IDS, pa.large_string())),
    ("dictionary", pa.array(TEXT_IDS).dictionary_encode()),
    ("list of ints", INT_IDS),
    ("list of NumPy ints", [np.int64(5), np.int16(7)]),
    ("int64", np.array(INT_IDS, np.int64)),
    ("int32", np.array(INT_IDS, np.int32)),
    ("uint64", np.array(INT_IDS, np.uint64)),
    ("strided int64", np.array([5, 0, 7, 0], np.int64)[::2]),
    ("object, ints", np.array(INT_IDS, object)),
    ("arrow int64", pa.array(INT_IDS, pa.int64())),
    ("arrow int32", pa.array(INT_IDS, pa.int32())),
    ("limits", [-(2**63), 2**63 - 1]),
    ("limits, int64", np.array([-(2**63), 2**63 - 1])),
]


@pytest.mark.parametrize(("what", "ids"), ID_COLUMNS, ids=[what for what, _ in ID_COLUMNS])
def test_order_ids_of_every_type_are_read(book, what, ids) -> None:
    table = {"order": ids} | FACTS
    if isinstance(ids, pa.Array):
        table = pa.table(table)
    plain = getattr(ids, "to_pylist", getattr(ids, "tolist", lambda: list(ids)))()
    plain = [order if isinstance(order, str) else int(order) for order in plain]
    assert book.update(orders=table) == 2
    check_rows(book, plain)
    assert book.load(orders=table) == 3
    check_rows(book, plain)
    book.remove(orders=plain)
    assert len(book.orders()) == 0


@pytest.mark.parametrize("ids", [TEXT_IDS, INT_IDS], ids=["texts", "ints"])
@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_orders_of_pandas_and_polars_are_read(book, ids, library) -> None:
    times = [TIME, None]  # pandas makes floats of integers next to nulls
    made = pytest.importorskip(library).DataFrame({"order": ids} | FACTS | {"time": times})
    book.load(orders=made)
    check_rows(book, ids)


QUANTITIES = [
    ([50, -20], [20, 0]),
    (["50", "-2e1"], ["20.0", "-0"]),
    ([50.0, -20.0], [D("20.00"), None]),
    (np.array([50, -20], np.int16), np.array([20, 0], np.uint8)),
    (np.array([50.0, -20.0]), np.array([20.0, -0.0])),
]


@pytest.mark.parametrize(("wanted", "filled"), QUANTITIES)
def test_order_quantities_of_every_type_are_read(book, wanted, filled) -> None:
    given = {"order": TEXT_IDS} | FACTS | {"order_quantity": wanted, "filled_quantity": filled}
    book.load(orders=given)
    check_rows(book, TEXT_IDS)


def test_single_orders_are_applied(book) -> None:
    assert book.order("O1", "A1", "AAPL", 50, 20, "1", START + 5_000) == 2
    assert book.order("O2", "A2", "BUND", "-20") == 3
    check_rows(book, TEXT_IDS)
    book.order(
        order="O2", account="A2", instrument="BUND", order_quantity=-20.0,
        filled_quantity=D("-0.5"), status="E", time="2024-01-01T00:00:00Z",
    )  # fmt: skip
    assert book.orders()["filled_quantity"] == [20, D("-0.5")]
    assert book.orders()["status"] == ["partially_filled", "pending_replace"]


def test_orders_can_be_selected(ordered) -> None:
    for accounts, instruments, found in (
        (None, None, ["O1", "O2"]),
        ("A1", None, ["O1"]),
        (["A2", "A1"], None, ["O1", "O2"]),
        ({"desk": "d2"}, None, ["O2"]),
        (None, {"sector": ["tech", None]}, ["O1"]),
        ("A1", "BUND", []),
    ):
        frame = ordered.orders(accounts=accounts, instruments=instruments)
        assert (frame["order"], frame.column_names) == (found, COLUMNS)


def test_a_table_without_rows_does_not_set_the_kind_of_ids(book) -> None:
    nothing = {name: [] for name in ("order", "account", "instrument", "order_quantity")}
    book.load(orders=pa.table(nothing | {"order": pa.array([], pa.string())}))
    book.load(orders=nothing | {"order": np.array([], np.int64)})
    for wrong in (ONE | {"order": [2**63]}, ONE | {"account": ["A9"]}):
        with pytest.raises(mvcore.Error):
            book.update(orders=wrong)
    with pytest.raises(INVALID):
        # the refused call does not fix the kind of N1
        book.update(orders=ONE | {"order_quantity": ["x"]})
    book.order(1, "A1", "AAPL", 1)
    with pytest.raises(INVALID):
        book.order("N1", "A1", "AAPL", 1)
    book.load(orders=nothing)
    with pytest.raises(INVALID):
        book.update(orders=ONE)  # fixed for the book's life


def test_orders_may_name_accounts_of_the_same_call(book) -> None:
    book.update(
        accounts={"account": ["A3"]},
        instruments={"instrument": ["NEW"], "currency": ["USD"]},
        orders={"order": [1], "account": ["A3"], "instrument": ["NEW"], "order_quantity": [3]},
    )
    assert book.orders()["account"] == ["A3"]
    assert book.value("A3").unpriced == 1


def test_a_fill_of_the_opposite_sign_to_the_rolled_quantity_is_exact() -> None:
    """Their difference exceeds 128 bits at 18 decimals."""
    book = mvcore.Book(value_scale=0)
    book.load(
        instruments={"instrument": ["A"], "currency": ["USD"]},
        accounts={"account": ["x"]},
        prices={"instrument": ["A"], "price": [1]},
    )
    most = "99999999999999999999.000000000000000001"
    book.order(1, "x", "A", "-" + most, -9 * 10**19)
    book.roll_day()
    book.update(holdings={"account": ["x"], "instrument": ["A"], "quantity": [99 * 10**18]})
    with pytest.raises(mvcore.ValueOverflow, match="more than 20 digits"):
        book.order(1, "x", "A", most, 9 * 10**19)
    assert book.value("x").current == 99 * 10**18
