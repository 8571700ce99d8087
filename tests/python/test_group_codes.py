"""Groups and selections by attribute: against plain Python, and built once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mvcore
from mvcore.ingest.group_codes import grouped, indexed
from mvcore.query.grouping import Groups, _few_grouped

Table = dict[str, list[Any]]
LAST = 2**31
SOME_DESKS = [None, *(f"desk{k}" for k in range(9))]


def in_order(key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(LAST if v == -1 else v for v in key)


@pytest.mark.parametrize("rows", [0, 1, 7, 300])
@pytest.mark.parametrize("tops", [(1,), (5,), (10**6,), (3, 4), (2, 10**9), (10**9,) * 3, (2,) * 9])
def test_groups_are_the_distinct_combinations_in_order(rows: int, tops: tuple[int, ...]) -> None:
    rng = np.random.default_rng(rows)
    columns = [rng.integers(-1, top, rows).astype(np.int32) for top in tops]
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    for group in (grouped, _few_grouped):
        codes, labels = group(columns, rows)
        assert labels.shape == (len(tops), len(set(keys)))
        assert list(zip(*labels.tolist(), strict=True)) == sorted(set(keys), key=in_order)
        assert [tuple(labels[:, code].tolist()) for code in codes] == keys


def test_groups_keep_their_numbers() -> None:
    rng = np.random.default_rng(3)
    groups, number = Groups(), dict[tuple[int, ...], int]()
    for step in range(40):
        columns = [rng.integers(-1, 3 + step, 30).astype(np.int32) for _ in range(2)]
        part = grouped(columns, 30)
        numbers = groups.add(part.labels)
        found = part.codes if numbers is None else numbers[part.codes]
        keys = list(zip(*(column.tolist() for column in columns), strict=True))
        for key in sorted(set(keys), key=in_order):
            number.setdefault(key, len(number))
        assert found.tolist() == [number[key] for key in keys]
        assert list(zip(*groups.labels.tolist(), strict=True)) == list(number)
        ordered = [in_order(key) for key in number]
        assert groups.in_order == (ordered == sorted(ordered))


@pytest.mark.parametrize("labels", [1, 9, 200_000])
def test_the_index_of_labels_finds_the_rows(labels: int) -> None:
    ids = np.random.default_rng(labels).integers(-1, labels, 5_000).astype(np.int32)
    index = indexed(ids, labels)
    for wanted in ([-1], [0], [-1, 0], [*range(min(labels, 50))], [], ids[:20].tolist()):
        wanted = sorted(set(wanted))
        rows = np.flatnonzero(np.isin(ids, wanted)).tolist()
        assert index.of(wanted).tolist() == rows
        assert index.count(wanted) == len(rows)


# ---- built once ----


def accounts(count: int, start: int = 0) -> Table:
    every = range(start, start + count)
    return {
        "account": [f"A{k}" for k in every],
        "desk": [f"d{k % 7}" for k in every],
        "country": [None if k % 11 == 0 else f"c{k % 5}" for k in every],
    }


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": [f"I{k}" for k in range(90)],
            "currency": ["USD", "EUR", "JPY"] * 30,
            "sector": [f"s{k % 4}" for k in range(90)],
        },
        accounts=accounts(200),
        holdings={
            "account": [f"A{k}" for k in range(200)],
            "instrument": [f"I{k % 90}" for k in range(200)],
            "quantity": [*range(1, 201)],
        },
        prices={"instrument": [f"I{k}" for k in range(90)], "price": [1] * 90},
        fx={"currency": ["EUR", "JPY"], "rate": [1, 1]},
    )
    return book


@pytest.fixture
def built(book: mvcore.Book) -> Callable[[], tuple[int, int]]:
    """Returns how many group codes and indexes were built since the last call."""
    seen = [0, 0]

    def new() -> tuple[int, int]:
        stats = book.stats()
        now = [stats["group_builds"], stats["label_index_builds"]]
        out = now[0] - seen[0], now[1] - seen[1]
        seen[:] = now
        return out

    return new


def test_calls_views_and_snapshots_share_group_codes(book, built) -> None:
    assert built() == (0, 0)
    rows = list(book.values(by="desk"))
    assert built() == (1, 0)
    assert list(book.values(by="desk")) == rows
    assert list(book.view(by="desk").read()) == rows
    with book.snapshot() as state:
        assert list(state.values(by="desk")) == rows
    assert built() == (0, 0)
    book.values(by=("desk", "country"))
    book.values(by=("desk", "country"), rollup=True)
    assert built() == (1, 0)
    with book.snapshot() as state:
        state.values(by="sector")  # all accounts in one group, too
    book.values(by="sector")
    assert built() == (2, 0)
    book.tick("I1", 3)
    book.update(holdings={"account": ["A1"], "instrument": ["I1"], "quantity": [5]})
    book.values(by="sector")
    assert built() == (0, 0)


def test_a_change_of_one_attribute_keeps_the_others(book, built) -> None:
    book.values(by="desk"), book.values(by="country"), book.values(by="sector")
    built()
    book.update(accounts={"account": ["A3"], "desk": ["d9"]})
    assert "d9" in book.values(by="desk")["desk"]
    book.values(by="country"), book.values(by="sector")
    assert built() == (1, 0)
    book.update(accounts={"account": ["A3"], "desk": ["d9"]})  # as it is
    book.values(by="desk")
    assert built() == (0, 0)
    book.update(accounts=accounts(1, start=200))  # one account more
    book.values(by="desk"), book.values(by="sector")
    assert built() == (2, 0)  # desk, and all accounts in one group
    book.update(instruments={"instrument": ["I0"], "currency": ["EUR"]})
    book.values(by="currency"), book.values(by="sector")
    assert built() == (1, 0)


def test_selections_share_an_index(book, built) -> None:
    wanted = {"desk": "d1", "country": ["c1", None]}
    rows = list(book.holdings(accounts=wanted))
    assert built() == (0, 2)
    assert list(book.holdings(accounts=wanted)) == rows
    book.values(accounts=wanted, by="desk"), book.view(accounts=wanted).read()
    with book.snapshot() as state:
        state.values(accounts={"country": "c1"})
    assert built() == (0, 0)
    book.values(instruments={"currency": "EUR", "instrument": "I1"})
    assert built() == (0, 1)
    book.update(accounts={"account": ["A3"], "desk": ["d9"]})
    book.holdings(accounts=wanted)
    assert built() == (0, 1)


def test_the_number_of_stored_groupings_is_bounded(book) -> None:
    names = ("desk", "country", "sector", "currency")
    for a in names:
        for b in names:
            for c in names:
                book.values(by=tuple(dict.fromkeys((a, b, c))))
    masters = book._masters
    for cache in (masters.account_groups, masters.instrument_groups):
        assert len(cache._groups) <= 8


# ---- against plain Python, with changing master tables ----


class Model:
    """Master tables and holdings as dicts. Rows have the order of `mvcore.Book.values`."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, str | None]] = {}  # in the order of codes
        self.ids: dict[str, dict[str, int]] = {}  # label ids by attribute
        self.held: dict[str, int] = {}

    def update(self, table: Table) -> None:
        for row, name in enumerate(table["account"]):
            self.accounts.setdefault(name, {})
            for attribute in table.keys() - {"account"}:
                label = table[attribute][row]
                self.accounts[name][attribute] = label
                ids = self.ids.setdefault(attribute, {})
                if label is not None:
                    ids.setdefault(label, len(ids))

    def values(self, by: tuple[str, ...], wanted: dict[str, list[str | None]]) -> list[Any]:
        totals: dict[tuple[Any, ...], int] = {}
        for name, quantity in self.held.items():
            row = self.accounts[name]
            if all(row.get(attribute) in labels for attribute, labels in wanted.items()):
                key = tuple(row.get(attribute) for attribute in by)
                totals[key] = totals.get(key, 0) + quantity
        order = [self.ids[attribute] for attribute in by]

        def place(item: tuple[tuple[Any, ...], int]) -> list[int]:
            return [ids.get(v, LAST) for v, ids in zip(item[0], order, strict=True)]

        return sorted(totals.items(), key=place)


