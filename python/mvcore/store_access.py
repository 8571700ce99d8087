"""Access of `mvcore.store`, the layer that makes books durable, to private parts of a book.

The store works on the compiled core of a book, and stores and restores attributes. Books and
snapshots have a method `_store_access()` for both. The store uses no other private part of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.ingest.masters import Attribute, Masters
    from mvcore.reads import Reads
    from mvcore.store.keeper import Keeper
    from mvcore.store.recovery import Recovery

Attributes = Mapping[str, "Attribute"]


class StoreAccess:
    """What the store reads of a book or a snapshot."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    @property
    def core(self) -> Any:
        """The compiled core."""
        return self._reads._core

    @property
    def masters(self) -> Masters:
        """The attributes that reads see now."""
        return self._reads._masters


class BookStoreAccess(StoreAccess):
    """What the store does with a book that it opens and keeps."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._book = book

    def set_attributes(
        self, attributes: Callable[[int, int], tuple[Attributes, Attributes]]
    ) -> None:
        """Set the attributes of a recovered book.

        attributes: called with the numbers of account and instrument codes, returns both sides.
        """
        accounts, instruments, _ = self._book._core.counts
        account, instrument = attributes(accounts, instruments)
        self._book._adopt(dict(account), dict(instrument))

    def set_recovery(self, recovery: Recovery) -> None:
        """Set what `Book.recovery` returns."""
        self._book._recovery = recovery

    def set_keeper(self, keeper: Keeper) -> None:
        """Set what `Book.checkpoint`, `close` and `stats` use."""
        self._book._keeper = keeper

    @contextlib.contextmanager
    def masters_locked(self) -> Iterator[Masters]:
        """Block writes of master tables, so that core and attributes are of one moment."""
        with self._book._masters_lock:
            self._book._finish()
            yield self._book._masters
