"""Counted costs of operations: cells swept, pages copied, facts applied."""

import numpy as np
import pytest

import mvcore

ACCOUNTS, INSTRUMENTS = 600, 150


@pytest.fixture
def dense():
    """Every account holds every instrument, with one order on each position."""
    accounts = [f"A{k}" for k in range(ACCOUNTS)]
    instruments = [f"I{k}" for k in range(INSTRUMENTS)]
    who, what = np.tile(accounts, INSTRUMENTS), np.repeat(instruments, ACCOUNTS)
    book = mvcore.Book()
    book.load(
        instruments={
            "instrument": instruments,
            "currency": ["USD"] * INSTRUMENTS,
            "sector": [f"s{k % 7}" for k in range(INSTRUMENTS)],
        },
        accounts={"account": accounts, "desk": [f"d{k % 5}" for k in range(ACCOUNTS)]},
        holdings={"account": who, "instrument": what, "quantity": np.arange(len(who)) % 90 + 1},
        orders={
            "order": np.arange(len(who)),
            "account": who,
            "instrument": what,
            "order_quantity": np.full(len(who), 10),
            "filled_quantity": np.arange(len(who)) % 10,
        },
        prices={"instrument": instruments, "price": ["1.5"] * INSTRUMENTS},
    )
    return book


def test_a_tick_reads_no_cells_if_views_are_lazy(dense) -> None:
    views = [dense.view(), dense.view(accounts=["A1", "A2"]), dense.view(by=("desk", "sector"))]
    for view in views:
        view.read()
    before = [view.stats()["cells_swept"] for view in views]
    swept = dense.stats()["cells_swept"]
    for k in range(50):
        dense.tick("I3", f"1.{k}")
    assert [view.stats()["cells_swept"] for view in views] == before
    assert dense.stats()["cells_swept"] == swept


@pytest.mark.parametrize("moved", [1, 3, 16])
def test_changes_sweep_only_the_cells_of_moved_instruments(dense, moved) -> None:
    whole, two = dense.view(), dense.view(accounts=["A1", "A2"])
    for view in (whole, two):
        view.read()
    before = whole.stats()["cells_swept"], two.stats()["cells_swept"]
    for k in range(5):  # an instrument that moves often counts once
        dense.ticks([f"I{i}" for i in range(moved)], np.full(moved, 2.0 + k))
    assert len(whole.changes()) == ACCOUNTS
    assert len(two.changes()) == 2
    assert whole.stats()["cells_swept"] - before[0] == 3 * moved * ACCOUNTS
    assert two.stats()["cells_swept"] - before[1] == 2 * moved


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_view_of_groups_sweeps_each_line_once(dense, mode) -> None:
    """After the first sweep, a price costs one cell per group, a fact one cell per measure."""
    by = ("desk", "sector")
    view = dense.view(by=by, mode=mode)
    shown = {(row["desk"], row["sector"]): row for row in view.read().to_pylist()}

    def cells_of(write) -> int:
        before = view.stats()["cells_swept"]
        write()
        for row in view.changes().to_pylist():
            assert not row.pop("removed")
            shown[row["desk"], row["sector"]] = row
        assert [*shown.values()] == dense.values(by=by).to_pylist()
        return view.stats()["cells_swept"] - before

    assert cells_of(lambda: dense.tick("I3", "1.75")) == ACCOUNTS + 5
    assert cells_of(lambda: dense.tick("I3", "1.5")) == 5
    row = {"account": ["A1"], "instrument": ["I3"], "quantity": [500]}
    # one cell per measure, for one of 5 desks
    assert cells_of(lambda: dense.update(holdings=row)) == 3
    assert cells_of(lambda: dense.tick("I3", "1.25")) == 5
    assert cells_of(lambda: dense.tick("I10", "1.25")) == ACCOUNTS + 5  # s3, too
    assert view.stats()["rebuilds"] == 1


