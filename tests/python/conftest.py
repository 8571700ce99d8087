"""Shared fixtures: the reference model, the real data sets, small books."""

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that contains `data/`: $MVCORE_SHARED, or `shared` next to the repository."""
    named = os.environ.get("MVCORE_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data sets: {folder / 'data'} is absent (MVCORE_SHARED names another)")
    return folder


@pytest.fixture(scope="session")
def read_csv(shared: Path) -> Callable[[str], list[dict[str, str]]]:
    """Rows of a CSV file of the data sets, as text."""

    def read(name: str) -> list[dict[str, str]]:
        with (shared / "data" / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def book():
    """A small book: two accounts, a share, a bond in percent of par, and cash."""
    import mvcore
    from order_facts import START

    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": ["AAPL", "BUND", "CASH"],
            "currency": ["USD", "EUR", "USD"],
            "quote_factor": ["1", "0.01", "1"],
            "sector": ["tech", "govt", None],
            "country": ["US", "DE", "US"],
        },
        accounts={"account": ["A1", "A2"], "desk": ["d1", "d2"], "country": ["DE", "US"]},
        holdings={
            "account": ["A1", "A1", "A2"],
            "instrument": ["AAPL", "BUND", "AAPL"],
            "quantity": [10, "1000.5", -3],
        },
        prices={
            "instrument": ["AAPL", "BUND"],
            "price": ["150.25", "98.7"],
            "time": [START + 1_000, None],
        },
        fx={"currency": ["EUR"], "rate": ["1.1"]},
    )
    return book


@pytest.fixture
def ordered(book):
    """The small book with two orders that have text ids."""
    from order_facts import FACTS, TEXT_IDS

    book.update(orders={"order": TEXT_IDS} | FACTS)
    return book


@pytest.fixture
def numbered(book):
    """The small book with two orders that have integer ids."""
    from order_facts import FACTS, INT_IDS

    book.update(orders={"order": INT_IDS} | FACTS)
    return book


@pytest.fixture
def refused(book):
    """Assert that `call` is refused with a sufficient message, and that nothing has changed."""
    import mvcore
    from reference import dump

    def check(call: Callable, error: type[Exception], *says: str) -> None:
        before = dump(book, mvcore.Error)
        with pytest.raises(error) as caught:
            call(book)
        message = str(caught.value).lower()
        assert [part for part in says if part.lower() not in message] == [], message
        assert dump(book, mvcore.Error) == before
        assert book.tick("CASH", "1") == before["epoch"] + 1  # and the book still works

    return check


@pytest.fixture
def switching():
    """Make Python threads switch a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium for at most one module: asyncio cannot run in its thread meanwhile."""
    from browser import chromium

    with chromium() as browser:
        yield browser
