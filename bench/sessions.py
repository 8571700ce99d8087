"""Measures the service with many sessions: cost, message latency, and correctness.

`python bench/sessions.py [--size full|tenth|small] [--sessions N] [--seconds S] [--stopped PART]
[--write]` prints the measurements; --write also writes them into docs/benchmarks.md.

The service runs in this process: uvicorn's loop in one thread, the writer of ticks and reports in
another. The clients run in a second process, and each selects two accounts of its own. With
`--stopped`, a part of them stops reading after a third of the time. Every message is compared with
NumPy.

Latency: from the time a tick is due until a client has the first message with the tick's epoch or a
later one; for each tick and each client that reads to the end.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mvcore
from book_memory import resident_bytes
from dataset import World
from mvcore.serve import Limits
from orders_dataset import OrderWorld
from report import machine
from sections import write_section
from sessions_oracle import Checked, Writes, check
from sessions_service import WAIT, Clients, Server, Usage, Writer

SIZES = {"full": (5_000, 5_000), "tenth": (5_000, 500), "small": (200, 50)}
TICKS, FACTS = 83.3, 2_000  # per second
PIPES = 2  # to the clients' process


@contextlib.contextmanager
def loaded(accounts: int, instruments: int) -> Iterator[tuple[mvcore.Book, OrderWorld]]:
    world = World(accounts, instruments)
    orders = OrderWorld(world)
    with mvcore.Book() as book:
        book.load(holdings=world.holdings("by instrument"), orders=orders.table(),
                  **orders.masters())  # fmt: skip
        book.value(world.account_names[0])  # builds the by-account index
        yield book, orders


@dataclass(frozen=True)
class Query:
    """The parameters of a measurement."""

    size: str = "full"
    sessions: int = 1_000
    seconds: float = 60.0
    stopped: int = 0  # sessions whose client stops reading after a third of the time
    watched: int = 2  # accounts per session
    interval: int = 100  # milliseconds
    limits: Limits = field(default_factory=Limits)


def left_at_rest(server: Server) -> dict[str, int]:
    """What the server holds once the first clients are gone. Their last sockets close late."""
    gc.collect()
    last = [server.left()]

    def unchanged() -> bool:
        time.sleep(0.3)
        last.append(server.left())
        return last[-1] == last[-2]

    wait_until(unchanged)
    return last[-1]


def run(asked: Query) -> dict[str, Any]:
    """Run a measurement. Returns the results by name."""
    with loaded(*SIZES[asked.size]) as (book, orders), tempfile.TemporaryDirectory() as folder:
        writes = Writes(orders, TICKS, FACTS, asked.seconds)
        names = orders.world.account_names
        chosen = np.random.default_rng(13).permutation(len(names))
        chosen = chosen[: asked.sessions * asked.watched].reshape(-1, asked.watched)
        accounts = [[names[a] for a in several] for several in chosen.tolist()]
        selections = {"accounts": accounts, "interval": asked.interval, "stopped": asked.stopped}
        with Server(book, asked.limits) as server:
            warm_up(server, selections, Path(folder) / "first clients")
            before = left_at_rest(server)
            first_epoch, memory = book.epoch, resident_bytes()
            clients = Clients(server.port, selections, Path(folder) / "clients")
            clients.hear("ready")
            memory = resident_bytes() - memory
            writer = Writer(book, writes)
            gc.collect()
            gc.freeze()  # the collector need not scan the data of the measurement
            writer.start()
            start = Usage(server, writer)
            found = stop(server, writer, clients, asked) if asked.stopped else {}
            writer.done.wait()
            used = Usage(server, writer).since(start)
            writer.measured.set()
            readers = asked.sessions - asked.stopped
            wait_until(lambda: server.sessions <= readers)
            found["closed"] = asked.sessions - server.sessions
            time.sleep(1)  # for the last messages
            found["descriptors of the closed"] = (
                server.left()["descriptors"] - before["descriptors"] - PIPES - server.sessions
            )
            records = clients.leave()
            wait_until(lambda: server.left() == before)
            left, slow = server.left(), server.hub.counts["slow"]
        checked = check(writes, writer.written, first_epoch, records)
    codes = [record["code"] for record in records if record["stopped"]]
    return found | {
        "world": orders.world, "orders": orders.count, "writes": writes, "checked": checked,
        "used": used, "memory": memory / asked.sessions, "slow": slow,
        "left": {name: left[name] - before[name] for name in left},
        "codes": {code: codes.count(code) for code in set(codes)},
        "open": sum(not record["ended"] for record in records),
    }  # fmt: skip


def warm_up(server: Server, selections: dict[str, Any], out: Path) -> None:
    """Run a few sessions first: their imports and allocations do not count for the others."""
    few = {"accounts": selections["accounts"][:8], "stopped": 0}
    clients = Clients(server.port, selections | few, out)
    clients.hear("ready")
    clients.leave()
    wait_until(lambda: server.sessions == server.hub.views == 0)


def stop(server: Server, writer: Writer, clients: Clients, asked: Query) -> dict[str, Any]:
    """Stop some clients. Measures when their sessions are gone, until the writes end."""
    time.sleep(asked.seconds / 3)
    began, there, gone = time.monotonic(), asked.sessions, []
    clients.tell("stop")
    clients.hear("stopped")
    while not writer.done.wait(0.05):
        fewer = there - server.sessions
        there -= fewer
        gone += [time.monotonic() - began] * fewer
    return {"began": began, "gone": gone}


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for a condition, but not for ever: if it stays false, the results show it."""
    end = time.monotonic() + WAIT
    while not true() and time.monotonic() < end:
        time.sleep(0.1)


