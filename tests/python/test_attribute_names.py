"""A misspelled column of a master table is refused: as an attribute it would mean the default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mvcore
from stored_books import label_accounts

# name of the column, the column that it probably means
INSTRUMENTS = [
    ("Multiplier", "multiplier"),
    (" multiplier", "multiplier"),
    ("multiplier\u00a0", "multiplier"),
    ("\u200bmultiplier", "multiplier"),
    ("MULTIPLIER", "multiplier"),
    ("multi-plier", "multiplier"),
    ("multipler", "multiplier"),
    ("mulitplier", "multiplier"),
    ("multipliers", "multiplier"),
    ("QuoteFactor", "quote_factor"),
    ("quote factor", "quote_factor"),
    ("quotefactor", "quote_factor"),
    ("quote_facter", "quote_factor"),
    ("Currency", "currency"),
    ("currency ", "currency"),
    ("curency", "currency"),
    ("Instrument", "instrument"),
]
ACCOUNTS = [("Account", "account"), ("ACCOUNT", "account"), (" account", "account")]
CASES = [("instruments", *case) for case in INSTRUMENTS] + [
    ("accounts", *case) for case in ACCOUNTS
]


def columns(table: str, *names: str) -> dict[str, list[object]]:
    key = table.removesuffix("s")
    return {key: ["A"], **{name: ["2"] for name in names}}


@pytest.mark.parametrize(("table", "name", "fixed"), CASES)
@pytest.mark.parametrize("write", ["load", "update"])
def test_tables_refuse_attributes_named_like_a_column(
    write: str, table: str, name: str, fixed: str
) -> None:
    book = mvcore.Book()
    with pytest.raises(mvcore.InvalidInput, match="too similar to the column") as told:
        getattr(book, write)(**{table: columns(table, name)})
    assert (told.value.table, told.value.column) == (table, name)
    assert f"expected {fixed!r}, or another name of the attribute" in str(told.value)
    assert book.epoch == 0


@pytest.mark.parametrize(("table", "name", "fixed"), CASES)
def test_files_refuse_attributes_named_like_a_column(
    tmp_path: Path, table: str, name: str, fixed: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{table.removesuffix('s')},{name}\nA,2\n")
    with pytest.raises(mvcore.InvalidInput, match="too similar to the column") as told:
        mvcore.read(path, table)
    assert (told.value.table, told.value.line) == (table, 1)
    told_name = told.value.column
    assert f"rename={{{told_name!r}: {fixed!r}}}" in str(told.value)
    if fixed not in ("account", "instrument"):
        book = mvcore.Book()
        path.write_text(f"instrument,{name}\nA,2\n")
        renamed = mvcore.read(path, table, rename={told_name: fixed})
        book.load(instruments={"currency": ["USD"], **renamed})


@pytest.mark.parametrize("name", ["Multiplier", "multi plier", "QUOTE-FACTOR", "Currency"])
def test_an_attribute_named_like_a_given_column_is_refused(name: str) -> None:
    given = {"instrument": ["A"], "multiplier": [1], "quote_factor": [1], "currency": ["USD"]}
    with pytest.raises(mvcore.InvalidInput, match="too similar to the column"):
        mvcore.Book().load(instruments=given | {name: ["2"]})


def test_other_attribute_names_are_accepted() -> None:
    given = {"instrument": ["A"], "multiplier": [1], "currency": ["USD"]}
    other = {"multipliers": ["x"], "currencies": ["x"], "factor": ["x"], "country": ["x"]}
    mvcore.Book().load(instruments=given | other)
    mvcore.Book().load(accounts={"account": ["A"], "currency": ["USD"], "account_type": ["x"]})


def test_the_command_line_refuses_an_attribute_named_like_a_column(tmp_path: Path) -> None:
    tables = {
        "instruments": "instrument,currency,Multiplier\nA,USD,100\n",
        "accounts": "account\nX\n",
        "holdings": "account,instrument,quantity\nX,A,100\n",
        "prices": "instrument,price\nA,10\n",
    }
    arguments = []
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text)
        arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
    command = [sys.executable, "-m", "mvcore", "value", *arguments, "--output", "csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "instruments.csv, line 1, column Multiplier: " in done.stderr
    assert "--rename Multiplier=multiplier" in done.stderr
    command += ["--rename", "Multiplier=multiplier"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1] == "X,USD,100000.00000000,100000.00000000,100000.00000000,0"


def test_the_report_of_a_file_names_its_attributes(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("instrument,currency,sector,tenor\nA,USD,tech,5\n")
    table = mvcore.read(path, "instruments")
    assert table.attributes == ("sector", "tenor")
    assert "attributes 'sector', 'tenor'" in table.report()
    path.write_text("account,instrument,quantity,x\nA,B,1,2\n")
    table = mvcore.read(path, "holdings", extra="ignore")
    assert table.attributes == ()
    assert "attributes" not in table.report()


# ---- names that `sort` reads as something else ----

ORDERS = ["-current", "-", "--x", "-account", "abs(current)", "abs()", "abs(abs(x))"]


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("table", ["instruments", "accounts"])
@pytest.mark.parametrize("write", ["load", "update"])
def test_a_name_that_sort_reads_as_an_order_is_refused(write: str, table: str, name: str) -> None:
    book = mvcore.Book()
    with pytest.raises(mvcore.InvalidInput) as told:
        getattr(book, write)(**{table: columns(table, "sector", name)})
    assert (told.value.table, told.value.column) == (table, name)
    assert str(told.value) == (
        f"{table}.{name}: `sort` would read this attribute's name as an order; "
        "expected a name that neither begins with '-' nor has the form abs(...)"
    )
    assert book.epoch == 0


def test_other_names_with_a_minus_or_abs_are_attributes() -> None:
    names = ["x-current", "current-", " -current", "abs", "abs(x", "abs(x) ", "ABS(current)", "(x)"]
    book = mvcore.Book()
    book.load(accounts=columns("accounts", *names), instruments={
        "instrument": ["I"], "currency": ["USD"]},
        holdings={"account": ["A"], "instrument": ["I"], "quantity": [1]})  # fmt: skip
    for name in names:
        for key in (name, f"-{name}"):
            assert book.values(by=name, sort=key)[name] == ["2"]


def test_the_file_with_such_a_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("account,-desk\nA,2\n")
    table = mvcore.read(path, "accounts")
    with pytest.raises(mvcore.InvalidInput, match="`sort` would read") as told:
        mvcore.Book().load(accounts=table)
    assert (told.value.file, told.value.column) == (str(path), "-desk")
    book = mvcore.Book()
    book.load(accounts=mvcore.read(path, "accounts", rename={"-desk": "desk"}))
    assert book.accounts()["desk"] == ["2"]


def test_a_stored_book_with_such_names_still_opens(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    labels: dict[str, list[str | None]] = {"-current": ["d"], "abs(sod)": ["e"]}
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments={"instrument": ["I"], "currency": ["USD"]},
            accounts={"account": ["A"]},
            holdings={"account": ["A"], "instrument": ["I"], "quantity": [1]},
        )
        label_accounts(book, labels)
    for _ in ("the journal", "a checkpoint"):
        with mvcore.open(tmp_path / "book") as book:
            accounts = book.accounts()
            assert accounts.to_pylist() == [{"account": "A", "-current": "d", "abs(sod)": "e"}]
            assert book.values(by="-current", accounts={"abs(sod)": "e"})["-current"] == ["d"]
            with pytest.raises(mvcore.InvalidInput, match="'-current' names several columns"):
                book.values(by="-current", sort="-current")
            book.update(accounts={"account": ["B"]})  # a table without the names
            book.remove(accounts="B")
            with pytest.raises(mvcore.InvalidInput, match=r"^accounts\.-current: `sort` would"):
                book.update(accounts=accounts)
            book.checkpoint()
    with mvcore.open(tmp_path / "book") as book:
        book.load(accounts={"account": ["A"], "current desk": ["d"]})
        assert book.accounts().column_names == ["account", "current desk"]
