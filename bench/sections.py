"""Sections of docs/benchmarks.md that commands write; what is written by hand around them stays."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Put `text` between `<!-- NAME -->` and `<!-- end NAME -->`, which the page must have once.

    Raises ValueError otherwise; then the page is as it was.
    """
    before, begin, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end {name} -->\n")
    if not begin or not end or begin in rest or end in before + after:
        raise ValueError(f"{page}: no one section between `{begin or name}` and its end")
    page.write_text(before + begin + text.strip() + "\n" + end + after)
