"""`threads=`: large reads use several threads, and return what one thread returns."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import mvcore

THREADS = (1, 2, 3)
Tables = dict[str, dict[str, Any]]


def tables(random: np.random.Generator, accounts: int, instruments: int, shape: str) -> Tables:
    """A random book. Every line, or every part of it, is as dense as `shape` says."""
    names = [f"A{k}" for k in range(accounts)]
    codes = [f"I{k}" for k in range(instruments)]
    held = []
    for i in range(instruments):
        if shape == "dense" or (shape == "mixed" and i % 97 == 0):
            held.append(np.arange(accounts) if i % 3 else np.arange(accounts // 2))
        else:
            held.append(np.unique(random.integers(0, accounts, accounts // 100)))
    account = np.concatenate(held).astype(np.int32)
    instrument = np.repeat(np.arange(instruments, dtype=np.int32), [len(h) for h in held])
    # Only the mixed shape has totals that do not fit 64 bits.
    bits = random.integers(1, 60 if shape == "mixed" else 12, instruments)[instrument]
    quantity = random.integers(1, 2**bits) * random.choice([-1, 1], len(bits))
    priced = np.flatnonzero(random.random(instruments) < 0.95)
    orders = random.integers(0, len(account), 300)
    return {
        "accounts": {
            "account": names,
            "desk": [f"D{k}" for k in random.integers(0, 9, accounts)],
            "firm": ["F"] * accounts,
        },
        "instruments": {
            "instrument": codes,
            "currency": random.choice(["USD", "EUR", "JPY"], instruments, p=[0.8, 0.1, 0.1]),
            "sector": [f"S{k}" for k in random.integers(0, 7, instruments)],
        },
        "prices": {
            "instrument": [codes[k] for k in priced],
            "price": random.integers(1, 10**6, len(priced)) / 10.0 ** (1 + priced % 3),
        },
        "fx": {"currency": ["EUR", "JPY"], "rate": [1.25, 0.0078]},
        "holdings": {
            "account": pa.DictionaryArray.from_arrays(account, names),
            "instrument": pa.DictionaryArray.from_arrays(instrument, codes),
            "quantity": quantity,
        },
        "orders": {
            "order": np.arange(len(orders)),
            "account": [names[a] for a in account[orders]],
            "instrument": [codes[i] for i in instrument[orders]],
            "order_quantity": np.full(len(orders), 100),
            "filled_quantity": random.integers(0, 100, len(orders)),
        },
    }


# Accounts and instruments, so that the sweep of each shape is large enough to be shared. The dense
# one has fewer blocks of rows than a sweep has parts.
SHAPES = {"dense": (4_300, 1_400), "mixed": (20_000, 1_500), "sparse": (40_000, 900)}


@pytest.fixture(scope="module", params=SHAPES)
def books(request: pytest.FixtureRequest) -> Iterator[list[mvcore.Book]]:
    shape = request.param
    random = np.random.default_rng([7, list(SHAPES).index(shape)])
    given = tables(random, *SHAPES[shape], shape)
    out = []
    for threads in THREADS:
        book = mvcore.Book(threads=threads)
        book.load(**given)
        out.append(book)
    yield out
    for book in out:
        book.close()


Read = Callable[[Any], mvcore.Frame]
HALF = [f"A{k}" for k in range(0, 4_000, 2)]
READS: dict[str, Read] = {
    "account": lambda b: b.values(by="account"),
    "converted": lambda b: b.values(by="account", currency="EUR", measures="current"),
    "local": lambda b: b.values(by="account", currency="local"),
    "sector": lambda b: b.values(by="sector"),
    "desk and sector": lambda b: b.values(by=("desk", "sector")),
    "rollup": lambda b: b.values(by=("firm", "desk"), rollup=True),
    "account and sector": lambda b: b.values(by=("account", "sector"), measures="sod"),
    "instrument": lambda b: b.values(by="instrument", measures="expected"),
    "some accounts": lambda b: b.values(accounts=HALF, by="desk"),
    "a sector": lambda b: b.values(instruments={"sector": ["S1", "S2"]}, by="account"),
    "what-if": lambda b: b.values(by="account", prices={"I0": "7.77"}),
}


def moved(book: mvcore.Book, seed: int) -> None:
    """Move more prices than a view follows one by one."""
    random = np.random.default_rng(seed)
    codes = np.arange(900, dtype=np.int32)
    book.ticks(codes, random.integers(1, 10**6, len(codes)), scale=2)


@pytest.mark.parametrize("read", READS)
def test_any_number_of_threads_returns_the_same(books: list[mvcore.Book], read: str) -> None:
    swept = [book.stats()["cells_swept"] for book in books]
    one, *others = (READS[read](book) for book in books)
    assert len(one) > 0
    for other in others:
        assert other.to_arrow().equals(one.to_arrow())
    cells = [book.stats()["cells_swept"] - s for book, s in zip(books, swept, strict=True)]
    assert cells == [cells[0]] * len(THREADS)
    with books[0].snapshot() as first, books[2].snapshot() as third:
        if read != "what-if":
            assert READS[read](third).to_arrow().equals(READS[read](first).to_arrow())


def test_only_books_with_several_threads_count_parallel_sweeps(books: list[mvcore.Book]) -> None:
    before = [book.stats()["parallel_sweeps"] for book in books]
    for book in books:
        book.values(by="account")
        with book.snapshot() as snapshot:
            snapshot.values(by="account")
    more = [book.stats()["parallel_sweeps"] - b for book, b in zip(books, before, strict=True)]
    assert more[0] == 0
    assert more[1] == more[2] >= 2


@pytest.mark.parametrize("by", ["account", "desk"])
def test_views_build_and_rebuild_the_same(books: list[mvcore.Book], by: str) -> None:
    views = [book.view(by=by) for book in books]
    for seed in range(3):
        before = [book.stats()["parallel_sweeps"] for book in books]
        one, *others = (view.changes().to_arrow() for view in views)
        assert len(one) > 0
        assert all(other.equals(one) for other in others)
        assert views[0].stats()["rebuilds"] == views[2].stats()["rebuilds"] == seed + 1
        after = [book.stats()["parallel_sweeps"] for book in books]
        assert after[0] == before[0] and after[1] > before[1] and after[2] > before[2]
        for book in books:
            moved(book, seed)
    for view in views:
        view.close()


def test_readers_that_meet_return_the_same(books: list[mvcore.Book]) -> None:
    """One of them finds the pool busy, or the other."""
    book = books[2]
    want = book.values(by="account").to_arrow()
    same: list[bool] = []

    def read() -> None:
        for _ in range(3):
            same.append(book.values(by="account").to_arrow().equals(want))  # noqa: PERF401

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert same == [True] * 12


# ---- the threads themselves ----


def sweepers() -> int:
    """Number of threads of the pool in this process."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:  # it has ended
            continue
    return names.count("mvcore-sweep")


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="the system lists no threads"
)


