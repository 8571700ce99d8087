"""The demo's output: the watched accounts while ticks arrive, then the Flink job's own table.

The Flink job does the same as mvcore. Its authors measured it, gave it up at production size, and
estimated a hybrid. Their two columns are quoted estimates; the third is measured here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mvcore.cli.shown import Shown
from mvcore.demo.sizes import ORDERS_EACH

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.live import Live
    from rich.table import Table

JOB_HOLDINGS = 25_000_000
JOB_ORDERS = 50_000_000
HYBRID_MEMORY_BYTES = 1e9
HYBRID_LATENCY_S = 0.050
HYBRID_TICKS_PER_S = 1_400
HYBRID_CHECKPOINT_S = 1.0
NO_ROOM = "not measured: the disk is too small"
PLAIN_INTERVAL_S = 1.0
PLAIN_WIDTH = 130  # columns, if output is no terminal


@dataclass
class Now:
    """The content of the screen after one read."""

    elapsed_s: float
    ticks: int
    facts: int
    values: dict[str, Decimal]
    firm: Decimal
    read_s: float


class Screen(Shown):
    """Shows the watched accounts: a live table in a terminal, otherwise one line per second."""

    def __init__(self) -> None:
        self._shown: Live | None = None
        self._next_line_s = 0.0
        if sys.stdout.isatty():
            from rich.live import Live

            self._shown = Live(auto_refresh=False)

    def show(self, now: Now) -> None:
        """Draw the screen."""
        if self._shown is not None:
            self._shown.update(drawn(now), refresh=True)
        elif now.elapsed_s >= self._next_line_s:
            self._next_line_s = now.elapsed_s + PLAIN_INTERVAL_S
            account, value = next(iter(now.values.items()))
            print(
                f"  {now.elapsed_s:4.1f} s {now.ticks:5} ticks {now.facts:6} order facts"
                f"  {account} {value:,.2f} USD  firm {now.firm:,.2f} USD",
                flush=True,
            )


def drawn(now: Now) -> Table:
    """One frame of the live table."""
    from rich.table import Table

    came = f"{now.ticks} ticks, {now.facts} order facts"
    title = f"{now.elapsed_s:.1f} s, {came}, read in {duration(now.read_s)}"
    table = Table("account", title=title)
    table.add_column("market value, USD", justify="right")
    for account, value in now.values.items():
        table.add_row(account, f"{value:,.4f}")
    table.add_section()
    table.add_row("the whole firm", f"{now.firm:,.4f}")
    return table


@dataclass
class Checkpoints:
    """Seconds and bytes of a full checkpoint, and of one after all prices and 1 % of instruments
    changed."""

    full_s: float
    full_bytes: int
    changed_s: float
    changed_bytes: int


@dataclass
class Recovery:
    """Seconds to reopen the book, and the number of journal groups replayed."""

    seconds: float
    replayed: int


@dataclass
class Figures:
    """The measurements. Latencies are medians in seconds, named like the functions of `live`."""

    accounts: int
    instruments: int
    orders: int
    book_bytes: int
    process_bytes: int
    tick_and_revalue: float  # a tick, and computing every value of its instrument
    tick_and_watch: float  # a tick, and reading the changed values of the watched accounts
    account_value: float
    whole_book: float
    ticks_per_s: float  # one by one, by name, with the watched accounts read after each
    facts_per_s: float  # order reports, one by one
    paced_rows_per_s: float  # rows read at 83.3 ticks/s
    checkpoints: Checkpoints | None = None  # None: not enough disk space for the book
    recovery: Recovery | None = None

    @property
    def holdings(self) -> int:
        return self.accounts * self.instruments

    @property
    def values_of_a_tick(self) -> int:
        """The holdings and orders of one instrument that has orders, if any instrument has."""
        return self.accounts * (1 + (ORDERS_EACH if self.orders else 0))


@dataclass
class Row:
    """One line of the job's table. `passed` is None if there is no target."""

    what: str
    flink: str
    hybrid: str
    here: str
    passed: bool | None = None


