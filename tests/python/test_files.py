"""`mvcore.read` on random, damaged and large files: the rows as written, or a fault."""

from __future__ import annotations

import bz2
import codecs
import gzip
import random
import subprocess
import sys
from decimal import Decimal as D
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import mvcore
from mvcore.files.lines import Lines
from mvcore.files.records import Records

COLUMNS = ("account", "instrument", "quantity")
HEADER = ",".join(COLUMNS)
DELIMITERS = ",;\t|"
BREAKS = ("\n", "\r\n", "\r")
ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8-sig": ("utf-8", codecs.BOM_UTF8),
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16-le": ("utf-16-le", b""),
    "utf-16-be": ("utf-16-be", b""),
    "windows-1252": ("windows-1252", b""),
}
WORDS = ["A", "NA", "null", "0", "007", "x y", "Caf\u00e9", "Gr\u00fcn AG", "b'c", "a,b", "c;d"]
ODD = ['q"r', '"', "two\nlines", "a|b\tc", ""]


def field(random_: random.Random, value: str, delimiter: str) -> list[str]:
    """The pieces of a field. Quotes are pieces of their own."""
    if any(c in value for c in f'"\r\n{delimiter}') or random_.random() < 0.2:
        return ['"', value.replace('"', '""'), '"']
    return [value]


class Made:
    """A file of holdings in a random dialect. `structure`: the pieces that are not values."""

    def __init__(self, seed: int, odd: bool = True) -> None:
        choose = random.Random(seed)
        self.delimiter = choose.choice(DELIMITERS)
        self.break_ = choose.choice(BREAKS)
        self.encoding = choose.choice(list(ENCODINGS))
        words = WORDS + (ODD[:4] if odd else [])
        self.rows = [
            (f"{k}{choose.choice(words)}", choose.choice(words), str(choose.randint(-9999, 9999)))
            for k in range(choose.randint(0, 12))
        ]
        self.pieces: list[str] = []
        self.structure: list[int] = []
        for row in (COLUMNS, *self.rows):
            for value in row:
                for piece in field(choose, value, self.delimiter):
                    self._add(piece, piece == '"' and piece is not value)
                self._add(self.delimiter, True)
            self.pieces[-1] = self.break_

    def _add(self, piece: str, structural: bool) -> None:
        if structural:
            self.structure.append(len(self.pieces))
        self.pieces.append(piece)

    def content(self) -> bytes:
        codec, mark = ENCODINGS[self.encoding]
        return mark + "".join(self.pieces).encode(codec)


def rows_of(table: mvcore.FileTable) -> list[tuple[str, ...]]:
    return list(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))


@pytest.mark.parametrize("part", range(8))
def test_files_of_any_dialect_are_read_exactly(tmp_path: Path, part: int) -> None:
    path = tmp_path / "f.csv"
    seen = set()
    for seed in range(part * 100, part * 100 + 100):
        made = Made(seed)
        path.write_bytes(made.content())
        table = mvcore.read(path, "holdings")
        assert rows_of(table) == made.rows, seed
        assert table.delimiter == made.delimiter, seed
        plain = made.content().isascii()
        assert table.encoding == ("utf-8" if plain and "16" not in made.encoding else made.encoding)
        seen.add((made.delimiter, made.break_, made.encoding))
    assert len(seen) > 40


def damaged(made: Made, choose: random.Random) -> str:
    """Delete, double or replace one delimiter, line break or quote. Returns what was done."""
    at = choose.choice(made.structure)
    old = made.pieces[at]
    kind = choose.choice(["delete", "double", "replace"])
    if kind == "delete":
        made.pieces[at] = ""
    elif kind == "double":
        made.pieces[at] = old * 2
    else:
        made.pieces[at] = choose.choice([c for c in (*DELIMITERS, *BREAKS, '"') if c != old])
    return f"{kind} {old!r} at piece {at}: {made.pieces[at]!r}"


def read_or_fault(path: Path) -> mvcore.FileTable | mvcore.InvalidInput:
    try:
        return mvcore.read(path, "holdings")
    except mvcore.InvalidInput as error:
        return error


