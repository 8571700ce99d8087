"""Durable books in unusual situations: moved folders, forks, refused calls, unusual days."""

import os
import shutil
import signal
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

import mvcore

HUGE = "99999999999999999999.999999999999999999"


def begin(path: str | Path, **options: object) -> mvcore.Book:
    book = mvcore.open(path, **options)
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        prices={"instrument": ["X"], "price": [1]},
    )
    return book


def orders_in(path: str | Path) -> list[str]:
    with mvcore.open(path) as book:
        return sorted(book.orders()["order"])


# ---- the folder ----


def test_a_relative_path_is_resolved_once(tmp_path, monkeypatch) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with begin(tmp_path / "there" / "book") as innocent:
        innocent.order("kept", "A", "X", 1)
    monkeypatch.chdir(tmp_path / "here")
    with begin("book", journal_file_bytes=4096, checkpoint_bytes=None) as book:
        monkeypatch.chdir(tmp_path / "there")
        for k in range(60):
            book.order(f"n{k}", "A", "X", 1)
            if k in (20, 40):
                book.checkpoint()
    assert len(orders_in(tmp_path / "here" / "book")) == 60
    assert orders_in(tmp_path / "there" / "book") == ["kept"]


def test_a_renamed_folder_is_still_the_book(tmp_path) -> None:
    with begin(tmp_path / "a", journal_file_bytes=4096, checkpoint_bytes=None) as book:
        os.rename(tmp_path / "a", tmp_path / "b")
        with begin(tmp_path / "a") as other:
            other.order("other", "A", "X", 1)
        for k in range(60):
            book.order(f"n{k}", "A", "X", 1)
            if k == 30:
                book.checkpoint()
    assert len(orders_in(tmp_path / "b")) == 60
    assert orders_in(tmp_path / "a") == ["other"]
    assert not list((tmp_path / "a").glob("manifest-*"))


def test_a_write_into_a_removed_folder_fails(tmp_path) -> None:
    book = begin(tmp_path / "book")
    shutil.rmtree(tmp_path / "book")
    with pytest.raises(mvcore.StorageError, match="No such file"):
        book.order("n", "A", "X", 1)
    with pytest.raises(mvcore.StorageError, match=r"earlier write.*failed \(.*No such file"):
        book.order("n", "A", "X", 1)
    assert len(book.orders()) == 0
    book.close()


def test_a_removed_lock_file_admits_no_second_writer(tmp_path) -> None:
    with begin(tmp_path / "book"):
        (tmp_path / "book" / "lock").unlink()
        with pytest.raises(mvcore.StorageError, match="open already"):
            mvcore.open(tmp_path / "book")
    mvcore.open(tmp_path / "book").close()


# ---- forks ----


def test_a_forked_child_can_read_beside_other_threads(tmp_path) -> None:
    book = begin(tmp_path / "book", sync="os")
    stop = threading.Event()

    def write() -> None:
        k = 0
        while not stop.is_set():
            k += 1
            book.order(f"o{k % 9}", "A", "X", k)
            book.tick("X", 1 + k % 3)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(25):
            pid = os.fork()
            if pid == 0:
                book.value("A")
                os._exit(0)
            end = time.monotonic() + 20
            while (done := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < end:
                time.sleep(0.002)
            if done[0] == 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            assert done == (pid, 0)
    finally:
        stop.set()
        writer.join()
        book.close()


# ---- names in refused calls ----


def test_a_checkpoint_has_the_names_of_its_journal(tmp_path, monkeypatch) -> None:
    book = begin(tmp_path / "book", checkpoint_bytes=None)
    with pytest.raises(mvcore.ValueOverflow):
        book.update(
            instruments={
                "instrument": ["HUGE"], "currency": ["USD"], "multiplier": ["9999999999.999999999"]
            },
            prices={"instrument": ["HUGE"], "price": [HUGE]},
            holdings={"account": ["A"], "instrument": ["HUGE"], "quantity": [HUGE]},
        )  # fmt: skip
    assert book._keeper is not None
    checkpoints = book._keeper._checkpoints
    write = checkpoints.write

    def later(*arguments, **options):
        book.update(instruments={"instrument": ["Y"], "currency": ["USD"]})
        return write(*arguments, **options)

    monkeypatch.setattr(checkpoints, "write", later)
    book.checkpoint()
    book.close()
    with mvcore.open(tmp_path / "book") as again:
        again.tick("Y", 2)
        assert again.prices()["instrument"] == ["X", "Y"]


# ---- orders of two sides, epochs ----


def test_a_change_of_an_order_that_overflows_the_day_is_refused(tmp_path) -> None:
    with mvcore.open(tmp_path / "book", checkpoint_bytes=None) as book:
        book.load(
            instruments={"instrument": ["X"], "currency": ["USD"]},
            accounts={"account": ["A"]},
            prices={"instrument": ["X"], "price": ["0.000001"]},
        )
        most = Decimal("60000000000000000000.000000000000000001")
        book.order("o", "A", "X", most, filled_quantity=most - 1)
        book.roll_day()
        with pytest.raises(mvcore.ValueOverflow, match=r"order.filled_quantity: filled_quantity -"):
            book.order("o", "A", "X", -most, filled_quantity=1 - most)
        book.checkpoint()
        values = book.values().to_pylist()
    with mvcore.open(tmp_path / "book") as again:
        assert again.values().to_pylist() == values


@pytest.mark.parametrize("checkpoint", [False, True])
def test_epochs_of_late_prices_are_restored(tmp_path, checkpoint) -> None:
    with begin(tmp_path / "book") as book:
        book.tick("X", 150, time=10**18)
        if checkpoint:
            book.checkpoint()
        for _ in range(5):
            book.tick("X", 1, time=10**18 - 5)
        epoch = book.epoch
    with mvcore.open(tmp_path / "book") as again:
        assert (again.epoch, again.prices()["price"]) == (epoch, [150])
        assert again.order("o", "A", "X", 1) == epoch + 1
