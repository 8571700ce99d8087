"""Values that NumPy, Arrow or Python make, which have no plain meaning: refused by name."""

from __future__ import annotations

import decimal
import multiprocessing
from array import array

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import mvcore

NOT_UTF8 = pa.array([b"A1", b"\xff\xfe"], pa.binary()).view(pa.string())


# ---- times without a unit ----


@pytest.mark.parametrize(
    "times",
    [
        np.array([1_700_000_000, 1_700_000_000]).view("M8"),
        np.array(["NaT", "NaT"], "M8[s]").astype("M8"),
        list(np.array([1_700_000_000, 1_700_000_000]).view("M8")),
        np.array([1_700_000_000, 1_700_000_000], ">i8").view(">M8"),
    ],
    ids=["array", "not a time", "list", "big endian"],
)
def test_a_datetime64_needs_a_unit(book: mvcore.Book, times: object) -> None:
    fact = {"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": times}
    if np.isnat(np.asarray(times)).all():
        book.update(prices=fact)
        return
    with pytest.raises(mvcore.InvalidInput, match="has no unit") as caught:
        book.update(prices=fact)
    error = caught.value
    assert (error.table, error.column, error.row) == ("prices", "time", 0)
    assert "1700000000" in str(error)


def test_only_the_times_of_an_array_need_a_unit(book: mvcore.Book) -> None:
    times = np.array([np.iinfo(np.int64).min, 5]).view("M8")
    with pytest.raises(mvcore.InvalidInput, match=r"prices\.time, row 1: .*has no unit"):
        book.update(prices={"instrument": ["AAPL", "BUND"], "price": [1, 2], "time": times})


def test_a_time_of_a_tick_needs_a_unit(book: mvcore.Book) -> None:
    time = np.array([1_700_000_000]).view("M8")[0]
    with pytest.raises(mvcore.InvalidInput, match="has no unit"):
        book.tick("AAPL", 1, time)
