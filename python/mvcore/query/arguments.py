"""The checked arguments of a call for totals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvcore.errors import InvalidInput, shown
from mvcore.ingest.columns import names_of
from mvcore.query.measures import (
    CHANGES,
    COUNTED,
    MEASURES,
    OF_INSTRUMENT,
    Measure,
    measures_asked,
)  # fmt: skip
from mvcore.query.result_page import PageArguments, ResultPage, checked_page
from mvcore.query.selecting import wanted_labels

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes
    from mvcore.query.own_currency import OwnCurrency
    from mvcore.query.selecting import Find, Wanted

MeasuresArgument = str | Measure | Sequence[str | Measure]


class Query(NamedTuple):
    """The arguments of a call, checked. Selections are resolved at each read."""

    accounts: Codes | Wanted | None
    instruments: Codes | Wanted | None
    by: tuple[str, ...]
    measures: tuple[str | Measure, ...]
    currency: str
    rollup: bool
    find: Find  # codes of the names in a selection by attribute
    page: ResultPage | None = None  # None: all rows in their own order
    max_rows: int | None = None  # more rows are refused before they are computed
    own: OwnCurrency | None = None  # amounts are in the currency of each account

    @property
    def separate(self) -> bool:
        """Whether rows differ in the currency of their amounts."""
        return self.currency == "local" or self.own is not None

    @property
    def currency_kind(self) -> str:
        """Whose currency the amounts have. Rows of different kinds are not combined."""
        if self.own is not None:
            return "of each account"
        return "local" if self.currency == "local" else "one currency"

    @property
    def measure_numbers(self) -> list[int]:
        """The core's numbers of the amounts. Of changes in views, -1 minus that of the measure."""
        return [
            MEASURES.index(name) if name in MEASURES else -1 - CHANGES.index(name)
            for name in self.amounts
        ]

    @property
    def amounts(self) -> list[str]:
        """The exact measures that are amounts, and their changes."""
        return [m for m in self.measures if isinstance(m, str) and (m in MEASURES or m in CHANGES)]

    @property
    def changes(self) -> list[str]:
        """The changes since a view was last read."""
        return [m for m in self.measures if isinstance(m, str) and m in CHANGES]

    @property
    def of_instrument(self) -> list[str]:
        """The quantity measures, and the price."""
        return [m for m in self.measures if isinstance(m, str) and m in OF_INSTRUMENT]

    @property
    def quantities(self) -> list[str]:
        """The quantity measures."""
        return [m for m in self.measures if isinstance(m, str) and m in COUNTED]

    @property
    def instrument_columns(self) -> tuple[list[int], bool, int] | None:
        """What the core needs to return quantities and prices: the numbers of the quantities,
        whether the price, and the first level of a roll-up whose rows are of one instrument."""
        if not self.of_instrument:
            return None
        numbers = [COUNTED.index(name) for name in self.quantities]
        return numbers, "price" in self.of_instrument, self.by.index("instrument") + 1

    @property
    def functions(self) -> list[Measure]:
        """The user's functions."""
        return [measure for measure in self.measures if isinstance(measure, Measure)]


def listing_query(
    accounts: Any,
    instruments: Any,
    currency: str,
    codes: Callable[[str, Sequence[str]], Codes],
    find: Find,
) -> Query:
    """Check the selections of a call that lists positions, orders or prices, all of them."""
    return Query(
        _selection(accounts, "account", codes),
        _selection(instruments, "instrument", codes),
        (), MEASURES, currency, False, find,
    )  # fmt: skip


def checked_query(
    accounts: Any,
    instruments: Any,
    by: Any,
    measures: Any,
    currency: str,
    rollup: bool,
    codes: Callable[[str, Sequence[str]], Codes],
    find: Find,
    page: PageArguments,
    own: OwnCurrency | None = None,
) -> Query:
    """Check the arguments of a call. `codes(side, names)` raises UnknownId, `find` does not."""
    if _is_plain(by) and _is_plain(measures):
        by, measures = _plain_names(by, measures)
    else:
        by = _words(by, "by")
        measures = measures_asked(measures, by, _words)
    if not isinstance(rollup, bool | np.bool_):
        raise InvalidInput.about(
            None, "rollup", None, rollup, f"{shown(rollup)} is neither True nor False"
        )
    if rollup and currency == "local" and "currency" in by:
        raise InvalidInput.about(
            None,
            "by",
            by.index("currency"),
            "currency",
            "with currency='local' every row has its currency already",
        )
    return Query(
        _selection(accounts, "account", codes),
        _selection(instruments, "instrument", codes),
        by,
        measures,
        currency,
        bool(rollup),
        find,
        checked_page(
            page, by, measures, currency == "local" or own is not None, bool(rollup), _words
        ),
        own=own,
    )


def _is_plain(value: Any) -> bool:
    """Whether the value is a text or a tuple of texts, none of them of a subclass."""
    return type(value) is str or (type(value) is tuple and {*map(type, value)} <= {str})


@functools.lru_cache(maxsize=256)
def _plain_names(
    by: str | tuple[str, ...], measures: str | tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str | Measure, ...]]:
    """Check `by` and `measures`. Programs repeat the same few; errors are not kept."""
    names = _words(by, "by")
    return names, measures_asked(measures, names, _words)


def _words(value: Any, what: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, set | frozenset) or not isinstance(value, Iterable):  # a set has no order
        raise InvalidInput.about(
            None, what, None, value, f"{shown(value)} is not a sequence of names"
        )
    words = tuple(names_of(value, "call", what))
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise InvalidInput.about(None, what, row, word, f"{shown(word)} is not text")
    if len(set(words)) != len(words):
        row = next(k for k, word in enumerate(words) if word in words[:k])
        raise InvalidInput.about(None, what, row, words[row], f"{list(words)} names one twice")
    return words


def _selection(
    value: Any, side: str, codes: Callable[[str, Sequence[str]], Codes]
) -> Codes | Wanted | None:
    if value is None:
        return None
    if type(value) is not list and isinstance(value, Mapping):
        return wanted_labels(side, value)
    return codes(side, names_of(value, "selection", f"{side}s"))
