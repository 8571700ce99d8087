"""The operations as an expert writes them by hand for the dense case.

Quantities are 32-bit integers, one row per instrument (`held`) and one row per account
(`by_account`). Money is 64-bit integers in units of 1e-4 that would overflow silently. There are no
names, currencies, scales, epochs or checks. An account is an array position.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

OPTIONS = {"nogil": True, "boundscheck": False, "cache": True}


@njit(**OPTIONS)
def fill(accounts, instruments, quantities, held):
    for k in range(len(quantities)):
        held[instruments[k], accounts[k]] = quantities[k]


# ---- ticks ----


@njit(**OPTIONS)
def set_price(i, price, prices):
    prices[i] = price


@njit(**OPTIONS)
def set_prices(codes, new, prices):
    for k in range(len(codes)):
        prices[codes[k]] = new[k]


@njit(**OPTIONS)
def set_float_prices(codes, new, prices):
    for k in range(len(codes)):
        prices[codes[k]] = np.int64(np.rint(new[k] * 1e4))


@njit(**OPTIONS)
def tick_totals(i, price, prices, held, totals):
    """Store a price, and update the total of every account."""
    move = price - prices[i]
    prices[i] = price
    row = held[i]
    for a in range(totals.shape[0]):
        totals[a] += np.int64(row[a]) * move


@njit(**OPTIONS)
def sparse_tick_totals(i, price, prices, starts, accounts, quantities, totals):
    """`tick_totals` for a sparse book, in which each position names its account."""
    move = price - prices[i]
    prices[i] = price
    for k in range(starts[i], starts[i + 1]):
        totals[accounts[k]] += np.int64(quantities[k]) * move


# ---- reads ----


@njit(**OPTIONS)
def account_total(a, prices, by_account):
    total = np.int64(0)
    row = by_account[a]
    for i in range(prices.shape[0]):
        total += np.int64(row[i]) * prices[i]
    return total


@njit(**OPTIONS)
def sparse_totals(some, prices, codes, quantities, totals):
    """`codes` and `quantities` have one row per account."""
    for k in range(len(some)):
        total = np.int64(0)
        for c in range(codes.shape[1]):
            total += prices[codes[some[k], c]] * np.int64(quantities[some[k], c])
        totals[k] = total


@njit(**OPTIONS)
def instrument_values(i, prices, held, values):
    price = prices[i]
    row = held[i]
    for a in range(values.shape[0]):
        values[a] = np.int64(row[a]) * price


@njit(**OPTIONS)
def add_four(p0, p1, p2, p3, row0, row1, row2, row3, totals):
    for a in range(totals.shape[0]):
        totals[a] += (
            np.int64(row0[a]) * p0
            + np.int64(row1[a]) * p1
            + np.int64(row2[a]) * p2
            + np.int64(row3[a]) * p3
        )


@njit(**OPTIONS)
def add_rows(prices, held, totals):
    """Process four instruments at a time, so that totals are read and written a quarter as
    often."""
    totals[:] = 0
    many = prices.shape[0] // 4 * 4
    for i in range(0, many, 4):
        add_four(
            prices[i], prices[i + 1], prices[i + 2], prices[i + 3],
            held[i], held[i + 1], held[i + 2], held[i + 3], totals,
        )  # fmt: skip
    for i in range(many, prices.shape[0]):
        for a in range(totals.shape[0]):
            totals[a] += np.int64(held[i, a]) * prices[i]


@njit(parallel=True, **OPTIONS)
def whole_book(prices, held, partial):
    """Sum every account's total into partial[0]. One thread per row of `partial`."""
    threads = partial.shape[0]
    count = prices.shape[0]
    for t in prange(threads):
        low, high = count * t // threads, count * (t + 1) // threads
        add_rows(prices[low:high], held[low:high], partial[t])
    for t in range(1, threads):
        partial[0] += partial[t]


# ---- a few watched accounts ----


@njit(**OPTIONS)
def watched_totals(watched, prices, by_account, totals):
    for w in range(len(watched)):
        totals[w] = account_total(watched[w], prices, by_account)


@njit(**OPTIONS)
def watched_moves(watched, codes, moves, by_account, totals):
    """Add the moves of some instruments to the watched totals."""
    for w in range(len(watched)):
        for k in range(len(codes)):
            totals[w] += np.int64(by_account[watched[w], codes[k]]) * moves[k]
