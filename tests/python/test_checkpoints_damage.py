"""A damaged checkpoint is refused, replaced by an older one, or read exactly: never as another
book.

In half of the cases the checksums are valid again, as if someone had written the file so. Then the
book may be another one, but it must be whole.
"""

import contextlib
import json
import random
import re
from functools import cache
from typing import Literal

import pytest

import mvcore
from mvcore import _core
from mvcore.store import loading
from mvcore.store.checkpoints import generations, manifest_name
from reliability import Record, recorded, runs, seeded
from stored_books import change, facts_of, make
from storing import MemoryFiles, checkpoints, reopen, save

Disk = dict[str, bytes]
EDGES = (0, 1, -1, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64)


CASH: dict[type, Literal["from_fills"] | None] = {int: None, str: "from_fills"}


@cache
def stored(ids: type) -> tuple[Disk, dict, dict]:
    """Two generations, and the facts of each."""
    book, files = make(ids, 4, 8, cash=CASH[ids]), MemoryFiles()
    keeper = checkpoints(files, book)
    save(keeper, book, 1)
    older = facts_of(book)
    for step in range(4):
        change(book, step, ids)
    save(keeper, book, 2)
    return {name: files.content[n] for name, n in files.entries.items()}, facts_of(book), older


def files_of(disk: Disk) -> MemoryFiles:
    files = MemoryFiles()
    files.entries = {name: k for k, name in enumerate(disk, 1)}
    files.content = dict(enumerate(disk.values(), 1))
    files.synced_entries, files.synced = dict(files.entries), dict(files.content)
    return files


# ---- kinds of damage: (bytes, other files, rng) -> bytes, or None to delete the file ----


def flip(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 8])):
        at = rng.randrange(len(out))
        out[at] ^= 1 << rng.randrange(8)
    return bytes(out)


def block(data: bytes, rng: random.Random) -> tuple[int, int]:
    at = rng.randrange(len(data))
    return at, min(len(data), at + rng.choice([1, 4, 8, 64, 512]))


