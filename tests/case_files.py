"""Files of the cases: a folder to write and read them, and the command line on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mvcore

HEADER = "account,instrument,quantity\n"


class Folder:
    """Files of a test, written and read by name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, content: str | bytes, name: str = "f.csv") -> Path:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(
        self, content: str | bytes, table: str = "holdings", name: str = "f.csv", **options: object
    ) -> mvcore.FileTable:
        return mvcore.read(self.put(content, name), table, **options)

    def rows(self, content: str | bytes, **options: object) -> list[tuple[str, ...]]:
        """Rows of holdings: account, instrument, quantity."""
        table = self.read(content, **options)
        columns = (table[name].to_pylist() for name in ("account", "instrument", "quantity"))
        return list(zip(*columns, strict=True))

    def fault(self, content: str | bytes, **options: object) -> mvcore.InvalidInput:
        with pytest.raises(mvcore.InvalidInput) as told:
            self.read(content, **options)
        assert str(told.value).startswith(str(self.path))
        return told.value


def book_of(holdings: object) -> mvcore.Book:
    """The book of the cases: an instrument A and accounts X, é, price 10."""
    book = mvcore.Book("USD", 2)
    book.load(
        instruments={"instrument": ["A", "B"], "currency": ["USD", "USD"]},
        accounts={"account": ["X", "\u00e9"]},
        holdings=holdings,
        prices={"instrument": ["A", "B"], "price": [10, 10]},
    )
    return book


def value(folder: Folder, *more: str, **files: str | bytes) -> subprocess.CompletedProcess[str]:
    """Run `mvcore value` on X's 100 A at 10, with some of the files replaced."""
    content: dict[str, str | bytes] = {
        "instruments": "instrument,currency\nA,USD\n",
        "accounts": "account\nX\n",
        "holdings": HEADER + "X,A,100\n",
        "prices": "instrument,price\nA,10\n",
    } | files
    named = [
        text
        for name, one in content.items()
        for text in (f"--{name}", str(folder.put(one, f"{name}.csv")))
    ]
    command = [sys.executable, "-m", "mvcore", "value", *named, "--output", "csv", "--by", ""]
    return subprocess.run(
        [*command, "--value-scale", "2", *more], capture_output=True, text=True, timeout=60
    )


def total(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[1].split(",")[2]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mvcore: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
