"""Old checkpoints, copies of live ones, the tools, and other readers of the files."""

import json
import random
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mvcore
from golden import DATA, rows_of
from mvcore import _core
from mvcore.cli import main
from mvcore.formats import plain
from mvcore.store.checkpoints import Checkpoints, Position
from mvcore.store.files import Files
from mvcore.store.inspecting import inspect
from mvcore.store.keeper import JournalOperations, Keeper
from mvcore.store.ranges import plan
from reliability import recorded
from stored_books import change, facts_of, make, make_in
from storing import checkpoints, reopen, save


@pytest.mark.parametrize("folder", sorted(DATA.glob("checkpoint-*")), ids=lambda p: p.name)
def test_a_checkpoint_of_an_older_version_is_read(folder) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    version = folder.name.split("-")[1]
    with recorded("R1", f"a checkpoint of format version {version} is opened") as record:
        record.runs = 1
        cash = {} if int(version) < 3 else {"cash": "from_fills"}
        book, loaded, skipped = reopen(Files(folder), **cash)
        rows = rows_of(book)  # some of its columns are missing in older versions
        for name, wanted in expected["rows"].items():
            assert [
                {column: row[column] for column in old}
                for row, old in zip(rows[name], wanted, strict=True)
            ] == wanted
        assert not skipped
        assert loaded.manifest.sequence == 7
        kept = ("epoch", "ticks", "late_prices", "late_orders", "facts", "positions", "orders")
        assert {name: book.stats()[name] for name in kept} == {
            name: expected["stats"][name] for name in kept
        }


def test_the_test_data_has_a_checkpoint_of_every_version() -> None:
    found = {folder.name for folder in DATA.glob("checkpoint-*")}
    assert found == {
        f"checkpoint-{version}-{ids}" for version in (1, 2, 3) for ids in ("int", "str")
    }


# ---- ranges ----


def check_ranges(ranges: list, rows: np.ndarray, target: int) -> None:
    assert [begin for begin, _ in ranges] == [0, *(end for _, end in ranges[:-1])][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == len(rows)
    for begin, end in ranges:
        assert begin < end
        assert rows[begin:end].sum() <= 2 * target or end == begin + 1


def test_ranges_cover_all_instruments_and_those_that_fit_stay() -> None:
    rng = random.Random(5)
    rows, ranges = np.zeros(0, np.int64), []
    for _ in range(300):
        more = rng.choice([0, 0, 1, 30])
        rows = np.concatenate([rows, [rng.choice([0, 1, 5, 300]) for _ in range(more)]])
        rows = rows.astype(np.int64)
        if len(rows):
            rows[rng.randrange(len(rows))] = rng.choice([0, 10, 250])
        before, ranges = ranges, plan(ranges, rows, 100)
        check_ranges(ranges, rows, 100)
        fits = [r for r in before[:-1] if rows[r[0] : r[1]].sum() <= 200]
        assert set(fits) <= set(ranges)
    assert plan(ranges, rows, 100) == ranges


# ---- while writes continue ----


def keeper_of(book: mvcore.Book, files: Files, every: int | None = None) -> tuple[Keeper, dict]:
    """A keeper as in an open book. Its journal is a number that tests increase."""
    journal = {"bytes": 0, "trimmed": 0}

    def begin():
        snapshot, counts = _core.checkpoint_begin(book._core)[:2]
        return snapshot, counts, Position(sequence=counts["epoch"])

    ports = JournalOperations(
        begin,
        lambda: None,
        lambda: journal["bytes"],
        lambda sequence: journal.update(trimmed=sequence),
    )
    return Keeper(book, Checkpoints(files, "USD", 8), ports, every), journal


def test_checkpoints_beside_a_writer_belong_to_one_epoch(tmp_path) -> None:
    """The writer keeps two facts equal, and counts in the price."""
    book = make(int, 30, 30)
    keeper, journal = keeper_of(book, Files(tmp_path))
    stop = threading.Event()
    book.update(prices={"instrument": ["I0"], "price": [1]})
    step = 0

    def write() -> None:
        nonlocal step
        while not stop.is_set():
            step += 1
            book.update(
                holdings={"account": ["A0", "A29"], "instrument": ["I1", "I20"],
                          "quantity": [step, step]},
                prices={"instrument": ["I0"], "price": [step]},
            )  # fmt: skip
            if step % 50 == 0:
                book.update(accounts={"account": [f"new{step}"], "desk": [f"d{step}"]})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            keeper.checkpoint()
            again, loaded, skipped = reopen(Files(tmp_path))
            assert not skipped and again.stats()["epoch"] == loaded.manifest.sequence
            price = {row["instrument"]: row["price"] for row in again.prices().to_pylist()}["I0"]
            rows = again.holdings(accounts=["A0", "A29"], instruments=["I1", "I20"]).to_pylist()
            held = {(row["account"], row["instrument"]): row["quantity"] for row in rows}
            if price > 1:
                assert held[("A0", "I1")] == held[("A29", "I20")] == price
            new = [a for a in again.values()["account"] if a.startswith("new")]
            assert again.values(accounts={"desk": ["d50"]}) is not None if new else True
    finally:
        stop.set()
        writer.join()
    assert journal["trimmed"] > 0 and keeper.stats()["checkpoints"] == 15
    keeper.close()


def test_a_checkpoint_starts_after_checkpoint_bytes(tmp_path) -> None:
    book = make()
    keeper, journal = keeper_of(book, Files(tmp_path), every=1000)
    assert keeper.stats() == {"checkpoints": 0}
    wait = threading.Event()
    for count in (1, 2):
        journal["bytes"] += 999
        wait.wait(0.3)
        assert keeper.stats()["checkpoints"] == count - 1
        change(book, count)
        journal["bytes"] += 1
        for _ in range(100):
            if keeper.stats()["checkpoints"] == count:
                break
            wait.wait(0.05)
        stats = keeper.stats()
        assert stats["checkpoints"] == count and stats["checkpoint_generation"] == count
        assert stats["checkpoint_epoch"] == book.stats()["epoch"]
    assert 0 < stats["checkpoint_new_bytes"] < stats["checkpoint_bytes"]
    assert stats["checkpoint_new_files"] < stats["checkpoint_files"]
    keeper.close()
    assert facts_of(reopen(Files(tmp_path))[0]) == facts_of(book)


# ---- tools ----


def saved(folder: Path, ids: type = int) -> mvcore.Book:
    book = make(ids)
    keeper = checkpoints(Files(folder), book)
    save(keeper, book, 3)
    change(book, 0)
    save(keeper, book, 4)
    return book


def test_inspect_reports_the_files_and_their_damage(tmp_path, capsys) -> None:
    assert main(["inspect", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path)]) == 2
    assert f"{tmp_path}: there is no book" in capsys.readouterr().err
    book = saved(tmp_path)
    assert main(["inspect", str(tmp_path)]) == 0
    out, epoch = capsys.readouterr().out, book.stats()["epoch"]
    assert out.count("intact") == 2
    for line in (
        "generation 2\n",
        f"epoch          {epoch}\n",
        "orders         40\n",
    ):
        assert line in out
    newest = inspect(tmp_path)[0].manifest
    damaged = tmp_path / "chunks" / newest.chunks[0].orders.name
    damage(damaged)
    assert main(["inspect", str(tmp_path)]) == 1
    assert f"damaged: {damaged.name}: the checksum" in capsys.readouterr().out
    (tmp_path / "manifest-00000000000000000002").write_text("{}")
    assert main(["inspect", str(tmp_path)]) == 1
    assert (
        "generation 2\n  damaged: manifest-00000000000000000002: the manifest"
        in capsys.readouterr().out
    )


