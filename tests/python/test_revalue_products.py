"""`revalue` multiplies in vectors if every product is proved to fit 64 bits: the values are exact
beside that bound, with zeros among the holdings and with removed orders.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

import mvcore

ACCOUNTS = 4_500  # two blocks
VALUE_SCALE = 8


def values_of(frame: mvcore.Frame) -> list[tuple[str, Any, Decimal]]:
    columns = (frame["account"], frame["order"], frame["market_value"])
    return sorted(zip(*columns, strict=True), key=str)


@pytest.mark.parametrize("zeros", ["none", "some", "most"])
@pytest.mark.parametrize("bits", [6, 14, 30, 31, 33, 50, 62])
def test_values_of_any_width_are_exact(bits: int, zeros: str) -> None:
    random = np.random.default_rng([bits, len(zeros)])
    names = [f"A{k}" for k in range(ACCOUNTS)]
    quantity = random.integers(-(2**bits), 2**bits, ACCOUNTS)
    quantity[0], quantity[1] = -(2**bits), 2**bits - 1
    if zeros != "none":
        quantity[random.random(ACCOUNTS) < (0.001 if zeros == "some" else 0.9)] = 0
    order_bits = min(bits, 31)
    of_orders = random.integers(0, 2**order_bits - 1, 700, endpoint=True)
    book = mvcore.Book(value_scale=VALUE_SCALE)
    book.load(
        accounts={"account": names},
        instruments={"instrument": ["I"], "currency": ["USD"]},
        holdings={"account": names, "instrument": ["I"] * ACCOUNTS, "quantity": quantity},
        orders={
            "order": np.arange(700),
            "account": names[:700],
            "instrument": ["I"] * 700,
            "order_quantity": of_orders,
        },
    )
    kept = np.arange(700)
    for removed in (None, kept[::3]):
        if removed is not None:  # pages with gaps
            book.remove(orders=removed.tolist())
            kept = np.setdiff1d(kept, removed)
        # Factors of 10 to 63 bits, around those that fit with this width.
        for exponent in sorted({10, 27, 60, 61 - bits, 62 - bits, 63 - bits, 64 - bits}):
            if exponent < 1:
                continue
            for mantissa in (2**exponent - 1, 2**exponent, -(2**exponent)):
                price = Decimal(mantissa).scaleb(-VALUE_SCALE)
                book.tick("I", price)
                with localcontext(prec=60):
                    want = [
                        (name, None, q * price)
                        for name, q in zip(names, map(int, quantity), strict=True)
                        if q != 0
                    ]
                    want += [(names[k], int(k), int(of_orders[k]) * price) for k in kept]
                assert values_of(book.revalue("I")) == sorted(want, key=str), (price, bits)
