"""Files that earlier versions wrote stay readable for ever.

tests/data has one folder for each format version of the journal. `make(mvcore.open(folder))` made
it with the first mvcore that wrote the version.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import mvcore
from reference import dump
from reliability import recorded

DATA = Path(__file__).resolve().parents[1] / "data"
FORMATS = [1, 2]


def stamp(nanoseconds: int) -> np.datetime64:
    """A time beyond the range of integers.

    The files were written when integers were not limited.
    """
    return np.datetime64(nanoseconds, "ns")


def make(book: mvcore.Book) -> None:
    """Make one of everything that a journal can hold. Never change this."""
    book.load(
        instruments={
            "instrument": ["AAPL", "BUND", "COIN"],
            "currency": ["USD", "EUR", "USD"],
            "multiplier": [1, None, "0.000000000000000001"],
            "quote_factor": ["1", "0.01", "1"],
            "sector": ["tech", "govt", None],
        },
        accounts={"account": ["A1", "Ä2", "gone"], "desk": ["d1", None, "d3"]},
        holdings={
            "account": ["A1", "A1", "Ä2"],
            "instrument": ["AAPL", "BUND", "COIN"],
            "quantity": ["99999999999999999900", "-0.000000000000000001", 5],
        },
        orders={
            "order": ["o1", "o2"],
            "account": ["A1", "Ä2"],
            "instrument": ["BUND", "AAPL"],
            "order_quantity": ["-7.25", 10],
            "filled_quantity": [-1, 0],
            "time": [None, stamp(5)],
        },
        prices={
            "instrument": ["AAPL", "BUND"],
            "price": ["150.25", "-36.98"],
            "time": [stamp(7), None],
        },
        fx={"currency": ["EUR"], "rate": ["1.0821"], "method": ["divide"]},
    )
    book.order("o3", "A1", "AAPL", 20, filled_quantity=15, status="partially_filled", time=stamp(9))
    book.update(
        accounts={"account": ["A1"], "desk": ["d2"]},
        holdings={"account": ["Ä2"], "instrument": ["AAPL"], "quantity": [1]},
        feed={"facts/0": 12345678901},
    )
    book.roll_day()
    book.remove(orders=["o1"], accounts=["gone"])
    book.tick("AAPL", "151.5", time=stamp(8))
    book.update(prices={"instrument": ["BUND"], "price": ["97.25"]}, feed={"prices/0": -1})
    book.flush()
    book.order("o2", "Ä2", "AAPL", 10, status="canceled", time=stamp(6))


@pytest.mark.parametrize("version", FORMATS)
def test_journals_of_older_versions_open(tmp_path: Path, version: int) -> None:
    folder = shutil.copytree(DATA / f"journal-v{version}", tmp_path / "book")
    wanted = mvcore.Book()
    make(wanted)
    with recorded("R1", f"a journal of format version {version} is opened") as record:
        for read_only in (True, False):
            record.runs += 1
            with mvcore.open(folder, read_only=read_only) as book:
                assert book.recovery.clean
                assert dump(book, mvcore.Error) == dump(wanted, mvcore.Error)
                by = {"by": ("desk", "sector"), "rollup": True}
                assert book.values(**by).to_pylist() == wanted.values(**by).to_pylist()
                assert book.feed_positions() == wanted.feed_positions()
