"""Converts columns of texts from a file to columns of a table, and checks each value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore.errors import InvalidInput, shown
from mvcore.files.numbers import plain_number, plain_where_usual
from mvcore.files.options import Options
from mvcore.files.schema import SUMMED, Schema
from mvcore.ingest.times import NO_TIME, column_ns

if TYPE_CHECKING:
    import pyarrow as pa

# (what is wrong, column, row, value) -> the error with file and line
Fault = Callable[[str, str, int, Any], InvalidInput]
TEXTS = ("string", "large_string", "string_view")
PLAIN_INTEGER = "^(0|-?[1-9][0-9]{0,18})$"
FLAGS = {"true": True, "false": False}
EXACT = Context(MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def is_text(column: pa.ChunkedArray) -> bool:
    """Return whether the values are texts. In files without types, such as CSV, they always are."""
    return str(column.type) in TEXTS


def numbers(column: pa.ChunkedArray, name: str, options: Options, fault: Fault) -> pa.ChunkedArray:
    """Convert each number of the column to plain digits."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not is_text(column):
        return column
    done, before = [], 0
    for chunk in column.cast(pa.string()).chunks:
        plain, others = plain_where_usual(chunk, options)
        written: list[str] = []
        for row, text in zip(
            np.flatnonzero(others).tolist(), chunk.filter(others).to_pylist(), strict=True
        ):
            try:
                written.append(plain_number(text, options))
            except ValueError as error:
                raise fault(str(error), name, before + row, text) from None
        if written:
            plain = compute.replace_with_mask(plain, others, pa.array(written, pa.string()))
        done.append(plain)
        before += len(chunk)
    return pa.chunked_array(done, pa.string())


