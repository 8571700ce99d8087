"""The engines that play the transactions of `brokerage_data.py`: mvcore by its plain API, Python
dicts, and SQLite in memory.

Each has one method per kind of transaction. Amounts are Decimals, or integers in cents.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import mvcore
from brokerage_data import CASH, Fill, House, Order, Transaction
from dataset import decimal_of

LAST_TRADES, STATUSES = 10, 50  # orders that customer-position and trade-status return
CENTS = 2  # decimals
NEW, DONE = "new", "filled"


class Answer(NamedTuple):
    names: tuple[Any, ...] = ()
    quantities: tuple[Any, ...] = ()
    amounts: tuple[Any, ...] = ()


class Engine(Protocol):
    name: str

    def __init__(self, house: House) -> None: ...
    def prepare(self, transaction: Transaction) -> Transaction:
        """Convert the prices of a transaction to the engine's type, before the clock starts."""

    def customer_position(self, customer: str, account: str | None) -> Answer:
        """The value of each account of a customer, and the last trades of one of them."""

    def market_watch(self, customer: str, holdings: bool) -> Answer:
        """The value, now and at the caller's closing prices, of all shares of the securities of a
        watch list, or of what a customer holds."""

    def security_detail(self, instrument: str) -> Answer:
        """The price of a security."""

    def broker_volume(self, brokers: list[str], sector: str) -> Answer:
        """The net value of open orders in one sector, by broker. Zeros are left out."""

    def trade_status(self, account: str) -> Answer:
        """The last orders of an account."""

    def trade_order(self, order: Order, margin: bool) -> Answer:
        """Record an order. An order on margin also reads the value of its account."""

    def trade_result(self, fill: Fill) -> Answer:
        """Fill an order: its holding and the cash change. Returns both."""

    def market_feed(self, names: list[str], prices: list[Any], fills: list[Fill]) -> Answer:
        """Set prices, and fill the orders that they reach."""

    def state(self) -> Answer:
        """The value of every account, and all open orders."""

    def close(self) -> None: ...


