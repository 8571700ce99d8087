"""`mvcore watch`: plays events from a file into a book, and shows the amounts."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from typing import Any

import mvcore
from mvcore.cli import render, value
from mvcore.cli.events import SCHEMA, EventBatch, Events
from mvcore.cli.files import LONG_BYTES, Dropped, Progress, read_tables, tell, total_bytes
from mvcore.cli.screen import Now, Rows, Screen
from mvcore.files import FileTable
from mvcore.files.schema import schema_of
from mvcore.formats import printable

INTERRUPTED = 130
NS = 1e-9


def run(arguments: argparse.Namespace) -> int:
    """Read, load, play, print. Ctrl-C ends the playback; the amounts are still printed."""
    paths = value.paths_of(arguments, "events")
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with Progress(long=long) as progress:
        schemas = {name: schema_of(name) for name in paths if name != "events"}
        tables = read_tables(paths, schemas | {"events": SCHEMA}, arguments, progress)
        events = Events(tables.pop("events"), arguments.unknown)
        events.check_for(arguments.cash)  # before a folder is created
        events.keeps_prices = "orders" in tables and "average_price" in tables["orders"]
    with book_of(arguments) as book:
        events.check_for(book.cash)
        with Progress(long=long) as progress:
            if book.epoch == 0:
                value.load(book, tables, progress)
            else:
                tell(f"the book continues at epoch {book.epoch}; only the events are used")
            if not math.isinf(arguments.speed):
                progress.step("checking the events")
                rehearse(events, tables, book)
        with book.view(
            by=arguments.by, measures=arguments.measures, currency=arguments.currency
        ) as view:
            rows = Rows(view, arguments.sort, arguments.top)
            player = Player(book, events, arguments.speed, arguments.interval)
            if arguments.book is not None:
                name = os.path.basename(paths["events"])
                if passed := player.go_on(f"watch/{name}/{events.fingerprint()}"):
                    told = f"{passed} of {events.count} events of {name} were already played"
                    print(f"mvcore: {printable(told)}", file=sys.stderr)
            status = 0
            try:
                with Screen() as screen:
                    player.play(rows, screen)
            except KeyboardInterrupt:
                status = INTERRUPTED
            events.dropped.tell(paths["events"])
            book.warn_of_missing_rates()  # `Book.order` does not check
            names, columns = rows.last()
    render.to_stdout(render.text_chunks(names, columns, arguments.output))
    return status


def book_of(arguments: argparse.Namespace) -> mvcore.Book:
    """Open the book in the folder, or make one in memory."""
    amounts = arguments.base_currency, arguments.value_scale
    cash: dict[str, Any] = {"cash": arguments.cash, "cash_scale": arguments.cash_scale}
    if arguments.book is None:
        return mvcore.Book(*amounts, **cash)
    return mvcore.open(arguments.book, *amounts, **cash)


class Rehearsal(mvcore.Book):
    """A book with names but no rates. Missing rates mean nothing here."""

    def warn_of_missing_rates(self) -> None:
        pass


def rehearse(events: Events, tables: dict[str, FileTable], played: mvcore.Book) -> None:
    """Apply all events to a book that has only names, so that a wrong row fails now and not in
    hours."""
    with Rehearsal(cash=played.cash, cash_scale=played.cash_scale) as book:
        book.load(instruments=tables["instruments"], accounts=tables["accounts"])
        for _, batches in events.moments():
            for batch in batches:
                events.apply(book, batch)
    events.dropped = Dropped()


def count_of(batches: list[EventBatch]) -> int:
    return sum(len(batch.rows) for batch in batches)


class Player:
    """Plays events at their times, and updates the screen."""

    def __init__(self, book: mvcore.Book, events: Events, speed: float, interval: float) -> None:
        self.book = book
        self.events = events
        self.speed = speed
        self.interval = interval
        self.played = 0
        self.latest: int | None = None
        self._next_picture = 0.0
        # the feed name under which the book stores the number of events played
        self._feed: str | None = None
        self._passed = 0

    def go_on(self, feed: str) -> int:
        """Skip the moments that the book already has, and return the number of their events.

        From now on the book stores the number of events played. A moment that the book has only in
        part is played again: the file may have grown by events of that moment, and replaying the
        others changes nothing.
        """
        self._feed = feed
        done = self.book.feed_positions().get(feed, 0)
        for _, batches in self.events.moments():
            rows = count_of(batches)
            if self._passed + rows > done:
                break
            self._passed += rows
        return self._passed

    def play(self, rows: Rows, screen: Screen) -> None:
        """Play every event at its time. A late event does not shift the following ones."""
        self._picture(rows, screen)
        start = time.perf_counter()
        first: int | None = None
        for moment, batches in self.events.moments():
            if self.played < self._passed:
                self.played += count_of(batches)
                continue
            for batch in batches:
                self.played += len(batch.rows)
                if first is None:
                    first = moment
                if self.latest is None or moment > self.latest:
                    self._wait(start + (moment - first) * NS / self.speed, rows, screen)
                    self.latest = moment
                self.events.apply(
                    self.book, batch, None if self._feed is None else {self._feed: self.played}
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
