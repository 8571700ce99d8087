"""Random operations on mvcore and on the reference model; every digit must be the same.

MVCORE_STEPS is the number of steps to make (1,500 if not said), MVCORE_SEED the first seed; the
same seed makes the same steps. A long run: MVCORE_STEPS=100000 pytest <this file>. With
MVCORE_QUICK=1 a failure is shown as it was found, without a search for a shorter one.
"""

import os
import sys
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import mvcore
from reference import ReferenceBook, dump, outcome
from reference_inputs import (
    ATTRIBUTES,
    BAD,
    NAMES,
    TIMES,
    Exposure,
    decimals,
    draw_table,
    dress,
    is_exact_float,
    numbers,
    plain_column,
    some,
)
from reference_state import TABLES

BY = ["account", "instrument", "currency", "desk", "sector", "tier", "account.desk"]
BY += ["account.country", "instrument.country", "instrument.tier", "country"]
AMOUNTS = ("sod", "current", "expected", "market_value", "base_value")
EXAMPLE_STEPS = 50
# What a 256-bit accumulator holds, less a margin: a write with a smaller sum of absolute values
# may not be refused.
ACCUMULATOR = 10**70


def same(got, want) -> None:
    """Equal rows, columns in the same order, and amounts with just the book's decimals."""
    if not isinstance(want, list) or not isinstance(got, list):
        assert got == want
        return
    for row, other in zip(got, want, strict=False):  # the first row that differs, not all of them
        assert row == other
        assert list(row) == list(other)
        for name in (name for name in AMOUNTS if other.get(name) is not None):
            assert row[name].as_tuple().exponent == other[name].as_tuple().exponent
    assert len(got) == len(want)


