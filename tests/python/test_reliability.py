"""The records of harnesses, the page made of them, and the list of seeded bugs."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import reliability
import reliability_page
from seeded_bugs import BUGS, ROOT, with_bug


def records_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    monkeypatch.setattr(reliability_page, "RECORDS", tmp_path)
    monkeypatch.setenv("MVCORE_RECORDS", "")  # begin() sets it
    monkeypatch.setattr(reliability_page, "commit", lambda: "first")
    reliability_page.begin("disks")
    with reliability.recorded("D4", "a call") as record:
        record.runs = 7
    monkeypatch.setattr(reliability_page, "commit", lambda: "second")
    reliability_page.begin("kills")
    with reliability.recorded("D1", "a kill", "1 to 3") as record:
        record.runs, record.note = 200, "none lost"
    with contextlib.suppress(OSError), reliability.recorded("D1", "a kill", "1 to 3") as record:
        record.runs = 100
        raise OSError("lost")
    with reliability.recorded("D5", "a disk") as record:
        record.runs = 1
    with reliability.seeded("no sync", "test_power"):
        pass
    with pytest.raises(AssertionError), reliability.seeded("no lock", "test_lock"):
        raise AssertionError("not caught")
    records, at = reliability_page.read(["disks", "kills", "not run"])
    assert at == "first; second (kills)"
    assert records.pop(0)["promise"] == "D4"
    return records


def test_the_page_shows_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = records_of(tmp_path, monkeypatch)
    lines = reliability_page.table(records)
    assert "| D1 | a kill | 300 | 1 |  | 1 to 3 | none lost |" in lines
    assert "| D5 | a disk | 1 | 0 |  |  |  |" in lines
    assert "| D9 | not run | 0 | | | | |" in lines
    assert {line.split(" | ")[0] for line in lines[2:]} == {
        f"| {promise}" for promise in reliability_page.PROMISES
    }
    records[0]["failures"] = 0
    assert "| D1 | a kill | 300 | 0 | 1 % | 1 to 3 | none lost |" in reliability_page.table(records)
    said = reliability_page.bugs(records)
    assert said[0] == "R4: 1 of 2 seeded bugs caught."
    assert said[-2:] == ["| no sync | `test_power` |", "| no lock | NOT CAUGHT by `test_lock` |"]
    page = reliability_page.report(records, "usual", ["core_tests"], "abc, with changes")
    assert "FAILED: core_tests." in page and "at commit abc, with changes, " in page


def test_nothing_is_recorded_unless_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MVCORE_RECORDS", raising=False)
    with reliability.recorded("D1", "a kill"):
        pass
    monkeypatch.delenv("MVCORE_RELIABILITY", raising=False)
    assert reliability.runs(3, 7) == 3
    monkeypatch.setenv("MVCORE_RELIABILITY", "large")
    assert reliability.runs(3, 7) == 7


def test_the_page_has_a_section_for_the_results() -> None:
    page = reliability_page.PAGE.read_text()
    assert page.count("<!-- reliability -->\n") == page.count("<!-- end reliability -->\n") == 1
    assert set(re.findall(r"^\| (\w\d(?:, \w\d)?) \| [A-Z]", page, re.MULTILINE)) == {
        *reliability_page.PROMISES, "R4",
    }  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_seeded_bug_fits_the_sources(bug) -> None:
    text = (ROOT / "src" / "mvcore" / bug.file).read_text()
    assert with_bug(text, bug) != text
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "cpp").glob("**/test_*.cpp"))
    assert f"TEST({bug.test})" in tests


def test_every_harness_exists() -> None:
    for name in reliability_page.PYTHON_TESTS:
        assert (ROOT / "tests" / "python" / f"{name}.py").exists()
    help_text = subprocess.run(
        [sys.executable, reliability_page.__file__, "--help"], capture_output=True, text=True
    ).stdout
    assert "--counts" in help_text
