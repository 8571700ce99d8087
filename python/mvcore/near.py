"""Known names that an unknown one may have been meant to be."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 5_000  # known names; among more, a search would take long
SHOWN = 3
FEW = 10
ALIKE = 0.6  # difflib's ratio


def near(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three of the known names, the most similar first. Upper and lower case are the same;
    a name that begins with the other one is similar too. O(known names)."""
    if len(known) > MOST:
        return ()
    wanted = name.casefold()
    spelled: dict[str, list[str]] = {}
    for one in known:
        spelled.setdefault(one.casefold(), []).append(one)
    import difflib  # in messages of errors only

    close = difflib.get_close_matches(wanted, spelled, SHOWN, ALIKE)
    if len(wanted) > 1:
        close += [one for one in spelled if one.startswith(wanted) and one not in close]
    return tuple(one for folded in close for one in spelled[folded])[:SHOWN]


def hint(name: str, known: Sequence[str], list_known: bool = True) -> str:
    """What an error message ends with: the near names, or else all known ones if they are few."""
    names = near(name, known)
    if names:
        *others, last = map(repr, names)
        return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    if list_known and 0 < len(known) <= FEW:
        return f"; known: {', '.join(map(repr, known))}"
    return ""