class Machine(RuleBasedStateMachine):
    steps = 0

    @initialize(
        data=st.data(),
        base=st.sampled_from(NAMES["currency"]),
        value_scale=st.sampled_from([8, 8, 8, 0, 2, 30]),
        huge=st.sampled_from([False, False, True]),
    )
    def start(self, data, base, value_scale, huge) -> None:
        self.huge, self.views, self.codes, self.exposure = huge, [], {}, Exposure()
        self.book = mvcore.Book(base_currency=base, value_scale=value_scale)
        self.model = ReferenceBook(base, value_scale)
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
        else:
            same(got, want)
        if not isinstance(got, int):
            assert dump(self.book, mvcore.Error) == model_before

    def write_tables(self, draw, call: str, names: list[str]) -> None:
        ends, tables = {}, {}
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
        name = data.draw(st.sampled_from(NAMES[side]))
        named = {f"{side}s": name if alone else [name]}
        self.both(lambda b: b.remove(**named), lambda m: m.remove(**named))

    @rule(data=st.data(), name=st.sampled_from(NAMES["instrument"]), time=st.sampled_from(TIMES))
    def tick(self, data, name, time) -> None:
        price = data.draw(numbers(self.huge))
        given = plain_column(data.draw, "price", [price])[0]
        at = plain_column(data.draw, "time", [time])[0]
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
            assert self.codes.setdefault(name, code) == code  # for the book's life
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
        """One bad cell, unknown name or double key in an update that is good otherwise."""
        draw = data.draw
        ends = {side: list(self.model.masters(side)) for side in ("account", "instrument")}
        table = draw_table(draw, name, True, self.model, ends, huge=False)
        key = next(iter(table))
        if not table[key]:
            return
        place = draw(st.integers(0, len(table[key]) - 1))
        table = {column: list(values) for column, values in table.items()}
        sort = draw(st.sampled_from(["cell", "cell", "twice", "unknown"]))
        if sort == "twice":
            for values in table.values():
                values.append(values[place])
        elif sort == "unknown" and name in ("prices", "holdings"):
            table["instrument"][place] = "nobody"
        else:
            column = draw(st.sampled_from([column for column in table if column in BAD]))
            table[column][place] = draw(st.sampled_from(BAD[column]))
        self.both(lambda b: b.update(**{name: table}), lambda m: m.update(**{name: table}))

    # -- reads -----------------------------------------------------------------------------------

    def query(self, draw) -> dict:
        """Arguments of `values`, with at most one thing wrong in them."""
        query: dict = {}
        for side in ("account", "instrument"):
            known = list(self.model.masters(side))
            sort = draw(st.sampled_from(["all", "all", "all", "names", "name", "attribute"]))
            if sort == "names":
                query[f"{side}s"] = some(draw, known)
            elif sort == "name" and known:
                query[f"{side}s"] = draw(st.sampled_from(known))
            elif sort == "attribute":
                wanted = some(draw, list(ATTRIBUTES[side]), 2)
                picks = {name: some(draw, ATTRIBUTES[side][name]) for name in wanted}
                query[f"{side}s"] = {n: v[0] if len(v) == 1 else v for n, v in picks.items()}
        query["by"] = tuple(draw(st.lists(st.sampled_from(BY), unique=True, max_size=3)))
        measures = draw(st.permutations(["sod", "current", "expected"]))
        query["measures"] = measures[: draw(st.integers(1, 3))]
        query["rollup"] = draw(st.booleans())
        if "country" not in query["by"]:  # which is an error already
            query["currency"] = draw(st.sampled_from([None, "local", *NAMES["currency"]]))
        return query

    @rule(data=st.data())
    def read_anything(self, data) -> None:
        query, errors = self.query(data.draw), mvcore.Error
        same(
            outcome(lambda: self.book.values(**query), errors),
            outcome(lambda: self.model.values(**query)),
        )
        chosen = {side: query[side] for side in ("accounts", "instruments") if side in query}
        same(
            outcome(lambda: self.book.holdings(**chosen), errors),
            outcome(lambda: self.model.holdings(**chosen)),
        )
        currency = data.draw(st.sampled_from([None, *NAMES["currency"]]))
        for name in self.model.state.accounts:
            want = outcome(lambda name=name: self.model.value(name, currency))
            assert outcome(lambda name=name: self.book.value(name, currency), errors) == want
        for name in self.model.state.instruments:
            want = outcome(lambda name=name: self.model.revalue(name))
            same(outcome(lambda name=name: self.book.revalue(name), errors), want)

    @precondition(lambda self: len(self.views) < 6)
    @rule(data=st.data(), mode=st.sampled_from(["lazy", "incremental"]))
    def open_view(self, data, mode) -> None:
        query = self.query(data.draw) | {"mode": mode}
        want = outcome(lambda: self.model.view(**query))
        got = outcome(lambda: self.book.view(**query), mvcore.Error)
        if isinstance(want, str):  # of two faults in one call, either may be named
            assert got in ("UnknownId", "InvalidInput")
        else:
            self.views.append((got, want))

    @precondition(lambda self: self.views)
    @rule(data=st.data(), call=st.sampled_from(["changes", "changes", "read"]))
    def ask_view(self, data, call) -> None:
        got, want = data.draw(st.sampled_from(self.views))
        same(outcome(getattr(got, call), mvcore.Error), outcome(getattr(want, call)))

    @precondition(lambda self: len(self.views) > 2)
    @rule(data=st.data())
    def close_view(self, data) -> None:
        got, _ = self.views.pop(data.draw(st.integers(0, len(self.views) - 1)))
        got.close()
        assert outcome(got.changes, mvcore.Error) == "ClosedError"

    @invariant()
    def all_equal(self) -> None:
        Machine.steps += 1
        want = dump(self.model)
        for part, answer in dump(self.book, mvcore.Error).items():
            same(answer, want[part])

    def teardown(self) -> None:
        if sys.exc_info()[1] is not None:
            return  # a step failed, that is the difference to report
        for got, want in getattr(self, "views", ()):
            for call in ("changes", "changes", "read"):
                same(outcome(getattr(got, call), mvcore.Error), outcome(getattr(want, call)))


def test_book_equals_the_reference_model(capsys) -> None:
    wanted = int(os.environ.get("MVCORE_STEPS", "1500"))
    next_seed = int(os.environ.get("MVCORE_SEED", "0"))
    quick = bool(os.environ.get("MVCORE_QUICK"))
    Machine.steps = 0
    while Machine.steps < wanted:
        examples = min(50, -(-(wanted - Machine.steps) // EXAMPLE_STEPS))
        options = settings(
            max_examples=examples,
            stateful_step_count=EXAMPLE_STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate] if quick else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(seed(next_seed)(Machine), settings=options)
        next_seed += 1
    with capsys.disabled():
        print(f"\nstate machine: {Machine.steps} steps, 0 differences")
