"""Rows of frames: iteration, slices, and their display."""

from __future__ import annotations

import itertools
from decimal import Decimal as D

import numpy as np
import pytest

import mvcore
from case_book import make
from mvcore import frame as frames_module

SLICES = [
    slice(None), slice(0, 0), slice(1), slice(1, 3), slice(-2, None), slice(2, 1), slice(None, 99),
    slice(99, None), slice(None, None, 2), slice(None, None, -1), slice(-1, 0, -2), slice(3, 1, -1),
]  # fmt: skip


@pytest.fixture(params=["text", "integer"])
def book(request) -> mvcore.Book:
    book = make()
    ids = ["O1", "O2", "O3"] if request.param == "text" else [1, 2, 3]
    book.update(
        orders={"order": ids, "account": ["X", "Y", "Y"], "instrument": ["SAP", "SAP", "A"],
                "order_quantity": [5, -3, "0.5"], "filled_quantity": [2, 0, 0]},
        prices={"instrument": ["A"], "price": ["9.5"], "time": ["2024-03-01T12:00:00Z"]},
    )  # fmt: skip
    return book


def every_frame(book) -> dict[str, mvcore.Frame]:
    view = book.view(by=("account", "sector"), rollup=True)
    return {
        "values": book.values(by=("account", "instrument"), currency="local"),
        "rollup": book.values(by=("sector", "currency"), rollup=True),
        "changes": view.changes(),
        "nothing": view.changes(),
        "holdings": book.holdings(),
        "positions": book.positions(currency="local"),
        "orders": book.orders(),
        "revalue": book.revalue("SAP"),
        "prices": book.prices(),
    }


def test_iteration_returns_the_rows_of_to_pylist(book, monkeypatch) -> None:
    for chunk in (1_000, 2, 1):
        monkeypatch.setattr(frames_module, "CHUNK", chunk)
        for frame in every_frame(book).values():
            assert list(frame) == frame.to_pylist()
            assert [row for row in frame] == list(frame)  # noqa: C416 - a second time


def test_iteration_creates_only_the_rows_requested(monkeypatch) -> None:
    made = []

    def names(codes) -> list[str]:
        made.extend(codes.tolist())
        return [str(code) for code in codes]

    column = frames_module.Text(np.arange(10_000, dtype=np.int32), names)
    frame = mvcore.Frame({"name": column}, 10_000, 1)
    assert list(itertools.islice(frame, 3)) == [{"name": "0"}, {"name": "1"}, {"name": "2"}]
    assert len(made) == frames_module.CHUNK
    made.clear()
    assert "9999" not in repr(frame)
    assert len(made) <= 10


@pytest.mark.parametrize("rows", SLICES, ids=str)
def test_slices_of_frames_have_the_selected_rows(book, rows) -> None:
    for name, frame in every_frame(book).items():
        part, wanted = frame[rows], frame.to_pylist()[rows]
        assert (len(part), part.epoch) == (len(wanted), frame.epoch), name
        assert part.column_names == frame.column_names
        assert part.to_pylist() == wanted
        assert part[:2].to_pylist() == wanted[:2]
        table = part.to_arrow()
        assert table.schema == frame.to_arrow().schema
        assert table.num_rows == len(wanted)
        for column in part.column_names:
            assert part[column] == frame[column][rows]
            if column in ("account", "instrument"):
                assert part.codes(column).tolist() == frame.codes(column)[rows].tolist()
            if column in ("market_value", "current"):
                assert part.to_numpy(column).tolist() == frame.to_numpy(column)[rows].tolist()
        assert part.to_arrow(decimals="narrow").to_pylist() == table.to_pylist()


def test_a_slice_keeps_its_epoch(book) -> None:
    part = book.values(by="account")[1:]
    book.load(prices={"instrument": ["A"], "price": [1]})
    assert part["current"] == [D("2975.00")]


@pytest.mark.parametrize("rows", [slice("a", "b"), slice(1.5), slice(None, None, 0)])
def test_wrong_slices_are_refused(book, rows) -> None:
    with pytest.raises(mvcore.InvalidInput, match="rows slice"):
        book.values()[rows]


@pytest.mark.parametrize("name", [0, None, "nothing", ("account",), 1.5])
def test_unknown_columns_are_refused(book, name) -> None:
    with pytest.raises(mvcore.InvalidInput, match="no column"):
        book.values()[name]


LONG = "an account with a name\nof two lines that is <b>very</b> long"


@pytest.fixture
def odd() -> mvcore.Book:
    book = make()
    book.update(accounts={"account": [LONG]})
    book.update(holdings={"account": [LONG], "instrument": ["CASH"], "quantity": ["0.01"]})
    return book


def test_repr_shows_a_table(odd) -> None:
    assert repr(odd.values(measures="current")).splitlines() == [
        "mvcore.Frame: 3 rows, epoch 3",
        "account                                   amount_currency  current  unpriced",
        "X                                         USD              2250.00         0",
        "Y                                         USD              2975.00         0",
        r"an account with a name\nof two lines ...  USD                 0.01         0",
    ]
    assert repr(odd.prices()).splitlines()[-1] == "CASH            1  null      1"


def test_repr_says_how_many_rows_are_left_out(odd) -> None:
    assert repr(odd.values(accounts=[])).splitlines() == [
        "mvcore.Frame: 0 rows, epoch 3",
        "account  amount_currency  sod  current  expected  unpriced",
    ]
    assert repr(odd.values(by=())).splitlines()[0] == "mvcore.Frame: 1 row, epoch 3"
    names = [f"I{k}" for k in range(12)]
    book = mvcore.Book()
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * 12},
        prices={"instrument": names, "price": range(12)},
    )
    lines = repr(book.prices()).splitlines()
    assert (len(lines), lines[-1]) == (13, "... 2 rows more")
    assert "<p>... 2 rows more</p>" in book.prices()._repr_html_()
    assert book.prices()._repr_html_().count("<tr>") == 11


def test_names_are_escaped_in_html(odd) -> None:
    odd.update(accounts={"account": [LONG], "desk": ["<script>&amp;</script>"]})
    shown = odd.values(by="desk", measures="current")._repr_html_()
    assert "<td>&lt;script&gt;&amp;amp;&lt;/script&gt;</td>" in shown
    assert "<script>" not in shown
    assert '<td style="text-align: right">0.01</td>' in shown
    assert "<caption>mvcore.Frame: 3 rows, epoch 4</caption>" in shown