def flags(column: pa.ChunkedArray, name: str, fault: Fault) -> pa.ChunkedArray:
    """Convert the texts true and false, in any case, to booleans."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not is_text(column):
        return column
    texts = column.to_pylist()
    for row, text in enumerate(texts):
        if text is not None and text.lower() not in FLAGS:
            wrong = f"{shown(text)} is neither true nor false"
            raise fault(wrong, name, row, text)
    out = [None if text is None else FLAGS[text.lower()] for text in texts]
    return pa.chunked_array([pa.array(out, pa.bool_())])


def times(column: pa.ChunkedArray, name: str, fault: Fault) -> pa.ChunkedArray:
    """Convert ISO 8601 texts to timestamps in UTC."""
    import pyarrow as pa

    if not is_text(column):
        return column
    done, before = [], 0
    for chunk in column.chunks:
        try:
            ns = column_ns(chunk, "file", name)
        except InvalidInput as error:
            raise fault(error.reason, name, before + (error.row or 0), error.value) from None
        done.append(pa.array(ns, pa.timestamp("ns", "UTC"), mask=ns == NO_TIME))
        before += len(chunk)
    return pa.chunked_array(done, pa.timestamp("ns", "UTC"))


def check_filled(table: pa.Table, schema: Schema, fault: Fault) -> None:
    """Raises InvalidInput if a cell of a required column is empty."""
    for name in schema.filled:
        column = table.column(name)
        if column.null_count:
            row = int(np.flatnonzero(np.asarray(column.is_null(), bool))[0])
            kind = "number" if name in schema.numbers else f"name in each row of {schema.name}"
            raise fault(f"the field is empty; expected a {kind}", name, row, None)


def keys_of(table: pa.Table, key: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """A number for each row. Rows have the same number if they have the same key."""
    ids, different = np.zeros(table.num_rows, np.int64), 1
    for name in key if table.num_rows else ():
        chunks = table.column(name).dictionary_encode().unify_dictionaries().chunks
        size = len(chunks[0].dictionary)
        if different * size >= 2**63:
            ids = np.unique(ids, return_inverse=True)[1]
            different = table.num_rows
        different *= size
        ids = ids * size + np.concatenate([np.asarray(c.indices, np.int64) for c in chunks])
    return ids


def check_unique(
    table: pa.Table, schema: Schema, place: Callable[[int], str], fault: Fault
) -> None:
    """Raises InvalidInput if a key occurs twice."""
    again = _repeated(keys_of(table, schema.key))
    if again is None:
        return
    first, row = again
    values = [table.column(name)[row].as_py() for name in schema.key]
    listed = ", ".join(map(shown, values))
    advice = ", or duplicates='sum' (--duplicates sum)" if schema.name in SUMMED else ""
    raise fault(
        f"{listed} was in {place(first)} already; expected each {' and '.join(schema.key)} once"
        f"{advice}",
        schema.key[-1],
        row,
        values[0] if len(values) == 1 else tuple(values),
    )


def _repeated(ids: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    """The first repeated row, after the first row with the same key."""
    if not (np.diff(np.sort(ids)) == 0).any():
        return None
    order = np.argsort(ids, kind="stable")
    same = np.flatnonzero(np.diff(ids[order]) == 0)
    row = int(order[same + 1].min())
    return int(np.flatnonzero(ids == ids[row])[0]), row


def summed(table: pa.Table, schema: Schema, fault: Fault) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Sum rows with the same key exactly, into the first of them.

    Also returns a mask of the rows kept.
    """
    import pyarrow as pa

    ids = keys_of(table, schema.key)
    _, first, place = np.unique(ids, return_index=True, return_inverse=True)
    kept = np.zeros(len(ids), bool)
    kept[first] = True
    twice = np.flatnonzero(np.bincount(place)[place] > 1)
    for name in SUMMED[schema.name]:
        if name not in table.column_names:
            continue
        if not twice.size:
            continue
        if not _is_number(table.column(name).type):
            kind = table.column(name).type
            raise fault(f"a column of {kind}; expected numbers", name, int(twice[0]), None)
        texts = texts_of(table.column(name))
        totals: dict[int, Decimal | None] = {}
        for row in twice.tolist():
            text, at = texts[row], int(first[place[row]])
            number = None if text is None else Decimal(text)
            if number is not None and not number.is_finite():
                raise fault(f"{text!r} is not a finite number", name, row, text)
            if at not in totals:
                totals[at] = number
                continue
            total = totals[at]
            if (number is None) != (total is None):
                raise fault(f"only some rows of one key have a {name}", name, row, text)
            if total is not None and number is not None:
                totals[at] = EXACT.add(total, number)
        for at, total in totals.items():
            texts[at] = None if total is None else format(total, "f")
        column = pa.chunked_array([pa.array(texts, pa.string())])
        table = table.set_column(table.column_names.index(name), name, column)
    return table.filter(kept), kept


def texts_of(column: pa.ChunkedArray) -> list[str | None]:
    """Numbers of any type as texts with all their digits. Floats become their shortest text."""
    narrow = {"float": np.float32, "halffloat": np.float16}.get(str(column.type), lambda v: v)
    return [None if value is None else str(narrow(value)) for value in column.to_pylist()]


def _is_number(kind: pa.DataType) -> bool:
    """Return whether `texts_of` turns every value into a number.

    The caller has checked texts before.
    """
    import pyarrow as pa

    types = pa.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_null)
    return str(kind) in TEXTS or any(test(kind) for test in tests)


def has_keys(table: pa.Table, schema: Schema) -> bool:
    """Return whether the key columns hold names or integers. The book refuses other types."""
    import pyarrow as pa

    kinds = [table.column(name).type for name in schema.key]
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
    return bool(plain) and all(pa.types.is_integer(kind) or str(kind) in TEXTS for kind in plain)


def plain_integers(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Convert to int64, if each text is the canonical form of an integer: not 007, not +7."""
    import pyarrow as pa
    from pyarrow import compute

    plain = compute.match_substring_regex(column, PLAIN_INTEGER)
    if not compute.all(plain, min_count=0).as_py():
        return None
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # beyond 64 bits
        return None
