"""The slow, obvious model that mvcore is compared with: plain dicts and exact fractions.

Tables come in as a dict of lists of plain Python values, rows go out as lists of dicts, as
`frame.to_pylist()` gives them. A write builds a whole new state aside and puts it in place when
every row was good, so an error cannot leave half of a batch behind.

Orders come in later: they change `ReferenceBook.positions`, and nothing that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from reference_state import (
    EPOCH_START,
    TABLES,
    Net,
    State,
    currency_name,
    nanoseconds,
    number,
    read_table,
    text,
)
from reference_view import (
    MEASURES,
    ClosedError,
    Error,
    InvalidInput,
    Query,
    ReferenceView,
    Selection,
    UnknownId,
    Valuation,
    ValueOverflow,
    amount,
    check_currency,
    conversion,
    plain,
    unit_value,
)

__all__ = [
    "ClosedError",
    "Error",
    "InvalidInput",
    "ReferenceBook",
    "ReferenceView",
    "UnknownId",
    "Valuation",
    "ValueOverflow",
    "dump",
    "outcome",
]


class ReferenceBook:
    def __init__(self, base_currency: str = "USD", value_scale: int = 8) -> None:
        if isinstance(value_scale, bool) or not 0 <= value_scale <= 30:
            raise InvalidInput(f"value_scale {value_scale!r}")
        self.base_currency, self.value_scale = currency_name(base_currency), value_scale
        self.state = State(base_currency)

    @property
    def epoch(self) -> int:
        return self.state.epoch

    # -- facts ---------------------------------------------------------------------------------

    def load(self, **tables: dict[str, list] | None) -> int:
        return self._apply(tables, replace=True)

    def update(self, **tables: dict[str, list] | None) -> int:
        return self._apply(tables, replace=False)

    def _apply(self, tables: dict[str, dict[str, list] | None], replace: bool) -> int:
        read = {
            name: read_table(name, tables[name]) for name in TABLES if tables.get(name) is not None
        }
        state = self._next()
        for name, rows in read.items():
            if replace:
                setattr(state, name, {})
            getattr(state, f"put_{name}")(rows)
            if name in ("accounts", "instruments"):
                state.see_attributes(name.removesuffix("s"), tables[name], rows)
        return self._publish(state)

    def tick(self, instrument: str, price, time=None) -> int:
        return self.ticks([instrument], [price], [time])

    def ticks(self, instruments: list, prices: list, times=None, scale: int | None = None) -> int:
        """Rows one after the other: of two for the same instrument the later wins."""
        times = [None] * len(prices) if times is None else times
        if not len(instruments) == len(prices) == len(times):
            raise InvalidInput("ticks: lengths differ")
        state, names = self._next(), list(self.state.seen["instrument"])
        rows = []
        for instrument, price, time in zip(instruments, prices, times, strict=True):
            if isinstance(instrument, int) and not 0 <= instrument < len(names):
                raise UnknownId(f"ticks: unknown code {instrument}")
            name = names[instrument] if isinstance(instrument, int) else text(instrument)
            value = number(price) if scale is None else number(f"{price}e-{scale}")
            rows.append({"instrument": name, "price": value, "time": nanoseconds(time)})
        state.put_prices(rows)
        return self._publish(state)

    def remove(self, accounts=None, instruments=None) -> int:
        state = self._next()
        for masters, names in ((state.accounts, accounts), (state.instruments, instruments)):
            names = [names] if isinstance(names, str) else names or ()
            for name in set(names):
                if name not in masters:
                    raise UnknownId(f"remove: unknown {name!r}")
                del masters[name]
        return self._publish(state)

    def _next(self) -> State:
        state = self.state.copy()
        state.epoch += 1
        return state

    def _publish(self, state: State) -> int:
        state.check()
        self.state = state
        return state.epoch

    # -- what the reading half asks ------------------------------------------------------------

    def positions(self) -> dict[tuple[str, str], Net]:
        """Net quantities of every pair that has any."""
        return {pair: Net(held, held, held) for pair, held in self.state.holdings.items()}

    def masters(self, side: str) -> dict[str, Any]:
        return self.state.accounts if side == "account" else self.state.instruments

    def attributes_of(self, side: str, name: str) -> dict[str, Any]:
        if side == "account":
            return self.state.accounts[name]
        return self.state.instruments[name].attributes

    # -- reads ---------------------------------------------------------------------------------

    def instrument_codes(self, names: Iterable[str]) -> list[int]:
        for name in (name for name in names if name not in self.state.instruments):
            raise UnknownId(f"unknown instrument {name!r}")
        return [self.state.seen["instrument"][name] for name in names]

    def value(self, account: str, currency: str | None = None) -> Valuation:
        target = check_currency(self, currency, local=False)
        rows = self.values(accounts=account, by=(), currency=target)
        row = rows[0] if rows else dict.fromkeys(MEASURES, amount([], self.value_scale))
        amounts = [row[measure] for measure in MEASURES]
        return Valuation(account, *amounts, target, row.get("unpriced", 0), self.epoch)

    def values(
        self,
        accounts=None,
        instruments=None,
        by=("account",),
        measures=MEASURES,
        currency=None,
        rollup=False,
    ) -> list[dict]:
        query = Query(self, accounts, instruments, by, measures, currency, rollup)
        return list(query.rows().values())

    def view(
        self,
        accounts=None,
        instruments=None,
        by=("account",),
        measures=MEASURES,
        currency=None,
        rollup=False,
        mode="lazy",
    ) -> ReferenceView:
        if mode not in ("lazy", "incremental"):
            raise InvalidInput(f"mode {mode!r}")
        return ReferenceView(Query(self, accounts, instruments, by, measures, currency, rollup))

    def holdings(self, accounts=None, instruments=None) -> list[dict]:
        wanted = Selection(self, "account", accounts), Selection(self, "instrument", instruments)
        rows = []
        for account, instrument in sorted(self.state.holdings, key=self._codes):
            if account not in wanted[0] or instrument not in wanted[1]:
                continue
            currency = self.state.instruments[instrument].currency
            into_base = conversion(self, currency, self.base_currency)
            row = {"account": account} | self._priced(account, instrument)
            row["base_value"] = None
            if row["price"] is not None and into_base is not None:
                worth = self.state.holdings[account, instrument] * unit_value(self, instrument)
                row["base_value"] = amount([worth * into_base], self.value_scale)
            rows.append(row)
        return rows

    def _codes(self, pair: tuple[str, str]) -> tuple[int, int]:
        seen = self.state.seen
        return seen["account"][pair[0]], seen["instrument"][pair[1]]

    def _priced(self, account: str, instrument: str) -> dict[str, Any]:
        quantity = self.state.holdings[account, instrument]
        held, worth = self.state.prices.get(instrument), unit_value(self, instrument)
        return {
            "instrument": instrument,
            "quantity": plain(quantity),
            "price": None if held is None else plain(held.price),
            "currency": self.state.instruments[instrument].currency,
            "market_value": None if worth is None else amount([quantity * worth], self.value_scale),
        }

    def revalue(self, instrument: str) -> list[dict]:
        if instrument not in self.state.instruments:
            raise UnknownId(f"revalue: unknown instrument {instrument!r}")
        rows = []
        for account, held in sorted(self.state.holdings, key=self._codes):
            if held == instrument:
                row = self._priced(account, instrument)
                head = {"record_type": "HOLDING", "account": account, "order": None}
                rows.append(head | {k: row[k] for k in ("quantity", "price", "market_value")})
        return rows

    def prices(self) -> list[dict]:
        rows = []
        for name in sorted(self.state.prices, key=self.state.seen["instrument"].__getitem__):
            price, time, epoch = self.state.prices[name]
            at = None if time is None else EPOCH_START + timedelta(microseconds=time // 1000)
            rows.append({"instrument": name, "price": plain(price), "time": at, "epoch": epoch})
        return rows

    def stats(self) -> dict[str, int]:
        state = self.state
        return {
            "epoch": state.epoch,
            "late_prices": state.late_prices,
            "accounts": len(state.accounts),
            "instruments": len(state.instruments),
            "positions": len(state.holdings),
        }


# -- comparing ---------------------------------------------------------------------------------


def outcome(call: Callable[[], Any], errors: type[Exception] = Error) -> Any:
    """The answer, as rows where it is a frame, or the name of the error."""
    try:
        answer = call()
        return answer.to_pylist() if hasattr(answer, "to_pylist") else answer
    except errors as error:
        return type(error).__name__


def dump(book, errors: type[Exception] = Error) -> dict[str, Any]:
    """Everything that can be read of a book, the model's or mvcore's, as plain values."""
    stats = book.stats()
    names = ("epoch", "late_prices", "accounts", "instruments", "positions")
    everything = {"by": ("account", "instrument", "currency"), "currency": "local"}
    return {
        "epoch": book.epoch,
        "stats": {name: stats[name] for name in names},
        "holdings": outcome(book.holdings, errors),
        "prices": outcome(book.prices, errors),
        "values": outcome(book.values, errors),
        "each": outcome(lambda: book.values(**everything), errors),
    }
