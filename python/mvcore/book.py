"""The book: holdings, prices and rates in, exact market values out."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mvcore import _core, feeds, masters, ticks
from mvcore.asked import MEASURES
from mvcore.closing import Closing
from mvcore.columns import (
    id_column,
    names_of,
    number_column,
    scaled_column,
    text_column,
    time_column,
)
from mvcore.errors import Error, InvalidInput, StorageError, invalid, shown
from mvcore.forks import rest_at_fork
from mvcore.frame import Frame
from mvcore.hot import HotBook
from mvcore.masters import Codes, Masters
from mvcore.missing_rates import TABLES as MAY_HIDE
from mvcore.missing_rates import MissingRates
from mvcore.names import NameLists
from mvcore.reads import Reads
from mvcore.snapshot import Snapshot
from mvcore.store import attributes
from mvcore.tables import check_indexes, located, read_table, set_value
from mvcore.times import ONE_DAY, TimeRule, max_future_ns, rule, whole
from mvcore.view import View, changes_of
from mvcore.written import Written

if TYPE_CHECKING:
    from mvcore.asked import MeasuresAsked
    from mvcore.store.keeper import Keeper
    from mvcore.store.recovery import Recovery


MOST_CASH_DECIMALS = 18
TimeUnit = Literal["s", "ms", "us", "ns"]


class Book(HotBook, Reads, Closing):
    """A book in memory; `mvcore.open` gives one that survives.

    base_currency: what amounts are in unless a call asks otherwise. value_scale: decimals of
    amounts, 0 to 30. cash: "from_fills" if the average price of an order's fills moves cash: the
    account's position in the cash instrument of the order's currency. cash_scale: decimals that
    the cost of fills is rounded to, 0 to 18; None: the minor unit of each currency by ISO 4217.
    max_future: a fact whose time is further ahead of the clock is refused, since it would hide all
    facts until then. Any number of threads may read while one writes.
    """

    def __init__(
        self,
        base_currency: str = "USD",
        value_scale: int = 8,
        *,
        cash: Literal["from_fills"] | None = None,
        cash_scale: int | None = None,
        max_future: dt.timedelta = ONE_DAY,
    ) -> None:
        text = isinstance(base_currency, str)
        if not text or base_currency in ("", "local"):
            raise InvalidInput.about(
                "book",
                "base_currency",
                None,
                base_currency,
                f"{shown(base_currency)} is not a currency's name",
            )
        if isinstance(value_scale, bool) or not isinstance(value_scale, int):
            raise InvalidInput.about(
                "book", "value_scale", None, value_scale, f"{shown(value_scale)} is not an int"
            )
        if not 0 <= value_scale <= 30:
            raise InvalidInput.about(
                "book", "value_scale", None, value_scale, f"{shown(value_scale)} is not in 0..30"
            )
        check_cash(cash, cash_scale)
        if hasattr(self, "_value_scale"):
            raise InvalidInput("a book is made once, but __init__ was called again")
        ahead = max_future_ns(max_future)
        self._max_future, self._ahead_ns = max_future, ahead
        self._value_scale = value_scale
        self._cash, self._cash_scale = cash, cash_scale
        try:
            core = _core.Book(base_currency, value_scale, cash, cash_scale)
            self._bind(core, base_currency, ahead)
        except TypeError:  # what pybind11 makes of a lone surrogate
            raise invalid(
                "book",
                "base_currency",
                None,
                base_currency,
                f"{base_currency!r} is not valid Unicode",
            ) from None
        self._masters = Masters()
        self._pending: Callable[[], tuple[dict[str, Any], dict[str, Any]]] | None = None
        self._masters_lock = threading.RLock()  # writers of master tables
        rest_at_fork(self, "_masters_lock", threading.RLock, self._core, rank=0)
        self._incremental: weakref.WeakSet[View] = weakref.WeakSet()
        self._names = NameLists(self._core)
        self._missing_rates = MissingRates(self._core, base_currency, self._names)
        self._recovery: Recovery | None = None  # a durable book's
        self._keeper: Keeper | None = None  # of its checkpoints

    # ---- writes ----

    def load(
        self,
        *,
        instruments: Any = None,
        accounts: Any = None,
        holdings: Any = None,
        orders: Any = None,
        prices: Any = None,
        fx: Any = None,
        time_unit: TimeUnit = "ns",
    ) -> Written:
        """Replace the whole of each table named, in one atomic batch. Returns the new epoch.

        Columns: instruments `instrument, currency, multiplier=1, quote_factor=1, cash=False,
        <attributes>`; accounts `account, <attributes>`; holdings `account, instrument, quantity`;
        orders `order, account, instrument, order_quantity, filled_quantity=0, average_price=null,
        rolled_quantity=0, status="new", time=null` (see `order`); prices `instrument, price,
        time=null`; fx `currency, rate, method="multiply", time=null` (or "divide", FIX 155 with
        156). rolled_quantity is the part of an order's cumulative fills that the holdings have
        already: with it a morning load of orders that live for several days does not count
        yesterday's fills again. Times: see `tick`; time_unit is that of integers in columns `time`.

        cash: whether an instrument is money of its currency. It has no multiplier or quote_factor,
        and price 1 while no other is given. With cash="from_fills" a currency has at most one.

        One bad row and nothing has changed. Refused while something kept refers to what is
        dropped. A currency that has positions and no rate is logged once, as a warning of the
        logger "mvcore". Raises UnknownId, InvalidInput, ValueOverflow,
        ClosedError. O(rows).
        """
        return self._apply(
            {"instruments": instruments, "accounts": accounts, "holdings": holdings,
             "orders": orders, "prices": prices, "fx": fx}, refresh=True,
            times=self._time_rule(time_unit, "load"),
        )  # fmt: skip

    def update(
        self,
        *,
        instruments: Any = None,
        accounts: Any = None,
        holdings: Any = None,
        orders: Any = None,
        prices: Any = None,
        fx: Any = None,
        feed: Mapping[str, int] | None = None,
        unknown: Literal["error", "skip"] = "error",
        time_unit: TimeUnit = "ns",
    ) -> Written:
        """Upsert rows with absolute values, in one atomic batch. Returns the new epoch.

        Columns as `load`. An absent column keeps what is stored (defaults for new rows); null
        means the default. A price, rate or order strictly older than the one held is dropped; the
        result counts those (see `Written`). feed: how far each source has come with this batch, as
        in `{"topic/partition": offset}`: 64-bit integers that `feed_positions` returns. unknown:
        "skip" leaves out and counts prices of unknown instruments. Warns and raises as
        `load`. O(rows).
        """
        return self._apply(
            {"instruments": instruments, "accounts": accounts, "holdings": holdings,
             "orders": orders, "prices": prices, "fx": fx}, refresh=False,
            feed=feeds.checked(feed), skip_unknown=ticks.skips(unknown, "update"),
            times=self._time_rule(time_unit, "update"),
        )  # fmt: skip

    @located
    def _apply(
        self,
        tables: dict[str, Any],
        refresh: bool,
        times: TimeRule,
        feed: Sequence[tuple[str, int]] = (),
        skip_unknown: bool = False,
    ) -> Written:
        self._core.check_open()
        columns: dict[str, dict[str, Any]] = {}
        labels: dict[str, dict[str, list[str | None]]] = {}
        for name, table in tables.items():
            if table is None:
                continue
            columns[name], extra = read_table(name, table, times)
            labels[name] = {
                column: masters.check_labels(name, column, values)
                for column, values in extra.items()
            }
        try:
            if "accounts" not in columns and "instruments" not in columns:
                epoch = written(self._core.apply(columns, refresh, feed, b"", skip_unknown))
            else:
                kept = attributes.to_bytes(labels)
                epoch = self._write_masters(
                    lambda: written(self._core.apply(columns, refresh, feed, kept, skip_unknown)),
                    lambda: masters.after(self._core, self._masters, columns, labels, refresh),
                )
        except Error as error:
            set_value(error, tables)
            raise
        if not MAY_HIDE.isdisjoint(columns):
            self._warn_of_missing_rates()
        return epoch

    def _time_rule(self, time_unit: Any, call: str) -> TimeRule:
        return rule(self._max_future, self._ahead_ns, time_unit, call)

    def _write_masters(
        self,
        write: Callable[[], Written],
        attributes: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
    ) -> Written:
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

    def _warn_of_missing_rates(self) -> None:
        """After what may leave positions without a rate. With no lock held: handlers of log records
        are the caller's code."""
        self._missing_rates.check(self._masters)

    def _settle(self) -> None:
        """Wait until the attributes of a write that is just being published are there too."""
        with self._masters_lock:
            self._finish()

    def ticks(
        self,
        instruments: Any,
        prices: Any,
        times: Any = None,
        scale: int | None = None,
        unknown: Literal["error", "skip"] = "error",
        time_unit: TimeUnit = "ns",
    ) -> Written:
        """Many prices in one atomic batch; of one instrument the later wins. Returns the epoch.

        instruments: names, or codes of `instrument_codes` (int arrays). prices: floats, or with
        `scale` integers counted in 10**-scale, or any column of decimals. times, time_unit: as
        `tick`. unknown: "skip" leaves out and counts prices of unknown instruments. Raises
        UnknownId, InvalidInput, ValueOverflow, ClosedError. O(prices).
        """
        self._core.check_open()
        try:
            return self._ticks(instruments, prices, times, scale, unknown, time_unit)
        except Error as error:
            given = {"instrument": instruments, "price": prices, "time": times}
            set_value(error, {"ticks": given})
            raise

    def _ticks(
        self, instruments: Any, prices: Any, times: Any, scale: Any, unknown: Any, time_unit: Any
    ) -> Written:
        skip = ticks.skips(unknown, "ticks")
        codes = ticks.codes_of(self._core, instruments, skip)
        check_indexes("ticks", {"instrument": instruments, "price": prices, "time": times})
        rule = self._time_rule(time_unit, "ticks")
        when = None if times is None else time_column(times, "ticks", "time", rule)
        if when is not None and len(when) != len(codes):
            raise invalid(
                "ticks", "times", None, None, f"{len(when)} times for {len(codes)} instruments"
            )
        if scale is not None:
            scale = ticks.checked_scale(scale)
            counted = ticks.scaled(prices, len(codes))
            if not skip:
                return self._ticks_scaled(codes, counted, scale, when)
            return written(self._core.ticks(codes, scaled_column(counted, scale), when, skip))
        if not skip and type(prices) is np.ndarray and prices.dtype == float and prices.ndim == 1:
            ticks.same_length(len(codes), len(prices))
            with contextlib.suppress(InvalidInput):  # said again below, with the row
                return self._ticks_float(codes, np.ascontiguousarray(prices), when)
        column = number_column(prices, "ticks", "price")
        ticks.same_length(len(codes), len(column))
        return written(self._core.ticks(codes, column, when, skip))

    def remove(
        self,
        *,
        accounts: Any = None,
        instruments: Any = None,
        orders: Any = None,
        prices: Any = None,
        fx: Any = None,
    ) -> Written:
        """Remove names and orders, and withdraw prices and rates. Returns the new epoch.

        A name is refused while a holding or an order refers to it. What an order filled today and
        what it left to fill leave its position with it. prices: instruments that lose their price,
        so that positions in them are unpriced until the next one. fx: currencies that lose their
        rate. Something that has no price or rate is left as it is. Warns of positions without a
        rate as `load`. Raises UnknownId, InvalidInput, ClosedError. O(names).
        """
        self._core.check_open()
        given = {
            "accounts": _listed(accounts, "accounts"),
            "instruments": _listed(instruments, "instruments"),
            "orders": [orders] if whole(orders) is not None else _listed(orders, "orders"),
            "prices": _listed(prices, "prices"),
            "fx": _listed(fx, "fx"),
        }
        try:
            epoch = self._remove(given, accounts is not None or instruments is not None)
        except Error as error:
            set_value(error, {"remove": given})
            raise
        if fx is not None:
            self._warn_of_missing_rates()
        return epoch

    def _remove(self, given: dict[str, list[Any]], of_masters: bool) -> Written:
        names = (
            text_column(given["accounts"], "remove", "accounts"),
            text_column(given["instruments"], "remove", "instruments"),
        )
        facts = (
            id_column(given["orders"], "remove", "orders"),
            text_column(given["prices"], "remove", "prices"),
            text_column(given["fx"], "remove", "fx"),
        )
        account_codes = self._core.account_codes(names[0], "remove")
        instrument_codes = self._core.instrument_codes(names[1], "remove")
        if not of_masters:
            return written(self._core.remove(*names, *facts))
        return self._write_masters(
            lambda: written(self._core.remove(*names, *facts)),
            lambda: (
                masters.without(self._masters.account, account_codes),
                masters.without(self._masters.instrument, instrument_codes),
            ),
        )

    def roll_day(self, holdings: Any = None) -> Written:
        """Start a new day, in one batch: `sod` becomes what `current` is. Returns the new epoch.

        holdings: a custodian's table (columns as `load`) that the day starts from instead of the
        computed quantities; positions that it does not name are zero. The fills of every order
        count as rolled (`rolled_quantity`): the feed may go on sending cumulative quantities, and
        only what differs from those at the roll counts as filled today.

        Orders that ended during the day stay until the next roll, so that a replay of their last
        report changes nothing and a correction adjusts the position by its difference. Orders that
        are done for the day stay until they end. Raises UnknownId, InvalidInput, ValueOverflow,
        ClosedError. O(positions and orders).
        """
        self._core.check_open()
        if holdings is None:
            return written(self._core.roll_day({}))
        epoch = self._roll_onto({"holdings": holdings})
        self._warn_of_missing_rates()
        return epoch

    @located
    def _roll_onto(self, tables: dict[str, Any]) -> Written:
        columns = {name: read_table(name, table)[0] for name, table in tables.items()}
        try:
            return written(self._core.roll_day(columns))
        except Error as error:
            set_value(error, tables)
            raise

    # ---- reads ----

    def instrument_codes(self, names: Any) -> Codes:
        """int32 codes of names. A code is never given to another name in the book's life.

        Raises UnknownId. O(names).
        """
        self._core.check_open()
        return self._core.instrument_codes(
            text_column([names] if isinstance(names, str) else names, "instrument_codes", "names"),
            "instrument_codes",
        )

    def view(
        self,
        accounts: Any = None,
        instruments: Any = None,
        by: str | Sequence[str] = ("account",),
        measures: MeasuresAsked = MEASURES,
        currency: str | None = None,
        rollup: bool = False,
        mode: Literal["lazy", "incremental"] = "lazy",
        *,
        allow_empty: bool = False,
    ) -> View:
        """Open a view: the rows of `values`, kept up to date. Arguments as `values`. If a label of
        the selection is later taken from all that have it, the view has no rows for it.

        mode "lazy": it meets new prices when it is read; "incremental": every write brings it up
        to date before it returns. Close it, or drop the last reference. O(positions selected).
        """
        self._core.check_open()
        given: Any = mode
        if not isinstance(given, str) or given not in ("lazy", "incremental"):
            raise InvalidInput.about(
                None, "mode", None, given, f"{shown(given)} is neither 'lazy' nor 'incremental'"
            )
        question = self._asked(accounts, instruments, by, measures, currency, rollup, allow_empty)
        code = self._currency_code(question.currency)
        if mode == "lazy":
            return View(self, question, code, incremental=False)
        with self._masters_lock:  # no write of master tables may miss it
            view = View(self, question, code, incremental=True)
            self._incremental.add(view)
        return view

    def changes(self, views: Sequence[View]) -> list[Frame]:
        """`changes` of several views of this book, in one call and of one epoch; one frame each.

        Raises InvalidInput where one is another book's or stands twice, ClosedError, ValueOverflow;
        then nothing was handed out. Cost as `View.changes`.
        """
        self._core.check_open()
        return changes_of(self, views)

    def snapshot(self) -> Snapshot:
        """The book as it is at this epoch, to be read while writes go on; close it, or use it in a
        `with`. O(pages): microseconds. Raises ClosedError."""
        self._core.check_open()
        return Snapshot(self)

    # ---- the book itself ----

    def stats(self) -> dict[str, int]:
        """Counts: epoch, ticks (prices applied), facts (holdings that `update` changed and orders
        applied), late_prices, late_orders, late_fx, unchanged_orders and skipped_prices (see
        `Written`), accounts, instruments, positions, orders,
        unpriced_instruments, units, index_builds, views open, cells_swept by `values` and by all
        views so far, pages_copied because a snapshot or a long read held them; of a durable book
        journal_bytes, journal_groups, journal_syncs and checkpoints since it was opened, and of the
        last checkpoint checkpoint_generation, _epoch, _bytes, _files, _new_bytes and _new_files
        (written for it) and _microseconds."""
        self._core.check_open()
        stats = self._core.stats() | _core.journal_stats(self._core)
        return stats if self._keeper is None else stats | self._keeper.stats()

    def memory(self) -> dict[str, int]:
        """Bytes by part of the core, and their total."""
        self._core.check_open()
        return self._core.memory()

    def feed_positions(self) -> dict[str, int]:
        """How far each source has come: the latest of each that `update(feed=)` brought."""
        self._core.check_open()
        return _core.feeds(self._core)

    @property
    def recovery(self) -> Recovery | None:
        """What opening a durable book found; None for one in memory."""
        return self._recovery

    def flush(self) -> None:
        """Return when all that was written, prices too, is on the disk. Nothing to do for a book in
        memory. Raises StorageError, ClosedError."""
        _core.flush(self._core)

    def checkpoint(self) -> None:
        """Write the book as it is now to its folder, so that opening it reads that and only the
        journal after it. What did not change since the last checkpoint is not written again; the
        two newest are kept, and the journal since the older. Writers go on meanwhile.

        Raises InvalidInput for a book in memory, StorageError, ClosedError. O(what changed).
        """
        self._core.check_open()
        if self._keeper is not None:
            self._keeper.checkpoint()
        elif self._recovery is not None:
            raise StorageError("the book was opened to be read")
        else:
            raise InvalidInput.about(
                "checkpoint", None, None, None, "the book is in memory; see mvcore.open"
            )

    def close(self) -> None:
        """Refuse every later call; closing twice is fine. Memory goes with the last reference.

        A durable book writes what is still to be written first, and lets go of its folder. Raises
        StorageError where that fails; the folder is free even so.
        """
        if self._keeper is not None:
            self._keeper.close()
        _core.close(self._core)


def check_cash(cash: Any, cash_scale: Any) -> None:
    """Raises InvalidInput if they are not what a book takes."""
    if cash is not None and (not isinstance(cash, str) or cash != "from_fills"):
        raise InvalidInput.about(
            "book", "cash", None, cash, f"{shown(cash)} is neither 'from_fills' nor None"
        )
    if cash_scale is None:
        return
    if isinstance(cash_scale, bool) or not isinstance(cash_scale, int):
        wrong = f"{shown(cash_scale)} is not an int"
    elif not 0 <= cash_scale <= MOST_CASH_DECIMALS:
        wrong = f"{shown(cash_scale)} is not in 0..{MOST_CASH_DECIMALS}"
    elif cash is None:
        wrong = f"{cash_scale} without cash='from_fills'"
    else:
        return
    raise InvalidInput.about("book", "cash_scale", None, cash_scale, f"{wrong}")


def written(answer: tuple[int, dict[str, int] | None]) -> Written:
    """The core's answer of a write."""
    epoch, dropped = answer
    return Written(epoch, **dropped) if dropped else Written(epoch)


def _listed(names: Any, column: str) -> list[Any]:
    return [] if names is None else names_of(names, "remove", column)
