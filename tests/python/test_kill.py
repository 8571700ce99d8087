"""Processes killed while they write: the recovered book is a prefix of the writes.

The prefix contains everything acknowledged. tests/cpp/test_kill_points.cpp kills at disk calls.
"""

import os
import random
import shutil
import signal
import struct
import time
from pathlib import Path

import pytest

import mvcore
from reliability import Record, recorded, runs

ACCOUNTS = [f"A{k}" for k in range(5)]
INSTRUMENTS = [f"I{k}" for k in range(8)]
KILLS_OF_A_BOOK = 15  # checking a growing book takes ever longer


def load(book: mvcore.Book) -> None:
    book.load(
        instruments={"instrument": INSTRUMENTS, "currency": ["USD", "EUR"] * 4},
        accounts={"account": ACCOUNTS, "desk": list("ababa")},
        fx={"currency": ["EUR"], "rate": ["1.25"]},
        prices={"instrument": INSTRUMENTS, "price": [1] * 8},
    )


def fact(book: mvcore.Book, k: int) -> None:
    """Call k of the trace, independent of the calls before. Its feed position is k."""
    dice = random.Random(k)
    account, instrument = dice.choice(ACCOUNTS), dice.choice(INSTRUMENTS)
    kind = dice.randrange(10)
    if kind < 5:
        orders = {
            "order": [f"o{dice.randrange(40)}", "last"],
            "account": [account, "A0"],
            "instrument": [instrument, "I0"],
            "order_quantity": [dice.randrange(-999, 999), k],
        }
        book.update(orders=orders, feed={"calls": k})
    elif kind < 8:
        holdings = {"account": [account], "instrument": [instrument], "quantity": [f"{k}.5"]}
        book.update(holdings=holdings, feed={"calls": k})
    elif kind < 9:
        book.update(
            accounts={"account": [f"new{k}"], "desk": [f"d{k % 7}"]},
            holdings={"account": [f"new{k}"], "instrument": [instrument], "quantity": [k]},
            feed={"calls": k},
        )
    else:
        book.update(fx={"currency": ["EUR"], "rate": [1 + k % 50]}, feed={"calls": k})


def facts_of(book: mvcore.Book) -> tuple:
    """All that the trace changes, except prices."""
    rows = book.values(by=("account", "instrument", "desk"), prices=dict.fromkeys(INSTRUMENTS, 3))
    orders = [
        {name: row[name] for name in row if "value" not in name and name != "price"}
        for row in book.orders().to_pylist()
    ]
    return rows.to_pylist(), orders, book.feed_positions()


def child(path: Path, first: int, pipe: int, sync: str) -> None:
    """Write until killed, and report what was acknowledged."""
    book = mvcore.open(path, sync=sync, price_interval=0.002, journal_file_bytes=16384)
    os.write(pipe, struct.pack("q", first - 1))
    for k in range(first, first + 100_000):
        book.tick(INSTRUMENTS[k % 8], k)
        fact(book, k)
        os.write(pipe, struct.pack("q", k))


def killed(path: Path, first: int, after: float, sync: str) -> int:
    """The last call that a killed child acknowledged."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            child(path, first, write, sync)
        finally:
            os._exit(1)
    os.close(write)
    acknowledged = struct.unpack("q", os.read(read, 8))[0]  # the book is open
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    while told := os.read(read, 8):
        acknowledged = struct.unpack("q", told)[0]
    os.close(read)
    return acknowledged


class Oracle:
    """A book in memory that can be advanced to any later call."""

    def __init__(self) -> None:
        self.book = mvcore.Book()
        load(self.book)
        self.at = 0

    def facts_at(self, k: int) -> tuple:
        while self.at < k:
            self.at += 1
            fact(self.book, self.at)
        return facts_of(self.book)


@pytest.mark.parametrize("sync", ["always", "os"])
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path, sync: str) -> None:
    kills = runs(300, 10_000) // 2
    dice = random.Random(7)
    longest = 0.02 if sync == "always" else 0.004
    with recorded("D1", "a process killed at a random moment", "7") as record:
        for first in range(0, kills, KILLS_OF_A_BOOK):
            of_this = min(KILLS_OF_A_BOOK, kills - first)
            one_book(tmp_path / str(first), of_this, dice, longest, sync, record)
            shutil.rmtree(tmp_path / str(first))


def one_book(
    path: Path, kills: int, dice: random.Random, longest: float, sync: str, record: Record
) -> None:
    """Kill the process this many times, each time after a recovery."""
    oracle = Oracle()
    with mvcore.open(path) as book:
        load(book)
    latest = 0
    prices = [0] * 8
    for _ in range(kills):
        record.runs += 1
        acknowledged = killed(path, latest + 1, dice.uniform(0, longest), sync)
        with mvcore.open(path, read_only=True) as book:
            came = book.feed_positions().get("calls", 0)
            assert acknowledged <= came <= acknowledged + 1
            assert facts_of(book) == oracle.facts_at(came)
            now = [int(price) for price in book.prices()["price"]]
            assert all(a <= b <= came + 1 for a, b in zip(prices, now, strict=True))
            prices = now
        latest = came
    assert latest > kills // 2
    assert kills < KILLS_OF_A_BOOK or max(prices) > 1  # prices were recovered, too
