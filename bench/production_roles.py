"""The threads of `production.py`: a writer, and readers that call repeatedly.

Every call of a thread has a due time. Latency counts from then, so a call that is late because the
previous one took long counts as late (no coordinated omission). CPU is the thread's time within the
calls.
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
LATE = 1.0  # seconds after the end until pending calls are abandoned


class Histogram(HdrHistogram):
    """Nanoseconds, with three digits."""

    def __init__(self) -> None:
        super().__init__(1, HOUR, 3)


class Role(threading.Thread):
    """Makes `calls` evenly within each period. `after` gets the result of each."""

    def __init__(
        self, name: str, period: float, calls: list[Callable[[], Any]],
        after: Callable[[int, Any], None], weights: list[int],
    ) -> None:  # fmt: skip
        """weights: the number of latencies that each call stands for."""
        super().__init__(name=name, daemon=True)
        self.period, self.calls, self.after, self.weights = period, calls, after, weights
        self.latency, self.alone = Histogram(), Histogram()  # from due; of the call alone
        self.cpu, self.start_ns, self.seconds, self.given_up = 0, 0, 0.0, 0
        self.failed: BaseException | None = None

    def begin(self, start_ns: int, seconds: float) -> None:
        self.start_ns, self.seconds = start_ns, seconds
        self.start()

    def due(self) -> list[int]:
        """Due times in nanoseconds from the start."""
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
    """Makes every write when it is due: single calls of `tick` and `order`, whole boards with
    `ticks`."""

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
        """The latencies of a kind of writes from due to done, and the durations of the calls."""
        writes = self.writes
        done = np.flatnonzero(writes.kind[: self.written] == kind)
        due = self.start_ns + (writes.due * 1e9).astype(np.int64)
        missed = self.written + np.flatnonzero(writes.kind[self.written :] == kind)
        late = int((self.seconds + LATE) * 1e9) + self.start_ns - due[missed]
        alone = writes.ended[done] - writes.begun[done]
        return np.append(writes.ended[done] - due[done], late), alone
