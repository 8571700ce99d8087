"""Random tables for the state machine, in all forms that callers may pass."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

import reference_cash
from order_facts import START
from reference_state import State
from reference_tables import EPOCH_START, NEEDED_IN_LOAD, STATUS_CODES, STATUSES
from reference_view import plain

try:
    import polars as pl
except ImportError:  # one form of tables fewer
    pl = None

NAMES = {
    "account": ["A1", "A2", "acc 3", "ä4", "口座"],
    "instrument": ["I1", "I2", "i2", "I4", "I5 ", "Ünï", "💶"],
    "currency": ["USD", "EUR", "JPY", "GBP"],
}
# Order ids by kind. A run uses one kind. Texts sort by code point, not by UTF-16.
IDS: dict[type, list] = {
    str: ["O1", "O9", "O10", "o1", "no 5 ", "Ö6", "\uff8e", "💶"],
    int: [1, 9, 10, 0, -7, 5_000_000_000, 2**63 - 1, -(2**63)],
}
ATTRIBUTES: dict[str, dict[str, list]] = {
    "account": {
        "desk": ["d1", "d2", "d3", None],
        "country": ["DE", "US", None],
        "ccy": ["USD", "EUR", "JPY", "USD ", "EUR"],  # "USD " is no currency
    },
    "instrument": {"sector": ["s1", "s2", None], "country": ["US", "JP"], "tier": [1, 2, 10, None]},
}
FACTORS = [None, D(1), D(100), D("0.01"), D(10), None, D(0), D("-1"), D("1.123456789012345678")]
FACTORED = ("multiplier", "quote_factor")
WORKING = [None, "new", "partially_filled", "1", "pending_cancel"]
SPELLINGS = ["PartiallyFilled", "CANCELLED", "Done For Day", "Pending-New", "FILLED", "Replaced"]
STATUS = st.one_of(
    st.sampled_from(WORKING), st.sampled_from([*STATUSES, *STATUS_CODES, *SPELLINGS])
)
TIMES = [None, None, *range(START, START + 9_000, 1_000)]
NULLS_IN_DISGUISE = [float("nan"), D("NaN"), np.datetime64("NaT")]
# By kind of column: cells that are InvalidInput in any table.
BAD_NUMBERS = ["abc", "", " 1", "1_0", float("nan"), float("inf"), D("NaN"), D("1e20"), "1e-19"]
BAD_NUMBERS += [True, b"1", "99999999999999999999.1e1", [1]]
BAD_NAMES = ["", 5, None, "\ud800", b"A1", True]
BAD: dict[str, list] = {
    **dict.fromkeys(("account", "instrument", "currency"), BAD_NAMES),
    **dict.fromkeys(FACTORED, BAD_NUMBERS),
    **{name: [None, *BAD_NUMBERS] for name in ("quantity", "price", "order_quantity")},
    "cash": ["true", "", 0, 1, 1.0, D(1), b"1", [True]],
    "filled_quantity": BAD_NUMBERS,
    "average_price": BAD_NUMBERS,
    "order": ["", None, "\ud800", b"O1", True, 1.5, D(1), 2**63, -(2**63) - 1, [1]],
    "rolled_quantity": BAD_NUMBERS,
    "status": ["", "F", "f", "a", "FILLD", "filled ", "part__filled", "\ud800", 1, True, b"0"],
    "rate": [None, "0", D(-1), *BAD_NUMBERS],
    "method": ["times", "", 1],
    "time": [True, "yesterday", 2**63, D(1), b"1", 0, 1_709_326_800_000, 10**19, "20240301"],
    "sector": ["", "\udfff", b"s1", *NULLS_IN_DISGUISE],
    "tier": [b"1", [1], *NULLS_IN_DISGUISE],
    "desk": ["", "\udfff", b"d1", *NULLS_IN_DISGUISE],
}


def numbers(huge: bool, positive: bool = False) -> st.SearchStrategy[D]:
    """Decimals of all sorts: small, money, many decimals and, if `huge`, up to the limits."""
    sorts = [(10**3, 0), (10**6, 2), (10**9, 4), (10**15, 8), (10**25, 18), (9, 18), (10**9, 0)]
    if huge:
        sorts += [(10**38 - 1, 18), (10**20 - 1, 0), (2**63, 0), (2**62, 12)]
    ranges = [
        st.integers(1 if positive else -limit, limit).map(lambda n, scale=scale: D(f"{n}e-{scale}"))
        for limit, scale in sorts
    ]
    return st.one_of(*ranges, *[st.just(D(10**20 - 1))] * huge)  # the sum of two overflows


def some(draw, values: list, most: int = 12) -> list:
    """Some of the values without repetition, rarely none at all."""
    most = min(most, len(values))
    least = min(draw(st.sampled_from([0, 3, 6, 9])), most)
    picks = st.lists(st.sampled_from(values), unique=True, min_size=least, max_size=most)
    return draw(picks) if values else []


def draw_table(draw, name: str, whole: bool, model, ends: dict[str, list], huge: bool):
    """A table. ends: the names in the two masters after the call, and order ids."""
    if name == "orders":
        return draw_orders(draw, whole, model, ends, huge)

    def column(values) -> list:
        return [draw(values) for _ in rows]

    table: dict[str, list] = {}
    if name in ("instruments", "accounts"):
        side = name.removesuffix("s")
        rows = table[side] = ends[side]
        if side == "instrument":
            if whole or set(rows) - model.masters(side).keys() or draw(st.booleans()):
                table["currency"] = column(st.sampled_from(NAMES["currency"]))
            for factor in some(draw, FACTORED):
                table[factor] = column(st.sampled_from(FACTORS))
            draw_cash(draw, table, whole, model)
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
        if draw(st.booleans()):
            table["time"] = column(st.sampled_from(TIMES))
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


def draw_cash(draw, table: dict[str, list], whole: bool, model) -> None:
    """Usually one cash instrument per currency, with factors of 1. Otherwise any, or two of one."""
    names, held = table["instrument"], {} if whole else model.state.instruments

    def after(column: str, place: int):
        if column in table:
            return table[column][place]
        return getattr(held[names[place]], column) if names[place] in held else None

    if "currency" in table or draw(st.booleans()):
        taken = {m.currency for name, m in held.items() if m.cash and name not in names}
        flags = [False] * len(names)
        for place in draw(st.permutations(range(len(names)))):
            old = held.get(names[place])
            fits = all(
                old is None or factor in table or getattr(old, factor) == 1 for factor in FACTORED
            )
            currency = after("currency", place)
            if fits and currency not in taken and draw(st.integers(0, 9)) < 9:
                flags[place] = True
                taken.add(currency)
        if flags and not draw(st.integers(0, 14)):
            flags[draw(st.integers(0, len(flags) - 1))] ^= True
        table["cash"] = [f if f else draw(st.sampled_from([False, None])) for f in flags]
    for place in (place for place in range(len(names)) if after("cash", place)):
        for factor in FACTORED:
            if factor in table and draw(st.integers(0, 49)):
                table[factor][place] = draw(st.sampled_from([None, D(1)]))


def draw_orders(draw, whole: bool, model, ends: dict[str, list], huge: bool) -> dict[str, list]:
    """A table of orders. A partial update has some or many columns of existing orders."""
    held = model.state.orders
    known = [name for name in ends["order"] if name in held]
    ids = some(draw, known if not whole and draw(st.booleans()) else ends["order"], 8)
    ids = ids if ends["account"] and ends["instrument"] else []
    columns = {name for name in ("filled_quantity", "status", "time") if draw(st.integers(0, 2))}
    columns |= {"average_price"} if draw(st.integers(0, 9 if model.state.cash else 2)) else set()
    columns |= {"rolled_quantity"} if not draw(st.integers(0, 5)) else set()
    complete = whole or not all(name in held for name in ids)
    columns |= {name for name in NEEDED_IN_LOAD["orders"] if complete or draw(st.integers(0, 2))}
    careless = not whole and draw(st.integers(0, 9)) == 9
    return draw_facts(draw, ids, columns, model, ends, huge, careless)


def draw_facts(draw, ids: list, columns: set[str], model, ends, huge, careless=False):
    """Columns of these orders that are consistent with each other and the stored ones, or
    random."""
    held, filled = model.state.orders, "filled_quantity" in columns
    table: dict[str, list] = {"order": ids}
    for name in (name for name in ("account", "instrument") if name in columns):
        few = draw(st.sampled_from([1, 2, 100]))  # so that a position has several
        table[name] = [draw(st.sampled_from(ends[name][:few])) for _ in ids]
    if "order_quantity" in columns:
        sides = [0 if filled or careless else sign(held, order) for order in ids]
        table["order_quantity"] = [draw_order_quantity(draw, side, huge) for side in sides]
    if filled:
        wanted = table.get("order_quantity") or [plain(held[o].order_quantity) for o in ids]
        table["filled_quantity"] = [draw_filled(draw, q, huge, careless) for q in wanted]
    if "average_price" in columns:
        table["average_price"] = draw_average(draw, table, held, huge)
    if "rolled_quantity" in columns:
        table["rolled_quantity"] = draw_rolled(draw, table, held, huge)
    for name, cells in (("status", STATUS), ("time", st.sampled_from(TIMES))):
        if name in columns:
            table[name] = [draw(cells) for _ in ids]
    return table


def sign(held: dict, order) -> Fraction | int:
    """A number with the sign of the order's fills."""
    return held[order].filled_quantity if order in held else 0


