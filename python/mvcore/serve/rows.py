"""Rows for clients: amounts are decimal texts, and each row is serialized once for all clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from mvcore.formats import plain

if TYPE_CHECKING:
    from mvcore.frame import Frame

Key = tuple[Any, ...]
PROTOCOL = 1
NEVER = -1  # no read yet
KEPT = 8  # messages cached per read; they may be long
MOST_GONE = 1_000  # removed rows that are remembered


def removed_in(frame: Frame) -> int:
    """The number of removed rows in a frame of changes."""
    return int(np.count_nonzero(frame.to_numpy("removed")))


class Update(NamedTuple):
    """A frame of changes with its rows as JSON. None is a removed row."""

    columns: str  # as JSON
    epoch: int
    rows: dict[Key, str | None]


class Heads:
    """Caches the JSON of the labels of a view's rows. Only amounts are serialized at each read."""

    def __init__(self, labels: int) -> None:
        self._labels = labels  # the number of leading columns that identify a row for clients
        self._names: list[str] = []
        self._columns = ""  # as JSON, without `removed`
        self._known: dict[Key, str] = {}

    def update_of(self, frame: Frame) -> Update:
        """Serialize a frame of changes. Not thread-safe.

        Columns: the labels, amount_currency, the amounts, unpriced, removed.
        """
        if frame.column_names != self._names:
            self._names = frame.column_names
            self._columns = json.dumps(self._names[:-1], ensure_ascii=False)
        first = self._names.index("amount_currency") + 1  # of the amounts
        labels = [frame[name] for name in self._names[: self._labels]]
        keys: list[Key] = list(zip(*labels, strict=True)) if labels else [()] * len(frame)
        known = self._known
        if not all(map(known.__contains__, keys)):
            self._learn(keys, [frame[name] for name in self._names[:first]])
        texts = [frame.texts(name) for name in self._names[first:-2]]
        amounts = ['", "'.join(row) for row in zip(*cast("list[list[str]]", texts), strict=True)]
        unpriced, removed = frame["unpriced"], frame["removed"]
        rows: dict[Key, str | None] = {}
        for key, row, count, gone in zip(keys, amounts, unpriced, removed, strict=True):
            if gone:
                rows[key] = None
                del known[key]
            else:
                rows[key] = f'{known[key]}"{row}", {count}]'
        return Update(self._columns, frame.epoch, rows)

    def _learn(self, keys: list[Key], columns: list[list[Any]]) -> None:
        """Cache the labels of new rows."""
        for key, *head in zip(keys, *columns, strict=True):
            if key not in self._known:
                self._known[key] = f"{json.dumps(head, ensure_ascii=False)[:-1]}, "


class Body(NamedTuple):
    """A `rows` message after its id."""

    text: str
    rows: int  # the number of rows in the message


class Rows:
    """The rows of one view after its last read, and the read at which each row changed."""

    def __init__(self) -> None:
        self.columns = ""  # as JSON
        self.epoch = 0
        self.json: dict[Key, str] = {}
        self.read = 0  # the number of the last read
        self.changed_at = 0  # the last read with changes
        # read of the last change, in that order; removed rows included
        self._at: dict[Key, int] = {}
        self._gone_since = 0  # removed rows are known since this read
        self._made: dict[tuple[int, str | None], Body] = {}

    def apply(self, update: Update) -> None:
        self.columns, self.epoch = update.columns, update.epoch
        self.read += 1
        self._made.clear()
        if not update.rows:
            return
        self.changed_at = read = self.read
        changed, there = self._at, self.json
        for key, row in update.rows.items():
            changed.pop(key, None)
            changed[key] = read
            if row is None:
                there.pop(key, None)
            else:
                there[key] = row
        if len(self._at) - len(self.json) > MOST_GONE:
            self._forget()

    def _forget(self) -> None:
        """Forget rows that were removed before this read. Clients that missed them get all rows."""
        self._gone_since = self.read - 1
        self._at = {k: at for k, at in self._at.items() if at == self.read or k in self.json}

    def body(self, since: int, price_time: str | None) -> Body:
        """The changes after a read, or all rows if `since` is NEVER.

        The message is built once for all clients with the same `since`.
        """
        body = self._made.get((since, price_time))
        if body is None:
            if len(self._made) == KEPT:
                self._made.clear()
            body = self._made[since, price_time] = self._make(since, price_time)
        return body

    def _make(self, since: int, price_time: str | None) -> Body:
        everything = since < self._gone_since
        wanted: Any = self.json if everything else self._after(since)
        there = [self.json[key] for key in wanted if key in self.json]
        gone = [key for key in wanted if key not in self.json]
        clock = "null" if price_time is None else f'"{price_time}"'
        removed = json.dumps(gone, ensure_ascii=False) if gone else "[]"
        text = (
            f'"price_time": {clock}, "type": "rows", "version": {PROTOCOL}, "epoch": {self.epoch}, '
            f'"all": {"true" if everything else "false"}, "columns": {self.columns}, '
            f'"removed": {removed}, "rows": [{", ".join(there)}]}}'
        )
        return Body(text, len(there) + len(gone))

    def _after(self, since: int) -> list[Key]:
        keys = []
        for key, at in reversed(self._at.items()):
            if at <= since:
                break
            keys.append(key)
        keys.reverse()
        return keys


def table(frame: Frame) -> dict[str, Any]:
    """A whole frame for an HTTP response."""
    columns = frame.column_names
    lists = [frame[name] for name in columns]
    rows = [[plain(value) for value in values] for values in zip(*lists, strict=True)]
    return {"version": PROTOCOL, "epoch": frame.epoch, "columns": columns, "rows": rows}
