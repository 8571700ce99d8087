"""Orders and three measures as an expert writes them by hand. Order ids are array positions.

`nets` and `nets_by_account` hold sod, current and expected quantities, by instrument and by
account. Money is 64-bit integers in units of 1e-4 that would overflow silently.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from numba_kernels import OPTIONS, add_rows


@njit(**OPTIONS)
def order(k, i, a, done, filled, nets, nets_by_account):
    """Fill an order. Its account and instrument do not change."""
    change = done - filled[k]
    filled[k] = done
    nets[1, i, a] += change
    nets_by_account[1, a, i] += change


@njit(**OPTIONS)
def orders(ids, instruments, accounts, done, filled, nets, nets_by_account):
    for k in range(len(ids)):
        order(ids[k], instruments[k], accounts[k], done[k], filled, nets, nets_by_account)


@njit(**OPTIONS)
def instrument_values(i, prices, held, quantity, values):
    """Values of every holding and order of an instrument at its price."""
    price = prices[i]
    accounts = held.shape[1]
    each = quantity.shape[0] // held.size
    for a in range(accounts):
        values[a] = np.int64(held[i, a]) * price
    first = i * accounts * each
    for k in range(accounts * each):
        values[accounts + k] = np.int64(quantity[first + k]) * price


@njit(**OPTIONS)
def tick_totals(i, price, prices, nets, totals):
    """Store a price, and update three totals of every account."""
    move = price - prices[i]
    prices[i] = price
    for m in range(3):
        row = nets[m, i]
        for a in range(totals.shape[1]):
            totals[m, a] += np.int64(row[a]) * move


@njit(**OPTIONS)
def whole_book(prices, nets, totals):
    for m in range(3):
        add_rows(prices, nets[m], totals[m])
