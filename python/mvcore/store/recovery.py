"""What opening a book found."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

LOG = logging.getLogger("mvcore")


@dataclass(frozen=True)
class Recovery:
    """How a durable book came back.

    loaded: place in the journal up to which a checkpoint was loaded, 0 where there was none.
    replayed: groups of the journal applied after it, each of one or more write calls. cut_bytes:
    of the journal's end, which was not finished when the process or the machine stopped, and
    cut_at: file and byte of it; no call that had returned was in it (see `sync`). clean: the book
    had been closed. seconds: what opening took. epoch: of the book then.
    skipped: checkpoints that are damaged, and how; what they had came from an older one and the
    journal.
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
    """One line for the service's log; a warning where something was cut."""
    text, values = "%s: epoch %d, %d groups replayed in %.3f s", [path, found.epoch, found.replayed]
    arguments: list[Any] = [*values, found.seconds]
    if found.cut_bytes:
        LOG.warning(text + ", %d bytes cut at %s", *arguments, found.cut_bytes, found.cut_at)
    else:
        LOG.info(text, *arguments)
    for damaged in found.skipped:
        LOG.warning("%s: a damaged checkpoint was passed over: %s", path, damaged)
