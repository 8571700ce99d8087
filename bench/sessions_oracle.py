"""The writes of `sessions.py` and the exact content of every message: NumPy, no mvcore."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset import PRICE_SCALE, VALUE_SCALE
from orders_dataset import STATUSES, OrderWorld

MEASURES = ("sod", "current", "expected")
COLUMNS = ["account", "amount_currency", *MEASURES, "unpriced"]
TURN = 0.01  # seconds between two turns of the writer

Ints = npt.NDArray[np.int64]


class Writes:
    """Ticks and order reports in the order of writing, made before the run."""

    def __init__(self, orders: OrderWorld, ticks: float, facts: float, seconds: float) -> None:
        self.orders = orders
        random = np.random.default_rng(12)
        counts = int(ticks * seconds), int(facts * seconds)
        due = np.concatenate([np.arange(n) / each for n, each in zip(counts, (ticks, facts))])  # noqa: B905
        order = np.argsort(due, kind="stable")
        self.due = np.ceil(due[order] / TURN) * TURN  # seconds from the start
        self.is_tick = (np.arange(len(due)) < counts[0])[order]
        self.epochs = np.zeros(len(due), np.int64)  # set by the writer
        self.times = np.zeros(len(due))
        total = len(due)
        self.ids = random.integers(0, orders.count, total)
        self.instruments, self.accounts = orders.places(self.ids)
        self.instruments[self.is_tick] = random.integers(0, orders.world.instruments, counts[0])
        self.prices = random.integers(100_000, 1_900_000, total)
        # A quarter of the reports change the order quantity, all of them the filled part.
        before = orders.quantity[self.ids].astype(np.int64)
        other = np.sign(before) * random.integers(1, 201, total)
        self.quantity = np.where(random.random(total) < 0.25, other, before)
        self.filled = np.trunc(self.quantity * random.random(total)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.due)

    def calls(self) -> list[tuple[Any, ...]]:
        """The arguments of `Book.tick` or `Book.order`, by write."""
        world = self.orders.world
        accounts, instruments = world.account_names, world.instrument_names
        return [
            (i, f"{price}e-{PRICE_SCALE}")
            if tick
            else (k, accounts[a], instruments[i], q, done, STATUSES[done != 0])
            for tick, i, price, k, a, q, done in zip(
                self.is_tick.tolist(), self.instruments.tolist(), self.prices.tolist(),
                self.ids.tolist(), self.accounts.tolist(), self.quantity.tolist(),
                self.filled.tolist(), strict=True,
            )
        ]  # fmt: skip


class Replay:
    """The value of every account after each write, as integers in units of 1e-4."""

    def __init__(self, writes: Writes, written: int, first_epoch: int) -> None:
        self.writes, self.written, self.epoch = writes, written, first_epoch
        orders = writes.orders
        self.quantity, self.filled = orders.quantity.copy(), orders.filled.copy()
        self.prices = orders.world.prices.copy()
        measures = orders.measures()
        self.net = np.stack([measures[name] for name in MEASURES])
        self.totals: Ints = np.stack([self.prices @ net for net in self.net])
        self._next = 0

    def forward(self, epoch: int) -> None:
        """Replay to the end of that epoch."""
        writes = self.writes
        while self._next < self.written and writes.epochs[self._next] <= epoch:
            k = self._next
            self._next += 1
            i = writes.instruments[k]
            if writes.is_tick[k]:
                self.totals += (writes.prices[k] - self.prices[i]) * self.net[:, i].astype(np.int64)
                self.prices[i] = writes.prices[k]
                continue
            order, a, quantity, done = (
                int(x[k]) for x in (writes.ids, writes.accounts, writes.quantity, writes.filled)
            )
            change = 0, done - int(self.filled[order]), quantity - int(self.quantity[order])
            self.quantity[order], self.filled[order] = quantity, done
            self.net[:, i, a] += change
            self.totals[:, a] += np.array(change) * self.prices[i]

    def row(self, account: int, name: str) -> list[Any]:
        """The row as the service sends it."""
        return [name, "USD", *map(amount_text, self.totals[:, account].tolist()), 0]


def amount_text(value: int) -> str:
    """An amount with all digits: 12345 is 1.23450000."""
    whole, rest = divmod(abs(value), 10**PRICE_SCALE)
    return f"{'-' * (value < 0)}{whole}.{rest:0{PRICE_SCALE}d}{'0' * (VALUE_SCALE - PRICE_SCALE)}"


@dataclass
class Checked:
    """The results. `latencies` has one entry per tick and client, in seconds; `ticks` has its
    tick."""

    messages: int
    wrong: int
    bytes: int
    latencies: npt.NDArray[np.float64]
    ticks: npt.NDArray[np.int64]


def check(writes: Writes, written: int, first_epoch: int, clients: list[dict[str, Any]]) -> Checked:
    """Check every message against the rows of its epoch, and that all clients got the last rows."""
    replay = Replay(writes, written, first_epoch)
    account_names = writes.orders.world.account_names
    place = {name: code for code, name in enumerate(account_names)}
    parsed = [[json.loads(text) for text in client["messages"]] for client in clients]
    epochs = [np.array([m.get("epoch", 0) for m in messages]) for messages in parsed]
    wrong = sum(int((np.diff(e) <= 0).any()) for e in epochs)  # epochs must increase
    who = np.concatenate([np.full(len(e), c) for c, e in enumerate(epochs)])
    which = np.concatenate([np.arange(len(e)) for e in epochs])
    order = np.argsort(np.concatenate(epochs), kind="stable")
    held: list[dict[str, Any]] = [{} for _ in clients]
    for c, k in zip(who[order].tolist(), which[order].tolist(), strict=True):
        message, rows = parsed[c][k], held[c]
        replay.forward(message.get("epoch", 0))
        rows.update({row[0]: row for row in message.get("rows", ())})
        right = message["type"] == "rows" and message["columns"] == COLUMNS
        right = right and message["all"] is (k == 0) and message["removed"] == []
        wanted = {name: replay.row(place[name], name) for name in clients[c]["accounts"]}
        wrong += not (right and rows == wanted)
    replay.forward(int(writes.epochs[:written].max(initial=0)))
    for client, rows in zip(clients, held, strict=True):
        if not client["stopped"]:
            wanted = {name: replay.row(place[name], name) for name in client["accounts"]}
            wrong += rows != wanted
    size = sum(len(text) for client in clients for text in client["messages"])
    times = [client["times"] for client in clients]
    return Checked(len(order), wrong, size, *latencies(writes, written, epochs, times, clients))


def latencies(
    writes: Writes, written: int, epochs: list[Any], times: list[Any], clients: list[dict[str, Any]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Latencies from due until the first message with the tick's epoch or a later one, by client.

    Only of clients that read to the end.
    """
    ticks = np.flatnonzero(writes.is_tick[:written])
    found = []
    for e, t, client in zip(epochs, times, clients, strict=True):
        if not client["stopped"]:
            first = np.searchsorted(e, writes.epochs[ticks])
            found.append(np.append(t, np.inf)[first] - writes.times[ticks])
    return np.concatenate(found or [np.zeros(0)]), np.tile(ticks, len(found))
