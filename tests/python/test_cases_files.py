"""Files from public bug reports and similar ones: read exactly, or refused with the line."""

from __future__ import annotations

import codecs
from decimal import Decimal as D
from pathlib import Path

import pytest

import mvcore
from case_files import HEADER, Folder, book_of, refused, total, value


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# ---- delimiters ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_delimiter_and_line_end_is_detected(folder, delimiter, newline, last) -> None:
    text = (HEADER + "X,A,100\nX,B,-5").replace(",", delimiter) + ("\n" if last else "")
    table = folder.read(text.replace("\n", newline))
    assert (table.delimiter, table.encoding, table.header_row) == (delimiter, "utf-8", 1)
    assert (table.rows, table.line(0), table.line(1)) == (2, 2, 3)
    assert book_of(table).value("X").current == D("950.00")


@pytest.mark.parametrize(("delimiter", "shown"), [(";", "';'"), ("\t", r"'\t'"), ("|", "'|'")])
def test_the_command_line_reports_the_delimiter(folder, delimiter, shown) -> None:
    done = value(folder, holdings=(HEADER + "X,A,100\n").replace(",", delimiter))
    assert total(done) == "1000.00"
    path = folder.path / "holdings.csv"
    assert done.stderr == (
        f"mvcore: {path}: 1 row, delimiter {shown}, encoding utf-8, header in line 1\n"
    )


def test_an_unusual_delimiter_must_be_named(folder) -> None:
    text = (HEADER + "X,A,100\n").replace(",", "~")
    assert folder.rows(text, delimiter="~") == [("X", "A", "100")]
    error = folder.fault(text)
    assert "delimiter= (--delimiter)" in str(error)
    assert error.line == 1
    done = value(folder, "--delimiter", "tab", holdings=HEADER.replace(",", "\t"))
    assert "instruments.csv, line 1: column 'instrument' is missing" in refused(done)


def test_other_delimiters_may_occur_in_values(folder) -> None:
    text = 'account;instrument;quantity\n"a;b";c,d|e\tf;1\n'
    assert folder.rows(text) == [("a;b", "c,d|e\tf", "1")]


def test_a_header_with_two_delimiters_is_refused(folder) -> None:
    error = folder.fault("account;desk,region\nA;1\n", table="accounts")
    assert "the delimiters ';' and ','" in str(error)
    table = folder.read("account;desk,region\nA;1\n", table="accounts", delimiter=";")
    assert list(table) == ["account", "desk,region"]


def test_a_table_of_one_column_needs_no_delimiter(folder) -> None:
    assert folder.read("account\nA;B\nC D\n", table="accounts")["account"].to_pylist() == [
        "A;B",
        "C D",
    ]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "a", "1", 1, "\0"])
def test_invalid_delimiters_are_refused(folder, delimiter) -> None:
    with pytest.raises(mvcore.InvalidInput, match=r"delimiter: .* is not a delimiter"):
        folder.read(HEADER, delimiter=delimiter)


def test_the_header_row_is_detected_or_named(folder) -> None:
    text = 'Positions, "as of" today\n\naccount,instrument,quantity\nX,A,100\n'
    table = folder.read(text)
    assert (table.header_row, table.line(0)) == (3, 4)
    assert "header in line 3" in table.report()
    assert folder.rows(text, header_row=3) == [("X", "A", "100")]
    error = folder.fault(text, header_row=1)
    assert "line 1: the quotes are malformed; expected a header with the columns" in str(error)
    assert "line 9: the line is empty or not there" in str(folder.fault(text, header_row=9))
    for wrong in (0, -1, True, "1", 1.0):
        with pytest.raises(mvcore.InvalidInput, match=r"header_row: .* is not a line number"):
            folder.read(text, header_row=wrong)


