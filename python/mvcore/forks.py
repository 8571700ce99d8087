"""Protects locks of Python objects across a fork.

The child has only the thread that forked. A lock held by another thread would stay locked there.
The core protects its own locks (src/mvcore/book/fork.hpp).
"""

from __future__ import annotations

import os
import time
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mvcore import _core

LONGEST = 1.0  # seconds that a fork waits for all locks in total


class _Kept(NamedTuple):
    rank: int
    attribute: str
    make: Callable[[], Any]
    core: _core.Book


_kept: weakref.WeakKeyDictionary[Any, _Kept] = weakref.WeakKeyDictionary()
_held: list[Any] = []
_lost: list[tuple[Any, _Kept]] = []


def rest_at_fork(
    owner: Any, attribute: str, make: Callable[[], Any], core: _core.Book, rank: int
) -> None:
    """Make every fork acquire the lock in the owner's attribute, lower ranks first.

    If a fork cannot acquire it in time, the child gets a new lock from `make`, and its book is
    closed.
    """
    _kept[owner] = _Kept(rank, attribute, make, core)


def _before() -> None:
    deadline = time.monotonic() + LONGEST
    owners = [owner for ref in _kept.keyrefs() if (owner := ref()) is not None]  # a stable copy
    for owner, kept in sorted(((o, _kept[o]) for o in owners), key=lambda one: one[1].rank):
        lock = getattr(owner, kept.attribute)
        if lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            _held.append(lock)
        else:
            _lost.append((owner, kept))


def _in_parent() -> None:
    _lost.clear()
    while _held:
        _held.pop().release()


def _in_child() -> None:
    while _held:
        _held.pop().release()
    while _lost:
        owner, kept = _lost.pop()
        setattr(owner, kept.attribute, kept.make())
        kept.core.close()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
