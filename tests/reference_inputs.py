"""Random tables for the state machine, and the many forms in which a caller may have them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from reference_state import EPOCH_START, State

try:
    import polars as pl
except ImportError:  # one way fewer to hand in a table
    pl = None

NAMES = {
    "account": ["A1", "A2", "acc 3", "ä4", "口座"],
    "instrument": ["I1", "I2", "i2", "I4", "I5 ", "Ünï", "💶"],
    "currency": ["USD", "EUR", "JPY", "GBP"],
}
ATTRIBUTES: dict[str, dict[str, list]] = {
    "account": {"desk": ["d1", "d2", "d3", None], "country": ["DE", "US", None]},
    "instrument": {"sector": ["s1", "s2", None], "country": ["US", "JP"], "tier": [1, 2, 10, None]},
}
FACTORS = [None, D(1), D(100), D("0.01"), D(10), None, D(0), D("-1"), D("1.123456789012345678")]
TIMES = [None, None, *range(0, 9_000, 1_000)]
# By kind of column: cells that no table may hold, and the error is InvalidInput.
BAD_NUMBERS = ["abc", "", " 1", "1_0", float("nan"), float("inf"), D("NaN"), D("1e20"), "1e-19"]
BAD_NUMBERS += [True, b"1", "99999999999999999999.1e1", [1]]
BAD_NAMES = ["", 5, None, "\ud800", b"A1", True]
BAD: dict[str, list] = {
    **dict.fromkeys(("account", "instrument", "currency"), BAD_NAMES),
    **dict.fromkeys(("multiplier", "quote_factor"), BAD_NUMBERS),
    **{name: [None, *BAD_NUMBERS] for name in ("quantity", "price")},
    "rate": [None, "0", D(-1), *BAD_NUMBERS],
    "method": ["times", "", 1],
    "time": [True, "yesterday", 2**63, D(1), b"1"],
    "sector": ["", "\udfff", b"s1"],
    "desk": ["", "\udfff", b"d1"],
}


def numbers(huge: bool, positive: bool = False) -> st.SearchStrategy[D]:
    """Decimals of all sorts: small, money, many decimals and, if wanted, up to the limits."""
    sorts = [(10**3, 0), (10**6, 2), (10**9, 4), (10**15, 8), (10**25, 18), (9, 18), (10**9, 0)]
    if huge:
        sorts += [(10**38 - 1, 18), (10**20 - 1, 0), (2**63, 0), (2**62, 12)]
    return st.one_of(
        st.integers(1 if positive else -limit, limit).map(lambda n, scale=scale: D(f"{n}e-{scale}"))
        for limit, scale in sorts
    )


def some(draw, values: list, most: int = 12) -> list:
    """A few of the values, none twice; seldom none at all."""
    most = min(most, len(values))
    least = min(draw(st.sampled_from([0, 3, 6, 9])), most)
    picks = st.lists(st.sampled_from(values), unique=True, min_size=least, max_size=most)
    return draw(picks) if values else []


def draw_table(draw, name: str, whole: bool, model, ends: dict[str, list[str]], huge: bool):
    """A table with the names in `ends`: what the two masters hold after the call."""

    def column(values) -> list:
        return [draw(values) for _ in rows]

    table: dict[str, list] = {}
    if name in ("instruments", "accounts"):
        side = name.removesuffix("s")
        rows = table[side] = ends[side]
        if side == "instrument":
            if whole or set(rows) - model.masters(side).keys() or draw(st.booleans()):
                table["currency"] = column(st.sampled_from(NAMES["currency"]))
            for factor in some(draw, ["multiplier", "quote_factor"]):
                table[factor] = column(st.sampled_from(FACTORS))
        for attribute, labels in ATTRIBUTES[side].items():
            if whole or draw(st.booleans()):
                table[attribute] = column(st.sampled_from(labels))
    elif name == "fx":
        rows = table["currency"] = some(draw, NAMES["currency"])
        rates = column(numbers(False, positive=True))
        base = model.base_currency
        table["rate"] = [D(1) if c == base else r for c, r in zip(rows, rates, strict=True)]
        if draw(st.booleans()):
            table["method"] = column(st.sampled_from(["multiply", "divide", None]))
    elif name == "prices":
        rows = table["instrument"] = some(draw, ends["instrument"])
        table["price"] = column(numbers(huge))
        if draw(st.booleans()):
            table["time"] = column(st.sampled_from(TIMES))
    else:
        rows = some(draw, [(a, i) for a in ends["account"] for i in ends["instrument"]], 20)
        table["account"] = [account for account, _ in rows]
        table["instrument"] = [instrument for _, instrument in rows]
        table["quantity"] = column(st.one_of(st.just(D(0)), numbers(huge)))
    return table


def is_exact_float(value: D) -> bool:
    return D(repr(float(value))) == value


def is_int64(value: D) -> bool:
    return value == int(value) and -(2**63) <= value < 2**63


def plain_column(draw, name: str, values: list) -> Any:
    """A column as a list or NumPy array, in one of the forms that mean these values."""
    whole = bool(values) and None not in values
    forms = [lambda: values]
    if name == "time":
        stamps = [None if v is None else np.datetime64(v, "ns") for v in values]
        moments = [v and EPOCH_START + timedelta(microseconds=v // 1000) for v in values]
        forms.append(lambda: [v if v is None else str(v) for v in stamps])
        forms.append(
            lambda: [None if v is None else m for v, m in zip(values, moments, strict=True)]
        )
        forms.append(lambda: np.array(["NaT" if v is None else v for v in stamps], "M8[ns]"))
    elif all(v is None or isinstance(v, D) for v in values):
        forms.append(lambda: [v if v is None else str(v) for v in values])
        forms.append(lambda: [v if v is None else f"{v:f}" for v in values])
        forms.append(lambda: [v if v is None else simplest(v) for v in values])
        if whole and all(map(is_exact_float, values)):
            forms.append(lambda: np.array([float(v) for v in values]))
        if whole and all(map(is_int64, values)):
            forms.append(lambda: np.array([int(v) for v in values]))
    elif whole:
        forms.append(lambda: np.array(values))
    return draw(st.sampled_from(forms))()


def simplest(value: D) -> int | float | D:
    if value == int(value):
        return int(value)
    return float(value) if is_exact_float(value) else value


def arrow_column(draw, name: str, values: list) -> pa.ChunkedArray:
    types = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
    given = [v for v in values if v is not None]
    if name == "time":
        types = [pa.timestamp("ns", "UTC"), pa.timestamp("ns"), pa.int64()]
    elif any(isinstance(v, D) for v in given):
        types = [pa.decimal128(38, 18), pa.decimal256(60, 20)]
        types += [pa.float64()] * all(map(is_exact_float, given))
        types += [pa.int64()] * all(map(is_int64, given))
    elif any(isinstance(v, int) for v in given):
        types = [pa.int64(), pa.int16()]
    kind = draw(st.sampled_from(types))
    if kind in (pa.int64(), pa.float64()):
        make = int if kind == pa.int64() else float
        values = [v if v is None else make(v) for v in values]
    cut = draw(st.integers(0, len(values)))
    return pa.chunked_array([pa.array(values[:cut], kind), pa.array(values[cut:], kind)])


def dress(draw, table: dict[str, list]) -> Any:
    """The same table in one of the forms that a caller may have it in."""
    form = draw(st.sampled_from(["plain", "plain", "arrow", "polars"]))
    if form == "plain":
        return {name: plain_column(draw, name, values) for name, values in table.items()}
    out = pa.table({name: arrow_column(draw, name, values) for name, values in table.items()})
    if form == "arrow" or pl is None or any(pa.types.is_decimal256(t) for t in out.schema.types):
        return out
    return pl.from_arrow(out)


def decimals(value: Fraction) -> int:
    return next(scale for scale in range(80) if 10**scale % value.denominator == 0)


class Exposure:
    """The sum of absolute values, counted in the smallest units that each instrument ever had."""

    def __init__(self) -> None:
        self.scales: dict[tuple[str, int], int] = {}

    def of(self, *states: State) -> int:
        total = 0
        for name in NAMES["instrument"]:
            product = Fraction(1)
            for kind in range(3):
                found = [self.facts(state, name)[kind] for state in states]
                scale = max((decimals(fact) for facts in found for fact in facts), default=0)
                self.scales[name, kind] = max(scale, self.scales.get((name, kind), 0))
                product *= max(sum(map(abs, facts)) for facts in found)
                product *= 10 ** self.scales[name, kind]
            total += int(product)
        return total

    @staticmethod
    def facts(state: State, name: str) -> tuple[list[Fraction], ...]:
        """Quantities, price and factor of an instrument."""
        held = [quantity for (_, other), quantity in state.holdings.items() if other == name]
        prices = [state.prices[name].price] if name in state.prices else []
        master = state.instruments.get(name)
        return held, prices, [master.multiplier * master.quote_factor] if master else []
