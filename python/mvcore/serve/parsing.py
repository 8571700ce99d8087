"""Strict JSON: input that other parsers would read differently is refused."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any


def read_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8. A number with a point or an exponent becomes an exact Decimal.

    Raises ValueError, also for a duplicate key, a number that JSON does not have (NaN), an exponent
    that is too large, and nesting that is too deep.
    """
    try:
        found = json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_unique, parse_float=_decimal, parse_constant=_no_number,
        )  # fmt: skip
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("the exponent of a number is too large") from None


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")
