"""Names of codes, for frames: fetched from the core once, then cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mvcore import _core
from mvcore.frame import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mvcore.ingest.masters import Codes


class NameLists:
    """Lists of a book's names by code. Codes are never reused, so lists only grow."""

    def __init__(self, core: _core.Book) -> None:
        self._core = core
        self._known: dict[str, list[str]] = {"account": [], "instrument": [], "currency": []}
        self._ranks: dict[str, tuple[Codes, Codes]] = {}  # codes and their ranks, last asked for
        self._texts: dict[str, _core.CodeTexts] = {}

    def ranks(self, side: str, codes: Codes) -> Codes:
        """The places of names in code point order. Kept until other codes are asked for."""
        kept = self._ranks.get(side)
        if kept is not None and np.array_equal(kept[0], codes):
            return kept[1]
        ranks = ranks_of(self.of(side), codes)
        self._ranks[side] = (codes, ranks)
        return ranks

    def texts(self, side: str) -> _core.CodeTexts:
        """The names by code, for the core."""
        found = self._texts.get(side)
        if found is None:
            found = self._texts[side] = _core.name_texts(self._core, side)
        return found

    def column(self, side: str, codes: Codes) -> Text:
        """A column of names."""
        return Text(codes, self.of(side), self.texts(side))

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


def ranks_of(texts: Callable[[Codes], list[str | None]], ids: Codes) -> Codes:
    """The places of the texts of different ids in code point order."""
    named = texts(ids)
    order = sorted(range(len(ids)), key=lambda place: named[place] or "")
    ranks = np.empty(len(ids), np.int32)
    ranks[order] = np.arange(len(ids), dtype=np.int32)
    return ranks
