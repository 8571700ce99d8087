"""Every disk call of a checkpoint or an opening fails, once or permanently, or the process dies at
it.

The operation raises or does not need the call. Nothing is lost, and everything works once the disk
works. tests/cpp covers the journal's own calls: test_disk_errors.cpp, test_kill_points.cpp.
"""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import mvcore
from mvcore.store.files import Files
from reliability import Record, recorded, runs
from stored_books import change, facts_of, make_in

METHODS = ("make_folder", "names", "size", "read", "write", "sync", "sync_folder", "rename",
           "remove")  # fmt: skip
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES)
KILL = 0


class Disk:
    """Intercepts every file call of checkpoints. Call n fails, or all calls from n on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made = self.calls = self.at = self.error = 0
        self.for_ever = False
        for method in METHODS:
            patch.setattr(Files, method, self._wrapped(getattr(Files, method)))

    def fail(self, at: int, error: int, for_ever: bool) -> None:
        self.calls, self.at, self.error, self.for_ever = 0, at, error, for_ever

    def heal(self) -> None:
        self.made, self.at = self.calls, 0

    def _wrapped(self, real: Callable) -> Callable:
        def call(files: Files, *arguments):
            self.calls += 1
            if self.at and (self.calls >= self.at if self.for_ever else self.calls == self.at):
                if real.__name__ == "write":  # a part of it was written
                    real(files, arguments[0], bytes(arguments[1])[: self.calls % 100])
                if self.error == KILL:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(self.error, "as the test has it")
            return real(files, *arguments)

        return call


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def begin(path: Path) -> dict:
    """Make a book with two checkpoints and a later journal. Returns its content."""
    with mvcore.open(path, checkpoint_bytes=None) as book:
        make_in(book, int, 4, 8)
        book.checkpoint()
        change(book, 2)
        book.checkpoint()
        change(book, 1)
        change(book, 3)
        return facts_of(book)


def each_call(disk: Disk, record: Record, run: Callable[[], bool], least: int) -> None:
    """Call run() -> refused with failing call 1, 2, 3, ... until there is no such call."""
    refused = 0
    for error in ERRORS[: runs(1, len(ERRORS))]:
        for for_ever in (False, True):
            n = disk.made = 0
            while disk.made >= n:
                n += 1
                disk.fail(n, error, for_ever)
                refused += run()
                record.runs += 1
    record.note = f"{refused} refused"
    assert refused >= least


def copied(path: Path, name: str) -> Path:
    to = path.parent / name
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(path, to)


def test_a_checkpoint_on_a_failing_disk_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    facts = begin(tmp_path / "book")

    def run() -> bool:
        failing = disk.at, disk.error, disk.for_ever
        disk.heal()
        path, refused = copied(tmp_path / "book", "writing"), False
        with mvcore.open(path, checkpoint_bytes=None) as book:
            disk.fail(*failing)
            try:
                book.checkpoint()
            except mvcore.StorageError as error:
                refused = "as the test has it" in str(error)
            disk.heal()
            assert facts_of(book) == facts
            with mvcore.open(copied(path, "dead")) as again:  # as if the process had died now
                assert facts_of(again) == facts and not again.recovery.skipped
            change(book, 1)
            book.checkpoint()
            later = facts_of(book)
        with mvcore.open(path) as book:
            assert facts_of(book) == later and not book.recovery.skipped
        return refused

    what = "a checkpoint is written: call n to the disk fails, once or for ever"
    with recorded("D4", what) as record:
        each_call(disk, record, run, 30)


def dies_at(n: int, disk: Disk, path: Path) -> bool:
    """Return whether a process that writes checkpoints reaches the n-th call, where it is
    killed."""
    pid = os.fork()
    if pid == 0:
        try:
            book = mvcore.open(path, checkpoint_bytes=None)
            disk.fail(n, KILL, False)
            book.checkpoint()
            os._exit(0)
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


def test_a_kill_at_any_call_of_a_checkpoint_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    facts = begin(tmp_path / "book")
    what = "a process killed at call n to a real disk while it checkpoints"
    with recorded("D1", what) as record:
        while dies_at(record.runs + 1, disk, path := copied(tmp_path / "book", "killed")):
            record.runs += 1
            with mvcore.open(path) as book:
                assert facts_of(book) == facts and not book.recovery.skipped
                book.checkpoint()
            with mvcore.open(path) as book:
                assert facts_of(book) == facts and not book.recovery.skipped
            assert not list(path.rglob("*.new"))
        assert record.runs > 15


def test_opening_on_a_failing_disk_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    facts = begin(tmp_path / "book")

    def run() -> bool:
        path, refused = copied(tmp_path / "book", "opening"), False
        try:
            with mvcore.open(path) as book:
                assert facts_of(book) == facts
        except (mvcore.StorageError, mvcore.CorruptData):
            refused = True
        disk.heal()
        with mvcore.open(path) as book:
            assert facts_of(book) == facts and not book.recovery.skipped
        return refused

    what = "a checkpoint is opened: call n to the disk fails, once or for ever"
    with recorded("D4", what) as record:
        each_call(disk, record, run, 2)  # usually another file works
