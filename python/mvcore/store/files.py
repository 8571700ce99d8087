"""What checkpoints ask of a file system. Tests put failing and forgetful ones in its place."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from mvcore.errors import CorruptData


class Files:
    """The files of one folder, by names relative to it. Whatever fails raises OSError.

    The folder is looked up once: whatever its name means later, files go where the first were.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._closing = weakref.finalize(self, os.close, self._number)

    def close(self) -> None:
        """Every later call raises OSError; closing twice is fine."""
        self._number = -1
        self._closing()

    def make_folder(self, name: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=self._number)

    def names(self, folder: str = "") -> list[str]:
        """Names in the folder, sorted; none where it is not there."""
        try:
            number = self._open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            if not folder:
                raise
            return []
        try:
            return sorted(os.listdir(number))
        finally:
            os.close(number)

    def size(self, name: str) -> int:
        return os.stat(name, dir_fd=self._number).st_size

    def read(self, name: str, size: int, into: bytearray | None = None) -> memoryview:
        """All of the file, which has `size` bytes, else CorruptData. `into` is used again and
        again, so that memory is not fetched for each file."""
        with open(name, "rb", buffering=0, opener=self._open) as file:
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
        with open(name, "wb", buffering=0, opener=self._open) as file:
            left = memoryview(data)
            while left.nbytes:
                left = left[file.write(left) :]

    def sync(self, name: str) -> None:
        """The file's bytes are on the disk when this returns."""
        self._fsync(name)

    def sync_folder(self, name: str = "") -> None:
        """So are the names in the folder."""
        self._fsync(name or ".")

    def rename(self, name: str, to: str) -> None:
        os.rename(name, to, src_dir_fd=self._number, dst_dir_fd=self._number)

    def remove(self, name: str) -> None:
        os.unlink(name, dir_fd=self._number)

    def _fsync(self, name: str) -> None:
        number = self._open(name, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags, 0o666, dir_fd=self._number)
