"""`mvcore watch`: events from a file into a book, at their pace or another, amounts to look at."""

from __future__ import annotations

import argparse
import math
import os
import time
from typing import TYPE_CHECKING

import mvcore
from mvcore.cli import render, value
from mvcore.cli.events import Events
from mvcore.cli.files import LONG_BYTES, Progress, total_bytes
from mvcore.cli.screen import Now, Rows, Screen

if TYPE_CHECKING:
    import pyarrow as pa

INTERRUPTED = 130
NS = 1e-9


def run(arguments: argparse.Namespace) -> int:
    """Read, load, play, print. Ctrl-C ends the playing, not the printing."""
    paths = value.paths_of(arguments, "events")
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with book_of(arguments) as book:
        with Progress(long=long) as progress:
            tables = value.read(paths, progress)
            events = Events(tables.pop("events"), paths["events"])
            if book.epoch == 0:  # else it has them
                value.load(book, tables, paths, progress)
            if not math.isinf(arguments.speed):
                progress.step("trying the events")
                rehearse(events, tables)
        with book.view(
            by=arguments.by, measures=arguments.measures, currency=arguments.currency
        ) as view:
            rows = Rows(view, arguments.sort, arguments.top)
            player = Player(book, events, arguments.speed, arguments.interval)
            if arguments.book is not None:
                player.go_on(f"watch/{os.path.basename(paths['events'])}")
            status = 0
            try:
                with Screen() as screen:
                    player.play(rows, screen)
            except KeyboardInterrupt:
                status = INTERRUPTED
            names, columns = rows.last()
    render.to_stdout(render.text_chunks(names, columns, arguments.output))
    return status


def book_of(arguments: argparse.Namespace) -> mvcore.Book:
    """In memory, or in the folder."""
    if arguments.book is None:
        return mvcore.Book(arguments.base_currency, arguments.value_scale)
    return mvcore.open(arguments.book, arguments.base_currency, arguments.value_scale)


def rehearse(events: Events, tables: dict[str, pa.Table]) -> None:
    """All events into a book of names alone, so that a wrong row is told now, not in hours."""
    with mvcore.Book() as book:
        book.load(instruments=tables["instruments"], accounts=tables["accounts"])
        for _, batches in events.moments():
            for batch in batches:
                events.apply(book, batch)


class Player:
    """The clock: when each event is due, and when the next picture."""

    def __init__(self, book: mvcore.Book, events: Events, speed: float, interval: float) -> None:
        self.book = book
        self.events = events
        self.speed = speed
        self.interval = interval
        self.played = 0
        self.latest: int | None = None
        self._next_picture = 0.0
        self._feed: str | None = None  # whose positions, in batches, the book keeps
        self._done = 0

    def go_on(self, feed: str) -> None:
        """After the batches that the book has; it keeps how many from now on."""
        self._feed = feed
        self._done = self.book.feed_positions().get(feed, 0)

    def play(self, rows: Rows, screen: Screen) -> None:
        """Every event at its time; one that is late does not shift those after it."""
        self._picture(rows, screen)
        start = time.perf_counter()
        first: int | None = None
        number = 0
        for moment, batches in self.events.moments():
            for batch in batches:
                number += 1
                self.played += len(batch.rows)
                if number <= self._done:
                    continue
                if first is None:
                    first = moment
                if self.latest is None or moment > self.latest:
                    self._wait(start + (moment - first) * NS / self.speed, rows, screen)
                    self.latest = moment
                self.events.apply(
                    self.book, batch, None if self._feed is None else {self._feed: number}
                )
            if time.perf_counter() >= self._next_picture:
                self._picture(rows, screen)
        self._picture(rows, screen)

    def _wait(self, due: float, rows: Rows, screen: Screen) -> None:
        while (now := time.perf_counter()) < due:
            if now >= self._next_picture:
                self._picture(rows, screen)
            else:
                time.sleep(min(due, self._next_picture) - now)

    def _picture(self, rows: Rows, screen: Screen) -> None:
        if screen.watched:
            rows.refresh()
            now = Now(self.book.epoch, self.latest, self.played, self.events.count)
            screen.show(rows, now)
            self._next_picture = time.perf_counter() + self.interval
        else:
            self._next_picture = math.inf
