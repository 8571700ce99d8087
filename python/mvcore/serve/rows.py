"""Rows for clients: amounts are decimal texts, and each row is serialized once for all clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.formats import plain

if TYPE_CHECKING:
    from mvcore.frame import Frame

Key = str  # the labels of a row as a JSON array
PROTOCOL = 1
NEVER = -1  # no read yet
KEPT = 8  # messages cached per read; they may be long
MOST_GONE = 1_000  # removed rows that are remembered


class Update(NamedTuple):
    """The changes of one view, as JSON. None is a removed row."""

    columns: str  # without `removed`
    epoch: int
    rows: dict[Key, str | None]


def update_of(frame: Frame, labels: int, most: int) -> Update | None:
    """Serialize the changes of one view. None if it has more rows than `most`.

    labels: the number of leading columns that identify a row for clients.
    """
    if len(frame) > most and np.count_nonzero(~frame.to_numpy("removed")) > most:
        return None
    names = frame.column_names[:-1]  # without `removed`
    return Update(_columns(names), frame.epoch, dict(_rows(frame, names, labels)))


def updates_of(frame: Frame, labels: int, views: int, most: int) -> list[Update | None]:
    """Serialize combined changes: for each view what `update_of` returns."""
    names = frame.column_names[1:-1]  # without `view` and `removed`
    columns = _columns(names)
    out: list[Update | None] = [Update(columns, frame.epoch, {})] * views
    if not len(frame):
        return out
    view = frame.to_numpy("view")
    there = np.bincount(view[~frame.to_numpy("removed")], minlength=views).tolist()
    every = None if max(there) > most else _rows(frame, names, labels)
    firsts = np.flatnonzero(np.diff(view, prepend=-1)).tolist()
    ends = [*firsts[1:], len(view)]
    for place, first, end in zip(view[firsts].tolist(), firsts, ends, strict=True):
        if there[place] > most:
            out[place] = None
            continue
        rows = _rows(frame[first:end], names, labels) if every is None else every[first:end]
        out[place] = Update(columns, frame.epoch, dict(rows))
    return out


def _columns(names: list[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


def _rows(frame: Frame, names: list[str], labels: int) -> list[tuple[Key, str | None]]:
    keys = frame.json_rows(names[:labels])
    rows: list[str | None] = [*frame.json_rows(names)]
    for place in np.flatnonzero(frame.to_numpy("removed")).tolist():
        rows[place] = None
    return list(zip(keys, rows, strict=True))


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
        text = (
            f'"price_time": {clock}, "type": "rows", "version": {PROTOCOL}, "epoch": {self.epoch}, '
            f'"all": {"true" if everything else "false"}, "columns": {self.columns}, '
            f'"removed": [{", ".join(gone)}], "rows": [{", ".join(there)}]}}'
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
