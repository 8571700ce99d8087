"""Small tables of plain Python values: the fast path and the general path give the same results and
the same errors."""

import datetime as dt
import logging
import random
from decimal import Decimal as D
from types import MappingProxyType

import numpy as np
import pytest

import mvcore
from mvcore.errors import shown

ROWS = 64  # the most rows of a small table
ACCOUNTS = [f"A{k}" for k in range(6)]
INSTRUMENTS = [f"I{k}" for k in range(8)]
STATUSES = ["new", "partially_filled", "filled", "canceled", "2", "Filled", None]
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SECONDS = int(NOW.timestamp())
DAY = 86_400 * 10**9  # nanoseconds: `max_future` of the books
ARGUMENTS = ("holdings", "orders", "prices", "fx")


class Text(str):
    pass


class Int(int):
    def __repr__(self) -> str:
        return "an Int"


class Number(D):
    pass


# Values that the fast path takes, and others that are wrong or that the general path must read.
PLAIN = {
    "account": ACCOUNTS,
    "instrument": INSTRUMENTS,
    "currency": ["USD", "EUR", "GBP"],
    "quantity": [0, 5, -7, 2.5, "1.25", "1e3", D("0.001"), D("1E+2"), 10**15, 10**18, 0.1],
    "price": [1, 12.34, "99.5", D("0.0001"), 1e5, "-3", 0, "9223372036.854775808"],
    "rate": [1.1, "0.9", D("1.25"), 2],
    "method": ["multiply", "divide", None],
    "order_quantity": [10, 20.5, "100", D(7)],
    "filled_quantity": [0, 1, "2.5", D("0.25"), None],
    "rolled_quantity": [0, None],
    "average_price": [None, 10, "9.75", 12.125],
    "status": STATUSES,
    "time": [None, SECONDS * 10**9, (SECONDS - 7) * 10**9, NOW, NOW.isoformat(), NOW.date()],
}
ODD_TEXTS = ["", "X", "\ud800", None, 5, Text("A1"), b"A1", "A1\0", "é", "a" * 2000]
ODD_NUMBERS = [
    *(None, True, "abc", "", float("nan"), float("inf"), D("NaN"), D("-Infinity"), Int(3)),
    *(10**30, 2**63, "1e-19", 1e-19, np.float64(2.5), np.int64(3), np.float32(0.1), Number(4)),
    *(Text("5"), 1j, [1], "\ud800", "٣", 10**5000, np.datetime64("2024-01-01")),
]
ODD = {
    **dict.fromkeys(("account", "instrument", "currency", "method", "status"), ODD_TEXTS),
    "time": [
        *(1, -1, 2**63, True, SECONDS, (SECONDS + 10**6) * 10**9, "yesterday", 1.5, Int(SECONDS)),
        *(NOW + dt.timedelta(days=2), np.datetime64(NOW.replace(tzinfo=None)), np.int64(7), ""),
    ],
    "order": [*ODD_TEXTS, 2**63, -(2**63), True, 1.5, Int(1), np.int64(2)],
}
COLUMNS = {
    "holdings": ["account", "instrument", "quantity"],
    "orders": [
        *("order", "account", "instrument", "order_quantity", "filled_quantity", "status"),
        *("average_price", "time", "rolled_quantity"),
    ],
    "prices": ["instrument", "price", "time"],
    "fx": ["currency", "rate", "method", "time"],
}
KEYS = {"holdings": ("account", "instrument"), "prices": ("instrument",), "fx": ("currency",)}


def new_book(cash=None) -> mvcore.Book:
    book = mvcore.Book(cash=cash)
    book.load(
        instruments={
            "instrument": [*INSTRUMENTS, "USD", "EUR"],
            "currency": ["USD"] * 5 + ["EUR"] * 2 + ["JPY", "USD", "EUR"],
            "cash": [False] * 8 + [True] * 2,
        },
        accounts={"account": ACCOUNTS},
        holdings={"account": ["A0"], "instrument": ["I0"], "quantity": [10]},
        prices={"instrument": INSTRUMENTS[:6], "price": [10.5] * 6},
        fx={"currency": ["EUR"], "rate": [1.1]},
    )
    return book


def state(book: mvcore.Book) -> dict:
    tables = {
        "holdings": book.holdings(),
        "orders": book.orders(),
        "prices": book.prices(),
        "fx": book.fx(),
        "values": book.values(),
    }
    counted = ("ticks", "facts", "late_prices", "late_orders", "late_fx", "unchanged_orders")
    stats = book.stats()
    return {name: table.to_pylist() for name, table in tables.items()} | {
        name: stats[name] for name in (*counted, "skipped_prices", "epoch", "positions")
    }