def test_an_error_about_missing_columns_suggests_a_rename(folder) -> None:
    error = folder.fault("Account;Symbol;Qty\nX;A;1\n")
    assert "found 'Account', 'Symbol', 'Qty'; expected the columns 'account'" in str(error)
    assert "rename={'Account': 'account'} (--rename Account=account)" in str(error)
    rename = {"Account": "account", "Symbol": "instrument", "Qty": "quantity"}
    table = folder.read("Account;Symbol;Qty\nX;A;1\n", rename=rename)
    assert table.renamed == rename
    assert list(table) == ["account", "instrument", "quantity"]
    error = folder.fault("Account;Symbol;Qty\nX;A;x\n", rename=rename)
    assert f"{folder.path / 'f.csv'}, line 2, column Qty: 'x' is not" in str(error)
    assert (error.table, error.column, error.row, error.value) == ("holdings", "quantity", 0, "x")


# ---- encodings ----

ENCODED = {
    "utf-8": ("utf-8", b""),
    "utf-8-sig": ("utf-8", codecs.BOM_UTF8),
    "windows-1252": ("windows-1252", b""),
    "utf-16-le": ("utf-16-le", b""),
    "utf-16-be": ("utf-16-be", b""),
}


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("reported", ENCODED)
def test_every_encoding_is_detected(folder, reported, delimiter) -> None:
    codec, mark = ENCODED[reported]
    text = (HEADER + "\u00e9,A,100\n").replace(",", delimiter)
    table = folder.read(mark + text.encode(codec))
    assert (table.encoding, table.delimiter) == (reported, delimiter)
    assert book_of(table).value("\u00e9").current == D("1000.00")
    assert (folder.path / "f.csv").open(encoding=table.encoding).read() == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_with_a_byte_order_mark_is_detected(folder, codec) -> None:
    content = ("\ufeff" + HEADER + "\u00e9\U0001f600,A,100\n").encode(codec)
    table = folder.read(content)
    assert table.encoding == "utf-16"
    assert table["account"].to_pylist() == ["\u00e9\U0001f600"]
    assert folder.rows(content, encoding="utf-16") == folder.rows(content)
    assert folder.rows(content, encoding=codec) == folder.rows(content)
    assert "byte order mark of utf-16" in str(folder.fault(content, encoding="windows-1252"))


def test_the_command_line_reports_the_encoding(folder) -> None:
    content = (HEADER + "\u00e9,A,100\n").encode("windows-1252")
    done = value(folder, accounts="account\n\u00e9\n", holdings=content)
    assert total(done) == "1000.00"
    assert "delimiter ',', encoding windows-1252, header in line 1" in done.stderr
    line = refused(value(folder, "--encoding", "utf-8", holdings=content))
    assert r"holdings.csv, line 2: b'\xe9' at character 1 is not utf-8" in line


