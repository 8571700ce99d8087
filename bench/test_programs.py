"""Runs the programs of this folder at tiny size. They check their answers, and make tables."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import brokerage
import brokerage_data
import brokerage_engines
import growth
import instructions
import sections
from dataset import SIZES, World
from growth_book import Effort


def cells(lines: list[str], first: str) -> list[str]:
    """The cells of the row with this first cell."""
    (line,) = (line for line in lines if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_section_is_rewritten_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("by hand\n<!-- one -->\nold\n<!-- end one -->\nby hand too\n")
    sections.write_section("one", "new\n\n| a |", page)
    wanted = "by hand\n<!-- one -->\n\nnew\n\n| a |\n\n<!-- end one -->\nby hand too\n"
    assert page.read_text() == wanted
    for wrong in ("none", "-- one"):
        with pytest.raises(ValueError, match="once, in this order"):
            sections.write_section(wrong, "text", page)
    page.write_text(wanted + wanted)
    with pytest.raises(ValueError, match="once, in this order"):
        sections.write_section("one", "text", page)
    assert page.read_text() == wanted + wanted


def test_the_page_has_the_sections_that_are_written() -> None:
    page = sections.PAGE.read_text()
    for name in ("bandwidth", "brokerage", "durable", "growth", "production"):
        assert page.count(f"<!-- {name} -->\n") == page.count(f"<!-- end {name} -->\n") == 1


def test_bandwidth_reports_bytes_and_shares_of_the_bus() -> None:
    pytest.importorskip("numba")
    import bandwidth
    import bandwidth_operations

    lines = bandwidth.report(SIZES["tiny"])
    row = cells(lines, "whole book by account, three measures")
    world = World(SIZES["tiny"].accounts, SIZES["tiny"].instruments)
    assert row[1] == f"{world.rows * 3 * 2 / 1e3:,.0f} KB"  # 16-bit columns
    assert row[7] == f"{bandwidth_operations.BUS:.0%}"
    assert all(cell.endswith("%") for cell in row[5:7])


def test_the_whole_book_is_read_by_each_number_of_threads() -> None:
    pytest.importorskip("numba")
    import whole_book

    lines = whole_book.report(SIZES["tiny"], [1, 2])
    for threads in ("1", "2"):
        assert len([line for line in lines if line.startswith(f"| {threads} |")]) == 2


def test_growth_reports_every_operation() -> None:
    """Every operation has a measured and a stated exponent.

    Small books say nothing about either.
    """
    start = growth.Shape(accounts=10, instruments=20, positions=100, views=2)
    starts = dict.fromkeys(("accounts", "instruments", "positions", "views"), start)
    starts["incremental"] = replace(start, incremental=1)
    lines, faster = growth.report(Effort(calls=20, rounds=2), starts, factor=2)
    rows = [line for line in lines if line.startswith("| tick |")]
    assert len(rows) == len(starts)
    assert all(set(said) == set(starts) for said in growth.stated().values())
    assert sum("| faster |" in line for line in lines) == len(faster)


def test_exponents_of_powers_are_exact() -> None:
    sizes = [shape.views for shape in growth.series("views", 4, 100, growth.START["views"])]
    assert sizes == [10, 46, 215, 1_000]
    assert growth.exponent(sizes, [3.0 * n**1.5 for n in sizes]) == pytest.approx(1.5)


@pytest.fixture
def production():
    pytest.importorskip("hdrh")
    import production

    return production


@pytest.fixture
def live(production):
    size = SIZES["tiny"]
    return production.Live(size.accounts, size.instruments)


def test_production_measures_every_role(production, live) -> None:
    """Two runs: the second begins with the book of the first."""
    plan = production.Plan(
        0.6, ticks=300, sessions=60, poll_every=0.05, firm=2, firm_every=0.1, board_every=0.15,
        snapshot_every=0.2,
    )  # fmt: skip
    for _ in range(2):
        found = production.run(live, plan)
        counts = {name: latency.get_total_count() for name, latency in found.latency.items()}
        assert counts == {
            "tick": 180, "order fact": 1_200, "batch of ticks": 4, production.POLL: 720,
            production.FIRM: 12, production.SNAPSHOT: 3,
        }  # fmt: skip
        assert found.checked >= 60 * 2 * 3  # the amounts of each session at the end
        assert found.rows > 0
    row = cells(production.report(found, plan), production.POLL)
    assert row[2] == "720"


def test_production_finds_a_wrong_row(production, live) -> None:
    live.ledger.prices += 1
    with pytest.raises(AssertionError):
        production.run(live, production.Plan(0.1, sessions=20))


def test_latency_counts_from_the_time_that_a_call_was_due(production) -> None:
    """Calls of 0.2 s are due every 0.05 s: nearly all wait for earlier ones."""
    import time

    from production_roles import Role

    role = Role("slow", 0.05, [lambda: time.sleep(0.2)], lambda *_: None, [1])
    role.begin(time.perf_counter_ns(), 0.5)
    role.join()
    assert role.failed is None
    assert role.latency.get_total_count() == 10
    assert role.alone.get_value_at_percentile(50) < 0.3e9
    assert role.latency.get_value_at_percentile(90) > 0.8e9
    assert role.given_up > 0


def test_a_ramp_ends_over_the_limit(production, live, monkeypatch) -> None:
    monkeypatch.setattr(production, "LIMIT", 1.0)  # ns
    plan = production.Plan(0.1, sessions=20, poll_every=0.02)
    for what in production.GROWS:
        rows = list(production.ramp(live, plan, what))
        assert [row[0] for row in rows] == [what]
        assert rows[-1][-1] == "over"


def test_durable_checks_every_opening(tmp_path: Path) -> None:
    """Each opening compares its book with NumPy's totals, and fails if any differs."""
    import durable
    from durable_writes import SYNCS

    effort = durable.EFFORTS["tiny"]
    lines = durable.measure(SIZES["tiny"], effort, tmp_path, lambda _: None)
    for row in ("full", "no checkpoint", "tick()"):
        assert cells(lines, row)
    for ids in ("integer", "text"):
        assert sum(line.startswith(f"| {ids} |") for line in lines) == 1 + len(durable.CACHES)
    assert sum(line.startswith(tuple(f"| {sync} |" for sync in SYNCS)) for line in lines) == 6
    assert cells(lines, "single facts")[1] == f"{effort.replay:,}"
    expected = tmp_path / "expected.json"
    totals = json.loads(expected.read_text())
    totals["accounts"][1][-1] += 1
    expected.write_text(json.dumps(totals))
    with pytest.raises(subprocess.CalledProcessError):
        durable.child("durable_opening.py", tmp_path / "integer", expected, "warm")


