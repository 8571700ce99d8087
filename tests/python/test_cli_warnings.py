"""Warnings of the command line: a currency without a rate is reported on stderr, status 0."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mvcore

TABLES = {
    "instruments": "instrument,currency\nA,USD\nB,usd\nC,usd\n",
    "accounts": "account\nX\n",
    "holdings": "account,instrument,quantity\nX,A,100\nX,B,100\nX,C,100\n",
    "prices": "instrument,price\nA,10\nB,10\nC,10\n",
}
WARNING = (
    "mvcore: warning: fx: currency 'usd' has no rate: amounts in 'USD' leave out 2 positions in "
    "2 instruments; did you mean 'USD'?\n"
)
EVENTS = "time,kind,instrument,order,account,order_quantity\n2024-03-01T14:30:00Z,order,B,1,X,5\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name, text in (TABLES | {"events": EVENTS}).items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in (*TABLES, "events")}


def command(name: str, files: dict[str, Path], *more: str) -> list[str]:
    named = [text for table, path in files.items() for text in (f"--{table}", str(path))]
    return [sys.executable, "-m", "mvcore", name, *named, *more]


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


def test_value_warns_of_a_missing_rate(files) -> None:
    del files["events"]
    done = run(command("value", files, "--by", "", "--output", "csv"))
    assert (done.returncode, done.stderr) == (0, WARNING)
    assert done.stdout.splitlines()[1] == "USD,1000.00000000,1000.00000000,1000.00000000,2"


def test_value_prints_no_warning_if_every_rate_is_known(files) -> None:
    del files["events"]
    files["instruments"].write_text(TABLES["instruments"].replace("usd", "USD"))
    done = run(command("value", files, "--by", "", "--output", "csv"))
    assert (done.returncode, done.stderr) == (0, "")


def test_watch_warns_of_a_missing_rate(files) -> None:
    done = run(command("watch", files, "--speed", "max", "--by", "", "--output", "csv"))
    assert (done.returncode, done.stderr) == (0, WARNING)


def test_watch_warns_of_a_position_that_an_order_brings(files) -> None:
    files["holdings"].write_text("account,instrument,quantity\nX,A,100\n")
    done = run(command("watch", files, "--speed", "max", "--by", "", "--output", "csv"))
    wanted = WARNING.replace("2 positions in 2 instruments", "1 position in 1 instrument")
    assert (done.returncode, done.stderr) == (0, wanted)


def test_export_warns_of_a_missing_rate(files, tmp_path) -> None:
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments={"instrument": ["B", "C"], "currency": ["usd", "usd"]},
            accounts={"account": ["X"]},
            holdings={"account": ["X", "X"], "instrument": ["B", "C"], "quantity": [1, 1]},
        )
    out = tmp_path / "out"
    done = run(command("export", {}, str(tmp_path / "book"), "--to", "csv", "--out", str(out)))
    assert (done.returncode, done.stderr) == (0, WARNING)
    assert (out / "holdings.csv").read_text().count("\n") == 3


def test_names_cannot_control_the_terminal(files) -> None:
    del files["events"]
    files["instruments"].write_text(TABLES["instruments"].replace("usd", "us\x1b[2Jd"))
    done = run(command("value", files, "--by", "", "--output", "csv"))
    assert done.returncode == 0
    assert r"us\x1b[2Jd" in done.stderr
    assert "\x1b" not in done.stderr


def test_serve_warns_of_a_missing_rate(files) -> None:
    pytest.importorskip("mvcore.serve")
    del files["events"]
    process = subprocess.Popen(
        command("serve", files, "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        process.stdout.readline()  # says that facts are kept in memory only
        line = process.stdout.readline()
        errors = []
        while not errors or (errors[-1] and "Started server" not in errors[-1]):
            errors.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)  # uvicorn handles it from now on
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert re.match(r"Serving on http://127.0.0.1:\d+/", line)
    assert errors[0] == WARNING
