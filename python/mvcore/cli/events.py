"""Checks a file of events, and groups them into batches for a book.

Consecutive events of one time form one batch per kind. Prices, orders and holdings are independent
in a book, so this gives the same result as one event at a time. An order or a holding that occurs
twice starts another batch, because a table may have each key only once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import mvcore
from mvcore.cli.files import Dropped, names_in
from mvcore.errors import InvalidInput
from mvcore.files import FileTable
from mvcore.files.faults import fault
from mvcore.files.schema import Schema
from mvcore.ingest.times import NO_TIME, ONE_DAY, ONE_DAY_NS, column_ns, rule

if TYPE_CHECKING:
    import pyarrow as pa

TICK, ORDER, HOLDING = "tick", "order", "holding"
KEYS = {TICK: ("instrument",), ORDER: ("order",), HOLDING: ("account", "instrument")}
NEEDED = {
    TICK: ("instrument", "price"),
    ORDER: ("order", "account", "instrument", "order_quantity"),
    HOLDING: ("account", "instrument", "quantity"),
}
OPTIONAL = {TICK: (), ORDER: ("filled_quantity", "average_price", "status"), HOLDING: ()}
TEXTS = ("kind", "account", "instrument", "status")
VALUES = tuple(dict.fromkeys(name for kind in NEEDED for name in NEEDED[kind] + OPTIONAL[kind]))
TABLES = {TICK: "prices", ORDER: "orders", HOLDING: "holdings"}
SCHEMA = Schema(
    name="events",
    columns=("time", "kind", *VALUES),
    required=("time",),
    filled=(),  # required columns depend on the kind of the row
    numbers=frozenset({"price", "order_quantity", "filled_quantity", "average_price", "quantity"}),
)


@dataclass(frozen=True)
class EventBatch:
    """Rows of one kind that are applied together."""

    kind: str
    rows: list[int]


class Events:
    """The rows of the file, in its order. Errors name the line.

    unknown: "skip" ignores ticks of unknown instruments. `dropped` counts all rows without effect.
    """

    def __init__(self, file: FileTable, unknown: Literal["error", "skip"] = "error") -> None:
        self.file = file
        self.unknown: Literal["error", "skip"] = unknown
        self.keeps_prices = False  # true if orders of the book may have average prices
        self.dropped = Dropped()
        table = file.data
        self.count: int = table.num_rows
        self._check_columns(table)
        try:
            times = column_ns(
                table.column("time"), "events", rule=rule(ONE_DAY, ONE_DAY_NS, "ns", "events")
            )
        except mvcore.Error as error:
            file.locate(error)
            raise
        self.times: list[int] = times.tolist()
        if NO_TIME in self.times:
            raise self._wrong("time", self.times.index(NO_TIME), "null is not a time")
        names = [name for name in table.column_names if name in VALUES]
        self._cells = {name: cells_of(table.column(name)) for name in names}
        self._kinds = (
            cells_of(table.column("kind")) if "kind" in table.column_names else [TICK] * self.count
        )
        self._check_rows()

    def _check_columns(self, table: pa.Table) -> None:
        for name in table.column_names:
            kind = str(table.column(name).type)
            if name in TEXTS and "string" not in kind and kind != "null":
                raise fault(
                    self.file.path,
                    f"the column has type {kind}; expected text",
                    line=self.file.header_row,
                    column=self.file.name_in_file(name),
                    known_as=name,
                    table=self.file.table,
                )

    def _check_rows(self) -> None:
        """Check that each row has the values that its kind needs, and no others."""
        foreign = {
            kind: [name for name in self._cells if name not in NEEDED[kind] + OPTIONAL[kind]]
            for kind in NEEDED
        }
        nothing: list[Any] = [None] * self.count
        needed = {
            kind: [(name, self._cells.get(name, nothing)) for name in NEEDED[kind]]
            for kind in NEEDED
        }
        for row, kind in enumerate(self._kinds):
            if kind not in NEEDED:
                shown = "null" if kind is None else repr(kind)
                raise self._wrong(
                    "kind", row, f"{shown} is not known; expected one of {', '.join(NEEDED)}"
                )
            for name, cells in needed[kind]:
                if cells[row] is None:
                    missing = "" if name in self._cells else " (the column is missing)"
                    raise self._wrong(name, row, f"null, but {an(kind)} needs it{missing}")
            for name in foreign[kind]:
                value = self._cells[name][row]
                if value is not None:
                    raise self._wrong(
                        name, row, f"'{value}' must be empty: {an(kind)} has no {name}"
                    )

    def check_for(self, cash: str | None) -> None:
        """Raises InvalidInput if fills move cash but the orders have no average price."""
        if cash is None or "average_price" in self._cells or ORDER not in self._kinds:
            return
        raise self._wrong(
            "average_price",
            self._kinds.index(ORDER),
            f"the column is missing; orders need it in a book with cash={cash!r}",
        )

    def fingerprint(self) -> str:
        """A hash of the columns and the first event.

        It is unchanged if the file grows, and differs for another day's file. Values are hashed as
        texts, because later rows may change the type of order ids.
        """
        first = [str(cells[0]) for cells in self._cells.values() if self.count]
        seen = [list(self._cells), first, self.times[:1], self._kinds[:1]]
        return hashlib.blake2b(json.dumps(seen).encode(), digest_size=8).hexdigest()

    def _wrong(self, column: str, row: int, text: str) -> InvalidInput:
        value = self.file[column][row].as_py() if column in self.file else None
        return self.file.fault(text, column, row, value)

    def moments(self) -> Iterator[tuple[int, list[EventBatch]]]:
        """The times in the file's order, each with its batches."""
        start = 0
        for time, same in groupby(self.times):
            end = start + sum(1 for _ in same)
            yield time, self._batches(range(start, end))
            start = end

    def _batches(self, rows: range) -> list[EventBatch]:
        if len(rows) == 1:
            return [EventBatch(self._kinds[rows[0]], [rows[0]])]
        batches: list[EventBatch] = []
        latest: dict[str, tuple[EventBatch, set[Any]]] = {}
        for row in rows:
            kind = self._kinds[row]
            key = tuple(self._cells[name][row] for name in KEYS[kind])
            if kind not in latest or (kind != TICK and key in latest[kind][1]):
                latest[kind] = (EventBatch(kind, []), set())
                batches.append(latest[kind][0])
            batch, keys = latest[kind]
            batch.rows.append(row)
            keys.add(key)
        return batches

    def apply(
        self, book: mvcore.Book, batch: EventBatch, feed: Mapping[str, int] | None = None
    ) -> None:
        """Write one batch into the book, with the positions of `feed` if given.

        Errors name the lines of the file.
        """
        if feed is not None:
            self._with_feed(book, batch, feed)
            return
        try:
            if len(batch.rows) > 1 or not self._one(book, batch.kind, batch.rows[0]):
                self._many(book, batch.kind, batch.rows)
        except mvcore.Error as error:
            raise self._located(error, book, batch.rows) from None

    def _one(self, book: mvcore.Book, kind: str, row: int) -> bool:
        """Fast path for a single row. Returns False if it is not available, or if the book refused.

        After a refusal, the caller retries with `_many`, whose error names the row.
        """
        cells, time = self._cells, np.datetime64(self.times[row], "ns")
        try:
            if kind == TICK:
                written = book.tick(cells["instrument"][row], cells["price"][row], time)
                self.dropped.add(written)
                return True
            if kind == ORDER and self._whole_orders():
                names = [name for name in NEEDED[ORDER] + OPTIONAL[ORDER] if name in cells]
                written = book.order(**{name: cells[name][row] for name in names}, time=time)
                self.dropped.add(written)
                return True
        except mvcore.Error:
            pass
        return False

    def _whole_orders(self) -> bool:
        """Return whether each row states its order completely.

        `Book.order` resets values that are absent.
        """
        priced = "average_price" in self._cells or not self.keeps_prices
        return priced and "filled_quantity" in self._cells and "status" in self._cells

    def _with_feed(self, book: mvcore.Book, batch: EventBatch, feed: Mapping[str, int]) -> None:
        """Apply a batch with a feed position.

        Of several ticks of an instrument, only the last counts.
        """
        rows = batch.rows
        if batch.kind == TICK:
            rows = list({self._cells["instrument"][row]: row for row in rows}.values())
        table, times = self._table(batch.kind, rows)
        if batch.kind != HOLDING:
            table["time"] = times
        try:
            tables: dict[str, Any] = {TABLES[batch.kind]: table}
            self.dropped.add(book.update(**tables, feed=feed, unknown=self.unknown))
        except mvcore.Error as error:
            raise self._located(error, book, rows) from None

    def _table(self, kind: str, rows: list[int]) -> tuple[dict[str, Any], Any]:
        names = [name for name in NEEDED[kind] + OPTIONAL[kind] if name in self._cells]
        table: dict[str, Any] = {name: [self._cells[name][row] for row in rows] for name in names}
        return table, np.array([self.times[row] for row in rows], "M8[ns]")

    def _many(self, book: mvcore.Book, kind: str, rows: list[int]) -> None:
        table, times = self._table(kind, rows)
        if kind == TICK:
            written = book.ticks(
                table["instrument"], table["price"], times=times, unknown=self.unknown
            )
            self.dropped.add(written)
        elif kind == ORDER:
            self.dropped.add(book.update(orders={**table, "time": times}))
        else:
            book.update(holdings=table)

    def _located(self, error: mvcore.Error, book: mvcore.Book, rows: list[int]) -> mvcore.Error:
        """Add the lines of the file to the error of a batch."""
        if error.row is not None:
            self.file.locate(error, rows.__getitem__, names_in(book))
        else:
            places = [self.file.place(row) for row in (rows[0], rows[-1])]
            at = " to ".join(dict.fromkeys(places))
            error.args = (f"{self.file.path}, {at}: {error.args[0]}",)
        return error


def an(kind: str) -> str:
    """Return `a tick`, `an order` or `a holding`."""
    return f"an {kind}" if kind == ORDER else f"a {kind}"


def cells_of(column: pa.ChunkedArray) -> list[Any]:
    """The Python values of a column.

    Floats of less than 64 bits keep their shortest decimal text.
    """
    import pyarrow as pa

    cells: list[Any] = column.to_pylist()
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        scalar = np.float16 if pa.types.is_float16(column.type) else np.float32
        return [cell if cell is None else scalar(cell) for cell in cells]
    return cells
