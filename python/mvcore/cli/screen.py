"""The screen of `mvcore watch`: the rows of a view as they change, and a status line."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import mvcore
from mvcore.cli.files import CommandError
from mvcore.cli.render import cell
from mvcore.cli.shown import Shown
from mvcore.formats import plain
from mvcore.query.measures import MEASURES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Row = dict[str, Any]
NUMBERS = (*MEASURES, "unpriced")
OTHER_LINES = 3  # the header, the status line and the cursor's line
PACE_S = 2.0  # seconds over which events per second are averaged


class Rows:
    """A view's rows, kept up to date from its changes."""

    def __init__(self, view: mvcore.View, sort: str | None, top: int | None) -> None:
        self._view = view
        self._sort = sort
        self._top = top
        self._rows: dict[tuple[Any, ...], Row] = {}
        # direction of the change: 1 up, -1 down, 0 neither
        self.changed: dict[tuple[Any, ...], int] = {}
        self.names = view.changes().column_names
        self.names.remove("removed")
        self._labels = [name for name in self.names if name not in NUMBERS]
        if sort is not None and sort not in self.names:
            raise CommandError(
                f"--sort: no column {sort!r}; expected one of {', '.join(self.names)}"
            )
        self._begin(view.read())

    def _begin(self, frame: mvcore.Frame) -> None:
        self._rows = {self.key(row): row for row in frame.to_pylist()}

    def key(self, row: Row) -> tuple[Any, ...]:
        """The identity of a row: its labels."""
        return tuple(row[name] for name in self._labels)

    def refresh(self) -> None:
        """Apply the changes since the last call. New rows appear in the book's order."""
        self.changed = {}
        new = False
        for row in self._view.changes().to_pylist():
            key, before = self.key(row), self._rows.get(self.key(row))
            if row.pop("removed"):
                self._rows.pop(key, None)
                continue
            new = new or before is None
            self._rows[key] = row
            self.changed[key] = 0 if before is None else direction(before, row)
        if new and self._sort is None:
            self._begin(self._view.read())

    def ordered(self) -> list[Row]:
        """Sort numbers from the largest, names from the first, null last. Returns the top rows."""
        rows = list(self._rows.values())
        column = self._sort
        if column is not None:
            known = [row for row in rows if row[column] is not None]
            known.sort(key=lambda row: row[column], reverse=column in NUMBERS)
            rows = known + [row for row in rows if row[column] is None]
        return rows[: self._top]

    def last(self) -> tuple[list[str], list[list[Any]]]:
        """The names and columns of the rows, read anew from the book."""
        self._begin(self._view.read())
        rows = self.ordered()
        return self.names, [[row[name] for row in rows] for name in self.names]


def direction(before: Row, after: Row) -> int:
    """The direction of the first amount that differs: 1 up, -1 down, 0 none."""
    for name, value in after.items():
        if isinstance(value, Decimal) and value != before[name]:
            return 1 if value > before[name] else -1
    return 0


@dataclass
class Now:
    """The progress of the playback."""

    epoch: int
    latest: int | None  # time of the last event, ns
    played: int
    count: int


def shown_time(ns: int | None) -> str:
    """A time as `2024-03-01 14:30:00.25 UTC`."""
    if ns is None:
        return "none yet"
    seconds, fraction = divmod(ns, 10**9)
    base = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    digits = f".{fraction:09}".rstrip("0").rstrip(".")
    return f"{base:%Y-%m-%d %H:%M:%S}{digits} UTC"


class Screen(Shown):
    """The live screen. Shows nothing if standard output is no terminal."""

    def __init__(self) -> None:
        self._shown: Live | None = None
        self._paces: deque[tuple[float, int]] = deque()
        if sys.stdout.isatty():
            from rich.live import Live

            self._shown = Live(auto_refresh=False, transient=True)

    @property
    def watched(self) -> bool:
        """Whether the screen is shown."""
        return self._shown is not None

    def show(self, rows: Rows, now: Now) -> None:
        """Draw the rows and the status line once."""
        if self._shown is not None:
            line = f"{status(now)}   {self._pace(now.played):,.0f} events/s"
            self._shown.update(drawn(rows, line, self._shown.console), refresh=True)

    def _pace(self, played: int) -> float:
        clock = time.perf_counter()
        paces = self._paces
        paces.append((clock, played))
        while len(paces) > 2 and clock - paces[1][0] >= PACE_S:
            paces.popleft()
        past, before = paces[0]
        return (played - before) / (clock - past) if clock > past else 0.0


def status(now: Now) -> str:
    """The epoch, the time of the last event, and the number of events played."""
    return (
        f"epoch {now.epoch}   last event {shown_time(now.latest)}   "
        f"{now.played:,} of {now.count:,} events"
    )


def drawn(rows: Rows, line: str, console: Console) -> RenderableType:
    """Draw as many rows as fit, with marks on changed rows, and the status line."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", width=1)
    for name in rows.names:  # folded if the screen is too narrow: amounts keep all digits
        if name in NUMBERS:
            table.add_column(Text(cell(name)), justify="right", overflow="fold")
        else:
            table.add_column(Text(cell(name)), overflow="fold")
    ordered = rows.ordered()
    fit = max(1, console.height - OTHER_LINES)
    for row in ordered[:fit]:
        moved = rows.changed.get(rows.key(row))
        mark = "" if moved is None else {1: "▲", -1: "▼", 0: "•"}[moved]
        style = "" if moved is None else {1: "bold green", -1: "bold red", 0: "bold"}[moved]
        texts = [amount(row[name]) if name in NUMBERS else cell(row[name]) for name in rows.names]
        table.add_row(*(Text(text) for text in (mark, *texts)), style=style)
    if len(ordered) > fit:
        line += f"   {len(ordered) - fit:,} more rows"
    return Group(table, Text(line))


def amount(value: Decimal | int) -> str:
    """An amount with all digits, in groups of three."""
    return f"{plain(value):,}" if isinstance(value, int) else f"{value:,f}"
