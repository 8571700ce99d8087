"""DuckDB in memory.

Tables are sorted by the columns of the queries, so that zone maps find rows.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from dataset import Ints
from peers.contract import SCALE, Peer, Tables, codes

LOAD = """
CREATE TABLE prices AS SELECT * FROM new_prices ORDER BY instrument;
CREATE TABLE orders AS SELECT * FROM new_orders ORDER BY id;
CREATE TABLE positions AS
    SELECT instrument, account, sum(quantity)::INTEGER AS net FROM (
        SELECT instrument, account, quantity FROM new_holdings
        UNION ALL SELECT instrument, account, filled FROM orders)
    GROUP BY ALL ORDER BY instrument, account;
CREATE TABLE positions_by_account AS SELECT * FROM positions ORDER BY account, instrument;
"""
VALUE = "sum(net::BIGINT * price)::BIGINT AS value"


class Duckdb(Peer):
    """Money is BIGINT in units of 1e-4: exact, and faster than DECIMAL."""

    name, package = "DuckDB", "duckdb"

    def __init__(self, tables: Tables) -> None:
        self.database = duckdb.connect()
        holdings, orders = tables.holdings, tables.orders
        holding_columns = {
            "instrument": codes(holdings, "instrument"), "account": codes(holdings, "account"),
            "quantity": holdings["quantity"],
        }  # fmt: skip
        order_columns = {
            "id": orders["order"], "instrument": codes(orders, "instrument"),
            "account": codes(orders, "account"), "quantity": orders["order_quantity"],
            "filled": orders["filled_quantity"], "status": codes(orders, "status"),
        }  # fmt: skip
        names = pa.array(range(len(tables.instruments)), pa.int16())
        self.database.register("new_holdings", pa.table(holding_columns))
        self.database.register("new_orders", pa.table(order_columns))
        self.database.register(
            "new_prices", pa.table({"instrument": names, "price": tables.prices})
        )
        self.run(LOAD)
        for view in ("new_holdings", "new_orders", "new_prices"):
            self.database.unregister(view)
        self.kept = self.watching = False

    def run(self, statement: str, *values: Any) -> Any:
        return self.database.execute(statement, values)

    def tick(self, instrument: int, price: float) -> None:
        new = round(price * SCALE)
        if not self.kept:
            self.run("UPDATE prices SET price = ? WHERE instrument = ?", new, instrument)
            return
        self.run("BEGIN")
        found = self.run("SELECT price FROM prices WHERE instrument = ?", instrument)
        ((old,),) = found.fetchall()
        self.run("UPDATE prices SET price = ? WHERE instrument = ?", new, instrument)
        self.run(
            "UPDATE totals SET value = value + net * ?::BIGINT FROM positions"
            " WHERE instrument = ? AND positions.account = totals.account",
            new - old, instrument,
        )  # fmt: skip
        self.run("COMMIT")

    def ticks(self, prices: Ints) -> None:
        new = pa.table({"instrument": pa.array(range(len(prices)), pa.int16()), "price": prices})
        self.database.register("new_prices", new)
        self.run("CREATE OR REPLACE TABLE prices AS SELECT * FROM new_prices")
        self.database.unregister("new_prices")

    def keep_totals(self) -> None:
        self.run(
            f"CREATE TABLE totals AS SELECT account, {VALUE} FROM positions"
            " JOIN prices USING (instrument) GROUP BY account ORDER BY account"
        )
        self.kept = True

    def totals(self) -> Any:
        return self.run("SELECT value FROM totals ORDER BY account").fetchnumpy()["value"]

    def drop_totals(self) -> None:
        self.run("DROP TABLE totals")
        self.kept = False

    def whole_book(self) -> Any:
        found = self.run(
            f"SELECT account, {VALUE} FROM positions JOIN prices USING (instrument)"
            " GROUP BY account ORDER BY account"
        )
        return found.fetchnumpy()["value"]

    def account(self, account: int) -> Any:
        found = self.run(
            f"SELECT {VALUE} FROM positions_by_account JOIN prices USING (instrument)"
            " WHERE account = ?", account,
        )  # fmt: skip
        return found.fetchall()[0][0]

    def order(
        self, order: int, account: int, instrument: int, quantity: int, filled: int, status: int
    ) -> None:
        self.run("BEGIN")
        ((old,),) = self.run("SELECT filled FROM orders WHERE id = ?", order).fetchall()
        self.run(
            "UPDATE orders SET quantity = ?, filled = ?, status = ? WHERE id = ?",
            quantity, filled, status, order,
        )  # fmt: skip
        for table in ("positions", "positions_by_account", *["watched"] * self.watching):
            self.run(
                f"UPDATE {table} SET net = net + ? WHERE instrument = ? AND account = ?",
                filled - old, instrument, account,
            )  # fmt: skip
        if self.kept:
            self.run(
                "UPDATE totals SET value = value + ? * price FROM prices"
                " WHERE account = ? AND instrument = ?", filled - old, account, instrument,
            )  # fmt: skip
        self.run("COMMIT")

    def watch(self, pairs: Ints) -> None:
        """The positions of watched accounts, by session."""
        owners = pairs.reshape(-1)
        sessions = pa.table({"place": pa.array(range(len(owners)), pa.int32()), "account": owners})
        self.database.register("sessions", sessions)
        self.run(
            "CREATE TABLE watched AS SELECT place, account, instrument, net FROM sessions"
            " JOIN positions_by_account USING (account) ORDER BY place"
        )
        self.database.unregister("sessions")
        self.watching = True

    def look(self) -> Any:
        found = self.run(
            f"SELECT place, {VALUE} FROM watched JOIN prices USING (instrument)"
            " GROUP BY place ORDER BY place"
        )
        return found.fetchnumpy()["value"]

    def unwatch(self) -> None:
        self.run("DROP TABLE watched")
        self.watching = False
