"""Views that sessions share, and the poller that keeps them up to date.

A view is open while a session watches it. The poller runs while there is a view. Everything runs on
the event loop, except reads of the book, which run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mvcore.errors import ClosedError, Error, UnknownId
from mvcore.serve.directory import Directories
from mvcore.serve.errors import RefusedError, refusal
from mvcore.serve.one_thread import OneThread
from mvcore.serve.price_times import PriceClock, PriceTimes, held_instruments
from mvcore.serve.rows import NEVER, Rows, Update, update_of, updates_of

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.serve.limits import Limits
    from mvcore.serve.selection import Names, Selection
    from mvcore.view import View

log = logging.getLogger("mvcore.serve")
STEP = 0.01  # seconds between two polls: views that are due at about the same time share a read
VIEWS_PER_READ = 250  # views per read: sessions are served while the next views are read
EARLY = 0.001  # seconds of tolerance: sums of intervals are inexact


class Watcher:
    """The hub's side of a session.

    `tell` wakes the session, at most once per interval, when `ready` is set because there are rows
    to send. After `silence` seconds without a change it is woken to send a message without rows.
    """

    def __init__(self, interval: float, silence: float, tell: Callable[[], None]) -> None:
        self.interval, self._silence, self._tell = interval, silence, tell
        self.since = NEVER  # the number of the last read that was sent
        self.refused: RefusedError | None = None
        self.ready = False
        self._due = 0.0

    def offer(self, at: float, rows: Rows) -> None:
        """Wake the session if a message is due after the read that was due at `at`."""
        some = self.since < rows.changed_at
        if at >= self._due - EARLY and (some or at >= self._due + self._silence):
            self._due = at + self.interval
            self.ready = True
            self._tell()

    def look(self) -> None:
        """Wake the session to check its permissions again."""
        self._tell()

    def refuse(self, error: RefusedError) -> None:
        self.refused = error
        self._tell()

    def take(self, rows: Rows) -> int:
        """Take the rows for sending. Returns the read after which changes are to be sent."""
        since, self.since, self.ready = self.since, rows.read, False
        return since


class Shared:
    """A view, its rows, and its watchers."""

    def __init__(
        self, key: tuple[Any, ...], view: View, selection: Selection, clock: PriceClock
    ) -> None:
        self.key, self.view, self.rows, self.clock = key, view, Rows(), clock
        currency = selection.currency or ""
        own = currency.startswith("account.")  # may be converted into a currency of each account
        local = own or currency == "local"
        # the number of leading columns that identify a row for clients
        self.labels = len(selection.by) + selection.rollup + local
        # views of the same kind have the same columns
        self.kind = (selection.by, selection.measures, selection.rollup, local, own and currency)
        self.watchers: set[Watcher] = set()
        self.due = 0.0

    def after(self, now: float) -> float:
        """The time of the next read. Missed reads are skipped, so that the rhythm is kept."""
        every = min(watcher.interval for watcher in self.watchers)
        missed = max(math.floor((now - self.due) / every), 0)
        return self.due + every * (1 + missed)

    def refuse(self, error: RefusedError) -> None:
        for watcher in self.watchers:
            watcher.refuse(error)


class Hub:
    """The shared views of a book. `counts` holds the values of the metrics."""

    def __init__(self, book: Book, limits: Limits) -> None:
        self.book, self.limits = book, limits
        self._reads = OneThread()
        self.directories = Directories(book, self._reads)
        self._price_times = PriceTimes(book)
        self.counts = {"polls": 0, "messages": 0, "rows": 0, "refused": 0, "slow": 0, "sessions": 0}
        self._shared: dict[tuple[Any, ...], Shared] = {}
        self._poller: asyncio.Task[None] | None = None
        self._masters_version = book.masters_version
        self._wake = asyncio.Event()

    @property
    def views(self) -> int:
        return len(self._shared)

    @property
    def polling(self) -> bool:
        return self._poller is not None

    async def watch(self, selection: Selection, accounts: Names, watcher: Watcher) -> Shared:
        """Watch a selection. The watcher is woken when there are rows. Raises RefusedError."""
        key = selection.key(accounts)
        shared = self._shared.get(key)
        if shared is None:
            view = await self._reads.run(self._open, selection, accounts)
            shared = self._shared.get(key)
            if shared is None:
                shared = self._shared[key] = Shared(
                    key, view, selection, self._clock_of(selection, accounts)
                )
            else:  # another session opened it first
                view.close()
        shared.watchers.add(watcher)
        shared.due = asyncio.get_running_loop().time()
        self._wake.set()
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        return shared

    def _clock_of(self, selection: Selection, accounts: Names) -> PriceClock:
        held = functools.partial(held_instruments, self.book, self.directories, selection, accounts)
        return PriceClock(self._price_times, held)

    def leave(self, shared: Shared, watcher: Watcher) -> None:
        """Stop watching. The last watcher closes the view."""
        shared.watchers.discard(watcher)
        if not shared.watchers:
            self._drop(shared)

    def _drop(self, shared: Shared) -> None:
        if self._shared.get(shared.key) is shared:
            del self._shared[shared.key]
            shared.view.close()
            self._wake.set()

    def _open(self, selection: Selection, accounts: Names) -> View:
        """Open a view. Errors omit similar names, which may be accounts of others."""
        try:
            return self.book.view(**selection.arguments(accounts), max_rows=self.limits.computed)
        except ClosedError:
            raise
        except UnknownId as error:  # the account may have just been removed
            unknown = error.column == "accounts"
            code = "unknown_account" if unknown else "invalid_selection"
            raise RefusedError(code, error.reason) from None
        except Error as error:
            raise refusal(error, "invalid_selection") from None

    # -- the poller --

    async def _poll(self) -> None:
        """Run the poller.

        After an error it is unknown which rows a view returned, so all views end.
        """
        try:
            with self._reads:  # keeps the thread between reads
                await self._follow()
        except ClosedError:
            self._end_all(RefusedError("closed", "the book is closed", 503))
        except Exception as error:
            # The message may contain amounts, so it is not logged.
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("reading the book failed: %s\n%s", type(error).__name__, places)
            told = "the service failed to read the book: select again"
            self._end_all(RefusedError("failed", told, 500))
        finally:
            self._poller = None

    async def _follow(self) -> None:
        """Read the views that are due, while there are views."""
        loop = asyncio.get_running_loop()
        while self._shared:
            self._wake.clear()
            now = loop.time()
            due = [shared for shared in self._shared.values() if shared.due <= now]
            for k in range(0, len(due), VIEWS_PER_READ):
                await self._read(due[k : k + VIEWS_PER_READ])
            self._look_at_masters()
            if due:
                await asyncio.sleep(max(now + STEP - loop.time(), 0))
            elif self._shared:
                await self._sleep_until(min(s.due for s in self._shared.values()))

    def _look_at_masters(self) -> None:
        """After a write of names or attributes, let every session check its permissions."""
        version = self.book.masters_version
        if version == self._masters_version:
            return
        self._masters_version = version
        for shared in self._shared.values():
            for watcher in shared.watchers:
                watcher.look()

    async def _sleep_until(self, due: float) -> None:
        """Sleep until a view is due, or a watcher comes or leaves."""
        try:
            async with asyncio.timeout_at(due):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _read(self, due: list[Shared]) -> None:
        """Read the changes of these views, those of one kind in one call, and wake their
        watchers."""
        self.counts["polls"] += 1
        loop = asyncio.get_running_loop()
        due = [shared for shared in due if shared.watchers]  # watchers may have left meanwhile
        found = await self._reads.run(self._changes, due)
        now = loop.time()
        for shared, update in found:
            at = shared.due
            if shared.watchers:
                shared.due = shared.after(now)
            if isinstance(update, RefusedError):
                self._end(shared, update)
                continue
            shared.rows.apply(update)
            for watcher in shared.watchers:
                watcher.offer(at, shared.rows)
            if len(shared.rows.json) > self.limits.rows:
                self._end(shared, self._too_many())

    def _changes(self, due: list[Shared]) -> list[tuple[Shared, Update | RefusedError]]:
        """Read changes. Runs in a thread."""
        kinds: dict[tuple[Any, ...], list[Shared]] = {}
        for shared in due:
            shared.clock.look()
            kinds.setdefault(shared.kind, []).append(shared)
        return [found for alike in kinds.values() for found in self._changes_of_kind(alike)]

    def _changes_of_kind(self, alike: list[Shared]) -> list[tuple[Shared, Update | RefusedError]]:
        """Read the changes of views with the same columns. If one view overflows, the others are
        read one by one."""
        try:
            frame = self.book.changes([shared.view for shared in alike], combined=True)
        except Error:
            if self.book.closed:
                raise ClosedError("the book is closed") from None
            return [(shared, self._changes_of(shared)) for shared in alike]
        updates = updates_of(frame, alike[0].labels, len(alike), self.limits.rows)
        return [(s, u or self._too_many()) for s, u in zip(alike, updates, strict=True)]

    def _too_many(self) -> RefusedError:
        return RefusedError("too_many_rows", f"more than {self.limits.rows} rows: select fewer")

    def _changes_of(self, shared: Shared) -> Update | RefusedError:
        try:
            update = update_of(shared.view.changes(), shared.labels, self.limits.rows)
            return update or self._too_many()
        except ClosedError as error:  # its last watcher just left
            return RefusedError("closed", str(error))
        except Error as error:
            return refusal(error, "cannot_value")

    def _end(self, shared: Shared, error: RefusedError) -> None:
        """End a view. A client that selects the same again gets a new view."""
        self._drop(shared)
        shared.refuse(error)

    def _end_all(self, error: RefusedError) -> None:
        for shared in list(self._shared.values()):
            self._end(shared, error)
