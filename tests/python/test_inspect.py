"""`mvcore inspect` reports damage if opening refuses the folder, and none if it accepts it."""

import os
import shutil
from pathlib import Path

import pytest

import mvcore
from mvcore import _core
from mvcore.cli import main
from mvcore.store import inspecting
from stored_books import change, make_in


def begin(path: Path) -> Path:
    """Make a book with two checkpoints, and journal files before, between and after them."""
    with mvcore.open(path, checkpoint_bytes=None) as book:
        make_in(book, int, 4, 8)
        for step in range(2):
            change(book, step)
            book.checkpoint()
        change(book, 3)
    return path


def journals(path: Path) -> list[Path]:
    return sorted(path.glob("journal-*.log"))


def without_the_first_files(path: Path) -> None:
    for file in journals(path)[:-1]:
        file.unlink()
    for manifest in path.glob("manifest-*"):
        manifest.unlink()


def without_the_last_file(path: Path) -> None:
    journals(path)[-1].unlink()
    *_, last = journals(path)
    last.write_bytes(last.read_bytes()[:-1])


def with_the_journal_of_another(path: Path) -> None:
    for file in (*journals(path), path / "book"):
        file.unlink()
    for file in (*journals(path.parent / "other"), path.parent / "other" / "book"):
        shutil.copy(file, path)


def without_a_journal(path: Path) -> None:
    for file in journals(path):
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without_the_first_files, "is there before it"),
        (without_the_last_file, "before its checkpoint, which has"),
        (without_a_journal, "the journal is missing"),
        (lambda path: (path / "book").unlink(), "is missing, which identifies the book"),
    ],
)
def test_inspect_reports_the_damage_that_opening_refuses(
    damage, says: str, tmp_path: Path, capsys
) -> None:
    path = begin(tmp_path / "book")
    assert main(["inspect", str(path)]) == 0
    damage(path)
    capsys.readouterr()
    assert main(["inspect", str(path)]) == 1
    out = capsys.readouterr().out
    with pytest.raises(mvcore.CorruptData, match=says) as caught:
        mvcore.open(path)
    assert f"journal\n  damaged: {str(caught.value).split('; no use')[0]}\n" in out


def test_inspect_reports_a_journal_of_another_book(tmp_path: Path, capsys) -> None:
    path = begin(tmp_path / "book")
    begin(tmp_path / "other")
    with_the_journal_of_another(path)
    assert main(["inspect", str(path)]) == 1
    assert "damaged: " + f"{path}: the journal is of another book, id " in capsys.readouterr().out


def test_inspect_accepts_a_checkpoint_without_a_journal(tmp_path: Path, capsys) -> None:
    path = begin(tmp_path / "book")
    for file in (*journals(path), path / "book"):
        file.unlink()
    assert main(["inspect", str(path)]) == 0
    assert capsys.readouterr().out.endswith("no journal\n")
    mvcore.open(path, read_only=True).close()


@pytest.mark.parametrize("error", [mvcore.StorageError, mvcore.CorruptData])
def test_inspect_retries_beside_a_writer(error, tmp_path: Path, monkeypatch, capsys) -> None:
    path = begin(tmp_path / "book")
    real, failing = _core.check_journal, [error("gone meanwhile")] * (inspecting.TRIES - 1)

    def check_journal(name: str):
        if failing:
            raise failing.pop()
        return real(name)

    monkeypatch.setattr(inspecting._core, "check_journal", check_journal)
    assert main(["inspect", str(path)]) == 0
    failing[:] = [error("gone for ever")] * inspecting.TRIES
    assert main(["inspect", str(path)]) == (1 if error is mvcore.CorruptData else 2)
    seen = capsys.readouterr()
    assert "gone for ever" in seen.out + seen.err


def test_inspect_does_not_call_an_unreadable_file_damaged(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    path = begin(tmp_path / "book")
    real = os.open

    def refusing(file, *arguments, **options):
        if str(file).startswith("chunks/"):
            raise PermissionError(13, "Permission denied", file)
        return real(file, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    assert main(["inspect", str(path)]) == 2
    assert "Permission denied: 'chunks/" in capsys.readouterr().err
