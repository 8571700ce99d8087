"""Converts numbers as people and programs write them to texts that the core reads exactly.

Only a mark that an option names gets a meaning. A mark that may be a decimal point or a thousands
separator is never guessed.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mvcore.errors import InvalidInput, shown
from mvcore.files.options import SPACES, THOUSANDS_MARKS, Options
from mvcore.ingest.columns import number_column

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
SPACE = f"[{SPACES}]"
LOOKALIKES = {
    "\u00a0": "a no-break space",
    "\u2009": "a thin space",
    "\u202f": "a narrow no-break space",
    "\u2212": "a minus sign that is not '-'",
    "\u2013": "a dash instead of '-'",
    "\u2014": "a dash instead of '-'",
}


def plain_where_usual(texts: pa.Array, options: Options) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """Convert the numbers of an array to plain digits.

    Rows in the mask need `plain_number` instead.

    Numbers with digits, marks and a sign in the usual places are converted vectorized.
    """
    from pyarrow import compute

    mark, decimal = options.thousands, options.decimal
    groups = "" if mark is None or mark == " " else f"|{_grouped_digits(re.escape(mark))}"
    usual = f"^[+-]?([0-9]{{1,20}}{groups})({re.escape(decimal)}[0-9]{{1,18}})?$"
    others = compute.invert(compute.match_substring_regex(texts, usual)).fill_null(False)
    if groups:
        texts = compute.replace_substring(texts, mark, "")
    if decimal != ".":
        texts = compute.replace_substring(texts, decimal, ".")
    return texts, np.asarray(others, bool)


def _grouped_digits(separator: str) -> str:
    return rf"[1-9][0-9]{{0,2}}({separator}[0-9]{{3}}){{1,5}}"


def plain_number(text: str, options: Options) -> str:
    """Convert a number to the form that the core reads. Raises ValueError with the reason."""
    plain = _read(text, options)
    if plain is None:
        raise ValueError(_reason(text, options))
    try:
        number_column([plain], "", "")
    except InvalidInput as error:  # too many digits
        raise ValueError(f"{_shown(text)}{error.reason.removeprefix(shown(plain))}") from None
    return plain


def _read(text: str, options: Options) -> str | None:
    """The number in plain digits, or None if these options do not allow the text."""
    number, negative = _without_sign(text, options.currency_signs), False
    if options.accounting:
        if number.startswith("(") and number.endswith(")"):
            number, negative = _without_sign(number[1:-1], options.currency_signs), True
        elif number.endswith("-"):
            number, negative = number[:-1], True
    mark, decimal = options.thousands, options.decimal
    if mark is not None and _grouped(mark, decimal).fullmatch(number):
        number = re.sub(SPACE if mark == " " else re.escape(mark), "", number)
    if decimal != ".":
        if "." in number:
            return None
        number = number.replace(decimal, ".", 1)
    if NUMBER.fullmatch(number) is None or (negative and number[0] in "+-"):
        return None
    return f"-{number}" if negative else number


def _without_sign(text: str, signs: str) -> str:
    """Remove the currency sign before or after the number."""
    if not signs:
        return text
    sign, other = f"[{re.escape(signs)}]", f"[^{re.escape(signs)}]"
    found = re.fullmatch(rf"([+-]?){sign}{SPACE}?({other}+)|()({other}+?){SPACE}?{sign}", text)
    if found is None:
        return text
    minus, number = found[1] or "", found[2] or found[4]
    return text if minus and number[0] in "+-" else minus + number


@cache
def _grouped(mark: str, decimal: str) -> re.Pattern[str]:
    separator = SPACE if mark == " " else re.escape(mark)
    return re.compile(
        rf"[+-]?[1-9][0-9]{{0,2}}({separator})[0-9]{{3}}(?:\1[0-9]{{3}})*"
        rf"(?:{re.escape(decimal)}[0-9]+)?"
    )


def _reason(text: str, options: Options) -> str:
    """Say what is wrong with a text that is no number, and which options would read it."""
    expected = f"expected a number such as 1234{options.decimal}5"
    if advice := list(dict.fromkeys(_advice(text, options))):
        return f"{_shown(text)} is not a plain number; {expected}, or {'; or '.join(advice)}"
    for character, name in LOOKALIKES.items():
        if character in text:
            return f"{_shown(text)} has {name} ({character!a}); {expected}"
    if text != text.strip():
        return f"{_shown(text)} has space around the number; {expected}"
    return f"{_shown(text)} is not a decimal number; {expected}"


def _shown(text: str) -> str:
    """The text in ASCII, so that every unusual character shows, shortened to 60 characters."""
    return ascii(text) if len(text) <= 60 else f"{text[:57]!a}..."


def _advice(text: str, options: Options) -> Iterator[str]:
    """The options that would read the text: for each possible value, the smallest set of them."""
    signs = "".join(sorted({c for c in text if unicodedata.category(c) == "Sc"}))
    new = [c for c in signs if c not in options.currency_signs]
    changes: list[list[dict[str, Any]]] = [
        [{}, {"accounting": True}] if not options.accounting else [{}],
        [{}, {"currency_signs": options.currency_signs + "".join(new)}] if new else [{}],
        [{}, *({"decimal": c} for c in ",." if c in text and c != options.decimal)],
        [{}, *({"thousands": c} for c in _marks(text) if c != options.thousands)],
    ]
    readings: dict[str | None, list[dict[str, Any]]] = {}
    for parts in product(*changes):
        change = {name: value for part in parts for name, value in part.items()}
        decimal = change.get("decimal", options.decimal)
        if decimal == change.get("thousands", options.thousands):
            continue
        readings.setdefault(_read(text, replace(options, **change)), []).append(change)
    readings.pop(None, None)
    for found in readings.values():
        fewest = min(found, key=len)
        yield " and ".join(map(_option, fewest.items()))


def _marks(text: str) -> Iterator[str]:
    """The marks that may separate thousands in the text. ' ' means any kind of space."""
    yield from (mark for mark in THOUSANDS_MARKS if mark in text and mark not in SPACES)
    if any(space in text for space in SPACES):
        yield " "


def _option(change: tuple[str, Any]) -> str:
    name, value = change
    if value is True:
        return f"{name}=True (--{name})"
    return f"{name}={value!a} (--{name.replace('_', '-')} {shlex.quote(value)})"
