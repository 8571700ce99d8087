"""`instruments()`, `accounts()` and `fx()` return what was written, and the writes take it."""

from __future__ import annotations

import random
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

import mvcore

Rows = list[dict[str, Any]]
ACCOUNTS: dict[str, list[Any]] = {
    "account": ["X", "Y", "Z"],
    "desk": ["equity", None, "rates"],
    "limit": [5, D("2.50"), None],
}
INSTRUMENTS: dict[str, list[Any]] = {
    "instrument": ["A", "B", "USD-CASH"],
    "currency": ["USD", "EUR", "USD"],
    "multiplier": [100, None, None],
    "quote_factor": [None, "0.010", None],
    "cash": [False, None, True],
    "sector": [None, "govt", None],
}
FX: dict[str, list[Any]] = {
    "currency": ["EUR", "JPY"],
    "rate": ["1.10", "155.25"],
    "method": ["multiply", "divide"],
    "time": ["2024-03-01T14:00:00.123456789Z", None],
}


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book("USD", 4)
    book.load(instruments=INSTRUMENTS, accounts=ACCOUNTS, fx=FX)
    book.update(
        holdings={"account": ["X", "Y"], "instrument": ["A", "B"], "quantity": [3, 1000]},
        prices={"instrument": ["A", "B"], "price": ["1.5", 98]},
    )
    return book


def tables(reads: Any) -> list[Rows]:
    return [reads.accounts().to_pylist(), reads.instruments().to_pylist(), reads.fx().to_pylist()]


def state(book: mvcore.Book) -> list[Any]:
    by = ("account", "instrument", "desk", "sector", "limit")
    return [
        *tables(book),
        book.fx().to_arrow(),
        book.values(by=by, currency="local").to_pylist(),
        book.values(by=by, currency="EUR").to_pylist(),
    ]


def test_instruments_are_read_back(book: mvcore.Book) -> None:
    frame = book.instruments()
    assert frame.epoch == book.epoch
    assert frame.to_pylist() == [
        {"instrument": "A", "currency": "USD", "multiplier": D(100), "quote_factor": D(1),
         "cash": False, "sector": None},
        {"instrument": "B", "currency": "EUR", "multiplier": D(1), "quote_factor": D("0.01"),
         "cash": False, "sector": "govt"},
        {"instrument": "USD-CASH", "currency": "USD", "multiplier": D(1), "quote_factor": D(1),
         "cash": True, "sector": None},
    ]  # fmt: skip
    assert (
        frame.codes("instrument").tolist() == book.instrument_codes(["A", "B", "USD-CASH"]).tolist()
    )


def test_accounts_are_read_back(book: mvcore.Book) -> None:
    assert book.accounts().to_pylist() == [
        {"account": "X", "desk": "equity", "limit": "5"},
        {"account": "Y", "desk": None, "limit": "2.5"},
        {"account": "Z", "desk": "rates", "limit": None},
    ]


def test_rates_are_read_back(book: mvcore.Book) -> None:
    rows = book.fx().to_pylist()
    assert [(r["currency"], r["rate"], r["method"]) for r in rows] == [
        ("EUR", D("1.1"), "multiply"),
        ("JPY", D("155.25"), "divide"),
    ]
    assert rows[1]["time"] is None
    assert str(book.fx().to_numpy("time")[0]) == "2024-03-01T14:00:00.123456789"
    book.remove(fx="EUR")
    assert book.fx()["currency"] == ["JPY"]


def test_an_empty_book_has_empty_master_tables() -> None:
    book = mvcore.Book()
    assert tables(book) == [[], [], []]
    assert book.accounts().column_names == ["account"]
    assert book.instruments().column_names == [
        "instrument", "currency", "multiplier", "quote_factor", "cash",
    ]  # fmt: skip
    assert book.fx().column_names == ["currency", "rate", "method", "time"]
    assert book.load(accounts=book.accounts(), instruments=book.instruments(), fx=book.fx()) == 1


@pytest.mark.parametrize("write", ["load", "update"])
@pytest.mark.parametrize("names", [["accounts"], ["instruments"], ["fx"], None])
def test_writing_master_tables_back_changes_nothing(
    book: mvcore.Book, names: list[str] | None, write: str
) -> None:
    before = state(book)
    names = names or ["accounts", "instruments", "fx"]
    getattr(book, write)(**{name: getattr(book, name)() for name in names})
    assert state(book) == before


def test_master_tables_load_into_another_book(book: mvcore.Book) -> None:
    other = mvcore.Book("USD", 4)
    other.load(
        accounts=book.accounts(), instruments=book.instruments(), fx=book.fx(),
        holdings=book.holdings(), prices=book.prices(),
    )  # fmt: skip
    assert state(other) == state(book)


