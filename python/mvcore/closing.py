"""What books, views and snapshots have in common: they are closed at the end of a `with`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Closing:
    """Calls its `close` when a `with` ends."""

    if TYPE_CHECKING:
        close: Callable[[], None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
