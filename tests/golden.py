"""Checkpoints of one format version in `tests/data/`, which all later versions must read.

Run as a program, it writes those of the present version. They are made once and never changed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mvcore import Book

DATA = Path(__file__).parent / "data"


def rows_of(book: Book) -> dict[str, list[dict[str, str]]]:
    """All that the book can report, as texts."""
    frames = {
        "holdings": book.holdings(),
        "orders": book.orders(),
        "prices": book.prices(),
        "values": book.values(by=("account", "instrument"), currency="local"),
        "groups": book.values(by=("sector", "desk")),
    }
    return {
        name: [{k: str(v) for k, v in row.items()} for row in frame.to_pylist()]
        for name, frame in frames.items()
    }


def write() -> None:
    from mvcore.store.arrow_files import FORMAT_VERSION
    from mvcore.store.files import Files
    from stored_books import change, make
    from storing import checkpoints, save

    for ids in (int, str):
        folder = DATA / f"checkpoint-{FORMAT_VERSION}-{ids.__name__}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        book = make(ids, 4, 8, seed=3, cash="from_fills")
        for step in range(9):
            change(book, step, ids)
        book.order(ids(7), "A0", "I3", 10, filled_quantity=2, average_price="1.25")  # moves cash
        save(checkpoints(Files(folder), book), book, sequence=7)
        expected = {"rows": rows_of(book), "stats": book.stats()}
        (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    write()
