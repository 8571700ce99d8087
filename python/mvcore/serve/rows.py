"""Rows as they are sent: amounts as decimal texts, each row as JSON once, however many get it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.figures import FiguresFrame
from mvcore.formats import plain

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.frame import Frame
    from mvcore.grouping import Shape

Key = tuple[Any, ...]
PROTOCOL = 1
NEVER = -1  # before the first read
KEPT = 8  # texts of one read, which may be long
MOST_GONE = 1_000  # rows that are remembered though they went
LOW = 2**64 - 1  # the bits of the lower half of an amount


def amount_texts(halves: npt.NDArray[np.int64], scale: int) -> list[str]:
    """128-bit integers counted in 10**-scale, as `format(Decimal, "f")` writes them."""
    texts, one = [], 10**scale
    for low, high in halves.tolist():
        value = low if high == low >> 63 else high << 64 | low & LOW
        digits = str(value) if value >= one else format(value, f"0{scale + 1 + (value < 0)}d")
        texts.append(f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)
    return texts


def removed_in(frame: Frame) -> int:
    """How many of the rows of a frame of changes are of those that went."""
    assert isinstance(frame, FiguresFrame)
    return int(np.count_nonzero(frame._figures.removed()))


class Update(NamedTuple):
    """A frame of changes, made into JSON row by row; None for a row that went."""

    columns: str  # as JSON
    epoch: int
    rows: dict[Key, str | None]


class Heads:
    """What stands before the amounts of a view's rows, kept: only amounts are new in each read.

    A row is known by the core's number for it, which has the same labels as long as the view has
    the same shape.
    """

    def __init__(self, labels: int) -> None:
        self._labels = labels  # the first columns, by which clients know a row
        self._columns = ""  # as JSON
        self._shape: Shape | None = None
        self._known: dict[Any, tuple[Key, str]] = {}

    def update_of(self, frame: Frame) -> Update:
        """One at a time. Rows that are new come in the order of their labels."""
        assert isinstance(frame, FiguresFrame)
        if frame._shape is not self._shape:
            self._shape, self._known = frame._shape, {}
            self._columns = json.dumps(frame.column_names[:-1], ensure_ascii=False)  # not `removed`
        figures, asked = frame._figures, frame._asked
        numbers = figures.row().tolist()
        if asked.currency == "local":  # a row for each currency
            numbers = list(zip(numbers, figures.currency().tolist(), strict=True))
        places: Any = range(len(numbers))
        if not all(map(self._known.__contains__, numbers)):
            places = self._learn(frame, numbers)
        scale = frame._book.value_scale
        texts = [amount_texts(figures.amount(k), scale) for k in range(len(asked.measures))]
        amounts = ['", "'.join(row) for row in zip(*texts, strict=True)]
        unpriced, removed = figures.unpriced().tolist(), figures.removed().tolist()
        rows: dict[Key, str | None] = {}
        for k in places:
            key, head = self._known[numbers[k]]
            rows[key] = None if removed[k] else f'{head}"{amounts[k]}", {unpriced[k]}]'
        return Update(self._columns, frame.epoch, rows)

    def _learn(self, frame: FiguresFrame, numbers: list[Any]) -> list[int]:
        """The places of the rows in the core's figures, in the order of their labels."""
        before = frame.column_names[: -len(frame._asked.measures) - 2]  # unpriced, removed
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
    rows: int  # how many it tells of


class Rows:
    """The rows of one view as of its last read, and at which read each of them changed."""

    def __init__(self) -> None:
        self.columns = ""  # as JSON
        self.epoch = 0
        self.json: dict[Key, str] = {}
        self.read = 0  # the number of the last read
        self.changed_at = 0  # that of the last one which brought changes
        self._at: dict[Key, int] = {}  # the latest changes last; also of rows that went
        self._gone_since = 0  # rows that went are known from here on
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
        """Rows that went before this read: who has not been told yet gets all that there are."""
        self._gone_since = self.read - 1
        self._at = {k: at for k, at in self._at.items() if at == self.read or k in self.json}

    def body(self, since: int, price_time: str | None) -> Body:
        """What changed after the read of that number, or all rows where it is NEVER: made once for
        all clients that were sent the same."""
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
    """A whole frame for an answer over HTTP."""
    columns = frame.column_names
    lists = [frame[name] for name in columns]
    rows = [[plain(value) for value in values] for values in zip(*lists, strict=True)]
    return {"version": PROTOCOL, "epoch": frame.epoch, "columns": columns, "rows": rows}
