"""`book.changes(views, combined=True)`: the rows of all views in one frame."""

from __future__ import annotations

import json
import random
import threading
import time
from decimal import Decimal as D

import pytest

import mvcore
from state_machine_reads import same_json


def separate(book: mvcore.Book, views: list) -> list[dict]:
    frames = book.changes(views)
    return [{"view": k} | row for k, frame in enumerate(frames) for row in frame.to_pylist()]


ASKED = [
    {},
    {"by": ()},
    {"by": ("desk",), "currency": "local"},
    {"by": ("instrument", "account"), "measures": ["expected", "sod"]},
    {"by": ("sector", "account", "desk")},
    {"by": ("account", "sector", "currency"), "rollup": True},
    {"by": ("instrument",), "currency": "EUR"},
    {"by": ("currency", "desk"), "mode": "incremental"},
]


@pytest.fixture
def wide() -> mvcore.Book:
    """40 accounts with 12 instruments in three currencies, and labels that are missing."""
    book, rng = mvcore.Book(), random.Random(5)
    accounts, instruments = [f"A{k}" for k in range(40)], [f"I{k}" for k in range(12)]
    pairs = [(a, i) for a in accounts for i in instruments if rng.random() < 0.3]
    book.load(
        accounts={"account": accounts, "desk": [rng.choice(["d2", "d1", None]) for _ in accounts]},
        instruments={
            "instrument": instruments,
            "currency": [rng.choice(["USD", "EUR", "JPY"]) for _ in instruments],
            "sector": [rng.choice(["tech", "bank", None]) for _ in instruments],
        },
        fx={"currency": ["EUR", "JPY"], "rate": ["1.1", "0.007"]},
        prices={"instrument": instruments[2:], "price": [rng.randint(1, 99) for _ in range(10)]},
        holdings={
            "account": [a for a, _ in pairs],
            "instrument": [i for _, i in pairs],
            "quantity": [rng.randint(-9, 9) for _ in pairs],
        },
    )
    return book


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_rows_are_those_of_each_view(wide: mvcore.Book, asked: dict) -> None:
    """Two sets of the same views: one read together, one read one by one."""
    rng = random.Random(7)
    chosen = [rng.sample([f"A{k}" for k in range(40)], rng.choice([1, 2, 5])) for _ in range(25)]
    chosen += [None, []]
    combined, single = ([wide.view(accounts=a, **asked) for a in chosen] for _ in range(2))
    seen = set()
    writes = [
        lambda: None,
        lambda: wide.tick("I3", rng.randint(1, 99)),
        lambda: wide.order(rng.randint(1, 9), f"A{rng.randint(0, 39)}", "I4", rng.randint(0, 9)),
        lambda: wide.update(fx={"currency": ["JPY"], "rate": [D(rng.randint(1, 99)) / 1000]}),
        lambda: wide.update(
            accounts={"account": [f"A{rng.randint(0, 39)}"], "desk": [f"d{rng.randint(0, 9)}"]}
        ),
        lambda: wide.update(
            holdings={"account": ["A7"], "instrument": ["I3"], "quantity": [rng.randint(-1, 1)]}
        ),
        lambda: wide.update(instruments={"instrument": ["I5"], "sector": [rng.choice("xyz")]}),
    ]
    for write in [writes[0]] + [rng.choice(writes) for _ in range(60)]:
        write()
        want = separate(wide, single)
        frame = wide.changes(combined, combined=True)
        assert frame.to_pylist() == want
        assert [list(row) for row in frame.to_pylist()[:1]] == [list(row) for row in want[:1]]
        assert frame.epoch == wide.epoch
        same_json(frame)
        seen |= {row["view"] for row in want}
    assert len(seen) > 20


def test_views_in_several_currencies_may_be_combined(book: mvcore.Book) -> None:
    views = [book.view(accounts="A1", currency=name) for name in ("EUR", None)]
    frame = book.changes(views, combined=True)
    assert frame["amount_currency"] == ["EUR", "USD"]
    assert frame.column_names == [
        "view", "account", "amount_currency", "sod", "current", "expected", "unpriced", "removed"
    ]  # fmt: skip
    assert frame.to_numpy("view").dtype == "int64"


