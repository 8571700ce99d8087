"""A view with a page finds its rows again among few candidates, at the cost of what moved."""

import random

import pytest

import mvcore

ACCOUNTS, INSTRUMENTS = 40, 60
ROWS = ACCOUNTS * INSTRUMENTS


def wide_book(seed: int) -> mvcore.Book:
    rng = random.Random(seed)
    pairs = [(f"A{a}", f"I{i}") for a in range(ACCOUNTS) for i in range(INSTRUMENTS)]
    book = mvcore.Book("USD", value_scale=2)
    book.load(
        instruments={
            "instrument": [f"I{i}" for i in range(INSTRUMENTS)],
            "currency": ["USD" if i % 3 else "EUR" for i in range(INSTRUMENTS)],
        },
        accounts={"account": [f"A{a}" for a in range(ACCOUNTS)]},
        holdings={
            "account": [a for a, _ in pairs],
            "instrument": [i for _, i in pairs],
            "quantity": [rng.choice([-5, 1, 2, 3, 900]) for _ in pairs],
        },
        prices={
            "instrument": [f"I{i}" for i in range(INSTRUMENTS)],
            "price": [rng.randint(1, 50) for _ in range(INSTRUMENTS)],
        },
        fx={"currency": ["EUR"], "rate": ["1.1"]},
    )
    return book


def step(book: mvcore.Book, rng: random.Random, number: int) -> None:
    kind = rng.random()
    if kind < 0.6:
        book.tick(f"I{rng.randrange(INSTRUMENTS)}", rng.choice([0, 1, 7, 20, 45, 60, 400]))
    elif kind < 0.9:
        book.order(
            f"O{rng.randrange(200)}", f"A{rng.randrange(ACCOUNTS)}",
            f"I{rng.randrange(INSTRUMENTS)}", rng.choice([-1000, 3, 1000]),
            filled_quantity=0, status=rng.choice(["new", "canceled"]),
        )  # fmt: skip
    elif kind < 0.95:
        account, instrument = f"A{rng.randrange(ACCOUNTS)}", f"I{rng.randrange(INSTRUMENTS)}"
        holding = {"account": [account], "instrument": [instrument]}
        book.update(holdings=holding | {"quantity": [rng.choice([0, 1, 10_000])]})
    elif kind < 0.97:
        book.update(fx={"currency": ["EUR"], "rate": [rng.choice(["0.9", "1.1", "1.2"])]})
    elif kind < 0.98:
        book.update(accounts={"account": [f"A{ACCOUNTS + number}"]})
    else:
        instruments = [f"I{i}" for i in range(INSTRUMENTS)]
        book.ticks(instruments, [rng.randint(1, 50) for _ in instruments])


QUERIES = [
    {"sort": "-expected", "limit": 3},
    {"sort": ["-abs(expected)", "account"], "limit": 2, "offset": 3},
    {"sort": "expected", "limit": 5, "where": [("expected", ">", 0)]},
    {"sort": "-expected", "limit": 4, "where": [("account", "=", "A7")]},
    {"sort": ["price", "-expected_quantity"], "limit": 4},
    {"sort": "unpriced", "limit": 3},  # nearly all rows are equal
    {"sort": "-sod", "limit": 2, "currency": "local"},
    {"where": [("expected", ">", 17_000)]},
]


@pytest.mark.parametrize("query", QUERIES, ids=[str(query) for query in QUERIES])
@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_kept_page_equals_the_page_of_all_rows(query, mode) -> None:
    rng = random.Random(5)
    book = wide_book(1)
    query = query | {"by": ("account", "instrument"), "measures": ("sod", "expected")}
    if "price" in query.get("sort", ""):
        query["measures"] += ("price", "expected_quantity")
    view, read = book.view(**query, mode=mode), book.view(**query, mode=mode)
    shown = {}
    for number in range(400):
        if rng.random() < 0.7:
            step(book, rng, number)
        want = book.values(**query).to_pylist()
        if rng.random() < 0.5:
            assert read.read().to_pylist() == want
        for row in view.changes():
            key = row["account"], row["instrument"], row["amount_currency"]
            removed = row.pop("removed")
            if removed:
                del shown[key]
            else:
                assert shown.get(key) != row
                shown[key] = row
        assert sorted(shown.items()) == sorted(
            ((row["account"], row["instrument"], row["amount_currency"]), row) for row in want
        )


def test_changes_of_a_page_cost_the_rows_that_moved_and_the_candidates() -> None:
    book = wide_book(2)
    view = book.view(by=("account", "instrument"), measures="current", sort="-current", limit=2)
    assert len(view.read()) == 2
    assert view.stats()["rows_computed"] == ROWS
    book.tick("I1", 51)
    view.changes()
    once = view.stats()
    assert once["rows_computed"] - ROWS <= 512 + ACCOUNTS
    assert len(view.read()) == 2
    assert view.stats()["rows_computed"] - once["rows_computed"] <= 512 + ACCOUNTS
    for i in range(INSTRUMENTS):  # no candidate is left above the bound
        book.tick(f"I{i}", "0.01")
        view.changes()
    assert view.stats()["rows_computed"] > 2 * ROWS
    assert (
        view.read().to_pylist()
        == book.values(
            by=("account", "instrument"), measures="current", sort="-current", limit=2
        ).to_pylist()
    )


def test_failed_reads_of_several_views_lose_no_row_that_left_the_page() -> None:
    count = 6_000
    names = [f"I{k:05d}" for k in range(count)]
    book = mvcore.Book(value_scale=2)
    book.load(
        instruments={"instrument": [*names, "Z"], "currency": ["USD"] * (count + 1)},
        accounts={"account": ["X", "Y"]},
        holdings={
            "account": ["X"] * count + ["Y"],
            "instrument": [*names, "Z"],
            "quantity": [1000 + count, *range(count - 1, 0, -1), "9" * 18],
        },
        prices={"instrument": [*names, "Z"], "price": [1] * (count + 1)},
    )
    view = book.view(["X"], names, by="instrument", measures="current", sort="-current", limit=1)
    large = book.view(["Y"], measures="current")
    assert view.changes()["instrument"] == [names[0]]
    large.read()
    risen = names[1:2501]
    book.update(
        prices={"instrument": ["Z"], "price": ["9" * 20]},
        holdings={
            "account": ["X"] * 2500, "instrument": risen,
            "quantity": [*range(100_000, 102_500)],
        },
    )  # fmt: skip
    for price in ("1.5", "1.25"):
        with pytest.raises(mvcore.ValueOverflow):
            book.changes([view, large])
        book.tick(names[-1], price)
    rows = [(row["instrument"], row["removed"]) for row in view.changes()]
    assert rows == [(names[0], True), (risen[-1], False)]
    book.update(holdings={"account": ["X"] * 2500, "instrument": risen, "quantity": [1] * 2500})
    rows = [(row["instrument"], row["removed"]) for row in view.changes()]
    assert rows == [(names[0], False), (risen[-1], True)]
