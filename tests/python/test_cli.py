"""The command line, run as users run it: files in, exact amounts out, errors in one line."""

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

TABLES = {
    "instruments": "instrument,currency,multiplier,quote_factor,sector\n"
    "AAPL,USD,,,tech\nNA,EUR,1,,\nBUND,EUR,,0.01,gov\n",
    "accounts": 'account,desk\nA1,d1\nA2,d2\n"é, x",d1\n',
    "holdings": "account,instrument,quantity\n"
    'A1,AAPL,10\nA1,BUND,1000\nA2,NA,-5\n"é, x",AAPL,0.5\n',
    "prices": "instrument,price\nAAPL,151.5\nBUND,99.5\nNA,2\n",
    "fx": "currency,rate,method\nEUR,1.25,\nJPY,150,divide\n",
}
BY_ACCOUNT = {"A1": "2758.75000000", "A2": "-12.50000000", "é, x": "75.75000000"}
KINDS = pytest.mark.parametrize("kind", ["table", "csv", "json", "parquet"])


def mvcore(*arguments: str | Path, **settings: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mvcore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **settings)


class InputFiles:
    """The tables in files of a folder, and the arguments that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        for name, text in TABLES.items():
            self.put(name, text)

    def put(self, name: str, content: str | bytes, ending: str = "csv") -> Path:
        path = self.folder / f"{name}.{ending}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.paths[name] = path
        return path

    def named(self) -> list[str]:
        return [text for name, path in self.paths.items() for text in (f"--{name}", str(path))]

    def value(self, *more: str | Path, **settings: object) -> subprocess.CompletedProcess[bytes]:
        return mvcore("value", *self.named(), *more, **settings)

    def rows(self, *more: str) -> list[dict[str, str]]:
        warnings, rows = self.warned(*more)
        assert warnings == []
        return rows

    def warned(self, *more: str) -> tuple[list[str], list[dict[str, str]]]:
        """The lines on stderr, and the rows."""
        done = self.value("--output", "csv", *more)
        assert done.returncode == 0, done.stderr
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        return done.stderr.decode().splitlines(), rows


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """Assert status 2, an empty stdout and exactly one line on stderr. Returns the line."""
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"mvcore: error: [^\n]+\n", done.stderr)
    return done.stderr.decode()


@pytest.fixture
def files(tmp_path: Path) -> InputFiles:
    return InputFiles(tmp_path)


def as_text(text: str) -> pa.Table:
    names, *rows = csv.reader(io.StringIO(text))
    arrays = [
        pa.array([c or None for c in cells], pa.string()) for cells in zip(*rows, strict=True)
    ]
    return pa.table(arrays, names)


def write_ipc(path: Path, table: pa.Table, kind: Callable[..., Any]) -> None:
    with kind(str(path), table.schema) as writer:
        writer.write_table(table)


WRITERS: dict[str, Callable[[Path, pa.Table], None]] = {
    "parquet": lambda path, table: pa.parquet.write_table(table, path),
    "arrow": lambda path, table: write_ipc(path, table, pa.ipc.new_file),
    "arrows": lambda path, table: write_ipc(path, table, pa.ipc.new_stream),
    "feather": lambda path, table: pa.feather.write_feather(table, str(path), compression="lz4"),
    "unknown-ending": lambda path, table: pa.parquet.write_table(table, path),
    "csv.gz": lambda path, table: path.write_bytes(gzip.compress(TABLES[path.name[:-7]].encode())),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_file_format_is_read(files: InputFiles, ending: str) -> None:
    for name, text in TABLES.items():
        WRITERS[ending](files.put(name, "", ending), as_text(text))
    rows = files.rows("--measures", "current")
    assert {row["account"]: row["current"] for row in rows} == BY_ACCOUNT


def test_typed_columns_are_exact(files: InputFiles) -> None:
    quantities = pa.array([Decimal("10"), Decimal("0.5")], pa.decimal128(20, 3))
    holdings = {"account": ["A1", "é, x"], "instrument": ["AAPL", "AAPL"], "quantity": quantities}
    WRITERS["parquet"](files.put("holdings", "", "parquet"), pa.table(holdings))
    assert [row["current"] for row in files.rows()] == ["1515.00000000", "75.75000000"]


def test_files_with_bom_crlf_and_line_breaks_in_names_are_read(files: InputFiles) -> None:
    files.put("accounts", '\ufeffaccount,desk\r\nA1,d1\r\nA2,\r\n"é, x",\r\n"two\nlines",d1\r\n')
    files.put("holdings", '"account","instrument","quantity"\r\n"two\nlines","AAPL","2"\r\n')
    told, rows = files.warned()
    assert [row["account"] for row in rows] == ["two\nlines"]
    [line] = told
    assert line.endswith(
        "accounts.csv: 4 rows, delimiter ',', encoding utf-8-sig, header in line 1, "
        "attributes 'desk'"
    )
    assert rb"two\nlines" in files.value().stdout


def test_eighteen_decimals_of_text_are_exact(files: InputFiles) -> None:
    quantity, price = "99999.000000000000000001", "12345678901234567890.123456789012345678"
    files.put("holdings", f"account,instrument,quantity\nA1,AAPL,{quantity}\n")
    files.put("prices", f"instrument,price\nAAPL,{price}\n")
    exact = Context(80).multiply(Decimal(quantity), Decimal(price))
    [row] = files.rows("--value-scale", "12")
    assert row["current"] == format(Context(80).quantize(exact, Decimal("1e-12")), "f")


def test_amounts_in_json_and_parquet_are_the_same_digits(files: InputFiles) -> None:
    files.put("prices", "instrument,price\nAAPL,0.100000000000000003\nNA,0\n")
    wanted = {row["account"]: row["current"] for row in files.rows("--value-scale", "18")}
    assert (wanted["é, x"], wanted["A2"]) == ("0.050000000000000002", "0." + 18 * "0")  # half even
    lines = json.loads(files.value("--value-scale", "18", "--output", "json").stdout)
    assert {line["account"]: line["current"] for line in lines} == wanted
    done = files.value("--value-scale", "18", "--output", "parquet")
    table = pa.parquet.read_table(io.BytesIO(done.stdout))
    assert table.schema.field("current").type == pa.decimal128(38, 18)
    amounts = zip(table["account"].to_pylist(), table["current"].to_pylist(), strict=True)
    assert {name: format(amount, "f") for name, amount in amounts} == wanted


def test_na_and_null_are_names_and_an_empty_field_is_null(files: InputFiles) -> None:
    files.put("instruments", "instrument,currency,sector\nNA,USD,null\nnull,USD,\nnan,USD,NaN\n")
    files.put("holdings", "account,instrument,quantity\nA1,NA,1\nA1,null,1\nA1,nan,1\n")
    files.put("prices", "instrument,price\nNA,1\nnull,2\nnan,4\n")
    rows = files.rows("--by", "instrument,sector", "--measures", "sod")
    found = [(row["instrument"], row["sector"], row["sod"][0]) for row in rows]
    assert found == [("NA", "null", "1"), ("null", "", "2"), ("nan", "NaN", "4")]


def test_rollup_prints_subtotals_as_json(files: InputFiles) -> None:
    more = ("--by", "desk,sector", "--rollup", "--measures", "current", "--output", "json")
    rows = json.loads(files.value(*more).stdout)
    assert [tuple(row.values()) for row in rows] == [
        (0, None, None, "USD", "2822.00000000", 0),
        (1, "d1", None, "USD", "2834.50000000", 0),
        (2, "d1", "tech", "USD", "1590.75000000", 0),
        (2, "d1", "gov", "USD", "1243.75000000", 0),
        (1, "d2", None, "USD", "-12.50000000", 0),
        (2, "d2", None, "USD", "-12.50000000", 0),
    ]
    assert list(rows[0]) == ["level", "desk", "sector", "amount_currency", "current", "unpriced"]


def test_where_sort_limit_and_offset_select_rows(files: InputFiles) -> None:
    def found(*more: str) -> list[tuple[str, str]]:
        rows = files.rows("--by", "desk,sector", *more)
        return [(row["desk"], row["sector"]) for row in rows]

    assert found("--sort=-current") == [("d1", "tech"), ("d1", "gov"), ("d2", "")]
    assert found("--sort=-current", "--limit", "1", "--offset", "1") == [("d1", "gov")]
    assert found("--sort", "sector,current") == [("d1", "gov"), ("d1", "tech"), ("d2", "")]
    assert found("--where", "abs(current) < 1e3") == [("d2", "")]
    assert found("--where", "desk!=d2", "--where", "current<=1243.75") == [("d1", "gov")]
    assert found("--where", "sector=") == [("d2", "")]
    assert found("--limit", "0") == []
    for wrong, says in {
        "--where=current": "is not a condition", "--limit=-1": "whole number of 0 or more",
        "--sort=curent": "did you mean 'current'", "--where=desk=d3": "no account has the label",
        "--where=current>x": "not a number",
    }.items():  # fmt: skip
        assert says in one_line(files.value("--by", "desk,sector", wrong))


def test_positions_lists_quantities_prices_and_amounts(files: InputFiles) -> None:
    def listed(*more: str) -> list[tuple[str, ...]]:
        done = mvcore("positions", *files.named(), "--output", "csv", *more)
        assert (done.returncode, done.stderr) == (0, b"")
        header, *rows = csv.reader(io.StringIO(done.stdout.decode()))
        assert ",".join(header) == (
            "account,instrument,sod_quantity,current_quantity,expected_quantity,price,"
            "amount_currency,sod,current,expected,unpriced"
        )
        return [(row[0], row[1], row[5], row[6], row[8]) for row in rows]

    every = listed()
    assert every == [
        ("A1", "AAPL", "151.5", "USD", "1515.00000000"),
        ("A1", "BUND", "99.5", "USD", "1243.75000000"),
        ("A2", "NA", "2", "USD", "-12.50000000"),
        ("é, x", "AAPL", "151.5", "USD", "75.75000000"),
    ]
    assert listed("--sort=current", "--limit", "2", "--offset", "1") == [every[3], every[1]]
    assert listed("--where", "account=A1", "--where", "price<100") == [every[1]]
    assert listed("--where", "instrument!=AAPL", "--sort=-instrument") == [every[2], every[1]]
    local = listed("--currency", "local", "--where", "amount_currency=EUR")
    assert [row[3:] for row in local] == [("EUR", "995.00000000"), ("EUR", "-10.00000000")]
    files.put("ticks", "instrument,price\nNA,3\n")
    assert listed("--where", "abs(sod_quantity)=5")[0][4] == "-18.75000000"
    done = mvcore("positions", *files.named(), "--output", "json", "--limit", "1")
    assert json.loads(done.stdout)[0]["current"] == "1515.00000000"
    for wrong, says in {
        "--sort=curent": "did you mean 'current'", "--where=account=A9": "no account has the label",
        "--by=account": "unrecognized arguments", "--where=desk=d1": "no column 'desk'",
    }.items():  # fmt: skip
        assert says in one_line(mvcore("positions", *files.named(), wrong))


def test_amounts_can_be_in_any_currency(files: InputFiles) -> None:
    assert files.rows("--by", "")[0]["current"] == "2822.00000000"
    assert files.rows("--by", "", "--currency", "EUR")[0]["current"] == "2257.60000000"
    assert files.rows("--by", "", "--currency", "JPY")[0]["current"] == "423300.00000000"
    rows = files.rows("--by", "", "--currency", "local")
    found = [(row["amount_currency"], row["current"]) for row in rows]
    assert found == [("USD", "1590.75000000"), ("EUR", "985.00000000")]
    files.put("accounts", 'account,desk,reporting\nA1,d1,USD\nA2,d2,EUR\n"é, x",d1,JPY\n')
    rows = files.rows("--by", "desk", "--currency", "account.reporting")
    found = [(row["desk"], row["amount_currency"], row["current"]) for row in rows]
    assert found == [
        ("d1", "USD", BY_ACCOUNT["A1"]),
        ("d1", "JPY", "11362.50000000"),
        ("d2", "EUR", "-10.00000000"),
    ]
    del files.paths["fx"]
    warnings, [row] = files.warned("--by", "", "--base-currency", "EUR", "--value-scale", "2")
    [line] = warnings
    assert line.startswith("mvcore: warning: fx: currency 'USD' has no rate: amounts in 'EUR' ")
    assert row == row | {"amount_currency": "EUR", "current": "985.00", "unpriced": "2"}


def test_ticks_apply_in_order_unless_they_are_late(files: InputFiles) -> None:
    files.put("ticks", "instrument,price\nAAPL,1\nNA,7\nAAPL,2\n")
    assert [row["current"] for row in files.rows()][2] == "1.00000000"
    late = "AAPL,3,2024-01-02T00:00:00Z\nAAPL,4,2024-01-01T00:00:00Z\nNA,6,\n"
    files.put("ticks", f"instrument,price,time\n{late}")
    [told], rows = files.warned()
    assert told.endswith("ticks.csv: rows without effect: late_prices 1")
    assert [row["current"] for row in rows][1:] == ["-37.50000000", "1.50000000"]


def test_many_ticks_apply_in_batches(files: InputFiles) -> None:
    ticks = [f"AAPL,{number}\nNA,{number}.5\n" for number in range(9_000)]
    files.put("ticks", "".join(["instrument,price\n", *ticks]))
    assert files.rows()[2]["current"] == "4499.50000000"


def test_a_table_aligns_its_columns(files: InputFiles) -> None:
    assert files.value("--by", "desk", "--measures", "sod").stdout.splitlines() == [
        b"desk  amount_currency            sod  unpriced",
        b"----  ---------------  -------------  --------",
        b"d1    USD              2834.50000000         0",
        b"d2    USD               -12.50000000         0",
    ]


@KINDS
def test_a_file_equals_standard_output(files: InputFiles, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    assert files.value("--output", kind, "--out", out).stdout == b""
    assert out.read_bytes() == files.value("--output", kind).stdout


@KINDS
def test_a_result_without_rows_is_printed(files: InputFiles, kind: str) -> None:
    files.put("holdings", "account,instrument,quantity\n")
    done = files.value("--output", kind)
    assert (done.returncode, done.stderr) == (0, b"")
    assert kind != "json" or json.loads(done.stdout) == []


def test_output_is_utf8_under_any_locale(files: InputFiles) -> None:
    plain = files.value().stdout
    for setting in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}):
        assert files.value(env=os.environ | setting).stdout == plain


def test_broken_pipe_is_quiet(files: InputFiles) -> None:
    names = [f"account-{number:05}" for number in range(20_000)]
    files.put("accounts", "account\n" + "\n".join(names) + "\n")
    files.put("holdings", "account,instrument,quantity\n" + ",AAPL,1\n".join([*names, ""]))
    command = [sys.executable, "-m", "mvcore", "value", *files.named(), "--output", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(7) == b"account"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


BAD_FILES = {
    "not a decimal": ("prices", b"instrument,price\nAAPL,1\nNA,x\n", "line 3, column price: 'x'"),
    "19 decimals": (
        "prices",
        b"instrument,price\nAAPL,0.1234567890123456789\n",
        "line 2, column price",
    ),
    "key twice": ("holdings", b"account,instrument,quantity\nA1,NA,1\nA1,NA,1\n", "line 3"),
    "unknown name": ("holdings", b"account,instrument,quantity\nA9,NA,1\n", "A9"),
    "null": ("holdings", b"account,instrument,quantity\nA1,NA,\n", "line 2, column quantity"),
    "missing column": ("holdings", b"account,instrument\nA1,NA\n", "quantity"),
    "unknown column": ("prices", b"instrument,price,colour\nAAPL,1,red\n", "colour"),
    "column twice": ("prices", b"instrument,price,price\nAAPL,1,1\n", "'price' occurs twice"),
    "ragged": ("prices", b"instrument,price\nAAPL\n", "line 2: 1 field; expected 2"),
    "empty": ("prices", b"", "the file is empty"),
    "not UTF-8": ("prices", b"instrument,price\n\xff\xfe,1\n", r"line 2: b'\xff' at"),
    "escapes": ("prices", b"instrument,price\n\x1b[31m,1\n", r"\x1b[31m"),
    "tick column": ("ticks", b"instrument,price,size\nAAPL,1,1\n", "'size' is not known"),
    "tick price": ("ticks", b"instrument,price\nAAPL,1\nAAPL,nan\n", "nan"),
    "tick name": ("ticks", b"instrument,price\nZZZ,1\n", "ZZZ"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_gives_one_line_of_error(files: InputFiles, what: str) -> None:
    name, content, message = BAD_FILES[what]
    path, line = files.put(name, content), one_line(files.value())
    assert message in line and str(path) in line


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather", "csv.gz"])
def test_an_unreadable_file_gives_one_line_of_error(files: InputFiles, ending: str) -> None:
    path = files.put("prices", b"\x00\x01 this is no such file", ending)
    assert str(path) in one_line(files.value())


BAD_ARGUMENTS = [
    (["--holdings", "missing.csv"], "missing.csv: No such file or directory"),
    (["--out", "missing/out.csv"], "missing/out.csv: No such file or directory"),
    (["--out", "x.zzz"], "--out x.zzz: the ending '.zzz' is not known; expected one of .txt, .csv"),
    (["--by", "colour"], "colour"),
    (["--measures", "market_value"], "market_value"),
    (["--currency", "XXX"], "XXX"),
    (["--value-scale", "31"], "31"),
    (["--output", "xml"], "xml"),
    (["--colour"], "--colour"),
]


@pytest.mark.parametrize(("more", "message"), BAD_ARGUMENTS)
def test_a_bad_argument_gives_one_line_of_error(
    files: InputFiles, more: list[str], message: str
) -> None:
    assert message in one_line(files.value(*more, cwd=files.folder))


@KINDS
def test_an_amount_of_39_digits_leaves_the_output_file_unchanged(
    files: InputFiles, kind: str
) -> None:
    out = files.put("out", "before")
    del files.paths["out"]
    files.put("prices", "instrument,price\nAAPL,12345678\n")
    assert "38 digits" in one_line(
        files.value("--value-scale", "30", "--output", kind, "--out", out)
    )
    assert out.read_text() == "before"


def test_the_command_line_has_help_and_a_version() -> None:
    assert "COMMAND" in one_line(mvcore())
    assert "--holdings" in one_line(mvcore("value", "--instruments", "i.csv"))
    assert re.fullmatch(rb"mvcore \d+\.\d+\.\S+\n", mvcore("--version").stdout)
    assert b"--rollup" in mvcore("value", "--help").stdout
    for command in ("value", "positions", "watch", "serve"):
        assert b"rolled_quantity" in mvcore(command, "--help").stdout
