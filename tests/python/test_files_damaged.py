"""`mvcore.read` on damaged Arrow and Parquet files: a table or a fault, never a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import mvcore

MUTATIONS = 400
# A child process reads the mutated files, so that a crash ends only the child. It prints the number
# of each mutation before it reads it.
CHILD = """
import random, sys
from pathlib import Path
import mvcore

whole, table = Path(sys.argv[1]), sys.argv[3]
content = whole.read_bytes()
place = whole.with_name("damaged" + whole.suffix)
tables = faults = 0
for seed in range(int(sys.argv[2])):
    choose = random.Random(seed)
    damaged = bytearray(content)
    if seed % 4 == 0:
        del damaged[choose.randrange(len(damaged)):]
    elif seed % 4 == 1:
        at = choose.randrange(len(damaged))
        del damaged[at : at + choose.randint(1, 64)]
    else:
        for _ in range(choose.choice((1, 1, 2, 8))):
            damaged[choose.randrange(len(damaged))] ^= 1 << choose.randrange(8)
    place.write_bytes(damaged)
    print(seed, flush=True)
    try:
        found = mvcore.read(place, table, extra="ignore", **eval(sys.argv[4]))
    except mvcore.InvalidInput as error:
        assert str(place) in str(error) and error.file == str(place), error
        faults += 1
        continue
    tables += 1
    for name in found.data.column_names:
        found[name].to_pylist()
    try:
        mvcore.Book().load(**{table: found})
    except mvcore.Error:
        pass
print(tables, faults)
"""


def instruments() -> pa.Table:
    rows = range(40)
    return pa.table(
        {
            "instrument": [f"instrument {k}" for k in rows],
            "currency": pa.array([("USD", "EUR")[k % 2] for k in rows]).dictionary_encode(),
            "multiplier": pa.array([k + 1 for k in rows], pa.int64()),
            "sector": pa.array([None if k % 5 == 0 else f"s{k % 3}" for k in rows]),
        }
    )


def holdings() -> pa.Table:
    rows = range(40)
    return pa.table(
        {
            "account": [f"account {k // 4}" for k in rows],
            "instrument": pa.array([f"i{k % 3}" for k in rows], pa.large_string()),
            "quantity": pa.array([k / 8 for k in rows], pa.float64()),
        }
    )


def write_arrow(table: pa.Table, path: Path, **options: object) -> None:
    with pa.OSFile(str(path), "wb") as file:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(file, table.schema, **options) as writer:
            writer.write_table(table)


@pytest.mark.parametrize("name", ["a.arrow", "a.arrows", "zstd.arrow", "a.parquet"])
@pytest.mark.parametrize("table", ["instruments", "holdings"])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, name: str, table: str) -> None:
    data = instruments() if table == "instruments" else holdings()
    path = tmp_path / name
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(data, path)
    elif name.startswith("zstd"):
        write_arrow(data, path, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    else:
        write_arrow(data, path)
    options = "{'duplicates': 'sum'}" if table == "holdings" else "{}"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(MUTATIONS), table, options],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout[-30:], done.stderr[-3000:])
    tables, faults = map(int, done.stdout.splitlines()[-1].split())
    assert tables + faults == MUTATIONS
    assert faults > MUTATIONS // 4


@pytest.mark.parametrize("name", ["a.arrow", "a.arrows", "a.parquet"])
def test_text_that_is_not_utf8_is_refused(tmp_path: Path, name: str) -> None:
    odd = pa.array([b"A1", b"\xff\xfe"], pa.binary()).view(pa.string())
    data = pa.table({"account": odd})
    path = tmp_path / name
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(data, path)
    else:
        write_arrow(data, path)
    with pytest.raises(mvcore.InvalidInput, match=r"UTF-?8") as caught:
        mvcore.read(path, "accounts")
    assert caught.value.file == str(path)


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_a_missing_file_raises_file_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        mvcore.read(tmp_path / name, "accounts")
