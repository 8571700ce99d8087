"""`mvcore watch`, run as users run it: a file of events in, live rows, exact amounts at the end."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import mvcore
from mvcore.cli.events import SCHEMA, Events
from mvcore.files.options import Options
from mvcore.files.reading import read_file, with_integer_ids

TABLES = {
    "instruments": "instrument,currency,quote_factor\nAAPL,USD,\nSAP,EUR,\nBUND,EUR,0.01\n",
    "accounts": "account,desk\nA1,d1\nA2,d2\nA3,d1\n",
    "holdings": "account,instrument,quantity\nA1,AAPL,10\nA1,BUND,1000\nA2,SAP,-5\n",
    "prices": "instrument,price\nAAPL,151.5\nBUND,99.5\nSAP,2\n",
    "fx": "currency,rate\nEUR,1.25\n",
    "orders": "order,account,instrument,order_quantity,filled_quantity,status\n"
    "7,A1,AAPL,20,5,partially_filled\n8,A2,SAP,-4,,\n",
}
COLUMNS = (
    "time,kind,instrument,price,order,account,order_quantity,filled_quantity,status,quantity\n"
)
# Order 7 occurs three times, twice at one time. The last tick is older than the held price.
EVENTS = COLUMNS + (
    "2024-03-01T14:30:00Z,tick,AAPL,150,,,,,,\n"
    "2024-03-01T14:30:00Z,order,AAPL,,7,A1,20,10,partially_filled,\n"
    "2024-03-01T14:30:00Z,tick,SAP,3,,,,,,\n"
    "2024-03-01T14:30:00.25Z,order,AAPL,,7,A1,20,15,1,\n"
    "2024-03-01T14:30:00.25Z,order,AAPL,,9,A3,100,,,\n"
    "2024-03-01T14:30:00.25Z,order,AAPL,,7,A1,20,20,filled,\n"
    "2024-03-01T14:30:00.5Z,holding,SAP,,,A2,,,,-6\n"
    "2024-03-01T14:30:00.5Z,tick,AAPL,149,,,,,,\n"
    "2024-03-01T14:29:59Z,tick,AAPL,1,,,,,,\n"
)
# A1: 10 AAPL at 149 and 1,000 BUND at 0.995 x 1.25; 20 AAPL were bought. A2: -6 SAP at 3 x 1.25; a
# sell of 4 more is open. A3: a buy of 100 AAPL is open.
LAST = [
    ("A1", "USD", "2733.75000000", "5713.75000000", "5713.75000000", "0"),
    ("A2", "USD", "-22.50000000", "-22.50000000", "-37.50000000", "0"),
    ("A3", "USD", "0.00000000", "0.00000000", "14900.00000000", "0"),
]
TABLE = [
    "account  amount_currency            sod        current        expected  unpriced",
    "-------  ---------------  -------------  -------------  --------------  --------",
    "A1       USD              2733.75000000  5713.75000000   5713.75000000         0",
    "A2       USD               -22.50000000   -22.50000000    -37.50000000         0",
    "A3       USD                 0.00000000     0.00000000  14900.00000000         0",
]


class InputFiles:
    """The tables and events in files of a folder, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.told = ""  # expected on stderr
        for name, text in (TABLES | {"events": EVENTS}).items():
            self.put(name, text)
        self.expect("late_prices 1")

    def expect(self, dropped: str) -> None:
        """Expect that stderr reports these rows of the events as rows without effect."""
        events = self.folder / "events.csv"
        line = f"mvcore: {events}: rows without effect: {dropped}\n"
        self.told = line if dropped else ""

    def put(self, name: str, text: str) -> Path:
        path = self.folder / f"{name}.csv"
        path.write_text(text)
        self.paths[name] = path
        return path

    def put_parquet(self, name: str, columns: dict[str, object]) -> Path:
        path = self.folder / f"{name}.parquet"
        pa.parquet.write_table(pa.table(columns), path)
        self.paths[name] = path
        return path

    def command(self, *more: str) -> list[str]:
        named = [text for name, path in self.paths.items() for text in (f"--{name}", str(path))]
        return [sys.executable, "-m", "mvcore", "watch", *named, *more]

    def watch(self, *more: str) -> subprocess.CompletedProcess[str]:
        command = self.command("--speed", "max", *more)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def rows(self, *more: str) -> list[tuple[str, ...]]:
        done = self.watch("--output", "csv", *more)
        assert (done.returncode, done.stderr) == (0, self.told)
        return [tuple(row) for row in csv.reader(io.StringIO(done.stdout))][1:]

    def wrong(self, *more: str) -> str:
        """Assert status 2, an empty stdout and exactly one line on stderr. Returns the line."""
        done = self.watch(*more)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"mvcore: error: [^\n]+\n", done.stderr)
        return done.stderr


@pytest.fixture
def files(tmp_path: Path) -> InputFiles:
    return InputFiles(tmp_path)


