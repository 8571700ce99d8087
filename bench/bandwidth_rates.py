"""How fast memory is read, and arrays in the cache are read and written; one timing for all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange

from dataset import Size
from numba_kernels import OPTIONS

Call = Callable[[], Any]
BYTES = {"tiny": 8_000_000}  # of the array that is summed up; elsewhere far beyond any L3
FAR = 1_000_000_000
TIMES = 200  # that an array in the cache is gone over in one call


@njit(**OPTIONS)
def add_up(numbers):
    total = np.int64(0)
    for k in range(numbers.shape[0]):
        total += numbers[k]
    return total


@njit(parallel=True, **OPTIONS)
def add_up_in_two(numbers):
    parts = np.zeros(2, np.int64)
    half = numbers.shape[0] // 2
    for t in prange(2):
        parts[t] = add_up(numbers[half * t : half * (t + 1)])
    return parts.sum()


@njit(**OPTIONS)
def update(totals, times):
    """Every total read and written, so many times."""
    for k in range(times):
        for a in range(totals.shape[0]):
            totals[a] += k


def in_turns(
    size: Size, calls: dict[str, Call], check: Callable[[str, Any], None], setup: Call | None = None
) -> dict[str, list[float]]:
    """Seconds of each call, by its name. One after the other in every round, so that what else the
    machine does meets all of them. Not timed: `setup` before a round, `check` of each answer.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    least, most = size.rounds
    end = time.perf_counter() + size.seconds * len(calls)
    for turn in range(-1, most):
        if turn >= least and time.perf_counter() > end:
            break
        if setup is not None:
            setup()
        for name, call in calls.items():
            start = time.perf_counter()
            answer = call()
            if turn >= 0:  # the first compiles, builds indexes, touches memory
                spent[name].append(time.perf_counter() - start)
            check(name, answer)
    return spent


@dataclass(frozen=True)
class Rates:
    """Bytes a second: of memory by cores, of the cache by the bytes of an array."""

    bytes: int
    memory: dict[int, list[float]]
    cache: dict[int, list[float]]

    def seconds(self, memory: float, cache: float, cores: int) -> float:
        """What so many bytes take, at the medians; the cache at the rate of the nearest array."""
        nearest = min(self.cache, key=lambda n: abs(n - cache / 2))
        return memory / statistics.median(self.memory[cores]) + cache / statistics.median(
            self.cache[nearest]
        )


def measured_rates(size: Size) -> Rates:
    numbers = np.ones(BYTES.get(size.name, FAR) // 8, np.int64)

    def all_ones(_: str, total: int) -> None:
        assert total == len(numbers)

    calls: dict[str, Call] = {
        "1": lambda: add_up(numbers),
        "2": lambda: add_up_in_two(numbers),
    }
    spent = in_turns(size, calls, all_ones)
    memory = {int(n): [numbers.nbytes / s for s in seconds] for n, seconds in spent.items()}
    cache: dict[int, list[float]] = {}
    for columns in (1, 3, 8):  # totals of one measure, of three, and those handed out beside them
        totals = np.zeros(size.accounts * columns, np.int64)
        calls_of_update: dict[str, Call] = {"": lambda totals=totals: update(totals, TIMES)}
        done = []

        def added(_: str, __: None, totals: Any = totals, done: list[int] = done) -> None:
            done.append(TIMES * (TIMES - 1) // 2)
            assert (totals == sum(done)).all()

        moved = 2 * totals.nbytes * TIMES
        cache[totals.nbytes] = [moved / s for s in in_turns(size, calls_of_update, added)[""]]
    return Rates(numbers.nbytes, memory, cache)
