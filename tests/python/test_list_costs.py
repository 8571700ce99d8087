"""Holdings and orders of a few accounts or instruments cost their rows, not the book's."""

import numpy as np
import pytest

import mvcore

ACCOUNTS, INSTRUMENTS, HELD, ORDERS = 2_000, 400, 5, 3


def instrument_of(account, slot):
    return (account * 7 + slot * 83) % INSTRUMENTS


@pytest.fixture(scope="module")
def wide():
    """Accounts of 5 positions each. Those with an even number have an order on 3 of them."""
    accounts = [f"A{k}" for k in range(ACCOUNTS)]
    instruments = [f"I{k}" for k in range(INSTRUMENTS)]
    who, slot = np.repeat(np.arange(ACCOUNTS), HELD), np.tile(np.arange(HELD), ACCOUNTS)
    what = instrument_of(who, slot)
    ordered = (who % 2 == 0) & (slot < ORDERS)
    book = mvcore.Book(value_scale=4)
    book.load(
        instruments={
            "instrument": instruments,
            "currency": [("USD", "EUR", "JPY")[k % 3] for k in range(INSTRUMENTS)],
            "sector": [f"s{k % 40}" for k in range(INSTRUMENTS)],
        },
        accounts={"account": accounts, "desk": [f"d{k % 50}" for k in range(ACCOUNTS)]},
        holdings={
            "account": np.array(accounts)[who],
            "instrument": np.array(instruments)[what],
            "quantity": who % 89 + 1,
        },
        orders={
            "order": np.flatnonzero(ordered) + 100,
            "account": np.array(accounts)[who[ordered]],
            "instrument": np.array(instruments)[what[ordered]],
            "order_quantity": np.full(ordered.sum(), 10),
            "filled_quantity": np.flatnonzero(ordered) % 10,
        },
        prices={"instrument": instruments[1:], "price": 1 + np.arange(INSTRUMENTS - 1) % 50},
        fx={"currency": ["EUR"], "rate": ["1.083"]},
    )
    book.value("A0")  # builds the by-account index
    return book


def rows_of(frame) -> list[tuple]:
    return list(zip(*(frame[name] for name in frame.column_names), strict=True))


def visited(book, call: str, **wanted) -> int:
    before = book.stats()["cells_swept"]
    getattr(book, call)(**wanted)
    return book.stats()["cells_swept"] - before


def names(letter: str, *codes: int) -> list[str]:
    return [f"{letter}{code}" for code in codes]


def of_instrument(rows: list[tuple], *wanted: str) -> int:
    return sum(row[-1] in wanted for row in rows)


def pairs(book, call: str) -> list[tuple]:
    frame = getattr(book, call)()
    return list(zip(frame["account"], frame["instrument"], strict=True))


SELECTIONS = [
    {"accounts": "A6"},
    {"accounts": names("A", 1_998, 6, 6, 7)},
    {"accounts": names("A", *range(0, ACCOUNTS, 3))},
    {"accounts": []},
    {"instruments": "I3"},
    {"instruments": names("I", *range(INSTRUMENTS - 1))},
    {"instruments": []},
    {"accounts": names("A", 6, 8), "instruments": names("I", *range(0, INSTRUMENTS, 2))},
    {"accounts": {"desk": ["d2", "d4"]}, "instruments": {"sector": ["s2", "s14"]}},
]


@pytest.mark.parametrize("call", ["holdings", "orders"])
@pytest.mark.parametrize("wanted", SELECTIONS)
@pytest.mark.parametrize("of", ["book", "snapshot"])
def test_a_selection_is_the_rows_selected(wide, call, wanted, of) -> None:
    accounts, instruments = wanted.get("accounts"), wanted.get("instruments")
    if isinstance(accounts, dict):
        accounts = [f"A{k}" for k in range(ACCOUNTS) if f"d{k % 50}" in accounts["desk"]]
        instruments = [f"I{k}" for k in range(INSTRUMENTS) if f"s{k % 40}" in instruments["sector"]]
    accounts = [accounts] if isinstance(accounts, str) else accounts
    instruments = [instruments] if isinstance(instruments, str) else instruments
    whole = getattr(wide, call)()
    keys = zip(whole["account"], whole["instrument"], strict=True)
    with wide.snapshot() as now:
        frame = getattr(wide if of == "book" else now, call)(**wanted)
    assert rows_of(frame) == [
        row
        for row, (account, instrument) in zip(rows_of(whole), keys, strict=True)
        if (accounts is None or account in accounts)
        and (instruments is None or instrument in instruments)
    ]


