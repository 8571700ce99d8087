"""Turns result rows of the core into the frames of `values` and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore import _core
from mvcore.errors import ValueOverflow
from mvcore.frame import Column, Frame, Number, Plain, Text
from mvcore.ingest.masters import NOT_SET
from mvcore.query.grouping import LAST, TOTAL, RowGroups, attribute_of, texts_of_column
from mvcore.query.measures import CHANGES, COUNTED
from mvcore.results.names import OneText
from mvcore.results.positions import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mvcore.query.arguments import Query
    from mvcore.query.grouping import Shape
    from mvcore.results.names import NameLists


class ResultFrame(Frame):
    """Columns: [level] by... amount_currency measures... unpriced [removed]. Rows in label order,
    or in the order of the page.

    Holds only the core's result rows until a column is used.
    """

    __slots__ = ("_names", "_query", "_result_rows", "_shape", "_value_scale", "_with_removed")

    def __init__(
        self,
        names: NameLists,
        value_scale: int,
        query: Query,
        shape: Shape,
        rows: Any,
        with_removed: bool,
    ) -> None:
        self._names = names
        self._value_scale = value_scale
        self._query = query
        self._shape = shape
        self._result_rows = rows
        self._with_removed = with_removed
        self._made: dict[str, Column | Callable[[], Column]] | None = None
        self._length = len(rows)
        self.epoch = rows.epoch

    @property
    def _columns(self) -> dict[str, Column | Callable[[], Column]]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> dict[str, Column | Callable[[], Column]]:
        """Prepare the columns, in the order of the labels. Each is made on first use."""
        names, query, shape, rows = self._names, self._query, self._shape, self._result_rows
        local = query.separate
        value_scale, length, order = self._value_scale, len(self), self._order(local)

        def sorted_rows(column: Any) -> Any:
            return column if order is None else column.take(order, axis=0)

        # No column refers to the frame, so that its memory is free once nobody has it.
        columns: dict[str, Column | Callable[[], Column]] = {}
        if shape.level_of is not None:
            level_of = shape.level_of
            columns["level"] = lambda: Plain(level_of[sorted_rows(rows.row())].astype(np.int64))
        for name, source, label in zip(query.by, shape.by, shape.labels, strict=True):
            columns[name] = lambda source=source, label=label: Text(  # type: ignore[misc]
                sorted_rows(label.of(rows)), names_of_column(names, shape, source),
                texts_of_column(shape, source) or names.texts(source),
            )  # fmt: skip
        if local:
            columns["amount_currency"] = lambda: names.column(
                "currency", sorted_rows(rows.currency())
            )
        else:
            columns["amount_currency"] = lambda: Text(
                np.zeros(length, np.int32), OneText(query.currency)
            )
        exact = functions = quantities = 0
        for measure in query.measures:
            if measure == "price":
                columns[measure] = lambda: Number(
                    sorted_rows(rows.prices()), EXACT, sorted_rows(rows.priced()), strip=True
                )
            elif measure in COUNTED:
                columns[measure] = lambda k=quantities: Number(  # type: ignore[misc]
                    sorted_rows(rows.quantity(k)),
                    EXACT,
                    sorted_rows(rows.of_one_instrument()),
                    strip=True,
                )
                quantities += 1
            elif isinstance(measure, str):
                columns[measure] = lambda k=exact: Number(  # type: ignore[misc]
                    sorted_rows(rows.amount(k)), value_scale
                )
                exact += 1
            else:
                columns[measure.name] = lambda k=functions: Plain(sorted_rows(rows.floats(k)))  # type: ignore[misc]
                functions += 1
        columns["unpriced"] = lambda: Plain(sorted_rows(rows.unpriced()))
        if self._with_removed:
            columns["removed"] = lambda: Plain(sorted_rows(rows.removed()).astype(bool))
        return columns

    def _order(self, local: bool) -> Any:
        """Indices that sort the core's results. None if they are sorted."""
        rows = self._result_rows
        paged = self._query.page is not None and not self._with_removed
        if len(self) < 2 or paged or (self._shape.ordered and not local and rows.ascending):
            return None
        keys = [_sort_key(label.of(rows)) for label in self._shape.labels]
        keys += [rows.currency()] if local else []
        return _core.sort_order(keys) if keys else None


