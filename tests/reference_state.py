"""The state of the reference model at one epoch, and the effect of a batch."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import reference_cash
import reference_orders
from reference_orders import Order
from reference_tables import OPTIONAL, TABLES
from reference_view import SIDES, InvalidInput, UnknownId


class Instrument(NamedTuple):
    currency: str
    multiplier: Fraction
    quote_factor: Fraction
    attributes: dict[str, Any]
    cash: bool = False


class Price(NamedTuple):
    price: Fraction
    time: int | None
    epoch: int


class Rate(NamedTuple):
    rate: Fraction
    method: str
    time: int | None = None


class State:
    """The facts at one epoch. Values are immutable, so shallow copies of the dicts suffice."""

    def __init__(
        self, base_currency: str, cash: str | None = None, cash_scale: int | None = None
    ) -> None:
        self.cash, self.cash_scale = cash, cash_scale
        self.cash_before: set[str] = set()
        self.epoch = self.late_prices = self.late_orders = self.late_fx = 0
        self.unchanged_orders = self.skipped_prices = 0
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[str, dict[str, Any]] = {}
        self.fx: dict[str, Rate] = {}
        self.prices: dict[str, Price] = {}
        self.holdings: dict[tuple[str, str], Fraction] = {}
        self.orders: dict[str | int, Order] = {}
        self.order_kind: type | None = None  # of ids, fixed for the life of the book
        # Everything ever seen, in order: names and labels keep their positions.
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
            self.see("currency", row["currency"])
            old = self.fx.get(row["currency"], Rate(Fraction(1), "multiply"))
            time = row.get("time")
            if time is not None and old.time is not None and time < old.time:
                self.late_fx += 1
            else:
                self.fx[row["currency"]] = Rate(row["rate"], row.get("method", old.method), time)

    def put_prices(self, rows: list[dict], skip_unknown: bool = False) -> None:
        for row in rows:
            name, time = row["instrument"], row.get("time")
            if name not in self.instruments and skip_unknown:
                self.skipped_prices += 1
                continue
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

    def put_orders(self, rows: list[dict]) -> None:
        reference_orders.put_orders(self, rows)

    def check(self) -> None:
        """Check the invariants after a write."""
        for account, instrument in self.holdings:
            if account not in self.accounts or instrument not in self.instruments:
                raise InvalidInput(f"holding ({account!r}, {instrument!r}) refers to what goes")
        for name in self.prices.keys() - self.instruments.keys():
            del self.prices[name]
        self.price_cash()
        reference_orders.check_orders(self)
        reference_cash.check_instruments(self)
        reference_orders.check_nets(self)

    def price_cash(self) -> None:
        """Give cash without a price the price 1.

        An instrument that is no longer cash loses a price of 1 that has no time, unless this write
        set it.
        """
        for name in self.cash_before:
            price = self.prices.get(name)
            known = name in self.instruments and not self.instruments[name].cash
            if known and price and price[:2] == (1, None) and price.epoch < self.epoch:
                del self.prices[name]
        for name, instrument in self.instruments.items():
            if instrument.cash and name not in self.prices:
                self.prices[name] = Price(Fraction(1), None, self.epoch)
