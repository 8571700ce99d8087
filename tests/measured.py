"""Valuation functions of users, and a book to run them on."""

import mvcore


@mvcore.measure
def accrued(quantity, coupon, days):
    """Interest since the last coupon, act/365, per unit of nominal."""
    return quantity * coupon / 100 * days / 365


@mvcore.measure(quantity="expected")
def exposure(quantity, price, multiplier, quote_factor, delta):
    return quantity * price * multiplier * quote_factor * delta


@mvcore.measure
def short(quantity):
    return min(quantity, 0.0)


def held_book():
    """Bonds, options and a share that nobody holds, in three currencies."""
    book = mvcore.Book(value_scale=2)
    book.load(
        instruments={
            "instrument": ["BUND", "NOTE", "CALL", "SHARE"],
            "currency": ["EUR", "USD", "USD", "GBP"],
            "multiplier": [1, 1, 100, 1],
            "quote_factor": ["0.01", "0.01", 1, 1],
            "coupon": ["2.5", 5, None, "none"],
            "days": [100, 20, None, 0],
            "delta": [1, 1, "0.25", 1],
        },
        accounts={"account": ["A", "B", "C"], "desk": ["d1", "d1", "d2"]},
        holdings={
            "account": ["A", "A", "B", "B", "C"],
            "instrument": ["BUND", "NOTE", "NOTE", "CALL", "CALL"],
            "quantity": ["1000.5", 3000, -500, 7, -3],
        },
        prices={"instrument": ["BUND", "NOTE", "CALL"], "price": ["98.7", "101", "2.35"]},
        fx={"currency": ["EUR", "GBP"], "rate": ["1.1", "0.8"], "method": ["multiply", "divide"]},
    )
    return book


def column(frame, name, key="account"):
    return dict(zip(frame[key], frame[name], strict=True))


BUND = 1000.5 * 2.5 / 100 * 100 / 365
NOTE_A, NOTE_B = (q * 5.0 / 100 * 20 / 365 for q in (3000.0, -500.0))


def named(name):
    """Make a function with this name that returns the quantity."""
    space: dict = {}
    exec(f"def {name}(quantity): return quantity", space)
    return space[name]
