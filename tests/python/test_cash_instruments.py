"""The column `cash` of instruments: accepted values, the default price, the rules per currency."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mvcore
from mvcore import _core
from mvcore.cli.main import main
from mvcore.store import arrow_files
from storing import MemoryFiles, checkpoints, reopen, save


def flags_of(book: mvcore.Book) -> dict[str, bool]:
    """For each existing instrument by name: whether it is cash."""
    with book.snapshot() as now:
        stored = _core.stored_instruments(now._core)
    offsets, data = stored["instrument"]
    text = bytes(data)
    names = [text[a:b].decode() for a, b in itertools.pairwise(offsets)]
    rows = zip(names, stored["alive"].tolist(), stored["cash"].tolist(), strict=True)
    return {name: bool(cash) for name, alive, cash in rows if alive}


def prices_of(book: mvcore.Book) -> dict[str, tuple[Decimal, Any, int]]:
    """By instrument: price, time, epoch."""
    return {row["instrument"]: (row["price"], row["time"], row["epoch"]) for row in book.prices()}


def instruments(**columns: Any) -> dict[str, Any]:
    return {"instrument": ["USD", "EUR", "AAPL"], "currency": ["USD", "EUR", "USD"], **columns}


# ---- accepted values ----


@pytest.mark.parametrize(
    "values",
    [
        [True, None, False],
        (True, None, False),
        [np.True_, None, np.False_],
        np.array([True, False, False]),
        np.array([True, None, False], object),
        pd.Series([True, False, False]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([True, None, False], dtype=object),
        pd.Series([True, float("nan"), False], dtype=object),
        pd.Series([True, None, False], dtype="category"),
        pl.Series([True, None, False]),
        pa.array([True, None, False]),
        pa.array([True, None, False]).dictionary_encode(),
        pa.chunked_array([[True], [None, False]]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_booleans_of_every_library_are_accepted(values: Any) -> None:
    for call in ("load", "update"):
        with mvcore.Book() as book:
            getattr(book, call)(instruments=instruments(cash=values))
            assert flags_of(book) == {"USD": True, "EUR": False, "AAPL": False}


@pytest.mark.parametrize(
    "values", [[None] * 3, pa.nulls(3), pl.Series([None] * 3), pa.array([None] * 3, pa.bool_())]
)
def test_null_in_the_column_cash_is_false(values: Any) -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.update(instruments=instruments(cash=values))
        assert flags_of(book) == {"USD": False, "EUR": False, "AAPL": False}


@pytest.mark.parametrize(
    ("values", "row", "value"),
    [
        ([True, 1, False], 1, 1),
        ([True, 0, False], 1, 0),
        ([True, "true", False], 1, "true"),
        ([True, False, 0.0], 2, 0.0),
        ([True, float("nan"), False], 1, None),
        ([True, False, np.int64(1)], 2, 1),
        (np.array([0, 1, 0]), 0, 0),
        (np.array([1.0, 0.0, 0.0]), 0, 1.0),
        (np.array(["true", "false", "false"]), 0, "true"),
        (pd.Series([1, 0, 0]), 0, 1),
        (pd.Series(["true", "false", "false"]), 0, "true"),
        (pl.Series([None, 1, 0]), 1, 1),
        (pa.array([None, "true", "false"]), 1, "true"),
        (pa.array([None, "true", "false"]).dictionary_encode(), 1, "true"),
        (pa.array([1, 0, 0], pa.int8()), 0, 1),
    ],
)
def test_values_that_are_not_booleans_are_refused(values: Any, row: int, value: Any) -> None:
    with mvcore.Book() as book:
        with pytest.raises(mvcore.InvalidInput, match=r"^instruments\.cash, row \d: ") as caught:
            book.load(instruments=instruments(cash=values))
        error = caught.value
        assert (error.table, error.column, error.row) == ("instruments", "cash", row)
        assert "expected True or False" in str(error)
        if value is not None:
            assert error.value == value
        assert book.epoch == 0


def test_a_type_without_booleans_is_refused_even_if_all_is_null() -> None:
    with mvcore.Book() as book, pytest.raises(mvcore.InvalidInput, match="expected True or False"):
        book.load(instruments=instruments(cash=pa.nulls(3, pa.int8())))


def test_an_absent_column_cash_keeps_the_flag() -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.update(instruments=instruments())
        assert flags_of(book) == {"USD": True, "EUR": True, "AAPL": False}
        book.remove(instruments="EUR")
        book.update(instruments=instruments())  # EUR is new again
        assert flags_of(book) == {"USD": True, "EUR": False, "AAPL": False}
        book.load(instruments=instruments())
        assert flags_of(book) == {"USD": False, "EUR": False, "AAPL": False}


def test_no_attribute_may_be_named_cash() -> None:
    with mvcore.Book() as book:
        for wrong in ({"accounts": {"account": ["A"], "cash": [True]}},
                      {"instruments": instruments(Cash=[True] * 3)}):  # fmt: skip
            with pytest.raises(mvcore.InvalidInput, match=r"attribute (cannot|is too similar)"):
                book.load(**wrong)


# ---- the default price ----


def test_cash_without_a_price_has_the_price_1() -> None:
    with mvcore.Book() as book:
        book.load(
            instruments=instruments(cash=[True, False, False]),
            accounts={"account": ["A"]},
            holdings={"account": ["A"], "instrument": ["USD"], "quantity": ["12.34"]},
        )
        assert prices_of(book) == {"USD": (Decimal(1), None, 1)}
        value = book.value("A")
        assert (value.current, value.unpriced) == (Decimal("12.34"), 0)
        book.update(instruments={"instrument": ["EUR"], "cash": [True]})
        assert prices_of(book) == {"USD": (Decimal(1), None, 1), "EUR": (Decimal(1), None, 2)}
        book.update(instruments=instruments(cash=[True, None, None]))
        assert prices_of(book) == {"USD": (Decimal(1), None, 1)}  # null is the default


def test_a_price_sent_for_cash_replaces_the_1() -> None:
    when = "2024-03-01T10:00:00Z"
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[True, True, False]))
        book.tick("USD", "0.9975", time=when)
        book.update(prices={"instrument": ["EUR"], "price": ["1.5"]})
        price, time, epoch = prices_of(book)["USD"]
        assert (price, time is not None, epoch) == (Decimal("0.9975"), True, 2)
        assert prices_of(book)["EUR"] == (Decimal("1.5"), None, 3)
        book.tick("USD", "0.99", time="2024-02-29T10:00:00Z")  # late
        assert prices_of(book)["USD"][0] == Decimal("0.9975")
        book.remove(prices=["USD", "AAPL"])
        assert prices_of(book) == {"USD": (Decimal(1), None, 5), "EUR": (Decimal("1.5"), None, 3)}
        book.tick("USD", "0.98", time="2024-02-29T10:00:00Z")  # older than the price withdrawn
        assert prices_of(book)["USD"][0] == Decimal("0.98")


def test_a_load_of_prices_without_cash_resets_its_price_to_1() -> None:
    with mvcore.Book() as book:
        book.load(
            instruments=instruments(cash=[True, True, False]),
            prices={"instrument": ["USD", "AAPL"], "price": ["1.25", "150.123456"]},
        )
        assert {name: price for name, (price, _, _) in prices_of(book).items()} == {
            "USD": Decimal("1.25"), "EUR": Decimal(1), "AAPL": Decimal("150.123456"),
        }  # fmt: skip
        book.load(prices={"instrument": ["EUR"], "price": ["2"]})
        assert {name: price for name, (price, _, _) in prices_of(book).items()} == {
            "USD": Decimal(1), "EUR": Decimal(2),
        }  # fmt: skip


def test_an_instrument_that_stops_being_cash_loses_its_default_price() -> None:
    with mvcore.Book() as book:
        book.load(
            instruments=instruments(cash=[True, True, True]),
            accounts={"account": ["A"]},
            holdings={"account": ["A"], "instrument": ["USD"], "quantity": [100]},
            prices={"instrument": ["EUR"], "price": ["1.5"]},
        )
        book.tick("AAPL", 1, time="2024-03-01")
        book.update(
            instruments={
                "instrument": ["USD", "EUR", "AAPL"],
                "cash": [False] * 3,
                "multiplier": [1000, 1, 1],
            },
        )
        assert {name: price for name, (price, _, _) in prices_of(book).items()} == {
            "EUR": Decimal("1.5"), "AAPL": 1,
        }  # fmt: skip
        assert (book.value("A").current, book.value("A").unpriced) == (0, 1)
        book.update(
            instruments={"instrument": ["USD"], "cash": [False], "multiplier": [1]},
            prices={"instrument": ["USD"], "price": [1]},
        )
        book.update(instruments={"instrument": ["USD"], "cash": [False]})
        assert prices_of(book)["USD"][0] == 1  # it was not cash before


# ---- rules for cash ----


@pytest.mark.parametrize("factor", ["multiplier", "quote_factor"])
def test_cash_with_a_factor_is_refused(factor: str) -> None:
    with mvcore.Book() as book:
        book.load(instruments=instruments(cash=[False, True, False]))
        for call in (
            lambda: book.update(instruments={"instrument": ["AAPL", "EUR"], factor: [2, 2]}),
            lambda: book.load(
                instruments=instruments(cash=[False, True, False], **{factor: [1, "0.01", 1]})
            ),
        ):
            with pytest.raises(mvcore.InvalidInput, match="'EUR' is cash") as caught:
                call()
            error = caught.value
            assert (error.table, error.column, error.row) == ("instruments", "cash", 1)
        book.update(instruments={"instrument": ["EUR"], factor: ["1.00"]})
        both = {"multiplier": [100], "quote_factor": ["0.01"]}
        with pytest.raises(mvcore.InvalidInput, match="a multiplier and a quote_factor of 1"):
            book.update(instruments={"instrument": ["EUR"], **both})
        book.update(instruments={"instrument": ["EUR"], "cash": [False], **both})


def two_of_usd() -> dict[str, Any]:
    return {
        "instrument": ["USD", "USD2"], "currency": ["USD", "USD"], "cash": [True, True],
    }  # fmt: skip


def test_two_cash_instruments_of_one_currency_are_accepted_without_fills() -> None:
    with mvcore.Book() as book:
        book.load(instruments=two_of_usd())
        assert flags_of(book) == {"USD": True, "USD2": True}


def test_two_cash_instruments_of_one_currency_are_refused_with_fills() -> None:
    with mvcore.Book(cash="from_fills") as book:
        for call in (book.load, book.update):
            with pytest.raises(mvcore.InvalidInput, match="are both cash of 'USD'") as caught:
                call(instruments=two_of_usd())
            error = caught.value
            assert (error.table, error.column, error.row) == ("instruments", "cash", 1)
        book.load(instruments=instruments(cash=[True, True, False]))
        with pytest.raises(mvcore.InvalidInput, match="'AAPL' and 'USD' are both cash of 'USD'"):
            book.update(instruments={"instrument": ["AAPL"], "cash": [True]})
        with pytest.raises(mvcore.InvalidInput, match="'EUR' and 'USD' are both cash of 'USD'"):
            book.update(instruments={"instrument": ["EUR"], "currency": ["USD"]})
        # The batch is checked as a whole: cash of a currency may move to another instrument.
        book.update(instruments={"instrument": ["AAPL", "USD"], "cash": [True, False]})
        book.update(instruments={"instrument": ["AAPL", "EUR"], "currency": ["EUR", "USD"]})
        assert flags_of(book) == {"USD": False, "EUR": True, "AAPL": True}
        book.remove(instruments="EUR")
        book.update(instruments={"instrument": ["USD"], "cash": [True]})
        assert flags_of(book) == {"USD": True, "AAPL": True}
        book.load(instruments=instruments())
        book.update(instruments={"instrument": ["AAPL", "EUR"], "cash": [True, True]})


def test_cash_in_a_currency_outside_iso_4217_needs_cash_scale() -> None:
    coins = {"instrument": ["USD", "BTC"], "currency": ["USD", "BTC"], "cash": [True, True]}
    with mvcore.Book(cash="from_fills") as book:
        with pytest.raises(mvcore.InvalidInput, match=r"'BTC' .* ISO 4217") as caught:
            book.load(instruments=coins)
        error = caught.value
        assert (error.table, error.column, error.row) == ("instruments", "currency", 1)
        assert error.value == "BTC"
        book.load(instruments=coins | {"cash": [True, False]})
    with mvcore.Book(cash="from_fills", cash_scale=8) as book:
        book.load(instruments=coins)
    with mvcore.Book() as book:
        book.load(instruments=coins)


# ---- the options of a book ----


@pytest.mark.parametrize(
    ("options", "column", "wrong"),
    [
        ({"cash": "fills"}, "cash", "cash: 'fills' is neither 'from_fills' nor None"),
        ({"cash": True}, "cash", "cash: True is neither"),
        ({"cash": ["from_fills"]}, "cash", r"cash: \['from_fills'\] is neither"),
        ({"cash_scale": 2}, "cash_scale", "cash_scale: 2 without cash='from_fills'"),
        ({"cash_scale": True}, "cash_scale", "cash_scale: True is not an int"),
        ({"cash": "from_fills", "cash_scale": "2"}, "cash_scale", "'2' is not an int"),
        ({"cash": "from_fills", "cash_scale": 2.0}, "cash_scale", "2.0 is not an int"),
        ({"cash": "from_fills", "cash_scale": -1}, "cash_scale", r"-1 is not in 0\.\.18"),
        ({"cash": "from_fills", "cash_scale": 19}, "cash_scale", r"19 is not in 0\.\.18"),
    ],
)
def test_wrong_cash_options_are_refused(
    options: Any, column: str, wrong: str, tmp_path: Path
) -> None:
    for make in (mvcore.Book, lambda **given: mvcore.open(tmp_path / "book", **given)):
        with pytest.raises(mvcore.InvalidInput, match=wrong) as caught:
            make(**options)
        error = caught.value
        assert (error.table, error.column, error.value) == ("book", column, options[column])
    assert not (tmp_path / "book").exists()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"cash": "from_fills"},
    {"cash": "from_fills", "cash_scale": 0},
    {"cash": "from_fills", "cash_scale": 18},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_durable_book_keeps_its_options(options: dict[str, Any], tmp_path: Path) -> None:
    kept = options.get("cash"), options.get("cash_scale")
    for checkpoint in (False, True):
        folder = tmp_path / f"book{checkpoint}"
        with mvcore.open(folder, **options) as book:
            assert (book.cash, book.cash_scale) == kept
            if checkpoint:
                book.checkpoint()
        for again in ({}, options):
            for read_only in (True, False):
                with mvcore.open(folder, read_only=read_only, **again) as book:
                    assert (book.cash, book.cash_scale) == kept
                    with book.snapshot() as now:
                        assert (now.cash, now.cash_scale) == kept
        for other in OPTIONS:
            named = {name: value for name, value in other.items() if value != options.get(name)}
            if not named:
                continue
            with pytest.raises(mvcore.InvalidInput, match=f"{next(iter(named))}: .* but the book"):
                mvcore.open(folder, **other)
    for journal in (tmp_path / "bookTrue").glob("*"):  # a copy without the journal
        if journal.is_file() and not journal.name.startswith("manifest"):
            journal.unlink()
    with mvcore.open(tmp_path / "bookTrue") as book:
        assert (book.cash, book.cash_scale) == kept


def test_a_checkpoint_of_a_book_with_other_options_is_not_loaded(tmp_path: Path) -> None:
    with mvcore.open(tmp_path / "book") as book:
        book.checkpoint()
    with mvcore.open(tmp_path / "other", cash="from_fills", cash_scale=3) as book:
        book.checkpoint()
    manifest = next((tmp_path / "other").glob("manifest-*"))
    target = tmp_path / "book" / "manifest-00000000000000000009"
    target.write_bytes(manifest.read_bytes())
    with mvcore.open(tmp_path / "book") as book:
        (skipped,) = book.recovery.skipped
        assert "USD with 8 decimals, cash from fills with 3 decimals, id" in skipped


# ---- books on disk ----


def small(book: mvcore.Book) -> None:
    """Cash in every possible way: loaded, set later, unset later, removed."""
    book.load(
        instruments={
            "instrument": ["USD", "EUR", "AAPL", "GBP", "CHF"],
            "currency": ["USD", "EUR", "USD", "GBP", "CHF"],
            "cash": [True, None, False, True, True],
        },
        accounts={"account": ["A"]},
        holdings={"account": ["A", "A"], "instrument": ["USD", "EUR"], "quantity": ["2.50", 7]},
        fx={"currency": ["EUR"], "rate": ["1.10"]},
    )
    book.tick("GBP", "1.01")
    book.update(instruments={"instrument": ["EUR", "GBP"], "cash": [True, False]})
    book.update(instruments={"instrument": ["AAPL"], "multiplier": [10]})  # no column cash
    book.tick("USD", "0.99", time="2024-03-01T10:00:00Z")
    book.remove(prices="USD", instruments="CHF")


def state_of(book: mvcore.Book) -> Any:
    return flags_of(book), prices_of(book), book.value("A"), book.epoch


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("checkpoint", [False, True])
def test_cash_instruments_survive_reopening(
    options: dict[str, Any], checkpoint: bool, tmp_path: Path
) -> None:
    wanted = mvcore.Book(**options)
    small(wanted)
    assert flags_of(wanted) == {"USD": True, "EUR": True, "AAPL": False, "GBP": False}
    assert prices_of(wanted)["USD"] == (Decimal(1), None, 6)
    with mvcore.open(tmp_path / "book", **options) as book:
        small(book)
        if checkpoint:
            book.checkpoint()
    more = {"instrument": ["AAPL"], "currency": ["EUR"], "multiplier": [1], "cash": [True]}
    for read_only in (True, False):
        with mvcore.open(tmp_path / "book", read_only=read_only) as book:
            assert (book.recovery.loaded > 0) == checkpoint
            assert (book.recovery.replayed == 0) == checkpoint
            assert state_of(book) == state_of(wanted)
            if read_only:
                continue
            if options:  # the cash instrument of each currency is known again
                with pytest.raises(mvcore.InvalidInput, match="'AAPL' and 'EUR' are both cash"):
                    book.update(instruments=more)
            else:
                book.update(instruments=more)
            book.update(instruments={"instrument": ["EUR", "AAPL"], "cash": [False, False]})
            book.update(instruments=more)
            last = state_of(book)
    with mvcore.open(tmp_path / "book") as book:
        assert state_of(book) == last


def forged(files: MemoryFiles, change: Any) -> None:
    """Replace columns of the instruments in the newest checkpoint, with valid checksums."""
    name = max(n for n in files.names() if n.startswith("manifest"))
    document = json.loads(files.content[files.entries[name]][:-16])
    table = document["tables"]["instruments"]
    path = f"chunks/{table['name']}"
    number = files.entries[path]
    opened = pa.ipc.open_file(pa.py_buffer(files.content[number]))
    batch = opened.get_batch(0)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    change(document, columns)
    data = arrow_files.to_file("instruments", columns).to_pybytes()
    table |= {"bytes": len(data), "crc32c": _core.crc32c(data)}
    text = json.dumps(document).encode() + b"\n"
    files.content[number] = data
    files.content[files.entries[name]] = text + b"crc32c %08x\n" % _core.crc32c(text)


def set_column(name: str, values: list[Any]) -> Any:
    def change(document: dict[str, Any], columns: dict[str, Any]) -> None:
        columns[name] = pa.array(values, columns[name].type)

    return change


def set_manifest(**terms: Any) -> Any:
    def change(document: dict[str, Any], columns: dict[str, Any]) -> None:
        document.update(terms)

    return change


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (set_column("cash", [True, True, True]), "'USD' has two cash instruments"),
        (set_column("multiplier", [1, Decimal("1.5"), 1]), "'EUR' has a multiplier or"),
        (set_column("quote_factor", [Decimal("0.01"), 1, 1]), "'USD' has a multiplier or"),
        (set_column("price", [None, 1, 2]), "the cash instrument 'USD' has no price"),
        (set_column("cash", [True, None, False]), "cash has nulls"),
        (lambda document, columns: columns.pop("cash"), "the column cash is missing"),
        (set_manifest(cash="fills"), "cash is 'fills'"),
        (set_manifest(cash=None, cash_scale=2), "cash is None with 2"),
        (set_manifest(cash_scale=19), "cash_scale is 19"),
        (set_manifest(cash_scale=True), "cash_scale is True"),
        (set_manifest(cash_scale="2"), "cash_scale is '2'"),
        (set_manifest(cash=None), "of another book, USD with 8 decimals, id 0, not"),
    ],
)
def test_a_checkpoint_that_breaks_the_rules_of_cash_is_refused(change: Any, wrong: str) -> None:
    files = MemoryFiles()
    with mvcore.Book(cash="from_fills") as book:
        book.load(
            instruments=instruments(cash=[True, True, False]),
            prices={"instrument": ["AAPL"], "price": [2]},
        )
        save(checkpoints(files, book), book)
    reopened, _, _ = reopen(files, cash="from_fills")
    assert flags_of(reopened) == {"USD": True, "EUR": True, "AAPL": False}
    forged(files, change)
    with pytest.raises(mvcore.CorruptData, match=wrong):
        reopen(files, cash="from_fills")


def test_a_checkpoint_with_cash_outside_iso_4217_is_refused() -> None:
    files = MemoryFiles()
    with mvcore.Book(cash="from_fills", cash_scale=3) as book:
        book.load(
            instruments={"instrument": ["X", "B"], "currency": ["USD", "BTC"], "cash": [True, True]}
        )
        save(checkpoints(files, book), book)
    forged(files, set_manifest(cash_scale=None))
    with pytest.raises(mvcore.CorruptData, match=r"'BTC' .* is not a currency of ISO 4217"):
        reopen(files, cash="from_fills")


# ---- files and the command line ----


def test_files_may_have_a_column_cash(tmp_path: Path) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text("instrument,currency,cash\nUSD,USD,true\nEUR,EUR,FALSE\nAAPL,USD,\n")
    table = mvcore.read(path, "instruments")
    assert table["cash"].to_pylist() == [True, False, None]
    assert table.attributes == ()
    with mvcore.Book() as book:
        book.load(instruments=table)
        assert flags_of(book) == {"USD": True, "EUR": False, "AAPL": False}
    for text in ("1", "yes", "t", " true", "-"):
        path.write_text(f'instrument,currency,cash\nUSD,USD,true\nEUR,EUR,"{text}"\n')
        with pytest.raises(mvcore.InvalidInput, match="line 3, column cash") as caught:
            mvcore.read(path, "instruments")
        error = caught.value
        assert f"{text!r} is neither true nor false" in str(error)
        assert (error.table, error.column, error.value) == ("instruments", "cash", text)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exported_cash_gives_the_same_value(kind: str, tmp_path: Path, capsys: Any) -> None:
    with mvcore.open(tmp_path / "book", cash="from_fills", cash_scale=4) as book:
        small(book)
        book.checkpoint()
    assert main(["inspect", str(tmp_path / "book")]) == 0
    assert "  cash           from fills with 4 decimals\n" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["export", str(tmp_path / "book"), "--to", kind, "--out", str(out)]) == 0
    if kind == "csv":
        text = (out / "instruments.csv").read_text()
        assert text.splitlines()[:2] == [
            "instrument,currency,multiplier,quote_factor,cash",
            "USD,USD,1.000000000000000000,1.000000000000000000,true",
        ]
    tables = {
        name: mvcore.read(out / f"{name}.{kind}", name)
        for name in ("instruments", "accounts", "holdings", "prices", "fx")
    }
    with mvcore.Book(cash="from_fills", cash_scale=4) as book:
        book.load(**tables)
        assert flags_of(book) == {"USD": True, "EUR": True, "AAPL": False, "GBP": False}
    files = [f"--{name}={out}/{name}.{kind}" for name in tables]
    capsys.readouterr()
    for options in ([], ["--cash", "from_fills"], ["--cash=from_fills", "--cash-scale=0"]):
        assert main(["value", *files, *options, "--output", "csv"]) == 0
        assert capsys.readouterr().out.splitlines()[1].startswith("A,USD,10.20")
    for wrong, options in (
        ("--cash: invalid choice: 'fills'", ["--cash", "fills"]),
        ("cash_scale: 2 without cash", ["--cash-scale", "2"]),
        ("cash_scale: 19 is not in 0..18", ["--cash", "from_fills", "--cash-scale", "19"]),
    ):
        assert main(["value", *files, *options]) == 2
        assert wrong in capsys.readouterr().err
