"""Loads a book, and measures time and memory: holdings with names as text or dictionary columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import mvcore
from book_memory import taken
from dataset import ORDERS, World, amounts
from orders_dataset import EACH

FORMS = {"names as plain text": True, "dictionary columns": False}
CASES = [(form, order) for form in FORMS for order in ORDERS]


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest, world: World) -> Any:
    """The table of one case at a time: at full size it takes up to a gigabyte."""
    form, order = request.param
    return form, order, world.holdings(order, text=FORMS[form])


@pytest.mark.parametrize("rows", CASES, ids=" ".join, indirect=True, scope="module")
def test_load_of_holdings(rows: Any, who: str, world: World, kernels: Any, measure: Any) -> None:
    """The other contenders fill a dense array. pyarrow converts text names to codes."""
    form, order, table = rows
    masters = world.masters()
    held: dict[str, Any] = {}

    def free() -> None:
        held.clear()

    def codes(column: str, names: list[str]) -> Any:
        """Positions of the names, extracted from an Arrow column as an expert would."""
        array = table[column].combine_chunks()
        encoded = pc.dictionary_encode(array) if pa.types.is_string(array.type) else array
        place = {name: code for code, name in enumerate(names)}
        places = np.array([place[n] for n in encoded.dictionary.to_pylist()], np.int16)
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        return indices if (places == np.arange(len(places))).all() else places[indices]

    def columns() -> tuple[Any, Any, Any]:
        return (
            codes("account", world.account_names), codes("instrument", world.instrument_names),
            table["quantity"].to_numpy(),
        )  # fmt: skip

    def with_mvcore() -> None:
        held["book"] = mvcore.Book()
        held["book"].load(holdings=table, **masters)

    def with_numpy() -> None:
        accounts, instruments, quantities = columns()
        held["array"] = np.zeros(world.held.shape, np.int32)
        held["array"][instruments, accounts] = quantities

    def with_numba() -> None:
        held["array"] = np.zeros(world.held.shape, np.int32)
        kernels.fill(*columns(), held["array"])

    def check(_: None) -> None:
        if who != "mvcore":
            assert (held["array"] == world.held).all()
            return
        book = held["book"]
        assert book.epoch == 1
        assert book.stats()["positions"] == np.count_nonzero(world.held)
        totals = book.values(measures="current")
        assert totals["account"] == world.account_names
        assert (totals.to_numpy("current", scaled=True) == amounts(world.totals)).all()
        for account in (0, world.accounts // 2, world.accounts - 1):
            row = world.by_account[account]
            frame = book.holdings(accounts=world.account_names[account])
            assert (frame.codes("instrument") == np.nonzero(row)[0]).all()
            assert frame["quantity"] == row[row != 0].tolist()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"load, {form}, rows {order}", who, call, check, setup=free, rounds=3)


def compare(found: dict[str, Any], part: float) -> None:
    """Assert that the book's own count equals the growth of the process."""
    for said, grown in (("memory", "growth"), ("memory_with_index", "growth_with_index")):
        total = found[said]["total"]
        assert abs(total - found[grown]) <= part * found[grown], found


def test_memory_of_holdings(
    who: str, size: Any, world: World, benchmark: Any, loaded_book: Any
) -> None:
    """Measures bytes, not time.

    Contenders: the array by instrument (NumPy), and by account too (numba).
    """
    benchmark.group = "memory of the holdings"
    if who == "mvcore":
        found = taken("dense", world.accounts, world.instruments)
        assert found["rows"] == world.rows
        if size.name == "full":
            compare(found, 0.25)
        figures = {
            benchmark.group: found["growth"],
            f"{benchmark.group}, with the by-account index": found["growth_with_index"],
        }
        call = loaded_book.memory
    else:
        arrays = [world.held] if who == "numpy" else [world.held, world.by_account]

        def call() -> int:
            return sum(array.nbytes for array in arrays)

        figures = {
            benchmark.group: world.held.nbytes,
            f"{benchmark.group}, with the by-account index": call(),
        }
    benchmark.extra_info.update(who=who, calls=1, figures=figures)
    benchmark.pedantic(call, rounds=2)


@pytest.mark.parametrize("ids", ["integer", "text"])
def test_load_and_memory_of_holdings_and_orders(
    ids: str, size: Any, world: World, benchmark: Any
) -> None:
    """One load of all tables with dictionary columns, in its own process."""
    found = taken("dense", world.accounts, world.instruments, ids)
    assert found["rows"] == world.rows * (1 + EACH)
    if size.name == "full":
        compare(found, 0.05)
    what = f"holdings and orders, {ids} ids"
    figures = {
        f"load of {what}": found["seconds"],
        f"memory of {what}": found["growth"],
        f"memory of {what}, as book.memory() counts": found["memory"]["total"],
        f"memory of {what}, with the by-account index": found["growth_with_index"],
        f"memory of {what}, at the peak of the load": found["peak_over_tables"],
    }
    benchmark.group = f"load of {what}"
    benchmark.extra_info.update(who="mvcore", calls=1, figures=figures)
    benchmark.pedantic(lambda: found["rows"], rounds=1)
