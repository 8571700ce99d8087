"""Every seeded bug still has its function and its text; `make reliability` builds and runs them."""

from __future__ import annotations

import pytest

from seeded_bugs import BUGS, ROOT, Bug, with_bug


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_seeded_bug_applies(bug: Bug) -> None:
    text = (ROOT / "src" / "mvcore" / bug.file).read_text()
    assert with_bug(text, bug) != text
    tests = "".join(path.read_text() for path in ROOT.glob("tests/cpp/**/*.cpp"))
    assert f"TEST({bug.test})" in tests
