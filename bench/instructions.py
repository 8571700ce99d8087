"""Instructions per operation, counted by Callgrind: the same on a busy machine as on a quiet one.

    python bench/instructions.py
    python bench/instructions.py --beside 5446e91=/tmp/old/python

Each operation runs in two processes, one with more calls than the other; the difference is the
cost of the calls. Callgrind has no AVX-512, so the counts are of the AVX2 loops. Every process
compares its result with NumPy's before it ends.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ACCOUNTS, INSTRUMENTS, ORDERS = 400, 120, 4_000
SEED = 20261130

# operation: calls of the longer run
CALLS = {"tick": 2_000, "order": 2_000, "changes": 200, "account value": 2_000, "whole book": 100}


def worker(operation: str, calls: int) -> None:
    """Load a small book, call the operation, and compare the book's value with NumPy's."""
    import numpy as np

    import mvcore

    draw = np.random.default_rng(SEED)
    accounts = [f"A{k:04}" for k in range(ACCOUNTS)]
    instruments = [f"I{k:04}" for k in range(INSTRUMENTS)]
    quantity = draw.integers(-500, 500, (ACCOUNTS, INSTRUMENTS))
    prices = draw.integers(1_000, 50_000, INSTRUMENTS)
    rows, columns = (grid.ravel() for grid in np.indices(quantity.shape))
    of_order = draw.integers(0, (ACCOUNTS, INSTRUMENTS), (ORDERS, 2))
    book = mvcore.Book(base_currency="USD", value_scale=2)
    book.load(
        instruments={"instrument": instruments, "currency": ["USD"] * INSTRUMENTS},
        accounts={"account": accounts},
        holdings={
            "account": [accounts[k] for k in rows],
            "instrument": [instruments[k] for k in columns],
            "quantity": quantity.ravel(),
        },
        orders={
            "order": np.arange(ORDERS),
            "account": [accounts[k] for k in of_order[:, 0]],
            "instrument": [instruments[k] for k in of_order[:, 1]],
            "order_quantity": np.full(ORDERS, 1_000),
            "filled_quantity": np.zeros(ORDERS, np.int64),
            "status": ["new"] * ORDERS,
        },
        prices={"instrument": instruments, "price": [f"{p / 100:.2f}" for p in prices]},
    )
    turns = draw.integers(0, INSTRUMENTS, calls)
    texts = draw.integers(1_000, 50_000, calls)
    view = book.view(by=("account",))
    view.changes()
    for k in range(calls):
        at = int(turns[k])
        if operation in {"tick", "changes"}:
            book.tick(instruments[at], int(texts[k]) // 100)
            prices[at] = texts[k] // 100 * 100
            if operation == "changes":
                view.changes().to_numpy("current", scaled=True)
        elif operation == "order":
            account, instrument = of_order[k]
            book.order(k, accounts[account], instruments[instrument], 1_000, 7, "partially_filled")
            quantity[account, instrument] += 7
        elif operation == "account value":
            book.value(accounts[k % ACCOUNTS])
        else:
            book.values(by=("account",))
    found = book.values(by=("account",)).to_numpy("current", scaled=True)
    assert (found == quantity @ prices).all(), "the book differs from NumPy"


def count(operation: str, calls: int, package: str | None) -> int:
    """Instructions of a process with this many calls."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    if package is not None:
        environment["PYTHONPATH"] = package
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={Path(folder, 'out')}",
             sys.executable, __file__, "--worker", operation, str(calls)],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        sys.exit(done.stderr)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def per_call(operation: str, package: str | None, scale: float) -> float:
    few, many = 10, max(20, int(CALLS[operation] * scale))
    return (count(operation, many, package) - count(operation, few, package)) / (many - few)


def main(arguments: list[str] | None = None) -> list[str]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER",
                        help="also count the package in this folder; may be repeated")  # fmt: skip
    parser.add_argument("--only", action="append", choices=CALLS, help="count this operation")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of calls")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given: Any = parser.parse_args(arguments)
    if given.worker:
        worker(given.worker[0], int(given.worker[1]))
        return []
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: apt-get install valgrind")
    packages: dict[str, str | None] = dict(text.split("=", 1) for text in given.beside)
    if importlib.util.find_spec("mvcore") is not None:
        packages["here"] = None
    lines = [
        "| instructions per call | " + " | ".join(packages) + " |",
        "|---" * (len(packages) + 1) + "|",
    ]
    print("\n".join(lines), flush=True)
    for operation in given.only or CALLS:
        counts = [per_call(operation, package, given.scale) for package in packages.values()]
        lines.append(f"| {operation} | " + " | ".join(f"{n:,.0f}" for n in counts) + " |")
        print(lines[-1], flush=True)
    if given.write:
        from sections import write_section

        write_section("instructions", "\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
