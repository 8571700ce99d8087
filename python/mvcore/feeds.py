"""Positions of feeds, as `update(feed=)` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mvcore.errors import InvalidInput


def checked(feed: Mapping[str, int] | None) -> list[tuple[str, int]]:
    """Pairs of name and position."""
    if feed is None:
        return []
    if not isinstance(feed, Mapping):
        raise InvalidInput(f"feed: {feed!r} is not a mapping of names to integers")
    return [(_name(name), _position(name, position)) for name, position in feed.items()]


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"feed: {name!r} is not a name")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"feed: {name!r} is not valid Unicode") from None
    return str(name)


def _position(name: str, position: Any) -> int:
    if isinstance(position, bool) or not hasattr(position, "__index__"):
        raise InvalidInput(f"feed: the position of {name!r}, {position!r}, is not an int")
    number: int = position.__index__()
    if not -(2**63) <= number < 2**63:
        raise InvalidInput(f"feed: the position of {name!r}, {number}, does not fit 64 bits")
    return number
