"""Shows the first rows of a frame as text, and as HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mvcore.formats import plain, printable

if TYPE_CHECKING:
    from mvcore.frame import Frame

ROWS = 10
WIDEST = 40  # characters of a name; amounts are never truncated


def as_text(frame: Frame) -> str:
    """Align the columns, numbers to the right."""
    names, columns = _first(frame)
    texts = [[name, *map(_cell, column)] for name, column in zip(names, columns, strict=True)]
    widths = [max(map(len, column)) for column in texts]
    right = [_is_numeric(column) for column in columns]
    lines = [_caption(frame)]
    for row in zip(*texts, strict=True):
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *_rest(frame)])


def as_html(frame: Frame) -> str:
    """Make a table without styles of its own."""
    names, columns = _first(frame)
    style = [' style="text-align: right"' if _is_numeric(c) else "" for c in columns]
    body = [[_cell(value) for value in row] for row in zip(*columns, strict=True)]
    parts = ["<table>", f"<caption>{html.escape(_caption(frame))}</caption>"]
    parts += [f"<thead>{_row('th', names, style)}</thead>", "<tbody>"]
    parts += [_row("td", row, style) for row in body]
    parts += ["</tbody>", "</table>"]
    return "\n".join([*parts, *(f"<p>{line}</p>" for line in _rest(frame))])


def _first(frame: Frame) -> tuple[list[str], list[list[Any]]]:
    head = frame[:ROWS]
    return [printable(name) for name in head.column_names], [head[n] for n in head.column_names]


def _caption(frame: Frame) -> str:
    return f"mvcore.Frame: {_rows(len(frame))}, epoch {frame.epoch}"


def _rest(frame: Frame) -> list[str]:
    more = len(frame) - ROWS
    return [f"... {_rows(more)} more"] if more > 0 else []


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _cell(value: Any) -> str:
    if value is None:
        return "null"
    text = printable(str(plain(value)))
    return f"{text[: WIDEST - 3]}..." if isinstance(value, str) and len(text) > WIDEST else text


def _is_numeric(column: Iterable[Any]) -> bool:
    return any(isinstance(v, Decimal | int | float) and not isinstance(v, bool) for v in column)


def _row(tag: str, cells: Sequence[str], style: Sequence[str]) -> str:
    pairs = zip(cells, style, strict=True)
    return f"<tr>{''.join(f'<{tag}{s}>{html.escape(c)}</{tag}>' for c, s in pairs)}</tr>"
