"""Wrong orders: the error names their place and cause, and nothing has changed."""

from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore
from order_facts import FACTS, ONE, START

INVALID, UNKNOWN = mvcore.InvalidInput, mvcore.UnknownId

# -- cells ---------------------------------------------------------------------------------------

BAD_NUMBERS = ["", "abc", "1e20", "1e-19", float("nan"), float("inf"), D("NaN"), True, b"1", [1]]
CELLS = [
    *(("order", bad) for bad in ("", None, "\ud800", b"O1", True, 1.5, 7, [1], D(1))),
    *(("account", bad) for bad in ("", None, 5, "\udfff")),
    *(("instrument", bad) for bad in ("", None, 5, b"AAPL")),
    *(("order_quantity", bad) for bad in (None, *BAD_NUMBERS)),
    *(("filled_quantity", bad) for bad in BAD_NUMBERS),
    *(("status", bad) for bad in ("", "F", "a", "NEWS", "new ", "canc elled_", 1, True, b"new")),
    *(("time", bad) for bad in ("yesterday", True, 1.5, 2**63, D(1), b"1")),
]


def shown(value) -> str:
    """The value as a message must show it, if only one form is possible."""
    if isinstance(value, str):
        return f"'{value}" if value and value.isascii() else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


@pytest.mark.parametrize(("column", "bad"), CELLS, ids=[f"{c} {b!r}" for c, b in CELLS])
def test_a_bad_cell_of_an_order_is_refused(ordered, refused, column, bad) -> None:
    rows = {"order": ["O1", "N1"]} | FACTS
    rows = rows | {column: [rows[column][0], bad]}
    text = "" if column == "time" else shown(bad)
    says = (f"orders.{column}", "row 1", text)
    refused(lambda b: b.update(orders=rows), INVALID, *says)
    refused(lambda b: b.load(orders=rows), INVALID, *says)
    cells = {name: values[1] for name, values in rows.items()}
    refused(lambda b: b.order(**cells), INVALID, "order", text)


BAD_IDS = [
    ["O1", 7],
    [7, "O1"],
    [1, True],
    [1, 2**63],
    [1, -(2**63) - 1],
    [1, 2.0],
    [1, None],
    np.array([1.0, 2.0]),
    np.array([True, False]),
    np.array([1, 2**63], np.uint64),
    np.array([1, None], object),
    np.array([1, "O1"], object),
    np.array([b"O1", b"O2"]),
    np.array([1, 2], "M8[ns]"),
    np.array([[1], [2]]),
    pa.array([1, None]),
    pa.array(["O1", None]),
    pa.array(["O1", ""]),
    pa.array([1.0, 2.0]),
    pa.array([True, False]),
    pa.array([b"O1", b"O2"]),
    pa.array([1, 2**63], pa.uint64()),
    pa.array([[1], [2]]),
]


@pytest.mark.parametrize("ids", BAD_IDS, ids=lambda ids: f"{getattr(ids, 'dtype', '')}{ids!r}"[:40])
def test_bad_order_ids_are_refused(refused, ids) -> None:
    rows = {"order": ids} | FACTS
    rows = pa.table(rows) if isinstance(ids, pa.Array) else rows
    says = "orders" if isinstance(ids, np.ndarray) else "orders.order"
    refused(lambda b: b.update(orders=rows), INVALID, says)
    refused(lambda b: b.load(orders=rows), INVALID, says)


@pytest.mark.parametrize(
    ("kind", "other"),
    [("ordered", 7), ("ordered", np.int64(5)), ("numbered", "O1"), ("numbered", "5")],
)
def test_a_book_refuses_order_ids_of_the_other_kind(request, refused, kind, other) -> None:
    request.getfixturevalue(kind)
    rows = ONE | {"order": [other]}
    refused(lambda b: b.update(orders=rows), INVALID, "orders.order", "row 0", shown(other))
    refused(lambda b: b.load(orders=rows), INVALID, "orders.order", "row 0")
    refused(lambda b: b.order(other, "A1", "AAPL", 1), INVALID, "order")
    refused(lambda b: b.remove(orders=[other]), INVALID, "remove.orders")


OPPOSITE = [
    ({"order_quantity": [50], "filled_quantity": [-1]}, "-1"),
    ({"order_quantity": [-50], "filled_quantity": ["0.5"]}, "0.5"),
    ({"order_quantity": [-50]}, ""),  # 20 are filled, as the message says
    ({"filled_quantity": ["-1e-18"]}, ""),
]


@pytest.mark.parametrize(("columns", "value"), OPPOSITE)
def test_fills_on_the_other_side_of_the_order_are_refused(ordered, refused, columns, value) -> None:
    rows = {"order": ["O1"]} | columns
    refused(lambda b: b.update(orders=rows), INVALID, "orders.", "_quantity", "row 0", value)
    # A late row is not checked.
    assert ordered.update(orders=rows | {"time": [START + 4_999]}) == ordered.epoch
    assert ordered.stats()["late_orders"] == 1
    assert ordered.orders()["filled_quantity"] == [20, 0]


