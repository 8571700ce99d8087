"""Perspective: an indexed row with a value per position. Its own views sum, in floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import perspective
import pyarrow as pa

from dataset import Ints
from peers.contract import OPERATIONS, SCALE, Peer, Tables
from peers.with_numpy import Numpy

VALUE: Any = {"columns": ["value"], "aggregates": {"value": "sum"}}


def arrow(columns: dict[str, Any]) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


class Perspective(Peer):
    """It cannot multiply by a price that is stored once: NumPy computes the rows' values."""

    name, package, tolerance = "Perspective", "perspective-python", 1e-9
    operations = OPERATIONS[1:]
    leaves_out = "no `tick` of a price alone: a price is in the value of each row"

    def __init__(self, tables: Tables) -> None:
        self.shape = tables.shape
        self.facts = Numpy(tables)
        self.net = self.facts.net
        self.prices = tables.prices / SCALE
        instruments, accounts = (place.reshape(-1) for place in np.indices(self.shape, np.int32))
        rows = {
            "id": np.arange(len(accounts), dtype=np.int32), "account": accounts,
            "instrument": instruments, "value": (self.net * self.prices[:, None]).reshape(-1),
        }  # fmt: skip
        self.client = perspective.Server().new_local_client()
        self.table = self.client.table(arrow(rows), index="id")
        self.kept: Any = None
        self.views: list[Any] = []

    def tick(self, instrument: int, price: float) -> None:
        self.prices[instrument] = price
        many = self.shape[1]
        ids = np.arange(instrument * many, (instrument + 1) * many, dtype=np.int32)
        self.table.update(arrow({"id": ids, "value": self.net[instrument] * price}))
        # forces the update, which may be pending until then
        (self.table.size if self.kept is None else self.kept.num_rows)()

    def ticks(self, prices: Ints) -> None:
        self.prices = prices / SCALE
        ids = np.arange(self.net.size, dtype=np.int32)
        values = (self.net * self.prices[:, None]).reshape(-1)
        self.table.update(arrow({"id": ids, "value": values}))
        self.table.size()

    def values(self, view: Any) -> Any:
        return pa.ipc.open_stream(view.to_arrow()).read_all()["value"].to_numpy()

    def keep_totals(self) -> None:
        self.kept = self.table.view(group_by=["account"], **VALUE)

    def totals(self) -> Any:
        return self.values(self.kept)[1:]  # the first is the sum of all

    def drop_totals(self) -> None:
        self.kept.delete()
        self.kept = None

    def whole_book(self) -> Any:
        view = self.table.view(group_by=["account"], **VALUE)
        out = self.values(view)[1:]
        view.delete()
        return out

    def account(self, account: int) -> Any:
        view = self.table.view(filter=[["account", "==", account]], columns=["value"])
        out = self.values(view).sum()
        view.delete()
        return out

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        self.facts.order(order, account, instrument, quantity, filled, status)
        value = self.net[instrument, account] * self.prices[instrument]
        row = instrument * self.shape[1] + account
        self.table.update(arrow({"id": np.array([row], np.int32), "value": [value]}))
        self.table.size()

    def watch(self, pairs: Ints) -> None:
        self.views = [
            self.table.view(group_by=["account"], filter=[["account", "in", pair]], **VALUE)
            for pair in pairs.tolist()
        ]

    def look(self) -> Any:
        return np.stack([self.values(view)[1:] for view in self.views])

    def unwatch(self) -> None:
        for view in self.views:
            view.delete()

    def integers(self, answer: Any) -> Any:
        return np.asarray(answer) * SCALE
