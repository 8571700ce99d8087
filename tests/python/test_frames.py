"""Frames: the same rows as lists, NumPy arrays, Arrow, pandas and polars, and fixed schemas."""

from datetime import UTC, datetime
from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore

MEASURES = ["sod", "current", "expected"]


@pytest.fixture
def frames(book) -> dict[str, object]:
    """One frame of every kind, over the book of conftest.py."""
    book.update(
        holdings={"account": ["A2", "A2"], "instrument": ["CASH", "BUND"], "quantity": ["0.5", -1]}
    )
    view = book.view(by="sector", measures="current", currency="EUR")
    return {
        "values": book.values(),
        "rollup": book.values(by=("account.country", "sector"), rollup=True),
        "local": book.values(by="account", currency="local", measures=("expected",)),
        "by currency": book.values(by=("currency", "account")),
        "total": book.values(by=()),
        "read": view.read(),
        "changes": book.view(by="instrument").changes(),
        "no changes": view.changes(),
        "holdings": book.holdings(),
        "revalue": book.revalue("BUND"),
        "prices": book.prices(),
        "nothing": book.values(accounts={"desk": []}, by=("desk", "instrument"), rollup=True),
        "no holdings": book.holdings(accounts=[]),
        "no prices": mvcore.Book().prices(),
        "no book": mvcore.Book(value_scale=2).values(),
    }


EMPTY = ("no changes", "nothing", "no holdings", "no prices", "no book")
HOLDINGS = ["account", "instrument", "quantity", "price", "amount_currency"]
HOLDINGS += ["market_value", "base_value"]
COLUMNS = {
    "values": ["account", "amount_currency", *MEASURES, "unpriced"],
    "rollup": ["level", "account.country", "sector", "amount_currency", *MEASURES, "unpriced"],
    "local": ["account", "amount_currency", "expected", "unpriced"],
    "by currency": ["currency", "account", "amount_currency", *MEASURES, "unpriced"],
    "total": ["amount_currency", *MEASURES, "unpriced"],
    "read": ["sector", "amount_currency", "current", "unpriced"],
    "changes": ["instrument", "amount_currency", *MEASURES, "unpriced", "removed"],
    "no changes": ["sector", "amount_currency", "current", "unpriced", "removed"],
    "holdings": HOLDINGS,
    "revalue": [
        *("record_type", "account", "order", "quantity", "price"),
        *("amount_currency", "market_value"),
    ],
    "prices": ["instrument", "price", "time", "epoch"],
    "nothing": ["level", "desk", "instrument", "amount_currency", *MEASURES, "unpriced"],
    "no holdings": HOLDINGS,
    "no prices": ["instrument", "price", "time", "epoch"],
    "no book": ["account", "amount_currency", *MEASURES, "unpriced"],
}

NAMES = list(COLUMNS)


def check_type(column: str, kind: pa.DataType, value_scale: int) -> bool:
    if column in (*MEASURES, "market_value", "base_value"):
        return kind == pa.decimal128(38, value_scale)
    if column in ("quantity", "price"):
        return kind == pa.decimal128(38, 18)
    if column in ("level", "unpriced", "epoch"):
        return pa.types.is_integer(kind)
    if column == "removed":
        return kind == pa.bool_()
    if column == "time":
        return pa.types.is_timestamp(kind) and kind.tz == "UTC"
    return kind == pa.string() or column == "order"  # order ids are text or integers


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_has_its_columns_and_rows(frames, name) -> None:
    frame = frames[name]
    assert frame.column_names == COLUMNS[name]
    assert (len(frame) == 0) is (name in EMPTY)
    rows = frame.to_pylist()
    assert len(rows) == len(frame)
    for column in COLUMNS[name]:
        assert frame[column] == [row[column] for row in rows]
    for table in (frame.to_arrow(), pa.table(frame)):
        assert table.column_names == COLUMNS[name]
        scale = 2 if name == "no book" else 8
        wrong = [f.name for f in table.schema if not check_type(f.name, f.type, scale)]
        assert wrong == []
        assert table.to_pylist() == rows
        table.validate(full=True)


