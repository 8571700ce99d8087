"""The folder of a durable book: which folder is used, unreadable files, refusals of open."""

import errno
import gc
import os
import shutil
import threading
from pathlib import Path

import pytest

import mvcore
from mvcore import _core
from mvcore.store import opening
from mvcore.store.files import Files
from stored_books import change, facts_of, make, make_in
from storing import MemoryFiles, checkpoints, save


def begin(path: Path) -> dict:
    """Make a book with one checkpoint and a later journal. Returns its content."""
    with mvcore.open(path, checkpoint_bytes=None) as book:
        make_in(book, int, 4, 8)
        book.checkpoint()
        change(book, 1)
        return facts_of(book)


def contents(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


# ---- the folder is opened once ----


def test_a_changed_working_directory_does_not_move_the_book(tmp_path: Path, monkeypatch) -> None:
    """A book with the same relative name in the new directory is another book."""
    for name in ("here", "there"):
        begin(tmp_path / name / "book")
    other = contents(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "here")
    with mvcore.open("book", checkpoint_bytes=None, journal_file_bytes=4096) as book:
        monkeypatch.chdir(tmp_path / "there")
        for step in range(5):
            change(book, step)
            book.checkpoint()
        facts = facts_of(book)
    assert contents(tmp_path / "there") == other
    with mvcore.open(tmp_path / "here" / "book") as book:
        assert facts_of(book) == facts and book.recovery.loaded > 0


def test_checkpoints_follow_a_renamed_folder(tmp_path: Path) -> None:
    begin(tmp_path / "old")
    with mvcore.open(tmp_path / "old", checkpoint_bytes=None) as book:
        (tmp_path / "old").rename(tmp_path / "new")
        begin(tmp_path / "old")  # another book replaces it
        other = contents(tmp_path / "old")
        change(book, 2)
        book.checkpoint()
        facts = facts_of(book)
    assert contents(tmp_path / "old") == other
    with mvcore.open(tmp_path / "new") as book:
        assert facts_of(book) == facts and book.recovery.replayed == 0


def test_a_checkpoint_into_a_removed_folder_fails(tmp_path: Path) -> None:
    begin(tmp_path / "book")
    book = mvcore.open(tmp_path / "book", checkpoint_bytes=None)
    shutil.rmtree(tmp_path / "book")
    for call in (book.checkpoint, book.close):
        with pytest.raises(mvcore.StorageError):
            call()
    assert not (tmp_path / "book").exists()


def test_a_closed_folder_refuses_calls(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("a", b"1")
    files.close()
    files.close()
    for call in (files.names, lambda: files.read("a", 1), lambda: files.remove("a")):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()
    assert (tmp_path / "a").exists()


def descriptors(path: Path) -> int:
    """The number of descriptors of the folder."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link) == str(path) for link in links)


def test_no_descriptor_of_the_folder_stays_open(tmp_path: Path) -> None:
    begin(tmp_path / "book")
    closed = []  # still referenced
    for k in range(20):
        book = mvcore.open(tmp_path / "book", read_only=k % 2 == 0)
        assert descriptors(tmp_path / "book") > 0 or k % 2 == 0
        book.close()
        closed.append(book)
        with pytest.raises(mvcore.InvalidInput):
            mvcore.open(tmp_path / "book", "JPY")
        gc.collect()
        assert descriptors(tmp_path / "book") == 0


# ---- checkpoints ----


def test_a_failed_background_checkpoint_names_its_folder(tmp_path: Path, caplog) -> None:
    with mvcore.open(tmp_path / "book", checkpoint_bytes=4096) as book:
        (tmp_path / "book" / "chunks").write_text("in the way")
        make_in(book, int)
        for k in range(200):
            book.order(10_000 + k, "A0", "I2", k)
        for _ in range(200):
            if "checkpoint failed" in caplog.text:
                break
            threading.Event().wait(0.05)
    assert f"{tmp_path / 'book'}: a checkpoint failed" in caplog.text


def test_earlier_journal_bytes_count_for_the_next_checkpoint(tmp_path: Path) -> None:
    """A process that writes a little and exits, day after day."""
    path, every = tmp_path / "book", 40_000
    with mvcore.open(path, checkpoint_bytes=None) as book:
        make_in(book, int)
    written = 0
    for day in range(12):
        with mvcore.open(path, checkpoint_bytes=every) as book:
            for k in range(40):
                book.order(10_000 + k, "A0", "I2", day * 100 + k)
            book.flush()
            for _ in range(4):
                threading.Event().wait(0.05)
            written += book.stats()["checkpoints"]
            assert book.stats()["journal_bytes"] < every // 2
        if written:
            break
    assert written
    with mvcore.open(path, checkpoint_bytes=every) as book:  # the count starts anew
        threading.Event().wait(0.3)
        assert book.recovery.loaded > 0 and book.stats()["checkpoints"] == 0


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_a_failed_checkpoint_leaves_no_files(fault) -> None:
    book, files = make(int), MemoryFiles()
    keeper = checkpoints(files, book)
    save(keeper, book)
    before = set(files.entries)
    change(book, 1)
    files.fault, files.once, files.stop = fault(), True, files.count + 4
    with pytest.raises(fault):
        save(keeper, book)
    assert set(files.entries) == before
    save(keeper, book)


@pytest.mark.parametrize("name", ["chunk", "manifest"])
def test_a_file_without_read_permission_is_not_called_damaged(
    name: str, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "book"
    facts = begin(path)
    pattern = "chunks/holdings-*" if name == "chunk" else "manifest-*"
    hidden = str(next(path.glob(pattern)).relative_to(path))
    real = os.open

    def refusing(file, *arguments, **options):
        if file == hidden:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file)
        return real(file, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    for read_only in (False, True):
        with pytest.raises(mvcore.StorageError, match=f"{path}/{hidden}: Permission denied"):
            mvcore.open(path, read_only=read_only)
    monkeypatch.undo()
    with mvcore.open(path) as book:
        assert facts_of(book) == facts and not book.recovery.skipped


# ---- refusals of open ----


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"read_only": 1}, "read_only: 1 is neither True nor False"),
        ({"read_only": "no"}, "read_only: 'no'"),
        ({"journal_file_bytes": 2**62}, f"journal_file_bytes: {2**62} is not in 4096..{2**62 - 1}"),
        ({"checkpoint_bytes": 2**62}, f"checkpoint_bytes: {2**62} is not in 4096..{2**62 - 1}"),
        ({"checkpoint_bytes": 4095}, "checkpoint_bytes: 4095 is not in 4096.."),
        ({"base_currency": "local"}, "base_currency: 'local'"),
        ({"base_currency": 7}, "base_currency"),
        ({"value_scale": 31}, "value_scale: 31"),
        ({"value_scale": "2"}, "value_scale"),
    ],
)
def test_wrong_options_create_no_folder(tmp_path: Path, options: dict, says: str) -> None:
    with pytest.raises(mvcore.InvalidInput) as caught:
        mvcore.open(tmp_path / "new" / "book", **options)
    assert says in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_largest_byte_limits_are_accepted(tmp_path: Path) -> None:
    most = 2**62 - 1
    with mvcore.open(tmp_path / "b", journal_file_bytes=most, checkpoint_bytes=most) as book:
        book.load(accounts={"account": ["A"]})


def test_a_path_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    for name in ("a\ud800", "a\udcff"):
        with pytest.raises(mvcore.InvalidInput, match=r"path: .* is not valid UTF-8"):
            mvcore.open(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["b", "b/c/d", ""])
def test_a_path_that_is_a_file_or_below_one_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(mvcore.StorageError, match=str(tmp_path / "file")):
        mvcore.open(tmp_path / "file" / below)
    with pytest.raises(mvcore.StorageError, match="there is no book"):
        mvcore.open(tmp_path / "file" / below, read_only=True)
    assert (tmp_path / "file").read_text() == "x"


def test_reading_an_absent_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mvcore.StorageError, match=f"{tmp_path}/none: there is no book"):
        mvcore.open(tmp_path / "none", read_only=True)
    with pytest.raises(mvcore.StorageError, match=f"{tmp_path}: there is no book"):
        mvcore.open(tmp_path, read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_reader_retries_if_a_file_disappears(tmp_path: Path, monkeypatch) -> None:
    facts = begin(tmp_path / "book")
    real, failing = _core.recover, [mvcore.StorageError("gone"), mvcore.CorruptData("gone")]

    def recover(*arguments):
        if failing:
            raise failing.pop()
        return real(*arguments)

    monkeypatch.setattr(opening._core, "recover", recover)
    with mvcore.open(tmp_path / "book", read_only=True) as book:
        assert facts_of(book) == facts
    failing[:] = [mvcore.StorageError("a disk that fails")]
    with pytest.raises(mvcore.StorageError, match="a disk that fails"):
        mvcore.open(tmp_path / "book")
    failing[:] = [mvcore.StorageError("a disk that fails")] * opening.TRIES
    with pytest.raises(mvcore.StorageError, match="a disk that fails"):
        mvcore.open(tmp_path / "book", read_only=True)
