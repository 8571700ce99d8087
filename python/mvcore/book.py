"""The book: holdings, prices and rates in, exact market values out."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mvcore import _core, masters, positions, ticks
from mvcore.errors import InvalidInput, UnknownId
from mvcore.figures import FiguresFrame
from mvcore.frame import Frame
from mvcore.grouping import MEASURES, Asked, Shaper, asked
from mvcore.hot import HotBook
from mvcore.masters import Codes, Masters
from mvcore.tables import number_column, read_table, text_column
from mvcore.times import column_ns
from mvcore.view import View

if TYPE_CHECKING:
    from types import TracebackType


class Book(HotBook):
    """A book in memory.

    base_currency: what amounts are in unless a call asks otherwise. value_scale: decimals of
    amounts, 0 to 30. Any number of threads may read while one writes.
    """

    def __init__(self, base_currency: str = "USD", value_scale: int = 8) -> None:
        text = isinstance(base_currency, str)
        if not text or base_currency in ("", "local"):
            raise InvalidInput(f"base_currency: {base_currency!r} is not a currency's name")
        if isinstance(value_scale, bool) or not isinstance(value_scale, int):
            raise InvalidInput(f"value_scale: {value_scale!r} is not an int")
        if not 0 <= value_scale <= 30:
            raise InvalidInput(f"value_scale: {value_scale} is not in 0..30")
        if hasattr(self, "_value_scale"):
            raise InvalidInput("a book is made once: __init__ was called again")
        self._value_scale = value_scale
        try:
            self._bind(_core.Book(base_currency, value_scale), base_currency)
        except TypeError:  # what pybind11 makes of a lone surrogate
            raise InvalidInput(f"base_currency: {base_currency!r} is not valid Unicode") from None
        self._masters = Masters()
        self._pending: Callable[[], tuple[dict[str, Any], dict[str, Any]]] | None = None
        self._masters_lock = threading.RLock()  # writers of master tables
        self._incremental: weakref.WeakSet[View] = weakref.WeakSet()
        self._name_lists: dict[str, list[str]] = {"account": [], "instrument": [], "currency": []}

    # ---- writes ----

    def load(
        self,
        *,
        instruments: Any = None,
        accounts: Any = None,
        holdings: Any = None,
        prices: Any = None,
        fx: Any = None,
    ) -> int:
        """Replace the whole of each table named, in one atomic batch. Returns the new epoch.

        Columns: instruments `instrument, currency, multiplier=1, quote_factor=1, <attributes>`;
        accounts `account, <attributes>`; holdings `account, instrument, quantity`; prices
        `instrument, price, time=null`; fx `currency, rate, method="multiply"` (or "divide", FIX
        155 with 156). One bad row and nothing has changed; refused while something kept still
        refers to what is dropped. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError.
        O(rows).
        """
        return self._apply(
            {"instruments": instruments, "accounts": accounts, "holdings": holdings,
             "prices": prices, "fx": fx}, refresh=True,
        )  # fmt: skip

    def update(
        self,
        *,
        instruments: Any = None,
        accounts: Any = None,
        holdings: Any = None,
        prices: Any = None,
        fx: Any = None,
    ) -> int:
        """Upsert rows with absolute values, in one atomic batch. Returns the new epoch.

        Columns as `load`. An absent column keeps what is stored (defaults for new rows); null
        means the default. Raises as `load`. O(rows).
        """
        return self._apply(
            {"instruments": instruments, "accounts": accounts, "holdings": holdings,
             "prices": prices, "fx": fx}, refresh=False,
        )  # fmt: skip

    def _apply(self, tables: dict[str, Any], refresh: bool) -> int:
        self._core.check_open()
        columns: dict[str, dict[str, Any]] = {}
        labels: dict[str, dict[str, list[str | None]]] = {}
        for name, table in tables.items():
            if table is None:
                continue
            columns[name], attributes = read_table(name, table)
            labels[name] = {
                column: masters.check_labels(name, column, values)
                for column, values in attributes.items()
            }
        if "accounts" not in columns and "instruments" not in columns:
            return self._core.apply(columns, refresh)[0]

        return self._write_masters(
            lambda: self._core.apply(columns, refresh)[0],
            lambda: masters.after(self._core, self._masters, columns, labels, refresh),
        )

    def _write_masters(
        self,
        write: Callable[[], int],
        attributes: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
    ) -> int:
        """A write of master tables, and the attributes that go with it.

        The core's part is done at a stroke. Should the rest be interrupted, the next read or write
        finishes it.
        """
        with self._masters_lock:
            self._finish()
            self._pending = attributes
            epoch = write()
            self._finish()
        return epoch

    def _finish(self) -> None:
        if self._pending is not None and self._core.masters != self._masters.version:
            self._adopt(*self._pending())
        self._pending = None

    def _adopt(self, account: dict[str, Any], instrument: dict[str, Any]) -> None:
        """Make the attributes the present ones; views that are to be up to date follow at once."""
        accounts, instruments, _ = self._core.counts
        self._masters = Masters(
            self._core.masters, accounts, instruments, account, instrument, self._core.currencies()
        )
        for view in list(self._incremental):
            view._catch_up()

    def _settle(self) -> None:
        """Wait until the attributes of a write that is just being published are there too."""
        with self._masters_lock:
            self._finish()

    def ticks(
        self, instruments: Any, prices: Any, times: Any = None, scale: int | None = None
    ) -> int:
        """Many prices in one atomic batch; of one instrument the later wins. Returns the epoch.

        instruments: names, or codes of `instrument_codes` (int arrays). prices: floats, or with
        `scale` integers counted in 10**-scale, or any column of decimals. times: see `tick`.
        Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(prices).
        """
        self._core.check_open()
        codes = ticks.codes_of(self._core, instruments)
        when = None if times is None else column_ns(times, "ticks.time")
        if when is not None and len(when) != len(codes):
            raise InvalidInput(f"ticks: {len(codes)} instruments, {len(when)} times")
        if scale is not None:
            return self._ticks_scaled(codes, ticks.scaled(prices, scale, len(codes)), scale, when)
        if isinstance(prices, np.ndarray) and prices.dtype == np.float64 and prices.ndim == 1:
            ticks.same_length(len(codes), len(prices))
            return self._ticks_float(codes, np.ascontiguousarray(prices), when)
        column = number_column(prices, "ticks", "price")
        ticks.same_length(len(codes), len(column))
        return self._core.ticks(codes, column, when)

    def remove(self, *, accounts: Any = None, instruments: Any = None) -> int:
        """Remove names; refused while a holding refers to one. Returns the new epoch.

        Raises UnknownId, InvalidInput, ClosedError. O(names).
        """
        self._core.check_open()
        names = {
            "accounts": text_column(_listed(accounts), "remove", "accounts"),
            "instruments": text_column(_listed(instruments), "remove", "instruments"),
        }
        accounts = self._core.account_codes(names["accounts"], "remove")
        instruments = self._core.instrument_codes(names["instruments"], "remove")
        return self._write_masters(
            lambda: self._core.remove(names["accounts"], names["instruments"]),
            lambda: (
                masters.without(self._masters.account, accounts),
                masters.without(self._masters.instrument, instruments),
            ),
        )

    # ---- reads ----

    def instrument_codes(self, names: Any) -> Codes:
        """int32 codes of names. A code is never given to another name in the book's life.

        Raises UnknownId. O(names).
        """
        self._core.check_open()
        return self._core.instrument_codes(
            text_column(_listed(names), "instrument_codes", "names"), "instrument_codes"
        )

    def values(
        self,
        accounts: Any = None,
        instruments: Any = None,
        by: str | Sequence[str] = ("account",),
        measures: str | Sequence[str] = MEASURES,
        currency: str | None = None,
        rollup: bool = False,
    ) -> Frame:
        """Exact totals by any grouping, all of one epoch.

        accounts, instruments: names, or a mapping of attribute to value or list. by: `account`,
        `instrument`, `currency` and any attribute; `()` is the grand total. currency: None is the
        base, a name converts, "local" gives a row per group and currency. rollup: subtotals of
        every prefix of `by`, with a column `level`. Columns: [level] by... [currency] measures...
        unpriced. Each row is rounded once, so rounded rows need not add up to their rounded total.
        Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(positions selected).
        """
        self._core.check_open()
        question, code = self._asked(accounts, instruments, by, measures, currency, rollup)
        while True:
            shape = Shaper(question).shape(self._masters)
            figures = self._core.values(*shape.core_arguments(), code, shape.masters.version)
            if figures is not None:
                return FiguresFrame(self, question, shape, figures, with_removed=False)
            self._settle()

    def _asked(
        self, accounts: Any, instruments: Any, by: Any, measures: Any, currency: Any, rollup: Any
    ) -> tuple[Asked, int]:
        if currency is None:
            currency = self.base_currency
        if not isinstance(currency, str):
            raise InvalidInput(f"currency: {currency!r} is not text")
        code = _core.LOCAL if currency == "local" else self._currency_code(currency)
        return asked(accounts, instruments, by, measures, currency, rollup, self._select), code

    def _currency_code(self, currency: str) -> int:
        try:
            code: int = self._core.currency_code(currency)
        except TypeError:  # what pybind11 makes of a lone surrogate
            raise InvalidInput(f"currency: {currency!r} is not valid Unicode") from None
        if code < 0:
            raise UnknownId(f"currency: unknown currency '{currency}'")
        return code

    def _select(self, side: str, names: Sequence[str]) -> Codes:
        column = text_column(names, "selection", f"{side}s")
        find = self._core.account_codes if side == "account" else self._core.instrument_codes
        return find(column, "selection")

    def holdings(self, accounts: Any = None, instruments: Any = None) -> Frame:
        """Positions: account, instrument, quantity, price, currency, market_value (in the
        instrument's currency), base_value; null where there is no price or no rate.

        Selections as `values`. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError.
        O(positions of the accounts).
        """
        self._core.check_open()
        question, _ = self._asked(accounts, instruments, (), MEASURES, None, False)
        while True:
            shape = Shaper(question).shape(self._masters)
            rows = self._core.holdings(
                shape.account_group, shape.instrument_group, shape.masters.version
            )
            if rows is not None:
                break
            self._settle()
        return positions.holdings_frame(self, rows)

    def revalue(self, instrument: str) -> Frame:
        """Every holding of one instrument at its one price: record_type ("HOLDING"), account,
        order (null), quantity, price, market_value in the instrument's currency.

        Raises UnknownId, ValueOverflow, ClosedError. O(holdings of the instrument).
        """
        core = self._core
        core.check_open()
        if not isinstance(instrument, str):
            raise InvalidInput(f"revalue: {instrument!r} is not text")
        try:
            found = core.revalue(instrument)
        except TypeError:  # what pybind11 makes of a lone surrogate
            raise InvalidInput(f"revalue: {instrument!r} is not valid Unicode") from None
        return positions.revaluation_frame(self, found)

    def prices(self) -> Frame:
        """Instruments that have a price: instrument, price, time (null where none was given),
        epoch of its last change. O(instruments)."""
        self._core.check_open()
        return positions.prices_frame(self, self._core.prices())

    def view(
        self,
        accounts: Any = None,
        instruments: Any = None,
        by: str | Sequence[str] = ("account",),
        measures: str | Sequence[str] = MEASURES,
        currency: str | None = None,
        rollup: bool = False,
        mode: Literal["lazy", "incremental"] = "lazy",
    ) -> View:
        """Open a view: the rows of `values`, kept up to date. Arguments as `values`.

        mode "lazy": it meets new prices when it is read; "incremental": every write brings it up
        to date before it returns. Close it, or drop the last reference. O(positions selected).
        """
        self._core.check_open()
        if mode not in ("lazy", "incremental"):
            raise InvalidInput(f"mode: {mode!r} is neither 'lazy' nor 'incremental'")
        question, code = self._asked(accounts, instruments, by, measures, currency, rollup)
        if mode == "lazy":
            return View(self, question, code, incremental=False)
        with self._masters_lock:  # no write of master tables may miss it
            view = View(self, question, code, incremental=True)
            self._incremental.add(view)
        return view

    # ---- the book itself ----

    @property
    def base_currency(self) -> str:
        """What amounts are in unless a call asks otherwise."""
        return self._base_currency

    @property
    def value_scale(self) -> int:
        """Decimals of amounts."""
        return self._value_scale

    @property
    def epoch(self) -> int:
        """The number of applied batches."""
        self._core.check_open()
        return self._core.epoch

    def stats(self) -> dict[str, int]:
        """Counts: epoch, ticks (prices applied) and late_prices, facts (holdings that `update`
        changed), accounts, instruments, positions, unpriced_instruments, units, index_builds, views
        open, cells_swept by `values` and by all views so far."""
        self._core.check_open()
        return self._core.stats()

    def memory(self) -> dict[str, int]:
        """Bytes by part of the core, and their total."""
        self._core.check_open()
        return self._core.memory()

    def close(self) -> None:
        """Refuse every later call; closing twice is fine. Memory goes with the last reference."""
        self._core.close()

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _names_of(self, side: str) -> Callable[[npt.NDArray[np.int32]], list[str | None]]:
        def names(codes: npt.NDArray[np.int32]) -> list[str | None]:
            known = self._name_lists[side]
            most = int(codes.max()) if len(codes) else -1
            if most >= len(known):
                known = known + self._core.names(
                    side, np.arange(len(known), most + 1, dtype=np.int32)
                )
                self._name_lists[side] = known  # names only grow: the longer list serves all
            return [known[c] if c >= 0 else None for c in codes.tolist()]

        return names


def _listed(names: Any) -> Any:
    return [] if names is None else [names] if isinstance(names, str) else names
