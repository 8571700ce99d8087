"""Durable books that write checkpoints: what opening reads, and what it skips."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import mvcore
from mvcore.store.inspecting import inspect
from reliability import recorded, runs
from stored_books import change, facts_of, make_in


def copied(path: Path, to: Path) -> Path:
    """Copy the folder as a killed process leaves it."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(path, to)
    return to


@pytest.mark.parametrize("ids", [int, str])
@pytest.mark.parametrize("sync", ["always", "os"])
def test_a_book_is_restored_from_checkpoint_and_journal(ids, sync, tmp_path):
    options = {"sync": sync, "journal_file_bytes": 4096, "checkpoint_bytes": None}
    path, rng = tmp_path / "book", random.Random(3)
    book = mvcore.open(path, **options)
    make_in(book, ids)
    for step in range(40):
        change(book, step, ids)
        if rng.random() < 0.4:
            book.checkpoint()
        if rng.random() < 0.2:  # the process dies
            book.flush()
            with mvcore.open(copied(path, tmp_path / "copy"), **options) as again:
                assert facts_of(again) == facts_of(book), step
                assert again.feed_positions() == book.feed_positions()
        if rng.random() < 0.2:
            facts = facts_of(book)
            book.close()
            book = mvcore.open(path, **options)
            assert facts_of(book) == facts, step
    book.checkpoint()
    book.checkpoint()
    facts = facts_of(book)
    book.close()
    assert len(list(path.glob("journal-*.log"))) <= 2  # the others are trimmed
    with mvcore.open(path, read_only=True) as book:
        assert facts_of(book) == facts
        assert book.recovery.loaded > 0 and book.recovery.replayed == 0
        with pytest.raises(mvcore.StorageError, match="opened to be read"):
            book.checkpoint()


def test_attributes_and_codes_are_restored(tmp_path):
    with mvcore.open(tmp_path / "b") as book:
        make_in(book, int)
        book.checkpoint()
        book.update(accounts={"account": ["A1"], "desk": ["after"]})
        codes = book.instrument_codes(["I0", "I8"]).tolist()
        groups = book.values(by=("desk", "sector")).to_pylist()
    with mvcore.open(tmp_path / "b") as book:
        assert book.values(by=("desk", "sector")).to_pylist() == groups
        assert "after" in book.values(by=("desk",))["desk"]
        assert book.instrument_codes(["I0", "I8"]).tolist() == codes


def test_the_older_checkpoint_and_more_journal_restore_the_book(tmp_path, caplog):
    path = tmp_path / "b"
    with mvcore.open(path, checkpoint_bytes=None) as book:
        make_in(book, int)
        book.checkpoint()
        for step in range(5):
            change(book, step)
        book.checkpoint()
        change(book, 2)
        facts = facts_of(book)
    newest, older = inspect(path)
    file = {f.name for f in newest.manifest.files} - {f.name for f in older.manifest.files}
    damaged = path / "chunks" / sorted(file)[0]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 4
    damaged.write_bytes(data)
    with mvcore.open(path) as book:
        assert facts_of(book) == facts
        assert book.recovery.loaded == older.manifest.sequence
        assert damaged.name in book.recovery.skipped[0]
        assert damaged.name in caplog.text
        book.checkpoint()  # replaces the damaged one
    assert [g.fault for g in inspect(path)] == ["", ""]
    # Without a checkpoint: the journal either no longer starts at the beginning, or still does.
    for manifest in path.glob("manifest-*"):
        manifest.write_bytes(b"nothing")
    first = min(path.glob("journal-*.log")).name
    if first.endswith("1.log"):
        with mvcore.open(path) as book:
            assert facts_of(book) == facts and len(book.recovery.skipped) == 2
    else:
        with pytest.raises(mvcore.CorruptData, match="no use are generation"):
            mvcore.open(path)


def test_a_checkpoint_of_another_book_is_not_used(tmp_path):
    for name, count in (("one", 1), ("two", 2)):
        with mvcore.open(tmp_path / name, checkpoint_bytes=None) as book:
            make_in(book, int)
            for step in range(count):
                change(book, step)
            if name == "two":
                facts = facts_of(book)
            book.checkpoint()
    for manifest in (tmp_path / "two").glob("manifest-*"):
        manifest.unlink()
    shutil.copytree(tmp_path / "one", tmp_path / "two", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("journal*", "lock", "book"))  # fmt: skip
    with mvcore.open(tmp_path / "two") as book:
        assert facts_of(book) == facts
        assert "of another book" in book.recovery.skipped[0]


