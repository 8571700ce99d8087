"""The time of the latest price in a selection. Everything runs in the reads' thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import Error
from mvcore.frame import Time
from mvcore.masters import Codes
from mvcore.query import MEASURES
from mvcore.times import NO_TIME

if TYPE_CHECKING:
    import numpy.typing as npt

    from mvcore.book import Book
    from mvcore.view import View

EVERY = 1.0  # seconds between two reads of the price times
HELD_EVERY = 5.0  # least seconds between two reads of the holdings of a view's accounts
REST = 100  # the pause before the next such read, in multiples of its duration


class PriceTimes:
    """The times of all prices by instrument code, read once for all views."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._due = 0.0
        self._times: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def by_code(self, now: float) -> npt.NDArray[np.int64]:
        if now >= self._due:
            self._due = now + EVERY
            prices = self._book.prices()
            times = np.full(self._book._core.counts[1], NO_TIME, np.int64)
            times[prices.codes("instrument")] = prices.to_numpy("time").view(np.int64)
            self._times = times
        return self._times


class PriceClock:
    """The latest price time among the instruments that a view's accounts hold.

    `text` is ISO 8601, None if no price has a time. A view of all accounts is assumed to hold every
    instrument that it selects.
    """

    def __init__(self, times: PriceTimes) -> None:
        self.text: str | None = None
        self._times = times
        self._due = self._held_due = 0.0
        self._held: Codes = np.empty(0, np.int32)

    def look(self, view: View) -> None:
        """Update `text`, if an update is due."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        if now >= self._held_due:
            self._held = instruments_of(view)
            took = time.monotonic() - now
            self._held_due = now + max(HELD_EVERY, REST * took)
        times = self._times.by_code(now)
        last = times[self._held[self._held < len(times)]].max(initial=NO_TIME)
        self.text = None if last == NO_TIME else Time(np.array([last])).to_list()[0].isoformat()


def instruments_of(view: View) -> Codes:
    """Codes of the instruments that a view's accounts hold. O(their positions)."""
    shape: Any = view._shape
    masters = shape.masters
    codes = np.arange(masters.instruments, dtype=np.int32)
    selected = codes
    if shape.instrument_group is not None:
        selected = np.where(shape.instrument_group < 0, np.int32(-1), codes)
    if shape.account_group is not None and (shape.account_group < 0).any():
        accounts = np.minimum(shape.account_group, 0)  # one group
        measures = list(range(len(MEASURES)))
        try:
            figures = view._book._core.values(
                accounts, 1, selected, masters.instruments, [], 0, masters.version, measures,
                None, 0, {},
            )  # fmt: skip
        except Error:  # an amount does not fit
            figures = None
        if figures is not None:  # None: names or attributes just changed
            return figures.row()
    return selected[selected >= 0]
