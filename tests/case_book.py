"""The book for test cases from public bug reports."""

from __future__ import annotations

import mvcore


def make() -> mvcore.Book:
    """A book in USD with instruments in USD and EUR, two accounts and two sectors."""
    book = mvcore.Book(base_currency="USD", value_scale=2)
    book.load(
        instruments={
            "instrument": ["A", "SAP", "BUND", "CASH"],
            "currency": ["USD", "EUR", "EUR", "USD"],
            "sector": ["Tech", "Tech", "Government", "Cash"],
            "rating": [1, 2, None, None],
        },
        accounts={"account": ["X", "Y"], "desk": ["d1", "d2"]},
        holdings={
            "account": ["X", "X", "Y", "Y"],
            "instrument": ["A", "SAP", "BUND", "CASH"],
            "quantity": [100, 10, 20, 500],
        },
        prices={"instrument": ["A", "SAP", "BUND", "CASH"], "price": [10, 100, 99, 1]},
        fx={"currency": ["EUR"], "rate": ["1.25"]},
    )
    return book
