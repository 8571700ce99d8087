"""A brokerage's book live: ticks at a market's pace with a few accounts watched, then flat out.

Every figure of speed is printed only after the answers that were timed have been found equal, to
the last digit, to what NumPy makes of the same quantities and prices in plain integers.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from mvcore.demo import generate, table
from mvcore.demo.generate import (
    PRICE_SCALE,
    TO_VALUE_SCALE,
    Bench,
    WrongFigureError,
    amount,
    check,
    price_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import mvcore

TICKS_PER_SECOND = 83.3  # the Flink job's rate: 5,000 instruments, each once a minute
READ_INTERVAL_S = 0.1
BATCH = 5_000


class Paced:
    """The market's pace: 83.3 ticks/s, and every 100 ms what changed in the watched accounts."""

    def __init__(self, bench: Bench, screen: table.Screen) -> None:
        self.bench = bench
        self.screen = screen
        self.firm = bench.book.view(by=(), measures=("current",))
        first = bench.view.read()
        self.values = dict(zip(first["account"], first["current"], strict=True))
        self.tick_s: list[float] = []
        self.read_s: list[float] = []
        self.rows = 0
        self.latest_s = 0.0

    def run(self, seconds: float) -> None:
        """Each event at its due time: one that is late does not shift those after it."""
        pause = threading.Event()  # never set: a wait that Ctrl-C ends at once
        start = time.perf_counter()
        while True:
            tick_due = len(self.tick_s) / TICKS_PER_SECOND
            read_due = len(self.read_s) * READ_INTERVAL_S
            due = min(tick_due, read_due)
            if due > seconds:
                break
            pause.wait(max(0.0, start + due - time.perf_counter()))
            if tick_due <= read_due:
                self.tick()
            else:
                self.read(due)
            self.latest_s = max(self.latest_s, time.perf_counter() - start - due)
        self.read(seconds)
        self.check()

    def tick(self) -> None:
        """One tick, by name."""
        name, price = self.bench.move()
        before = time.perf_counter()
        self.bench.book.tick(name, price)
        self.tick_s.append(time.perf_counter() - before)

    def read(self, elapsed_s: float) -> None:
        """The watched accounts that changed, and the firm for the screen."""
        before = time.perf_counter()
        changed = self.bench.view.changes()
        new = dict(zip(changed["account"], changed["current"], strict=True))
        self.read_s.append(time.perf_counter() - before)
        self.rows += len(new)
        self.values.update(new)
        firm = self.firm.read()["current"][0]
        ticks = len(self.tick_s)
        self.screen.show(table.Now(elapsed_s, ticks, self.values, firm, self.read_s[-1]))

    def check(self) -> None:
        """What was put together from changes alone, and the firm's total."""
        facts = self.bench.facts
        check("accounts that changed", list(self.values), self.bench.watched)
        totals = facts.totals_of(self.bench.columns).tolist()
        check("changes", list(self.values.values()), [amount(total) for total in totals])
        total = amount(sum(facts.account_totals().tolist()))
        check("the firm", self.firm.read()["current"][0], total)
        self.firm.close()


def repeat(work: Callable[[], float], seconds: float) -> float:
    """The median of what `work` says it took, at least three times, for about `seconds`."""
    end = time.perf_counter() + seconds
    took = [work(), work(), work()]
    while time.perf_counter() < end:
        took.append(work())
    return statistics.median(took)


def tick_and_revalue(bench: Bench) -> float:
    """A tick, and every value of the instrument as an array: what the job emits at a tick."""
    rows, prices = bench.moves(1)
    name, price = bench.facts.instruments[rows[0]], price_text(int(prices[0]))
    start = time.perf_counter()
    bench.book.tick(name, price)
    values = bench.book.revalue(name).to_numpy("market_value", scaled=True)
    took = time.perf_counter() - start
    wanted = bench.facts.quantities[rows[0]].astype(np.int64) * (prices[0] * TO_VALUE_SCALE)
    check(f"values of {name}", values, wanted)
    return took


def tick_and_watch(bench: Bench) -> float:
    """A tick, and the changed values of the watched accounts in hand."""
    name, price = bench.move()
    start = time.perf_counter()
    bench.book.tick(name, price)
    changed = bench.view.changes()
    values = changed["current"]
    took = time.perf_counter() - start
    places = [bench.watched.index(account) for account in changed["account"]]
    totals = bench.facts.totals_of(bench.columns[places]).tolist()
    check("watched", values, [amount(total) for total in totals])
    return took


def account_value(bench: Bench) -> float:
    """The value of any one account, on demand, without a view."""
    column = int(bench.random.integers(len(bench.facts.accounts)))
    start = time.perf_counter()
    value = bench.book.value(bench.facts.accounts[column])
    took = time.perf_counter() - start
    total = int(bench.facts.totals_of(np.array([column]))[0])
    check("value", value.current, amount(total))
    return took


def whole_book(bench: Bench) -> float:
    """The values of all accounts, on demand, without a view, after other prices."""
    rows, prices = bench.moves(BATCH)
    bench.book.ticks(bench.codes[rows], prices, scale=PRICE_SCALE)
    start = time.perf_counter()
    frame = bench.book.values(by=("account",), measures=("current",))
    frame.to_numpy("current", scaled=True)
    took = time.perf_counter() - start
    bench.check_all(frame)
    return took


