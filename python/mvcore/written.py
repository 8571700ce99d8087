"""The result of a write."""

from __future__ import annotations


class Written(int):
    """The epoch that a write made, an int, with counts of rows that had no effect.

    late_prices, late_orders, late_fx: rows that were dropped because they are strictly older than
    what the book holds. unchanged_orders: reports that change nothing, such as replays.
    skipped_prices: rows of unknown instruments, skipped because the call had `unknown="skip"`.
    """

    late_prices = 0
    late_orders = 0
    late_fx = 0
    unchanged_orders = 0
    skipped_prices = 0

    def __new__(cls, epoch: int, **dropped: int) -> Written:
        if not dropped and type(epoch) is cls:
            return epoch
        self = super().__new__(cls, epoch)
        self.__dict__.update(dropped)
        return self

    def __repr__(self) -> str:
        dropped = "".join(f", {name}={count}" for name, count in vars(self).items() if count)
        return f"Written({int(self)}{dropped})" if dropped else int.__repr__(self)

    __str__ = int.__repr__
