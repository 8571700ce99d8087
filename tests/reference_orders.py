"""Orders in the reference model: the record, the effect of a report, and the day roll."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import reference_cash
from reference_tables import NEEDED_IN_LOAD, NET_MAX
from reference_view import InvalidInput, UnknownId, ValueOverflow

# Statuses that leave nothing working, and those among them after which an order may resume.
CLOSED = {
    *("filled", "done_for_day", "canceled", "replaced", "rejected", "expired", "calculated"),
}
RESUMABLE = {"done_for_day", "calculated"}


class Net(NamedTuple):
    """The quantities of one position, by measure."""

    sod: Fraction
    current: Fraction
    expected: Fraction


class Order(NamedTuple):
    """An order.

    `rolled_quantity`: the part of the fills that start-of-day holdings include. `rolled_price`: the
    average price of that part; None means the present `average_price`. `retained`: the order had
    ended at the last roll, and no report has changed it since.
    """

    account: str
    instrument: str
    order_quantity: Fraction
    filled_quantity: Fraction = Fraction(0)
    average_price: Fraction | None = None
    status: str = "new"
    time: int | None = None
    rolled_quantity: Fraction = Fraction(0)
    rolled_price: Fraction | None = None
    retained: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        return self.account, self.instrument

    @property
    def day_fill(self) -> Fraction:
        return self.filled_quantity - self.rolled_quantity

    @property
    def complete(self) -> bool:
        return abs(self.filled_quantity) >= abs(self.order_quantity)

    @property
    def leaves(self) -> Fraction:
        if self.status in CLOSED or self.complete:
            return Fraction(0)
        return self.order_quantity - self.filled_quantity

    @property
    def ended(self) -> bool:
        """Return whether nothing more will be filled, today or later."""
        return self.complete or self.status in CLOSED - RESUMABLE

    @property
    def news(self) -> tuple:
        """The fields that a report may change, except its time."""
        return self._replace(time=None, retained=False)


def check_kind(state, order: str | int) -> None:
    if state.order_kind not in (None, type(order)):
        raise InvalidInput(f"order {order!r}: ids of this book are {state.order_kind.__name__}")


def put_orders(state, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        name = row["order"]
        check_kind(state, name)
        state.order_kind = type(name)
        facts = {column: value for column, value in row.items() if column != "order"}
        old = state.orders.get(name)
        if old is None:
            for column in (column for column in NEEDED_IN_LOAD["orders"] if column not in facts):
                raise InvalidInput(f"orders: {name!r} is new, without {column}")
        new = Order(**facts) if old is None else old._replace(**facts)
        if new.account not in state.accounts or new.instrument not in state.instruments:
            raise UnknownId(f"orders: unknown account or instrument in {new.pair!r}")
        times = old and old.time, facts.get("time")
        if None not in times and times[1] < times[0]:
            state.late_orders += 1
            continue
        if new.order_quantity * new.filled_quantity < 0:
            raise InvalidInput(f"orders: {name!r} is filled on the other side")
        if abs(new.day_fill) >= NET_MAX:
            raise ValueOverflow(f"orders: {name!r}: filled less rolled has more than 20 digits")
        if old is not None and new.rolled_quantity != old.rolled_quantity:
            new = new._replace(rolled_price=None)
        if old is not None and new.news == old.news:
            state.unchanged_orders += 1
        else:
            new = new._replace(retained=False)
        state.orders[name] = new


def positions(state) -> dict[tuple[str, str], Net]:
    """The pairs with a nonzero quantity. Cash that fills moved counts as current."""
    zero = Fraction(0)
    filled, leaves = {}, {}
    for order in state.orders.values():
        filled[order.pair] = filled.get(order.pair, zero) + order.day_fill
        leaves[order.pair] = leaves.get(order.pair, zero) + order.leaves
    for pair, quantity in reference_cash.legs(state).items():
        filled[pair] = filled.get(pair, zero) + quantity
    nets = {}
    for pair in dict.fromkeys((*state.holdings, *filled)):
        sod = state.holdings.get(pair, zero)
        current = sod + filled.get(pair, zero)
        net = Net(sod, current, current + leaves.get(pair, zero))
        if any(net):
            nets[pair] = net
    return nets


def roll_day(state, holdings: list[dict[str, Any]] | None = None) -> None:
    """Make current quantities, or the custodian's, the holdings of the new day.

    All fills count as rolled. An ended order is kept until the next roll.
    """
    nets = positions(state)
    if holdings is None:
        state.holdings = {pair: net.current for pair, net in nets.items() if net.current}
    else:
        state.holdings = {}
        state.put_holdings(holdings)
    state.orders = {
        name: order._replace(
            rolled_quantity=order.filled_quantity,
            rolled_price=order.average_price,
            retained=order.ended,
        )
        for name, order in state.orders.items()
        if not (order.ended and order.retained)
    }


def check_orders(state) -> None:
    for name, order in state.orders.items():
        if order.account not in state.accounts or order.instrument not in state.instruments:
            raise InvalidInput(f"order {name!r} refers to what goes")


def check_nets(state) -> None:
    for pair, net in positions(state).items():
        if max(map(abs, net)) >= NET_MAX:
            raise ValueOverflow(f"the quantity of {pair!r} has more than 20 digits")