WORDS = [
    "Soci\u00e9t\u00e9 G\u00e9n\u00e9rale", "M\u00fcnchener R\u00fcck",
    "O\u2019Neil \u2013 \u20ac 5", "\u00c5bo", "Stra\u00dfe",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_words_in_windows_1252_are_detected(folder, word) -> None:
    content = f"account,name\nA,{word}\n".encode("windows-1252")
    table = folder.read(content, table="accounts")
    assert table.encoding == "windows-1252"
    assert table["name"].to_pylist() == [word]


OTHERS = {
    "cp1251": "\u0418\u0432\u0430\u043d",
    "iso8859-2": "\u0141\u00f3d\u017a",
    "cp850": "Caf\u00e9 M\u00fcller",
    "shift_jis": "\u30c8\u30e8\u30bf",
    "gbk": "\u4e2d\u56fd",
    "koi8-r": "\u0418\u0432\u0430\u043d",
}


@pytest.mark.parametrize("codec", OTHERS)
def test_other_encodings_must_be_named(folder, codec) -> None:
    word = OTHERS[codec]
    content = f"account,name\nA,x\nB,{word}\n".encode(codec)
    error = folder.fault(content, table="accounts")
    assert "encoding= (--encoding)" in str(error)
    assert error.line == 3
    table = folder.read(content, table="accounts", encoding=codec)
    assert table["name"].to_pylist() == ["x", word]


DAMAGED = {
    "utf-8 cut": (HEADER + "\u00e9,A,1\nZ\u00fc").encode()[:-1],
    "utf-8 and one byte": (HEADER + "\u00e9,A,1\n").encode() + b"b\xe9,A,2\n",
    "windows-1252 has none": (HEADER + "X,A,1\n").encode() + b"b\x81,A,2\n",
    "utf-16 cut": codecs.BOM_UTF16_LE + (HEADER + "X,A,1\nY").encode("utf-16-le")[:-1],
    "half a pair": codecs.BOM_UTF16_BE
    + (HEADER + "X,A,1\n").encode("utf-16-be")
    + b"\xd8\x00\x00,\x00A\x00,\x001",
}


@pytest.mark.parametrize("what", DAMAGED)
def test_bytes_that_are_not_text_are_refused_with_their_line(folder, what) -> None:
    error = folder.fault(DAMAGED[what])
    assert error.line == 3
    assert "at character" in str(error)
    assert isinstance(error.value, bytes)


@pytest.mark.parametrize("content", [b"X\0,A,1\n", b"X,A,1\0\n", b"\0\n"])
def test_nul_characters_are_refused(folder, content) -> None:
    error = folder.fault(HEADER.encode() + content)
    assert r"'\x00' is not text" in str(error)
    assert error.line == 2


def test_byte_order_marks_inside_a_file_are_refused(folder) -> None:
    error = folder.fault(HEADER + "X,A,1\n\ufeffY,A,1\n")
    assert error.line == 3
    assert r"'\ufeff'" in str(error)
    assert "UTF-32" in str(folder.fault((HEADER + "X,A,1\n").encode("utf-32")))
    assert "utf-16-le or utf-16-be" in str(folder.fault(HEADER, encoding="utf-16"))


@pytest.mark.parametrize(
    "encoding", ["utf-99", "", 8, "base64", "zip", "undefined", "unicode-escape", "idna", "a\0b"]
)
def test_unknown_encodings_are_refused(folder, encoding) -> None:
    with pytest.raises(mvcore.InvalidInput, match=r"encoding: .* is not known"):
        folder.read(HEADER, encoding=encoding)


# ---- quotes ----


def test_the_command_line_names_the_line_of_a_stray_quote(folder) -> None:
    line = refused(value(folder, holdings=HEADER + 'X,A,"10"5\n'))
    assert "holdings.csv, line 2: text after a closing quote: '\"10\"5'" in line


MALFORMED = {
    "text after a quote": ('X,A,"10"5\n', 2),
    "a digit before": ('X,A,1"05"\n', 2),
    "a space after": ('X,"A" ,10\n', 2),
    "a space before": ('X, "A",10\n', 2),
    "a quote in a name": ('X,A"B,10\n', 2),
    "two strings": ('X,"A""B"C,10\n', 2),
    "first field": ('"X"Y,A,1\n', 2),
    "third row": ('X,A,1\n"Y",A,2\nZ,"A"B,3\n', 4),
    "after lines in quotes": ('"X\nY",A,1\nZ,"A"B,3\n', 4),
    "never closed": ('X,"A,5\nY,B,6\nZ,C,7\n', 2),
    "never closed, last field": ('X,A,5\nX,B,"6\n', 3),
    "never closed, no line end": ('X,A,5\nX,B,"6', 3),
    "never closed at the end": ('X,A,"', 2),
    "doubled at the end": ('X,A,"6""\n', 2),
    "closed by the next": ('X,"A,5\nY,"B",6\n', 2),
    "closed by an empty one": ('X,"A,5\nY,"",6\nY,C,7\n', 2),
    "rows between two": ('X,"A,5\nY,B,6\nZ,C",7\n', 2),
    "a row between two": ('X,"A,5\nY,B",6\n', 2),
    "a delimiter before the end": ('X,"A\nY,",6\n', 2),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_quotes_are_refused_with_their_line(folder, what, newline) -> None:
    rows, line = MALFORMED[what]
    error = folder.fault((HEADER + rows).replace("\n", newline))
    assert error.line == line
    assert f"f.csv, line {line}: " in str(error)
    assert "quote" in str(error)


def test_an_unclosed_quote_in_a_large_file_is_refused_with_its_line(folder) -> None:
    rows = [f"X,{'' if k != 50_000 else chr(34)}I{k},1\n" for k in range(300_000)]
    error = folder.fault(HEADER + "".join(rows))
    assert error.line == 50_002
    assert "never closed: '\"I50000,1'" in str(error)


def test_the_command_line_names_the_line_of_an_unclosed_quote(folder) -> None:
    line = refused(value(folder, holdings=HEADER + 'X,"A,100\nX,B,1\n'))
    assert "holdings.csv, line 2: the quote that opens here is never closed" in line


QUOTED = {
    '"X","A","1"\n': [("X", "A", "1")],
    'X,"a ""b"" c",1\n': [("X", 'a "b" c', "1")],
    '"""X""",A,1\n': [('"X"', "A", "1")],
    '"x, y",A,1\n': [("x, y", "A", "1")],
    '"x\ny",A,1\nZ,A,2\n': [("x\ny", "A", "1"), ("Z", "A", "2")],
    '"x\r\ny",A,1\n': [("x\r\ny", "A", "1")],
    'X,A,1\n\n"Y",A,2\n': [("X", "A", "1"), ("Y", "A", "2")],
}


@pytest.mark.parametrize("text", QUOTED)
def test_correct_quotes_are_read(folder, text) -> None:
    assert folder.rows(HEADER + text) == QUOTED[text]


def test_lines_are_counted_across_line_breaks_in_quotes(folder) -> None:
    error = folder.fault(HEADER + '"a\nb",A,1\n\n\r\nX,B,oops\n')
    assert (error.line, error.row) == (6, 1)


# ---- the position of a fault ----


def test_an_error_names_the_line_of_one_bad_tick_of_many(folder) -> None:
    rows = ["A,1\n"] * 6_000
    for bad, what in (("A,x\n", "column price: 'x' is not"), ("Z,1\n", "column instrument: unkn")):
        rows[5_002] = bad
        line = refused(value(folder, ticks="instrument,price\n" + "".join(rows)))
        assert f"ticks.csv, line 5004, {what}" in line
        assert "(row 5002)" in line
        assert "batch" not in line
        assert "instruments" not in line.replace("instruments.csv", "")


def test_an_error_names_the_column_as_in_the_file(folder) -> None:
    ticks = "sep\nSymbol;Last\n" + "A;1\n" * 5_100 + "B;2\n"
    renames = ("--rename", "Symbol=instrument", "--rename", "Last=price")
    done = value(folder, *renames, ticks=ticks)
    assert done.returncode == 2
    assert "ticks.csv, line 5103, column Symbol: unknown instrument 'B'" in done.stderr
    assert "(row 5100); known: 'A'" in done.stderr


@pytest.mark.parametrize(
    ("rows", "line", "column", "what"),
    [
        ("X,A,1\nX,,2\n", 3, "instrument", "the field is empty"),
        ("X,A,1\nX,B,\n", 3, "quantity", "the field is empty"),
        ("X,A,1\n\n\nX,B,y\n", 5, "quantity", "'y' is not a decimal number"),
        ("X,A,1\nX,B,1\nX,A,3\n", 4, "instrument", "'X', 'A' was in line 2 already"),
        ("X,A,0.1234567890123456789\n", 2, "quantity", "more than 18 decimals"),
        ("X,A,1e20\n", 2, "quantity", "more than 20 digits"),
        ("X,A,nan\n", 2, "quantity", "'nan' is not a decimal number"),
    ],
)
def test_an_error_about_a_value_names_line_and_column(folder, rows, line, column, what) -> None:
    error = folder.fault(HEADER + rows)
    assert f"f.csv, line {line}, column {column}: " in str(error)
    assert what in str(error)
    assert (error.line, error.column, error.file) == (line, column, str(folder.path / "f.csv"))


def test_errors_of_the_book_name_the_line_of_the_file(folder) -> None:
    holdings = folder.read(HEADER + "\nX,A,1\nY,A,1\n")
    with pytest.raises(mvcore.UnknownId, match=r"f.csv, line 4, column account: unknown") as told:
        book_of(holdings)
    assert (told.value.table, told.value.column, told.value.row) == ("holdings", "account", 1)
    assert (told.value.value, told.value.line) == ("Y", 4)
    orders = folder.read(
        "order,account,instrument,order_quantity,status\n1,X,A,5,new\n2,X,A,5,oops\n", "orders"
    )
    assert orders["order"].to_pylist() == [1, 2]
    book = book_of(folder.read(HEADER))
    with pytest.raises(mvcore.InvalidInput, match=r"f.csv, line 3, column status: unknown status"):
        book.update(orders=orders)


@pytest.mark.parametrize("rows", ["X,A\n", "X,A,1,\n", "X,A,1,5\n", "X\n", ",\n"])
def test_rows_of_another_length_than_the_header_are_refused(folder, rows) -> None:
    error = folder.fault(HEADER + "X,B,7\n" + rows)
    assert error.line == 3
    assert "expected 3 as in the header (line 1)" in str(error)


def test_faulty_headers_are_refused(folder) -> None:
    assert folder.rows(HEADER) == []
    assert folder.rows(HEADER.strip()) == []
    text = "account,instrument,quantity,quantity\nX,A,1,2\n"
    assert "line 1: column 'quantity' occurs twice" in str(folder.fault(text))
    error = folder.fault("account,instrument,quantity,Qty\nX,A,1,2\n", rename={"Qty": "quantity"})
    assert "'quantity' and 'Qty' in the file" in str(error)
    error = folder.fault("account,instrument,quantity,colour\nX,A,1,2\n")
    assert "column 'colour' is not known; expected account, instrument, quantity" in str(error)
    table = folder.read("account,instrument,quantity,colour\nX,A,1,2\n", extra="ignore")
    assert (list(table), table.ignored) == (["account", "instrument", "quantity"], ("colour",))
    error = folder.fault(HEADER, rename={"Qty": "quantity"})
    assert "rename: the file has no column 'Qty'" in str(error)


def test_errors_about_a_column_name_the_file(folder) -> None:
    line = refused(value(folder, instruments="instrument\nA\n"))
    assert "instruments.csv, line 1, column currency: the column is missing" in line
    text = "as of today\ninstrument,currency,level\nA,USD,1\n"
    done = value(folder, "--rename", "level=current", instruments=text)
    line = done.stderr.splitlines()[-1]
    assert "instruments.csv, line 2, column level: an attribute cannot have this name" in line
    prices = "instrument,price,time\nA,1,2099-01-01\n"
    line = refused(value(folder, prices=prices))
    assert "prices.csv, line 2, column time: '2099-01-01T00:00:00.000000000' is more" in line


def test_a_delimiter_at_the_end_of_each_line_is_accepted(folder) -> None:
    assert folder.rows("account,instrument,quantity,\nX,A,1,\n") == [("X", "A", "1")]
    error = folder.fault("account,instrument,quantity,\nX,B,1,\nX,A,1,5\n")
    assert "line 3: column 4 has no name in the header, but has the value '5'" in str(error)
    text = ",account,instrument,quantity\n0,X,A,1\n"
    assert "column 1 has no name in the header" in str(folder.fault(text))
    assert folder.rows(text, extra="ignore") == [("X", "A", "1")]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"\n \r\n", "the file is empty"),
        (codecs.BOM_UTF8, "line 1: the line is empty or not there"),
        (b"PK\x03\x04\x14\0", "a damaged zip archive"),
        (b"<!DOCTYPE html>\n<html></html>", "this is HTML"),
        (b" \n<table><tr>", "this is HTML"),
        (b"<?xml version='1.0'?>", "this is XML"),
        (b'[{"account": 1}]', "this is JSON"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x1f\x8b\x08\0", "its name must end in .gz"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel 97-2003 workbook"),
    ],
)
def test_files_of_other_formats_are_refused_by_name(folder, content, what) -> None:
    assert what in str(folder.fault(content))


def test_an_excel_workbook_and_a_zip_archive_are_told_apart(folder) -> None:
    import zipfile

    for inner, what in (("xl/workbook.xml", "an Excel workbook"), ("a.csv", "a zip archive")):
        with zipfile.ZipFile(folder.path / "f.zip", "w") as archive:
            archive.writestr(inner, "x")
        assert f"this is {what}" in str(folder.fault((folder.path / "f.zip").read_bytes()))
