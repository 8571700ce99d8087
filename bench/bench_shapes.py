"""Books of other shapes: sparse, sparse with cash in cents, and with 18-decimal quantities.

Generated, loaded, ticked, read.

The other contender is plain NumPy. The sparse book also has numba, where each position names its
account.
"""

from __future__ import annotations

from decimal import localcontext
from typing import Any

import numpy as np
import pytest

import mvcore
from book_memory import SHAPES, taken
from dataset import PRICE_SCALE, SIZES, VALUE_SCALE, decimal_of, text_of
from sparse_dataset import SIZES as SPARSE_SIZES

MOVED, VIEWS = 8, 16  # instruments that move between two reads; views read one after the other
OTHERS = {"sparse": ["numpy", "numba"], "sparse, with cash": ["numpy"], "decimals": ["numpy"]}
CASES = [(shape, who) for shape in OTHERS for who in ["mvcore", *OTHERS[shape]]]


def size_of(shape: str, name: str) -> tuple[int, int]:
    dense = SIZES[name]
    return SPARSE_SIZES[name] if "sparse" in shape else (dense.accounts, dense.instruments)


@pytest.fixture(scope="module")
def loaded_shape(request: pytest.FixtureRequest, size: Any) -> Any:
    """The name of a shape, its world and its book. One shape exists at a time."""
    shape = request.param
    world = SHAPES[shape](*size_of(shape, size.name))
    book = mvcore.Book()
    book.load(holdings=world.holdings(), **world.masters())
    return shape, world, book


@pytest.fixture
def shaped(loaded_shape: Any) -> Any:
    """The loaded shape at the initial prices."""
    yield loaded_shape
    _, world, book = loaded_shape
    codes = np.arange(world.instruments, dtype=np.int32)
    book.ticks(codes, world.prices, scale=PRICE_SCALE)


def contenders(cases: list[tuple[str, str]]) -> Any:
    return pytest.mark.parametrize(
        ("loaded_shape", "who"), cases, indirect=["loaded_shape"], scope="module"
    )


every_case = contenders(CASES)


def current(frame: Any) -> Any:
    return frame.to_numpy("current", scaled=True)


@pytest.mark.parametrize("shape", OTHERS)
def test_generating_each_shape(shape: str, size: Any, measure: Any) -> None:
    """Not a measurement of mvcore: the time to generate rows from the seed."""

    def check(world: Any) -> None:
        each = world.rows // world.accounts
        amounts, table = world.amounts_at(world.prices), world.holdings()
        for account in (0, world.accounts - 1):
            rows = table.slice(account * each, each).to_pylist()
            assert {row["account"] for row in rows} == {world.account_names[account]}
            assert len({row["instrument"] for row in rows}) == each
            with localcontext(prec=80):
                total = sum(row["quantity"] * world.price_of(row["instrument"]) for row in rows)
                assert round(total, VALUE_SCALE) == decimal_of(amounts[account], VALUE_SCALE)

    accounts, instruments = size_of(shape, size.name)

    def call() -> Any:
        return SHAPES[shape](accounts, instruments)

    measure(f"{shape} book: a row made from its seed", "numpy", call, check, calls=call().rows)


@contenders([case for case in CASES if case[1] != "numba" and "cash" not in case[0]])
def test_load_of_each_shape(shaped: Any, who: str, measure: Any) -> None:
    """The other contender sorts the rows by instrument."""
    shape, world, _ = shaped
    table, masters = world.holdings(), world.masters()
    accounts, codes = (table[c].combine_chunks().indices.to_numpy() for c in table.column_names[:2])
    quantity = np.asarray(world.quantity.T if shape == "sparse" else world.held.T).reshape(-1)

    def with_mvcore() -> Any:
        book = mvcore.Book()
        book.load(holdings=table, **masters)
        return book

    def with_numpy() -> Any:
        order = np.argsort(codes, kind="stable")
        return codes[order], accounts[order], quantity[order]

    def check(got: Any) -> None:
        if who == "mvcore":
            assert got.stats()["positions"] == world.rows
            assert (current(got.values()) == world.amounts_at(world.prices)).all()
        else:
            places, owners, quantities = got
            assert (np.diff(places) >= 0).all()
            assert quantities.sum() == quantity.sum()  # both overflow alike
            assert len(owners) == world.rows

    call = {"mvcore": with_mvcore, "numpy": with_numpy}[who]
    measure(f"{shape} book: load", who, call, check, rounds=2)


@every_case
def test_tick_in_each_shape(shaped: Any, who: str, size: Any, measure: Any, request: Any) -> None:
    """Stores the price and does nothing else."""
    shape, world, book = shaped
    random = np.random.default_rng(23)
    codes = random.integers(0, world.instruments, size.calls).tolist()
    board = world.prices.copy()
    ticks: list[Any] = []
    kernels = request.getfixturevalue("numba_kernels") if who == "numba" else None

    def new() -> None:
        prices = random.integers(100_000, 1_900_000, len(codes)).tolist()
        ticks[:] = zip(codes, map(text_of, prices), strict=True)

    def with_mvcore() -> None:
        tick = book.tick
        for code, price in ticks:
            tick(code, price)

    def with_numpy() -> None:
        for code, price in ticks:
            board[code] = round(float(price) * 10**PRICE_SCALE)

    def with_numba() -> None:
        set_price = kernels.set_price
        for code, price in ticks:
            set_price(code, round(float(price) * 10**PRICE_SCALE), board)

    def check(_: None) -> None:
        last = dict(ticks)
        if who == "mvcore":
            got = book.prices()["price"]
            assert all(got[code] * 10**PRICE_SCALE == as_int(p) for code, p in last.items())
        else:
            assert all(board[code] == as_int(price) for code, price in last.items())

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"{shape} book: tick by code", who, call, check, calls=len(codes), setup=new)


