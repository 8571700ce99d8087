"""The time of the latest price in a selection. Everything runs in the reads' thread."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore.errors import Error

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.serve.directory import Directories
    from mvcore.serve.selection import Names, Selection

Codes = npt.NDArray[np.int32]
Times = npt.NDArray[np.datetime64]
EVERY = 1.0  # seconds between two reads of the price times
HELD_EVERY = 5.0  # least seconds between two reads of the holdings of a view's accounts
REST = 100  # the pause before the next such read, in multiples of its duration
NEVER = np.datetime64("NaT", "ns")


class PriceTimes:
    """The times of all prices by instrument code, read once for all views."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._due = 0.0
        self._times: Times = np.empty(0, "M8[ns]")

    def by_code(self, now: float) -> Times:
        if now >= self._due:
            self._due = now + EVERY
            prices = self._book.prices()
            codes = prices.codes("instrument")
            times = np.full(codes.max(initial=-1) + 1, NEVER)
            times[codes] = prices.to_numpy("time")
            self._times = times
        return self._times


class PriceClock:
    """The latest price time among the instruments that a view's accounts hold.

    `text` is ISO 8601, None if no price has a time. `held` returns the codes of these instruments.
    """

    def __init__(self, times: PriceTimes, held: Callable[[], Codes]) -> None:
        self.text: str | None = None
        self._times = times
        self._due = self._held_due = 0.0
        self._read_held = held
        self._held: Codes = np.empty(0, np.int32)

    def look(self) -> None:
        """Update `text`, if an update is due."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        if now >= self._held_due:
            self._held = self._read_held()
            took = time.monotonic() - now
            self._held_due = now + max(HELD_EVERY, REST * took)
        times = self._times.by_code(now)
        last = np.fmax.reduce(times[self._held[self._held < len(times)]], initial=NEVER)
        self.text = None if np.isnat(last) else iso_of(last)


def iso_of(moment: np.datetime64) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    micros = int(moment.astype(np.int64)) // 1_000
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)).isoformat()


def held_instruments(
    book: Book, directories: Directories, selection: Selection, accounts: Names
) -> Codes:
    """Codes of the selected instruments that the accounts hold. O(their positions).

    All accounts together are assumed to hold every instrument.
    """
    with book.snapshot() as state:
        directory = directories.of(state)
        wanted = selection.instruments
        try:
            if isinstance(wanted, tuple):  # an instrument may have been removed since
                wanted = tuple(name for name in wanted if name in directory.instruments.rows)
                selected = directory.instruments.codes_of(wanted)
            elif isinstance(wanted, Mapping):
                selected = directory.instruments.codes[directory.instruments.matching(wanted)]
            else:
                selected = directory.instruments.codes
        except Error:  # the attribute is gone
            return np.empty(0, np.int32)
        if accounts is None:
            return selected
        if isinstance(accounts, tuple):
            accounts = tuple(name for name in accounts if name in directory.accounts.rows)
        asked: dict[str, Any] = {
            side: list(names) if isinstance(names, tuple) else names
            for side, names in (("accounts", accounts), ("instruments", wanted))
        }
        try:
            return state.values(**asked, by="instrument", allow_empty=True).codes("instrument")
        except Error:  # an amount does not fit
            return selected
