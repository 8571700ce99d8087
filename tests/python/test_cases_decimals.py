"""Cases from public bug reports about decimals in other libraries, each with its answer."""

from __future__ import annotations

from decimal import Decimal as D

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import mvcore
from case_book import make

AMOUNTS = ("sod", "current", "expected", "market_value")


@pytest.fixture
def book() -> mvcore.Book:
    return make()


def types_of(table: pa.Table) -> dict[str, str]:
    decimals = [field for field in table.schema if pa.types.is_decimal(field.type)]
    return {field.name: str(field.type).removeprefix("decimal128") for field in decimals}


def test_duckdb_sums_products_of_narrow_decimals(book) -> None:
    duckdb = pytest.importorskip("duckdb")
    holdings = book.holdings().to_arrow(decimals="narrow")
    with duckdb.connect() as db:
        db.register("holdings", holdings)
        [row] = db.execute("select sum(quantity * price) from holdings").fetchall()
        assert row == (D(100 * 10 + 10 * 100 + 20 * 99 + 500),)
        stable = book.holdings().to_arrow()
        db.register("stable", stable)
        with pytest.raises(duckdb.Error):  # the reason for narrow decimals
            db.execute("select sum(quantity * price) from stable").fetchall()


def test_pyarrow_multiplies_narrow_decimals(book) -> None:
    table = book.holdings().to_arrow(decimals="narrow")
    product = pc.multiply(table["quantity"], table["price"])
    assert product.to_pylist() == [1000, 1000, 1980, 500]
    with pytest.raises(pa.ArrowInvalid):
        pc.multiply(*(book.holdings().to_arrow()[name] for name in ("quantity", "price")))


def test_narrow_decimals_are_the_smallest_that_hold_the_frame(book) -> None:
    book.update(
        holdings={"account": ["X"], "instrument": ["A"], "quantity": ["-100.125"]},
        prices={"instrument": ["A", "CASH"], "price": ["0.0001", 1]},
    )
    frame = book.holdings()
    assert types_of(frame.to_arrow(decimals="narrow")) == {
        "quantity": "(6, 3)",  # -100.125, 500.000
        "price": "(7, 4)",  # 100.0000, 0.0001
        "market_value": "(6, 2)",  # 1980.00, -0.01
        "base_value": "(6, 2)",
    }
    assert types_of(frame.to_arrow()) == {
        "quantity": "(38, 18)", "price": "(38, 18)", "market_value": "(38, 2)",
        "base_value": "(38, 2)",
    }  # fmt: skip
    assert frame.to_arrow(decimals="narrow").to_pylist() == frame.to_arrow().to_pylist()


@pytest.mark.parametrize(
    ("quantities", "kind"),
    [
        (["0.05"], "(2, 2)"),  # duckdb needs at least as many digits as decimals
        (["0"], None),
        ([1], "(1, 0)"),
        ([10, 20], "(2, 0)"),
        (["1.50"], "(2, 1)"),
        (["-99999999999999999999"], "(20, 0)"),
        (["99999999999999999999.999999999999999999"], "(38, 18)"),
        (["0.000000000000000001"], "(18, 18)"),
        (["1000000", "0.001"], "(10, 3)"),
        ([-1, 1], "(1, 0)"),
    ],
)
def test_narrow_decimals_fit_any_quantities(quantities, kind) -> None:
    names = [f"I{k}" for k in range(len(quantities))]
    book = mvcore.Book(value_scale=0)
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * len(names)},
        accounts={"account": ["X"]},
        holdings={"account": ["X"] * len(names), "instrument": names, "quantity": quantities},
    )
    frame = book.holdings()
    narrow = frame.to_arrow(decimals="narrow")
    assert narrow["quantity"].to_pylist() == frame["quantity"]
    types = types_of(narrow)
    assert types["quantity"] == (kind or "(1, 0)")
    assert (types["price"], narrow["price"].null_count) == ("(1, 0)", len(frame))  # no price


def test_amounts_of_values_and_views_can_be_narrow(book) -> None:
    with book.view(by="account") as view:
        for frame in (book.values(by=("account",)), view.read(), book.revalue("A")):
            narrow = frame.to_arrow(decimals="narrow")
            assert narrow.to_pylist() == frame.to_arrow().to_pylist()
            names = [
                n for n in ("sod", "current", "expected", "market_value") if n in types_of(narrow)
            ]
            assert {types_of(narrow)[name] for name in names} == {"(4, 0)"}
    # The stream's schema never changes.
    assert types_of(pa.table(book.values())) == dict.fromkeys(
        ("sod", "current", "expected"), "(38, 2)"
    )


@pytest.mark.parametrize("decimals", ["Narrow", "", None, 1, True])
def test_an_unknown_kind_of_decimals_is_refused(book, decimals) -> None:
    with pytest.raises(mvcore.InvalidInput, match="neither 'stable' nor 'narrow'"):
        book.values().to_arrow(decimals=decimals)
