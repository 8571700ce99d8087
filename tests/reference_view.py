"""The reads of the reference model: errors, exact amounts, groups and views.

Slow and obvious on purpose. Every number is a Fraction. Nothing is cached between reads except what
a view last returned, and every amount is computed from the quantities each time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from reference_page import Page

MEASURES = ("sod", "current", "expected")
COUNTED = ("sod_quantity", "current_quantity", "expected_quantity")
CHANGES = ("sod_change", "current_change", "expected_change")  # only in views
OF_INSTRUMENT = (*COUNTED, "price")  # only in groupings by instrument
SIDES = ("account", "instrument")
DIGITS_MAX = 38


class Error(Exception):
    """Base of the model's errors, which have the names of mvcore's classes."""


class UnknownId(Error):
    pass


class InvalidInput(Error):
    pass


class ValueOverflow(Error):
    pass


class ClosedError(Error):
    pass


class Valuation(NamedTuple):
    account: str
    sod: Decimal
    current: Decimal
    expected: Decimal
    currency: str
    unpriced: int
    epoch: int


def decimal_of(count: int, scale: int) -> Decimal:
    """`count` in units of 10**-scale, independent of the precision of the decimal context."""
    return Decimal((int(count < 0), tuple(map(int, str(abs(count)))), -scale))


def plain(number: Fraction) -> Decimal:
    """A quantity or price as a Decimal, with at most 18 decimals."""
    return decimal_of(int(number * 10**18), 18)


def amount(parts: Iterable[Fraction], value_scale: int) -> Decimal:
    """The sum of parts (one per currency), each rounded once, half even."""
    count = sum(round(part * 10**value_scale) for part in parts)
    if abs(count) >= 10**DIGITS_MAX:
        raise ValueOverflow(f"amount {count}E-{value_scale} does not fit {DIGITS_MAX} digits")
    return decimal_of(count, value_scale)


def worth_in_base(book, currency: str) -> Fraction | None:
    if currency == book.base_currency:
        return Fraction(1)
    rate = book.state.fx.get(currency)
    if rate is None:
        return None
    return rate.rate if rate.method == "multiply" else 1 / rate.rate


def conversion(book, currency: str, target: str) -> Fraction | None:
    """The value of one unit of a currency in the target currency, or None without their rates."""
    if target in (currency, "local"):
        return Fraction(1)
    own, other = worth_in_base(book, currency), worth_in_base(book, target)
    return None if own is None or other is None else own / other


def unit_value(book, instrument: str) -> Fraction | None:
    """The market value of a quantity of 1, in the instrument's currency."""
    price = book.state.prices.get(instrument)
    master = book.state.instruments[instrument]
    return None if price is None else price.price * master.multiplier * master.quote_factor


def check_currency(book, currency: str | None, local: bool) -> str:
    if currency is None:
        return book.base_currency
    if not isinstance(currency, str):
        raise InvalidInput(f"{currency!r} is not a currency")
    if currency == "local":
        if local:
            return currency
        raise InvalidInput("'local' is not one currency")
    state = book.state
    attribute = currency.removeprefix("account.") if currency.startswith("account.") else None
    named = {book.base_currency, *state.fx, *(m.currency for m in state.instruments.values())}
    if attribute is not None and local:
        has = attribute in state.attributes["account"]
        if has == (currency in named):
            raise InvalidInput(f"{currency!r} means a currency and an attribute, or neither")
        return currency
    if currency not in named:
        raise UnknownId(f"unknown currency {currency!r}")
    return currency


def own_attribute(book, currency: str) -> str | None:
    """The attribute of accounts that names the currency of their amounts."""
    name = currency.removeprefix("account.")
    has = currency.startswith("account.") and name in book.state.attributes["account"]
    return name if has else None


def label_of(value: Any) -> str | None:
    """The label of an attribute's value. Only None means no label."""
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise InvalidInput(f"{value!r} is not a label")
    return None if value is None else str(value)