def latency(checked: Checked, chosen: Any = slice(None)) -> str:
    parts = np.percentile(checked.latencies[chosen], [50, 99, 99.9, 100]) * 1e3
    return " | ".join(f"{part:.0f} ms" for part in parts)


def report(found: dict[str, Any], asked: Query) -> list[str]:
    """Make the tables."""
    used, checked, left = found["used"], found["checked"], found["left"]
    cpu = [f"{used[n]:.1%}" for n in ("all", "event loop", "other threads", "writer")]
    lines = [
        f"{found['world'].rows:,} holdings, {found['orders']:,} orders; {asked.sessions:,} "
        f"sessions of {asked.watched} accounts, interval {asked.interval} ms, {asked.seconds:g} s; "
        f"{TICKS} ticks/s, {FACTS:,} facts/s.",
        "",
        "| CPU of the server, of a core | event loop | other threads | writer | polls a second | "
        "messages a second | memory of a session |",
        "|---" * 7 + "|",
        f"| {' | '.join(cpu)} | {used['polls']:.0f} | {used['messages']:,.0f} | "
        f"{found['memory'] / 1e3:.0f} KB |",
        "",
        "| tick to client | p50 | p99 | p99.9 | max |",
        "|---" * 5 + "|",
    ]
    if asked.stopped:
        early = found["writes"].times[checked.ticks] < found["began"]
        lines.append(f"| before some stop | {latency(checked, early)} |")
        lines.append(f"| after, those that read | {latency(checked, ~early)} |")
    else:
        lines.append(f"| all | {latency(checked)} |")
    lines += [
        "",
        f"{checked.messages:,} messages of {checked.bytes / max(checked.messages, 1):.0f} bytes, "
        f"{checked.wrong} wrong. Left over: {', '.join(f'{n} {k}' for k, n in left.items())}.",
    ]
    if asked.stopped:
        gone = found["gone"]
        when = f" after {min(gone):.1f} to {max(gone):.1f} s" if gone else ""
        lines.append(
            f"{asked.stopped} stopped; {found['closed']} closed{when}, {found['slow']} of them "
            f"as slow. Then their sockets were {found['descriptors of the closed']}. Close codes "
            f"that came through: {found['codes']}; still open: {found['open']}."
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--stopped", type=float, default=0.0, help="part of the clients")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    given = parser.parse_args()
    stopped = round(given.sessions * given.stopped)
    asked = Query(given.size, given.sessions, given.seconds, stopped)
    began = f"Load average {os.getloadavg()[0]:.1f} when it began. {machine()}"
    found = run(asked)
    said = "\n".join([began, "", *report(found, asked)])
    print(said)
    if given.write:
        write_section("sessions-stopped" if stopped else "sessions", said)
    sys.exit(bool(found["checked"].wrong or any(found["left"].values())))


if __name__ == "__main__":
    main()
