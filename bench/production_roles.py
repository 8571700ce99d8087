"""Who is at work while `production.py` runs: a writer, and readers that ask again and again.

Each is a thread that has a time at which every call is due and does not wait for others: latency
counts from then, so that a call which is late because the one before took long is counted as late
(no coordinated omission). CPU is that of the thread within the calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

import mvcore
from production_oracle import KINDS, Writes

now, cpu = time.perf_counter_ns, time.thread_time_ns
HOUR = 3_600_000_000_000
LATE = 1.0  # seconds after the end when what was not done is given up


class Histogram(HdrHistogram):
    """Nanoseconds, to three digits."""

    def __init__(self) -> None:
        super().__init__(1, HOUR, 3)


class Role(threading.Thread):
    """`calls` of one kind, evenly within each period; `after` is told what each returned."""

    def __init__(
        self, name: str, period: float, calls: list[Callable[[], Any]],
        after: Callable[[int, Any], None], weights: list[int],
    ) -> None:  # fmt: skip
        """weights: how many latencies the one of each call stands for."""
        super().__init__(name=name, daemon=True)
        self.period, self.calls, self.after, self.weights = period, calls, after, weights
        self.latency, self.alone = Histogram(), Histogram()  # from when it was due; the call
        self.cpu, self.start_ns, self.seconds, self.given_up = 0, 0, 0.0, 0
        self.failed: BaseException | None = None

    def begin(self, start_ns: int, seconds: float) -> None:
        self.start_ns, self.seconds = start_ns, seconds
        self.start()

    def due(self) -> list[int]:
        """Nanoseconds from the start."""
        each = self.period / len(self.calls)
        return [int((k + 0.5) * each * 1e9) for k in range(int(self.seconds / each + 0.5))]

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failed = error

    def _run(self) -> None:
        end = self.start_ns + int((self.seconds + LATE) * 1e9)
        for k, offset in enumerate(self.due()):
            which, due = k % len(self.calls), self.start_ns + offset
            if now() > end:
                self.given_up += 1
                self.latency.record_value(now() - due, self.weights[which])
                continue
            sleep_until(due)
            before, begun = cpu(), now()
            result = self.calls[which]()
            ended = now()
            self.cpu += cpu() - before
            self.latency.record_value(max(ended - due, 1), self.weights[which])
            self.alone.record_value(max(ended - begun, 1), self.weights[which])
            self.after(which, result)


def sleep_until(due: int) -> None:
    early = due - now()
    if early > 0:
        time.sleep(early / 1e9)


class Writer(threading.Thread):
    """Every write when it is due: single calls of `tick` and `order`, whole boards by `ticks`."""

    def __init__(self, book: mvcore.Book, writes: Writes) -> None:
        super().__init__(name="writer", daemon=True)
        self.book, self.writes = book, writes
        self.cpu = dict.fromkeys(KINDS, 0)
        self.written, self.start_ns, self.seconds = 0, 0, 0.0
        self.failed: BaseException | None = None

    def begin(self, start_ns: int, seconds: float) -> None:
        self.start_ns, self.seconds = start_ns, seconds
        self.start()

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failed = error

    def _run(self) -> None:
        writes, book = self.writes, self.book
        calls, spent = (book.tick, book.order, book.ticks), [0] * len(KINDS)
        end = self.start_ns + int((self.seconds + LATE) * 1e9)
        for k, (kind, arguments) in enumerate(writes.calls()):
            sleep_until(self.start_ns + int(writes.due[k] * 1e9))
            before, begun = cpu(), now()
            calls[kind](*arguments)
            ended = now()
            spent[kind] += cpu() - before
            writes.begun[k], writes.ended[k] = begun, ended
            self.written = k + 1
            if ended > end:
                break
        self.cpu = dict(zip(KINDS, spent, strict=True))

    @property
    def given_up(self) -> int:
        return len(self.writes) - self.written

    def nanoseconds(self, kind: int) -> tuple[Any, Any]:
        """From when each write of a kind was due until it was done; of its call alone."""
        writes = self.writes
        done = np.flatnonzero(writes.kind[: self.written] == kind)
        due = self.start_ns + (writes.due * 1e9).astype(np.int64)
        missed = self.written + np.flatnonzero(writes.kind[self.written :] == kind)
        late = int((self.seconds + LATE) * 1e9) + self.start_ns - due[missed]
        alone = writes.ended[done] - writes.begun[done]
        return np.append(writes.ended[done] - due[done], late), alone
