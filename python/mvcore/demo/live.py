"""Runs a brokerage's book live: ticks at a market's pace, with some accounts watched, then flat
out.

The book is durable in a folder, and is reopened at the end. A speed is printed only after the timed
answers were found equal, to the last digit, to NumPy's integer arithmetic on the same quantities
and prices.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.demo import generate, kept, sizes, table
from mvcore.demo.bench import Bench, WrongFigureError, amount, check
from mvcore.demo.generate import PRICE_SCALE, price_text
from mvcore.demo.paced import FACTS_PER_SECOND, READ_INTERVAL_S, TICKS_PER_SECOND, Paced

if TYPE_CHECKING:
    from collections.abc import Callable

    import mvcore

BATCH = 5_000


def repeat(work: Callable[[], float], seconds: float) -> float:
    """The median duration that `work` returns, over at least three runs and about `seconds`."""
    end = time.perf_counter() + seconds
    took = [work(), work(), work()]
    while time.perf_counter() < end:
        took.append(work())
    return statistics.median(took)


def tick_and_revalue(bench: Bench) -> float:
    """A tick, and every value of the instrument as an array: what the Flink job emits per tick."""
    facts = bench.facts
    rows, prices = bench.moves(1, len(facts.orders) or None)
    name, price = facts.instruments[rows[0]], price_text(int(prices[0]))
    start = time.perf_counter()
    bench.book.tick(name, price)
    frame = bench.book.revalue(name)
    frame.to_numpy("market_value", scaled=True)
    took = time.perf_counter() - start
    bench.check_revaluation(int(rows[0]), frame)
    return took


def tick_and_watch(bench: Bench) -> float:
    """A tick, and reading the changed values of the watched accounts."""
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
    """The value of a random account, on demand, without a view."""
    column = int(bench.random.integers(len(bench.facts.accounts)))
    start = time.perf_counter()
    value = bench.book.value(bench.facts.accounts[column])
    took = time.perf_counter() - start
    total = int(bench.facts.totals_of(np.array([column]))[0])
    check("value", value.current, amount(total))
    return took


def whole_book(bench: Bench) -> float:
    """The values of all accounts after new prices, on demand, without a view."""
    rows, prices = bench.moves(BATCH)
    bench.book.ticks(bench.codes[rows], prices, scale=PRICE_SCALE)
    start = time.perf_counter()
    frame = bench.book.values(by=("account",), measures=("current",))
    frame.to_numpy("current", scaled=True)
    took = time.perf_counter() - start
    bench.check_all(frame)
    return took


def texts(bench: Bench) -> list[tuple[str, str]]:
    """BATCH random ticks as names and price texts, made before the clock starts."""
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
    """BATCH ticks one by one, by name. After each, reads the watched accounts that changed."""
    moves = texts(bench)
    tick, changes = bench.book.tick, bench.view.changes
    start = time.perf_counter()
    for name, price in moves:
        tick(name, price)
        changes()["current"]
    return time.perf_counter() - start


def in_batch(bench: Bench) -> float:
    """BATCH ticks in one call: codes, and integers in units of the last decimal."""
    rows, prices = bench.moves(BATCH)
    codes = bench.codes[rows]
    start = time.perf_counter()
    bench.book.ticks(codes, prices, scale=PRICE_SCALE)
    return time.perf_counter() - start


def in_batch_all(bench: Bench, view: mvcore.View) -> float:
    """BATCH ticks in one call, then reads every account that changed."""
    rows, prices = bench.moves(BATCH)
    codes = bench.codes[rows]
    start = time.perf_counter()
    bench.book.ticks(codes, prices, scale=PRICE_SCALE)
    view.changes()
    return time.perf_counter() - start


def fills_one_by_one(bench: Bench) -> float:
    """BATCH order reports one by one."""
    reports = bench.reports(bench.fills(BATCH))
    order = bench.book.order
    start = time.perf_counter()
    for report in reports:
        order(*report)
    return time.perf_counter() - start


def flat_out(bench: Bench, seconds: float) -> float:
    """Print throughputs, one per line. Returns the rate with the watched accounts read."""
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


def told(fact_s: list[float]) -> str:
    """A text with the number and median duration of the paced run's order reports."""
    if not fact_s:
        return ""
    return f"{len(fact_s):,} order facts, {table.duration(statistics.median(fact_s))} each; "


def facts_flat_out(bench: Bench, seconds: float) -> float:
    """Measure order reports per second. 0 if there are no orders."""
    if not bench.facts.orders.size:
        return 0.0
    facts_per_s = BATCH / repeat(lambda: fills_one_by_one(bench), seconds)
    bench.check_watched()
    bench.check_measures()
    print(f"  {facts_per_s:12,.0f} order facts/s one by one", flush=True)
    return facts_per_s


def measure(bench: Bench, seconds: float) -> table.Figures:
    """Run the whole live part: paced, at full speed, then single answers."""
    facts = f" and {FACTS_PER_SECOND:,} order facts/s" if bench.facts.orders.size else ""
    watched = f"{len(bench.watched)} accounts watched"
    print(f"{TICKS_PER_SECOND} ticks/s{facts} for {seconds:g} s, {watched}:")
    with table.Screen() as screen:
        paced = Paced(bench, screen)
        paced.run(seconds)
    print(
        f"  {len(paced.tick_s)} ticks, {table.duration(statistics.median(paced.tick_s))} each; "
        f"{told(paced.fact_s)}"
        f"{len(paced.read_s)} reads, {table.duration(statistics.median(paced.read_s))} each, "
        f"{paced.rows} rows; none later than {table.duration(paced.latest_s)} after it was due"
    )
    written = kept.checkpoints(bench) if bench.book.recovery is not None else None
    print("At full speed:")
    burst_s = seconds / 10
    ticks_per_s = flat_out(bench, burst_s)
    facts_per_s = facts_flat_out(bench, burst_s)
    latencies: dict[str, Any] = {
        work.__name__: repeat(lambda work=work: work(bench), burst_s)  # type: ignore[misc]
        for work in (tick_and_revalue, tick_and_watch, account_value, whole_book)
    }
    return table.Figures(
        accounts=len(bench.facts.accounts),
        instruments=len(bench.facts.instruments),
        # Measured last, when every index that an answer needs exists.
        book_bytes=bench.book.memory()["total"],
        process_bytes=sizes.process_bytes(),
        orders=bench.facts.orders.size,
        ticks_per_s=ticks_per_s,
        facts_per_s=facts_per_s,
        paced_rows_per_s=paced.rows / max(seconds, READ_INTERVAL_S),
        checkpoints=written,
        **latencies,
    )


def run(accounts: int | None, instruments: int | None, seconds: float) -> int:
    """Generate, load, measure and print. The exit status is 1 if an answer was wrong."""
    with tempfile.TemporaryDirectory(prefix="mvcore-demo-") as name:
        folder = Path(name)
        book, facts = generate.as_large_as_fits(accounts, instruments, folder)
        try:
            with book:
                figures = measure(Bench(book, facts), seconds)
                before = kept.amounts(book)
            del book  # frees its memory
            if figures.checkpoints is not None:
                figures.recovery = kept.opened_again(folder, facts, before)
        except WrongFigureError as error:
            print(f"WRONG: {error}")
            return 1
    table.show(figures)
    print("\nThis book in a browser, with moving prices: mvcore serve --demo")
    print("  (pip install 'mvcore[serve]'; in a clone of the repository: make serve)")
    return 0
