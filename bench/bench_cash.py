"""The value of an account whose cash has cents, beside the value of one without cash.

Shares and cash in cents are two units of one currency, which the core adds up before it rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mvcore
from dataset import VALUE_SCALE, decimal_of
from sparse_dataset import SIZES, SparseWorld

CONTENDERS = ("mvcore", "mvcore without cash")


@pytest.mark.parametrize("who", CONTENDERS)
def test_value_of_an_account_with_cash(who: str, size: Any, measure: Any) -> None:
    """Random accounts of the sparse book, a tenth of its full size."""
    world = SparseWorld(*SIZES["tiny" if size.name == "tiny" else "mid"])
    book = mvcore.Book()
    book.load(holdings=world.holdings(), **world.masters())
    want = world.amounts_at(world.prices)
    if who == "mvcore":
        cents = np.random.default_rng(28).integers(-(10**7), 10**7, world.accounts)
        book.update(
            instruments={"instrument": ["USD"], "currency": ["USD"], "cash": [True]},
            holdings={
                "account": world.account_names,
                "instrument": ["USD"] * world.accounts,
                "quantity": [decimal_of(cent, 2) for cent in cents.tolist()],
            },
        )
        want += cents * 10 ** (VALUE_SCALE - 2)
    accounts = np.random.default_rng(29).integers(0, world.accounts, size.calls // 4)
    names = [world.account_names[a] for a in accounts]

    def call() -> list[Any]:
        value = book.value
        return [value(name) for name in names]

    def check(got: list[Any]) -> None:
        assert [v.current for v in got] == [decimal_of(w, VALUE_SCALE) for w in want[accounts]]
        assert {v.unpriced for v in got} == {0}

    measure("value of an account with cash", who, call, check, calls=len(names))
