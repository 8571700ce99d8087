"""No call leaks memory or descriptors, not even a few bytes per call."""

import subprocess
import sys
from pathlib import Path

import leaks
from reliability import recorded, runs, seeded

# Allowed growth in bytes, whatever the number of calls. Resident memory changes in blocks.
MOST_RESIDENT, MOST_ALLOCATED = 1 << 20, 1 << 16


def test_no_call_leaks(tmp_path: Path) -> None:
    """Over a million calls this is 1 resident byte per call, and 0.07 allocated bytes.

    Over ten thousand openings of a book it is 100 and 7.
    """
    calls = runs(8_000, 1_000_000)
    command = [sys.executable, leaks.__file__, str(calls), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    made = {kind: int(calls) for kind, calls, *_ in lines}
    grown = {kind: [int(figure) for figure in figures] for kind, _, *figures in lines}
    leaking = {
        kind
        for kind, (resident, allocated, descriptors) in grown.items()
        if resident > MOST_RESIDENT or allocated > MOST_ALLOCATED or descriptors > 0
    }
    wanted = {kind for kind in grown if kind.startswith("seeded: ")}
    assert len(wanted) == 3 and len(grown) > 40
    for kind in sorted(wanted):
        with seeded(f"a call leaks {kind.removeprefix('seeded: ')}", "test_no_call_leaks"):
            assert kind in leaking, grown[kind]
    rest = grown.keys() - wanted
    resident, allocated = (max(grown[kind][k] for kind in rest) for k in range(2))
    what = "a call; memory and descriptors must not grow over all calls of its kind"
    growth = f"{resident:,} bytes resident, {allocated:,} bytes allocated"
    note = f"{len(rest)} kinds; growth of at most {growth}"
    with recorded("I4", what, note=note) as record:
        record.runs = sum(made[kind] for kind in rest)
        assert leaking == wanted, {kind: grown[kind] for kind in leaking - wanted}
