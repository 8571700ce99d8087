"""Durable books: what is recovered, who may write, what is refused."""

import logging
import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

import mvcore
from order_facts import START
from reference import dump

MASTERS = {
    "instruments": {
        "instrument": ["AAPL", "BUND", "CASH"],
        "currency": ["USD", "EUR", "USD"],
        "quote_factor": ["1", "0.01", "1"],
        "sector": ["tech", "govt", None],
    },
    "accounts": {"account": ["A1", "A2"], "desk": ["d1", "d2"], "country": ["DE", "ÖSTERREICH"]},
}
FACTS = {
    "holdings": {
        "account": ["A1", "A1", "A2"],
        "instrument": ["AAPL", "BUND", "AAPL"],
        "quantity": [10, "1000.5", "-3.000000000000000001"],
    },
    "prices": {
        "instrument": ["AAPL", "BUND"],
        "price": ["150.25", "98.7"],
        "time": [START + 1_000, None],
    },
    "fx": {"currency": ["EUR"], "rate": ["1.1"], "method": ["divide"]},
    "orders": {
        "order": ["o1", "o2"],
        "account": ["A1", "A2"],
        "instrument": ["AAPL", "BUND"],
        "order_quantity": [5, "-7.25"],
        "filled_quantity": [2, 0],
    },
}


