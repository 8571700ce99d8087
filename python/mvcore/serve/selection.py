"""Selections from clients: validated, and comparable so that clients can share views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mvcore.query.measures import MEASURES, OF_INSTRUMENT
from mvcore.query.result_page import OPERATORS
from mvcore.serve.errors import RefusedError
from mvcore.serve.limits import Limits

Names = tuple[str, ...] | Mapping[str, Any] | None
FIELDS = {"accounts", "instruments", "by", "measures", "currency", "rollup"}
FIELDS |= {"where", "sort", "limit", "offset"}
CONDITIONS_MAX = 20
SORT_KEYS_MAX = 20
SIDES = ("accounts", "instruments")
# The fields that lists use. `values` and views use all fields.
USED = {
    "holdings": SIDES, "orders": SIDES,
    "positions": (*SIDES, "currency", "where", "sort", "limit", "offset"),
}  # fmt: skip
POSITION_NUMBERS = (*MEASURES, *OF_INSTRUMENT)


@dataclass(frozen=True)
class Selection:
    """The arguments of `Book.values` and of lists that a client may set."""

    accounts: Names
    instruments: Names
    by: tuple[str, ...]
    measures: tuple[str, ...]
    currency: str | None
    rollup: bool
    where: tuple[tuple[str, str, int | Decimal | str], ...] = ()
    sort: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    allow_empty: bool = False  # true while watched: the last account with a label may lose it

    def arguments(self, accounts: Names) -> dict[str, Any]:
        """The arguments for `Book.values` and `Book.view`."""
        return {
            "accounts": _listed(accounts), "instruments": _listed(self.instruments),
            "by": self.by, "measures": self.measures, "currency": self.currency,
            "rollup": self.rollup, "allow_empty": self.allow_empty, "where": self.where,
            "sort": self.sort, "limit": self.limit, "offset": self.offset,
        }  # fmt: skip

    def key(self, accounts: Names) -> tuple[Any, ...]:
        """A key that is equal if two selections can share a view."""
        return (
            _frozen(accounts), _frozen(self.instruments), self.by, self.measures, self.currency,
            self.rollup, self.where, self.sort, self.limit, self.offset,
        )  # fmt: skip


def parse(message: Mapping[str, Any], limits: Limits, call: str = "values") -> Selection:
    """Parse a selection for a call. Raises RefusedError that names the field."""
    if call in USED:
        _check_used(message, USED[call])
    for field in message.keys() - FIELDS - {"type", "id", "interval"}:
        raise RefusedError("invalid_selection", f"{field}: a selection has no such field")
    measures = _words(message, "measures", MEASURES, len(POSITION_NUMBERS), POSITION_NUMBERS)
    return Selection(
        _names(message, "accounts", limits),
        _names(message, "instruments", limits),
        _words(message, "by", ("account",), limits.names),
        measures,
        _text_or_none(message, "currency"),
        _truth(message, "rollup"),
        _conditions(message, POSITION_NUMBERS if call == "positions" else measures),
        _words(message, "sort", (), SORT_KEYS_MAX),
        _count_or_none(message, "limit"),
        _count_or_none(message, "offset") or 0,
    )


def _check_used(message: Mapping[str, Any], used: tuple[str, ...]) -> None:
    """Raises RefusedError for a field that a list would ignore."""
    for field, value in message.items():
        if field not in used and value is not None:
            words = f"{', '.join(used[:-1])} and {used[-1]}"
            raise RefusedError(
                "invalid_selection", f"{field}: not used here; expected only {words}"
            )


def interval_of(message: Mapping[str, Any], limits: Limits) -> float:
    """The interval in seconds."""
    given = message.get("interval", 100)
    least, most = limits.least_interval, limits.most_interval
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise _wrong("interval", f"milliseconds from {least} to {most}")
    return given / 1000


def _wrong(field: str, wanted: str) -> RefusedError:
    return RefusedError("invalid_selection", f"{field}: expected {wanted}")


def _names(message: Mapping[str, Any], field: str, limits: Limits) -> Names:
    given = message.get(field)
    if given is None:
        return None
    if isinstance(given, dict):
        for name, values in given.items():
            several = values if isinstance(values, list) else [values]
            if not name or not all(_is_label(v) for v in several) or len(several) > limits.names:
                raise _wrong(field, "names, or attributes with a text, a number or a list of them")
        return {n: v if isinstance(v, list) else [v] for n, v in given.items()}
    return _words(message, field, (), limits.names)


def _is_label(value: Any) -> bool:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return value is None or isinstance(value, str) or number


def _words(
    message: Mapping[str, Any], field: str, absent: tuple[str, ...], most: int,
    among: tuple[str, ...] | None = None,
) -> tuple[str, ...]:  # fmt: skip
    given = message.get(field)
    if given is None:
        return absent
    words = isinstance(given, list) and all(isinstance(word, str) for word in given)
    if not words or len(given) > most or len(set(given)) != len(given):
        raise _wrong(field, f"a list of at most {most} different texts")
    if among is not None and not (given and set(given) <= set(among)):
        raise _wrong(field, f"some of {', '.join(among)}")
    return tuple(given)


def _conditions(
    message: Mapping[str, Any], measures: tuple[str, ...]
) -> tuple[tuple[str, str, int | Decimal | str], ...]:
    """The conditions on numbers: the measures, and `unpriced`.

    Labels are selected by `accounts` and `instruments`, which do not reveal the labels of accounts
    that the client may not see.
    """
    given = message.get("where")
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > CONDITIONS_MAX:
        raise _wrong("where", f"a list of at most {CONDITIONS_MAX} conditions")
    columns = [*measures, *(f"abs({measure})" for measure in measures), "unpriced"]
    for condition in given:
        if not isinstance(condition, list) or len(condition) != 3:
            raise _wrong("where", "conditions such as [column, operator, number]")
        name, operator, number = condition
        if name not in columns:
            raise _wrong("where", f"one of the columns {', '.join(columns)}")
        if operator not in OPERATORS:
            raise _wrong("where", f"one of the operators {', '.join(OPERATORS)}")
        if isinstance(number, bool) or not isinstance(number, int | Decimal | str):
            raise _wrong("where", "a number, or a text of one")
    return tuple((name, operator, number) for name, operator, number in given)


def _count_or_none(message: Mapping[str, Any], field: str) -> int | None:
    given = message.get(field)
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 0):
        raise _wrong(field, "an integer of 0 or more")
    return given


def _text_or_none(message: Mapping[str, Any], field: str) -> str | None:
    given = message.get(field)
    if given is not None and not isinstance(given, str):
        raise _wrong(field, "a text")
    return given


def _truth(message: Mapping[str, Any], field: str) -> bool:
    given = message.get(field, False)
    if not isinstance(given, bool):
        raise _wrong(field, "true or false")
    return given


def _listed(names: Names) -> Any:
    return list(names) if isinstance(names, tuple) else names


def _frozen(names: Names) -> Any:
    if isinstance(names, Mapping):
        pairs = ((n, tuple(sorted(map(repr, values)))) for n, values in names.items())
        return ("attributes", tuple(sorted(pairs)))
    return names if names is None else ("names", tuple(sorted(names)))