class Selection:
    """Selected names: all, a list of names, or attributes with their wanted values."""

    def __init__(self, book, side: str, wanted, allow_empty: bool = False) -> None:
        self.book, self.side = book, side
        self.names: set[str] | None = None
        self.attributes: dict[str, set[str | None]] = {}
        if isinstance(wanted, Mapping):
            for key, values in wanted.items():
                attribute = key.removeprefix(f"{side}.")
                if attribute in self.attributes:
                    raise InvalidInput(f"{key!r} names {attribute!r} again")
                names = ("account",) if side == "account" else ("instrument", "currency")
                if attribute not in (*names, *book.state.attributes[side]):
                    raise InvalidInput(f"no {side} attribute {attribute!r}")
                values = values if isinstance(values, (list, tuple, set)) else [values]
                odd = (Mapping, list, tuple, set, bytes, np.datetime64)
                if any(isinstance(value, odd) for value in values):
                    raise InvalidInput(f"{values!r} are not labels")
                self.attributes[attribute] = {label_of(value) for value in values}
            self.check_labels(allow_empty)
        elif wanted is not None:
            self.names = {wanted} if isinstance(wanted, str) else set(wanted)
            for name in self.names:
                if name not in book.masters(side):
                    raise UnknownId(f"unknown {side} {name!r}")

    def check_labels(self, allow_empty: bool) -> None:
        """Check that each label is in use now. It need not be later."""
        for attribute, labels in self.attributes.items():
            held = {self.label(attribute, name) for name in self.book.masters(self.side)}
            if not allow_empty and labels - held - {None}:
                raise InvalidInput(f"no {self.side} has the {attribute!r} {labels - held!r}")

    def label(self, attribute: str, name: str) -> str | None:
        if attribute == self.side:
            return name
        if self.side == "instrument" and attribute == "currency":
            return self.book.state.instruments[name].currency
        return label_of(self.book.attributes_of(self.side, name).get(attribute))

    def __contains__(self, name: str) -> bool:
        if self.names is not None:
            return name in self.names
        return all(self.label(a, name) in labels for a, labels in self.attributes.items())


class Column(NamedTuple):
    """A `by` column. `kind` defines the source and the order of its labels."""

    name: str
    kind: Any

    def label(self, book, account: str, instrument: str) -> str | None:
        names = {
            "account": account,
            "instrument": instrument,
            "currency": book.state.instruments[instrument].currency,
        }
        if self.kind in names:
            return names[self.kind]
        side, attribute = self.kind
        return label_of(book.attributes_of(side, names[side]).get(attribute))


def resolve(book, name: str) -> Column:
    if name in (*SIDES, "currency"):
        return Column(name, name)
    side, dot, attribute = name.partition(".")
    if dot and side in SIDES and attribute in book.state.attributes[side]:
        return Column(name, (side, attribute))
    having = [side for side in SIDES if name in book.state.attributes[side]]
    if len(having) != 1:
        raise InvalidInput(f"by: {name!r} is {'ambiguous' if having else 'unknown'}")
    return Column(name, (having[0], name))