def test_views_with_pages_and_functions_may_be_combined(book: mvcore.Book) -> None:
    @mvcore.measure
    def doubled(quantity, price):  # type: ignore[no-untyped-def]
        return 2 * quantity * price

    for asked in (
        {"by": "instrument", "sort": "-current", "limit": 1},
        {"measures": ["current", doubled]},
    ):
        one, other = ([book.view(accounts=a, **asked) for a in ("A1", "A2", None)] for _ in "ab")
        for price in (1, 200, 200):
            book.tick("AAPL", price)
            assert book.changes(one, combined=True).to_pylist() == separate(book, other)


def test_no_views_have_no_rows(book: mvcore.Book) -> None:
    frame = book.changes([], combined=True)
    assert (len(frame), frame.column_names, frame.epoch) == (0, ["view"], book.epoch)
    views = [book.view(by=("account", "desk")), book.view(by=("account", "desk"), accounts=[])]
    book.changes(views, combined=True)
    nothing = book.changes(views, combined=True)
    assert len(nothing) == 0
    assert nothing.to_pylist() == nothing.json_rows() == []
    assert nothing.to_arrow().num_rows == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"by": "instrument"}, r"by \('instrument',\), and the view in row 0 \('account',\)"),
        ({"measures": "sod"}, r"measures \('sod',\), and the view in row 0 \('sod', 'current'"),
        ({"rollup": True}, "rollup True, and the view in row 0 False"),
        ({"currency": "local"}, "currency 'local', and the view in row 0 'one currency'"),
    ],
)
def test_views_with_other_columns_are_refused(book: mvcore.Book, asked: dict, told: str) -> None:
    views = [book.view(), book.view(accounts="A1"), book.view(**asked)]
    with pytest.raises(
        mvcore.InvalidInput, match=f"changes.views, row 2: the view has {told}"
    ) as e:
        book.changes(views, combined=True)
    assert (e.value.row, e.value.value) == (2, views[2])
    assert [len(frame) for frame in book.changes(views[:2])] == [2, 1]  # nothing was consumed


def test_the_same_column_of_two_sides_is_refused(book: mvcore.Book) -> None:
    """An attribute stays on the side where a view first found it."""
    views = [book.view(by="sector")]
    book.update(accounts={"account": ["A1"], "tier": ["t"]})
    views.append(book.view(by="tier"))
    book.load(
        accounts={"account": ["A1"]},
        instruments={"instrument": ["X"], "currency": ["USD"], "tier": ["t"]},
        holdings={"account": ["A1"], "instrument": ["X"], "quantity": [1]},
    )
    other = book.view(by="tier")
    book.update(accounts={"account": ["A1"], "tier": ["t"]})
    with pytest.raises(mvcore.InvalidInput, match=r"columns \('instrument.tier',\), and"):
        book.changes([views[1], other], combined=True)


@pytest.mark.parametrize("combined", [None, 1, "yes", [True]])
def test_combined_is_a_bool(book: mvcore.Book, combined: object) -> None:
    with pytest.raises(mvcore.InvalidInput, match=r"changes.combined: .* neither True nor False"):
        book.changes([book.view()], combined=combined)  # type: ignore[call-overload]


def test_refused_lists_consume_nothing(book: mvcore.Book) -> None:
    views, other, closed = [book.view(), book.view()], mvcore.Book().view(), book.view()
    closed.close()
    for wrong, error, told in (
        ([*views, other], mvcore.InvalidInput, "not a view of"),
        ([*views, views[0]], mvcore.InvalidInput, "twice"),
        ([*views, book], mvcore.InvalidInput, "not a view of"),
        ([*views, None], mvcore.InvalidInput, "not a view of"),
        (views[0], mvcore.InvalidInput, "not a list of views"),
        ([*views, closed], mvcore.ClosedError, "closed"),
    ):
        with pytest.raises(error, match=told):
            book.changes(wrong, combined=True)  # type: ignore[arg-type]
    assert book.changes(views, combined=True)["view"] == [0, 0, 1, 1]
    assert len(book.changes(iter(views), combined=True)) == 0  # type: ignore[call-overload]


