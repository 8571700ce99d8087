"""Hypothetical prices and rates of the reference model: numbers, and changes in percent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from reference_state import Price, Rate, State
from reference_tables import currency_name, number, positive, text
from reference_view import InvalidInput, Selection, UnknownId


def percent(value: Any) -> Fraction | None:
    """The factor of a change in percent, or None for any other value."""
    if not isinstance(value, str) or "%" not in value:
        return None
    match = re.fullmatch(r"([+-])(\d+(?:\.\d+)?)%", value, re.ASCII)
    if match is None:
        raise InvalidInput(f"{value!r} is no percent")
    size = Fraction(match[2])
    if size >= 10**20 or (size * 10**16).denominator != 1:
        raise InvalidInput(f"{value!r} has too many digits")
    return 1 + (size if match[1] == "+" else -size) / 100


def exact(value: Fraction) -> Fraction:
    if abs(value) >= 10**20 or (value * 10**18).denominator != 1:
        raise InvalidInput(f"{value} has more than 18 decimals or 20 digits before the point")
    return value


def meant(book: Any, key: str, change: bool) -> set[str]:
    """The instruments that a key of `prices` means. change: its value is a percent."""
    state: State = book.state
    readings: list[tuple[str, str] | None] = [None] if key in state.instruments else []
    for at in (k for k, character in enumerate(key) if character == "="):
        name = key[:at].removeprefix("instrument.")
        if name in ("instrument", "currency", *state.attributes["instrument"]):
            readings.append((name, key[at + 1 :]))
    if not readings:
        raise InvalidInput(key) if change and "=" in key else UnknownId(key)
    if len(readings) > 1:
        raise InvalidInput(f"{key!r} has several meanings")
    if readings[0] is None:
        return {key}
    name, label = readings[0]
    if not change or not label:
        raise InvalidInput(f"{key!r} needs a percent and a label")
    selection = Selection(book, "instrument", {name: label})
    return {instrument for instrument in state.instruments if instrument in selection}


def put_what_if(
    book: Any, state: State, prices: Mapping | None, fx: Mapping | None, currency: str | None
) -> None:
    """Put the prices and rates into a copy of the book's state."""
    put: dict[str, str] = {}  # the key that means an instrument
    for key, value in (prices or {}).items():
        factor = percent(value)
        for name in meant(book, text(key), factor is not None):
            if name in put:
                raise InvalidInput(f"{key!r} and {put[name]!r} both mean {name!r}")
            put[name] = key
            held = book.state.prices.get(name)
            if factor is None:
                state.prices[name] = Price(number(value), None, book.epoch)
            elif held is not None:
                state.prices[name] = Price(exact(held.price * factor), None, book.epoch)
    masters = state.instruments.values()
    known = {book.base_currency, *book.state.fx, *(m.currency for m in masters)}
    for name, value in (fx or {}).items():
        factor = percent(value)
        if currency_name(name) not in (known if factor is not None else {*known, currency}):
            raise UnknownId(f"fx: unknown currency {name!r}")
        if factor is None:
            state.put_fx([{"currency": name, "rate": positive(value)}])
        elif factor <= 0 or (name == book.base_currency and factor != 1):
            raise InvalidInput(f"{value!r} of the rate of {name!r}")
        elif (rate := book.state.fx.get(name)) is not None:
            divide = rate.method == "divide"
            changed = rate.rate / factor if divide else exact(rate.rate * factor)
            state.fx[name] = Rate(changed, rate.method)
