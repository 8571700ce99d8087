"""The three tables of a checkpoint: accounts, instruments, currencies.

They have a row for each code ever assigned, and the attributes that the Python layer keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mvcore.errors import CorruptData
from mvcore.ingest.masters import NOT_SET, Attribute
from mvcore.ingest.times import NO_TIME
from mvcore.store import arrow_files as arrow
from mvcore.store.arrow_files import CheckedColumns, Columns

ATTRIBUTE = "attribute:"
Attributes = Mapping[str, Attribute]


def _attribute_columns(attributes: Attributes, rows: int) -> dict[str, pa.Array]:
    out = {}
    for name, attribute in attributes.items():
        ids = np.full(rows, NOT_SET, np.int32)
        ids[: len(attribute.ids)] = attribute.ids[:rows]
        out[ATTRIBUTE + name] = arrow.labels(ids, arrow.strings(attribute.labels))
    return out


def _read_attributes(batch: CheckedColumns, before: tuple[str, ...]) -> dict[str, Attribute]:
    out = {}
    for column in batch.names:
        if column in before:
            continue
        name = column.removeprefix(ATTRIBUTE)
        if name == column or not name:
            raise CorruptData(f"{column} is a column that should not be there")
        ids, labels = batch.labels(column, pa.int32())
        place = {label: k for k, label in enumerate(labels)}
        if len(place) != len(labels) or None in place or "" in place:
            raise CorruptData(f"the labels of {column} are none")
        out[name] = Attribute(tuple(labels), ids.copy(), place)
    return out


def accounts_file(columns: Columns, attributes: Attributes) -> pa.Buffer:
    alive = columns["alive"]
    return arrow.to_file(
        "accounts",
        {
            "account": arrow.texts(columns["account"]),
            "alive": arrow.flags(alive),
            **_attribute_columns(attributes, len(alive)),
        },
    )


def read_accounts(data: memoryview, rows: int) -> tuple[Columns, dict[str, Attribute]]:
    batch = CheckedColumns("accounts", data, rows)
    columns = {"account": batch.texts("account"), "alive": batch.flags("alive")}
    return columns, _read_attributes(batch, ("account", "alive"))


def currencies_file(columns: Columns) -> pa.Buffer:
    given = (columns["rate"] != 0).any(axis=1)
    return arrow.to_file(
        "currencies",
        {
            "currency": arrow.texts(columns["currency"]),
            "rate": arrow.decimals(columns["rate"], given),
            "divide": arrow.flags(columns["divide"]),
            "time": arrow.times(columns["time"], len(given)),
        },
    )


def read_currencies(data: memoryview, rows: int) -> Columns:
    batch = CheckedColumns("currencies", data, rows)
    rate, given = batch.decimals("rate", nulls=True)
    if ((rate != 0).any(axis=1) != given).any():
        raise CorruptData("a rate is one and none")
    time = batch.times("time") if batch.version >= 2 else None
    return {
        "currency": batch.texts("currency"),
        "rate": rate,
        "divide": batch.flags("divide"),
        "time": np.full(rows, NO_TIME) if time is None else time,
    }


_SCALES = ("quantity_scale", "price_scale")
_INSTRUMENTS = (
    "instrument", "alive", "currency", "multiplier", "quote_factor", "cash", "quantity_scale",
    "price", "price_scale", "price_time", "price_epoch",
)  # fmt: skip


def instruments_file(
    columns: Columns, currencies: arrow.Texts, attributes: Attributes
) -> pa.Buffer:
    priced = columns["priced"].astype(bool)
    return arrow.to_file(
        "instruments",
        {
            "instrument": arrow.texts(columns["instrument"]),
            "alive": arrow.flags(columns["alive"]),
            "currency": arrow.labels(columns["currency"], arrow.texts(currencies)),
            "multiplier": arrow.decimals(columns["multiplier"]),
            "quote_factor": arrow.decimals(columns["quote_factor"]),
            "cash": arrow.flags(columns["cash"]),
            "quantity_scale": arrow.integers(columns["quantity_scale"].astype(np.int8)),
            "price": arrow.decimals(columns["price"], priced),
            "price_scale": arrow.integers(columns["price_scale"].astype(np.int8)),
            "price_time": arrow.array(
                arrow.TIME, len(priced), columns["price_time"] != NO_TIME,
                columns["price_time"],
            ),
            "price_epoch": arrow.integers(columns["price_epoch"]),
            **_attribute_columns(attributes, len(priced)),
        },
    )  # fmt: skip


def read_instruments(
    data: memoryview, rows: int, currencies: arrow.Texts
) -> tuple[Columns, dict[str, Attribute]]:
    batch = CheckedColumns("instruments", data, rows)
    out: dict[str, Any] = {"instrument": batch.texts("instrument"), "alive": batch.flags("alive")}
    names = arrow.texts(currencies).to_pylist()
    out["currency"] = batch.indices("currency", pa.int32(), names)
    out["multiplier"] = batch.decimals("multiplier")[0]
    out["quote_factor"] = batch.decimals("quote_factor")[0]
    out["cash"] = batch.flags("cash") if batch.version >= 3 else np.zeros(rows, np.uint8)
    for name in _SCALES:
        out[name] = batch.typed(name, pa.int8(), np.int8).astype(np.uint8)
    out["price"], priced = batch.decimals("price", nulls=True)
    out["priced"] = priced.astype(np.uint8)
    out["price_time"] = batch.times("price_time")
    if out["price_time"] is None:
        raise CorruptData("price_time is a column of nulls")
    out["price_epoch"] = batch.typed("price_epoch", pa.uint64(), np.uint64)
    return out, _read_attributes(batch, _INSTRUMENTS)
