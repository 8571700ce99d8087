"""The context manager for rich displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class Shown:
    """Starts a rich display, if there is a terminal, and stops it at the end of the `with`
    block."""

    _shown: Any = None  # a rich Live or Progress; None without a terminal

    def __enter__(self) -> Self:
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown is not None:
            self._shown.stop()
