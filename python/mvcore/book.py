"""The book: takes holdings, orders, prices and rates, and returns exact market values."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from mvcore import _core
from mvcore.closing import Closing
from mvcore.errors import Error, InvalidInput, StorageError, invalid, shown
from mvcore.forks import rest_at_fork
from mvcore.frame import Frame
from mvcore.hot import HotBook
from mvcore.ingest import attributes, feeds, masters, ticks
from mvcore.ingest.columns import (
    id_column,
    names_of,
    number_column,
    scaled_column,
    text_column,
    time_column,
)
from mvcore.ingest.group_codes import first_masters, next_masters
from mvcore.ingest.masters import Codes
from mvcore.ingest.tables import check_indexes, located, read_table, set_value
from mvcore.ingest.times import ONE_DAY, TimeRule, max_future_ns, rule, whole
from mvcore.missing_rates import TABLES as MAY_HIDE
from mvcore.missing_rates import MissingRates
from mvcore.query.measures import MEASURES
from mvcore.query.result_page import Conditions, PageArguments
from mvcore.reads import Reads
from mvcore.results.names import NameLists
from mvcore.snapshot import Snapshot
from mvcore.store_access import BookStoreAccess
from mvcore.view import View, changes_of, combined_changes_of
from mvcore.written import Written

if TYPE_CHECKING:
    from mvcore.query.arguments import MeasuresArgument
    from mvcore.store.keeper import Keeper
    from mvcore.store.recovery import Recovery


TimeUnit = Literal["s", "ms", "us", "ns"]


_LONGEST_CURRENCY = 1_000  # characters; a journal's first frame has a limit


class Book(HotBook, Reads, Closing):
    """A book in memory. `mvcore.open` returns a durable one.

    base_currency: the currency of amounts unless a call names another. value_scale: decimals of
    amounts, 0 to 30.

    cash: if "from_fills", the average price of an order's fills moves cash. The cash is the
    account's position in the cash instrument of the order's currency. cash_scale: decimals that the
    cost of fills is rounded to, 0 to 18. None means the minor unit of each currency (ISO 4217).

    max_future: how far a time may be ahead of the clock. A fact with a later time is refused,
    because it would hide all facts until then. Any number of threads may read while one writes.

    threads: how many threads, the calling one included, a read of a large part of the book may
    use. None: one for each core that the process may run on. With 1, no other thread ever starts.
    Results do not depend on it. All books of a process share the other threads: they start at the
    first large read, wait until the next, and end with the last book.
    """

    def __init__(
        self,
        base_currency: str = "USD",
        value_scale: int = 8,
        *,
        cash: Literal["from_fills"] | None = None,
        cash_scale: int | None = None,
        max_future: dt.timedelta = ONE_DAY,
        threads: int | None = None,
    ) -> None:
        text = isinstance(base_currency, str)
        if not text or base_currency in ("", "local") or len(base_currency) > _LONGEST_CURRENCY:
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
        if not 0 <= value_scale <= _core.MAX_VALUE_SCALE:
            raise InvalidInput.about(
                "book",
                "value_scale",
                None,
                value_scale,
                f"{shown(value_scale)} is not in 0..{_core.MAX_VALUE_SCALE}",
            )
        check_cash(cash, cash_scale)
        check_threads(threads)
        if hasattr(self, "_value_scale"):
            raise InvalidInput("a book is made once, but __init__ was called again")
        ahead = max_future_ns(max_future)
        self._max_future, self._ahead_ns = max_future, ahead
        self._value_scale = value_scale
        self._cash, self._cash_scale = cash, cash_scale
        try:
            core = _core.Book(base_currency, value_scale, cash, cash_scale, threads)
            self._threads = core.threads
            self._bind(core, base_currency, ahead)
        except TypeError:  # pybind11 raises TypeError for a lone surrogate
            raise invalid(
                "book",
                "base_currency",
                None,
                base_currency,
                f"{base_currency!r} is not valid Unicode",
            ) from None
        self._masters = first_masters()
        self._pending: Callable[[], tuple[dict[str, Any], dict[str, Any]]] | None = None
        self._masters_lock = threading.RLock()  # held by writers of master tables
        rest_at_fork(self, "_masters_lock", threading.RLock, self._core, rank=0)
        self._incremental: weakref.WeakSet[View] = weakref.WeakSet()
        self._names = NameLists(self._core)
        self._missing_rates = MissingRates(self._core, base_currency, self._names)
        self._recovery: Recovery | None = None  # None for a book in memory
        self._keeper: Keeper | None = None  # writes checkpoints; None for a book in memory

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
        """Replace every table that is passed, in one atomic batch. Returns the new epoch.

        Columns: instruments `instrument, currency, multiplier=1, quote_factor=1, cash=False,
        <attributes>`; accounts `account, <attributes>`; holdings `account, instrument, quantity`;
        orders `order, account, instrument, order_quantity, filled_quantity=0, average_price=null,
        rolled_quantity=0, status="new", time=null` (see `order`); prices `instrument, price,
        time=null`; fx `currency, rate, method="multiply", time=null` (or "divide", FIX 155 with
        156).

        rolled_quantity is the part of an order's cumulative fills that the holdings already
        include. With it, a morning load of multi-day orders does not count yesterday's fills twice.
        Times: see `tick`. time_unit is the unit of integers in columns `time`.

        cash: true if the instrument is money of its currency. A cash instrument has no multiplier
        or quote_factor. Its price is 1 unless a price is given. With cash="from_fills" a currency
        has at most one cash instrument.

        If one row is bad, nothing changes. `load` is refused if a table that stays refers to a row
        that `load` drops. If a currency has positions but no rate, the logger "mvcore" logs one
        warning. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. O(rows).
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

        Columns as in `load`. An absent column keeps what is stored (new rows get the default). Null
        means the default. A price, rate or order strictly older than the one held is dropped, and
        the result counts it (see `Written`).

        feed: the offset that each source has reached with this batch, as in `{"topic/partition":
        offset}`. Offsets are 64-bit integers; `feed_positions` returns them. unknown: "skip"
        ignores prices of unknown instruments and counts them. Warns and raises as `load`. O(rows).

        A call takes a few microseconds if its tables are dicts of lists or tuples of at most 64
        str, int, float, Decimal or None, without instruments, accounts and feed.
        """
        if accounts is None and instruments is None and feed is None:
            done = self._core.update_small(
                holdings, orders, prices, fx, unknown, time_unit, self._ahead_ns
            )
            if done is not None:
                if holdings is not None or orders is not None or fx is not None:
                    self._missing_rates.check(self._masters)
                return _small_written(done)
        return self._apply(
            {"instruments": instruments, "accounts": accounts, "holdings": holdings,
             "orders": orders, "prices": prices, "fx": fx}, refresh=False,
            feed=feeds.checked(feed, "update"), skip_unknown=ticks.skips(unknown, "update"),
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
                column: masters.checked_labels(values, name, column)
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
            self.warn_of_missing_rates()
        return epoch

    def _time_rule(self, time_unit: Any, call: str) -> TimeRule:
        return rule(self._max_future, self._ahead_ns, time_unit, call)

    def _write_masters(
        self,
        write: Callable[[], Written],
        attributes: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
    ) -> Written:
        """Write master tables, and publish their attributes.

        The core applies its part atomically. If the rest is interrupted, the next read or write
        completes it.
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
        """Publish the attributes. Incremental views catch up before this returns."""
        accounts, instruments, _ = self._core.counts
        self._masters = next_masters(
            self._masters, self._core.masters, (accounts, instruments), account, instrument,
            self._core.currencies(),
        )  # fmt: skip
        for view in list(self._incremental):
            view._catch_up()

    def warn_of_missing_rates(self) -> None:
        """Log a warning for each currency that has positions but no rate (logger "mvcore").

        `load`, `update`, `remove` and `roll_day` call it. `order` does not, so that it stays fast:
        call it after many orders in instruments without holdings. A currency is reported once, and
        again only if it had a rate in between.

        Raises ClosedError. O(currencies). A currency without a rate also costs O(its instruments).
        """
        # Hold no lock here: handlers of log records run code of the application.
        self._core.check_open()
        self._missing_rates.check(self._masters)

    def _settle(self) -> None:
        """Wait until the attributes of a write in progress are published."""
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
        feed: Mapping[str, int] | None = None,
    ) -> Written:
        """Set many prices in one atomic batch. Returns the new epoch.

        If an instrument occurs twice, the later price wins. instruments: names, or int arrays of
        codes from `instrument_codes`. prices: floats, or any column of decimals; with `scale`,
        integers in units of 10**-scale. times, time_unit: as in `tick`. unknown: "skip" ignores
        prices of unknown instruments and counts them. feed: as in `update`; without prices, the
        batch has only the offsets. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError.
        O(prices).

        A call of at most 64 prices takes a few microseconds if its columns are lists or tuples of
        str, int, float, Decimal or None, without `scale` and `feed`.
        """
        if scale is None and feed is None:
            done = self._core.ticks_small(
                instruments, prices, times, unknown, time_unit, self._ahead_ns
            )
            if done is not None:
                return _small_written(done)
        self._core.check_open()
        try:
            offsets = feeds.checked(feed, "ticks")
            return self._ticks(instruments, prices, times, scale, unknown, time_unit, offsets)
        except Error as error:
            given = {"instrument": instruments, "price": prices, "time": times}
            set_value(error, {"ticks": given})
            raise

    def _ticks(
        self,
        instruments: Any,
        prices: Any,
        times: Any,
        scale: Any,
        unknown: Any,
        time_unit: Any,
        offsets: list[tuple[str, int]],
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
        fast = not skip and not offsets
        if scale is not None:
            scale = ticks.checked_scale(scale, "ticks")
            counted = ticks.scaled(prices, len(codes))
            if fast:
                return self._ticks_scaled(codes, counted, scale, when)
            column = scaled_column(counted, scale)
            return written(self._core.ticks(codes, column, when, skip, offsets))
        if fast and type(prices) is np.ndarray and prices.dtype == float and prices.ndim == 1:
            ticks.same_length(len(codes), len(prices))
            # the exact path below raises it again, with the row
            with contextlib.suppress(InvalidInput):
                return self._ticks_float(codes, np.ascontiguousarray(prices), when)
        column = number_column(prices, "ticks", "price")
        ticks.same_length(len(codes), len(column))
        return written(self._core.ticks(codes, column, when, skip, offsets))

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

        accounts, instruments: a name is refused while a holding or an order refers to it. orders:
        today's fills and the leaves quantity of an order leave the position with it. prices:
        instruments that lose their price; positions in them are unpriced until the next one. fx:
        currencies that lose their rate. An instrument without a price or a currency without a rate
        is no error.

        Warns of positions without a rate, as `load`. Raises UnknownId, InvalidInput, ClosedError.
        O(names).
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
            self.warn_of_missing_rates()
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

        holdings: a custodian's table (columns as in `load`) that the day starts from, instead of
        the computed quantities. Positions that it does not name become zero. The fills of every
        order count as rolled (`rolled_quantity`). The feed may continue to send cumulative
        quantities: only the difference to the quantity at the roll counts as filled today.

        Orders that ended during the day are kept until the next roll. A replay of their last report
        therefore changes nothing, and a correction adjusts the position by its difference. Orders
        that are done for the day are kept until they end. Raises UnknownId, InvalidInput,
        ValueOverflow, ClosedError. O(positions and orders).
        """
        self._core.check_open()
        if holdings is None:
            return written(self._core.roll_day({}))
        epoch = self._roll_onto({"holdings": holdings})
        self.warn_of_missing_rates()
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
        """Return the int32 codes of names. A code is never reassigned during the life of the book.

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
        measures: MeasuresArgument = MEASURES,
        currency: str | None = None,
        rollup: bool = False,
        mode: Literal["lazy", "incremental"] = "lazy",
        *,
        allow_empty: bool = False,
        where: Conditions | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        max_rows: int | None = None,
    ) -> View:
        """Open a view: the rows of `values`, kept up to date. Arguments as in `values`.

        If later no account or instrument has a label that the selection names, the view has no rows
        for it. With `where`, `sort`, `limit` or `offset`, `read` returns that page in its order.
        `changes` returns the rows of the page that changed or entered it, and with `removed` true
        those that left it.

        measures: also "sod_change", "current_change" and "expected_change": the amount now less the
        amount when this view was last read, by `read` without prices and rates, `changes` or
        `stream`. It is the whole amount at the first read, for a row that is new, and after a
        stream began or ended. The view keeps the amounts of all rows, and a read costs O(rows).

        mode: a "lazy" view applies new prices when it is read. An "incremental" view is up to date
        before each write returns. Close the view, or drop the last reference to it. O(positions
        selected).

        max_rows: refuse to open a view that may have more rows at present, page or not, before
        anything of its size is allocated. An open view may grow beyond it.
        """
        self._core.check_open()
        given: Any = mode
        if not isinstance(given, str) or given not in ("lazy", "incremental"):
            raise InvalidInput.about(
                None, "mode", None, given, f"{shown(given)} is neither 'lazy' nor 'incremental'"
            )
        question = self._query(
            accounts,
            instruments,
            by,
            measures,
            currency,
            rollup,
            allow_empty,
            PageArguments(where, sort, limit, offset),
            max_rows,
        )
        code = self._code_of(question)
        if mode == "lazy":
            return View(self, question, code, incremental=False)
        with self._masters_lock:  # a write of master tables must not miss this view
            view = View(self, question, code, incremental=True)
            self._incremental.add(view)
        return view

    @overload
    def changes(self, views: Sequence[View], combined: Literal[False] = False) -> list[Frame]: ...
    @overload
    def changes(self, views: Sequence[View], combined: Literal[True]) -> Frame: ...
    @overload
    def changes(self, views: Sequence[View], combined: bool) -> list[Frame] | Frame: ...
    def changes(self, views: Sequence[View], combined: bool = False) -> list[Frame] | Frame:
        """Return the `changes` of several views of this book: one frame per view, all of one epoch.

        combined: return one frame with the rows of all views, in the order of the list. The column
        `view`, which comes first, is the index of the row's view in the list. All views must have
        the same columns: the same `by`, measures and `rollup`, and currency="local" for all or for
        none, as with an attribute of accounts as currency. For many small views: a view without
        changes costs no Python object.

        Raises InvalidInput if a view belongs to another book or is listed twice, ClosedError,
        ValueOverflow. If it raises, no view's changes are consumed. An empty list of views has one
        column, `view`. Cost as `View.changes`.
        """
        self._core.check_open()
        if not isinstance(combined, bool):
            raise InvalidInput.about(
                "changes", "combined", None, combined,
                f"{shown(combined)} is neither True nor False",
            )  # fmt: skip
        return combined_changes_of(self, views) if combined else changes_of(self, views)

    def snapshot(self) -> Snapshot:
        """Return the book at its present epoch, for reads while writes continue.

        Close it, or use it in a `with` statement. O(pages): microseconds. Raises ClosedError.
        """
        self._core.check_open()
        return Snapshot(self)

    def _at_one_epoch(self, make: Callable[[Reads], Frame]) -> Frame:
        with self.snapshot() as now:
            return make(now)

    # ---- the book itself ----

    def stats(self) -> dict[str, int]:
        """Return counters of the book.

        epoch, ticks (prices applied), facts (holdings that `update` changed, and orders applied),
        late_prices, late_orders, late_fx, unchanged_orders, skipped_prices (see `Written`),
        accounts, instruments, positions, orders, unpriced_instruments, units, index_builds, views
        (open now), cells_swept (by `values`, `positions`, `holdings`, `orders` and by all views so
        far), parallel_sweeps (that several threads shared, those of snapshots included),
        pages_copied (because a snapshot or a long read held them), group_builds and
        label_index_builds (how often reads had to compute group codes of attributes and indexes of
        labels; see `values`).

        A durable book adds journal_bytes, journal_groups, journal_syncs and checkpoints, counted
        since it was opened. About the last checkpoint it adds checkpoint_generation, _epoch,
        _bytes, _files, _new_bytes and _new_files (written for this checkpoint), and _microseconds.
        """
        self._core.check_open()
        builds = self._masters.account_groups.builds
        stats = self._core.stats() | _core.journal_stats(self._core)
        stats |= {"group_builds": builds.groups, "label_index_builds": builds.indexes}
        return stats if self._keeper is None else stats | self._keeper.stats()

    def memory(self) -> dict[str, int]:
        """Return the bytes that each part of the core uses, and their total."""
        self._core.check_open()
        return self._core.memory()

    def feed_positions(self) -> dict[str, int]:
        """Return the latest offset of each source that `update` and `ticks` recorded."""
        self._core.check_open()
        return _core.feeds(self._core)

    @property
    def recovery(self) -> Recovery | None:
        """What opening a durable book found. None for a book in memory."""
        return self._recovery

    def flush(self) -> None:
        """Wait until every write, prices included, is on the disk.

        A book in memory has nothing to flush. Raises StorageError, ClosedError.
        """
        _core.flush(self._core)

    def checkpoint(self) -> None:
        """Write the present state to the book's folder.

        The next opening reads the checkpoint and replays only the journal after it. Data that did
        not change since the last checkpoint is not written again. The folder keeps the two newest
        checkpoints, and the journal since the older one. Writers continue meanwhile.

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

    def _store_access(self) -> BookStoreAccess:
        return BookStoreAccess(self)

    def close(self) -> None:
        """Close the book: later calls raise ClosedError. A second `close` does nothing.

        The last reference frees the memory. A durable book first writes what is pending, then
        releases its folder. Raises StorageError if the write fails; the folder is released in that
        case too.
        """
        if self._keeper is not None:
            self._keeper.close()
        _core.close(self._core)


def check_cash(cash: Any, cash_scale: Any) -> None:
    """Raises InvalidInput if `cash` or `cash_scale` is not allowed."""
    if cash is not None and (not isinstance(cash, str) or cash != "from_fills"):
        raise InvalidInput.about(
            "book", "cash", None, cash, f"{shown(cash)} is neither 'from_fills' nor None"
        )
    if cash_scale is None:
        return
    if isinstance(cash_scale, bool) or not isinstance(cash_scale, int):
        wrong = f"{shown(cash_scale)} is not an int"
    elif not 0 <= cash_scale <= _core.MAX_SCALE:
        wrong = f"{shown(cash_scale)} is not in 0..{_core.MAX_SCALE}"
    elif cash is None:
        wrong = f"{cash_scale} without cash='from_fills'"
    else:
        return
    raise InvalidInput.about("book", "cash_scale", None, cash_scale, f"{wrong}")


def check_threads(threads: Any) -> None:
    """Raises InvalidInput if `threads` is not allowed."""
    if threads is None:
        return
    if isinstance(threads, bool) or not isinstance(threads, int):
        wrong = f"{shown(threads)} is neither an int nor None"
    elif not 1 <= threads <= _core.MAX_THREADS:
        wrong = f"{shown(threads)} is not in 1..{_core.MAX_THREADS}"
    else:
        return
    raise InvalidInput.about("book", "threads", None, threads, wrong)


def written(answer: tuple[int, dict[str, int] | None]) -> Written:
    """Convert the core's result of a write."""
    epoch, dropped = answer
    return Written(epoch, **dropped) if dropped else Written(epoch)


def _small_written(answer: int | tuple[int, dict[str, int] | None]) -> Written:
    """Convert the core's result of a small write: the epoch alone if nothing was dropped."""
    return int.__new__(Written, answer) if isinstance(answer, int) else written(answer)


def _listed(names: Any, column: str) -> list[Any]:
    return [] if names is None else names_of(names, "remove", column)
