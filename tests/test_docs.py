"""Tests the documentation: its Python examples run, and its links have targets.

The examples of a page share one namespace and one empty folder, and run in page order. No example
can be marked as not to be run: an example that does not run must not be ```python.
"""

import doctest
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = sorted({*PAGES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})

FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    line: int
    info: str
    code: str


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("body")) + 1
        yield Block(line, match["info"].strip(), textwrap.dedent(match["body"]))


def examples(page: Path) -> list[Block]:
    found = [b for b in blocks(page.read_text()) if re.match(r"py", b.info, re.IGNORECASE)]
    for block in found:
        where = f"{page.name}:{block.line}"
        assert block.info == "python", f"{where}: write ```python, not ```{block.info}"
    return found


def run(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    where = str(page.relative_to(ROOT))
    if not block.code.lstrip().startswith(">>>"):
        code = compile("\n" * (block.line - 1) + block.code, where, "exec")
        exec(code, namespace)
        return
    # DocTest copies globs, so copy the block's definitions back.
    test = doctest.DocTestParser().get_doctest(block.code, namespace, where, where, block.line - 1)
    report: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.DocTestRunner(optionflags=flags).run(
        test, out=report.append, clear_globs=False
    )
    namespace.update(test.globs)
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in examples(page):
        run(page, block, namespace)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+[ \t]+(.+?)[ \t#]*$", FENCE.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    inline = re.findall(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)", prose)
    return inline + re.findall(r"^\[[^\]^]+\]:\s+(\S+)", prose, flags=re.MULTILINE)


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_have_targets(page: Path) -> None:
    broken = []
    for link in links(page.read_text()):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert not broken, "\n".join(broken)
