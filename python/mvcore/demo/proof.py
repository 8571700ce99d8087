"""The proof: a real account, day by day, equal to published amounts in every digit.

The account has 9,367 fills in seven stocks from 2004 to 2009. Cash is another instrument, with
price 1. Daily prices are ticks, and ECB rates are fx rates. Net liquidation is then the account's
value. The proof reads it in USD from one book, and in EUR and JPY from another whose base is EUR.
It compares it with the amount published for each of 1,506 days.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from importlib.resources import files

import mvcore

ACCOUNT = "ACC1"
CASH = "CASH"
STARTING_CASH = Decimal(100_000)
SHOWN_MISMATCHES = 5
EXACT = Context(prec=60)  # a fill's quantity x price has at most 11 decimals and 8 integer digits


@dataclass(frozen=True)
class Day:
    """The facts and the published amounts of one day."""

    date: str
    fills: list[tuple[str, Decimal, Decimal]]  # instrument, signed quantity, price
    ticks: list[tuple[str, str]]  # instrument, price
    rates: list[tuple[str, str]]  # quote currency, units of it per EUR
    published: dict[str, Decimal]  # net liquidation by currency


@dataclass(frozen=True)
class Mismatch:
    """An amount that differs from the published one."""

    date: str
    currency: str
    published: Decimal
    measured: Decimal

    def __str__(self) -> str:
        return f"{self.date} {self.currency}: published {self.published}, here {self.measured}"


def read_facts(name: str) -> list[dict[str, str]]:
    """Read a packaged file as rows of text."""
    packed = (files("mvcore.demo") / "data" / f"{name}.csv.gz").read_bytes()
    return list(csv.DictReader(gzip.decompress(packed).decode().splitlines()))


def read_days() -> list[Day]:
    """All facts by day. The rates are those of the rate date of the published amount."""
    fills, ticks, rates = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in read_facts("fills"):
        fill = (row["instrument"], Decimal(row["quantity"]), Decimal(row["price"]))
        fills[row["date"]].append(fill)
    for row in read_facts("ticks"):
        ticks[row["date"]].append((row["instrument"], row["price"]))
    for row in read_facts("fx_ecb"):
        rates[row["date"]].append((row["quote"], row["rate"]))
    days = []
    for usd, other in zip(
        read_facts("expected_daily"), read_facts("expected_daily_fx"), strict=True
    ):
        date = usd["date"]
        published = {
            "USD": Decimal(usd["net_liquidation"]),
            "EUR": Decimal(other["net_liq_eur_10dp"]),
            "JPY": Decimal(other["net_liq_jpy_10dp"]),
        }
        days.append(Day(date, fills[date], ticks[date], rates[other["rate_date"]], published))
    return days


class Replay:
    """The account in two books: in USD with 11 decimals, and in EUR with 10."""

    def __init__(self, stocks: Iterable[str]) -> None:
        self.usd_book = mvcore.Book(base_currency="USD", value_scale=11)
        self.eur_book = mvcore.Book(base_currency="EUR", value_scale=10)
        self._quantities = {CASH: STARTING_CASH}
        names = [CASH, *stocks]
        for book in (self.usd_book, self.eur_book):
            book.load(
                instruments={"instrument": names, "currency": ["USD"] * len(names)},
                accounts={"account": [ACCOUNT]},
                prices={"instrument": [CASH], "price": ["1"]},
            )

    def _holdings(self, instruments: list[str]) -> dict[str, list[object]]:
        """Absolute quantities of these instruments, as a custodian sends them."""
        return {
            "account": [ACCOUNT] * len(instruments),
            "instrument": list(instruments),
            "quantity": [self._quantities[name] for name in instruments],
        }

    def apply(self, day: Day) -> None:
        """Apply the day's fills as new quantities of stocks and cash, and its rates and prices."""
        changed = {CASH}
        for stock, quantity, price in day.fills:
            held = self._quantities.get(stock, Decimal(0))
            self._quantities[stock] = EXACT.add(held, quantity)
            paid = EXACT.multiply(quantity, price)
            self._quantities[CASH] = EXACT.subtract(self._quantities[CASH], paid)
            changed.add(stock)
        holdings = self._holdings(sorted(changed))
        fx = {
            "currency": [currency for currency, _ in day.rates],
            "rate": [rate for _, rate in day.rates],
            "method": ["divide"] * len(day.rates),  # as the ECB quotes: 1 EUR = rate x currency
        }
        self.usd_book.update(holdings=holdings)
        self.eur_book.update(holdings=holdings, fx=fx)
        for book in (self.usd_book, self.eur_book):
            book.ticks([name for name, _ in day.ticks], [price for _, price in day.ticks])

    def net_liquidation(self) -> dict[str, Decimal]:
        """The account's value in each of the three currencies."""
        return {
            "USD": self._current(self.usd_book, "USD"),
            "EUR": self._current(self.eur_book, "EUR"),
            "JPY": self._current(self.eur_book, "JPY"),
        }

    @staticmethod
    def _current(book: mvcore.Book, currency: str) -> Decimal:
        """The account's value.

        NaN if it has unpriced positions, because the value would be incomplete.
        """
        value = book.value(ACCOUNT, currency=currency)
        return Decimal("NaN") if value.unpriced else value.current

    def close(self) -> None:
        """Free both books."""
        self.usd_book.close()
        self.eur_book.close()


def compare(days: list[Day]) -> list[list[Mismatch]]:
    """Replay the days. For each day, return the amounts that differ from the published ones."""
    replay = Replay(sorted({name for day in days for name, _, _ in day.fills}))
    result = []
    for day in days:
        replay.apply(day)
        measured = replay.net_liquidation()
        result.append(
            [
                Mismatch(day.date, currency, published, measured[currency])
                for currency, published in day.published.items()
                if measured[currency] != published
            ]
        )
    replay.close()
    return result


def run(days: list[Day] | None = None) -> int:
    """Print the proof.

    The exit status is 0 if every amount of every day equals the published one.
    """
    days = read_days() if days is None else days
    fills = sum(len(day.fills) for day in days)
    print(f"Proof: a real account, {fills:,} fills, {days[0].date} to {days[-1].date}.")
    print("Net liquidation of every day, in USD (11 decimals), EUR and JPY (10 decimals),")
    print("compared with the published amounts:")
    start = time.perf_counter()
    mismatches = compare(days)
    seconds = time.perf_counter() - start
    wrong = [day for day in mismatches if day]
    for day in wrong[:SHOWN_MISMATCHES]:
        for mismatch in day:
            print(f"  {mismatch}")
    if len(wrong) > SHOWN_MISMATCHES:
        print(f"  ... and {len(wrong) - SHOWN_MISMATCHES} more days")
    print(f"  last: {', '.join(f'{a} {c}' for c, a in days[-1].published.items())}")
    print(f"  {len(days) * 3:,} amounts in {seconds:.2f} s")
    print(f"{len(days) - len(wrong)} of {len(days)} days equal", flush=True)
    return 1 if wrong else 0
