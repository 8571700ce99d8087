"""A full disk: the call raises, reads continue, and acknowledged facts are there after
reopening."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mvcore
from reliability import recorded

MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB, if the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode != 0:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def put(book: mvcore.Book, batch: int, quantity: int) -> None:
    """2,000 orders with long ids."""
    book.update(
        orders={
            "order": [f"{'x' * 200}{batch * 2000 + k}" for k in range(2000)],
            "account": ["A"] * 2000,
            "instrument": ["I"] * 2000,
            "order_quantity": [quantity] * 2000,
        }
    )


def fill(book: mvcore.Book) -> int:
    """Write orders until the disk is full. Returns the last acknowledged one."""
    for k in range(1, 1000):
        try:
            put(book, 0, k)
        except mvcore.StorageError:
            return k - 1
    raise AssertionError("it was never full")


def begin(path: Path) -> mvcore.Book:
    book = mvcore.open(path, journal_file_bytes=2 * MEGABYTE)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        prices={"instrument": ["I"], "price": [2]},
    )
    return book


def check_full(book: mvcore.Book, latest: int) -> None:
    """Assert that reads still work and writes are refused."""
    assert book.value("A").expected == 2 * 2000 * latest
    for call in (
        lambda: book.tick("I", 3),
        lambda: book.update(prices={"instrument": ["I"], "price": [3]}),
        lambda: book.order("one", "A", "I", 1),
        lambda: book.flush(),
    ):
        with pytest.raises(mvcore.StorageError):
            call()
    assert book.value("A").expected == 2 * 2000 * latest


def check_opens_again(path: Path, latest: int) -> None:
    with mvcore.open(path) as book:
        assert book.value("A").expected == 2 * 2000 * latest
        book.order("one", "A", "I", 1)
    with mvcore.open(path) as book:
        assert book.value("A").expected == 2 * (2000 * latest + 1)


def test_a_journal_that_fills_the_disk_loses_nothing(small_disk: Path) -> None:
    with recorded("D5", "a disk of 16 MB that a journal fills and that is then freed") as record:
        record.runs = 1
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(4 * MEGABYTE))
        book = begin(small_disk / "book")
        latest = fill(book)
        check_full(book, latest)
        book.close()
        with mvcore.open(small_disk / "book", read_only=True) as reader:  # though no space is free
            assert reader.value("A").expected == 2 * 2000 * latest
        ballast.unlink()
        check_opens_again(small_disk / "book", latest)


def free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_bsize


@pytest.mark.parametrize("room", [0, 60_000, 500_000, 1_000_000])
def test_a_checkpoint_on_a_full_disk_loses_nothing(small_disk: Path, room: int) -> None:
    """The checkpoint fails.

    The book continues in the remaining space, and checkpoints once there is more.
    """
    what = "a disk of 16 MB that is too full for a checkpoint and that is then freed"
    with recorded("D5", what) as record:
        record.runs = 1
        path, ballast = small_disk / "book", small_disk / "ballast"
        book = begin(path)
        put(book, 1, 1)
        book.checkpoint()
        for batch in range(3):
            put(book, batch, 2)
        ballast.write_bytes(bytes(max(0, free_bytes(small_disk) - room)))
        left = free_bytes(small_disk)
        for _ in range(3):
            with pytest.raises(mvcore.StorageError, match="checkpoint"):
                book.checkpoint()
            assert free_bytes(small_disk) >= left - 4096  # no useless file is left
        assert book.value("A").expected == 2 * 3 * 2000 * 2
        if room:
            book.order("one", "A", "I", 1)
            assert book.value("A").expected == 2 * (3 * 2000 * 2 + 1)
        expected = book.value("A")
        ballast.unlink()
        book.checkpoint()
        book.close()
        with mvcore.open(path) as again:
            assert again.value("A") == expected and not again.recovery.skipped


def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    """EFBIG after a part of the write, raised by the system."""
    with recorded("D5", "a journal file that may not grow, and then may") as record:
        record.runs = 1
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        book = begin(tmp_path / "book")
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, before[1]))
        try:
            latest = fill(book)
            check_full(book, latest)
            book.close()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        with mvcore.open(tmp_path / "book", read_only=True) as reader:
            assert reader.recovery.cut_bytes > 0
        check_opens_again(tmp_path / "book", latest)


def count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_closing_reports_prices_that_could_not_be_written(small_disk: Path) -> None:
    names = [f"I{k}" for k in range(2000)]
    with mvcore.open(small_disk / "book") as book:
        book.load(
            instruments={"instrument": names, "currency": ["USD"] * 2000},
            prices={"instrument": names, "price": [1] * 2000},
        )
        (small_disk / "ballast").write_bytes(bytes(free_bytes(small_disk)))
        threads = count_threads()
        book.update(prices={"instrument": names, "price": ["1234567.123456789"] * 2000})
        end = time.monotonic() + 60
        while count_threads() == threads and time.monotonic() < end:
            time.sleep(0.01)  # the thread that writes prices stops when its write fails
        with pytest.raises(mvcore.StorageError, match=r"not all on the disk.*No space left"):
            book.close()
