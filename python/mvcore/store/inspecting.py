"""What lies in the folder of a durable book, without opening it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mvcore import _core
from mvcore.errors import CorruptData
from mvcore.store.checkpoints import generations
from mvcore.store.files import Files
from mvcore.store.loading import check, read_manifest
from mvcore.store.manifest import Manifest


@dataclass(frozen=True)
class Generation:
    """One checkpoint. manifest: None where it cannot be read; fault: "" where it is whole."""

    number: int
    manifest: Manifest | None
    fault: str


def inspect(path: str | os.PathLike[str]) -> list[Generation]:
    """The checkpoints in the folder, the newest first, every file of them read and compared with
    its length, its checksum and the hash in its name. Raises OSError. O(bytes)."""
    files = Files(path)
    os.listdir(files.folder)  # a folder that is not there is no folder without checkpoints
    found = []
    for number in generations(files):
        manifest = None
        fault = ""
        try:
            manifest = read_manifest(files, number)
            check(files, manifest)
        except (CorruptData, OSError) as error:
            fault = str(error)
        found.append(Generation(number, manifest, fault))
    return found


@dataclass(frozen=True)
class Journal:
    """files: read; 0 where there is none. bytes: of whole groups. sequence: of the last frame.
    cut_bytes: of a tail that was not finished. fault: "" where it is whole."""

    files: int
    bytes: int
    sequence: int
    cut_bytes: int
    fault: str


def inspect_journal(path: str | os.PathLike[str]) -> Journal:
    """The journal in the folder, all of it read and compared with its checksums. O(bytes)."""
    try:
        return Journal(*_core.check_journal(os.fsdecode(path)), "")
    except CorruptData as error:
        return Journal(0, 0, 0, 0, str(error))