@pytest.mark.parametrize("name", NAMES)
def test_names_in_arrow_may_be_dictionary_columns(frames, name) -> None:
    plain, encoded = frames[name].to_arrow(), frames[name].to_arrow(names="dictionary")
    encoded.validate(full=True)
    for field, other in zip(plain.schema, encoded.schema, strict=True):
        text = field.type == pa.string() and field.name != "order"  # order ids are no names
        assert other.type == (pa.dictionary(pa.int32(), pa.string()) if text else field.type)
    assert encoded.to_pylist() == plain.to_pylist()
    assert frames[name][:1].to_arrow(names="dictionary").to_pylist() == plain.to_pylist()[:1]
    with pytest.raises(mvcore.InvalidInput, match="'codes' is neither 'text' nor 'dictionary'"):
        frames[name].to_arrow(names="codes")


def test_large_frames_share_one_dictionary_and_few_rows_have_their_own() -> None:
    count = 3_000
    book = mvcore.Book()
    accounts = [f"account number {k}" for k in range(count)]
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": accounts},
        holdings={"account": accounts, "instrument": ["I"] * count, "quantity": [1] * count},
        prices={"instrument": ["I"], "price": [2]},
    )

    def dictionary(frame: mvcore.Frame) -> pa.Array:
        return frame.to_arrow(names="dictionary")["account"].chunk(0).dictionary

    first, second = (dictionary(book.values(measures=m)) for m in ("sod", "current"))
    assert first.buffers()[2].address == second.buffers()[2].address
    assert dictionary(book.values(accounts[5:7])).to_pylist() == accounts[5:7]


@pytest.mark.parametrize("name", NAMES)
def test_frames_convert_to_pandas_and_polars(frames, name) -> None:
    pd = pytest.importorskip("pandas")
    pl = pytest.importorskip("polars")
    frame, rows = frames[name], frames[name].to_pylist()
    pandas = frame.to_pandas()
    assert list(pandas.columns) == COLUMNS[name]
    for column in COLUMNS[name]:
        values = [None if pd.isna(value) else value for value in pandas[column].tolist()]
        assert values == frame[column]
    polars = frame.to_polars()
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == COLUMNS[name]
    assert polars.to_dicts() == rows
    assert pl.DataFrame(frame).equals(polars)


@pytest.mark.parametrize("name", NAMES)
def test_frames_convert_to_numpy(frames, name) -> None:
    frame = frames[name]
    for column in COLUMNS[name]:
        values = frame[column]
        if column in (*MEASURES, "market_value", "base_value", "quantity", "price"):
            array = frame.to_numpy(column)
            assert array.dtype == np.float64
            want = np.array([np.nan if v is None else float(v) for v in values])
            np.testing.assert_array_equal(array, want)
        elif column in ("level", "unpriced", "epoch", "removed"):
            array = frame.to_numpy(column)
            assert np.issubdtype(array.dtype, np.bool_ if column == "removed" else np.integer)
            assert array.tolist() == values


def test_scaled_integers_are_exact(book, frames) -> None:
    frame = frames["values"]
    assert frame["current"] == [D("2588.74285"), D("-451.8357")]
    scaled = frame.to_numpy("current", scaled=True)
    assert scaled.dtype == np.int64
    assert scaled.tolist() == [258874285000, -45183570000]
    assert frame.to_numpy("current").tolist() == [2588.74285, -451.8357]
    assert frames["nothing"].to_numpy("sod", scaled=True).tolist() == []
    small = book.holdings(instruments="CASH")
    assert small.to_numpy("quantity", scaled=True).tolist() == [5 * 10**17]
    large = book.holdings(instruments="AAPL")
    with pytest.raises(mvcore.ValueOverflow):
        large.to_numpy("quantity", scaled=True)  # 10 is 10**19 in units of 1e-18
    assert large.to_numpy("quantity").tolist() == [10.0, -3.0]
    wide = mvcore.Book(value_scale=30)
    assert wide.values().to_numpy("sod", scaled=True).dtype == np.int64


def test_values_are_decimals_with_the_decimals_of_the_book(frames) -> None:
    for name in ("values", "rollup", "local", "total", "read", "changes"):
        measures = [column for column in COLUMNS[name] if column in MEASURES]
        for column in measures:
            assert {value.as_tuple().exponent for value in frames[name][column]} == {-8}
    row = frames["holdings"].to_pylist()[1]
    assert [type(row[column]) for column in ("quantity", "price", "base_value")] == [D, D, D]
    assert (row["quantity"], row["price"]) == (D("1000.5"), D("98.7"))
    assert str(row["market_value"]) == "987.49350000"
    assert [type(value) for value in frames["rollup"]["level"]] == [int] * len(frames["rollup"])
    assert {type(value) for value in frames["changes"]["removed"]} == {bool}
    assert {type(value) for value in frames["values"]["unpriced"]} == {int}


