"""Assigns instruments to chunks: neighbours by code, stable from checkpoint to checkpoint."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Holdings and orders of a chunk together: about 2 MB. Larger chunks rewrite more if few instruments
# changed; smaller ones make more files.
TARGET_ROWS = 1 << 17
Range = tuple[int, int]
Rows = npt.NDArray[np.int64]


def plan(before: list[Range], rows: Rows, target: int = TARGET_ROWS) -> list[Range]:
    """Ranges [begin, end) that cover all instruments. There are len(rows) of them.

    Existing ranges are kept, so that unchanged chunks need not be rewritten. A range over twice the
    target is split. The last range is extended by new instruments while it is short.
    """
    out: list[Range] = []
    at = 0
    for begin, end in before:
        total = int(rows[begin:end].sum())
        if end == before[-1][1] and end < len(rows) and 2 * total < target:
            break
        out += _cut(begin, end, rows, target) if total > 2 * target else [(begin, end)]
        at = end
    return out + _cut(at, len(rows), rows, target)


def _cut(begin: int, end: int, rows: Rows, target: int) -> list[Range]:
    out = []
    while begin < end:
        sums = np.cumsum(rows[begin:end])
        count = max(1, int(np.searchsorted(sums, target, side="right")))
        out.append((begin, begin + count))
        begin += count
    return out