def duration(seconds: float) -> str:
    """Format a duration with three digits and a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def size(count: float) -> str:
    """Format a number of bytes."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def job_rows(got: Figures) -> list[Row]:
    """The rows of the job's own table, with the measurements beside them."""

    def latency(what: str, flink: str, seconds: float) -> Row:
        return Row(what, flink, "< 50 ms", duration(seconds), seconds < HYBRID_LATENCY_S)

    used = f"{size(got.book_bytes)} book, {size(got.process_bytes)} process"
    fits = got.process_bytes < HYBRID_MEMORY_BYTES
    pace = f"{got.ticks_per_s:,.0f} ticks/s"
    facts = f"{got.facts_per_s:,.0f} facts/s" if got.orders else "no orders"
    output = f"{got.paced_rows_per_s:,.0f} rows/s, watched only"
    return [
        Row(
            "book",
            "25,000,000 holdings, 50,000,000 orders",
            "the same, watched accounts valued",
            f"{got.holdings:,} holdings, {got.orders:,} orders, all valued",
        ),
        Row("memory", "150-200 GB, 52.5 of it state", "< 1 GB, book left outside", used, fits),
        latency(
            f"one tick, {got.values_of_a_tick:,} values",
            "295 ms, 15,000 values",
            got.tick_and_revalue,
        ),
        Row(
            "throughput, watched read each tick",
            "needs 25x parallelism",
            "1,400 ticks/s",
            pace,
            got.ticks_per_s >= HYBRID_TICKS_PER_S,
        ),
        Row("order facts, one by one", "-", "-", facts),
        latency("tick to watched accounts", "-", got.tick_and_watch),
        latency("value of one account", "-", got.account_value),
        latency("values of all accounts", "-", got.whole_book),
        # Paced.check verified that the changes are those of the watched accounts only.
        Row("output at 83.3 ticks/s", "1.25 M messages/s", "only what is watched", output, True),
        checkpoint_row(got.checkpoints),
        recovery_row(got.recovery),
        Row("cost a month", "$50K+", "< $5K", "coming"),
    ]


def checkpoint_row(got: Checkpoints | None) -> Row:
    what, flink, hybrid = "checkpoint", "7 minutes", "< 1 s"
    if got is None:
        return Row(what, flink, hybrid, NO_ROOM)
    of_all = f"{duration(got.full_s)} for all, {size(got.full_bytes)}"
    here = f"{duration(got.changed_s)} for the changes, {size(got.changed_bytes)}; {of_all}"
    return Row(what, flink, hybrid, here, got.changed_s < HYBRID_CHECKPOINT_S)


def recovery_row(got: Recovery | None) -> Row:
    # kept.opened_again has checked that the amounts are unchanged.
    here = NO_ROOM if got is None else f"{duration(got.seconds)}, every amount unchanged"
    return Row("recovery", "7 minutes, updates lost", "-", here)


def caption(got: Figures) -> str:
    """What a reader must know to compare the columns."""
    lines = [
        "The first two columns are estimates by the job's authors. Latencies, ticks/s and facts/s",
        "are medians of this run on this machine, their answers checked to the last digit. The",
        "hybrid has one target, < 50 ms from a tick to the watched accounts: PASS compares every",
        "latency with it. 'process' includes Python, libraries, and the quantities kept for",
        "checking.",
    ]
    if got.orders:
        lines[-1] += " Beside the 83.3 ticks/s, 2,000 order facts/s were applied."
    if got.checkpoints is not None:
        lines.append(
            "The book is kept in a folder: facts are on the disk within a second, prices within "
            "50 ms.\nThe changes: all prices, and orders in 1 % of the instruments."
        )
    if got.holdings < JOB_HOLDINGS or got.orders < JOB_ORDERS:
        size_here = f"{got.holdings:,} holdings and {got.orders:,} orders"
        lines.append(f"This book has only {size_here}, so PASS proves less.")
    return "\n".join(lines)


def show(got: Figures) -> None:
    """Print the job's table."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    table = Table(title="The Flink job's own table")
    for head in ("", "the Flink job", "the hybrid", "measured here", ""):
        table.add_column(head)
    for row in job_rows(got):
        verdict = {None: "", True: "[green]PASS", False: "[bold red]FAIL"}[row.passed]
        table.add_row(row.what, row.flink, row.hybrid, row.here, verdict)
    console.print(table)
    print(caption(got))
