"""Loads a book into a folder, in its own process: the first step of `durable.py`.

`python durable_load.py FOLDER ACCOUNTS INSTRUMENTS integer|text ROUNDS TICKS` loads holdings and
orders into a durable book there, writes its first checkpoint and closes it. With ROUNDS, it first
loads the same book in memory and times ticks of both alternately: TICKS single ones, and twenty
times as many in batches. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

import numpy as np

import mvcore
from dataset import PRICE_SCALE, World, decimal_of, text_of
from durable_book import seconds, tables, world_of

BATCH = 5_000  # ticks per call


def main(folder: str, size: tuple[int, int], ids: str, rounds: int, ticks: int) -> None:
    orders = world_of(*size)
    full = tables(orders, ids == "text")
    out: dict[str, Any] = {}
    memory = mvcore.Book()
    if rounds:
        out["in memory"] = seconds(partial(memory.load, **full))
    with mvcore.open(folder, checkpoint_bytes=None) as book:
        out["load"] = seconds(partial(book.load, **full))
        del full
        out["journal"] = book.stats()["journal_bytes"]
        if rounds:
            out["ticks"] = by_turns(memory, book, orders.world, rounds, ticks)
        memory.close()
        out["checkpoint"] = seconds(book.checkpoint)
        out["bytes"] = book.stats()["checkpoint_new_bytes"]
    print(json.dumps(out))


def by_turns(
    memory: Any, durable: Any, world: World, rounds: int, count: int
) -> dict[str, dict[str, list[float]]]:
    """Time a tick, by kind and book. Afterwards both books have the initial prices.

    Every tick is a move. A round is longer than `price_interval`, so it includes the background
    work of the durable book.
    """
    random = np.random.default_rng(33)
    codes = random.integers(0, world.instruments, BATCH).astype(np.int32)
    names = [world.instrument_names[c] for c in codes.tolist()]
    first = random.integers(100_000, 1_900_000, BATCH)
    turns = [first, 2_000_000 - first]
    calls = [list(zip(names, map(text_of, prices.tolist()), strict=True)) for prices in turns]
    single, batches = 2 * max(count // BATCH // 2, 1), 20 * max(count // BATCH, 1)

    def one_by_one(book: Any) -> float:
        tick = book.tick
        start = time.perf_counter()
        for turn in range(single):
            for name, price in calls[turn % 2]:
                tick(name, price)
        return (time.perf_counter() - start) / (single * BATCH)

    def in_batches(book: Any) -> float:
        start = time.perf_counter()
        for turn in range(batches):
            book.ticks(codes, turns[turn % 2], scale=PRICE_SCALE)
        return (time.perf_counter() - start) / (batches * BATCH)

    kinds = {"tick()": one_by_one, f"ticks() of {BATCH:,}": in_batches}
    out: dict[str, dict[str, list[float]]] = {k: {"memory": [], "durable": []} for k in kinds}
    for _ in range(rounds):
        for kind, time_one in kinds.items():
            for who, book in (("memory", memory), ("durable", durable)):
                out[kind][who].append(time_one(book))
    board = world.prices.copy()
    for code, price in zip(codes.tolist(), turns[1].tolist(), strict=True):
        board[code] = price
    for book in (memory, durable):
        assert book.prices()["price"] == [decimal_of(p) for p in board.tolist()]
        book.ticks(np.arange(world.instruments, dtype=np.int32), world.prices, scale=PRICE_SCALE)
    return out


if __name__ == "__main__":
    folder, accounts, instruments, ids, rounds, ticks = sys.argv[1:]
    main(folder, (int(accounts), int(instruments)), ids, int(rounds), int(ticks))
