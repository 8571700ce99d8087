"""Forks while other threads use the book: the child finds the book in a consistent state."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import mvcore

ACCOUNTS, INSTRUMENTS = 400, 60
HANGS_AFTER = 20  # seconds until a child is killed and counts as hung


def tables() -> dict[str, dict[str, object]]:
    accounts = [f"A{k}" for k in range(ACCOUNTS)]
    instruments = [f"I{k}" for k in range(INSTRUMENTS)]
    return {
        "instruments": {"instrument": instruments, "currency": ["USD"] * INSTRUMENTS},
        "accounts": {"account": accounts},
        "prices": {"instrument": instruments, "price": [1] * INSTRUMENTS},
        "holdings": {
            "account": np.repeat(accounts, INSTRUMENTS),
            "instrument": np.tile(instruments, ACCOUNTS),
            "quantity": np.ones(ACCOUNTS * INSTRUMENTS, np.int64),
        },
    }


@contextmanager
def busy(*calls: Callable[[], object]) -> Iterator[None]:
    """Repeat every call, each in its own thread."""
    stop, faults = threading.Event(), []

    def again(call: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                call()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=again, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []


def in_child(work: Callable[[], object]) -> str:
    """The outcome of work() in a forked child: "ok", the error's name, or "hung"."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(write, b"ok")
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    end = time.monotonic() + HANGS_AFTER
    try:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return "hung"
            time.sleep(0.001)
        return os.read(read, 1000).decode()
    finally:
        os.close(read)


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_forked_child_has_its_own_copy_of_a_book_in_memory(mode: str) -> None:
    book = mvcore.Book()
    given = tables()
    book.load(**given)
    holdings = {"holdings": given["holdings"]}
    view = book.view(by="account", mode=mode)

    def child() -> None:
        with book.snapshot() as now:
            assert now.value("A1").current == book.value("A1").current
        book.load(**given)
        book.tick("I3", 5)
        assert book.value("A1").current == INSTRUMENTS + 4
        assert len(view.read()) == ACCOUNTS
        book.values(by=("account", "instrument"))

    def snapshots() -> None:
        with book.snapshot() as now:
            now.value("A2")

    with busy(
        lambda: book.tick("I0", 1 + time.monotonic_ns() % 7),
        lambda: book.load(**holdings),
        lambda: book.values(by=("account", "instrument")),
        view.read,
        snapshots,
        lambda: book.value("A2"),
    ):
        assert [in_child(child) for _ in range(15)] == ["ok"] * 15


def test_a_forked_child_reads_a_durable_book_and_never_writes_it(tmp_path: Path) -> None:
    with mvcore.open(tmp_path / "book", sync="os") as book:
        given = tables()
        book.load(**given)

        def child() -> None:
            book.value("A1")
            book.values(by="account")
            with pytest.raises(mvcore.StorageError, match="forked child"):
                book.tick("I0", 2)
            with pytest.raises(mvcore.StorageError, match="forked child"):
                book.update(prices=given["prices"])

        with busy(
            lambda: book.tick("I0", 1 + time.monotonic_ns() % 7),
            lambda: book.order("O1", "A1", "I1", 1 + time.monotonic_ns() % 9),
            lambda: book.update(prices=given["prices"]),
            lambda: book.values(by="account"),
        ):
            assert [in_child(child) for _ in range(15)] == ["ok"] * 15


def test_a_forked_child_can_close_a_book_during_a_checkpoint(tmp_path: Path) -> None:
    with mvcore.open(tmp_path / "book") as book:
        keeper = book._keeper
        assert keeper is not None
        with keeper._closing._cond:  # its thread holds this lock when it begins to wait
            assert in_child(book.close) == "ok"
        with keeper._writing:  # as if a checkpoint were being written
            assert in_child(book.close) == "ok"
        book.update(instruments={"instrument": ["I"], "currency": ["USD"]})
        book.checkpoint()
