"""The demo, run as users run it at tiny size. It must report a wrong amount."""

import dataclasses
import gzip
import hashlib
import os
import re
import subprocess
import sys
import time
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mvcore.demo import generate, kept, live, proof, served, sizes, table

TINY = ("--accounts", "12", "--instruments", "9", "--seconds", "0.3")


def demo(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mvcore", "demo", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, **settings
    )


def test_the_proof_equals_the_published_amounts() -> None:
    done = demo("--proof-only")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1506 of 1506 days equal"


def test_a_tiny_demo_prints_its_measurements() -> None:
    done = demo(*TINY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1506 of 1506 days equal" in done.stdout
    assert "12 accounts x 9 instruments, 108 holdings, 216 orders\n" in done.stdout
    assert "83.3 ticks/s and 2,000 order facts/s for 0.3 s, 5 accounts watched:" in done.stdout
    assert re.search(r" 6[0-9]{2} order facts, [0-9.]+ us each; ", done.stdout)
    for line in ("the Flink job", "the hybrid", "measured here", "checkpoint", "recovery", "cost"):
        assert line in done.stdout
    assert len(re.findall(r"\b(?:PASS|FAIL)\b *│\n", done.stdout)) == 8
    assert done.stdout.count("│ coming") == 1
    assert re.search(r"│ checkpoint +│ 7 minutes +│ < 1 s +│ [0-9.]+ m?s for the ", done.stdout)
    assert re.search(r"│ recovery +│ 7 minutes, updates lost +│ - +│ [0-9.]+ m?s, ", done.stdout)
    assert re.search(r"│ 108 holdings, 216 orders, +│", done.stdout)
    assert re.search(r"│ one tick, 36 values +│ 295 ms, 15,000 values ", done.stdout)
    assert re.search(r"│ order facts, one by one +│ - +│ - +│ [0-9,]+ facts/s +│", done.stdout)
    assert "\nThis book has only 108 holdings and 216 orders, so PASS proves less.\n" in done.stdout
    assert "\nThis book in a browser, with moving prices: mvcore serve --demo\n" in done.stdout


@pytest.mark.parametrize(("accounts", "instruments"), [(1, 1), (3, 40), (40, 1)])
def test_the_demo_runs_at_any_size(
    accounts: int, instruments: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live.run(accounts, instruments, seconds=0.0) == 0
    assert "WRONG" not in capsys.readouterr().out


def test_the_demo_runs_without_orders(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sizes, "ORDER_BYTES", 10**15)
    assert live.run(3, 4, seconds=0.0) == 0
    out = capsys.readouterr().out
    assert "3 accounts x 4 instruments, 12 holdings, 0 orders" in out
    assert "2 orders each on 0 of the instruments: more do not fit into" in out
    assert "83.3 ticks/s for 0 s" in out
    assert "one tick, 3 values" in out


def test_the_demo_runs_in_memory_if_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sizes, "DISK_BYTES", 10**15)
    assert live.run(3, 4, seconds=0.0) == 0
    out = capsys.readouterr().out
    assert "  in memory, without a folder: /" in out
    rows = [line for line in out.splitlines() if line.startswith(("│ checkpoint", "│ recovery"))]
    assert len(rows) == 2
    assert all("not measured" in row for row in rows)
    assert "kept in a folder" not in out


def test_the_reopened_book_is_compared(tmp_path: Path) -> None:
    """The amounts are compared with those before, and with the facts."""
    book, facts, _ = generate.prepare(6, 5, 2, tmp_path)
    with book:
        bench = live.Bench(book, facts)
        written = kept.checkpoints(bench)
        assert 0 < written.changed_bytes < written.full_bytes
        ids = bench.fills(40)
        for report in bench.reports(ids):
            book.order(*report)
        bench.check_measures()
        before = kept.amounts(book)
    assert kept.opened_again(tmp_path, facts, before).replayed == len(ids)
    other = [before[0], before[1], before[2] + 1]
    with pytest.raises(live.WrongFigureError, match="expected after opening again"):
        kept.opened_again(tmp_path, facts, other)
    facts.prices += 1
    with pytest.raises(live.WrongFigureError, match="current: the book says"):
        kept.opened_again(tmp_path, facts, before)


def test_the_demo_runs_with_orders_on_some_instruments(capsys: pytest.CaptureFixture[str]) -> None:
    book, facts, _ = generate.prepare(6, 5, 2)
    with book:
        assert book.stats()["orders"] == 24
        assert live.measure(live.Bench(book, facts), 0.1).orders == 24
    assert "WRONG" not in capsys.readouterr().out


def test_a_wrong_number_of_seconds_in_the_environment_is_refused() -> None:
    done = demo("--proof-only", env=os.environ | {"MVCORE_DEMO_SECONDS": "soon"})
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def days() -> list[proof.Day]:
    return proof.read_days()


def test_a_wrong_digit_is_shown(days: list[proof.Day], capsys: pytest.CaptureFixture[str]) -> None:
    wrong = list(days[:40])
    for place in range(10, 17):
        published = dict(wrong[place].published)
        published["EUR"] += Decimal("1e-10")
        wrong[place] = dataclasses.replace(wrong[place], published=published)
    assert proof.run(wrong) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "33 of 40 days equal"
    shown = [line for line in lines if " EUR: published " in line]
    assert [line.split()[0] for line in shown] == [day.date for day in days[10:15]]
    assert any("2 more days" in line for line in lines)


def test_an_unpriced_position_is_a_mismatch(days: list[proof.Day]) -> None:
    first = dataclasses.replace(days[0], ticks=days[0].ticks[1:])
    assert [len(day) for day in proof.compare([first])] == [3]


def test_each_day_uses_the_rates_of_its_rate_date(days: list[proof.Day]) -> None:
    """The ECB published no rates on Easter Monday 2004, so Thursday's apply."""
    by_date = {day.date: day for day in days}
    assert by_date["2004-04-12"].rates == by_date["2004-04-08"].rates
    assert all(len(day.rates) == 5 for day in days)


def test_the_data_has_the_checksums_of_its_sources() -> None:
    data = files("mvcore.demo") / "data"
    text = (data / "SOURCES.md").read_text()
    sums = dict(re.findall(r"\| `(\w+\.csv)` \| `([0-9a-f]{64})` \|", text))
    assert len(sums) == 5
    for name, wanted in sums.items():
        packed = (data / f"{name}.gz").read_bytes()
        assert packed[4:8] == bytes(4), "no time stamp"
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == wanted


def test_a_wrong_total_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = generate.Facts.totals_of
    monkeypatch.setattr(generate.Facts, "totals_of", lambda *given: right(*given) + 1)
    assert live.run(4, 5, seconds=0.0) == 1
    out = capsys.readouterr().out
    assert "WRONG: changes" in out
    assert "PASS" not in out


def test_generated_facts_are_the_same_at_every_run() -> None:
    one, two = generate.generate(30, 20), generate.generate(30, 20)
    assert np.array_equal(one.quantities, two.quantities)
    assert np.array_equal(one.prices, two.prices)
    assert one.quantities.all()
    assert (one.quantities < 0).any()
    assert np.array_equal(one.orders, two.orders)
    assert one.orders.shape == one.filled.shape == (20, 30, 2)
    assert np.abs(one.orders).min() == 8
    assert (one.orders < 0).any()
    assert not one.filled[..., 0].any()
    quarter = one.filled[..., 1]
    assert np.array_equal(np.abs(quarter), np.abs(one.orders[..., 1]) // 4)
    assert (np.sign(quarter) == np.sign(one.orders[..., 1])).all()


def test_the_totals_of_the_facts_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROWS_AT_A_TIME", 70)
    facts = generate.generate(30, 20, 7)
    wanted = []
    for column in range(30):
        held = [int(quantity) for quantity in facts.quantities[:, column]]
        for row in range(7):
            held[row] += int(facts.filled[row, column, 0]) + int(facts.filled[row, column, 1])
        prices = facts.prices.tolist()
        wanted.append(sum(q * p for q, p in zip(held, prices, strict=True)))
    assert facts.account_totals().tolist() == wanted
    assert facts.totals_of(np.array([3, 29])).tolist() == [wanted[3], wanted[29]]


def test_the_expected_totals_of_the_facts_are_exact() -> None:
    """Two accounts, an instrument at 2.0000 with orders, and one at 3.0000."""
    facts = generate.Facts(
        ["A", "B"],
        ["X", "Y"],
        np.array([[10, 20], [-1, 5]], np.int16),
        np.array([20_000, 30_000]),
        np.array([[[8, -40], [100, 12]]], np.int16),
        np.array([[[0, -10], [50, 3]]], np.int16),
    )
    both = np.array([0, 1])
    assert facts.start_of(both).tolist() == [170_000, 550_000]
    assert facts.totals_of(both).tolist() == [-30_000, 1_610_000]
    assert facts.account_totals().tolist() == [-30_000, 1_610_000]
    assert facts.expected_of(both).tolist() == [-470_000, 2_790_000]


def test_fills_never_exceed_the_order() -> None:
    book, facts, _ = generate.prepare(2, 3, 3)
    bench = live.Bench(book, facts)
    for _ in range(20):
        reports = bench.reports(bench.fills(50))
        for order, account, instrument, quantity, filled, status in reports:
            assert abs(filled) <= abs(quantity) and filled * quantity > 0
            assert status == ("filled" if filled == quantity else "partially_filled")
            instrument_row, account_row = divmod(order // 2, 2)
            assert (account, instrument) == (f"ACC{account_row:04}", f"INS{instrument_row:04}")
            book.order(order, account, instrument, quantity, filled, status)
        bench.check_measures()
    assert np.array_equal(facts.filled, facts.orders)
    book.close()


def test_the_size_of_the_book_follows_the_memory() -> None:
    assert sizes.size_for(64.0) == sizes.size_for(4.0) == (5_000, 5_000)
    fit = [sizes.size_for(gigabytes) for gigabytes in (0.1, 0.6, 1.5, 3.0, 4.0)]
    assert fit == sorted(fit)
    assert sizes.available_gb() > 0


@pytest.mark.parametrize(
    ("gigabytes", "orders_per_s", "fit", "why"),
    [
        (4.0, 2e6, 5_000, ""),
        (4.0, float("inf"), 5_000, ""),
        (3.0, 2e6, 3_750, "more do not fit into 3.0 GB of memory"),
        (0.5, 2e6, 0, "more do not fit into 0.5 GB of memory"),
        (4.0, 1e6, 3_000, "more would take longer than 30 s to load"),
    ],
)
def test_the_number_of_orders_follows_memory_and_time(
    gigabytes: float, orders_per_s: float, fit: int, why: str
) -> None:
    assert sizes.ordered_instruments(5_000, 5_000, gigabytes, orders_per_s) == (fit, why)


def figures(**changed: Any) -> table.Figures:
    slow = dict.fromkeys(
        ("tick_and_revalue", "tick_and_watch", "account_value", "whole_book"), 0.050
    )
    common = {
        "accounts": 10,
        "instruments": 10,
        "orders": 20,
        "book_bytes": 10**9,
        "process_bytes": 10**9,
    }
    return table.Figures(
        **common,
        **(slow | {"ticks_per_s": 1_399, "facts_per_s": 1, "paced_rows_per_s": 1} | changed),
    )


def test_results_slower_than_the_hybrid_fail() -> None:
    verdicts = [row.passed for row in table.job_rows(figures())]
    assert verdicts == [None, *[False] * 3, None, *[False] * 3, True, None, None, None]
    slow = table.job_rows(figures(checkpoints=table.Checkpoints(9.0, 10**9, 1.0, 10**6)))
    assert [row.passed for row in slow if row.what == "checkpoint"] == [False]
    fast = table.job_rows(figures(ticks_per_s=1_400, tick_and_watch=0.049))
    assert [row.what for row in fast if row.passed] == [
        "throughput, watched read each tick",
        "tick to watched accounts",
        "output at 83.3 ticks/s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.05, "50 ms"), (1.234e-5, "12.3 us"), (4.3e-8, "43 ns"), (0.0, "0 ns")],
)
def test_durations_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert table.duration(seconds) == text


def test_a_failed_feed_is_logged_and_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(price: int) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(served, "price_text", broken)

    def use() -> None:
        with served.playing((2, 2)) as book:
            while "prices no longer change" not in caplog.text:
                time.sleep(0.01)
            assert len(book.values()) == 2

    with pytest.raises(ZeroDivisionError):
        use()
