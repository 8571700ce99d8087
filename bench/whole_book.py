"""Whole-book reads by number of threads, beside numba with as many.

`python bench/whole_book.py [--size tiny|mid|full] [--threads 1 2 ...]`

One process, in turns: each round moves every price, then each contender reads once. So whatever
else the machine does meets all of them. Medians, and their ratio to numba's. Every answer is
checked. The book is the dense one of the other benchmarks; a sparse book, which numba does not
have, follows: it shows when threads begin to pay.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

import mvcore
from dataset import PRICE_SCALE, SIZES, Ints, Size, World, amounts
from report import machine

ROUNDS = {"tiny": 2, "mid": 15, "full": 31}
SPARSE = {"tiny": (60, 40), "mid": (20_000, 1_000), "full": (100_000, 3_000)}
SHARE = 0.003  # of the cells of the sparse book that hold a position

Call = Callable[[], Any]


def loaded(tables: dict[str, Any], threads: int) -> mvcore.Book:
    book = mvcore.Book(threads=threads)
    book.load(**tables)
    return book


def dense(size: Size) -> tuple[World, dict[str, Any]]:
    world = World(size.accounts, size.instruments)
    return world, world.masters() | {"holdings": world.holdings()}


def sparse(size: str) -> dict[str, Any]:
    accounts, instruments = SPARSE[size]
    random = np.random.default_rng(6)
    cells = np.unique(
        random.integers(0, accounts * instruments, int(accounts * instruments * SHARE))
    )
    names = [f"ACC{a}" for a in range(accounts)], [f"SYM{i}" for i in range(instruments)]
    codes = (cells % accounts).astype(np.int32), (cells // accounts).astype(np.int32)
    held = [
        pa.DictionaryArray.from_arrays(code, name) for code, name in zip(codes, names, strict=True)
    ]
    return {
        "accounts": {"account": names[0]},
        "instruments": {"instrument": names[1], "currency": ["USD"] * instruments},
        "prices": {"instrument": names[1], "price": random.integers(10, 190, instruments)},
        "holdings": {
            "account": held[0],
            "instrument": held[1],
            "quantity": random.integers(1, 4_001, len(cells)),
        },
    }


def by_numba(world: World, threads: int) -> Call:
    """The kernel of the other benchmarks, in so many threads."""
    from numba import set_num_threads

    from numba_kernels import add_rows, whole_book

    def call() -> Any:
        partial = np.zeros((threads, world.accounts), np.int64)
        if threads == 1:
            add_rows(world.prices, world.held, partial[0])
        else:
            set_num_threads(threads)
            whole_book(world.prices, world.held, partial)
        return partial[0]

    return call


def by_book(book: mvcore.Book, measure: str) -> Call:
    return lambda: book.values(by="account", measures=measure).to_numpy(measure, scaled=True)


def in_turns(
    calls: dict[str, Call], rounds: int, move: Callable[[], None], check: Callable[[str, Any], None]
) -> dict[str, float]:
    """Seconds of each call: the median of the rounds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        move()
        for name, call in calls.items():
            start = time.perf_counter()
            answer = call()
            spent = time.perf_counter() - start
            check(name, answer)
            if number != 0:  # the first compiles, and starts threads
                times[name].append(spent)
    return {name: statistics.median(found) for name, found in times.items()}


def dense_report(size: Size, threads: list[int]) -> list[str]:
    world, tables = dense(size)
    books = {f"mvcore {n}": loaded(tables, n) for n in threads}
    calls = {name: by_book(book, "current") for name, book in books.items()}
    calls |= {f"numba {n}": by_numba(world, n) for n in threads}
    random = np.random.default_rng(8)
    codes = np.arange(world.instruments, dtype=np.int32)
    want: Ints = world.totals

    def move() -> None:
        nonlocal want
        world.prices[:] = random.integers(100_000, 1_900_000, world.instruments)
        want = world.totals_at(world.prices)
        for book in books.values():
            book.ticks(codes, world.prices, scale=PRICE_SCALE)

    def check(name: str, got: Any) -> None:
        assert (got == (amounts(want) if name in books else want)).all(), f"{name} is not exact"

    found = in_turns(calls, ROUNDS[size.name], move, check)
    lines = ["| threads | mvcore | numba | mvcore / numba |", "|---|---|---|---|"]
    for n in threads:
        ours, theirs = found[f"mvcore {n}"], found[f"numba {n}"]
        cells = (f"{n}", f"{ours * 1e3:.2f} ms", f"{theirs * 1e3:.2f} ms", f"{ours / theirs:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def sparse_report(size: str, threads: list[int]) -> list[str]:
    tables = sparse(size)
    books = {f"mvcore {n}": loaded(tables, n) for n in threads}
    first = books[f"mvcore {threads[0]}"].values(by="account", measures="current").to_arrow()
    calls: dict[str, Call] = {
        name: (lambda book=book: book.values(by="account", measures="current").to_arrow())
        for name, book in books.items()
    }

    def check(name: str, got: Any) -> None:
        assert got.equals(first), f"{name} differs"

    found = in_turns(calls, ROUNDS[size], lambda: None, check)
    one = found[f"mvcore {threads[0]}"]
    lines = ["| threads | mvcore | to the first |", "|---|---|---|"]
    for n in threads:
        ours = found[f"mvcore {n}"]
        lines.append(f"| {n} | {ours * 1e3:.2f} ms | {ours / one:.2f} |")
    return lines


def report(size: Size, threads: list[int]) -> list[str]:
    accounts, instruments = SPARSE[size.name]
    return [
        f"{size.accounts:,} accounts x {size.instruments:,} instruments, every position held. "
        f"{machine()}",
        "",
        *dense_report(size, threads),
        "",
        f"{accounts:,} accounts x {instruments:,} instruments, {SHARE:.1%} of the positions held.",
        "",
        *sparse_report(size.name, threads),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="mid")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    print("\n".join(report(SIZES[asked.size], asked.threads)))


if __name__ == "__main__":
    main()
