"""Rows for clients: amounts are decimal texts, and each row is serialized once for all clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.formats import plain
from mvcore.result_rows import ResultFrame

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.frame import Frame
    from mvcore.grouping import Shape

Key = tuple[Any, ...]
PROTOCOL = 1
NEVER = -1  # no read yet
KEPT = 8  # messages cached per read; they may be long
MOST_GONE = 1_000  # removed rows that are remembered
LOW = 2**64 - 1  # the bits of the lower half of an amount


def amount_texts(halves: npt.NDArray[np.int64], scale: int) -> list[str]:
    """Format 128-bit integers in units of 10**-scale, exactly as `format(Decimal, "f")`."""
    texts, one = [], 10**scale
    for low, high in halves.tolist():
        value = low if high == low >> 63 else high << 64 | low & LOW
        digits = str(value) if value >= one else format(value, f"0{scale + 1 + (value < 0)}d")
        texts.append(f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)
    return texts


def removed_in(frame: Frame) -> int:
    """The number of removed rows in a frame of changes."""
    assert isinstance(frame, ResultFrame)
    return int(np.count_nonzero(frame._figures.removed()))


class Update(NamedTuple):
    """A frame of changes with its rows as JSON. None is a removed row."""

    columns: str  # as JSON
    epoch: int
    rows: dict[Key, str | None]


class Heads:
    """Caches the JSON of the labels of a view's rows. Only amounts are serialized at each read.

    A row is identified by the core's row number, whose labels are fixed while the view keeps its
    shape.
    """

    def __init__(self, labels: int) -> None:
        self._labels = labels  # the number of leading columns that identify a row for clients
        self._columns = ""  # as JSON
        self._shape: Shape | None = None
        self._known: dict[Any, tuple[Key, str]] = {}

    def update_of(self, frame: Frame) -> Update:
        """Serialize a frame of changes.

        New rows come in the order of their labels. Not thread-safe.
        """
        assert isinstance(frame, ResultFrame)
        if frame._shape is not self._shape:
            self._shape, self._known = frame._shape, {}
            # without `removed`
            self._columns = json.dumps(frame.column_names[:-1], ensure_ascii=False)
        figures, query = frame._figures, frame._query
        numbers = figures.row().tolist()
        if query.currency == "local":  # a row per currency
            numbers = list(zip(numbers, figures.currency().tolist(), strict=True))
        places: Any = range(len(numbers))
        if not all(map(self._known.__contains__, numbers)):
            places = self._learn(frame, numbers)
        scale = frame._book.value_scale
        texts = [amount_texts(figures.amount(k), scale) for k in range(len(query.measures))]
        amounts = ['", "'.join(row) for row in zip(*texts, strict=True)]
        unpriced, removed = figures.unpriced().tolist(), figures.removed().tolist()
        rows: dict[Key, str | None] = {}
        for k in places:
            key, head = self._known[numbers[k]]
            rows[key] = None if removed[k] else f'{head}"{amounts[k]}", {unpriced[k]}]'
        return Update(self._columns, frame.epoch, rows)

    def _learn(self, frame: ResultFrame, numbers: list[Any]) -> list[int]:
        """Cache the labels of new rows.

        Returns the positions of all rows, in the order of their labels.
        """
        # all columns before the amounts; unpriced and removed come last
        before = frame.column_names[: -len(frame._query.measures) - 2]
        lists = [frame[name] for name in before]
        places: list[int] = np.arange(len(numbers))[frame._order].tolist()
        for place, *values in zip(places, *lists, strict=True):
            head = [plain(value) for value in values]
            text = json.dumps(head, ensure_ascii=False)
            self._known[numbers[place]] = tuple(head[: self._labels]), f"{text[:-1]}, "
        return places


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
