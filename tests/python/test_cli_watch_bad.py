"""Errors of `mvcore watch` for wrong events: file, column, row and value, in one line, at once."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

TABLES = {
    "instruments": "instrument,currency\nAAPL,USD\nSAP,USD\n",
    "accounts": "account\nA1\nA2\n",
    "holdings": "account,instrument,quantity\nA1,AAPL,10\n",
    "prices": "instrument,price\nAAPL,151.5\n",
}
COLUMNS = "time,kind,instrument,price,order,account,order_quantity,filled_quantity,status,quantity"
GOOD = "2024-03-01,tick,AAPL,150,,,,,,"
BAD_ROWS = {
    "no time": (",tick,AAPL,1,,,,,,", "events.time, row 1: null is not a time"),
    "no such time": ("soon,tick,AAPL,1,,,,,,", "events.time, row 1: 'soon' is not an ISO 8601"),
    "no kind": (
        "2024-03-02,,AAPL,1,,,,,,",
        "events.kind, row 1: null is not known; expected one of tick, order",
    ),
    "no such kind": ("2024-03-02,trade,AAPL,1,,,,,,", "events.kind, row 1: 'trade' is not known"),
    "no price": ("2024-03-02,tick,AAPL,,,,,,,", "events.price, row 1: null, but a tick needs it"),
    "no account": ("2024-03-02,order,AAPL,,7,,5,,,", "events.account, row 1: null, but an order"),
    "out of place": ("2024-03-02,order,AAPL,9,7,A1,5,,,", "events.price, row 1: '9' must be empty"),
    "not a price": ("2024-03-02,tick,AAPL,dear,,,,,,", "events.price, row 1: 'dear'"),
    "unknown name": ("2024-03-02,tick,ZZZ,1,,,,,,", "events.instrument, row 1: "),
    "unknown account": ("2024-03-02,order,AAPL,,7,A9,5,,,", "events.account, row 1: "),
    "no such status": (
        "2024-03-02,order,AAPL,,7,A1,5,,open,",
        "events.status, row 1: unknown status 'open'",
    ),
    "wrong side": ("2024-03-02,order,AAPL,,7,A1,5,-1,,", "events.filled_quantity, row 1: "),
    "too many decimals": (
        "2024-03-02,holding,AAPL,,,A1,,,,0.1234567890123456789",
        "events.quantity, row 1: '0.1234567890123456789'",
    ),
    "the second of two": (
        "2024-03-02,tick,SAP,1,,,,,,\n2024-03-02,tick,SAP,x,,,,,,",
        "events.price, row 2: 'x'",
    ),
    "the second batch": (
        "2024-03-02,order,AAPL,,7,A1,5,,,\n2024-03-02,tick,AAPL,1,,,,,,\n"
        "2024-03-02,order,AAPL,,7,A1,5,,bad,",
        "events.status, row 3: unknown status 'bad'",
    ),
    "escapes": ("2024-03-02,tick,AAPL,\x1b[31m,,,,,,", r"events.price, row 1: '\x1b[31m'"),
}
BAD_COLUMNS = {
    "no time": ("kind,instrument,price\ntick,AAPL,1\n", "column 'time' is missing"),
    "unknown": ("time,instrument,price,size\n2024-03-01,AAPL,1,1\n", "column 'size' is not known"),
    "none for the kind": (
        "time,kind,instrument,price\n2024-03-01,tick,AAPL,1\n2024-03-01,order,AAPL,\n",
        "line 3, column order: null, but an order needs it (the column is missing)",
    ),
    "twice": ("time,price,price\n2024-03-01,1,1\n", "column 'price' occurs twice"),
    "not there": (None, "No such file or directory"),
}
BAD_ARGUMENTS = [
    (["--speed", "0"], "argument --speed"),
    (["--speed", "-1"], "argument --speed"),
    (["--speed", "nan"], "argument --speed"),
    (["--speed", "inf"], "argument --speed"),
    (["--speed", "fast"], "argument --speed"),
    (["--interval", "0"], "argument --interval"),
    (["--top", "0"], "argument --top"),
    (
        ["--sort", "price"],
        "--sort: no column 'price'; expected one of account, amount_currency, sod, current",
    ),
    (["--by", "colour"], "colour"),
    (["--currency", "XXX"], "XXX"),
    (["--output", "parquet"], "argument --output"),
]


def wrong(folder: Path, events: Path, *more: str) -> str:
    """Return the single error line, with status 2."""
    named = ["--events", str(events)]
    for name, text in TABLES.items():
        path = folder / f"{name}.csv"
        path.write_text(text)
        named += [f"--{name}", str(path)]
    command = [sys.executable, "-m", "mvcore", "watch", *named, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"mvcore: error: [^\n]+\n", done.stderr)
    return done.stderr


# At the events' own pace, a row a day ahead is reported at once too.
@pytest.mark.parametrize("speed", ["1", "max"])
@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_bad_event_gives_one_line_of_error(tmp_path: Path, what: str, speed: str) -> None:
    rows, message = BAD_ROWS[what]
    path = tmp_path / "events.csv"
    path.write_text(f"{COLUMNS}\n{GOOD}\n{rows}\n")
    column, row, what = re.fullmatch(r"events\.(\w+), row (\d): (.*)", message).groups()
    line = wrong(tmp_path, path, "--speed", speed)
    assert f"{path}, line {int(row) + 2}, column {column}: {what}" in line
    assert f"(row {row})" in line


@pytest.mark.parametrize("what", BAD_COLUMNS)
def test_bad_columns_of_events_give_one_line_of_error(tmp_path: Path, what: str) -> None:
    text, message = BAD_COLUMNS[what]
    path = tmp_path / "events.csv"
    if text is not None:
        path.write_text(text)
    line = wrong(tmp_path, path)
    assert message in line and str(path) in line


def test_codes_are_refused_as_names(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    table = {"time": [10**18], "instrument": [0], "price": [2]}
    pa.parquet.write_table(pa.table(table), path)
    line = wrong(tmp_path, path)
    assert f"{path}, column instrument: the column has type int64; expected text" in line


def test_an_overflowing_sum_names_the_last_row_that_adds_to_it(tmp_path: Path) -> None:
    """An overflowing sum belongs to no row, so the error names the last one that adds to it."""
    rows = [f"2024-03-02,order,AAPL,,{k},A1,99999999999999999999,,,\n" for k in range(2)]
    path = tmp_path / "events.csv"
    path.write_text("".join([COLUMNS, "\n", GOOD, "\n", *rows]))
    line = wrong(tmp_path, path, "--speed", "max")
    assert f"{path}, line 4, column order_quantity: the net quantity" in line


@pytest.mark.parametrize(("more", "message"), BAD_ARGUMENTS)
def test_a_bad_argument_of_watch_gives_one_line_of_error(
    tmp_path: Path, more: list[str], message: str
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{COLUMNS}\n{GOOD}\n")
    assert message in wrong(tmp_path, path, *more)
