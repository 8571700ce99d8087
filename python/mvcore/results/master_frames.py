"""Turns master tables and rates of the core into frames that `load` and `update` take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore import _core
from mvcore.frame import Column, Frame, Number, Plain, Text, Time
from mvcore.ingest.masters import NOT_SET
from mvcore.results.positions import EXACT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mvcore.ingest.masters import Attribute, Codes, Masters
    from mvcore.results.names import NameLists

METHODS = ("multiply", "divide")


def accounts_frame(core: Any, masters: Masters, names: NameLists) -> Frame:
    stored = _core.stored_accounts(core)
    codes = np.flatnonzero(stored["alive"]).astype(np.int32)
    columns: dict[str, Column] = {"account": Text(codes, names.of("account"))}
    return _with_attributes(columns, masters.account, codes, core.epoch)


def instruments_frame(core: Any, masters: Masters, names: NameLists) -> Frame:
    stored = _core.stored_instruments(core)
    codes = np.flatnonzero(stored["alive"]).astype(np.int32)
    columns: dict[str, Column] = {
        "instrument": Text(codes, names.of("instrument")),
        "currency": Text(stored["currency"][codes].astype(np.int32), names.of("currency")),
        "multiplier": Number(stored["multiplier"][codes], EXACT, strip=True),
        "quote_factor": Number(stored["quote_factor"][codes], EXACT, strip=True),
        "cash": Plain(stored["cash"][codes].astype(bool)),
    }
    return _with_attributes(columns, masters.instrument, codes, core.epoch)


def fx_frame(core: Any, masters: Masters, names: NameLists) -> Frame:
    stored = _core.stored_currencies(core)
    codes = np.flatnonzero(stored["rate"].any(axis=1)).astype(np.int32)
    method = stored["divide"][codes].astype(np.int32)
    return Frame(
        {
            "currency": Text(codes, names.of("currency")),
            "rate": Number(stored["rate"][codes], EXACT, strip=True),
            "method": Text(method, lambda methods: [METHODS[m] for m in methods.tolist()]),
            "time": Time(stored["time"][codes]),
        },
        len(codes),
        core.epoch,
    )


def _with_attributes(
    columns: dict[str, Column], attributes: Mapping[str, Attribute], codes: Codes, epoch: int
) -> Frame:
    """Add a column for each attribute.

    Books of older versions may have an attribute `cash`. It is left out: no write takes it.
    """
    for name, attribute in attributes.items():
        if name != "cash":
            columns[name] = _labels(attribute, codes)
    return Frame(dict(columns), len(codes), epoch)


def _labels(attribute: Attribute, codes: Codes) -> Text:
    # codes that were added after the last write of this attribute have no label
    ids = np.full(max(len(attribute.ids), int(codes.max(initial=-1)) + 1), NOT_SET, np.int32)
    ids[: len(attribute.ids)] = attribute.ids
    labels = attribute.labels
    return Text(ids[codes], lambda places: [labels[p] if p >= 0 else None for p in places.tolist()])
