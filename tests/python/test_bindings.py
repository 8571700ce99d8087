"""The compiled module checks lengths, codes and types of arguments.

It frees memory without the GIL.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mvcore
from mvcore import _core
from mvcore.ingest.tables import number_column


def core(book: mvcore.Book) -> _core.Book:
    return book._core


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def prices(*values: int) -> _core.Column:
    return number_column(list(values), "ticks", "price")


@pytest.mark.parametrize(
    ("instruments", "given", "times"),
    [
        (codes(0, 1), [1], None),
        (codes(0), [1, 2], None),
        (codes(0), [1], np.zeros(2, np.int64)),
        (codes(0, 0), [1, 2], np.zeros(1, np.int64)),
        (codes(0, 0).reshape(1, 2), [1, 2], None),
    ],
)
def test_ticks_of_different_lengths_are_refused(book, instruments, given, times) -> None:
    before = book.stats()
    with pytest.raises(mvcore.InvalidInput, match="expected as many of each"):
        core(book).ticks(instruments, prices(*given), times, False)
    assert book.stats() == before


@pytest.mark.parametrize("wrong", [codes(999), codes(2**31 - 1), codes(0, 77)])
@pytest.mark.parametrize("side", ["account", "instrument", "currency"])
def test_codes_without_a_name_are_refused(book, side: str, wrong) -> None:
    with pytest.raises(mvcore.InvalidInput, match="out of range"):
        core(book).names(side, wrong)
    assert core(book).names(side, codes(-1, 0))[0] is None


@pytest.mark.parametrize(
    "wrong", [np.array([0.0]), np.array([2**40]), np.array(["0"]), np.array([None])]
)
def test_arrays_that_do_not_convert_without_loss_are_refused(book, wrong) -> None:
    with pytest.raises(TypeError):
        core(book).names("account", wrong)


def groups(**changed: object) -> list[object]:
    """Arguments of the core's `values`: one group of accounts and of instruments."""
    named = {
        "accounts": codes(0), "account_groups": 1, "instruments": codes(0), "instrument_groups": 1,
        "levels": [], "rows": 1, "masters": 0, "measures": [0], "functions": None, "currency": 0,
        "given": {}, "page": None, "quantities": None,
    }  # fmt: skip
    assert changed.keys() <= named.keys()
    return list((named | changed).values())


@pytest.mark.parametrize(
    "changed",
    [
        {"accounts": codes(1)},
        {"accounts": codes(-2)},
        {"accounts": codes(0).reshape(1, 1)},
        {"instruments": codes(0, 7)},
        {"levels": [codes(0), codes(1)]},
        {"levels": [codes(-5)]},
        {"measures": [3]},
        {"measures": [-1]},
        {"given": {"holding": {}}},
    ],
    ids=str,
)
def test_groups_out_of_range_are_refused(book, changed: dict[str, object]) -> None:
    masters = core(book).masters
    core(book).values(*groups(masters=masters))
    with pytest.raises(mvcore.InvalidInput, match=r"out of range|one dimension|unknown table"):
        core(book).values(*groups(masters=masters, **changed))


@pytest.mark.parametrize(
    ("field", "place", "keys", "levels"),
    [
        ("amount", 3, None, []),
        ("float", 0, None, []),
        ("quantity", 0, None, []),
        ("price", 0, None, []),
        ("account", 0, codes(), []),
        ("instrument", 0, codes(), []),
        ("amount", 0, None, [codes(0)]),
    ],
    ids=str,
)
def test_pages_of_columns_that_do_not_exist_are_refused(book, field, place, keys, levels) -> None:
    page = _core.ResultPage(0, 1)
    page.add_sort(field, place, keys, True)
    masters = core(book).masters
    with pytest.raises(mvcore.InvalidInput, match=r"page: .*(out of range|no pages)"):
        core(book).values(*groups(masters=masters, page=page, levels=levels))
    named = groups(masters=masters, levels=levels)[:7]
    with book.view() as view, pytest.raises(mvcore.InvalidInput, match="page"):
        view._core.reshape(*named, None, page, "", None, [])


