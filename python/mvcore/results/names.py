"""Names of codes, for frames: fetched from the core once, then cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mvcore import _core


class NameLists:
    """Lists of a book's names by code. Codes are never reused, so lists only grow."""

    def __init__(self, core: _core.Book) -> None:
        self._core = core
        self._known: dict[str, list[str]] = {"account": [], "instrument": [], "currency": []}

    def of(self, side: str) -> Callable[[npt.NDArray[np.int32]], list[str | None]]:
        """Return a function from codes to names. The name of a negative code is None."""

        def names(codes: npt.NDArray[np.int32]) -> list[str | None]:
            known = self._known[side]
            most = int(codes.max()) if len(codes) else -1
            if most >= len(known):
                new = np.arange(len(known), most + 1, dtype=np.int32)
                known = known + self._core.names(side, new)
                self._known[side] = known
            return [known[c] if c >= 0 else None for c in codes.tolist()]

        return names
