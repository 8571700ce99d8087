"""Random operations on mvcore and on the reference model. Every digit must be the same."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)

import mvcore
from order_facts import START
from reference import ReferenceBook, dump, outcome
from reference_inputs import (
    BAD,
    IDS,
    NAMES,
    TIMES,
    Exposure,
    decimals,
    draw_facts,
    draw_table,
    dress,
    is_exact_float,
    numbers,
    plain_cell,
    plain_column,
    some,
)
from reference_reads import plain_or_none
from reference_tables import NEEDED_IN_LOAD, OPTIONAL, TABLES
from reference_view import plain
from state_machine_reads import ACCUMULATOR, ReadingMachine, same

FILL_STEPS = ["filled_quantity", "filled_quantity", "average_price", "roll_day"]
ORDER_STEPS = [*OPTIONAL["orders"], "filled_quantity", "account", "order", "roll_day"]
ORDER_FAULTS = ["missing", "kind"]


class Machine(ReadingMachine):
    steps = 0
    cash_modes = (None, None, None, "from_fills", "from_fills")

    @initialize(
        data=st.data(),
        base=st.sampled_from(NAMES["currency"]),
        value_scale=st.sampled_from([8, 8, 8, 0, 2, 30]),
        huge=st.sampled_from([False, False, True]),
        kind=st.sampled_from([str, int]),
    )
    def start(self, data, base, value_scale, huge, kind) -> None:
        self.huge, self.ids, self.codes, self.exposure = huge, IDS[kind], {}, Exposure()
        self.other_ids = IDS[int if kind is str else str]
        self.views, self.snapshots = [], []
        cash = data.draw(st.sampled_from(self.cash_modes))
        scale = data.draw(st.sampled_from([None, None, None, 0, 2, 6, 18])) if cash else None
        self.book = mvcore.Book(base, value_scale, cash=cash, cash_scale=scale)
        self.model = ReferenceBook(base, value_scale, cash, scale)
        self.write_tables(data.draw, "load", list(TABLES))

    # -- writes ----------------------------------------------------------------------------------

    def both(self, on_book, on_model) -> None:
        before, model_before = self.model.state, dump(self.model)
        want = outcome(lambda: on_model(self.model))
        got = outcome(lambda: on_book(self.book), mvcore.Error)
        exposure = self.exposure.of(before, self.model.state)
        if got == "ValueOverflow" and isinstance(want, int):
            assert exposure >= ACCUMULATOR
            self.model.state = before
        elif (self.huge or self.model.state.cash) and {got, want} == {
            "ValueOverflow",
            "InvalidInput",
        }:
            pass  # of two faults in one call, either may be reported
        else:
            same(got, want)
        if not isinstance(got, int):
            assert dump(self.book, mvcore.Error) == model_before

    def write_tables(self, draw, call: str, names: list[str]) -> None:
        ends, tables = {"order": self.ids}, {}
        for side in ("account", "instrument"):
            known = list(self.model.masters(side))
            ends[side] = known
            if f"{side}s" in names:
                named = draw(st.permutations(NAMES[side]))
                ends[side] = some(draw, named) if draw(st.integers(0, 4)) == 4 else named
                tables[f"{side}s"] = ends[side]
        for name in names:
            whole = call == "load"
            tables[name] = draw_table(draw, name, whole, self.model, ends, self.huge)
            if name in ("accounts", "instruments") and not whole:
                side = name.removesuffix("s")
                ends[side] = list(dict.fromkeys([*self.model.masters(side), *ends[side]]))
        dressed = {name: dress(draw, table) for name, table in tables.items()}
        self.both(lambda b: getattr(b, call)(**dressed), lambda m: getattr(m, call)(**tables))

    @rule(data=st.data(), names=st.sets(st.sampled_from(TABLES), min_size=1, max_size=2))
    def load(self, data, names) -> None:
        self.write_tables(data.draw, "load", sorted(names, key=TABLES.index))

    @rule(data=st.data(), names=st.sets(st.sampled_from(TABLES), min_size=1))
    def update(self, data, names) -> None:
        self.write_tables(data.draw, "update", sorted(names, key=TABLES.index))

    @rule(data=st.data(), side=st.sampled_from(["account", "instrument"]), alone=st.booleans())
    def remove(self, data, side, alone) -> None:
        """Remove a name, often one without positions, alone or with all orders that refer to it."""
        held = {name for pair in self.model.state.holdings for name in pair}
        free = [name for name in self.model.masters(side) if name not in held]
        name = data.draw(st.sampled_from([*free, *NAMES[side]]))
        named = {f"{side}s": name if alone else [name]}
        if data.draw(st.booleans()):
            orders = self.model.state.orders.items()
            named["orders"] = [order for order, facts in orders if name in facts.pair]
        self.both(lambda b: b.remove(**named), lambda m: m.remove(**named))

    @rule(data=st.data(), kind=st.sampled_from(["prices", "fx"]), alone=st.booleans())
    def withdraw(self, data, kind, alone) -> None:
        """Withdraw prices or rates, known or unknown."""
        side = {"prices": "instrument", "fx": "currency"}[kind]
        names = data.draw(st.lists(st.sampled_from([*NAMES[side], "nobody"]), min_size=1))
        given = {kind: names[0] if alone else names}
        self.both(lambda b: b.remove(**given), lambda m: m.remove(**given))

    @rule(data=st.data())
    def update_known_prices(self, data) -> None:
        """Prices of known and unknown instruments. The unknown ones are skipped."""
        ends = {"instrument": [*NAMES["instrument"], "nobody", "no one"]}
        table = draw_table(data.draw, "prices", False, self.model, ends, self.huge)
        self.both(
            lambda b: b.update(prices=table, unknown="skip"),
            lambda m: m.update(prices=table, unknown="skip"),
        )

    @rule(data=st.data())
    def remove_orders(self, data) -> None:
        """Remove some known orders, and rarely an unknown or impossible one."""
        known = list(self.model.state.orders)
        ids = data.draw(st.lists(st.sampled_from(known), max_size=4)) if known else []
        if not data.draw(st.integers(0, 5)):
            others = self.other_ids if self.model.state.order_kind else []
            ids.append(data.draw(st.sampled_from([*self.ids, *BAD["order"], *others])))
        self.both(lambda b: b.remove(orders=ids), lambda m: m.remove(orders=ids))

    @rule(data=st.data(), order=st.integers(0, 7), careless=st.sampled_from([False, False, True]))
    def order(self, data, order, careless) -> None:
        ends = {side: list(self.model.masters(side)) for side in ("account", "instrument")}
        every = [name for name in OPTIONAL["orders"] if name != "rolled_quantity"]
        columns = set(data.draw(st.sampled_from([every, NEEDED_IN_LOAD["orders"]])))
        ids = [self.ids[order]] if ends["account"] and ends["instrument"] else []
        table = draw_facts(data.draw, ids, columns, self.model, ends, self.huge, careless)
        for place in range(len(ids)):
            row = {name: cells[place] for name, cells in table.items()}
            given = {name: plain_cell(data.draw, name, cell) for name, cell in row.items()}
            self.both(lambda b, row=given: b.order(**row), lambda m, row=row: m.order(**row))

    @precondition(lambda self: self.model.state.orders)
    @rule(data=st.data(), steps=st.lists(st.sampled_from(ORDER_STEPS), min_size=1, max_size=6))
    def order_steps(self, data, steps) -> None:
        """Several steps on some orders: a fill, a cancel, a move, a day roll."""
        for step in steps:
            more = data.draw(st.sampled_from([step, step, "time"]))
            self.order_step(data.draw, {step, more}, careless=not data.draw(st.integers(0, 3)))

    @precondition(lambda self: self.model.state.cash and self.model.state.orders)
    @rule(data=st.data(), steps=st.lists(st.sampled_from(FILL_STEPS), min_size=1, max_size=6))
    def fills(self, data, steps) -> None:
        """Fills with their average price, corrections of it, and day rolls."""
        for step in steps:
            self.order_step(data.draw, {step, "average_price"}, careless=False)

    def order_step(self, draw, columns: set[str], careless: bool) -> None:
        """A step on some orders, or a day roll."""
        orders = list(self.model.state.orders)
        if "roll_day" in columns:
            self.both_roll()
        elif orders:
            ends = {side: list(self.model.masters(side)) for side in ("account", "instrument")}
            ids = draw(st.lists(st.sampled_from(orders), min_size=1, unique=True))
            table = draw_facts(draw, ids, columns, self.model, ends, self.huge, careless)
            self.both(lambda b: b.update(orders=table), lambda m: m.update(orders=table))

    @precondition(lambda self: self.model.state.orders)
    @rule()
    def roll_day(self) -> None:
        self.both_roll()

    @rule(data=st.data())
    def roll_day_from_custodian(self, data) -> None:
        ends = {side: list(self.model.masters(side)) for side in ("account", "instrument")}
        table = draw_table(data.draw, "holdings", True, self.model, ends, self.huge)
        dressed = dress(data.draw, table)
        self.both(lambda b: b.roll_day(holdings=dressed), lambda m: m.roll_day(holdings=table))

    @precondition(lambda self: self.model.state.orders)
    @rule(data=st.data(), nights=st.integers(0, 2))
    def replay(self, data, nights) -> None:
        """Resend reports that the book has already, possibly after one or two day rolls."""
        sent = {
            name: order
            for name, order in self.model.state.orders.items()
            if data.draw(st.booleans())
        }
        for _ in range(nights):
            self.both_roll()
        for name, order in sent.items():
            row = {
                "order": name, "account": order.account, "instrument": order.instrument,
                "order_quantity": plain(order.order_quantity),
                "filled_quantity": plain(order.filled_quantity), "status": order.status,
                "time": order.time, "average_price": plain_or_none(order.average_price),
            }  # fmt: skip
            before = self.model.nets()
            self.both(lambda b, row=row: b.order(**row), lambda m, row=row: m.order(**row))
            if not nights or (nights == 1 and not order.retained):
                assert self.model.nets() == before

    def both_roll(self) -> None:
        before = self.model.nets()
        self.both(lambda b: b.roll_day(), lambda m: m.roll_day())
        after = self.model.nets()
        assert {pair: net[1:] for pair, net in before.items() if any(net[1:])} == {
            pair: net[1:] for pair, net in after.items()
        }

    @rule(data=st.data(), name=st.sampled_from(NAMES["instrument"]), time=st.sampled_from(TIMES))
    def tick(self, data, name, time) -> None:
        price = data.draw(numbers(self.huge))
        given = plain_cell(data.draw, "price", price)
        at = plain_cell(data.draw, "time", time)
        self.both(lambda b: b.tick(name, given, time=at), lambda m: m.tick(name, price, time))

    @rule(name=st.sampled_from(NAMES["instrument"]), bad=st.sampled_from(BAD["price"]))
    def bad_tick(self, name, bad) -> None:
        if name in self.model.state.instruments:
            self.both(lambda b: b.tick(name, bad), lambda m: m.tick(name, bad))

    @rule(data=st.data())
    def ticks(self, data) -> None:
        draw, known = data.draw, list(self.model.state.instruments)
        names = draw(st.lists(st.sampled_from(known), max_size=10)) if known else []
        prices = [draw(numbers(self.huge)) for _ in names]
        times = [draw(st.sampled_from(TIMES)) for _ in names] if draw(st.booleans()) else None
        forms = [names, np.array(names, object), pa.array(names, pa.string())]
        codes = self.book.instrument_codes(names)
        assert codes.dtype == np.int32
        for name, code in zip(names, codes.tolist(), strict=True):
            assert self.codes.setdefault(name, code) == code  # fixed for the book's life
        forms += [codes, codes.astype(np.int64), pa.array(codes)]
        instruments = draw(st.sampled_from(forms))
        at = None if times is None else plain_column(draw, "time", times)
        scale = max((decimals(Fraction(price)) for price in prices), default=0)
        scaled = [int(Fraction(price) * 10**scale) for price in prices]
        if draw(st.booleans()) and all(abs(price) < 2**63 for price in scaled):
            given = np.array(scaled, np.int64)
        else:
            given, scale = plain_column(draw, "price", prices), None
            if prices and all(map(is_exact_float, prices)) and draw(st.booleans()):
                given = pa.array([float(price) for price in prices])
        self.both(
            lambda b: b.ticks(instruments, given, times=at, scale=scale),
            lambda m: m.ticks(names, prices, times),
        )

    @rule(data=st.data(), name=st.sampled_from(TABLES))
    def bad_row(self, data, name) -> None:
        """One bad cell, unknown name or duplicate key in an update that is otherwise valid."""
        draw = data.draw
        ends = {side: list(self.model.masters(side)) for side in ("account", "instrument")}
        ends["order"] = self.ids
        table = draw_table(draw, name, True, self.model, ends, huge=False)
        key = next(iter(table))
        if not table[key]:
            return
        place = draw(st.integers(0, len(table[key]) - 1))
        table = {column: list(values) for column, values in table.items()}
        sort = draw(st.sampled_from(["cell", "cell", "twice", "unknown", *ORDER_FAULTS]))
        if sort == "twice":
            for values in table.values():
                values.append(values[place])
        elif sort == "unknown" and name in ("prices", "holdings", "orders"):
            table["instrument"][place] = "nobody"
            if name == "orders" and draw(st.booleans()):  # late, but still refused
                table["time"] = [START - 1] * len(table[key])
        elif sort == "missing" and name == "orders":  # an error for a new order
            del table[draw(st.sampled_from(NEEDED_IN_LOAD[name]))]
        elif sort == "kind" and name == "orders" and self.model.state.order_kind is not None:
            table["order"][place] = draw(st.sampled_from(self.other_ids))
        else:
            column = draw(st.sampled_from([column for column in table if column in BAD]))
            table[column][place] = draw(st.sampled_from(BAD[column]))
        self.both(lambda b: b.update(**{name: table}), lambda m: m.update(**{name: table}))

    @invariant()
    def all_equal(self) -> None:
        Machine.steps += 1
        want = dump(self.model)
        for part, answer in dump(self.book, mvcore.Error).items():
            same(answer, want[part])

    def teardown(self) -> None:
        if sys.exc_info()[1] is not None:
            return  # a step failed; that difference is reported
        if hasattr(self, "views"):
            self.ask_all_readers()
