"""The report on opening a book."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

LOG = logging.getLogger("mvcore")


@dataclass(frozen=True)
class Recovery:
    """How a durable book was recovered.

    loaded: journal sequence of the loaded checkpoint, 0 if there was none. replayed: journal groups
    applied after it, each of one or more writes. cut_bytes: size of the incomplete end of the
    journal, left when the process or the machine stopped. cut_at: its file and byte offset. No
    write that had returned was in it (see `sync`). clean: the book had been closed. seconds: what
    opening took. epoch: of the book then.

    skipped: damaged checkpoints, and how they are damaged. Their content came from an older
    checkpoint and the journal.
    """

    loaded: int
    replayed: int
    cut_bytes: int
    cut_at: str
    clean: bool
    seconds: float
    epoch: int
    skipped: tuple[str, ...] = ()


def log(path: str, found: Recovery) -> None:
    """Log one line, as a warning if bytes were cut."""
    text, values = "%s: epoch %d, %d groups replayed in %.3f s", [path, found.epoch, found.replayed]
    arguments: list[Any] = [*values, found.seconds]
    if found.cut_bytes:
        LOG.warning(text + ", %d bytes cut at %s", *arguments, found.cut_bytes, found.cut_at)
    else:
        LOG.info(text, *arguments)
    for damaged in found.skipped:
        LOG.warning("%s: a damaged checkpoint was passed over: %s", path, damaged)
