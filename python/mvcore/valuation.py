"""The value of one account."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Valuation(NamedTuple):
    """The value of an account at one epoch, in one currency.

    sod: start-of-day holdings. current: sod and today's fills. expected: current and the leaves of
    working orders. All are at the present prices. unpriced: the number of positions without a price
    or a rate; the amounts leave them out.
    """

    account: str
    sod: Decimal
    current: Decimal
    expected: Decimal
    currency: str
    unpriced: int
    epoch: int
