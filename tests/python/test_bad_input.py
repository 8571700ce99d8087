"""Wrong input: the error names its place and cause, and nothing has changed."""

from datetime import datetime
from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore

INVALID, UNKNOWN = mvcore.InvalidInput, mvcore.UnknownId


# -- cells ---------------------------------------------------------------------------------------


class Thing:
    """An object that is neither number, text nor table."""

    def __repr__(self) -> str:
        return "Thing()"


BAD_TEXTS = [
    *("", " ", " 1", "1 ", "1\n", "abc", "1,5", "1_000", "1.2.3", "--1", "+-1", "+", ".", "e5"),
    *(
        "1e",
        "1e+",
        "1e1.5",
        "0x10",
        "1f",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "\uff11",
        "\u0661",
        "\xbd",
        "1\x00",
    ),
    *("1e20", "-100000000000000000000", "1e-19", "0.1234567890123456789", "1e999999999"),
    *("1e-999999999", "1e99999999999999999999", "9" * 5_000, "0." + "0" * 5_000 + "1"),
]
BAD_NUMBERS = [
    *BAD_TEXTS,
    *(float("nan"), float("inf"), float("-inf"), 1e20, 1e300, 5e-324, 2.5e-19, np.float64("nan")),
    *(
        np.float32("inf"),
        D("NaN"),
        D("sNaN"),
        D("-Infinity"),
        D("1e20"),
        D("1e-19"),
        10**20,
        -(10**20),
    ),
    *(
        True,
        False,
        np.True_,
        b"1",
        bytearray(b"1"),
        1 + 0j,
        [1],
        (1,),
        {},
        Thing(),
        datetime(2024, 1, 1),
    ),
]


def shown(value) -> str:
    """The start of the value as a message must show it: texts quoted, others unquoted."""
    if value is None or (isinstance(value, float) and np.isfinite(value)):
        return ""  # these may be shown in several ways
    text = f"'{value[:9]}" if isinstance(value, str) else str(value)[:4]
    return text if text.isascii() and text.isprintable() else ""


@pytest.mark.parametrize("bad", BAD_NUMBERS, ids=lambda bad: repr(bad)[:20])
@pytest.mark.parametrize(
    ("table", "keys", "column"),
    [
        ("holdings", {"account": ["A1", "A2"], "instrument": ["BUND", "CASH"]}, "quantity"),
        ("prices", {"instrument": ["BUND", "CASH"]}, "price"),
        ("fx", {"currency": ["EUR", "GBP"]}, "rate"),
        ("instruments", {"instrument": ["BUND", "CASH"]}, "multiplier"),
        ("instruments", {"instrument": ["BUND", "CASH"]}, "quote_factor"),
    ],
)
def test_a_bad_number_in_a_table_is_refused(refused, table, keys, column, bad) -> None:
    rows = keys | {column: [2, bad]}
    says = (f"{table}.{column}", "row 1", shown(bad))
    refused(lambda b: b.update(**{table: rows}), INVALID, *says)


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, None], ids=lambda bad: repr(bad)[:20])
def test_a_bad_number_in_a_tick_is_refused(refused, bad) -> None:
    refused(lambda b: b.tick("AAPL", bad), INVALID, "tick", shown(bad))
    refused(lambda b: b.ticks(["BUND", "AAPL"], [1, bad]), INVALID, "row 1", shown(bad))


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("holdings", "account", {"instrument": "AAPL", "quantity": 1}),
        ("holdings", "instrument", {"account": "A1", "quantity": 1}),
        ("holdings", "quantity", {"account": "A1", "instrument": "AAPL"}),
        ("prices", "instrument", {"price": 1}),
        ("prices", "price", {"instrument": "AAPL"}),
        ("fx", "currency", {"rate": 1}),
        ("fx", "rate", {"currency": "EUR"}),
        ("accounts", "account", {"desk": "d1"}),
        ("instruments", "instrument", {"currency": "USD"}),
        ("instruments", "currency", {"instrument": "AAPL"}),
    ],
)
def test_null_and_a_missing_column_are_refused(refused, table, column, row) -> None:
    without = {name: [value] for name, value in row.items()}
    refused(lambda b: b.update(**{table: without | {column: [None]}}), INVALID, column, "row 0")
    arrow = pa.table(without | {column: pa.nulls(1)})
    refused(lambda b: b.update(**{table: arrow}), INVALID, column)
    if column == "currency" and table == "instruments":
        without = {"instrument": ["NEW"]}  # known instruments need no currency in an update
    refused(lambda b: b.update(**{table: without}), INVALID, table, column)


