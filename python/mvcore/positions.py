"""Positions, revaluations and prices of the core to frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.frame import Frame, Number, Plain, Text, Time

if TYPE_CHECKING:
    from mvcore import _core
    from mvcore.book import Book

EXACT = 18  # decimals of quantities and prices handed out


def holdings_frame(book: Book, rows: dict[str, Any]) -> Frame:
    priced, converted = rows["priced"], rows["converted"]
    return Frame(
        {
            "account": Text(rows["account"], book._names_of("account")),
            "instrument": Text(rows["instrument"], book._names_of("instrument")),
            "quantity": Number(rows["quantity"], EXACT, strip=True),
            "price": Number(rows["price"], EXACT, priced, strip=True),
            "currency": Text(rows["currency"], book._names_of("currency")),
            "market_value": Number(rows["market_value"], book.value_scale, priced),
            "base_value": Number(rows["base_value"], book.value_scale, converted),
        },
        len(rows["account"]),
        rows["epoch"],
    )


def revaluation_frame(book: Book, found: _core.Revaluation) -> Frame:
    """Values are made already; every column is when it is asked for."""
    rows = len(found)
    valid = None if found.priced else np.zeros(rows, np.uint8)
    return Frame(
        {
            "record_type": lambda: Text(
                np.zeros(rows, np.int32), lambda codes: ["HOLDING"] * len(codes)
            ),
            "account": lambda: Text(found.accounts(), book._names_of("account")),
            "order": lambda: Text(np.full(rows, -1, np.int32), lambda codes: [None] * len(codes)),
            "quantity": lambda: Number(found.quantities(), EXACT, strip=True),
            "price": lambda: Number(found.price(), EXACT, valid, strip=True),
            "market_value": lambda: Number(found.values(), book.value_scale, valid),
        },
        rows,
        found.epoch,
    )


def prices_frame(book: Book, rows: dict[str, Any]) -> Frame:
    return Frame(
        {
            "instrument": Text(rows["instrument"], book._names_of("instrument")),
            "price": Number(rows["price"], EXACT, strip=True),
            "time": Time(rows["time"]),
            "epoch": Plain(rows["changed"]),
        },
        len(rows["instrument"]),
        rows["epoch"],
    )