def test_only_the_last_table_is_written_to_a_pipe(files: InputFiles) -> None:
    done = files.watch()
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, files.told, TABLE)


def test_watch_prints_csv_and_json(files: InputFiles) -> None:
    assert files.rows() == LAST
    rows = json.loads(files.watch("--output", "json").stdout)
    assert [tuple(map(str, row.values())) for row in rows] == LAST


def test_sort_and_top_select_the_rows(files: InputFiles) -> None:
    assert [row[0] for row in files.rows("--sort", "expected")] == ["A3", "A1", "A2"]
    assert files.rows("--sort", "current", "--top", "1") == LAST[:1]
    assert [row[0] for row in files.rows("--sort", "account", "--top", "2")] == ["A1", "A2"]


def test_watch_groups_and_converts_amounts(files: InputFiles) -> None:
    more = ("--by", "desk", "--measures", "expected", "--currency", "EUR")
    assert files.rows(*more) == [
        ("d1", "EUR", "16491.00000000", "0"),
        ("d2", "EUR", "-30.00000000", "0"),
    ]
    rows = files.rows("--by", "", "--measures", "sod", "--currency", "local")
    assert rows == [("USD", "1490.00000000", "0"), ("EUR", "977.00000000", "0")]


def test_events_without_a_column_kind_are_ticks(files: InputFiles) -> None:
    files.put("events", "time,instrument,price\n2024-03-01,SAP,4\n2024-03-02,SAP,5\n")
    files.expect("")
    assert files.rows("--measures", "current")[1] == ("A2", "USD", "-31.25000000", "0")


@pytest.mark.parametrize("text", ["time,instrument,price\n", COLUMNS])
def test_a_file_without_events_prints_the_book(files: InputFiles, text: str) -> None:
    files.put("events", text)
    files.expect("")
    rows = files.rows("--measures", "expected")
    assert rows == [("A1", "USD", "5788.75000000", "0"), ("A2", "USD", "-22.50000000", "0")]


def test_typed_columns_of_events_are_exact(files: InputFiles) -> None:
    events = {
        "time": pa.array([1, 2, 3], pa.timestamp("ms", "UTC")),
        "kind": pa.array(["tick", "order", "tick"]).dictionary_encode(),
        "instrument": pa.array(["AAPL", "AAPL", "SAP"]).dictionary_encode(),
        "price": pa.array([0.1, None, 0.3], pa.float32()),
        "order": pa.array([None, 9, None], pa.int32()),
        "account": pa.array([None, "A3", None]),
        "order_quantity": pa.array([None, 3, None], pa.int16()),
    }
    files.put_parquet("events", events)
    files.expect("")
    assert files.rows("--measures", "expected") == [
        ("A1", "USD", "1246.75000000", "0"),
        ("A2", "USD", "-3.37500000", "0"),
        ("A3", "USD", "0.30000000", "0"),
    ]


def test_order_ids_of_all_files_have_one_type(files: InputFiles) -> None:
    """If not all ids are plain integers, all are texts: `7` of one file equals `7` of the other."""
    files.put("events", EVENTS.replace(",9,A3,", ",007,A3,"))
    assert files.rows() == LAST
    order = {"order": ["7", "8"], "account": ["A1", "A2"], "instrument": ["AAPL", "SAP"]}
    files.put_parquet("orders", order | {"order_quantity": [20, -4]})
    files.put("events", EVENTS)
    assert files.rows() == LAST


def test_a_late_order_changes_nothing(files: InputFiles) -> None:
    late = "2024-03-01T14:30:00Z,order,AAPL,,9,A3,5,,,\n"
    files.put("events", EVENTS + late)
    files.expect("late_prices 1, late_orders 1")
    assert files.rows() == LAST


def test_a_repeated_order_is_counted(files: InputFiles) -> None:
    again = "2024-03-01T14:30:01Z,order,AAPL,,7,A1,20,20,filled,\n"
    files.put("events", EVENTS + again + again)
    files.expect("late_prices 1, unchanged_orders 2")
    assert files.rows() == LAST