def test_removed_names_have_no_row_until_they_are_added_again(book: mvcore.Book) -> None:
    code = book.instrument_codes("USD-CASH")[0]
    book.remove(instruments="USD-CASH", accounts="Z")
    assert book.instruments()["instrument"] == ["A", "B"]
    assert book.accounts()["account"] == ["X", "Y"]
    book.update(
        instruments={"instrument": ["USD-CASH"], "currency": ["JPY"]},
        accounts={"account": ["W", "Z"]},
    )
    assert book.instruments().to_pylist()[-1] == {
        "instrument": "USD-CASH", "currency": "JPY", "multiplier": D(1), "quote_factor": D(1),
        "cash": False, "sector": None,
    }  # fmt: skip
    assert book.instruments().codes("instrument")[-1] == code
    rows = {row["account"]: row for row in book.accounts()}
    assert rows["Z"] == {"account": "Z", "desk": None, "limit": None}
    assert rows["W"] == {"account": "W", "desk": None, "limit": None}


def test_names_of_refused_calls_have_no_row(book: mvcore.Book) -> None:
    with pytest.raises(mvcore.InvalidInput):
        book.update(
            accounts={"account": ["V", "V"]}, instruments={"instrument": ["D"], "currency": ["CHF"]}
        )
    before = tables(book)
    assert "V" not in book.accounts()["account"]
    with pytest.raises(mvcore.UnknownId):
        book.value("NEVER")
    assert tables(book) == before


def test_a_snapshot_keeps_its_master_tables(book: mvcore.Book) -> None:
    before = tables(book)
    with book.snapshot() as then:
        frames = then.accounts(), then.instruments(), then.fx()
        book.remove(accounts="Z", fx="JPY")
        book.update(
            instruments={"instrument": ["B", "C"], "currency": ["EUR", "CHF"], "sector": ["x", "y"]}
        )
        assert tables(then) == before
        assert then.accounts().epoch == then.epoch != book.accounts().epoch
    assert [frame.to_pylist() for frame in frames] == before
    assert tables(book) != before
    with pytest.raises(mvcore.ClosedError):
        then.accounts()


@pytest.mark.parametrize("name", ["accounts", "instruments", "fx"])
def test_a_closed_book_has_no_master_tables(book: mvcore.Book, name: str) -> None:
    frame = getattr(book, name)()
    book.close()
    with pytest.raises(mvcore.ClosedError):
        getattr(book, name)()
    assert len(frame.to_pylist()) == len(frame)


def test_a_durable_book_restores_its_master_tables(book: mvcore.Book, tmp_path: Path) -> None:
    expected = tables(book)
    with mvcore.open(tmp_path / "book", "USD", 4) as stored:
        stored.load(accounts=book.accounts(), instruments=book.instruments(), fx=book.fx())
        stored.checkpoint()
        stored.update(accounts={"account": ["V"], "desk": ["new"]})
    expected[0] += [{"account": "V", "desk": "new", "limit": None}]
    with mvcore.open(tmp_path / "book") as stored:
        assert tables(stored) == expected


def test_master_tables_equal_dicts_after_random_writes() -> None:
    """Random writes to a book and to dicts of rows give the same tables."""
    random_ = random.Random(15)
    book = mvcore.Book()
    accounts: dict[str, dict[str, Any]] = {}
    instruments: dict[str, dict[str, Any]] = {}
    names = [f"N{k}" for k in range(12)]
    for _ in range(400):
        some = random_.sample(names, random_.randint(1, 5))
        drawn = random_.random()
        labels = random_.choice(["desk", "region"])
        values = [random_.choice([None, "a", "b", "c"]) for _ in some]
        if drawn < 0.3:
            book.update(accounts={"account": some, labels: values})
            for name, value in zip(some, values, strict=True):
                accounts.setdefault(name, {})[labels] = value
        elif drawn < 0.6:
            factors = [random_.choice([None, 1, D("0.01"), 100]) for _ in some]
            book.update(
                instruments={
                    "instrument": some, "currency": ["USD"] * len(some), "multiplier": factors,
                    labels: values,
                }
            )  # fmt: skip
            for name, value, factor in zip(some, values, factors, strict=True):
                row = instruments.setdefault(name, {})
                row[labels] = value
                row["multiplier"] = D(1) if factor is None else D(factor)
        elif drawn < 0.7:
            book.load(accounts={"account": some, labels: values})
            pairs = zip(some, values, strict=True)
            accounts = {name: {labels: value} for name, value in pairs}
        else:
            gone = [name for name in some if name in accounts][:2]
            book.remove(accounts=gone)
            accounts = {name: row for name, row in accounts.items() if name not in gone}
            lost = [name for name in some if name in instruments][:2]
            book.remove(instruments=lost)
            instruments = {name: row for name, row in instruments.items() if name not in lost}
        got = {row.pop("account"): row for row in book.accounts()}
        assert {n: present(row) for n, row in got.items()} == {
            n: present(row) for n, row in accounts.items()
        }
        got = {row["instrument"]: row for row in book.instruments()}
        assert got.keys() == instruments.keys()
        for name, row in instruments.items():
            assert present({c: got[name].get(c) for c in ("multiplier", "desk", "region")}) == (
                present(row)
            )


def present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
