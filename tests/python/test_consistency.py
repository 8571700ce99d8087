"""One writer, eight readers with views and snapshots: every answer equals the oracle's at its
epoch.

MVCORE_SECONDS: duration (default 2). Readers keep a hash of each answer with its epoch. After the
writes the oracle replays them and computes the same hashes.
"""

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest

import mvcore
from oracle import ACCOUNTS, INSTRUMENTS, ORDERS, SCALE, Oracle, names

pytestmark = pytest.mark.usefixtures("switching")
SECONDS = float(os.environ.get("MVCORE_SECONDS", "2"))
MEASURES = ("sod", "current", "expected")
ACCOUNT, INSTRUMENT = names("A", ACCOUNTS), names("I", INSTRUMENTS)


# -- the writer ----------------------------------------------------------------------------------


def some_write(chance: random.Random) -> tuple[str, object]:
    def order() -> tuple[int, ...]:
        quantity = chance.randrange(-50, 51)
        filled = chance.randint(0, abs(quantity)) * (1 if quantity > 0 else -1)
        place = chance.randrange(ACCOUNTS), chance.randrange(INSTRUMENTS)
        return (chance.randrange(ORDERS), *place, quantity, filled)

    def price() -> tuple[int, int]:
        return chance.randrange(INSTRUMENTS), chance.randrange(-100, 10_000)

    kind = chance.random()
    if kind < 0.55:
        return "prices", [price()]
    if kind < 0.65:
        return "prices", [price() for _ in range(chance.randrange(2, 30))]
    if kind < 0.85:
        return "orders", [order()]
    if kind < 0.92:
        several = {one[0]: one for one in (order() for _ in range(8))}
        return "orders", list(several.values())
    if kind < 0.97:
        places = {(chance.randrange(ACCOUNTS), chance.randrange(INSTRUMENTS)) for _ in range(4)}
        return "holdings", [(a, i, chance.randrange(-3, 100)) for a, i in places]
    return ("rate", chance.randrange(50, 200)) if kind < 0.995 else ("roll", None)


def write(book: mvcore.Book, kind: str, given) -> int:
    if kind == "prices" and len(given) == 1:
        instrument, price = given[0]
        return book.tick(INSTRUMENT[instrument], f"{price}e-2")
    if kind == "prices":
        instruments, prices = zip(*given, strict=True)
        return book.ticks(list(instruments), list(prices), scale=2)
    if kind == "orders" and len(given) == 1:
        order, a, i, quantity, filled = given[0]
        return book.order(order, ACCOUNT[a], INSTRUMENT[i], quantity, filled)
    if kind == "orders":
        ids, accounts, instruments, quantities, filled = zip(*given, strict=True)
        return book.update(
            orders={
                "order": list(ids),
                "account": [ACCOUNT[a] for a in accounts],
                "instrument": [INSTRUMENT[i] for i in instruments],
                "order_quantity": list(quantities),
                "filled_quantity": list(filled),
            }
        )
    if kind == "holdings":
        accounts, instruments, quantities = zip(*given, strict=True)
        return book.update(
            holdings={
                "account": [ACCOUNT[a] for a in accounts],
                "instrument": [INSTRUMENT[i] for i in instruments],
                "quantity": list(quantities),
            }
        )
    if kind == "rate":
        return book.update(fx={"currency": ["EUR"], "rate": [f"{given}e-2"]})
    return book.roll_day()


# -- readers: (epoch, name of the answer, answer) --


def merge(into: np.ndarray, frame: mvcore.Frame, rows) -> np.ndarray:
    """Merge the rows of a frame into the rows held."""
    for m, measure in enumerate(MEASURES):
        into[rows, m] = frame.to_numpy(measure, scaled=True)
    gone = frame.to_numpy("removed") if "removed" in frame.column_names else np.zeros(len(frame))
    into[rows, 3] = 1 - gone.astype(np.int64)
    into[rows] *= into[rows, 3:]
    return into


def sector_rows(frame: mvcore.Frame) -> list[int]:
    return [int(sector[1:]) for sector in frame["sector"]]


def pair_rows(frame: mvcore.Frame) -> list[int]:
    pairs = zip(frame["desk"], frame["sector"], strict=True)
    return [int(desk[1:]) * 5 + int(sector[1:]) for desk, sector in pairs]


def read_values(book: mvcore.Book) -> Callable:
    def read():
        frame = book.values()
        yield frame.epoch, "by_account", merge(empty(ACCOUNTS), frame, frame.codes("account"))

    return read


def read_pairs(book: mvcore.Book) -> Callable:
    def read():
        frame = book.values(by=("desk", "sector"))
        yield frame.epoch, "by_desk_and_sector", merge(empty(35), frame, pair_rows(frame))

    return read


