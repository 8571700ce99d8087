"""A table of holdings that a caller wants compared, read with the rules of `load`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvcore import _core
from mvcore.ingest.columns import names_of, text_column
from mvcore.ingest.tables import columns_of, read_table

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes


_CURRENT = _core.MEASURES.index("current")
SIDES = ("account", "instrument")


class GivenHoldings(NamedTuple):
    """The rows of a table, in its order."""

    accounts: list[str]  # each name once
    instruments: list[str]
    account: Codes  # by row, the place of its name in `accounts`
    instrument: Codes
    quantity: npt.NDArray[np.int64]  # by row, 128-bit integers in units of 10**-18, shape (rows, 2)


def given_holdings(table: Any) -> GivenHoldings:
    """Read a table of holdings. Raises InvalidInput, UnknownId, ValueOverflow as `load` does.

    A book that knows just the names of the table loads it. So the types that are accepted, the
    checks and the messages are those of `load`. O(rows).
    """
    raw = columns_of("holdings", table)  # a stream of Arrow can be read only once
    columns, _ = read_table("holdings", raw)
    names = {side: _texts(names_of(raw[side], "holdings", side)) for side in SIDES}
    known = {side: text_column(listed, "holdings", side) for side, listed in names.items()}
    currency = text_column(["USD"] * len(names["instrument"]), "holdings", "instrument")
    book = _core.Book("USD", 0, None, None)
    tables = {
        "accounts": {"account": known["account"]},
        "instruments": {"instrument": known["instrument"], "currency": currency},
        "holdings": columns,
    }
    book.apply(tables, True, (), b"", False)
    account = _core.find_codes(book, "account", columns["account"])
    instrument = _core.find_codes(book, "instrument", columns["instrument"])
    quantity = np.zeros((len(account), 2), np.int64)
    held = book.positions(None, None, None, book.masters)  # without the rows of quantity zero
    assert held is not None
    width = len(names["instrument"])
    keys = account.astype(np.int64) * width + instrument
    order = np.argsort(keys)
    places = np.searchsorted(
        keys[order], held.accounts().astype(np.int64) * width + held.instruments()
    )
    quantity[order[places]] = held.quantities(_CURRENT)
    return GivenHoldings(names["account"], names["instrument"], account, instrument, quantity)


def _texts(names: list[Any]) -> list[str]:
    """Each name once, without null and empty texts, which the load then refuses by row."""
    return [name for name in dict.fromkeys(names) if isinstance(name, str) and name]