TWO = {
    "order": ["N1", "N2"],
    "account": ["A1", "A2"],
    "instrument": ["AAPL", "BUND"],
    "order_quantity": [1, 2],
}
LATE = {"order": ["O2", "O1"], "time": [None, START]}
WHOLE = [
    ("update", TWO | {"account": ["A1", "A9"]}, UNKNOWN, ("orders.account", "row 1", "'A9'")),
    ("update", TWO | {"instrument": ["aapl", "AAPL"]}, UNKNOWN, ("row 0", "'aapl'")),
    ("update", LATE | {"account": ["A1", "A9"]}, UNKNOWN, ("orders.account", "row 1", "'A9'")),
    ("update", LATE | {"instrument": ["BUND", "N"]}, UNKNOWN, (".instrument", "row 1", "'N'")),
    ("update", TWO | {"order": ["N1", "N1"]}, INVALID, ("orders.order", "row 1", "'N1'")),
    ("update", {"order": ["O1", "O2", "O1"]}, INVALID, ("orders.order", "row 2", "'O1'")),
    ("update", TWO | {"note": ["x", "y"]}, INVALID, ("orders", "note")),
    ("update", TWO | {"leaves_quantity": [1, 2]}, INVALID, ("orders", "leaves_quantity")),
    ("update", TWO | {"account": ["A1"]}, INVALID, ("orders",)),
    ("update", {"account": ["A1"]}, INVALID, ("orders", "'order'")),
    ("update", {}, INVALID, ("orders",)),
    ("update", [1, 2], INVALID, ("orders",)),
    ("load", TWO | {"account": ["A1", "A9"]}, UNKNOWN, ("orders.account", "row 1", "'A9'")),
    ("load", {"order": []}, INVALID, ("orders",)),
]


@pytest.mark.parametrize(("call", "rows", "error", "says"), WHOLE)
def test_a_bad_table_of_orders_is_refused(ordered, refused, call, rows, error, says) -> None:
    refused(lambda b: getattr(b, call)(orders=rows), error, *says)


@pytest.mark.parametrize("column", ["account", "instrument", "order_quantity"])
def test_a_new_order_needs_each_required_column(ordered, refused, column) -> None:
    rows = {name: values for name, values in ONE.items() if name != column}
    refused(lambda b: b.load(orders=rows), INVALID, "orders", column)
    refused(lambda b: b.update(orders=rows), INVALID, "orders", column)
    mixed = {
        name: ["O1", *values] if name == "order" else values * 2 for name, values in rows.items()
    }
    refused(lambda b: b.update(orders=mixed), INVALID, "orders", column)
    ordered.update(orders={name: values[:1] for name, values in mixed.items()})  # O1 is known


def test_a_duplicate_column_of_orders_is_refused(ordered, refused) -> None:
    names = ["order", "order_quantity", "order_quantity"]
    table = pa.table([["O1"], [1], [2]], names=names)
    refused(lambda b: b.update(orders=table), INVALID, "orders", "order_quantity")


REMOVALS = [
    ({"orders": ["O1", "O9"]}, UNKNOWN, ("remove.orders", "row 1", "'O9'")),
    ({"orders": ["O1", ""]}, INVALID, ("remove.orders",)),
    ({"orders": [None]}, INVALID, ("remove.orders",)),
    ({"orders": [True]}, INVALID, ("remove.orders",)),
    ({"orders": [1.5]}, INVALID, ("remove.orders",)),
    ({"accounts": ["A2"]}, INVALID, ("A2",)),
    ({"instruments": ["BUND"], "orders": ["O1"]}, INVALID, ("BUND",)),
]


@pytest.mark.parametrize(("named", "error", "says"), REMOVALS)
def test_orders_that_do_not_exist_cannot_be_removed(ordered, refused, named, error, says) -> None:
    refused(lambda b: b.remove(**named), error, *says)


def test_an_account_with_an_ended_order_cannot_be_removed(book, refused) -> None:
    book.update(accounts={"account": ["A3"]})
    book.order("O1", "A3", "AAPL", 5, 0, "canceled")
    refused(lambda b: b.remove(accounts=["A3"]), INVALID, "A3")
    refused(lambda b: b.load(accounts={"account": ["A1", "A2"]}), INVALID, "A3")
    book.remove(accounts=["A3"], orders=["O1", "O1"])
    assert (len(book.orders()), book.stats()["accounts"]) == (0, 2)


LARGE, SMALL = "99999999999999999999", "0.999999999999999999"
PAIR = {"account": ["A2"], "instrument": ["CASH"]}
TOO_MUCH = [
    # present sod, order and filled quantity; then those of one more fact
    ("expected", (0, LARGE, 0), (0, 1, 0)),
    ("expected, sold", (0, f"-{LARGE}", 0), (0, -1, 0)),
    ("expected, to the last digit", (SMALL, LARGE, 0), (SMALL, "1e-18", 0)),
    ("current", (1, 0, 0), (1, LARGE, LARGE)),
    ("current, whatever is still to be sold", (0, -5, 0), (1, 0, LARGE)),
    ("by a holding", (0, LARGE, LARGE), (1, 0, 0)),
]


@pytest.mark.parametrize(("what", "first", "second"), TOO_MUCH, ids=[t[0] for t in TOO_MUCH])
def test_a_position_of_more_than_20_digits_is_refused(book, refused, what, first, second) -> None:
    def batch(order: int, sod, wanted, filled) -> dict[str, dict[str, list]]:
        facts = {"order_quantity": [wanted], "filled_quantity": [filled]}
        return {
            "holdings": PAIR | {"quantity": [sod]},
            "orders": {"order": [order]} | PAIR | facts,
        }

    book.update(**batch(1, *first))
    refused(lambda b: b.update(**batch(2, *second)), mvcore.ValueOverflow)


def test_large_orders_of_both_sides_fit(book) -> None:
    for order, quantity in ((1, LARGE), (2, f"-{LARGE}")):
        book.order(order, "A2", "CASH", quantity)
    book.update(orders={"order": [1, 2], "filled_quantity": [LARGE, f"-{LARGE}"]})
    assert book.orders()["filled_quantity"] == [D(LARGE), -int(LARGE)]
    assert len(book.holdings(instruments="CASH")) == 0
