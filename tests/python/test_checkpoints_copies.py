"""Copies of book folders: a checkpoint alone, and a live book as in docs/storage.md."""

import json
import shutil
import threading
from pathlib import Path

import pytest

import mvcore
from stored_books import change, facts_of, make_in


def test_a_copy_without_its_journal_is_the_book_as_of_its_checkpoint(tmp_path):
    with mvcore.open(tmp_path / "b", base_currency="EUR", value_scale=4) as book:
        book.load(instruments={"instrument": ["I1", "I2"], "currency": ["EUR", "EUR"],
                               "sector": ["x", "y"]},
                  accounts={"account": ["A0"], "desk": ["d"]})  # fmt: skip
        book.update(
            holdings={"account": ["A0"], "instrument": ["I1"], "quantity": ["1.5"]},
            prices={"instrument": ["I1", "I2"], "price": [3, 4]},
            feed={"a/0": 7},
        )
        book.checkpoint()
        facts = facts_of(book)
        book.tick("I1", 77)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "b", copy, ignore=shutil.ignore_patterns("journal*", "lock", "book"))
    with mvcore.open(copy) as again:
        assert facts_of(again) == facts and again.feed_positions() == {"a/0": 7}
        assert (again.base_currency, again.value_scale) == ("EUR", 4)
        change(again, 3, str)
        facts = facts_of(again)
    with mvcore.open(copy) as again:
        assert facts_of(again) == facts
    # Without a journal and a whole checkpoint, no new book is created in the folder.
    for name in ("book", *(path.name for path in copy.glob("journal*"))):
        (copy / name).unlink()
    next(copy.glob("manifest-*")).write_text("{}")
    with pytest.raises(mvcore.CorruptData, match="no checkpoint is intact: generation 1"):
        mvcore.open(copy)


def test_a_live_book_is_copied_with_its_journal(tmp_path):
    """Copy a checkpoint, then the journal, as docs/storage.md says."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    stop = threading.Event()
    with mvcore.open(live, checkpoint_bytes=4096, journal_file_bytes=4096) as book:
        make_in(book, int)
        done = [0]

        def write() -> None:
            while not stop.is_set():
                book.order(10_000 + done[0] + 1, "A0", "I2", done[0] + 1)
                done[0] += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(8):
                before = done[0]
                back_up(live, copy)
                with mvcore.open(copy) as again:
                    orders = set(again.orders()["order"])
                assert set(range(10_001, 10_001 + before)) <= orders
        finally:
            stop.set()
            writer.join()


def back_up(live: Path, copy: Path) -> None:
    while True:
        shutil.rmtree(copy, ignore_errors=True)
        (copy / "chunks").mkdir(parents=True)
        try:
            newest = max(live.glob("manifest-" + "[0-9]" * 20), default=None)
            if newest is not None:
                text = newest.read_bytes()
                listed = json.loads(text.splitlines()[0])
                files = [*listed["tables"].values()]
                files += [f for c in listed["chunks"] for f in (c["holdings"], c["orders"]) if f]
                for file in files:
                    shutil.copy(live / "chunks" / file["name"], copy / "chunks")
                (copy / newest.name).write_bytes(text)
            for other in [live / "book", *sorted(live.glob("journal-*.log"))]:
                shutil.copy(other, copy)
        except FileNotFoundError:  # two checkpoints were written meanwhile
            continue
        return