def test_events_are_played_at_their_pace(files: InputFiles) -> None:
    """Half a second of events at half speed. The first event takes no time."""
    start = time.monotonic()
    done = subprocess.run(
        files.command("--speed", "0.5"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == TABLE
    assert time.monotonic() - start >= 1.0


# ---- in a terminal ----


def in_a_terminal(command: list[str], interrupt: bool = False) -> tuple[int, str]:
    """Exit status and output of a command in a terminal of 30 lines and 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("LINES", "COLUMNS")}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    output = ""
    for chunk in chunks_of(ours):
        output += chunk
        if interrupt and "last event 2024-03-01 14:30:00 UTC" in output:
            process.send_signal(signal.SIGINT)
            interrupt = False
    os.close(ours)
    return process.wait(timeout=60), output.replace("\r\n", "\n")


def chunks_of(terminal: int) -> Iterator[str]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1.0)[0]:
            try:
                chunk = os.read(terminal, 65_536)
            except OSError:  # Linux raises it when the other side is closed
                return
            if not chunk:
                return
            yield chunk.decode(errors="replace")


def test_orders_without_a_price_are_refused_if_fills_move_cash(
    files: InputFiles, tmp_path: Path
) -> None:
    """If the column were missing, the cost of fills would be returned to cash."""
    book = ("--book", str(tmp_path / "book"))
    wrong = files.wrong("--cash", "from_fills", *book)
    assert not (tmp_path / "book").exists()
    assert "events.csv, line 3, column average_price: the column is missing" in wrong
    files.put("instruments", "instrument,currency,quote_factor,cash\n"
              "AAPL,USD,,\nSAP,EUR,,\nBUND,EUR,0.01,\nUSD,USD,,true\nEUR,EUR,,true\n")  # fmt: skip
    lines = EVENTS.splitlines()
    priced = [lines[0] + ",average_price", *(line + "," for line in lines[1:])]
    for k, line in enumerate(lines):
        if ",order,AAPL,,7," in line:  # 10, 15 and 20 filled
            priced[k] = line + ",100"
    files.put("events", "\n".join(priced) + "\n")
    assert files.rows("--cash", "from_fills", *book)[0][:4] == (
        "A1", "USD", "2733.75000000", "3713.75000000",  # 20 were bought for 2,000
    )  # fmt: skip
    files.told = "mvcore: the book continues at epoch 8; only the events are used\n"
    tick = "2024-03-01T14:31:00Z,tick,AAPL,149,,,,,,\n"
    files.put("events", COLUMNS + tick)  # only a tick: no price is needed
    assert files.rows(*book)[0][3] == "3713.75000000"
    files.put("events", COLUMNS + tick + "2024-03-01T14:31:01Z,order,AAPL,,7,A1,20,20,filled,\n")
    assert "line 3, column average_price" in files.wrong(*book)


@pytest.mark.parametrize("durable", [False, True])
def test_events_without_a_price_keep_the_average_price_of_orders(
    files: InputFiles, tmp_path: Path, durable: bool
) -> None:
    first, second, third = TABLES["orders"].splitlines()
    files.put("orders", f"{first},average_price\n{second},150.25\n{third},\n")
    path = tmp_path / "book"
    if durable:
        files.rows("--book", str(path))
        with mvcore.open(path, read_only=True) as book:
            prices = {row["order"]: row["average_price"] for row in book.orders().to_pylist()}
    else:
        tables = {name: mvcore.read(file, name) for name, file in files.paths.items()
                  if name != "events"}  # fmt: skip
        events = Events(with_integer_ids(read_file(files.paths["events"], SCHEMA, Options())))
        with mvcore.Book("USD") as book:
            book.load(**tables)
            events.keeps_prices = True
            for _, batches in events.moments():
                for batch in batches:
                    events.apply(book, batch)
            prices = {row["order"]: row["average_price"] for row in book.orders().to_pylist()}
    assert prices == {7: Decimal("150.25"), 8: None, 9: None}


def test_a_terminal_shows_a_live_table_and_then_the_last_one(files: InputFiles) -> None:
    status, output = in_a_terminal(files.command("--interval", "0.05", "--sort", "expected"))
    assert status == 0
    live, _, last = output.partition("\x1b[?25h")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", live)
    assert "epoch 1   last event none yet   0 of 9 events   0 events/s" in plain
    # One epoch each: ticks, an order; two orders, one repeated; a holding, a tick; the late tick.
    assert "epoch 8   last event 2024-03-01 14:30:00.5 UTC   9 of 9 events" in plain
    assert re.search(r"^• +A3 +USD +0.00000000 +0.00000000 +15,000.00000000 +0", plain, re.M)
    assert re.search(r"^▲ +A1 +USD .* 5,743.75000000 ", plain, re.M)
    assert re.search(r"^ +A1 +USD +2,758.75000000", plain, re.M), "not marked at first"
    assert files.told in last
    last = last.replace(files.told, "")
    assert last.split("\x1b[2K")[-1].splitlines() == [*TABLE[:2], TABLE[4], *TABLE[2:4]]


def test_ctrl_c_prints_the_last_amounts(files: InputFiles) -> None:
    files.put("events", EVENTS.replace("14:30:00.", "15:30:00."))
    status, output = in_a_terminal(files.command("--interval", "0.05"), interrupt=True)
    assert status == 130
    assert "Traceback" not in output
    assert output.split("\x1b[2K")[-1].splitlines() == [
        "account  amount_currency            sod        current       expected  unpriced",
        "-------  ---------------  -------------  -------------  -------------  --------",
        "A1       USD              2743.75000000  4243.75000000  5743.75000000         0",
        "A2       USD               -18.75000000   -18.75000000   -33.75000000         0",
    ]
