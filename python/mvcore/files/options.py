"""The options for reading a file, checked once."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mvcore.errors import InvalidInput, invalid

DECIMAL_MARKS = (".", ",")
SPACES = " \u00a0\u2009\u202f"  # plain, no-break, thin, narrow no-break
THOUSANDS_MARKS = (*",.'\u2019_", *SPACES)
# Python codecs for host names and source code, not for files.
NOT_OF_FILES = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
NOT_DELIMITERS = '"\r\n\0\ufeff'


@dataclass(frozen=True)
class Options:
    """The options of `mvcore.read`. None means that mvcore detects the value from the file."""

    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    extra: str = "error"
    duplicates: str = "error"
    blank_price: str = "error"
    accounting: bool = False
    currency_signs: str = ""

    def __post_init__(self) -> None:
        _check_delimiter(self.delimiter)
        _check_choice("decimal", self.decimal, DECIMAL_MARKS)
        if self.thousands is not None:
            _check_choice("thousands", self.thousands, THOUSANDS_MARKS)
        if self.thousands == self.decimal:
            raise _wrong(
                "thousands",
                self.thousands,
                f"{self.thousands!r} is the decimal mark too; expected two different marks",
            )
        _check_encoding(self.encoding)
        _check_line("header_row", self.header_row)
        _check_rename(self.rename)
        _check_choice("extra", self.extra, ("error", "ignore"))
        _check_choice("duplicates", self.duplicates, ("error", "sum"))
        _check_choice("blank_price", self.blank_price, ("error", "skip"))
        if not isinstance(self.accounting, bool):
            raise _wrong("accounting", self.accounting, f"{self.accounting!r} is not a bool")
        _check_signs(self.currency_signs)


def _wrong(option: str, value: Any, reason: str) -> InvalidInput:
    return invalid(None, option, None, value, reason)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        shown = ", ".join(map(ascii, choices))
        raise _wrong(name, value, f"{value!a} is not known; expected one of {shown}")


def _check_line(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(name, value, f"{value!r} is not a line number; expected 1 or more")


def _check_delimiter(value: Any) -> None:
    if value is None:
        return
    plain = isinstance(value, str) and len(value) == 1 and not value.isalnum()
    if not plain or value in NOT_DELIMITERS:
        raise _wrong(
            "delimiter",
            value,
            f"{value!a} is not a delimiter; expected one character such as ',', ';', '\\t' or '|'",
        )


def _check_encoding(value: Any) -> None:
    if value is None:
        return
    try:
        found = codecs.lookup(value)
        known = found._is_text_encoding and found.name.replace("-", "_") not in NOT_OF_FILES
    except (LookupError, TypeError, ValueError):
        known = False
    if not known:
        raise _wrong(
            "encoding",
            value,
            f"{value!a} is not known; expected utf-8, utf-16, windows-1252 or another "
            "text encoding of Python",
        )


def _check_rename(value: Any) -> None:
    texts = isinstance(value, Mapping) and all(
        isinstance(text, str) and text for pair in value.items() for text in pair
    )
    if not texts:
        raise _wrong(
            "rename", value, f"{value!r} is not a mapping of names in the file to names of columns"
        )
    new = list(value.values())
    twice = next((name for name in new if new.count(name) > 1), None)
    if twice is not None:
        raise _wrong("rename", value, f"two columns would be named {twice!r}")


def _check_signs(value: Any) -> None:
    if not isinstance(value, str) or any(unicodedata.category(sign) != "Sc" for sign in value):
        raise _wrong(
            "currency_signs",
            value,
            f"{value!a} is not text of currency signs; expected for example '$' or '$\u20ac'",
        )
