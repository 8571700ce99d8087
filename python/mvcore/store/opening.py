"""`mvcore.open`: opens a durable book."""

from __future__ import annotations

import datetime as dt
import math
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mvcore import _core
from mvcore.book import Book
from mvcore.errors import CorruptData, InvalidInput, StorageError, shown
from mvcore.ingest import attributes
from mvcore.ingest.times import ONE_DAY
from mvcore.store import recovery
from mvcore.store.files import Files

if TYPE_CHECKING:
    from mvcore.store.checkpoints import Position
    from mvcore.store.keeper import Keeper
    from mvcore.store.loading import Loaded

SYNC = ("always", "interval", "os")
LEAST_FILE_BYTES, MOST_FILE_BYTES = 4096, 2**62 - 1
TRIES = 3  # attempts to read while another process writes


@dataclass(frozen=True)
class _Terms:
    """The fixed terms of a book, from a caller or a folder. None: not given."""

    base_currency: str | None
    value_scale: int | None
    cash: Literal["from_fills"] | None
    cash_scale: int | None

    def check(self, max_future: dt.timedelta, threads: int | None) -> None:
        """Raises InvalidInput if a term is wrong. cash_scale may be given without cash."""
        cash = "from_fills" if self.cash is None and self.cash_scale is not None else self.cash
        replace(self, cash=cash).new_book(max_future, threads).close()

    def new_book(self, max_future: dt.timedelta, threads: int | None) -> Book:
        """Raises InvalidInput if the terms are wrong."""
        return Book(
            "USD" if self.base_currency is None else self.base_currency,
            8 if self.value_scale is None else self.value_scale,
            cash=self.cash,
            cash_scale=self.cash_scale,
            max_future=max_future,
            threads=threads,
        )

    def agree(self, path: str, held: _Terms) -> None:
        """Raises InvalidInput if a given term differs from the stored one."""
        for option, asked in vars(self).items():
            kept = getattr(held, option)
            if asked is not None and asked != kept:
                raise InvalidInput.about(
                    "book", option, None, asked, f"{asked!r}, but the book in {path} has {kept!r}"
                )


def open(
    path: str | os.PathLike[str],
    base_currency: str | None = None,
    value_scale: int | None = None,
    *,
    cash: Literal["from_fills"] | None = None,
    cash_scale: int | None = None,
    sync: Literal["always", "interval", "os"] = "always",
    price_interval: float = _core.PRICE_INTERVAL_MS / 1000,
    sync_interval: float = _core.SYNC_INTERVAL_MS / 1000,
    journal_file_bytes: int = _core.JOURNAL_FILE_BYTES,
    checkpoint_bytes: int | None = 256 << 20,
    read_only: bool = False,
    max_future: dt.timedelta = ONE_DAY,
    threads: int | None = None,
) -> Book:
    """Open the book in a folder, or create one. Close it, or use it in a `with` statement.

    base_currency, value_scale, cash, cash_scale: as in `Book`. A new book has "USD", 8 and no cash
    from fills by default. A book in the folder keeps its own; other values raise InvalidInput.

    sync: when a write returns. "always": its facts are on the disk. "interval": they are written,
    and reach the disk within `sync_interval` seconds. "os": they are written, and reach the disk
    when the operating system or `flush()` writes them back. With any of these, a process that dies
    loses nothing that was acknowledged. A power cut loses what was not on the disk yet, always from
    the end of the journal. Prices sent alone are journaled together every `price_interval` seconds.

    journal_file_bytes: the size at which the journal starts a new file. checkpoint_bytes: the
    number of journal bytes after which a checkpoint is written in the background; None: only
    `checkpoint()` writes one. read_only: opens the present state, while another process may write;
    every write raises StorageError. max_future: as in `Book`; stored facts are not checked again.
    threads: as in `Book`; the folder does not keep it.

    `book.recovery` says what was found. Raises InvalidInput, StorageError if the folder is already
    open or the disk fails, CorruptData if files differ from what was written. O(book + journal
    after its checkpoint).
    """
    began = time.perf_counter()
    name = path_of(path)
    _check(sync, price_interval, sync_interval, journal_file_bytes, checkpoint_bytes, read_only)
    options = (sync, float(price_interval), float(sync_interval), journal_file_bytes)
    if read_only and not os.path.isdir(name):
        raise StorageError(f"{name}: there is no book")
    # Refuse wrong options before creating a folder.
    asked = _Terms(base_currency, value_scale, cash, cash_scale)
    if os.path.isdir(name):
        asked.check(max_future, threads)
    else:
        asked.new_book(max_future, threads).close()
    if not read_only:
        _make_parent(name)
    for left in reversed(range(TRIES if read_only else 1)):
        try:
            book, report, loaded, skipped = _open(
                name, asked, options, read_only, max_future, threads
            )
            break
        except (CorruptData, StorageError):  # the writer may have removed a file meanwhile
            if not left:
                raise
    found = recovery.Recovery(
        report["loaded"], report["groups"], report["cut_bytes"], report["cut_at"],
        bool(report["sealed"]), time.perf_counter() - began, book.epoch, skipped,
    )  # fmt: skip
    access = book._store_access()
    access.set_recovery(found)
    if not read_only:
        try:
            access.set_keeper(_keeper(book, name, loaded, checkpoint_bytes, report.get("bytes", 0)))
        except BaseException:
            book.close()
            raise
    recovery.log(name, found)
    book.warn_of_missing_rates()
    return book


