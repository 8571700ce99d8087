"""The tables of `durable.py`. Goals are for 25 million holdings and 50 million orders."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np

from durable_writes import FULL, PART, PRICES, Checkpoint, JournalCost
from report import figure, spread

CHECKPOINT_GOALS = {PART: 1.0, PRICES: 0.1}  # seconds
TICK_GOAL = 5e-3  # seconds, p99.9 of a tick during a checkpoint
OPEN_GOALS = {"integer": 1.0, "text": 2.5}  # seconds, warm
REPLAY_GOAL = 2e6  # order reports per second
SLOWER_GOAL = 1.2  # a tick of a durable book relative to one in memory
PERCENTILES = (50, 99, 99.9, 100)
TABLES = ("accounts", "instruments", "currencies", "manifest", "book", "lock")

Rows = Iterable[Iterable[str]]


def table(title: str, heads: str, rows: Rows) -> list[str]:
    """Make a Markdown table. heads: the column heads, separated by `|`."""
    count = heads.count("|") + 1
    lines = [f"{title}:", "", f"| {heads} |", "|---" * count + "|"]
    return [*lines, *("| " + " | ".join(cells) + " |" for cells in rows), ""]


def times(values: list[float]) -> str:
    return figure(statistics.median(values), "") + spread(values, "")


def megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} KB"


def met(goal: str, value: float, limit: float | None) -> str:
    """The goal and whether it is met. Empty if there is no goal."""
    return "" if limit is None else f"{goal}: {'yes' if value <= limit else 'no'}"


def size_table(loads: dict[str, dict[str, Any]], sizes: dict[str, dict[str, int]]) -> list[str]:
    def row(ids: str) -> list[str]:
        load, size = loads[ids], sizes[ids]
        memory = load.get("in memory")
        return [
            ids, figure(memory, ""), figure(load["load"], ""), megabytes(load["journal"]),
            figure(load["checkpoint"], ""), megabytes(load["bytes"]),
            megabytes(size["holdings"]), megabytes(size["orders"]),
            megabytes(sum(size.get(kind, 0) for kind in TABLES)),
        ]  # fmt: skip

    heads = (
        "order ids | load, in memory | load, into a folder | journal | first checkpoint | files | "
        "holdings | orders | the rest"
    )
    return table("The load, once", heads, map(row, loads))


def checkpoint_table(found: dict[str, Checkpoint], quiet: list[int], goals: bool) -> list[str]:
    def latency(late: list[int]) -> list[str]:
        parts = np.percentile(late, PERCENTILES) / 1e9
        return [f"{len(late):,}", *(figure(part, "") for part in parts.tolist())]

    def row(kind: str) -> list[str]:
        one = found[kind]
        limit = CHECKPOINT_GOALS.get(kind) if goals else None
        late = float(np.percentile(one.late, 99.9)) / 1e9
        return [
            kind, megabytes(statistics.median(one.bytes)), times(one.alone),
            met(figure(limit, ""), statistics.median(one.alone), limit), times(one.beside),
            *latency(one.late), met(figure(TICK_GOAL, ""), late, TICK_GOAL if goals else None),
        ]  # fmt: skip

    heads = (
        "changed since the last one | written | alone | goal | with ticks beside it | ticks | "
        "p50 | p99 | p99.9 | max | goal of p99.9"
    )
    without = ["no checkpoint", "", "", "", "", *latency(quiet), ""]
    title = (
        "Checkpoints by `book.checkpoint()`, without pauses; a tick is due every millisecond, and "
        "is late by the time from then until it returned"
    )
    return table(title, heads, [*map(row, (FULL, PART, PRICES)), without])


def opening_table(opened: dict[str, dict[str, list[dict[str, Any]]]], goals: bool) -> list[str]:
    def row(ids: str, cache: str, runs: list[dict[str, Any]]) -> list[str]:
        def of(name: str) -> list[float]:
            return [run[name] for run in runs]

        opens = of("open")
        limit = OPEN_GOALS[ids] if goals and cache == "warm" else None
        return [
            ids, cache, times(opens), met(figure(limit, ""), statistics.median(opens), limit),
            times(of("read")) if cache == "warm" else "", times(of("replay")),
            megabytes(statistics.median(of("disk"))), times(of("account")), times(of("sectors")),
            megabytes(statistics.median(of("memory"))),
        ]  # fmt: skip

    heads = (
        "order ids | page cache | `mvcore.open` | goal | its files read, nothing else | the "
        "journal in it | from the disk | first value of an account | first by sector | memory"
    )
    title = (
        "Opening after the first checkpoint, in a new process (cold: POSIX_FADV_DONTNEED for each "
        "file; the host of a virtual machine may have them still)"
    )
    rows = [row(ids, cache, runs) for ids in opened for cache, runs in opened[ids].items()]
    return table(title, heads, rows)


def replay_table(replays: dict[str, tuple[int, int, list[float]]], goals: bool) -> list[str]:
    def row(kind: str) -> list[str]:
        count, size, seconds = replays[kind]
        rate = count / statistics.median(seconds)
        wanted = REPLAY_GOAL if goals else None
        return [
            kind, f"{count:,}", megabytes(size), times(seconds), f"{rate:,.0f}",
            met(f"{REPLAY_GOAL:,.0f}", -rate, wanted and -wanted),
        ]  # fmt: skip

    heads = "written as | order facts | journal | applied in | facts a second | goal"
    return table("Replay of a journal after the last checkpoint", heads, map(row, replays))


def journal_table(written: dict[tuple[str, str], JournalCost]) -> list[str]:
    def row(key: tuple[str, str]) -> list[str]:
        one = written[key]
        fact, plain = statistics.median(one.fact), statistics.median(one.plain)
        return [
            key[0], key[1], f"{1 / fact:,.0f}", times(one.fact), f"{one.bytes:,.0f}",
            times(one.plain), f"{fact / plain:.2f}x",
        ]  # fmt: skip

    heads = (
        "`sync` | calls | facts a second | a fact | bytes of a call | the same bytes into a plain "
        "file | over that"
    )
    title = (
        "Order facts into the journal, one caller; beside it a file of the same disk to which the "
        "same bytes are appended, with fdatasync after each where `sync` is always"
    )
    return table(title, heads, map(row, written))


def tick_table(ticks: dict[str, dict[str, list[float]]]) -> list[str]:
    def row(kind: str) -> list[str]:
        memory, durable = (ticks[kind][who] for who in ("memory", "durable"))
        over = statistics.median(durable) / statistics.median(memory)
        goal = met(f"{SLOWER_GOAL:g}x", over, SLOWER_GOAL)
        return [kind, times(memory), times(durable), f"{over:.2f}x", goal]

    heads = "a price | in memory | durable | over that | goal"
    return table("Ticks of a durable book and of one in memory, by turns", heads, map(row, ticks))
