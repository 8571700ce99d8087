"""Views: totals that follow the book, read whole or by what changed."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from mvcore import _core
from mvcore.errors import ClosedError, Error
from mvcore.figures import FiguresFrame
from mvcore.grouping import Asked, Shaper

if TYPE_CHECKING:
    from types import TracebackType

    from mvcore.book import Book
    from mvcore.frame import Frame
    from mvcore.grouping import Shape


class View:
    """Made by `Book.view`. One reader at a time; others wait.

    A lazy view meets new prices when it is read, at the cost of the cells of the instruments that
    moved. An incremental one is up to date before each write call returns, by the same kernel.
    """

    def __init__(self, book: Book, asked: Asked, currency: int, incremental: bool) -> None:
        self._book = book
        self._shaper = Shaper(asked)
        self._core: Any = _core.add_view(book._core, currency, incremental)
        self._shape: Shape | None = None
        self._lock = threading.Lock()
        self.incremental = incremental
        self._follow(self._core)

    def _catch_up(self) -> None:
        """After a change of the master tables, in an incremental view."""
        with self._lock:
            core = self._core
            if core is not None:
                with contextlib.suppress(Error):  # the write is in; the view's next read says it
                    self._follow(core)

    def _follow(self, core: _core.View) -> Shape:
        """The shape for the present master tables."""
        masters = self._book._masters
        shape = self._shape
        if shape is None or shape.masters is not masters:
            shape = self._shaper.shape(masters)
            core.reshape(*shape.core_arguments(), masters.version)
            self._shape = shape
        return shape

    def _read(self, everything: bool) -> Frame:
        core = self._core
        if core is None:
            raise ClosedError("the view is closed")
        self._book._core.check_open()
        while True:
            with self._lock:
                shape = self._follow(core)
                figures = core.read(everything)
            if figures is not None:
                break
            self._book._settle()  # without the lock: the writer may be about to take it
        return FiguresFrame(
            self._book, self._shaper.asked, shape, figures, with_removed=not everything
        )

    def read(self) -> Frame:
        """All rows. Cost: the cells of the instruments that moved since the last read."""
        return self._read(everything=True)

    def changes(self) -> Frame:
        """Rows whose amounts or counts differ from what this view last handed out.

        A column `removed` is true, once, for a row with no position left. The first call hands out
        all rows. Cost as `read`.
        """
        return self._read(everything=False)

    def stats(self) -> dict[str, int]:
        """Cells swept, rebuilds, bytes of memory."""
        core = self._core
        if core is None:
            raise ClosedError("the view is closed")
        self._book._core.check_open()
        return core.stats()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Free the view; closing twice is fine."""
        self._core = None

    def __enter__(self) -> View:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
