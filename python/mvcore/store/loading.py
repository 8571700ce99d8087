"""The newest checkpoint that is whole, into a new book."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mvcore import _core
from mvcore.errors import CorruptData
from mvcore.masters import Attribute
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
    """A checkpoint that is in a book now. skipped: why newer ones are not."""

    generation: int
    manifest: Manifest
    account: dict[str, Attribute]
    instrument: dict[str, Attribute]
    skipped: tuple[str, ...] = ()


def load_newest(core: Any, files: Files, base_currency: str) -> Loaded | None:
    """Restore the newest checkpoint that is whole into the core's new book. None: there is none.

    Raises CorruptData where there are some and none is whole, or one is of a newer format; then the
    book is as new as it was.
    """
    wrong: list[str] = []
    for generation in generations(files):
        try:
            manifest = read_manifest(files, generation)
            account, instrument = restore(core, files, manifest, base_currency)
        except NewerFormat:
            raise
        except (CorruptData, OSError) as error:
            wrong.append(f"generation {generation}: {error}")
        else:
            return Loaded(generation, manifest, account, instrument, tuple(wrong))
    if wrong:
        raise CorruptData(f"no checkpoint in {files.folder} is whole: " + "; ".join(wrong))
    return None


def read_manifest(files: Files, generation: int) -> Manifest:
    name = manifest_name(generation)
    with _named(name):
        return from_bytes(files.read_all(name, MOST_BYTES))


def restore(
    core: Any, files: Files, manifest: Manifest, base_currency: str
) -> tuple[dict[str, Attribute], dict[str, Attribute]]:
    """Read every file of the checkpoint, check it, and make the book of them; the attributes."""
    if manifest.base_currency != base_currency:
        raise CorruptData(f"a book in {manifest.base_currency}, not in {base_currency}")
    counts = dict(manifest.counts)
    for chunk in manifest.chunks:  # before memory is asked for
        for file in (chunk.holdings, chunk.orders):
            if file is not None:
                _check_size(files, file)
    orders = sum(chunk.orders.rows for chunk in manifest.chunks if chunk.orders is not None)
    if orders != counts["orders"]:
        raise CorruptData(f"chunks of {orders} orders, {counts['orders']} were stored")
    restore = _core.Restore(base_currency, manifest.order_ids, counts)
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
    """Faults of a file are told with its name."""
    try:
        yield
    except NewerFormat:
        raise
    except CorruptData as error:
        raise CorruptData(f"{name}: {error}") from None


class _Reader:
    """Files read and checked, by any number of threads, each with memory of its own."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._memory = threading.local()

    def fresh(self, file: ChunkFile) -> memoryview:
        """In memory that nothing else will use."""
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
    """Read every file that the manifest lists and compare length, checksum and name. Raises
    CorruptData. Returns the bytes read."""
    reader = _Reader(files)
    for file in manifest.files:
        with _named(file.name):
            data = reader.fresh(file)
            if hashlib.blake2b(data, digest_size=16).hexdigest() not in file.name:
                raise CorruptData("the name is not that of the content")
    return manifest.bytes
