"""Wrong arrays, wrong queries, overflows, closed books: an error, and no change."""

from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore
from reference import dump

INVALID, UNKNOWN = mvcore.InvalidInput, mvcore.UnknownId


# -- arrays --------------------------------------------------------------------------------------

BAD_ARRAYS = [
    np.array([1.0, np.nan]),
    np.array([1.0, np.inf]),
    np.array([1.0, -np.inf], ">f8"),
    np.array([1.0, 5e-324]),
    np.array([1.0, 1e20]),
    np.array([1.0, np.nan], np.float32),
    np.array([True, False]),
    np.array([1, True], object),
    np.array([1, None], object),
    np.array([1, b"1"], object),
    np.array([1, D], object),
    np.array(["1", "x"]),
    np.array([b"1", b"2"]),
    np.array([1, 2], complex),
    np.array([1, 2], "M8[ns]"),
    np.array([(1, 2), (3, 4)], "i4,i4"),
    np.array([[1], [2]]),
    np.array([[1, 2]]),
    np.array(5),
    np.array([1]),
    np.array([]),
    pa.array([1.0, float("nan")]),
    pa.array([1, None]),
    pa.array([True, False]),
    pa.array([b"1", b"2"]),
    pa.array([[1], [2]]),
    pa.array(["1", "x"]),
    pa.array(["1", "2"]).dictionary_encode().filter(pa.array([True, False])),
]


@pytest.mark.parametrize("bad", BAD_ARRAYS, ids=lambda bad: f"{getattr(bad, 'dtype', 'arrow')}")
def test_a_bad_array_of_prices_is_refused(refused, bad) -> None:
    refused(lambda b: b.ticks(["AAPL", "BUND"], bad), INVALID)
    refused(lambda b: b.ticks(b.instrument_codes(["AAPL", "BUND"]), bad), INVALID)
    if isinstance(bad, np.ndarray):
        rows = {"instrument": ["AAPL", "BUND"], "price": bad}
        refused(lambda b: b.update(prices=rows), INVALID, "prices")
    elif len(bad) == 2:
        rows = pa.table({"instrument": ["AAPL", "BUND"], "price": bad})
        refused(lambda b: b.update(prices=rows), INVALID, "prices.price")


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        (1, np.array([2.0, np.nan, 1.0])),
        (2, np.array([1, 2, 10**20, 3], object)),
        (0, np.array([np.inf, 1.0], ">f8")),
        (3, ["1", 2, 3.0, "x"]),
    ],
)
def test_an_error_names_the_row_of_the_bad_price(refused, row, bad) -> None:
    names = ["AAPL", "BUND", "CASH", "AAPL"][: len(bad)]
    refused(lambda b: b.ticks(names, bad), INVALID, f"row {row}")
    table = {"instrument": ["AAPL", "BUND", "CASH", "none"][: len(bad)], "price": bad}
    refused(lambda b: b.update(prices=table), mvcore.Error, "prices")


CODES = [
    (np.array([0, -1]), UNKNOWN),
    (np.array([0, 3]), UNKNOWN),
    (np.array([0, 2**31 - 1], np.int32), UNKNOWN),
    (np.array([0, 2**32]), UNKNOWN),  # not code 0 again
    (np.array([0, 2**64 - 1], np.uint64), UNKNOWN),
    (np.array([0, -(2**63)]), UNKNOWN),
    (pa.array([0, 7], pa.int32()), UNKNOWN),
    (["AAPL", "nobody"], UNKNOWN),
    (np.array(["AAPL", "nobody"]), UNKNOWN),
    (pa.array(["AAPL", "nobody"]), UNKNOWN),
    (np.array([0.0, 1.0]), INVALID),
    (np.array([False, True]), INVALID),
    (np.array([[0, 1]]), INVALID),
    (np.array([0, 1, 2]), INVALID),
    (np.array(1), INVALID),
    (np.array([0, 1], "M8[ns]"), INVALID),
    (pa.array([0, None], pa.int32()), INVALID),
    (["AAPL", None], INVALID),
    (["AAPL", 1.5], INVALID),
    (["AAPL", "\ud800"], INVALID),
    ("AAPL", INVALID),
    (5, INVALID),
]