def read_value(book: mvcore.Book) -> Callable:
    chance = random.Random(5)

    def read():
        account = chance.randrange(ACCOUNTS)
        worth = book.value(ACCOUNT[account])
        yield worth.epoch, f"account {account}", [int(v.scaleb(SCALE)) for v in worth[1:4]]

    return read


def follow(book: mvcore.Book, mode: str) -> Callable:
    """Values by account, accumulated from changes only, with an occasional read."""
    view, held, chance = book.view(mode=mode), empty(ACCOUNTS), random.Random(6)

    def read():
        frame = view.changes()
        if chance.random() < 0.02:
            frame = view.read()
            held[:] = 0
        yield frame.epoch, "by_account", merge(held, frame, frame.codes("account"))

    return read


def follow_two(book: mvcore.Book) -> Callable:
    """Two views at one epoch."""
    views = [book.view(by="sector", mode="incremental"), book.view(by=("desk", "sector"))]
    held = [empty(5), empty(35)]

    def read():
        first, second = book.changes(views)
        assert first.epoch == second.epoch
        yield first.epoch, "by_sector", merge(held[0], first, sector_rows(first))
        yield second.epoch, "by_desk_and_sector", merge(held[1], second, pair_rows(second))

    return read


def hold_snapshots(book: mvcore.Book) -> Callable:
    """The answers at the start and the end of a snapshot are equal."""

    def read():
        with book.snapshot() as now:
            for _ in range(2):
                frame = now.values()
                rows = frame.codes("account")
                yield frame.epoch, "by_account", merge(empty(ACCOUNTS), frame, rows)
                time.sleep(0.002)
            held = now.holdings()
            out = np.zeros((ACCOUNTS, INSTRUMENTS), np.int64)
            cells = held.codes("account"), held.codes("instrument")
            out[cells] = np.rint(held.to_numpy("quantity"))
            yield held.epoch, "holdings", out

    return read


def read_orders(book: mvcore.Book) -> Callable:
    def read():
        frame = book.orders()
        out = np.zeros((ORDERS, 3), np.int64)
        ids = np.array(frame["order"], int)
        out[ids, 0] = 1
        out[ids, 1] = np.rint(frame.to_numpy("order_quantity"))
        out[ids, 2] = np.rint(frame.to_numpy("filled_quantity"))
        yield frame.epoch, "fills", out

    return read


def empty(rows: int) -> np.ndarray:
    return np.zeros((rows, 4), np.int64)


def seen_of(answer) -> int:
    return hash(np.ascontiguousarray(answer, np.int64).tobytes())


def wanted(oracle: Oracle, which: str) -> int:
    if which.startswith("account "):
        return seen_of(oracle.by_account()[int(which[8:]), :3])
    return seen_of(getattr(oracle, which)())


def test_every_answer_equals_the_oracle_at_its_epoch(capsys) -> None:
    book, oracle = mvcore.Book(value_scale=SCALE), Oracle()
    book.load(**oracle.tables())
    readers = [
        read_values(book), read_pairs(book), read_value(book), follow(book, "lazy"),
        follow(book, "incremental"), follow_two(book), hold_snapshots(book), read_orders(book),
    ]  # fmt: skip
    seen: list[list[tuple[int, str, int]]] = [[] for _ in readers]
    faults: list[str] = []
    done = threading.Event()

    def run(reader: Callable, out: list) -> None:
        last = 0
        try:
            while not done.is_set():
                for epoch, which, answer in reader():
                    if epoch < last:
                        faults.append(f"{which}: epoch {epoch} after {last}")
                    last = epoch
                    out.append((epoch, which, seen_of(answer)))
        except BaseException as error:  # shown by the assertion below
            faults.append(repr(error))

    threads = [threading.Thread(target=run, args=one) for one in zip(readers, seen, strict=True)]
    for thread in threads:
        thread.start()
    writes, chance, end = [], random.Random(1), time.monotonic() + SECONDS
    while time.monotonic() < end and not faults:
        writes.append(some_write(chance))
        assert write(book, *writes[-1]) == len(writes) + 1
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []

    at: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for epoch, which, answer in (one for answers in seen for one in answers):
        at[epoch][which].add(answer)
    wrong = []
    for step in [None, *writes]:
        if step is not None:
            oracle.apply(*step)
        for which, answers in at[oracle.epoch].items():
            if answers != {wanted(oracle, which)}:
                wrong.append((oracle.epoch, which))
    assert wrong == []
    counts = [len(answers) for answers in seen]
    assert min(counts) > 0
    with capsys.disabled():
        print(
            f"\n1 writer, {len(readers)} readers, {SECONDS:g} s: {len(writes)} writes, "
            f"{sum(counts)} answers {counts}, 0 torn, 0 backwards"
        )