def overflow_of(
    error: ValueOverflow, names: NameLists, questions: Sequence[tuple[Query, Shape]]
) -> ValueOverflow:
    """Add to the error the measure and the labels of the row that does not fit.

    The core reports them as numbers. questions: of the views that were read together.
    """
    place = getattr(error, "place", None)
    if place is None:
        return error
    view, row, account_group, instrument_group, column = place
    query, shape = questions[view]
    rows = RowGroups(*np.array([[row], [account_group], [instrument_group]], np.int32))
    told = []
    for name, source, label in zip(query.by, shape.by, shape.labels, strict=True):
        code = label.of(rows)
        if code[0] != TOTAL:
            told.append(f"{name} {names_of_column(names, shape, source)(code)[0]!r}")
    exact = [*query.amounts, *query.quantities]
    measure = exact[min(column, len(exact) - 1)] if exact else "values"
    wrong = str(error)
    if measure in COUNTED:
        wrong = "a quantity does not fit 38 digits"
    elif measure in CHANGES:
        wrong = "the amount, or its change since the last read, does not fit 38 digits"
    return ValueOverflow.about(
        "values", measure, None, None, f"{', '.join(told) or 'the total'}: {wrong}"
    )


def _sort_key(ids: Any) -> Any:
    """Sort subtotals first, and labels that are not set last."""
    return np.where(ids == NOT_SET, LAST, ids)


def names_of_column(names: NameLists, shape: Shape, name: str) -> Callable[[Any], list[str | None]]:
    """Return a function from label ids of a `by` column to texts."""
    if name in ("account", "instrument", "currency"):
        return names.of(name)
    labels = attribute_of(name, shape.masters)[1].labels
    return lambda codes: [labels[c] if c >= 0 else None for c in codes.tolist()]


def combined_frame(
    names: NameLists, value_scale: int, query: Query, rows: _core.CombinedRows
) -> Frame:
    """Columns: view [level] by... amount_currency measures... unpriced removed.

    query: of any of the views. Each column is made on first use.
    """
    columns: dict[str, Column | Callable[[], Column]] = {"view": lambda: Plain(rows.view())}
    if query.rollup:
        columns["level"] = lambda: Plain(rows.level())

    def labels(place: int, name: str) -> Text:
        if name in ("account", "instrument", "currency"):
            return names.column(name, rows.labels(place))
        texts = rows.texts(place) or _core.label_texts([])  # no rows: no texts
        return Text(rows.labels(place), texts.of, texts)

    for place, name in enumerate(query.by):
        columns[name] = lambda place=place, name=name: labels(place, name)  # type: ignore[misc]
    columns["amount_currency"] = lambda: names.column("currency", rows.currency())
    exact = functions = quantities = 0
    for measure in query.measures:
        if measure == "price":
            columns[measure] = lambda: Number(rows.prices(), EXACT, rows.priced(), strip=True)
        elif measure in COUNTED:
            columns[measure] = lambda k=quantities: Number(  # type: ignore[misc]
                rows.quantity(k), EXACT, rows.of_one_instrument(), strip=True
            )
            quantities += 1
        elif isinstance(measure, str):
            columns[measure] = lambda k=exact: Number(rows.amount(k), value_scale)  # type: ignore[misc]
            exact += 1
        else:
            columns[measure.name] = lambda k=functions: Plain(rows.floats(k))  # type: ignore[misc]
            functions += 1
    columns["unpriced"] = lambda: Plain(rows.unpriced())
    columns["removed"] = lambda: Plain(rows.removed().astype(bool))
    return Frame(columns, len(rows), rows.epoch)