@pytest.mark.parametrize(
    ("level_of", "labels"),
    [
        (codes(), [("row", None, None)]),
        (None, [("account_group", codes(), None)]),
        (None, [("instrument_group", codes(0).reshape(1, 1), None)]),
        (None, [("accounts", None, None)]),
    ],
)
def test_labels_of_too_few_groups_are_refused(book, level_of, labels) -> None:
    named = groups(masters=core(book).masters, levels=[codes(0)], rows=1)[:7]
    with book.view() as view, pytest.raises(mvcore.InvalidInput, match="labels"):
        view._core.reshape(*named, None, None, "", level_of, labels)


def test_columns_of_json_have_one_value_for_each_row() -> None:
    rows, texts = _core.JsonRows(2), _core.label_texts(["a", "b"])
    wide, valid = np.zeros((2, 2), np.int64), np.ones(1, np.uint8)
    for add in (
        lambda: rows.add_names(codes(0), texts),
        lambda: rows.add_decimals(wide[:1], 2, False, None),
        lambda: rows.add_decimals(np.zeros((2, 3), np.int64), 2, False, None),
        lambda: rows.add_decimals(wide, 2, False, valid),
        lambda: rows.add_decimals(wide, 39, False, None),
        lambda: rows.add_integers(np.zeros(3, np.int64)),
        lambda: rows.add_flags(valid),
        lambda: rows.add_json(["1"]),
    ):
        with pytest.raises(mvcore.InvalidInput, match=r"number of rows|scale"):
            add()
    rows.add_names(codes(1, -1), texts)
    assert rows.lines() == ['["b"]', "[null]"]
    rows.add_names(codes(0, 2), texts)
    with pytest.raises(mvcore.InvalidInput, match="no text has the code 2"):
        rows.lines()


@pytest.mark.parametrize(
    ("field", "keys", "op"),
    [
        ("amount", codes(0), "="),
        ("account", None, "="),
        ("amuont", None, "="),
        ("amount", None, "~"),
    ],
    ids=str,
)
def test_invalid_conditions_of_a_page_are_refused(field, keys, op) -> None:
    with pytest.raises(mvcore.InvalidInput, match=r"page: (only groups|unknown name)"):
        _core.ResultPage(0, None).add_condition(field, 0, keys, op, 0, 0, 0.0)


def test_views_of_several_books_are_not_read_together(book) -> None:
    other = mvcore.Book()
    other.load(accounts={"account": ["A"]})
    views = [book.view()._core, other.view()._core]
    with pytest.raises(mvcore.InvalidInput, match="several books"):
        _core.changes(views)


def test_a_mask_must_be_as_long_as_its_array() -> None:
    with pytest.raises(ValueError, match="mask"):
        _core.to_decimals(np.arange(4), 0, False, np.ones(3, np.uint8))
    assert _core.to_decimals(np.arange(2), 0, False, np.array([1, 0], np.uint8))[1] is None


def test_a_checksum_refuses_arrays_that_are_not_contiguous() -> None:
    data = np.arange(64, dtype=np.uint8)
    with pytest.raises(mvcore.InvalidInput, match="contiguous"):
        _core.crc32c(data[::2])
    assert _core.crc32c(data[::2].copy()) == _core.crc32c(bytes(range(0, 64, 2)))


# ---- destructors release the GIL ----


def lets_others_run(work: Callable[[], object]) -> bool:
    """Return whether a thread that waits for the GIL gets it while work() runs."""
    ran: list[bool] = []
    gate = threading.Lock()
    gate.acquire()

    def wait() -> None:
        with gate:
            ran.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # no thread is forced to release the GIL
    try:
        gate.release()
        work()
        return ran != []
    finally:
        sys.setswitchinterval(interval)
        thread.join()


def durable_book(path: Path) -> list[object]:
    """A book that is never closed. It flushes and seals its journal when it is freed."""
    book = mvcore.open(path, sync="os", checkpoint_bytes=None)
    accounts = [f"A{k}" for k in range(20_000)]
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]}, accounts={"account": accounts}
    )
    return [book._core]


def dropped(make: Callable[[int], list[object]]) -> list[bool]:
    """In some of the runs the other thread gets the GIL in time; in none if the GIL is kept."""
    out = []
    for run in range(20):
        held = make(run)
        out.append(lets_others_run(held.clear))
    return out


def test_a_dropped_durable_book_flushes_without_the_gil(tmp_path: Path) -> None:
    assert any(dropped(lambda run: durable_book(tmp_path / str(run))))


def test_the_check_of_the_gil_can_fail() -> None:
    assert not any(dropped(lambda _: [[object() for _ in range(200_000)]]))
