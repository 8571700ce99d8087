"""What the reference model knows at one epoch, and how tables are read into it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

from reference_view import MEASURES, SIDES, InvalidInput, UnknownId

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = ("instruments", "accounts", "fx", "prices", "holdings")  # the order they are applied in
KEYS = {
    "instruments": ("instrument",),
    "accounts": ("account",),
    "fx": ("currency",),
    "prices": ("instrument",),
    "holdings": ("account", "instrument"),
}
NEEDED = {"fx": ("rate",), "prices": ("price",), "holdings": ("quantity",)}
OPTIONAL = {
    "instruments": ("currency", "multiplier", "quote_factor"),
    "fx": ("method",),
    "prices": ("time",),
}
RESERVED = {
    *("account", "instrument", "currency", "multiplier", "quote_factor", "level", "removed"),
    *("unpriced", "epoch", *MEASURES),
}


class Instrument(NamedTuple):
    currency: str
    multiplier: Fraction
    quote_factor: Fraction
    attributes: dict[str, Any]


class Price(NamedTuple):
    price: Fraction
    time: int | None
    epoch: int


class Rate(NamedTuple):
    rate: Fraction
    method: str


class Net(NamedTuple):
    """The quantities of one position, by measure."""

    sod: Fraction
    current: Fraction
    expected: Fraction


def number(value) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidInput(f"{value!r} is not a decimal number")
    text = repr(float(value)) if isinstance(value, float) else str(value)
    if not NUMBER.fullmatch(text):
        raise InvalidInput(f"{value!r} is not a decimal number")
    try:
        _, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        raise InvalidInput(f"{value!r} is out of range") from None
    significant = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(significant)
    if significant and (exponent < -18 or len(significant) + exponent > 20):
        raise InvalidInput(f"{value!r} has more than 18 decimals or 20 digits before the point")
    return Fraction(Decimal(text)) if significant else Fraction(0)


def number_or_one(value) -> Fraction:
    return Fraction(1) if value is None else number(value)


def positive(value) -> Fraction:
    if number(value) <= 0:
        raise InvalidInput(f"rate {value!r} is not positive")
    return number(value)


def text(value) -> str:
    if not isinstance(value, str) or not value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidInput(f"{value!r} is not a name")
    return value


def currency_name(value) -> str:
    if value == "local":
        raise InvalidInput("'local' is not a currency")
    return text(value)


def method(value) -> str:
    if value not in (None, "multiply", "divide"):
        raise InvalidInput(f"method {value!r}")
    return value or "multiply"


def nanoseconds(value) -> int | None:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        value = (aware - EPOCH_START) // timedelta(microseconds=1) * 1000
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise InvalidInput(f"time {value!r}")
    return value


def attribute(value) -> Any:
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    return text(value)


PARSERS = {
    "account": text,
    "instrument": text,
    "currency": currency_name,
    "multiplier": number_or_one,
    "quote_factor": number_or_one,
    "quantity": number,
    "price": number,
    "rate": positive,
    "method": method,
    "time": nanoseconds,
}


def read_table(table: str, columns: dict[str, list]) -> list[dict]:
    """The rows of a table, parsed; any bad cell is an error."""
    known = {*KEYS[table], *NEEDED.get(table, ()), *OPTIONAL.get(table, ())}
    for name in (*KEYS[table], *NEEDED.get(table, ())):
        if name not in columns:
            raise InvalidInput(f"{table}: column {name!r} is missing")
    for name in columns.keys() - known:
        own_currency = table == "accounts" and name == "currency"
        if table not in ("instruments", "accounts") or (name in RESERVED and not own_currency):
            raise InvalidInput(f"{table}: column {name!r} is not allowed")
    if len({len(column) for column in columns.values()}) > 1:
        raise InvalidInput(f"{table}: columns differ in length")
    rows, keys = [], set()
    for place in range(len(next(iter(columns.values())))):
        row = {}
        for name, column in columns.items():
            try:
                row[name] = (PARSERS[name] if name in known else attribute)(column[place])
            except InvalidInput as error:
                raise InvalidInput(f"{table}.{name}, row {place}: {error}") from None
        key = tuple(row[name] for name in KEYS[table])
        if key in keys:
            raise InvalidInput(f"{table}, row {place}: {key!r} is there twice")
        keys.add(key)
        rows.append(row)
    return rows


class State:
    """Everything that is known at one epoch. Values are immutable, so dicts are copied flat."""

    def __init__(self, base_currency: str) -> None:
        self.epoch = self.late_prices = 0
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[str, dict[str, Any]] = {}
        self.fx: dict[str, Rate] = {}
        self.prices: dict[str, Price] = {}
        self.holdings: dict[tuple[str, str], Fraction] = {}
        # What was ever seen, in that order: names and labels keep their place for good.
        self.attributes: dict[str, dict[str, int]] = {side: {} for side in SIDES}
        self.seen: dict[Any, dict[str, int]] = {"account": {}, "instrument": {}, "currency": {}}
        self.see("currency", base_currency)

    def copy(self) -> State:
        other = copy.copy(self)
        for name in TABLES:
            setattr(other, name, dict(getattr(self, name)))
        other.attributes = {side: dict(names) for side, names in self.attributes.items()}
        other.seen = {kind: dict(places) for kind, places in self.seen.items()}
        return other

    def see(self, kind: Any, label: str) -> None:
        places = self.seen.setdefault(kind, {})
        places.setdefault(label, len(places))

    def see_attributes(self, side: str, columns: Iterable[str], rows: list[dict]) -> None:
        known = (side, *(OPTIONAL["instruments"] if side == "instrument" else ()))
        for name in (name for name in columns if name not in known):
            self.attributes[side].setdefault(name, len(self.attributes[side]))
            for value in (row[name] for row in rows if row[name] is not None):
                self.see((side, name), str(value))

    def put_instruments(self, rows: list[dict]) -> None:
        known = ("instrument", *OPTIONAL["instruments"])
        for row in rows:
            old = self.instruments.get(row["instrument"])
            if old is None and "currency" not in row:
                raise InvalidInput(f"instruments: {row['instrument']!r} is new, without currency")
            old = old or Instrument("", Fraction(1), Fraction(1), {})
            facts = {name: row[name] for name in OPTIONAL["instruments"] if name in row}
            given = {name: value for name, value in row.items() if name not in known}
            new = old._replace(**facts, attributes=old.attributes | given)
            self.instruments[row["instrument"]] = new
            self.see("instrument", row["instrument"])
            self.see("currency", new.currency)

    def put_accounts(self, rows: list[dict]) -> None:
        for row in rows:
            given = {name: value for name, value in row.items() if name != "account"}
            self.accounts[row["account"]] = self.accounts.get(row["account"], {}) | given
            self.see("account", row["account"])

    def put_fx(self, rows: list[dict]) -> None:
        base = next(iter(self.seen["currency"]))
        for row in rows:
            if row["currency"] == base:
                if row["rate"] != 1:
                    raise InvalidInput("fx: the rate of the base currency is 1")
                continue
            old = self.fx.get(row["currency"], Rate(Fraction(1), "multiply"))
            self.fx[row["currency"]] = Rate(row["rate"], row.get("method", old.method))
            self.see("currency", row["currency"])

    def put_prices(self, rows: list[dict]) -> None:
        for row in rows:
            name, time = row["instrument"], row.get("time")
            if name not in self.instruments:
                raise UnknownId(f"prices: unknown instrument {name!r}")
            held = self.prices.get(name)
            if held and time is not None and held.time is not None and time < held.time:
                self.late_prices += 1
            else:
                self.prices[name] = Price(row["price"], time, self.epoch)

    def put_holdings(self, rows: list[dict]) -> None:
        for row in rows:
            key = account, instrument = row["account"], row["instrument"]
            if account not in self.accounts or instrument not in self.instruments:
                raise UnknownId(f"holdings: unknown account or instrument in {key!r}")
            self.holdings.pop(key, None)
            if row["quantity"]:
                self.holdings[key] = row["quantity"]

    def check(self) -> None:
        for account, instrument in self.holdings:
            if account not in self.accounts or instrument not in self.instruments:
                raise InvalidInput(f"holding ({account!r}, {instrument!r}) refers to what goes")
        for name in self.prices.keys() - self.instruments.keys():
            del self.prices[name]
