"""The file operations of checkpoints. Tests replace them to simulate disk errors and power loss."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from mvcore.errors import CorruptData


class Files:
    """The files of one folder, by names relative to it. Failures raise OSError.

    The folder is opened once. If it is renamed or replaced later, files still go to the same
    folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._closing = weakref.finalize(self, os.close, self._number)

    def close(self) -> None:
        """Later calls raise OSError. A second `close` does nothing."""
        self._number = -1
        self._closing()

    def make_folder(self, name: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=self._number)

    def names(self, folder: str = "") -> list[str]:
        """The names in a folder, sorted. Empty if the folder does not exist."""
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
        """Read a file, which must have `size` bytes. Raises CorruptData if it has not.

        into: a buffer to reuse, so that no memory is allocated for each file.
        """
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
        """Read a file of at most `most` bytes. Raises CorruptData if it is larger."""
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
        """Flush the file's bytes to the disk."""
        self._fsync(name)

    def sync_folder(self, name: str = "") -> None:
        """Flush the names in the folder to the disk."""
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
