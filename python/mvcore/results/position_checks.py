"""Checks of positions for operations: breaks with a custodian, and positions without a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.errors import ValueOverflow
from mvcore.frame import Frame, Number, Text, Time
from mvcore.ingest.times import NO_TIME
from mvcore.results.positions import EXACT

if TYPE_CHECKING:
    from mvcore.ingest.given_holdings import GivenHoldings
    from mvcore.ingest.masters import Codes, Masters
    from mvcore.results.names import NameLists

Keys = npt.NDArray[np.int64]
Wide = npt.NDArray[np.int64]  # 128-bit integers, shape (n, 2): low and high word
BREAKS = (
    "quantity", "only_held", "only_given", "unknown_account", "unknown_instrument", "not_selected",
)  # fmt: skip
QUANTITY, ONLY_HELD, ONLY_GIVEN, UNKNOWN_ACCOUNT, UNKNOWN_INSTRUMENT, NOT_SELECTED = range(6)
EXCEPTIONS = ("no_price", "no_rate", "stale_price", "no_price_time")
_CURRENT = _core.MEASURES.index("current")
_WIDE = Context(38)  # holds every quantity
_UNKNOWN = -2  # the name at place k that the book does not know has the code _UNKNOWN - k


def breaks_frame(
    names: NameLists,
    masters: Masters,
    held: _core.PositionList,
    given: GivenHoldings,
    found: dict[str, Codes],
    selected: dict[str, Codes | None],
) -> Frame:
    """The differences between the book's quantities and a table.

    found: by side, the book's codes of the names in `given`, -1 if unknown. selected: by side, the
    codes to compare; None: all.
    """
    account, instrument = found["account"][given.account], found["instrument"][given.instrument]
    reasons = _reasons_not_to_compare(account, instrument, selected)
    compared = np.flatnonzero(reasons == QUANTITY)
    zero = ~given.quantity.any(axis=1)
    apart = np.flatnonzero((reasons != QUANTITY) & ~(zero & (reasons == NOT_SELECTED)))

    width = np.int64(max(masters.instruments, 1))
    current = held.quantities(_CURRENT)
    here = np.flatnonzero(current.any(axis=1))
    keys_held = (held.accounts().astype(np.int64) * width + held.instruments())[here]
    keys_given = account[compared].astype(np.int64) * width + instrument[compared]
    order = np.argsort(keys_given)
    keys_given = keys_given[order]
    cells, place_held, place_given = _merged(keys_held, keys_given)
    mine, in_book = _spread(len(cells), place_held, current[here])
    theirs, in_table = _spread(len(cells), place_given, given.quantity[compared[order]])
    differ = np.flatnonzero((mine != theirs).any(axis=1))
    in_book, in_table = in_book[differ], in_table[differ]
    difference, too_large = _difference(mine[differ], theirs[differ])
    if too_large.size:
        rows = np.full(len(cells), len(given.account), np.int64)  # by cell, its row of the table
        rows[place_given] = compared[order]
        cell = int(differ[too_large[np.argmin(rows[differ[too_large]])]])
        raise _too_large(given, int(rows[cell]), _int(mine[cell]), _int(theirs[cell]))
    reason = np.where(in_book, np.where(in_table, QUANTITY, ONLY_HELD), ONLY_GIVEN)

    more = len(apart)
    quantity_given = np.concatenate([theirs[differ], given.quantity[apart]])
    quantity_held = np.concatenate([mine[differ], np.zeros((more, 2), np.int64)])
    valid_given = np.concatenate([in_table, np.ones(more, bool)]).astype(np.uint8)
    valid_held = np.concatenate([in_book, np.zeros(more, bool)]).astype(np.uint8)
    accounts = _with_unknown(account[apart], given.account[apart])
    instruments = _with_unknown(instrument[apart], given.instrument[apart])
    return Frame(
        {
            "account": Text(
                np.concatenate([(cells[differ] // width).astype(np.int32), accounts]),
                _names(names.of("account"), given.accounts),
            ),
            "instrument": Text(
                np.concatenate([(cells[differ] % width).astype(np.int32), instruments]),
                _names(names.of("instrument"), given.instruments),
            ),
            "quantity_given": Number(quantity_given, EXACT, valid_given, strip=True),
            "quantity_held": Number(quantity_held, EXACT, valid_held, strip=True),
            "difference": Number(
                np.concatenate([difference, _negative(given.quantity[apart])]), EXACT, strip=True
            ),
            "reason": Text(
                np.concatenate([reason, reasons[apart]]).astype(np.int32), _words(BREAKS)
            ),
        },
        len(differ) + more,
        held.epoch,
    )


def _reasons_not_to_compare(
    account: Codes, instrument: Codes, selected: dict[str, Codes | None]
) -> Codes:
    """By row of the table. QUANTITY: its quantity is compared."""
    out = np.full(len(account), QUANTITY, np.int32)
    for side, codes in (("account", account), ("instrument", instrument)):
        chosen = selected[side]
        if chosen is not None:
            out[~np.isin(codes, chosen)] = NOT_SELECTED
    out[instrument < 0] = UNKNOWN_INSTRUMENT
    out[account < 0] = UNKNOWN_ACCOUNT
    return out


def _merged(a: Keys, b: Keys) -> tuple[Keys, Keys, Keys]:
    """The union of two ascending lists without duplicates, and the places of both lists in it."""
    before = np.searchsorted(a, b)  # how many of `a` are less
    common = before < len(a)
    common[common] = a[before[common]] == b[common]
    new = ~common
    place_b = before + np.cumsum(new) - new
    place_a = np.arange(len(a)) + np.searchsorted(b[new], a)
    cells = np.empty(len(a) + np.count_nonzero(new), np.int64)
    cells[place_a], cells[place_b] = a, b
    return cells, place_a, place_b


def _spread(size: int, places: Keys, quantities: Wide) -> tuple[Wide, npt.NDArray[np.bool_]]:
    """The quantities by cell, 0 if a cell has none; and which cells have one."""
    out, there = np.zeros((size, 2), np.int64), np.zeros(size, bool)
    out[places], there[places] = quantities, True
    return out, there


def _difference(a: Wide, b: Wide) -> tuple[Wide, npt.NDArray[np.int64]]:
    """a - b, and the places where that does not fit 38 digits.

    The numbers fit: 10**38 is a limit of quantities.
    """
    low_a, low_b = a[:, 0].view(np.uint64), b[:, 0].view(np.uint64)
    out = np.empty_like(a)
    out[:, 0] = (low_a - low_b).view(np.int64)
    out[:, 1] = a[:, 1] - b[:, 1] - (low_a < low_b)
    wrapped = ((a[:, 1] < 0) != (b[:, 1] < 0)) & ((out[:, 1] < 0) != (a[:, 1] < 0))
    # the high word of 10**38, the first number that a decimal column of Arrow cannot hold
    large = np.flatnonzero(wrapped | (np.abs(out[:, 1]) >= 10**38 >> 64))
    too_large = [k for k in large.tolist() if abs(_int(a[k]) - _int(b[k])) >= 10**38]
    return out, np.array(too_large, np.int64)


def _negative(numbers: Wide) -> Wide:
    return _difference(np.zeros_like(numbers), numbers)[0]


def _too_large(given: GivenHoldings, row: int, held: int, quantity: int) -> ValueOverflow:
    """Make the error for a row of the table whose difference does not fit 38 digits."""
    position = given.accounts[given.account[row]], given.instruments[given.instrument[row]]
    text = _text(quantity)
    reason = (
        f"the difference of {position}, {_text(held)} held minus {text} given, has more than 20 "
        "digits before the point; correct this row or leave it out"
    )
    return ValueOverflow.about("holdings", "quantity", row, text, reason)


def _text(number: int) -> str:
    return f"{Decimal(number).scaleb(-EXACT, _WIDE).normalize(_WIDE):f}"


def _int(words: npt.NDArray[np.int64]) -> int:
    low, high = int(words[0]), int(words[1])
    return (high << 64) | (low & (2**64 - 1))


def _with_unknown(codes: Codes, places: Codes) -> Codes:
    return np.where(codes < 0, _UNKNOWN - places, codes).astype(np.int32)


def _names(
    known: Callable[[Codes], Sequence[str | None]], given: list[str]
) -> Callable[[Codes], list[str | None]]:
    """The names of codes of the book, and of codes that `_with_unknown` made."""

    def names(codes: Codes) -> list[str | None]:
        out = list(known(codes))
        for row in np.flatnonzero(codes <= _UNKNOWN).tolist():
            out[row] = given[_UNKNOWN - int(codes[row])]
        return out

    return names


def _words(words: tuple[str, ...]) -> Callable[[Codes], list[str | None]]:
    return lambda codes: [words[code] for code in codes.tolist()]


def exceptions_frame(
    names: NameLists,
    masters: Masters,
    held: _core.PositionList,
    prices: dict[str, Any],
    convertible: npt.NDArray[np.bool_],
    cash: npt.NDArray[np.bool_],
    oldest: int | None,
) -> Frame:
    """The positions without a price, without a rate, or with an old price.

    convertible: by currency code, whether it has a rate. cash: by instrument code. oldest: the time
    before which a price is stale; None: no price is.
    """
    size = masters.instruments
    priced, time = np.zeros(size, bool), np.full(size, NO_TIME, np.int64)
    priced[prices["instrument"]] = True
    time[prices["instrument"]] = prices["time"]
    stale, untimed = np.zeros(size, bool), np.zeros(size, bool)
    if oldest is not None:
        stale = priced & (time != NO_TIME) & (time < oldest)
        untimed = priced & (time == NO_TIME) & ~cash  # cash has the price 1 without a tick
    by_reason = np.stack([~priced, ~convertible[masters.currency], stale, untimed])  # as EXCEPTIONS
    instruments = held.instruments()
    position, reason = np.nonzero(by_reason[:, instruments].T)
    instrument = instruments[position]
    return Frame(
        {
            "account": Text(held.accounts()[position], names.of("account")),
            "instrument": Text(instrument, names.of("instrument")),
            "quantity": Number(held.quantities(_CURRENT)[position], EXACT, strip=True),
            "reason": Text(reason.astype(np.int32), _words(EXCEPTIONS)),
            "price_time": Time(time[instrument]),
            "currency": Text(masters.currency[instrument], names.of("currency")),
        },
        len(position),
        held.epoch,
    )
