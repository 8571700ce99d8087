"""The reads that books and snapshots share."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mvcore import _core
from mvcore.errors import (
    ClosedError,
    Error,
    InvalidInput,
    UnknownId,
    ValueOverflow,
    invalid,
    shown,
    wrong_type,
)
from mvcore.frame import Frame
from mvcore.ingest.columns import text_column
from mvcore.ingest.given_holdings import given_holdings
from mvcore.ingest.tables import located, set_value
from mvcore.ingest.times import oldest_time
from mvcore.near import MOST
from mvcore.query.arguments import Query, checked_query, listing_query
from mvcore.query.grouping import Shaper, label_selections, selected_codes
from mvcore.query.measures import MEASURES, OF_INSTRUMENT
from mvcore.query.result_page import Conditions, PageArguments, count_of
from mvcore.query.selecting import check_labels
from mvcore.results import master_frames, positions
from mvcore.results.page_keys import core_page, position_page
from mvcore.results.position_checks import breaks_frame, exceptions_frame
from mvcore.results.result_rows import ResultFrame, overflow_of

if TYPE_CHECKING:
    from mvcore.ingest.masters import Codes, Masters
    from mvcore.query.arguments import MeasuresArgument
    from mvcore.query.grouping import Shape
    from mvcore.query.own_currency import OwnCurrency
    from mvcore.query.what_if import Changes, WhatIf
    from mvcore.results.names import NameLists

POSITION_MEASURES = (*MEASURES, *OF_INSTRUMENT)


class Reads:
    """Reads of one state of a book."""

    _core: Any
    _masters: Masters
    _base_currency: str
    _value_scale: int
    _cash: Literal["from_fills"] | None
    _cash_scale: int | None
    _threads: int
    _names: NameLists

    def __init_subclass__(cls) -> None:
        """Copy the public reads into the class, so that a TypeError names it: `Book.values()`."""
        for name, read in list(vars(Reads).items()):
            public = isinstance(read, FunctionType) and not name.startswith("_")
            if public and getattr(cls, name) is read:
                own = copied(read)
                own.__module__, own.__qualname__ = cls.__module__, f"{cls.__name__}.{name}"
                setattr(cls, name, own)

    def _settle(self) -> None:
        """Wait until the attributes of a write in progress are published.

        A snapshot never waits: no write changes it.
        """

    @property
    def base_currency(self) -> str:
        """The currency of amounts, unless a call names another."""
        return self._base_currency

    @property
    def value_scale(self) -> int:
        """Decimals of amounts."""
        return self._value_scale

    @property
    def cash(self) -> Literal["from_fills"] | None:
        """ "from_fills" if fills move cash, else None."""
        return self._cash

    @property
    def cash_scale(self) -> int | None:
        """Decimals that the cost of fills is rounded to. None: the minor units of ISO 4217."""
        return self._cash_scale

    @property
    def threads(self) -> int:
        """How many threads a read of a large part of the book may use, the calling one included."""
        return self._threads

    @property
    def closed(self) -> bool:
        """Whether it is closed: every other use raises ClosedError."""
        try:
            self._core.check_open()
        except ClosedError:
            return True
        return False

    @property
    def masters_version(self) -> int:
        """A number that grows with each write of instruments, accounts or their attributes.

        While it is the same, `instruments()` and `accounts()` return the same rows. It tells a
        program that caches them when to read them again.
        """
        self._core.check_open()
        return self._masters.version

    @property
    def epoch(self) -> int:
        """The number of applied batches."""
        self._core.check_open()
        return self._core.epoch  # type: ignore[no-any-return]

    def values(
        self,
        accounts: Any = None,
        instruments: Any = None,
        by: str | Sequence[str] = ("account",),
        measures: MeasuresArgument = MEASURES,
        currency: str | None = None,
        rollup: bool = False,
        prices: Mapping[str, Any] | None = None,
        fx: Mapping[str, Any] | None = None,
        *,
        allow_empty: bool = False,
        where: Conditions | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        max_rows: int | None = None,
    ) -> Frame:
        """Return exact totals by any grouping, all of one epoch.

        accounts, instruments: names, or a mapping of attribute to label or list of labels. The
        label None selects what has no label. `account`, `instrument` and `currency` count as
        attributes. A label that no account or instrument has is an error unless `allow_empty`.

        by: any of `account`, `instrument`, `currency` and attributes; `()` is the grand total.
        measures: any of "sod" (start of day), "current" (sod and the fills since) and "expected"
        (current and the leaves of orders), and functions made by `mvcore.measure`. If `by` has
        `instrument`, also "sod_quantity", "current_quantity", "expected_quantity" and "price" (in
        the instrument's currency); they are null in subtotals over several instruments.

        currency: None is the base, a name converts, "local" gives a row per group and currency.
        "account.reporting_currency", an attribute of accounts, converts each account into the
        currency that its label names: a row per group and such currency, also in a roll-up. An
        account selected without a label, or with one that is no currency of the book, is an error.
        rollup: adds subtotals of every prefix of `by`, with a column `level`.

        prices, fx: value the same rows at these prices and rates, by name. The book does not
        change. A rate keeps its method; the base currency has the rate 1. An instrument must be in
        the book. A currency must be the base, or an instrument, a rate or `currency` must name it.
        A text such as "-10%" multiplies the present price exactly, here by 0.9; "-100%" gives 0,
        below that the price is negative. A key such as "sector=Tech" then means every instrument
        with that label; `currency` and `instrument` are attributes, too. An instrument that two
        keys mean is an error, as is a price of more than 18 decimals. Of a rate, the percent is
        the change of the value of the currency in the base, whatever the rate's method. An
        instrument without a price, or a currency without a rate, stays without.

        where: conditions that a row must meet, as `("current", ">", 1_000_000)`. A column is one
        of the row, or `abs(...)` of a number. Numbers compare by = != < <= > >=, exactly; texts by
        = and !=, None if there is no label.
        sort: columns, the first one first: "current", "-current" (descending), "-abs(current)".
        Texts are in the order of their code points. Rows without a label or a price, and nan, come
        last. Rows that are equal keep their order without `sort`.
        limit, offset: at most `limit` rows, from row `offset` on. With `rollup` there is no page.
        max_rows: refuse the call if it may have to compute more rows, also for a page of them.
        The bound is the smaller of the positions selected and the possible groups with positions;
        it costs O(accounts + instruments), and nothing of the size of the answer is allocated.

        Columns: [level] by... amount_currency measures... unpriced. Columns of functions are
        float64. `amount_currency` is the currency of the row's amounts. A column `currency` (of the
        instruments) appears only if `by` names it. Each row is rounded once, so rounded rows need
        not add up to their rounded total.

        Raises UnknownId, InvalidInput (also if instruments lack an attribute that a function has as
        a parameter), ValueOverflow (of any row, on the page or not), ClosedError. O(positions
        selected), and as much for each function. Only rows of the page are made into columns. The
        first call after a change of attributes also computes the groups of the attributes in `by`
        (see `stats`).
        """
        self._core.check_open()
        given = self._what_if(prices, fx)
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
        by_name = given is not None and "fx" in given.tables and not question.separate
        asked_in = question.currency if by_name else self._code_of(question)
        return self._values(Shaper(question), asked_in, given)

    def _values(self, shaper: Shaper, currency: int | str, given: WhatIf | None) -> Frame:
        """Make the frame of `values`.

        currency: its code, or its name if rates are given, because only those may name it.
        """
        core, question = self._core, shaper.query
        if question.changes:
            name = question.changes[0]
            raise InvalidInput.about(
                None, "measures", question.measures.index(name), name,
                f"only a view has {name!r}, and not at prices and rates that the call gives",
            )  # fmt: skip
        while True:
            masters = self._masters
            try:
                shape = shaper.shape(masters)
                tables, changes = self._hypothetical(given, masters, question.currency)
            except Error:
                if core.masters == masters.version:
                    raise
                self._settle()  # the attributes of a write are not published yet
                continue
            if not self._check_rows(question, shape):
                self._settle()
                continue
            arguments = (
                *shape.core_arguments(), shape.masters.version, question.measure_numbers,
                shape.functions,
            )  # fmt: skip
            try:
                page = core_page(question, shape, self._names, self._value_scale)
                with contextlib.nullcontext() if given is None else given.places():
                    rows = core.values(
                        *arguments, currency, tables, page, question.instrument_columns, changes,
                        shape.own,
                    )  # fmt: skip
            except ValueOverflow as error:
                raise overflow_of(error, self._names, [(question, shape)]) from None
            if rows is not None:
                return ResultFrame(
                    self._names, self._value_scale, question, shape, rows, with_removed=False
                )
            self._settle()

    @staticmethod
    def _what_if(prices: Any, fx: Any) -> WhatIf | None:
        """Check hypothetical prices and rates. None: nothing is given."""
        if prices is None and fx is None:
            return None
        from mvcore.query.what_if import WhatIf  # most programs have no what-ifs

        return WhatIf(prices, fx) or None

    def _hypothetical(
        self, given: WhatIf | None, masters: Masters, currency: str
    ) -> tuple[dict[str, dict[str, Any]], Changes | None]:
        """The tables and changes of a what-if, for the core."""
        if given is None:
            return {}, None
        names = self._names.of("instrument")
        changes = given.changes(
            masters, self._find, self._in_use, self._known_currencies, names, currency
        )
        return given.tables, changes

    def _check_rows(self, question: Query, shape: Shape) -> bool:
        """Raise InvalidInput if a read may have more than `max_rows`. False: the shape is stale."""
        if question.max_rows is None:
            return True
        groups = shape.core_arguments()[:4]
        most = self._core.most_rows(*groups, shape.masters.version)
        if most is None:
            return False
        positions, rows = most
        if question.rollup:
            positions, rows = positions * (len(question.by) + 1), shape.rows
        if question.currency == "local":
            rows *= max(len(self._known_currencies()), 1)
        rows = min(positions, rows)
        if rows > question.max_rows:
            raise InvalidInput.about(
                None, "max_rows", None, question.max_rows,
                f"the read may have {rows} rows, more than {question.max_rows}; select fewer",
            )  # fmt: skip
        return True

    def _query(
        self,
        accounts: Any,
        instruments: Any,
        by: Any,
        measures: Any,
        currency: Any,
        rollup: Any,
        allow_empty: Any,
        page: PageArguments,
        max_rows: Any = None,
    ) -> Query:
        if currency is None:
            currency = self._base_currency
        if not isinstance(currency, str):
            raise wrong_type("call", "currency", None, currency, "text")
        own = self._own_currency(currency) if currency.startswith("account.") else None
        _check_allow_empty(allow_empty)
        question = checked_query(
            accounts,
            instruments,
            by,
            measures,
            currency,
            rollup,
            self._select,
            self._find,
            page,
            own,
        )
        if max_rows is not None:
            question = question._replace(max_rows=count_of(max_rows, "max_rows"))
        if not allow_empty:
            self._check_labels(question)
        if own is not None:
            self._of_present_masters(
                lambda masters: own.of_accounts(
                    masters, selected_codes(question, "account", masters), "currency"
                )
            )
        return question

    def _listing(self, accounts: Any, instruments: Any, allow_empty: Any) -> Query:
        """Check the arguments of a call that lists rows, in the base currency."""
        _check_allow_empty(allow_empty)
        query = listing_query(accounts, instruments, self._base_currency, self._select, self._find)
        if not allow_empty:
            self._check_labels(query)
        return query

    def _of_present_masters(self, make: Callable[[Masters], Any]) -> Any:
        """Call make(masters), again if an error may be of attributes that a write replaces."""
        while True:
            masters = self._masters
            try:
                return make(masters)
            except InvalidInput:
                if self._core.masters == masters.version:
                    raise
                self._settle()

    def _own_currency(self, currency: str) -> OwnCurrency | None:
        """What `currency="account.x"` means. None: there is a currency of this name."""
        from mvcore.query.own_currency import OwnCurrency, unknown_attribute

        name = currency.removeprefix("account.")
        known = self._find("currency", [currency])[0] >= 0

        def check(masters: Masters) -> OwnCurrency | None:
            has = name in masters.account
            if known and has:
                wrong = f"{shown(currency)} may mean a currency or an attribute of accounts"
                raise invalid(None, "currency", None, currency, wrong, "another attribute")
            if not known and not has:
                raise unknown_attribute(name, masters.account)
            return None if known else OwnCurrency(name, self._find, self._names.of("account"))

        return self._of_present_masters(check)  # type: ignore[no-any-return]

    def _code_of(self, query: Query) -> int:
        """The core's code of the currency of the amounts."""
        return _core.OWN if query.own is not None else self._currency_code(query.currency)

    def _check_labels(self, question: Query) -> None:
        """Raises InvalidInput for a label that no account or instrument has."""
        selections: list[tuple[str, Any, int | None]] = [
            ("account", question.accounts, None), ("instrument", question.instruments, None),
        ]  # fmt: skip
        if question.page is not None:
            selections += label_selections(question.page, question.by, self._masters, question.own)
        for side, wanted, condition in selections:
            if not isinstance(wanted, Mapping):
                continue
            try:
                check_labels(self._masters, side, wanted, self._find, self._in_use, condition)
            except InvalidInput:
                if self._core.masters == self._masters.version:
                    raise
                self._settle()  # a write was interrupted before its attributes were published
                check_labels(self._masters, side, wanted, self._find, self._in_use, condition)

    def _find(self, side: str, names: Sequence[str]) -> Codes:
        """Codes of names, -1 for unknown names. `side`: account, instrument or currency."""
        return _core.find_codes(self._open_core(), side, text_column(names, "selection", side))

    def _open_core(self) -> Any:
        """Return the core. Raises ClosedError, also if another thread just closed the snapshot."""
        core = self._core
        core.check_open()
        return core

    def _in_use(self, side: str) -> list[str]:
        """Names that a selection may use, for error messages. Empty if there are more than MOST."""
        if side == "currency":
            users, _ = _core.currencies_in_use(self._open_core())
            codes = np.flatnonzero(users).astype(np.int32)
        else:
            masters = self._masters
            count = masters.accounts if side == "account" else masters.instruments
            codes = np.arange(count if count <= MOST else 0, dtype=np.int32)
        names = [str(name) for name in self._names.of(side)(codes)]
        found = self._find(side, names).tolist()
        return [name for name, code in zip(names, found, strict=True) if code >= 0]

    def _currency_code(self, currency: str) -> int:
        if currency == "local":
            return _core.LOCAL
        try:
            code: int = self._core.currency_code(currency)
        except TypeError:  # pybind11 raises TypeError for a lone surrogate
            raise InvalidInput.about(
                None, "currency", None, currency, f"{currency!r} is not valid Unicode"
            ) from None
        if code < 0:
            raise (
                UnknownId.about(
                    None, "currency", None, currency, f"unknown currency '{currency}'"
                ).unlike(currency, self._known_currencies())
            )
        return code

    def _known_currencies(self) -> list[str]:
        """For error messages: the base currency, and the currencies of instruments and rates."""
        users, convertible = _core.currencies_in_use(self._open_core())
        codes = np.flatnonzero((users != 0) | (convertible != 0)).astype(np.int32)
        return [str(name) for name in self._names.of("currency")(codes)]

    def _select(self, side: str, names: Sequence[str]) -> Codes:
        column = text_column(names, "selection", f"{side}s")
        find = self._core.account_codes if side == "account" else self._core.instrument_codes
        try:
            return find(column, "selection")  # type: ignore[no-any-return]
        except UnknownId as error:
            raise self._unlike(error, side, names) from None

    def _unlike(self, error: UnknownId, side: str, names: Sequence[str]) -> UnknownId:
        """Add to the error the known names that are similar to the first unknown one."""
        unknown = [n for n, c in zip(names, self._find(side, names), strict=True) if c < 0]
        if not unknown:
            return error
        error.value = unknown[0]
        return error.unlike(unknown[0], self._in_use(side))

    def _listed(self, query: Query, read: Callable[[Any, Any, Masters], Any]) -> Any:
        """Call read(codes of accounts, codes of instruments, masters) for a selection."""
        while True:
            rows = self._of_present_masters(
                lambda masters: read(
                    selected_codes(query, "account", masters),
                    selected_codes(query, "instrument", masters),
                    masters,
                )
            )
            if rows is not None:
                return rows
            self._settle()

    def _positions(
        self, query: Query, currency: int | None, holdings: bool = False
    ) -> _core.PositionList:
        """The positions of a query. currency: a code, or None for no prices and amounts."""
        core = self._open_core()

        def read(accounts: Any, instruments: Any, masters: Masters) -> Any:
            page = position_page(query, masters, self._names, self._value_scale)
            own = None
            if query.own is not None:
                accounts = None if accounts is None else np.unique(accounts)
                own = query.own.of_accounts(masters, accounts)
            return core.positions(
                accounts, instruments, currency, masters.version, holdings, page, own
            )

        return self._listed(query, read)

    def holdings(
        self, accounts: Any = None, instruments: Any = None, *, allow_empty: bool = False
    ) -> Frame:
        """Return start-of-day positions: account, instrument, quantity, price, amount_currency,
        market_value, base_value.

        `amount_currency` is the instrument's currency, and the currency of `market_value`.
        `base_value` is in the book's base currency. Amounts without a price, and a `base_value`
        without a rate, are null.

        Selections as in `values`. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError. Costs
        as much as `positions` of the same selection.
        """
        self._core.check_open()
        query = self._listing(accounts, instruments, allow_empty)
        base = self._currency_code(self._base_currency)
        found = self._positions(query, base, holdings=True)
        return positions.holdings_frame(self._names, self._value_scale, found)

    def positions(
        self,
        accounts: Any = None,
        instruments: Any = None,
        currency: str | None = None,
        *,
        allow_empty: bool = False,
        where: Conditions | None = None,
        sort: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Frame:
        """Return one row for each pair of an account and an instrument with a nonzero start-of-day,
        current or expected quantity.

        Columns: account, instrument, sod_quantity, current_quantity, expected_quantity, price (in
        the instrument's currency), amount_currency, sod, current, expected, unpriced. Rows ascend
        by account, then by instrument, both in the order in which the book first saw the names.

        currency: None is the base, a name converts, "local" gives each row in its instrument's
        currency, "account.reporting_currency" in that of its account, as in `values`. `unpriced`
        is 1 if the instrument has no price, or its currency no rate into that of the amounts; the
        amounts are then null, else they are those of `values` by account and instrument. `price`
        is null if the instrument has none.

        where, sort, limit, offset: a page of the rows, as in `values`. Rows without an amount or a
        price come last; of the conditions on these, they meet only `!=`.

        Selections as in `values`. Raises UnknownId, InvalidInput, ValueOverflow (of any row, on the
        page or not), ClosedError.
        O(positions of the accounts or of the instruments selected, whichever are fewer), if they
        are selected by name; each column used costs O(rows). A selection by attribute also costs
        O(accounts) or O(instruments), and so does sorting by `account` or `instrument`: O(names,
        sorted), once for each version of the master tables. A page holds only as many rows in
        memory as its end needs, and some 65,536 more. A sorted page of all positions compares the
        quantities of each instrument with a bound, without the by-account index: O(positions), but
        only rows within the bound are valued, if it sorts by an amount first. The first call that
        reads by account builds the by-account index.
        """
        self._core.check_open()
        query = self._query(
            accounts,
            instruments,
            ("account", "instrument"),
            POSITION_MEASURES,
            currency,
            False,
            allow_empty,
            PageArguments(where, sort, limit, offset),
        )
        found = self._positions(query, self._code_of(query))
        return positions.positions_frame(self._names, self._value_scale, found)

    def orders(
        self, accounts: Any = None, instruments: Any = None, *, allow_empty: bool = False
    ) -> Frame:
        """Return the orders held, sorted by account, instrument and id.

        Columns: order, account, instrument, order_quantity (FIX 38), filled_quantity (FIX 14),
        average_price (FIX 6, null if unknown), rolled_quantity (the part of the fills that day
        rolls moved into the holdings), leaves_quantity (FIX 151), status (FIX 39, by name), time,
        price, amount_currency, market_value (of the order quantity), filled_value.
        `amount_currency` is the instrument's currency, and the currency of both amounts. Amounts
        are null if the instrument has no price.

        Selections as in `values`. Raises UnknownId, InvalidInput, ValueOverflow, ClosedError.
        O(orders of the instruments selected). If accounts are selected, O(positions of the
        accounts + orders of the instruments in which they have one), and O(instruments + all orders
        of the instruments selected) only if one of their orders is of an instrument in which its
        account has no position: it is canceled, or other orders offset it. Accounts without orders
        cost O(accounts selected). The rows are sorted. The first call that selects accounts may
        build the by-account index.
        """
        self._core.check_open()
        query = self._listing(accounts, instruments, allow_empty)
        read = self._core.orders
        found = self._listed(query, lambda a, i, masters: read(a, i, masters.version))
        return positions.orders_frame(self._names, self._value_scale, found)

    def breaks(
        self,
        holdings: Any,
        accounts: Any = None,
        instruments: Any = None,
        *,
        allow_empty: bool = False,
    ) -> Frame:
        """Compare a custodian's table with the current quantities. Returns the differences.

        holdings: a table with the columns `account`, `instrument`, `quantity`, of the types that
        `load` takes. accounts, instruments: the positions to compare, as in `values`; for a table
        of one custodian, select its accounts.

        Columns: account, instrument, quantity_given (null if the table has no row), quantity_held
        (null if the book has no current quantity, or does not compare the row), difference (held
        minus given, null counts as 0), reason. Reasons: "quantity" (both have one), "only_held",
        "only_given", "unknown_account" and "unknown_instrument" (the book does not know the name),
        "not_selected" (the selection leaves out this row of the table, and its quantity is not 0).
        An unknown name is no error, because one run then shows all breaks. Rows that agree are left
        out; an absent row agrees with a quantity of 0. Rows are in the order of `holdings()`.
        Unknown and not selected rows come last, in the order of the table.

        Raises UnknownId (for `accounts` and `instruments`), InvalidInput (also if the table names a
        position twice), ValueOverflow (names the row of the table whose difference has more than 20
        digits before the point), ClosedError. Costs as much as `positions` of the same selection,
        without prices and amounts, and O(rows of the table, sorted).
        """
        self._core.check_open()
        return self._breaks({"holdings": holdings}, accounts, instruments, allow_empty)

    @located
    def _breaks(
        self, tables: dict[str, Any], accounts: Any, instruments: Any, allow_empty: bool
    ) -> Frame:
        question = self._listing(accounts, instruments, allow_empty)

        def make(state: Reads) -> Frame:
            held = state._positions(question, None)
            found = {
                "account": state._find("account", given.accounts),
                "instrument": state._find("instrument", given.instruments),
            }
            masters = state._masters
            selected = {side: selected_codes(question, side, masters) for side in found}
            return breaks_frame(state._names, masters, held, given, found, selected)

        try:
            given = given_holdings(tables["holdings"])
            return self._at_one_epoch(make)
        except Error as error:
            set_value(error, tables)
            raise

    def exceptions(
        self,
        stale_after: dt.timedelta | None = None,
        accounts: Any = None,
        instruments: Any = None,
        *,
        allow_empty: bool = False,
    ) -> Frame:
        """Return the positions that have no value, or an old one, and why.

        Columns: account, instrument, quantity (current), reason, price_time (null if none was
        given), currency (of the instrument). A position has a row for each reason:

        - "no_price": the instrument has no price.
        - "no_rate": the currency of the instrument does not convert into the base.
        - "stale_price": with `stale_after`, the price's time is more than that before the clock.
        - "no_price_time": with `stale_after`, the price has no time, so its age is unknown. Cash
          without a price of its own has the price 1 and is never stale.

        The positions with "no_price" or "no_rate" are those that `unpriced` counts in amounts of
        the base currency. The age of rates is not checked. Rows are in the order of `holdings()`.

        Selections as in `values`. Raises UnknownId, InvalidInput, ClosedError. Costs as much as
        `positions` of the same selection, without amounts, and O(instruments).
        """
        self._core.check_open()
        question = self._listing(accounts, instruments, allow_empty)
        oldest = oldest_time(stale_after)

        def make(state: Reads) -> Frame:
            held = state._positions(question, None)
            core, masters = state._open_core(), state._masters
            _, rates = _core.currencies_in_use(core)
            cash = _core.stored_instruments(core)["cash"].astype(bool)
            return exceptions_frame(
                state._names, masters, held, core.prices(), rates.astype(bool), cash, oldest
            )

        return self._at_one_epoch(make)

    def revalue(self, instrument: str) -> Frame:
        """Return every holding and order of one instrument at its present price.

        Columns: record_type ("HOLDING" or "ORDER"), account, order (null for a holding), quantity
        (an order's order_quantity), price, amount_currency (the instrument's), market_value.
        Holdings come first, sorted by account. Orders come in no particular order.

        Raises UnknownId, ValueOverflow, ClosedError. O(pages of the instrument). Each column used
        costs O(holdings and orders).
        """
        core = self._core
        core.check_open()
        if not isinstance(instrument, str):
            raise wrong_type("revalue", "instrument", None, instrument, "text")
        try:
            found = core.revalue(instrument)
        except TypeError:  # pybind11 raises TypeError for a lone surrogate
            raise invalid(
                "revalue", "instrument", None, instrument, f"{instrument!r} is not valid Unicode"
            ) from None
        except UnknownId as unknown:
            raise self._unlike(unknown, "instrument", [instrument]) from None
        return positions.revaluation_frame(self._names, self._value_scale, found)

    def prices(self, instruments: Any = None, *, allow_empty: bool = False) -> Frame:
        """Return the prices: instrument, price, time (null if none was given), epoch of the price's
        last change.

        Instruments without a price have no row. Rows are in the order of `instrument_codes`,
        whatever the order of the names. `to_numpy("price", scaled=True, scale=2)` returns the
        prices as integers.

        Selections as in `values`. Raises UnknownId, InvalidInput, ClosedError. O(instruments
        selected).
        """
        self._core.check_open()
        query = self._listing(None, instruments, allow_empty)
        read = self._core.prices
        found = self._listed(query, lambda _, codes, masters: read(codes, masters.version))
        return positions.prices_frame(self._names, found)

    def instruments(self) -> Frame:
        """Return the instruments: instrument, currency, multiplier, quote_factor, cash and a column
        for each attribute.

        The columns are those that `load` and `update` take. `update(instruments=frame)` changes
        nothing. Attributes are texts, null if the instrument has no label. Rows are in the order of
        `instrument_codes`. Removed instruments have no row.

        Raises ClosedError. O(instruments); each column used costs O(instruments).
        """
        return self._stored(master_frames.instruments_frame)

    def accounts(self) -> Frame:
        """Return the accounts: account and a column for each attribute.

        The columns are those that `load` and `update` take. `update(accounts=frame)` changes
        nothing. Attributes are texts, null if the account has no label. Rows are in the order in
        which the book first saw the names. Removed accounts have no row.

        Raises ClosedError. O(accounts); each column used costs O(accounts).
        """
        return self._stored(master_frames.accounts_frame)

    def fx(self) -> Frame:
        """Return the currencies that have a rate: currency, rate, method ("multiply" or "divide"),
        time (null if none was given).

        The columns are those that `load` and `update` take. `update(fx=frame)` changes no amount.

        Raises ClosedError. O(currencies).
        """
        return self._stored(master_frames.fx_frame)

    def _stored(self, make: Callable[[Any, Masters, NameLists], Frame]) -> Frame:
        """Make a frame of master tables, whose names and attributes are of one epoch."""
        return self._at_one_epoch(
            lambda state: make(state._open_core(), state._masters, state._names)
        )

    def _at_one_epoch(self, make: Callable[[Reads], Frame]) -> Frame:
        """Make a frame from several reads of one epoch."""
        return make(self)


def _check_allow_empty(value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidInput.about(
            None, "allow_empty", None, value, f"{shown(value)} is neither True nor False"
        )


def copied(function: FunctionType) -> FunctionType:
    """Return another function with the same code, defaults and docstring."""
    own = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        function.__closure__,
    )  # fmt: skip
    own.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(own, function)
    del own.__wrapped__  # type: ignore[attr-defined]
    return own
