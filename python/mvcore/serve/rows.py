"""Rows as they are sent: amounts as decimal texts, each row as JSON once, however many get it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mvcore.frame import Frame

Key = tuple[Any, ...]
PROTOCOL = 1


def plain(value: Any) -> Any:
    """A Decimal as the text of all its digits; NumPy's numbers as Python's."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.item() if hasattr(value, "item") else value


@dataclass(frozen=True)
class Update:
    """A frame of changes, made into JSON row by row; None for a row that went."""

    columns: list[str]
    epoch: int
    rows: dict[Key, str | None]


def update_of(frame: Frame, labels: int) -> Update:
    """Rows are known by their first `labels` columns."""
    columns = [name for name in frame.column_names if name != "removed"]
    lists = [frame[name] for name in columns]
    rows: dict[Key, str | None] = {}
    for values, gone in zip(zip(*lists, strict=True), frame["removed"], strict=True):
        row = [plain(value) for value in values]
        rows[tuple(row[:labels])] = None if gone else json.dumps(row, ensure_ascii=False)
    return Update(columns, frame.epoch, rows)


class Rows:
    """The rows of one view as of its last read."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.epoch = 0
        self.json: dict[Key, str] = {}

    def apply(self, update: Update) -> None:
        self.columns, self.epoch = update.columns, update.epoch
        for key, row in update.rows.items():
            if row is None:
                self.json.pop(key, None)
            else:
                self.json[key] = row


def message(rows: Rows, changed: Iterable[Key] | None, head: dict[str, Any]) -> str:
    """One `rows` message: those that changed, or all."""
    keys = list(rows.json if changed is None else changed)
    there = [rows.json[key] for key in keys if key in rows.json]
    gone = [key for key in keys if key not in rows.json]
    parts = head | {
        "type": "rows", "version": PROTOCOL, "epoch": rows.epoch, "all": changed is None,
        "columns": rows.columns, "removed": gone,
    }  # fmt: skip
    text = json.dumps(parts, ensure_ascii=False)
    return f'{text[:-1]}, "rows": [{", ".join(there)}]}}'


def table(frame: Frame) -> dict[str, Any]:
    """A whole frame for an answer over HTTP."""
    columns = frame.column_names
    lists = [frame[name] for name in columns]
    rows = [[plain(value) for value in values] for values in zip(*lists, strict=True)]
    return {"version": PROTOCOL, "epoch": frame.epoch, "columns": columns, "rows": rows}