def test_absent_values_are_none(frames) -> None:
    cash = frames["holdings"].to_pylist()[-1]
    assert (cash["instrument"], cash["quantity"]) == ("CASH", D("0.5"))
    assert (cash["price"], cash["market_value"], cash["base_value"]) == (None, None, None)
    arrow = frames["holdings"].to_arrow()
    assert [arrow[c].null_count for c in ("price", "market_value", "base_value")] == [1, 1, 1]
    assert frames["revalue"]["order"] == [None, None]
    assert frames["revalue"]["record_type"] == ["HOLDING", "HOLDING"]
    at = datetime(2024, 1, 1, 0, 0, 0, 1, UTC)
    assert frames["prices"]["time"] == [at, None]
    assert frames["prices"]["time"][0].tzinfo is not None


def test_frames_return_codes(book, frames) -> None:
    for name in ("holdings", "prices", "changes"):
        frame = frames[name]
        codes = frame.codes("instrument")
        assert np.issubdtype(codes.dtype, np.integer)
        assert codes.tolist() == book.instrument_codes(frame["instrument"]).tolist()
    accounts = frames["holdings"].codes("account")
    assert len(accounts) == len(frames["holdings"])
    pairs = set(zip(frames["holdings"]["account"], accounts.tolist(), strict=True))
    assert len(pairs) == 2
    assert accounts.tolist() == sorted(accounts.tolist())
    assert frames["no holdings"].codes("instrument").tolist() == []


def test_a_frame_keeps_its_epoch(book) -> None:
    frames = [book.values(), book.holdings(), book.prices(), book.revalue("AAPL")]
    frames += [book.view().read(), book.view(mode="incremental").changes()]
    before = [frame.to_pylist() for frame in frames]
    fresh = [book.values(), book.holdings(), book.prices(), book.revalue("AAPL")]
    view = book.view()
    fresh += [view.read(), book.view(mode="incremental").changes()]
    assert {frame.epoch for frame in (*frames, *fresh)} == {1}
    book.tick("AAPL", "1")
    book.update(
        accounts={"account": ["A0"], "desk": ["d1"]},
        holdings={"account": ["A1", "A0"], "instrument": ["BUND", "BUND"], "quantity": [0, 1]},
    )
    assert view.changes().epoch == 3
    assert [frame.to_pylist() for frame in frames] == before
    assert [frame.to_pylist() for frame in fresh] == before  # columns made only now
    book.close()
    assert [frame.to_pylist() for frame in fresh] == before


def test_unknown_columns_of_a_frame_are_refused(frames) -> None:
    for call in (
        lambda: frames["values"]["nothing"],
        lambda: frames["values"].to_numpy("nothing"),
        lambda: frames["values"].codes("nothing"),
    ):
        with pytest.raises((KeyError, mvcore.InvalidInput)):
            call()


@pytest.mark.parametrize("beyond", [0, 1])
def test_values_at_the_bound_of_64_bits_are_exact(book, beyond: int) -> None:
    """2^63 - 1 in units of 1e-8 is 92233720368.54775807."""
    quantities = [D("92233720368") + beyond, D(-7)]
    orders = {
        "order": [1, 2], "account": ["A1", "A2"], "instrument": ["AAPL", "AAPL"],
        "order_quantity": quantities,
    }  # fmt: skip
    book.update(orders=orders, prices={"instrument": ["AAPL"], "price": ["1"]})
    frame = book.revalue("AAPL")
    want = [D(10), D(-3), *quantities]
    assert frame["market_value"] == want
    assert frame.to_arrow()["market_value"].to_pylist() == want
    assert frame.to_numpy("market_value").tolist() == [float(v) for v in want]
    if beyond:
        with pytest.raises(mvcore.ValueOverflow, match="row 2: 9223372036900000000 does not fit"):
            frame.to_numpy("market_value", scaled=True)
    else:
        scaled = frame.to_numpy("market_value", scaled=True)
        assert scaled.tolist() == [int(v * 10**8) for v in want]
