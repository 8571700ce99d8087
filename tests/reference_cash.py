"""Cash from fills in the reference model: the amounts that fills move, and their cash
instruments."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reference_tables import NET_MAX
from reference_view import InvalidInput, ValueOverflow

if TYPE_CHECKING:
    from reference_orders import Order

CASH_SCALE_MAX = 18
# The minor units (ISO 4217, list one) of the currencies in tests.
MINOR_UNITS = {"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "JPY": 0, "KWD": 3, "CLF": 4}


def check_mode(cash: str | None, cash_scale: int | None) -> None:
    if cash not in (None, "from_fills"):
        raise InvalidInput(f"cash {cash!r}")
    if cash_scale is None:
        return
    if cash is None:
        raise InvalidInput(f"cash_scale {cash_scale!r} without cash='from_fills'")
    whole = isinstance(cash_scale, int) and not isinstance(cash_scale, bool)
    if not whole or not 0 <= cash_scale <= CASH_SCALE_MAX:
        raise InvalidInput(f"cash_scale {cash_scale!r}")


def check_instruments(state) -> None:
    """Check that cash has no factors, and with cash from fills that a currency has at most one."""
    found: dict[str, str] = {}
    for name, instrument in state.instruments.items():
        if not instrument.cash:
            continue
        if instrument.multiplier != 1 or instrument.quote_factor != 1:
            raise InvalidInput(f"instruments.cash: {name!r} has a factor that is not 1")
        if state.cash is None:
            continue
        if instrument.currency in found:
            raise InvalidInput(f"instruments.cash: {found[instrument.currency]!r} and {name!r}")
        if state.cash_scale is None and instrument.currency not in MINOR_UNITS:
            raise InvalidInput(f"instruments.currency: {instrument.currency!r} is not of ISO 4217")
        found[instrument.currency] = name


def cash_instrument(state, currency: str) -> str | None:
    for name, instrument in state.instruments.items():
        if instrument.cash and instrument.currency == currency:
            return name
    return None


def cash_decimals(state, currency: str) -> int:
    return MINOR_UNITS[currency] if state.cash_scale is None else state.cash_scale


def rounded_cost(exact: Fraction, decimals: int) -> Fraction:
    """Round half even. The result must fit a quantity."""
    cost = Fraction(round(exact * 10**decimals), 10**decimals)
    if abs(cost) >= NET_MAX:
        raise ValueOverflow("orders.average_price: a cost has more than 20 digits")
    return cost


def leg(state, order: Order) -> tuple[str, Fraction] | None:
    """The cash instrument that an order moves, and the amount. None if it moves nothing."""
    if state.cash is None or order.average_price is None:
        return None
    price = order.average_price
    rolled_price = price if order.rolled_price is None else order.rolled_price
    if (order.filled_quantity, price) == (order.rolled_quantity, rolled_price):
        return None
    instrument = state.instruments[order.instrument]
    factor = instrument.multiplier * instrument.quote_factor
    cost = order.filled_quantity * price * factor
    cost_rolled = order.rolled_quantity * rolled_price * factor
    name = cash_instrument(state, instrument.currency)
    if name is None:
        if cost != cost_rolled:
            raise InvalidInput(f"orders.average_price: {instrument.currency!r} has no cash")
        return None
    decimals = cash_decimals(state, instrument.currency)
    return name, rounded_cost(cost_rolled, decimals) - rounded_cost(cost, decimals)


def legs(state) -> dict[tuple[str, str], Fraction]:
    """The amounts that all orders move in total, by account and cash instrument."""
    sums: dict[tuple[str, str], Fraction] = {}
    for order in state.orders.values():
        moved = leg(state, order)
        if moved is not None:
            name, quantity = moved
            pair = order.account, name
            sums[pair] = sums.get(pair, Fraction(0)) + quantity
    return sums
