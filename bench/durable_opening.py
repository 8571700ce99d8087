"""Opens a durable book in its own process, and reads its first answers.

`python durable_opening.py FOLDER EXPECTED warm|cold` prints one line of JSON: seconds of
`mvcore.open`, and of the journal replay in it; the first value of an account and the first by
sector; the growth of the resident set; bytes read from the disk meanwhile. All totals are compared
with EXPECTED, the JSON of `durable_book.write_expected`.

cold: first drops the pages of the folder's files from the system's cache (POSIX_FADV_DONTNEED; the
host of a virtual machine may still have them). warm: first reads the files, and once more to time
that: `read` is the time for the bytes alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import mvcore
import mvcore._core as core
from book_memory import resident_bytes, tables_of
from dataset import World
from durable_book import check, check_account, check_sectors, seconds


def main(folder: Path, expected: dict[str, Any], cache: str) -> None:
    warm_up()
    out: dict[str, Any] = {}
    files = [path for path in folder.rglob("*") if path.is_file()]
    if cache == "cold":
        for path in files:
            drop(path)
    else:
        for _ in range(2):
            out["read"] = seconds(lambda: read_all(files))
    replay = timed_replay()
    before, disk = resident_bytes(), disk_bytes()
    book: Any = None

    def opened() -> None:
        nonlocal book
        book = mvcore.open(folder, checkpoint_bytes=None)

    out["open"] = seconds(opened)
    out["disk"] = disk_bytes() - disk
    out["replay"], out["groups"] = replay[0], book.recovery.replayed
    answers: list[Any] = []
    name = f"ACC{len(expected['accounts'][0]) // 2:05d}"
    out["account"] = seconds(lambda: answers.append(book.value(name)))
    out["sectors"] = seconds(lambda: answers.append(book.values(by=("sector",))))
    out["memory"] = resident_bytes() - before
    check_account(answers[0], expected, int(name[3:]))
    check_sectors(answers[1], expected)
    check(book, expected)
    assert (book.recovery.skipped, book.recovery.cut_bytes) == ((), 0)
    book.close()
    print(json.dumps(out))


def warm_up() -> None:
    """Open a tiny book first: imports do not count for the measured opening."""
    with tempfile.TemporaryDirectory() as folder:
        with mvcore.open(folder) as book:
            book.load(**tables_of(World(2, 2), "integer")[0])
            book.checkpoint()
        with mvcore.open(folder) as book:
            book.values()


def timed_replay() -> list[float]:
    """Time each call that replays the journal. The recovery report does not include it."""
    took: list[float] = []
    recover = core.recover

    def timed(*given: Any) -> Any:
        found: list[Any] = []
        took.append(seconds(lambda: found.append(recover(*given))))
        return found[0]

    core.recover = timed
    return took


def drop(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_all(files: list[Path]) -> None:
    into = bytearray(1 << 20)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(into):
                pass


def disk_bytes() -> int:
    """Bytes that this process has read from the disk so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), sys.argv[3])