BAD_TEXT_COLUMNS = [
    ("accounts", "account", {}),
    ("accounts", "desk", {"account": ["A1", "A2"]}),
    ("instruments", "instrument", {"currency": ["USD", "USD"]}),
    ("instruments", "currency", {"instrument": ["AAPL", "CASH"]}),
    ("holdings", "account", {"instrument": ["AAPL", "CASH"], "quantity": [1, 2]}),
    ("prices", "instrument", {"price": [1, 2]}),
    ("fx", "currency", {"rate": [2, 2]}),
    ("fx", "method", {"currency": ["EUR", "GBP"], "rate": [2, 2]}),
]
BAD_NAMES = ["", "\ud800", "a\udfffb", b"A1", ["A1"], Thing(), 5, 1.5, True]
GOOD_NAMES = {"account": "A1", "instrument": "AAPL", "currency": "GBP", "method": None, "desk": "x"}


@pytest.mark.parametrize("bad", BAD_NAMES, ids=repr)
@pytest.mark.parametrize(("table", "column", "others"), BAD_TEXT_COLUMNS)
def test_bad_text_is_refused(refused, table, column, others, bad) -> None:
    if column == "desk" and isinstance(bad, (int, float)):
        bad = b"5"  # a number is a good attribute, bytes are not
    rows = others | {column: [GOOD_NAMES[column], bad]}
    refused(lambda b: b.update(**{table: rows}), INVALID, f"{table}.{column}", "row 1")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"currency": ["EUR", "JPY"], "rate": ["1.2", "0"]}, ("fx.rate", "row 1", "0")),
        ({"currency": ["EUR", "JPY"], "rate": ["1.2", "-0.5"]}, ("fx.rate", "row 1", "-0.5")),
        ({"currency": ["EUR"], "rate": [-0.0]}, ("fx.rate", "row 0")),
        ({"currency": ["EUR", "USD"], "rate": [2, "1.01"]}, ("fx.rate", "row 1", "1.01")),
        ({"currency": ["local"], "rate": [2]}, ("fx.currency", "row 0", "local")),
        ({"currency": ["EUR"], "rate": [2], "method": ["times"]}, ("fx.method", "row 0", "times")),
    ],
)
def test_a_bad_rate_is_refused(refused, rows, says) -> None:
    refused(lambda b: b.update(fx=rows), INVALID, *says)
    refused(lambda b: b.load(fx=rows), INVALID, *says)


BAD_TIMES = ["yesterday", "", "2024-13-01", "2024-01-01T25:00", "1", "2400-01-01", "0001-01-01"]
BAD_TIMES += [True, 1.5, float("nan"), D(1), b"1", [1], Thing()]
BAD_TIMES += [2**63, -(2**63) - 1, datetime(2400, 1, 1)]


@pytest.mark.parametrize("bad", BAD_TIMES, ids=repr)
def test_a_bad_time_is_refused(refused, bad) -> None:
    rows = {"instrument": ["BUND", "AAPL"], "price": [1, 2], "time": [None, bad]}
    refused(lambda b: b.update(prices=rows), INVALID, "prices.time", "row 1")
    refused(lambda b: b.tick("AAPL", 1, time=bad), INVALID, "tick", "time")
    refused(lambda b: b.ticks(["BUND", "AAPL"], [1, 2], [None, bad]), INVALID, "row 1")


# -- rows, names and whole tables ----------------------------------------------------------------


AAPL_TWICE = {"instrument": ["CASH", "AAPL", "AAPL"], "price": [1, 2, 2]}
A1_TWICE = {"account": ["A1", "A2", "A1"], "instrument": ["AAPL"] * 3, "quantity": [1, 2, 1]}
ONE = {"account": ["A1"], "instrument": ["AAPL"], "quantity": [1]}
TWO = {"account": ["A1", "A2"], "instrument": ["AAPL", "AAPL"], "quantity": [1, 2]}
BAD_ROWS = [
    ("holdings", TWO | {"account": ["A1", "A9"]}, UNKNOWN, ("holdings.account", "row 1", "'A9'")),
    ("holdings", TWO | {"instrument": ["AAPL", "N"]}, UNKNOWN, (".instrument", "row 1", "'N'")),
    ("holdings", TWO | {"instrument": ["aapl", "AAPL"]}, UNKNOWN, ("row 0", "'aapl'")),
    ("holdings", A1_TWICE, INVALID, ("holdings", "row 2", "A1", "AAPL")),
    ("holdings", ONE | {"note": ["x"]}, INVALID, ("holdings", "note")),
    ("holdings", TWO | {"account": ["A1"]}, INVALID, ("holdings",)),
    ("prices", {"instrument": ["AAPL "], "price": [1]}, UNKNOWN, ("prices.", "row 0", "'AAPL '")),
    ("prices", AAPL_TWICE, INVALID, ("prices", "row 2", "AAPL")),
    ("prices", {"instrument": ["AAPL"], "price": [1], "size": [1]}, INVALID, ("prices", "size")),
    ("prices", {"instrument": ["AAPL"], "price": []}, INVALID, ("prices",)),
    ("prices", {}, INVALID, ("prices",)),
    ("fx", {"currency": ["EUR", "JPY", "EUR"], "rate": [1] * 3}, INVALID, ("fx", "row 2", "EUR")),
    ("fx", {"currency": ["EUR"], "rate": [2], "date": ["x"]}, INVALID, ("fx", "date")),
    ("accounts", {"account": ["N", "N"]}, INVALID, ("accounts", "row 1", "N")),
    ("instruments", {"instrument": ["N"] * 2, "currency": ["USD"] * 2}, INVALID, ("row 1", "N")),
    ("instruments", {"instrument": ["N"], "currency": ["local"]}, INVALID, ("row 0", "local")),
]