def draw_order_quantity(draw, side: Fraction | int, huge: bool) -> D:
    """A quantity with the sign of `side`, or any sign if that is 0."""
    quantity = draw(st.one_of(st.just(D(0)), *[numbers(huge)] * 9))
    return quantity.copy_sign(D(1 if side > 0 else -1)) if side else quantity


def draw_filled(draw, wanted: D, huge: bool, careless: bool) -> D | None:
    """None, a part, all, or too much of the order quantity. Nothing here may round."""
    number = draw(numbers(huge))
    if careless:
        return number.copy_sign(wanted.copy_negate())
    number = number.copy_sign(wanted) if wanted else number
    part = number if number.copy_abs() < wanted.copy_abs() else wanted
    return draw(st.sampled_from([None, D(0), part, part, wanted, number]))


def filled_after(table: dict[str, list], held: dict) -> list[D | None]:
    return table.get("filled_quantity") or [
        plain(held[name].filled_quantity) if name in held else D(0) for name in table["order"]
    ]


def draw_rolled(draw, table: dict[str, list], held: dict, huge: bool) -> list[D | None]:
    """Usually the fills or a part of them, as in a morning load."""
    return [
        draw(st.sampled_from([None, D(0), f or D(0), f or D(0), draw(numbers(huge))]))
        for f in filled_after(table, held)
    ]


