"""Selections by attribute: checks them, and matches them with the master tables.

Besides their attributes, accounts have the key `account`, and instruments have the keys
`instrument` and `currency`. The labels of these keys are names.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import InvalidInput, invalid, shown, wrong_type
from mvcore.ingest.columns import attribute_values
from mvcore.ingest.masters import LABEL, NEVER_USED, Codes, Masters, checked_label

if TYPE_CHECKING:
    from mvcore.ingest.masters import Attribute

Wanted = Mapping[str, tuple[str | None, ...]]  # labels by attribute; None: not set
Find = Callable[[str, Sequence[str]], Codes]  # side or "currency", names -> codes; -1: unknown
NAMES = {"account": ("account",), "instrument": ("instrument", "currency")}
ANY_CURRENCY = "any_currency"  # a side of Find: also a currency that nothing uses now
_ONE = (str, int, float, Decimal, dt.date, np.number, np.bool_, np.datetime64)
_COLUMN = ("dtype", "to_pylist", "__arrow_c_stream__", "__arrow_c_array__")


def wanted_labels(side: str, given: Mapping[Any, Any]) -> Wanted:
    """The labels of a selection as texts. Raises InvalidInput for a value that is no label."""
    out: dict[str, tuple[str | None, ...]] = {}
    table = f"{side}s"
    for key, labels in given.items():
        if not isinstance(key, str):
            raise invalid(
                table, None, None, key, f"{shown(key)} is not text", "an attribute's name"
            )
        name = _without_side(side, key)
        if name in out:
            wrong = f"{shown(key)} names an attribute that an earlier key names"
            raise invalid(table, key, None, key, wrong, "each attribute once")
        if _is_one(labels):
            out[name] = (one_label(labels, table, name, None),)
            continue
        listed = _listed(labels, table, name)
        out[name] = tuple(one_label(label, table, name, row) for row, label in enumerate(listed))
    return out


def _without_side(side: str, key: str) -> str:
    """The attribute that a key of a selection names: `sector`, or `instrument.sector` as in `by`.

    Raises InvalidInput for a key of the other side. No attribute has a point in its name.
    """
    first, point, rest = key.partition(".")
    if not point or first not in NAMES:
        return key
    if first != side:
        raise invalid(
            f"{side}s", key, None, key, f"{shown(key)} is an attribute of {first}s, not {side}s",
            f"{first}s={{{rest!r}: ...}}",
        )  # fmt: skip
    return rest


def one_label(value: Any, table: str | None, column: str, row: int | None) -> str | None:
    """The label that a caller selects by: a value as writes take it, or a scalar of pyarrow."""
    if type(value) is not str and hasattr(value, "as_py"):
        try:
            value = value.as_py()
        except Exception:  # text that is not UTF-8, an unknown zone, a time out of range
            raise wrong_type(table, column, row, value, LABEL) from None
    return checked_label(value, table, column, row)


def _is_one(labels: Any) -> bool:
    return (
        labels is None
        or type(labels) is str
        or isinstance(labels, _ONE)
        or hasattr(labels, "as_py")
    )


def _listed(labels: Any, table: str, column: str) -> list[Any]:
    if type(labels) in (list, tuple):
        return list(labels)
    odd = isinstance(labels, Mapping | bytes | bytearray | np.generic) or hasattr(labels, "columns")
    scalar = isinstance(labels, np.ndarray) and labels.ndim == 0
    if odd or scalar or not isinstance(labels, Iterable):
        raise wrong_type(table, column, None, labels, f"{LABEL}; or a list of these")
    # a column with a type declares its nulls, so it is read as in a write
    if any(hasattr(labels, name) for name in _COLUMN) or isinstance(labels, array):
        return attribute_values(labels, table, column)
    return list(labels)


def check_labels(
    masters: Masters,
    side: str,
    wanted: Wanted,
    find: Find,
    in_use: Callable[[str], Sequence[str]],
    condition: int | None = None,
) -> None:
    """Raises InvalidInput for an unknown attribute and for a label that nothing has.

    in_use(key): returns the names that may be labels of `account`, `instrument` or `currency`.
    condition: the number of the condition of `where` that has the label. None: a selection has it.
    """
    for name, labels in wanted.items():
        attribute = attribute_of_side(masters, side, name)
        texts = [label for label in labels if label is not None]
        if attribute is not None:
            unknown = [text for text in texts if not attribute.is_used(text)]
        elif name == "currency":  # a currency that only a rate names is no label
            held = set(in_use(name))
            unknown = [text for text in texts if text not in held]
        else:
            codes = find(name, texts).tolist()
            unknown = [text for text, code in zip(texts, codes, strict=True) if code < 0]
        if unknown:
            known = in_use(name) if attribute is None else attribute.used_labels()
            raise no_label(side, name, unknown[0], condition).unlike(unknown[0], known)


def no_label(side: str, name: str, label: str, condition: int | None = None) -> InvalidInput:
    """Make the error for a label that no account or instrument has."""
    table, column = (f"{side}s", name) if condition is None else (None, "where")
    reason = f"no {side} has the label {shown(label)}"
    return InvalidInput.about(table, column, condition, label, reason)


def attribute_of_side(masters: Masters, side: str, name: str) -> Attribute | None:
    """The attribute. None for a key whose labels are names. Raises InvalidInput if unknown."""
    table = masters.account if side == "account" else masters.instrument
    if name not in table and name not in NAMES[side]:
        raise unknown_attribute(side, name, list(table))
    return table.get(name)


def unknown_attribute(side: str, name: str, attributes: Sequence[str]) -> InvalidInput:
    """Make the error for a name that is neither an attribute of the side nor one of its keys."""
    known = ", ".join(map(repr, attributes)) or "none"
    reason = f"unknown attribute {name!r}, known: {known}"
    error = InvalidInput.about(f"{side}s", name, None, name, reason)
    return error.unlike(name, [*NAMES[side], *attributes], list_known=False)


def ids_of(
    masters: Masters, side: str, name: str, labels: tuple[str | None, ...], find: Find
) -> list[int]:
    """The label ids of labels, ascending. Labels that nothing ever had have none."""
    attribute = attribute_of_side(masters, side, name)
    if attribute is not None:
        return sorted({attribute.id_of(label) for label in labels} - {NEVER_USED})
    codes = find(name, [label for label in labels if label is not None])
    return sorted(set(codes[codes >= 0].tolist()))


def matching(masters: Masters, side: str, wanted: Wanted, find: Find) -> Codes | None:
    """The codes that match every attribute of a selection, in order. None: all.

    O(codes of the label that the fewest have) after the first use of each attribute.
    """
    cache = masters.groups(side)
    terms: list[tuple[int, str, list[int]]] = []  # codes that match, attribute, label ids
    for name, labels in wanted.items():
        ids = ids_of(masters, side, name, labels, find)
        count = len(ids) if name == side else cache.rows(name).count(ids)
        terms.append((count, name, ids))
    if not terms:
        return None
    terms.sort(key=lambda term: term[0])
    _, name, ids = terms[0]
    if name == side:
        codes = np.array(ids, np.int32)
        codes = codes[codes < cache.size]  # the masters may be older than the core's names
    else:
        codes = cache.rows(name).of(ids)
    for _, name, ids in terms[1:]:
        codes = codes[np.isin(cache.ids_at(name, codes), np.array(ids, np.int32))]
    return codes