def test_checkpoints_in_the_background_keep_the_journal_short(tmp_path):
    path = tmp_path / "b"
    with mvcore.open(path, checkpoint_bytes=20_000, journal_file_bytes=4096) as book:
        make_in(book, int)
        step = 0
        while book.stats()["checkpoints"] < 4:
            step += 1
            book.order(10_000 + step, "A0", "I2", step)
            book.tick("I1", step)
            assert step < 100_000
        stats = book.stats()
        assert stats["checkpoint_epoch"] <= stats["epoch"]
        assert stats["checkpoint_new_files"] < stats["checkpoint_files"]
        facts = facts_of(book)
    with mvcore.open(path) as book:
        assert facts_of(book) == facts
        assert book.recovery.replayed < step


def test_books_that_cannot_checkpoint_raise_an_error(tmp_path):
    with pytest.raises(mvcore.InvalidInput, match="in memory"):
        mvcore.Book().checkpoint()
    book = mvcore.open(tmp_path / "b")
    book.close()
    with pytest.raises(mvcore.ClosedError):
        book.checkpoint()
    for wrong in (0, True, 1.5, "1"):
        with pytest.raises(mvcore.InvalidInput, match="checkpoint_bytes"):
            mvcore.open(tmp_path / "b", checkpoint_bytes=wrong)


def test_a_failed_checkpoint_does_not_change_the_book(tmp_path):
    with mvcore.open(tmp_path / "b", checkpoint_bytes=None) as book:
        make_in(book, int)
        (tmp_path / "b" / "chunks").write_text("in the way")
        with pytest.raises(mvcore.StorageError, match=r"checkpoint: .*chunks"):
            book.checkpoint()
        (tmp_path / "b" / "chunks").unlink()
        change(book, 0)
        book.checkpoint()
        facts = facts_of(book)
    with mvcore.open(tmp_path / "b") as book:
        assert facts_of(book) == facts and not book.recovery.skipped


def test_a_book_without_references_stops_its_checkpoints(tmp_path):
    import gc

    before = threading.active_count()
    for _ in range(5):
        mvcore.open(tmp_path / "b").tick  # noqa: B018
    gc.collect()
    for _ in range(50):
        if threading.active_count() <= before:
            break
        threading.Event().wait(0.05)
    assert threading.active_count() <= before
    mvcore.open(tmp_path / "b").close()


def test_a_forked_child_writes_no_checkpoint(tmp_path):
    with mvcore.open(tmp_path / "b") as book:
        make_in(book, int)
        child = os.fork()
        if child == 0:
            try:
                book.checkpoint()
            except mvcore.StorageError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        book.checkpoint()


CHILD = """
import sys, mvcore
path, seed = sys.argv[1], int(sys.argv[2])
book = mvcore.open(path, checkpoint_bytes=4096, journal_file_bytes=4096)
if not book.stats()["accounts"]:
    book.load(accounts={"account": ["a", "b"]},
              instruments={"instrument": ["x", "y"], "currency": ["USD"] * 2},
              prices={"instrument": ["x", "y"], "price": [1, 1]})
step = int(book.value("a").sod)
while True:
    step += 1
    book.update(holdings={"account": ["a", "b"], "instrument": ["x", "y"], "quantity": [step] * 2},
                orders={"order": [step], "account": ["a"], "instrument": ["y"],
                        "order_quantity": [1]})
    print(step, flush=True)
    if step % 7 == seed % 7:
        book.checkpoint()
"""


def test_a_process_that_is_killed_at_any_moment_loses_nothing(tmp_path):
    rng = random.Random(8)
    what = "a process killed at a random moment while it checkpoints"
    with recorded("D1", what, "8") as record:
        for _ in range(runs(10, 200)):
            record.runs += 1
            command = [sys.executable, "-c", CHILD, str(tmp_path / "b"), str(rng.randrange(7))]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(rng.randrange(1, 30))]
            threading.Event().wait(rng.random() * 0.05)
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
            child.wait()
            done = int([line for line in lines if line.endswith("\n")][-1])
            with mvcore.open(tmp_path / "b", checkpoint_bytes=None) as book:
                step = int(book.value("a").sod)
                assert step in (done, done + 1)
                assert book.value("b").sod == step and book.stats()["orders"] == step
                assert not book.recovery.skipped