def outcome(call, *values, **options) -> tuple:
    """What a write returned, or all facts of its error."""
    try:
        written = call(*values, **options)
    except mvcore.Error as e:
        value = e.value if type(e.value) in (list, dict) else shown(e.value)
        return type(e), e.table, e.column, e.row, type(e.value), value, e.reason, str(e), e.args
    assert type(written) is mvcore.Written
    return int(written), {name: count for name, count in vars(written).items() if count}


def general(table):
    """The same table, as a type that the fast path leaves to the general one."""
    return MappingProxyType(table) if type(table) is dict else table


def random_table(draw: random.Random, name: str, odd: bool, ids: list) -> dict:
    rows = draw.choice([1, 1, 1, 2, 3, 8])
    columns = COLUMNS[name]
    if name == "orders" and draw.random() < 0.5:
        columns = ["order", *draw.sample(columns[1:], draw.randrange(0, len(columns)))]
    elif name in ("prices", "fx"):
        columns = columns[: draw.choice([2, len(columns)])]
    table = {c: [draw.choice(PLAIN[c] if c != "order" else ids) for _ in range(rows)]
             for c in columns}  # fmt: skip
    if name == "orders":
        table["order"] = draw.sample(ids, rows)
    elif rows <= len(PLAIN[KEYS[name][-1]]):  # usually without duplicates
        key = KEYS[name][-1]
        table[key] = draw.sample(PLAIN[key], rows)
    if not odd:
        return {c: tuple(v) if draw.random() < 0.3 else v for c, v in table.items()}
    spoilt = draw.choice(list(table))
    kind = draw.choice(["value"] * 6 + ["drop", "add", "length", "type", "empty", "long", "key"])
    if kind == "value":
        table[spoilt][draw.randrange(rows)] = draw.choice(ODD.get(spoilt, ODD_NUMBERS))
    elif kind == "drop":
        del table[spoilt]
    elif kind == "add":
        table[draw.choice(["colour", "time", "Quantity", ""])] = [None] * rows
    elif kind == "length":
        table[spoilt].append(table[spoilt][0])
    elif kind == "type":
        table[spoilt] = draw.choice(["text", 5, None, {"a": 1}, {1}, range(rows), iter([1])])
    elif kind == "empty":
        table = {c: [] for c in table}
    elif kind == "long":
        table = {c: v * (ROWS + 1) for c, v in table.items()}
    else:
        table[draw.choice([1, None, Text("price"), b"price"])] = table[spoilt]
    return table


def repeatable(table) -> bool:
    """Whether two calls can read the table."""
    return all(not hasattr(values, "__next__") for values in table.values())


@pytest.mark.parametrize("cash", [None, "from_fills"])
@pytest.mark.parametrize(
    "ids", [list(range(20)), [f"O{k}" for k in range(20)]], ids=["int", "text"]
)
@pytest.mark.parametrize("seed", range(4))
def test_updates_are_those_of_the_general_path(seed, ids, cash) -> None:
    draw = random.Random(f"{seed} {ids[0]} {cash}")
    fast, slow = new_book(cash), new_book(cash)
    views = [book.view(mode="incremental") for book in (fast, slow)]
    done = refused = 0
    for _ in range(400):
        odd = draw.random() < 0.35
        names = draw.sample(ARGUMENTS, draw.choice([1, 1, 2, 3]))
        spoilt = draw.choice(names)
        tables = {n: random_table(draw, n, odd and n == spoilt, ids) for n in names}
        if not all(map(repeatable, tables.values())):
            continue
        options = {"time_unit": "ns" if draw.random() < 0.9 else draw.choice(["s", "us", "day", 1])}
        options["unknown"] = draw.choice(["error"] * 6 + ["skip", "skip", "ignore", None])
        want = outcome(slow.update, **{n: general(t) for n, t in tables.items()}, **options)
        if draw.random() < 0.5:
            got = outcome(fast.update, **tables, **options)
        else:  # whether the fast path took it
            answer = fast._core.update_small(
                *map(tables.get, ARGUMENTS),
                options["unknown"],
                options["time_unit"],
                DAY,
            )
            done += answer is not None
            refused += answer is None
            if answer is None:
                got = outcome(fast.update, **tables, **options)
            else:
                epoch, dropped = (answer, {}) if type(answer) is int else answer
                got = epoch, dropped
        assert got == want
    assert state(fast) == state(slow)
    assert views[0].read().to_pylist() == views[1].read().to_pylist()
    assert done > 25 and refused > 15


