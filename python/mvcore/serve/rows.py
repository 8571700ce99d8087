"""Rows as they are sent: amounts as decimal texts, each row as JSON once, however many get it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.figures import FiguresFrame

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.frame import Frame
    from mvcore.grouping import Shape

Key = tuple[Any, ...]
Changed = Mapping[Key, Any] | None  # the rows to send by their labels; None: all there are
PROTOCOL = 1
LOW = 2**64 - 1  # the bits of the lower half of an amount


def plain(value: Any) -> Any:
    """A Decimal as the text of all its digits; NumPy's numbers as Python's."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.item() if hasattr(value, "item") else value


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


class Rows:
    """The rows of one view as of its last read."""

    def __init__(self) -> None:
        self.columns = ""  # as JSON
        self.epoch = 0
        self.json: dict[Key, str] = {}
        self._made: tuple[Changed, str | None, str] | None = None  # the last text of `body`

    def apply(self, update: Update) -> None:
        self.columns, self.epoch = update.columns, update.epoch
        self._made = None
        for key, row in update.rows.items():
            if row is None:
                self.json.pop(key, None)
            else:
                self.json[key] = row

    def body(self, changed: Changed, price_time: str | None) -> str:
        """A `rows` message after its id: those that changed, or all.

        Made once for all clients that wait for the same rows: the hub gives them one mapping.
        """
        made = self._made
        if made is not None and made[0] is changed and made[1] == price_time:
            return made[2]
        wanted = self.json if changed is None else changed
        there = ", ".join([self.json[key] for key in wanted if key in self.json])
        gone = [key for key in wanted if key not in self.json]
        clock = "null" if price_time is None else f'"{price_time}"'
        removed = json.dumps(gone, ensure_ascii=False) if gone else "[]"
        text = (
            f'"price_time": {clock}, "type": "rows", "version": {PROTOCOL}, "epoch": {self.epoch}, '
            f'"all": {"true" if changed is None else "false"}, "columns": {self.columns}, '
            f'"removed": {removed}, "rows": [{there}]}}'
        )
        self._made = changed, price_time, text
        return text


def table(frame: Frame) -> dict[str, Any]:
    """A whole frame for an answer over HTTP."""
    columns = frame.column_names
    lists = [frame[name] for name in columns]
    rows = [[plain(value) for value in values] for values in zip(*lists, strict=True)]
    return {"version": PROTOCOL, "epoch": frame.epoch, "columns": columns, "rows": rows}
