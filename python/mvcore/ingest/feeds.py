"""Checks the feed positions that `update(feed=)` and `ticks(feed=)` take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mvcore.errors import InvalidInput, invalid, shown
from mvcore.ingest.times import whole


def checked(feed: Mapping[str, int] | None, call: str) -> list[tuple[str, int]]:
    """Return pairs of name and position."""
    if feed is None:
        return []
    if not isinstance(feed, Mapping):
        raise _wrong(call, feed, f"{shown(feed)} is not a mapping of names to integers")
    return [(_name(call, name), _position(call, name, position)) for name, position in feed.items()]


def _wrong(call: str, value: Any, reason: str) -> InvalidInput:
    return invalid(call, "feed", None, value, reason)


def _name(call: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise _wrong(call, name, f"{shown(name)} is not a name")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _wrong(call, name, f"{name!r} is not valid Unicode") from None
    return str(name)


def _position(call: str, name: str, position: Any) -> int:
    number = whole(position)
    if number is None:
        raise _wrong(call, position, f"the position of {name!r}, {shown(position)}, is not an int")
    if not -(2**63) <= number < 2**63:
        raise _wrong(
            call, position, f"the position of {name!r}, {shown(number)}, does not fit 64 bits"
        )
    return number
