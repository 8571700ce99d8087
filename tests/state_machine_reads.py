"""The reads of the state machine: queries, what-ifs, views and snapshots."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import mvcore
from reference import ReferenceBook, dump_reads, outcome, revalued
from reference_inputs import (
    ATTRIBUTES,
    BAD,
    NAMES,
    NULLS_IN_DISGUISE,
    Exposure,
    decimals,
    numbers,
    plain_cell,
    some,
)
from reference_view import CHANGES, MEASURES, OF_INSTRUMENT, Selection, label_of

BY = ["account", "instrument", "currency", "desk", "sector", "tier", "account.desk", "ccy"]
OWN = "account.ccy"  # as a currency: that of each account
BY += ["account.country", "instrument.country", "instrument.tier", "country"]
AMOUNTS = ("sod", "current", "expected", "market_value", "base_value", "filled_value")
QUANTITIES = ("quantity", "order_quantity", "filled_quantity", "average_price", "rolled_quantity")
QUANTITIES += ("leaves_quantity", "price", "sod_quantity", "current_quantity", "expected_quantity")
# The capacity of a 256-bit accumulator, less a margin. Smaller sums of absolute values must not be
# refused.
ACCUMULATOR = 10**70
# The columns of `positions`, as those of a query of `values`.
POSITIONS = {"by": ("account", "instrument"), "measures": [*MEASURES, *OF_INSTRUMENT]}
PERCENTS = ["-10%", "+5.25%", "-100%", "-250%", "+0.0000000000000001%", "+99999999999999999999%"]
SCENARIOS = [("prices",), ("fx",), ("prices", "fx")]


def same(got, want) -> None:
    """Assert equal rows and columns.

    Amounts have the book's decimals, quantities no trailing zeros.
    """
    if not isinstance(want, list) or not isinstance(got, list):
        assert got == want
        return
    for row, other in zip(got, want, strict=False):  # report the first different row, not all
        assert row == other
        assert list(row) == list(other)
        for name in (name for name in AMOUNTS if other.get(name) is not None):
            assert row[name].as_tuple().exponent == other[name].as_tuple().exponent
        for name in (name for name in QUANTITIES if other.get(name) is not None):
            assert row[name].as_tuple().exponent == -decimals(Fraction(other[name]))
    assert len(got) == len(want)


def same_answer(got, want) -> None:
    """Assert the same rows. Of two faults in one query, either may be reported."""
    if isinstance(got, str) and isinstance(want, str):
        assert got == want or {got, want} == {"UnknownId", "InvalidInput"}
        return
    same(got, want)


def same_dump(got, want) -> None:
    """Assert that every fact and amount of two snapshots is equal."""
    expected = dump_reads(want)
    for part, answer in dump_reads(got, mvcore.Error).items():
        same(answer, expected[part])


def same_changes(book, model, views: list[tuple]) -> None:
    """Assert one frame per view, of one epoch, or one error for all."""
    want = outcome(lambda: model.changes([view for _, view in views]))
    got = outcome(lambda: book.changes([view for view, _ in views]), mvcore.Error)
    if isinstance(want, str) or isinstance(got, str):
        assert got == want
        return
    assert len(got) == len(want)
    for frame, rows in zip(got, want, strict=True):
        assert frame.epoch == model.epoch
        same(frame.to_pylist(), rows)


def same_json(frame) -> None:
    """Assert that the rows as JSON are those that `json` makes of the values."""
    values = [row.values() for row in frame.to_pylist()]
    rows = [[format(v, "f") if isinstance(v, Decimal) else v for v in row] for row in values]
    assert frame.json_rows() == [json.dumps(row, ensure_ascii=False) for row in rows]


def same_combined(book, model, views: list[tuple]) -> None:
    """Assert the rows of all views in one frame, or the same error."""
    want = outcome(lambda: model.changes([view for _, view in views], combined=True))
    listed = [view for view, _ in views]
    got = outcome(lambda: [book.changes(listed, combined=True)], mvcore.Error)
    if isinstance(want, str) or isinstance(got, str):
        assert got == want
        return
    (frame,) = got
    assert frame.epoch == model.epoch
    same(frame.to_pylist(), want)
    same_json(frame)


class ReadingMachine(RuleBasedStateMachine):
    """Rules that do not change facts. The subclass has `book`, `model` and the readers."""

    book: mvcore.Book
    model: ReferenceBook
    exposure: Exposure
    views: list[tuple]
    snapshots: list[tuple]

    def query(self, draw: Callable, model) -> dict:
        """Arguments of `values`, with at most one fault."""
        query: dict = {}
        for side in ("account", "instrument"):
            known = list(model.masters(side))
            sort = draw(st.sampled_from(["all", "all", "all", "names", "name", "attribute"]))
            if sort == "names":
                query[f"{side}s"] = some(draw, known)
            elif sort == "name" and known:
                query[f"{side}s"] = draw(st.sampled_from(known))
            elif sort == "attribute":
                query[f"{side}s"] = self.labels(draw, model, side)
        query["allow_empty"] = draw(st.sampled_from([False, False, True]))
        query["by"] = tuple(draw(st.lists(st.sampled_from(BY), unique=True, max_size=3)))
        measures = draw(st.permutations(["sod", "current", "expected"]))
        query["measures"] = measures[: draw(st.integers(1, 3))]
        if draw(st.integers(0, 3)) == 3 and ("instrument" in query["by"] or draw(st.booleans())):
            query["measures"] += some(draw, OF_INSTRUMENT)
        if not draw(st.integers(0, 5)):
            query["measures"] += some(draw, CHANGES)
        query["rollup"] = draw(st.booleans())
        if "country" not in query["by"]:  # otherwise it is an error already
            query["currency"] = draw(st.sampled_from([None, "local", OWN, OWN, *NAMES["currency"]]))
        if draw(st.integers(0, 2)) and (not query["rollup"] or not draw(st.integers(0, 9))):
            query |= self.page(draw, model, query)
        return query

    def page_query(self, draw: Callable, model, changes: bool) -> dict:
        """A query without faults for most books, of many rows, with a page that cuts some.

        changes: may have changes since the last read, which only views have.
        """
        attributes = [f"account.{name}" for name in model.state.attributes["account"]]
        attributes += [f"instrument.{name}" for name in model.state.attributes["instrument"]]
        by = draw(st.sampled_from([["account"], ["instrument"], ["account", "instrument"]]))
        query = {
            "by": tuple(draw(st.permutations(by + some(draw, attributes, 1)))),
            "measures": draw(st.permutations(["sod", "current", "expected"])),
            "currency": draw(st.sampled_from([None, None, "local", OWN])),
            "allow_empty": True,
        }
        if "instrument" in by:
            query["measures"] += some(draw, OF_INSTRUMENT)
        if changes:
            query["measures"] += some(draw, CHANGES)
        query |= self.page(draw, model, query)
        return query | {"limit": draw(st.integers(1, 4)), "offset": draw(st.integers(0, 1))}

    def page(self, draw: Callable, model, query: dict) -> dict:
        """The arguments of a page, rarely with a label that nothing has."""
        measures = list(query["measures"])
        numbers_of = [*measures, *(f"abs({name})" for name in measures), "unpriced"]
        texts = [
            *query["by"],
            *(["amount_currency"] if query.get("currency") in ("local", OWN) else []),
        ]
        keys = draw(st.lists(st.sampled_from([*numbers_of, *texts]), unique=True, max_size=3))
        sort = [draw(st.sampled_from(["", "-"])) + key for key in keys]
        where = []
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            name = draw(st.sampled_from([*numbers_of, *texts]))
            if name in texts:
                labels = self.labels_of(model, name)
                where.append((name, draw(st.sampled_from(["=", "!="])), draw(labels)))
            else:
                op = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
                where.append((name, op, self.bound(draw, model)))
        return {
            "sort": sort[0] if len(sort) == 1 and draw(st.booleans()) else sort,
            "where": where,
            "limit": draw(st.sampled_from([None, 0, 1, 1, 2, 3, 5, 100])),
            "offset": draw(st.sampled_from([0, 0, 0, 1, 2, 7])),
        }

    def labels_of(self, model, name: str) -> st.SearchStrategy:
        """Labels of a column of the rows, used or not."""
        known = NAMES["currency"] if name == "amount_currency" else NAMES.get(name)
        if known is None:
            side, _, attribute = name.rpartition(".")
            sides = [side] if side else ["account", "instrument"]
            known = [each for s in sides for each in ATTRIBUTES[s].get(attribute, [])]
        return st.sampled_from([*known, None])

    def bound(self, draw: Callable, model):
        """A number near amounts of the book, as one of the types that a condition takes."""
        rows = outcome(lambda: model.values(by=("account",)))
        amounts = [] if isinstance(rows, str) else [row["current"] for row in rows]
        number = draw(st.sampled_from([*amounts, Decimal(0), Decimal(1), Decimal("-0.5")]))
        number += draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("1e-31")]))
        forms = [number, format(number, "f"), int(number), float(number)]
        return draw(st.sampled_from(forms))

    def labels(self, draw: Callable, model, side: str) -> dict:
        """A selection by attribute, name or currency; rarely by a label that nothing has."""
        labels = {**ATTRIBUTES[side], side: NAMES[side]}
        if side == "instrument":
            labels["currency"] = NAMES["currency"]
        picks = {name: some(draw, labels[name]) for name in some(draw, list(labels), 2)}
        if draw(st.integers(0, 3)):
            every = Selection(model, side, None)
            for name, wanted in picks.items():
                held = {every.label(name, each) for each in model.masters(side)}
                picks[name] = [one for one in wanted if one is None or label_of(one) in held]
        elif picks and not draw(st.integers(0, 9)):
            picks[next(iter(picks))].append(draw(st.sampled_from(NULLS_IN_DISGUISE)))
        named = {f"{side}.{n}" if not draw(st.integers(0, 3)) else n: v for n, v in picks.items()}
        return {n: v[0] if len(v) == 1 else v for n, v in named.items()}

    def shocks(self, draw: Callable, model) -> list[str]:
        """Keys of `prices` that select by an attribute, or name an instrument. Some are wrong."""
        labels = {**ATTRIBUTES["instrument"], "currency": NAMES["currency"]}
        name = draw(st.sampled_from(list(labels)))
        side = draw(st.sampled_from(["", "", "instrument."]))
        picked = [f"{side}{name}={label}" for label in labels[name]]
        named = list(model.masters("instrument"))
        return [*picked, *named, *(f"instrument={name}" for name in named)]

    def scenario(self, draw: Callable, model, names: tuple) -> dict:
        """Hypothetical prices or rates, or both, as numbers and as changes in percent. A rate may
        be of an unknown currency."""
        named = some(draw, list(model.masters("instrument")))
        prices = {name: draw(numbers(self.huge)) for name in named}
        base = model.base_currency
        known = [base, *model.state.fx, *(m.currency for m in model.state.instruments.values())]
        currencies = sorted(set(known)) if draw(st.integers(0, 3)) else NAMES["currency"]
        rates = {name: draw(numbers(False, positive=True)) for name in some(draw, currencies)}
        fx = {name: Decimal(1) if name == base else rate for name, rate in rates.items()}
        if not draw(st.integers(0, 2)):
            name = draw(st.sampled_from(known))
            fx[name] = draw(st.sampled_from(["-2%", "+0.125%", "+7%", "-0.3%", "-100%", "-0%"]))
        if not draw(st.integers(0, 2)):
            keep = some(draw, list(prices), 2)
            prices = {name: prices[name] for name in keep}
            for key in some(draw, self.shocks(draw, model), 2):
                prices[key] = draw(st.sampled_from([*PERCENTS, *PERCENTS, 3, "+1.%"]))
        return {name: given for name, given in (("prices", prices), ("fx", fx)) if name in names}

    def same_scenario(
        self, draw: Callable, scenario: dict, on_book, on_model, model, currency
    ) -> None:
        """Compare both calls with the scenario. mvcore may refuse one that overflows its
        accumulators."""
        dressed = {
            name: {
                key: plain_cell(draw, "price", number) if isinstance(number, Decimal) else number
                for key, number in given.items()
            }
            for name, given in scenario.items()
        }
        want = outcome(lambda: on_model(**scenario))
        got = outcome(lambda: on_book(**dressed), mvcore.Error)
        if got == "ValueOverflow" and isinstance(want, list):
            state = model.what_if(scenario.get("prices"), scenario.get("fx"), currency).state
            assert copy.deepcopy(self.exposure).of(model.state, state) >= ACCUMULATOR
        else:
            same_answer(got, want)

    def same_reads(self, draw: Callable, book, model) -> None:
        """Compare every read that a book and a snapshot share."""
        query, errors = self.query(draw, model), mvcore.Error
        same_answer(
            outcome(lambda: book.values(**query), errors),
            outcome(lambda: model.values(**query)),
        )
        for names in SCENARIOS:
            self.same_scenario(
                draw,
                self.scenario(draw, model, names),
                lambda **scenario: book.values(**query, **scenario),
                lambda **scenario: model.values(**query, **scenario),
                model,
                query.get("currency"),
            )
        chosen = {
            name: query[name]
            for name in ("accounts", "instruments", "allow_empty")
            if name in query
        }
        for call in ("holdings", "orders"):
            got = outcome(lambda call=call: getattr(book, call)(**chosen), errors)
            same(got, outcome(lambda call=call: getattr(model, call)(**chosen)))
        for into in (None, "local", OWN, draw(st.sampled_from(NAMES["currency"]))):
            asked = chosen | {"currency": into}
            if draw(st.booleans()):
                asked |= self.page(draw, model, POSITIONS | asked)
            same_answer(
                outcome(lambda asked=asked: book.positions(**asked), errors),
                outcome(lambda asked=asked: model.positions(**asked)),
            )
        currency = draw(st.sampled_from([None, *NAMES["currency"]]))
        for name in model.state.accounts:
            want = outcome(lambda name=name: model.value(name, currency))
            assert outcome(lambda name=name: book.value(name, currency), errors) == want
        for name in model.state.instruments:
            same(revalued(book, name, errors), revalued(model, name))

    @rule(data=st.data())
    def read_anything(self, data) -> None:
        self.same_reads(data.draw, self.book, self.model)

    @rule(data=st.data(), name=st.sampled_from(["prices", "fx"]), unknown=st.booleans())
    def bad_scenario(self, data, name, unknown) -> None:
        base = self.model.base_currency
        good = {"prices": list(self.model.state.instruments), "fx": [base]}[name]
        if unknown:
            given = {"nobody": 1}
        elif not good:
            return
        else:
            bad = BAD["price"] if name == "prices" else BAD["rate"]
            given = {good[0]: data.draw(st.sampled_from(bad))}
        want = outcome(lambda: self.model.values(**{name: given}))
        assert want in ("UnknownId", "InvalidInput")
        assert outcome(lambda: self.book.values(**{name: given}), mvcore.Error) == want

    @rule(data=st.data())
    def read_pages(self, data) -> None:
        query = self.page_query(data.draw, self.model, changes=False)
        same_answer(
            outcome(lambda: self.book.values(**query), mvcore.Error),
            outcome(lambda: self.model.values(**query)),
        )

    @rule(data=st.data(), into=st.sampled_from([None, "local", OWN]))
    def read_pages_of_positions(self, data, into) -> None:
        page = self.page(data.draw, self.model, POSITIONS | {"currency": into})
        query = page | {"currency": into, "allow_empty": True}
        query |= {"limit": data.draw(st.integers(1, 4)), "offset": data.draw(st.integers(0, 1))}
        same_answer(
            outcome(lambda: self.book.positions(**query), mvcore.Error),
            outcome(lambda: self.model.positions(**query)),
        )

    # -- views -----------------------------------------------------------------------------------

    @precondition(lambda self: len(self.views) < 8)
    @rule(data=st.data(), mode=st.sampled_from(["lazy", "incremental"]))
    def open_page_view(self, data, mode) -> None:
        query = self.page_query(data.draw, self.model, changes=True) | {"mode": mode}
        want = outcome(lambda: self.model.view(**query))
        got = outcome(lambda: self.book.view(**query), mvcore.Error)
        if isinstance(want, str):  # an account has no currency of its own
            assert got == want
            return
        want.asked = query
        same(outcome(got.changes, mvcore.Error), outcome(want.changes))
        self.views.append((got, want))

    @precondition(lambda self: self.views)
    @rule()
    def ask_page_views(self) -> None:
        for got, want in self.views:
            if want.query.page.asked():
                same(outcome(got.changes, mvcore.Error), outcome(want.changes))

    @precondition(lambda self: len(self.views) < 6)
    @rule(data=st.data(), mode=st.sampled_from(["lazy", "incremental"]))
    def open_view(self, data, mode) -> None:
        query = self.query(data.draw, self.model) | {"mode": mode}
        want = outcome(lambda: self.model.view(**query))
        got = outcome(lambda: self.book.view(**query), mvcore.Error)
        if isinstance(want, str):  # of two faults in one call, either may be reported
            assert got in ("UnknownId", "InvalidInput")
        else:
            want.asked = query
            self.views.append((got, want))

    @precondition(lambda self: 0 < len(self.views) < 9)
    @rule(data=st.data(), mode=st.sampled_from(["lazy", "incremental"]))
    def open_view_of_the_same_columns(self, data, mode) -> None:
        asked = data.draw(st.sampled_from(self.views))[1].asked
        query = {name: given for name, given in asked.items() if name not in ("where", "limit")}
        query |= {"mode": mode, "accounts": some(data.draw, list(self.model.state.accounts))}
        want = outcome(lambda: self.model.view(**query))
        got = outcome(lambda: self.book.view(**query), mvcore.Error)
        if isinstance(want, str):
            assert got in ("UnknownId", "InvalidInput")
        else:
            want.asked = query
            self.views.append((got, want))

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def ask_views_combined(self, data) -> None:
        """Read the views with the columns of one, rarely with others or a closed or repeated
        one."""
        _, one = data.draw(st.sampled_from(self.views))
        alike = [pair for pair in self.views if pair[1].columns() == one.columns()]
        wrong = data.draw(st.sampled_from([None, None, None, "others", "twice", "closed"]))
        if wrong == "others":
            same_combined(self.book, self.model, some(data.draw, self.views))
        elif wrong == "twice":
            same_combined(self.book, self.model, [*alike, alike[0]])
        elif wrong == "closed":
            place = data.draw(st.integers(0, len(alike)))
            listed = [*alike[:place], self.closed_view(), *alike[place:]]
            same_combined(self.book, self.model, listed)
        same_combined(self.book, self.model, data.draw(st.permutations(alike)))

    @precondition(lambda self: self.views)
    @rule(data=st.data(), call=st.sampled_from(["changes", "changes", "read"]))
    def ask_view(self, data, call) -> None:
        got, want = data.draw(st.sampled_from(self.views))
        same(outcome(getattr(got, call), mvcore.Error), outcome(getattr(want, call)))

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def ask_view_what_if(self, data) -> None:
        got, want = data.draw(st.sampled_from(self.views))
        names = data.draw(st.sampled_from(SCENARIOS))
        scenario = self.scenario(data.draw, self.model, names)
        scenario = {name: given for name, given in scenario.items() if given}
        if scenario:  # a read without other prices is a plain read
            currency = want.query.currency
            self.same_scenario(data.draw, scenario, got.read, want.read, self.model, currency)

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def ask_several_views(self, data) -> None:
        """Read views in any order, rarely with a closed or repeated one."""
        chosen = some(data.draw, self.views)
        wrong = data.draw(st.sampled_from([None, None, None, "twice", "closed"]))
        if wrong == "twice":
            same_changes(self.book, self.model, chosen + chosen[:1])
        elif wrong == "closed":
            place = data.draw(st.sampled_from([0, len(chosen), len(chosen)]))
            same_changes(
                self.book, self.model, [*chosen[:place], self.closed_view(), *chosen[place:]]
            )
        same_changes(self.book, self.model, chosen)  # and an error consumes no changes

    def closed_view(self) -> tuple:
        pair = self.book.view(), self.model.view()
        for view in pair:
            view.close()
        return pair

    @precondition(lambda self: len(self.views) > 2)
    @rule(data=st.data())
    def close_view(self, data) -> None:
        got, _ = self.views.pop(data.draw(st.integers(0, len(self.views) - 1)))
        got.close()
        assert outcome(got.changes, mvcore.Error) == "ClosedError"

    # -- snapshots -------------------------------------------------------------------------------

    @precondition(lambda self: len(self.snapshots) < 4)
    @rule()
    def open_snapshot(self) -> None:
        self.snapshots.append((self.book.snapshot(), self.model.snapshot()))
        assert self.snapshots[-1][0].epoch == self.model.epoch

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def ask_snapshot(self, data) -> None:
        got, want = data.draw(st.sampled_from(self.snapshots))
        self.same_reads(data.draw, got, want)
        same_dump(got, want)

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data(), number=st.integers(0, 3))
    def close_snapshot(self, data, number) -> None:
        got, want = self.snapshots.pop(number % len(self.snapshots))
        same_dump(got, want)
        got.close()
        got.close()
        for call in (got.values, got.holdings, got.positions, got.orders, got.prices):
            assert outcome(call, mvcore.Error) == "ClosedError"
        for name in self.model.state.accounts:
            assert outcome(lambda name=name: got.value(name), mvcore.Error) == "ClosedError"
        for name in self.model.state.instruments:
            assert outcome(lambda name=name: got.revalue(name), mvcore.Error) == "ClosedError"

    def ask_all_readers(self) -> None:
        """Compare every reader that is left at the end."""
        kinds = {want.columns() for _, want in self.views}
        for kind in sorted(kinds, key=repr):
            same_combined(
                self.book, self.model, [pair for pair in self.views if pair[1].columns() == kind]
            )
        same_changes(self.book, self.model, self.views)
        for got, want in self.views:
            for call in ("changes", "read"):
                same(outcome(getattr(got, call), mvcore.Error), outcome(getattr(want, call)))
        for got, want in self.snapshots:
            same_dump(got, want)
