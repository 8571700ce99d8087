"""Rows of the core to the frames of `values` and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.frame import Column, Frame, Number, Plain, Text
from mvcore.grouping import attribute_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mvcore.book import Book
    from mvcore.grouping import Asked, Shape


def figures_frame(
    book: Book, asked: Asked, shape: Shape, figures: dict[str, Any], with_removed: bool
) -> Frame:
    """The columns [level] by... [currency] measures... unpriced [removed], rows in label order."""
    rows = figures["row"]
    local = asked.currency == "local"
    pick: Any = None  # the rows in order; None where they are already
    if len(rows) > 1 and (local or with_removed or not shape.ordered):
        keys = [_sort_key(label(rows)) for label in shape.labels]
        if local:
            keys.append(figures["currency"])
        if keys:
            pick = np.lexsort(keys[::-1])
            rows = rows[pick]

    def ordered(values: Any) -> Any:
        return values if pick is None else values[pick]

    columns: dict[str, Column | Callable[[], Column]] = {}
    if asked.rollup:
        columns["level"] = lambda: Plain(shape.level_of[rows].astype(np.int64))  # type: ignore[index]
    for name, label in zip(asked.by, shape.labels, strict=True):
        columns[name] = lambda name=name, label=label: Text(  # type: ignore[misc]
            label(rows), _names(book, shape, name)
        )
    if "currency" not in asked.by:
        columns["currency"] = lambda: (
            Text(ordered(figures["currency"]), book._names_of("currency"))
            if local
            else Text(np.zeros(len(rows), np.int32), lambda codes: [asked.currency] * len(codes))
        )
    amounts = Number(ordered(figures["amount"]), book.value_scale)
    for measure in asked.measures:
        columns[measure] = amounts
    columns["unpriced"] = lambda: Plain(ordered(figures["unpriced"]).astype(np.int64))
    if with_removed:
        columns["removed"] = lambda: Plain(ordered(figures["removed"]).astype(bool))
    return Frame(columns, len(rows), figures["epoch"])


def _sort_key(ids: Any) -> Any:
    """Subtotals first, what is not set last."""
    return np.where(ids == -1, np.iinfo(np.int32).max, ids)


def _names(book: Book, shape: Shape, name: str) -> Callable[[Any], list[str | None]]:
    if name in ("account", "instrument", "currency"):
        return book._names_of(name)
    labels = attribute_of(name, shape.masters)[1].labels
    return lambda codes: [labels[c] if c >= 0 else None for c in codes.tolist()]
