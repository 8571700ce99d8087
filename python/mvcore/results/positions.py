"""Turns positions, orders, revaluations and prices of the core into frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.frame import Frame, Ids, Number, Plain, Text, Time

if TYPE_CHECKING:
    from collections.abc import Callable

    from mvcore.frame import Column
    from mvcore.results.names import NameLists

EXACT = _core.MAX_SCALE  # decimals of quantities and prices in frames


def _statuses(codes: npt.NDArray[np.int32]) -> list[str]:
    return [_core.STATUSES[code] for code in codes.tolist()]


def holdings_frame(names: NameLists, value_scale: int, found: _core.PositionList) -> Frame:
    """Each column is made on first use."""
    sod = _core.MEASURES.index("sod")
    return Frame(
        {
            "account": lambda: names.column("account", found.accounts()),
            "instrument": lambda: names.column("instrument", found.instruments()),
            "quantity": lambda: _quantity(found, sod),
            "price": lambda: _price(found),
            "amount_currency": lambda: names.column("currency", found.own_currencies()),
            "market_value": lambda: Number(found.own_amounts(), value_scale, found.priced()),
            "base_value": lambda: Number(found.amounts(sod), value_scale, found.valued()),
        },
        len(found),
        found.epoch,
    )


def _quantity(found: _core.PositionList, measure: int) -> Number:
    narrow = found.narrow_quantities(measure)
    if narrow is None:
        return Number(found.quantities(measure), EXACT, strip=True)
    return Number(*narrow, strip=True, column_scale=EXACT)


def _price(found: _core.PositionList) -> Number:
    narrow, priced = found.narrow_prices(), found.priced()
    if narrow is None:
        return Number(found.prices(), EXACT, priced, strip=True)
    return Number(*narrow, priced, strip=True, column_scale=EXACT)


def positions_frame(names: NameLists, value_scale: int, found: _core.PositionList) -> Frame:
    """Each column is made on first use."""
    columns: dict[str, Column | Callable[[], Column]] = {
        "account": lambda: names.column("account", found.accounts()),
        "instrument": lambda: names.column("instrument", found.instruments()),
    }
    for k, measure in enumerate(_core.MEASURES):
        columns[f"{measure}_quantity"] = lambda k=k: _quantity(found, k)  # type: ignore[misc]
    columns["price"] = lambda: _price(found)
    columns["amount_currency"] = lambda: names.column("currency", found.currencies())
    for k, measure in enumerate(_core.MEASURES):
        columns[measure] = lambda k=k: Number(  # type: ignore[misc]
            found.amounts(k), value_scale, found.valued()
        )
    columns["unpriced"] = lambda: Plain((found.valued() == 0).astype(np.int64))
    return Frame(columns, len(found), found.epoch)


def orders_frame(names: NameLists, value_scale: int, rows: dict[str, Any]) -> Frame:
    """Each column is made on first use."""
    columns: dict[str, Column | Callable[[], Column]] = {
        "order": lambda: Ids(rows["order"]),
        "account": lambda: names.column("account", rows["account"]),
        "instrument": lambda: names.column("instrument", rows["instrument"]),
        "order_quantity": lambda: Number(rows["order_quantity"], EXACT, strip=True),
        "filled_quantity": lambda: Number(rows["filled_quantity"], EXACT, strip=True),
        "average_price": lambda: Number(
            rows["average_price"], EXACT, rows["average_price_known"], strip=True
        ),
        "rolled_quantity": lambda: Number(rows["rolled_quantity"], EXACT, strip=True),
        "leaves_quantity": lambda: Number(rows["leaves_quantity"], EXACT, strip=True),
        "status": lambda: Text(rows["status"], _statuses),
        "time": lambda: Time(rows["time"]),
        "price": lambda: Number(rows["price"], EXACT, rows["priced"], strip=True),
        "amount_currency": lambda: names.column("currency", rows["currency"]),
        "market_value": lambda: Number(rows["market_value"], value_scale, rows["priced"]),
        "filled_value": lambda: Number(rows["filled_value"], value_scale, rows["priced"]),
    }
    return Frame(columns, len(rows["account"]), rows["epoch"])


def revaluation_frame(names: NameLists, value_scale: int, found: _core.Revaluation) -> Frame:
    """Each column is made on first use."""
    rows, holdings = len(found), found.holdings
    valid = None if found.priced else np.zeros(rows, np.uint8)
    kinds = ("HOLDING", "ORDER")
    return Frame(
        {
            "record_type": lambda: Text(
                (np.arange(rows) >= holdings).astype(np.int32),
                lambda codes: [kinds[c] for c in codes.tolist()],
            ),
            "account": lambda: names.column("account", found.accounts()),
            "order": lambda: Ids(found.orders(), before=holdings),
            "quantity": lambda: Number(found.quantities(), EXACT, strip=True),
            "price": lambda: Number(found.price(), EXACT, valid, strip=True),
            "amount_currency": lambda: names.column(
                "currency", np.full(rows, found.currency, np.int32)
            ),
            "market_value": lambda: Number(found.values(), value_scale, valid),
        },
        rows,
        found.epoch,
    )


def prices_frame(names: NameLists, rows: dict[str, Any]) -> Frame:
    """Each column is made on first use."""
    columns: dict[str, Column | Callable[[], Column]] = {
        "instrument": lambda: names.column("instrument", rows["instrument"]),
        "price": lambda: Number(rows["price"], EXACT, strip=True),
        "time": lambda: Time(rows["time"]),
        "epoch": lambda: Plain(rows["changed"]),
    }
    return Frame(columns, len(rows["instrument"]), rows["epoch"])
