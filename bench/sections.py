"""The sections of docs/benchmarks.md that commands rewrite.

Hand-written text around them is kept.
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Replace the text between `<!-- NAME -->` and `<!-- end NAME -->`.

    Raises ValueError and leaves the page unchanged, unless each marker occurs once, in this order.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- end {name} -->\n"
    old = page.read_text()
    if old.count(first) != 1 or old.count(last) != 1 or old.index(last) < old.index(first):
        raise ValueError(f"{page} needs {first.strip()} and {last.strip()} once, in this order")
    before, _, rest = old.partition(first)
    after = rest.partition(last)[2]
    page.write_text(f"{before}{first}\n{text.strip()}\n\n{last}{after}")
