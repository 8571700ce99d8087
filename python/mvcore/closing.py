"""The context manager that books, views and snapshots share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Closing:
    """Calls `close` at the end of a `with` block."""

    if TYPE_CHECKING:
        close: Callable[[], None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
