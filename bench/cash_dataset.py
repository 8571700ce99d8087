"""The measured books with cash: one more position in each account, in cents, at a price of 1.

Its amounts have other decimals than those of shares, so they are another unit of USD.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset import PRICE_SCALE, Ints, World, amounts, decimal_of
from sparse_dataset import SparseWorld

CASH = "CASH"
CENTS = 2  # decimals of cash


def cash_of(accounts: int) -> Ints:
    """The cash of every account, in cents: 0.01 to 99,999.99."""
    return np.random.default_rng(28).integers(1, 10**7, accounts, dtype=np.int64)


def in_value_units(cents: Any) -> Any:
    """The value of so many cents, in units of 10**-PRICE_SCALE."""
    return cents * 10 ** (PRICE_SCALE - CENTS)


def with_cash(masters: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The master tables with an instrument for cash, the last one."""
    more = {
        "instruments": {"instrument": CASH, "currency": "USD"},
        "prices": {"instrument": CASH, "price": "1"},
    }
    return masters | {
        name: {column: [*values, row[column]] for column, values in masters[name].items()}
        for name, row in more.items()
    }


def rows_with_cash(table: pa.Table, each: int, cash: Ints) -> pa.Table:
    """The table, which has `each` rows per account, with a row of cash after these.

    Quantities become decimals.
    """
    accounts = len(cash)
    owners, held, quantity = (table[c].combine_chunks() for c in table.column_names)

    def more(values: Any, last: Any) -> npt.NDArray[Any]:
        rows = np.asarray(values).reshape(accounts, each)
        return np.column_stack([rows, np.broadcast_to(last, accounts)]).reshape(-1)

    owner = more(owners.indices, np.arange(accounts)).astype(np.int32)
    code = more(held.indices, len(held.dictionary)).astype(np.int32)
    words = np.zeros((len(owner), 2), np.int64)  # the upper word of a positive quantity is 0
    words[:, 0] = more(np.asarray(quantity).astype(np.int64) * 10**CENTS, cash)
    kind = pa.decimal128(18, CENTS)
    names = pa.concat_arrays([held.dictionary, pa.array([CASH])])
    return pa.table(
        {
            "account": pa.DictionaryArray.from_arrays(pa.array(owner), owners.dictionary),
            "instrument": pa.DictionaryArray.from_arrays(pa.array(code), names),
            "quantity": pa.Array.from_buffers(kind, len(owner), [None, pa.py_buffer(words)]),
        }
    )


class _Cash:
    """Adds cash to the world that follows in the class's bases. `instruments` and `prices` leave it
    out."""

    def __init__(self, accounts: int, instruments: int) -> None:
        super().__init__(accounts, instruments)
        self.cash = cash_of(accounts)

    @property
    def rows(self) -> int:
        return super().rows + len(self.cash)

    def totals_at(self, prices: Ints) -> Ints:
        return super().totals_at(prices) + in_value_units(self.cash)

    def masters(self) -> dict[str, dict[str, object]]:
        return with_cash(super().masters())


class CashWorld(_Cash, World):
    """The dense book with cash."""

    def holdings(self, order: str = "by account", text: bool = False) -> pa.Table:
        if order != "by account" or text:
            raise ValueError("rows with cash are by account, with names as dictionary columns")
        return rows_with_cash(super().holdings(), self.instruments, self.cash)


class SparseCashWorld(_Cash, SparseWorld):
    """The sparse book with cash."""

    def price_of(self, instrument: str) -> Decimal:
        return decimal_of(1, 0) if instrument == CASH else super().price_of(instrument)

    def some_amounts(self, accounts: Ints, prices: Ints) -> Ints:
        cash = amounts(in_value_units(self.cash[accounts]))
        return super().some_amounts(accounts, prices) + cash

    def holdings(self) -> pa.Table:
        return rows_with_cash(super().holdings(), self.codes.shape[0], self.cash)
