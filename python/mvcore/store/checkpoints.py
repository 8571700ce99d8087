"""Checkpoints: the state of a book in chunk files, listed in a manifest.

Chunk files are immutable. A checkpoint lists unchanged files of the previous one again, and does
not rewrite them. The manifest is written last and renamed into place, so a crash at any moment
leaves the existing checkpoints intact. The two newest checkpoints are kept, with the files that
they list.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from mvcore import _core
from mvcore.ingest.masters import Masters
from mvcore.store import arrow_files, table_files
from mvcore.store.files import Files
from mvcore.store.manifest import Chunk, ChunkFile, Manifest, to_bytes
from mvcore.store.ranges import plan

CHUNKS = "chunks"
_MANIFEST = re.compile(r"manifest-(\d{20})")


@dataclass(frozen=True)
class Position:
    """A journal position: the last sequence that the state contains, and the feeds' offsets."""

    book_id: int = 0
    sequence: int = 0
    feeds: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Written:
    """The cost of a checkpoint. bytes: of all its files. new_bytes: of the files written for it."""

    generation: int
    epoch: int
    sequence: int
    bytes: int
    new_bytes: int
    files: int
    new_files: int
    seconds: float


@dataclass(frozen=True)
class _Last:
    """The newest checkpoint.

    touched: its number in the core, to find the instruments that changed since. masters: its master
    tables.
    """

    generation: int
    manifest: Manifest
    touched: int
    masters: Masters | None


def generations(files: Files) -> list[int]:
    """The numbers of the manifests in the folder, newest first."""
    found = map(_MANIFEST.fullmatch, files.names())
    return sorted((int(match[1]) for match in found if match), reverse=True)


def manifest_name(generation: int) -> str:
    return f"manifest-{generation:020}"


class Checkpoints:
    """The checkpoints of one folder. Writes the next one. Used by one thread at a time."""

    def __init__(
        self,
        files: Files,
        base_currency: str,
        value_scale: int,
        cash: Literal["from_fills"] | None = None,
        cash_scale: int | None = None,
    ) -> None:
        self._files = files
        self._terms: dict[str, Any] = {
            "base_currency": base_currency, "value_scale": value_scale,
            "cash": cash, "cash_scale": cash_scale,
        }  # fmt: skip
        self._last: _Last | None = None
        self._before: Manifest | None = None  # the generation before the last
        self.written: Written | None = None

    def loaded(self, generation: int, manifest: Manifest) -> None:
        """Record that the book was restored from this checkpoint and is unchanged since."""
        self._last = _Last(generation, manifest, 0, None)

    @property
    def folder(self) -> Path:
        return self._files.folder

    def close(self) -> None:
        """Release the folder. Later writes fail."""
        self._files.close()

    @property
    def kept_sequence(self) -> int:
        """The journal up to this sequence may be deleted: both kept checkpoints contain it. 0:
        nothing."""
        if self._last is None or self._before is None:
            return 0
        return min(self._last.manifest.sequence, self._before.sequence)

    def write(
        self,
        snapshot: Any,
        counts: dict[str, Any],
        masters: Masters,
        position: Position,
        pause: Callable[[float], object] | None = None,
    ) -> Written:
        """Write the snapshot of `_core.checkpoint_begin` with the attributes of the same moment.

        pause: called after each chunk with the seconds it took, to wait as long. If the write
        raises (OSError if the disk fails), the existing checkpoints are intact, and the files of
        the new one are removed.
        """
        start = time.perf_counter()
        writing = _Writing(self._files, self._last, pause)
        try:
            manifest, touched = writing.run(snapshot, counts, masters, position)
            manifest = replace(manifest, **self._terms)
            generation = max(generations(self._files), default=0) + 1
            name = manifest_name(generation)
            writing.begun.append(name + ".new")
            self._files.write(name + ".new", to_bytes(manifest))
            self._files.sync(name + ".new")
        except BaseException:  # also KeyboardInterrupt and MemoryError
            writing.undo()
            raise
        self._files.rename(name + ".new", name)
        self._files.sync_folder()
        self._before = self._last.manifest if self._last else None
        kept = [generation, *([self._last.generation] if self._last else [])]
        self._last = _Last(generation, manifest, touched, masters)
        self._forget(kept)
        self.written = Written(
            generation, counts["epoch"], position.sequence, manifest.bytes, writing.new_bytes,
            len(manifest.files), writing.new_files, time.perf_counter() - start,
        )  # fmt: skip
        return self.written

    def _forget(self, kept: list[int]) -> None:
        """Remove files that neither kept checkpoint needs. Manifests are removed first."""
        gone = [g for g in generations(self._files) if g not in kept]
        for generation in gone:
            self._files.remove(manifest_name(generation))
        for name in self._files.names():
            if name.startswith("manifest-") and name.endswith(".new"):
                self._files.remove(name)
        if gone:
            self._files.sync_folder()
        listed = {file.name for m in (self._last, self._before) for file in _files_of(m)}
        for name in self._files.names(CHUNKS):
            if name not in listed:
                self._files.remove(f"{CHUNKS}/{name}")


