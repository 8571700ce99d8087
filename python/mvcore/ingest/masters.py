"""Attributes of accounts and instruments, for groupings and selections.

The core knows names and numbers. Attributes are kept here, as labels by code. A `Masters` is
immutable: a write that changes a master table makes a new one, so readers need no lock.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.errors import InvalidInput, invalid, is_unicode, shown, wrong_type
from mvcore.ingest.times import UNIT_EXPECTED

if TYPE_CHECKING:
    from mvcore.ingest.group_codes import GroupCache

Codes = npt.NDArray[np.int32]
NOT_SET = -1
NEVER_USED = -2  # the id of a label that nothing ever had
_ZEROS = re.compile(r"(?:\.|(\.\d*[1-9]))0+(?=$|[+-])")  # trailing zeros of a time's fraction
_EVERY_DIGIT = Context(MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)  # nothing is rounded


NO_CODES = np.empty(0, np.int32)
LABEL = "text, a finite number, a bool, a date, or None for no label"


class Attribute:
    """One attribute of one side. Immutable. Label ids are never reused, so views may keep them."""

    def __init__(
        self,
        labels: tuple[str, ...] = (),
        ids: Codes = NO_CODES,
        place: Mapping[str, int] | None = None,
    ) -> None:
        """ids: by code, NOT_SET if it has no label. place: label ids by label."""
        self.labels = labels
        self.ids = ids
        self.place: Mapping[str, int] = {} if place is None else place

    def id_of(self, value: Any) -> int:
        """The label's id, or NEVER_USED."""
        return NOT_SET if value is None else self.place.get(label_of(value), NEVER_USED)

    @cached_property
    def _used(self) -> npt.NDArray[np.bool_]:
        """By label id: whether an account or instrument has the label now."""
        return np.bincount(self.ids[self.ids >= 0], minlength=len(self.labels)) > 0

    def is_used(self, label: str) -> bool:
        """Return whether an account or instrument has the label now."""
        return label in self.place and bool(self._used[self.place[label]])

    def used_labels(self) -> list[str]:
        """The labels that are in use now."""
        return [label for label, used in zip(self.labels, self._used.tolist(), strict=True) if used]

    @cached_property
    def texts(self) -> _core.CodeTexts:
        """The labels by id, for the core."""
        return _core.label_texts(self.labels)

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The values as float64, by code. nan if the value is not set or not a number."""
        values = np.array([*map(_number, self.labels), math.nan])
        return values[self.ids]  # NOT_SET is the last


class Masters(NamedTuple):
    """The attributes for one version of the core's master tables."""

    version: int  # the core's `masters`
    accounts: int  # codes assigned so far, removed ones included
    instruments: int
    account: Mapping[str, Attribute]
    instrument: Mapping[str, Attribute]
    currency: Codes  # by instrument
    account_groups: GroupCache
    instrument_groups: GroupCache
    # Attributes that a load left out, without their ids. One that returns goes on with its labels:
    # views compare label ids.
    dropped: Mapping[str, Mapping[str, Attribute]]  # by side

    def groups(self, side: str) -> GroupCache:
        """The group codes of one side."""
        return self.account_groups if side == "account" else self.instrument_groups


def label_of(value: Any) -> str:
    """The text of an attribute's value.

    A number has no trailing zeros, whatever its type. A date or a time is in ISO 8601, without
    trailing zeros of the fraction, whatever its unit.
    """
    if isinstance(value, str):
        return str.__str__(value)  # subclasses such as enums may override __str__
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, np.datetime64) and np.datetime_data(value)[0] in ("h", "m"):
        value = value.astype("M8[s]")
    if isinstance(value, dt.date | np.datetime64):
        text = value.isoformat() if isinstance(value, dt.date) else str(value)
        return _ZEROS.sub(r"\1", text, count=1)
    text = _digits(value)
    if "." not in text and "e" not in text.lower():
        return "0" if text == "-0" else text
    try:
        number = Decimal(text).normalize(_EVERY_DIGIT)
    except InvalidOperation:
        return text
    if not number:
        return "0"  # also negative zero
    # beyond that, the exponent form, not a long run of zeros
    return f"{number:f}" if abs(number.adjusted()) < 100 else str(number)


def _digits(value: Any) -> str:
    """The digits as the base type writes them."""
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, Decimal):
        return Decimal.__str__(value)
    return str(value)


def _number(label: str) -> float:
    """The label as a float, nan if it is not a finite number.

    "1_000", which Python accepts, is no number.
    """
    try:
        value = float(label) if "_" not in label else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _is_label(value: Any) -> bool:
    """Return whether the value can be a label: text, a finite number, a bool, a date or a time."""
    if isinstance(value, float | np.floating):
        return bool(np.isfinite(value))
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, np.datetime64):
        return not np.isnat(value)
    if isinstance(value, np.generic) and not isinstance(value, str):
        return value.dtype.kind in "biu"
    if isinstance(value, dt.date):
        return bool(value == value)  # pandas' NaT is an instance of datetime
    return isinstance(value, str | int)


