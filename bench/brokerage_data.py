"""A brokerage house and a stream of its transactions, modelled on the schema and the transaction
mix of TPC-E. No result of it is a TPC-E result.

Prices and cash are integers in cents, quantities are shares. Everything follows from one seed.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

CASH = "USD"
ACCOUNTS_EACH = 5  # accounts per customer, on average
SECTORS, WATCHED, TICKS = 12, 100, 20
QUANTITIES = (100, 200, 400, 800)  # of an order
LOWEST, HIGHEST = 20_00, 30_00  # prices, in cents
LIMIT_ORDERS = 0.4  # the other orders are market orders
ON_MARGIN = 0.16  # of the buys
FILLED = 0.8  # of the orders at the start; the others are open
WITH_TRADES = 0.5  # customer positions that also read the last trades of an account
FROM_HOLDINGS = 35 / 95  # market watches; the others read a watch list
# Weights of TPC-E per thousand. Left out: trade-lookup (80) and trade-update (20), which read and
# write the history of past days; a book keeps none.
MIX = {
    "customer-position": 130,
    "market-watch": 180,
    "security-detail": 140,
    "broker-volume": 49,
    "trade-status": 190,
    "trade-order": 101,
    "trade-result": 100,
    "market-feed": 10,
}


@dataclass(frozen=True)
class Size:
    """TPC-E has 685 securities and 10 brokers per 1,000 customers."""

    customers: int
    positions: int
    orders: int  # at the start
    transactions: int

    @property
    def accounts(self) -> int:
        return self.customers * ACCOUNTS_EACH

    @property
    def securities(self) -> int:
        return max(self.customers * 685 // 1_000, 30)

    @property
    def brokers(self) -> int:
        return max(self.customers // 100, 4)


SIZES = {
    "tiny": Size(10, 480, 300, 450),
    "tenth": Size(500, 24_186, 10_000, 3_600),
    "full": Size(5_000, 241_862, 100_000, 34_165),
}


class Order(NamedTuple):
    """An order. Buys have positive quantities, sells negative ones."""

    id: int
    account: str
    instrument: str
    quantity: int


class Fill(NamedTuple):
    """The whole order is filled at one price."""

    order: Order
    price: Any  # cents, or what an engine prepares


class Transaction(NamedTuple):
    kind: str
    arguments: tuple[Any, ...]


class House:
    """The brokerage house before the first transaction."""

    def __init__(self, size: Size, seed: int = 15) -> None:
        draw = random.Random(seed)
        self.size = size
        self.customers = [f"C{c:05d}" for c in range(size.customers)]
        self.accounts = [f"A{a:06d}" for a in range(size.accounts)]
        self.instruments = [f"SYM{i:04d}" for i in range(size.securities)]
        self.brokers = [f"B{b:03d}" for b in range(size.brokers)]
        self.sectors = [f"Sector {s:02d}" for s in range(SECTORS)]
        self.customer_of = dict(zip(self.accounts, self._owners(draw), strict=True))
        self.broker_of = {account: draw.choice(self.brokers) for account in self.accounts}
        self.sector_of = {
            name: self.sectors[place % SECTORS] for place, name in enumerate(self.instruments)
        }
        self.prices = {name: draw.randint(LOWEST, HIGHEST) for name in self.instruments}
        # the caller keeps these two: a book has none of them
        self.closes = {
            name: price * draw.randint(98, 102) // 100 for name, price in self.prices.items()
        }
        self.shares = {name: draw.randint(10**6, 10**9) for name in self.instruments}
        self.cash = {account: draw.randint(10**5, 10**7) for account in self.accounts}
        self.holdings = {
            account: {name: draw.choice(QUANTITIES) for name in draw.sample(self.instruments, many)}
            for account, many in zip(self.accounts, self._baskets(draw), strict=True)
        }
        watched = min(WATCHED, size.securities // 2)
        self.watch_lists = {
            customer: draw.sample(self.instruments, watched) for customer in self.customers
        }
        self.orders = [self.new_order(n, draw) for n in range(1, size.orders + 1)]
        self.filled = {order.id for order in self.orders if draw.random() < FILLED}
        self.seed = draw.random()

    def _owners(self, draw: random.Random) -> list[str]:
        """The customer of each account: 1 to 9 accounts each."""
        counts = [draw.randint(1, 2 * ACCOUNTS_EACH - 1) for _ in self.customers[::2]]
        counts = [many for n in counts for many in (n, 2 * ACCOUNTS_EACH - n)]
        pairs = zip(self.customers, counts, strict=True)
        return [customer for customer, many in pairs for _ in range(many)]

    def _baskets(self, draw: random.Random) -> list[int]:
        """Securities of each account: 2 to 18, and exactly `positions` in all."""
        counts = [draw.randint(2, 17) for _ in self.accounts]
        missing = self.size.positions - sum(counts)
        while missing:
            step = 1 if missing > 0 else -1
            account = draw.randrange(len(counts))
            if 2 <= counts[account] + step <= 18:
                counts[account] += step
                missing -= step
        return counts

    def new_order(self, number: int, draw: random.Random) -> Order:
        """An order in a security of the account's basket."""
        account = draw.choice(self.accounts)
        instrument = draw.choice(list(self.holdings[account]))
        return Order(number, account, instrument, draw.choice((1, -1)) * draw.choice(QUANTITIES))


