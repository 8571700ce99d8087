"""The reference model: slow, obvious, made of plain dicts and exact fractions.

Tables are dicts of lists of plain Python values. Rows are returned as lists of dicts, like
`frame.to_pylist()`. A write builds a new state and installs it after every row was accepted, so an
error cannot leave half of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reference_cash
import reference_orders
from reference_page import Page
from reference_reads import Reads, ReferenceSnapshot
from reference_state import State
from reference_tables import TABLES, currency_name, nanoseconds, number, order_id, read_table, text
from reference_view import (
    MEASURES,
    ClosedError,
    Error,
    InvalidInput,
    Query,
    ReferenceView,
    UnknownId,
    Valuation,
    ValueOverflow,
)

__all__ = [
    "ClosedError",
    "Error",
    "InvalidInput",
    "ReferenceBook",
    "ReferenceSnapshot",
    "ReferenceView",
    "UnknownId",
    "Valuation",
    "ValueOverflow",
    "dump",
    "outcome",
    "revalued",
]


class ReferenceBook(Reads):
    def __init__(
        self,
        base_currency: str = "USD",
        value_scale: int = 8,
        cash: str | None = None,
        cash_scale: int | None = None,
    ) -> None:
        if isinstance(value_scale, bool) or not 0 <= value_scale <= 30:
            raise InvalidInput(f"value_scale {value_scale!r}")
        reference_cash.check_mode(cash, cash_scale)
        self.base_currency, self.value_scale = currency_name(base_currency), value_scale
        self.state = State(base_currency, cash, cash_scale)

    # -- writes --------------------------------------------------------------------------------

    def load(self, **tables: dict[str, list] | None) -> int:
        return self._apply(tables, replace=True)

    def update(self, unknown: str = "error", **tables: dict[str, list] | None) -> int:
        return self._apply(tables, replace=False, skip=unknown == "skip")

    def _apply(
        self, tables: dict[str, dict[str, list] | None], replace: bool, skip: bool = False
    ) -> int:
        read = {
            name: read_table(name, tables[name], whole=replace)
            for name in TABLES
            if tables.get(name) is not None
        }
        state = self._next()
        for name, rows in read.items():
            if replace:
                setattr(state, name, {})
            more = {"skip_unknown": skip} if name == "prices" else {}
            getattr(state, f"put_{name}")(rows, **more)
            if name in ("accounts", "instruments"):
                state.see_attributes(name.removesuffix("s"), tables[name], rows)
        return self._publish(state)

    def tick(self, instrument: str, price, time=None) -> int:
        return self.ticks([instrument], [price], [time])

    def ticks(
        self,
        instruments: list,
        prices: list,
        times=None,
        scale: int | None = None,
        unknown: str = "error",
    ) -> int:
        """Apply rows in order. If an instrument occurs twice, the later price wins."""
        times = [None] * len(prices) if times is None else times
        if not len(instruments) == len(prices) == len(times):
            raise InvalidInput("ticks: lengths differ")
        state, names = self._next(), list(self.state.seen["instrument"])
        rows = []
        for instrument, price, time in zip(instruments, prices, times, strict=True):
            known = not isinstance(instrument, int) or 0 <= instrument < len(names)
            if not known and unknown != "skip":
                raise UnknownId(f"ticks: unknown code {instrument}")
            if not known:
                name = None
            else:
                name = names[instrument] if isinstance(instrument, int) else text(instrument)
            value = number(price) if scale is None else number(f"{price}e-{scale}")
            rows.append({"instrument": name, "price": value, "time": nanoseconds(time)})
        state.put_prices(rows, skip_unknown=unknown == "skip")
        return self._publish(state)

    def order(
        self,
        order: str | int,
        account: str,
        instrument: str,
        order_quantity,
        filled_quantity=0,
        status="new",
        time=None,
        average_price=None,
    ) -> int:
        row = {
            "order": order,
            "account": account,
            "instrument": instrument,
            "order_quantity": order_quantity,
            "filled_quantity": filled_quantity,
            "average_price": average_price,
            "status": status,
            "time": time,
        }
        return self.update(orders={name: [value] for name, value in row.items()})

    def remove(self, accounts=None, instruments=None, orders=None, prices=None, fx=None) -> int:
        state = self._next()
        ids = [orders] if isinstance(orders, (str, int)) else orders or ()
        for name in {order_id(name): None for name in ids}:
            reference_orders.check_kind(state, name)
            if name not in state.orders:
                raise UnknownId(f"remove: unknown order {name!r}")
            del state.orders[name]
        for name in [prices] if isinstance(prices, str) else prices or ():
            if text(name) not in state.instruments:
                raise UnknownId(f"remove: unknown instrument {name!r}")
            state.prices.pop(name, None)
        self._withdraw_rates(state, [fx] if isinstance(fx, str) else fx or ())
        for masters, names in ((state.accounts, accounts), (state.instruments, instruments)):
            names = [names] if isinstance(names, str) else names or ()
            for name in set(names):
                if name not in masters:
                    raise UnknownId(f"remove: unknown {name!r}")
                del masters[name]
        return self._publish(state)

    def _withdraw_rates(self, state: State, names: list[str]) -> None:
        used = {instrument.currency for instrument in self.state.instruments.values()}
        for name in names:
            if text(name) not in (self.base_currency, *used, *self.state.fx):
                raise UnknownId(f"remove: unknown currency {name!r}")
        for name in names:
            if name == self.base_currency:
                raise InvalidInput("remove: the base currency has no rate")
            state.fx.pop(name, None)

    def roll_day(self, holdings: dict[str, list] | None = None) -> int:
        rows = None if holdings is None else read_table("holdings", holdings, whole=True)
        state = self._next()
        reference_orders.roll_day(state, rows)
        return self._publish(state)

    def _next(self) -> State:
        state = self.state.copy()
        state.epoch += 1
        state.cash_before = {name for name, i in state.instruments.items() if i.cash}
        return state

    def _publish(self, state: State) -> int:
        state.check()
        self.state = state
        return state.epoch

    # -- readers -------------------------------------------------------------------------------

    def view(
        self,
        accounts=None,
        instruments=None,
        by=("account",),
        measures=MEASURES,
        currency=None,
        rollup=False,
        mode="lazy",
        allow_empty=False,
        **page,
    ) -> ReferenceView:
        if mode not in ("lazy", "incremental"):
            raise InvalidInput(f"mode {mode!r}")
        query = Query(
            self, accounts, instruments, by, measures, currency, rollup, allow_empty, Page(**page)
        )
        return ReferenceView(query)

    def changes(self, views: list[ReferenceView], combined: bool = False) -> list:
        """Read all views or none: if one fails, the others are unchanged.

        combined: one list of all rows, with the index of the view.
        """
        if any(view.query.book is not self for view in views):
            raise InvalidInput("changes: a view of another book")
        if len({id(view) for view in views}) < len(views):
            raise InvalidInput("changes: a view is there twice")
        if any(view.closed for view in views):
            raise ClosedError("changes: a view is closed")
        if combined and any(view.columns() != views[0].columns() for view in views):
            raise InvalidInput("changes: views with other columns")
        for view in views:
            view.rows()
        found = [view.changes() for view in views]
        if combined:
            return [{"view": k} | row for k, rows in enumerate(found) for row in rows]
        return found

    def snapshot(self) -> ReferenceSnapshot:
        return ReferenceSnapshot(self)

    def stats(self) -> dict[str, int]:
        state = self.state
        return {
            "epoch": state.epoch,
            "late_prices": state.late_prices,
            "late_orders": state.late_orders,
            "late_fx": state.late_fx,
            "unchanged_orders": state.unchanged_orders,
            "skipped_prices": state.skipped_prices,
            "accounts": len(state.accounts),
            "instruments": len(state.instruments),
            "orders": len(state.orders),
            "positions": len(self.nets()),
        }


# -- comparison ------------------------------------------------------------------------------


class Fault(str):
    """The name of an error. Its repr also shows the message."""

    __slots__ = ("said",)

    def __new__(cls, error: Exception) -> Fault:
        fault = super().__new__(cls, type(error).__name__)
        fault.said = str(error)
        return fault

    def __repr__(self) -> str:
        return f"{self}({self.said!r})"


def outcome(call: Callable[[], Any], errors: type[Exception] = Error) -> Any:
    """The answer (a frame as rows), or the name of the error."""
    try:
        answer = call()
        return answer.to_pylist() if hasattr(answer, "to_pylist") else answer
    except errors as error:
        return Fault(error)


def revalued(book, instrument: str, errors: type[Exception] = Error) -> Any:
    """The rows of `revalue`, orders sorted by id: mvcore does not define their order."""
    rows = outcome(lambda: book.revalue(instrument), errors)
    if isinstance(rows, str):
        return rows
    first = next((n for n, row in enumerate(rows) if row["record_type"] == "ORDER"), len(rows))
    return rows[:first] + sorted(rows[first:], key=lambda row: row["order"])


def dump(book, errors: type[Exception] = Error) -> dict[str, Any]:
    """Everything that can be read from a book, the model's or mvcore's, as plain values."""
    stats = book.stats()
    names = (
        *("epoch", "late_prices", "late_orders", "late_fx", "unchanged_orders", "skipped_prices"),
        *("accounts", "instruments", "orders", "positions"),
    )
    return {
        "stats": {name: stats[name] for name in names},
        **dump_reads(book, errors),
    }


def dump_reads(book, errors: type[Exception] = Error) -> dict[str, Any]:
    """The part of `dump` that a snapshot has as well."""
    everything = {"by": ("account", "instrument", "currency"), "currency": "local"}
    orders = outcome(book.orders, errors)
    ordered = [] if isinstance(orders, str) else dict.fromkeys(row["instrument"] for row in orders)
    return {
        "epoch": book.epoch,
        "holdings": outcome(book.holdings, errors),
        "positions": outcome(lambda: book.positions(currency="local"), errors),
        "orders": orders,
        "prices": outcome(book.prices, errors),
        "values": outcome(book.values, errors),
        "each": outcome(lambda: book.values(**everything), errors),
        "revalue": {name: revalued(book, name, errors) for name in ordered},
    }
