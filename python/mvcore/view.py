"""Views: totals that follow the book, read in full or as changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore import _core
from mvcore.closing import Closing
from mvcore.errors import ClosedError, Error, InvalidInput, ValueOverflow, invalid, shown
from mvcore.forks import rest_at_fork
from mvcore.frame import Frame, Plain
from mvcore.query.arguments import Query
from mvcore.query.grouping import Shaper
from mvcore.reads import Reads
from mvcore.results.page_keys import core_page
from mvcore.results.result_rows import ResultFrame, combined_frame, overflow_of

if TYPE_CHECKING:
    from mvcore.query.grouping import Shape


class View(Closing):
    """Made by `Book.view`. One thread reads at a time; others wait.

    A lazy view applies new prices when it is read. The read costs the cells of the instruments that
    moved. An incremental view is up to date before each write returns. Both modes use the same
    kernel.
    """

    def __init__(self, book: Reads, query: Query, currency: int, incremental: bool) -> None:
        self._book = book
        self._shaper = Shaper(query)
        if query.max_rows is not None:
            while not book._check_rows(query, self._shaper.shape(book._masters)):
                book._settle()
        self._core: Any = _core.add_view(
            book._core, currency, query.measure_numbers, incremental, len(query.functions),
            query.instrument_columns,
        )  # fmt: skip
        self._currency = currency
        self._shape: Shape | None = None
        self._lock = threading.Lock()
        rest_at_fork(self, "_lock", threading.Lock, book._core, rank=2)
        self.incremental = incremental
        self._follow(self._core)

    @property
    def closed(self) -> bool:
        """Whether the view or its book is closed: reads raise ClosedError."""
        return self._core is None or self._book.closed

    def _catch_up(self) -> None:
        """Adopt changed master tables. Called for incremental views only."""
        with self._lock:
            core = self._core
            if core is not None:
                # the write is applied; the view's next read raises the error
                with contextlib.suppress(Error):
                    self._follow(core)

    def _catch_up_now(self) -> None:
        """Adopt changed master tables. Raises ClosedError."""
        with self._lock:
            core = self._core
            if core is None:
                raise ClosedError("the view is closed")
            self._follow(core)

    def _columns(self) -> dict[str, Any]:
        """What the columns depend on, for an error message."""
        query, shape = self._shaper.query, self._shape
        return {
            "by": query.by,
            "columns": () if shape is None else shape.by,
            "measures": query.measures,
            "rollup": query.rollup,
            "currency": query.currency_kind,
        }

    def _check_no_column_view(self) -> None:
        """Raises InvalidInput if the rows have a column `view` of their own."""
        query = self._shaper.query
        if "view" in (*query.by, *(function.name for function in query.functions)):
            raise invalid(
                "changes", "views", 0, self, "the rows have a column 'view' of their own",
                "another name, such as 'account.view' for an attribute",
            )  # fmt: skip

    def _follow(self, core: _core.View) -> Shape:
        """Return the shape for the present master tables."""
        masters = self._book._masters
        shape = self._shape
        if shape is None or shape.masters is not masters:
            shape = self._shaper.shape(masters)
            book = self._book
            page = core_page(self._shaper.query, shape, book._names, book.value_scale)
            core.reshape(
                *shape.core_arguments(), masters.version, shape.functions, page,
                *shape.core_labels(self._shaper.query), shape.own,
            )  # fmt: skip
            self._shape = shape
        return shape

    def _read(self, everything: bool, gone: threading.Event | None = None) -> Frame:
        """Read rows or changes.

        If `gone` is set, nobody waits for the rows any more, and the view treats them as not
        returned.
        """
        core = self._core
        if core is None:
            raise ClosedError("the view is closed")
        self._book._core.check_open()
        names = self._book._names
        while True:
            with self._lock:
                shape = self._follow(core)
                try:
                    rows = core.read(everything)
                except ValueOverflow as error:
                    raise overflow_of(error, names, [(self._shaper.query, shape)]) from None
                if gone is not None and gone.is_set():
                    core.forget()
            if rows is not None:
                break
            self._book._settle()  # without the lock: the writer may be about to take it
        return ResultFrame(
            names,
            self._book.value_scale,
            self._shaper.query,
            shape,
            rows,
            with_removed=not everything,
        )

    def read(
        self, prices: Mapping[str, Any] | None = None, fx: Mapping[str, Any] | None = None
    ) -> Frame:
        """Return all rows, or those of the page, in its order.

        Cost: the cells of the instruments that moved since the last read. Functions of
        `mvcore.measure` are called for every position selected.

        prices, fx: return the rows at other prices and rates, as in `Book.values`, which also takes
        changes such as {"sector=Tech": "-10%"}. This does not affect what `changes` returns next,
        also if both are empty. Cost as `Book.values`.
        """
        if prices is None and fx is None:
            return self._read(everything=True)
        given = self._book._what_if(prices, fx)
        if self._core is None:
            raise ClosedError("the view is closed")
        self._book._core.check_open()
        return self._book._values(self._shaper.anew(), self._currency, given)

    def changes(self) -> Frame:
        """Return the rows whose amounts or counts differ from what this view last returned.

        The column `removed` is true, once, for a row with no position left, and for a row that left
        the page. A row that entered the page is returned like one that changed. Rows come in label
        order, whatever `sort` is. The first call returns all rows. So does the next call if memory
        ran out in a read or a write; rows that disappeared meanwhile are then not reported. Cost as
        `read`.
        """
        return self._read(everything=False)

    async def stream(self, interval: float = 0.1) -> AsyncIterator[Frame]:
        """Yield all rows, then every `interval` seconds the `changes`, if there are any.

        The stream ends when the view or the book is closed. It may be cancelled: the next stream or
        `changes` starts with all rows again. Long reads run in a thread, so they do not block the
        event loop.
        """
        import asyncio  # takes 40 ms: only streams pay for it

        if isinstance(interval, bool | str) or not interval or not interval > 0:
            raise InvalidInput.about(
                "stream", "interval", None, interval, f"{interval!r} is not a number of seconds"
            )
        loop = asyncio.get_running_loop()
        due = loop.time()
        gone = threading.Event()
        if self._core is not None:
            self._core.forget()  # start with all rows, whoever read before
        try:
            while True:
                core = self._core
                if core is None:
                    return
                if core.is_fast():
                    frame = self.changes()
                else:
                    frame = await asyncio.to_thread(self._read, False, gone)
                if len(frame):
                    yield frame
                due = max(due + interval, loop.time())
                await asyncio.sleep(due - loop.time())
        except ClosedError:
            return
        finally:
            gone.set()  # tells a read that still runs in its thread
            core = self._core
            if core is not None:
                core.forget()

    def stats(self) -> dict[str, int]:
        """Return counts of cells swept, rebuilds and rows whose amounts were computed, and the
        bytes of memory.
        """
        core = self._core
        if core is None:
            raise ClosedError("the view is closed")
        self._book._core.check_open()
        return core.stats()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Free the view. A second `close` does nothing."""
        self._core = None


