"""Loads the newest whole checkpoint into a new book."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from mvcore import _core
from mvcore.errors import CorruptData, StorageError
from mvcore.ingest.masters import Attribute
from mvcore.store import arrow_files, table_files
from mvcore.store.checkpoints import CHUNKS, generations, manifest_name
from mvcore.store.files import Files
from mvcore.store.manifest import (
    MOST_BYTES,
    Chunk,
    ChunkFile,
    Manifest,
    NewerFormat,
    from_bytes,
)

THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that was loaded into a book."""

    generation: int
    manifest: Manifest
    account: dict[str, Attribute]
    instrument: dict[str, Attribute]


@dataclass(frozen=True)
class Identity:
    """The book whose checkpoints may be loaded. book_id: from its journal, 0 if there is none."""

    base_currency: str
    value_scale: int
    book_id: int = 0
    cash: Literal["from_fills"] | None = None
    cash_scale: int | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Identity:
        """The identity of the checkpoint's book."""
        return cls(
            manifest.base_currency, manifest.value_scale, manifest.book_id, manifest.cash,
            manifest.cash_scale,
        )  # fmt: skip

    def check(self, manifest: Manifest) -> None:
        found = Identity.of(manifest)
        if found != self:
            raise CorruptData(f"of another book, {found}, not {self}")

    def __str__(self) -> str:
        cash = f", cash from fills{with_scale(self.cash_scale)}" if self.cash else ""
        return f"{self.base_currency} with {self.value_scale} decimals{cash}, id {self.book_id}"


def with_scale(cash_scale: int | None) -> str:
    """The end of a line about cash from fills."""
    return "" if cash_scale is None else f" with {cash_scale} decimals"


def identity(files: Files) -> Identity | None:
    """The identity in the newest readable manifest. None if there is none."""
    for generation in _generations(files):
        try:
            manifest = read_manifest(files, generation)
        except NewerFormat:
            raise
        except PermissionError as error:
            raise _not_to_be_read(files, error) from error
        except (CorruptData, OSError):
            continue
        return Identity.of(manifest)
    return None


def load_newest(core: Any, files: Files, whose: Identity) -> tuple[Loaded | None, tuple[str, ...]]:
    """Restore the newest whole checkpoint into the core's new book.

    Also returns why newer checkpoints were skipped. Returns None if there is no whole checkpoint;
    the book is then still new. Raises CorruptData if a checkpoint has a newer format, StorageError
    if the folder cannot be read.
    """
    wrong: list[str] = []
    for generation in _generations(files):
        try:
            manifest = read_manifest(files, generation)
            whose.check(manifest)
            account, instrument = restore(core, files, manifest)
        except NewerFormat:
            raise
        except PermissionError as error:
            raise _not_to_be_read(files, error) from error
        except (CorruptData, OSError) as error:
            wrong.append(f"generation {generation}: {error}")
        else:
            return Loaded(generation, manifest, account, instrument), tuple(wrong)
    return None, tuple(wrong)


def _not_to_be_read(files: Files, error: PermissionError) -> StorageError:
    """Make the error for an unreadable file.

    It may be whole, so no older checkpoint replaces it.
    """
    name = error.filename or "a file of a checkpoint"
    return StorageError(f"{files.folder / str(name)}: {error.strerror}")


def _generations(files: Files) -> list[int]:
    try:
        return generations(files)
    except OSError as error:
        raise StorageError(f"{files.folder}: {error}") from error


def read_manifest(files: Files, generation: int) -> Manifest:
    name = manifest_name(generation)
    with _named(name):
        return from_bytes(files.read_all(name, MOST_BYTES))


