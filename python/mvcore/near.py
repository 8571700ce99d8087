"""Finds known names that are similar to an unknown one."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 5_000  # known names; a search among more would take too long
SHOWN = 3
FEW = 10
SUGGESTION_RATIO = 0.6  # difflib's ratio


def near(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three of the known names, the most similar first.

    Case does not matter. A known name that begins with the unknown one is similar too. O(known
    names).
    """
    if len(known) > MOST:
        return ()
    wanted = name.casefold()
    spelled: dict[str, list[str]] = {}
    for one in known:
        spelled.setdefault(one.casefold(), []).append(one)
    import difflib  # in messages of errors only

    close = difflib.get_close_matches(wanted, spelled, SHOWN, SUGGESTION_RATIO)
    if len(wanted) > 1:
        close += [one for one in spelled if one.startswith(wanted) and one not in close]
    return tuple(one for folded in close for one in spelled[folded])[:SHOWN]


def hint(name: str, known: Sequence[str], list_known: bool = True) -> str:
    """The end of an error message: the similar names, or else all known names if they are few."""
    names = near(name, known)
    if names:
        *others, last = map(repr, names)
        return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    if list_known and 0 < len(known) <= FEW:
        return f"; known: {', '.join(map(repr, known))}"
    return ""