@pytest.mark.parametrize(
    ("codes", "error"), CODES, ids=lambda v: getattr(v, "__name__", str(v)[:40])
)
def test_bad_instruments_of_ticks_are_refused(refused, codes, error) -> None:
    refused(lambda b: b.ticks(codes, [1, 2]), error)
    refused(lambda b: b.ticks(codes, np.array([1.5, 2.5])), error)


def test_a_removed_code_is_unknown(book, refused) -> None:
    book.update(instruments={"instrument": ["TMP"], "currency": ["USD"]})
    code = book.instrument_codes(["TMP"])
    book.remove(instruments=["TMP"])
    refused(lambda b: b.ticks(code, [1]), UNKNOWN)
    refused(lambda b: b.instrument_codes(["TMP"]), UNKNOWN, "TMP")
    book.update(instruments={"instrument": ["TMP"], "currency": ["USD"]})
    assert book.instrument_codes(["TMP"]) == code


@pytest.mark.parametrize(
    ("prices", "scale"),
    [
        (np.array([1.0, 2.0]), 2),
        (["1", "2"], 2),
        ([D(1), D(2)], 2),
        ([1, True], 2),
        (np.array([1, 2]), -1),
        (np.array([1, 2]), 19),
        (np.array([1, 2]), 2**40),
        (np.array([1, 2]), 1.5),
        ([1, 10**22], 2),
        ([1, None], 2),
    ],
)
def test_bad_scaled_ticks_are_refused(refused, prices, scale) -> None:
    refused(lambda b: b.ticks(["AAPL", "BUND"], prices, scale=scale), INVALID)


@pytest.mark.parametrize(
    "times", [[1], [1, 2, 3], np.array([1.5, 2.5]), np.array([True, False]), 5]
)
def test_bad_times_of_ticks_are_refused(refused, times) -> None:
    refused(lambda b: b.ticks(["AAPL", "BUND"], [1, 2], times), INVALID)


# -- queries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["values", "view"])
@pytest.mark.parametrize(
    ("query", "error", "says"),
    [
        ({"by": "nothing"}, INVALID, "nothing"),
        ({"by": ("account", "account")}, INVALID, "account"),
        ({"by": "country"}, INVALID, "country"),
        ({"by": "account.sector"}, INVALID, "sector"),
        ({"by": ("account", 5)}, INVALID, "5"),
        ({"by": 5}, INVALID, "by"),
        ({"measures": ()}, INVALID, "measures"),
        ({"measures": ("sod", "sod")}, INVALID, "sod"),
        ({"measures": ("sod", "pnl")}, INVALID, "pnl"),
        ({"measures": 5}, INVALID, "measures"),
        ({"currency": "JPY"}, UNKNOWN, "JPY"),
        ({"currency": "usd"}, UNKNOWN, "usd"),
        ({"currency": 5}, INVALID, "5"),
        ({"currency": "local", "rollup": True, "by": "currency"}, INVALID, "currency"),
        ({"accounts": "A9"}, UNKNOWN, "A9"),
        ({"accounts": ["A1", "A9"]}, UNKNOWN, "A9"),
        ({"accounts": {"floor": "f"}}, INVALID, "floor"),
        ({"accounts": {"sector": "tech"}}, INVALID, "sector"),
        ({"accounts": 5}, INVALID, "5"),
        ({"instruments": ["AAPL", "aapl"]}, UNKNOWN, "aapl"),
        ({"instruments": {"desk": "d1"}}, INVALID, "desk"),
    ],
)
def test_a_bad_query_is_refused(refused, call, query, error, says) -> None:
    refused(lambda b: getattr(b, call)(**query), error, says)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda b: b.value("A9"), UNKNOWN, "A9"),
        (lambda b: b.value("A1", "JPY"), UNKNOWN, "JPY"),
        (lambda b: b.value("A1", "local"), INVALID, "local"),
        (lambda b: b.value(5), (INVALID, UNKNOWN), "5"),
        (lambda b: b.revalue("MSFT"), UNKNOWN, "MSFT"),
        (lambda b: b.holdings("A9"), UNKNOWN, "A9"),
        (lambda b: b.holdings(instruments={"floor": 1}), INVALID, "floor"),
        (lambda b: b.instrument_codes(["AAPL", "MSFT"]), UNKNOWN, "MSFT"),
        (lambda b: b.tick("MSFT", 1), UNKNOWN, "MSFT"),
        (lambda b: b.tick(5.5, 1), (INVALID, UNKNOWN), "5.5"),
        (lambda b: b.view(mode="eager"), INVALID, "eager"),
    ],
)
def test_a_bad_call_is_refused(refused, call, error, says) -> None:
    refused(call, error, says)