class Query:
    """A query that can be repeated on the present state of the book."""

    def __init__(
        self,
        book,
        accounts,
        instruments,
        by,
        measures,
        currency,
        rollup,
        allow_empty=False,
        page: Page | None = None,
    ) -> None:
        by = (by,) if isinstance(by, str) else tuple(by)
        measures = (measures,) if isinstance(measures, str) else tuple(measures)
        if len(set(by)) != len(by):
            raise InvalidInput("by: a column twice")
        known = (*MEASURES, *CHANGES, *(OF_INSTRUMENT if "instrument" in by else ()))
        if not measures or len(set(measures)) != len(measures) or set(measures) - set(known):
            raise InvalidInput(f"measures: {measures!r}")
        self.book, self.measures, self.rollup = book, measures, rollup
        self.looked: dict[tuple, dict] | None = None  # of a view: all rows as last read
        self.columns = [resolve(book, name) for name in by]
        self.names = [column.name for column in self.columns]
        self.currency = check_currency(book, currency, local=True)
        if self.currency == "local" and rollup and "currency" in by:
            raise InvalidInput("currency is already local")
        self.accounts = Selection(book, "account", accounts, allow_empty)
        self.instruments = Selection(book, "instrument", instruments, allow_empty)
        self.own = own_attribute(book, self.currency)
        state = book.state
        masters = state.instruments.values()
        self.check_own({book.base_currency, *state.fx, *(m.currency for m in masters)})
        self.page = Page() if page is None else page
        if rollup and self.page.asked():
            raise InvalidInput("a roll-up has no pages")
        for name, _, label in self.page.where or ():
            if not allow_empty and label is not None and name in (*self.names, "amount_currency"):
                self._check_label(name, label)

    def check_own(self, currencies: Iterable[str]) -> None:
        """Check that every selected account has one of the currencies as its own."""
        if self.own is None:
            return
        if self.own not in self.book.state.attributes["account"]:
            raise InvalidInput(f"accounts have no attribute {self.own!r}")
        for account in self.book.state.accounts:
            if account in self.accounts and self.own_currency(account) not in currencies:
                raise InvalidInput(f"account {account!r} has no currency of its own")

    def own_currency(self, account: str) -> str | None:
        return self.accounts.label(self.own, account)

    def _check_label(self, name: str, label: Any) -> None:
        if name == "amount_currency" and self.own is not None:
            Selection(self.book, "account", {self.own: label})
            return
        kind = "currency" if name == "amount_currency" else resolve(self.book, name).kind
        side = "account" if kind == "account" else "instrument"
        side, attribute = (side, kind) if isinstance(kind, str) else kind
        Selection(self.book, side, {attribute: label})

    def rows(self) -> dict[tuple, dict]:
        """The rows of the page, in its order."""
        if set(self.measures) & set(CHANGES) and self.looked is None:
            raise InvalidInput("changes outside a view")
        return self.page.of(self.all_rows())

    def all_rows(self) -> dict[tuple, dict]:
        """Rows by key (level, labels, currency if rows differ), in the order of the output."""
        book, totals, nets = self.book, {}, {}
        self.check_own(book.state.seen["currency"])
        for (account, instrument), net in book.nets().items():
            if account not in self.accounts or instrument not in self.instruments:
                continue
            labels = tuple(column.label(book, account, instrument) for column in self.columns)
            own = book.state.instruments[instrument].currency
            local = own if self.currency == "local" else None
            local = local if self.own is None else self.own_currency(account)
            into = self.currency if self.own is None else local
            worth, rate = unit_value(book, instrument), conversion(book, own, into)
            for level in range(0 if self.rollup else len(labels), len(labels) + 1):
                key = (level, labels[:level] + (None,) * (len(labels) - level), local)
                subtotals, unpriced = totals.setdefault(key, ({}, [0]))
                nets.setdefault(key, []).append(net)
                if worth is None or rate is None:
                    unpriced[0] += 1
                    continue
                for measure in self._amounts():
                    parts = subtotals.setdefault(measure, {})
                    parts[own] = parts.get(own, 0) + getattr(net, measure) * worth
        return {
            key: self._row(key, *totals[key], nets[key]) for key in sorted(totals, key=self.order)
        }

    def _amounts(self) -> set[str]:
        """The amounts that the measures need."""
        of_changes = {MEASURES[CHANGES.index(m)] for m in self.measures if m in CHANGES}
        return of_changes | {m for m in self.measures if m in MEASURES}

    def look(self) -> None:
        """Take all rows, on the page or not, as what later changes are counted from."""
        asked = copy.copy(self)
        asked.measures = tuple(self._amounts())
        self.looked = asked.all_rows()

    def _change(self, key: tuple, measure: str, now: Decimal) -> Decimal:
        before = self.looked.get(key, {}).get(measure, Decimal(0))
        scale = self.book.value_scale
        count = int(Fraction(now) * 10**scale) - int(Fraction(before) * 10**scale)
        return amount([Fraction(count, 10**scale)], scale)

    def _of_instrument(self, key: tuple, measure: str, nets: list):
        """The quantity of the row or its price. None for a subtotal over instruments."""
        level, labels, _ = key
        place = self.names.index("instrument")
        if place >= level:
            return None
        if measure == "price":
            price = self.book.state.prices.get(labels[place])
            return None if price is None else plain(price.price)
        quantity = sum(getattr(net, MEASURES[COUNTED.index(measure)]) for net in nets)
        if abs(quantity) * 10**18 >= 10**DIGITS_MAX:
            raise ValueOverflow(f"the quantity {quantity} does not fit {DIGITS_MAX} digits")
        return plain(quantity)

    def _row(self, key: tuple, subtotals: dict, unpriced: list[int], nets: list) -> dict:
        row = self._head(key)
        into = self.currency if self.own is None else key[2]
        for measure in self.measures:
            if measure in OF_INSTRUMENT:
                row[measure] = self._of_instrument(key, measure, nets)
                continue
            base = MEASURES[CHANGES.index(measure)] if measure in CHANGES else measure
            parts = [
                subtotal * conversion(self.book, own, into)
                for own, subtotal in subtotals.get(base, {}).items()
            ]
            row[measure] = amount(parts, self.book.value_scale)
            if measure in CHANGES:
                row[measure] = self._change(key, base, row[measure])
        return row | {"unpriced": unpriced[0]}

    def _head(self, key: tuple) -> dict:
        level, labels, local = key
        row: dict[str, Any] = {"level": level} if self.rollup else {}
        row |= dict(zip(self.names, labels, strict=True))
        row["amount_currency"] = local or self.currency
        return row

    def empty_row(self, key: tuple) -> dict:
        gone = copy.copy(self)
        gone.looked = {}
        row = gone._row(key, {}, [0], [])
        return row | ({"price": None} if "price" in row else {})

    def order(self, key: tuple) -> tuple:
        """The sort key: totals before details, labels in order of first use, the label None
        last."""
        level, labels, local = key
        seen = self.book.state.seen
        places = []
        for number, (column, label) in enumerate(zip(self.columns, labels, strict=True)):
            if number >= level:
                places.append((0, 0))
            else:
                places.append((2, 0) if label is None else (1, seen[column.kind][label]))
        return (*places, (0, 0) if local is None else (1, seen["currency"][local]))


