"""Inspects the folder of a durable book without opening it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mvcore import _core
from mvcore.errors import CorruptData, StorageError
from mvcore.store.checkpoints import generations
from mvcore.store.files import Files
from mvcore.store.loading import check, read_manifest
from mvcore.store.manifest import Manifest
from mvcore.store.opening import TRIES, path_of


@dataclass(frozen=True)
class Generation:
    """One checkpoint. manifest: None if it cannot be read. fault: "" if the checkpoint is whole."""

    number: int
    manifest: Manifest | None
    fault: str


def inspect(path: str | os.PathLike[str]) -> list[Generation]:
    """Check the checkpoints in the folder, newest first.

    Reads every file, and compares it with its length, its checksum and the hash in its name. Raises
    OSError if the folder or a file may not be read. O(bytes).
    """
    files = Files(path)
    found = []
    for number in generations(files):
        manifest = None
        fault = ""
        try:
            manifest = read_manifest(files, number)
            check(files, manifest)
        except PermissionError:  # it says nothing about the content of the file
            raise
        except (CorruptData, OSError) as error:
            fault = str(error)
        found.append(Generation(number, manifest, fault))
    return found


@dataclass(frozen=True)
class JournalState:
    """The state of a journal.

    files: number of files, 0 if there is no journal. bytes: of complete groups. sequence: of the
    last frame. cut_bytes: of an incomplete tail. fault: "" if the journal is whole.
    """

    files: int
    bytes: int
    sequence: int
    cut_bytes: int
    fault: str


def inspect_journal(path: str | os.PathLike[str], found: list[Generation]) -> JournalState:
    """Check the journal in the folder.

    Reads all of it, and compares it with its checksums and with the newest whole checkpoint.
    O(bytes).
    """
    name = os.fspath(path)
    try:
        files, size, first, sequence, cut_bytes, book_id = _core.check_journal(os.fsdecode(name))
    except CorruptData as error:
        return JournalState(0, 0, 0, 0, str(error))
    fault = ""
    newest = next((g.manifest for g in found if g.manifest and not g.fault), None)
    if files:
        fault = _apart(first, sequence, book_id, newest)
    return JournalState(files, size, sequence, cut_bytes, fault and f"{name}: {fault}")


def _apart(first: int, last: int, book_id: int, newest: Manifest | None) -> str:
    """Say why a journal does not match its checkpoint, in the words of `open`."""
    if newest is not None and newest.book_id != book_id:
        return (
            f"the journal is of another book, id {book_id}, than its checkpoint, {newest.book_id}"
        )
    loaded = 0 if newest is None else newest.sequence
    if first > loaded + 1:
        return (
            f"the journal begins with {first}, but only what is up to {loaded} is there before it"
        )
    if last < loaded:
        return f"the journal ends with {last}, before its checkpoint, which has {loaded}"
    return ""


def look(path: str | os.PathLike[str]) -> tuple[list[Generation], JournalState]:
    """Check the checkpoints and the journal of a folder.

    Retries if something is wrong, because a process that writes also removes files. Raises OSError,
    and StorageError if there is no book. O(bytes).
    """
    name = path_of(path)
    for left in reversed(range(TRIES)):
        try:
            found = inspect(name)
            journal = inspect_journal(name, found)
        except StorageError:
            if not left:
                raise
            continue
        if not left or not (journal.fault or any(generation.fault for generation in found)):
            break
    if not found and not journal.files and not journal.fault:
        raise StorageError(f"{name}: there is no book")
    return found, journal