@pytest.mark.parametrize(
    "options",
    [{"value_scale": 31}, {"value_scale": -1}, {"value_scale": "8"}, {"value_scale": 1.5}]
    + [{"base_currency": name} for name in ("", "local", 5, None, "\ud800")],
)
def test_bad_options_of_a_book_are_refused(options) -> None:
    with pytest.raises(INVALID):
        mvcore.Book(**options)


def test_exceptions_have_the_documented_base_classes() -> None:
    bases = {"UnknownId": KeyError, "InvalidInput": ValueError, "ValueOverflow": OverflowError}
    for name in ("UnknownId", "InvalidInput", "ValueOverflow", "ClosedError", "CorruptData"):
        error = getattr(mvcore, name)
        assert issubclass(error, mvcore.Error)
        assert issubclass(error, bases.get(name, Exception))
    assert str(UNKNOWN("no 'x' here")) == "no 'x' here"


# -- overflows and closed books ------------------------------------------------------------------


def test_an_amount_that_does_not_fit_is_an_error_when_read(book) -> None:
    view = book.view(by="account")
    before = view.read().to_pylist()
    held = {"account": ["A1"], "instrument": ["CASH"]}
    book.update(
        holdings=held | {"quantity": [10**15]}, prices={"instrument": ["CASH"], "price": [10**15]}
    )
    for read in (
        lambda: book.value("A1"),
        lambda: book.values().to_pylist(),
        lambda: book.holdings().to_pylist(),
        lambda: book.revalue("CASH").to_pylist(),
        lambda: view.changes().to_pylist(),
        lambda: view.read().to_pylist(),
    ):
        with pytest.raises(mvcore.ValueOverflow):
            read()
    assert book.value("A2").current == before[1]["current"]
    book.tick("CASH", 10**14)
    a1 = D("100000000000000000000000002588.74285")
    row = before[0] | {"sod": a1, "current": a1, "expected": a1, "removed": False}
    assert view.changes().to_pylist() == [row]


def test_a_write_too_large_changes_nothing(book) -> None:
    most, before = "9" * 20 + "." + "9" * 18, dump(book, mvcore.Error)

    def write_and_read() -> None:
        book.update(
            instruments={"instrument": ["AAPL"], "multiplier": [most], "quote_factor": [most]},
            holdings={"account": ["A1"], "instrument": ["AAPL"], "quantity": [most]},
            prices={"instrument": ["AAPL"], "price": [most]},
        )
        book.values().to_pylist()  # unbounded accumulators may refuse only the read

    with pytest.raises(mvcore.ValueOverflow):
        write_and_read()
    if book.epoch == before["epoch"]:
        assert dump(book, mvcore.Error) == before


def test_a_closed_book_and_view_raise(book) -> None:
    view, other = book.view(), book.view(mode="incremental")
    with view:
        view.read()
    for call in (view.read, view.changes):
        with pytest.raises(mvcore.ClosedError):
            call()
    view.close()
    book.close()
    book.close()
    rows = {"instrument": ["AAPL"], "price": [1]}
    for call in (
        lambda: book.load(prices=rows),
        lambda: book.update(prices=rows),
        lambda: book.tick("AAPL", 1),
        lambda: book.ticks(["AAPL"], [1]),
        lambda: book.instrument_codes(["AAPL"]),
        lambda: book.remove(instruments=["CASH"]),
        lambda: book.value("A1"),
        book.values,
        book.holdings,
        lambda: book.revalue("AAPL"),
        book.prices,
        book.view,
        book.stats,
        book.memory,
        other.read,
        other.changes,
    ):
        with pytest.raises(mvcore.ClosedError):
            call()
    other.close()
    with mvcore.Book() as short:
        assert short.epoch == 0
    with pytest.raises(mvcore.ClosedError):
        short.values()
