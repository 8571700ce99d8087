"""Turns the page that a query asks for into keys of groups and integers, for the core."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore import _core
from mvcore.ingest.masters import NOT_SET
from mvcore.query.grouping import LAST
from mvcore.query.selecting import ANY_CURRENCY
from mvcore.results.names import ranks_of
from mvcore.results.positions import EXACT
from mvcore.results.result_rows import names_of_column

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes, Masters
    from mvcore.query.arguments import Query
    from mvcore.query.grouping import Shape
    from mvcore.query.result_page import Condition, PageColumn, ResultPage
    from mvcore.results.names import NameLists

BOUND_MAX = 10**38  # amounts, quantities and prices have at most 38 digits, so none reaches it
_UNKNOWN = -2  # the id of a label that nothing has
_FLOOR = Context(prec=60, rounding=ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX)


def core_page(
    query: Query, shape: Shape, names: NameLists, value_scale: int
) -> _core.ResultPage | None:
    """The page for one shape. None if the query asks for all rows."""
    if query.page is None:
        return None
    keys = _Keys(query, shape, names)
    page = _page(query.page, keys, value_scale)
    for place in range(len(query.by)):
        ids = keys.labels(place)
        page.add_row_order(keys.side(place), np.where(ids == NOT_SET, LAST, ids))
    if query.own is not None:  # their groups are in the order of labels
        page.add_row_order("currency", np.arange(_currencies(query, shape.masters), dtype=np.int32))
    return page


def position_page(
    query: Query, masters: Masters, names: NameLists, value_scale: int
) -> _core.ResultPage | None:
    """The page of a query of positions. None if it asks for all rows."""
    if query.page is None:
        return None
    return _page(query.page, _CodeKeys(query, masters, names), value_scale)


def _page(asked: ResultPage, keys: _Keys | _CodeKeys, value_scale: int) -> _core.ResultPage:
    page = _core.ResultPage(asked.offset, asked.limit)
    for condition in asked.where:
        _add_condition(page, condition, keys, value_scale)
    for column, descending in asked.sort:
        page.add_sort(*keys.ranked(column), descending)
    return page


def _add_condition(
    page: _core.ResultPage, condition: Condition, keys: _Keys | _CodeKeys, value_scale: int
) -> None:
    column, _, op, value = condition
    if column.has_labels:
        field, ids, wanted = keys.labelled(column, value)
        page.add_condition(field, 0, ids, op, *_words(wanted), 0.0)
        return
    assert isinstance(value, Decimal)
    scales = {"amount": value_scale, "quantity": EXACT, "price": EXACT}
    bound, op = scaled_bound(op, value, scales.get(column.kind, 0))
    op = condition.op if column.kind == "float" else op
    number = float(value) if column.kind == "float" else 0.0
    page.add_condition(_field(column), column.place, None, op, *_words(bound), number)


def scaled_bound(op: str, value: Decimal, scale: int) -> tuple[int, str]:
    """Turn a comparison of n / 10**scale with a number into one of n with an integer.

    `BOUND_MAX` replaces integers that no n reaches.
    """
    if value.is_zero():
        return 0, op
    if value.adjusted() + scale >= 38:
        return (-BOUND_MAX if value.is_signed() else BOUND_MAX), op
    if value.adjusted() + scale < -1:  # between two integers, and perhaps with a huge exponent
        floor, exact = (-1 if value.is_signed() else 0), False
    else:
        # O(digits of the value), of which a text from a client may have millions
        units = value.quantize(Decimal(1).scaleb(-scale), context=_FLOOR)
        floor, exact = int(units.scaleb(scale, context=_FLOOR)), units == value
    if exact:
        return floor, op
    if op in ("=", "!="):
        return BOUND_MAX, op  # no row is equal
    return floor, {"<": "<=", "<=": "<=", ">": ">", ">=": ">"}[op]


def _currencies(query: Query, masters: Masters) -> int:
    """The number of codes of currencies that rows may have."""
    most = int(masters.currency.max(initial=-1))
    return 1 + (most if query.own is None else max(most, query.own.most(masters)))


def _code(query: Query, source: str, name: str, column: PageColumn) -> int:
    """The code of a name, -1 if it is unknown."""
    own = column.kind == "amount_currency" and query.own is not None
    return int(query.find(ANY_CURRENCY if own else source, [name])[0])


def _words(number: int) -> tuple[int, int]:
    return number >> 64, number & (2**64 - 1)


def _field(column: PageColumn) -> str:
    if column.kind == "amount":
        return "magnitude" if column.absolute else "amount"
    if column.absolute and column.kind != "unpriced":
        return f"{column.kind}_magnitude"
    return column.kind


class _Keys:
    """Keys by group of accounts or instruments, or by currency code."""

    def __init__(self, query: Query, shape: Shape, names: NameLists) -> None:
        self.query, self.shape, self.names = query, shape, names

    def side(self, place: int) -> str:
        """The side of a `by` column."""
        return "account" if self.shape.by[place].startswith("account") else "instrument"

    def labels(self, place: int) -> Codes:
        """The label ids of a `by` column, by group of its side."""
        groups, ids = self.shape.labels[place]
        if ids is not None:
            return ids
        shape = self.shape
        count = shape.account_groups if groups == "account_group" else shape.instrument_groups
        return np.arange(count, dtype=np.int32)

    def _column(self, column: PageColumn) -> tuple[str, Codes, str]:
        """The core's field, the label ids and the source of the labels."""
        if column.kind == "by":
            return self.side(column.place), self.labels(column.place), self.shape.by[column.place]
        count = _currencies(self.query, self.shape.masters)
        return "currency", np.arange(count, dtype=np.int32), "currency"

    def ranked(self, column: PageColumn) -> tuple[str, int, Codes | None]:
        """The core's field, its place, and the ranks of its texts in code point order."""
        if not column.has_labels:
            return _field(column), column.place, None
        field, ids, source = self._column(column)
        texts = names_of_column(self.names, self.shape, source)
        used = np.flatnonzero(np.bincount(ids[ids >= 0])).astype(np.int32)  # without duplicates
        if source in ("account", "instrument", "currency"):
            ranks = self.names.ranks(source, used)
        else:
            ranks = ranks_of(texts, used)
        out = np.full(len(ids), LAST, np.int32)
        held = ids >= 0
        out[held] = ranks[np.searchsorted(used, ids[held])]
        return field, 0, out

    def labelled(self, column: PageColumn, label: Any) -> tuple[str, Codes, int]:
        """The core's field, the label ids, and the id of one label."""
        field, ids, source = self._column(column)
        if label is None:
            return field, ids, NOT_SET
        if source in ("account", "instrument", "currency"):
            code = _code(self.query, source, label, column)
            return field, ids, code if code >= 0 else _UNKNOWN
        side, _, name = source.partition(".")
        masters = self.shape.masters
        table = masters.account if side == "account" else masters.instrument
        return field, ids, table[name].id_of(label)


class _CodeKeys:
    """Keys by code of an account, an instrument or a currency. No keys: the codes themselves."""

    def __init__(self, query: Query, masters: Masters, names: NameLists) -> None:
        self.query, self.masters, self.names = query, masters, names

    def _source(self, column: PageColumn) -> str:
        return self.query.by[column.place] if column.kind == "by" else "currency"

    def ranked(self, column: PageColumn) -> tuple[str, int, Codes | None]:
        """The core's field, its place, and the ranks of names in code point order."""
        if not column.has_labels:
            return _field(column), column.place, None
        source, masters = self._source(column), self.masters
        count = {
            "account": masters.accounts,
            "instrument": masters.instruments,
            "currency": _currencies(self.query, masters),
        }[source]
        return source, 0, self.names.ranks(source, np.arange(count, dtype=np.int32))

    def labelled(self, column: PageColumn, label: Any) -> tuple[str, Codes, int]:
        """The core's field, no keys, and the code of one name."""
        source, codes = self._source(column), np.empty(0, np.int32)
        if label is None:
            return source, codes, _UNKNOWN
        code = _code(self.query, source, label, column)
        return source, codes, code if code >= 0 else _UNKNOWN
