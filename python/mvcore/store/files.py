"""What checkpoints ask of a file system. Tests put failing and forgetful ones in its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mvcore.errors import CorruptData


class Files:
    """The files of one folder, by names relative to it. Whatever fails raises OSError."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def make_folder(self, name: str) -> None:
        (self.folder / name).mkdir(parents=True, exist_ok=True)

    def names(self, folder: str = "") -> list[str]:
        """Names in the folder, sorted; none where it is not there."""
        path = self.folder / folder
        return sorted(os.listdir(path)) if path.is_dir() else []

    def size(self, name: str) -> int:
        return os.stat(self.folder / name).st_size

    def read(self, name: str, size: int, into: bytearray | None = None) -> memoryview:
        """All of the file, which has `size` bytes, else CorruptData. `into` is used again and
        again, so that memory is not fetched for each file."""
        with open(self.folder / name, "rb", buffering=0) as file:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise CorruptData(f"{name} has {found} bytes, {size} were stored")
            buffer = bytearray() if into is None else into
            if len(buffer) < size:
                buffer.extend(bytes(size - len(buffer)))
            view = memoryview(buffer)[:size]
            at = 0
            while at < size:
                count = file.readinto(view[at:])
                if not count:
                    raise CorruptData(f"{name} ends after {at} bytes, {size} were stored")
                at += count
        return view

    def read_all(self, name: str, most: int) -> bytes:
        """All of a file of at most `most` bytes, else CorruptData."""
        size = self.size(name)
        if size > most:
            raise CorruptData(f"{name} has {size} bytes, more than {most}")
        return bytes(self.read(name, size))

    def write(self, name: str, data: Any) -> None:
        with open(self.folder / name, "wb", buffering=0) as file:
            left = memoryview(data)
            while left.nbytes:
                left = left[file.write(left) :]

    def sync(self, name: str) -> None:
        """The file's bytes are on the disk when this returns."""
        _fsync(self.folder / name)

    def sync_folder(self, name: str = "") -> None:
        """So are the names in the folder."""
        _fsync(self.folder / name)

    def rename(self, name: str, to: str) -> None:
        os.rename(self.folder / name, self.folder / to)

    def remove(self, name: str) -> None:
        os.unlink(self.folder / name)


def _fsync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