class Market:
    """The exchange: moves prices and decides which orders are filled."""

    def __init__(self, house: House) -> None:
        self.draw = random.Random(house.seed)
        self.house = house
        self.prices = dict(house.prices)
        self.market_orders: deque[Order] = deque()
        self.limit_orders: dict[str, list[tuple[Order, int]]] = {}
        self.next_id = len(house.orders) + 1
        for order in house.orders:
            if order.id not in house.filled:
                self.accept(order)

    def accept(self, order: Order) -> None:
        if self.draw.random() >= LIMIT_ORDERS:
            self.market_orders.append(order)
            return
        away = self.prices[order.instrument] * self.draw.randint(0, 5) // 100
        limit = self.prices[order.instrument] + (-away if order.quantity > 0 else away)
        self.limit_orders.setdefault(order.instrument, []).append((order, limit))

    def transactions(self) -> Iterator[Transaction]:
        """The cards of TPC-E's mix, shuffled deck by deck."""
        deck: list[str] = []
        for _ in range(self.house.size.transactions):
            if not deck:
                deck = [kind for kind, weight in MIX.items() for _ in range(weight)]
                self.draw.shuffle(deck)
            kind = deck.pop()
            if kind == "trade-result" and not self.market_orders:
                kind = "trade-order"
            yield Transaction(kind, getattr(self, kind.replace("-", "_"))())

    def customer_position(self) -> tuple[str, str | None]:
        account = self.draw.choice(self.house.accounts)
        last = account if self.draw.random() < WITH_TRADES else None
        return self.house.customer_of[account], last

    def market_watch(self) -> tuple[str, bool]:
        return self.draw.choice(self.house.customers), self.draw.random() < FROM_HOLDINGS

    def security_detail(self) -> tuple[str]:
        return (self.draw.choice(self.house.instruments),)

    def broker_volume(self) -> tuple[list[str], str]:
        brokers = self.house.brokers
        low, high = (min(many, len(brokers)) for many in (20, 40))
        chosen = self.draw.sample(brokers, self.draw.randint(low, high))
        return sorted(chosen), self.draw.choice(self.house.sectors)

    def trade_status(self) -> tuple[str]:
        return (self.draw.choice(self.house.accounts),)

    def trade_order(self) -> tuple[Order, bool]:
        order = self.house.new_order(self.next_id, self.draw)
        self.next_id += 1
        self.accept(order)
        return order, order.quantity > 0 and self.draw.random() < ON_MARGIN

    def trade_result(self) -> tuple[Fill]:
        order = self.market_orders.popleft()
        return (Fill(order, self.prices[order.instrument]),)

    def market_feed(self) -> tuple[list[str], list[int], list[Fill]]:
        """Ticks of as many securities, and the limit orders that their prices reach."""
        names = self.draw.sample(self.house.instruments, TICKS)
        fills = []
        for name in names:
            moved = self.prices[name] * self.draw.randint(98, 102) // 100
            price = self.prices[name] = min(max(moved, LOWEST), HIGHEST)
            waiting = self.limit_orders.pop(name, [])
            for order, limit in waiting:
                if (price <= limit) if order.quantity > 0 else (price >= limit):
                    fills.append(Fill(order, price))
                else:
                    self.limit_orders.setdefault(name, []).append((order, limit))
        return names, [self.prices[name] for name in names], fills
