"""What shows something on the terminal while a `with` lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class Shown:
    """Starts what rich draws, where anybody looks, and stops it at the end."""

    _shown: Any = None  # a rich Live or Progress; None where nobody looks

    def __enter__(self) -> Self:
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown is not None:
            self._shown.stop()
