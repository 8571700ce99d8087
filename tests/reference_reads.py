"""Reads of the reference model: of the book, of a snapshot, at other prices."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from reference_orders import Net, positions
from reference_page import Page
from reference_state import State
from reference_tables import EPOCH_START
from reference_view import (
    MEASURES,
    ClosedError,
    InvalidInput,
    Query,
    Selection,
    UnknownId,
    Valuation,
    amount,
    check_currency,
    conversion,
    plain,
    unit_value,
)
from reference_what_if import put_what_if


class Reads:
    """Reads of one state, which the subclass owns."""

    base_currency: str
    value_scale: int
    state: State

    @property
    def epoch(self) -> int:
        return self.state.epoch

    def check_open(self) -> None:
        """Snapshots may be closed. The model's book is never closed."""

    # -- inputs of queries -----------------------------------------------------------------------

    def nets(self) -> dict[tuple[str, str], Net]:
        return positions(self.state)

    def masters(self, side: str) -> dict[str, Any]:
        return self.state.accounts if side == "account" else self.state.instruments

    def attributes_of(self, side: str, name: str) -> dict[str, Any]:
        if side == "account":
            return self.state.accounts[name]
        return self.state.instruments[name].attributes

    def what_if(self, prices: Mapping | None, fx: Mapping | None, currency: str | None) -> Reads:
        """The same facts at other prices and rates, for this query only.

        A rate must be of a currency in the book, or of the currency of the amounts.
        """
        if prices is None and fx is None:
            return self
        if not all(given is None or isinstance(given, Mapping) for given in (prices, fx)):
            raise InvalidInput("prices and fx map a name to a number or a percent")
        other = copy.copy(self)
        other.state = self.state.copy()
        put_what_if(self, other.state, prices, fx, currency)
        return other

    # -- amounts of groups ---------------------------------------------------------------------

    def value(self, account: str, currency: str | None = None) -> Valuation:
        self.check_open()
        target = check_currency(self, currency, local=False)
        rows = self.values(accounts=account, by=(), currency=target)
        row = rows[0] if rows else dict.fromkeys(MEASURES, amount([], self.value_scale))
        amounts = [row[measure] for measure in MEASURES]
        return Valuation(account, *amounts, target, row.get("unpriced", 0), self.epoch)

    def values(
        self,
        accounts=None,
        instruments=None,
        by=("account",),
        measures=MEASURES,
        currency=None,
        rollup=False,
        prices=None,
        fx=None,
        allow_empty=False,
        **page,
    ) -> list[dict]:
        self.check_open()
        book = self.what_if(prices, fx, currency)
        query = Query(
            book, accounts, instruments, by, measures, currency, rollup, allow_empty, Page(**page)
        )
        return list(query.rows().values())

    # -- facts with their values -----------------------------------------------------------------

    def holdings(self, accounts=None, instruments=None, allow_empty=False) -> list[dict]:
        self.check_open()
        wanted = self._wanted(accounts, instruments, allow_empty)
        rows = []
        for account, instrument in sorted(self.state.holdings, key=self._codes):
            if account in wanted[0] and instrument in wanted[1]:
                quantity = self.state.holdings[account, instrument]
                rows.append(
                    {
                        "account": account,
                        "instrument": instrument,
                        "quantity": plain(quantity),
                        "price": self._price(instrument),
                        "amount_currency": self.state.instruments[instrument].currency,
                        "market_value": self._worth(quantity, instrument),
                        "base_value": self._worth(quantity, instrument, into=self.base_currency),
                    }
                )
        return rows

    def positions(
        self, accounts=None, instruments=None, currency=None, allow_empty=False, **page
    ) -> list[dict]:
        self.check_open()
        by = ("account", "instrument")
        query = Query(
            self, accounts, instruments, by, MEASURES, currency, False, allow_empty, Page(**page)
        )
        wanted, target = (query.accounts, query.instruments), query.currency
        nets, rows = self.nets(), []
        for account, instrument in sorted(nets, key=self._codes):
            if account not in wanted[0] or instrument not in wanted[1]:
                continue
            net = nets[account, instrument]
            own = self.state.instruments[instrument].currency
            target = query.currency if query.own is None else query.own_currency(account)
            amounts = {m: self._worth(getattr(net, m), instrument, into=target) for m in MEASURES}
            rows.append(
                {
                    "account": account,
                    "instrument": instrument,
                    **{f"{measure}_quantity": plain(getattr(net, measure)) for measure in MEASURES},
                    "price": self._price(instrument),
                    "amount_currency": own if target == "local" else target,
                    **amounts,
                    "unpriced": int(amounts["sod"] is None),
                }
            )
        return list(query.page.of({(k,): row for k, row in enumerate(rows)}).values())

    def orders(self, accounts=None, instruments=None, allow_empty=False) -> list[dict]:
        self.check_open()
        wanted = self._wanted(accounts, instruments, allow_empty)
        rows = []
        for name in sorted(self.state.orders, key=self._place):
            order = self.state.orders[name]
            if order.account in wanted[0] and order.instrument in wanted[1]:
                rows.append(
                    {
                        "order": name,
                        "account": order.account,
                        "instrument": order.instrument,
                        "order_quantity": plain(order.order_quantity),
                        "filled_quantity": plain(order.filled_quantity),
                        "average_price": plain_or_none(order.average_price),
                        "rolled_quantity": plain(order.rolled_quantity),
                        "leaves_quantity": plain(order.leaves),
                        "status": order.status,
                        "time": moment(order.time),
                        "price": self._price(order.instrument),
                        "amount_currency": self.state.instruments[order.instrument].currency,
                        "market_value": self._worth(order.order_quantity, order.instrument),
                        "filled_value": self._worth(order.filled_quantity, order.instrument),
                    }
                )
        return rows

    def revalue(self, instrument: str) -> list[dict]:
        """Holdings by account, then orders by id. mvcore does not define the order of orders."""
        self.check_open()
        if instrument not in self.state.instruments:
            raise UnknownId(f"revalue: unknown instrument {instrument!r}")
        facts = [
            ("HOLDING", account, None, self.state.holdings[account, held])
            for account, held in sorted(self.state.holdings, key=self._codes)
            if held == instrument
        ]
        facts += [
            ("ORDER", order.account, name, order.order_quantity)
            for name, order in sorted(self.state.orders.items())
            if order.instrument == instrument
        ]
        return [
            {
                "record_type": record_type,
                "account": account,
                "order": name,
                "quantity": plain(quantity),
                "price": self._price(instrument),
                "amount_currency": self.state.instruments[instrument].currency,
                "market_value": self._worth(quantity, instrument),
            }
            for record_type, account, name, quantity in facts
        ]

    def prices(self) -> list[dict]:
        self.check_open()
        rows = []
        for name in sorted(self.state.prices, key=self.state.seen["instrument"].__getitem__):
            price, time, epoch = self.state.prices[name]
            row = {"instrument": name, "price": plain(price), "time": moment(time), "epoch": epoch}
            rows.append(row)
        return rows

    def instruments(self) -> list[dict]:
        self.check_open()
        seen = self.state.seen["instrument"]
        return [
            {
                "instrument": name,
                "currency": instrument.currency,
                "multiplier": plain(instrument.multiplier),
                "quote_factor": plain(instrument.quote_factor),
                "cash": instrument.cash,
                **{
                    attribute: instrument.attributes.get(attribute)
                    for attribute in self.state.attributes["instrument"]
                },
            }
            for name, instrument in sorted(
                self.state.instruments.items(), key=lambda item: seen[item[0]]
            )
        ]

    def instrument_codes(self, names: Iterable[str]) -> list[int]:
        for name in (name for name in names if name not in self.state.instruments):
            raise UnknownId(f"unknown instrument {name!r}")
        return [self.state.seen["instrument"][name] for name in names]

    def _wanted(self, accounts, instruments, allow_empty) -> tuple[Selection, Selection]:
        return (
            Selection(self, "account", accounts, allow_empty),
            Selection(self, "instrument", instruments, allow_empty),
        )

    def _codes(self, pair: tuple[str, str]) -> tuple[int, int]:
        seen = self.state.seen
        return seen["account"][pair[0]], seen["instrument"][pair[1]]

    def _place(self, name: str | int) -> tuple:
        return *self._codes(self.state.orders[name].pair), name

    def _price(self, instrument: str):
        held = self.state.prices.get(instrument)
        return None if held is None else plain(held.price)

    def _worth(self, quantity: Fraction, instrument: str, into: str = "local"):
        unit = unit_value(self, instrument)
        rate = conversion(self, self.state.instruments[instrument].currency, into)
        if unit is None or rate is None:
            return None
        return amount([quantity * unit * rate], self.value_scale)


def plain_or_none(number: Fraction | None):
    return None if number is None else plain(number)


def moment(time: int | None):
    """The time as in frames, to the microsecond."""
    return None if time is None else EPOCH_START + timedelta(microseconds=time // 1000)


class ReferenceSnapshot(Reads):
    """The state of one epoch. Writes make new states, so this one never changes."""

    def __init__(self, book: Reads) -> None:
        self.base_currency, self.value_scale = book.base_currency, book.value_scale
        self.state, self.closed = book.state, False

    def check_open(self) -> None:
        if self.closed:
            raise ClosedError("the snapshot is closed")

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ReferenceSnapshot:
        return self

    def __exit__(self, *error) -> None:
        self.close()
