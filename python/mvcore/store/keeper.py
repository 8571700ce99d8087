"""Writes checkpoints of an open book: on request, and after a number of journal bytes."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mvcore.errors import ClosedError, StorageError
from mvcore.store.checkpoints import Checkpoints, Position, Written

if TYPE_CHECKING:
    from mvcore.book import Book

_log = logging.getLogger("mvcore")
_LOOK_SECONDS = 0.1  # between checks of the journal's size
_RETRY_SECONDS = 30.0  # after a failed checkpoint


@dataclass(frozen=True)
class JournalOperations:
    """The journal operations that checkpoints need.

    begin: returns the core's snapshot between two writes, its counts, and the position of the
    journal on the disk. flush: returns when all writes are on the disk. bytes: appended since the
    book was opened. trim: deletes the journal up to and including this sequence.
    """

    begin: Callable[[], tuple[Any, dict[str, Any], Position]]
    flush: Callable[[], None]
    bytes: Callable[[], int]
    trim: Callable[[int], None]


class Keeper:
    """Writes the checkpoints of one book, one at a time, in the caller's thread or in its own.

    Its thread does not keep the book alive.
    """

    def __init__(
        self,
        book: Book,
        checkpoints: Checkpoints,
        journal: JournalOperations,
        checkpoint_bytes: int | None,
        replayed: int = 0,
    ) -> None:
        """replayed: bytes of the journal after the checkpoint that the book was opened from."""
        self._book = weakref.proxy(book)
        self._checkpoints = checkpoints
        self._journal = journal
        self._every = checkpoint_bytes
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._bytes = -replayed  # of the journal, when the last checkpoint began
        self.count = 0
        if checkpoint_bytes is not None:
            self._thread = threading.Thread(
                target=_run, args=(weakref.ref(self), self._closing), name="mvcore-checkpoints",
                daemon=True,
            )  # fmt: skip
            self._thread.start()

    def checkpoint(self, pause: Callable[[float], object] | None = None) -> Written:
        """Write a checkpoint now. Raises StorageError; the existing checkpoints are then intact."""
        if os.getpid() != self._process:
            self._journal.flush()  # raises the error that says why a forked child cannot write
        with self._writing:
            try:
                return self._write(pause)
            except OSError as error:
                raise StorageError(f"checkpoint: {error}") from error

    def _write(self, pause: Callable[[float], object] | None) -> Written:
        book = self._book
        with book._store_access().masters_locked() as masters:
            snapshot, counts, position = self._journal.begin()
        size = self._journal.bytes()
        written = self._checkpoints.write(snapshot, counts, masters, position, pause)
        self._bytes = size
        self.count += 1
        if self._checkpoints.kept_sequence:
            self._journal.trim(self._checkpoints.kept_sequence)
        return written

    def due(self) -> bool:
        """Return whether the journal has grown by `checkpoint_bytes` since the last checkpoint."""
        return self._every is not None and self._journal.bytes() - self._bytes >= self._every

    @property
    def folder(self) -> Path:
        return self._checkpoints.folder

    def stats(self) -> dict[str, int]:
        """The number of checkpoints written since the book was opened, and facts about the last
        one.

        They are its generation, epoch, bytes and files, how many of these are new, and
        microseconds.
        """
        last = self._checkpoints.written
        if last is None:
            return {"checkpoints": self.count}
        return {
            "checkpoints": self.count,
            "checkpoint_generation": last.generation,
            "checkpoint_epoch": last.epoch,
            "checkpoint_bytes": last.bytes,
            "checkpoint_new_bytes": last.new_bytes,
            "checkpoint_files": last.files,
            "checkpoint_new_files": last.new_files,
            "checkpoint_microseconds": round(last.seconds * 1e6),
        }

    def close(self) -> None:
        """Stop writing checkpoints. A checkpoint in progress is completed, without pauses."""
        # a forked child has no thread, but may have inherited locked locks
        if os.getpid() == self._process:
            self._closing.set()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join()
        # Otherwise the files are released with this object.
        if self._writing.acquire(blocking=False):
            self._checkpoints.close()
            self._writing.release()


def _run(held: weakref.ref[Keeper], closing: threading.Event) -> None:
    wait = _LOOK_SECONDS
    while not closing.wait(wait):
        keeper = held()
        if keeper is None:
            return
        wait = _LOOK_SECONDS
        try:
            if keeper.due():
                # Pause as long as the work took: use at most half of a core and of the disk.
                keeper.checkpoint(closing.wait)
        except (ClosedError, ReferenceError):
            return
        except Exception:
            _log.exception("%s: a checkpoint failed; those before it stay", keeper.folder)
            wait = _RETRY_SECONDS
        del keeper