def checked_label(value: Any, table: str | None, column: str, row: int | None) -> str | None:
    """Return the label of an attribute's value, None if the value is None.

    The only rule about labels: writes, selections and `where` call it. nan, NaT and pandas.NA are
    refused, because only a column with a type can declare a null, and its reader returns None.
    """
    if value is None:
        return None
    if type(value) is str:
        text = value
    elif not _is_label(value):
        raise wrong_type(table, column, row, value, LABEL)
    else:
        try:
            text = label_of(value)
        except ValueError:
            raise _without_text(value, table, column, row) from None
    if not text:
        raise invalid(table, column, row, value, "'' is empty", "text")
    if not is_unicode(text):
        raise invalid(table, column, row, value, f"{shown(value)} is not valid Unicode")
    return text


def _without_text(value: Any, table: str | None, column: str, row: int | None) -> InvalidInput:
    """Make the error for a value that Python or NumPy cannot convert to a text."""
    if isinstance(value, np.datetime64):
        wrong, expected = f"the datetime64 {int(value.view(np.int64))} has no unit", UNIT_EXPECTED
    else:
        wrong, expected = f"{shown(value)} is too long for a label", "fewer digits, or a text"
    return invalid(table, column, row, value, wrong, expected)


def checked_labels(values: Iterable[Any], table: str, column: str) -> list[str | None]:
    """Return the labels of a list or column of values. Errors name the row."""
    return [checked_label(value, table, column, row) for row, value in enumerate(values)]


def with_rows(
    attributes: Mapping[str, Attribute],
    columns: Mapping[str, list[str | None]],
    codes: Codes,
    size: int,
    refresh: bool,
    dropped: Mapping[str, Attribute] | None = None,
) -> dict[str, Attribute]:
    """The attributes after rows of a master table were written.

    refresh: codes that are not in the rows lose their attributes. An attribute that does not
    change stays the same object, so that group codes made from it stay valid.
    dropped: attributes that the side had before. One that returns keeps the ids of its labels.
    """
    out: dict[str, Attribute] = {}
    for name in [*attributes, *(c for c in columns if c not in attributes)]:
        if refresh and name not in columns:
            continue
        old = attributes.get(name) or (dropped or {}).get(name) or Attribute()
        if name not in columns and len(old.ids) == size:
            out[name] = old
            continue
        ids = np.full(size, NOT_SET, np.int32)
        if not refresh:
            ids[: len(old.ids)] = old.ids
        place = old.place
        if name in columns:
            place = dict(old.place)
            ids[codes] = [
                NOT_SET if label is None else place.setdefault(label, len(place))
                for label in columns[name]
            ]
        same = len(place) == len(old.labels) and np.array_equal(ids, old.ids)
        out[name] = old if same and name in attributes else Attribute(tuple(place), ids, place)
    return out


def after(
    core: _core.Book,
    held: Masters,
    columns: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, list[str | None]]],
    refresh: bool,
) -> tuple[dict[str, Attribute], dict[str, Attribute]]:
    """The attributes of both sides, after the core has applied a write."""
    accounts, instruments, _ = core.counts
    account, instrument = dict(held.account), dict(held.instrument)
    if "accounts" in columns:
        codes = core.account_codes(columns["accounts"]["account"], "accounts")
        account = with_rows(
            account, labels["accounts"], codes, accounts, refresh, held.dropped["account"]
        )
    if "instruments" in columns:
        codes = core.instrument_codes(columns["instruments"]["instrument"], "instruments")
        instrument = with_rows(
            instrument, labels["instruments"], codes, instruments, refresh,
            held.dropped["instrument"],
        )  # fmt: skip
    return account, instrument


def all_dropped(
    dropped: Mapping[str, Attribute], before: Mapping[str, Attribute], now: Mapping[str, Attribute]
) -> dict[str, Attribute]:
    """The dropped attributes of a side, after another version of its attributes."""
    gone = {
        name: Attribute(attribute.labels, NO_CODES, attribute.place)
        for name, attribute in before.items()
        if name not in now
    }
    return {**{name: kept for name, kept in dropped.items() if name not in now}, **gone}


def without(attributes: Mapping[str, Attribute], codes: Codes) -> dict[str, Attribute]:
    """The attributes after some codes were removed."""
    out = {}
    for name, attribute in attributes.items():
        if (attribute.ids[codes] == NOT_SET).all():
            out[name] = attribute
            continue
        ids = attribute.ids.copy()
        ids[codes] = NOT_SET
        out[name] = Attribute(attribute.labels, ids, attribute.place)
    return out