def restore(
    core: Any, files: Files, manifest: Manifest
) -> tuple[dict[str, Attribute], dict[str, Attribute]]:
    """Read and check every file of the checkpoint, and restore the book. Returns the attributes."""
    counts = dict(manifest.counts)
    for chunk in manifest.chunks:  # before memory is allocated
        for file in (chunk.holdings, chunk.orders):
            if file is not None:
                _check_size(files, file)
    orders = sum(chunk.orders.rows for chunk in manifest.chunks if chunk.orders is not None)
    if orders != counts["orders"]:
        raise CorruptData(f"chunks of {orders} orders, {counts['orders']} were stored")
    restore = _core.Restore(
        manifest.base_currency, manifest.order_ids, counts, manifest.cash, manifest.cash_scale
    )
    reader = _Reader(files)

    file = manifest.tables["currencies"]
    with _named(file.name):
        currencies = table_files.read_currencies(reader.fresh(file), file.rows)
        restore.currencies(currencies, file.rows)
    file = manifest.tables["accounts"]
    with _named(file.name):
        accounts, account = table_files.read_accounts(reader.fresh(file), file.rows)
        restore.accounts(accounts, file.rows)
    file = manifest.tables["instruments"]
    with _named(file.name):
        instruments, instrument = table_files.read_instruments(
            reader.fresh(file), file.rows, currencies["currency"]
        )
        restore.instruments(instruments, file.rows)

    with ThreadPoolExecutor(THREADS) as threads:
        text = manifest.order_ids == "text"
        for _ in threads.map(lambda chunk: reader.chunk(restore, chunk, text), manifest.chunks):
            pass
        tables = range(0, _core.INDEX_TABLES, 16)
        for _ in threads.map(lambda begin: restore.index(begin, begin + 16), tables):
            pass
    restore.finish(core)
    return account, instrument


def _check_size(files: Files, file: ChunkFile) -> None:
    found = files.size(f"{CHUNKS}/{file.name}")
    if found != file.bytes:
        raise CorruptData(f"{file.name} has {found} bytes, {file.bytes} were stored")


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Add the file's name to its errors.

    pyarrow raises errors of several types for invalid UTF-8, invalid numbers and unknown types.
    """
    try:
        yield
    except NewerFormat:
        raise
    except (CorruptData, pa.ArrowException, ValueError, TypeError) as error:
        raise CorruptData(f"{name}: {error}") from None


class _Reader:
    """Reads and checks files, from any number of threads. Each thread reuses its own buffers."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._memory = threading.local()

    def fresh(self, file: ChunkFile) -> memoryview:
        """Read into memory that is not reused."""
        return self._checked(file, None)

    def _checked(self, file: ChunkFile, into: bytearray | None) -> memoryview:
        data = self._files.read(f"{CHUNKS}/{file.name}", file.bytes, into)
        if _core.crc32c(data) != file.crc32c:
            raise CorruptData("the checksum is not that of the content")
        return data

    def chunk(self, restore: Any, chunk: Chunk, text: bool) -> None:
        if not hasattr(self._memory, "holdings"):
            self._memory.holdings, self._memory.orders = bytearray(), bytearray()
        held: dict[str, Any] = {}
        ordered: dict[str, Any] = {}
        if (file := chunk.holdings) is not None:
            with _named(file.name):
                data = self._checked(file, self._memory.holdings)
                held = arrow_files.read_holdings(data, file.rows)
        if (file := chunk.orders) is not None:
            with _named(file.name):
                data = self._checked(file, self._memory.orders)
                ordered = arrow_files.read_orders(data, file.rows, text)
        restore.chunk(
            chunk.begin, chunk.end, held, chunk.holdings.rows if chunk.holdings else 0,
            ordered, chunk.orders.rows if chunk.orders else 0,
        )  # fmt: skip


def check(files: Files, manifest: Manifest) -> int:
    """Read every file in the manifest, and compare its length, checksum and name.

    Raises CorruptData. Returns the bytes read.
    """
    reader = _Reader(files)
    for file in manifest.files:
        with _named(file.name):
            data = reader.fresh(file)
            if hashlib.blake2b(data, digest_size=16).hexdigest() not in file.name:
                raise CorruptData("the name is not that of the content")
    return manifest.bytes