@pytest.mark.parametrize("part", range(8))
def test_a_damaged_file_is_refused_or_means_the_same(tmp_path: Path, part: int) -> None:
    """Doubled line breaks, and another kind of line break, do not change the rows."""
    path = tmp_path / "f.csv"
    refused = 0
    for seed in range(part * 200, part * 200 + 200):
        made = Made(seed)
        what = damaged(made, random.Random(seed))
        path.write_bytes(made.content())
        found = read_or_fault(path)
        if isinstance(found, mvcore.InvalidInput):
            refused += 1
            assert found.file == str(path)
            assert found.line is not None, (seed, what, found)
        else:
            assert rows_of(found) == made.rows, (seed, what)
    assert 100 < refused < 200


class Slow(Records):
    """Parses every block with the csv module."""

    def _parse_lines(self, text: str, line: int) -> None:
        return None


def outcome(kind: type[Records], texts: list[str], width: int) -> object:
    """All rows and their lines, or the error."""
    lines = Lines()
    columns: list[list[str | None]] = [[] for _ in range(width)]
    try:
        for block in kind("f", ",", width, 1).blocks(iter(texts), 2):
            lines.add(block.rows, block.lines)
            for column, part in zip(columns, block.columns, strict=True):
                column += part.to_pylist()
    except mvcore.InvalidInput as error:
        return str(error)
    return columns, [lines.of(row) for row in range(lines.rows)]


def test_both_parsers_of_text_agree() -> None:
    """Random characters, split into blocks of whole lines at random."""
    choose = random.Random(1)
    accepted = 0
    for _ in range(8_000):
        width = choose.randint(1, 3)
        lines = [
            ",".join(
                choose.choice(
                    ["", "a", "b c", '"d"', '"e""f"', '"g,h"', '"i\nj"', " k", '"', 'l"m']
                )
                if choose.random() < 0.2
                else choose.choice(["x", "yy", ""])
                for _ in range(width if choose.random() < 0.97 else choose.randint(1, 4))
            )
            + choose.choice(["\n", "\n", "\r\n", "\r"])
            for _ in range(choose.randint(0, 6))
        ]
        if lines and choose.random() < 0.3:
            lines[-1] = lines[-1].rstrip("\r\n")
        cut = choose.randint(0, len(lines))
        texts = [text for text in ("".join(lines[:cut]), "".join(lines[cut:])) if text]
        whole = ["".join(lines)] if lines else []
        fast, slow = outcome(Records, texts, width), outcome(Slow, texts, width)
        assert fast == slow, texts
        if not any("\r" in text[-1:] for text in texts[:-1]):
            assert outcome(Slow, whole, width) == slow, texts
        accepted += isinstance(slow, tuple)
    assert 2_000 < accepted < 8_000


def test_a_fault_deep_in_a_large_file_names_its_line(tmp_path: Path) -> None:
    """Several blocks, some with empty lines and line breaks in quotes."""
    path = tmp_path / "f.csv"
    rows = [f"X{k},I{k},{k}.5\n" for k in range(400_000)]
    rows[100_000] = '"two\nlines",B,1\n'
    rows[150_000] += "\n\n"
    path.write_text(f"{HEADER}\n{''.join(rows)}")
    assert path.stat().st_size > 2 * (4 << 20)
    table = mvcore.read(path, "holdings")
    assert table.rows == 400_000
    assert [table.line(row) for row in (0, 99_999, 100_000, 100_001, 150_001, 399_999)] == [
        2, 100_001, 100_002, 100_004, 150_006, 400_004,
    ]  # fmt: skip
    assert table["quantity"][399_999].as_py() == "399999.5"
    rows[350_000] = "X,I,1.5.\n"
    path.write_text(f"{HEADER}\n{''.join(rows)}")
    with pytest.raises(mvcore.InvalidInput, match=r"line 350005, column quantity: '1.5.'"):
        mvcore.read(path, "holdings")
    rows[350_000] = "X,I\n"
    path.write_text(f"{HEADER}\n{''.join(rows)}")
    with pytest.raises(mvcore.InvalidInput, match=r"line 350005: 2 fields"):
        mvcore.read(path, "holdings")
    rows[350_000] = "X,I,1\n"
    path.write_text(f"{HEADER}\n\u00e9,A,1\n{''.join(rows)}")
    path.write_bytes(path.read_bytes() + b"X,\xff,1\n")
    with pytest.raises(mvcore.InvalidInput, match=r"line 400006: b'\\xff' at character 3"):
        mvcore.read(path, "holdings")


