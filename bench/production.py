"""A day's load on the whole book in real time: CPU, latencies, memory; then the maximum load.

`python bench/production.py [--size tiny|mid|full] [--seconds S] [--write]`

One thread writes single ticks and order reports, and every minute a price of every instrument in
one batch. Other threads poll the sessions' views and firm-wide views, and take snapshots. Then
ticks, reports and sessions grow step by step until the p99 of a poll exceeds 10 ms. The rows that
views returned are compared with NumPy at sampled epochs and at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dataset import SIZES
from production_run import FIRM, POLL, SNAPSHOT, Found, Live, Plan, run
from report import figure, machine
from sections import write_section

SECTION = "production"
PERCENTILES = (50, 90, 99, 99.9)
LIMIT = 10e6  # ns, for the p99 of a poll
STEP_SECONDS = 10.0  # per step of a ramp, or a sixth of the run
GROWS = {"ticks": 4.0, "facts": 4.0, "sessions": 2.0}  # factors per step
MOST = 1_000_000.0  # maximum of any load, per second or open


def table(found: Found, plan: Plan) -> list[str]:
    asked = {
        "tick": f"{plan.ticks:g} a second",
        "order fact": f"{plan.facts:,.0f} a second",
        "batch of ticks": f"of every instrument, every {plan.board_every:g} s",
        POLL: f"{plan.sessions:,} views of two accounts, every {plan.poll_every:g} s",
        FIRM: f"{plan.firm} views, every {plan.firm_every:g} s",
        SNAPSHOT: f"every {plan.snapshot_every:g} s",
    }
    lines = [
        "| operation | load | count | p50 | p90 | p99 | p99.9 | max | the call alone, p50 | p99 | "
        "CPU of a core |",
        "|---" * 11 + "|",
    ]
    for name, load in asked.items():
        late, alone = found.latency[name], found.alone[name]
        if not late.get_total_count():
            continue
        times = [late.get_value_at_percentile(p) for p in PERCENTILES] + [late.get_max_value()]
        times += [alone.get_value_at_percentile(p) for p in (50, 99)]
        said = [figure(t / 1e9, "") for t in times]
        count = f"{late.get_total_count():,}"
        lines.append("| " + " | ".join([name, load, count, *said, f"{found.cpu[name]:.2%}"]) + " |")
    return lines


def report(found: Found, plan: Plan) -> list[str]:
    calls = sum(found.cpu.values())
    sizes = [size / 1e6 for _, size in found.memory]
    late = ", ".join(f"{n} {name}" for name, n in found.given_up.items() if n)
    return [
        f"{plan.seconds:g} s in real time; latency is from when a call was due until it returned, "
        "that of a poll once for each of its views.",
        "",
        *table(found, plan),
        "",
        f"CPU: {found.process:.1%} of a core for the whole process, {calls:.1%} within the calls; "
        "the rest is the harness (waking up, clocks, putting rows together). "
        f"{found.rows:,} rows returned, {found.pages_copied:,} pages copied for snapshots. "
        f"Memory: {sizes[0]:,.0f} MB at the start, {min(sizes):,.0f} to {max(sizes):,.0f} MB, at "
        f"the end {sizes[-1]:,.0f} MB (with the arrays that check the answers); slope after the "
        f"first tenth {found.slope(0.1) * 60 / 1e6:+.2f} MB a minute, in the second half "
        f"{found.slope(0.5) * 60 / 1e6:+.2f}. The book counts {found.counted[0] / 1e6:,.1f} MB, "
        f"then {found.counted[1] / 1e6:,.1f} MB. "
        f"{found.checked:,} amounts at {found.moments} epochs compared with NumPy, all equal. "
        + (f"Given up, as too late: {late}." if late else "Nothing was given up as too late."),
    ]


def over(found: Found) -> bool:
    p99 = found.latency[POLL].get_value_at_percentile(99)
    return bool(p99 > LIMIT) or any(found.given_up.values())


def ramp(live: Live, base: Plan, what: str) -> Iterator[list[str]]:
    """Increase one load while the others stay constant. Yields a row per step.

    A step over the limit is run again, because other load of the machine may have caused it. The
    ramp ends if the second run is over the limit too.
    """
    plan = base
    if what == "sessions":
        plan = replace(base, sessions=max(base.sessions // 4, 1))
    while getattr(plan, what) <= MOST:
        found = run(live, plan)
        if over(found):
            found = run(live, plan)
        polls, lost = found.latency[POLL], sum(found.given_up.values())
        late = [polls.get_value_at_percentile(50)] + [
            found.latency[name].get_value_at_percentile(99) for name in (POLL, "tick", "order fact")
        ]
        yield [
            what, f"{getattr(plan, what):,.0f}", *(figure(ns / 1e9, "") for ns in late),
            f"{found.process:.0%}", f"{lost:,}" if lost else "", "over" if over(found) else "",
        ]  # fmt: skip
        if over(found):
            return
        grown = getattr(plan, what) * GROWS[what]
        plan = replace(plan, **{what: int(grown) if what == "sessions" else grown})


def ramps(live: Live, plan: Plan) -> list[str]:
    short = replace(plan, seconds=min(STEP_SECONDS, plan.seconds / 6))
    lines = [
        f"Ramps: steps of {short.seconds:g} s, the other loads as above, until the p99 of a poll "
        f"exceeds {figure(LIMIT / 1e9, '')}, or calls are given up, twice.",
        "",
        "| grows | a second, or open | a poll: p50 | p99 | tick: p99 | order fact: p99 | CPU of "
        "the process, of a core | given up | |",
        "|---" * 9 + "|",
    ]
    for what in GROWS:
        for cells in ramp(live, short, what):
            lines.append("| " + " | ".join(cells) + " |")
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="full")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    size = SIZES[asked.size]
    live = Live(size.accounts, size.instruments)
    plan = Plan(asked.seconds)
    orders = live.ledger.orders.count
    lines = [
        f"{live.world.rows:,} holdings, {orders:,} orders. {machine()} Load average {load:.1f} "
        "when it began.",
        "",
        *report(run(live, plan), plan),
    ]
    print("\n".join(lines), flush=True)
    lines += ["", *ramps(live, plan)]
    print("\n".join(lines))
    if asked.write:
        write_section(SECTION, "\n".join(lines))


if __name__ == "__main__":
    main()