class Mvcore:
    """The calls that a reader of the README would choose. No view, no code, no scaled integer."""

    name = "mvcore"

    def __init__(self, house: House) -> None:
        self.shares, self.watch_lists = house.shares, house.watch_lists
        self.closes = {name: decimal_of(close, CENTS) for name, close in house.closes.items()}
        self.closes[CASH] = Decimal(1)
        self.book = mvcore.Book(value_scale=CENTS)
        names = house.instruments
        held = [
            (account, name, quantity)
            for account, basket in house.holdings.items()
            for name, quantity in basket.items()
        ]
        held += [(account, CASH, decimal_of(cash, CENTS)) for account, cash in house.cash.items()]
        accounts, instruments, quantities = zip(*held, strict=True)
        done = [order.quantity if order.id in house.filled else 0 for order in house.orders]
        self.book.load(
            instruments={
                "instrument": [*names, CASH],
                "currency": [CASH] * (len(names) + 1),
                "cash": [False] * len(names) + [True],
                "sector": [*map(house.sector_of.get, names), None],
            },
            accounts={
                "account": house.accounts,
                "customer": list(map(house.customer_of.get, house.accounts)),
                "broker": list(map(house.broker_of.get, house.accounts)),
            },
            holdings={"account": accounts, "instrument": instruments, "quantity": quantities},
            orders={
                "order": [order.id for order in house.orders],
                "account": [order.account for order in house.orders],
                "instrument": [order.instrument for order in house.orders],
                "order_quantity": [order.quantity for order in house.orders],
                "filled_quantity": done,
                "rolled_quantity": done,  # the holdings include the fills
                "status": [DONE if quantity else NEW for quantity in done],
            },
            prices={
                "instrument": names,
                "price": [decimal_of(house.prices[name], CENTS) for name in names],
            },
        )

    def prepare(self, transaction: Transaction) -> Transaction:
        kind, arguments = transaction
        if kind == "trade-result":
            return Transaction(kind, (in_decimals(arguments[0]),))
        if kind == "market-feed":
            names, prices, fills = arguments
            decimals = [decimal_of(price, CENTS) for price in prices]
            return Transaction(kind, (names, decimals, [in_decimals(fill) for fill in fills]))
        return transaction

    def customer_position(self, customer: str, account: str | None) -> Answer:
        values = self.book.values({"customer": customer}, by="account", measures="current")
        names, quantities = self.last(account, LAST_TRADES) if account else ((), ())
        return Answer((*values["account"], *names), quantities, tuple(values["current"]))

    def market_watch(self, customer: str, holdings: bool) -> Answer:
        if holdings:
            held = self.book.positions({"customer": customer})
            pairs = zip(held["instrument"], held["current_quantity"], strict=True)
            then = sum(quantity * self.closes[name] for name, quantity in pairs)
            return Answer(amounts=(sum(held["current"]), then))
        watched = self.watch_lists[customer]
        frame = self.book.prices(watched)
        prices = dict(zip(frame["instrument"], frame["price"], strict=True))
        now = sum(self.shares[name] * prices[name] for name in watched)
        return Answer(amounts=(now, sum(self.shares[name] * self.closes[name] for name in watched)))

    def security_detail(self, instrument: str) -> Answer:
        return Answer(amounts=tuple(self.book.prices(instrument)["price"]))

    def broker_volume(self, brokers: list[str], sector: str) -> Answer:
        values = self.book.values(
            {"broker": brokers}, {"sector": sector}, by="broker", measures=("current", "expected")
        )
        columns = (values["broker"], values["current"], values["expected"])
        return nonzero((b, after - now) for b, now, after in zip(*columns, strict=True))

    def trade_status(self, account: str) -> Answer:
        return Answer(*self.last(account, STATUSES))

    def last(self, account: str, most: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        frame = self.book.orders([account])
        columns = (frame[c] for c in ("order", "instrument", "status", "order_quantity"))
        return columns_of(sorted(zip(*columns, strict=True), reverse=True)[:most])

    def trade_order(self, order: Order, margin: bool) -> Answer:
        value = (self.book.value(order.account).current,) if margin else ()
        self.book.order(order.id, order.account, order.instrument, order.quantity)
        return Answer(amounts=value)

    def trade_result(self, fill: Fill) -> Answer:
        id, account, instrument, ordered = fill.order
        frame = self.book.positions([account], [instrument, CASH])
        held = dict(zip(frame["instrument"], frame["current_quantity"], strict=True))
        quantity = held.get(instrument, 0) + ordered
        cash = held.get(CASH, 0) - ordered * fill.price
        self.book.update(
            orders={
                "order": [id], "account": [account], "instrument": [instrument],
                "order_quantity": [ordered], "filled_quantity": [ordered],
                "rolled_quantity": [ordered], "average_price": [fill.price], "status": [DONE],
            },
            holdings={
                "account": [account, account], "instrument": [instrument, CASH],
                "quantity": [quantity, cash],
            },
        )  # fmt: skip
        return Answer((instrument,), (quantity,), (cash,))

    def market_feed(self, names: list[str], prices: list[Any], fills: list[Fill]) -> Answer:
        self.book.ticks(names, prices)
        return joined(map(self.trade_result, fills))

    def state(self) -> Answer:
        values, orders = self.book.values(measures="current"), self.book.orders()
        pairs = zip(orders["order"], orders["leaves_quantity"], strict=True)
        left = sorted(pair for pair in pairs if pair[1])
        return Answer(tuple(values["account"]), tuple(left), tuple(values["current"]))

    def close(self) -> None:
        self.book.close()


class Dicts:
    """Python dicts and integers in cents, with an index for each question. The oracle."""

    name = "dicts"

    def __init__(self, house: House) -> None:
        self.house = house
        self.prices, self.cash = dict(house.prices), dict(house.cash)
        self.holdings = {account: dict(basket) for account, basket in house.holdings.items()}
        self.accounts_of: dict[str, list[str]] = defaultdict(list)
        for account, customer in house.customer_of.items():
            self.accounts_of[customer].append(account)
        self.orders: dict[str, dict[int, tuple[int, str, str, int]]] = defaultdict(dict)
        self.open: dict[tuple[str, str], dict[int, Order]] = defaultdict(dict)
        for order in house.orders:
            self.record(order, DONE if order.id in house.filled else NEW)

    def prepare(self, transaction: Transaction) -> Transaction:
        return transaction

    def record(self, order: Order, status: str) -> None:
        """Orders of an account stay in the order of their ids."""
        id, account, instrument, quantity = order
        self.orders[account][id] = (id, instrument, status, quantity)
        waiting = self.open[self.house.broker_of[account], self.house.sector_of[instrument]]
        if status == NEW:
            waiting[id] = order
        else:
            waiting.pop(id, None)

    def value(self, account: str) -> int:
        prices = self.prices
        held = self.holdings[account].items()
        return self.cash[account] + sum([quantity * prices[name] for name, quantity in held])

    def customer_position(self, customer: str, account: str | None) -> Answer:
        accounts = self.accounts_of[customer]
        names, quantities = self.last(account, LAST_TRADES) if account else ((), ())
        return Answer((*accounts, *names), quantities, tuple(map(self.value, accounts)))

    def market_watch(self, customer: str, holdings: bool) -> Answer:
        prices, closes, shares = self.prices, self.house.closes, self.house.shares
        now = then = 0
        if holdings:
            for account in self.accounts_of[customer]:
                now += self.cash[account]
                then += self.cash[account]
                for name, quantity in self.holdings[account].items():
                    now += quantity * prices[name]
                    then += quantity * closes[name]
        else:
            for name in self.house.watch_lists[customer]:
                now += shares[name] * prices[name]
                then += shares[name] * closes[name]
        return Answer(amounts=(now, then))

    def security_detail(self, instrument: str) -> Answer:
        return Answer(amounts=(self.prices[instrument],))

    def broker_volume(self, brokers: list[str], sector: str) -> Answer:
        prices = self.prices
        waiting = ((broker, self.open[broker, sector].values()) for broker in brokers)
        return nonzero(
            (broker, sum([order.quantity * prices[order.instrument] for order in orders]))
            for broker, orders in waiting
        )

    def trade_status(self, account: str) -> Answer:
        return Answer(*self.last(account, STATUSES))

    def last(self, account: str, most: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return columns_of(list(self.orders[account].values())[: -most - 1 : -1])

    def trade_order(self, order: Order, margin: bool) -> Answer:
        value = (self.value(order.account),) if margin else ()
        self.record(order, NEW)
        return Answer(amounts=value)

    def trade_result(self, fill: Fill) -> Answer:
        _, account, instrument, quantity = fill.order
        basket = self.holdings[account]
        basket[instrument] = held = basket.get(instrument, 0) + quantity
        self.cash[account] = cash = self.cash[account] - quantity * fill.price
        self.record(fill.order, DONE)
        return Answer((instrument,), (held,), (cash,))

    def market_feed(self, names: list[str], prices: list[Any], fills: list[Fill]) -> Answer:
        self.prices.update(zip(names, prices, strict=True))
        return joined(map(self.trade_result, fills))

    def state(self) -> Answer:
        accounts = tuple(self.holdings)
        left = [(id, o.quantity) for orders in self.open.values() for id, o in orders.items()]
        return Answer(accounts, tuple(sorted(left)), tuple(map(self.value, accounts)))

    def close(self) -> None: ...


class Sqlite:
    """Tables as in TPC-E, with an index for each question. Money is integers in cents."""

    name = "SQLite"

    def __init__(self, house: House) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.run = self.database.execute
        self.database.executescript(TABLES)
        rows: dict[str, Iterable[tuple[Any, ...]]] = {
            "account": (
                (name, house.customer_of[name], house.broker_of[name], house.cash[name])
                for name in house.accounts
            ),
            "security": (
                (name, house.sector_of[name], house.prices[name], house.closes[name],
                 house.shares[name]) for name in house.instruments
            ),
            "holding": (
                (account, name, quantity)
                for account, basket in house.holdings.items() for name, quantity in basket.items()
            ),
            "watch_item": (
                (customer, name)
                for customer, names in house.watch_lists.items() for name in names
            ),
            "trade": (
                (*order, DONE if order.id in house.filled else NEW) for order in house.orders
            ),
        }  # fmt: skip
        self.run("begin")
        for table, values in rows.items():
            columns = len(self.run(f"pragma table_info({table})").fetchall())
            marks = ", ".join("?" * columns)
            self.database.executemany(f"insert into {table} values ({marks})", values)
        self.run(f"insert into request {REQUEST} where trade.status = '{NEW}'")
        self.run("commit")
        self.run("analyze")

    def prepare(self, transaction: Transaction) -> Transaction:
        return transaction

    def customer_position(self, customer: str, account: str | None) -> Answer:
        accounts, values = columns_of(self.run(CUSTOMER_POSITION, (customer,)).fetchall())
        names, quantities = self.last(account, LAST_TRADES) if account else ((), ())
        return Answer((*(name for (name,) in accounts), *names), quantities, values)

    def market_watch(self, customer: str, holdings: bool) -> Answer:
        if not holdings:
            return Answer(amounts=self.run(WATCH_LIST, (customer,)).fetchone())
        return Answer(amounts=self.run(WATCH_HOLDINGS, (customer, customer)).fetchone())

    def security_detail(self, instrument: str) -> Answer:
        found = self.run("select price from security where name = ?", (instrument,))
        return Answer(amounts=found.fetchone())

    def broker_volume(self, brokers: list[str], sector: str) -> Answer:
        marks = ", ".join("?" * len(brokers))
        return nonzero(self.run(BROKER_VOLUME.format(marks), (sector, *brokers)))

    def trade_status(self, account: str) -> Answer:
        return Answer(*self.last(account, STATUSES))

    def last(self, account: str, most: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return columns_of(self.run(LAST, (account, most)).fetchall())

    def trade_order(self, order: Order, margin: bool) -> Answer:
        self.run("begin")
        value = self.run(VALUE, (order.account,)).fetchone() if margin else ()
        self.run("insert into trade values (?, ?, ?, ?, ?)", (*order, NEW))
        self.run(f"insert into request {REQUEST} where trade.id = ?", (order.id,))
        self.run("commit")
        return Answer(amounts=value)

    def trade_result(self, fill: Fill) -> Answer:
        self.run("begin")
        answer = self.settle(fill)
        self.run("commit")
        return answer

    def settle(self, fill: Fill) -> Answer:
        id, account, instrument, quantity = fill.order
        (held,) = self.run(HOLD, (account, instrument, quantity)).fetchall()
        (cash,) = self.run(PAY, (quantity * fill.price, account)).fetchall()
        self.run("update trade set status = ? where id = ?", (DONE, id))
        self.run("delete from request where id = ?", (id,))
        return Answer((instrument,), held, cash)

    def market_feed(self, names: list[str], prices: list[Any], fills: list[Fill]) -> Answer:
        self.run("begin")
        self.database.executemany(
            "update security set price = ? where name = ?", zip(prices, names, strict=True)
        )
        answer = joined(map(self.settle, fills))
        self.run("commit")
        return answer

    def state(self) -> Answer:
        accounts, values = columns_of(self.run(VALUES).fetchall())
        left = self.run("select id, quantity from request order by id").fetchall()
        return Answer(tuple(name for (name,) in accounts), tuple(left), values)

    def close(self) -> None:
        self.database.close()


ENGINES: tuple[type[Engine], ...] = (Dicts, Mvcore, Sqlite)  # the oracle comes first

TABLES = """
create table account (
    name text primary key, customer text, broker text, cash integer) without rowid;
create index account_customer on account (customer);
create table security (
    name text primary key, sector text, price integer, close integer, shares integer)
    without rowid;
create table holding (
    account text, instrument text, quantity integer, primary key (account, instrument))
    without rowid;
create table watch_item (
    customer text, instrument text, primary key (customer, instrument)) without rowid;
create table trade (
    id integer primary key, account text, instrument text, quantity integer, status text);
create index trade_account on trade (account, id);
create table request (
    id integer primary key, broker text, sector text, instrument text, quantity integer);
create index request_sector on request (sector, broker);
"""
REQUEST = """
select trade.id, broker, sector, instrument, quantity from trade
join account on account.name = trade.account join security on security.name = instrument
"""
VALUE_OF = (
    "account.cash + coalesce((select sum(quantity * price) from holding "
    "join security on security.name = instrument where holding.account = account.name), 0)"
)
VALUE = f"select {VALUE_OF} from account where name = ?"
VALUES = f"select name, {VALUE_OF} from account order by name"
CUSTOMER_POSITION = f"select name, {VALUE_OF} from account where customer = ? order by name"
WATCH_LIST = (
    "select sum(shares * price), sum(shares * close) from watch_item "
    "join security on security.name = instrument where customer = ?"
)
WATCH_HOLDINGS = (
    "select cash + coalesce(now, 0), cash + coalesce(past, 0) from "
    "(select sum(quantity * price) now, sum(quantity * close) past from account "
    "join holding on holding.account = account.name "
    "join security on security.name = instrument where customer = ?), "
    "(select sum(cash) cash from account where customer = ?)"
)
BROKER_VOLUME = (
    "select broker, sum(quantity * price) from request "
    "join security on security.name = instrument "
    "where request.sector = ? and broker in ({}) group by broker"
)
LAST = (
    "select id, instrument, status, quantity from trade where account = ? order by id desc limit ?"
)
HOLD = """
insert into holding values (?, ?, ?)
on conflict do update set quantity = quantity + excluded.quantity returning quantity
"""
PAY = "update account set cash = cash - ? where name = ? returning cash"


def in_decimals(fill: Fill) -> Fill:
    return Fill(fill.order, decimal_of(fill.price, CENTS))


def columns_of(rows: list[tuple[Any, ...]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """All columns but the last as tuples of names, and the last one."""
    return tuple(row[:-1] for row in rows), tuple(row[-1] for row in rows)


def nonzero(rows: Iterable[tuple[str, Any]]) -> Answer:
    found = sorted(row for row in rows if row[1])
    return Answer(tuple(name for name, _ in found), (), tuple(amount for _, amount in found))


def joined(answers: Iterable[Answer]) -> Answer:
    columns = zip(*answers, strict=True)
    return Answer(*(tuple(value for part in column for value in part) for column in columns))
