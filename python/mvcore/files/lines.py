"""The line of each row of a file, for error messages."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt


class Lines:
    """Maps rows of a table to lines. Consecutive rows do not need a number each."""

    def __init__(self) -> None:
        self._first_rows: list[int] = []
        self._lines: list[int | npt.NDArray[np.int64]] = []
        self.rows = 0

    def add(self, rows: int, lines: int | npt.NDArray[np.int64]) -> None:
        """Append rows.

        lines: the line of the first row if each row is one line, otherwise the line of each.
        """
        follows = (
            self._lines
            and isinstance(lines, int)
            and isinstance(last := self._lines[-1], int)
            and last + self.rows - self._first_rows[-1] == lines
        )
        if rows and not follows:
            self._first_rows.append(self.rows)
            self._lines.append(lines)
        self.rows += rows

    def of(self, row: int) -> int:
        """The line, counted from 1, on which the row begins."""
        part = bisect_right(self._first_rows, row) - 1
        lines, place = self._lines[part], row - self._first_rows[part]
        return lines + place if isinstance(lines, int) else int(lines[place])