@pytest.mark.parametrize("seed", range(6))
def test_ticks_are_those_of_the_general_path(seed) -> None:
    draw = random.Random(seed)
    fast, slow = new_book(), new_book()
    done = refused = 0
    for _ in range(400):
        rows = draw.choice([1, 2, 5, 20, ROWS])
        pool = draw.choice([INSTRUMENTS, list(range(8))])
        given = [
            [draw.choice(pool) for _ in range(rows)],
            [draw.choice(PLAIN["price"]) for _ in range(rows)],
            [draw.choice(PLAIN["time"]) for _ in range(rows)] if draw.random() < 0.4 else None,
        ]
        if draw.random() < 0.3:
            column, at = draw.choice([0, 1, 2]), draw.randrange(rows)
            if given[column] is not None:
                odd = ([*ODD_TEXTS, 99, -1, 2**40, True, np.int64(1)], ODD_NUMBERS, ODD["time"])
                given[column][at] = draw.choice(odd[column])
            if draw.random() < 0.2:
                given[draw.choice([0, 1])].append(1)
            elif draw.random() < 0.1:
                given = [None if values is None else values * ROWS for values in given]
        options = {"unknown": draw.choice(["error", "error", "skip", "never"])}
        options["time_unit"] = "ns" if draw.random() < 0.9 else draw.choice(["s", "weeks"])
        # the general path reads arrays of objects as it reads lists
        arrays = []
        for values in given:
            array = None if values is None else np.empty(len(values), object)
            if array is not None:
                array[:] = values
            arrays.append(array)
        want = outcome(slow.ticks, *arrays, **options)
        answer = None
        if draw.random() < 0.5:
            answer = fast._core.ticks_small(*given, *options.values(), DAY)
            done += answer is not None
            refused += answer is None
        if answer is None:
            got = outcome(fast.ticks, *given, **options)
        else:
            got = (answer, {}) if type(answer) is int else answer
        assert got == want
    assert state(fast) == state(slow)
    assert done > 25 and refused > 15


def test_a_durable_book_keeps_small_writes(tmp_path) -> None:
    with mvcore.open(tmp_path / "book") as book:
        book.load(
            instruments={"instrument": INSTRUMENTS, "currency": ["USD"] * 8},
            accounts={"account": ACCOUNTS},
            prices={"instrument": INSTRUMENTS, "price": [1.5] * 8},
        )
        order = {"order": [1], "account": ["A1"], "instrument": ["I1"], "order_quantity": [10]}
        holding = {"account": ["A1"], "instrument": ["I1"], "quantity": ["2.5"]}
        epoch = book.epoch
        assert book.update(holdings=holding, orders=order) == epoch + 1
        assert book.ticks(["I1", "I2"], ["3.25", 4]) == epoch + 2
        want = state(book)
    assert want["values"][0]["expected"] == D("40.625")
    with mvcore.open(tmp_path / "book") as book:
        assert state(book) | {"ticks": 0, "facts": 0} == want | {"ticks": 0, "facts": 0}


def test_small_writes_of_a_closed_book_are_refused() -> None:
    book = new_book()
    book.close()
    holding = {"account": ["A1"], "instrument": ["I1"], "quantity": [1]}
    for call in (lambda: book.update(holdings=holding), lambda: book.ticks(["I1"], [1])):
        with pytest.raises(mvcore.ClosedError):
            call()


def test_a_small_update_warns_of_a_missing_rate(caplog) -> None:
    book = new_book()
    with caplog.at_level(logging.WARNING, "mvcore"):
        book.update(holdings={"account": ["A1"], "instrument": ["I7"], "quantity": [1]})
    assert "currency 'JPY' has no rate" in caplog.text


def test_code_that_a_time_runs_does_not_change_what_is_written() -> None:
    """The fast path copies the lists first."""
    book = new_book()

    class Zone(dt.tzinfo):
        def utcoffset(self, _):
            prices["instrument"].clear()
            prices.clear()
            return dt.timedelta(0)

    prices = {
        "time": [dt.datetime(2024, 3, 1, tzinfo=Zone()), None],
        "instrument": ["I1", "I2"],
        "price": [20, 30],
    }
    given = dict(prices)
    assert type(book._core.update_small(None, None, given, None, "error", "ns", 0)) is int
    assert not prices and not given["instrument"]
    found = {row["instrument"]: row["price"] for row in book.prices()}
    assert (found["I1"], found["I2"]) == (20, 30)


def test_the_fast_path_ends_at_64_rows() -> None:
    book = new_book()
    for rows, fast in ((1, True), (ROWS, True), (ROWS + 1, False)):
        answer = book._core.ticks_small(["I1"] * rows, [2] * rows, None, "error", "ns", 0)
        assert (answer is not None) == fast
    assert book._core.update_small(None, None, None, None, "error", "ns", 0) is None