class ReferenceView:
    """Keeps a full copy of what it last returned, and compares."""

    def __init__(self, query: Query) -> None:
        self.query = query
        query.looked = {}
        self.last: dict[tuple, dict] | None = None
        self.closed = False

    def rows(self, prices=None, fx=None) -> dict[tuple, dict]:
        if self.closed:
            raise ClosedError("the view is closed")
        asked = copy.copy(self.query)
        asked.looked = None if prices or fx else asked.looked
        asked.book = self.query.book.what_if(prices, fx, self.query.currency)
        return asked.rows()

    def read(self, prices=None, fx=None) -> list[dict]:
        """Read all rows. With prices or rates, the read does not count as returned."""
        now = self.rows(prices, fx)
        if prices is None and fx is None:
            self.last = now
            self.query.look()
        return list(now.values())

    def changes(self) -> list[dict]:
        now, last = self.rows(), self.last or {}
        out = {key: row | {"removed": False} for key, row in now.items() if last.get(key) != row}
        for key in last.keys() - now.keys():
            out[key] = self.query.empty_row(key) | {"removed": True}
        self.last = now
        self.query.look()
        return [out[key] for key in sorted(out, key=self.query.order)]

    def columns(self) -> tuple:
        """What the columns of the rows depend on. The order of measures counts."""
        query = self.query
        return (
            tuple(query.columns),
            query.measures,
            query.rollup,
            query.own,
            query.currency == "local",
        )

    def close(self) -> None:
        self.closed = True