def _checked(book: Reads, views: Any) -> tuple[list[View], list[Any]]:
    """Return open views of the book, each once, and their cores."""
    if isinstance(views, View) or not isinstance(views, Iterable):
        raise InvalidInput.about(
            "changes", "views", None, views, f"{views!r} is not a list of views"
        )
    views = list(views)
    cores = []
    for view in views:
        if getattr(view, "_book", None) is not book:
            raise InvalidInput.about(
                "changes", "views", None, view, f"{view!r} is not a view of this book"
            )
        if view._core is None:
            raise ClosedError("the view is closed")
        cores.append(view._core)
    if len({id(view) for view in views}) != len(views):
        raise InvalidInput.about("changes", "views", None, views, "the list names a view twice")
    return views, cores


def changes_of(book: Reads, views: Sequence[View]) -> list[Frame]:
    """See `Book.changes`."""
    views, cores = _checked(book, views)
    # every thread locks several views in this order, so none deadlocks
    ordered = sorted(views, key=id)
    while True:
        held: list[View] = []
        try:
            for view in ordered:
                view._lock.acquire()
                held.append(view)
            shapes = [view._follow(core) for view, core in zip(views, cores, strict=True)]
            found = _core.changes(cores)
        except ValueOverflow as error:
            query = [view._shaper.query for view in views]
            questions = list(zip(query, shapes, strict=True))
            raise overflow_of(error, book._names, questions) from None
        finally:
            for view in held:
                view._lock.release()
        if found is not None:
            break
        book._settle()
    return [
        ResultFrame(
            book._names, book.value_scale, view._shaper.query, shape, rows, with_removed=True
        )
        for view, shape, rows in zip(views, shapes, found, strict=True)
    ]


_core_of = attrgetter("_core")


def combined_changes_of(book: Reads, views: Sequence[View]) -> Frame:
    """See `Book.changes`.

    The core checks the views and reads them in one pass. Python looks at single views only if the
    core refuses the list, or if the master tables changed.
    """
    views = list(views) if isinstance(views, list | tuple) else _checked(book, views)[0]
    if not views:
        return Frame({"view": Plain(np.empty(0, np.int64))}, 0, book.epoch)
    if isinstance(views[0], View):
        views[0]._check_no_column_view()
    followed = False
    while True:
        try:
            found = _core.combined_changes(book._core, list(map(_core_of, views)))
        except (AttributeError, TypeError):  # not all are views
            found = None
        except ValueOverflow as error:
            questions: Any = [(view._shaper.query, view._shape) for view in views]
            raise overflow_of(error, book._names, questions) from None
        if isinstance(found, _core.CombinedRows):
            return combined_frame(book._names, book.value_scale, views[0]._shaper.query, found)
        if found is None:
            _checked(book, views)  # raises
        elif isinstance(found, int):
            raise _other_columns(views, found)
        else:
            if followed:
                book._settle()
            for place in found:
                views[place]._catch_up_now()
            followed = True


def _other_columns(views: Sequence[View], row: int) -> InvalidInput:
    """Make the error for the first view whose columns are not those of the first in the list."""
    first, other = views[0]._columns(), views[row]._columns()
    name = next(name for name in first if first[name] != other[name])
    return invalid(
        "changes", "views", row, views[row],
        f"the view has {name} {shown(other[name])}, and the view in row 0 {shown(first[name])}",
        "views with the same columns, because combined is True",
    )  # fmt: skip