def draw_average(draw, table: dict[str, list], held: dict, huge: bool) -> list[D | None]:
    """Unknown, zero, the held price, or another one, usually one whose cost fits."""
    prices = []
    for name, filled in zip(table["order"], filled_after(table, held), strict=True):
        old = held[name].average_price if name in held else None
        known = [None, D(0), D(0) if old is None else plain(old)]
        sorts = [(10**3, 0), (10**5, 2), (10**6, 6), (10**19, 18), (9, 18)]
        if abs(filled or 0) >= 10**10:
            sorts = [(10**5, 10), (10**12, 18), (9, 18)]
        limit, scale = draw(st.sampled_from(sorts))
        price = D(f"{draw(st.integers(-limit, limit))}e-{scale}")
        if huge and not draw(st.integers(0, 15)):
            price = draw(numbers(huge))
        prices.append(draw(st.sampled_from([*known, *[price] * 9])))
    return prices


def is_exact_float(value: D) -> bool:
    return D(repr(float(value))) == value


def is_int64(value: D) -> bool:
    return value == int(value) and -(2**63) <= value < 2**63


def plain_column(draw, name: str, values: list) -> Any:
    """A column as a list or NumPy array, in one of the forms with these values."""
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
        forms += [lambda: np.array(values), lambda: np.array(values, object)]
        forms += [lambda kind=kind: np.array(values, kind) for kind in int_types(name, values)]
    return draw(st.sampled_from(forms))()


def plain_cell(draw, name: str, value: Any) -> Any:
    """One value in one of its forms. NaT means no time only in an array."""
    return None if value is None else plain_column(draw, name, [value])[0]


