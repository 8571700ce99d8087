"""Repeats every kind of call in its own process, and measures the growth of memory and descriptors.

`python tests/leaks.py CALLS FOLDER` prints a line `kind calls resident allocated descriptors` for
each kind. The growth is that of a line fitted to twenty measurements. Allocated bytes may fit into
memory that is already resident. The last kinds leak on purpose.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import mvcore

ACCOUNTS = [f"A{k}" for k in range(6)]
INSTRUMENTS = [f"I{k}" for k in range(8)]
MOMENTS = 20
Kinds = dict[str, tuple[int, Callable[[int], object]]]  # number of calls: one in this many of CALLS


def load(book: mvcore.Book) -> None:
    book.load(
        instruments={"instrument": INSTRUMENTS, "currency": ["USD", "EUR"] * 4,
                     "sector": ["x", "y", None, "z"] * 2},
        accounts={"account": ACCOUNTS, "desk": ["a", "b", None] * 2},
        holdings={"account": ACCOUNTS * 8, "instrument": [i for i in INSTRUMENTS for _ in ACCOUNTS],
                  "quantity": [7] * 48},
        orders={"order": list(range(30)), "account": ACCOUNTS * 5, "instrument": ["I1"] * 30,
                "order_quantity": [9] * 30},
        prices={"instrument": INSTRUMENTS, "price": [1] * 8},
        fx={"currency": ["EUR"], "rate": ["1.25"]},
    )  # fmt: skip


def filled(book: mvcore.Book) -> mvcore.Book:
    """Fill the lists of the latest changes and facts, which hold 65,536 entries each."""
    load(book)
    quantity = np.arange(48)
    for k in range(1400):
        book.update(
            holdings={
                "account": ACCOUNTS * 8,
                "instrument": [i for i in INSTRUMENTS for _ in ACCOUNTS],
                "quantity": quantity + k,
            }
        )
    for k in range(8200):
        book.ticks(INSTRUMENTS, np.arange(8) + 0.25 * (k % 9))
    load(book)
    return book


def refused(call: Callable[[], object]) -> None:
    with contextlib.suppress(mvcore.Error):
        call()
        raise AssertionError("it was to be refused")


def writes(book: mvcore.Book) -> Kinds:
    codes = book.instrument_codes(INSTRUMENTS)
    prices = np.arange(8) + 0.5

    def order(k: int) -> int:
        return book.order(k % 30, ACCOUNTS[k % 6], INSTRUMENTS[k % 8], 1 + k % 50)

    def update(k: int) -> int:
        holdings = {"account": [ACCOUNTS[k % 6]], "instrument": ["I0"], "quantity": [k % 99]}
        return book.update(holdings=holdings, feed={"calls": k})

    def masters(k: int) -> int:
        return book.update(
            accounts={"account": [ACCOUNTS[k % 6]], "desk": [f"d{k % 5}"]},
            fx={"currency": ["EUR"], "rate": [f"1.{k % 9 + 1}"]},
        )

    return {
        "tick": (1, lambda k: book.tick(INSTRUMENTS[k % 8], k % 1000)),
        "ticks": (1, lambda k: book.ticks(codes, prices + k % 7)),
        "order": (1, order),
        "update": (10, update),
        "update of accounts and rates": (10, masters),
        "load": (100, lambda k: load(book)),
        "order and remove": (10, lambda k: (order(k), book.remove(orders=[k % 30]))),
        "roll_day": (100, lambda k: (order(k), book.roll_day())),
        "tick refused": (10, lambda k: refused(lambda: book.tick("no", k))),
        "order refused": (10, lambda k: refused(lambda: book.order(1, "no", "I0", k))),
        "update refused": (
            10,
            lambda k: refused(lambda: book.update(prices={"instrument": ["I0"], "price": ["x"]})),
        ),
    }


def reads(book: mvcore.Book) -> Kinds:
    lazy, grouped = book.view(), book.view(by=("desk", "sector"), rollup=True, mode="incremental")

    def snapshot(k: int) -> None:
        with book.snapshot() as now:
            book.tick("I0", k % 1000)
            now.value("A0")

    def changes(k: int) -> list[dict]:
        book.tick("I0", k % 1000)
        return lazy.changes().to_pylist()

    def together(k: int) -> list[mvcore.Frame]:
        book.tick("I1", k % 1000)
        return book.changes([lazy, grouped])

    def view(k: int) -> None:
        with book.view(accounts=["A1"], by=("instrument",)) as one:
            one.read()

    return {
        "value": (1, lambda k: book.value(ACCOUNTS[k % 6])),
        "value in another currency": (1, lambda k: book.value("A0", currency="EUR")),
        "value refused": (10, lambda k: refused(lambda: book.value("no"))),
        "values": (10, lambda k: book.values(by=("desk",), rollup=True).to_pylist()),
        "values as arrays": (10, lambda k: book.values().to_numpy("current")),
        "values in Arrow": (10, lambda k: book.values().to_arrow()),
        "what if": (10, lambda k: book.values(prices={"I0": k % 99}, fx={"EUR": 2})["current"]),
        "holdings": (10, lambda k: book.holdings(accounts=["A1"])["market_value"]),
        "positions": (10, lambda k: book.positions(accounts=["A1"])["current"]),
        "orders": (10, lambda k: book.orders(instruments=["I1"]).to_pylist()),
        "revalue": (10, lambda k: book.revalue("I1").to_numpy("market_value")),
        "prices": (10, lambda k: book.prices()["price"]),
        "read": (10, lambda k: lazy.read()["current"]),
        "changes": (10, changes),
        "changes of two views": (10, together),
        "snapshot": (10, snapshot),
        "open and close a view": (100, view),
        "forget a view": (100, lambda k: book.view(by=("desk",)).read() and None),
        "stats, memory": (100, lambda k: (book.stats(), book.memory())),
    }


def books(folder: Path) -> Kinds:
    def in_memory(k: int) -> None:
        load(mvcore.Book())

    def durable(k: int) -> None:
        with mvcore.open(folder / "opened", sync="os", journal_file_bytes=4096) as book:
            book.order(k, "A0", "I0", k)
            book.remove(orders=[k])
            if k % 10 == 0:
                book.checkpoint()

    def refused_open(k: int) -> None:
        refused(lambda: mvcore.open(folder / "opened", base_currency="JPY"))

    with mvcore.open(folder / "opened") as book:
        load(book)
        book.checkpoint()
    return {
        "a book in memory": (100, in_memory),
        "a book in a folder": (100, durable),
        "a book that is not opened": (100, refused_open),
    }


def stored(folder: Path) -> Iterator[Kinds]:
    """The calls of a durable book that differ from those of a book in memory."""
    options = {"sync": "os", "journal_file_bytes": 1 << 20, "checkpoint_bytes": 1 << 22}
    with mvcore.open(folder / "stored", **options) as book:
        kinds = writes(filled(book))
        yield {
            f"{kind}, in a folder": kinds[kind] for kind in ("tick", "order", "update", "load")
        } | {
            "flush": (10, lambda k: (book.tick("I0", k % 99), book.flush())),
            "checkpoint": (100, lambda k: (book.order(k % 30, "A0", "I0", k), book.checkpoint())),
        }


def seeded() -> Kinds:
    kept: list[bytes] = []
    return {
        "seeded: 128 bytes of Python": (1, lambda k: kept.append(bytes(128))),
        "seeded: 24 bytes of C": (1, lambda k: LIBC.malloc(24)),
        "seeded: a descriptor": (100, lambda k: os.dup(0)),
    }


class MallInfo(ctypes.Structure):
    """The result of glibc's mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                     "uordblks", "fordblks", "keepcost")
    )  # fmt: skip


