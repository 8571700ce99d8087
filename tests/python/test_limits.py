"""Input at the edge of what is allowed. Each has an exact answer."""

from decimal import Decimal as D
from decimal import localcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mvcore


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int32(), pa.uint64(), pa.float32()])
def test_numbers_of_every_arrow_type_are_exact(book, kind) -> None:
    rows = pa.table({"instrument": ["AAPL", "CASH"], "price": pa.array([3, 100], kind)})
    book.load(prices=rows)
    assert book.prices()["price"] == [D(3), D(100)]


def test_numbers_at_the_limits_are_exact(book) -> None:
    cases = [
        (-0.0, 0), (2.0**63, 2**63 + 192), (np.float32(0.1), "0.1"), (1e-18, "1e-18"),
        (0.1 + 0.2, "0.30000000000000004"), (np.uint64(2**64 - 1), 2**64 - 1),
        (-(2**63), -(2**63)), ("-99999999999999999999.999999999999999999",) * 2,
        ("0.1" + "0" * 40, "0.1"), ("+1E+3", 1000), ("-0", 0), (D("0E+50"), 0),
        (np.float64(1e19), 10**19), (9007199254740993.0, "9007199254740992"),
        (D("1." + "0" * 60), 1), ("000000000000000000000000000001.5", "1.5"),
        (D("12345678901234567890.123456789012345678"), "12345678901234567890.123456789012345678"),
        (D("-99999999999999999999.999999999999999999"), "-99999999999999999999.999999999999999999"),
    ]  # fmt: skip
    for given, means in cases:
        want = (
            D("9223372036854776000") if given == 2.0**63 and isinstance(given, float) else D(means)
        )
        book.tick("AAPL", given)
        assert book.prices()["price"][0] == want, given
        book.ticks(["AAPL"], [given])
        assert book.prices()["price"][0] == want, given
        book.load(prices={"instrument": ["AAPL"], "price": [given]})
        assert book.prices()["price"] == [want], given
        if isinstance(given, (float, np.generic)):
            book.load(prices={"instrument": ["AAPL"], "price": np.array([given])})
            assert book.prices()["price"] == [want], given


def test_the_precision_of_the_decimal_context_has_no_effect(book) -> None:
    before = book.value("A1")
    with localcontext(prec=3):
        book.tick("AAPL", D("150.25"))
        book.ticks(["BUND"], [D("98.7")])
        book.update(holdings={"account": ["A1"], "instrument": ["BUND"], "quantity": [D("1000.5")]})
        assert book.value("A1")[1:4] == before[1:4]
        assert book.values()["sod"][0] == before.sod
        assert book.holdings()["price"][:2] == [D("150.25"), D("98.7")]


def test_an_update_keeps_absent_columns(book) -> None:
    book.update(fx={"currency": ["EUR"], "rate": ["2"], "method": ["divide"]})
    book.update(fx={"currency": ["EUR"], "rate": ["4"]})  # the method "divide" is kept
    book.update(instruments={"instrument": ["BUND"], "multiplier": ["10"]})
    book.update(accounts={"account": ["A2"], "floor": ["f"]})
    assert book.holdings("A1", "BUND")["base_value"] == [D("1000.5") * D("98.7") / 10 / 4]
    assert book.values(by=("desk", "floor"))["desk"] == ["d1", "d2"]
    assert book.values(by="sector")["sector"] == ["tech", "govt"]
    book.update(fx={"currency": ["EUR"], "rate": ["4"], "method": [None]})  # null: the default
    book.update(instruments={"instrument": ["BUND"], "multiplier": [None], "sector": [None]})
    assert book.holdings("A1", "BUND")["base_value"] == [D("1000.5") * D("0.987") * 4]
    assert book.values(by="sector")["sector"] == ["tech", None]