def int_types(name: str, values: list) -> list[str]:
    """The integer types besides int64 that hold these order ids."""
    if name != "order" or not all(isinstance(value, int) for value in values):
        return []
    kinds = {"uint64": range(2**64), "int32": range(-(2**31), 2**31), "uint8": range(2**8)}
    return [kind for kind, holds in kinds.items() if all(value in holds for value in values)]


def simplest(value: D) -> int | float | D:
    if value == int(value):
        return int(value)
    return float(value) if is_exact_float(value) else value


def arrow_column(draw, name: str, values: list) -> pa.ChunkedArray:
    types = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
    given = [v for v in values if v is not None]
    if name == "cash":
        types = [pa.bool_()]
    elif name == "time":
        types = [pa.timestamp("ns", "UTC"), pa.timestamp("ns"), pa.int64()]
    elif any(isinstance(v, D) for v in given):
        types = [pa.decimal128(38, 18), pa.decimal256(60, 20)]
        types += [pa.float64()] * all(map(is_exact_float, given))
        types += [pa.int64()] * all(map(is_int64, given))
    elif name == "order" and given and isinstance(given[0], int):
        types = [pa.int64(), *map(pa.from_numpy_dtype, int_types(name, given))]
    elif any(isinstance(v, int) for v in given):
        types = [pa.int64(), pa.int16()]
    kind = draw(st.sampled_from(types))
    if kind in (pa.int64(), pa.float64()):
        make = int if kind == pa.int64() else float
        values = [v if v is None else make(v) for v in values]
    cut = draw(st.integers(0, len(values)))
    return pa.chunked_array([pa.array(values[:cut], kind), pa.array(values[cut:], kind)])


def dress(draw, table: dict[str, list]) -> Any:
    """The table in one of the forms that callers may pass."""
    form = draw(st.sampled_from(["plain", "plain", "arrow", "polars"]))
    if form == "plain":
        return {name: plain_column(draw, name, values) for name, values in table.items()}
    out = pa.table({name: arrow_column(draw, name, values) for name, values in table.items()})
    if form == "arrow" or pl is None or any(pa.types.is_decimal256(t) for t in out.schema.types):
        return out
    return pl.from_arrow(out)


def decimals(value: Fraction) -> int:
    return next(scale for scale in range(80) if 10**scale % value.denominator == 0)


def cash_moved(state: State, name: str) -> list[Fraction]:
    """The amounts that each order moves in a cash instrument."""
    legs = [reference_cash.leg(state, order) for order in state.orders.values()]
    return [leg[1] for leg in legs if leg is not None and leg[0] == name]


class Exposure:
    """The sum of absolute values, in the smallest units that each instrument ever had."""

    def __init__(self) -> None:
        self.scales: dict[tuple[str, int], int] = {}

    def of(self, *states: State) -> int:
        total = 0
        for name in NAMES["instrument"]:
            product = Fraction(1)
            for kind in range(3):
                found = [self.facts(state, name)[kind] for state in states]
                given = [fact for facts in found for fact in (*facts[0], *facts[1])]
                scale = max(map(decimals, given), default=0)
                self.scales[name, kind] = max(scale, self.scales.get((name, kind), 0))
                product *= max(sum(map(abs, facts)) for facts, _ in found)
                product *= 10 ** self.scales[name, kind]
            total += int(product)
        return total

    @staticmethod
    def facts(state: State, name: str) -> tuple[tuple[list[Fraction], list[Fraction]], ...]:
        """Quantities, price and factor of an instrument: those that are summed, and those only
        stored."""
        held = [quantity for (_, other), quantity in state.holdings.items() if other == name]
        orders = [order for order in state.orders.values() if order.instrument == name]
        held += [quantity for order in orders for quantity in (order.day_fill, order.leaves)]
        held += cash_moved(state, name)
        stored = [
            quantity
            for order in orders
            for quantity in (order.order_quantity, order.filled_quantity, order.rolled_quantity)
        ]
        master = state.instruments.get(name)
        if state.cash and master and master.cash:
            decimals_of_cash = reference_cash.cash_decimals(state, master.currency)
            stored.append(Fraction(1, 10**decimals_of_cash))
        prices = [state.prices[name].price] if name in state.prices else []
        factors = [master.multiplier * master.quote_factor] if master else []
        return (held, stored), (prices, []), (factors, [])
