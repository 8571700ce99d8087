"""Values in files from public bug reports and similar ones: numbers, options, unknown names."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import mvcore
from case_files import HEADER, Folder, book_of, refused, total, value


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


READ = {
    "1,234.50": ({"thousands": ","}, "1234.50"),
    "-1,234,567": ({"thousands": ","}, "-1234567"),
    "1234": ({"thousands": ","}, "1234"),
    "1.234,50": ({"decimal": ",", "thousands": "."}, "1234.50"),
    "1234,5": ({"decimal": ","}, "1234.5"),
    "1'234.5": ({"thousands": "'"}, "1234.5"),
    "1 234.5": ({"thousands": " "}, "1234.5"),
    "1\u00a0234.5": ({"thousands": " "}, "1234.5"),
    "1\u202f234\u202f567": ({"thousands": " "}, "1234567"),
    "1\u2009234": ({"thousands": "\u2009"}, "1234"),
    "(100)": ({"accounting": True}, "-100"),
    "(0)": ({"accounting": True}, "-0"),
    "100-": ({"accounting": True}, "-100"),
    "100": ({"accounting": True}, "100"),
    "-100": ({"accounting": True}, "-100"),
    "$150.00": ({"currency_signs": "$"}, "150.00"),
    "-$150": ({"currency_signs": "$"}, "-150"),
    "$-150": ({"currency_signs": "$"}, "-150"),
    "\u20ac 5": ({"currency_signs": "$\u20ac"}, "5"),
    "5,5\u00a0\u20ac": ({"currency_signs": "\u20ac", "decimal": ","}, "5.5"),
    "($1,234.50)": ({"currency_signs": "$", "accounting": True, "thousands": ","}, "-1234.50"),
    "$(5)": ({"currency_signs": "$", "accounting": True}, "-5"),
    "1e3": ({}, "1e3"),
    "+.5": ({}, "+.5"),
}


@pytest.mark.parametrize("text", READ)
def test_options_decide_how_numbers_are_read(folder, text) -> None:
    options, plain = READ[text]
    [row] = folder.rows(f'{HEADER}X,A,"{text}"\n', **options)
    assert row == ("X", "A", plain)
    book = book_of(folder.read(f'{HEADER}X,A,"{text}"\n', **options))
    assert book.value("X").current == 10 * D(plain)


NOT_READ = {
    "1,234.50": ({}, r"thousands=',' (--thousands ,)"),
    "1,234": ({}, r"thousands=',' (--thousands ,); or decimal=',' (--decimal ,)"),
    "1234,5": ({}, "or decimal=',' (--decimal ,)"),
    "1.234,50": ({}, "or decimal=',' (--decimal ,) and thousands='.' (--thousands .)"),
    "(100)": ({}, "or accounting=True (--accounting)"),
    "100-": ({}, "or accounting=True (--accounting)"),
    "$150.00": ({}, "or currency_signs='$' (--currency-signs '$')"),
    "\u20ac5": ({"currency_signs": "$"}, r"currency_signs='$\u20ac'"),
    "$1,000": ({}, "currency_signs='$' (--currency-signs '$') and thousands=','"),
    "1\u00a0234": ({}, r"'1\xa0234' is not a plain number"),
    "1\u2009234": ({}, r"'1\u2009234'"),
    "100\u00a0": ({}, r"'100\xa0' has a no-break space ('\xa0')"),
    "\u2212100": ({}, r"'\u2212100' has a minus sign that is not '-' ('\u2212')"),
    "\u2013100": ({}, r"a dash instead of '-'"),
    " 100": ({}, "' 100' has space around the number"),
    "1.5": ({"decimal": ","}, "'1.5' is not a plain number; expected a number such as 1234,5"),
    "1,23": ({"thousands": ","}, "'1,23' is not"),
    "12,34,567": ({"thousands": ","}, "'12,34,567' is not a decimal number"),
    "0,123": ({"thousands": ","}, "'0,123' is not"),
    "1,234 567": ({"thousands": ","}, "is not a decimal number"),
    "1 234\u00a0567": ({"thousands": " "}, r"'1 234\xa0567' has a no-break space"),
    "(-100)": ({"accounting": True}, "'(-100)' is not a decimal number"),
    "-(100)": ({"accounting": True}, "'-(100)' is not a decimal number"),
    "(100": ({"accounting": True}, "'(100' is not a decimal number"),
    "-100-": ({"accounting": True}, "'-100-' is not a decimal number"),
    "$$5": ({"currency_signs": "$"}, "'$$5' is not a decimal number"),
    "-$-5": ({"currency_signs": "$"}, "'-$-5' is not a decimal number"),
    "$": ({"currency_signs": "$"}, "'$' is not a decimal number"),
    "5 USD": ({"currency_signs": "$"}, "'5 USD' is not a decimal number"),
    "5%": ({}, "'5%' is not a decimal number"),
    "\uff15": ({}, r"'\uff15' is not a decimal number"),
    "0x10": ({}, "'0x10' is not"),
    "1_000": ({}, "thousands='_'"),
    "#N/A": ({}, "'#N/A' is not"),
}


@pytest.mark.parametrize("text", NOT_READ)
def test_ambiguous_numbers_are_refused(folder, text) -> None:
    options, what = NOT_READ[text]
    error = folder.fault(f'{HEADER}X,B,5\nX,A,"{text}"\n', **options)
    assert "f.csv, line 3, column quantity: " in str(error)
    assert what in str(error)
    assert error.value == text


def test_messages_shorten_long_values(folder) -> None:
    error = folder.fault(f"{HEADER}X,A,{'9' * 100_000}\n")
    assert "column quantity: '999" in str(error)
    assert len(str(error)) < 400 + len(str(folder.path))
    error = folder.fault(f"{'X' * 1000},{'Y,' * 1000}Z\n")
    assert len(str(error)) < 800 + len(str(folder.path))
    error = folder.fault(f"{HEADER}{'X' * 1000},A,1\n{'X' * 1000},A,1\n")
    assert len(str(error)) < 400 + len(str(folder.path))


def test_the_command_line_reads_accounting_and_currency_signs(folder) -> None:
    prices = 'instrument,price\nA,"$1,234.50"\n'
    holdings = HEADER + "X,A,(100)\n"
    options = ("--thousands", ",", "--accounting", "--currency-signs", "$")
    assert total(value(folder, *options, holdings=holdings, prices=prices)) == "-123450.00"
    line = refused(value(folder, holdings=holdings))
    assert "holdings.csv, line 2, column quantity: '(100)'" in line
    assert "--accounting" in line
    line = refused(value(folder, prices=prices))
    assert "prices.csv, line 2, column price: '$1,234.50'" in line
    assert "--thousands ," in line


def test_a_no_break_space_in_windows_1252_is_shown(folder) -> None:
    error = folder.fault((HEADER + "X,A,1\u00a0234\n").encode("windows-1252"))
    assert r"line 2, column quantity: '1\xa0234' is not a plain number" in str(error)


def test_messages_show_invisible_characters_of_names(folder) -> None:
    for name, seen in (("X\u00a0", r"X\xa0"), ("X\u200b", r"X\u200b"), ("X ", "X ")):
        holdings = folder.read(f"{HEADER}{name},A,1\n")
        with pytest.raises(mvcore.UnknownId) as told:
            book_of(holdings)
        assert f"f.csv, line 2, column account: unknown account '{seen}' (row 0)" in str(told.value)
        assert "did you mean 'X'?" in str(told.value)
    error = folder.fault(HEADER.replace("quantity", "quantity\u00a0"))
    assert r"rename={'quantity\xa0': 'quantity'}" in str(error)


def test_decimal_commas_are_read(folder) -> None:
    holdings = "account;instrument;quantity\nX;A;1.234,5\n"
    prices = "instrument;price\nA;10,5\n"
    options = ("--decimal", ",", "--thousands", ".")
    assert total(value(folder, *options, holdings=holdings, prices=prices)) == "12962.25"


def test_the_command_line_shows_a_no_break_space(folder) -> None:
    line = refused(value(folder, holdings=HEADER + "X,A,1\u00a0000\n"))
    assert r"'1\xa0000'" in line


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": ";"}, {"decimal": ""}, {"thousands": "x"}, {"thousands": "."},
        {"thousands": ",", "decimal": ","}, {"accounting": 1}, {"currency_signs": "USD"},
        {"currency_signs": None}, {"extra": "skip"}, {"duplicates": "first"},
        {"blank_price": "zero"}, {"rename": ["a"]}, {"rename": {"a": 1}},
        {"rename": {"a": "account", "b": "account"}}, {"blank_price": "skip"},
    ],
    ids=str,
)  # fmt: skip
def test_meaningless_options_are_refused(folder, options) -> None:
    with pytest.raises(mvcore.InvalidInput, match=f"^{next(iter(options))}: "):
        folder.read(HEADER, **options)


def test_duplicate_holdings_are_refused_or_added_up(folder) -> None:
    rows = HEADER + "X,A,1.5\nX,B,2\nX,A,-0.25\nX,A,100000000000000000000000\n"
    assert "more than 20 digits" in str(folder.fault(rows))
    rows = HEADER + 'X,A,1.5\nX,B,2\nX,A,-0.25\nX,A,"1,000"\n'
    table = folder.read(rows, duplicates="sum", thousands=",")
    assert folder.rows(rows, duplicates="sum", thousands=",") == [
        ("X", "A", "1001.25"),
        ("X", "B", "2"),
    ]
    assert (table.summed, table.line(0), table.line(1)) == (2, 2, 3)


# ---- prices of unknown instruments ----


def test_errors_about_unknown_instruments_suggest_similar_names(folder) -> None:
    instruments = "instrument,currency\nA,USD\nAAPL,USD\n"
    line = refused(value(folder, instruments=instruments, prices="instrument,price\nAAPLE,1\n"))
    assert "prices.csv, line 2, column instrument: unknown instrument 'AAPLE'" in line
    assert "did you mean 'AAPL'?" in line
    line = refused(value(folder, instruments=instruments, ticks="instrument,price\nAAPLE,1\n"))
    assert "ticks.csv, line 2, column instrument: unknown instrument 'AAPLE'" in line
    assert "did you mean 'AAPL'?" in line


def test_prices_of_unknown_instruments_are_skipped_and_counted(folder) -> None:
    prices = "instrument,price\nZ1,1\nA,20\nZ2,2\n"
    ticks = "instrument,price\nZ1,1\nA,30\nZ1,2\n" + "Z3,1\n" * 5_000
    done = value(folder, "--unknown", "skip", prices=prices)
    assert total(done) == "2000.00"
    path = folder.path / "prices.csv"
    assert done.stderr == f"mvcore: {path}: skipped 2 prices of unknown instruments\n"
    done = value(folder, "--unknown", "skip", ticks=ticks)
    assert total(done) == "3000.00"
    path = folder.path / "ticks.csv"
    assert done.stderr == f"mvcore: {path}: skipped 5002 prices of unknown instruments\n"


def test_unknown_names_outside_prices_are_never_skipped(folder) -> None:
    line = refused(value(folder, "--unknown", "skip", holdings=HEADER + "X,Z,1\n"))
    assert "holdings.csv, line 2, column instrument: unknown instrument 'Z'" in line


def test_update_skips_prices_of_unknown_instruments_of_a_file(folder) -> None:
    book = book_of(folder.read(HEADER + "X,A,100\n"))
    prices = folder.read("instrument,price\nZ,1\nA,20\n", "prices")
    with pytest.raises(mvcore.UnknownId, match=r"f.csv, line 2, column instrument: unknown"):
        book.update(prices=prices)
    assert book.update(prices=prices, unknown="skip").skipped_prices == 1
    assert book.value("X").current == D("2000.00")


def test_blank_prices_are_refused_or_skipped(folder) -> None:
    text = "instrument,price\nA,\nB,2\n"
    error = folder.fault(text, table="prices")
    assert "f.csv, line 2, column price: the field is empty" in str(error)
    table = folder.read(text, "prices", blank_price="skip")
    assert (table.rows, table.skipped_prices, table.line(0)) == (1, 1, 3)
    assert "skipped 1 without a price" in table.report()


def test_a_rename_may_not_remove_a_required_column(folder, tmp_path) -> None:
    told = "rename (--rename) took the column 'quantity' away: it names it 'qty'"
    error = folder.fault(HEADER + "X,A,1\n", rename={"quantity": "qty"})
    assert str(error).endswith(told)
    path = tmp_path / "f.parquet"
    table = pa.table({"account": ["X"], "instrument": ["A"], "quantity": [1]})
    pa.parquet.write_table(table, path)
    with pytest.raises(mvcore.InvalidInput) as other:
        mvcore.read(path, "holdings", rename={"quantity": "qty"}, extra="ignore")
    assert str(other.value).endswith(told)
