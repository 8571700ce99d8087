"""Writes books to checkpoints and back, on file systems that fail or lose data."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import mvcore
from mvcore import _core
from mvcore.errors import CorruptData
from mvcore.store.checkpoints import Checkpoints, Position, Written
from mvcore.store.files import Files
from mvcore.store.loading import Identity, Loaded, load_newest


def checkpoints(files: Files, book: mvcore.Book) -> Checkpoints:
    return Checkpoints(files, book.base_currency, book.value_scale, book.cash, book.cash_scale)


def save(keeper: Checkpoints, book: mvcore.Book, sequence: int = 0) -> Written:
    with book._masters_lock:
        book._finish()
        snapshot, counts = _core.checkpoint_begin(book._core)[:2]
        masters = book._masters
    return keeper.write(snapshot, counts, masters, Position(sequence=sequence))


def reopen(
    files: Files, base_currency: str = "USD", value_scale: int = 8, **cash: Any
) -> tuple[mvcore.Book, Loaded, tuple[str, ...]]:
    book = mvcore.Book(base_currency=base_currency, value_scale=value_scale, **cash)
    loaded, skipped = load_newest(book._core, files, Identity(base_currency, value_scale, **cash))
    if loaded is None:
        raise CorruptData("; ".join(skipped))
    book._adopt(loaded.account, loaded.instrument)
    return book, loaded, skipped


class MemoryFiles(Files):
    """A disk that keeps synced data. At a power loss it keeps a random part of the rest.

    Operations are counted. The `stop`-th raises `fault`, and so do all later ones unless `once`.
    """

    def __init__(self) -> None:
        self.folder = Path("/nowhere")
        self.content: dict[int, bytes] = {}  # by file, as a process reads it
        self.synced: dict[int, bytes] = {}
        self.entries: dict[str, int] = {}
        self.synced_entries: dict[str, int] = {}
        self.pending: list[tuple[str, str, str]] = []  # directory changes: kind, name, other name
        self.count = 0
        self.stop: int | None = None
        self.once = False
        self.fault: BaseException = OSError(28, "no space left on device")

    def _step(self) -> None:
        self.count += 1
        if self.stop is not None and (
            self.count == self.stop if self.once else self.count >= self.stop
        ):
            raise self.fault

    def make_folder(self, name: str) -> None:
        self._step()

    def names(self, folder: str = "") -> list[str]:
        start = f"{folder}/" if folder else ""
        found = (name[len(start) :] for name in self.entries if name.startswith(start))
        return sorted(name for name in found if "/" not in name)

    def _of(self, name: str) -> int:
        if name not in self.entries:
            raise FileNotFoundError(2, "no such file", name)
        return self.entries[name]

    def size(self, name: str) -> int:
        return len(self.content[self._of(name)])

    def read(self, name: str, size: int, into: bytearray | None = None) -> memoryview:
        content = self.content[self._of(name)]
        if len(content) != size:
            raise CorruptData(f"{name} has {len(content)} bytes, {size} were stored")
        return memoryview(bytearray(content))

    def write(self, name: str, data: Any) -> None:
        number = max(self.content, default=0) + 1
        self.content[number], self.synced[number] = b"", b""
        self.entries[name] = number
        self.pending.append(("add", name, str(number)))
        half = bytes(data)[: memoryview(data).nbytes // 2]
        self.content[number] = half  # a failed write leaves a part
        self._step()
        self.content[number] = bytes(data)

    def sync(self, name: str) -> None:
        self._step()
        number = self._of(name)
        self.synced[number] = self.content[number]

    def sync_folder(self, name: str = "") -> None:
        self._step()
        kept = [step for step in self.pending if step[1].rpartition("/")[0] != name]
        for step in self.pending:
            if step not in kept:
                self._apply(self.synced_entries, step)
        self.pending = kept

    def rename(self, name: str, to: str) -> None:
        self._step()
        self._of(name)
        self.pending.append(("rename", name, to))
        self._apply(self.entries, self.pending[-1])

    def remove(self, name: str) -> None:
        self._step()
        self._of(name)
        self.pending.append(("remove", name, ""))
        self._apply(self.entries, self.pending[-1])

    @staticmethod
    def _apply(entries: dict[str, int], step: tuple[str, str, str]) -> None:
        kind, name, other = step
        if kind == "add":
            entries[name] = int(other)
        elif name in entries:
            number = entries.pop(name)
            if kind == "rename":
                entries[other] = number

    def after_power_loss(self, rng: random.Random) -> MemoryFiles:
        """The disk after a power loss."""
        out = MemoryFiles()
        out.entries = dict(self.synced_entries)
        for step in self.pending:
            if rng.random() < 0.5:
                self._apply(out.entries, step)
        for name, number in list(out.entries.items()):
            content = self._torn(number, rng)
            out.content[number] = out.synced[number] = content
            out.entries[name] = number
        out.synced_entries = dict(out.entries)
        return out

    def after_kill(self) -> MemoryFiles:
        """The disk after the process died but not the system: everything written is there."""
        out = MemoryFiles()
        out.entries, out.content = dict(self.entries), dict(self.content)
        out.synced_entries, out.synced = dict(out.entries), dict(out.content)
        return out

    def _torn(self, number: int, rng: random.Random) -> bytes:
        """Unsynced data is there, is missing, or is there in part, sector by sector."""
        content, synced = self.content[number], self.synced[number]
        if content == synced or rng.random() < 0.3:
            return synced
        out = bytearray(content[: rng.randint(0, len(content))])
        for at in range(0, len(out), 512):
            if rng.random() < 0.3:
                out[at : at + 512] = bytes(len(out[at : at + 512]))
        return bytes(out)
