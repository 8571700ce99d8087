"""Names of codes, for frames: fetched from the core, and cached once many are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore import _core
from mvcore.frame import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from mvcore.ingest.masters import Codes

SHORT = 64  # codes that are named without NumPy: the rows of most reads of an account


class NameList:
    """The names of one kind by code. Codes are never reused, so the list only grows."""

    def __init__(self, core: _core.Book, kind: str) -> None:
        self._core = core
        self._kind = kind
        self._known: list[str] = []
        self._fetched = 0  # names fetched without being kept
        self._arrow: Any = None

    def _up_to(self, codes: Codes) -> list[str]:
        """The list, with the names of all the codes."""
        known = self._known
        most = int(codes.max(initial=-1))
        if most >= len(known):
            new = np.arange(len(known), most + 1, dtype=np.int32)
            self._known = known = known + self._core.names(self._kind, new)
        return known

    def __call__(self, codes: Codes) -> list[str | None]:
        """The names of codes. That of a negative code is None."""
        if len(codes) <= SHORT:
            listed, known = codes.tolist(), self._known
            if max(listed, default=-1) < len(known):
                return [known[c] if c >= 0 else None for c in listed]
        new = int(codes.max(initial=-1)) + 1 - len(self._known)
        if self._fetched + len(codes) < new // 8:  # the list would cost more than these names
            self._fetched += len(codes)
            named = codes >= 0
            texts = iter(self._core.names(self._kind, codes[named]))
            return [next(texts) if has else None for has in named.tolist()]
        known = self._up_to(codes)
        return [known[c] if c >= 0 else None for c in codes.tolist()]

    def arrow(self, codes: Codes, dictionary: bool) -> pa.Array | None:
        """The same as an Arrow array of texts, or of indices into all names.

        None: a dictionary of the names of these few codes is smaller.
        """
        import pyarrow as pa

        known, held = self._up_to(codes), self._arrow
        few = len(codes) < len(known) // 8  # an array of all names would cost more
        if few and dictionary:
            return None
        if held is None or len(held) < len(known):
            if few:
                return pa.array(self(codes), pa.string())
            self._arrow = held = pa.array(known, pa.string())
        indices = pa.array(codes, pa.int32(), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, held) if dictionary else held.take(indices)


class OneText:
    """The same text for every code."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, codes: Codes) -> list[str | None]:
        return [self._text] * len(codes)

    def arrow(self, codes: Codes, dictionary: bool) -> pa.Array:
        import pyarrow as pa

        if dictionary:
            indices = pa.array(np.zeros(len(codes), np.int32))
            return pa.DictionaryArray.from_arrays(indices, pa.array([self._text], pa.string()))
        return pa.repeat(pa.scalar(self._text, pa.string()), len(codes))


class NameLists:
    """The names of a book, fetched from the core once."""

    def __init__(self, core: _core.Book) -> None:
        self._core = core
        self._lists = {kind: NameList(core, kind) for kind in ("account", "instrument", "currency")}
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

    def texts(self, kind: str) -> _core.CodeTexts:
        """The names by code, for the core."""
        found = self._texts.get(kind)
        if found is None:
            found = self._texts[kind] = _core.name_texts(self._core, kind)
        return found

    def column(self, kind: str, codes: Codes) -> Text:
        """A column of names."""
        return Text(codes, self.of(kind), self.texts(kind))

    def of(self, kind: str) -> NameList:
        """Return the names of accounts, instruments or currencies."""
        return self._lists[kind]


def ranks_of(texts: Callable[[Codes], list[str | None]], ids: Codes) -> Codes:
    """The places of the texts of different ids in code point order."""
    named = texts(ids)
    order = sorted(range(len(ids)), key=lambda place: named[place] or "")
    ranks = np.empty(len(ids), np.int32)
    ranks[order] = np.arange(len(ids), dtype=np.int32)
    return ranks