def large(threads: int | None) -> mvcore.Book:
    book = mvcore.Book(threads=threads)
    book.load(**tables(np.random.default_rng(3), 40_000, 900, "sparse"))
    return book


@needs_proc
def test_threads_start_with_the_first_large_read_and_end_with_the_last_book() -> None:
    started = sweepers()  # of books that other tests hold
    with large(4) as book, mvcore.Book(threads=8) as small:
        small.load(
            accounts={"account": ["A"]},
            instruments={"instrument": ["I"], "currency": ["USD"]},
            holdings={"account": ["A"], "instrument": ["I"], "quantity": [1]},
        )
        small.values(by="account")
        book.values(by="account", accounts=["A1"])
        assert sweepers() == started
        book.values(by="account")
        assert sweepers() == max(started, 3)
    del book, small
    assert sweepers() in {0, max(started, 3)}  # the books of other tests keep them


@needs_proc
def test_one_thread_never_starts_another() -> None:
    started = sweepers()
    with large(1) as book:
        book.values(by="account")
        book.view(by="desk").read()
        assert sweepers() == started
        assert book.stats()["parallel_sweeps"] == 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_its_own_threads() -> None:
    with large(3) as book:
        want = book.values(by="account").to_arrow()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                same = book.values(by="account").to_arrow().equals(want)
                counted = book.stats()["parallel_sweeps"]
                os.write(write, f"{same} {counted} {sweepers()}".encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.read() == "True 2 2"
        os.waitpid(child, 0)
        assert book.values(by="account").to_arrow().equals(want)


# ---- the argument ----


def test_the_number_of_threads_can_be_read(tmp_path: Path) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert mvcore.Book().threads == mvcore.Book(threads=None).threads == cores
    assert mvcore.Book(threads=1024).threads == 1024
    with mvcore.open(tmp_path / "book", threads=2) as book, book.snapshot() as snapshot:
        assert book.threads == snapshot.threads == 2
    with mvcore.open(tmp_path / "book", threads=3) as book:
        assert book.threads == 3
    with mvcore.open(tmp_path / "book", read_only=True) as book:
        assert book.threads == cores


NOT_IN_RANGE, OF_OTHER_TYPES = (0, -1, 1025, 2**70), (True, 2.0, "2", np.int64(2), [2])


@pytest.mark.parametrize("threads", NOT_IN_RANGE + OF_OTHER_TYPES, ids=repr)
def test_other_numbers_of_threads_are_refused(threads: Any, tmp_path: Path) -> None:
    for make in (mvcore.Book, lambda threads: mvcore.open(tmp_path / "new", threads=threads)):
        with pytest.raises(mvcore.InvalidInput) as caught:
            make(threads=threads)
        error = caught.value
        assert (error.table, error.column, error.row) == ("book", "threads", None)
        assert error.value is threads
        assert str(error).startswith("book.threads: ")
        wrong = "is not in 1..1024" if threads in NOT_IN_RANGE else "is neither an int nor None"
        assert error.reason.endswith(wrong)
    assert not (tmp_path / "new").exists()