def test_inspect_reads_journal_files_that_opening_skips(tmp_path, capsys) -> None:
    folder = tmp_path / "book"
    with mvcore.open(folder) as book:
        make_in(book)
        book.checkpoint()
        book.order(777, "A1", "I1", 5)
    first, second = sorted(folder.glob("journal-*.log"))  # a checkpoint begins another
    with mvcore.open(folder) as book:
        assert book.recovery.replayed == 1 and 777 in book.orders()["order"]
    assert main(["inspect", str(folder)]) == 0
    out = capsys.readouterr().out
    size = first.stat().st_size + second.stat().st_size
    assert f"\n  files          2, {size} bytes\n  intact\n" in out
    damage(first)
    with mvcore.open(folder) as book:  # which is not needed
        assert book.recovery.replayed == 1
    assert main(["inspect", str(folder)]) == 1
    assert f"journal\n  damaged: {first}, byte" in capsys.readouterr().out


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


# ---- other readers ----


def expected_holdings(book: mvcore.Book) -> set:
    rows = book.holdings().to_pylist()
    return {(r["account"], r["instrument"], r["quantity"]) for r in rows if r["quantity"]}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exported_tables_load_into_an_equal_book(kind, tmp_path, capsys) -> None:
    with mvcore.open(tmp_path / "book") as book:
        make_in(book, int)
        book.checkpoint()
        change(book, 0)
        book.flush()
        out = tmp_path / "out"
        assert main(["export", str(tmp_path / "book"), "--to", kind, "--out", str(out)]) == 0
        assert f"{out}/orders.{kind}: 40 rows" in capsys.readouterr().out
        files = [f"--{n}={out}/{n}.{kind}" for n in ("instruments", "accounts", "holdings", "fx")]
        files += [f"--prices={out}/prices.{kind}", f"--orders={out}/orders.{kind}"]
        assert main(["value", *files, "--by", "desk,sector", "--output", "json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert [{k: str(v) for k, v in row.items()} for row in rows] == [
            {k: str(plain(v)) for k, v in row.items()}
            for row in book.values(by=("desk", "sector")).to_pylist()
        ]


def test_pyarrow_polars_and_duckdb_open_the_chunks(tmp_path) -> None:
    book = saved(tmp_path)
    manifest = inspect(tmp_path)[0].manifest
    chunks = tmp_path / "chunks"
    for file in manifest.files:
        table = pa.ipc.open_file(chunks / file.name).read_all()
        table.validate(full=True)
        assert len(table) == file.rows
    polars = pytest.importorskip("polars")
    for file in manifest.files:
        assert len(polars.read_ipc(chunks / file.name)) == file.rows
    duckdb = pytest.importorskip("duckdb")
    tables = {
        name: pa.ipc.open_file(chunks / manifest.tables[name].name).read_all()
        for name in ("accounts", "instruments")
    }
    held = pa.ipc.open_file(chunks / manifest.chunks[0].holdings.name).read_all()
    with duckdb.connect() as connection:
        for name, table in {**tables, "held": held}.items():
            connection.register(name, table)
        rows = connection.sql(
            """
            SELECT a.account, i.instrument, h.quantity, i.quantity_scale
            FROM held h
            JOIN (SELECT row_number() OVER () - 1 AS code, * FROM accounts) a ON h.account = a.code
            JOIN (SELECT row_number() OVER () - 1 AS code, * FROM instruments) i
              ON h.instrument = i.code
            """
        ).fetchall()
    assert {
        (account, instrument, quantity.scaleb(-scale) if hasattr(quantity, "scaleb") else quantity)
        for account, instrument, quantity, scale in rows
    } == expected_holdings(book)
