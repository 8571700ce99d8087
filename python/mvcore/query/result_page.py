"""Pages of results: the arguments `where`, `sort`, `limit` and `offset`, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from mvcore.errors import InvalidInput, invalid, shown, wrong_type
from mvcore.ingest.columns import text_of_scalar
from mvcore.ingest.times import whole
from mvcore.query.measures import CHANGES, COUNTED, MEASURES, Measure
from mvcore.query.selecting import one_label

Words = Callable[[Any, str], tuple[str, ...]]
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
LIMIT_MAX = 2**63 - 1  # a larger limit or offset is the same
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_ABSOLUTE = re.compile(r"abs\((.*)\)", re.DOTALL)
_EXPECTED_NUMBER = "a number: int, Decimal, float, str or a number of NumPy"


class PageColumn(NamedTuple):
    """A column of the rows."""

    kind: Literal["amount", "quantity", "price", "float", "unpriced", "by", "amount_currency"]
    place: int = 0  # among the amounts, the quantities, the functions, or the columns of `by`
    absolute: bool = False

    @property
    def has_labels(self) -> bool:
        return self.kind in ("by", "amount_currency")


class Condition(NamedTuple):
    """A condition of `where`. `value`: a number, or a label; None is the label of no label."""

    column: PageColumn
    name: str
    op: str
    value: Decimal | str | None


class SortKey(NamedTuple):
    column: PageColumn
    descending: bool


class ResultPage(NamedTuple):
    """What `where`, `sort`, `limit` and `offset` ask for."""

    where: tuple[Condition, ...]
    sort: tuple[SortKey, ...]
    limit: int | None
    offset: int


class PageArguments(NamedTuple):
    """The arguments as given."""

    where: Any = None
    sort: Any = None
    limit: Any = None
    offset: Any = 0


Conditions = Iterable[tuple[str, str, Any]]


def checked_page(
    given: PageArguments,
    by: tuple[str, ...],
    measures: Sequence[str | Measure],
    separate: bool,
    rollup: bool,
    words: Words,
) -> ResultPage | None:
    """Check the arguments. Returns None if they ask for all rows in their own order.

    `words(names, what)` checks names. separate: rows differ in their currency.
    """
    from_first = type(given.offset) is int and given.offset == 0
    if from_first and given.where is None and given.sort is None and given.limit is None:
        return None
    columns = _columns(by, measures, separate)
    page = ResultPage(
        tuple(_conditions(given.where, columns)),
        tuple(_sort_keys(given.sort, columns, words)),
        None if given.limit is None else count_of(given.limit, "limit"),
        count_of(given.offset, "offset"),
    )
    for name, value in zip(page._fields, page, strict=True):
        if rollup and value not in ((), None) and (name, value) != ("offset", 0):
            raise invalid(
                None, name, None, getattr(given, name), "a roll-up has subtotals between its rows",
                "rollup=False",
            )  # fmt: skip
    return None if page == ((), (), None, 0) else page


def _columns(
    by: tuple[str, ...], measures: Sequence[str | Measure], separate: bool
) -> dict[str, PageColumn]:
    """The columns that a page may name."""
    out = {name: PageColumn("by", place) for place, name in enumerate(by)}
    exact = [measure for measure in measures if isinstance(measure, str)]
    amounts = [name for name in exact if name in MEASURES or name in CHANGES]
    quantities = [name for name in exact if name in COUNTED]
    functions = [measure.name for measure in measures if isinstance(measure, Measure)]
    out |= {name: PageColumn("amount", place) for place, name in enumerate(amounts)}
    out |= {name: PageColumn("quantity", place) for place, name in enumerate(quantities)}
    if "price" in exact:
        out["price"] = PageColumn("price")
    out |= {name: PageColumn("float", place) for place, name in enumerate(functions)}
    out["unpriced"] = PageColumn("unpriced")
    if separate:  # otherwise all rows have the same
        out["amount_currency"] = PageColumn("amount_currency")
    return out


def _readings(text: str, columns: Mapping[str, PageColumn]) -> Iterator[PageColumn]:
    """Yield the columns that a text may mean: a name, or `abs(name)`."""
    if text in columns:
        yield columns[text]
    inner = _ABSOLUTE.fullmatch(text)
    if inner and inner[1] in columns and not columns[inner[1]].has_labels:
        yield columns[inner[1]]._replace(absolute=True)


def _refuse_column(
    argument: str, row: int, text: str, columns: Mapping[str, PageColumn], ambiguous: bool
) -> InvalidInput:
    if ambiguous:
        return invalid(None, argument, row, text, f"{shown(text)} names several columns")
    bare = text.removeprefix("-")
    inner = _ABSOLUTE.fullmatch(bare)
    bare = inner[1] if inner else bare
    if bare in columns:  # abs() of a text
        return invalid(None, argument, row, text, f"{shown(bare)} has no absolute value")
    error = InvalidInput.about(None, argument, row, text, f"the rows have no column {shown(bare)}")
    return error.unlike(bare, list(columns))


def _sort_keys(given: Any, columns: Mapping[str, PageColumn], words: Words) -> Iterator[SortKey]:
    if given is None:
        return
    seen = set()
    for row, text in enumerate(words(given, "sort")):
        found = [SortKey(column, False) for column in _readings(text, columns)]
        if text.startswith("-"):
            found += [SortKey(column, True) for column in _readings(text[1:], columns)]
        if len(found) != 1:
            raise _refuse_column("sort", row, text, columns, ambiguous=bool(found))
        if found[0].column in seen:
            raise invalid(
                None, "sort", row, text, f"{shown(text)} names a column that an earlier key names"
            )
        seen.add(found[0].column)
        yield found[0]


def _conditions(given: Any, columns: Mapping[str, PageColumn]) -> Iterator[Condition]:
    if given is None:
        return
    expected = 'a list of conditions such as ("current", ">", 1000)'
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise wrong_type(None, "where", None, given, expected)
    for row, condition in enumerate(given):
        if not isinstance(condition, tuple | list) or len(condition) != 3:
            raise invalid(
                None, "where", row, condition, f"{shown(condition)} is not a condition", expected
            )
        name, op, value = condition
        if not isinstance(name, str):
            raise wrong_type(None, "where", row, name, "the name of a column")
        found = list(_readings(name, columns))
        if len(found) != 1:
            raise _refuse_column("where", row, name, columns, ambiguous=bool(found))
        op = "=" if isinstance(op, str) and op == "==" else op
        if not isinstance(op, str) or op not in OPERATORS:
            raise invalid(
                None, "where", row, op, f"unknown operator {shown(op)}",
                f"one of {', '.join(OPERATORS)}",
            )  # fmt: skip
        if not found[0].has_labels:
            yield Condition(found[0], name, op, _number(value, row))
            continue
        if op not in ("=", "!="):
            raise invalid(
                None, "where", row, op, f"operator {op!r} for the texts of {shown(name)}", "= or !="
            )
        yield Condition(found[0], name, op, one_label(value, None, "where", row))


def _number(value: Any, row: int) -> Decimal:
    """The exact value; of a float, its shortest text."""
    if isinstance(value, Decimal):
        number = Decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return Decimal(int.__index__(value))
    else:
        if isinstance(value, float):
            text: str | None = float.__repr__(value)
        else:
            text = value if isinstance(value, str) else text_of_scalar(value)
        if text is None:
            raise wrong_type(None, "where", row, value, _EXPECTED_NUMBER)
        try:
            finite = isinstance(value, str) and not _NUMBER.fullmatch(text)
            number = Decimal("nan") if finite else Decimal(text)
        except ArithmeticError:  # an exponent of more than 18 digits
            number = Decimal("nan")
    if not number.is_finite():
        raise invalid(None, "where", row, value, f"{shown(value)} is not a number")
    return number


def count_of(value: Any, argument: str) -> int:
    """Check an argument that is a number of rows."""
    number = whole(value)
    if number is None:
        raise wrong_type(None, argument, None, value, "an integer that is not negative")
    if number < 0:
        raise invalid(None, argument, None, value, f"{shown(value)} is negative", "0 or more")
    return min(number, LIMIT_MAX)