def seen(book: mvcore.Book) -> dict:
    """All that a reader can see, by names."""
    return dump(book, mvcore.Error) | {
        "by": book.values(by=("desk", "country", "sector"), rollup=True).to_pylist(),
        "feeds": book.feed_positions(),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "main"


@pytest.fixture
def filled(path: Path):
    with mvcore.open(path) as book:
        book.load(**MASTERS, **FACTS)
        yield book


def test_a_new_book_is_empty(path: Path) -> None:
    with mvcore.open(path) as book:
        assert (book.epoch, book.feed_positions()) == (0, {})
        found = book.recovery
        assert (found.loaded, found.replayed, found.cut_bytes, found.clean) == (0, 0, 0, False)
    assert mvcore.Book().recovery is None


def test_a_reopened_book_is_unchanged(path: Path, filled: mvcore.Book) -> None:
    filled.update(
        accounts={"account": ["A3"], "desk": ["d2"]},
        instruments={"instrument": ["NEW"], "currency": ["JPY"], "sector": ["tech"]},
        holdings={"account": ["A3"], "instrument": ["NEW"], "quantity": ["0.5"]},
        feed={"facts/0": 17},
    )
    filled.order("o3", "A3", "NEW", 9, filled_quantity=4, status="partially_filled", time=START + 7)
    filled.tick("NEW", "99.123456", time=START + 5)
    filled.ticks(["AAPL", "BUND"], ["151", "97.25"])
    filled.update(prices={"instrument": ["CASH"], "price": [1]}, feed={"prices/0": -3})
    filled.remove(orders=["o2"])
    filled.roll_day()
    filled.order("o3", "A3", "NEW", 9, filled_quantity=6, status="partially_filled", time=START + 8)
    filled.remove(orders=["o1"])
    filled.update(accounts={"account": ["A2"], "desk": [None]})
    before = seen(filled)
    filled.close()
    with mvcore.open(path) as book:
        assert seen(book) == before
        assert book.recovery.clean
        assert (
            book.order("o3", "A3", "NEW", 9, filled_quantity=7, time=START + 1)
            == before["epoch"] + 1
        )
        assert book.stats()["late_orders"] == 1
        assert book.values(accounts={"desk": "d2"}, by=("desk",))["desk"] == ["d2"]


def test_integer_ids_are_restored(path: Path) -> None:
    ids = [0, -(2**63), 2**63 - 1, 5_000_000_000]
    with mvcore.open(path) as book:
        book.load(
            **MASTERS,
            orders={
                "order": ids,
                "account": ["A1"] * 4,
                "instrument": ["AAPL", "BUND", "AAPL", "CASH"],
                "order_quantity": ["99999999999999999990", 1, 2, "0.000000000000000001"],
                "time": [None, START + 1, START + 2, None],
            },
        )
        before = seen(book)
    with mvcore.open(path) as book:
        assert seen(book) == before
        with pytest.raises(mvcore.InvalidInput, match="integers"):
            book.order("text", "A1", "AAPL", 1)


def test_a_refused_call_leaves_nothing_in_the_journal(path: Path, filled: mvcore.Book) -> None:
    before = seen(filled)
    size = filled.stats()["journal_bytes"]
    with pytest.raises(mvcore.UnknownId):
        filled.order("o1", "A9", "AAPL", 1)
    with pytest.raises(mvcore.InvalidInput):
        filled.remove(accounts=["A1"])
    with pytest.raises(mvcore.InvalidInput):
        filled.update(
            accounts={"account": ["A9"]},
            holdings={"account": ["A9"], "instrument": ["AAPL"], "quantity": ["x"]},
        )
    assert filled.stats()["journal_bytes"] == size
    filled.update(accounts={"account": ["A8"], "desk": ["d8"]})
    filled.close()
    with mvcore.open(path) as book:
        assert book.values(accounts=["A1", "A2"]).to_pylist() == [
            row for row in before["values"] if row["account"] != "A9"
        ]
        with pytest.raises(mvcore.UnknownId):
            book.value("A9")


def test_a_second_writer_is_refused(path: Path, filled: mvcore.Book) -> None:
    with pytest.raises(mvcore.StorageError, match="open already"):
        mvcore.open(path)
    program = (
        f"import mvcore\ntry: mvcore.open({str(path)!r})\nexcept mvcore.StorageError: print('no')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "no\n", done.stderr
    filled.close()
    mvcore.open(path).close()


def test_a_process_that_died_leaves_no_lock(path: Path) -> None:
    program = (
        f"import mvcore, os, signal\nbook = mvcore.open({str(path)!r})\n"
        "book.load(accounts={'account': ['A1']})\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    with mvcore.open(path) as book:
        assert (book.epoch, book.recovery.clean) == (1, False)


def test_a_child_process_does_not_hold_the_lock(path: Path) -> None:
    book = mvcore.open(path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        try:
            book.close()
            mvcore.open(path).close()
        finally:
            child.kill()


def test_a_forked_child_reads_and_cannot_write(path: Path, filled: mvcore.Book) -> None:
    before = seen(filled)
    child = os.fork()
    if child == 0:
        refused = 0
        for call in (
            lambda: filled.tick("AAPL", 1),
            lambda: filled.order("o9", "A1", "AAPL", 1),
            lambda: filled.update(prices={"instrument": ["AAPL"], "price": [1]}),
            lambda: filled.ticks(["AAPL"], [1.0]),
            lambda: filled.roll_day(),
            lambda: filled.flush(),
        ):
            try:
                call()
            except mvcore.StorageError as error:
                refused += "child" in str(error)
        same = seen(filled) == before
        filled.close()
        os._exit(refused if same else 99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
    assert filled.order("o9", "A1", "AAPL", 1) == before["epoch"] + 1
    with pytest.raises(mvcore.StorageError, match="open already"):
        mvcore.open(path)


def test_a_reader_beside_the_writer_changes_nothing(path: Path, filled: mvcore.Book) -> None:
    filled.tick("AAPL", "152")
    filled.flush()
    before = seen(filled)
    files = sorted((p.name, p.read_bytes()) for p in path.iterdir())
    with mvcore.open(path, read_only=True) as book:
        assert seen(book) == before
        for call in (
            lambda: book.tick("AAPL", 1),
            lambda: book.order("o9", "A1", "AAPL", 1),
            lambda: book.load(fx={"currency": ["EUR"], "rate": [1]}),
        ):
            with pytest.raises(mvcore.StorageError, match="to be read"):
                call()
        book.flush()
    assert sorted((p.name, p.read_bytes()) for p in path.iterdir()) == files
    with pytest.raises(mvcore.StorageError):
        mvcore.open(path.parent / "nothing", read_only=True)
    assert not (path.parent / "nothing").exists()


def test_a_book_keeps_its_base_currency_and_scale(path: Path) -> None:
    mvcore.open(path, "EUR", 2).close()
    with mvcore.open(path) as book:
        assert str(book.load(accounts={"account": ["A"]})) == "1"
        assert book.value("A").currency == "EUR"
        assert book.value("A").current == Decimal("0.00")
    with pytest.raises(mvcore.InvalidInput, match=r"'USD', but the book in .* has 'EUR'"):
        mvcore.open(path, "USD")
    with pytest.raises(mvcore.InvalidInput, match="value_scale: 8"):
        mvcore.open(path, value_scale=8)
    mvcore.open(path, "EUR", 2).close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sync": "never"}, "sync: 'never'"),
        ({"price_interval": 0}, "price_interval: 0"),
        ({"price_interval": float("nan")}, "price_interval: nan"),
        ({"sync_interval": True}, "sync_interval: True"),
        ({"journal_file_bytes": 10}, "journal_file_bytes: 10"),
        ({"journal_file_bytes": 1e9}, "journal_file_bytes: 1000000000.0"),
        ({"base_currency": "local"}, "base_currency: 'local'"),
        ({"value_scale": 31}, "value_scale: 31"),
    ],
)
def test_wrong_options_are_refused(path: Path, options: dict, says: str) -> None:
    with pytest.raises(mvcore.InvalidInput) as caught:
        mvcore.open(path, **options)
    assert says in str(caught.value)
    mvcore.open(path).close()  # no lock is held


def test_wrong_paths_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for wrong, error in ((file, mvcore.StorageError), ("", mvcore.InvalidInput)):
        with pytest.raises(error):
            mvcore.open(wrong)
    with pytest.raises(mvcore.InvalidInput):
        mvcore.open(7)


@pytest.mark.parametrize(
    "feed", [{"": 1}, {"a": 1.5}, {"a": True}, {"a": 2**63}, {3: 1}, {"\ud800": 1}, [("a", 1)]]
)
def test_wrong_feeds_are_refused(feed) -> None:
    book = mvcore.Book()
    with pytest.raises(mvcore.InvalidInput, match="feed"):
        book.update(feed=feed)
    assert (book.epoch, book.feed_positions()) == (0, {})


def test_a_book_in_memory_keeps_feed_positions() -> None:
    book = mvcore.Book()
    book.update(feed={"a/0": 1, "b/0": 5})
    book.update(feed={"a/0": 2})
    assert book.feed_positions() == {"a/0": 2, "b/0": 5}


@pytest.mark.parametrize("sync", ["always", "interval", "os"])
def test_many_writers_beside_a_reader_get_distinct_epochs(path: Path, sync: str) -> None:
    with mvcore.open(path, sync=sync, price_interval=0.001, sync_interval=0.002) as book:
        book.load(**MASTERS, **FACTS)
        epochs: list[int] = []

        def write(writer: int) -> None:
            for k in range(40):
                epochs.append(book.order(f"w{writer}-{k % 7}", "A1", "AAPL", k, time=START + k))
                book.tick("AAPL", 100 + k)

        writers = [threading.Thread(target=write, args=(w,)) for w in range(6)]
        for thread in writers:
            thread.start()
        while any(thread.is_alive() for thread in writers):
            book.values(by=("sector",))
            book.value("A1")
        assert len(set(epochs)) == len(epochs) == 240
        assert book.epoch == 1 + 480
        stats = book.stats()
        assert stats["journal_groups"] <= 241
        before = seen(book)
    with mvcore.open(path) as book:
        assert seen(book) == before


def test_a_long_journal_continues_in_another_file(path: Path) -> None:
    with mvcore.open(path, journal_file_bytes=4096) as book:
        book.load(**MASTERS, **FACTS)
        for k in range(300):
            book.order("o1", "A1", "AAPL", k)
        before = seen(book)
    assert len(list(path.glob("journal-*.log"))) > 5
    with mvcore.open(path) as book:
        assert seen(book) == before
        assert book.recovery.replayed == 301


def test_a_book_without_references_is_closed(path: Path) -> None:
    book = mvcore.open(path)
    book.load(accounts={"account": ["A1"]})
    del book
    with mvcore.open(path) as book:
        assert book.recovery.clean


def test_a_closed_book_refuses_calls(path: Path) -> None:
    book = mvcore.open(path)
    book.close()
    book.close()
    for call in (book.flush, book.feed_positions, lambda: book.tick("A", 1)):
        with pytest.raises(mvcore.ClosedError):
            call()


def test_recovery_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mvcore.open(path) as book:
        book.load(accounts={"account": ["A1"]})
    (journal,) = path.glob("journal-*.log")
    journal.write_bytes(journal.read_bytes() + b"half of a group")
    with caplog.at_level(logging.INFO, "mvcore"), mvcore.open(path) as book:
        assert book.recovery.cut_bytes == len(b"half of a group")
        assert book.recovery.cut_at.startswith(journal.name)
    assert "15 bytes cut" in caplog.text
    with caplog.at_level(logging.INFO, "mvcore"), mvcore.open(path) as book:
        assert (book.epoch, book.recovery.cut_bytes, book.recovery.replayed) == (1, 0, 1)
