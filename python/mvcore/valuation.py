"""One account's value."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Valuation(NamedTuple):
    """What an account is worth at one epoch, in one currency.

    sod: start-of-day holdings; current: with what was filled since; expected: with what still
    works, all at the present prices. unpriced: positions without a price or a rate, not in the
    amounts.
    """

    account: str
    sod: Decimal
    current: Decimal
    expected: Decimal
    currency: str
    unpriced: int
    epoch: int