def test_text_with_too_long_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{HEADER}\n" + "X" * (9 << 20))
    with pytest.raises(mvcore.InvalidInput, match=r"line 2: a line of more than"):
        mvcore.read(path, "holdings")
    path.write_text(f'{HEADER}\nY,A,1\n\n"{"X" * 200_000}",A,1\n')
    with pytest.raises(mvcore.InvalidInput, match=r"line 4: field larger than"):
        mvcore.read(path, "holdings")


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_compressed_files_are_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.csv{ending}"
    text = (HEADER + "".join(f"\nX{k},A,{k}" for k in range(5_000))).replace(",", ";")
    packed = PACKERS[ending](text.encode("utf-16"))
    path.write_bytes(packed)
    table = mvcore.read(path, "holdings")
    assert (table.rows, table.encoding, table.delimiter) == (5_000, "utf-16", ";")
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(mvcore.InvalidInput, match="cannot be unpacked"):
        mvcore.read(path, "holdings")


def test_absent_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mvcore.read(tmp_path / "f.csv", "holdings")
    with pytest.raises(mvcore.InvalidInput, match="pipes and folders cannot be read; write it"):
        mvcore.read(tmp_path, "holdings")
    with pytest.raises(mvcore.InvalidInput, match="table: 'positions' is not known"):
        mvcore.read(tmp_path / "f.csv", "positions")


@pytest.mark.parametrize("ending", ["parquet", "feather", "without"])
def test_parquet_and_arrow_files_are_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    data = pa.table(
        {
            "account": ["X", "X"],
            "Symbol": ["A", "B"],
            "quantity": pa.array([D("1.5"), D(2)], pa.decimal128(9, 2)),
            "note": [None, "n"],
        }
    )
    if ending == "feather":
        pa.feather.write_feather(data, str(path))
    else:
        pa.parquet.write_table(data, path)
    rename = {"Symbol": "instrument"}
    with pytest.raises(mvcore.InvalidInput, match="column 'note' is not known"):
        mvcore.read(path, "holdings", rename=rename)
    table = mvcore.read(path, "holdings", rename=rename, extra="ignore")
    assert (table.delimiter, table.encoding, table.header_row) == (None, None, None)
    assert table.line(0) is None
    assert rows_of(table) == [("X", "A", D("1.50")), ("X", "B", D("2.00"))]
    book = mvcore.Book()
    with pytest.raises(mvcore.UnknownId, match=rf"f.{ending}, row 0, column account: unknown"):
        book.load(holdings=table)


