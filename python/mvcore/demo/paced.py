"""Runs prices and fills at a market's pace, with a few accounts watched."""

from __future__ import annotations

import threading
import time

from mvcore.demo import table
from mvcore.demo.bench import Bench, amount, check

TICKS_PER_SECOND = 83.3  # the Flink job's rate: 5,000 instruments, each once a minute
FACTS_PER_SECOND = 2_000
FACT_INTERVAL_S = 0.01  # a feed delivers its reports at this interval
READ_INTERVAL_S = 0.1


class Paced:
    """Applies prices and fills at their pace, and reads the watched accounts' changes every 100
    ms."""

    def __init__(self, bench: Bench, screen: table.Screen) -> None:
        self.bench = bench
        self.screen = screen
        self.firm = bench.book.view(by=(), measures=("current",))
        first = bench.view.read()
        self.values = dict(zip(first["account"], first["current"], strict=True))
        self.tick_s: list[float] = []
        self.fact_s: list[float] = []
        self.read_s: list[float] = []
        self.feeds = 0
        self.rows = 0
        self.latest_s = 0.0

    def run(self, seconds: float) -> None:
        """Run each event at its due time. A late event does not shift the following ones."""
        pause = threading.Event()  # never set: a wait that Ctrl-C interrupts at once
        start = time.perf_counter()
        while True:
            tick_due = len(self.tick_s) / TICKS_PER_SECOND
            fact_due = self.feeds * FACT_INTERVAL_S
            read_due = len(self.read_s) * READ_INTERVAL_S
            due = min(tick_due, fact_due, read_due)
            if due > seconds:
                break
            pause.wait(max(0.0, start + due - time.perf_counter()))
            if due == read_due:
                self.read(due)
            elif due == tick_due:
                self.tick()
            else:
                self.fill()
            self.latest_s = max(self.latest_s, time.perf_counter() - start - due)
        self.read(seconds)
        self.check()

    def tick(self) -> None:
        """Apply one tick, by name."""
        name, price = self.bench.move()
        before = time.perf_counter()
        self.bench.book.tick(name, price)
        self.tick_s.append(time.perf_counter() - before)

    def fill(self) -> None:
        """Apply the order reports that are due, one by one."""
        self.feeds += 1
        if not self.bench.facts.orders.size:
            return
        count = round(FACTS_PER_SECOND * FACT_INTERVAL_S)
        for report in self.bench.reports(self.bench.fills(count)):
            before = time.perf_counter()
            self.bench.book.order(*report)
            self.fact_s.append(time.perf_counter() - before)

    def read(self, elapsed_s: float) -> None:
        """Read the watched accounts that changed, and the firm's total for the screen."""
        before = time.perf_counter()
        changed = self.bench.view.changes()
        new = dict(zip(changed["account"], changed["current"], strict=True))
        self.read_s.append(time.perf_counter() - before)
        self.rows += len(new)
        self.values.update(new)
        firm = self.firm.read()["current"][0]
        ticks = len(self.tick_s)
        facts = len(self.fact_s)
        self.screen.show(table.Now(elapsed_s, ticks, facts, self.values, firm, self.read_s[-1]))

    def check(self) -> None:
        """Check the values accumulated from changes, and the firm's total."""
        facts = self.bench.facts
        check("accounts that changed", list(self.values), self.bench.watched)
        totals = facts.totals_of(self.bench.columns).tolist()
        check("changes", list(self.values.values()), [amount(total) for total in totals])
        total = amount(sum(facts.account_totals().tolist()))
        check("the firm", self.firm.read()["current"][0], total)
        self.firm.close()
        self.bench.check_measures()
