"""When checkpoints of an open book are written: when asked, and after so many journal bytes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mvcore.store.checkpoints import Checkpoints, Position, Written

if TYPE_CHECKING:
    from mvcore.book import Book

_log = logging.getLogger("mvcore")
_LOOK_SECONDS = 0.1  # between looks at the journal
_RETRY_SECONDS = 30.0  # after a checkpoint that failed


@dataclass(frozen=True)
class Journal:
    """What checkpoints ask of a journal.

    begin: the core's snapshot between two writes, its counts, and where the journal was then.
    bytes: appended since the book was opened. trim: forget what this sequence and those before say.
    """

    begin: Callable[[], tuple[Any, dict[str, Any], Position]]
    bytes: Callable[[], int]
    trim: Callable[[int], None]


class Keeper:
    """Writes checkpoints of one book, one at a time, in the caller's thread or its own."""

    def __init__(
        self,
        book: Book,
        checkpoints: Checkpoints,
        journal: Journal,
        checkpoint_bytes: int | None,
    ) -> None:
        self._book = book
        self._checkpoints = checkpoints
        self._journal = journal
        self._every = checkpoint_bytes
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._bytes = 0  # of the journal, when the last checkpoint began
        self.count = 0
        if checkpoint_bytes is not None:
            self._thread = threading.Thread(
                target=self._run, name="mvcore-checkpoints", daemon=True
            )
            self._thread.start()

    def checkpoint(self, pause: Callable[[float], object] | None = None) -> Written:
        """Write one now. Raises OSError; then the checkpoints that were there still are."""
        book = self._book
        with self._writing:
            with book._masters_lock:  # attributes of the same moment
                book._finish()
                snapshot, counts, position = self._journal.begin()
                masters = book._masters
            size = self._journal.bytes()
            written = self._checkpoints.write(snapshot, counts, masters, position, pause)
            self._bytes = size
            self.count += 1
            if self._checkpoints.kept_sequence:
                self._journal.trim(self._checkpoints.kept_sequence)
        return written

    def stats(self) -> dict[str, int]:
        """checkpoints written since the book was opened; of the last: its generation, epoch, bytes
        and files, how many of these are new, and microseconds."""
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
        """No checkpoint begins any more; one that is under way is finished, without pauses."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        wait = _LOOK_SECONDS
        while not self._closing.wait(wait):
            wait = _LOOK_SECONDS
            if self._journal.bytes() - self._bytes < (self._every or 0):
                continue
            try:
                # As long a pause as the work took: half of a core at most, and of the disk.
                self.checkpoint(self._closing.wait)
            except Exception:
                _log.exception("a checkpoint failed; those before it stay")
                wait = _RETRY_SECONDS