@pytest.mark.parametrize("seed", range(4))
def test_random_groups_and_selections_equal_a_model(seed: int) -> None:
    rng = random.Random(seed)
    book, model = mvcore.Book(value_scale=0), Model()
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        prices={"instrument": ["I"], "price": [1]},
    )
    groupings = [("desk",), ("desk", "country"), ("country", "desk"), ()]
    views: dict[tuple[str, ...], mvcore.View] = {}
    some_desks: dict[tuple[str, ...], mvcore.View] = {}  # the selection and `by` name a label
    for _ in range(25):
        names = [f"A{rng.randrange(150)}" for _ in range(rng.choice((3, 90)))]
        names = list(dict.fromkeys(names))
        table: Table = {"account": names}
        for attribute in ("desk", "country"):
            labels = [None, *(f"{attribute}{rng.randrange(30)}" for _ in range(5))]
            table[attribute] = [rng.choice(labels) for _ in names]
        book.update(
            accounts=table,
            holdings={
                "account": names,
                "instrument": ["I"] * len(names),
                "quantity": [2] * len(names),
            },
        )
        model.update(table)
        model.held |= dict.fromkeys(names, 2)
        for by in groupings:
            views.setdefault(by, book.view(by=by, measures="current"))
            view = book.view({"desk": SOME_DESKS}, by=by, measures="current", allow_empty=True)
            some_desks.setdefault(by, view)
            some = {
                attribute: [None, *rng.sample([*ids], min(len(ids), rng.choice((1, 4))))]
                for attribute, ids in model.ids.items()
                if rng.random() < 0.7
            }
            for wanted in ({}, some):
                frame = book.values(accounts=wanted, by=by, measures="current", allow_empty=True)
                assert values_of(frame, by) == model.values(by, wanted)
            rows = list(book.values(by=by, measures="current"))
            assert list(views[by].read()) == rows
            selected = model.values(by, {"desk": SOME_DESKS})
            assert values_of(some_desks[by].read(), by) == selected
            rolled = book.values(by=by, measures="current", rollup=True)
            assert [row for row in rolled if row["level"] == len(by)] == [
                {"level": len(by)} | row for row in rows
            ]
            assert sum(rolled["current"]) == (len(by) + 1) * sum(frame_total(rows))


