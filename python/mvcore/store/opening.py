"""`mvcore.open`: a book that survives the process and the machine."""

from __future__ import annotations

import math
import os
import time
from typing import Any, Literal

from mvcore import _core
from mvcore.book import Book
from mvcore.errors import CorruptData, InvalidInput, StorageError
from mvcore.masters import Masters
from mvcore.store import attributes, recovery

SYNC = ("always", "interval", "os")
LEAST_FILE_BYTES = 4096
TRIES = 3  # of reading while another process writes


def open(
    path: str | os.PathLike[str],
    base_currency: str | None = None,
    value_scale: int | None = None,
    *,
    sync: Literal["always", "interval", "os"] = "always",
    price_interval: float = 0.05,
    sync_interval: float = 1.0,
    journal_file_bytes: int = 64 << 20,
    read_only: bool = False,
) -> Book:
    """Open the book in a folder, or begin one there. Close it, or use it in a `with`.

    base_currency, value_scale: those of the book; "USD" and 8 where it is new and none is named.
    sync: when a write call returns. "always": its facts are on the disk. "interval": they are
    written, and on the disk within `sync_interval` seconds. "os": they are written, and on the disk
    when the system likes or `flush()` asks. However it is, a process that dies loses nothing that
    was acknowledged; a power cut loses what was not on the disk, and never leaves a hole. Prices
    that are sent alone are written together every `price_interval` seconds.
    journal_file_bytes: the size at which the journal goes on in another file. read_only: the book
    as it is now, beside another process that writes it; every write call raises StorageError.

    `book.recovery` tells what was found. Raises StorageError where the folder is open already or
    the disk fails, CorruptData where files are not what was written, InvalidInput. O(journal).
    """
    began = time.perf_counter()
    name = _path(path)
    _check(sync, price_interval, sync_interval, journal_file_bytes)
    options = (sync, float(price_interval), float(sync_interval), journal_file_bytes)
    if not read_only:
        os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
    for left in reversed(range(TRIES if read_only else 1)):
        try:
            book, report = _open(name, base_currency, value_scale, options, read_only)
            break
        except CorruptData:
            if not left:
                raise
    found = recovery.Recovery(
        report["loaded"], report["groups"], report["cut_bytes"], report["cut_at"],
        bool(report["sealed"]), time.perf_counter() - began, book._core.epoch,
    )  # fmt: skip
    book._recovery = found
    recovery.log(name, found)
    return book


def _open(
    path: str,
    base_currency: str | None,
    value_scale: int | None,
    options: tuple[str, float, float, int],
    read_only: bool,
) -> tuple[Book, dict[str, Any]]:
    folder = _core.Folder(path, read_only)
    try:
        held = folder.base_currency
        if held is None and read_only:
            raise StorageError(f"{path}: there is no book")
        base = _agreed("base_currency", path, base_currency, held, "USD")
        scale = _agreed("value_scale", path, value_scale, folder.value_scale if held else None, 8)
        book = Book(base, scale)
        report, changes = _core.recover(book._core, folder, *options, 0, 0)
    finally:
        folder.close()
    try:
        accounts, instruments, _ = book._core.counts
        book._masters = Masters(
            book._core.masters,
            accounts,
            instruments,
            *attributes.after(changes, {}, {}, (accounts, instruments)),
            book._core.currencies(),
        )
    except BaseException:
        book.close()
        raise
    return book, report


def _path(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, str | os.PathLike):
        raise InvalidInput(f"path: {path!r} is not a path")
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise InvalidInput(f"path: {name!r} is not a path")
    return name


def _agreed(option: str, path: str, asked: Any, held: Any, new: Any) -> Any:
    if held is None:
        return new if asked is None else asked
    if asked is not None and asked != held:
        raise InvalidInput(f"{option}: {asked!r}, but the book in {path} has {held!r}")
    return held


def _check(sync: Any, price_interval: Any, sync_interval: Any, journal_file_bytes: Any) -> None:
    if sync not in SYNC:
        raise InvalidInput(f"sync: {sync!r} is none of {', '.join(map(repr, SYNC))}")
    for option, value in (("price_interval", price_interval), ("sync_interval", sync_interval)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0.001 <= value <= 3600:
            raise InvalidInput(f"{option}: {value!r} is not a number of seconds in 0.001..3600")
    if isinstance(journal_file_bytes, bool) or not isinstance(journal_file_bytes, int):
        raise InvalidInput(f"journal_file_bytes: {journal_file_bytes!r} is not an int")
    if not LEAST_FILE_BYTES <= journal_file_bytes < 2**62:
        raise InvalidInput(f"journal_file_bytes: {journal_file_bytes} is below {LEAST_FILE_BYTES}")