def test_holdings_visit_the_positions_selected(wide) -> None:
    assert visited(wide, "holdings", accounts="A6") == HELD
    assert visited(wide, "holdings", accounts=names("A", 6, 7, 1_999)) == 3 * HELD
    held = of_instrument(pairs(wide, "holdings"), "I3")
    assert visited(wide, "holdings", instruments="I3") == held < ACCOUNTS / 10
    assert visited(wide, "holdings", accounts=[]) == visited(wide, "holdings", instruments=[]) == 0
    assert visited(wide, "holdings") == HELD * ACCOUNTS


def test_orders_visit_those_of_the_instruments_held(wide) -> None:
    ordered = pairs(wide, "orders")
    assert len(ordered) == ORDERS * ACCOUNTS / 2
    held = [f"I{instrument_of(6, slot)}" for slot in range(HELD)]
    # The search may stop before the last instrument: it has found the orders of the account.
    most, least = of_instrument(ordered, *held), of_instrument(ordered, *held[:ORDERS])
    assert HELD + least <= visited(wide, "orders", accounts="A6") <= HELD + most < len(ordered) / 20
    assert visited(wide, "orders", accounts="A7") == 0  # it has no orders
    assert visited(wide, "orders", accounts=names("A", *range(1, ACCOUNTS, 2))) == 0
    assert visited(wide, "orders", accounts=[]) == visited(wide, "orders", instruments=[]) == 0
    of_two = of_instrument(ordered, "I3", "I11")
    assert visited(wide, "orders", instruments=["I11", "I3"]) == of_two
    # The instruments named have as many orders as these accounts have positions.
    assert visited(wide, "orders", accounts=names("A", *range(40)), instruments="I3") == (
        of_instrument(ordered, "I3")
    )
    assert visited(wide, "orders") == len(ordered)
    assert visited(wide, "orders", accounts=names("A", *range(ACCOUNTS))) == len(ordered)


def test_an_order_without_a_position_is_found(wide) -> None:
    """It is canceled, or another order offsets it. The search covers all instruments then."""
    size = len(wide.orders())
    last, first = f"I{INSTRUMENTS - 1}", "I0"
    wide.order(1, "A9", last, 5, status="canceled")
    wide.order(2, "A11", last, 5)
    wide.order(3, "A11", last, -5)
    wide.order(4, "A13", first, 5, status="canceled")
    try:
        assert wide.orders("A9")["order"] == [1]
        assert wide.orders("A11")["order"] == [2, 3]
        assert wide.orders(["A13", "A11", "A9"])["order"] == [1, 2, 3, 4]
        assert wide.orders("A9", "I1")["order"] == []
        assert size < visited(wide, "orders", accounts="A9") <= HELD + size + 4
        held = [f"I{instrument_of(13, slot)}" for slot in range(HELD)]
        most = of_instrument(pairs(wide, "orders"), first, *held)
        assert visited(wide, "orders", accounts="A13") <= HELD + most < size / 10
    finally:
        wide.remove(orders=[1, 2, 3, 4])


def test_a_read_of_few_accounts_copies_no_pages(wide) -> None:
    """It reads under the lock: a write beside it finds no page shared."""
    before = wide.stats()["pages_copied"]
    frames = wide.orders("A6"), wide.holdings("A6"), wide.orders(instruments="I3")
    wide.tick("I3", 3)
    wide.order(100, "A0", "I0", 11, 0)
    wide.update(holdings={"account": ["A0"], "instrument": ["I0"], "quantity": [1]})
    assert wide.stats()["pages_copied"] == before
    assert [len(frame) > 0 for frame in frames] == [True, True, True]


def test_the_index_is_built_for_accounts_only() -> None:
    book = mvcore.Book()
    count = 5_000  # more orders than a read visits under the lock
    book.load(
        instruments={"instrument": ["I", "J"], "currency": ["USD", "USD"]},
        accounts={"account": ["A", "B", "C"]},
        holdings={"account": ["A", "B"], "instrument": ["I", "J"], "quantity": [1, 2]},
        orders={
            "order": np.arange(count),
            "account": ["A"] * (count - 1) + ["B"],
            "instrument": ["I"] * (count - 1) + ["J"],
            "order_quantity": np.full(count, 2),
        },
    )
    assert len(book.orders(instruments="J")) == 1
    assert len(book.orders()) == count
    assert len(book.orders("C")) == 0
    assert len(book.holdings(instruments="J")) == 1
    assert book.stats()["index_builds"] == 0
    assert book.orders("B")["order"] == [count - 1]
    assert book.stats()["index_builds"] == 1
    assert visited(book, "orders", accounts="B") == 2