def texts(bench: Bench) -> list[tuple[str, str]]:
    """BATCH random ticks, names and prices as text, made before the clock starts."""
    rows, prices = bench.moves(BATCH)
    names = [bench.facts.instruments[row] for row in rows]
    return list(zip(names, map(price_text, prices.tolist()), strict=True))


def by_name(bench: Bench) -> float:
    """BATCH ticks one by one, names and prices as text."""
    moves = texts(bench)
    tick = bench.book.tick
    start = time.perf_counter()
    for name, price in moves:
        tick(name, price)
    return time.perf_counter() - start


def by_code(bench: Bench) -> float:
    """BATCH ticks one by one, codes and floats."""
    rows, prices = bench.moves(BATCH)
    codes, floats = bench.codes[rows].tolist(), (prices / 10**PRICE_SCALE).tolist()
    tick = bench.book.tick
    start = time.perf_counter()
    for code, price in zip(codes, floats, strict=True):
        tick(code, price)
    return time.perf_counter() - start


def watched_each(bench: Bench) -> float:
    """BATCH ticks one by one, by name, and after each the watched accounts that changed."""
    moves = texts(bench)
    tick, changes = bench.book.tick, bench.view.changes
    start = time.perf_counter()
    for name, price in moves:
        tick(name, price)
        changes()["current"]
    return time.perf_counter() - start


def in_batch(bench: Bench) -> float:
    """BATCH ticks in one call, codes and integers counted in the last decimal."""
    rows, prices = bench.moves(BATCH)
    codes = bench.codes[rows]
    start = time.perf_counter()
    bench.book.ticks(codes, prices, scale=PRICE_SCALE)
    return time.perf_counter() - start


def in_batch_all(bench: Bench, view: mvcore.View) -> float:
    """The same, and then every account that changed, of all."""
    rows, prices = bench.moves(BATCH)
    codes = bench.codes[rows]
    start = time.perf_counter()
    bench.book.ticks(codes, prices, scale=PRICE_SCALE)
    view.changes()
    return time.perf_counter() - start


def flat_out(bench: Bench, seconds: float) -> float:
    """Throughput, a line each; what it returns is the one that compares: with what is watched."""
    result = 0.0
    for what, work in (
        ("one by one, by name", by_name),
        ("one by one, by code", by_code),
        ("one by one, watched accounts read after each", watched_each),
        (f"in batches of {BATCH:,}", in_batch),
    ):
        result_s = repeat(lambda work=work: work(bench), seconds)  # type: ignore[misc]
        bench.check_watched()
        print(f"  {BATCH / result_s:12,.0f} ticks/s {what}", flush=True)
        if work is watched_each:
            result = BATCH / result_s
    with bench.book.view(measures=("current",)) as view:
        view.read()
        batch_s = repeat(lambda: in_batch_all(bench, view), seconds)
        bench.check_all(view.read())
    print(f"  {BATCH / batch_s:12,.0f} ticks/s in batches, then every account that changed")
    return result


def measure(bench: Bench, seconds: float) -> table.Figures:
    """The whole live part: paced, flat out, then single answers."""
    print(f"{TICKS_PER_SECOND} ticks/s for {seconds:g} s, {len(bench.watched)} accounts watched:")
    with table.Screen() as screen:
        paced = Paced(bench, screen)
        paced.run(seconds)
    print(
        f"  {len(paced.tick_s)} ticks, {table.duration(statistics.median(paced.tick_s))} each; "
        f"{len(paced.read_s)} reads, {table.duration(statistics.median(paced.read_s))} each, "
        f"{paced.rows} rows; none later than {table.duration(paced.latest_s)} after it was due"
    )
    print("As fast as it goes:")
    burst_s = seconds / 10
    ticks_per_s = flat_out(bench, burst_s)
    latencies = {
        work.__name__: repeat(lambda work=work: work(bench), burst_s)  # type: ignore[misc]
        for work in (tick_and_revalue, tick_and_watch, account_value, whole_book)
    }
    return table.Figures(
        accounts=len(bench.facts.accounts),
        instruments=len(bench.facts.instruments),
        # Last, when every index that an answer needs has been built.
        book_bytes=bench.book.memory()["total"],
        process_bytes=generate.process_bytes(),
        ticks_per_s=ticks_per_s,
        paced_rows_per_s=paced.rows / max(seconds, READ_INTERVAL_S),
        **latencies,
    )


def run(accounts: int | None, instruments: int | None, seconds: float) -> int:
    """Generate, load, measure, show. The exit status is 1 if an answer was wrong."""
    gigabytes = generate.available_gb()
    fits = generate.size_for(gigabytes)
    if fits != generate.FULL and accounts is None and instruments is None:
        print(f"\nNot 5,000 x 5,000: only {gigabytes:.1f} GB of memory are free, that takes 4.")
    accounts, instruments = accounts or fits[0], instruments or fits[1]
    positions = f"{accounts * instruments:,} holdings"
    print(f"\nLive: {accounts:,} accounts x {instruments:,} instruments, {positions}", flush=True)
    book, facts, load_s = generate.prepare(accounts, instruments)
    print(f"  loaded in {table.duration(load_s)}", flush=True)
    with book:
        try:
            figures = measure(Bench(book, facts), seconds)
        except WrongFigureError as error:
            print(f"WRONG: {error}")
            return 1
    table.show(figures)
    return 0
