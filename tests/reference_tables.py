"""How the reference model reads tables: cells, keys, required columns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from reference_view import MEASURES, InvalidInput, label_of

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, AFTER = 315_532_800 * 10**9, 7_289_654_400 * 10**9  # 1980 to 2200, in nanoseconds
TABLES = ("instruments", "accounts", "fx", "prices", "holdings", "orders")  # applied in this order
KEYS = {
    "instruments": ("instrument",),
    "accounts": ("account",),
    "fx": ("currency",),
    "prices": ("instrument",),
    "holdings": ("account", "instrument"),
    "orders": ("order",),
}
NEEDED = {"fx": ("rate",), "prices": ("price",), "holdings": ("quantity",)}
# An update needs these only for new orders, which reading a table cannot know.
NEEDED_IN_LOAD = {"orders": ("account", "instrument", "order_quantity")}
OPTIONAL = {
    "instruments": ("currency", "multiplier", "quote_factor", "cash"),
    "fx": ("method", "time"),
    "prices": ("time",),
    "orders": (
        *NEEDED_IN_LOAD["orders"],
        *("filled_quantity", "average_price", "rolled_quantity", "status", "time"),
    ),
}
NET_MAX = 10**20  # quantities are less
STATUSES = (  # FIX 39, with the codes 0 to 9 and A to E
    *("new", "partially_filled", "filled", "done_for_day", "canceled", "replaced"),
    *("pending_cancel", "stopped", "rejected", "suspended", "pending_new", "calculated"),
    *("expired", "accepted_for_bidding", "pending_replace"),
)
STATUS_CODES = dict(zip("0123456789ABCDE", STATUSES, strict=True))
# Names without separators, and other spellings of FIX engines.
STATUS_SPELLINGS = {name.replace("_", ""): name for name in STATUSES} | {
    "partialfilled": "partially_filled",
    "partialfill": "partially_filled",
    "partfilled": "partially_filled",
    "fullyfilled": "filled",
    "donefortheday": "done_for_day",
    "cancelled": "canceled",
    "pendingcanceled": "pending_cancel",
    "pendingcancelled": "pending_cancel",
    "acceptedforbid": "accepted_for_bidding",
    "pendingreplaced": "pending_replace",
    "pendingcancelreplace": "pending_replace",
}
STATUS_WORDS = re.compile(r"[A-Za-z]+([_ -][A-Za-z]+)*")
RESERVED = {
    *("account", "instrument", "currency", "multiplier", "quote_factor", "cash", "level"),
    *("amount_currency", "removed", "unpriced", "epoch", *MEASURES),
}


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


def number_or_zero(value) -> Fraction:
    return Fraction(0) if value is None else number(value)


def number_or_none(value) -> Fraction | None:
    return None if value is None else number(value)


def true_or_false(value) -> bool:
    """Parse a boolean exactly: neither numbers nor texts are accepted."""
    if value is not None and not isinstance(value, bool):
        raise InvalidInput(f"{value!r} is not a boolean")
    return bool(value)


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


def status(value) -> str:
    if value is None:
        return "new"
    if not isinstance(value, str):
        raise InvalidInput(f"status {value!r}")
    if value in STATUS_CODES:
        return STATUS_CODES[value]
    folded = re.sub(r"[_ -]", "", value).lower()
    if not STATUS_WORDS.fullmatch(value) or folded not in STATUS_SPELLINGS:
        raise InvalidInput(f"status {value!r}")
    return STATUS_SPELLINGS[folded]


def order_id(value) -> str | int:
    if isinstance(value, bool) or not isinstance(value, int):
        return text(value)
    if not -(2**63) <= value < 2**63:
        raise InvalidInput(f"order {value} does not fit 64 bits")
    return value


def nanoseconds(value) -> int | None:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        value = (aware - EPOCH_START) // timedelta(microseconds=1) * 1000
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not EARLIEST <= value < AFTER:
        raise InvalidInput(f"time {value!r}")
    return value


def attribute(value) -> Any:
    if value is None or isinstance(value, (int, float, Decimal)):
        label_of(value)  # refuses what is no label
        return value
    return text(value)


PARSERS = {
    "account": text,
    "instrument": text,
    "currency": currency_name,
    "multiplier": number_or_one,
    "quote_factor": number_or_one,
    "cash": true_or_false,
    "quantity": number,
    "price": number,
    "rate": positive,
    "method": method,
    "time": nanoseconds,
    "order": order_id,
    "order_quantity": number,
    "filled_quantity": number_or_zero,
    "average_price": number_or_none,
    "rolled_quantity": number_or_zero,
    "status": status,
}


def check_columns(table: str, columns: dict[str, list], whole: bool) -> set[str]:
    """The columns that are not attributes. Checks required and unknown columns."""
    needed = (*KEYS[table], *NEEDED.get(table, ()))
    for name in (*needed, *(NEEDED_IN_LOAD.get(table, ()) if whole else ())):
        if name not in columns:
            raise InvalidInput(f"{table}: column {name!r} is missing")
    known = {*needed, *OPTIONAL.get(table, ())}
    for name in columns.keys() - known:
        own_currency = table == "accounts" and name == "currency"
        if table not in ("instruments", "accounts") or (name in RESERVED and not own_currency):
            raise InvalidInput(f"{table}: column {name!r} is not allowed")
    if len({len(column) for column in columns.values()}) > 1:
        raise InvalidInput(f"{table}: columns differ in length")
    return known


def read_table(table: str, columns: dict[str, list], whole: bool) -> list[dict]:
    """Parse the rows of a table. Any bad cell raises. `whole`: the table replaces all rows."""
    known = check_columns(table, columns, whole)
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