LIBC = ctypes.CDLL(None)
LIBC.mallinfo2.restype = MallInfo


def now() -> tuple[int, int, int]:
    """Resident bytes, bytes allocated by malloc, open descriptors."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    given = LIBC.mallinfo2()
    return (
        pages * os.sysconf("SC_PAGE_SIZE"),
        given.uordblks + given.hblkhd,
        len(os.listdir("/proc/self/fd")),
    )


def growth(call: Callable[[int], object], calls: int) -> list[int]:
    """The growth of each over this many calls, after half as many warm-up calls."""
    each = -(-calls // MOMENTS)
    for k in range(calls // 2):
        call(k)
    gc.freeze()  # existing objects are not scanned again
    marks = [now()]
    for moment in range(MOMENTS):
        for k in range(moment * each, moment * each + each):
            call(k)
        marks.append(now())
    slopes = np.polyfit(np.arange(MOMENTS + 1), np.array(marks, dtype=float), 1)[0]
    return [round(slope * MOMENTS) for slope in slopes]


def main(calls: int, folder: Path) -> None:
    book = filled(mvcore.Book())

    def run(kinds: Kinds) -> None:
        for kind, (one_in, call) in kinds.items():
            print(kind, calls // one_in, *growth(call, calls // one_in), sep="\t", flush=True)

    run(writes(book))
    load(book)
    run(reads(book))
    run(books(folder))
    for kinds in stored(folder):
        run(kinds)
    run(seeded())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
