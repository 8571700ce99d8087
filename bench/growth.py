"""Measures how operations scale with accounts, instruments, positions and views.

`python bench/growth.py [--write]` times each operation at four sizes over a factor of 100, fits the
exponent (least squares of the logarithms), and compares it with the exponent in
docs/architecture.md. Exit status 1 if an operation grows faster. The rows that views return are
checked against NumPy.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

from growth_book import Effort, Shape, timed
from report import figure, machine
from sections import write_section

SECTION = "growth"
ARCHITECTURE = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
FACTOR, POINTS = 100, 4
SLACK = 0.2  # tolerance of an exponent: 2.5 times over the factor of 100, an effect of caches
START = {  # the smallest size of each series, and the other, constant sizes
    "accounts": Shape(accounts=500, instruments=100, positions=50_000),
    "instruments": Shape(accounts=500, instruments=100, positions=50_000),
    "positions": Shape(accounts=1_000, instruments=1_000, positions=10_000),
    "views": Shape(accounts=1_000, instruments=100, positions=50_000, views=10),
    "incremental": Shape(accounts=1_000, instruments=100, positions=50_000, incremental=10),
}


def stated() -> dict[str, dict[str, float]]:
    """Exponents by operation and size, from the table in docs/architecture.md."""
    lines = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in ARCHITECTURE.read_text().partition("| exponent of |")[2].splitlines()
    ]
    names = lines[0]
    table = {}
    for cells in lines[2:]:
        if len(cells) < 2:
            break
        table[cells[0]] = dict(zip(names, map(float, cells[1:]), strict=True))
    return table


def series(what: str, points: int, factor: float, start: Shape) -> list[Shape]:
    first = getattr(start, what)
    sizes = first * factor ** (np.arange(points) / (points - 1))
    return [replace(start, **{what: round(size)}) for size in sizes.tolist()]


def exponent(sizes: list[int], seconds: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def report(
    effort: Effort,
    starts: dict[str, Shape] = START,
    factor: float = FACTOR,
) -> tuple[list[str], list[str]]:
    """The tables, and the operations that grow faster than stated."""
    lines, faster, said = [], [], stated()
    for what, start in starts.items():
        shapes = series(what, POINTS, factor, start)
        sizes = [getattr(shape, what) for shape in shapes]
        found = [timed(shape, effort) for shape in shapes]
        others = ", ".join(f"{n:,} {name}" for name, n in vars(start).items() if n and name != what)
        lines += [
            f"Against {what.replace('incremental', 'incremental views')}, with {others}:",
            "",
            f"| operation | {' | '.join(f'{n:,}' for n in sizes)} | exponent | stated | |",
            "|---" * (POINTS + 4) + "|",
        ]
        for operation in found[0]:
            seconds = [one[operation] for one in found]
            fitted, wanted = exponent(sizes, seconds), said[operation][what]
            over = fitted > wanted + SLACK
            if over:
                faster.append(f"{operation} against {what}: {fitted:.2f}, stated {wanted:g}")
            cells = [
                operation, *(figure(s, "") for s in seconds), f"{fitted:.2f}", f"{wanted:g}",
                "faster" if over else "",
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return lines, faster


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md too")
    asked = parser.parse_args()
    tables, faster = report(Effort())
    said = "; ".join(faster) or "nothing"
    lines = [
        f"{machine()} Medians. Positions are spread evenly over the accounts, with one order on "
        "each. Stated exponents are those of [architecture.md](architecture.md#how-it-grows), "
        f"upper bounds. Faster than stated by more than {SLACK:g}: {said}.",
        "",
        *tables,
    ]
    print("\n".join(lines))
    if asked.write:
        write_section(SECTION, "\n".join(lines))
    return bool(faster)


if __name__ == "__main__":
    sys.exit(main())
