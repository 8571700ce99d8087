"""Measures the read rate of memory, and the update rate of arrays in the cache."""

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
# size of the summed array; at the other sizes it is far larger than any L3 cache
BYTES = {"tiny": 8_000_000}
FAR = 1_000_000_000
TIMES = 200  # passes over an array in the cache per call


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
    """Read and write every total this many times."""
    for k in range(times):
        for a in range(totals.shape[0]):
            totals[a] += k


def in_turns(
    size: Size, calls: dict[str, Call], check: Callable[[str, Any], None], setup: Call | None = None
) -> dict[str, list[float]]:
    """Time each call by name.

    The calls take turns in every round, so that other load of the machine affects all alike. Not
    timed: `setup` before a round, and `check` of each answer.
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
            if turn >= 0:  # the first round compiles, builds indexes and touches memory
                spent[name].append(time.perf_counter() - start)
            check(name, answer)
    return spent


@dataclass(frozen=True)
class Rates:
    """Bytes per second: of memory by number of cores, of the cache by the array's size."""

    bytes: int
    memory: dict[int, list[float]]
    cache: dict[int, list[float]]

    def seconds(self, memory: float, cache: float, cores: int) -> float:
        """The time to move these bytes at the median rates, the cache at that of the nearest
        array."""
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
    for columns in (1, 3, 8):  # totals of one measure, of three, and with those returned before
        totals = np.zeros(size.accounts * columns, np.int64)
        calls_of_update: dict[str, Call] = {"": lambda totals=totals: update(totals, TIMES)}
        done = []

        def added(_: str, __: None, totals: Any = totals, done: list[int] = done) -> None:
            done.append(TIMES * (TIMES - 1) // 2)
            assert (totals == sum(done)).all()

        moved = 2 * totals.nbytes * TIMES
        cache[totals.nbytes] = [moved / s for s in in_turns(size, calls_of_update, added)[""]]
    return Rates(numbers.nbytes, memory, cache)
