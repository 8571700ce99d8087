"""`mvcore watch --book`, killed at any moment and restarted, ends like an uninterrupted run."""

import csv
import io
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reliability import recorded, runs

HEADER = "time,kind,instrument,price,order,account,order_quantity,filled_quantity,status,quantity\n"
ACCOUNTS = [f"A{k}" for k in range(6)]
INSTRUMENTS = [f"I{k}" for k in range(5)]


def write_files(folder: Path, events: int) -> list[str]:
    """Arguments of a random day. Several events share a time, and some ticks are late."""
    dice = random.Random(3)
    currencies = [f"{i},{'EUR' if k % 2 else 'USD'}" for k, i in enumerate(INSTRUMENTS)]
    tables = {
        "instruments": ["instrument,currency", *currencies],
        "accounts": ["account,desk", *(f"{a},d{k % 2}" for k, a in enumerate(ACCOUNTS))],
        "holdings": ["account,instrument,quantity", "A0,I0,100", "A1,I1,-7.5"],
        "prices": ["instrument,price", *(f"{i},10" for i in INSTRUMENTS)],
        "fx": ["currency,rate", "EUR,1.25"],
    }
    arguments = []
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        arguments += [f"--{name}", str(folder / f"{name}.csv")]
    rows = []
    for k in range(events):
        at = f"2024-03-01T14:{k // 4 // 60 % 60:02d}:{k // 4 % 60:02d}Z"
        instrument, account = dice.choice(INSTRUMENTS), dice.choice(ACCOUNTS)
        kind = dice.random()
        if kind < 0.5:
            late = "2024-03-01T14:00:00Z" if dice.random() < 0.1 else at
            rows.append(f"{late},tick,{instrument},{dice.randrange(1, 5000)}e-2,,,,,,")
        elif kind < 0.85:
            order = f"{at},order,{instrument},,{dice.randrange(30)},{account}"
            rows.append(f"{order},{dice.randrange(1, 99)},0,new,")
        else:
            rows.append(f"{at},holding,{instrument},,,{account},,,,{dice.randrange(-99, 99)}")
    (folder / "day.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return [*arguments, "--events", str(folder / "day.csv"), "--speed", "max", "--output", "csv"]


def watch(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "mvcore", "watch", *arguments]


def amounts(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def journal_bytes(book: Path) -> int:
    return sum(file.stat().st_size for file in book.glob("journal-*"))


def test_a_killed_watch_resumes_after_its_last_event(tmp_path: Path) -> None:
    with recorded("D1", "mvcore watch --book killed and started again", "5") as record:
        record.runs = runs(6, 60)
        kill_and_start(tmp_path, record.runs)


def kill_and_start(tmp_path: Path, kills: int) -> None:
    arguments = write_files(tmp_path, 330 * kills)
    whole = subprocess.run(watch(arguments), capture_output=True, text=True, check=True).stdout
    assert len(amounts(whole)) == 1 + len(ACCOUNTS)
    dice = random.Random(5)
    book = ["--book", str(tmp_path / "book")]
    killed = 0
    for _ in range(kills):
        process = subprocess.Popen(
            watch(arguments + book), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        # The moment is measured in journal bytes, so the speed of the disk does not matter.
        most = journal_bytes(tmp_path / "book") + dice.randrange(6_000)
        while process.poll() is None and journal_bytes(tmp_path / "book") <= most:
            time.sleep(0.0005)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= kills // 2
    done = subprocess.run(watch(arguments + book), capture_output=True, text=True)
    assert done.stdout == whole, done.stderr
    again = subprocess.run(watch(arguments + book), capture_output=True, text=True)
    assert again.stdout == whole, again.stderr  # it has all events


def test_a_grown_file_resumes_and_another_days_file_is_played_whole(tmp_path: Path) -> None:
    files = write_files(tmp_path, 0)
    day, book = tmp_path / "day.csv", ["--book", str(tmp_path / "book")]

    def play(text: str) -> tuple[str, str]:
        day.write_text(HEADER + text)
        done = subprocess.run(watch(files + book), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return next(csv.DictReader(io.StringIO(done.stdout)))["current"], done.stderr

    def continues(epoch: int) -> str:
        return f"mvcore: the book continues at epoch {epoch}; only the events are used\n"

    today = "2024-03-04T14:00:00Z"
    first, told = play(
        "2024-03-01T14:00:00Z,tick,I0,5,,,,,,\n2024-03-01T14:00:00Z,tick,I0,6,,,,,,\n"
    )
    assert (float(first), told) == (600, "")
    monday = f"{today},tick,I0,7,,,,,,\n"
    assert float(play(monday)[0]) == 700
    # The file grew by events of the same moment, and a later one.
    order = f"{today},order,I0,,7,A0,3,3,filled,\n"
    assert play(monday + order)[1] == continues(3)
    grown = monday + order + f"{today},tick,I0,8,,,,,,\n2024-03-04T15:00:00Z,tick,I1,2,,,,,,\n"
    assert float(play(monday + order + f"{today},tick,I0,8,,,,,,\n")[0]) == 824
    for epoch, passed in ((7, 3), (8, 4)):
        amount, told = play(grown)
        before = f"mvcore: {passed} of 4 events of day.csv were already played\n"
        assert (float(amount), told) == (824, continues(epoch) + before)


@pytest.mark.parametrize("wrong", ["--base-currency", "--value-scale"])
def test_another_base_currency_or_value_scale_is_refused(tmp_path: Path, wrong: str) -> None:
    arguments = [*write_files(tmp_path, 4), "--book", str(tmp_path / "book")]
    subprocess.run(watch(arguments), capture_output=True, check=True)
    value = "EUR" if wrong == "--base-currency" else "3"
    done = subprocess.run(watch([*arguments, wrong, value]), capture_output=True, text=True)
    assert done.returncode == 2
    assert "has" in done.stderr


def test_an_error_names_the_line_of_the_wrong_event(tmp_path: Path) -> None:
    arguments = [*write_files(tmp_path, 0), "--book", str(tmp_path / "book")]
    rows = "2024-03-01T14:00:00Z,tick,I0,5,,,,,,\n2024-03-01T14:00:00Z,tick,I0,x,,,,,,\n"
    (tmp_path / "day.csv").write_text(HEADER + rows)
    done = subprocess.run(watch(arguments), capture_output=True, text=True)
    assert done.returncode == 2
    assert "line 3, column price" in done.stderr