def test_an_amount_that_does_not_fit_consumes_nothing() -> None:
    book = mvcore.Book(value_scale=20)
    book.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A", "B"]},
        prices={"instrument": ["I"], "price": [1]},
        holdings={"account": ["A", "B"], "instrument": ["I", "I"], "quantity": [1, 10**9]},
    )
    views = [book.view(accounts=name) for name in ("A", "B")]
    book.tick("I", 10**10)
    with pytest.raises(mvcore.ValueOverflow, match=r"values\.sod: account 'B'"):
        book.changes(views, combined=True)
    assert len(views[0].changes()) == 1
    book.tick("I", 2)
    assert book.changes(views, combined=True)["view"] == [0, 1]


def test_a_column_called_view_is_refused(book: mvcore.Book) -> None:
    book.update(accounts={"account": ["A1"], "view": ["sea"]})
    with pytest.raises(mvcore.InvalidInput, match="column 'view' of their own; expected another"):
        book.changes([book.view(by="view")], combined=True)
    frame = book.changes([book.view(by="account.view")], combined=True)
    assert frame["account.view"] == ["sea", None]


def test_labels_follow_the_master_tables(book: mvcore.Book) -> None:
    """Each view numbers its groups by itself."""
    views = [book.view(accounts=a, by=("desk", "sector")) for a in ("A2", "A1", None)]
    book.changes(views, combined=True)
    book.update(accounts={"account": ["A1", "A2"], "desk": ["new", "d1"]})
    frame = book.changes(views, combined=True)
    labels = {(v, d) for v, d, r in zip(frame["view"], frame["desk"], frame["removed"], strict=True)
              if not r}  # fmt: skip
    assert labels == {(0, "d1"), (1, "new"), (2, "d1"), (2, "new")}


def test_readers_and_writers_in_other_threads(wide: mvcore.Book) -> None:
    """Views read together and one by one, while masters and prices change."""
    views = [wide.view(accounts=[f"A{k}", f"A{k + 1}"], by=("account", "desk")) for k in range(30)]
    done = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for k in range(150):
                wide.tick("I3", k + 1)
                wide.update(accounts={"account": [f"A{k % 40}"], "desk": [f"d{k}"]})
        except BaseException as error:
            failed.append(error)
        done.set()

    def read(step: int) -> None:
        try:
            while not done.is_set():
                listed = views[::step]
                frame = wide.changes(listed, combined=True)
                for view, name in zip(frame["view"], frame["account"], strict=True):
                    k = views.index(listed[view])
                    assert name in (f"A{k}", f"A{k + 1}")
                views[0].read()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write)]
    threads += [threading.Thread(target=read, args=(step,)) for step in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for view in views:
        view.read()
    wide.tick("I3", 5000)
    assert wide.changes(views, combined=True).to_pylist() == [
        {"view": k} | row | {"removed": False}
        for k, view in enumerate(views)
        for row in wide.values(accounts=[f"A{k}", f"A{k + 1}"], by=("account", "desk")).to_pylist()
        if row["account"] in wide.holdings(instruments="I3")["account"]
    ]


# -- rows as JSON ---------------------------------------------------------------------------------

ODD = [
    'a "b"',
    "back\\slash",
    "tab\t",
    "\x01\x1f\x7f",
    "line\nfeed\r",
    "\b\f",
    "\u2028é€😀",
    "/",
    "null",
]


def test_odd_names_and_labels_are_escaped_as_by_json() -> None:
    book = mvcore.Book()
    names = [text for text in ODD if text.isprintable()]
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * len(names), "of": names},
        accounts={"account": names + [f"A{k}" for k in range(len(ODD))], "label": names + ODD},
        prices={"instrument": names, "price": [1] * len(names)},
        holdings={
            "account": names + [f"A{k}" for k in range(len(ODD))],
            "instrument": names + [names[0]] * len(ODD),
            "quantity": range(1, len(names) + len(ODD) + 1),
        },
    )
    for by in ("account", "instrument", "label", "of", ("account", "label", "of")):
        for frame in (
            book.values(by=by),
            book.changes([book.view(by=by)], combined=True),
            book.values(by=by)[1:],
        ):
            same_json(frame)
    same_json(book.positions())
    assert json.loads(book.values(by="label").json_rows(["label"])[0]) == [ODD[0]]