@pytest.fixture(scope="module")
def house() -> brokerage_data.House:
    return brokerage_data.House(brokerage_data.SIZES["tiny"])


def test_the_brokerage_house_has_its_size(house) -> None:
    """Each seed gives one house and one stream, and the stream has every kind of transaction."""
    assert sum(map(len, house.holdings.values())) == house.size.positions
    stream = list(brokerage_data.Market(house).transactions())
    again = brokerage_data.House(house.size)
    assert stream == list(brokerage_data.Market(again).transactions())
    assert len(stream) == house.size.transactions
    assert {transaction.kind for transaction in stream} == set(brokerage_data.MIX)
    feeds = [arguments for kind, arguments in stream if kind == "market-feed"]
    assert all(len(names) == brokerage_data.TICKS for names, _, _ in feeds)
    assert any(fills for _, _, fills in feeds)
    watches = [arguments for kind, arguments in stream if kind == "market-watch"]
    assert {holdings for _, holdings in watches} == {False, True}


def test_brokerage_compares_every_answer(house) -> None:
    found = brokerage.run(house)
    lines = brokerage.report(house, found)
    for kind in brokerage_data.MIX:
        assert cells(lines, kind)[1] != "0"
    for name in ("dicts", "mvcore", "SQLite"):
        assert int(cells(lines, name)[2].replace(",", "")) > 0
    answers = len(found) * house.size.transactions
    assert lines[-1] == f"{answers:,} answers compared with those of the dicts: 0 differences."


@pytest.mark.parametrize("method", ["security_detail", "state"])
@pytest.mark.parametrize("engine", [brokerage_engines.Mvcore, brokerage_engines.Sqlite])
def test_brokerage_finds_a_wrong_cent(house, engine, method: str, monkeypatch) -> None:
    right = getattr(engine, method)

    def wrong(*arguments: object) -> brokerage_engines.Answer:
        answer = brokerage.exact(right(*arguments))
        amounts = (answer.amounts[0] + Decimal("0.01"), *answer.amounts[1:])
        return answer._replace(amounts=amounts)

    monkeypatch.setattr(engine, method, wrong)
    with pytest.raises(AssertionError, match=engine.name):
        brokerage.run(house)


def test_a_stopped_reader_costs_copied_pages(live) -> None:
    import stopped_reader

    lines = stopped_reader.report(live, 0.05)
    assert int(cells(lines, "a snapshot held, a view unread")[6]) > 0  # pages copied


@pytest.mark.parametrize("operation", instructions.CALLS)
def test_counted_operations_give_the_right_values(operation: str) -> None:
    """Without Callgrind: the worker compares the book with NumPy."""
    instructions.worker(operation, 20)