def _open(
    path: str,
    asked: _Terms,
    options: tuple[str, float, float, int],
    read_only: bool,
    max_future: dt.timedelta,
    threads: int | None,
) -> tuple[Book, dict[str, Any], Loaded | None, tuple[str, ...]]:
    # imports pyarrow, so only here
    from mvcore.store.loading import Identity, identity, load_newest

    folder = _core.Folder(path, read_only)
    files = None
    try:
        files = _files(path)
        held = folder.base_currency
        if held is not None:
            found: Identity | None = Identity(
                held, folder.value_scale, folder.book_id, folder.cash, folder.cash_scale
            )
        else:
            found = identity(files)  # a copy of the folder without its journal
        if found is None and read_only:
            raise StorageError(f"{path}: there is no book")
        if found is None:
            book = asked.new_book(max_future, threads)
        else:
            kept = _Terms(found.base_currency, found.value_scale, found.cash, found.cash_scale)
            asked.agree(path, kept)
            book = kept.new_book(max_future, threads)
        whose = found or Identity(
            book.base_currency, book.value_scale, 0, book.cash, book.cash_scale
        )
        core = book._store_access().core
        loaded, skipped = load_newest(core, files, whose)
        if loaded is not None:
            _core.set_feeds(core, dict(loaded.manifest.feeds))
        elif skipped and held is None:
            raise CorruptData(f"{path}: no checkpoint is intact: {'; '.join(skipped)}")
        sequence = 0 if loaded is None else loaded.manifest.sequence
        book_id = 0 if loaded is None else loaded.manifest.book_id
        try:
            report, changes = _core.recover(core, folder, *options, sequence, book_id)
        except CorruptData as error:
            if not skipped:
                raise
            raise CorruptData(f"{error}; no use are {'; '.join(skipped)}") from None
    finally:
        folder.close()
        if files is not None:
            files.close()
    try:
        book._store_access().set_attributes(
            lambda *sizes: attributes.after(
                changes,
                loaded.account if loaded else {},
                loaded.instrument if loaded else {},
                sizes,
            )
        )
    except BaseException:
        book.close()
        raise
    return book, report, loaded, skipped


def _keeper(
    book: Book, path: str, loaded: Loaded | None, checkpoint_bytes: int | None, replayed: int
) -> Keeper:
    from mvcore.store.checkpoints import Checkpoints, Position
    from mvcore.store.keeper import JournalOperations, Keeper

    core = book._store_access().core
    book_id = _core.Folder(path, True).book_id  # a new book has an id only after recovery

    def begin() -> tuple[Any, dict[str, Any], Position]:
        snapshot, counts, sequence, feeds = _core.checkpoint_begin(core)
        return snapshot, counts, Position(book_id, sequence, tuple(feeds.items()))

    journal = JournalOperations(
        begin,
        lambda: _core.flush(core),
        lambda: _core.journal_stats(core)["journal_bytes"],
        lambda sequence: _core.trim_journal(core, sequence),
    )
    checkpoints = Checkpoints(
        _files(path), book.base_currency, book.value_scale, book.cash, book.cash_scale
    )
    if loaded is not None:
        checkpoints.loaded(loaded.generation, loaded.manifest)
    return Keeper(book, checkpoints, journal, checkpoint_bytes, replayed)


def _files(path: str) -> Files:
    try:
        return Files(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def path_of(path: str | os.PathLike[str]) -> str:
    """The absolute path, so that the working directory may change later."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidInput.about("open", "path", None, path, f"{path!r} is not a path")
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise InvalidInput.about("open", "path", None, name, f"{name!r} is not a path")
    try:
        name.encode()
        return os.path.abspath(name)
    except UnicodeEncodeError:
        raise InvalidInput.about(
            "open", "path", None, name, f"{name!r} is not valid UTF-8"
        ) from None
    except OSError as error:
        raise StorageError(f"{name}: the working directory has been removed") from error


def _make_parent(path: str) -> None:
    parent = os.path.dirname(path)
    try:
        os.makedirs(parent, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(f"{path}: {error.filename} is not a folder") from error
    except OSError as error:
        raise StorageError(f"{path}: {parent} cannot be made: {error.strerror}") from error


def _check(
    sync: Any,
    price_interval: Any,
    sync_interval: Any,
    journal_file_bytes: Any,
    checkpoint_bytes: Any,
    read_only: Any,
) -> None:
    if not isinstance(sync, str) or sync not in SYNC:
        raise InvalidInput.about(
            "open",
            "sync",
            None,
            sync,
            f"{shown(sync)} is not known; expected one of {', '.join(map(repr, SYNC))}",
        )
    for option, value in (("price_interval", price_interval), ("sync_interval", sync_interval)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0.001 <= value <= 3600:
            raise InvalidInput.about(
                "open", option, None, value, f"{value!r} is not a number of seconds in 0.001..3600"
            )
    _check_bytes("journal_file_bytes", journal_file_bytes)
    if checkpoint_bytes is not None:
        _check_bytes("checkpoint_bytes", checkpoint_bytes)
    if not isinstance(read_only, bool):
        raise InvalidInput.about(
            "open", "read_only", None, read_only, f"{read_only!r} is neither True nor False"
        )


def _check_bytes(option: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.about("open", option, None, value, f"{value!r} is not an int")
    if not LEAST_FILE_BYTES <= value <= MOST_FILE_BYTES:
        raise InvalidInput.about(
            "open", option, None, value, f"{value} is not in {LEAST_FILE_BYTES}..{MOST_FILE_BYTES}"
        )