def test_huge_negative_and_null_numbers_are_written_with_every_digit() -> None:
    book = mvcore.Book(value_scale=20)
    book.load(
        instruments={"instrument": ["I", "J", "K"], "currency": ["USD"] * 3},
        accounts={"account": ["A", "B", "C"]},
        prices={"instrument": ["I", "J"], "price": ["-0.000000000000000001", "99999999.5"]},
        holdings={
            "account": ["A", "B", "C", "A"],
            "instrument": ["I", "J", "K", "J"],
            "quantity": ["0.01", "-9999999999", 5, 1],
        },
    )
    for frame in (
        book.values(),
        book.values(by="instrument", measures=["current_quantity", "price", "sod"], rollup=True),
        book.holdings(),
        book.positions(),
        book.prices().to_pylist() and book.values(currency="local"),
    ):
        same_json(frame)
    assert json.loads(book.values().json_rows(["account", "sod"])[0]) == [
        "A", "99999999.49999999999999999999"
    ]  # fmt: skip
    whole = mvcore.Book(value_scale=0)
    whole.load(
        instruments={"instrument": ["I"], "currency": ["USD"]},
        accounts={"account": ["A"]},
        prices={"instrument": ["I"], "price": ["-0.4"]},
        holdings={"account": ["A"], "instrument": ["I"], "quantity": [1]},
    )
    assert whole.values().json_rows() == ['["A", "USD", "0", "0", "0", 0]']


def test_rows_of_other_frames_are_json(book: mvcore.Book) -> None:
    @mvcore.measure
    def root(quantity):  # type: ignore[no-untyped-def]
        return quantity**0.5  # nan if negative

    book.tick("AAPL", "150.5", time=1_750_000_000_000_000_001, time_unit="ns")
    book.order("o1", "A1", "AAPL", 5)
    rows = [json.loads(line) for line in book.values(measures=root).json_rows()]
    floats = book.values(measures=root)["root"]
    assert [row[2] for row in rows] == [f if f == f else None for f in floats]
    times = [json.loads(line) for line in book.prices().json_rows(["instrument", "time"])]
    assert ["AAPL", "2025-06-15T15:06:40.000000001Z"] in times
    assert [json.loads(line)[0] for line in book.orders().json_rows()] == book.orders()["order"]
    assert [json.loads(line) for line in book.orders().json_rows(["status"])] == [["new"]]
    for frame in (book.revalue("AAPL"), book.accounts(), book.instruments(), book.fx()):
        assert len([json.loads(line) for line in frame.json_rows()]) == len(frame)


def test_json_rows_of_unknown_columns_are_refused(book: mvcore.Book) -> None:
    frame = book.values()
    assert frame.json_rows([]) == ["[]"] * len(frame)
    with pytest.raises(mvcore.InvalidInput, match="no column 'none'"):
        frame.json_rows(["none"])
    with pytest.raises(mvcore.InvalidInput, match="'account' is not a list of columns"):
        frame.json_rows("account")


def test_no_change_is_lost_that_comes_while_functions_of_another_view_run() -> None:
    """A read with functions runs them without locks. What is written meanwhile comes next."""

    @mvcore.measure
    def twice(quantity: float, price: float) -> float:
        return 2 * quantity * price

    names = [f"I{i}" for i in range(50)]
    accounts = [f"A{a}" for a in range(800)]
    book = mvcore.Book(base_currency="EUR", value_scale=2)
    book.load(
        accounts={"account": accounts},
        instruments={"instrument": names, "currency": ["EUR"] * len(names)},
        holdings={
            "account": [a for a in accounts for _ in names],
            "instrument": names * len(accounts),
            "quantity": [1] * (len(accounts) * len(names)),
        },
        prices={"instrument": names, "price": [1] * len(names)},
    )
    plain = book.view(by="instrument", measures="current", mode="incremental")
    views = [plain, book.view(by="instrument", measures=["current", twice])]
    held: dict[str, D] = {}

    def apply(frame: mvcore.Frame) -> None:
        held.update(zip(frame["instrument"], frame["current"], strict=True))

    dice = random.Random(8)
    for price in range(2, 250):
        book.tick("I0", price)
        reader = threading.Thread(target=lambda: apply(book.changes(views)[0]))
        reader.start()
        for _ in range(dice.randrange(3)):
            book.tick(names[dice.randrange(1, len(names))], price)
            time.sleep(0.0002)
        reader.join()
        apply(plain.changes())
        frame = book.values(by="instrument")
        assert held == dict(zip(frame["instrument"], frame["current"], strict=True))