def _files_of(of: _Last | Manifest | None) -> list[ChunkFile]:
    manifest = of.manifest if isinstance(of, _Last) else of
    return [] if manifest is None else manifest.files


class _Writing:
    """A checkpoint that is being written."""

    def __init__(
        self, files: Files, last: _Last | None, pause: Callable[[float], object] | None
    ) -> None:
        self._files = files
        self._last = last
        self._pause = pause
        self._known = {file.name: file for file in _files_of(last)}
        # names of chunk files in the folder, those of older checkpoints included
        self._there: set[str] = set()
        self.begun: list[str] = []  # files to remove if the write fails
        self.new_bytes = 0
        self.new_files = 0

    def run(
        self, snapshot: Any, counts: dict[str, Any], masters: Masters, position: Position
    ) -> tuple[Manifest, int]:
        self._files.make_folder(CHUNKS)
        self._there.update(self._files.names(CHUNKS))
        instruments = _core.stored_instruments(snapshot)
        next_touched, held, ordered = _core.dirty_instruments(snapshot)
        tables = self._tables(snapshot, instruments, masters)
        rows = instruments["holdings"].astype(np.int64) + instruments["orders"]
        before = {(c.begin, c.end): c for c in self._last.manifest.chunks} if self._last else {}
        chunks = []
        for begin, end in plan(list(before), rows):
            old = before.get((begin, end))
            chunks.append(
                Chunk(
                    begin,
                    end,
                    self._chunk("holdings", snapshot, begin, end, old.holdings if old else None,
                                self._changed(old, held, begin, end)),
                    self._chunk("orders", snapshot, begin, end, old.orders if old else None,
                                self._changed(old, ordered, begin, end)),
                )
            )  # fmt: skip
        if self.new_files:
            self._files.sync_folder(CHUNKS)
        manifest = Manifest(
            book_id=position.book_id, base_currency="", value_scale=0, cash=None, cash_scale=None,
            sequence=position.sequence, feeds=dict(position.feeds),
            counts={k: counts[k] for k in counts if k != "order_ids"},
            order_ids=counts["order_ids"], tables=tables, chunks=tuple(chunks),
        )  # fmt: skip
        return manifest, next_touched

    def undo(self) -> None:
        """Remove the new files: if the disk is full, the journal needs the space."""
        for name in self.begun:
            with suppress(OSError):
                self._files.remove(name)

    def _changed(self, old: Chunk | None, touched: Any, begin: int, end: int) -> bool:
        return old is None or self._last is None or bool(
            (touched[begin:end] > self._last.touched).any()
        )  # fmt: skip

    def _tables(
        self, snapshot: Any, instruments: dict[str, Any], masters: Masters
    ) -> dict[str, ChunkFile]:
        currencies = _core.stored_currencies(snapshot)
        if self._last is not None and self._last.masters is masters:
            accounts = self._last.manifest.tables["accounts"]
        else:
            stored = _core.stored_accounts(snapshot)
            data = table_files.accounts_file(stored, masters.account)
            accounts = self._store("accounts", data, len(stored["alive"]))
        names = currencies["currency"]
        return {
            "accounts": accounts,
            "currencies": self._store(
                "currencies", table_files.currencies_file(currencies), len(names[0]) - 1
            ),
            "instruments": self._store(
                "instruments",
                table_files.instruments_file(instruments, names, masters.instrument),
                len(instruments["alive"]),
            ),
        }

    def _chunk(
        self, kind: str, snapshot: Any, begin: int, end: int, old: ChunkFile | None, changed: bool
    ) -> ChunkFile | None:
        if not changed:
            return old
        start = time.perf_counter()
        if kind == "holdings":
            columns = _core.stored_holdings(snapshot, begin, end)
            write = arrow_files.holdings_file
        else:
            columns = _core.stored_orders(snapshot, begin, end)
            write = arrow_files.orders_file
        rows = len(columns["account"])
        stored = self._store(kind, write(columns), rows) if rows else None
        if self._pause is not None:
            self._pause(time.perf_counter() - start)
        return stored

    def _store(self, kind: str, data: pa.Buffer, rows: int) -> ChunkFile:
        """Store this content: reuse a file of the last checkpoint, or write a new one."""
        name = f"{kind}-{hashlib.blake2b(data, digest_size=16).hexdigest()}.arrow"
        if (known := self._known.get(name)) is not None:
            return known
        new = ChunkFile(name, data.size, _core.crc32c(data), rows)
        path = f"{CHUNKS}/{name}"
        self.begun += [path + ".new"] if name in self._there else [path + ".new", path]
        self._files.write(path + ".new", data)
        self._files.sync(path + ".new")
        self._files.rename(path + ".new", path)
        self._known[name] = new
        self.new_bytes += new.bytes
        self.new_files += 1
        return new