def test_any_unicode_name_is_accepted(book) -> None:
    names = [
        "é",
        "e\u0301",
        "ﬁ",
        "fi",
        "A\0B",
        "A",
        " A",
        "A ",
        "\u202eabc",
        "👩‍👩‍👧",
        "\U0010ffff",
        "a\nb",
    ]
    names += ["x" * 100_000, "'; drop table", "\ufeffA", "İ", "i̇", "local", "None", "account.desk"]
    for make in (list, pa.array, lambda v: np.array(v, object)):
        fresh = mvcore.Book()
        fresh.load(
            instruments={"instrument": make(names), "currency": make([*names[:-3], "L", "N", "a"])},
            accounts={"account": make(names), "desk": make(names)},
            holdings={
                "account": make(names),
                "instrument": make(names),
                "quantity": [1] * len(names),
            },
            prices={"instrument": make(names), "price": list(range(len(names)))},
        )
        assert fresh.prices()["instrument"] == names
        assert fresh.values(by="desk", currency="local")["desk"] == names
        assert [fresh.value(name, None).account for name in names] == names
        assert [fresh.tick(name, 5) for name in names] == list(range(2, len(names) + 2))
        assert fresh.values(instruments=names[5], currency=names[0])["unpriced"] == [1]


@pytest.mark.parametrize("accounts", [1, 2, 5, 9, 70, 5_000])
def test_many_new_holdings_in_one_update_equal_a_load(accounts) -> None:
    held, names = ["I1", "I2", "I3"], [f"A{k}" for k in range(accounts)]
    masters = {"instruments": {"instrument": held, "currency": ["USD"] * 3}}
    masters["accounts"] = {"account": names}
    rows = {"account": names * 3, "instrument": np.repeat(held, accounts)}
    rows["quantity"] = np.arange(1, 3 * accounts + 1)
    loaded, updated, later = mvcore.Book(), mvcore.Book(), mvcore.Book()
    loaded.load(**masters, holdings=rows)
    updated.update(**masters, holdings=rows)
    later.update(**masters)
    later.update(holdings=rows)
    want = loaded.holdings().to_pylist()
    assert len(want) == 3 * accounts
    assert updated.holdings().to_pylist() == want
    assert later.holdings().to_pylist() == want


def test_tables_without_rows_are_accepted(book) -> None:
    empty: dict[str, dict[str, list]] = {
        "instruments": {"instrument": [], "currency": [], "sector": []},
        "accounts": {"account": []},
        "holdings": {"account": [], "instrument": [], "quantity": []},
        "prices": {"instrument": [], "price": [], "time": []},
        "fx": {"currency": [], "rate": []},
    }
    before = book.holdings().to_pylist()
    assert book.update(**empty) == 2
    arrow = {name: pa.table({n: pa.nulls(0) for n in columns}) for name, columns in empty.items()}
    assert book.update(**arrow) == 3
    assert book.ticks([], []) == 4
    assert book.ticks(np.array([], np.int32), np.array([])) == 5
    assert book.holdings().to_pylist() == before
    assert book.load(**empty) == 6
    assert [len(frame) for frame in (book.holdings(), book.prices(), book.values(by=()))] == [
        0,
        0,
        0,
    ]


