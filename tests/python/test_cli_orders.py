"""`mvcore value --orders`: orders from every format, with text or integer ids."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from mvcore.cli.events import SCHEMA
from mvcore.cli.files import settle_order_ids
from mvcore.files.columns import plain_integers
from mvcore.files.options import Options
from mvcore.files.reading import read_file
from mvcore.files.schema import schema_of

TABLES = {
    "instruments": "instrument,currency\nAAPL,USD\nSAP,EUR\n",
    "accounts": "account\nA1\nA2\n",
    "holdings": "account,instrument,quantity\nA1,AAPL,10\n",
    "prices": "instrument,price\nAAPL,150\nSAP,2\n",
    "fx": "currency,rate\nEUR,1.25\n",
}
HEAD = "order,account,instrument,order_quantity,filled_quantity,status,time\n"
ROWS = (
    "1,A1,AAPL,20,5,partially_filled,2024-03-01T14:30:00Z\n"
    "2,A2,SAP,-4,,,\n"  # a new order
    "3,A1,SAP,100,40,4,\n"  # canceled, by FIX code: the fills stay
)
VALUES = [  # sod, current, expected
    ("A1", "1500.00000000", "2350.00000000", "4600.00000000"),
    ("A2", "0.00000000", "0.00000000", "-10.00000000"),
]


def value(folder: Path, orders: Path) -> subprocess.CompletedProcess[str]:
    named = ["--orders", str(orders)]
    for name, text in TABLES.items():
        path = folder / f"{name}.csv"
        path.write_text(text)
        named += [f"--{name}", str(path)]
    command = [sys.executable, "-m", "mvcore", "value", *named, "--output", "csv"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def values(folder: Path, orders: Path) -> list[tuple[str, ...]]:
    done = value(folder, orders)
    assert (done.returncode, done.stderr) == (0, "")
    rows = csv.DictReader(io.StringIO(done.stdout))
    return [(r["account"], r["sod"], r["current"], r["expected"]) for r in rows]


def wrong(folder: Path, orders: Path) -> str:
    done = value(folder, orders)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"mvcore: error: [^\n]+\n", done.stderr)
    return done.stderr


@pytest.mark.parametrize("ids", ["123", ["O1", "O2", "O3"], ["1", "2", "x"]])
def test_orders_are_read_from_csv(tmp_path: Path, ids: list[str]) -> None:
    rows = [f"{k}{row[1:]}" for k, row in zip(ids, ROWS.splitlines(), strict=True)]
    path = tmp_path / "orders.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n")
    assert values(tmp_path, path) == VALUES


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("ids", [["a", "b", "c"], ["1", "2", "3"], [1, 2, 3]], ids=str)
def test_orders_are_read_from_parquet_and_arrow(
    tmp_path: Path, ids: list[object], ending: str
) -> None:
    table = pa.table(
        {
            "order": ids,
            "account": ["A1", "A2", "A1"],
            "instrument": ["AAPL", "SAP", "SAP"],
            "order_quantity": [20, -4, 100],
            "filled_quantity": [5, None, 40],
            "status": ["partially_filled", None, "canceled"],
        }
    )
    path = tmp_path / f"orders.{ending}"
    if ending == "parquet":
        pa.parquet.write_table(table, path)
    else:
        pa.feather.write_feather(table, str(path))
    assert values(tmp_path, path) == VALUES


PLAIN = [
    (["7", "0", "-12"], [7, 0, -12]),
    (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
    (["7", None], [7, None]),
    ([], []),
    (["7", "9223372036854775808"], None),
    (["7", "007"], None),
    (["7", "+8"], None),
    (["7", "-0"], None),
    (["7", " 8"], None),
    (["7", "8\n"], None),
    (["7", "8.0"], None),
    (["7", ""], None),
    (["7", "1e3"], None),
    (["7", "\u0667"], None),
    (["O1"], None),
]


@pytest.mark.parametrize(("texts", "integers"), PLAIN)
def test_only_plain_integers_become_integer_ids(
    texts: list[str | None], integers: list[int | None] | None
) -> None:
    found = plain_integers(pa.chunked_array([pa.array(texts, pa.string())]))
    assert (None if found is None else found.to_pylist()) == integers


@pytest.mark.parametrize(
    ("typed", "kind"),
    [(pa.int64(), pa.int64()), (pa.uint8(), pa.int64()), (pa.string(), pa.string())],
)
def test_ids_of_all_files_have_one_type(tmp_path: Path, typed: object, kind: object) -> None:
    """Text ids of a Parquet file keep those of the CSV file as texts."""
    pa.parquet.write_table(pa.table({"order": pa.array([7]).cast(typed)}), tmp_path / "o.parquet")
    (tmp_path / "e.csv").write_text("time,order\n2024-03-01,7\n")
    tables = {
        "orders": read_file(tmp_path / "o.parquet", schema_of("orders"), Options()),
        "events": read_file(tmp_path / "e.csv", SCHEMA, Options()),
    }
    settle_order_ids(tables)
    assert tables["events"]["order"].type == kind
    assert list(tables["events"]) == ["time", "order"]


BAD = {
    "no quantity": ("1,A1,AAPL,,,,\n", "line 2, column order_quantity"),
    "unknown": ("1,A1,AAPL,5,,,\n2,A9,AAPL,5,,,\n", "line 3, column account"),
    "no id": ("1,A1,AAPL,5,,,\n,A1,AAPL,5,,,\n", "line 3, column order"),
    "twice": ("1,A1,AAPL,5,,,\n1,A2,AAPL,5,,,\n", "line 3"),
    "status": ("1,A1,AAPL,5,,open,\n", "line 2, column status: unknown status 'open'"),
    "side": ("1,A1,AAPL,5,-1,,\n", "line 2, column filled_quantity"),
    "time": ("1,A1,AAPL,5,,,soon\n", "line 2, column time: 'soon'"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_order_gives_one_line_of_error(tmp_path: Path, what: str) -> None:
    rows, message = BAD[what]
    path = tmp_path / "orders.csv"
    path.write_text(HEAD + rows)
    line = wrong(tmp_path, path)
    assert message in line and str(path) in line


def test_help_explains_order_ids() -> None:
    for command in ("value", "watch"):
        done = subprocess.run(
            [sys.executable, "-m", "mvcore", command, "--help"], capture_output=True, text=True
        )
        words = " ".join(done.stdout.split())
        assert (
            "Order ids are integers if all of them are plain integers (7, not 007), otherwise text."
            in words
        )
