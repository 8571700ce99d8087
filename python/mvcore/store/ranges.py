"""Which instruments share a chunk: neighbours by code, kept from checkpoint to checkpoint."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Rows of a chunk, of holdings and orders together: about 2 MB. Larger ones would make more be
# written again when few instruments changed, smaller ones more files.
TARGET_ROWS = 1 << 17
Range = tuple[int, int]
Rows = npt.NDArray[np.int64]


def plan(before: list[Range], rows: Rows, target: int = TARGET_ROWS) -> list[Range]:
    """Ranges [begin, end) that cover all instruments, of which there are len(rows).

    Those before stay, so that what did not change need not be written; one that grew over twice the
    target is cut, and the last is joined with what is new while it is short.
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
