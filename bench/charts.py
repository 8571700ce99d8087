"""Draws the charts of docs/images for `compare.py --write`."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLOURS = dict(
    zip(
        ("mvcore", "mvcore, a view a session", "NumPy", "numba", "polars", "DuckDB", "pandas",
         "Perspective"),
        ("#d62728", "#ff9896", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#7f7f7f", "#e377c2"),
        strict=True,
    )
)  # fmt: skip


def by_size(axes: Axes, found: dict[str, Any]) -> str:
    """Solid: totals of all accounts are kept. Dotted: the price is stored and nothing else."""
    for name, said in found.items():
        points = {int(size): times for size, times in said["by_size"].items()}
        for what, style in (("tick, totals kept", "o-"), ("tick", "o:")):
            sizes = [size for size, times in sorted(points.items()) if what in times]
            if sizes:
                medians = [statistics.median(points[size][what]) * 1e6 for size in sizes]
                label = name if what != "tick" else None
                axes.plot(sizes, medians, style, color=COLOURS[name], label=label, markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="holdings", ylabel="us a tick")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return "A tick: dotted, the price is stored; solid, and the totals of all accounts kept"


def memory(axes: Axes, found: dict[str, Any]) -> str:
    taken = {n: said["memory"] / 1e6 for n, said in found.items() if "load" in said["operations"]}
    taken.pop("mvcore, a view a session", None)
    bars = axes.barh(list(taken), list(taken.values()), color=[COLOURS[n] for n in taken])
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="MB that the process grew by, the loaded tables freed")
    return "Memory, ready for every read"


def sessions(axes: Axes, found: dict[str, Any]) -> str:
    for name, said in found.items():
        counts = {int(count): 100 * share for count, share in said["sessions"].items()}
        axes.plot(counts.keys(), counts.values(), "o-", color=COLOURS[name], label=name)
    axes.set(xscale="log", yscale="log", xlabel="sessions of two accounts", ylabel="% of a core")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return "CPU of sessions that look ten times a second, 8 ticks between two looks"


CHARTS = {"tick": by_size, "memory": memory, "sessions": sessions}


def draw(section: str, found: dict[str, Any]) -> list[str]:
    """Draw the charts. Returns the Markdown that shows them."""
    out = []
    for name, chart in CHARTS.items():
        figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
        title = chart(axes, found)
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        path = IMAGES / f"{section}-{name}.png"
        figure.savefig(path, dpi=110, metadata={"Software": None})
        pyplot.close(figure)
        out.append(f"![{title}](images/{path.name})")
    return out
