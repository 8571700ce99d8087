"""Pages of results: `where`, `sort`, `limit` and `offset` of `values` and views."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

import mvcore
from mvcore.results.page_keys import BOUND_MAX, scaled_bound
from reference_page import Page
from stored_books import label_accounts

NAMES = ["b", "a", "ä", "B", "a\U0001f4b6", "a\uff8e", "c"]
DESKS = ["d2", "d1", None, "d2", "d10", None, "d1"]
AMOUNTS = ["10", "-30", "20", "0.01", "-30", "30", "0"]


def book_of(**options: Any) -> mvcore.Book:
    """One account for each amount, which is the quantity of an instrument with price 1."""
    book = mvcore.Book("USD", 2, **options)
    book.load(
        instruments={
            "instrument": ["X", "Y", "Z"], "currency": ["USD", "EUR", "USD"],
            "sector": ["s1", "s2", "s1"],
        },
        accounts={"account": NAMES, "desk": DESKS},
        holdings={
            "account": [*NAMES, "b", "c"], "instrument": ["X"] * len(NAMES) + ["Y", "Z"],
            "quantity": [*AMOUNTS[:-1], "5", "0.5", "7"],
        },
        prices={"instrument": ["X", "Y"], "price": [1, 1]},
        fx={"currency": ["EUR"], "rate": ["1"]},
    )  # fmt: skip
    return book


@pytest.fixture
def book() -> mvcore.Book:
    return book_of()


def accounts(frame: mvcore.Frame) -> list[Any]:
    return frame["account"]


def amounts(frame: mvcore.Frame) -> dict[str, str]:
    return dict(zip(frame["account"], map(str, frame["current"]), strict=True))


def test_rows_are_sorted_by_amounts_and_texts(book: mvcore.Book) -> None:
    current = {"b": "10.50", "a": "-30.00", "ä": "20.00", "B": "0.01", "c": "5.00"}
    assert amounts(book.values()) | current == amounts(book.values())
    down = accounts(book.values(sort="-current"))
    assert down == ["a\uff8e", "ä", "b", "c", "B", "a", "a\U0001f4b6"]  # ties keep the row order
    up = accounts(book.values(sort="current"))
    assert up == ["a", "a\U0001f4b6", "B", "c", "b", "ä", "a\uff8e"]
    assert accounts(book.values(sort="-abs(current)"))[:3] == ["a", "a\U0001f4b6", "a\uff8e"]
    assert accounts(book.values(sort="account")) == sorted(NAMES)  # by code point, not by UTF-16
    assert accounts(book.values(sort=["-account"])) == sorted(NAMES, reverse=True)
    assert accounts(book.values(sort=("-abs(current)", "current")))[:2] == up[:2]
    assert accounts(book.values(sort="-unpriced"))[0] == "c"


def test_rows_without_a_label_come_last(book: mvcore.Book) -> None:
    by = ("desk", "account")
    assert book.values(by=by, sort="desk")["desk"] == ["d1", "d1", "d10", "d2", "d2", None, None]
    down = book.values(by=by, sort="-desk")
    assert down["desk"] == ["d2", "d2", "d10", "d1", "d1", None, None]
    assert down["account"] == ["b", "B", "a\U0001f4b6", "a", "c", "ä", "a\uff8e"]
    assert book.values(by=by, sort="-account")["account"] == sorted(NAMES, reverse=True)


def test_pages_are_parts_of_the_sorted_rows(book: mvcore.Book) -> None:
    for sort in (None, [], "-current", "account", ["desk", "-current"]):
        every = book.values(by=("desk", "account"), sort=sort).to_pylist()
        for limit in (None, 0, 1, 3, 7, 8, 2**80):
            for offset in (0, 1, np.int64(5), 7, 8, 2**70):
                end = None if limit is None else int(offset) + limit
                page = book.values(by=("desk", "account"), sort=sort, limit=limit, offset=offset)
                assert page.to_pylist() == every[int(offset) : end]
                assert page.epoch == book.epoch
                assert len(page["unpriced"]) == len(page) == len(page.to_arrow())


@pytest.mark.parametrize("value", [-30, -30.0, "-30", "-3e1", Decimal(-30), np.int8(-30)])
def test_conditions_take_every_kind_of_number(book: mvcore.Book, value: Any) -> None:
    assert accounts(book.values(where=[("current", "=", value)])) == ["a", "a\U0001f4b6"]
    assert len(book.values(where=[("current", "!=", value)])) == len(NAMES) - 2


def test_conditions_are_exact(book: mvcore.Book) -> None:
    def met(op: str, value: Any, column: str = "current") -> list[Any]:
        return accounts(book.values(where=[(column, op, value)], instruments="X"))

    assert met("=", 0.01) == met("==", "0.01") == ["B"]  # a float is its shortest text
    assert met("=", "0.0100000000000000000000000000000001") == []
    assert len(met("!=", "0.0100000000000000000000000000000001")) == 7
    tiny, huge = Decimal("1e-999999999"), "-9e999999999"
    assert met("<", Decimal("0.01") + Decimal("1e-27")) == ["a", "B", "a\U0001f4b6"]
    assert met("<=", "0.01") == ["a", "B", "a\U0001f4b6"] and met("<", 0.01) == met("<", 0)
    assert met(">", tiny) == ["b", "ä", "B", "a\uff8e", "c"] == met(">=", tiny) == met(">", 0)
    assert met("<", -tiny) == met("<=", -tiny) == ["a", "a\U0001f4b6"]
    assert len(met(">", huge)) == 7 and met("<", huge) == met("=", huge) == []
    assert len(met("<", 10**5000)) == 7
    assert met("=", 30, "abs(current)") == ["a", "a\U0001f4b6", "a\uff8e"]
    assert len(met(">", -1, "abs(current)")) == 7 and met("<=", -1, "abs(current)") == []
    assert met(">=", 20, "abs(current)") == ["a", "ä", "a\U0001f4b6", "a\uff8e"]


def test_conditions_at_the_bounds_of_integers_are_exact() -> None:
    for scale in (0, 2, 30):
        for text in ("0", "1", "-1", "0.005", "-0.005", "12.34", "1e37", "-1e45", "7e-40"):
            value = Decimal(text)
            for amount in (-(10**38) + 1, -1, 0, 1, 1234, 10**38 - 1):
                exact = Fraction(amount, 10**scale)
                for op, truth in {
                    "<": exact < value, "<=": exact <= value, "=": exact == value,
                    "!=": exact != value, ">=": exact >= value, ">": exact > value,
                }.items():  # fmt: skip
                    bound, other = scaled_bound(op, value, scale)
                    assert abs(bound) <= BOUND_MAX
                    assert truth == {
                        "<": amount < bound, "<=": amount <= bound, "=": amount == bound,
                        "!=": amount != bound, ">=": amount >= bound, ">": amount > bound,
                    }[other]  # fmt: skip


def test_conditions_compare_labels(book: mvcore.Book) -> None:
    by = ("account", "desk", "sector", "currency")
    rows = book.values(by=by, where=[("desk", "=", None)])
    assert rows["account"] == ["ä", "a\uff8e"]
    assert set(book.values(by=by, where=[("desk", "!=", "d2")])["desk"]) == {"d1", "d10", None}
    both = [("account", "=", "b"), ("currency", "!=", "EUR")]
    assert book.values(by=by, where=both)["sector"] == ["s1"]
    local = book.values(currency="local", where=[("amount_currency", "=", "EUR")])
    assert accounts(local) == ["b"]
    assert accounts(book.values(currency="local", sort=["amount_currency", "-current"]))[:2] == [
        "b", "a\uff8e",
    ]  # fmt: skip
    assert len(book.values(where=[("account", "=", "no")], allow_empty=True)) == 0
    assert len(book.values(where=[("account", "!=", "no")], allow_empty=True)) == len(NAMES)
    assert len(book.values(where=iter([("unpriced", ">", 0)]))) == 1


def test_snapshots_and_what_ifs_have_pages(book: mvcore.Book) -> None:
    with book.snapshot() as then:
        book.update(prices={"instrument": ["X"], "price": [-1]})
        assert accounts(then.values(sort="-current", limit=1)) == ["a\uff8e"]
        assert accounts(book.values(sort="-current", limit=1)) == ["a"]
        again = book.values(prices={"X": 1}, sort="-current", limit=2, offset=1)
        assert accounts(again) == ["ä", "b"]


def test_quantities_and_prices_sort_and_select(book: mvcore.Book) -> None:
    measures = ("price", "expected_quantity", "current", "sod_quantity")
    by = ("instrument", "account")

    def page(**page: Any) -> list[tuple[Any, ...]]:
        frame = book.values(by=by, measures=measures, **page)
        assert frame.column_names == [*by, "amount_currency", *measures, "unpriced"]
        rows = frame.to_pylist()
        every = book.values(by=by, measures=measures).to_pylist()
        assert all(row in every for row in rows)
        return [(row["instrument"], row["sod_quantity"]) for row in rows]

    book.update(prices={"instrument": ["X"], "price": ["0"]})
    assert page(sort="-sod_quantity", limit=2) == [("X", 30), ("X", 20)]
    assert page(sort="sod_quantity", limit=1, offset=2) == [("X", Decimal("0.01"))]
    assert page(sort=["-abs(expected_quantity)", "sod_quantity"], limit=3, offset=1) == [
        ("X", -30), ("X", 30), ("X", 20),
    ]  # fmt: skip
    last = ("Z", 7)  # has no price
    for sort in ("price", "-price", "abs(price)", "-abs(price)"):
        rows = page(sort=[sort, "account"])
        assert rows[-1] == last
        assert rows[0][0] == ("X" if sort[0] != "-" else "Y")
    assert page(where=[("price", "!=", 0)], sort="instrument") == [("Y", Decimal("0.5")), last]
    for op in ("=", "<", "<=", ">", ">="):
        assert last not in page(where=[("price", op, 1)]) + page(where=[("abs(price)", op, 0)])
    tiny = Decimal("1e-19")
    assert page(where=[("sod_quantity", "=", "0.01")]) == [("X", Decimal("0.01"))]
    assert page(where=[("sod_quantity", "=", Decimal("0.01") + tiny)]) == []
    assert page(where=[("sod_quantity", ">", 7 - tiny), ("sod_quantity", "<=", 7)]) == [last]
    assert page(where=[("abs(sod_quantity)", ">=", 30)]) == [("X", -30), ("X", -30), ("X", 30)]
    only = book.values(by=by, measures="sod_quantity", sort="-sod_quantity", limit=1)
    assert only.column_names == [*by, "amount_currency", "sod_quantity", "unpriced"]
    assert only["sod_quantity"] == [30]


WRONG: dict[str, tuple[dict[str, Any], tuple[Any, ...], str]] = {
    "column": ({"sort": "curent"}, (None, "sort", 0, "curent"), "did you mean 'current'"),
    "descending": ({"sort": ["current", "-acount"]}, (None, "sort", 1, "-acount"), "'acount'"),
    "abs of a text": (
        {"sort": "abs(account)"}, (None, "sort", 0, "abs(account)"), "no absolute value",
    ),
    "measure left out": (
        {"sort": "sod", "measures": "current"}, (None, "sort", 0, "sod"), "no column",
    ),
    "no price": ({"sort": "price"}, (None, "sort", 0, "price"), "no column 'price'"),
    "twice": ({"sort": ["current", "-current"]}, (None, "sort", 1, "-current"), "earlier"),
    "sort 1": ({"sort": 1}, (None, "sort", None, 1), "not a sequence"),
    "sort set": ({"sort": {"current"}}, (None, "sort", None, {"current"}), "not a sequence"),
    "sort None": ({"sort": [None]}, (None, "sort", 0, None), "not text"),
    "currency of all": (
        {"sort": "amount_currency"}, (None, "sort", 0, "amount_currency"), "no column",
    ),
    "limit": ({"limit": -1}, (None, "limit", None, -1), "negative"),
    "limit text": ({"limit": "5"}, (None, "limit", None, "5"), "integer"),
    "limit True": ({"limit": True}, (None, "limit", None, True), "integer"),
    "offset": ({"offset": 1.0}, (None, "offset", None, 1.0), "integer"),
    "offset None": ({"offset": None}, (None, "offset", None, None), "integer"),
    "where text": ({"where": "current > 5"}, (None, "where", None, "current > 5"), "list"),
    "one condition": (
        {"where": ("current", ">", 5)}, (None, "where", 0, "current"), "not a condition",
    ),
    "where column": (
        {"where": [("current", ">", 5), ("x", "=", 5)]}, (None, "where", 1, "x"), "no column 'x'",
    ),
    "operator": ({"where": [("current", "<>", 5)]}, (None, "where", 0, "<>"), "one of ="),
    "order of texts": ({"where": [("account", "<", "b")]}, (None, "where", 0, "<"), "= or !="),
    "no number": ({"where": [("current", ">", "ten")]}, (None, "where", 0, "ten"), "not a number"),
    "spaces": ({"where": [("current", ">", " 1")]}, (None, "where", 0, " 1"), "not a number"),
    "infinite": (
        {"where": [("current", "<", float("inf"))]}, (None, "where", 0, float("inf")), "number",
    ),
    "null": ({"where": [("current", "=", None)]}, (None, "where", 0, None), "a number: int"),
    "bool": ({"where": [("unpriced", "=", True)]}, (None, "where", 0, True), "a number: int"),
    "labels": ({"where": [("account", "=", ["b"])]}, (None, "where", 0, ["b"]), "is a list"),
    "no such label": (
        {"where": [("account", "=", "bb")]}, (None, "where", 0, "bb"),
        "where, row 0: no account has the label 'bb'; did you mean",
    ),
    "no such desk": (
        {"by": "account.desk", "where": [("current", ">", 0), ("account.desk", "!=", "d3")]},
        (None, "where", 1, "d3"), "where, row 1: no account has the label 'd3'",
    ),
    "no such currency": (
        {"by": "currency", "where": [("currency", "=", None), ("currency", "!=", "XXX")]},
        (None, "where", 1, "XXX"), "where, row 1: no instrument has the label 'XXX'",
    ),
    "no such local currency": (
        {"currency": "local", "where": [("amount_currency", "=", "XXX")]},
        (None, "where", 0, "XXX"), "where, row 0: no instrument has",
    ),
    "empty label": ({"where": [("account", "=", "")]}, (None, "where", 0, ""), "'' is empty"),
    "no Unicode": (
        {"where": [("current", ">", 1), ("account", "=", "\ud800")]},
        (None, "where", 1, "\ud800"), "is not valid Unicode",
    ),
    "roll-up": ({"sort": "current", "rollup": True}, (None, "sort", None, "current"), "roll-up"),
    "roll-up 0": ({"limit": 0, "rollup": True}, (None, "limit", None, 0), "rollup=False"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_pages_are_refused(book: mvcore.Book, name: str) -> None:
    query, wanted, says = WRONG[name]
    for call in (book.values, book.view):
        with pytest.raises(mvcore.InvalidInput) as caught:
            call(**query)
        error = caught.value
        assert (error.table, error.column, error.row, error.value) == wanted
        assert says in str(error)


def test_a_name_with_two_meanings_is_refused() -> None:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        holdings={"account": ["A"], "instrument": ["X"], "quantity": [1]},
    )
    label_accounts(book, {"-current": ["d"], "abs(sod)": ["e"]})  # as an old book has them
    by = ("-current", "abs(sod)")
    for name in by:
        with pytest.raises(mvcore.InvalidInput, match="several columns"):
            book.values(by=by, sort=name)
        assert len(book.values(by=by, measures="expected", sort=name)) == 1
    with pytest.raises(mvcore.InvalidInput, match="several columns"):
        book.values(by=by, where=[("abs(sod)", "=", "e")])


def test_an_amount_outside_the_page_that_does_not_fit_is_an_error() -> None:
    book = mvcore.Book("USD", 30)
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["A", "B"], "instrument": ["X", "X"], "quantity": [1, 10**9]},
        prices={"instrument": ["X"], "price": [1]},
    )
    with pytest.raises(mvcore.ValueOverflow, match="account 'B'"):
        book.values(sort="current", limit=1)


# ---- views ----


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_view_reports_rows_that_enter_and_leave_its_page(mode: Any) -> None:
    book = book_of()
    first = book.stats()["epoch"]
    with book.view(sort="-current", limit=2, mode=mode, instruments="X") as view:
        assert amounts(view.read()) == {"a\uff8e": "30.00", "ä": "20.00"}
        assert len(view.changes()) == 0
        book.update(holdings={"account": ["b"], "instrument": ["X"], "quantity": [25]})
        changes = view.changes()
        assert list(zip(*(changes[c] for c in ("account", "removed")), strict=True)) == [
            ("b", False), ("ä", True),
        ]  # fmt: skip
        assert amounts(changes) == {"b": "25.00", "ä": "0.00"}
        assert len(view.changes()) == 0
        book.update(holdings={"account": ["c"], "instrument": ["X"], "quantity": [24]})
        assert len(view.changes()) == 0  # it stays below the page
        book.update(holdings={"account": ["b"], "instrument": ["X"], "quantity": [31]})
        assert amounts(view.changes()) == {"b": "31.00"}  # one place up
        assert accounts(view.read()) == ["b", "a\uff8e"]
        book.tick("X", -1)
        assert accounts(view.read(prices={"X": 1})) == ["b", "a\uff8e"]
        [changes] = book.changes([view])
        removed = dict(zip(changes["account"], changes["removed"], strict=True))
        assert removed == {"a": False, "a\U0001f4b6": False, "b": True, "a\uff8e": True}
        assert view.stats()["memory"] > 0
    assert book.epoch == first + 4


def test_a_view_with_conditions_follows_labels(book: mvcore.Book) -> None:
    by = ("desk", "account")
    with book.view(by=by, where=[("desk", "=", "d1"), ("current", "<", 6)], sort="desk") as view:
        assert accounts(view.changes()) == ["a", "c"]
        book.update(accounts={"account": ["a", "b", "B"], "desk": ["d2", "d1", "d1"]})
        changes = view.changes()
        assert list(zip(*(changes[c] for c in ("account", "removed")), strict=True)) == [
            ("B", False), ("a", True),
        ] or set(zip(changes["account"], changes["removed"], strict=True)) == {
            ("B", False), ("a", True),
        }  # fmt: skip
        book.update(accounts={"account": ["B", "c"], "desk": [None, "d9"]})
        assert view.changes()["removed"] == [True, True]
        assert len(view.read()) == 0
        book.update(accounts={"account": ["new"], "desk": ["d1"]})
        book.update(holdings={"account": ["new"], "instrument": ["X"], "quantity": [1]})
        assert accounts(view.changes()) == ["new"]


def test_a_view_sorted_by_names_follows_new_names(book: mvcore.Book) -> None:
    with book.view(sort="account", limit=2) as view:
        assert accounts(view.read()) == ["B", "a"]
        book.update(
            accounts={"account": ["A"]},
            holdings={"account": ["A"], "instrument": ["X"], "quantity": [1]},
        )
        assert accounts(view.read()) == ["A", "B"]


def test_functions_sort_and_select() -> None:
    pytest.importorskip("numba")

    @mvcore.measure
    def root(quantity, price):  # type: ignore[no-untyped-def]
        return (quantity * price) ** 0.5  # nan if it is negative

    book = book_of()
    frame = book.values(measures=("current", root), sort="-root", instruments="X")
    assert accounts(frame)[:3] == ["a\uff8e", "ä", "b"]
    assert accounts(frame)[-2:] == ["a", "a\U0001f4b6"]  # nan comes last
    assert accounts(book.values(measures=root, sort="root", instruments="X"))[-2:] == [
        "a", "a\U0001f4b6",
    ]  # fmt: skip
    some = [("root", ">", "0.05"), ("abs(root)", "<=", 4)]
    page = book.values(measures=root, where=some, instruments="X", sort="root")
    assert accounts(page) == ["B", "c", "b"]
    assert len(book.values(measures=root, where=[("root", "!=", 0)], instruments="X")) == 7
    with book.view(measures=root, sort="-root", limit=1, instruments="X") as view:
        assert accounts(view.read()) == ["a\uff8e"]
        book.tick("X", -1)
        assert view.changes()["removed"] == [False, True]


def keyed(frame: mvcore.Frame, by: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[n] for n in (*by, "amount_currency")): row for row in frame.to_pylist()}


@pytest.mark.parametrize("seed", range(6))
def test_views_follow_random_pages(seed: int) -> None:
    """Rows enter, leave and move, and are compared with all rows, sorted and cut in Python."""
    random = Random(seed)
    names, listed = [f"A{k}" for k in range(20)], [f"I{k}" for k in range(6)]
    book = mvcore.Book("USD", 2)
    book.load(
        instruments={"instrument": listed, "currency": ["USD", "EUR"] * 3},
        accounts={"account": names, "desk": [f"d{k % 4}" for k in range(20)]},
        fx={"currency": ["EUR"], "rate": ["1.1"]},
    )
    views = []
    for _ in range(8):
        by = random.choice([("account",), ("desk",), ("instrument", "desk"), ("desk", "account")])
        currency = random.choice(["USD", "local"])
        columns = ["sod", "-current", "abs(current)", "-abs(sod)", "unpriced", *by]
        columns += ["-amount_currency"] if currency == "local" else []
        page = Page(
            random.choice([None, [("current", ">", -50)], [("abs(sod)", "<=", "99.5")]]),
            random.sample(columns, random.randint(0, 3)),
            random.choice([1, 3, 5, None]),
            random.choice([0, 0, 2]),
        )
        query = {"by": by, "currency": currency}
        mode = random.choice(["lazy", "incremental"])
        views.append((book.view(**query, **page._asdict(), mode=mode), query, page, {}))
    left = entered = 0
    for step in range(120):
        kind = random.randrange(10)
        account, instrument = random.choice(names), random.choice(listed)
        if kind < 4:
            book.tick(instrument, random.randint(-3, 9))
        elif kind < 8:
            row = [[account], [instrument], [random.choice([0, *range(-9, 30)])]]
            book.update(holdings=dict(zip(["account", "instrument", "quantity"], row, strict=True)))
        elif kind == 8:
            book.order(step, account, instrument, random.randint(1, 40), 1)
        else:
            book.update(accounts={"account": [account], "desk": [f"d{random.randrange(6)}"]})
        for view, query, page, seen in random.sample(views, 4):
            by = query["by"]
            wanted = page.of(keyed(book.values(**query), by))
            if random.random() < 0.3:
                assert list(keyed(view.read(), by).items()) == list(wanted.items())
            else:
                changes = keyed(view.changes(), by)
                gone = {key for key, row in changes.items() if row.pop("removed")}
                assert gone == seen.keys() - wanted.keys()
                assert {key: row for key, row in changes.items() if key not in gone} == {
                    key: row for key, row in wanted.items() if seen.get(key) != row
                }
                left, entered = left + len(gone), entered + len(wanted.keys() - seen.keys())
            seen.clear()
            seen.update(wanted)
    assert left > 20 and entered > 20


def test_a_number_with_very_many_digits_compares_exactly() -> None:
    """`where` may come from a client, so its cost must follow the length of its numbers."""
    book = mvcore.Book(value_scale=2)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        holdings={"account": ["A"], "instrument": ["I"], "quantity": [1]},
        prices={"instrument": ["I"], "price": [100]},
    )
    zeros = "0" * 3_000_000
    for text, equal, more, less in (
        (f"100.{zeros}", 1, 0, 0), (f"100.{zeros}1", 0, 0, 1), (f"99.9{zeros}", 0, 1, 0),
        (f"-100.{zeros}1", 0, 1, 0),
    ):  # fmt: skip
        rows = [
            len(book.values(where=[("current", op, given)]))
            for op in ("=", ">", "<") for given in (text, Decimal(text))
        ]  # fmt: skip
        assert rows == [equal, equal, more, more, less, less]