def test_ticks_take_every_kind_of_array(book) -> None:
    names, prices = ["AAPL", "CASH", "BUND"], [D("1.25"), D(-2), D(3)]
    want = dict(zip(names, prices, strict=True))
    codes = book.instrument_codes(names)
    ways: list[tuple[Any, Any, int | None]] = [
        (names, ["1.25", -2, 3.0], None),
        (tuple(names), (D("1.25"), -2, "3"), None),
        (np.array(names), np.array([1.25, -2, 3]), None),
        (np.array(names, object), np.array([1.25, -2, 3], np.float32), None),
        (pa.array(names), pa.array(prices), None),
        (pa.chunked_array([names[:1], names[1:]]), pa.chunked_array([["1.25"], ["-2", "3"]]), None),
        (pa.array(names).dictionary_encode(), pa.array([1.25, -2, 3]), None),
        (pa.array(codes), np.array([125, -200, 300]), 2),
        (codes.tolist(), [1250, -2000, 3000], 3),
    ]
    scaled = np.array([125, -200, 300], ">i2")
    ways += [(codes.astype(kind)[::-1][::-1], scaled, 2) for kind in ("i1", "u1", ">i2", "u8")]
    wide = np.zeros((3, 2))
    wide[:, 1] = [1.25, -2, 3]
    ways.append((codes, wide[:, 1], None))
    for instruments, given, scale in ways:
        book.load(prices={"instrument": [], "price": []})
        before = book.epoch
        assert book.ticks(instruments, given, scale=scale) == before + 1
        rows = book.prices().to_pylist()
        assert {row["instrument"]: row["price"] for row in rows} == want
        assert {row["epoch"] for row in rows} == {before + 1}
    at = np.array([3, 2, 1], "M8[s]")
    book.ticks(codes, prices, times=at)
    assert book.ticks(codes, [7, 7, 7], times=[at[0] - 1, None, at[0]]) == book.epoch
    now = {row["instrument"]: row["price"] for row in book.prices().to_pylist()}
    assert now == {"AAPL": D("1.25"), "CASH": D(7), "BUND": D(7)}
    assert book.stats()["late_prices"] == 1


@pytest.mark.parametrize("by", [(), "account", "instrument", ("currency", "account"), "sector"])
@pytest.mark.parametrize("side", ["accounts", "instruments", "neither"])
def test_a_book_of_accounts_or_instruments_alone_has_no_values(by, side) -> None:
    accounts = {"account": ["A", "B", "C"]}
    instruments = {"instrument": ["X", "Y"], "currency": ["USD", "EUR"], "sector": ["s", None]}
    none = {name: [] for name in instruments}
    book = mvcore.Book()
    book.load(
        accounts=accounts if side == "accounts" else {"account": []},
        instruments=instruments if side == "instruments" else none,
    )
    views = [book.view(by=by, mode=mode) for mode in ("lazy", "incremental")]
    assert book.values(by=by).to_pylist() == []
    assert book.values(by=by, currency="local").to_pylist() == []
    assert book.values(by=by, rollup=True).to_pylist() == []
    assert [len(frame) for frame in (book.holdings(), book.prices())] == [0, 0]
    assert [view.read().to_pylist() for view in views] == [[], []]
    book.update(
        accounts=accounts,
        instruments=instruments,
        prices={"instrument": ["X"], "price": [2]},
        holdings={"account": ["B", "C"], "instrument": ["X", "Y"], "quantity": [3, 4]},
    )
    rows = book.values(by=by).to_pylist()
    assert sum(row["sod"] for row in rows) == 6
    assert sum(row["unpriced"] for row in rows) == 1
    want = [row | {"removed": False} for row in rows]
    assert [view.changes().to_pylist() for view in views] == [want, want]


def test_a_superseded_price_leaves_no_decimals_behind() -> None:
    book = mvcore.Book()
    book.load(instruments={"instrument": ["I"], "currency": ["USD"]}, accounts={"account": ["A"]})
    book.ticks(["I"], ["5"])
    units = book.stats()["units"]
    book.ticks(["I", "I"], ["0.000000000000000001", "6"])
    assert book.stats()["units"] == units
    assert book.prices()["price"] == [6]


def test_the_slack_of_bounds_refuses_no_write() -> None:
    """A price that fell to zero counts as zero, although bounds of prices have slack."""
    book = mvcore.Book()
    factor = "1.123456789012345678"
    book.load(
        instruments={
            "instrument": ["I"],
            "currency": ["USD"],
            "multiplier": [factor],
            "quote_factor": [factor],
        },
        accounts={"account": ["A", "B", "C"]},
        prices={"instrument": ["I"], "price": ["99.000000000000000001"]},
    )
    book.tick("I", 0)
    rows = {"account": ["A", "B", "C"], "instrument": ["I"] * 3, "quantity": ["9e19"] * 3}
    book.update(holdings=rows)
    assert book.value("A").sod == 0
    with pytest.raises(mvcore.ValueOverflow, match="USD"):
        book.tick("I", 99)