def values_of(frame: mvcore.Frame, by: tuple[str, ...]) -> list[Any]:
    keys = list(zip(*(frame[name] for name in by), strict=True)) or [()] * len(frame)
    return list(zip(keys, frame["current"], strict=True))


def frame_total(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["current"] for row in rows]


def test_the_last_account_with_the_label_of_a_view_loses_it() -> None:
    book = mvcore.Book(value_scale=0)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A", "B"], "desk": ["d", None]},
        holdings={"account": ["A", "B"], "instrument": ["I", "I"], "quantity": [1, 7]},
        prices={"instrument": ["I"], "price": [1]},
    )
    other = book.view(by=())
    view = book.view({"desk": "d"}, by="desk", measures="current")
    assert view.changes()["current"] == [1] and len(other.changes()) == 1
    book.update(accounts={"account": ["A"], "desk": [None]})
    assert [frame.to_pylist() for frame in book.changes([view, other])] == [
        [{"desk": "d", "amount_currency": "USD", "current": 0, "unpriced": 0, "removed": True}], []
    ]  # fmt: skip
    assert len(view.read()) == 0 == len(book.values({"desk": "e"}, by="desk", allow_empty=True))
    book.update(accounts={"account": ["B"], "desk": ["d"]})
    assert view.changes()["current"] == [7]