def test_a_fact_costs_one_cell_in_a_view_of_its_account(dense) -> None:
    watching, other = dense.view(accounts=["A1", "A2"]), dense.view(accounts=["A3", "A4"])
    for view in (watching, other):
        view.read()
    before = watching.stats()["cells_swept"], other.stats()["cells_swept"]
    for filled in range(7):
        dense.order(1, "A1", "I0", 10, filled)
    assert watching.changes()["account"] == ["A1"]
    assert len(other.changes()) == 0
    assert watching.stats()["cells_swept"] - before[0] == 7 * 3
    assert other.stats()["cells_swept"] == before[1]
    assert other.stats()["rebuilds"] == 1


def test_a_view_that_fell_behind_rebuilds_with_the_same_answer(dense) -> None:
    view, fresh = dense.view(accounts=["A1", "A2"]), dense.view(accounts=["A1", "A2"])
    view.read()
    rows = {"order": np.arange(ACCOUNTS * INSTRUMENTS)}
    for filled in (0, 3):  # more facts than the log keeps
        dense.update(orders=rows | {"filled_quantity": np.full(ACCOUNTS * INSTRUMENTS, filled)})
    got = view.changes().to_pylist()
    assert view.stats()["rebuilds"] == 2
    assert [{**row, "removed": False} for row in fresh.read().to_pylist()] == got


def test_only_views_that_use_a_changed_attribute_rebuild(dense) -> None:
    by_desk, by_account = dense.view(by="desk"), dense.view(accounts=["A1"])
    for view in (by_desk, by_account):
        view.read()
    dense.update(accounts={"account": ["A1"], "desk": ["d4"]})
    assert len(by_desk.changes()) == 2
    assert len(by_account.changes()) == 0
    assert by_desk.stats()["rebuilds"] == 2
    assert by_account.stats()["rebuilds"] == 1


def test_a_small_view_needs_little_memory(dense) -> None:
    view = dense.view(accounts=["A1", "A2"])
    view.read()
    assert view.stats()["memory"] < 64 * 1024


def test_a_snapshot_costs_one_copy_of_each_page_that_changes(dense) -> None:
    dense.value("A1")  # the index exists
    for k in range(10):
        dense.tick("I3", 2 + k)
    assert dense.stats()["pages_copied"] == 0
    with dense.snapshot():
        assert dense.stats()["pages_copied"] == 0
        for k in range(10):
            dense.tick("I3", 3 + k)
            dense.tick("I4", 3 + k)
        # Both quotes are in one page, and their rarely used fields are in another.
        assert dense.stats()["pages_copied"] == 2
        dense.order(1, "A1", "I0", 10, 3)
        once = dense.stats()["pages_copied"]
        for filled in range(9):
            dense.order(1, "A1", "I0", 10, filled)
        assert dense.stats()["pages_copied"] == once
    dense.tick("I140", 9)
    dense.order(1, "A1", "I0", 10, 1)
    assert dense.stats()["pages_copied"] == once  # no snapshot holds them any more


def test_the_parts_of_memory_add_up_to_the_total(dense) -> None:
    parts = dense.memory()
    assert sum(bytes for part, bytes in parts.items() if part != "total") == parts["total"]
    assert parts["orders"] >= 16 * ACCOUNTS * INSTRUMENTS


def test_prices_wider_than_64_bits_do_not_drop_the_index() -> None:
    names = [f"I{k}" for k in range(200)]
    book = mvcore.Book()
    book.load(
        instruments={"instrument": names, "currency": ["USD"] * 200},
        accounts={"account": ["A", "B"]},
        holdings={"account": ["A"] * 200, "instrument": names, "quantity": [3] * 200},
        prices={"instrument": names, "price": ["60123.123456789012345678"] * 200},
    )
    for k in range(20):
        book.tick(names[k], "60124.000000000000000001")
        book.value("A")
    assert book.stats()["index_builds"] == 1


def test_a_load_keeps_the_count_of_copied_pages(dense) -> None:
    with dense.snapshot():
        dense.tick("I3", 9)
        dense.order(1, "A1", "I0", 10, 3)
        before = dense.stats()["pages_copied"]
        position = {"account": ["A1"], "instrument": ["I0"]}
        dense.load(
            holdings=position | {"quantity": [1]},
            orders=position | {"order": [2], "order_quantity": [1]},
        )
    assert dense.stats()["pages_copied"] >= before > 0