def test_a_checkpoint_whose_bounds_fit_only_without_slack_opens(tmp_path) -> None:
    """The price, as an integer, is just above 2**186: its bound with slack is twice as large."""
    factor = "1.123456789012345678"
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments={
                "instrument": ["I"],
                "currency": ["USD"],
                "multiplier": [factor],
                "quote_factor": [factor],
            },
            accounts={"account": ["A", "B", "C"]},
            holdings={
                "account": ["A", "B", "C"],
                "instrument": ["I"] * 3,
                "quantity": ["9e19"] * 3,
            },
            prices={"instrument": ["I"], "price": ["77.800000000000000001"]},
        )
        book.checkpoint()
        want = book.value("A")
    with mvcore.open(tmp_path / "book") as book:
        assert book.recovery.loaded > 0
        assert book.value("A") == want
        with localcontext(prec=100):
            exact = D("9e19") * D("77.800000000000000001") * D(factor) ** 2
            assert want.sod == exact.quantize(D("1e-8"))
        with pytest.raises(mvcore.ValueOverflow, match="USD"):
            book.tick("I", "90")


@pytest.mark.parametrize("table", ["holdings", "orders"])
def test_names_of_a_refused_batch_do_not_affect_a_later_load(table) -> None:
    """A refused update extended the name tables. A later load has fewer names."""
    book = mvcore.Book()
    many = [f"N{k}" for k in range(5000)]
    big, small = ["99999999999999999999.999999999999999999"], ["0.000000000000000001"]
    refused = {
        "instruments": {
            "instrument": many,
            "currency": ["USD"] * 5000,
            "multiplier": small * 4999 + big,
            "quote_factor": small * 4999 + big,
        },
        "accounts": {"account": many},
        "prices": {"instrument": many[-1:], "price": big},
    }
    with pytest.raises(mvcore.ValueOverflow):
        book.update(**refused)
    empty = {name: [] for name in ("account", "instrument", "quantity")}
    if table == "orders":
        empty = {name: [] for name in ("order", "account", "instrument", "order_quantity")}
    book.load(**{table: empty})
    assert book.values().to_pylist() == []
    assert book.values(by=("instrument", "currency"), currency="local").to_pylist() == []
    book.roll_day()
    book.update(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        holdings={"account": ["A"], "instrument": ["I"], "quantity": [3]},
        prices={"instrument": ["I"], "price": [2]},
    )
    assert book.value("A").sod == 6
    assert book.values()["sod"] == [6]


def test_an_order_in_no_total_is_valued_exactly_however_wide() -> None:
    """The quantity, price, multiplier and quote factor of one order have over 256 bits in total."""
    factor, price = D("1.123456789012345678"), D("-0.08971864")
    quantities = [D("99999999999999999999"), D("-0.000000000000000001")]
    with mvcore.Book("EUR", 0) as book, localcontext(prec=100):
        book.load(
            instruments={"instrument": ["I"], "currency": ["EUR"], "multiplier": [factor],
                         "quote_factor": [factor]},
            accounts={"account": ["A"]},
            prices={"instrument": ["I"], "price": [price]},
            orders={"order": [1, 2], "account": ["A"] * 2, "instrument": ["I"] * 2,
                    "order_quantity": quantities, "status": ["canceled"] * 2},
        )  # fmt: skip
        want = [round(quantity * price * factor * factor) for quantity in quantities]
        assert want[0] == -11323884413510267889
        assert book.orders()["market_value"] == want
        assert book.revalue("I")["market_value"] == want
        assert book.value("A").expected == 0