def zero(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    begin, end = block(data, rng)
    return data[:begin] + bytes(end - begin) + data[end:]


def ones(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    begin, end = block(data, rng)
    return data[:begin] + b"\xff" * (end - begin) + data[end:]


def swap(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    size = rng.choice([4, 8, 64])
    a, b = (size * rng.randrange(len(data) // size) for _ in range(2))
    out = bytearray(data)
    out[a : a + size], out[b : b + size] = out[b : b + size], out[a : a + size]
    return bytes(out)


def copy(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Insert a block of another file, or of an older state of this file."""
    begin, end = block(data, rng)
    part = rng.choice(others)[begin:end]
    return data[:begin] + part + data[begin + len(part) :]


def cut(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    return data[: rng.choice([0, 1, 8, len(data) // 2, len(data) - 8, len(data) - 1])]


def grow(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    return data + rng.choice([b"\0", b"\n", bytes(512), data])


def foreign(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    return rng.choice([b"", b"PAR1", rng.randbytes(len(data)), rng.choice(others)])


def gone(data: bytes, others: list[bytes], rng: random.Random) -> None:
    return None


def number(data: bytes, _: list[bytes], rng: random.Random) -> bytes:
    """Replace a number of the manifest, or an integer of 1 to 8 bytes anywhere, by an edge
    value."""
    value = rng.choice(EDGES)
    if data.startswith(b"{"):
        found = rng.choice(list(re.finditer(rb"(?<=[:,\[])\d+", data)))
        return data[: found.start()] + str(value).encode() + data[found.end() :]
    size = rng.choice([1, 2, 4, 8])
    at = rng.randrange(max(1, len(data) - size))
    return data[:at] + (value % 256**size).to_bytes(size, "little") + data[at + size :]


DAMAGES = (flip, zero, ones, swap, copy, cut, grow, foreign, gone, number)


def sign(text: bytes) -> bytes:
    return text + b"crc32c %08x\n" % _core.crc32c(text)


def made_valid(disk: Disk, name: str) -> None:
    """Make the checksums and lengths of the file valid."""
    if name.startswith("manifest"):
        disk[name] = sign(disk[name][:-16] if len(disk[name]) > 16 else disk[name])
        return
    for manifest in [m for m in disk if m.startswith("manifest")]:
        document = json.loads(disk[manifest][:-16])
        listed = [*document["tables"].values()]
        listed += [f for c in document["chunks"] for f in (c["holdings"], c["orders"]) if f]
        for file in listed:
            if file["name"] == name.removeprefix("chunks/") and name in disk:
                file["bytes"], file["crc32c"] = len(disk[name]), _core.crc32c(disk[name])
        disk[manifest] = sign(json.dumps(document).encode() + b"\n")


def use(book: mvcore.Book) -> None:
    """Use a book that was read with valid checksums.

    It is written and read back equal. Every operation works on it or is refused.
    """
    facts = facts_of(book)
    files = MemoryFiles()
    save(checkpoints(files, book), book)
    assert facts_of(reopen(files, cash=book.cash)[0]) == facts
    with contextlib.suppress(mvcore.Error):
        book.roll_day()
    for step in range(6):
        with contextlib.suppress(mvcore.Error):
            change(book, step, int if book._core.stats()["orders"] % 2 else str)
    facts_of(book)


def damage_once(seed: int) -> str:
    rng = random.Random(seed)
    ids = rng.choice([int, str])
    disk, newest, older = stored(ids)
    disk = dict(disk)
    valid = rng.random() < 0.5
    name = rng.choice(sorted(disk))
    others = [*disk.values(), *stored(str if ids is int else int)[0].values()]
    data = rng.choice(DAMAGES)(disk[name], others, rng)
    changed = data != disk[name]
    if data is None:
        del disk[name]
    else:
        disk[name] = data
    if valid and name in disk:
        made_valid(disk, name)
    files = files_of(disk)
    if not generations(files):
        return "refused"
    try:
        book, _, skipped = reopen(files, cash=CASH[ids])
    except mvcore.CorruptData:
        assert changed
        return "refused"
    facts = facts_of(book)
    if facts == newest and not skipped:
        return "exact"
    if facts == older and (skipped or manifest_name(2) not in disk):
        return "older"
    assert valid, f"seed {seed}: another book"
    use(book)
    return "opened with valid checksums"


def damage(count: int, record: Record) -> dict[str, int]:
    found: dict[str, int] = {}
    for seed in range(count):
        record.runs += 1
        try:
            outcome = damage_once(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        found[outcome] = found.get(outcome, 0) + 1
    return found


def test_damaged_checkpoints_are_refused_or_exact() -> None:
    count = runs(1000, 10_000)
    what = "a checkpoint with a damaged file, half of them with valid checksums"
    with recorded("D6, D7", what, f"0 to {count - 1}") as record:
        found = damage(count, record)
        record.note = ", ".join(f"{n} {outcome}" for outcome, n in sorted(found.items()))
        assert found["refused"] and found["exact"] and found["older"]


def check_noticed(bug: str, count: int) -> None:
    test = "test_damaged_checkpoints_are_refused_or_exact"
    with seeded(bug, test), pytest.raises(AssertionError, match="another book"):
        damage(count, Record("", ""))


def test_the_test_notices_a_skipped_checksum(monkeypatch) -> None:
    def unchecked(self, file, into):
        return self._files.read(f"chunks/{file.name}", file.bytes, into)

    monkeypatch.setattr(loading._Reader, "_checked", unchecked)
    check_noticed("a chunk's checksum is skipped", 1000)


def test_the_test_notices_a_skipped_checksum_of_the_manifest(monkeypatch) -> None:
    real = loading.from_bytes
    monkeypatch.setattr(loading, "from_bytes", lambda data: real(sign(data[:-16])))
    check_noticed("a manifest's checksum is skipped", 3000)


def test_a_newer_format_is_refused_instead_of_skipped() -> None:
    disk = dict(stored(int)[0])
    name = manifest_name(2)
    disk[name] = sign(disk[name][:-16].replace(b'"format_version":3', b'"format_version":4'))
    says = "newer mvcore: format version 4, this one reads 1 to 3"
    with recorded("R1", "a checkpoint of a later format version is refused") as record:
        record.runs = 1
        with pytest.raises(mvcore.CorruptData, match=says):
            reopen(files_of(disk))


def test_a_checkpoint_in_another_base_currency_is_refused() -> None:
    with pytest.raises(
        mvcore.CorruptData, match="another book, USD with 8 decimals, id 0, not EUR"
    ):
        reopen(files_of(dict(stored(int)[0])), base_currency="EUR")
