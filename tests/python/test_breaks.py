"""`breaks` compares a custodian's table with the current quantities, like two dicts."""

from __future__ import annotations

import random
from decimal import Context, localcontext
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mvcore

Cells = dict[tuple[str, str], D]
COLUMNS = ["account", "instrument", "quantity_given", "quantity_held", "difference", "reason"]


@pytest.fixture
def book() -> mvcore.Book:
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["A", "B", "C"], "currency": ["USD"] * 3},
        accounts={"account": ["X", "Y"], "custodian": ["North", "South"]},
        holdings={
            "account": ["X", "X", "Y"], "instrument": ["B", "A", "A"],
            "quantity": ["0.000000000000000001", 10, -5],
        },
    )  # fmt: skip
    return book


def table(*rows: tuple[Any, Any, Any]) -> dict[str, list[Any]]:
    names = ("account", "instrument", "quantity")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def rows(frame: mvcore.Frame) -> list[tuple[Any, ...]]:
    assert frame.column_names == COLUMNS
    return list(zip(*(frame[name] for name in COLUMNS), strict=True))


def reads(book: mvcore.Book) -> list[Any]:
    return [book, book.snapshot()]


SAME = [("X", "B", D("1e-18")), ("X", "A", 10), ("Y", "A", -5)]


@pytest.mark.parametrize(
    "given",
    [
        table(*SAME), table(*reversed(SAME)), table(*SAME, ("Y", "C", 0)),
        table(("X", "A", "10.0"), ("X", "B", "1e-18"), ("Y", "A", "-5.00")),
    ],
)  # fmt: skip
def test_a_table_that_agrees_has_no_breaks(book, given) -> None:
    for state in reads(book):
        assert rows(state.breaks(given)) == []


def test_each_break_has_its_reason(book) -> None:
    given = table(
        ("Z", "A", 1), ("X", "A", D("9.5")), ("Y", "A", 0), ("Y", "B", 7), ("X", "Q", 0),
        ("Z", "Q", -2), ("Y", "C", 0),
    )  # fmt: skip
    expected = [
        ("X", "A", D("9.5"), D(10), D("0.5"), "quantity"),
        ("X", "B", None, D("1e-18"), D("1e-18"), "only_held"),
        ("Y", "A", D(0), D(-5), D(-5), "quantity"),
        ("Y", "B", D(7), None, D(-7), "only_given"),
        ("Z", "A", D(1), None, D(-1), "unknown_account"),
        ("X", "Q", D(0), None, D(0), "unknown_instrument"),
        ("Z", "Q", D(-2), None, D(2), "unknown_account"),
    ]
    for state in reads(book):
        assert rows(state.breaks(given)) == expected
    frame = book.breaks(given)
    assert frame.epoch == book.epoch
    assert frame.codes("account").tolist() == [0, 0, 1, 1, -1, 0, -1]
    assert frame.to_arrow()["account"].to_pylist() == [row[0] for row in expected]
    assert frame.to_arrow()["quantity_given"].to_pylist() == [row[2] for row in expected]


def test_breaks_compare_current_quantities(book) -> None:
    book.order("O", "Y", "C", 9, filled_quantity=4, status="partially_filled")
    book.order("P", "X", "C", 9)  # leaves are no quantity
    assert rows(book.breaks(table(*SAME))) == [("Y", "C", None, D(4), D(4), "only_held")]
    book.order("O", "Y", "C", 9, filled_quantity=0, status="canceled")
    assert rows(book.breaks(table(*SAME))) == []


def test_breaks_compare_only_selected_positions(book) -> None:
    north = {"custodian": "North"}
    assert rows(book.breaks(table(*SAME[:2]), accounts=north)) == []
    assert rows(book.breaks(table(*SAME, ("Y", "B", 0)), accounts=north)) == [
        ("Y", "A", D(-5), None, D(5), "not_selected")
    ]
    given = table(("X", "B", 1), ("X", "N", 2))
    assert rows(book.breaks(given, accounts="X", instruments="A")) == [
        ("X", "A", None, D(10), D(10), "only_held"),
        ("X", "B", D(1), None, D(-1), "not_selected"),
        ("X", "N", D(2), None, D(-2), "unknown_instrument"),
    ]
    assert len(book.breaks(table(), accounts={"custodian": "East"}, allow_empty=True)) == 0
    with pytest.raises(mvcore.InvalidInput, match="'East'"):
        book.breaks(table(), accounts={"custodian": "East"})
    with pytest.raises(mvcore.UnknownId, match="'Q'"):
        book.breaks(table(), accounts="Q")


def test_breaks_refuse_the_tables_that_load_refuses(book) -> None:
    before = book.epoch
    bad = [
        table(("X", "A", None)), table(("X", "A", "1,5")), table(("X", "A", float("nan"))),
        table((None, "A", 1)), table(("", "A", 1)), table((5, "A", 1)),
        table(("X", "A", 1), ("Y", "A", 1), ("X", "A", 1)), {"account": ["X"]}, 5,
        {"account": ["X"], "instrument": ["A"], "quantity": [1, 2]},
        {"account": ["X"], "instrument": ["A"], "quantity": [1], "desk": ["d"]},
        table(("X", "A", D("1e-19"))), table(("X", "A", 10**40)),
    ]  # fmt: skip
    for given in bad:
        errors = []
        for call in (lambda t: book.load(holdings=t), book.breaks, book.snapshot().breaks):
            with pytest.raises(mvcore.Error) as error:
                call(given)
            errors.append((type(error.value), str(error.value), error.value.row))
        assert errors[0][0] is errors[1][0], errors
        assert errors[0][2] == errors[1][2], errors
        assert errors[1] == errors[2]
    assert book.epoch == before
    book.close()
    with pytest.raises(mvcore.ClosedError):
        book.breaks(table())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_of_39_digits_is_refused(book, sign) -> None:
    pytest.importorskip("pyarrow")
    most, unit = D("99999999999999999999.999999999999999999"), D("0.000000000000000001")
    with localcontext(Context(prec=60)):
        book.load(holdings=table(("X", "A", sign * most)))
        for given in (0, 1, unit, most / 2, most / 3, -unit, -1, -5 * 10**19, -7 * 10**19, -most):
            quantity = (sign * D(given)).quantize(unit)
            difference = sign * most - quantity
            if abs(difference) >= 10**20:
                with pytest.raises(mvcore.ValueOverflow, match="row 0: the difference of"):
                    book.breaks(table(("X", "A", quantity)))
                continue
            frame = book.breaks(table(("X", "A", quantity)))
            assert frame["difference"] == [difference]
            assert frame.to_arrow()["difference"].to_pylist() == [difference]