def test_numbers_as_text_in_parquet_follow_the_options(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    data = {"account": ["X", "X"], "instrument": ["A", "B"], "quantity": ["1,5", "(2)"]}
    pa.parquet.write_table(pa.table(data), path)
    table = mvcore.read(path, "holdings", decimal=",", accounting=True)
    assert table["quantity"].to_pylist() == ["1.5", "-2"]
    with pytest.raises(mvcore.InvalidInput, match=r"f.parquet, row 1, column quantity: '\(2\)'"):
        mvcore.read(path, "holdings", decimal=",")


def test_sums_of_every_type_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    data = {"account": ["X"] * 3, "instrument": ["A", "B", "A"]}
    numbers = {
        pa.float32(): ([0.1, 0.7, 1e-3], ["0.101", "0.7"]),
        pa.float64(): ([0.1, 0.7, 1e-3], ["0.101", "0.7"]),
        pa.int64(): ([2**62, 1, 2**62], [str(2**63), "1"]),
        pa.decimal128(38, 18): ([D("1e-18"), D(7), D(10**19)], [f"1{'0' * 19}.{'0' * 17}1", "7"]),
    }
    for kind, (given, wanted) in numbers.items():
        pa.parquet.write_table(pa.table(data | {"quantity": pa.array(given, kind)}), path)
        sums = [
            D(text)
            for text in mvcore.read(path, "holdings", duplicates="sum")["quantity"].to_pylist()
        ]
        assert sums == [D(text) for text in wanted], kind
        with pytest.raises(
            mvcore.InvalidInput, match="row 2, column instrument: 'X', 'A' was in row 0"
        ):
            mvcore.read(path, "holdings")


@pytest.mark.parametrize("table", ["prices", "instruments"])
@pytest.mark.parametrize(
    "times",
    [pa.array([2**62], pa.timestamp("s")), pa.array([0], pa.timestamp("s", "No/Where"))],
    ids=["far", "unknown zone"],
)
def test_times_that_python_cannot_represent_are_refused_or_exact(
    tmp_path: Path, table: str, times: pa.Array
) -> None:
    path = tmp_path / "f.arrow"
    names = {"instrument": ["I"]}
    data = {
        "prices": names | {"price": [1], "time": times},
        "instruments": names | {"currency": ["USD"], "listed": times},
    }[table]
    with pa.ipc.new_file(path, pa.table(data).schema) as writer:
        writer.write_table(pa.table(data))
    tables = {"instruments": names | {"currency": ["USD"]}} | {table: mvcore.read(path, table)}
    if table == "prices" and times.type.tz:
        mvcore.Book().load(**tables)  # a time zone does not change the count since 1970 UTC
        return
    with pytest.raises(mvcore.InvalidInput) as caught:
        mvcore.Book().load(**tables)
    assert caught.value.file == str(path)
    assert caught.value.column == ("time" if table == "prices" else "listed")


def lots(path: Path, quantities: pa.Array) -> Path:
    """Write a file of lots of one position."""
    rows = len(quantities)
    keys = {"account": ["A"] * rows, "instrument": ["I"] * rows}
    pyarrow.parquet.write_table(pa.table(keys | {"quantity": quantities}), path)
    return path


@pytest.mark.parametrize(
    ("quantities", "row", "wrong"),
    [
        (pa.array([True, False]), 0, "a column of bool"),
        (pa.array([[1], [2]]), 0, "a column of list"),
        (pa.array([b"1", b"2"]), 0, "a column of binary"),
        (pa.array([1, 2], pa.date32()), 0, "a column of date32"),
        (pa.array([1, 2], pa.timestamp("us")), 0, "a column of timestamp"),
        (pa.array([1.0, float("inf"), -float("inf")]), 1, "'inf' is not a finite number"),
        (pa.array([float("inf"), -float("inf")]), 0, "'inf' is not a finite number"),
        (pa.array([1.0, float("nan")]), 1, "'nan' is not a finite number"),
        (pa.array([1.0, float("nan")], pa.float32()), 1, "'nan' is not a finite number"),
        (pa.array(["1", "x"]).dictionary_encode(), 1, "'x' is not a decimal number"),
        (pa.array(["NaN", "1"]).dictionary_encode(), 0, "'NaN' is not a decimal number"),
        (pa.array(["1_0", "1"]).dictionary_encode(), 0, "'1_0' is not a decimal number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_numbers_can_be_added_up(
    tmp_path: Path, quantities: pa.Array, row: int, wrong: str
) -> None:
    path = lots(tmp_path / "lots.parquet", quantities)
    with pytest.raises(mvcore.InvalidInput) as caught:
        mvcore.read(path, "holdings", duplicates="sum")
    assert f"{path}, row {row}, column quantity: {wrong}" in str(caught.value)
    assert (caught.value.column, caught.value.row) == ("quantity", row)


def test_dictionary_encoded_text_follows_the_options(tmp_path: Path) -> None:
    texts = pa.array(["1.234,5", "1"]).dictionary_encode()
    path = lots(tmp_path / "lots.parquet", texts)
    table = mvcore.read(path, "holdings", duplicates="sum", decimal=",", thousands=".")
    assert table["quantity"].to_pylist() == ["1235.5"]


def test_keys_of_other_types_are_compared_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    names = pa.array(["X", "X"]).dictionary_encode()
    pa.parquet.write_table(pa.table({"account": names}), path)
    with pytest.raises(mvcore.InvalidInput, match="row 1, column account: 'X' was in row 0"):
        mvcore.read(path, "accounts")
    pa.parquet.write_table(pa.table({"account": [["X"], ["X"]]}), path)
    table = mvcore.read(path, "accounts")
    with pytest.raises(mvcore.InvalidInput, match=r"f\.parquet, column account: .*list<"):
        mvcore.Book().load(accounts=table)


def test_columns_of_a_file_can_be_ticks(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("instrument;price;time\nA;1,5;2024-03-01\nZ;1;\nA;2,5;2024-03-02\n")
    ticks = mvcore.read(path, "ticks", decimal=",")
    book = mvcore.Book()
    book.load(instruments={"instrument": ["A"], "currency": ["USD"]})
    columns = (ticks["instrument"], ticks["price"], ticks["time"])
    with pytest.raises(mvcore.UnknownId) as told:
        book.ticks(*columns)
    ticks.locate(told.value)
    assert f"{path}, line 3, column instrument: unknown instrument 'Z'" in str(told.value)
    assert book.ticks(*columns, unknown="skip").skipped_prices == 1
    assert book.prices()["price"] == [D("2.5")]


def test_a_day_roll_can_start_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{HEADER}\nX,A,1\nX,B,2\n")
    book = mvcore.Book()
    book.load(instruments={"instrument": ["A"], "currency": ["USD"]}, accounts={"account": ["X"]})
    with pytest.raises(mvcore.UnknownId, match=r"f.csv, line 3, column instrument: unknown"):
        book.roll_day(holdings=mvcore.read(path, "holdings"))
    path.write_text(f"{HEADER}\nX,A,1\n")
    book.roll_day(holdings=mvcore.read(path, "holdings"))
    assert book.holdings()["quantity"] == [D(1)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exported_files_are_read_back(tmp_path: Path, kind: str) -> None:
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments={
                "instrument": ['q"r, s', "two\nlines", "\u00e9"],
                "currency": ["USD", "EUR", "USD"],
                "multiplier": ["0.000000000000000001", 1, 50],
                "sector": ["a;b", None, "null"],
            },
            accounts={"account": ["X", "007"], "desk": ["d", None]},
            holdings={
                "account": ["X", "007"], "instrument": ['q"r, s', "\u00e9"],
                "quantity": ["-1.5", 2],
            },
            orders={
                "order": [7, 8], "account": ["X", "X"], "instrument": ["\u00e9", "two\nlines"],
                "order_quantity": [10, -4], "filled_quantity": [4, 0],
                "time": ["2024-03-01T21:00:00.000000001Z", None],
            },
            prices={"instrument": ["\u00e9"], "price": ["-36.98"], "time": ["2020-04-20"]},
            fx={"currency": ["EUR"], "rate": ["1.1"], "method": ["divide"]},
        )  # fmt: skip
        book.roll_day()
        wanted = [read(book) for read in READS]
    command = [sys.executable, "-m", "mvcore", "export", str(tmp_path / "book"), "--to", kind]
    subprocess.run([*command, "--out", str(tmp_path / "out")], check=True, timeout=60)
    tables = {
        name: mvcore.read(tmp_path / "out" / f"{name}.{kind}", name)
        for name in ("accounts", "instruments", "fx", "prices", "holdings", "orders")
    }
    again = mvcore.Book()
    again.load(**tables)
    assert [read(again) for read in READS] == wanted


READS = [
    lambda book: book.values(by=("account", "instrument", "desk", "sector")).to_pylist(),
    lambda book: book.holdings().to_pylist(),
    lambda book: book.orders().to_pylist(),
    lambda book: book.prices().to_pylist(),
]


def test_times_of_files_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "instrument,price,time\nA,1,2024-03-01T21:00:00.000000001Z\nB,2,\nC,3,2024-03-01\n"
    )
    table = mvcore.read(path, "prices")
    assert table["time"].cast(pa.int64()).to_pylist() == [
        1709326800 * 10**9 + 1, None, 1709251200 * 10**9,
    ]  # fmt: skip
    for wrong in ("20240301210000Z", "03/01/2024", "1709326800000", "soon"):
        path.write_text(f"instrument,price,time\nA,1,2024-03-01\n\nB,1,{wrong}\n")
        with pytest.raises(mvcore.InvalidInput, match=rf"line 4, column time: '{wrong}'") as told:
            mvcore.read(path, "ticks")
        assert (told.value.row, told.value.value, told.value.line) == (1, wrong, 4)


def test_a_table_is_a_mapping_and_an_arrow_table(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{HEADER}\nX,A,1\n")
    table = mvcore.read(path, "holdings")
    assert dict(table) == {name: table.to_arrow()[name] for name in COLUMNS}
    assert pa.table(table) == table.to_arrow()
    assert table == mvcore.read(path, "holdings")
    assert repr(table) == f"<FileTable holdings: {table.report()}>"
    with pytest.raises(KeyError):
        table["price"]
    with pytest.raises(mvcore.InvalidInput, match="row 1 is not in"):
        table.line(1)
    assert table.filtered(np.array([False])).rows == 0


def watch(folder: Path, events: str, *more: str) -> subprocess.CompletedProcess[str]:
    files = {
        "instruments": "instrument;currency\nA;USD\n",
        "accounts": "account\nX\n",
        "holdings": "account;instrument;quantity\nX;A;1,5\n",
        "prices": "instrument;price\nA;1\n",
        "events": events,
    }
    named = []
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
        named += [f"--{name}", str(folder / f"{name}.csv")]
    command = [sys.executable, "-m", "mvcore", "watch", *named, "--decimal", ",", "--output", "csv"]
    command += ["--speed", "max", "--measures", "current", "--value-scale", "2", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


EVENTS = "time;Symbol;price\n2024-03-01;A;20,5\n2024-03-01;Z;1\n2024-03-02;Z;1\n2024-03-03;A;30\n"


def test_watch_has_the_options_of_read(tmp_path: Path) -> None:
    done = watch(tmp_path, EVENTS, "--rename", "Symbol=instrument", "--unknown", "skip")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["X,USD,45.00,0"])
    told = done.stderr.splitlines()
    assert len(told) == 5
    assert told[3].endswith("header in line 1, 'Symbol' read as 'instrument'")
    assert told[4] == f"mvcore: {tmp_path / 'events.csv'}: skipped 2 prices of unknown instruments"


def test_watch_with_a_folder_counts_skipped_prices(tmp_path: Path) -> None:
    options = ("--rename", "Symbol=instrument", "--unknown", "skip", "--book", str(tmp_path / "b"))
    done = watch(tmp_path, EVENTS, *options)
    assert "skipped 2 prices" in done.stderr
    done = watch(tmp_path, EVENTS + "2024-03-04;Z;1\n2024-03-05;A;40\n", *options)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["X,USD,60.00,0"])
    assert "4 of 6 events of events.csv were already played" in done.stderr
    assert "skipped 1 price of an unknown instrument" in done.stderr


def test_errors_of_watch_name_line_and_column(tmp_path: Path) -> None:
    done = watch(tmp_path, EVENTS, "--rename", "Symbol=instrument")
    error = done.stderr.splitlines()[-1]
    assert f"{tmp_path / 'events.csv'}, line 3, column Symbol: unknown instrument 'Z'" in error
    assert error.endswith("(row 1); known: 'A'")


BAD_OPTIONS = [
    (["--delimiter", "xx"], "delimiter: 'xx' is not a delimiter"),
    (["--thousands", "x"], "thousands: 'x' is not known"),
    (["--encoding", "none"], "encoding: 'none' is not known"),
    (["--header-row", "0"], "header_row: 0 is not a line number"),
    (["--rename", "a"], "--rename: 'a' is not OLD=NEW"),
    (["--rename", "a=b", "--rename", "a=c"], "--rename: 'a' is renamed twice"),
    (["--rename", "a=account"], "--rename: no file has a column 'a'"),
    (["--unknown", "drop"], "--unknown"),
    (["--currency-signs", "USD"], "currency_signs: 'USD' is not text of currency signs"),
]


@pytest.mark.parametrize(("more", "message"), BAD_OPTIONS)
def test_bad_options_give_one_line_of_error(tmp_path: Path, more: list[str], message: str) -> None:
    done = watch(tmp_path, EVENTS.replace("Symbol", "instrument"), *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