@pytest.mark.parametrize(("table", "rows", "error", "says"), BAD_ROWS)
def test_rows_that_contradict_the_book_or_each_other_are_refused(
    refused, table, rows, error, says
) -> None:
    refused(lambda b: b.update(**{table: rows}), error, *says)
    if table in ("holdings", "prices", "fx"):
        refused(lambda b: b.load(**{table: rows}), error, *says[:1])


RESERVED = ["level", "removed", "unpriced", "sod", "current", "expected", "epoch"]


@pytest.mark.parametrize("name", [*RESERVED, "multiplier", "quote_factor", "instrument"])
def test_reserved_names_of_attributes_are_refused(refused, name) -> None:
    refused(
        lambda b: b.update(accounts={"account": ["A1"], name: ["x"]}), INVALID, "accounts", name
    )
    if name in RESERVED:
        rows = {"instrument": ["AAPL"], name: ["x"]}
        refused(lambda b: b.update(instruments=rows), INVALID, "instruments", name)


@pytest.mark.parametrize(
    "bad", [5, "prices", b"x", [1, 2], [{"instrument": "AAPL"}], Thing()], ids=repr
)
def test_an_argument_that_is_not_a_table_is_refused(refused, bad) -> None:
    refused(lambda b: b.update(prices=bad), INVALID, "prices")
    refused(lambda b: b.load(prices=bad), INVALID, "prices")


@pytest.mark.parametrize("bad", ["AAPL", 5, None, {"AAPL": 1}, Thing(), np.array("AAPL")], ids=repr)
def test_a_value_that_is_not_a_column_is_refused(refused, bad) -> None:
    refused(lambda b: b.update(prices={"instrument": bad, "price": [1]}), INVALID, "prices")


def test_a_duplicate_column_is_refused(refused) -> None:
    table = pa.table([["AAPL"], [1], [2]], names=["instrument", "price", "price"])
    refused(lambda b: b.update(prices=table), INVALID, "prices", "price")


@pytest.mark.parametrize("bad", [("N1", "x"), ("none", 1)])
def test_one_bad_row_in_the_last_table_undoes_the_first(book, refused, bad) -> None:
    good = {
        "instruments": {
            "instrument": ["N1", "BUND"],
            "currency": ["JPY", "USD"],
            "sector": ["new"] * 2,
        },
        "accounts": {"account": ["A3"], "desk": ["d0"], "floor": ["f"]},
        "fx": {"currency": ["JPY", "EUR"], "rate": ["150", "2"], "method": ["divide", None]},
        "prices": {"instrument": ["N1", "AAPL"], "price": [1, 2]},
    }
    rows = {"account": ["A3", "A3"], "instrument": ["BUND", bad[0]], "quantity": [5, bad[1]]}
    refused(lambda b: b.update(**good, holdings=rows), mvcore.Error, "holdings.", "row 1")
    refused(lambda b: b.load(**good, holdings=rows), mvcore.Error, "row 1")
    for unknown in (
        lambda: book.tick("N1", 1),
        lambda: book.value("A3"),
        lambda: book.value("A1", "JPY"),
    ):
        with pytest.raises(UNKNOWN):
            unknown()
    with pytest.raises(INVALID):
        book.values(by="floor")
    # Labels of the refused batch took no code either.
    sectors = {"instrument": ["AAPL", "CASH"], "sector": ["zzz", "new"]}
    book.update(
        instruments=sectors, holdings={"account": ["A1"], "instrument": ["CASH"], "quantity": [1]}
    )
    assert book.values(by="sector")["sector"] == ["govt", "zzz", "new"]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda b: b.remove(accounts=["A1"]), INVALID, ("A1",)),
        (lambda b: b.remove(instruments="AAPL"), INVALID, ("AAPL",)),
        (lambda b: b.remove(instruments=["CASH", "BUND"]), INVALID, ("BUND",)),
        (lambda b: b.remove(accounts=["A9"]), UNKNOWN, ("A9",)),
        (lambda b: b.remove(instruments=["CASH", "cash"]), UNKNOWN, ("cash",)),
        (lambda b: b.load(accounts={"account": ["A2"]}), INVALID, ("A1",)),
        (
            lambda b: b.load(
                instruments={"instrument": ["BUND", "CASH"], "currency": ["EUR", "USD"]}
            ),
            INVALID,
            ("AAPL",),
        ),
    ],
)
def test_names_with_positions_or_orders_cannot_be_removed(refused, call, error, says) -> None:
    refused(call, error, *says)