def test_a_difference_that_does_not_fit_names_its_row(book, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    most = D(10**20 - 1)
    book.update(holdings=table(("X", "B", most), ("Y", "A", -most)))
    given = table(("X", "A", 9), ("Z", "Q", -most), ("Y", "A", 1), ("X", "B", -most), ("Y", "C", 1))
    path = tmp_path / "custodian.csv"
    lines = [f"{a},{i},{q}" for a, i, q in zip(*given.values(), strict=True)]
    path.write_text("\n".join(["account,instrument,quantity", *lines]))
    for state in reads(book):
        for same in (given, pa.table(given), mvcore.read(path, table="holdings")):
            with pytest.raises(mvcore.ValueOverflow) as caught:
                state.breaks(same)
            error = caught.value
            assert (error.table, error.column) == ("holdings", "quantity")
            assert error.row == 2  # the first of two in the table
            assert D(error.value) == 1
            assert error.reason == (
                f"the difference of ('Y', 'A'), -{most} held minus 1 given, has more than 20 "
                "digits before the point; correct this row or leave it out"
            )
    assert (error.file, error.line) == (str(path), 4)
    for row in (2, 2):  # all other rows have an answer once both are left out
        for values in given.values():
            del values[row]
    assert [tuple(row)[:2] for row in rows(book.breaks(given))] == [
        ("X", "A"), ("X", "B"), ("Y", "A"), ("Y", "C"), ("Z", "Q"),
    ]  # fmt: skip


def test_breaks_accept_tables_of_every_library(book, tmp_path: Path) -> None:
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    given = table(("X", "A", 9), ("Y", "N", 1))
    expected = rows(book.breaks(given))
    assert len(expected) == 4
    categories = pd.DataFrame(given).astype({"account": "category", "instrument": "string"})
    stream = pa.RecordBatchReader.from_batches(
        pa.table(given).schema, pa.table(given).to_batches(max_chunksize=1)
    )
    arrays = {name: np.array(values) for name, values in given.items()}
    for same in (pa.table(given), pd.DataFrame(given), categories, stream, arrays):
        assert rows(book.breaks(same)) == expected
    assert rows(book.breaks(book.holdings())) == []
    path = tmp_path / "custodian.csv"
    path.write_text("account,instrument,quantity\nX,A,9\nY,N,1\n")
    assert rows(book.breaks(mvcore.read(path, table="holdings"))) == expected
    path.write_text("account,instrument,quantity\nX,A,9\nY,N,one\n")
    with pytest.raises(mvcore.InvalidInput, match="line 3"):
        book.breaks(mvcore.read(path, table="holdings"))


@pytest.mark.parametrize("seed", range(5))
def test_breaks_of_random_tables_equal_those_of_dicts(seed: int) -> None:
    rng = random.Random(seed)
    accounts, instruments = [f"A{k}" for k in range(6)], [f"I{k}" for k in range(5)]
    book = mvcore.Book()
    book.load(
        instruments={"instrument": instruments, "currency": ["USD"] * 5},
        accounts={"account": accounts, "desk": [f"d{k % 2}" for k in range(6)]},
    )
    held: Cells = {}
    for _ in range(40):
        cell = rng.choice(accounts), rng.choice(instruments)
        held[cell] = D(rng.choice((0, 1, -3, "0.25", "-0.000000000000000001", 10**15)))
        book.update(holdings=table((*cell, held[cell])))
        given: Cells = {}
        for _ in range(rng.randrange(25)):
            key = rng.choice([*accounts, "?"]), rng.choice([*instruments, "??"])
            given[key] = held.get(key, D(0)) if rng.random() < 0.5 else D(rng.randrange(-3, 4))
        desk = rng.choice((None, "d0", "d1"))
        found = book.breaks(
            table(*((*key, quantity) for key, quantity in given.items())),
            accounts=None if desk is None else {"desk": desk},
        )
        chosen = [a for k, a in enumerate(accounts) if desk in (None, f"d{k % 2}")]
        assert rows(found) == model(held, given, accounts, instruments, chosen)


def model(
    held: Cells, given: Cells, accounts: list[str], instruments: list[str], chosen: list[str]
) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    for a in chosen:
        for i in instruments:
            mine, theirs = held.get((a, i), D(0)), given.get((a, i))
            if mine == (theirs or 0):
                continue
            reason = "only_held" if theirs is None else "quantity" if mine else "only_given"
            out.append((a, i, theirs, mine or None, mine - (theirs or 0), reason))
    for (a, i), theirs in given.items():
        reason = (
            "unknown_account" if a not in accounts
            else "unknown_instrument" if i not in instruments
            else "not_selected" if a not in chosen and theirs else ""
        )  # fmt: skip
        if reason:
            out.append((a, i, theirs, None, -theirs, reason))
    return out