def as_int(price: str) -> int:
    return int(price.replace(".", ""))


@every_case
def test_value_of_an_account_in_each_shape(
    shaped: Any, who: str, size: Any, measure: Any, request: Any
) -> None:
    shape, world, book = shaped
    accounts = np.random.default_rng(24).integers(0, world.accounts, size.calls // 4)
    names = [world.account_names[a] for a in accounts.tolist()]
    want = world.some_amounts(accounts, world.prices).tolist()
    kernels = request.getfixturevalue("numba_kernels") if who == "numba" else None
    ones = accounts[:, None]

    def with_mvcore() -> list[Any]:
        return [book.value(name) for name in names]

    def with_numpy() -> list[Any]:
        return [world.some_amounts(one, world.prices) for one in ones]

    def with_numba() -> Any:
        totals = np.empty((len(ones), 1), np.int64)
        codes, quantity = world.by_account
        for one, total in zip(ones, totals, strict=True):
            kernels.sparse_totals(one, world.prices, codes, quantity, total)
        return totals * 10 ** (VALUE_SCALE - PRICE_SCALE)

    def check(got: Any) -> None:
        if who == "mvcore":
            assert [v.current for v in got] == [decimal_of(w, VALUE_SCALE) for w in want]
        else:
            assert [int(total[0]) for total in got] == want

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"{shape} book: value of an account", who, call, check, calls=len(names))


@every_case
def test_whole_book_by_account_in_each_shape(
    shaped: Any, who: str, measure: Any, request: Any
) -> None:
    """A price moves back and forth before each round, so that no result can be cached."""
    shape, world, book = shaped
    want = world.amounts_at(world.prices)
    kernels = request.getfixturevalue("numba_kernels") if who == "numba" else None
    everyone, totals = np.arange(world.accounts), np.empty(world.accounts, np.int64)

    def move() -> None:
        for price in (int(world.prices[0]) + 1, int(world.prices[0])):
            book.tick(0, text_of(price))

    def with_mvcore() -> Any:
        return book.values(by="account", measures="current")

    def with_numpy() -> Any:
        return world.amounts_at(world.prices)

    def with_numba() -> Any:
        kernels.sparse_totals(everyone, world.prices, *world.by_account, totals)
        return totals

    def check(got: Any) -> None:
        if who == "mvcore":
            got = current(got)
        if who == "numba":
            got = got * 10 ** (VALUE_SCALE - PRICE_SCALE)
        assert (got == want).all()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    measure(f"{shape} book: values by account", who, call, check, setup=move)


@every_case
def test_changes_of_a_view_of_two_accounts_in_each_shape(
    shaped: Any, who: str, size: Any, measure: Any, request: Any
) -> None:
    """8 of the 100 most held instruments move between two reads. The other contenders sum anew."""
    shape, world, book = shaped
    firsts = np.random.default_rng(25).integers(0, world.accounts - 1, VIEWS)
    pairs = np.stack([firsts, firsts + 1], axis=1)
    views = []
    if who == "mvcore":
        names = [[world.account_names[a] for a in pair] for pair in pairs.tolist()]
        views = [book.view(accounts=pair, measures="current") for pair in names]
        for view in views:
            view.changes()
    board, random = world.prices.copy(), np.random.default_rng(26)
    before = world.some_amounts(pairs.reshape(-1), board).reshape(-1, 2)
    kernels = request.getfixturevalue("numba_kernels") if who == "numba" else None
    totals = np.empty((VIEWS, 2), np.int64)

    def move() -> None:
        before[:] = world.some_amounts(pairs.reshape(-1), board).reshape(-1, 2)
        for code in random.permutation(min(world.instruments, 100))[:MOVED].tolist():
            board[code] += random.integers(1, 1_000)
            book.tick(code, text_of(int(board[code])))

    def with_mvcore() -> Any:
        return [view.changes() for view in views]

    def with_numpy() -> Any:
        return np.stack([world.some_amounts(pair, board) for pair in pairs])

    def with_numba() -> Any:
        for pair, total in zip(pairs, totals, strict=True):
            kernels.sparse_totals(pair, board, *world.by_account, total)
        return totals * 10 ** (VALUE_SCALE - PRICE_SCALE)

    def check(got: Any) -> None:
        want = world.some_amounts(pairs.reshape(-1), board).reshape(-1, 2)
        if who != "mvcore":
            assert (np.stack(got) == want).all()
            return
        for frame, pair, old, new in zip(got, pairs, before, want, strict=True):
            assert frame.codes("account").tolist() == pair[old != new].tolist()
            assert current(frame).tolist() == new[old != new].tolist()

    call = {"mvcore": with_mvcore, "numpy": with_numpy, "numba": with_numba}[who]
    what = f"{shape} book: changes of a view of 2 accounts after 8 ticks"
    measure(what, who, call, check, calls=VIEWS, setup=move)
    for view in views:
        view.close()


@pytest.mark.parametrize("shape", OTHERS)
def test_memory_of_each_shape(shape: str, size: Any, benchmark: Any) -> None:
    accounts, instruments = size_of(shape, size.name)
    found = taken(shape, accounts, instruments)
    benchmark.group = f"memory of the {shape} book"
    figures = {
        benchmark.group: found["growth"],
        f"{benchmark.group}, with the by-account index": found["growth_with_index"],
    }
    benchmark.extra_info.update(who="mvcore", calls=1, figures=figures)
    assert benchmark.pedantic(lambda: found["rows"], rounds=1) >= accounts
